/* SPDX-License-Identifier: ISC */
/*
 * hvf_host.c - hosts of Hypervisor.framework: processors with more than a
 * guest may see, pages of 16 KiB, and calls that fail
 *
 * The framework is the one of hvf_kit.h.  Fields are those of the Arm
 * Architecture Reference Manual (DDI 0487), by the register's name.
 */

#include "hvf_world.h"

#include "lib/json.h"

/* --- identification ------------------------------------------------------- */

/* ID_AA64MMFR0_EL1.PARange: bits of an address. */
static const uint8_t parange[] = { 32, 36, 40, 42, 44, 48, 52 };

/* The host's vCPU, as it is made. */
static uint64_t
made(hv_sys_reg_t reg)
{
	struct world w;
	uint64_t value;

	begin(&w, 1);
	value = w.f->sys[reg];
	end(&w);
	return value;
}

/* Never more than the VM has, and never more than the processor. */
static void
address_bits(void **state)
{
	/* Macs have 36 bits, or 40 when they are asked for all. */
	static const uint8_t vms[] = { 32, 33, 36, 39, 40, 42, 44, 47, 48,
	    52 };
	const uint64_t kept = fake.mmfr0;

	(void)state;
	for (unsigned i = 0; i < COUNT(vms); i++)
		for (unsigned host = 0; host < 16; host++) {
			unsigned best = 0;

			for (unsigned r = 0; r < COUNT(parange); r++)
				if (r <= host && parange[r] <= vms[i])
					best = r;
			fake.ipa_bits = vms[i];
			fake.mmfr0 = 0xf00000011223320ULL | host;
			assert_true(made(HV_SYS_ID_AA64MMFR0_EL1) ==
			    (0xf00000011223320ULL | best));
		}
	fake.ipa_bits = 40;
	fake.mmfr0 = kept;
}

/* Fields whose state is in no snapshot, or that we have nothing behind. */
static void
hidden(void **state)
{
	static const struct {
		hv_sys_reg_t	 reg;
		uint64_t	*host;
		unsigned	 shift;		/* of the field */
	} rows[] = {
		{ HV_SYS_ID_AA64PFR1_EL1, &fake.pfr1, 24 },	/* SME */
		{ HV_SYS_ID_AA64DFR0_EL1, &fake.dfr0, 8 },	/* PMUVer */
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const uint64_t kept = *rows[i].host;

		for (uint64_t field = 0; field < 16; field++) {
			const uint64_t others = 0x5555555555555555 &
			    ~(0xfULL << rows[i].shift);

			*rows[i].host = others | field << rows[i].shift;
			assert_true(made(rows[i].reg) == others);
		}
		*rows[i].host = kept;
	}
}

/* All else of it is the host's. */
static void
shown(void **state)
{
	const uint64_t kept = fake.dfr0;

	(void)state;
	fake.dfr0 = 0xf0f << 12 | 0x6;
	assert_true(made(HV_SYS_ID_AA64DFR0_EL1) == fake.dfr0);
	fake.dfr0 = kept;
	assert_true(made(HV_SYS_ID_AA64PFR0_EL1) == 0);
	assert_true(made(HV_SYS_ID_AA64ISAR0_EL1) == 0);
	assert_true(made(HV_SYS_MPIDR_EL1) == 1U << 31);
}

/* --- pages of 16 KiB ------------------------------------------------------ */

static void
pages(void **state)
{
	static const struct {
		uint64_t	gpa, bytes, host;	/* of a page, each */
	} bad[] = {
		{ 0x1000, 0, 0 }, { 0x2000, 0, 0 }, { 0, 0x1000, 0 },
		{ 0, 0x3000, 0 }, { 0, 0, 0x1000 }, { 0, 0, 0x2000 },
		{ 0x1000, 0x1000, 0x1000 },
	};
	struct accel_memory m = { .slot = 1, .gpa = 0x80000000,
	    .bytes = HV_PAGE, .host = hvf_ram };
	struct err e;
	struct world w;

	(void)state;
	begin(&w, 1);
	fake.maps = 0;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		struct accel_memory odd = m;

		odd.gpa += bad[i].gpa;
		odd.bytes += bad[i].bytes;
		odd.host = hvf_ram + bad[i].host;
		assert_int_equal(accel_hvf.map(w.vm, &odd, &e), -1);
		assert_int_equal(e.num, EINVAL);
		assert_non_null(strstr(e.text, "a page of 16 KiB"));
	}
	assert_int_equal(fake.maps, 0);
	assert_int_equal(accel_hvf.map(w.vm, &m, NULL), 0);
	/* The last page there is, and none behind it. */
	m.slot = 2;
	m.gpa = (1ULL << 40) - HV_PAGE;
	assert_int_equal(accel_hvf.map(w.vm, &m, NULL), 0);
	m.slot = 3;
	m.gpa += HV_PAGE;
	assert_int_equal(accel_hvf.map(w.vm, &m, &e), -1);
	m.gpa = UINT64_MAX & ~(uint64_t)(HV_PAGE - 1);
	assert_int_equal(accel_hvf.map(w.vm, &m, &e), -1);
	assert_int_equal(fake.maps, 2);
	end(&w);
}

