/* SPDX-License-Identifier: ISC */
/* vmm_acpi.c - ACPI and MP tables are well-formed and say the same */

#include "unit.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "lib/util.h"
#include "vmm/acpi.h"
#include "vmm/aml.h"
#include "vmm/dev/pm.h"
#include "vmm/memory.h"
#include "vmm/mptable.h"
#include "vmm/pci.h"

#define CPUS	3

static struct memory *
new_memory(void)
{
	struct memory_setup s = { .bytes = 16ULL << 20, .file = -1 };
	struct memory *m;

	assert_int_equal(memory_new(&m, &s, NULL), 0);
	return m;
}

static uint64_t
peek(const struct memory *m, uint64_t gpa, unsigned len)
{
	uint64_t v = 0;

	memcpy(&v, memory_at(m, gpa, len), len);
	return v;
}

static unsigned
sum(const struct memory *m, uint64_t gpa, uint64_t len)
{
	const uint8_t *p = memory_at(m, gpa, len);
	unsigned n = 0;

	assert_non_null(p);
	for (uint64_t i = 0; i < len; i++)
		n += p[i];
	return n & 0xff;
}

/* The table of that signature; its checksum is right. */
static uint64_t
table(const struct memory *m, uint64_t rsdp, const char *signature)
{
	uint64_t xsdt = peek(m, rsdp + 24, 8), t;
	uint64_t n = (peek(m, xsdt + 4, 4) - 36) / 8;

	for (uint64_t i = 0; i < n; i++) {
		t = peek(m, xsdt + 36 + 8 * i, 8);
		if (memcmp(memory_at(m, t, 4), signature, 4) != 0)
			continue;
		assert_int_equal(sum(m, t, peek(m, t + 4, 4)), 0);
		return t;
	}
	return 0;
}

static void
tables(void **state)
{
	struct memory *m = new_memory();
	struct acpi_setup s = { .memory = m,
	    .addr = ACPI_ADDR, .cpus = CPUS, .pci = true,
	    .pic = true };
	const uint64_t rsdp = ACPI_ADDR;
	uint64_t t;

	(void)state;
	assert_int_equal(acpi_write(&s, NULL), 0);
	assert_memory_equal(memory_at(m, rsdp, 8), "RSD PTR ", 8);
	assert_int_equal(rsdp % 16, 0);
	assert_int_equal(sum(m, rsdp, 20), 0);
	assert_int_equal(sum(m, rsdp, 36), 0);
	t = table(m, rsdp, "FACP");
	assert_int_equal(peek(m, t + 4, 4), 276);
	t = peek(m, t + 140, 8);
	assert_memory_equal(memory_at(m, t, 4), "DSDT", 4);
	assert_int_equal(sum(m, t, peek(m, t + 4, 4)), 0);
	t = table(m, rsdp, "MCFG");
	assert_int_equal(peek(m, t + 44, 8), MEMORY_ECAM);

	/* Every processor is in the MADT, with its number. */
	t = table(m, rsdp, "APIC");
	for (unsigned i = 0, at = 72; i < CPUS; i++, at += 8) {
		assert_int_equal(peek(m, t + at, 2), 0x0800);
		assert_int_equal(peek(m, t + at + 3, 1), i);
		assert_int_equal(peek(m, t + at + 4, 4), 1);
	}
	memory_destroy(m);
}

/* Those that may come are in the MADT, too, and cost other VMs nothing. */
static void
plugged(void **state)
{
	struct memory *m = new_memory();
	struct acpi_setup s = { .memory = m,
	    .addr = ACPI_ADDR, .cpus = 2,
	    .cpus_max = ACCEL_CPUS_MAX, .pci = true };
	const uint64_t rsdp = ACPI_ADDR;
	uint64_t t, dsdt;

	(void)state;
	assert_int_equal(acpi_write(&s, NULL), 0);
	t = table(m, rsdp, "APIC");
	for (unsigned i = 0; i < ACCEL_CPUS_MAX; i++)
		assert_int_equal(peek(m, t + 72 + 8 * i + 4, 4),
		    i < 2 ? 1 : 2);
	dsdt = peek(m, table(m, rsdp, "FACP") + 140, 8);
	assert_non_null(memmem(memory_at(m, dsdt, 8192),
	    peek(m, dsdt + 4, 4), "C063", 4));
	s.cpus_max = 0;
	assert_int_equal(acpi_write(&s, NULL), 0);
	dsdt = peek(m, table(m, rsdp, "FACP") + 140, 8);
	assert_null(memmem(memory_at(m, dsdt, 8192), peek(m, dsdt + 4, 4),
	    "ACPI0010", 8));
	memory_destroy(m);
}

