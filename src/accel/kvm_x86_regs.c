/* SPDX-License-Identifier: ISC */
/*
 * kvm_x86_regs.c - Linux KVM on x86: registers, and what debuggers want
 *
 * Source: Linux, Documentation/virt/kvm/api.rst; Intel SDM volume 3,
 * section 18.2 (debug registers).
 */

#include <errno.h>
#include <stddef.h>

#include "accel/kvm_x86.h"
#include "lib/util.h"

#define DEBUG_REGISTERS	4

/* Where KVM has what we number. */
static const size_t gprs[X86_GPRS] = {
	[X86_RAX] = offsetof(struct kvm_regs, rax),
	[X86_RBX] = offsetof(struct kvm_regs, rbx),
	[X86_RCX] = offsetof(struct kvm_regs, rcx),
	[X86_RDX] = offsetof(struct kvm_regs, rdx),
	[X86_RSI] = offsetof(struct kvm_regs, rsi),
	[X86_RDI] = offsetof(struct kvm_regs, rdi),
	[X86_RBP] = offsetof(struct kvm_regs, rbp),
	[X86_RSP] = offsetof(struct kvm_regs, rsp),
	[X86_R8] = offsetof(struct kvm_regs, r8),
	[X86_R9] = offsetof(struct kvm_regs, r9),
	[X86_R10] = offsetof(struct kvm_regs, r10),
	[X86_R11] = offsetof(struct kvm_regs, r11),
	[X86_R12] = offsetof(struct kvm_regs, r12),
	[X86_R13] = offsetof(struct kvm_regs, r13),
	[X86_R14] = offsetof(struct kvm_regs, r14),
	[X86_R15] = offsetof(struct kvm_regs, r15),
};

static const size_t segments[X86_SEGS] = {
	[X86_CS] = offsetof(struct kvm_sregs, cs),
	[X86_SS] = offsetof(struct kvm_sregs, ss),
	[X86_DS] = offsetof(struct kvm_sregs, ds),
	[X86_ES] = offsetof(struct kvm_sregs, es),
	[X86_FS] = offsetof(struct kvm_sregs, fs),
	[X86_GS] = offsetof(struct kvm_sregs, gs),
	[X86_LDTR] = offsetof(struct kvm_sregs, ldt),
	[X86_TR] = offsetof(struct kvm_sregs, tr),
};

static uint64_t *
gpr(struct kvm_regs *r, unsigned n)
{
	return (uint64_t *)(void *)((char *)r + gprs[n]);
}

static struct kvm_segment *
segment(struct kvm_sregs *s, unsigned n)
{
	return (struct kvm_segment *)(void *)((char *)s + segments[n]);
}

static void
get_segment(struct x86_segment *to, const struct kvm_segment *s)
{
	to->base = s->base;
	to->limit = s->limit;
	to->selector = s->selector;
	to->flags = (uint16_t)((s->type & 15) | (s->s & 1) << 4 |
	    (s->dpl & 3) << 5 | (s->present & 1) << 7 | (s->avl & 1) << 12 |
	    (s->l & 1) << 13 | (s->db & 1) << 14 | (s->g & 1) << 15);
	to->unusable = s->unusable != 0;
}

static void
set_segment(struct kvm_segment *to, const struct x86_segment *s)
{
	*to = (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->flags & 15,
		.s = s->flags >> 4 & 1,
		.dpl = s->flags >> 5 & 3,
		.present = s->flags >> 7 & 1,
		.avl = s->flags >> 12 & 1,
		.l = s->flags >> 13 & 1,
		.db = s->flags >> 14 & 1,
		.g = s->flags >> 15 & 1,
		.unusable = s->unusable,
	};
}

