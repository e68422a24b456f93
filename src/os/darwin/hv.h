/* SPDX-License-Identifier: ISC */
/*
 * hv.h - Apple's Hypervisor.framework on Apple Silicon
 *
 * The interface as facts: what is used of it, written for this project, so
 * that nothing of Apple's is needed to build.  On macOS the framework is
 * behind it, in the tests for Linux a double (tests/double/hv), and one of a
 * few lines in unit tests.
 *
 * The programs run on macOS 13.  What came later is weak there: NULL where
 * the system has none, and looked at before it is called.
 *
 * A vCPU belongs to the thread that made it: calls that take a vcpu are that
 * thread's, but hv_vcpus_exit().  Everything else may be called by any.
 *
 * Source: Apple, Hypervisor framework (Apple Silicon).
 */

#ifndef OS_DARWIN_HV_H
#define OS_DARWIN_HV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __APPLE__
#define HV_NEWER	__attribute__((weak_import))
#else
#define HV_NEWER	__attribute__((weak))
#endif

typedef int32_t		hv_return_t;
typedef uint64_t	hv_vcpu_t;
typedef uint64_t	hv_ipa_t;
typedef uint64_t	hv_memory_flags_t;
typedef uint32_t	hv_exit_reason_t;
typedef uint32_t	hv_reg_t;
typedef uint32_t	hv_simd_fp_reg_t;
typedef uint16_t	hv_sys_reg_t;
typedef uint16_t	hv_gic_distributor_reg_t;
typedef uint32_t	hv_gic_redistributor_reg_t;
typedef uint16_t	hv_gic_icc_reg_t;

/* Travels in a vector register. */
typedef uint8_t	hv_simd_fp_uchar16_t __attribute__((vector_size(16)));

/* Objects of the system's, freed with os_release(). */
typedef struct hv_vm_config	*hv_vm_config_t;
typedef struct hv_vcpu_config	*hv_vcpu_config_t;
typedef struct hv_gic_config	*hv_gic_config_t;
typedef struct hv_gic_state	*hv_gic_state_t;

#define HV_SUCCESS	0
#define HV_CODE(n)	((hv_return_t)(0xfae94000U + (n)))
#define HV_ERROR	HV_CODE(0x01)
#define HV_BUSY		HV_CODE(0x02)	/* the process has a VM */
#define HV_BAD_ARGUMENT	HV_CODE(0x03)
#define HV_ILLEGAL_GUEST_STATE HV_CODE(0x04)
#define HV_NO_RESOURCES	HV_CODE(0x05)
#define HV_NO_DEVICE	HV_CODE(0x06)	/* the process has no VM */
#define HV_DENIED	HV_CODE(0x07)	/* no entitlement */
#define HV_UNSUPPORTED	HV_CODE(0x0f)

/* --- the VM and its memory ----------------------------------------------- */

#define HV_MEMORY_READ	1U
#define HV_MEMORY_WRITE	2U
#define HV_MEMORY_EXEC	4U

/* Addresses and lengths of guest memory are multiples of it. */
#define HV_PAGE		0x4000U

/* One a process. */
hv_return_t	hv_vm_create(hv_vm_config_t);	/* NULL: as it comes */
hv_return_t	hv_vm_destroy(void);
hv_return_t	hv_vm_map(void *, hv_ipa_t, size_t, hv_memory_flags_t);
hv_return_t	hv_vm_unmap(hv_ipa_t, size_t);
hv_return_t	hv_vm_protect(hv_ipa_t, size_t, hv_memory_flags_t);
hv_return_t	hv_vm_get_max_vcpu_count(uint32_t *);

hv_vm_config_t	hv_vm_config_create(void);
hv_return_t	hv_vm_config_get_max_ipa_size(uint32_t *bits);
hv_return_t	hv_vm_config_set_ipa_size(hv_vm_config_t, uint32_t bits);

/* --- a vCPU -------------------------------------------------------------- */

#define HV_EXIT_CANCELED	0	/* hv_vcpus_exit() */
#define HV_EXIT_EXCEPTION	1
#define HV_EXIT_VTIMER		2	/* and the timer is masked now */

