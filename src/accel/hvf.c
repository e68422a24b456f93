/* SPDX-License-Identifier: ISC */
/*
 * hvf.c - Hypervisor.framework of macOS on Apple Silicon: the VM, its memory
 * and interrupts
 *
 * Process: vmm; a process has one VM at most.  Needs: macOS 15, which has the
 * interrupt controller; the entitlement com.apple.security.hypervisor.
 */

#include <errno.h>

#include "accel/hvf.h"
#include "lib/util.h"

/* --- results -------------------------------------------------------------- */

static const struct {
	hv_return_t	 code;
	int		 num;
	const char	*text;
} results[] = {
	{ HV_ERROR, EIO, "it failed" },
	{ HV_BUSY, EBUSY, "this process has a VM" },
	{ HV_BAD_ARGUMENT, EINVAL, "an argument is not taken" },
	{ HV_ILLEGAL_GUEST_STATE, EIO, "the guest's state is not possible" },
	{ HV_NO_RESOURCES, ENOMEM, "the host has no more of them" },
	{ HV_NO_DEVICE, ENODEV, "there is no VM" },
	{ HV_DENIED, EACCES, "the program is not signed with the "
	    "entitlement com.apple.security.hypervisor, or virtualization "
	    "is not permitted" },
	{ HV_UNSUPPORTED, ENOTSUP, "this host cannot do it" },
};

const char *
hvf_text(hv_return_t r)
{
	for (unsigned i = 0; i < COUNT(results); i++)
		if (results[i].code == r)
			return results[i].text;
	return "an unknown error";
}

int
hvf_result(hv_return_t r, const char *call, struct err *e)
{
	int num = EIO;

	if (r == HV_SUCCESS)
		return 0;
	for (unsigned i = 0; i < COUNT(results); i++)
		if (results[i].code == r)
			num = results[i].num;
	return err_set(e, num, "%s: %s (%#x)", call, hvf_text(r),
	    (unsigned)r);
}

/* --- a VM ----------------------------------------------------------------- */

uint64_t
hvf_affinity(unsigned id)
{
	return (id & 0xf) | (uint64_t)(id >> 4) << 8;
}

static int
hvf_check(struct err *e)
{
	if (hv_gic_create == NULL)
		return err_set(e, ENOTSUP, "macOS 15 or later is needed: "
		    "this one has no interrupt controller for guests");
	if (hvf_result(hv_vm_create(NULL), "hv_vm_create", e) == -1)
		return -1;
	return hvf_result(hv_vm_destroy(), "hv_vm_destroy", e);
}

/* The largest addresses that the host has. */
static int
create(struct accel_vm *vm, struct err *e)
{
	hv_vm_config_t config = hv_vm_config_create();
	uint32_t bits;
	int r;

	if (config == NULL)
		return err_set(e, ENOMEM, "hv_vm_config_create");
	r = hvf_result(hv_vm_config_get_max_ipa_size(&bits),
	    "hv_vm_config_get_max_ipa_size", e);
	if (r == 0)
		r = hvf_result(hv_vm_config_set_ipa_size(config, bits),
		    "hv_vm_config_set_ipa_size", e);
	if (r == 0)
		r = hvf_result(hv_vm_create(config), "hv_vm_create", e);
	os_release(config);
	if (r == 0)
		vm->ipa_bits = bits;
	return r;
}

#define DO(call, ...)	hvf_result(call(__VA_ARGS__), #call, e)

static int
set_gic(const struct arm64_gic *g, hv_gic_config_t config, struct err *e)
{
	if (DO(hv_gic_config_set_distributor_base, config,
	    g->distributor) == -1 ||
	    DO(hv_gic_config_set_redistributor_base, config,
	    g->redistributors) == -1 ||
	    DO(hv_gic_config_set_msi_region_base, config, g->frame) == -1 ||
	    DO(hv_gic_config_set_msi_interrupt_range, config,
	    g->frame_first, g->frame_count) == -1)
		return -1;
	return DO(hv_gic_create, config);
}

static int
make_gic(struct accel_vm *vm, struct err *e)
{
	hv_gic_config_t config = hv_gic_config_create();
	int r;

	if (config == NULL)
		return err_set(e, ENOMEM, "hv_gic_config_create");
	r = set_gic(&vm->gic, config, e);
	os_release(config);
	return r;
}

static void
hvf_vm_destroy(struct accel_vm *vm)
{
	if (vm == NULL)
		return;
	hvf_events_destroy(vm->events);
	if (vm->ipa_bits != 0)
		(void)hv_vm_destroy();
	for (unsigned i = 0; i < ACCEL_SLOTS_MAX; i++)
		free(vm->log[i]);
	(void)pthread_mutex_destroy(&vm->lock);
	free(vm);
}
OWN_DEFINE(struct accel_vm, hvf_vm_destroy);

