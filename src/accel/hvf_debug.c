/* SPDX-License-Identifier: ISC */
/*
 * hvf_debug.c - what a debugger wants of a vCPU of Hypervisor.framework
 *
 * The processor has one set of points, and one step.  While a debugger is
 * there they are its; the guest's own are kept here, where it reads and
 * writes them and snapshots look, and stop nobody.  Its BRK instructions,
 * which come to us then, go back to it.
 *
 * An instruction that leaves the guest is done for it: the step that ends
 * there is told by us, as the processor has not done one.
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), chapter D2, "AArch64
 * Self-hosted Debug"; Apple, hv_vcpu_set_trap_debug_exceptions.
 */

#include <errno.h>
#include <stdlib.h>

#include "accel/debug_arm64.h"
#include "accel/hvf.h"
#include "lib/util.h"

#define MDSCR_SS	(1U << 0)	/* step */
#define MDSCR_KDE	(1U << 13)	/* the guest debugs its own level */
#define MDSCR_MDE	(1U << 15)	/* points are looked at */
#define PSTATE_SS	(1U << 21)	/* one instruction, then stop */

#define CLASS_WATCHPOINT 0x34U
#define CLASS_BRK	0x3cU

struct hvf_debug {
	struct accel_debug	want;
	/* The guest's, while want.on. */
	struct debug_arm64	own;
	uint64_t		own_mdscr;
};

void
hvf_points(struct accel_vcpu *c, unsigned *breaks, unsigned *watches)
{
	uint64_t dfr0 = hvf_get_sys(c, HV_SYS_ID_AA64DFR0_EL1);

	/* One less than there are. */
	*breaks = (unsigned)(dfr0 >> 12 & 0xf) + 1;
	*watches = (unsigned)(dfr0 >> 20 & 0xf) + 1;
}

static bool
is_on(const struct accel_vcpu *c)
{
	return c->debug != NULL && c->debug->want.on;
}

/* --- what is the guest's -------------------------------------------------- */

static hv_sys_reg_t
number(unsigned kind, unsigned n)
{
	return HV_SYS_REG(2, 0, 0, n, 4 + kind);
}

/* Where the guest's own value of a register is kept; or NULL. */
static uint64_t *
kept(struct accel_vcpu *c, hv_sys_reg_t reg)
{
	if (!is_on(c))
		return NULL;
	if (reg == HV_SYS_MDSCR_EL1)
		return &c->debug->own_mdscr;
	for (unsigned k = 0; k < DEBUG_KINDS; k++)
		for (unsigned n = 0; n < DEBUG_ARM64_MAX; n++)
			if (reg == number(k, n))
				return &c->debug->own.reg[k][n];
	return NULL;
}

uint64_t
hvf_own_get(struct accel_vcpu *c, hv_sys_reg_t reg)
{
	const uint64_t *p = kept(c, reg);

	return p != NULL ? *p : hvf_get_sys(c, reg);
}

void
hvf_own_set(struct accel_vcpu *c, hv_sys_reg_t reg, uint64_t value)
{
	uint64_t *p = kept(c, reg);

	if (p != NULL)
		*p = value;
	else
		hvf_set_sys(c, reg, value);
}

/* --- to the processor and back -------------------------------------------- */

static void
trap(struct accel_vcpu *c, bool on)
{
	hvf_did(c, hv_vcpu_set_trap_debug_exceptions(c->hv, on),
	    "hv_vcpu_set_trap_debug_exceptions");
	hvf_did(c, hv_vcpu_set_trap_debug_reg_accesses(c->hv, on),
	    "hv_vcpu_set_trap_debug_reg_accesses");
}

static void
keep(struct accel_vcpu *c)
{
	unsigned have[2];

	hvf_points(c, &have[0], &have[1]);
	for (unsigned k = 0; k < DEBUG_KINDS; k++)
		for (unsigned n = 0; n < have[k / 2]; n++)
			c->debug->own.reg[k][n] = hvf_get_sys(c, number(k,
			    n));
	c->debug->own_mdscr = hvf_get_sys(c, HV_SYS_MDSCR_EL1);
}

/* Values before controls: a point that is on means what it shall. */
static void
put(struct accel_vcpu *c, const struct debug_arm64 *r, uint64_t mdscr)
{
	unsigned have[2];

	hvf_points(c, &have[0], &have[1]);
	for (unsigned k = 0; k < DEBUG_KINDS; k++)
		for (unsigned n = 0; n < have[k / 2]; n++)
			hvf_set_sys(c, number(k, n), r->reg[k][n]);
	hvf_set_sys(c, HV_SYS_MDSCR_EL1, mdscr);
}

static void
set_step(struct accel_vcpu *c, bool on)
{
	uint64_t p = hvf_get(c, HV_REG_CPSR) & ~(uint64_t)PSTATE_SS;

	hvf_set(c, HV_REG_CPSR, on ? p | PSTATE_SS : p);
}

static void
begin(struct accel_vcpu *c, const struct accel_debug *d,
    const struct debug_arm64 *r)
{
	uint64_t mdscr;

	if (!is_on(c)) {
		keep(c);
		trap(c, true);
	}
	mdscr = c->debug->own_mdscr & ~(uint64_t)(MDSCR_SS | MDSCR_KDE);
	put(c, r, mdscr | MDSCR_MDE | (d->step ? MDSCR_SS : 0));
	set_step(c, d->step);
}

static void
end(struct accel_vcpu *c)
{
	put(c, &c->debug->own, c->debug->own_mdscr);
	set_step(c, false);
	trap(c, false);
}

int
hvf_debug(struct accel_vcpu *c, const struct accel_debug *d, struct err *e)
{
	struct debug_arm64 r;
	unsigned breaks, watches;

	if (c->debug == NULL &&
	    (c->debug = calloc(1, sizeof(*c->debug))) == NULL)
		return err_sys(e, "debugger");
	hvf_points(c, &breaks, &watches);
	if (debug_arm64_points(&r, d, breaks, watches, e) == -1)
		return -1;
	if (d->on)
		begin(c, d, &r);
	else if (is_on(c))
		end(c);
	c->debug->want = *d;
	c->finished = false;
	return hvf_failed(c, e);
}

/* --- it happened ---------------------------------------------------------- */

static bool
stop(struct accel_vcpu *c, struct accel_exit *x, unsigned hits)
{
	*x = (struct accel_exit){ .why = ACCEL_EXIT_DEBUG, .hits = hits };
	if (c->debug->want.step)
		set_step(c, false);
	return true;
}

bool
hvf_debug_exit(struct accel_vcpu *c, struct accel_exit *x)
{
	uint64_t syndrome = c->exit->exception.syndrome;
	unsigned class = HVF_CLASS(syndrome);

	if (!is_on(c))
		return hvf_unknown(c, x);
	if (class == CLASS_BRK && !c->debug->want.breaks) {
		hvf_inject(c, (uint32_t)syndrome);
		return false;
	}
	return stop(c, x, class != CLASS_WATCHPOINT ? 0 :
	    debug_arm64_hits(&c->debug->want,
	    c->exit->exception.virtual_address));
}

bool
hvf_debug_step(struct accel_vcpu *c, struct accel_exit *x)
{
	if (!c->finished)
		return false;
	c->finished = false;
	return is_on(c) && c->debug->want.step && stop(c, x, 0);
}
