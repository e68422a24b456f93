/* SPDX-License-Identifier: ISC */
/*
 * kvm_x86_vcpu.c - Linux KVM on x86: a vCPU's state out, in, and at power on
 *
 * Source: Linux, Documentation/virt/kvm/api.rst and devices/vcpu.rst.
 */

#include <sys/ioctl.h>

#include <errno.h>
#include <string.h>

#include "accel/kvm_x86.h"
#include "accel/state.h"
#include "lib/json.h"
#include "lib/util.h"

#define MSRS_MAX	4096	/* of KVM's list */
#define MSRS_CHUNK	256	/* KVM takes no more at once */
#define MSR_TSC		0x10	/* the TSC has its own way */

/* State that is one struct of KVM's. */
struct part {
	const char	*name;
	size_t		 len;
	unsigned long	 get, set;
};
#define PART(name, type, get, set) { name, sizeof(struct type), get, set }

/*
 * In this order: asking for mp_state makes pending INITs happen; the LAPIC
 * needs its base, which is in sregs, and MSRs the LAPIC (TSC deadline); the
 * events would be changed by the others.
 */
static const struct part before_xsave[] = {
	PART("mp_state", kvm_mp_state, KVM_GET_MP_STATE, KVM_SET_MP_STATE),
	PART("regs", kvm_regs, KVM_GET_REGS, KVM_SET_REGS),
};
static const struct part sregs =
	PART("sregs", kvm_sregs, KVM_GET_SREGS, KVM_SET_SREGS);
static const struct part sregs2 =
	PART("sregs2", kvm_sregs2, KVM_GET_SREGS2, KVM_SET_SREGS2);
static const struct part after_xsave[] = {
	PART("xcrs", kvm_xcrs, KVM_GET_XCRS, KVM_SET_XCRS),
	PART("debugregs", kvm_debugregs, KVM_GET_DEBUGREGS,
	    KVM_SET_DEBUGREGS),
	PART("lapic", kvm_lapic_state, KVM_GET_LAPIC, KVM_SET_LAPIC),
};
static const struct part events =
	PART("events", kvm_vcpu_events, KVM_GET_VCPU_EVENTS,
	    KVM_SET_VCPU_EVENTS);

#define PART_MAX	4096

static int
save_part(struct accel_vcpu *c, json_t *o, const struct part *p,
    struct err *e)
{
	_Alignas(8) uint8_t bytes[PART_MAX] = { 0 };

	if (kvm_call_(c->fd, p->get, bytes, p->name, e) == -1)
		return -1;
	return state_put(o, p->name, bytes, p->len, e);
}

static int
load_part(struct accel_vcpu *c, const json_t *o, const struct part *p,
    struct err *e)
{
	_Alignas(8) uint8_t bytes[PART_MAX];

	if (state_get(o, p->name, bytes, p->len, e) == -1)
		return -1;
	return kvm_call_(c->fd, p->set, bytes, p->name, e);
}

/* With it the page directory pointers of PAE are saved, too. */
static const struct part *
sregs_part(const struct accel_vcpu *c)
{
	return kvm_has(c->vm->fd, KVM_CAP_SREGS2) ? &sregs2 : &sregs;
}

/* --- extended state ------------------------------------------------------ */

static size_t
xsave_len(const struct accel_vcpu *c)
{
	return (size_t)MAX(kvm_has(c->vm->fd, KVM_CAP_XSAVE2),
	    (int)sizeof(struct kvm_xsave));
}

static int
save_xsave(struct accel_vcpu *c, json_t *o, struct err *e)
{
	size_t len = xsave_len(c);
	own_mem void *bytes = calloc(1, len);
	int r;

	if (bytes == NULL)
		return err_sys(e, "xsave");
	if (kvm_has(c->vm->fd, KVM_CAP_XSAVE2))
		r = kvm_call(c->fd, KVM_GET_XSAVE2, bytes, e);
	else
		r = kvm_call(c->fd, KVM_GET_XSAVE, bytes, e);
	return r == -1 ? -1 : state_put(o, "xsave", bytes, len, e);
}

static int
load_xsave(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	size_t len = xsave_len(c);
	own_mem void *bytes = calloc(1, len);

	if (bytes == NULL)
		return err_sys(e, "xsave");
	if (state_get(o, "xsave", bytes, len, e) == -1)
		return -1;
	return kvm_call(c->fd, KVM_SET_XSAVE, bytes, e);
}

/* --- model specific registers -------------------------------------------- */

