/* SPDX-License-Identifier: ISC */
/*
 * hvf_kick.c - no kick of a vCPU of Hypervisor.framework is lost
 *
 * Four vCPUs run, each on its thread, and leave the guest for all reasons
 * there are, as fast as they can.  Others kick them at any moment: each kick
 * ends a run, that one or the next, also of processors that wait to be
 * started.  Then all are paused, as for a snapshot, and go on.
 *
 * The framework is the one of hvf_kit.h.  It is built twice, the second time
 * with a sanitizer for threads.
 */

#include "hvf_world.h"

#include <stdatomic.h>

#define CPUS		4
#define KICKERS		2
#define ROUNDS		2000
#define SCRIPT		16		/* exits between two looks */

#define CPU_SUSPEND	0x84000001
#define CPU_OFF		0x84000002
#define CPU_ON		0xc4000003

static struct accel_vm *vm;

static struct cpu {
	pthread_t		 thread;
	unsigned		 id;
	struct accel_vcpu	*c;
	atomic_uint		 kicks;		/* runs that ended so */
	unsigned		 seed;
	unsigned		 accesses;
	hv_vcpu_exit_t		 script[SCRIPT];
} cpus[CPUS];

static pthread_barrier_t	 one_made, all_made;

/* Pausing: who is asked stops at a kick, until all may go on. */
static struct {
	pthread_mutex_t	lock;
	pthread_cond_t	changed;
	bool		on;
	bool		quit;
	unsigned	stopped;
} pausing = { .lock = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER };

/* --- a vCPU --------------------------------------------------------------- */

static unsigned
next(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 16;
}

/* What the guest does next: nothing that ends it. */
static hv_vcpu_exit_t
any_exit(struct cpu *p)
{
	static const uint64_t syndromes[] = { ABORT | ISV | SAS(2) | SRT(1),
	    ABORT | ISV | SAS(0) | SRT(2) | WNR, WFI | 1,
	    MRS(3, 3, 14, 0, 1, 4), MSR(2, 0, 1, 0, 4, 5), HVC | 1,
	    SMC | 1 };
	hv_vcpu_exit_t x = { .reason = HV_EXIT_CANCELED };
	unsigned n = next(&p->seed) % (COUNT(syndromes) + 1);

	return n == COUNT(syndromes) ? x : fault(syndromes[n], DEVICE);
}

/* Now and then it calls its firmware, which may put it to sleep. */
static void
write_script(struct cpu *p)
{
	struct fake_vcpu *f = &fake.vcpu[p->id];
	unsigned n = next(&p->seed) % 4;

	for (unsigned i = 0; i < SCRIPT; i++)
		p->script[i] = any_exit(p);
	if (n == 0 && p->id != 0)
		f->reg[0] = CPU_OFF;
	else if (n == 1)
		f->reg[0] = CPU_SUSPEND;
	else
		f->reg[0] = CPU_ON;
	f->reg[1] = next(&p->seed) % CPUS;
	p->script[SCRIPT - 1] = fault(HVC, 0);
	hvf_script(p->id, p->script, SCRIPT);
}

static bool
stop_here(void)
{
	bool quit;

	(void)pthread_mutex_lock(&pausing.lock);
	pausing.stopped++;
	(void)pthread_cond_broadcast(&pausing.changed);
	while (pausing.on)
		(void)pthread_cond_wait(&pausing.changed, &pausing.lock);
	pausing.stopped--;
	(void)pthread_cond_broadcast(&pausing.changed);
	quit = pausing.quit;
	(void)pthread_mutex_unlock(&pausing.lock);
	return quit;
}

static bool
is_paused(void)
{
	bool on;

	(void)pthread_mutex_lock(&pausing.lock);
	on = pausing.on;
	(void)pthread_mutex_unlock(&pausing.lock);
	return on;
}

static bool
script_over(unsigned id)
{
	bool over;

	(void)pthread_mutex_lock(&fake.lock);
	over = fake.vcpu[id].left == 0;
	(void)pthread_mutex_unlock(&fake.lock);
	return over;
}

