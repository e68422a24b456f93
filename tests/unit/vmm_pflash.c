/* SPDX-License-Identifier: ISC */
/* vmm_pflash.c - flash as firmware programs it, and as it should not */

#include "unit.h"
#include "vmm_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/json.h"
#include "os/os.h"
#include "vmm/dev/pflash.h"
#include "vmm/efi.h"
#include "vmm/map_arm64.h"
#include "vmm/stolen.h"

#define AT	0x4000000ULL
#define BYTES	(3 * (uint64_t)PFLASH_BLOCK)
#define READY	0x00800080U
#define REFUSED	0x00b000b0U		/* ready; no such sequence */

struct world {
	struct kit	 k;
	struct pflash	*f;
	int		 fd;
};

static void
begin(struct world *w)
{
	struct pflash_setup s = { .board = &w->k.board, .addr = AT,
	    .slot = MEMORY_SLOT_VARIABLES, .bytes = BYTES };
	char path[] = "/tmp/flash.XXXXXX";

	kit_init(&w->k);
	w->fd = s.fd = mkstemp(path);
	assert_int_not_equal(w->fd, -1);
	(void)unlink(path);
	assert_int_equal(pflash_new(&w->f, &s, NULL), 0);
	assert_int_equal(pflash_bytes(w->f), BYTES);
}

static void
end(struct world *w)
{
	pflash_destroy(w->f);
	assert_int_equal(w->k.vm.flash.bytes, 0);
	(void)close(w->fd);
	kit_fini(&w->k);
}

static uint32_t
in(struct world *w, uint64_t offset)
{
	return (uint32_t)bus_read(&w->k.board.mmio, AT + offset, 4);
}

static void
out(struct world *w, uint64_t offset, uint32_t value)
{
	bus_write(&w->k.board.mmio, AT + offset, 4, value);
}

/* As firmware says it: the same to both chips. */
static void
say(struct world *w, uint64_t offset, uint16_t command)
{
	out(w, offset, command | (uint32_t)command << 16);
}

static bool
is_array(const struct world *w)
{
	return w->k.vm.flash.bytes == BYTES && w->k.vm.flash.gpa == AT;
}

static uint32_t
in_file(const struct world *w, uint64_t offset)
{
	uint32_t v;

	assert_int_equal(pread(w->fd, &v, sizeof(v), (off_t)offset),
	    sizeof(v));
	return v;
}

static void
program(struct world *w, uint64_t offset, uint32_t value)
{
	say(w, offset, 0x40);
	out(w, offset, value);
}

static void
words(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_true(is_array(&w));
	assert_int_equal(in(&w, 0), UINT32_MAX);
	assert_int_equal(lseek(w.fd, 0, SEEK_END), BYTES);
	program(&w, 8, 0x12345678);
	assert_false(is_array(&w));
	assert_int_equal(in(&w, 8), READY);
	assert_int_equal(in_file(&w, 8), 0x12345678);
	say(&w, 0, 0xff);
	assert_true(is_array(&w));
	assert_int_equal(in(&w, 8), 0x12345678);
	/* What is 0 stays 0. */
	program(&w, 8, 0xffff00ff);
	say(&w, 0, 0xff);
	assert_int_equal(in(&w, 8), 0x12340078);
	assert_int_equal(in(&w, 4), UINT32_MAX);
	assert_int_equal(in(&w, 12), UINT32_MAX);
	end(&w);
}

static void
erased(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	program(&w, 0, 0);
	program(&w, PFLASH_BLOCK, 1);
	program(&w, 2 * PFLASH_BLOCK, 2);
	say(&w, PFLASH_BLOCK + 64, 0x20);
	assert_int_equal(in_file(&w, PFLASH_BLOCK), 1);
	say(&w, PFLASH_BLOCK + 64, 0xd0);
	assert_int_equal(in(&w, PFLASH_BLOCK), READY);
	say(&w, 0, 0xff);
	assert_int_equal(in(&w, 0), 0);
	assert_int_equal(in(&w, PFLASH_BLOCK), UINT32_MAX);
	assert_int_equal(in_file(&w, PFLASH_BLOCK), UINT32_MAX);
	assert_int_equal(in(&w, 2 * PFLASH_BLOCK), 2);
	/* Not confirmed. */
	say(&w, 0, 0x20);
	say(&w, 0, 0xff);
	assert_int_equal(in(&w, 0), REFUSED);
	say(&w, 0, 0x50);
	say(&w, 0, 0x70);
	assert_int_equal(in(&w, 0), READY);
	say(&w, 0, 0xff);
	assert_int_equal(in(&w, 0), 0);
	end(&w);
}