static struct kvm_msrs *
msrs_room(size_t n)
{
	return calloc(1, sizeof(struct kvm_msrs) +
	    n * sizeof(struct kvm_msr_entry));
}

/* The numbers of all that KVM has, values 0. */
static int
list_msrs(struct kvm_msrs **ret, const struct accel_vm *vm, struct err *e)
{
	own_mem struct kvm_msr_list *l = calloc(1,
	    sizeof(*l) + MSRS_MAX * sizeof(l->indices[0]));
	own_mem struct kvm_msrs *m = msrs_room(MSRS_MAX);

	if (l == NULL || m == NULL)
		return err_sys(e, "MSRs");
	l->nmsrs = MSRS_MAX;
	if (kvm_call(vm->kvm, KVM_GET_MSR_INDEX_LIST, l, e) == -1)
		return -1;
	for (uint32_t i = 0; i < l->nmsrs; i++)
		if (l->indices[i] != MSR_TSC &&
		    !kvm_x86_msr_denied(l->indices[i]))
			m->entries[m->nmsrs++].index = l->indices[i];
	*ret = take(&m);
	return 0;
}

/*
 * KVM reads until one that this vCPU does not have; that one is left out.
 * What was read moves to the front.
 */
static int
read_msrs(struct accel_vcpu *c, struct kvm_msrs *m, struct err *e)
{
	own_mem struct kvm_msrs *part = msrs_room(MSRS_CHUNK);
	uint32_t i = 0, kept = 0, n;
	int got;

	if (part == NULL)
		return err_sys(e, "MSRs");
	while (i < m->nmsrs) {
		n = MIN(m->nmsrs - i, MSRS_CHUNK);
		part->nmsrs = n;
		memcpy(part->entries, m->entries + i,
		    n * sizeof(m->entries[0]));
		got = kvm_call(c->fd, KVM_GET_MSRS, part, e);
		if (got == -1)
			return -1;
		memcpy(m->entries + kept, part->entries,
		    (size_t)got * sizeof(m->entries[0]));
		kept += (uint32_t)got;
		i += (uint32_t)got + ((uint32_t)got < n);
	}
	m->nmsrs = kept;
	return 0;
}

static int
save_msrs(struct accel_vcpu *c, json_t *o, struct err *e)
{
	own_mem struct kvm_msrs *m = NULL;

	if (list_msrs(&m, c->vm, e) == -1 || read_msrs(c, m, e) == -1)
		return -1;
	return state_put(o, "msrs", m->entries,
	    m->nmsrs * sizeof(m->entries[0]), e);
}

/* One that KVM refuses may be one nobody can write: is its value right? */
static int
refused_msr(struct accel_vcpu *c, const struct kvm_msr_entry *m,
    struct err *e)
{
	own_mem struct kvm_msrs *now = msrs_room(1);

	if (now == NULL)
		return err_sys(e, "MSRs");
	now->nmsrs = 1;
	now->entries[0].index = m->index;
	if (ioctl(c->fd, KVM_GET_MSRS, now) == 1 &&
	    now->entries[0].data == m->data)
		return 0;
	return err_set(e, ENOTSUP, "state: this host's KVM refuses %#llx in "
	    "MSR %#x", (unsigned long long)m->data, m->index);
}

static int
load_msrs(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	own_mem struct kvm_msrs *part = msrs_room(MSRS_CHUNK);
	own_mem void *bytes = NULL;
	const struct kvm_msr_entry *m;
	size_t len, i, n;
	int set;

	if (state_get_any(o, "msrs", &bytes, &len, e) == -1)
		return -1;
	if (len % sizeof(*m) != 0 || len / sizeof(*m) > MSRS_MAX)
		return err_set(e, EINVAL, "state: msrs is not a table");
	if (part == NULL)
		return err_sys(e, "MSRs");
	m = bytes;
	for (i = 0; i < len / sizeof(*m);) {
		n = MIN(len / sizeof(*m) - i, MSRS_CHUNK);
		part->nmsrs = (uint32_t)n;
		memcpy(part->entries, m + i, n * sizeof(*m));
		set = kvm_call(c->fd, KVM_SET_MSRS, part, e);
		if (set == -1)
			return -1;
		i += (size_t)set;
		if ((size_t)set < n && refused_msr(c, &m[i++], e) == -1)
			return -1;
	}
	return 0;
}

/* --- time stamp counter -------------------------------------------------- */

static int
tsc_offset(struct accel_vcpu *c, unsigned long request, uint64_t *offset)
{
	struct kvm_device_attr a = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};

	return ioctl(c->fd, request, &a);
}