/* --- calls that fail ------------------------------------------------------ */

/* Apple, "Hypervisor errors"; what is not in it is an error, too. */
static const struct {
	hv_return_t	 code;
	int		 num;
	const char	*says;
} codes[] = {
	{ HV_CODE(0x01), EIO, "it failed (0xfae94001)" },
	{ HV_CODE(0x02), EBUSY, "this process has a VM (0xfae94002)" },
	{ HV_CODE(0x03), EINVAL, "an argument is not taken (0xfae94003)" },
	{ HV_CODE(0x04), EIO, "the guest's state is not possible "
	    "(0xfae94004)" },
	{ HV_CODE(0x05), ENOMEM, "the host has no more of them "
	    "(0xfae94005)" },
	{ HV_CODE(0x06), ENODEV, "there is no VM (0xfae94006)" },
	{ HV_CODE(0x07), EACCES, "the program is not signed with the "
	    "entitlement com.apple.security.hypervisor, or virtualization "
	    "is not permitted (0xfae94007)" },
	{ HV_CODE(0x08), EIO, "an unknown error (0xfae94008)" },
	{ HV_CODE(0x0f), ENOTSUP, "this host cannot do it (0xfae9400f)" },
	{ 1, EIO, "an unknown error (0x1)" },
	{ -1, EIO, "an unknown error (0xffffffff)" },
};

static void
each_code(void **state)
{
	const struct accel_setup s = { .cpus = 1, .gic = &hvf_gic };
	struct accel_vm *vm = NULL;
	char says[200];
	struct err e;

	(void)state;
	fake.fail_call = "hv_vm_create";
	for (unsigned i = 0; i < COUNT(codes); i++) {
		fake.fail_code = codes[i].code;
		(void)snprintf(says, sizeof(says), "hv_vm_create: %s",
		    codes[i].says);
		assert_int_equal(accel_hvf.vm_new(&vm, &s, &e), -1);
		assert_string_equal(e.text, says);
		assert_int_equal(e.num, codes[i].num);
		assert_int_equal(accel_hvf.check(&e), -1);
		assert_string_equal(e.text, says);
	}
	fake.fail_call = NULL;
}

/* What is asked of the accelerator: 0, or -1 with the err. */

static int
do_vm(struct world *w, struct err *e)
{
	const struct accel_setup s = { .cpus = 1, .gic = &hvf_gic };
	struct accel_vm *vm = NULL;
	int r = accel_hvf.vm_new(&vm, &s, e);

	(void)w;
	if (r == 0)
		accel_hvf.vm_destroy(vm);
	return r;
}

static int
do_vcpu(struct world *w, struct err *e)
{
	struct accel_vm *vm = hvf_begin(1);
	struct accel_vcpu *c = NULL;
	int r = accel_hvf.vcpu_new(&c, vm, 0, e);

	(void)w;
	if (r == 0)
		accel_hvf.vcpu_destroy(c);
	accel_hvf.vm_destroy(vm);
	return r;
}

static int
do_map(struct world *w, struct err *e)
{
	const struct accel_memory m = { .slot = 1, .gpa = 0x80000000,
	    .bytes = HV_PAGE, .host = hvf_ram };

	return accel_hvf.map(w->vm, &m, e);
}

static int
do_unmap(struct world *w, struct err *e)
{
	const struct accel_memory none = { .slot = 0 };

	return accel_hvf.map(w->vm, &none, e);
}

static int
do_line(struct world *w, struct err *e)
{
	return accel_hvf.irq(w->vm, 3, 1, e);
}

