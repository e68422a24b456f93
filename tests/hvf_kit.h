/* SPDX-License-Identifier: ISC */
/*
 * hvf_kit.h - Hypervisor.framework of a few lines, for unit tests
 *
 * Registers are what was written to them; a run plays the next exit of a
 * script, and when that is over waits to be ended.  What is asked of the
 * interrupt controller is kept.  It checks what the framework only breaks
 * at: a vCPU's calls come from its thread.
 */

#ifndef HVF_KIT_H
#define HVF_KIT_H

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "accel/accel.h"
#include "accel/accel_arm64.h"
#include "os/darwin/hv.h"

#define FAKE_VCPUS	4
#define FAKE_STATE	"state of the interrupt controller"
#define FAKE_NOW	1000000		/* mach_absolute_time() */
#define RAM		0x40000000ULL
#define RAM_LEN		0x100000ULL
#define FRAME		0x08020000ULL

struct fake_vcpu {
	pthread_t		 owner;
	bool			 there;
	bool			 latch;		/* the next run ends */
	uint64_t		 reg[35];
	uint64_t		 sys[1 << 16];
	uint64_t		 icc[1 << 16];
	uint8_t			 simd[HV_QREGS][16];
	uint64_t		 offset;
	bool			 masked;
	bool			 trapped[2];	/* debug: exits, registers */
	uint64_t		 pending;	/* private interrupts */
	unsigned		 runs;
	hv_vcpu_exit_t		 exit;
	const hv_vcpu_exit_t	*script;
	unsigned		 left;		/* of the script */
};

static struct fake {
	struct fake_vcpu	 vcpu[FAKE_VCPUS];
	unsigned		 n;
	bool			 vm;
	bool			 gic;
	uint32_t		 ipa_bits;
	unsigned		 maps, unmaps, protects;
	bool			 readonly[RAM_LEN / HV_PAGE];
	bool			 forbids;	/* hv_vm_protect does, and
						   then says that it failed */
	hv_memory_flags_t	 flags;		/* of the last map */
	uint32_t		 spi;		/* last one set */
	bool			 level;
	unsigned		 spis;
	hv_ipa_t		 msi_address;
	uint32_t		 msi_data;
	unsigned		 msis;
	unsigned		 resets;	/* of the controller */
	unsigned		 states;	/* loaded */
	uint64_t		 now;
	/* The host's processor, before anything is written to a vCPU's. */
	uint64_t		 pfr1, dfr0, mmfr0;
	/* This call of the framework says that. */
	const char		*fail_call;
	hv_return_t		 fail_code;
	pthread_mutex_t		 lock;
	pthread_cond_t		 changed;
} fake = {
	.ipa_bits	= 40,
	.pfr1		= 2U << 24 | 0x20,		/* SME */
	.mmfr0		= 0x1125,			/* 48 bits */
	.dfr0		= 3U << 20 | 5U << 12,
	.lock		= PTHREAD_MUTEX_INITIALIZER,
	.changed	= PTHREAD_COND_INITIALIZER,
};

static bool
fake_fails(const char *call)
{
	return fake.fail_call != NULL && strcmp(call, fake.fail_call) == 0;
}

#define FAKE_CALL()	do {						\
	if (fake_fails(__func__))					\
		return fake.fail_code;					\
} while (0)

static struct fake_vcpu *
fake_own(hv_vcpu_t v)
{
	assert(v < fake.n && fake.vcpu[v].there);
	assert(pthread_equal(fake.vcpu[v].owner, pthread_self()));
	return &fake.vcpu[v];
}

/* --- the VM --------------------------------------------------------------- */

hv_return_t
hv_vm_create(hv_vm_config_t c)
{
	(void)c;
	FAKE_CALL();
	if (fake.vm)
		return HV_BUSY;
	fake.vm = true;
	return HV_SUCCESS;
}

hv_return_t
hv_vm_destroy(void)
{
	FAKE_CALL();
	if (!fake.vm)
		return HV_NO_DEVICE;
	for (unsigned i = 0; i < fake.n; i++)
		assert(!fake.vcpu[i].there);
	fake.vm = fake.gic = false;
	fake.n = 0;
	return HV_SUCCESS;
}