static int
check_setup(const struct accel_setup *s, struct err *e)
{
	if (s->cpus < 1 || s->cpus > ACCEL_CPUS_MAX)
		return err_set(e, EINVAL, "%u CPUs: 1 to %d can be had",
		    s->cpus, ACCEL_CPUS_MAX);
	if (s->cpu != ACCEL_CPU_HOST)
		return err_set(e, ENOTSUP, "cpu: on arm64 there is only "
		    "\"host\"");
	if (hv_gic_create == NULL)
		return hvf_check(e);
	return 0;
}

static int
hvf_vm_new(struct accel_vm **ret, const struct accel_setup *s, struct err *e)
{
	OWN(hvf_vm_destroy) struct accel_vm *vm = NULL;
	uint32_t most;

	if (check_setup(s, e) == -1)
		return -1;
	vm = calloc(1, sizeof(*vm));
	if (vm == NULL)
		return err_sys(e, "VM");
	vm->setup = *s;
	vm->gic = *s->gic;
	/* The guest's counter begins at 0. */
	vm->offset = mach_absolute_time();
	(void)pthread_mutex_init(&vm->lock, NULL);
	if (create(vm, e) == -1)
		return -1;
	if (DO(hv_vm_get_max_vcpu_count, &most) == -1)
		return -1;
	if (s->cpus > most)
		return err_set(e, EINVAL, "%u CPUs: this host has at most %u "
		    "for a VM", s->cpus, most);
	if (make_gic(vm, e) == -1 || hvf_events_new(&vm->events, vm, e) == -1)
		return -1;
	*ret = take(&vm);
	return 0;
}

/* --- memory --------------------------------------------------------------- */

void *
hvf_memory(struct accel_vm *vm, uint64_t gpa, uint64_t len)
{
	const struct accel_memory *m;

	for (unsigned i = 0; i < ACCEL_SLOTS_MAX; i++) {
		m = &vm->slot[i];
		if (len <= m->bytes && gpa >= m->gpa &&
		    gpa - m->gpa <= m->bytes - len)
			return (uint8_t *)m->host + (gpa - m->gpa);
	}
	return NULL;
}

bool
hvf_is_memory(const struct accel_vm *vm, uint64_t gpa, bool write)
{
	const struct accel_memory *m;

	for (unsigned i = 0; i < ACCEL_SLOTS_MAX; i++) {
		m = &vm->slot[i];
		if (gpa >= m->gpa && gpa - m->gpa < m->bytes)
			return !write || !m->readonly;
	}
	return false;
}

static int
check_memory(const struct accel_vm *vm, const struct accel_memory *m,
    struct err *e)
{
	uint64_t end = 1ULL << vm->ipa_bits;

	if (m->slot >= ACCEL_SLOTS_MAX)
		return err_set(e, EINVAL, "memory slot %u", m->slot);
	if (m->bytes > end || m->gpa > end - m->bytes)
		return err_set(e, ENOTSUP, "memory: the host's guests have "
		    "addresses of %u bits", vm->ipa_bits);
	if (((m->gpa | m->bytes | (uintptr_t)m->host) & (HV_PAGE - 1)) != 0)
		return err_set(e, EINVAL, "memory at %#llx does not begin or "
		    "end at a page of %u KiB", (unsigned long long)m->gpa,
		    HV_PAGE >> 10);
	return 0;
}

/* What is in the slot goes, and this comes. */
static int
replace(struct accel_vm *vm, const struct accel_memory *m, struct err *e)
{
	hv_memory_flags_t flags = HV_MEMORY_READ | HV_MEMORY_EXEC |
	    (m->readonly ? 0 : HV_MEMORY_WRITE);
	struct accel_memory *old = &vm->slot[m->slot];

	hvf_log_drop(vm, m->slot);
	if (old->bytes != 0 && DO(hv_vm_unmap, old->gpa, old->bytes) == -1)
		return -1;
	old->bytes = 0;
	if (m->bytes == 0)
		return 0;
	if (DO(hv_vm_map, m->host, m->gpa, m->bytes, flags) == -1)
		return -1;
	*old = *m;
	return m->log ? hvf_log_begin(vm, m->slot, e) : 0;
}

static bool
same_memory(const struct accel_memory *a, const struct accel_memory *b)
{
	return a->bytes == b->bytes && a->gpa == b->gpa &&
	    a->host == b->host && a->readonly == b->readonly;
}

/* A log comes and goes while the guest runs: its memory stays. */
static int
hvf_map(struct accel_vm *vm, const struct accel_memory *m, struct err *e)
{
	struct accel_memory *old;
	int r;

	if (check_memory(vm, m, e) == -1)
		return -1;
	old = &vm->slot[m->slot];
	if (m->bytes == 0 || !same_memory(old, m))
		return replace(vm, m, e);
	r = m->log ? hvf_log_begin(vm, m->slot, e) :
	    hvf_log_end(vm, m->slot, e);
	old->log = m->log && r == 0;
	return r;
}

