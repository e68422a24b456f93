/* SPDX-License-Identifier: ISC */
/*
 * hvf_state.c - snapshots of a VM of Hypervisor.framework
 *
 *	VM	format, count (the guest's counter, in ticks), taken (when, in
 *		microseconds of the host's clock), gic (bytes of the system's)
 *	vCPU	format, ids (what the guest was told of its processor), power,
 *		core, simd, sys, debug, icc
 *
 * Registers are 8 bytes each, little-endian, in the order of the tables
 * below; another order is another format.  Not in it: the physical timer,
 * which guests at EL1 leave alone, and SME, which they are not shown.
 */

#include <sys/time.h>

#include <errno.h>
#include <string.h>

#include "accel/hvf.h"
#include "accel/state.h"
#include "lib/json.h"
#include "lib/util.h"

#define FORMAT		"hvf arm64 1"
#define CORE		35		/* X0 to X30, PC, FPCR, FPSR, CPSR */
#define SCTLR_RESET	0x30900180ULL	/* bits that are one, SPAN; no MMU */

/* What a guest was told stays true. */
static const hv_sys_reg_t ids[] = {
	HV_SYS_MIDR_EL1,
	HV_SYS_ID_AA64PFR0_EL1,
	HV_SYS_ID_AA64PFR1_EL1,
	HV_SYS_ID_AA64DFR0_EL1,
	HV_SYS_ID_AA64DFR1_EL1,
	HV_SYS_ID_AA64ISAR0_EL1,
	HV_SYS_ID_AA64ISAR1_EL1,
	HV_SYS_ID_AA64MMFR0_EL1,
	HV_SYS_ID_AA64MMFR1_EL1,
	HV_SYS_ID_AA64MMFR2_EL1,
};

/* The timer at last: what it compares with is there before. */
static const hv_sys_reg_t sys[] = {
	HV_SYS_SCTLR_EL1,
	HV_SYS_CPACR_EL1,
	HV_SYS_TTBR0_EL1,
	HV_SYS_TTBR1_EL1,
	HV_SYS_TCR_EL1,
	HV_SYS_APIAKEYLO_EL1,
	HV_SYS_APIAKEYHI_EL1,
	HV_SYS_APIBKEYLO_EL1,
	HV_SYS_APIBKEYHI_EL1,
	HV_SYS_APDAKEYLO_EL1,
	HV_SYS_APDAKEYHI_EL1,
	HV_SYS_APDBKEYLO_EL1,
	HV_SYS_APDBKEYHI_EL1,
	HV_SYS_APGAKEYLO_EL1,
	HV_SYS_APGAKEYHI_EL1,
	HV_SYS_SPSR_EL1,
	HV_SYS_ELR_EL1,
	HV_SYS_SP_EL0,
	HV_SYS_SP_EL1,
	HV_SYS_AFSR0_EL1,
	HV_SYS_AFSR1_EL1,
	HV_SYS_ESR_EL1,
	HV_SYS_FAR_EL1,
	HV_SYS_PAR_EL1,
	HV_SYS_MAIR_EL1,
	HV_SYS_AMAIR_EL1,
	HV_SYS_VBAR_EL1,
	HV_SYS_CONTEXTIDR_EL1,
	HV_SYS_TPIDR_EL1,
	HV_SYS_TPIDR_EL0,
	HV_SYS_TPIDRRO_EL0,
	HV_SYS_CNTKCTL_EL1,
	HV_SYS_CSSELR_EL1,
	HV_SYS_MDSCR_EL1,
	HV_SYS_MDCCINT_EL1,
	HV_SYS_CNTV_CVAL_EL0,
	HV_SYS_CNTV_CTL_EL0,
};

/* The CPU interface; SRE says how the others are reached. */
static const hv_gic_icc_reg_t icc[] = {
	HV_ICC_SRE_EL1,
	HV_ICC_CTLR_EL1,
	HV_ICC_PMR_EL1,
	HV_ICC_BPR0_EL1,
	HV_ICC_BPR1_EL1,
	HV_ICC_AP0R0_EL1,
	HV_ICC_AP1R0_EL1,
	HV_ICC_IGRPEN0_EL1,
	HV_ICC_IGRPEN1_EL1,
};

