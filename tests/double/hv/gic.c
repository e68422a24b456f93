/* SPDX-License-Identifier: ISC */
/*
 * gic.c - the double's interrupt controller: KVM's GICv3 without ITS, and a
 * frame for messages; see double.h
 *
 * KVM starts it when all vCPUs are there; that is at the first run, or when
 * its state is asked for.  Lines that were set before wait until then.
 *
 * Source: Linux, Documentation/virt/kvm/devices/arm-vgic-v3.rst; GIC
 * architecture (IHI 0069), chapter 12; IHI 0048B is GICv2's frame.
 */

#include <sys/ioctl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "double.h"

#define SPI_FIRST	32
#define FRAME_LEN	0x10000
#define MSI_TYPER	0x8

struct hv_gic_config {
	hv_ipa_t	distributor;
	hv_ipa_t	redistributors;
	hv_ipa_t	frame;
	uint32_t	first, count;
};

static struct {
	int			fd;
	struct hv_gic_config	config;
	bool			started;
	pthread_mutex_t		lock;
	bool			level[IRQS];	/* before it is started */
} gic = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static int
attr(unsigned long request, uint32_t group, uint64_t what, void *value)
{
	struct kvm_device_attr a = { .group = group, .attr = what,
	    .addr = (uintptr_t)value };

	return ioctl(gic.fd, request, &a);
}

static void
must(int r, const char *what)
{
	if (r == 0)
		return;
	perror(what);
	violated("%s: KVM does not do it", what);
}

/* --- made ---------------------------------------------------------------- */

hv_gic_config_t
hv_gic_config_create(void)
{
	return calloc(1, sizeof(struct hv_gic_config));
}

hv_return_t
hv_gic_config_set_distributor_base(hv_gic_config_t c, hv_ipa_t at)
{
	c->distributor = at;
	return HV_SUCCESS;
}

hv_return_t
hv_gic_config_set_redistributor_base(hv_gic_config_t c, hv_ipa_t at)
{
	c->redistributors = at;
	return HV_SUCCESS;
}

hv_return_t
hv_gic_config_set_msi_region_base(hv_gic_config_t c, hv_ipa_t at)
{
	c->frame = at;
	return HV_SUCCESS;
}

hv_return_t
hv_gic_config_set_msi_interrupt_range(hv_gic_config_t c, uint32_t first,
    uint32_t count)
{
	if (first < SPI_FIRST || first + count > IRQS)
		return HV_BAD_ARGUMENT;
	c->first = first;
	c->count = count;
	return HV_SUCCESS;
}

bool
gic_made(void)
{
	return gic.fd != -1;
}

void
gic_forget(void)
{
	if (gic.fd != -1)
		(void)close(gic.fd);
	gic.fd = -1;
	gic.started = false;
	memset(gic.level, 0, sizeof(gic.level));
}

hv_return_t
hv_gic_create(hv_gic_config_t c)
{
	struct kvm_create_device d = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t redist = (uint64_t)VCPUS_MAX << 52 | c->redistributors;
	uint32_t irqs = IRQS;

	if (vm == -1 || nvcpus != 0)
		violated("the interrupt controller before the VM, or after "
		    "a vCPU");
	if (ioctl(vm, KVM_CREATE_DEVICE, &d) == -1)
		return HV_NO_RESOURCES;
	gic.fd = (int)d.fd;
	gic.config = *c;
	if (attr(KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0,
	    &irqs) == -1 ||
	    attr(KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR,
	    KVM_VGIC_V3_ADDR_TYPE_DIST, &gic.config.distributor) == -1 ||
	    attr(KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_ADDR,
	    KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &redist) == -1)
		return HV_BAD_ARGUMENT;
	return HV_SUCCESS;
}

/* --- interrupts ---------------------------------------------------------- */

static hv_return_t
line(uint32_t intid, bool level)
{
	struct kvm_irq_level l = { .level = level,
	    .irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | intid };

	return ioctl(vm, KVM_IRQ_LINE, &l) == -1 ? HV_BAD_ARGUMENT :
	    HV_SUCCESS;
}

void
gic_start(void)
{
	(void)pthread_mutex_lock(&gic.lock);
	if (!gic.started) {
		must(attr(KVM_SET_DEVICE_ATTR, KVM_DEV_ARM_VGIC_GRP_CTRL,
		    KVM_DEV_ARM_VGIC_CTRL_INIT, NULL), "start of the GIC");
		gic.started = true;
		for (uint32_t i = SPI_FIRST; i < IRQS; i++)
			if (gic.level[i])
				(void)line(i, true);
	}
	(void)pthread_mutex_unlock(&gic.lock);
}

static bool
message(uint32_t intid)
{
	return intid >= gic.config.first &&
	    intid - gic.config.first < gic.config.count;
}