static int
do_message(struct world *w, struct err *e)
{
	const struct accel_msi m = { .address = FRAME + 0x40, .data = 70 };

	assert_int_equal(accel_hvf.msi(w->vm, 30, &m, NULL), 0);
	return accel_hvf.irq(w->vm, 30, 1, e);
}

static int
do_reset(struct world *w, struct err *e)
{
	return accel_hvf.vm_reset(w->vm, e);
}

static int
do_vcpu_reset(struct world *w, struct err *e)
{
	return accel_hvf.vcpu_reset(w->c, e);
}

static int
do_vm_save(struct world *w, struct err *e)
{
	own_json json_t *o = accel_hvf.vm_save(w->vm, e);

	return o == NULL ? -1 : 0;
}

static int
do_vcpu_save(struct world *w, struct err *e)
{
	own_json json_t *o = accel_hvf.vcpu_save(w->c, e);

	return o == NULL ? -1 : 0;
}

/* What is loaded was saved before the call began to fail. */
static json_t *saved_vm, *saved_vcpu;

static int
do_vm_load(struct world *w, struct err *e)
{
	return accel_hvf.vm_load(w->vm, saved_vm, e);
}

static int
do_vcpu_load(struct world *w, struct err *e)
{
	return accel_hvf.vcpu_load(w->c, saved_vcpu, e);
}

static int
do_run(struct world *w, const hv_vcpu_exit_t *exit, struct err *e)
{
	struct accel_exit x;

	hvf_script(0, exit, 1);
	if (accel_hvf.vcpu_run(w->c, &x, e) == -1)
		return -1;
	accel_hvf.vcpu_kick(w->c);
	return accel_hvf.vcpu_run(w->c, &x, e);
}

static int
do_load(struct world *w, struct err *e)
{
	const hv_vcpu_exit_t exit = fault(ABORT | ISV, DEVICE);

	return do_run(w, &exit, e);
}

static int
do_store(struct world *w, struct err *e)
{
	const hv_vcpu_exit_t exit = fault(ABORT | ISV | WNR, DEVICE);

	return do_run(w, &exit, e);
}

static int
do_timer(struct world *w, struct err *e)
{
	const hv_vcpu_exit_t exits[] = { { .reason = HV_EXIT_VTIMER },
	    fault(WFI | 1, 0), { .reason = 99 } };
	struct accel_exit x;

	w->f->sys[HV_SYS_CNTV_CTL_EL0] = 0;
	hvf_script(0, exits, COUNT(exits));
	return accel_hvf.vcpu_run(w->c, &x, e);
}

static int
do_sysreg(struct world *w, struct err *e)
{
	const hv_vcpu_exit_t exits[] = { fault(MSR(2, 0, 0, 2, 2, 1), 0),
	    { .reason = 99 } };
	struct accel_exit x;

	hvf_script(0, exits, COUNT(exits));
	return accel_hvf.vcpu_run(w->c, &x, e);
}

static int
do_debug(struct world *w, struct err *e)
{
	struct accel_debug d = { .on = false };

	if (accel_hvf.debug(w->c, &d, e) == -1)
		return -1;
	d.on = true;
	return accel_hvf.debug(w->c, &d, e);
}

