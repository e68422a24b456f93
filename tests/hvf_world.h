/* SPDX-License-Identifier: ISC */
/*
 * hvf_world.h - a vCPU of Hypervisor.framework whose exits come from tables
 *
 * Syndromes are those of ESR_ELx, Arm Architecture Reference Manual (DDI
 * 0487).
 */

#ifndef HVF_WORLD_H
#define HVF_WORLD_H

#include "unit.h"
#include "hvf_kit.h"
#include "hvf_syndrome.h"

#include "accel/hvf_access.h"
#include "lib/util.h"

#define PC		(RAM + 0x1000)
#define DEVICE		0x09000000ULL
#define IL		(1U << 25)
#define EC(class)	((uint64_t)(class) << 26 | IL)
#define WFI		EC(0x01)
#define HVC		EC(0x16)
#define SMC		EC(0x17)
#define SYS		EC(0x18)
#define ABORT		(EC(0x24) | 7)

/* "ISS encoding for an exception from MSR, MRS" */
#define MSR(op0, op1, crn, crm, op2, rt)				\
	(SYS | (op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 |	\
	    (rt) << 5 | (crm) << 1)
#define MRS(...)	(MSR(__VA_ARGS__) | 1)

struct world {
	struct accel_vm		*vm;
	struct accel_vcpu	*c;
	struct fake_vcpu	*f;
};

static inline void
begin(struct world *w, unsigned cpus)
{
	w->vm = hvf_begin(cpus);
	assert_int_equal(accel_hvf.vcpu_new(&w->c, w->vm, 0, NULL), 0);
	w->f = &fake.vcpu[0];
	w->f->reg[HV_REG_PC] = PC;
}

static inline void
end(struct world *w)
{
	accel_hvf.vcpu_destroy(w->c);
	accel_hvf.vm_destroy(w->vm);
}

/* Run until something is to be done. */
static inline struct accel_exit
run(struct world *w)
{
	struct accel_exit x;
	struct err e;

	if (accel_hvf.vcpu_run(w->c, &x, &e) == -1)
		fail_msg("%s", e.text);
	return x;
}

/* Let the exits be handled: nothing comes of them. */
static inline void
play(struct world *w, const hv_vcpu_exit_t *exits, unsigned n)
{
	hv_vcpu_exit_t script[8];

	assert_true(n < COUNT(script));
	if (n > 0)
		memcpy(script, exits, n * sizeof(*exits));
	/* The last one, of a reason that ends the run. */
	script[n] = (hv_vcpu_exit_t){ .reason = 99 };
	hvf_script(0, script, n + 1);
	assert_int_equal(run(w).why, ACCEL_EXIT_BROKEN);
}

#endif