static void *
run_cpu(void *arg)
{
	struct cpu *p = arg;
	struct accel_exit x;
	bool quit = false;

	p->seed = p->id + 1;
	assert(accel_hvf.vcpu_new(&p->c, vm, p->id, NULL) == 0);
	(void)pthread_barrier_wait(&one_made);
	(void)pthread_barrier_wait(&all_made);
	while (!quit) {
		if (script_over(p->id))
			write_script(p);
		assert(accel_hvf.vcpu_run(p->c, &x, NULL) == 0);
		if (x.why == ACCEL_EXIT_MMIO)
			p->accesses++;
		else {
			assert(x.why == ACCEL_EXIT_KICK);
			p->kicks++;
			if (is_paused())
				quit = stop_here();
		}
	}
	accel_hvf.vcpu_destroy(p->c);
	return NULL;
}

/* --- who kicks ------------------------------------------------------------ */

/* Kick, and wait for a run that ended by it: for ever, if it was lost. */
static void *
kick_all(void *arg)
{
	unsigned seed = 99 + *(unsigned *)arg, seen;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct cpu *p = &cpus[next(&seed) % CPUS];

		seen = p->kicks;
		accel_hvf.vcpu_kick(p->c);
		while (p->kicks == seen)
			(void)sched_yield();
	}
	return NULL;
}

/* All of them stand still; then they go on, or end. */
static void
pause_all(bool quit)
{
	(void)pthread_mutex_lock(&pausing.lock);
	pausing.on = true;
	(void)pthread_mutex_unlock(&pausing.lock);
	for (unsigned i = 0; i < CPUS; i++)
		accel_hvf.vcpu_kick(cpus[i].c);
	(void)pthread_mutex_lock(&pausing.lock);
	while (pausing.stopped != CPUS)
		(void)pthread_cond_wait(&pausing.changed, &pausing.lock);
	pausing.quit = quit;
	pausing.on = false;
	(void)pthread_cond_broadcast(&pausing.changed);
	while (!quit && pausing.stopped != 0)
		(void)pthread_cond_wait(&pausing.changed, &pausing.lock);
	(void)pthread_mutex_unlock(&pausing.lock);
}

/* vCPUs are made in their order, each by its thread. */
static void
start_cpus(void)
{
	(void)pthread_barrier_init(&one_made, NULL, 2);
	(void)pthread_barrier_init(&all_made, NULL, CPUS + 1);
	for (unsigned i = 0; i < CPUS; i++) {
		cpus[i].id = i;
		assert_int_equal(pthread_create(&cpus[i].thread, NULL,
		    run_cpu, &cpus[i]), 0);
		(void)pthread_barrier_wait(&one_made);
	}
	(void)pthread_barrier_wait(&all_made);
}

/*
 * A vCPU that is kicked while others are paused counts as one of the kicks:
 * kickers and the one who pauses do not wait for each other.
 */
static void
all_at_once(void **state)
{
	static unsigned numbers[KICKERS] = { 0, 1 };
	pthread_t kicker[KICKERS];
	unsigned accesses = 0;

	(void)state;
	vm = hvf_begin(CPUS);
	start_cpus();
	for (unsigned i = 0; i < KICKERS; i++)
		assert_int_equal(pthread_create(&kicker[i], NULL, kick_all,
		    &numbers[i]), 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		pause_all(false);
	for (unsigned i = 0; i < KICKERS; i++)
		(void)pthread_join(kicker[i], NULL);
	pause_all(true);
	for (unsigned i = 0; i < CPUS; i++) {
		(void)pthread_join(cpus[i].thread, NULL);
		accesses += cpus[i].accesses;
	}
	(void)pthread_barrier_destroy(&one_made);
	(void)pthread_barrier_destroy(&all_made);
	accel_hvf.vm_destroy(vm);
	assert_true(accesses > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_once),
	};

	return unit_run("hvf_kick", tests);
}
