/* SPDX-License-Identifier: ISC */
/* working_set.c - pages a restored VM uses first: recorded, read, fetched */

#include "unit.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "os/os.h"
#include "vmm/memory.h"
#include "vmm/working_set.h"

#define MIB	(1ULL << 20)
#define PAGE	OS_PAGE_SIZE

/* The host tells what the pages of a process are. */
static bool	told;

/* A VM's memory, restored from a file of so many bytes. */
static struct memory *
restore(int file, uint64_t bytes)
{
	struct memory_setup s = { .bytes = bytes, .file = file };
	struct memory *m = NULL;

	assert_int_equal(memory_new(&m, &s, NULL), 0);
	(void)madvise(memory_at(m, 0, bytes), bytes, MADV_RANDOM);
	return m;
}

static int
sparse_file(uint64_t bytes)
{
	char path[] = "/tmp/working-set.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd != -1);
	(void)unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	return fd;
}

static enum os_page
page(const struct memory *m, uint64_t n)
{
	uint8_t what;

	memory_pages(m, n * PAGE, 1, &what);
	return what;
}

static uint64_t
touched(const struct memory *m)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < memory_bytes(m) / PAGE; i++)
		n += page(m, i) != OS_PAGE_NONE;
	return n;
}

static void
touch(const struct memory *m, uint64_t n, bool write)
{
	volatile uint8_t *at = memory_at(m, n * PAGE, 1);

	if (write)
		*at = 1;
	else
		(void)*at;
}

static uint64_t
total(const struct working_set *w)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < w->n; i++)
		n += w->range[i].pages;
	return n;
}

/* What one VM touched another one has before it runs, and no more. */
static void
recorded(void **state)
{
	char dir[] = "/tmp/working-set.XXXXXX";
	int file = sparse_file(16 * MIB), dirfd;
	struct memory *m = restore(file, 16 * MIB);
	struct working_set w, again;

	(void)state;
	if (!told)
		skip();
	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	touch(m, 10, true);
	touch(m, 11, true);
	touch(m, 1000, false);
	touch(m, 4095, false);
	assert_int_equal(working_set_record(&w, m, NULL), 0);
	assert_int_equal(total(&w), touched(m));
	assert_int_equal(w.range[0].first, 10);
	assert_int_equal(w.range[0].pages, 2);
	assert_true(w.range[0].written);
	assert_false(w.range[1].written);
	assert_int_equal(working_set_write(&w, m, dirfd, NULL), 0);
	assert_int_equal(working_set_read(&again, dirfd, 16 * MIB, NULL), 0);
	assert_int_equal(again.n, w.n);
	assert_memory_equal(again.range, w.range, w.n * sizeof(*w.range));
	memory_destroy(m);

	m = restore(file, 16 * MIB);
	assert_int_equal(touched(m), 0);
	working_set_announce(&again, file);
	working_set_fetch(&again, m);
	assert_int_equal(page(m, 10), OS_PAGE_OWN);
	assert_int_equal(page(m, 11), OS_PAGE_OWN);
	assert_int_equal(page(m, 1000), OS_PAGE_FILE);
	assert_int_equal(page(m, 4095), OS_PAGE_FILE);
	/* The host maps neighbours that it has, 15 at most. */
	assert_true(touched(m) <= total(&w) + 2 * 16);
	memory_destroy(m);
	working_set_fini(&w);
	working_set_fini(&again);
	assert_int_equal(unlinkat(dirfd, WORKING_SET_FILE, 0), 0);
	assert_int_equal(rmdir(dir), 0);
	(void)close(dirfd);
	(void)close(file);
}

/* Each page is a range of its own, and they are too many. */
static void
crowded(void **state)
{
	const uint64_t n = WORKING_SET_RANGES_MAX + 4096;
	const uint64_t bytes = 256 * MIB;
	int file = sparse_file(bytes);
	struct memory *m = restore(file, bytes);
	struct working_set w;

	(void)state;
	if (!told)
		skip();
	for (uint64_t i = 0; i < n; i++)
		touch(m, i, i % 2 != 0);
	assert_int_equal(working_set_record(&w, m, NULL), 0);
	assert_true(w.n > 0 && w.n <= WORKING_SET_RANGES_MAX);
	assert_true(total(&w) >= n);
	working_set_fini(&w);
	memory_destroy(m);
	(void)close(file);
}

/* Memory that no snapshot is behind has nothing to read. */
static void
fresh(void **state)
{
	struct memory_setup s = { .bytes = MIB, .file = -1 };
	struct working_set w = { .n = 0 };
	struct memory *m = NULL;
	struct err e;

	(void)state;
	assert_int_equal(memory_new(&m, &s, NULL), 0);
	assert_int_equal(working_set_record(&w, m, &e), -1);
	assert_non_null(strstr(e.text, "snapshot"));
	memory_fetch(m, 0, MIB, true);
	memory_destroy(m);
}

static void
refused(void **state)
{
	static const char good[] = "{\"format\":\"vmm working-set\","
	    "\"version\":1,\"memory\":1048576,\"ranges\":[";
	static const struct {
		const char	*text, *why;
	} bad[] = {
		{ "[]", "is no working set" },
		{ "{}", "is no working set" },
		{ "{\"format\":\"vmm working-set\"}", "version 0" },
		{ "{\"format\":\"vmm working-set\",\"version\":2}",
		    "version 2" },
		{ "{\"format\":\"vmm working-set\",\"version\":1,\"x\":1}",
		    "x" },
		{ "{\"format\":\"vmm working-set\",\"version\":1,"
		    "\"memory\":2097152}", "2 MiB" },
		{ "=1,2", "threes" },
		{ "=1,2,true", "number 2" },
		{ "=1,2,2", "number 2" },
		{ "=-1,2,0", "number 0" },
		{ "=1,-2,0", "number 1" },
		{ "=1,0,0", "empty" },
		{ "=257,1,0", "number 0" },
		{ "=256,1,0", "number 1" },
		{ "=1,256,0", "number 1" },
		{ "=9223372036854775807,1,0", "number 0" },
		{ "=1,9223372036854775807,0", "number 1" },
		{ "=1,3,0,3,1,0", "order" },
		{ "=4,1,0,1,1,0", "order" },
	};
	struct working_set w = { .n = 0 };
	char text[256];
	struct err e;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		(void)snprintf(text, sizeof(text), "%s%s%s",
		    *bad[i].text == '=' ? good : "",
		    bad[i].text + (*bad[i].text == '='),
		    *bad[i].text == '=' ? "]}" : "");
		assert_int_equal(working_set_parse(&w, text, strlen(text),
		    MIB, &e), -1);
		if (strstr(e.text, bad[i].why) == NULL)
			fail_msg("%s: \"%s\"", text, e.text);
	}
	(void)snprintf(text, sizeof(text), "%s0,256,1]}", good);
	assert_int_equal(working_set_parse(&w, text, strlen(text), MIB,
	    NULL), 0);
	assert_int_equal(w.n, 1);
	working_set_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded),
		cmocka_unit_test(crowded),
		cmocka_unit_test(fresh),
		cmocka_unit_test(refused),
	};

	told = os_pages_open() == 0;
	return unit_run("working_set", tests);
}
