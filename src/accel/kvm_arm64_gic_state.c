/* SPDX-License-Identifier: ISC */
/*
 * kvm_arm64_gic_state.c - Linux KVM on arm64: the interrupt controller's state
 *
 *	distributor   its registers
 *	cpus          {redistributor, interface} of each
 *	its           its registers; its tables are in the guest's memory
 *
 * Tables of registers are in the order in which they are put back.
 *
 * Source: Linux, Documentation/virt/kvm/devices/arm-vgic-v3.rst and
 * arm-vgic-its.rst, "ITS Restore Sequence"; GIC architecture (IHI 0069),
 * chapter 12.
 */

#include <errno.h>
#include <string.h>

#include "accel/kvm_arm64.h"
#include "accel/state.h"
#include "lib/json.h"
#include "lib/util.h"

#define DIST	KVM_DEV_ARM_VGIC_GRP_DIST_REGS
#define REDIST	KVM_DEV_ARM_VGIC_GRP_REDIST_REGS
#define LEVEL	KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO
#define SGI(x)	(0x10000 + (x))		/* in the redistributor's 2nd frame */

/* Registers of 32 bits each, one behind the other. */
struct run {
	uint32_t	group;
	uint32_t	attr;
	unsigned	n;
};

/*
 * Interrupts 32 to 63.  Levels come after what says that an interrupt has
 * one, and before what is pending, which they are part of.
 */
static const struct run distributor[] = {
	{ DIST, 0x0008, 1 },		/* IIDR: which revision this is */
	{ DIST, 0x0000, 1 },		/* CTLR */
	{ DIST, 0x0084, 1 },		/* IGROUPR */
	{ DIST, 0x6100, 64 },		/* IROUTER, two for each */
	{ DIST, 0x0c08, 2 },		/* ICFGR */
	{ LEVEL, 32, 1 },
	{ DIST, 0x0204, 1 },		/* ISPENDR */
	{ DIST, 0x0304, 1 },		/* ISACTIVER */
	{ DIST, 0x0420, 8 },		/* IPRIORITYR */
	{ DIST, 0x0104, 1 },		/* ISENABLER */
};

/* Interrupts 0 to 31.  Where messages' tables are is fixed by CTLR. */
static const struct run redistributor[] = {
	{ REDIST, 0x0070, 2 },		/* PROPBASER */
	{ REDIST, 0x0078, 2 },		/* PENDBASER */
	{ REDIST, 0x0000, 1 },		/* CTLR */
	{ REDIST, SGI(0x0080), 1 },	/* IGROUPR0 */
	{ REDIST, SGI(0x0c04), 1 },	/* ICFGR1; ICFGR0 cannot be changed */
	{ LEVEL, 0, 1 },
	{ REDIST, SGI(0x0200), 1 },	/* ISPENDR0 */
	{ REDIST, SGI(0x0300), 1 },	/* ISACTIVER0 */
	{ REDIST, SGI(0x0400), 8 },	/* IPRIORITYR */
	{ REDIST, SGI(0x0100), 1 },	/* ISENABLER0 */
};
#define WORDS_MAX	128		/* of either */

