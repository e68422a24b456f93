/* SPDX-License-Identifier: ISC */
/*
 * hvf_psci.c - calls of the guest to its firmware
 *
 * Whatever is not known is answered so, as a guest finds out by asking.
 *
 * Source: Arm, Power State Coordination Interface (DEN 0022), 1.1; SMC
 * Calling Convention (DEN 0028), 1.1.
 */

#include "accel/hvf.h"
#include "lib/util.h"

#define NOT_SUPPORTED	(-1)
#define INVALID		(-2)
#define ALREADY_ON	(-4)
#define ON_PENDING	(-5)
#define VERSION_1_1	0x10001
#define NO_TRUSTED_OS	2		/* of MIGRATE_INFO_TYPE */

#define WIDE		(1U << 30)	/* a call with 64-bit arguments */

/* The call's X1 to X3; x when it ends the run. */
typedef int64_t psci_fn(struct accel_vcpu *, const uint64_t arg[3],
    struct accel_exit *x);

static psci_fn features;

static int64_t
version(struct accel_vcpu *c, const uint64_t arg[3], struct accel_exit *x)
{
	(void)c;
	(void)arg;
	(void)x;
	return VERSION_1_1;
}

/* Only shallow states: to return at once is always allowed. */
static int64_t
cpu_suspend(struct accel_vcpu *c, const uint64_t arg[3],
    struct accel_exit *x)
{
	(void)arg;
	(void)x;
	hvf_vcpu_nap(c);
	return 0;
}

static int64_t
cpu_off(struct accel_vcpu *c, const uint64_t arg[3], struct accel_exit *x)
{
	(void)arg;
	(void)x;
	(void)pthread_mutex_lock(&c->vm->lock);
	c->power = HVF_OFF;
	(void)pthread_mutex_unlock(&c->vm->lock);
	return 0;
}

/* The lock is held. */
static struct accel_vcpu *
find(struct accel_vm *vm, uint64_t mpidr)
{
	for (unsigned i = 0; i < vm->made; i++)
		if (vm->vcpu[i] != NULL && hvf_affinity(i) == mpidr)
			return vm->vcpu[i];
	return NULL;
}

static int64_t
cpu_on(struct accel_vcpu *c, const uint64_t arg[3], struct accel_exit *x)
{
	struct accel_vcpu *t;
	int64_t ret = 0;

	(void)x;
	(void)pthread_mutex_lock(&c->vm->lock);
	t = find(c->vm, arg[0]);
	if (t == NULL)
		ret = INVALID;
	else if (t->power != HVF_OFF)
		ret = t->power == HVF_ON ? ALREADY_ON : ON_PENDING;
	else {
		t->entry = arg[1];
		t->context = arg[2];
		t->power = HVF_PENDING;
		(void)pthread_cond_signal(&t->wake);
	}
	(void)pthread_mutex_unlock(&c->vm->lock);
	return ret;
}

/* 0: on, 1: off, 2: being started.  arg[1]: a level, of which 0 is a vCPU. */
static int64_t
affinity_info(struct accel_vcpu *c, const uint64_t arg[3],
    struct accel_exit *x)
{
	static const int8_t answer[] = { [HVF_ON] = 0, [HVF_OFF] = 1,
	    [HVF_PENDING] = 2 };
	struct accel_vcpu *t;
	int64_t ret = INVALID;

	(void)x;
	(void)pthread_mutex_lock(&c->vm->lock);
	t = arg[1] == 0 ? find(c->vm, arg[0]) : NULL;
	if (t != NULL)
		ret = answer[t->power];
	(void)pthread_mutex_unlock(&c->vm->lock);
	return ret;
}

static int64_t
migrate_info_type(struct accel_vcpu *c, const uint64_t arg[3],
    struct accel_exit *x)
{
	(void)c;
	(void)arg;
	(void)x;
	return NO_TRUSTED_OS;
}

/* There is no way back to the guest: until a reset this vCPU is off. */
static int64_t
system_end(struct accel_vcpu *c, enum accel_why why, struct accel_exit *x)
{
	*x = (struct accel_exit){ .why = why };
	return cpu_off(c, NULL, NULL);
}

static int64_t
system_off(struct accel_vcpu *c, const uint64_t arg[3], struct accel_exit *x)
{
	(void)arg;
	return system_end(c, ACCEL_EXIT_OFF, x);
}

static int64_t
system_reset(struct accel_vcpu *c, const uint64_t arg[3],
    struct accel_exit *x)
{
	(void)arg;
	return system_end(c, ACCEL_EXIT_RESET, x);
}

/* arg[0]: the kind, of which 0 is a warm reset and others are vendors'. */
static int64_t
system_reset2(struct accel_vcpu *c, const uint64_t arg[3],
    struct accel_exit *x)
{
	return arg[0] == 0 ? system_reset(c, arg, x) : INVALID;
}

static const struct {
	uint32_t	 id;
	psci_fn		*fn;
} calls[] = {
	{ 0x80000000, version },		/* SMCCC_VERSION */
	{ 0x84000000, version },
	{ 0x84000001, cpu_suspend },
	{ 0xc4000001, cpu_suspend },
	{ 0x84000002, cpu_off },
	{ 0x84000003, cpu_on },
	{ 0xc4000003, cpu_on },
	{ 0x84000004, affinity_info },
	{ 0xc4000004, affinity_info },
	{ 0x84000006, migrate_info_type },
	{ 0x84000008, system_off },
	{ 0x84000009, system_reset },
	{ 0x8400000a, features },
	{ 0x84000012, system_reset2 },
	{ 0xc4000012, system_reset2 },
};

static psci_fn *
lookup(uint32_t id)
{
	for (unsigned i = 0; i < COUNT(calls); i++)
		if (calls[i].id == id)
			return calls[i].fn;
	return NULL;
}

static int64_t
features(struct accel_vcpu *c, const uint64_t arg[3], struct accel_exit *x)
{
	(void)c;
	(void)x;
	return lookup((uint32_t)arg[0]) != NULL ? 0 : NOT_SUPPORTED;
}

bool
hvf_psci(struct accel_vcpu *c, struct accel_exit *x)
{
	uint32_t id = (uint32_t)hvf_get(c, HV_REG_X0);
	psci_fn *fn = lookup(id);
	int64_t ret = NOT_SUPPORTED;
	uint64_t arg[3];

	for (unsigned i = 0; i < COUNT(arg); i++) {
		arg[i] = hvf_get(c, HV_REG_X0 + 1 + i);
		if ((id & WIDE) == 0)
			arg[i] = (uint32_t)arg[i];
	}
	*x = (struct accel_exit){ .why = ACCEL_EXIT_KICK };
	if (fn != NULL)
		ret = fn(c, arg, x);
	if (c->power == HVF_ON)
		hvf_set(c, HV_REG_X0, (uint64_t)ret);
	return x->why != ACCEL_EXIT_KICK;
}