/* As EDK II does: 32 words at a time. */
static void
fill(struct world *w, uint64_t offset, unsigned n, uint32_t first)
{
	say(w, offset, 0xe8);
	assert_int_equal(in(w, offset), READY);
	say(w, offset, (uint16_t)(n - 1));
	for (unsigned i = 0; i < n; i++)
		out(w, offset + i * 4, first + i);
}

static void
buffered(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	fill(&w, 4096, 32, 100);
	assert_int_equal(in_file(&w, 4096), UINT32_MAX);
	say(&w, 4096, 0xd0);
	assert_int_equal(in(&w, 0), READY);
	assert_int_equal(in_file(&w, 4096 + 31 * 4), 131);
	assert_int_equal(in_file(&w, 4096 + 32 * 4), UINT32_MAX);
	assert_int_equal(in_file(&w, 4092), UINT32_MAX);
	/* Not confirmed, too many, and beyond the buffer. */
	fill(&w, 0, 2, 7);
	say(&w, 0, 0xff);
	assert_int_equal(in(&w, 0), REFUSED);
	say(&w, 0, 0x50);
	say(&w, 0, 0xe8);
	say(&w, 0, PFLASH_BUFFER / 4);
	assert_int_equal(in(&w, 0), REFUSED);
	say(&w, 0, 0x50);
	say(&w, 0, 0xe8);
	say(&w, 0, 1);
	out(&w, PFLASH_BUFFER - 4, 1);
	out(&w, PFLASH_BUFFER, 1);
	assert_int_equal(in(&w, 0), REFUSED);
	say(&w, 0, 0xff);
	for (unsigned i = 0; i < 4096; i += 4)
		assert_int_equal(in(&w, i), UINT32_MAX);
	end(&w);
}

/* What U-Boot and Linux look for, and EDK II before it programs. */
static void
told(void **state)
{
	static const char magic[] = "QRY";
	struct world w;

	(void)state;
	begin(&w);
	say(&w, 0x55 * 4, 0x98);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(in(&w, (0x10 + i) * 4), (uint32_t)magic[i] |
		    (uint32_t)magic[i] << 16);
	assert_int_equal(in(&w, 0x13 * 4) & 0xff, 1);
	assert_int_equal(in(&w, 0x2d * 4) & 0xff, 2);	/* blocks, - 1 */
	assert_int_equal((in(&w, 0x2f * 4) & 0xff) << 8 |
	    (in(&w, 0x30 * 4) & 0xff) << 16, PFLASH_BLOCK / 2);
	assert_int_equal(in(&w, 0x1000 * 4), 0);
	assert_int_equal(bus_read(&w.k.board.mmio, AT + 0x10 * 4 + 2, 2), 'Q');
	assert_true(bus_read(&w.k.board.mmio, AT + 0x10 * 4, 8) ==
	    ('Q' | 'Q' << 16 | (uint64_t)('R' | 'R' << 16) << 32));
	say(&w, 0, 0x90);
	assert_int_equal(in(&w, 0), 0x00890089);
	assert_int_equal(in(&w, 4), 0x00180018);
	say(&w, 0, 0x60);
	say(&w, 0, 0xd0);			/* unlocked */
	assert_int_equal(in(&w, 0), READY);
	say(&w, 0, 0x90);
	assert_int_equal(in(&w, PFLASH_BLOCK + 8), 0);
	say(&w, 0, 0x11);			/* no command */
	assert_true(is_array(&w));
	end(&w);
}

