/* SPDX-License-Identifier: ISC */
/* snapshot.c - a VM in a directory: what is written is read again */

#include "unit.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/json.h"
#include "os/os.h"
#include "vmm/memory.h"
#include "vmm/snapshot.h"

#define MIB	(1ULL << 20)

/* The host tells what the pages of a process are. */
static bool	told;

struct world {
	char			 path[64];
	int			 dir;
	struct memory		*memory;
	json_t			*config, *machine;
	struct snapshot_parts	 parts;
};

/* Bytes of memory, most of it above the windows when it is large. */
static void
begin(struct world *w, uint64_t bytes, bool shared)
{
	struct memory_setup s = { .bytes = bytes, .shared = shared,
	    .file = -1 };

	(void)snprintf(w->path, sizeof(w->path), "/tmp/snapshot.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->dir = open(w->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(memory_new(&w->memory, &s, NULL), 0);
	w->config = json_pack("{s:i}", "x", 1);
	w->machine = json_pack("{s:i}", "y", 2);
	w->parts = (struct snapshot_parts){ w->config, w->machine,
	    w->memory };
}

static void
end(struct world *w)
{
	char command[128];

	memory_destroy(w->memory);
	json_decref(w->config);
	json_decref(w->machine);
	(void)close(w->dir);
	(void)snprintf(command, sizeof(command), "rm -rf %s", w->path);
	assert_int_equal(system(command), 0);
}

static int
open_dir(const struct world *w, const char *name)
{
	int fd = openat(w->dir, name, O_RDONLY | O_DIRECTORY);

	assert_true(fd != -1);
	return fd;
}

static void
put(const struct memory *m, uint64_t gpa, const char *text)
{
	memcpy(memory_at(m, gpa, 16), text, strlen(text) + 1);
}

/* Text at both ends of both pieces comes back; what is between is a hole. */
static void
whole(bool shared)
{
	const uint64_t bytes = MEMORY_LOW_MAX + 64 * MIB;
	const uint64_t at[] = { 0, 5 * MIB, MEMORY_LOW_MAX - 16, MEMORY_HIGH,
	    MEMORY_HIGH + 64 * MIB - 16 };
	struct memory_setup s = { .bytes = bytes };
	struct memory *m = NULL;
	struct snapshot snap;
	struct world w;
	struct stat st;
	int dir;

	begin(&w, bytes, shared);
	for (unsigned i = 0; i < 5; i++)
		put(w.memory, at[i], (const char[]){ 'a' + (char)i, 0 });
	assert_int_equal(snapshot_save(&w.parts, w.dir, "s", NULL), 0);
	dir = open_dir(&w, "s");
	assert_int_equal(snapshot_open(&snap, dir, NULL), 0);
	assert_true(json_equal(snap.machine, w.machine));
	assert_int_equal(fstat(snap.memory, &st), 0);
	assert_int_equal(st.st_size, bytes);
	assert_int_equal(unit_data_bytes(snap.memory), 5 * 4096);
	s.file = snap.memory;
	assert_int_equal(memory_new(&m, &s, NULL), 0);
	snapshot_close(&snap);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(*(char *)memory_at(m, at[i], 1),
		    'a' + (char)i);
	assert_int_equal(*(char *)memory_at(m, 6 * MIB, 1), 0);
	/* Private: the snapshot stays as it is. */
	put(m, 0, "changed");
	memory_destroy(m);
	assert_int_equal(snapshot_open(&snap, dir, NULL), 0);
	s.file = snap.memory;
	assert_int_equal(memory_new(&m, &s, NULL), 0);
	assert_string_equal(memory_at(m, 0, 2), "a");
	memory_destroy(m);
	snapshot_close(&snap);
	(void)close(dir);
	end(&w);
}

static void
whole_shared(void **state)
{
	(void)state;
	whole(true);
}

/* Anonymous memory is looked through, which takes less memory than 3 GiB. */
static void
whole_private(void **state)
{
	(void)state;
	whole(false);
}

/* A snapshot of what was restored has the untouched pages, too. */
static void
again(void **state)
{
	struct memory_setup s = { .bytes = 4 * MIB };
	struct memory *m = NULL;
	struct snapshot snap;
	struct world w;
	int dir;

	(void)state;
	begin(&w, 4 * MIB, true);
	put(w.memory, MIB, "old");
	assert_int_equal(snapshot_save(&w.parts, w.dir, "one", NULL), 0);
	dir = open_dir(&w, "one");
	assert_int_equal(snapshot_open(&snap, dir, NULL), 0);
	(void)close(dir);
	s.file = snap.memory;
	assert_int_equal(memory_new(&m, &s, NULL), 0);
	snapshot_close(&snap);
	put(m, 2 * MIB, "new");
	w.parts.memory = m;
	assert_int_equal(snapshot_save(&w.parts, w.dir, "two", NULL), 0);
	memory_destroy(m);
	dir = open_dir(&w, "two");
	assert_int_equal(snapshot_open(&snap, dir, NULL), 0);
	(void)close(dir);
	s.file = snap.memory;
	assert_int_equal(memory_new(&m, &s, NULL), 0);
	snapshot_close(&snap);
	assert_string_equal(memory_at(m, MIB, 4), "old");
	assert_string_equal(memory_at(m, 2 * MIB, 4), "new");
	memory_destroy(m);
	end(&w);
}

/* How many pages of a restored VM's memory have come into the process. */
static unsigned
touched(const struct memory *m)
{
	size_t pages = memory_bytes(m) / OS_PAGE_SIZE;
	uint8_t *what = malloc(pages);
	unsigned n = 0;

	assert_non_null(what);
	memory_pages(m, 0, pages, what);
	for (size_t i = 0; i < pages; i++)
		n += what[i] != OS_PAGE_NONE;
	free(what);
	return n;
}

static struct memory *
restore(struct world *w, const char *name, uint64_t bytes)
{
	struct memory_setup s = { .bytes = bytes };
	struct memory *m = NULL;
	struct snapshot snap;
	int dir = open_dir(w, name);

	assert_int_equal(snapshot_open(&snap, dir, NULL), 0);
	(void)close(dir);
	s.file = snap.memory;
	assert_int_equal(memory_new(&m, &s, NULL), 0);
	snapshot_close(&snap);
	return m;
}

/*
 * A snapshot of what was restored looks at the pages that have changed, and
 * not at all the others.
 */
static void
changed_only(void **state)
{
	const uint64_t mib = 16, n = mib * MIB / OS_PAGE_SIZE;
	struct memory *m;
	struct world w;
	uint8_t *at;

	(void)state;
	if (!told)
		skip();
	begin(&w, mib * MIB, false);
	/* Pages 1024 to 2047 are a hole. */
	for (uint64_t i = 0; i < n; i++)
		if (i < 1024 || i >= 2048)
			*(uint64_t *)memory_at(w.memory, i * OS_PAGE_SIZE,
			    8) = i + 1;
	assert_int_equal(snapshot_save(&w.parts, w.dir, "one", NULL), 0);
	m = restore(&w, "one", mib * MIB);
	(void)madvise(memory_at(m, 0, mib * MIB), mib * MIB, MADV_RANDOM);
	*(uint64_t *)memory_at(m, 100 * OS_PAGE_SIZE, 8) = 12345;
	*(uint64_t *)memory_at(m, 1500 * OS_PAGE_SIZE, 8) = 54321;
	memset(memory_at(m, 3000 * OS_PAGE_SIZE, 4096), 0, 4096);
	*(uint64_t *)memory_at(m, (n - 1) * OS_PAGE_SIZE, 8) = 99999;
	w.parts.memory = m;
	assert_int_equal(snapshot_save(&w.parts, w.dir, "two", NULL), 0);
	/* Four, and what the host maps around a page that is read. */
	assert_true(touched(m) <= 4 * 32);
	memory_destroy(m);
	m = restore(&w, "two", mib * MIB);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t want = i == 100 ? 12345 : i == 1500 ? 54321 :
		    i == 3000 ? 0 : i == n - 1 ? 99999 :
		    i >= 1024 && i < 2048 ? 0 : i + 1;

		at = memory_at(m, i * OS_PAGE_SIZE, 8);
		assert_int_equal(*(uint64_t *)at, want);
	}
	assert_int_equal(unit_data_bytes(memory_file(m)), (n - 1024) *
	    OS_PAGE_SIZE);
	memory_destroy(m);
	end(&w);
}

