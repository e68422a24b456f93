/* SPDX-License-Identifier: ISC */
/* coredump.c - an ELF core file has the guest's memory and registers */

#include "unit.h"

#include <sys/stat.h>

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel_x86.h"
#include "vmm/coredump.h"
#include "vmm/memory.h"

#define MIB	(1ULL << 20)

static char path[] = "/tmp/coredump.XXXXXX";

/* The output of a command has a text. */
static void
output_has(const char *command, const char *text)
{
	char line[512];
	bool found = false;
	FILE *f = popen(command, "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		found = found || strstr(line, text) != NULL;
	(void)pclose(f);
	if (!found)
		fail_msg("no \"%s\" from %s", text, command);
}

static void
make(uint64_t bytes, const struct coredump_cpus *c)
{
	struct memory_setup s = { .bytes = bytes, .file = -1 };
	struct memory *m = NULL;
	int fd;

	assert_int_equal(memory_new(&m, &s, NULL), 0);
	memcpy(memory_at(m, 0x1000, 5), "below", 5);
	if (bytes > MEMORY_LOW_MAX)
		memcpy(memory_at(m, MEMORY_HIGH + 0x1000, 5), "above", 5);
	(void)strcpy(path, "/tmp/coredump.XXXXXX");
	assert_true((fd = mkstemp(path)) != -1);
	assert_int_equal(coredump_write(fd, m, c, NULL), 0);
	(void)close(fd);
	memory_destroy(m);
}

static void
elf(void **state)
{
	union accel_regs r[3] = { { .x86.rip = 1 }, { .x86.rip = 2 },
	    { .x86.rip = 3 } };
	struct coredump_cpus c = { false, 3, r };
	Elf64_Ehdr h;
	Elf64_Phdr p[3];
	char text[5];
	struct stat st;
	uint64_t rip;
	int fd;

	(void)state;
	make(MEMORY_LOW_MAX + 2 * MIB, &c);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
	assert_int_equal(h.e_type, ET_CORE);
	assert_int_equal(h.e_phnum, 3);
	assert_int_equal(pread(fd, p, sizeof(p), (off_t)h.e_phoff),
	    sizeof(p));
	assert_int_equal(p[0].p_type, PT_NOTE);
	assert_int_equal(p[0].p_filesz, 3 * 356);
	for (unsigned i = 0; i < 3; i++) {
		/* behind its head: reg[16] of elf_prstatus */
		assert_int_equal(pread(fd, &rip, 8, (off_t)(p[0].p_offset +
		    i * 356 + 20 + 112 + 16 * 8)), 8);
		assert_int_equal(rip, i + 1);
	}
	assert_int_equal(p[1].p_paddr, 0);
	assert_int_equal(p[1].p_filesz, MEMORY_LOW_MAX);
	assert_int_equal(p[2].p_paddr, MEMORY_HIGH);
	assert_int_equal(p[2].p_filesz, 2 * MIB);
	assert_int_equal(pread(fd, text, 5, (off_t)p[1].p_offset + 0x1000),
	    5);
	assert_memory_equal(text, "below", 5);
	assert_int_equal(pread(fd, text, 5, (off_t)p[2].p_offset + 0x1000),
	    5);
	assert_memory_equal(text, "above", 5);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, p[2].p_offset + 2 * MIB);
	assert_true(unit_data_bytes(fd) < 64 << 10);
	(void)close(fd);
	(void)unlink(path);
}

/* Registers in Linux's order: X0 to X30, SP, PC, PSTATE. */
static void
arm64(void **state)
{
	union accel_regs r[2] = { { .arm64.pc = 1 }, { .arm64 = { .x[30] = 4,
	    .sp = 5, .pc = 6, .pstate = 7 } } };
	struct coredump_cpus c = { true, 2, r };
	const off_t note = 20 + 392;
	uint64_t reg[4];
	Elf64_Ehdr h;
	Elf64_Phdr p;
	int fd;

	(void)state;
	make(16 * MIB, &c);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, &h, sizeof(h), 0), sizeof(h));
	assert_int_equal(h.e_machine, EM_AARCH64);
	assert_int_equal(pread(fd, &p, sizeof(p), (off_t)h.e_phoff),
	    sizeof(p));
	assert_int_equal(p.p_filesz, 2 * note);
	assert_int_equal(pread(fd, reg, sizeof(reg), (off_t)p.p_offset + note +
	    20 + 112 + 30 * 8), sizeof(reg));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(reg[i], 4 + i);
	(void)close(fd);
	(void)unlink(path);
}

/* Those who know core files read it. */
static void
tools(void **state)
{
	union accel_regs r[2] = { { .x86.rip = 0x1000 },
	    { .x86 = { .rip = 0x2345,
	    .gpr[X86_RAX] = 0x1122334455667788 } } };
	struct coredump_cpus c = { false, 2, r };
	char command[256];

	(void)state;
	make(16 * MIB, &c);
	if (system("command -v readelf > /dev/null") == 0) {
		(void)snprintf(command, sizeof(command), "readelf -n %s 2>&1",
		    path);
		output_has(command, "NT_PRSTATUS");
	}
	if (system("command -v gdb > /dev/null") == 0) {
		(void)snprintf(command, sizeof(command), "gdb -batch -nx -ex "
		    "'core-file %s' -ex 'thread 2' -ex 'p/x $rip' "
		    "-ex 'p/x $rax' -ex 'x/s 0x1000' 2>&1", path);
		output_has(command, "0x2345");
		output_has(command, "0x1122334455667788");
		output_has(command, "below");
	}
	(void)unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elf),
		cmocka_unit_test(arm64),
		cmocka_unit_test(tools),
	};

	return unit_run("coredump", tests);
}