hv_return_t
hv_vm_map(void *at, hv_ipa_t ipa, size_t len, hv_memory_flags_t flags)
{
	FAKE_CALL();
	assert((((uintptr_t)at | ipa | len) & (HV_PAGE - 1)) == 0);
	fake.maps++;
	fake.flags = flags;
	return HV_SUCCESS;
}

/* Only of the RAM is it known. */
hv_return_t
hv_vm_protect(hv_ipa_t ipa, size_t len, hv_memory_flags_t flags)
{
	FAKE_CALL();
	assert(((ipa | len) & (HV_PAGE - 1)) == 0 && len > 0);
	assert((flags & HV_MEMORY_READ) != 0);
	fake.protects++;
	for (; len > 0 && ipa >= RAM && ipa < RAM + RAM_LEN; ipa += HV_PAGE,
	    len -= HV_PAGE)
		fake.readonly[(ipa - RAM) / HV_PAGE] =
		    (flags & HV_MEMORY_WRITE) == 0;
	return fake.forbids && (flags & HV_MEMORY_WRITE) == 0 ?
	    HV_NO_RESOURCES : HV_SUCCESS;
}

hv_return_t
hv_vm_unmap(hv_ipa_t ipa, size_t len)
{
	FAKE_CALL();
	(void)ipa;
	(void)len;
	fake.unmaps++;
	return HV_SUCCESS;
}

hv_return_t
hv_vm_get_max_vcpu_count(uint32_t *ret)
{
	FAKE_CALL();
	*ret = FAKE_VCPUS;
	return HV_SUCCESS;
}

hv_vm_config_t
hv_vm_config_create(void)
{
	return fake_fails(__func__) ? NULL : malloc(1);
}

hv_return_t
hv_vm_config_get_max_ipa_size(uint32_t *ret)
{
	FAKE_CALL();
	*ret = fake.ipa_bits;
	return HV_SUCCESS;
}

hv_return_t
hv_vm_config_set_ipa_size(hv_vm_config_t c, uint32_t bits)
{
	FAKE_CALL();
	(void)c;
	return bits <= fake.ipa_bits ? HV_SUCCESS : HV_BAD_ARGUMENT;
}

void
os_release(void *p)
{
	free(p);
}

uint64_t
mach_absolute_time(void)
{
	return fake.now;
}

int
mach_timebase_info(struct mach_timebase_info *t)
{
	*t = (struct mach_timebase_info){ 125, 3 };
	return 0;
}

/* --- vCPUs ---------------------------------------------------------------- */

