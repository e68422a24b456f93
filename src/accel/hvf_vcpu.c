/* SPDX-License-Identifier: ISC */
/*
 * hvf_vcpu.c - a vCPU of Hypervisor.framework: made, run, kicked, reset
 *
 * Process: vmm, the thread of the vCPU.  Sandbox: that of vCPUs.
 */

#include <errno.h>
#include <time.h>

#include "accel/hvf.h"
#include "lib/util.h"

#define NAP_NS		1000000		/* of a processor that waits */

/* --- registers ----------------------------------------------------------- */

void
hvf_did(struct accel_vcpu *c, hv_return_t r, const char *call)
{
	if (r == HV_SUCCESS || c->error != HV_SUCCESS)
		return;
	c->error = r;
	c->call = call;
}

int
hvf_failed(struct accel_vcpu *c, struct err *e)
{
	hv_return_t r = c->error;

	c->error = HV_SUCCESS;
	return hvf_result(r, c->call, e);
}

uint64_t
hvf_get(struct accel_vcpu *c, hv_reg_t reg)
{
	uint64_t value = 0;

	hvf_did(c, hv_vcpu_get_reg(c->hv, reg, &value), "hv_vcpu_get_reg");
	return value;
}

void
hvf_set(struct accel_vcpu *c, hv_reg_t reg, uint64_t value)
{
	hvf_did(c, hv_vcpu_set_reg(c->hv, reg, value), "hv_vcpu_set_reg");
}

uint64_t
hvf_get_sys(struct accel_vcpu *c, hv_sys_reg_t reg)
{
	uint64_t value = 0;

	hvf_did(c, hv_vcpu_get_sys_reg(c->hv, reg, &value),
	    "hv_vcpu_get_sys_reg");
	return value;
}

void
hvf_set_sys(struct accel_vcpu *c, hv_sys_reg_t reg, uint64_t value)
{
	hvf_did(c, hv_vcpu_set_sys_reg(c->hv, reg, value),
	    "hv_vcpu_set_sys_reg");
}

#define INSTRUCTION	4		/* bytes */

void
hvf_advance(struct accel_vcpu *c)
{
	hvf_set(c, HV_REG_PC, hvf_get(c, HV_REG_PC) + INSTRUCTION);
	c->finished = true;
}

/* --- what the guest is told of its processor ------------------------------ */

#define MMFR0_PARANGE	0xfULL

/* What guests do not get, though the host has it. */
static const struct {
	hv_sys_reg_t	reg;
	uint64_t	field;
} hidden[] = {
	/* SME: its state is not in a snapshot. */
	{ HV_SYS_ID_AA64PFR1_EL1, 0xfULL << 24 },
	/* PMUVer: hvf_sysreg.c has no counters. */
	{ HV_SYS_ID_AA64DFR0_EL1, 0xfULL << 8 },
};

/* ID_AA64MMFR0_EL1.PARange: bits of an address, by value. */
static const uint8_t parange[] = { 32, 36, 40, 42, 44, 48, 52 };

/* Never more than the VM has: what is above would be a fault. */
static uint64_t
clamp_parange(const struct accel_vm *vm, uint64_t mmfr0)
{
	uint64_t range = mmfr0 & MMFR0_PARANGE;

	while (range > 0 && (range >= COUNT(parange) ||
	    parange[range] > vm->ipa_bits))
		range--;
	return (mmfr0 & ~MMFR0_PARANGE) | range;
}

/* The first run fixes these. */
static void
identify(struct accel_vcpu *c)
{
	uint64_t is = hvf_get_sys(c, HV_SYS_ID_AA64MMFR0_EL1);
	uint64_t less = clamp_parange(c->vm, is);

	/* Bit 31 is one in every MPIDR. */
	hvf_set_sys(c, HV_SYS_MPIDR_EL1, 1U << 31 | hvf_affinity(c->id));
	if (less != is)
		hvf_set_sys(c, HV_SYS_ID_AA64MMFR0_EL1, less);
	for (unsigned i = 0; i < COUNT(hidden); i++) {
		is = hvf_get_sys(c, hidden[i].reg);
		if ((is & hidden[i].field) != 0)
			hvf_set_sys(c, hidden[i].reg, is & ~hidden[i].field);
	}
}

/* --- made and gone -------------------------------------------------------- */

/* Redistributors go to vCPUs in the order they are made. */
static int
take_place(struct accel_vm *vm, struct accel_vcpu *c, struct err *e)
{
	int r = 0;

	(void)pthread_mutex_lock(&vm->lock);
	if (c->id != vm->made || c->id >= vm->setup.cpus)
		r = err_set(e, EINVAL, "vCPU %u of %u: the next is %u", c->id,
		    vm->setup.cpus, vm->made);
	else
		vm->vcpu[vm->made++] = c;
	(void)pthread_mutex_unlock(&vm->lock);
	return r;
}