/* Of these, what makes one quiet. */
static const hv_gic_icc_reg_t quiet[] = {
	HV_ICC_IGRPEN0_EL1,
	HV_ICC_IGRPEN1_EL1,
	HV_ICC_PMR_EL1,
	HV_ICC_AP0R0_EL1,
	HV_ICC_AP1R0_EL1,
};

/* --- tables --------------------------------------------------------------- */

static int
put_words(json_t *o, const char *name, const uint64_t *word, unsigned n,
    struct err *e)
{
	return state_put(o, name, word, n * sizeof(*word), e);
}

static int
get_words(const json_t *o, const char *name, uint64_t *word, unsigned n,
    struct err *e)
{
	return state_get(o, name, word, n * sizeof(*word), e);
}

static void
get_all(struct accel_vcpu *c, const hv_sys_reg_t *reg, unsigned n,
    uint64_t *ret)
{
	for (unsigned i = 0; i < n; i++)
		ret[i] = hvf_own_get(c, reg[i]);
}

static void
set_all(struct accel_vcpu *c, const hv_sys_reg_t *reg, unsigned n,
    const uint64_t *value)
{
	for (unsigned i = 0; i < n; i++)
		hvf_own_set(c, reg[i], value[i]);
}

/* --- breakpoints and watchpoints ------------------------------------------ */

#define DEBUG_MAX	(4 * 16)

/* Values before controls: a point that is on means what it shall. */
static unsigned
debug_list(struct accel_vcpu *c, hv_sys_reg_t ret[DEBUG_MAX])
{
	unsigned n = 0, breaks, watches;

	hvf_points(c, &breaks, &watches);
	for (unsigned i = 0; i < breaks; i++) {
		ret[n++] = HV_SYS_DBGBVR_EL1(i);
		ret[n++] = HV_SYS_DBGBCR_EL1(i);
	}
	for (unsigned i = 0; i < watches; i++) {
		ret[n++] = HV_SYS_DBGWVR_EL1(i);
		ret[n++] = HV_SYS_DBGWCR_EL1(i);
	}
	return n;
}

/* --- floating point ------------------------------------------------------- */

static void
get_simd(struct accel_vcpu *c, uint8_t ret[HV_QREGS][16])
{
	hv_simd_fp_uchar16_t q = { 0 };

	for (unsigned i = 0; i < HV_QREGS; i++) {
		hvf_did(c, hv_vcpu_get_simd_fp_reg(c->hv, i, &q),
		    "hv_vcpu_get_simd_fp_reg");
		memcpy(ret[i], &q, sizeof(q));
	}
}

static void
set_simd(struct accel_vcpu *c, uint8_t value[HV_QREGS][16])
{
	hv_simd_fp_uchar16_t q;

	for (unsigned i = 0; i < HV_QREGS; i++) {
		memcpy(&q, value[i], sizeof(q));
		hvf_did(c, hv_vcpu_set_simd_fp_reg(c->hv, i, q),
		    "hv_vcpu_set_simd_fp_reg");
	}
}

/* --- reset ---------------------------------------------------------------- */

static void
set_offset(struct accel_vcpu *c)
{
	hvf_did(c, hv_vcpu_set_vtimer_offset(c->hv, c->vm->offset),
	    "hv_vcpu_set_vtimer_offset");
	hvf_did(c, hv_vcpu_set_vtimer_mask(c->hv, false),
	    "hv_vcpu_set_vtimer_mask");
	c->timer_masked = false;
}

void
hvf_state_reset(struct accel_vcpu *c)
{
	uint8_t simd[HV_QREGS][16] = { { 0 } };
	hv_sys_reg_t debug[DEBUG_MAX];
	unsigned n = debug_list(c, debug);

	set_offset(c);
	for (unsigned i = 0; i < CORE; i++)
		hvf_set(c, i, i == HV_REG_CPSR ? ARM64_PSTATE_EL1 : 0);
	set_simd(c, simd);
	for (unsigned i = 0; i < COUNT(sys); i++)
		hvf_own_set(c, sys[i], sys[i] == HV_SYS_SCTLR_EL1 ?
		    SCTLR_RESET : 0);
	for (unsigned i = 0; i < n; i++)
		hvf_own_set(c, debug[i], 0);
	for (unsigned i = 0; c->used && i < COUNT(quiet); i++)
		hvf_did(c, hv_gic_set_icc_reg(c->hv, quiet[i], 0),
		    "hv_gic_set_icc_reg");
}

