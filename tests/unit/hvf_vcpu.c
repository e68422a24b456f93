/* SPDX-License-Identifier: ISC */
/*
 * hvf_vcpu.c - a VM of Hypervisor.framework: kicks, processors that are
 * started, descriptors, memory, snapshots
 *
 * The framework is the one of hvf_kit.h.
 */

#include "unit.h"
#include "hvf_kit.h"

#include <sys/eventfd.h>

#include <poll.h>

#include "lib/json.h"
#include "lib/util.h"

#define PC		(RAM + 0x1000)
#define DEVICE		0x09000000ULL
#define HVC		(0x16ULL << 26 | 1U << 25)
#define STORE		(0x24ULL << 26 | 0x03800047U)	/* str w0 */
#define LOAD_PAIR	(0x24ULL << 26 | 0x02000007U)
#define CPU_OFF		0x84000002
#define SYSTEM_OFF	0x84000008
#define AFFINITY_INFO	0xc4000004
#define CPU_ON		0xc4000003

static enum accel_why
run(struct accel_vcpu *c)
{
	struct accel_exit x;
	struct err e;

	if (accel_hvf.vcpu_run(c, &x, &e) == -1)
		fail_msg("%s", e.text);
	return x.why;
}

/* --- kicks --------------------------------------------------------------- */

/* One that comes while nothing runs ends the next run, once. */
static void
kick_before(void **state)
{
	const hv_vcpu_exit_t off = fault(HVC, 0);
	struct accel_vm *vm = hvf_begin(1);
	struct accel_vcpu *c = NULL;
	unsigned runs;

	(void)state;
	assert_int_equal(accel_hvf.vcpu_new(&c, vm, 0, NULL), 0);
	accel_hvf.vcpu_kick(c);
	accel_hvf.vcpu_kick(c);
	runs = fake.vcpu[0].runs;
	assert_int_equal(run(c), ACCEL_EXIT_KICK);
	assert_int_equal(fake.vcpu[0].runs, runs);
	/* The framework still has one, which is nobody's. */
	fake.vcpu[0].reg[0] = SYSTEM_OFF;
	hvf_script(0, &off, 1);
	assert_int_equal(run(c), ACCEL_EXIT_OFF);
	accel_hvf.vcpu_destroy(c);
	accel_hvf.vm_destroy(vm);
}

/* An instruction that moves a pair is finished before. */
static void
kick_in_pair(void **state)
{
	const uint32_t ldp = 0x29400861;	/* ldp w1, w2, [x3] */
	const hv_vcpu_exit_t exit = fault(LOAD_PAIR, DEVICE);
	struct accel_vm *vm = hvf_begin(1);
	struct accel_vcpu *c = NULL;

	(void)state;
	assert_int_equal(accel_hvf.vcpu_new(&c, vm, 0, NULL), 0);
	memcpy(hvf_ram + (PC - RAM), &ldp, sizeof(ldp));
	fake.vcpu[0].reg[HV_REG_PC] = PC;
	fake.vcpu[0].reg[3] = DEVICE;
	hvf_script(0, &exit, 1);
	assert_int_equal(run(c), ACCEL_EXIT_MMIO);
	accel_hvf.vcpu_kick(c);
	assert_int_equal(run(c), ACCEL_EXIT_MMIO);
	assert_true(fake.vcpu[0].reg[HV_REG_PC] == PC);
	assert_int_equal(run(c), ACCEL_EXIT_KICK);
	assert_true(fake.vcpu[0].reg[HV_REG_PC] == PC + 4);
	accel_hvf.vcpu_destroy(c);
	accel_hvf.vm_destroy(vm);
}

/* --- a thread with a vCPU ------------------------------------------------- */

struct runner {
	struct accel_vm		*vm;
	unsigned		 id;
	pthread_t		 thread;
	struct accel_vcpu	*c;
	unsigned		 kicks;
	pthread_barrier_t	 made;
};

/* Until the guest powers off. */
static void *
runner(void *arg)
{
	struct runner *r = arg;
	enum accel_why why;

	assert(accel_hvf.vcpu_new(&r->c, r->vm, r->id, NULL) == 0);
	(void)pthread_barrier_wait(&r->made);
	while ((why = run(r->c)) == ACCEL_EXIT_KICK)
		(void)__atomic_fetch_add(&r->kicks, 1, __ATOMIC_SEQ_CST);
	assert(why == ACCEL_EXIT_OFF);
	accel_hvf.vcpu_destroy(r->c);
	return NULL;
}

