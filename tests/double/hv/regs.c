/* SPDX-License-Identifier: ISC */
/*
 * regs.c - registers of the double's vCPUs; see double.h
 *
 * A system register has the same number in the framework and in KVM, but for
 * those that KVM counts among the others.
 */

#include <sys/ioctl.h>

#include <stddef.h>
#include <string.h>

#include "double.h"

static int
one(struct vcpu *v, unsigned long request, uint64_t id, void *value)
{
	struct kvm_one_reg r = { .id = id, .addr = (uintptr_t)value };

	return ioctl(v->fd, request, &r);
}

static hv_return_t
result(int r)
{
	return r == -1 ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

/* A vCPU whose access is done with, but that KVM does not know of yet. */
static struct vcpu *
settled(hv_vcpu_t id)
{
	struct vcpu *v = own(id);

	settle(v);
	return v;
}

/* --- general registers --------------------------------------------------- */

#define CORE(field, size)						\
	(KVM_REG_ARM64 | (size) | KVM_REG_ARM_CORE |			\
	    KVM_REG_ARM_CORE_REG(field))
#define CORE64(field)	CORE(field, KVM_REG_SIZE_U64)
#define CORE32(field)	CORE(field, KVM_REG_SIZE_U32)

static uint64_t
core(hv_reg_t r)
{
	switch (r) {
	case HV_REG_PC:
		return CORE64(regs.pc);
	case HV_REG_CPSR:
		return CORE64(regs.pstate);
	case HV_REG_FPCR:
		return CORE32(fp_regs.fpcr);
	case HV_REG_FPSR:
		return CORE32(fp_regs.fpsr);
	default:
		if (r > 30)
			violated("register %u", r);
		return CORE64(regs.regs[0]) + 2 * r;
	}
}

hv_return_t
hv_vcpu_get_reg(hv_vcpu_t id, hv_reg_t r, uint64_t *ret)
{
	struct vcpu *v = settled(id);

	*ret = 0;
	if (v->duty == DUTY_STORE && r < ZERO && r == v->rt) {
		memcpy(ret, v->run->mmio.data, v->run->mmio.len);
		return HV_SUCCESS;
	}
	if (v->duty != DUTY_NONE && r == HV_REG_PC) {
		*ret = v->stepped ? v->pc + 4 : v->pc;
		return HV_SUCCESS;
	}
	return result(one(v, KVM_GET_ONE_REG, core(r), ret));
}

/* Is it what a load of these bytes leaves in a register? */
static void
check_loaded(const struct vcpu *v, uint64_t value)
{
	unsigned bits = v->run->mmio.len * 8;
	uint64_t is = value;

	if (bits < 64) {
		is &= (1ULL << bits) - 1;
		if (v->sign && (is >> (bits - 1) & 1) != 0)
			is |= ~((1ULL << bits) - 1);
	}
	if (!v->wide)
		is = (uint32_t)is;
	if (is != value)
		violated("vCPU %u: a load of %u bytes left %#llx", v->id,
		    v->run->mmio.len, (unsigned long long)value);
}

static void
step(struct vcpu *v, uint64_t pc)
{
	if (pc != v->pc + 4)
		violated("vCPU %u goes on at %#llx after %#llx", v->id,
		    (unsigned long long)pc, (unsigned long long)v->pc);
	if (v->duty == DUTY_STEP &&
	    one(v, KVM_SET_ONE_REG, core(HV_REG_PC), &pc) == -1)
		violated("the program counter cannot be set");
	v->stepped = true;
}

hv_return_t
hv_vcpu_set_reg(hv_vcpu_t id, hv_reg_t r, uint64_t value)
{
	struct vcpu *v = settled(id);

	if (v->duty == DUTY_LOAD && r < ZERO && r == v->rt) {
		check_loaded(v, value);
		memcpy(v->run->mmio.data, &value, v->run->mmio.len);
		v->loaded = true;
		return HV_SUCCESS;
	}
	if (v->duty != DUTY_NONE && r == HV_REG_PC) {
		step(v, value);
		return HV_SUCCESS;
	}
	if (v->called && r == HV_REG_PC && value == v->pc + 4)
		violated("vCPU %u goes on at %#llx: HVC had left it at %#llx",
		    v->id, (unsigned long long)value,
		    (unsigned long long)v->pc);
	return result(one(v, KVM_SET_ONE_REG, core(r), &value));
}

static uint64_t
simd(hv_simd_fp_reg_t r)
{
	return CORE(fp_regs.vregs[0], KVM_REG_SIZE_U128) + 4 * r;
}

hv_return_t
hv_vcpu_get_simd_fp_reg(hv_vcpu_t id, hv_simd_fp_reg_t r,
    hv_simd_fp_uchar16_t *ret)
{
	return result(one(settled(id), KVM_GET_ONE_REG, simd(r), ret));
}

hv_return_t
hv_vcpu_set_simd_fp_reg(hv_vcpu_t id, hv_simd_fp_reg_t r,
    hv_simd_fp_uchar16_t value)
{
	return result(one(settled(id), KVM_SET_ONE_REG, simd(r), &value));
}

/* --- system registers ---------------------------------------------------- */

static uint64_t
number(hv_sys_reg_t r)
{
	switch (r) {
	case HV_SYS_SP_EL0:
		return CORE64(regs.sp);
	case HV_SYS_SP_EL1:
		return CORE64(sp_el1);
	case HV_SYS_ELR_EL1:
		return CORE64(elr_el1);
	case HV_SYS_SPSR_EL1:
		return CORE64(spsr[0]);
	case HV_SYS_CNTV_CTL_EL0:
		return KVM_REG_ARM_TIMER_CTL;
	case HV_SYS_CNTV_CVAL_EL0:
		return KVM_REG_ARM_TIMER_CVAL;
	default:
		return KVM_REG_ARM64 | KVM_REG_SIZE_U64 |
		    KVM_REG_ARM64_SYSREG | r;
	}
}

/* op0 3, op1 0, CRn 0, CRm 1 to 7. */
static bool
identification(hv_sys_reg_t r)
{
	return (r & 0xff80) == 0xc000 && (r & 0x78) != 0;
}

static bool
shadowed(struct vcpu *v, hv_sys_reg_t r, uint64_t *ret)
{
	for (unsigned i = 0; i < v->nshadows; i++)
		if (v->shadow[i].reg == r) {
			*ret = v->shadow[i].value;
			return true;
		}
	return false;
}

/* A register that a debugger has; or NULL. */
static uint64_t *
debuggers(struct vcpu *v, hv_sys_reg_t r)
{
	if (!v->debugger)
		return NULL;
	if (r == HV_SYS_MDSCR_EL1)
		return &v->mdscr;
	return (r & 0xff84) == HV_SYS_DBGBVR_EL1(0) ?
	    &v->point[r & 3][r >> 3 & 15] : NULL;
}

hv_return_t
hv_vcpu_get_sys_reg(hv_vcpu_t id, hv_sys_reg_t r, uint64_t *ret)
{
	struct vcpu *v = settled(id);

	if (shadowed(v, r, ret))
		return HV_SUCCESS;
	if (debuggers(v, r) != NULL) {
		*ret = *debuggers(v, r);
		return HV_SUCCESS;
	}
	return result(one(v, KVM_GET_ONE_REG, number(r), ret));
}

/* KVM numbers vCPUs as it likes, which is how we do. */
static hv_return_t
set_affinity(struct vcpu *v, uint64_t value)
{
	uint64_t is = (v->id & 0xf) | (uint64_t)(v->id >> 4) << 8;

	if ((value & 0xff00ffffffULL) != is)
		violated("vCPU %u cannot be %#llx here", v->id,
		    (unsigned long long)value);
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_set_sys_reg(hv_vcpu_t id, hv_sys_reg_t r, uint64_t value)
{
	struct vcpu *v = settled(id);

	if (v->ran && (r == HV_SYS_MPIDR_EL1 || identification(r)))
		violated("vCPU %u has run: register %#x is fixed", v->id, r);
	if (r == HV_SYS_MPIDR_EL1)
		return set_affinity(v, value);
	if (debuggers(v, r) != NULL) {
		*debuggers(v, r) = value;
		return HV_SUCCESS;
	}
	if (one(v, KVM_SET_ONE_REG, number(r), &value) == 0)
		return HV_SUCCESS;
	if (!identification(r) || v->nshadows == SHADOWS_MAX)
		return HV_BAD_ARGUMENT;
	v->shadow[v->nshadows].reg = r;
	v->shadow[v->nshadows++].value = value;
	return HV_SUCCESS;
}

/* --- a debugger ----------------------------------------------------------- */

hv_return_t
hv_vcpu_set_trap_debug_exceptions(hv_vcpu_t id, bool on)
{
	struct vcpu *v = settled(id);

	if (on && !v->debugger) {
		memset(v->point, 0, sizeof(v->point));
		v->mdscr = 0;
	}
	v->debugger = on;
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_set_trap_debug_reg_accesses(hv_vcpu_t id, bool on)
{
	(void)own(id);
	(void)on;
	return HV_SUCCESS;
}

/* --- the timer ----------------------------------------------------------- */

hv_return_t
hv_vcpu_set_vtimer_mask(hv_vcpu_t id, bool masked)
{
	(void)own(id);
	return masked ? HV_UNSUPPORTED : HV_SUCCESS;
}

/* One counter for all vCPUs: the first one sets it, the others agree. */
hv_return_t
hv_vcpu_set_vtimer_offset(hv_vcpu_t id, uint64_t offset)
{
	static uint64_t is;
	struct vcpu *v = settled(id);
	uint64_t count;

	if (offset == is)
		return HV_SUCCESS;
	is = offset;
	count = mach_absolute_time() - offset;
	return result(one(v, KVM_SET_ONE_REG, KVM_REG_ARM_TIMER_CNT, &count));
}