/* Without a bus there is no word of it; without 8259s, no flag. */
static void
quiet(void **state)
{
	struct memory *m = new_memory();
	struct acpi_setup s = { .memory = m,
	    .addr = ACPI_ADDR, .cpus = ACCEL_CPUS_MAX };
	const uint64_t rsdp = ACPI_ADDR;

	(void)state;
	assert_int_equal(acpi_write(&s, NULL), 0);
	assert_int_equal(table(m, rsdp, "MCFG"), 0);
	assert_int_equal(peek(m, table(m, rsdp, "APIC") + 40, 4), 0);
	memory_destroy(m);
}

/* After firmware: registers where they are, by both names of each. */
static void
fixed(void **state)
{
	struct memory *m = new_memory();
	struct acpi_setup s = { .memory = m, .addr = ACPI_ADDR, .cpus = CPUS,
	    .pci = true, .pic = true, .fixed = true };
	const uint64_t rsdp = ACPI_ADDR;
	uint64_t t, facs, dsdt, flags;

	(void)state;
	assert_int_equal(acpi_write(&s, NULL), 0);
	t = table(m, rsdp, "FACP");
	flags = peek(m, t + 112, 4);
	assert_int_equal(flags & 1U << 20, 0);	/* not reduced */
	assert_int_equal(flags & 1U << 4, 0);	/* a fixed button */
	assert_int_equal(peek(m, t + 109, 2) & 2, 0);	/* no 8042 */
	assert_int_equal(peek(m, t + 46, 2), PM_GSI);
	assert_int_equal(peek(m, t + 48, 4), 0);	/* ACPI is on */
	assert_int_equal(peek(m, t + 56, 4), PM_PORT + PM_EVENT);
	assert_int_equal(peek(m, t + 148 + 4, 8), PM_PORT + PM_EVENT);
	assert_int_equal(peek(m, t + 88, 1), 4);
	assert_int_equal(peek(m, t + 64, 4), PM_PORT + PM_CONTROL);
	assert_int_equal(peek(m, t + 172 + 4, 8), PM_PORT + PM_CONTROL);
	assert_int_equal(peek(m, t + 89, 1), 2);
	assert_int_equal(peek(m, t + 76, 4), 0);	/* no timer */
	assert_true(peek(m, t + 96, 2) > 100);
	assert_true(peek(m, t + 98, 2) > 1000);
	assert_int_equal(peek(m, t + 248, 8), 0);	/* nor sleep twice */
	facs = peek(m, t + 36, 4);
	assert_int_equal(facs % 64, 0);
	assert_memory_equal(memory_at(m, facs, 4), "FACS", 4);
	assert_int_equal(peek(m, facs + 4, 4), 64);
	dsdt = peek(m, t + 140, 8);
	assert_null(memmem(memory_at(m, dsdt, 8192), peek(m, dsdt + 4, 4),
	    "PWRB", 4));

	/* The interrupt is a level; the entry follows the processors'. */
	t = table(m, rsdp, "APIC") + 72 + 8 * CPUS;
	assert_int_equal(peek(m, t, 8), 0x0000000909000a02);
	assert_int_equal(peek(m, t + 8, 2), 0xd);
	memory_destroy(m);
}

/* Wherever the tables are. */
static void
identity(void **state)
{
	const uint64_t where[] = { ACPI_ADDR, (8 << 20) - 0x10000 };
	struct memory *m = new_memory();
	struct acpi_setup s = { .memory = m, .cpus = 1, .pci = true };
	uint8_t rsdp[ACPI_RSDP_LEN], before[ACPI_GENID_LEN], *at;

	(void)state;
	for (unsigned i = 0; i < COUNT(where); i++) {
		s.addr = where[i];
		assert_int_equal(acpi_write(&s, NULL), 0);
		assert_int_not_equal(table(m, where[i], "MCFG"), 0);
		acpi_rsdp(where[i], rsdp);
		assert_memory_equal(memory_at(m, where[i], sizeof(rsdp)),
		    rsdp, sizeof(rsdp));
		at = memory_at(m, where[i] + ACPI_GENID, sizeof(before));
		memcpy(before, at, sizeof(before));
		acpi_new_genid(m, where[i]);
		assert_memory_not_equal(at, before, sizeof(before));
	}
	memory_destroy(m);
}

/* --- by Intel's compiler -------------------------------------------------- */