/* --- a vCPU --------------------------------------------------------------- */

static json_t *
new_state(struct err *e)
{
	own_json json_t *o = json_object();

	if (json_object_set_new(o, "format", json_string(FORMAT)) == -1) {
		(void)err_set(e, ENOMEM, "state: out of memory");
		return NULL;
	}
	return take(&o);
}

static int
check_format(const json_t *o, struct err *e)
{
	const char *is = NULL;

	if (json_get_str(&is, o, "format", 64, e) == -1)
		return -1;
	if (is == NULL || strcmp(is, FORMAT) != 0)
		return err_set(e, ENOTSUP, "state: is not of the format \"%s\"",
		    FORMAT);
	return 0;
}

static int
save_power(struct accel_vcpu *c, json_t *o, struct err *e)
{
	uint64_t power[3] = { c->power, c->entry, c->context };

	return put_words(o, "power", power, COUNT(power), e);
}

static int
save_core(struct accel_vcpu *c, json_t *o, struct err *e)
{
	uint8_t simd[HV_QREGS][16];
	uint64_t core[CORE];

	for (unsigned i = 0; i < CORE; i++)
		core[i] = hvf_get(c, i);
	get_simd(c, simd);
	if (put_words(o, "core", core, CORE, e) == -1)
		return -1;
	return state_put(o, "simd", simd, sizeof(simd), e);
}

static int
save_sys(struct accel_vcpu *c, json_t *o, struct err *e)
{
	uint64_t value[COUNT(sys)], debug[DEBUG_MAX], id[COUNT(ids)];
	hv_sys_reg_t list[DEBUG_MAX];
	unsigned n = debug_list(c, list);

	get_all(c, ids, COUNT(ids), id);
	get_all(c, sys, COUNT(sys), value);
	get_all(c, list, n, debug);
	if (put_words(o, "ids", id, COUNT(ids), e) == -1 ||
	    put_words(o, "sys", value, COUNT(sys), e) == -1)
		return -1;
	return put_words(o, "debug", debug, n, e);
}

static int
save_icc(struct accel_vcpu *c, json_t *o, struct err *e)
{
	uint64_t value[COUNT(icc)] = { 0 };

	for (unsigned i = 0; i < COUNT(icc); i++)
		hvf_did(c, hv_gic_get_icc_reg(c->hv, icc[i], &value[i]),
		    "hv_gic_get_icc_reg");
	return put_words(o, "icc", value, COUNT(icc), e);
}

json_t *
hvf_vcpu_save(struct accel_vcpu *c, struct err *e)
{
	own_json json_t *o = new_state(e);

	if (o == NULL || save_power(c, o, e) == -1 ||
	    save_core(c, o, e) == -1 || save_sys(c, o, e) == -1 ||
	    save_icc(c, o, e) == -1 || hvf_failed(c, e) == -1)
		return NULL;
	return take(&o);
}

static int
check_ids(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	uint64_t was[COUNT(ids)], is[COUNT(ids)];

	if (get_words(o, "ids", was, COUNT(ids), e) == -1)
		return -1;
	get_all(c, ids, COUNT(ids), is);
	for (unsigned i = 0; i < COUNT(ids); i++)
		if (was[i] != is[i])
			return err_set(e, ENOTSUP, "state: it is of another "
			    "processor or macOS (register %#x: %#llx, "
			    "not %#llx)", ids[i], (unsigned long long)was[i],
			    (unsigned long long)is[i]);
	return 0;
}

static int
load_power(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	uint64_t power[3];

	if (get_words(o, "power", power, COUNT(power), e) == -1)
		return -1;
	if (power[0] > HVF_ON)
		return err_set(e, EINVAL, "state: power");
	(void)pthread_mutex_lock(&c->vm->lock);
	c->power = (enum hvf_power)power[0];
	c->entry = power[1];
	c->context = power[2];
	(void)pthread_mutex_unlock(&c->vm->lock);
	return 0;
}