hv_return_t
hv_vcpu_create(hv_vcpu_t *ret, hv_vcpu_exit_t **exit, hv_vcpu_config_t c)
{
	struct fake_vcpu *v = &fake.vcpu[fake.n];

	FAKE_CALL();
	(void)c;
	assert(fake.vm && fake.gic && fake.n < FAKE_VCPUS);
	memset(v, 0, sizeof(*v));
	v->owner = pthread_self();
	v->there = true;
	v->sys[HV_SYS_ID_AA64PFR1_EL1] = fake.pfr1;
	v->sys[HV_SYS_ID_AA64MMFR0_EL1] = fake.mmfr0;
	v->sys[HV_SYS_ID_AA64DFR0_EL1] = fake.dfr0;
	*ret = fake.n++;
	*exit = &v->exit;
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_destroy(hv_vcpu_t v)
{
	FAKE_CALL();
	fake_own(v)->there = false;
	return HV_SUCCESS;
}

hv_return_t
hv_vcpus_exit(hv_vcpu_t *v, uint32_t n)
{
	FAKE_CALL();
	(void)pthread_mutex_lock(&fake.lock);
	for (uint32_t i = 0; i < n; i++)
		fake.vcpu[v[i]].latch = true;
	(void)pthread_cond_broadcast(&fake.changed);
	(void)pthread_mutex_unlock(&fake.lock);
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_run(hv_vcpu_t id)
{
	struct fake_vcpu *v = fake_own(id);

	(void)pthread_mutex_lock(&fake.lock);
	v->runs++;
	(void)pthread_cond_broadcast(&fake.changed);
	while (!v->latch && v->left == 0 && !fake_fails("hv_vcpu_run"))
		(void)pthread_cond_wait(&fake.changed, &fake.lock);
	if (v->latch) {
		v->latch = false;
		v->exit = (hv_vcpu_exit_t){ .reason = HV_EXIT_CANCELED };
	} else if (v->left > 0) {
		v->exit = *v->script++;
		v->left--;
	}
	(void)pthread_mutex_unlock(&fake.lock);
	FAKE_CALL();
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_get_reg(hv_vcpu_t v, hv_reg_t r, uint64_t *ret)
{
	FAKE_CALL();
	assert(r < 35);
	*ret = fake_own(v)->reg[r];
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_set_reg(hv_vcpu_t v, hv_reg_t r, uint64_t value)
{
	FAKE_CALL();
	assert(r < 35);
	fake_own(v)->reg[r] = value;
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_get_sys_reg(hv_vcpu_t v, hv_sys_reg_t r, uint64_t *ret)
{
	FAKE_CALL();
	*ret = fake_own(v)->sys[r];
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_set_sys_reg(hv_vcpu_t v, hv_sys_reg_t r, uint64_t value)
{
	FAKE_CALL();
	fake_own(v)->sys[r] = value;
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_get_simd_fp_reg(hv_vcpu_t v, hv_simd_fp_reg_t r,
    hv_simd_fp_uchar16_t *ret)
{
	FAKE_CALL();
	memcpy(ret, fake_own(v)->simd[r], sizeof(*ret));
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_set_simd_fp_reg(hv_vcpu_t v, hv_simd_fp_reg_t r,
    hv_simd_fp_uchar16_t value)
{
	FAKE_CALL();
	memcpy(fake_own(v)->simd[r], &value, sizeof(value));
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_set_trap_debug_exceptions(hv_vcpu_t v, bool on)
{
	FAKE_CALL();
	fake_own(v)->trapped[0] = on;
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_set_trap_debug_reg_accesses(hv_vcpu_t v, bool on)
{
	FAKE_CALL();
	fake_own(v)->trapped[1] = on;
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_set_vtimer_mask(hv_vcpu_t v, bool masked)
{
	FAKE_CALL();
	fake_own(v)->masked = masked;
	return HV_SUCCESS;
}

hv_return_t
hv_vcpu_set_vtimer_offset(hv_vcpu_t v, uint64_t offset)
{
	FAKE_CALL();
	fake_own(v)->offset = offset;
	return HV_SUCCESS;
}

/* --- the interrupt controller --------------------------------------------- */

hv_gic_config_t
hv_gic_config_create(void)
{
	return fake_fails(__func__) ? NULL : malloc(1);
}

#define FAKE_CONFIG(name, ...)						\
	hv_return_t							\
	hv_gic_config_set_##name(__VA_ARGS__)				\
	{								\
		(void)c;						\
		(void)at;						\
		FAKE_CALL();						\
		return HV_SUCCESS;					\
	}
FAKE_CONFIG(distributor_base, hv_gic_config_t c, hv_ipa_t at)
FAKE_CONFIG(redistributor_base, hv_gic_config_t c, hv_ipa_t at)
FAKE_CONFIG(msi_region_base, hv_gic_config_t c, hv_ipa_t at)

hv_return_t
hv_gic_config_set_msi_interrupt_range(hv_gic_config_t c, uint32_t first,
    uint32_t count)
{
	FAKE_CALL();
	(void)c;
	assert(first >= 32 && first + count <= 1020);
	return HV_SUCCESS;
}

hv_return_t
hv_gic_create(hv_gic_config_t c)
{
	FAKE_CALL();
	(void)c;
	assert(fake.vm && fake.n == 0 && !fake.gic);
	fake.gic = true;
	return HV_SUCCESS;
}

hv_return_t
hv_gic_reset(void)
{
	FAKE_CALL();
	fake.resets++;
	return HV_SUCCESS;
}

hv_return_t
hv_gic_set_spi(uint32_t intid, bool level)
{
	FAKE_CALL();
	(void)pthread_mutex_lock(&fake.lock);
	fake.spi = intid;
	fake.level = level;
	fake.spis++;
	(void)pthread_mutex_unlock(&fake.lock);
	return HV_SUCCESS;
}

hv_return_t
hv_gic_send_msi(hv_ipa_t address, uint32_t intid)
{
	FAKE_CALL();
	if (address != FRAME + HV_GIC_MSI_SET_SPI)
		return HV_BAD_ARGUMENT;
	(void)pthread_mutex_lock(&fake.lock);
	fake.msi_address = address;
	fake.msi_data = intid;
	fake.msis++;
	(void)pthread_cond_broadcast(&fake.changed);
	(void)pthread_mutex_unlock(&fake.lock);
	return HV_SUCCESS;
}

hv_return_t
hv_gic_set_redistributor_reg(hv_vcpu_t v, hv_gic_redistributor_reg_t r,
    uint64_t value)
{
	FAKE_CALL();
	assert(r == HV_GICR_ISPENDR0);
	fake_own(v)->pending |= value;
	return HV_SUCCESS;
}

hv_return_t
hv_gic_get_icc_reg(hv_vcpu_t v, hv_gic_icc_reg_t r, uint64_t *ret)
{
	FAKE_CALL();
	*ret = fake_own(v)->icc[r];
	return HV_SUCCESS;
}

hv_return_t
hv_gic_set_icc_reg(hv_vcpu_t v, hv_gic_icc_reg_t r, uint64_t value)
{
	FAKE_CALL();
	fake_own(v)->icc[r] = value;
	return HV_SUCCESS;
}

hv_gic_state_t
hv_gic_state_create(void)
{
	return fake_fails(__func__) ? NULL : malloc(1);
}

hv_return_t
hv_gic_state_get_size(hv_gic_state_t s, size_t *ret)
{
	FAKE_CALL();
	(void)s;
	*ret = sizeof(FAKE_STATE);
	return HV_SUCCESS;
}

hv_return_t
hv_gic_state_get_data(hv_gic_state_t s, void *ret)
{
	FAKE_CALL();
	(void)s;
	memcpy(ret, FAKE_STATE, sizeof(FAKE_STATE));
	return HV_SUCCESS;
}

hv_return_t
hv_gic_set_state(const void *data, size_t len)
{
	FAKE_CALL();
	if (len != sizeof(FAKE_STATE) || memcmp(data, FAKE_STATE, len) != 0)
		return HV_BAD_ARGUMENT;
	fake.states++;
	return HV_SUCCESS;
}

/* --- a VM of it ----------------------------------------------------------- */

static const struct arm64_gic hvf_gic = {
	.distributor	= 0x08000000,
	.redistributors	= 0x0c000000,
	.frame		= FRAME,
	.frame_first	= 64,
	.frame_count	= 448,
};

static uint8_t hvf_ram[RAM_LEN] __attribute__((aligned(HV_PAGE)));

static struct accel_vm *
hvf_begin(unsigned cpus)
{
	const struct accel_setup s = { .cpus = cpus, .gic = &hvf_gic };
	const struct accel_memory m = { .gpa = RAM, .bytes = RAM_LEN,
	    .host = hvf_ram };
	struct accel_vm *vm = NULL;

	memset(hvf_ram, 0, sizeof(hvf_ram));
	fake.now = FAKE_NOW;
	fake.maps = fake.unmaps = fake.spis = fake.msis = fake.resets = 0;
	assert(accel_hvf.vm_new(&vm, &s, NULL) == 0);
	assert(accel_hvf.map(vm, &m, NULL) == 0);
	return vm;
}

/* What the vCPU's runs end with, one after the other. */
static inline void
hvf_script(unsigned vcpu, const hv_vcpu_exit_t *exits, unsigned n)
{
	(void)pthread_mutex_lock(&fake.lock);
	fake.vcpu[vcpu].script = exits;
	fake.vcpu[vcpu].left = n;
	(void)pthread_cond_broadcast(&fake.changed);
	(void)pthread_mutex_unlock(&fake.lock);
}

/* An exit by an exception, at an address. */
static inline hv_vcpu_exit_t
fault(uint64_t syndrome, uint64_t at)
{
	hv_vcpu_exit_t x = { .reason = HV_EXIT_EXCEPTION };

	x.exception.syndrome = syndrome;
	x.exception.physical_address = at;
	x.exception.virtual_address = at;
	return x;
}

#endif
