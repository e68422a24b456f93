/* SPDX-License-Identifier: ISC */
/* working_set.c - pages a restored VM uses at first; see working_set.h */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/memory.h"
#include "vmm/working_set.h"

#define FORMAT	"vmm working-set"
#define VERSION	1
#define BATCH	512	/* pages that are asked about at once */

void
working_set_fini(struct working_set *w)
{
	free(w->range);
	w->range = NULL;
	w->n = 0;
}

/* --- record --------------------------------------------------------------- */

/* Append; false: there are too many. */
static bool
add_page(struct working_set *w, uint64_t page, bool written, uint64_t gap)
{
	struct working_range *last = w->n > 0 ? &w->range[w->n - 1] : NULL;
	uint64_t end = last != NULL ? last->first + last->pages : 0;

	if (last != NULL && page - end <= gap &&
	    (last->written == written || gap > 0)) {
		/* Of what is between nothing was written. */
		last->written = last->written && written && page == end;
		last->pages = page + 1 - last->first;
		return true;
	}
	if (w->n == WORKING_SET_RANGES_MAX)
		return false;
	w->range[w->n++] = (struct working_range){ page, 1, written };
	return true;
}

/* Ranges that are up to 'gap' pages apart are one; false: too many. */
static bool
collect(struct working_set *w, const struct memory *m, uint64_t gap)
{
	uint64_t pages = memory_bytes(m) / OS_PAGE_SIZE, n;
	uint8_t what[BATCH];

	w->n = 0;
	for (uint64_t at = 0; at < pages; at += n) {
		n = MIN(pages - at, BATCH);
		memory_pages(m, at * OS_PAGE_SIZE, n, what);
		for (uint64_t i = 0; i < n; i++)
			if (what[i] != OS_PAGE_NONE && !add_page(w, at + i,
			    what[i] == OS_PAGE_OWN, gap))
				return false;
	}
	return true;
}

int
working_set_record(struct working_set *ret, const struct memory *m,
    struct err *e)
{
	struct working_set w = { .n = 0 };
	uint64_t gap = 0;

	if (memory_file(m) == -1)
		return err_set(e, ENOTSUP, "working set: the VM does not run "
		    "on a snapshot's memory");
	w.range = calloc(WORKING_SET_RANGES_MAX, sizeof(*w.range));
	if (w.range == NULL)
		return err_sys(e, "working set");
	while (!collect(&w, m, gap))
		gap = gap * 2 + 1;
	*ret = w;
	return 0;
}

static json_t *
to_json(const struct working_set *w, uint64_t bytes)
{
	own_json json_t *ranges = json_array();

	for (unsigned i = 0; i < w->n; i++) {
		const struct working_range *r = &w->range[i];

		if (json_array_append_new(ranges,
		    json_integer((json_int_t)r->first)) == -1 ||
		    json_array_append_new(ranges,
		    json_integer((json_int_t)r->pages)) == -1 ||
		    json_array_append_new(ranges,
		    json_integer(r->written)) == -1)
			return NULL;
	}
	return json_pack("{s:s, s:i, s:I, s:O}", "format", FORMAT, "version",
	    VERSION, "memory", (json_int_t)bytes, "ranges", ranges);
}

int
working_set_write(const struct working_set *w, const struct memory *m,
    int dirfd, struct err *e)
{
	own_json json_t *v = to_json(w, memory_bytes(m));
	own_mem char *text = v != NULL ? json_print(v) : NULL;

	if (text == NULL)
		return err_set(e, ENOMEM, "working set: out of memory");
	return file_replace(dirfd, WORKING_SET_FILE, text, strlen(text), 0660,
	    e);
}

/* --- read ----------------------------------------------------------------- */

static int
get_number(uint64_t *ret, const json_t *ranges, size_t i, uint64_t max,
    struct err *e)
{
	const json_t *v = json_array_get(ranges, i);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 0 || (uint64_t)n > max)
		return err_set(e, EINVAL, "ranges: number %zu is wrong", i);
	*ret = (uint64_t)n;
	return 0;
}

