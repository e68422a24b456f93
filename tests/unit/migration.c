/* SPDX-License-Identifier: ISC */
/* migration.c - the stream of a VM: what is taken, in which order */

#include "unit.h"

#include <string.h>

#include "chapi/migration.h"
#include "lib/buf.h"

#define MEMORY	(4 * MIGRATION_PAGE)
#define DISK	10000

struct seen {
	unsigned	parts, lasts;
	uint64_t	bytes[MIGRATION_TYPES];
	uint64_t	place;		/* of the last part */
	bool		refuse;
};

static int
on_part(void *arg, const struct migration_part *p, struct err *e)
{
	struct seen *s = arg;

	s->parts++;
	s->lasts += p->last;
	s->bytes[p->type] += p->len;
	s->place = p->place;
	return s->refuse ? err_set(e, EPERM, "not wanted") : 0;
}

static void
record(struct buf *b, enum migration_type type, uint64_t place, size_t len)
{
	uint8_t head[MIGRATION_HEAD_LEN];

	migration_head(head, type, place, len);
	assert_int_equal(buf_put(b, head, sizeof(head)), 0);
	if (type == MIGRATION_ZERO)
		return;
	for (; len > 0; len--)
		assert_int_equal(buf_put(b, "x", 1), 0);
}

static void
whole(struct buf *b)
{
	buf_init(b, 8 << 20);
	assert_int_equal(buf_puts(b, MIGRATION_MAGIC), 0);
	record(b, MIGRATION_HEADER, 0, 10);
	record(b, MIGRATION_MEMORY, MIGRATION_PAGE, 2 * MIGRATION_PAGE);
	record(b, MIGRATION_ZERO, 0, MEMORY);
	record(b, MIGRATION_CONFIG, 0, 0);
	record(b, MIGRATION_DISK, 9000, 1000);
	record(b, MIGRATION_STATE, 0, 7);
	record(b, MIGRATION_END, 0, 0);
	record(b, MIGRATION_COMMIT, 0, 0);
}

static void
reader(struct migration_reader *r, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	migration_reader_init(r, false);
	r->part = on_part;
	r->arg = s;
	r->memory = MEMORY;
	r->disk = DISK;
}

/* In steps of n bytes: the same comes out. */
static void
test_steps(void **state)
{
	struct migration_reader r;
	struct seen s;
	struct buf b;
	struct err e;
	size_t at, n;
	ssize_t used;

	(void)state;
	whole(&b);
	for (size_t step = 1; step < b.len; step = step * 3 + 1) {
		reader(&r, &s);
		for (at = 0; at < b.len; at += (size_t)used) {
			n = b.len - at < step ? b.len - at : step;
			used = migration_read(&r, b.data + at, n, &e);
			assert_true(used > 0 && (size_t)used <= n);
			if ((size_t)used < n)
				assert_true(migration_seen(&r,
				    MIGRATION_END));
		}
		assert_true(migration_seen(&r, MIGRATION_COMMIT));
		assert_true(migration_whole(&r));
		assert_int_equal(s.lasts, 8);
		assert_int_equal(s.bytes[MIGRATION_MEMORY],
		    2 * MIGRATION_PAGE);
		assert_int_equal(s.bytes[MIGRATION_ZERO], MEMORY);
		assert_int_equal(s.bytes[MIGRATION_DISK], 1000);
		assert_int_equal(migration_read(&r, "x", 1, &e), -1);
		assert_non_null(strstr(e.text, "behind its end"));
	}
	buf_fini(&b);
}

/* It stops at END, so that what is behind can wait. */
static void
test_end(void **state)
{
	struct migration_reader r;
	struct seen s;
	struct buf b;

	(void)state;
	whole(&b);
	reader(&r, &s);
	assert_int_equal(migration_read(&r, b.data, b.len, NULL),
	    b.len - MIGRATION_HEAD_LEN);
	assert_true(migration_seen(&r, MIGRATION_END));
	assert_false(migration_seen(&r, MIGRATION_COMMIT));
	assert_int_equal(migration_read(&r, b.data, 0, NULL), 0);
	buf_fini(&b);
}

