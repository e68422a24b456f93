/* SPDX-License-Identifier: ISC */
/* vcpu.c - the double's vCPUs: made, run, and why they stopped; double.h */

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "double.h"

#define KICK		SIGUSR1

struct vcpu	vcpus[VCPUS_MAX];
unsigned	nvcpus;

struct vcpu *
own(hv_vcpu_t id)
{
	if (id >= nvcpus || !vcpus[id].there)
		violated("vCPU %llu: there is none", (unsigned long long)id);
	if (!pthread_equal(vcpus[id].owner, pthread_self()))
		violated("vCPU %llu: used by a thread that is not its own",
		    (unsigned long long)id);
	return &vcpus[id];
}

/* --- all of them at rest ------------------------------------------------- */

static struct {
	pthread_mutex_t	lock;
	pthread_cond_t	changed;
	unsigned	inside;		/* in KVM_RUN */
	unsigned	stops;		/* who wants that none is */
} world = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0 };

static void
interrupt(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (v->inside)
		(void)pthread_kill(v->owner, KICK);
}

void
world_stop(void)
{
	(void)pthread_mutex_lock(&world.lock);
	world.stops++;
	for (unsigned i = 0; i < nvcpus; i++)
		if (vcpus[i].there && vcpus[i].inside)
			interrupt(&vcpus[i]);
	while (world.inside != 0)
		(void)pthread_cond_wait(&world.changed, &world.lock);
	(void)pthread_mutex_unlock(&world.lock);
}

void
world_go(void)
{
	(void)pthread_mutex_lock(&world.lock);
	world.stops--;
	(void)pthread_cond_broadcast(&world.changed);
	(void)pthread_mutex_unlock(&world.lock);
}

/* Whoever latches does so before the byte is written: it is not lost. */
static void
clear_byte(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (v->latch)
		__atomic_store_n(&v->run->immediate_exit, 1,
		    __ATOMIC_SEQ_CST);
}

static int
enter(struct vcpu *v)
{
	int r, num;

	(void)pthread_mutex_lock(&world.lock);
	while (world.stops != 0)
		(void)pthread_cond_wait(&world.changed, &world.lock);
	world.inside++;
	v->inside = true;
	(void)pthread_mutex_unlock(&world.lock);
	r = ioctl(v->fd, KVM_RUN, 0);
	num = errno;
	(void)pthread_mutex_lock(&world.lock);
	v->inside = false;
	world.inside--;
	(void)pthread_cond_broadcast(&world.changed);
	(void)pthread_mutex_unlock(&world.lock);
	errno = num;
	return r;
}

/* --- made and gone ------------------------------------------------------- */

static void
on_kick(int sig)
{
	(void)sig;
}

static void
take_kicks(void)
{
	struct sigaction sa = { .sa_handler = on_kick };
	sigset_t set;

	(void)sigaction(KICK, &sa, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, KICK);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int
init(struct vcpu *v)
{
	struct kvm_vcpu_init in;

	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &in) == -1)
		return -1;
	in.features[0] |= 1U << KVM_ARM_VCPU_PSCI_0_2;
	if (ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_PTRAUTH_ADDRESS) > 0 &&
	    ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_PTRAUTH_GENERIC) > 0)
		in.features[0] |= 1U << KVM_ARM_VCPU_PTRAUTH_ADDRESS |
		    1U << KVM_ARM_VCPU_PTRAUTH_GENERIC;
	return ioctl(v->fd, KVM_ARM_VCPU_INIT, &in);
}

hv_return_t
hv_vcpu_create(hv_vcpu_t *ret, hv_vcpu_exit_t **exit, hv_vcpu_config_t c)
{
	struct vcpu *v = &vcpus[nvcpus];
	int size = ioctl(kvm_open(), KVM_GET_VCPU_MMAP_SIZE, 0);
	void *run;

	(void)c;
	if (vm == -1)
		violated("a vCPU without a VM");
	if (!gic_made())
		violated("a vCPU before the interrupt controller");
	if (nvcpus == VCPUS_MAX || size == -1)
		return HV_NO_RESOURCES;
	*v = (struct vcpu){ .id = nvcpus, .owner = pthread_self() };
	v->fd = ioctl(vm, KVM_CREATE_VCPU, (unsigned long)nvcpus);
	if (v->fd == -1 || init(v) == -1)
		return HV_NO_RESOURCES;
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    v->fd, 0);
	if (run == MAP_FAILED)
		return HV_NO_RESOURCES;
	v->run = run;
	v->there = true;
	take_kicks();
	*ret = nvcpus++;
	*exit = &v->exit;
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_destroy(hv_vcpu_t id)
{
	struct vcpu *v = own(id);

	v->there = false;
	(void)close(v->fd);
	return HV_SUCCESS;
}

