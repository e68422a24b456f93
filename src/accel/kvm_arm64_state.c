/* SPDX-License-Identifier: ISC */
/*
 * kvm_arm64_state.c - Linux KVM on arm64: the state of a VM and its vCPUs
 *
 * Of the VM
 *
 *	format        FORMAT, as of each vCPU
 *	counter_hz    how fast the guest's counter counts
 *	              and what kvm_arm64_gic_state.c puts there
 *
 * Of a vCPU
 *
 *	regs          all registers that KVM lists: struct saved each
 *	events        exceptions that wait
 *	mp_state      does it run, or wait to be started
 *
 * The guest's counter goes on from where it was.  Its kernels are not told of a
 * time in which they did not run, and would take that for a hang.  It is the
 * whole VM's: the last of the vCPUs, which was read last, sets it.
 *
 * Source: Linux, Documentation/virt/kvm/api.rst, sections 4.68 (ONE_REG), 4.83
 * (GET_REG_LIST) and 4.38 (MP_STATE).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/kvm_arm64.h"
#include "accel/state.h"
#include "lib/json.h"
#include "lib/util.h"

#define FORMAT		"kvm-arm64 1"	/* of all state; changes with it */
#define REGS_MAX	4096		/* of KVM's list */

/* A register: 4, 8 or 16 bytes of the value, the rest 0. */
struct saved {
	uint64_t	id;		/* KVM's */
	uint64_t	value[2];
};

static json_t *
state_new(struct err *e)
{
	json_t *o = json_pack("{s:s}", "format", FORMAT);

	if (o == NULL)
		(void)err_set(e, ENOMEM, "state: out of memory");
	return o;
}

static int
state_check(const json_t *o, struct err *e)
{
	const char *s = json_string_value(json_object_get(o, "format"));

	if (s == NULL || strcmp(s, FORMAT) != 0)
		return err_set(e, ENOTSUP, "state: its format is \"%s\", "
		    "this program has \"%s\"", s != NULL ? s : "",
		    FORMAT);
	return 0;
}

static int
put_number(json_t *o, const char *name, uint64_t value, struct err *e)
{
	if (json_object_set_new(o, name, json_integer((json_int_t)value)) ==
	    -1)
		return err_set(e, ENOMEM, "state: out of memory");
	return 0;
}

static int
get_number(uint64_t *ret, const json_t *o, const char *name, struct err *e)
{
	int found = json_get_u64(ret, o, name, 0, INT64_MAX, e);

	if (found == 0)
		return err_set(e, EINVAL, "state: %s is missing", name);
	return found == 1 ? 0 : err_prefix(e, "state");
}

static uint64_t
counter_hz(void)
{
	uint64_t hz;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r" (hz));
	return hz;
}

/* --- registers ----------------------------------------------------------- */

