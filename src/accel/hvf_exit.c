/* SPDX-License-Identifier: ISC */
/*
 * hvf_exit.c - why a vCPU stopped, by the class of the exception
 *
 * The program counter is at the instruction, but after HVC behind it.
 *
 * Source: Arm Architecture Reference Manual (DDI 0487), ESR_ELx.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "accel/hvf.h"
#include "lib/util.h"

#define ISS_WFE		1U
#define ISS_IMM16	0xffffU

bool
hvf_broken(struct accel_vcpu *c, struct accel_exit *x, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	*x = (struct accel_exit){ .why = ACCEL_EXIT_BROKEN };
	va_start(ap, fmt);
	(void)vsnprintf(x->text, sizeof(x->text), fmt, ap);
	va_end(ap);
	len = strlen(x->text);
	(void)snprintf(x->text + len, sizeof(x->text) - len,
	    ", vCPU %u at %#llx", c->id,
	    (unsigned long long)hvf_get(c, HV_REG_PC));
	return true;
}

/* An interrupt may end it, and anything else, too. */
static bool
wait_for_event(struct accel_vcpu *c, struct accel_exit *x)
{
	(void)x;
	hvf_advance(c);
	if ((c->exit->exception.syndrome & ISS_WFE) == 0)
		hvf_vcpu_nap(c);
	return false;
}

/* Calls by SMCCC have the number 0 in the instruction. */
static bool
call(struct accel_vcpu *c, struct accel_exit *x)
{
	c->finished = true;
	if ((c->exit->exception.syndrome & ISS_IMM16) == 0)
		return hvf_psci(c, x);
	hvf_set(c, HV_REG_X0, UINT64_MAX);
	return false;
}

static bool
secure_call(struct accel_vcpu *c, struct accel_exit *x)
{
	hvf_advance(c);
	return call(c, x);
}

static bool
code_abort(struct accel_vcpu *c, struct accel_exit *x)
{
	return hvf_broken(c, x, "no memory at %#llx for code",
	    (unsigned long long)c->exit->exception.physical_address);
}

static const struct {
	unsigned	class;
	bool		(*fn)(struct accel_vcpu *, struct accel_exit *);
} handlers[] = {
	{ 0x01, wait_for_event },
	{ 0x16, call },
	{ 0x17, secure_call },
	{ 0x18, hvf_sysreg },
	{ 0x20, code_abort },
	{ 0x24, hvf_data_abort },
	{ 0x30, hvf_debug_exit },	/* breakpoint */
	{ 0x32, hvf_debug_exit },	/* step */
	{ 0x34, hvf_debug_exit },	/* watchpoint */
	{ 0x3c, hvf_debug_exit },	/* BRK */
};

bool
hvf_unknown(struct accel_vcpu *c, struct accel_exit *x)
{
	return hvf_broken(c, x, "unknown exception %#llx",
	    (unsigned long long)c->exit->exception.syndrome);
}

static bool
exception(struct accel_vcpu *c, struct accel_exit *x)
{
	unsigned class = HVF_CLASS(c->exit->exception.syndrome);

	for (unsigned i = 0; i < COUNT(handlers); i++)
		if (handlers[i].class == class)
			return handlers[i].fn(c, x);
	return hvf_unknown(c, x);
}

/* --- the virtual timer ---------------------------------------------------- */

#define TIMER_INTID	27
#define CTL_ENABLE	1U
#define CTL_IMASK	2U
#define CTL_ISTATUS	4U

/*
 * With the host's interrupt controller the timer is its own business.  Where
 * it still tells us, the interrupt is made pending, and the timer, which
 * the host has masked, is left alone until the guest has dealt with it.
 */
static bool
timer(struct accel_vcpu *c, struct accel_exit *x)
{
	(void)x;
	hvf_did(c, hv_gic_set_redistributor_reg(c->hv, HV_GICR_ISPENDR0,
	    1U << TIMER_INTID), "hv_gic_set_redistributor_reg");
	c->timer_masked = true;
	return false;
}

static void
look_at_timer(struct accel_vcpu *c)
{
	uint64_t ctl = hvf_get_sys(c, HV_SYS_CNTV_CTL_EL0);

	if ((ctl & (CTL_ENABLE | CTL_IMASK | CTL_ISTATUS)) ==
	    (CTL_ENABLE | CTL_ISTATUS))
		return;
	hvf_did(c, hv_vcpu_set_vtimer_mask(c->hv, false),
	    "hv_vcpu_set_vtimer_mask");
	c->timer_masked = false;
}

/* --- the reason ----------------------------------------------------------- */

/* The loop that runs the vCPU looks whether it was kicked. */
static bool
canceled(struct accel_vcpu *c, struct accel_exit *x)
{
	(void)c;
	(void)x;
	return false;
}

bool
hvf_exit(struct accel_vcpu *c, struct accel_exit *x)
{
	static bool (*const reasons[])(struct accel_vcpu *,
	    struct accel_exit *) = {
		[HV_EXIT_CANCELED] = canceled,
		[HV_EXIT_EXCEPTION] = exception,
		[HV_EXIT_VTIMER] = timer,
	};

	if (c->timer_masked)
		look_at_timer(c);
	if (c->exit->reason >= COUNT(reasons))
		return hvf_broken(c, x, "unknown exit %u of the hypervisor",
		    c->exit->reason);
	return reasons[c->exit->reason](c, x);
}