static void
dump(const struct memory *m, uint64_t t, const char *path)
{
	uint64_t len = peek(m, t + 4, 4);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, memory_at(m, t, len), len), len);
	(void)close(fd);
}

static int
compile(const struct acpi_setup *s)
{
	const struct memory *m = s->memory;
	uint64_t fadt;

	assert_int_equal(acpi_write(s, NULL), 0);
	fadt = table(m, s->addr, "FACP");
	dump(m, peek(m, fadt + 140, 8), "dsdt.dat");
	dump(m, fadt, "facp.dat");
	dump(m, table(m, s->addr, "APIC"), "apic.dat");
	dump(m, table(m, s->addr, "MCFG"), "mcfg.dat");
	if (s->fixed)
		dump(m, peek(m, fadt + 36, 4), "facs.dat");
	/* 6035: the name of the identity is no vendor's and number. */
	return system("for t in *.dat; do t=${t%.dat}; "
	    "iasl -d $t.dat && iasl -we -vw 6035 -vs $t.dsl || exit 1; "
	    "done >log 2>&1 || { sed 's/^/# /' log >&2; exit 1; }");
}

/* iasl takes the tables apart, and its text is a program again. */
static void
compiler(void **state)
{
	struct memory *m = new_memory();
	struct acpi_setup s = { .memory = m,
	    .addr = ACPI_ADDR, .cpus = CPUS,
	    .cpus_max = ACCEL_CPUS_MAX, .pci = true, .serial = true,
	    .pvpanic = true };
	char dir[] = "/tmp/acpi.XXXXXX", cmd[200];
	int bad = 0;

	(void)state;
	if (system("command -v iasl >/dev/null") != 0) {
		memory_destroy(m);
		print_message("iasl is not here (acpica-tools)\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	for (unsigned i = 0; i < 2; i++) {
		s.fixed = i == 1;
		bad |= compile(&s);
	}
	assert_int_equal(chdir("/"), 0);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(bad, 0);
	memory_destroy(m);
}

/* --- the MP table --------------------------------------------------------- */

static void
mptable(void **state)
{
	struct memory *m = new_memory();
	uint64_t t, at;
	unsigned cpus = 0, pci = 0, type;

	(void)state;
	assert_int_equal(mptable_write(m, CPUS, true, NULL), 0);
	assert_memory_equal(memory_at(m, MPTABLE_ADDR, 4), "_MP_", 4);
	assert_int_equal(sum(m, MPTABLE_ADDR, 16), 0);
	t = peek(m, MPTABLE_ADDR + 4, 4);
	assert_memory_equal(memory_at(m, t, 4), "PCMP", 4);
	assert_int_equal(sum(m, t, peek(m, t + 4, 2)), 0);
	at = t + 44;
	for (uint64_t n = peek(m, t + 34, 2); n > 0; n--) {
		type = (unsigned)peek(m, at, 1);
		if (type == 0)
			cpus++;
		/* Of bus 0, which is PCI: the line of the slot. */
		if (type == 3 && peek(m, at + 4, 1) == 0) {
			assert_int_equal(peek(m, at + 7, 1),
			    pci_intx_gsi((unsigned)peek(m, at + 5, 1) >> 2));
			pci++;
		}
		at += type == 0 ? 20 : 8;
	}
	assert_int_equal(at - t, peek(m, t + 4, 2));
	assert_int_equal(cpus, CPUS);
	assert_int_equal(pci, PCI_SLOTS - 1);
	memory_destroy(m);
}

/* What does not fit is told at the end, and nothing is overrun before. */
static void
too_long(void **state)
{
	struct aml a;
	struct err e;

	(void)state;
	aml_init(&a);
	for (unsigned i = 0; i < 2 * AML_DEPTH_MAX; i++)
		aml_device(&a, "DEEP");
	for (unsigned i = 0; i < 2 * AML_DEPTH_MAX; i++)
		aml_end(&a);
	assert_int_equal(aml_done(&a, &e), -1);
	aml_fini(&a);
	aml_init(&a);
	for (unsigned i = 0; i < AML_BYTES_MAX; i++)
		aml_str(&a, "word");
	assert_int_equal(aml_done(&a, &e), -1);
	aml_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables),
		cmocka_unit_test(plugged),
		cmocka_unit_test(quiet),
		cmocka_unit_test(fixed),
		cmocka_unit_test(identity),
		cmocka_unit_test(compiler),
		cmocka_unit_test(mptable),
		cmocka_unit_test(too_long),
	};

	return unit_run("vmm_acpi", tests);
}