/* The i-th range begins at page 'from' or later and ends before 'pages'. */
static int
get_range(struct working_range *r, const json_t *ranges, size_t i,
    uint64_t from, uint64_t pages, struct err *e)
{
	uint64_t written;

	if (get_number(&r->first, ranges, 3 * i, pages, e) == -1 ||
	    get_number(&r->pages, ranges, 3 * i + 1, pages - r->first,
	    e) == -1 ||
	    get_number(&written, ranges, 3 * i + 2, 1, e) == -1)
		return -1;
	if (r->first < from || r->pages == 0)
		return err_set(e, EINVAL, "ranges: number %zu is out of "
		    "order, or empty", i);
	r->written = written == 1;
	return 0;
}

static int
get_ranges(struct working_set *w, const json_t *ranges, uint64_t pages,
    struct err *e)
{
	uint64_t from = 0;
	size_t n = json_array_size(ranges) / 3;

	if (json_array_size(ranges) % 3 != 0)
		return err_set(e, EINVAL, "ranges: not threes");
	w->range = calloc(n + 1, sizeof(*w->range));
	if (w->range == NULL)
		return err_sys(e, "ranges");
	for (; w->n < n; w->n++) {
		struct working_range *r = &w->range[w->n];

		if (get_range(r, ranges, w->n, from, pages, e) == -1)
			return -1;
		from = r->first + r->pages;
	}
	return 0;
}

static int
parse(struct working_set *w, const json_t *v, uint64_t bytes, struct err *e)
{
	static const char *const known[] = { "format", "version", "memory",
	    "ranges", NULL };
	const char *format = "";
	uint64_t version = 0, memory = 0;
	json_t *ranges = NULL;

	if (json_get_str(&format, v, "format", 64, e) == -1)
		return -1;
	if (strcmp(format, FORMAT) != 0)
		return err_set(e, EINVAL, "is no working set");
	if (json_get_u64(&version, v, "version", 0, INT32_MAX, e) == -1)
		return -1;
	if (version != VERSION)
		return err_set(e, ENOTSUP, "version %d is not known, only %d",
		    (int)version, VERSION);
	if (json_only(v, known, e) == -1 ||
	    json_get_u64(&memory, v, "memory", 0, MEMORY_MAX, e) == -1 ||
	    json_get_arr(&ranges, v, "ranges", 3 * WORKING_SET_RANGES_MAX,
	    e) == -1)
		return -1;
	if (memory != bytes)
		return err_set(e, EINVAL, "is that of %llu MiB of memory",
		    (unsigned long long)(memory >> 20));
	return get_ranges(w, ranges, bytes / OS_PAGE_SIZE, e);
}

int
working_set_parse(struct working_set *ret, const void *text, size_t len,
    uint64_t bytes, struct err *e)
{
	own_json json_t *v = NULL;
	struct working_set w = { .n = 0 };

	if (json_parse(&v, text, len, e) == -1)
		return -1;
	if (parse(&w, v, bytes, e) == -1) {
		working_set_fini(&w);
		return -1;
	}
	*ret = w;
	return 0;
}

int
working_set_read(struct working_set *ret, int dirfd, uint64_t bytes,
    struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, WORKING_SET_LEN_MAX);
	r = file_read(&b, dirfd, WORKING_SET_FILE, e);
	if (r == 0 && (r = working_set_parse(ret, b.data, b.len, bytes,
	    e)) == -1)
		(void)err_prefix(e, WORKING_SET_FILE);
	buf_fini(&b);
	return r == -1 ? err_prefix(e, "snapshot") : 0;
}

/* --- use ------------------------------------------------------------------ */

void
working_set_announce(const struct working_set *w, int file)
{
	for (unsigned i = 0; i < w->n; i++)
		os_read_ahead(file, w->range[i].first * OS_PAGE_SIZE,
		    w->range[i].pages * OS_PAGE_SIZE);
}

void
working_set_fetch(const struct working_set *w, const struct memory *m)
{
	for (unsigned i = 0; i < w->n; i++)
		memory_fetch(m, w->range[i].first * OS_PAGE_SIZE,
		    w->range[i].pages * OS_PAGE_SIZE, w->range[i].written);
}
