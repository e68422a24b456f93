/* SPDX-License-Identifier: ISC */
/*
 * hvf_dirty.c - the log of written pages on Hypervisor.framework
 *
 * The framework is the one of hvf_kit.h: faults come from tables that cite
 * the Arm Architecture Reference Manual (DDI 0487), ESR_ELx, "ISS encoding
 * for an exception from a Data Abort".
 */

#include "unit.h"
#include "hvf_kit.h"

#include "lib/util.h"

#define PC		(RAM + 0x1000)
#define EC_ABORT	(0x24ULL << 26 | 1U << 25)
#define ISV		(1U << 24)
#define SAS(n)		((uint32_t)(n) << 22)
#define S1PTW		(1U << 7)
#define WNR		(1U << 6)
#define TRANSLATION(n)	(0x04U | (n))
#define PERMISSION(n)	(0x0cU | (n))
#define GUEST_PAGE	4096U
#define WORDS		(RAM_LEN / GUEST_PAGE / 64)

static struct accel_vm *vm;
static struct accel_vcpu *cpu;
static const struct accel_memory ram = { .gpa = RAM, .bytes = RAM_LEN,
    .host = hvf_ram };

static int
set_up(void **state)
{
	(void)state;
	vm = hvf_begin(1);
	return accel_hvf.vcpu_new(&cpu, vm, 0, NULL);
}

static int
tear_down(void **state)
{
	(void)state;
	accel_hvf.vcpu_destroy(cpu);
	accel_hvf.vm_destroy(vm);
	return 0;
}

static void
log_memory(bool on)
{
	struct accel_memory m = ram;
	struct err e;

	m.log = on;
	if (accel_hvf.map(vm, &m, &e) == -1)
		fail_msg("%s", e.text);
}

/* A fault, then the end of the run. */
static struct accel_exit
play(uint64_t iss, uint64_t at)
{
	hv_vcpu_exit_t script[2] = { { .reason = HV_EXIT_EXCEPTION },
	    { .reason = 99 } };
	struct accel_exit x;
	struct err e;

	script[0].exception.syndrome = EC_ABORT | iss;
	script[0].exception.physical_address = at;
	script[0].exception.virtual_address = at;
	fake.vcpu[0].reg[HV_REG_PC] = PC;
	hvf_script(0, script, COUNT(script));
	if (accel_hvf.vcpu_run(cpu, &x, &e) == -1)
		fail_msg("%s", e.text);
	hvf_script(0, NULL, 0);
	return x;
}

static void
expect_dirty(uint64_t first)
{
	uint64_t map[WORDS];

	assert_int_equal(accel_hvf.dirty(vm, 0, map, NULL), 0);
	assert_true(map[0] == first);
	for (unsigned i = 1; i < WORDS; i++)
		assert_true(map[i] == 0);
}

static const struct {
	uint64_t	iss;
	uint64_t	at;
	uint64_t	marks;		/* pages of the guest, a bit each */
} writes[] = {
	/* a store that is described, in the first page and its last byte */
	{ ISV | SAS(2) | WNR | PERMISSION(3), RAM, 0xf },
	{ ISV | SAS(0) | WNR | PERMISSION(3), RAM + HV_PAGE - 1, 0xf },
	/* one that is not: a pair, DC ZVA, a store of vectors */
	{ WNR | PERMISSION(3), RAM + HV_PAGE, 0xf0 },
	/* at any level of the tables */
	{ WNR | PERMISSION(1), RAM + 3 * HV_PAGE + 8, 0xf000 },
	{ WNR | PERMISSION(2), RAM + 15 * HV_PAGE, 0xf000000000000000 },
	/* the guest's page tables are written to by the processor */
	{ S1PTW | WNR | PERMISSION(3), RAM + 2 * HV_PAGE, 0xf00 },
};

/* The instruction is tried again: nothing of it was done. */
static void
marked(void **state)
{
	(void)state;
	log_memory(true);
	for (unsigned i = 0; i < COUNT(writes); i++) {
		uint64_t page = (writes[i].at - RAM) / HV_PAGE;

		assert_true(fake.readonly[page]);
		(void)play(writes[i].iss, writes[i].at);
		assert_true(fake.vcpu[0].reg[HV_REG_PC] == PC);
		assert_false(fake.readonly[page]);
		expect_dirty(writes[i].marks);
		assert_true(fake.readonly[page]);
		expect_dirty(0);
	}
}

/* Pages beside each other are forbidden by one call. */
static void
runs(void **state)
{
	(void)state;
	log_memory(true);
	for (unsigned i = 0; i < 16; i++)
		if (i != 7)
			(void)play(WNR | PERMISSION(3), RAM + i * HV_PAGE);
	fake.protects = 0;
	expect_dirty(0xffffffff0fffffff);
	assert_int_equal(fake.protects, 2);
	for (unsigned i = 0; i < 16; i++)
		assert_true(fake.readonly[i]);
}

/* It comes and goes without the memory: the guest runs meanwhile. */
static void
comes_and_goes(void **state)
{
	uint64_t map[WORDS];

	(void)state;
	fake.maps = fake.unmaps = 0;
	log_memory(true);
	(void)play(WNR | PERMISSION(3), RAM);
	log_memory(false);
	assert_false(fake.readonly[0] || fake.readonly[1]);
	assert_int_equal(accel_hvf.dirty(vm, 0, map, NULL), -1);
	/* A fault of before is one of nothing now. */
	(void)play(WNR | PERMISSION(3), RAM + HV_PAGE);
	assert_true(fake.vcpu[0].reg[HV_REG_PC] == PC);
	log_memory(true);
	expect_dirty(0);
	assert_int_equal(fake.maps + fake.unmaps, 0);
	assert_int_equal(accel_hvf.dirty(vm, ACCEL_SLOTS_MAX, map, NULL), -1);
}

/* The guest goes on without one that could not be begun. */
static void
no_log(void **state)
{
	struct accel_memory m = ram;
	uint64_t map[WORDS];

	(void)state;
	m.log = true;
	fake.forbids = true;
	assert_int_equal(accel_hvf.map(vm, &m, NULL), -1);
	assert_false(fake.readonly[0]);
	assert_int_equal(accel_hvf.dirty(vm, 0, map, NULL), -1);
	fake.forbids = false;
}

/* What is no memory is a device's, and read-only memory is the board's. */
static void
others(void **state)
{
	struct accel_memory rom = { .slot = 1, .gpa = 0x80000000,
	    .bytes = HV_PAGE, .host = hvf_ram, .readonly = true };

	(void)state;
	assert_int_equal(accel_hvf.map(vm, &rom, NULL), 0);
	log_memory(true);
	assert_int_equal(play(ISV | SAS(2) | WNR | TRANSLATION(3),
	    0x09000000).why, ACCEL_EXIT_MMIO);
	assert_int_equal(play(ISV | SAS(2) | WNR | PERMISSION(3),
	    rom.gpa).why, ACCEL_EXIT_MMIO);
	expect_dirty(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(marked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(comes_and_goes, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(no_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(others, set_up, tear_down),
	};

	return unit_run("hvf_dirty", tests);
}
