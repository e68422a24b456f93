/* SPDX-License-Identifier: ISC */
/*
 * kvm_arm64_debug.c - Linux KVM on arm64: what debuggers want
 *
 * KVM has no call that translates an address: its tables are walked here.
 *
 * Source: Linux, Documentation/virt/kvm/api.rst, section 4.87
 * (SET_GUEST_DEBUG); Arm Architecture Reference Manual (DDI 0487), section
 * D24.2 (ESR_EL2).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/debug_arm64.h"
#include "accel/kvm_arm64.h"
#include "accel/walk_arm64.h"
#include "lib/util.h"

#define CLASS_SHIFT	26		/* of the syndrome */
#define CLASS_WATCHPOINT 0x34U

/* --- points -------------------------------------------------------------- */

static int
add_points(struct kvm_guest_debug_arch *a, struct accel_vcpu *c,
    const struct accel_debug *d, struct err *e)
{
	unsigned breaks = (unsigned)kvm_has(c->vm->fd,
	    KVM_CAP_GUEST_DEBUG_HW_BPS);
	unsigned watches = (unsigned)kvm_has(c->vm->fd,
	    KVM_CAP_GUEST_DEBUG_HW_WPS);
	struct debug_arm64 r;

	if (debug_arm64_points(&r, d, breaks, watches, e) == -1)
		return -1;
	memcpy(a->dbg_bvr, r.reg[DEBUG_BVR], sizeof(a->dbg_bvr));
	memcpy(a->dbg_bcr, r.reg[DEBUG_BCR], sizeof(a->dbg_bcr));
	memcpy(a->dbg_wvr, r.reg[DEBUG_WVR], sizeof(a->dbg_wvr));
	memcpy(a->dbg_wcr, r.reg[DEBUG_WCR], sizeof(a->dbg_wcr));
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

/* What is no watchpoint's its program counter tells. */
unsigned
kvm_arch_hits(const struct accel_vcpu *c)
{
	const struct kvm_debug_exit_arch *x = &c->run->debug.arch;

	if (c->debug == NULL || x->hsr >> CLASS_SHIFT != CLASS_WATCHPOINT)
		return 0;
	return debug_arm64_hits(c->debug, x->far);
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