static void
start(struct runner *r, struct accel_vm *vm, unsigned id)
{
	*r = (struct runner){ .vm = vm, .id = id };
	(void)pthread_barrier_init(&r->made, NULL, 2);
	assert_int_equal(pthread_create(&r->thread, NULL, runner, r), 0);
	(void)pthread_barrier_wait(&r->made);
}

static void
finish(struct runner *r)
{
	(void)pthread_join(r->thread, NULL);
	(void)pthread_barrier_destroy(&r->made);
}

/* Until the vCPU of that number is inside a run. */
static void
wait_runs(unsigned id, unsigned runs)
{
	(void)pthread_mutex_lock(&fake.lock);
	while (fake.vcpu[id].runs < runs)
		(void)pthread_cond_wait(&fake.changed, &fake.lock);
	(void)pthread_mutex_unlock(&fake.lock);
}

/* The boot processor calls its firmware; X0 to X2, and the answer. */
static uint64_t
call(struct accel_vcpu *c, uint64_t id, uint64_t target, uint64_t entry)
{
	const hv_vcpu_exit_t script[] = { fault(HVC, 0), { .reason = 99 } };
	struct fake_vcpu *f = &fake.vcpu[0];

	f->reg[0] = id;
	f->reg[1] = target;
	f->reg[2] = entry;
	f->reg[3] = 0xc0ffee;
	hvf_script(0, script, COUNT(script));
	assert_int_equal(run(c), ACCEL_EXIT_BROKEN);
	return f->reg[0];
}

/* The other one does, as soon as it runs: its script waits for that. */
static void
calls(struct fake_vcpu *f, unsigned id, const hv_vcpu_exit_t *hvc,
    uint64_t fn)
{
	f->reg[0] = fn;
	hvf_script(id, hvc, 1);
}

static void
wait_kick(struct runner *r)
{
	unsigned seen = __atomic_load_n(&r->kicks, __ATOMIC_SEQ_CST);

	accel_hvf.vcpu_kick(r->c);
	while (__atomic_load_n(&r->kicks, __ATOMIC_SEQ_CST) == seen)
		(void)sched_yield();
}

/*
 * DEN 0022, CPU_ON: entry, context in X0, EL1 without MMU.  It waits outside
 * before, and after CPU_OFF: kicks reach it there.
 */
static void
second_processor(void **state)
{
	const hv_vcpu_exit_t hvc = fault(HVC, 0);
	struct accel_vm *vm = hvf_begin(2);
	struct fake_vcpu *f = &fake.vcpu[1];
	struct accel_vcpu *c = NULL;
	struct runner r;

	(void)state;
	assert_int_equal(accel_hvf.vcpu_new(&c, vm, 0, NULL), 0);
	start(&r, vm, 1);
	wait_kick(&r);
	assert_int_equal(f->runs, 0);
	assert_true(call(c, AFFINITY_INFO, 1, 0) == 1);
	f->sys[HV_SYS_SCTLR_EL1] = 1;
	assert_true(call(c, CPU_ON, 1, PC) == 0);
	/* The kick before is the framework's still: it runs twice. */
	wait_runs(1, 2);
	assert_true(f->reg[HV_REG_PC] == PC && f->reg[0] == 0xc0ffee);
	assert_true(f->reg[HV_REG_CPSR] == 0x3c5);
	assert_true((f->sys[HV_SYS_SCTLR_EL1] & 1) == 0);
	assert_true(call(c, AFFINITY_INFO, 1, 0) == 0);
	assert_true(call(c, CPU_ON, 1, PC) == (uint64_t)-4);
	calls(f, 1, &hvc, CPU_OFF);
	while (call(c, AFFINITY_INFO, 1, 0) != 1)
		(void)sched_yield();
	wait_kick(&r);
	assert_int_equal(f->runs, 2);
	/* It begins anew, with a quiet CPU interface. */
	f->icc[HV_ICC_PMR_EL1] = 0xf0;
	assert_true(call(c, CPU_ON, 1, PC + 8) == 0);
	wait_runs(1, 4);
	assert_true(f->reg[HV_REG_PC] == PC + 8);
	assert_true(f->icc[HV_ICC_PMR_EL1] == 0);
	calls(f, 1, &hvc, SYSTEM_OFF);
	finish(&r);
	accel_hvf.vcpu_destroy(c);
	accel_hvf.vm_destroy(vm);
}