static hv_return_t
set(uint32_t intid, bool level)
{
	hv_return_t r = HV_SUCCESS;

	(void)pthread_mutex_lock(&gic.lock);
	if (gic.started)
		r = line(intid, level);
	else
		gic.level[intid] = level;
	(void)pthread_mutex_unlock(&gic.lock);
	return r;
}

hv_return_t
hv_gic_set_spi(uint32_t intid, bool level)
{
	if (intid < SPI_FIRST || intid >= IRQS || message(intid))
		return HV_BAD_ARGUMENT;
	return set(intid, level);
}

static hv_return_t
pulse(uint32_t intid)
{
	hv_return_t r = set(intid, true);

	return r == HV_SUCCESS ? set(intid, false) : r;
}

hv_return_t
hv_gic_send_msi(hv_ipa_t address, uint32_t intid)
{
	if (address != gic.config.frame + HV_GIC_MSI_SET_SPI ||
	    !message(intid))
		return HV_BAD_ARGUMENT;
	return pulse(intid);
}

/* A processor may write there as a device does. */
bool
gic_frame(struct kvm_run *r)
{
	uint64_t at = r->mmio.phys_addr - gic.config.frame;
	uint32_t value = 0;

	if (r->mmio.phys_addr < gic.config.frame || at >= FRAME_LEN)
		return false;
	if (r->mmio.is_write) {
		memcpy(&value, r->mmio.data, sizeof(value));
		if (at == HV_GIC_MSI_SET_SPI && message(value))
			(void)pulse(value);
		return true;
	}
	if (at == MSI_TYPER)
		value = gic.config.first << 16 | gic.config.count;
	memset(r->mmio.data, 0, sizeof(r->mmio.data));
	memcpy(r->mmio.data, &value, sizeof(value));
	return true;
}

/* --- registers ----------------------------------------------------------- */

#define DIST	KVM_DEV_ARM_VGIC_GRP_DIST_REGS
#define REDIST	KVM_DEV_ARM_VGIC_GRP_REDIST_REGS
#define ICC	KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS
#define LEVELS	KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO
#define LINE_LEVELS(first) \
	((uint64_t)VGIC_LEVEL_INFO_LINE_LEVEL << \
	    KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT | (first))

static uint64_t
affinity(unsigned id)
{
	return ((id & 0xf) | (uint64_t)(id >> 4) << 8) <<
	    KVM_DEV_ARM_VGIC_V3_MPIDR_SHIFT;
}

static hv_return_t
access_icc(hv_vcpu_t id, unsigned long request, uint16_t reg, uint64_t *value)
{
	struct vcpu *v = own(id);
	int r;

	gic_start();
	world_stop();
	r = attr(request, ICC, affinity(v->id) | reg, value);
	world_go();
	return r == -1 ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

hv_return_t
hv_gic_get_icc_reg(hv_vcpu_t id, hv_gic_icc_reg_t reg, uint64_t *ret)
{
	return access_icc(id, KVM_GET_DEVICE_ATTR, reg, ret);
}

hv_return_t
hv_gic_set_icc_reg(hv_vcpu_t id, hv_gic_icc_reg_t reg, uint64_t value)
{
	return access_icc(id, KVM_SET_DEVICE_ATTR, reg, &value);
}

hv_return_t
hv_gic_set_redistributor_reg(hv_vcpu_t id, hv_gic_redistributor_reg_t reg,
    uint64_t value)
{
	struct vcpu *v = own(id);
	uint32_t word = (uint32_t)value;
	int r;

	gic_start();
	world_stop();
	r = attr(KVM_SET_DEVICE_ATTR, REDIST, affinity(v->id) | reg, &word);
	world_go();
	return r == -1 ? HV_BAD_ARGUMENT : HV_SUCCESS;
}

/* --- all of it ----------------------------------------------------------- */

/* Registers of 32 bits, one behind the other. */
struct run {
	uint32_t	group;
	uint32_t	first;
	unsigned	n;
};

#define WORDS	(IRQS / 32 - 1)		/* a bit an interrupt, without 0-31 */

static const struct run distributor[] = {
	{ DIST, 0x0000, 1 },			/* CTLR */
	{ DIST, 0x0084, WORDS },		/* IGROUPR */
	{ DIST, 0x6100, 2 * 32 * WORDS },	/* IROUTER */
	{ DIST, 0x0c08, 2 * WORDS },		/* ICFGR */
	{ DIST, 0x0420, 8 * WORDS },		/* IPRIORITYR */
	{ DIST, 0x0304, WORDS },		/* ISACTIVER */
	{ DIST, 0x0204, WORDS },		/* ISPENDR */
	{ DIST, 0x0104, WORDS },		/* ISENABLER */
};

static const struct run redistributor[] = {
	{ REDIST, 0x00000, 1 },			/* CTLR */
	{ REDIST, 0x10080, 1 },			/* IGROUPR0 */
	{ REDIST, 0x10c04, 1 },			/* ICFGR1 */
	{ REDIST, 0x10400, 8 },			/* IPRIORITYR */
	{ REDIST, 0x10300, 1 },			/* ISACTIVER0 */
	{ REDIST, 0x10200, 1 },			/* ISPENDR0 */
	{ REDIST, 0x10100, 1 },			/* ISENABLER0 */
};

#define DIST_LEN	(1 + 78 * WORDS)	/* of 32 bits each, both */
#define REDIST_LEN	14

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))
#define MAGIC		0x6869636bU

