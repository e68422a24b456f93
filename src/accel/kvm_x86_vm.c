/* SPDX-License-Identifier: ISC */
/*
 * kvm_x86_vm.c - Linux KVM on x86: state of interrupt controllers and clock
 *
 * Source: Linux, Documentation/virt/kvm/api.rst; how the TSC is moved on is
 * the algorithm of devices/vcpu.rst, section 4.1.
 */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "accel/cpuid_x86.h"
#include "accel/kvm_x86.h"
#include "accel/state.h"
#include "lib/json.h"
#include "lib/util.h"

#define FORMAT		"kvm-x86 1"	/* of all state; changes with it */
#define TSC_PPM		250		/* frequencies that are the same */

json_t *
kvm_x86_state_new(struct err *e)
{
	json_t *o = json_pack("{s:s}", "format", FORMAT);

	if (o == NULL)
		(void)err_set(e, ENOMEM, "state: out of memory");
	return o;
}

int
kvm_x86_state_check(const json_t *o, struct err *e)
{
	const char *s = json_string_value(json_object_get(o, "format"));

	if (s == NULL || strcmp(s, FORMAT) != 0)
		return err_set(e, ENOTSUP, "state: its format is \"%s\", "
		    "this program has \"%s\"", s != NULL ? s : "",
		    FORMAT);
	return 0;
}

/* --- interrupt controllers ----------------------------------------------- */

static const struct {
	const char	*name;
	uint32_t	 id;
} chips[] = {
	{ "pic0", KVM_IRQCHIP_PIC_MASTER },
	{ "pic1", KVM_IRQCHIP_PIC_SLAVE },
	{ "ioapic", KVM_IRQCHIP_IOAPIC },
};

static int
save_chips(struct accel_vm *vm, json_t *o, struct err *e)
{
	struct kvm_irqchip c;
	struct kvm_pit_state2 pit = { .flags = 0 };

	if (vm->setup.irqchip == ACCEL_IRQCHIP_SPLIT)
		return 0;
	for (unsigned i = 0; i < COUNT(chips); i++) {
		c = (struct kvm_irqchip){ .chip_id = chips[i].id };
		if (kvm_call(vm->fd, KVM_GET_IRQCHIP, &c, e) == -1 ||
		    state_put(o, chips[i].name, &c, sizeof(c), e) == -1)
			return -1;
	}
	if (kvm_call(vm->fd, KVM_GET_PIT2, &pit, e) == -1)
		return -1;
	return state_put(o, "pit", &pit, sizeof(pit), e);
}

static int
load_chips(struct accel_vm *vm, const json_t *o, struct err *e)
{
	struct kvm_irqchip c;
	struct kvm_pit_state2 pit;

	if (vm->setup.irqchip == ACCEL_IRQCHIP_SPLIT)
		return 0;
	for (unsigned i = 0; i < COUNT(chips); i++) {
		if (state_get(o, chips[i].name, &c, sizeof(c), e) == -1)
			return -1;
		c.chip_id = chips[i].id;
		if (kvm_call(vm->fd, KVM_SET_IRQCHIP, &c, e) == -1)
			return -1;
	}
	if (state_get(o, "pit", &pit, sizeof(pit), e) == -1)
		return -1;
	return kvm_call(vm->fd, KVM_SET_PIT2, &pit, e);
}

int
kvm_arch_vm_reset(struct accel_vm *vm, struct err *e)
{
	OWN(kvm_vm_destroy) struct accel_vm *fresh = NULL;
	own_json json_t *o = kvm_x86_state_new(e);

	if (o == NULL || kvm_vm_like(&fresh, vm, e) == -1 ||
	    save_chips(fresh, o, e) == -1)
		return -1;
	return load_chips(vm, o, e);
}

/* --- clock --------------------------------------------------------------- */

static uint64_t
realtime_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The guest's clock, and what the host's were at that moment. */
static int
get_clock(struct accel_vm *vm, struct kvm_clock_data *k, struct err *e)
{
	memset(k, 0, sizeof(*k));
	if (kvm_call(vm->fd, KVM_GET_CLOCK, k, e) == -1)
		return -1;
	if ((k->flags & KVM_CLOCK_REALTIME) == 0)
		k->realtime = realtime_ns();
	return 0;
}

/* ns * khz / 10^6 without an overflow. */
static uint64_t
ticks(uint64_t ns, uint32_t khz)
{
	return (uint64_t)((unsigned __int128)ns * khz / 1000000);
}

/*
 * The clock goes on by the time that has passed in the world, and with it
 * every TSC, if KVM tells the host's TSC at both ends.
 */
static int
load_clock(struct accel_vm *vm, const json_t *o, struct err *e)
{
	struct kvm_clock_data then, now, set = { .flags = 0 };
	uint64_t wall = realtime_ns();

	if (state_get(o, "clock", &then, sizeof(then), e) == -1)
		return -1;
	set.clock = then.clock;
	if (wall > then.realtime)
		set.clock += wall - then.realtime;
	if (kvm_call(vm->fd, KVM_SET_CLOCK, &set, e) == -1 ||
	    get_clock(vm, &now, e) == -1)
		return -1;
	if ((then.flags & now.flags & KVM_CLOCK_HOST_TSC) == 0)
		return 0;
	vm->arch->tsc_moved = true;
	vm->arch->tsc_move = ticks(now.clock - then.clock,
	    vm->arch->tsc_khz) + then.host_tsc - now.host_tsc;
	return 0;
}