/*
 * The framework holds the pages that were behind an address when it was
 * mapped.  Memory that was cleared meanwhile has others.
 */
static int
map_again(struct accel_vm *vm, struct err *e)
{
	struct accel_memory m;

	for (unsigned i = 0; i < ACCEL_SLOTS_MAX; i++) {
		m = vm->slot[i];
		if (m.bytes != 0 && replace(vm, &m, e) == -1)
			return -1;
	}
	return 0;
}

static int
hvf_vm_reset(struct accel_vm *vm, struct err *e)
{
	hvf_events_flush(vm);
	if (map_again(vm, e) == -1)
		return -1;
	return DO(hv_gic_reset);
}

/* --- interrupts ----------------------------------------------------------- */

static int
send_message(struct accel_vm *vm, unsigned gsi, struct err *e)
{
	struct accel_msi m;
	bool routed;

	(void)pthread_mutex_lock(&vm->lock);
	routed = vm->routed[gsi];
	m = vm->route[gsi];
	(void)pthread_mutex_unlock(&vm->lock);
	return routed ? DO(hv_gic_send_msi, m.address, m.data) : 0;
}

int
hvf_irq(struct accel_vm *vm, unsigned gsi, int level, struct err *e)
{
	if (gsi >= ACCEL_GSI_MAX)
		return err_set(e, EINVAL, "GSI %u", gsi);
	if (gsi >= ACCEL_GSI_MSI)
		return level != 0 ? send_message(vm, gsi, e) : 0;
	return DO(hv_gic_set_spi, HVF_SPI_FIRST + gsi, level != 0);
}

static int
hvf_msi(struct accel_vm *vm, unsigned gsi, const struct accel_msi *m,
    struct err *e)
{
	if (gsi < ACCEL_GSI_MSI || gsi >= ACCEL_GSI_MAX)
		return err_set(e, EINVAL, "GSI %u sends no messages", gsi);
	(void)pthread_mutex_lock(&vm->lock);
	vm->routed[gsi] = m != NULL;
	if (m != NULL)
		vm->route[gsi] = *m;
	(void)pthread_mutex_unlock(&vm->lock);
	return 0;
}

static int
hvf_nmi(struct accel_vcpu *c, struct err *e)
{
	(void)c;
	return err_set(e, ENOTSUP, "arm64 processors have no NMI");
}

/* --- registers ------------------------------------------------------------ */

static int
get_regs(struct accel_vcpu *c, struct arm64_regs *ret, struct err *e)
{
	for (unsigned i = 0; i < ARM64_XREGS; i++)
		ret->x[i] = hvf_get(c, HV_REG_X0 + i);
	ret->sp = hvf_get_sys(c, hvf_stack(c));
	ret->pc = hvf_get(c, HV_REG_PC);
	ret->pstate = hvf_get(c, HV_REG_CPSR);
	return hvf_failed(c, e);
}

static int
set_regs(struct accel_vcpu *c, const struct arm64_regs *r, struct err *e)
{
	for (unsigned i = 0; i < ARM64_XREGS; i++)
		hvf_set(c, HV_REG_X0 + i, r->x[i]);
	hvf_set(c, HV_REG_PC, r->pc);
	hvf_set(c, HV_REG_CPSR, r->pstate);
	hvf_set_sys(c, hvf_stack(c), r->sp);
	return hvf_failed(c, e);
}

static int
translate(struct accel_vcpu *c, uint64_t va, uint64_t *ret, struct err *e)
{
	const char *no = hvf_translate(c, va, ret);

	if (hvf_failed(c, e) == -1)
		return -1;
	return no == NULL ? 0 : err_set(e, EFAULT, "%#llx: %s",
	    (unsigned long long)va, no);
}

static const struct accel_arm64 hvf_arm64 = {
	.frame		= true,
	.get_regs	= get_regs,
	.set_regs	= set_regs,
};

const struct accel accel_hvf = {
	.name		= "hvf",
	.check		= hvf_check,
	.vm_new		= hvf_vm_new,
	.vm_destroy	= hvf_vm_destroy,
	.map		= hvf_map,
	.dirty		= hvf_dirty,
	.irq		= hvf_irq,
	.irqfd		= hvf_irqfd,
	.msi		= hvf_msi,
	.ioevent	= hvf_ioevent,
	.vcpu_new	= hvf_vcpu_new,
	.vcpu_destroy	= hvf_vcpu_destroy,
	.vcpu_run	= hvf_vcpu_run,
	.vcpu_kick	= hvf_vcpu_kick,
	.vcpu_reset	= hvf_vcpu_reset,
	.vm_reset	= hvf_vm_reset,
	.nmi		= hvf_nmi,
	.vm_save	= hvf_vm_save,
	.vm_load	= hvf_vm_load,
	.vcpu_save	= hvf_vcpu_save,
	.vcpu_load	= hvf_vcpu_load,
	.debug		= hvf_debug,
	.translate	= translate,
	.arm64		= &hvf_arm64,
};