static int
load_core(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	uint8_t simd[HV_QREGS][16];
	uint64_t core[CORE];

	if (get_words(o, "core", core, CORE, e) == -1 ||
	    state_get(o, "simd", simd, sizeof(simd), e) == -1)
		return -1;
	for (unsigned i = 0; i < CORE; i++)
		hvf_set(c, i, core[i]);
	set_simd(c, simd);
	return 0;
}

static int
load_sys(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	uint64_t value[COUNT(sys)], debug[DEBUG_MAX];
	hv_sys_reg_t list[DEBUG_MAX];
	unsigned n = debug_list(c, list);

	if (get_words(o, "sys", value, COUNT(sys), e) == -1 ||
	    get_words(o, "debug", debug, n, e) == -1)
		return -1;
	set_all(c, sys, COUNT(sys), value);
	set_all(c, list, n, debug);
	return 0;
}

static int
load_icc(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	uint64_t value[COUNT(icc)];

	if (get_words(o, "icc", value, COUNT(icc), e) == -1)
		return -1;
	for (unsigned i = 0; i < COUNT(icc); i++)
		hvf_did(c, hv_gic_set_icc_reg(c->hv, icc[i], value[i]),
		    "hv_gic_set_icc_reg");
	return 0;
}

int
hvf_vcpu_load(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	if (check_format(o, e) == -1 || check_ids(c, o, e) == -1)
		return -1;
	set_offset(c);
	if (load_core(c, o, e) == -1 || load_sys(c, o, e) == -1 ||
	    load_icc(c, o, e) == -1 || load_power(c, o, e) == -1)
		return -1;
	c->used = true;
	c->pending = c->finished = false;
	return hvf_failed(c, e);
}

/* --- the VM --------------------------------------------------------------- */

#define DO(call, ...)	hvf_result(call(__VA_ARGS__), #call, e)

static uint64_t
host_us(void)
{
	struct timeval now;

	(void)gettimeofday(&now, NULL);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
}

static uint64_t
ticks(uint64_t us)
{
	struct mach_timebase_info t = { 1, 1 };

	(void)mach_timebase_info(&t);
	return (uint64_t)((unsigned __int128)us * 1000 * t.denom / t.numer);
}

static int
put_gic(json_t *o, hv_gic_state_t state, struct err *e)
{
	own_mem void *bytes = NULL;
	size_t len;

	if (DO(hv_gic_state_get_size, state, &len) == -1)
		return -1;
	if (len > STATE_BYTES_MAX)
		return err_set(e, E2BIG, "state: the interrupt controller's "
		    "has %zu bytes", len);
	bytes = malloc(len + 1);
	if (bytes == NULL)
		return err_sys(e, "state");
	if (DO(hv_gic_state_get_data, state, bytes) == -1)
		return -1;
	return state_put(o, "gic", bytes, len, e);
}

static int
save_gic(json_t *o, struct err *e)
{
	hv_gic_state_t state = hv_gic_state_create();
	int r;

	if (state == NULL)
		return err_set(e, EIO, "hv_gic_state_create");
	r = put_gic(o, state, e);
	os_release(state);
	return r;
}

json_t *
hvf_vm_save(struct accel_vm *vm, struct err *e)
{
	own_json json_t *o = new_state(e);
	uint64_t when[2] = { mach_absolute_time() - vm->offset, host_us() };

	if (o == NULL || put_words(o, "count", &when[0], 1, e) == -1 ||
	    put_words(o, "taken", &when[1], 1, e) == -1)
		return NULL;
	/* What devices have told by a descriptor is with the guest then. */
	hvf_events_flush(vm);
	return save_gic(o, e) == -1 ? NULL : take(&o);
}

int
hvf_vm_load(struct accel_vm *vm, const json_t *o, struct err *e)
{
	own_mem void *gic = NULL;
	uint64_t count, taken, now = host_us();
	size_t len = 0;

	if (check_format(o, e) == -1 ||
	    get_words(o, "count", &count, 1, e) == -1 ||
	    get_words(o, "taken", &taken, 1, e) == -1 ||
	    state_get_any(o, "gic", &gic, &len, e) == -1)
		return -1;
	if (DO(hv_gic_set_state, gic, len) == -1)
		return err_prefix(e, "state: of another macOS");
	if (now > taken)
		count += ticks(now - taken);
	vm->offset = mach_absolute_time() - count;
	return 0;
}