/* So does one of memory that never was in a file. */
static void
touched_only(void **state)
{
	struct world w;
	struct memory *m;

	(void)state;
	if (!told)
		skip();
	begin(&w, 64 * MIB, false);
	put(w.memory, 5 * MIB, "a");
	put(w.memory, 64 * MIB - 16, "b");
	assert_int_equal(snapshot_save(&w.parts, w.dir, "s", NULL), 0);
	assert_true(touched(w.memory) <= 2);
	m = restore(&w, "s", 64 * MIB);
	assert_string_equal(memory_at(m, 5 * MIB, 2), "a");
	assert_string_equal(memory_at(m, 64 * MIB - 16, 2), "b");
	assert_int_equal(unit_data_bytes(memory_file(m)), 2 * OS_PAGE_SIZE);
	memory_destroy(m);
	end(&w);
}

static void
names(void **state)
{
	char path[128];
	struct world w;
	struct err e;

	(void)state;
	begin(&w, MIB, true);
	/* A process that was killed left this. */
	assert_int_equal(mkdirat(w.dir, "s.new", 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/s.new/memory", w.path);
	(void)close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(snapshot_save(&w.parts, w.dir, "s", NULL), 0);
	assert_int_equal(faccessat(w.dir, "s.new", F_OK, 0), -1);
	assert_int_equal(snapshot_save(&w.parts, w.dir, "s", &e), -1);
	assert_int_equal(e.num, EEXIST);
	assert_int_equal(snapshot_save(&w.parts, w.dir, "no/s", &e), -1);
	(void)snprintf(path, sizeof(path), "%s/absolute", w.path);
	assert_int_equal(snapshot_save(&w.parts, AT_FDCWD, path, NULL), 0);
	assert_int_equal(faccessat(w.dir, "absolute/memory", F_OK, 0), 0);
	end(&w);
}

static void
refuse(struct world *w, const char *text, const char *why)
{
	int dir = open_dir(w, "s");
	struct snapshot snap;
	struct err e;

	assert_int_equal(file_replace(dir, "state.json", text, strlen(text),
	    0600, NULL), 0);
	assert_int_equal(snapshot_open(&snap, dir, &e), -1);
	assert_non_null(strstr(e.text, why));
	(void)close(dir);
}

static void
refused(void **state)
{
	const char *good = "{\"format\":\"vmm\",\"version\":1,"
	    "\"machine\":{}}";
	struct snapshot snap;
	struct world w;
	struct err e;
	int dir;

	(void)state;
	begin(&w, MIB, true);
	assert_int_equal(snapshot_save(&w.parts, w.dir, "s", NULL), 0);
	refuse(&w, "{", "state.json");
	refuse(&w, "[]", "was not made by vmm");
	refuse(&w, "{\"format\":\"vmm-null\",\"version\":1}", "made by vmm");
	refuse(&w, "{\"format\":\"vmm\",\"version\":2,\"machine\":{}}",
	    "version 2");
	refuse(&w, "{\"format\":\"vmm\",\"version\":1}", "no state");
	refuse(&w, "{\"format\":\"vmm\",\"version\":1,\"machine\":[]}",
	    "machine");
	dir = open_dir(&w, "s");
	assert_int_equal(file_replace(dir, "state.json", good, strlen(good),
	    0600, NULL), 0);
	assert_int_equal(unlinkat(dir, "memory", 0), 0);
	assert_int_equal(mkfifoat(dir, "memory", 0600), 0);
	assert_int_equal(snapshot_open(&snap, dir, &e), -1);
	assert_non_null(strstr(e.text, "no file"));
	(void)close(dir);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_shared),
		cmocka_unit_test(whole_private),
		cmocka_unit_test(again),
		cmocka_unit_test(changed_only),
		cmocka_unit_test(touched_only),
		cmocka_unit_test(names),
		cmocka_unit_test(refused),
	};

	told = os_pages_open() == 0;
	return unit_run("snapshot", tests);
}
