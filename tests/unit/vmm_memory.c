/* SPDX-License-Identifier: ISC */
/* vmm_memory.c - guest memory: where it lies, what it costs, what it becomes */

#include "unit.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel_null.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/acpi.h"
#include "vmm/dev/power.h"
#include "vmm/firmware.h"
#include "vmm/loader.h"
#include "vmm/map_arm64.h"
#include "vmm/memory.h"
#include "vmm/mptable.h"

#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)

static void
refused(struct memory_setup s, const char *why)
{
	struct memory *m = NULL;
	struct err e;

	assert_int_equal(memory_new(&m, &s, &e), -1);
	assert_null(m);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\", not \"%s\"", e.text, why);
}

static void
sizes(void **state)
{
	int fd = os_memfd("short", MIB, NULL);

	(void)state;
	refused((struct memory_setup){ .file = -1 }, "MiB");
	refused((struct memory_setup){ .bytes = MIB + 4096, .file = -1 },
	    "MiB");
	refused((struct memory_setup){ .bytes = 2 * MEMORY_MAX, .file = -1 },
	    "1024 GiB");
	refused((struct memory_setup){ .bytes = 3 * MIB, .page = 2 * MIB,
	    .file = -1 }, "multiple");
	refused((struct memory_setup){ .bytes = 2 * MIB, .file = fd },
	    "1048576");
	(void)close(fd);
}

/* Huge pages are had or refused now, not at the first touch. */
static void
no_huge_pages(void **state)
{
	(void)state;
	refused((struct memory_setup){ .bytes = 1ULL << 39, .page = GIB,
	    .file = -1 }, "huge pages");
}

/* A hole at the windows; 1 TiB costs nothing before it is touched. */
static void
address_map(void **state)
{
	struct memory_setup s = { .bytes = MEMORY_MAX, .file = -1,
	    .thp = true };
	struct memory *m;
	uint8_t *low, *high;

	(void)state;
	assert_int_equal(memory_new(&m, &s, NULL), 0);
	assert_null(memory_at(m, MEMORY_LOW_MAX, 1));
	assert_null(memory_at(m, MEMORY_LOW_MAX - 1, 2));
	assert_null(memory_at(m, MEMORY_HIGH - 1, 2));
	assert_null(memory_at(m, UINT64_MAX, 2));
	assert_non_null(memory_at(m, MEMORY_HIGH + MEMORY_MAX -
	    MEMORY_LOW_MAX - 1, 1));
	assert_null(memory_at(m, MEMORY_HIGH + MEMORY_MAX - MEMORY_LOW_MAX,
	    1));

	/* Same place in a page of 1 GiB, host and guest. */
	low = memory_at(m, 0, 1);
	high = memory_at(m, MEMORY_HIGH, 1);
	assert_int_equal((uintptr_t)low % GIB, 0);
	assert_int_equal((uintptr_t)high % GIB, 0);
	memory_destroy(m);
}

static void
attach(void **state)
{
	struct memory_setup s = { .bytes = 4 * GIB, .file = -1,
	    .shared = true };
	struct accel_setup vm_setup = { .cpus = 1 };
	struct frontend_region r[2];
	struct accel_vm *vm;
	struct memory *m;

	(void)state;
	null_forget();
	assert_int_equal(accel_null.vm_new(&vm, &vm_setup, NULL), 0);
	assert_int_equal(memory_new(&m, &s, NULL), 0);
	assert_int_equal(memory_attach(m, &accel_null, vm, NULL), 0);
	assert_int_equal(null_memory(0).bytes, MEMORY_LOW_MAX);
	assert_int_equal(null_memory(1).gpa, MEMORY_HIGH);
	assert_int_equal(null_memory(1).bytes, GIB);
	assert_int_equal(memory_regions(m, r), 2);
	assert_int_equal(r[1].offset, MEMORY_LOW_MAX);
	assert_int_equal(r[1].user, MEMORY_HIGH);
	accel_null.vm_destroy(vm);
	memory_destroy(m);
	null_forget();
}