/* In the middle of each command, on flash that goes on elsewhere. */
static void
saved(void **state)
{
	static const char *const bad[] = {
		"{}", "[]",
		"{\"mode\":8,\"status\":128,\"left\":0,\"window\":0}",
		"{\"mode\":8,\"status\":128,\"left\":1,\"window\":1}",
		"{\"mode\":9,\"status\":128,\"left\":0,\"window\":786432}",
		"{\"mode\":8,\"status\":128,\"left\":1,\"window\":0}",
		"{\"mode\":8,\"status\":128,\"left\":1,\"window\":0,"
		"\"buffer\":\"00\"}",
		"{\"mode\":10,\"status\":128,\"left\":0,\"window\":0}",
	};
	struct world w, to;
	own_json json_t *o = NULL;
	json_t *no;

	(void)state;
	begin(&w);
	begin(&to);
	fill(&w, 64, 2, 5);
	o = pflash_save(w.f);
	assert_int_equal(pflash_load(to.f, o, NULL), 0);
	assert_false(is_array(&to));
	say(&to, 64, 0xd0);
	assert_int_equal(in_file(&to, 68), 6);
	pflash_reset(to.f);
	assert_true(is_array(&to));
	for (unsigned i = 0; i < COUNT(bad); i++) {
		no = json_loads(bad[i], 0, NULL);
		assert_int_equal(pflash_load(to.f, no, NULL), -1);
		json_decref(no);
		assert_true(is_array(&to));
	}
	end(&to);
	end(&w);
}

/* A file that was there is read; one that cannot be is refused. */
static void
files(void **state)
{
	struct world w;
	struct pflash_setup s = { .addr = AT, .bytes = BYTES,
	    .slot = MEMORY_SLOT_VARIABLES };
	static const off_t bad[] = { 1, PFLASH_BLOCK - 1,
	    (off_t)PFLASH_MAX + PFLASH_BLOCK };
	struct pflash *f;
	struct err e;
	int null;

	(void)state;
	begin(&w);
	program(&w, PFLASH_BLOCK, 9);
	pflash_destroy(w.f);
	s.board = &w.k.board;
	s.fd = w.fd;
	assert_int_equal(pflash_new(&w.f, &s, NULL), 0);
	assert_int_equal(in(&w, PFLASH_BLOCK), 9);
	pflash_destroy(w.f);
	w.f = NULL;
	for (unsigned i = 0; i < COUNT(bad); i++) {
		assert_int_equal(ftruncate(w.fd, bad[i]), 0);
		assert_int_equal(pflash_new(&f, &s, &e), -1);
		assert_non_null(strstr(e.text, "variables"));
	}
	null = s.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(pflash_new(&f, &s, NULL), -1);
	(void)close(null);
	/* One that cannot be written: erased flash is not kept. */
	s.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pflash_new(&f, &s, NULL), -1);
	(void)close(s.fd);
	s.fd = -1;
	assert_int_equal(pflash_new(&w.f, &s, NULL), 0);
	program(&w, 0, 3);
	say(&w, 0, 0xff);
	assert_int_equal(in(&w, 0), 3);
	end(&w);
}

/* The guest is told when what it programs cannot be kept. */
static void
unwritable(void **state)
{
	char path[] = "/tmp/flash.XXXXXX";
	struct world w;
	struct pflash_setup s = { .addr = AT,
	    .slot = MEMORY_SLOT_VARIABLES };

	(void)state;
	kit_init(&w.k);
	w.fd = mkstemp(path);
	assert_int_not_equal(w.fd, -1);
	assert_int_equal(ftruncate(w.fd, BYTES), 0);
	(void)close(w.fd);
	w.fd = s.fd = open(path, O_RDONLY | O_CLOEXEC);
	(void)unlink(path);
	s.board = &w.k.board;
	assert_int_equal(pflash_new(&w.f, &s, NULL), 0);
	say(&w, 0, 0x20);
	say(&w, 0, 0xd0);
	assert_int_equal(in(&w, 0), REFUSED);
	end(&w);
}