/* Many kicks from another thread: each is seen, or one after it. */
static void
no_kick_is_lost(void **state)
{
	const hv_vcpu_exit_t hvc = fault(HVC, 0);
	struct accel_vm *vm = hvf_begin(1);
	struct runner r;

	(void)state;
	start(&r, vm, 0);
	for (unsigned i = 0; i < 2000; i++)
		wait_kick(&r);
	(void)pthread_mutex_lock(&fake.lock);
	fake.vcpu[0].reg[0] = SYSTEM_OFF;
	(void)pthread_mutex_unlock(&fake.lock);
	hvf_script(0, &hvc, 1);
	finish(&r);
	accel_hvf.vm_destroy(vm);
}

/* --- the VM --------------------------------------------------------------- */

/* Vectors and redistributors go by the order in which vCPUs are made. */
static void
order(void **state)
{
	struct accel_vm *vm = hvf_begin(2);
	struct accel_vcpu *c = NULL, *d = NULL;
	struct err e;

	(void)state;
	assert_int_equal(accel_hvf.vcpu_new(&d, vm, 1, &e), -1);
	assert_string_equal(e.text, "vCPU 1 of 2: the next is 0");
	assert_int_equal(accel_hvf.vcpu_new(&c, vm, 0, NULL), 0);
	assert_int_equal(accel_hvf.vcpu_new(&d, vm, 0, &e), -1);
	assert_int_equal(accel_hvf.vcpu_new(&d, vm, 1, NULL), 0);
	assert_true(fake.vcpu[0].sys[HV_SYS_MPIDR_EL1] == 0x80000000);
	assert_true(fake.vcpu[1].sys[HV_SYS_MPIDR_EL1] == 0x80000001);
	/* No SME, and no more address bits than the VM has. */
	assert_true(fake.vcpu[0].sys[HV_SYS_ID_AA64PFR1_EL1] == 0x20);
	assert_true(fake.vcpu[0].sys[HV_SYS_ID_AA64MMFR0_EL1] == 0x1122);
	/* The guest's counter begins with the VM. */
	assert_true(fake.vcpu[1].offset == FAKE_NOW);
	accel_hvf.vcpu_destroy(c);
	accel_hvf.vcpu_destroy(d);
	accel_hvf.vm_destroy(vm);
}

static void
refusals(void **state)
{
	static const struct {
		hv_return_t	 code;
		const char	*says;
	} rows[] = {
		{ HV_DENIED, "com.apple.security.hypervisor" },
		{ HV_BUSY, "this process has a VM" },
		{ HV_UNSUPPORTED, "this host cannot do it" },
		{ HV_NO_RESOURCES, "no more" },
		{ (hv_return_t)0xfae940ff, "an unknown error (0xfae940ff)" },
	};
	struct accel_setup s = { .cpus = 1, .gic = &hvf_gic };
	struct accel_vm *vm = NULL;
	struct err e;

	(void)state;
	fake.fail_call = "hv_vm_create";
	for (unsigned i = 0; i < COUNT(rows); i++) {
		fake.fail_code = rows[i].code;
		assert_int_equal(accel_hvf.check(&e), -1);
		assert_non_null(strstr(e.text, rows[i].says));
		assert_int_equal(accel_hvf.vm_new(&vm, &s, &e), -1);
		assert_non_null(strstr(e.text, rows[i].says));
	}
	fake.fail_call = NULL;
	assert_int_equal(accel_hvf.check(NULL), 0);
	s.cpus = FAKE_VCPUS + 1;
	assert_int_equal(accel_hvf.vm_new(&vm, &s, &e), -1);
	assert_string_equal(e.text, "5 CPUs: this host has at most 4 for a VM");
	s.cpus = 1;
	s.cpu = ACCEL_CPU_BASELINE;
	assert_int_equal(accel_hvf.vm_new(&vm, &s, &e), -1);
	/* Nothing was left of those. */
	assert_int_equal(accel_hvf.check(NULL), 0);
}