static void
leave_place(struct accel_vcpu *c)
{
	struct accel_vm *vm = c->vm;

	(void)pthread_mutex_lock(&vm->lock);
	if (vm->vcpu[c->id] == c)
		vm->vcpu[c->id] = NULL;
	(void)pthread_mutex_unlock(&vm->lock);
}

int
hvf_vcpu_new(struct accel_vcpu **ret, struct accel_vm *vm, unsigned id,
    struct err *e)
{
	OWN(hvf_vcpu_destroy) struct accel_vcpu *c = NULL;

	if (id >= ACCEL_CPUS_MAX)
		return err_set(e, EINVAL, "vCPU %u", id);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_sys(e, "vCPU");
	c->vm = vm;
	c->id = id;
	(void)pthread_cond_init(&c->wake, NULL);
	if (take_place(vm, c, e) == -1 || hvf_result(hv_vcpu_create(&c->hv,
	    &c->exit, NULL), "hv_vcpu_create", e) == -1)
		return -1;
	c->there = true;
	identify(c);
	if (hvf_vcpu_reset(c, e) == -1)
		return -1;
	*ret = take(&c);
	return 0;
}

void
hvf_vcpu_destroy(struct accel_vcpu *c)
{
	if (c == NULL)
		return;
	leave_place(c);
	if (c->there)
		(void)hv_vcpu_destroy(c->hv);
	(void)pthread_cond_destroy(&c->wake);
	free(c->debug);
	free(c);
}

int
hvf_vcpu_reset(struct accel_vcpu *c, struct err *e)
{
	c->pending = c->finished = false;
	hvf_state_reset(c);
	(void)pthread_mutex_lock(&c->vm->lock);
	c->power = c->id == 0 ? HVF_ON : HVF_OFF;
	(void)pthread_mutex_unlock(&c->vm->lock);
	return hvf_failed(c, e);
}

/* --- waiting -------------------------------------------------------------- */

static void
start(struct accel_vcpu *c, uint64_t entry, uint64_t context)
{
	hvf_state_reset(c);
	hvf_set(c, HV_REG_PC, entry);
	hvf_set(c, HV_REG_X0, context);
}

/* Until another vCPU starts this one; false: it was kicked. */
static bool
wait_on(struct accel_vcpu *c)
{
	uint64_t entry = 0, context = 0;
	bool pending;

	if (c->power == HVF_ON)
		return true;
	(void)pthread_mutex_lock(&c->vm->lock);
	while (c->power == HVF_OFF && !c->kicked)
		(void)pthread_cond_wait(&c->wake, &c->vm->lock);
	pending = c->power == HVF_PENDING;
	if (pending) {
		entry = c->entry;
		context = c->context;
		c->power = HVF_ON;
	}
	(void)pthread_mutex_unlock(&c->vm->lock);
	if (pending)
		start(c, entry, context);
	return pending;
}

void
hvf_vcpu_nap(struct accel_vcpu *c)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += NAP_NS;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_mutex_lock(&c->vm->lock);
	if (!c->kicked)
		(void)pthread_cond_timedwait(&c->wake, &c->vm->lock, &until);
	(void)pthread_mutex_unlock(&c->vm->lock);
}

/* Takes locks of the framework's: no signal handler may. */
void
hvf_vcpu_kick(struct accel_vcpu *c)
{
	(void)pthread_mutex_lock(&c->vm->lock);
	c->kicked = true;
	(void)pthread_cond_signal(&c->wake);
	(void)pthread_mutex_unlock(&c->vm->lock);
	(void)hv_vcpus_exit(&c->hv, 1);
}

/* --- running -------------------------------------------------------------- */

/* One turn; true when *x is to be handed on. */
static bool
turn(struct accel_vcpu *c, struct accel_exit *x, hv_return_t *r)
{
	*r = HV_SUCCESS;
	if (atomic_exchange(&c->kicked, false)) {
		*x = (struct accel_exit){ .why = ACCEL_EXIT_KICK };
		return true;
	}
	if (!wait_on(c))
		return false;
	c->used = true;
	*r = hv_vcpu_run(c->hv);
	if (*r != HV_SUCCESS)
		return false;
	return hvf_exit(c, x);
}

int
hvf_vcpu_run(struct accel_vcpu *c, struct accel_exit *x, struct err *e)
{
	hv_return_t r = HV_SUCCESS;
	bool out = hvf_mmio_next(c, x);

	while (!out && c->error == HV_SUCCESS && r == HV_SUCCESS)
		out = hvf_debug_step(c, x) || turn(c, x, &r);
	if (hvf_failed(c, e) == -1)
		return -1;
	return hvf_result(r, "hv_vcpu_run", e);
}