/* --- the processor ------------------------------------------------------- */

/* As the first vCPU sees it, without what differs from boot to boot. */
static void
normal_cpuid(struct kvm_cpuid2 *t)
{
	struct kvm_cpuid_entry2 *n;

	cpuid_x86_vcpu(t, 0);
	for (n = t->entries; n < t->entries + t->nent; n++)
		if (n->function == 0x40000010)
			n->eax = 0;
}

static int
copy_cpuid(struct kvm_cpuid2 **ret, struct accel_vm *vm, struct err *e)
{
	struct kvm_cpuid2 *t;
	uint32_t n;

	if (vm->arch->cpuid == NULL)
		return err_set(e, EINVAL, "the VM has no vCPU");
	n = vm->arch->cpuid->nent;
	if ((t = cpuid_x86_room(n)) == NULL)
		return err_sys(e, "CPUID");
	(void)pthread_mutex_lock(&vm->lock);
	memcpy(t->entries, vm->arch->cpuid->entries,
	    n * sizeof(t->entries[0]));
	(void)pthread_mutex_unlock(&vm->lock);
	normal_cpuid(t);
	*ret = t;
	return 0;
}

/* Vendor, family and model for people; all of CPUID for us. */
static int
save_cpu(struct accel_vm *vm, json_t *o, struct err *e)
{
	own_mem struct kvm_cpuid2 *t = NULL;

	if (copy_cpuid(&t, vm, e) == -1)
		return -1;
	if (json_object_set_new(o, "tsc_khz",
	    json_integer(vm->arch->tsc_khz)) == -1)
		return err_set(e, ENOMEM, "state: out of memory");
	return state_put(o, "cpuid", t->entries,
	    t->nent * sizeof(t->entries[0]), e);
}

static int
other_cpu(const struct kvm_cpuid_entry2 *then,
    const struct kvm_cpuid_entry2 *now, struct err *e)
{
	if (then->function == 0)
		return err_set(e, ENOTSUP, "state: it is of a processor of "
		    "another maker");
	if (then->function == 1 && then->eax != now->eax)
		return err_set(e, ENOTSUP, "state: it is of another "
		    "processor: family and model %#x, here %#x", then->eax,
		    now->eax);
	return err_set(e, ENOTSUP, "state: it is of a processor with other "
	    "features: CPUID leaf %#x differs (%#x %#x %#x %#x, here %#x %#x "
	    "%#x %#x)", then->function, then->eax, then->ebx, then->ecx,
	    then->edx, now->eax, now->ebx, now->ecx, now->edx);
}

static int
check_cpu(struct accel_vm *vm, const json_t *o, struct err *e)
{
	own_mem struct kvm_cpuid2 *t = NULL;
	own_mem void *bytes = NULL;
	const struct kvm_cpuid_entry2 *then;
	uint64_t khz = 0;
	size_t len;

	if (copy_cpuid(&t, vm, e) == -1 ||
	    state_get_any(o, "cpuid", &bytes, &len, e) == -1)
		return -1;
	then = bytes;
	for (size_t i = 0; i < MIN(t->nent, len / sizeof(*then)); i++)
		if (memcmp(&then[i], &t->entries[i], sizeof(*then)) != 0)
			return other_cpu(&then[i], &t->entries[i], e);
	if (len != t->nent * sizeof(*then))
		return err_set(e, ENOTSUP, "state: it is of a processor with "
		    "other features: CPUID has more or less leaves");
	if (json_get_u64(&khz, o, "tsc_khz", 1, UINT32_MAX, e) == -1)
		return -1;
	if (khz * 1000000 > vm->arch->tsc_khz * (1000000ULL + TSC_PPM) ||
	    khz * 1000000 < vm->arch->tsc_khz * (1000000ULL - TSC_PPM))
		return err_set(e, ENOTSUP, "state: its TSC ran at %llu kHz, "
		    "here it is %u", (unsigned long long)khz,
		    vm->arch->tsc_khz);
	return 0;
}

/* --- all of it ----------------------------------------------------------- */

static const char *const irqchips[] = {
	[ACCEL_IRQCHIP_KERNEL] = "kernel",
	[ACCEL_IRQCHIP_SPLIT] = "split",
};

json_t *
kvm_arch_vm_save(struct accel_vm *vm, struct err *e)
{
	own_json json_t *o = kvm_x86_state_new(e);
	struct kvm_clock_data k;

	if (o == NULL || save_cpu(vm, o, e) == -1 ||
	    save_chips(vm, o, e) == -1 || get_clock(vm, &k, e) == -1 ||
	    state_put(o, "clock", &k, sizeof(k), e) == -1)
		return NULL;
	if (json_object_set_new(o, "irqchip",
	    json_string(irqchips[vm->setup.irqchip])) == -1) {
		(void)err_set(e, ENOMEM, "state: out of memory");
		return NULL;
	}
	return take(&o);
}

int
kvm_arch_vm_load(struct accel_vm *vm, const json_t *o, struct err *e)
{
	const char *chip = json_string_value(json_object_get(o, "irqchip"));

	if (kvm_x86_state_check(o, e) == -1 || check_cpu(vm, o, e) == -1)
		return -1;
	if (chip == NULL || strcmp(chip, irqchips[vm->setup.irqchip]) != 0)
		return err_set(e, ENOTSUP, "state: its interrupt controllers "
		    "are of another kind");
	if (load_chips(vm, o, e) == -1)
		return -1;
	return load_clock(vm, o, e);
}