typedef struct {
	hv_exit_reason_t	reason;
	struct {
		uint64_t	syndrome;	/* as ESR_EL2 has it */
		uint64_t	virtual_address;
		hv_ipa_t	physical_address;
	} exception;
} hv_vcpu_exit_t;

hv_return_t	hv_vcpu_create(hv_vcpu_t *, hv_vcpu_exit_t **,
		    hv_vcpu_config_t);
hv_return_t	hv_vcpu_destroy(hv_vcpu_t);
hv_return_t	hv_vcpu_run(hv_vcpu_t);
/* Those that run return; those that do not return at once when they will. */
hv_return_t	hv_vcpus_exit(hv_vcpu_t *, uint32_t n);

hv_return_t	hv_vcpu_get_reg(hv_vcpu_t, hv_reg_t, uint64_t *);
hv_return_t	hv_vcpu_set_reg(hv_vcpu_t, hv_reg_t, uint64_t);
hv_return_t	hv_vcpu_get_sys_reg(hv_vcpu_t, hv_sys_reg_t, uint64_t *);
hv_return_t	hv_vcpu_set_sys_reg(hv_vcpu_t, hv_sys_reg_t, uint64_t);
hv_return_t	hv_vcpu_get_simd_fp_reg(hv_vcpu_t, hv_simd_fp_reg_t,
		    hv_simd_fp_uchar16_t *);
hv_return_t	hv_vcpu_set_simd_fp_reg(hv_vcpu_t, hv_simd_fp_reg_t,
		    hv_simd_fp_uchar16_t);
/* Exceptions of breakpoints, watchpoints, steps and BRK end runs. */
hv_return_t	hv_vcpu_set_trap_debug_exceptions(hv_vcpu_t, bool);
/* So do accesses to MDSCR_EL1 and the registers of points. */
hv_return_t	hv_vcpu_set_trap_debug_reg_accesses(hv_vcpu_t, bool);
hv_return_t	hv_vcpu_set_vtimer_mask(hv_vcpu_t, bool);
/* The guest's counter is mach_absolute_time() less this. */
hv_return_t	hv_vcpu_get_vtimer_offset(hv_vcpu_t, uint64_t *);
hv_return_t	hv_vcpu_set_vtimer_offset(hv_vcpu_t, uint64_t);

/* Registers: 0 to 30 are X0 to X30, and 0 to 31 Q0 to Q31. */
#define HV_REG_X0	0
#define HV_REG_PC	31
#define HV_REG_FPCR	32
#define HV_REG_FPSR	33
#define HV_REG_CPSR	34
#define HV_QREGS	32

/* System registers are called by their encoding in MSR and MRS. */
#define HV_SYS_REG(op0, op1, crn, crm, op2)				\
	((hv_sys_reg_t)((op0) << 14 | (op1) << 11 | (crn) << 7 |	\
	    (crm) << 3 | (op2)))