static const struct bad {
	enum migration_type	type;
	uint64_t		place;
	size_t			len;
	const char		*why;
} bad[] = {
	{ MIGRATION_HEADER, 0, 1, "out of turn" },
	{ 0, 0, 0, "unknown type" },
	{ MIGRATION_TYPES, 0, 0, "unknown type" },
	{ MIGRATION_MEMORY, 1, MIGRATION_PAGE, "MEMORY of 4096 bytes at 1" },
	{ MIGRATION_MEMORY, 0, 100, "MEMORY of 100" },
	{ MIGRATION_MEMORY, 0, 0, "MEMORY of 0" },
	{ MIGRATION_MEMORY, MEMORY, MIGRATION_PAGE, "of 16384" },
	{ MIGRATION_MEMORY, UINT64_MAX - 4095, MIGRATION_PAGE, "of 16384" },
	{ MIGRATION_MEMORY, 0, MEMORY + MIGRATION_PAGE, "of 16384" },
	{ MIGRATION_ZERO, MIGRATION_PAGE, MEMORY, "ZERO" },
	{ MIGRATION_DISK, DISK, 1, "DISK of 1 bytes at 10000 of 10000" },
	{ MIGRATION_CONFIG, 1, 1, "CONFIG has a place" },
	{ MIGRATION_CONFIG, 0, MIGRATION_CONFIG_MAX + 1, "more than" },
	{ MIGRATION_END, 0, 0, "END out of turn" },
	{ MIGRATION_COMMIT, 0, 0, "COMMIT out of turn" },
};

static void
test_bad(void **state)
{
	uint8_t head[MIGRATION_HEAD_LEN];
	struct migration_reader r;
	struct seen s;
	struct buf b;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_init(&b, 1 << 20);
		assert_int_equal(buf_puts(&b, MIGRATION_MAGIC), 0);
		record(&b, MIGRATION_HEADER, 0, 10);
		reader(&r, &s);
		assert_int_equal(migration_read(&r, b.data, b.len, &e), b.len);
		migration_head(head, bad[i].type, bad[i].place, bad[i].len);
		assert_int_equal(migration_read(&r, head, sizeof(head), &e),
		    -1);
		if (strstr(e.text, bad[i].why) == NULL)
			fail_msg("%zu: %s", i, e.text);
		buf_fini(&b);
	}
}

static void
test_begin(void **state)
{
	uint8_t head[MIGRATION_HEAD_LEN];
	struct migration_reader r;
	struct seen s;
	struct err e;

	(void)state;
	reader(&r, &s);
	assert_int_equal(migration_read(&r, "vmd vm stream 2\n", 16, &e), -1);
	reader(&r, &s);
	assert_false(migration_whole(&r));
	assert_int_equal(migration_read(&r, MIGRATION_MAGIC, 16, &e), 16);
	migration_head(head, MIGRATION_MEMORY, 0, MIGRATION_PAGE);
	assert_int_equal(migration_read(&r, head, sizeof(head), &e), -1);
	assert_non_null(strstr(e.text, "MEMORY out of turn"));
	/* A head with bits that mean nothing yet. */
	reader(&r, &s);
	assert_int_equal(migration_read(&r, MIGRATION_MAGIC, 16, &e), 16);
	migration_head(head, MIGRATION_HEADER, 0, 1);
	head[5] = 1;
	assert_int_equal(migration_read(&r, head, sizeof(head), &e), -1);
	/* Who is told may refuse. */
	reader(&r, &s);
	s.refuse = true;
	assert_int_equal(migration_read(&r, MIGRATION_MAGIC, 16, &e), 16);
	head[5] = 0;
	assert_int_equal(migration_read(&r, head, sizeof(head), &e), 24);
	assert_int_equal(migration_read(&r, "x", 1, &e), -1);
	assert_string_equal(e.text, "not wanted");
}

/* A VMM says nothing of what is the daemon's. */
static void
test_of_vmm(void **state)
{
	static const enum migration_type never[] = { MIGRATION_HEADER,
	    MIGRATION_DISK, MIGRATION_END, MIGRATION_COMMIT };
	struct migration_reader r;
	uint8_t head[MIGRATION_HEAD_LEN];
	struct buf b;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		buf_init(&b, 1 << 20);
		record(&b, MIGRATION_MEMORY, 0, MIGRATION_PAGE);
		record(&b, MIGRATION_CONFIG, 0, 5);
		record(&b, MIGRATION_STATE, 0, 5);
		migration_reader_init(&r, true);
		r.memory = r.disk = MEMORY;
		assert_int_equal(migration_read(&r, b.data, b.len, &e), b.len);
		assert_true(migration_whole(&r));
		migration_head(head, never[i], 0, 0);
		assert_int_equal(migration_read(&r, head, sizeof(head), &e),
		    -1);
		assert_non_null(strstr(e.text, "out of turn"));
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_of_vmm),
	};

	return unit_run("migration", tests);
}