/* --- stolen time, which is a page ----------------------------------------- */

static struct accel_memory page;

static int
map_page(struct accel_vm *vm, const struct accel_memory *m, struct err *e)
{
	if (m->slot != MEMORY_SLOT_STOLEN)
		return kit_map(vm, m, e);
	page = *m;
	return 0;
}

static void
stolen(void **state)
{
	struct accel accel = kit_accel;
	struct kit k;
	struct stolen *s;
	json_t *o = json_object();

	(void)state;
	kit_init(&k);
	accel.map = map_page;
	k.board.accel = &accel;
	assert_int_equal(stolen_new(&s, &k.board, ARM64_STOLEN, NULL), 0);
	assert_int_equal(page.gpa, ARM64_STOLEN);
	assert_int_equal(page.bytes, STOLEN_LEN);
	assert_false(page.readonly);
	assert_int_equal(stolen_load(s, o, NULL), -1);
	memcpy((char *)page.host + 64, "so much", 8);
	assert_int_equal(json_object_set_new(o, "stolen", stolen_save(s)), 0);
	memset(page.host, 0, STOLEN_LEN);
	assert_int_equal(stolen_load(s, o, NULL), 0);
	assert_string_equal((char *)page.host + 64, "so much");
	assert_int_equal(json_object_set_new(o, "stolen", json_string("00")),
	    0);
	assert_int_equal(stolen_load(s, o, NULL), -1);
	assert_string_equal((char *)page.host + 64, "so much");
	json_decref(o);
	stolen_destroy(s);
	assert_int_equal(page.bytes, 0);
	kit_fini(&k);
}

/* --- firmware ------------------------------------------------------------ */

static struct accel_memory code;

static int
map_code(struct accel_vm *vm, const struct accel_memory *m, struct err *e)
{
	if (m->slot != MEMORY_SLOT_FIRMWARE)
		return kit_map(vm, m, e);
	code = *m;
	return 0;
}

static int
image(uint64_t bytes)
{
	int fd = os_memfd("code", bytes, NULL);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, "code", 4, 70000), 4);
	return fd;
}

static void
firmware(void **state)
{
	struct accel accel = kit_accel;
	struct kit k;
	struct efi_setup s = { &k.board, -1, -1 };
	struct efi *f;
	json_t *o;

	(void)state;
	kit_init(&k);
	accel.map = map_code;
	k.board.accel = &accel;
	s.code = image(2 << 20);
	assert_int_equal(efi_new(&f, &s, NULL), 0);
	assert_int_equal(code.gpa, ARM64_CODE);
	assert_int_equal(code.bytes, 2 << 20);
	assert_true(code.readonly);
	assert_memory_equal((char *)code.host + 70000, "code", 5);
	assert_int_equal(k.vm.flash.gpa, ARM64_VARIABLES);
	assert_int_equal(efi_variables_bytes(f), EFI_VARIABLES);
	o = efi_save(f);
	assert_int_equal(efi_load(f, o, NULL), 0);
	efi_destroy(f);
	assert_int_equal(code.bytes, 0);
	/* Another image's state. */
	assert_int_equal(pwrite(s.code, "C", 1, 70000), 1);
	assert_int_equal(efi_new(&f, &s, NULL), 0);
	assert_int_equal(efi_load(f, o, NULL), -1);
	efi_destroy(f);
	json_decref(o);
	(void)close(s.code);
	s.code = os_memfd("code", 100, NULL);
	assert_int_equal(efi_new(&f, &s, NULL), -1);
	(void)close(s.code);
	s.code = os_memfd("code", EFI_CODE_MAX + 1, NULL);
	assert_int_equal(efi_new(&f, &s, NULL), -1);
	(void)close(s.code);
	kit_fini(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(erased),
		cmocka_unit_test(buffered),
		cmocka_unit_test(told),
		cmocka_unit_test(saved),
		cmocka_unit_test(files),
		cmocka_unit_test(unwritable),
		cmocka_unit_test(stolen),
		cmocka_unit_test(firmware),
	};

	return unit_run("vmm_pflash", tests);
}