int
kvm_x86_get_regs(struct accel_vcpu *c, struct x86_regs *ret, struct err *e)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (kvm_call(c->fd, KVM_GET_REGS, &r, e) == -1 ||
	    kvm_call(c->fd, KVM_GET_SREGS, &s, e) == -1)
		return -1;
	for (unsigned i = 0; i < X86_GPRS; i++)
		ret->gpr[i] = *gpr(&r, i);
	for (unsigned i = 0; i < X86_SEGS; i++)
		get_segment(&ret->seg[i], segment(&s, i));
	ret->rip = r.rip;
	ret->rflags = r.rflags;
	ret->gdt = (struct x86_table){ s.gdt.base, s.gdt.limit };
	ret->idt = (struct x86_table){ s.idt.base, s.idt.limit };
	ret->cr0 = s.cr0;
	ret->cr2 = s.cr2;
	ret->cr3 = s.cr3;
	ret->cr4 = s.cr4;
	ret->cr8 = s.cr8;
	ret->efer = s.efer;
	return 0;
}

int
kvm_x86_set_regs(struct accel_vcpu *c, const struct x86_regs *x,
    struct err *e)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	/* The LAPIC's address and a pending interrupt stay. */
	if (kvm_call(c->fd, KVM_GET_SREGS, &s, e) == -1)
		return -1;
	for (unsigned i = 0; i < X86_GPRS; i++)
		*gpr(&r, i) = x->gpr[i];
	for (unsigned i = 0; i < X86_SEGS; i++)
		set_segment(segment(&s, i), &x->seg[i]);
	r.rip = x->rip;
	r.rflags = x->rflags | 2;
	s.gdt.base = x->gdt.base;
	s.gdt.limit = x->gdt.limit;
	s.idt.base = x->idt.base;
	s.idt.limit = x->idt.limit;
	s.cr0 = x->cr0;
	s.cr2 = x->cr2;
	s.cr3 = x->cr3;
	s.cr4 = x->cr4;
	s.cr8 = x->cr8;
	s.efer = x->efer;
	if (kvm_call(c->fd, KVM_SET_SREGS, &s, e) == -1)
		return -1;
	return kvm_call(c->fd, KVM_SET_REGS, &r, e);
}

/* DR7: two bits what for, two how many bytes, and one that it is on. */
static uint64_t
dr7(const struct accel_point *p, unsigned n)
{
	static const uint64_t kinds[] = { [ACCEL_POINT_EXECUTE] = 0,
		[ACCEL_POINT_WRITE] = 1, [ACCEL_POINT_ACCESS] = 3 };
	uint64_t len = p->len == 8 ? 2 : p->len - 1U;

	return 2ULL << (2 * n) | kinds[p->kind] << (16 + 4 * n) |
	    len << (18 + 4 * n);
}

int
kvm_arch_debug(struct accel_vcpu *c, const struct accel_debug *d,
    struct err *e)
{
	struct kvm_guest_debug g = { .control = 0 };

	if (d->npoints > DEBUG_REGISTERS)
		return err_set(e, ENOSPC, "the processor has only %d "
		    "breakpoints", DEBUG_REGISTERS);
	for (unsigned i = 0; i < d->npoints; i++)
		if (d->point[i].kind == ACCEL_POINT_READ)
			return err_set(e, ENOTSUP, "the processor does not "
			    "stop at reads alone");
	if (d->on)
		g.control = KVM_GUESTDBG_ENABLE |
		    (d->step ? KVM_GUESTDBG_SINGLESTEP : 0) |
		    (d->breaks ? KVM_GUESTDBG_USE_SW_BP : 0) |
		    (d->npoints > 0 ? KVM_GUESTDBG_USE_HW_BP : 0);
	/* Bit 10 is always set, 9 is exact. */
	g.arch.debugreg[7] = 0x600;
	for (unsigned i = 0; i < d->npoints; i++) {
		g.arch.debugreg[i] = d->point[i].addr;
		g.arch.debugreg[7] |= dr7(&d->point[i], i);
	}
	return kvm_call(c->fd, KVM_SET_GUEST_DEBUG, &g, e);
}

int
kvm_arch_translate(struct accel_vcpu *c, uint64_t va, uint64_t *ret,
    struct err *e)
{
	struct kvm_translation t = { .linear_address = va };

	if (kvm_call(c->fd, KVM_TRANSLATE, &t, e) == -1)
		return -1;
	if (!t.valid)
		return err_set(e, EFAULT, "%#llx is not mapped",
		    (unsigned long long)va);
	*ret = t.physical_address;
	return 0;
}