static const struct {
	int		(*fn)(struct world *, struct err *);
	const char	*call;
	bool		 no_code;	/* it only returns NULL */
} fails[] = {
	{ do_vm, "hv_vm_config_create", true },
	{ do_vm, "hv_vm_config_get_max_ipa_size", false },
	{ do_vm, "hv_vm_config_set_ipa_size", false },
	{ do_vm, "hv_vm_get_max_vcpu_count", false },
	{ do_vm, "hv_gic_config_create", true },
	{ do_vm, "hv_gic_config_set_distributor_base", false },
	{ do_vm, "hv_gic_config_set_redistributor_base", false },
	{ do_vm, "hv_gic_config_set_msi_region_base", false },
	{ do_vm, "hv_gic_config_set_msi_interrupt_range", false },
	{ do_vm, "hv_gic_create", false },
	{ do_vcpu, "hv_vcpu_create", false },
	{ do_vcpu, "hv_vcpu_get_sys_reg", false },
	{ do_vcpu, "hv_vcpu_set_sys_reg", false },
	{ do_vcpu, "hv_vcpu_set_reg", false },
	{ do_vcpu, "hv_vcpu_set_simd_fp_reg", false },
	{ do_vcpu, "hv_vcpu_set_vtimer_mask", false },
	{ do_vcpu, "hv_vcpu_set_vtimer_offset", false },
	{ do_map, "hv_vm_map", false },
	{ do_unmap, "hv_vm_unmap", false },
	{ do_line, "hv_gic_set_spi", false },
	{ do_message, "hv_gic_send_msi", false },
	{ do_reset, "hv_vm_unmap", false },
	{ do_reset, "hv_vm_map", false },
	{ do_reset, "hv_gic_reset", false },
	{ do_vcpu_reset, "hv_gic_set_icc_reg", false },
	{ do_vm_save, "hv_gic_state_create", true },
	{ do_vm_save, "hv_gic_state_get_size", false },
	{ do_vm_save, "hv_gic_state_get_data", false },
	{ do_vcpu_save, "hv_vcpu_get_reg", false },
	{ do_vcpu_save, "hv_vcpu_get_sys_reg", false },
	{ do_vcpu_save, "hv_vcpu_get_simd_fp_reg", false },
	{ do_vcpu_save, "hv_gic_get_icc_reg", false },
	{ do_vm_load, "hv_gic_set_state", false },
	{ do_vcpu_load, "hv_vcpu_set_reg", false },
	{ do_vcpu_load, "hv_vcpu_set_sys_reg", false },
	{ do_vcpu_load, "hv_vcpu_set_simd_fp_reg", false },
	{ do_vcpu_load, "hv_vcpu_set_vtimer_offset", false },
	{ do_vcpu_load, "hv_gic_set_icc_reg", false },
	{ do_load, "hv_vcpu_run", false },
	{ do_load, "hv_vcpu_set_reg", false },
	{ do_store, "hv_vcpu_get_reg", false },
	{ do_timer, "hv_gic_set_redistributor_reg", false },
	{ do_timer, "hv_vcpu_get_sys_reg", false },
	{ do_timer, "hv_vcpu_set_vtimer_mask", false },
	{ do_sysreg, "hv_vcpu_set_sys_reg", false },
	{ do_debug, "hv_vcpu_set_trap_debug_exceptions", false },
	{ do_debug, "hv_vcpu_set_trap_debug_reg_accesses", false },
	{ do_debug, "hv_vcpu_set_sys_reg", false },
};

/* A world for those that need one, whose vCPU has run. */
static void
prepare(struct world *w)
{
	begin(w, 1);
	play(w, NULL, 0);
	assert_non_null(saved_vm = accel_hvf.vm_save(w->vm, NULL));
	assert_non_null(saved_vcpu = accel_hvf.vcpu_save(w->c, NULL));
}

static void
clear(struct world *w)
{
	json_decref(saved_vm);
	json_decref(saved_vcpu);
	end(w);
}

static void
fail_once(unsigned i, hv_return_t code, const char *says)
{
	bool own = fails[i].fn == do_vm || fails[i].fn == do_vcpu;
	char text[200];
	struct world w;
	struct err e;

	if (!own)
		prepare(&w);
	fake.fail_call = fails[i].call;
	fake.fail_code = code;
	e.text[0] = '\0';
	assert_int_equal(fails[i].fn(&w, &e), -1);
	(void)snprintf(text, sizeof(text), "%s%s%s", fails[i].call,
	    fails[i].no_code ? "" : ": ", fails[i].no_code ? "" : says);
	if (strstr(e.text, text) == NULL)
		fail_msg("\"%s\": not \"%s\"", e.text, text);
	fake.fail_call = NULL;
	/* It was told once, and what is asked again works. */
	if (fails[i].fn(&w, &e) == -1)
		fail_msg("%s, again: %s", fails[i].call, e.text);
	if (!own)
		clear(&w);
}

static void
each_call(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(fails); i++) {
		print_message("# %s\n", fails[i].call);
		for (unsigned k = 0; k < COUNT(codes); k++)
			fail_once(i, codes[k].code, codes[k].says);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(address_bits),
		cmocka_unit_test(hidden),
		cmocka_unit_test(shown),
		cmocka_unit_test(pages),
		cmocka_unit_test(each_code),
		cmocka_unit_test(each_call),
	};

	return unit_run("hvf_host", tests);
}