/* What the framework refuses while it runs is no exit of the guest's. */
static void
run_fails(void **state)
{
	struct accel_vm *vm = hvf_begin(1);
	struct accel_vcpu *c = NULL;
	struct accel_exit x;
	struct err e;

	(void)state;
	assert_int_equal(accel_hvf.vcpu_new(&c, vm, 0, NULL), 0);
	fake.fail_call = "hv_vcpu_run";
	fake.fail_code = HV_ILLEGAL_GUEST_STATE;
	assert_int_equal(accel_hvf.vcpu_run(c, &x, &e), -1);
	assert_non_null(strstr(e.text, "hv_vcpu_run: the guest's state"));
	fake.fail_call = NULL;
	accel_hvf.vcpu_destroy(c);
	accel_hvf.vm_destroy(vm);
}

static void
memory(void **state)
{
	struct accel_vm *vm = hvf_begin(1);
	struct accel_memory m = { .slot = 1, .gpa = 0x80000000,
	    .bytes = HV_PAGE, .host = hvf_ram, .readonly = true };
	struct err e;

	(void)state;
	assert_int_equal(accel_hvf.map(vm, &m, NULL), 0);
	assert_int_equal(fake.flags, HV_MEMORY_READ | HV_MEMORY_EXEC);
	m.gpa += 0x1000;
	assert_int_equal(accel_hvf.map(vm, &m, &e), -1);
	assert_non_null(strstr(e.text, "page of 16 KiB"));
	m.gpa = 1ULL << 40;
	assert_int_equal(accel_hvf.map(vm, &m, &e), -1);
	assert_non_null(strstr(e.text, "40 bits"));
	m.gpa = 0x80000000;
	m.slot = ACCEL_SLOTS_MAX;
	assert_int_equal(accel_hvf.map(vm, &m, &e), -1);
	/* A reset maps what is there anew. */
	fake.maps = fake.unmaps = 0;
	assert_int_equal(accel_hvf.vm_reset(vm, NULL), 0);
	assert_int_equal(fake.maps, 2);
	assert_int_equal(fake.unmaps, 2);
	m.slot = 1;
	m.bytes = 0;
	assert_int_equal(accel_hvf.map(vm, &m, NULL), 0);
	assert_int_equal(fake.maps, 2);
	assert_int_equal(fake.unmaps, 3);
	accel_hvf.vm_destroy(vm);
}

/* --- interrupts and doorbells --------------------------------------------- */

static void
wait_msis(unsigned n)
{
	(void)pthread_mutex_lock(&fake.lock);
	while (fake.msis < n)
		(void)pthread_cond_wait(&fake.changed, &fake.lock);
	(void)pthread_mutex_unlock(&fake.lock);
}

static void
interrupts(void **state)
{
	const struct accel_msi good = { .address = FRAME + 0x40, .data = 70 },
	    bad = { .address = 0xfee00000, .data = 70 };
	struct accel_vm *vm = hvf_begin(1);
	struct accel_irqfd q = { .fd = eventfd(0, EFD_NONBLOCK), .gsi = 30,
	    .resample = -1 };
	struct err e;

	(void)state;
	/* Lines are the shared interrupts. */
	assert_int_equal(accel_hvf.irq(vm, 3, 1, NULL), 0);
	assert_true(fake.spi == 35 && fake.level);
	assert_int_equal(accel_hvf.irq(vm, 3, 0, NULL), 0);
	assert_true(fake.spi == 35 && !fake.level);
	/* Messages, and what is none. */
	assert_int_equal(accel_hvf.irq(vm, 30, 1, NULL), 0);
	assert_int_equal(fake.msis, 0);
	assert_int_equal(accel_hvf.msi(vm, 30, &good, NULL), 0);
	assert_int_equal(accel_hvf.irq(vm, 30, 1, NULL), 0);
	assert_true(fake.msis == 1 && fake.msi_data == 70);
	assert_int_equal(accel_hvf.msi(vm, 31, &bad, NULL), 0);
	assert_int_equal(accel_hvf.irq(vm, 31, 1, &e), -1);
	assert_int_equal(accel_hvf.irq(vm, ACCEL_GSI_MAX, 1, &e), -1);
	assert_int_equal(accel_hvf.msi(vm, 3, &good, &e), -1);
	/* By a descriptor: also one that is written to before. */
	assert_int_equal(eventfd_write(q.fd, 1), 0);
	assert_int_equal(accel_hvf.irqfd(vm, &q, NULL), 0);
	assert_int_equal(accel_hvf.irqfd(vm, &q, &e), -1);
	wait_msis(2);
	assert_int_equal(eventfd_write(q.fd, 1), 0);
	wait_msis(3);
	/* Once it was taken away it is not read any more. */
	q.remove = true;
	assert_int_equal(accel_hvf.irqfd(vm, &q, NULL), 0);
	assert_int_equal(accel_hvf.irqfd(vm, &q, &e), -1);
	assert_int_equal(eventfd_write(q.fd, 1), 0);
	q.remove = false;
	q.resample = q.fd;
	assert_int_equal(accel_hvf.irqfd(vm, &q, &e), -1);
	(void)close(q.fd);
	accel_hvf.vm_destroy(vm);
	assert_int_equal(fake.msis, 3);
}