hv_return_t
hv_vcpus_exit(hv_vcpu_t *id, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (id[i] >= nvcpus || !vcpus[id[i]].there)
			violated("hv_vcpus_exit: vCPU %llu is not there",
			    (unsigned long long)id[i]);
		vcpus[id[i]].latch = true;
		interrupt(&vcpus[id[i]]);
	}
	return HV_SUCCESS;
}

/* --- an access ----------------------------------------------------------- */

/* Arm Architecture Reference Manual (DDI 0487), ESR_ELx. */
#define EC(class)	((uint64_t)(class) << 26 | 1U << 25)
#define ABORT		0x24
#define HVC		0x16
#define SMC		0x17
#define ISV		(1U << 24)
#define SAS(len)	((uint32_t)__builtin_ctz(len) << 22)
#define SSE		(1U << 21)
#define SRT(rt)		((uint32_t)(rt) << 16)
#define SF		(1U << 15)
#define WNR		(1U << 6)
#define TRANSLATION	7U

static void
fault(struct vcpu *v, uint64_t syndrome, uint64_t at)
{
	v->exit.reason = HV_EXIT_EXCEPTION;
	v->exit.exception.syndrome = syndrome;
	v->exit.exception.physical_address = at;
	/* No more is known of it than this. */
	v->exit.exception.virtual_address = at;
}

static bool
is_zero(const uint8_t *data, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if (data[i] != 0)
			return false;
	return true;
}

/* The next register; a store of zero may be one of XZR. */
static void
make_up(struct vcpu *v)
{
	static atomic_uint turn;
	unsigned n = turn++, len = v->run->mmio.len;
	bool store = v->run->mmio.is_write != 0;

	v->rt = n % ZERO;
	if (store && n % 2 != 0 && is_zero(v->run->mmio.data, len))
		v->rt = ZERO;
	v->sign = !store && len < 8 && n % 3 == 0;
	v->wide = len == 8 || (v->sign && n % 2 != 0);
}

static void
exit_mmio(struct vcpu *v)
{
	struct kvm_run *r = v->run;
	uint64_t pc;

	if (hv_vcpu_get_reg(v->id, HV_REG_PC, &pc) != HV_SUCCESS)
		violated("no program counter");
	make_up(v);
	v->pc = pc;
	v->duty = r->mmio.is_write ? DUTY_STORE : DUTY_LOAD;
	fault(v, EC(ABORT) | ISV | SAS(r->mmio.len) | SRT(v->rt) |
	    (v->sign ? SSE : 0) | (v->wide ? SF : 0) |
	    (r->mmio.is_write ? WNR : 0) | TRANSLATION, r->mmio.phys_addr);
}

/* What KVM could not decode either: nothing is pending there. */
static void
exit_undecoded(struct vcpu *v)
{
	uint64_t pc;

	if (hv_vcpu_get_reg(v->id, HV_REG_PC, &pc) != HV_SUCCESS)
		violated("no program counter");
	v->pc = pc;
	v->duty = DUTY_STEP;
	fault(v, EC(ABORT) | v->run->arm_nisv.esr_iss,
	    v->run->arm_nisv.fault_ipa);
}

/* KVM is behind both; the framework is only behind HVC. */
static void
exit_call(struct vcpu *v)
{
	bool smc = (v->run->hypercall.longmode & 1) != 0;
	uint64_t pc;

	fault(v, EC(smc ? SMC : HVC), 0);
	if (hv_vcpu_get_reg(v->id, HV_REG_PC, &pc) != HV_SUCCESS)
		violated("no program counter");
	v->pc = smc ? pc - 4 : pc;
	v->duty = smc ? DUTY_CALLED : DUTY_NONE;
	v->called = !smc;
}