/* The four kinds of memory become zeroes when they are cleared. */
static void
clear(void **state)
{
	int file = os_memfd("snapshot", 4 * MIB, NULL);
	const struct memory_setup kinds[] = {
		{ .bytes = 4 * MIB, .file = -1 },
		{ .bytes = 4 * MIB, .file = -1, .shared = true },
		{ .bytes = 4 * MIB, .file = file },
		{ .bytes = 4 * MIB, .file = file, .shared = true },
	};
	struct memory *m;
	char *p;

	(void)state;
	assert_int_equal(pwrite(file, "old", 3, 3 * MIB), 3);
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		assert_int_equal(memory_new(&m, &kinds[i], NULL), 0);
		assert_int_equal(memory_shared(m), kinds[i].shared);
		p = memory_at(m, 3 * MIB, 4);
		assert_string_equal(p, kinds[i].file == -1 ? "" : "old");
		memcpy(p, "new", 3);
		memory_discard(m, 3 * MIB, 4096);
		assert_string_not_equal(p, "new");
		memory_discard(m, 5 * MIB, 4096);	/* not there */
		memcpy(p, "new", 3);
		assert_int_equal(memory_clear(m, NULL), 0);
		assert_string_equal(p, "");
		memory_destroy(m);
	}
	/* The snapshot is as it was. */
	p = mmap(NULL, 4 * MIB, PROT_READ, MAP_SHARED, file, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_string_equal(p + 3 * MIB, "old");
	(void)munmap(p, 4 * MIB);
	(void)close(file);
}

/*
 * The drawing in docs/ARCHITECTURE.md: every address in it is one of ours,
 * and each of ours is there.
 */
static void
drawing(void **state)
{
	static const uint64_t ours[] = {
		MEMORY_PCI64 + MEMORY_PCI64_LEN, MEMORY_PCI64, MEMORY_HIGH,
		MEMORY_HIGH - FIRMWARE_MAX, MEMORY_LAPIC, MEMORY_IOAPIC,
		MEMORY_PCI, MEMORY_ECAM, 0, LOADER_KERNEL, POWER_VECTOR,
		MPTABLE_ADDR, ACPI_ADDR + ACPI_GENID, ACPI_ADDR,
		LOADER_LOW_END, LOADER_STACK, LOADER_TABLES, LOADER_CMDLINE,
		LOADER_INFO,
		/* arm64's */
		ARM64_RAM, ARM64_ECAM, ARM64_PCI_IO, ARM64_PCI,
		ARM64_GICR_FRAME, ARM64_STOLEN, ARM64_GPIO, ARM64_FW_CFG,
		ARM64_RTC, ARM64_UART, ARM64_GICR, ARM64_ITS, ARM64_FRAME,
		ARM64_GICD, ARM64_VARIABLES, ARM64_CODE,
	};
	FILE *f = fopen("docs/ARCHITECTURE.md", "re");
	char line[512], mark;
	unsigned long long addr;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(MEMORY_ECAM, MEMORY_LOW_MAX);
	assert_int_equal(MEMORY_PCI, MEMORY_ECAM + MEMORY_ECAM_LEN);
	assert_int_equal(MEMORY_PCI_END, MEMORY_IOAPIC);
	assert_int_equal(LOADER_FIRMWARE, ACPI_ADDR);
	assert_true(ACPI_ADDR + ACPI_LEN <= MPTABLE_ADDR);
	if (f == NULL)
		skip();			/* not run from the top */
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, " 0x%llx %c", &addr, &mark) != 2 ||
		    (mark != '+' && mark != '|'))
			continue;
		if (seen == COUNT(ours) || addr != ours[seen])
			fail_msg("%llx is drawn, the code has %llx", addr,
			    seen == COUNT(ours) ? 0ULL :
			    (unsigned long long)ours[seen]);
		seen++;
	}
	(void)fclose(f);
	assert_int_equal(seen, COUNT(ours));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(no_huge_pages),
		cmocka_unit_test(address_map),
		cmocka_unit_test(attach),
		cmocka_unit_test(clear),
		cmocka_unit_test(drawing),
	};

	return unit_run("vmm_memory", tests);
}