/* A descriptor whose other end is gone costs nothing more. */
static void
end_of_device(void **state)
{
	struct accel_vm *vm = hvf_begin(1);
	struct accel_irqfd q = { .gsi = 30, .resample = -1 };
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	q.fd = p[0];
	assert_int_equal(accel_hvf.irqfd(vm, &q, NULL), 0);
	(void)close(p[1]);
	q.remove = true;
	assert_int_equal(accel_hvf.irqfd(vm, &q, NULL), 0);
	(void)close(p[0]);
	accel_hvf.vm_destroy(vm);
}

static void
doorbells(void **state)
{
	const hv_vcpu_exit_t exits[] = { fault(STORE, DEVICE + 8),
	    fault(STORE, DEVICE + 4), { .reason = 99 } };
	struct accel_vm *vm = hvf_begin(1);
	struct accel_vcpu *c = NULL;
	int fd = eventfd(0, EFD_NONBLOCK), all = eventfd(0, EFD_NONBLOCK);
	struct accel_ioevent one = { .addr = DEVICE + 4, .len = 4, .fd = fd,
	    .match = true, .value = 7 };
	struct accel_ioevent any = { .addr = DEVICE + 8, .fd = all };
	eventfd_t n;
	struct err e;

	(void)state;
	assert_int_equal(accel_hvf.vcpu_new(&c, vm, 0, NULL), 0);
	assert_int_equal(accel_hvf.ioevent(vm, &any, NULL), 0);
	assert_int_equal(accel_hvf.ioevent(vm, &one, NULL), 0);
	/* 7 rings both; 8 comes to the board from the second. */
	fake.vcpu[0].reg[0] = 7;
	hvf_script(0, exits, COUNT(exits));
	assert_int_equal(run(c), ACCEL_EXIT_BROKEN);
	assert_int_equal(eventfd_read(fd, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(eventfd_read(all, &n), 0);
	assert_true(fake.vcpu[0].reg[HV_REG_PC] == 8);
	fake.vcpu[0].reg[0] = 8;
	hvf_script(0, exits, 2);
	assert_int_equal(run(c), ACCEL_EXIT_MMIO);
	one.remove = any.remove = true;
	assert_int_equal(accel_hvf.ioevent(vm, &any, NULL), 0);
	assert_int_equal(accel_hvf.ioevent(vm, &any, &e), -1);
	assert_int_equal(accel_hvf.ioevent(vm, &one, NULL), 0);
	one.remove = false;
	one.pio = true;
	assert_int_equal(accel_hvf.ioevent(vm, &one, &e), -1);
	(void)close(fd);
	(void)close(all);
	accel_hvf.vcpu_destroy(c);
	accel_hvf.vm_destroy(vm);
}

/* --- snapshots ------------------------------------------------------------ */

static void
fill(struct fake_vcpu *f)
{
	for (unsigned i = 0; i < 35; i++)
		f->reg[i] = 0x1000 + i;
	for (unsigned i = 0; i < HV_QREGS; i++)
		memset(f->simd[i], (int)i + 1, 16);
	f->sys[HV_SYS_TTBR1_EL1] = 0x41000000;
	f->sys[HV_SYS_SP_EL0] = 0x1234;
	f->sys[HV_SYS_APGAKEYHI_EL1] = UINT64_MAX;
	f->sys[HV_SYS_DBGBVR_EL1(5)] = 0xb5;
	f->sys[HV_SYS_DBGWCR_EL1(3)] = 0xc3;
	f->sys[HV_SYS_CNTV_CVAL_EL0] = 99;
	f->icc[HV_ICC_PMR_EL1] = 0xf0;
}

static void
snapshot(void **state)
{
	struct accel_vm *vm = hvf_begin(1);
	struct accel_vcpu *c = NULL;
	own_json json_t *v = NULL, *m = NULL;
	struct fake_vcpu *f = &fake.vcpu[0];
	static struct fake_vcpu before;

	(void)state;
	assert_int_equal(accel_hvf.vcpu_new(&c, vm, 0, NULL), 0);
	fill(f);
	before = *f;
	fake.now += 500;
	assert_non_null(v = accel_hvf.vcpu_save(c, NULL));
	assert_non_null(m = accel_hvf.vm_save(vm, NULL));
	accel_hvf.vcpu_destroy(c);
	accel_hvf.vm_destroy(vm);
	/* Another process, and another counter. */
	vm = hvf_begin(1);
	fake.now = 77000000;
	assert_int_equal(accel_hvf.vcpu_new(&c, vm, 0, NULL), 0);
	assert_int_equal(accel_hvf.vm_load(vm, m, NULL), 0);
	assert_int_equal(accel_hvf.vcpu_load(c, v, NULL), 0);
	assert_memory_equal(f->reg, before.reg, sizeof(f->reg));
	assert_memory_equal(f->simd, before.simd, sizeof(f->simd));
	assert_memory_equal(f->sys, before.sys, sizeof(f->sys));
	assert_memory_equal(f->icc, before.icc, sizeof(f->icc));
	assert_int_equal(fake.states, 1);
	/* It goes on where it was, and by the time that has passed since. */
	assert_true(fake.now - f->offset >= 500);
	accel_hvf.vcpu_destroy(c);
	accel_hvf.vm_destroy(vm);
}

/* Whatever is in it, the reason is named. */
static void
bad_snapshots(void **state)
{
	static const char *const names[] = { "format", "ids", "core", "simd",
	    "sys", "debug", "icc", "power" };
	struct accel_vm *vm = hvf_begin(1);
	struct accel_vcpu *c = NULL;
	own_json json_t *v = NULL, *m = NULL;
	struct err e;

	(void)state;
	assert_int_equal(accel_hvf.vcpu_new(&c, vm, 0, NULL), 0);
	assert_non_null(v = accel_hvf.vcpu_save(c, NULL));
	for (unsigned i = 0; i < COUNT(names); i++) {
		own_json json_t *less = json_copy(v);

		assert_int_equal(json_object_del(less, names[i]), 0);
		assert_int_equal(accel_hvf.vcpu_load(c, less, &e), -1);
		assert_non_null(strstr(e.text, names[i]));
		assert_int_equal(json_object_set_new(less, names[i],
		    json_string("00")), 0);
		assert_int_equal(accel_hvf.vcpu_load(c, less, &e), -1);
	}
	fake.vcpu[0].sys[HV_SYS_MIDR_EL1] = 0x610f0000;
	assert_int_equal(accel_hvf.vcpu_load(c, v, &e), -1);
	assert_non_null(strstr(e.text, "another processor"));
	assert_non_null(m = accel_hvf.vm_save(vm, NULL));
	assert_int_equal(json_object_set_new(m, "gic", json_string("11")), 0);
	assert_int_equal(accel_hvf.vm_load(vm, m, &e), -1);
	assert_non_null(strstr(e.text, "another macOS"));
	accel_hvf.vcpu_destroy(c);
	accel_hvf.vm_destroy(vm);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kick_before),
		cmocka_unit_test(kick_in_pair),
		cmocka_unit_test(second_processor),
		cmocka_unit_test(no_kick_is_lost),
		cmocka_unit_test(order),
		cmocka_unit_test(refusals),
		cmocka_unit_test(run_fails),
		cmocka_unit_test(memory),
		cmocka_unit_test(interrupts),
		cmocka_unit_test(end_of_device),
		cmocka_unit_test(doorbells),
		cmocka_unit_test(snapshot),
		cmocka_unit_test(bad_snapshots),
	};

	return unit_run("hvf_vcpu", tests);
}