#define INSTR(op1, crn, crm, op2)					\
	(3 << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define ICC_CTLR	INSTR(0, 12, 12, 4)

/* Of the CPU interface; CTLR says how wide priorities are. */
static const uint16_t interface[] = {
	ICC_CTLR,
	INSTR(0, 12, 12, 5),		/* SRE */
	INSTR(0, 4, 6, 0),		/* PMR */
	INSTR(0, 12, 8, 3),		/* BPR0 */
	INSTR(0, 12, 12, 3),		/* BPR1 */
	INSTR(0, 12, 12, 6),		/* IGRPEN0 */
	INSTR(0, 12, 12, 7),		/* IGRPEN1 */
	INSTR(0, 12, 8, 4), INSTR(0, 12, 9, 0),	/* AP0R0, AP1R0 */
	INSTR(0, 12, 8, 5), INSTR(0, 12, 9, 1),
	INSTR(0, 12, 8, 6), INSTR(0, 12, 9, 2),
	INSTR(0, 12, 8, 7), INSTR(0, 12, 9, 3),
};
#define INTERFACE_LEAST	9	/* of them there are without wide ones */

/* Of 64 bits, or what KVM makes of 32. */
static const uint16_t its[] = {
	0x0004,				/* IIDR: which revision */
	0x0080,				/* CBASER: it empties the queue */
	0x0090,				/* CREADR */
	0x0088,				/* CWRITER */
	0x0100, 0x0108, 0x0110, 0x0118,	/* BASER */
	0x0120, 0x0128, 0x0130, 0x0138,
	0x0000,				/* CTLR; after the tables */
};
#define ITS_TABLES	(COUNT(its) - 1)

/* --- registers ----------------------------------------------------------- */

/* The runs of one of the two, for one processor where there are several. */
struct bank {
	const char		*name;
	const struct run	*run;
	unsigned		 runs;
	uint64_t		 cpu;
};

static size_t
words(const struct bank *b)
{
	size_t n = 0;

	for (unsigned i = 0; i < b->runs; i++)
		n += b->run[i].n;
	return n;
}

static int
save_bank(struct accel_vm *vm, json_t *o, const struct bank *b,
    struct err *e)
{
	uint32_t value[WORDS_MAX], *to = value;
	const struct run *r;

	for (r = b->run; r < b->run + b->runs; r++)
		for (unsigned i = 0; i < r->n; i++)
			if (kvm_arm64_attr_get(vm->arch->gic, r->group,
			    b->cpu | (r->attr + 4 * i), to++, e) == -1)
				return err_prefix(e, "%s: 0x%x", b->name,
				    r->attr);
	return state_put(o, b->name, value, words(b) * sizeof(value[0]), e);
}

static int
load_bank(struct accel_vm *vm, const json_t *o, const struct bank *b,
    struct err *e)
{
	uint32_t value[WORDS_MAX], *from = value;
	const struct run *r;

	if (state_get(o, b->name, value, words(b) * sizeof(value[0]),
	    e) == -1)
		return -1;
	for (r = b->run; r < b->run + b->runs; r++)
		for (unsigned i = 0; i < r->n; i++)
			if (kvm_arm64_attr_set(vm->arch->gic, r->group,
			    b->cpu | (r->attr + 4 * i), from++, e) == -1)
				return err_prefix(e, "state: %s: this host's "
				    "KVM refuses 0x%x in register 0x%x",
				    b->name, from[-1], r->attr);
	return 0;
}

static const struct bank the_distributor = {
	"distributor", distributor, COUNT(distributor), 0,
};

static struct bank
redistributor_of(unsigned id)
{
	return (struct bank){ "redistributor", redistributor,
	    COUNT(redistributor), kvm_arm64_affinity(id) };
}

/* --- CPU interfaces ------------------------------------------------------ */

/* How many of them there are where CTLR is that. */
static unsigned
interface_regs(uint64_t ctlr)
{
	unsigned bits = (unsigned)(ctlr >> 8 & 7) + 1;	/* of a priority */

	return bits >= 7 ? COUNT(interface) :
	    INTERFACE_LEAST + (bits == 6 ? 2 : 0);
}

static int
save_interface(struct accel_vm *vm, json_t *o, unsigned id, struct err *e)
{
	uint64_t value[COUNT(interface)] = { 0 };
	unsigned n = 1;

	for (unsigned i = 0; i < n; i++) {
		if (kvm_arm64_attr_get(vm->arch->gic,
		    KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
		    kvm_arm64_affinity(id) | interface[i], &value[i], e) == -1)
			return err_prefix(e, "interface: register %u", i);
		n = interface_regs(value[0]);
	}
	return state_put(o, "interface", value, sizeof(value), e);
}

static int
load_interface(struct accel_vm *vm, const json_t *o, unsigned id,
    struct err *e)
{
	uint64_t value[COUNT(interface)];

	if (state_get(o, "interface", value, sizeof(value), e) == -1)
		return -1;
	for (unsigned i = 0; i < interface_regs(value[0]); i++)
		if (kvm_arm64_attr_set(vm->arch->gic,
		    KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
		    kvm_arm64_affinity(id) | interface[i], &value[i], e) == -1)
			return err_prefix(e, "state: interface: this host's "
			    "KVM refuses 0x%llx in register %u",
			    (unsigned long long)value[i], i);
	return 0;
}

/* --- processors ---------------------------------------------------------- */

static int
save_cpus(struct accel_vm *vm, json_t *o, struct err *e)
{
	own_json json_t *all = json_array();

	for (unsigned i = 0; i < vm->setup.cpus; i++) {
		const struct bank b = redistributor_of(i);
		json_t *cpu = json_object();

		if (json_array_append_new(all, cpu) == -1)
			return err_set(e, ENOMEM, "state: out of memory");
		if (save_bank(vm, cpu, &b, e) == -1 ||
		    save_interface(vm, cpu, i, e) == -1)
			return -1;
	}
	if (json_object_set(o, "cpus", all) == -1)
		return err_set(e, ENOMEM, "state: out of memory");
	return 0;
}

/* All redistributors, then what is on their other side. */
static int
load_cpus(struct accel_vm *vm, const json_t *o, struct err *e)
{
	json_t *all = NULL;

	if (json_get_arr(&all, o, "cpus", ACCEL_CPUS_MAX, e) == -1)
		return err_prefix(e, "state");
	if (json_array_size(all) != vm->setup.cpus)
		return err_set(e, EINVAL, "state: the interrupt controller "
		    "has %zu processors, not %u", json_array_size(all),
		    vm->setup.cpus);
	for (unsigned i = 0; i < vm->setup.cpus; i++) {
		const struct bank b = redistributor_of(i);

		if (load_bank(vm, json_array_get(all, i), &b, e) == -1)
			return -1;
	}
	for (unsigned i = 0; i < vm->setup.cpus; i++)
		if (load_interface(vm, json_array_get(all, i), i, e) == -1)
			return -1;
	return 0;
}

/* --- translation of messages --------------------------------------------- */

/* Into the guest's memory, or from there. */
static int
tables(struct accel_vm *vm, uint64_t attr, struct err *e)
{
	return kvm_arm64_attr_set(vm->arch->its, KVM_DEV_ARM_VGIC_GRP_CTRL,
	    attr, NULL, e);
}

static int
save_its(struct accel_vm *vm, json_t *o, struct err *e)
{
	uint64_t value[COUNT(its)];

	if (tables(vm, KVM_DEV_ARM_ITS_SAVE_TABLES, e) == -1)
		return err_prefix(e, "its: tables");
	for (unsigned i = 0; i < COUNT(its); i++)
		if (kvm_arm64_attr_get(vm->arch->its,
		    KVM_DEV_ARM_VGIC_GRP_ITS_REGS, its[i], &value[i], e) == -1)
			return err_prefix(e, "its: 0x%x", its[i]);
	return state_put(o, "its", value, sizeof(value), e);
}

static int
load_its(struct accel_vm *vm, const json_t *o, struct err *e)
{
	uint64_t value[COUNT(its)];

	if (state_get(o, "its", value, sizeof(value), e) == -1)
		return -1;
	for (unsigned i = 0; i < COUNT(its); i++) {
		if (i == ITS_TABLES &&
		    tables(vm, KVM_DEV_ARM_ITS_RESTORE_TABLES, e) == -1)
			return err_prefix(e, "state: its: tables in memory");
		if (kvm_arm64_attr_set(vm->arch->its,
		    KVM_DEV_ARM_VGIC_GRP_ITS_REGS, its[i], &value[i], e) == -1)
			return err_prefix(e, "state: its: this host's KVM "
			    "refuses 0x%llx in register 0x%x",
			    (unsigned long long)value[i], its[i]);
	}
	return 0;
}

/* --- all of it ----------------------------------------------------------- */

int
kvm_arm64_gic_save(struct accel_vm *vm, json_t *o, struct err *e)
{
	/* Which messages wait is in the guest's memory, too. */
	if (kvm_arm64_attr_set(vm->arch->gic, KVM_DEV_ARM_VGIC_GRP_CTRL,
	    KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES, NULL, e) == -1)
		return err_prefix(e, "pending messages");
	if (save_bank(vm, o, &the_distributor, e) == -1 ||
	    save_cpus(vm, o, e) == -1)
		return -1;
	return save_its(vm, o, e);
}

int
kvm_arm64_gic_load(struct accel_vm *vm, const json_t *o, struct err *e)
{
	if (load_bank(vm, o, &the_distributor, e) == -1 ||
	    load_cpus(vm, o, e) == -1)
		return -1;
	return load_its(vm, o, e);
}