static size_t
reg_len(uint64_t id)
{
	return (size_t)1 << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

static int
list_regs(struct kvm_reg_list **ret, struct accel_vcpu *c, struct err *e)
{
	own_mem struct kvm_reg_list *l = calloc(1, sizeof(*l) +
	    REGS_MAX * sizeof(l->reg[0]));

	if (l == NULL)
		return err_sys(e, "registers");
	l->n = REGS_MAX;
	if (kvm_call(c->fd, KVM_GET_REG_LIST, l, e) == -1)
		return -1;
	*ret = take(&l);
	return 0;
}

static int
save_regs(struct accel_vcpu *c, json_t *o, struct err *e)
{
	own_mem struct kvm_reg_list *l = NULL;
	own_mem struct saved *all = NULL;

	if (list_regs(&l, c, e) == -1)
		return -1;
	if ((all = calloc(l->n + 1, sizeof(*all))) == NULL)
		return err_sys(e, "registers");
	for (uint64_t i = 0; i < l->n; i++) {
		all[i].id = l->reg[i];
		if (reg_len(all[i].id) > sizeof(all[i].value))
			return err_set(e, ENOTSUP, "register %#llx is of %zu "
			    "bytes", (unsigned long long)all[i].id,
			    reg_len(all[i].id));
		if (kvm_arm64_get(c, all[i].id, all[i].value, e) == -1)
			return err_prefix(e, "register %#llx",
			    (unsigned long long)all[i].id);
	}
	return state_put(o, "regs", all, l->n * sizeof(*all), e);
}

#define SYSREG(op0, op1, crn, crm, op2)					\
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG |	\
	    (op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define MIDR		SYSREG(3, 0, 0, 0, 0)

/* Registers of op0 3, op1 0, CRn 0 say what a processor is. */
static bool
says_what(uint64_t id)
{
	return (id & ~(uint64_t)0x7f) == (MIDR & ~(uint64_t)0x7f);
}

/*
 * KVM refuses a value; so it does where it cannot be changed, and is right.
 * "now" is what the register has here.
 */
static int
refused(struct accel_vcpu *c, const struct saved *r, struct err *e)
{
	unsigned long long id = r->id, then = r->value[0], now;
	struct saved here = { .id = r->id };

	if (reg_len(r->id) > sizeof(r->value) ||
	    kvm_arm64_get(c, r->id, here.value, NULL) == -1)
		return err_set(e, ENOTSUP, "state: this host's KVM has no "
		    "register %#llx", id);
	if (memcmp(&here, r, sizeof(here)) == 0)
		return 0;
	now = here.value[0];
	if (id == MIDR)
		return err_set(e, ENOTSUP, "state: it is of another "
		    "processor: MIDR_EL1 %#llx, here %#llx", then, now);
	if (says_what(id))
		return err_set(e, ENOTSUP, "state: it is of a processor with "
		    "other features: S3_0_C0_C%llu_%llu is %#llx, here %#llx",
		    id >> 3 & 0xf, id & 7, then, now);
	return err_set(e, ENOTSUP, "state: this host's KVM refuses %#llx in "
	    "register %#llx", then, id);
}

static int
load_regs(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	own_mem void *bytes = NULL;
	const struct saved *r;
	size_t len;

	if (state_get_any(o, "regs", &bytes, &len, e) == -1)
		return -1;
	if (len % sizeof(*r) != 0 || len / sizeof(*r) > REGS_MAX)
		return err_set(e, EINVAL, "state: regs is not a table");
	for (r = bytes; len > 0; r++, len -= sizeof(*r))
		if ((reg_len(r->id) > sizeof(r->value) ||
		    kvm_arm64_set(c, r->id, r->value, NULL) == -1) &&
		    refused(c, r, e) == -1)
			return -1;
	return 0;
}

/* --- a vCPU -------------------------------------------------------------- */

/* Where the host does not tell, none wait: KVM has injected what there was. */
static int
save_events(struct accel_vcpu *c, json_t *o, struct err *e)
{
	struct kvm_vcpu_events v = { .exception = { 0 } };

	if (!kvm_has(c->vm->fd, KVM_CAP_VCPU_EVENTS))
		return 0;
	if (kvm_call(c->fd, KVM_GET_VCPU_EVENTS, &v, e) == -1)
		return -1;
	return state_put(o, "events", &v, sizeof(v), e);
}

static int
load_events(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	struct kvm_vcpu_events v;

	if (json_object_get(o, "events") == NULL)
		return 0;
	if (state_get(o, "events", &v, sizeof(v), e) == -1)
		return -1;
	return kvm_call(c->fd, KVM_SET_VCPU_EVENTS, &v, e);
}

json_t *
kvm_arch_vcpu_save(struct accel_vcpu *c, struct err *e)
{
	own_json json_t *o = state_new(e);
	struct kvm_mp_state mp;

	if (o == NULL || save_regs(c, o, e) == -1 ||
	    save_events(c, o, e) == -1 || kvm_call(c->fd, KVM_GET_MP_STATE, &mp,
	    e) == -1 || put_number(o, "mp_state", mp.mp_state, e) == -1)
		return NULL;
	return take(&o);
}

int
kvm_arch_vcpu_load(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	struct kvm_mp_state mp;
	uint64_t state;

	if (state_check(o, e) == -1 || load_regs(c, o, e) == -1 ||
	    load_events(c, o, e) == -1 ||
	    get_number(&state, o, "mp_state", e) == -1)
		return -1;
	mp.mp_state = (uint32_t)state;
	return kvm_call(c->fd, KVM_SET_MP_STATE, &mp, e);
}

/* --- the VM -------------------------------------------------------------- */

json_t *
kvm_arch_vm_save(struct accel_vm *vm, struct err *e)
{
	own_json json_t *o = state_new(e);

	if (o == NULL || put_number(o, "counter_hz", counter_hz(), e) == -1)
		return NULL;
	if (kvm_arm64_gic_save(vm, o, e) == -1) {
		(void)err_prefix(e, "interrupt controller");
		return NULL;
	}
	return take(&o);
}

int
kvm_arch_vm_load(struct accel_vm *vm, const json_t *o, struct err *e)
{
	uint64_t hz;

	if (state_check(o, e) == -1 ||
	    get_number(&hz, o, "counter_hz", e) == -1)
		return -1;
	if (hz != counter_hz())
		return err_set(e, ENOTSUP, "state: its counter ran at %llu "
		    "Hz, here it is %llu", (unsigned long long)hz,
		    (unsigned long long)counter_hz());
	return kvm_arm64_gic_load(vm, o, e);
}