struct hv_gic_state {
	uint32_t	magic;
	uint32_t	cpus;
	uint32_t	level[WORDS + 1];	/* lines */
	uint32_t	dist[DIST_LEN];
	uint32_t	redist[VCPUS_MAX][REDIST_LEN];
};

static void
all(unsigned long request, const struct run *run, unsigned n, uint64_t cpu,
    uint32_t *word)
{
	for (; n > 0; n--, run++)
		for (unsigned i = 0; i < run->n; i++, word++)
			must(attr(request, run->group, cpu |
			    (run->first + 4 * i), word), "GIC register");
}

static void
whole(struct hv_gic_state *s, unsigned long request)
{
	all(request, distributor, COUNT(distributor), 0, s->dist);
	for (unsigned i = 0; i < nvcpus; i++)
		all(request, redistributor, COUNT(redistributor), affinity(i),
		    s->redist[i]);
	for (unsigned i = 1; i <= WORDS; i++)
		must(attr(request, LEVELS, LINE_LEVELS(32 * i),
		    &s->level[i]), "levels");
}

static void
check_still(const char *call)
{
	for (unsigned i = 0; i < nvcpus; i++)
		if (vcpus[i].inside)
			violated("%s: vCPU %u runs", call, i);
}

hv_gic_state_t
hv_gic_state_create(void)
{
	struct hv_gic_state *s = calloc(1, sizeof(*s));

	check_still("hv_gic_state_create");
	gic_start();
	if (s == NULL)
		return NULL;
	s->magic = MAGIC;
	s->cpus = nvcpus;
	whole(s, KVM_GET_DEVICE_ATTR);
	return s;
}

hv_return_t
hv_gic_state_get_size(hv_gic_state_t s, size_t *ret)
{
	*ret = sizeof(*s);
	return HV_SUCCESS;
}

hv_return_t
hv_gic_state_get_data(hv_gic_state_t s, void *ret)
{
	memcpy(ret, s, sizeof(*s));
	return HV_SUCCESS;
}

hv_return_t
hv_gic_set_state(const void *data, size_t len)
{
	struct hv_gic_state *s;

	check_still("hv_gic_set_state");
	if (nvcpus == 0)
		violated("hv_gic_set_state before the vCPUs");
	for (unsigned i = 0; i < nvcpus; i++)
		if (vcpus[i].ran)
			violated("hv_gic_set_state: vCPU %u has run", i);
	if (len != sizeof(*s))
		return HV_BAD_ARGUMENT;
	s = malloc(len);
	if (s == NULL)
		return HV_NO_RESOURCES;
	memcpy(s, data, len);
	if (s->magic != MAGIC || s->cpus != nvcpus) {
		free(s);
		return HV_BAD_ARGUMENT;
	}
	gic_start();
	whole(s, KVM_SET_DEVICE_ATTR);
	free(s);
	return HV_SUCCESS;
}

/* What could interrupt is switched off: KVM has no reset. */
hv_return_t
hv_gic_reset(void)
{
	static const uint32_t clear[] = { 0x180, 0x280, 0x380 };
	uint32_t ones = UINT32_MAX, zero = 0;

	check_still("hv_gic_reset");
	gic_start();
	must(attr(KVM_SET_DEVICE_ATTR, DIST, 0, &zero), "GICD_CTLR");
	for (unsigned k = 0; k < COUNT(clear); k++)
		for (unsigned i = 1; i <= WORDS; i++)
			must(attr(KVM_SET_DEVICE_ATTR, DIST, clear[k] + 4 * i,
			    &ones), "GICD_IC*");
	for (unsigned i = 0; i < nvcpus; i++)
		for (unsigned k = 0; k < COUNT(clear); k++)
			must(attr(KVM_SET_DEVICE_ATTR, REDIST, affinity(i) |
			    (0x10000 + clear[k]), &ones), "GICR_IC*");
	return HV_SUCCESS;
}