#define HV_SYS_MDCCINT_EL1	HV_SYS_REG(2, 0, 0, 2, 0)
#define HV_SYS_MDSCR_EL1	HV_SYS_REG(2, 0, 0, 2, 2)
#define HV_SYS_DBGBVR_EL1(n)	HV_SYS_REG(2, 0, 0, (n), 4)
#define HV_SYS_DBGBCR_EL1(n)	HV_SYS_REG(2, 0, 0, (n), 5)
#define HV_SYS_DBGWVR_EL1(n)	HV_SYS_REG(2, 0, 0, (n), 6)
#define HV_SYS_DBGWCR_EL1(n)	HV_SYS_REG(2, 0, 0, (n), 7)
#define HV_SYS_MIDR_EL1		HV_SYS_REG(3, 0, 0, 0, 0)
#define HV_SYS_MPIDR_EL1	HV_SYS_REG(3, 0, 0, 0, 5)
#define HV_SYS_ID_AA64PFR0_EL1	HV_SYS_REG(3, 0, 0, 4, 0)
#define HV_SYS_ID_AA64PFR1_EL1	HV_SYS_REG(3, 0, 0, 4, 1)
#define HV_SYS_ID_AA64DFR0_EL1	HV_SYS_REG(3, 0, 0, 5, 0)
#define HV_SYS_ID_AA64DFR1_EL1	HV_SYS_REG(3, 0, 0, 5, 1)
#define HV_SYS_ID_AA64ISAR0_EL1	HV_SYS_REG(3, 0, 0, 6, 0)
#define HV_SYS_ID_AA64ISAR1_EL1	HV_SYS_REG(3, 0, 0, 6, 1)
#define HV_SYS_ID_AA64MMFR0_EL1	HV_SYS_REG(3, 0, 0, 7, 0)
#define HV_SYS_ID_AA64MMFR1_EL1	HV_SYS_REG(3, 0, 0, 7, 1)
#define HV_SYS_ID_AA64MMFR2_EL1	HV_SYS_REG(3, 0, 0, 7, 2)
#define HV_SYS_SCTLR_EL1	HV_SYS_REG(3, 0, 1, 0, 0)
#define HV_SYS_CPACR_EL1	HV_SYS_REG(3, 0, 1, 0, 2)
#define HV_SYS_TTBR0_EL1	HV_SYS_REG(3, 0, 2, 0, 0)
#define HV_SYS_TTBR1_EL1	HV_SYS_REG(3, 0, 2, 0, 1)
#define HV_SYS_TCR_EL1		HV_SYS_REG(3, 0, 2, 0, 2)
#define HV_SYS_APIAKEYLO_EL1	HV_SYS_REG(3, 0, 2, 1, 0)
#define HV_SYS_APIAKEYHI_EL1	HV_SYS_REG(3, 0, 2, 1, 1)
#define HV_SYS_APIBKEYLO_EL1	HV_SYS_REG(3, 0, 2, 1, 2)
#define HV_SYS_APIBKEYHI_EL1	HV_SYS_REG(3, 0, 2, 1, 3)
#define HV_SYS_APDAKEYLO_EL1	HV_SYS_REG(3, 0, 2, 2, 0)
#define HV_SYS_APDAKEYHI_EL1	HV_SYS_REG(3, 0, 2, 2, 1)
#define HV_SYS_APDBKEYLO_EL1	HV_SYS_REG(3, 0, 2, 2, 2)
#define HV_SYS_APDBKEYHI_EL1	HV_SYS_REG(3, 0, 2, 2, 3)
#define HV_SYS_APGAKEYLO_EL1	HV_SYS_REG(3, 0, 2, 3, 0)
#define HV_SYS_APGAKEYHI_EL1	HV_SYS_REG(3, 0, 2, 3, 1)
#define HV_SYS_SPSR_EL1		HV_SYS_REG(3, 0, 4, 0, 0)
#define HV_SYS_ELR_EL1		HV_SYS_REG(3, 0, 4, 0, 1)
#define HV_SYS_SP_EL0		HV_SYS_REG(3, 0, 4, 1, 0)
#define HV_SYS_AFSR0_EL1	HV_SYS_REG(3, 0, 5, 1, 0)
#define HV_SYS_AFSR1_EL1	HV_SYS_REG(3, 0, 5, 1, 1)
#define HV_SYS_ESR_EL1		HV_SYS_REG(3, 0, 5, 2, 0)
#define HV_SYS_FAR_EL1		HV_SYS_REG(3, 0, 6, 0, 0)
#define HV_SYS_PAR_EL1		HV_SYS_REG(3, 0, 7, 4, 0)
#define HV_SYS_MAIR_EL1		HV_SYS_REG(3, 0, 10, 2, 0)
#define HV_SYS_AMAIR_EL1	HV_SYS_REG(3, 0, 10, 3, 0)
#define HV_SYS_VBAR_EL1		HV_SYS_REG(3, 0, 12, 0, 0)
#define HV_SYS_CONTEXTIDR_EL1	HV_SYS_REG(3, 0, 13, 0, 1)
#define HV_SYS_TPIDR_EL1	HV_SYS_REG(3, 0, 13, 0, 4)
#define HV_SYS_CNTKCTL_EL1	HV_SYS_REG(3, 0, 14, 1, 0)
#define HV_SYS_CSSELR_EL1	HV_SYS_REG(3, 2, 0, 0, 0)
#define HV_SYS_TPIDR_EL0	HV_SYS_REG(3, 3, 13, 0, 2)
#define HV_SYS_TPIDRRO_EL0	HV_SYS_REG(3, 3, 13, 0, 3)
#define HV_SYS_CNTV_CTL_EL0	HV_SYS_REG(3, 3, 14, 3, 1)
#define HV_SYS_CNTV_CVAL_EL0	HV_SYS_REG(3, 3, 14, 3, 2)
#define HV_SYS_SP_EL1		HV_SYS_REG(3, 4, 4, 1, 0)

