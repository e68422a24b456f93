/* SPDX-License-Identifier: ISC */
/*
 * kvm_arm64_debug.c - Linux KVM on arm64: what debuggers want
 *
 * KVM has no call that translates an address: its tables are walked here.
 *
 * Source: Linux, Documentation/virt/kvm/api.rst, section 4.87
 * (SET_GUEST_DEBUG); Arm Architecture Reference Manual (DDI 0487), sections
 * D2.8 and D2.10 (breakpoints, watchpoints), D24.2 (ESR_EL2) and D24.3
 * (DBGBCR, DBGWCR).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/kvm_arm64.h"
#include "accel/walk_arm64.h"
#include "lib/util.h"

#define ENABLED		1U		/* of DBGBCR and DBGWCR */
#define EL1_AND_EL0	(3U << 1)
#define BYTES_SHIFT	5		/* which of them, a bit each */
#define INSTRUCTION	(0xfU << BYTES_SHIFT)
#define LOADS		(1U << 3)
#define STORES		(2U << 3)

#define CLASS_SHIFT	26		/* of the syndrome */
#define CLASS_WATCHPOINT 0x34U
#define NEAR		16U		/* bytes of the longest access */

/* --- points -------------------------------------------------------------- */

/* Their registers have 53 bits of an address, and the highest again. */
static uint64_t
extended(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 11) >> 11);
}

static void
add_break(struct kvm_guest_debug_arch *a, unsigned n, uint64_t va)
{
	a->dbg_bcr[n] = ENABLED | EL1_AND_EL0 | INSTRUCTION;
	a->dbg_bvr[n] = extended(va & ~3ULL);
}

static void
add_watch(struct kvm_guest_debug_arch *a, unsigned n,
    const struct accel_point *p)
{
	static const unsigned kinds[] = { [ACCEL_POINT_WRITE] = STORES,
		[ACCEL_POINT_READ] = LOADS,
		[ACCEL_POINT_ACCESS] = LOADS | STORES };
	uint64_t bytes = ((1U << p->len) - 1) << (p->addr & 7);

	a->dbg_wcr[n] = ENABLED | EL1_AND_EL0 | kinds[p->kind] |
	    bytes << BYTES_SHIFT;
	a->dbg_wvr[n] = extended(p->addr & ~7ULL);
}

static int
add_points(struct kvm_guest_debug_arch *a, struct accel_vcpu *c,
    const struct accel_debug *d, struct err *e)
{
	unsigned breaks = (unsigned)kvm_has(c->vm->fd,
	    KVM_CAP_GUEST_DEBUG_HW_BPS);
	unsigned watches = (unsigned)kvm_has(c->vm->fd,
	    KVM_CAP_GUEST_DEBUG_HW_WPS);
	unsigned nbreaks = 0, nwatches = 0;
	const struct accel_point *p;

	for (unsigned i = 0; i < d->npoints; i++) {
		p = &d->point[i];
		if (p->kind == ACCEL_POINT_EXECUTE && nbreaks < breaks)
			add_break(a, nbreaks++, p->addr);
		else if (p->kind != ACCEL_POINT_EXECUTE && nwatches < watches)
			add_watch(a, nwatches++, p);
		else
			return err_set(e, ENOSPC, "the processor has only %u "
			    "breakpoints and %u watchpoints", breaks,
			    watches);
	}
	return 0;
}

int
kvm_arch_debug(struct accel_vcpu *c, const struct accel_debug *d,
    struct err *e)
{
	struct kvm_guest_debug g = { .control = 0 };

	if (c->debug == NULL &&
	    (c->debug = calloc(1, sizeof(*c->debug))) == NULL)
		return err_sys(e, "debugger");
	if (d->on)
		g.control = KVM_GUESTDBG_ENABLE |
		    (d->step ? KVM_GUESTDBG_SINGLESTEP : 0) |
		    (d->breaks ? KVM_GUESTDBG_USE_SW_BP : 0) |
		    (d->npoints > 0 ? KVM_GUESTDBG_USE_HW : 0);
	if (add_points(&g.arch, c, d, e) == -1 ||
	    kvm_call(c->fd, KVM_SET_GUEST_DEBUG, &g, e) == -1)
		return -1;
	*c->debug = *d;
	return 0;
}

/*
 * Watchpoints.  The address that is told is one of the access: it may begin
 * before what is watched.  What else stopped it its program counter tells.
 */
unsigned
kvm_arch_hits(const struct accel_vcpu *c)
{
	const struct kvm_debug_exit_arch *x = &c->run->debug.arch;
	const struct accel_debug *d = c->debug;
	unsigned exact = 0, near = 0;

	if (d == NULL || x->hsr >> CLASS_SHIFT != CLASS_WATCHPOINT)
		return 0;
	for (unsigned i = 0; i < d->npoints; i++) {
		if (d->point[i].kind == ACCEL_POINT_EXECUTE)
			continue;
		if (x->far - d->point[i].addr < d->point[i].len)
			exact |= 1U << i;
		if (x->far - d->point[i].addr + NEAR < 2 * NEAR)
			near |= 1U << i;
	}
	return exact != 0 ? exact : near;
}

/* --- addresses ----------------------------------------------------------- */

static bool
read_table(void *arg, uint64_t gpa, uint64_t *ret)
{
	const struct accel_vm *vm = arg;
	const struct accel_memory *m;

	for (unsigned i = 0; i < ACCEL_SLOTS_MAX; i++) {
		m = &vm->slot[i];
		if (gpa < m->gpa || m->bytes < sizeof(*ret) ||
		    gpa - m->gpa > m->bytes - sizeof(*ret))
			continue;
		memcpy(ret, (const uint8_t *)m->host + (gpa - m->gpa),
		    sizeof(*ret));
		return true;
	}
	return false;
}

int
kvm_arch_translate(struct accel_vcpu *c, uint64_t va, uint64_t *ret,
    struct err *e)
{
	struct walk_arm64 w = { .read = read_table, .arg = c->vm };
	const char *no;

	if (kvm_arm64_get(c, ARM64_SYS_REG(3, 0, 1, 0, 0), &w.sctlr, e) ==
	    -1 ||
	    kvm_arm64_get(c, ARM64_SYS_REG(3, 0, 2, 0, 2), &w.tcr, e) == -1 ||
	    kvm_arm64_get(c, ARM64_SYS_REG(3, 0, 2, 0, 0), &w.ttbr[0], e) ==
	    -1 ||
	    kvm_arm64_get(c, ARM64_SYS_REG(3, 0, 2, 0, 1), &w.ttbr[1], e) ==
	    -1)
		return -1;
	if ((no = walk_arm64(&w, va, ret)) != NULL)
		return err_set(e, EFAULT, "%#llx: %s",
		    (unsigned long long)va, no);
	return 0;
}