void
settle(struct vcpu *v)
{
	bool kvms = v->duty == DUTY_LOAD || v->duty == DUTY_STORE;

	if (v->duty == DUTY_NONE || !v->stepped ||
	    (v->duty == DUTY_LOAD && !v->loaded && v->rt != ZERO))
		return;
	v->duty = DUTY_NONE;
	v->stepped = v->loaded = false;
	if (!kvms)
		return;
	/* KVM_RUN finishes the access before it looks at the byte. */
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (ioctl(v->fd, KVM_RUN, 0) != -1 || errno != EINTR)
		violated("KVM_RUN went on");
	clear_byte(v);
}

/* The guest may go on only when all was done for it. */
static void
check_duty(struct vcpu *v)
{
	if (v->duty == DUTY_NONE)
		return;
	if (!v->stepped)
		violated("vCPU %u goes on at %#llx, not behind it", v->id,
		    (unsigned long long)v->pc);
	if (v->duty == DUTY_LOAD && !v->loaded && v->rt != ZERO)
		violated("vCPU %u goes on without what it loaded", v->id);
	v->duty = DUTY_NONE;
	v->stepped = v->loaded = false;
}

/* --- a debugger ----------------------------------------------------------- */

#define MDSCR_SS	(1U << 0)
#define MDSCR_MDE	(1U << 15)

/* What it has set is KVM's while the vCPU runs. */
static void
set_debugger(struct vcpu *v)
{
	struct kvm_guest_debug g = { .control = 0 };

	if (v->debugger)
		g.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP |
		    ((v->mdscr & MDSCR_MDE) != 0 ? KVM_GUESTDBG_USE_HW : 0) |
		    ((v->mdscr & MDSCR_SS) != 0 ? KVM_GUESTDBG_SINGLESTEP :
		    0);
	memcpy(g.arch.dbg_bvr, v->point[0], sizeof(g.arch.dbg_bvr));
	memcpy(g.arch.dbg_bcr, v->point[1], sizeof(g.arch.dbg_bcr));
	memcpy(g.arch.dbg_wvr, v->point[2], sizeof(g.arch.dbg_wvr));
	memcpy(g.arch.dbg_wcr, v->point[3], sizeof(g.arch.dbg_wcr));
	if (ioctl(v->fd, KVM_SET_GUEST_DEBUG, &g) == -1)
		violated("KVM has no debugger");
}

static void
exit_debug(struct vcpu *v)
{
	fault(v, v->run->debug.arch.hsr, 0);
	v->exit.exception.virtual_address = v->run->debug.arch.far;
}

/* --- running ------------------------------------------------------------- */

/* What KVM_RUN returned with; false: nothing for the VMM. */
static bool
decode(struct vcpu *v)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_MMIO:
		if (gic_frame(v->run))
			return false;
		exit_mmio(v);
		return true;
	case KVM_EXIT_ARM_NISV:
		exit_undecoded(v);
		return true;
	case KVM_EXIT_HYPERCALL:
		exit_call(v);
		return true;
	case KVM_EXIT_DEBUG:
		exit_debug(v);
		return true;
	default:
		fprintf(stderr, "hv double: exit %u of KVM\n",
		    v->run->exit_reason);
		v->exit.reason = UINT32_MAX;
		return true;
	}
}

hv_return_t
hv_vcpu_run(hv_vcpu_t id)
{
	struct vcpu *v = own(id);

	check_duty(v);
	gic_start();
	set_debugger(v);
	v->ran = true;
	v->called = false;
	memset(&v->exit, 0, sizeof(v->exit));
	for (;;) {
		if (enter(v) == 0) {
			if (decode(v))
				return HV_SUCCESS;
			continue;
		}
		if (errno != EINTR && errno != EAGAIN) {
			perror("hv double: KVM_RUN");
			return HV_ERROR;
		}
		clear_byte(v);
		if (atomic_exchange(&v->latch, false)) {
			clear_byte(v);
			v->exit.reason = HV_EXIT_CANCELED;
			return HV_SUCCESS;
		}
	}
}