/* --- interrupt controller: GICv3 and a frame for messages; macOS 15 ------ */

/* Made after the VM and before the first vCPU. */
hv_gic_config_t	hv_gic_config_create(void) HV_NEWER;
hv_return_t	hv_gic_config_set_distributor_base(hv_gic_config_t,
		    hv_ipa_t) HV_NEWER;
hv_return_t	hv_gic_config_set_redistributor_base(hv_gic_config_t,
		    hv_ipa_t) HV_NEWER;
hv_return_t	hv_gic_config_set_msi_region_base(hv_gic_config_t,
		    hv_ipa_t) HV_NEWER;
hv_return_t	hv_gic_config_set_msi_interrupt_range(hv_gic_config_t,
		    uint32_t first, uint32_t count) HV_NEWER;
hv_return_t	hv_gic_create(hv_gic_config_t) HV_NEWER;
hv_return_t	hv_gic_reset(void) HV_NEWER;

/* intid: 32 and up.  One that is edge-triggered is sent by true. */
hv_return_t	hv_gic_set_spi(uint32_t intid, bool level) HV_NEWER;
/* address: of the frame's register that takes messages. */
hv_return_t	hv_gic_send_msi(hv_ipa_t address, uint32_t intid) HV_NEWER;
#define HV_GIC_MSI_SET_SPI	0x40	/* that register, in the frame */

hv_return_t	hv_gic_get_redistributor_base(hv_vcpu_t, hv_ipa_t *) HV_NEWER;
hv_return_t	hv_gic_set_redistributor_reg(hv_vcpu_t,
		    hv_gic_redistributor_reg_t, uint64_t) HV_NEWER;
#define HV_GICR_ISPENDR0	0x10200

/* The CPU interface, by the encoding of its system registers. */
hv_return_t	hv_gic_get_icc_reg(hv_vcpu_t, hv_gic_icc_reg_t, uint64_t *)
		    HV_NEWER;
hv_return_t	hv_gic_set_icc_reg(hv_vcpu_t, hv_gic_icc_reg_t, uint64_t)
		    HV_NEWER;
#define HV_ICC_PMR_EL1		HV_SYS_REG(3, 0, 4, 6, 0)
#define HV_ICC_BPR0_EL1		HV_SYS_REG(3, 0, 12, 8, 3)
#define HV_ICC_AP0R0_EL1	HV_SYS_REG(3, 0, 12, 8, 4)
#define HV_ICC_AP1R0_EL1	HV_SYS_REG(3, 0, 12, 9, 0)
#define HV_ICC_BPR1_EL1		HV_SYS_REG(3, 0, 12, 12, 3)
#define HV_ICC_CTLR_EL1		HV_SYS_REG(3, 0, 12, 12, 4)
#define HV_ICC_SRE_EL1		HV_SYS_REG(3, 0, 12, 12, 5)
#define HV_ICC_IGRPEN0_EL1	HV_SYS_REG(3, 0, 12, 12, 6)
#define HV_ICC_IGRPEN1_EL1	HV_SYS_REG(3, 0, 12, 12, 7)

/*
 * All else of it, as bytes that only the system understands.  Taken while
 * no vCPU runs; set when all vCPUs are there and none has run.
 */
hv_gic_state_t	hv_gic_state_create(void) HV_NEWER;
hv_return_t	hv_gic_state_get_size(hv_gic_state_t, size_t *) HV_NEWER;
hv_return_t	hv_gic_state_get_data(hv_gic_state_t, void *) HV_NEWER;
hv_return_t	hv_gic_set_state(const void *, size_t) HV_NEWER;

/* --- of the system beside it --------------------------------------------- */

void	os_release(void *);

/* Ticks that only go forward, and the nanoseconds of one: numer / denom. */
struct mach_timebase_info {
	uint32_t	numer;
	uint32_t	denom;
};
uint64_t mach_absolute_time(void);
int	 mach_timebase_info(struct mach_timebase_info *);

#endif
