/* SPDX-License-Identifier: ISC */
/*
 * hvf_mmio.c - loads and stores outside memory, from begin to end
 *
 * An access is pending while the board has it: hvf_vcpu_run() finishes it, or
 * hands on the second register of a pair, before the guest goes on.
 */

#include <string.h>

#include "accel/hvf.h"
#include "accel/walk_arm64.h"

#define PSTATE_NRW	(1U << 4)	/* AArch32 */
#define PSTATE_EL	0xcU
#define PSTATE_SP	1U		/* the level's own stack pointer */
#define PAGE		4096U

/* --- registers ----------------------------------------------------------- */

hv_sys_reg_t
hvf_stack(struct accel_vcpu *c)
{
	uint64_t p = hvf_get(c, HV_REG_CPSR);

	return (p & PSTATE_EL) != 0 && (p & PSTATE_SP) != 0 ?
	    HV_SYS_SP_EL1 : HV_SYS_SP_EL0;
}

static uint64_t
get_base(struct accel_vcpu *c, unsigned rn)
{
	return rn == HVF_SP ? hvf_get_sys(c, hvf_stack(c)) : hvf_get(c, rn);
}

static void
set_base(struct accel_vcpu *c, unsigned rn, uint64_t value)
{
	if (rn == HVF_SP)
		hvf_set_sys(c, hvf_stack(c), value);
	else
		hvf_set(c, rn, value);
}

/* --- the instruction ----------------------------------------------------- */

static _Bool
read_table(void *arg, uint64_t gpa, uint64_t *ret)
{
	const void *at = hvf_memory(arg, gpa, sizeof(*ret));

	if (at == NULL)
		return false;
	memcpy(ret, at, sizeof(*ret));
	return true;
}

const char *
hvf_translate(struct accel_vcpu *c, uint64_t va, uint64_t *ret)
{
	struct walk_arm64 w = {
		.sctlr = hvf_get_sys(c, HV_SYS_SCTLR_EL1),
		.tcr = hvf_get_sys(c, HV_SYS_TCR_EL1),
		.ttbr = { hvf_get_sys(c, HV_SYS_TTBR0_EL1),
			  hvf_get_sys(c, HV_SYS_TTBR1_EL1) },
		.read = read_table,
		.arg = c->vm,
	};

	return walk_arm64(&w, va, ret);
}

/* NULL with the word at the program counter, or why there is none. */
static const char *
fetch(struct accel_vcpu *c, uint32_t *ret)
{
	const char *no;
	const void *at;
	uint64_t gpa;

	if ((hvf_get(c, HV_REG_CPSR) & PSTATE_NRW) != 0)
		return "a 32-bit program";
	no = hvf_translate(c, hvf_get(c, HV_REG_PC), &gpa);
	if (no != NULL)
		return no;
	at = hvf_memory(c->vm, gpa, sizeof(*ret));
	if (at == NULL)
		return "code outside memory";
	memcpy(ret, at, sizeof(*ret));
	return NULL;
}

/* One fault, one address: a pair must begin there and stay in its page. */
static const char *
check_pair(struct accel_vcpu *c, const struct hvf_access *a)
{
	uint64_t va = c->exit->exception.virtual_address;
	uint64_t begin = get_base(c, a->rn);

	if (!a->post)
		begin += (uint64_t)a->offset;
	if (((begin ^ va) & (PAGE - 1)) != 0 ||
	    (va & (PAGE - 1)) + 2U * a->len > PAGE)
		return "a pair across a page's end";
	return NULL;
}

static const char *
decode(struct accel_vcpu *c, struct hvf_access *ret)
{
	uint32_t insn = 0;
	const char *no = fetch(c, &insn);

	if (no == NULL)
		no = hvf_insn_access(ret, insn);
	if (no == NULL && ret->n == 2)
		no = check_pair(c, ret);
	return no;
}

/* --- the access ---------------------------------------------------------- */

/* Hand the register it is at to the board. */
static bool
hand_on(struct accel_vcpu *c, struct accel_exit *x)
{
	*x = (struct accel_exit){
		.why = ACCEL_EXIT_MMIO,
		.addr = c->addr + c->part * c->access.len,
		.data = &c->data[c->part],
		.len = c->access.len,
		.count = 1,
		.write = c->access.write,
	};
	return true;
}

static void
finish(struct accel_vcpu *c)
{
	const struct hvf_access *a = &c->access;

	c->pending = false;
	for (unsigned i = 0; i < a->n && !a->write; i++)
		if (a->rt[i] != HVF_ZERO)
			hvf_set(c, a->rt[i], hvf_access_loaded(a,
			    c->data[i]));
	if (a->writeback)
		set_base(c, a->rn, get_base(c, a->rn) + (uint64_t)a->offset);
	hvf_advance(c);
}

bool
hvf_mmio_next(struct accel_vcpu *c, struct accel_exit *x)
{
	if (!c->pending)
		return false;
	if (++c->part < c->access.n)
		return hand_on(c, x);
	finish(c);
	return false;
}

static bool
begin(struct accel_vcpu *c, struct accel_exit *x)
{
	const struct hvf_access *a = &c->access;

	c->addr = c->exit->exception.physical_address;
	c->part = 0;
	for (unsigned i = 0; i < a->n; i++) {
		c->data[i] = 0;
		if (a->write && a->rt[i] != HVF_ZERO)
			c->data[i] = hvf_get(c, a->rt[i]);
		if (a->len < 8)
			c->data[i] &= (1ULL << a->len * 8) - 1;
	}
	if (a->write && a->n == 1 &&
	    hvf_doorbell(c->vm, c->addr, a->len, c->data[0])) {
		finish(c);
		return false;
	}
	c->pending = true;
	return hand_on(c, x);
}

static bool
failed(struct accel_vcpu *c, struct accel_exit *x)
{
	return hvf_broken(c, x, "memory at %#llx failed with status %#x",
	    (unsigned long long)c->exit->exception.physical_address,
	    (unsigned)c->exit->exception.syndrome & HVF_ABORT_STATUS);
}

bool
hvf_data_abort(struct accel_vcpu *c, struct accel_exit *x)
{
	uint64_t addr = c->exit->exception.physical_address;
	const char *no = NULL;

	if (hvf_log_fault(c))
		return false;
	switch (hvf_abort_access(&c->access, c->exit->exception.syndrome)) {
	case HVF_ABORT_ACCESS:
		break;
	case HVF_ABORT_DECODE:
		no = decode(c, &c->access);
		break;
	case HVF_ABORT_SKIP:
		hvf_advance(c);
		return false;
	case HVF_ABORT_WALK:
		no = "page tables";
		break;
	case HVF_ABORT_FAILED:
		return failed(c, x);
	}
	if (no != NULL)
		return hvf_broken(c, x, "no memory at %#llx for %s",
		    (unsigned long long)addr, no);
	/* Memory that the host cannot give is no device. */
	if (hvf_is_memory(c->vm, addr, c->access.write))
		return failed(c, x);
	return begin(c, x);
}