/* The counter itself is for hosts that know no offset. */
static int
save_tsc(struct accel_vcpu *c, json_t *o, struct err *e)
{
	own_mem struct kvm_msrs *m = msrs_room(1);
	uint64_t offset;

	if (m == NULL)
		return err_sys(e, "TSC");
	m->nmsrs = 1;
	m->entries[0].index = MSR_TSC;
	if (kvm_call(c->fd, KVM_GET_MSRS, m, e) == -1)
		return -1;
	if (state_put(o, "tsc", &m->entries[0].data, 8, e) == -1)
		return -1;
	if (tsc_offset(c, KVM_GET_DEVICE_ATTR, &offset) == -1)
		return 0;
	return state_put(o, "tsc_offset", &offset, sizeof(offset), e);
}

static int
load_tsc(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	own_mem struct kvm_msrs *m = msrs_room(1);
	uint64_t offset;

	if (m == NULL)
		return err_sys(e, "TSC");
	if (c->vm->arch->tsc_moved && state_get(o, "tsc_offset", &offset,
	    sizeof(offset), NULL) == 0) {
		offset += c->vm->arch->tsc_move;
		if (tsc_offset(c, KVM_SET_DEVICE_ATTR, &offset) == 0)
			return 0;
	}
	m->nmsrs = 1;
	m->entries[0].index = MSR_TSC;
	if (state_get(o, "tsc", &m->entries[0].data, 8, e) == -1)
		return -1;
	return kvm_call(c->fd, KVM_SET_MSRS, m, e) == -1 ? -1 : 0;
}

/* --- all of it ----------------------------------------------------------- */

static int
save_into(struct accel_vcpu *c, json_t *o, struct err *e)
{
	for (unsigned i = 0; i < COUNT(before_xsave); i++)
		if (save_part(c, o, &before_xsave[i], e) == -1)
			return -1;
	if (save_part(c, o, sregs_part(c), e) == -1 ||
	    save_xsave(c, o, e) == -1)
		return -1;
	for (unsigned i = 0; i < COUNT(after_xsave); i++)
		if (save_part(c, o, &after_xsave[i], e) == -1)
			return -1;
	if (save_tsc(c, o, e) == -1 || save_msrs(c, o, e) == -1)
		return -1;
	return save_part(c, o, &events, e);
}

json_t *
kvm_arch_vcpu_save(struct accel_vcpu *c, struct err *e)
{
	own_json json_t *o = kvm_x86_state_new(e);

	if (o == NULL || save_into(c, o, e) == -1)
		return NULL;
	return take(&o);
}

static int
load_from(struct accel_vcpu *c, const json_t *o, bool tsc, struct err *e)
{
	for (unsigned i = 0; i < COUNT(before_xsave); i++)
		if (load_part(c, o, &before_xsave[i], e) == -1)
			return -1;
	if (load_part(c, o, sregs_part(c), e) == -1 ||
	    load_xsave(c, o, e) == -1)
		return -1;
	for (unsigned i = 0; i < COUNT(after_xsave); i++)
		if (load_part(c, o, &after_xsave[i], e) == -1)
			return -1;
	if ((tsc && load_tsc(c, o, e) == -1) || load_msrs(c, o, e) == -1)
		return -1;
	return load_part(c, o, &events, e);
}

int
kvm_arch_vcpu_load(struct accel_vcpu *c, const json_t *o, struct err *e)
{
	if (kvm_x86_state_check(o, e) == -1 || load_from(c, o, true, e) == -1)
		return -1;
	/* Tells the guest's watchdog not to bark; no clock, no dog. */
	(void)kvm_call(c->fd, KVM_KVMCLOCK_CTRL, NULL, NULL);
	return 0;
}

/* What a vCPU is at power on, a new one knows.  The TSC goes on. */
int
kvm_arch_vcpu_reset(struct accel_vcpu *c, struct err *e)
{
	OWN(kvm_vm_destroy) struct accel_vm *vm = NULL;
	OWN(kvm_vcpu_destroy) struct accel_vcpu *fresh = NULL;
	own_json json_t *o = NULL;

	if (kvm_vm_like(&vm, c->vm, e) == -1 ||
	    kvm_vcpu_new(&fresh, vm, c->id, e) == -1)
		return -1;
	if ((o = kvm_arch_vcpu_save(fresh, e)) == NULL)
		return -1;
	return load_from(c, o, false, e);
}
