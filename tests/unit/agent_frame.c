/* SPDX-License-Identifier: ISC */
/* Frames and records of the agent protocol. */

#include "unit.h"

#include <string.h>

#include "agent/frame.h"

static void
peek(struct buf *b, const char *bytes, size_t len, int want)
{
	struct frame f;
	struct err e;

	buf_reset(b);
	assert_int_equal(buf_put(b, bytes, len), 0);
	assert_int_equal(frame_peek(&f, b, &e), want);
}

static void
test_round_trip(void **state)
{
	struct buf b;
	struct frame f;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(frame_put(&b, AGENT_STDOUT, "abc", 3), 0);
	assert_int_equal(frame_put(&b, AGENT_STDIN_EOF, NULL, 0), 0);
	assert_int_equal(
	    frame_put_u64(&b, AGENT_WINDOW, 0x0123456789abcdefULL), 0);

	assert_int_equal(frame_peek(&f, &b, NULL), 1);
	assert_int_equal(f.type, AGENT_STDOUT);
	assert_int_equal(f.len, 3);
	assert_memory_equal(f.data, "abc", 3);
	frame_drain(&b, &f);
	assert_int_equal(frame_peek(&f, &b, NULL), 1);
	assert_int_equal(f.type, AGENT_STDIN_EOF);
	frame_drain(&b, &f);
	assert_int_equal(frame_peek(&f, &b, NULL), 1);
	assert_true(frame_u64(&f) == 0x0123456789abcdefULL);
	frame_drain(&b, &f);
	assert_int_equal(frame_peek(&f, &b, NULL), 0);
	buf_fini(&b);
}

static void
test_truncated(void **state)
{
	struct buf whole, part;
	struct frame f;

	(void)state;
	buf_init(&whole, 1000);
	buf_init(&part, 1000);
	assert_int_equal(frame_put(&whole, AGENT_STDIN, "hello", 5), 0);
	for (size_t n = 0; n < whole.len; n++) {
		buf_reset(&part);
		assert_int_equal(buf_put(&part, whole.data, n), 0);
		assert_int_equal(frame_peek(&f, &part, NULL), 0);
	}
	buf_fini(&whole);
	buf_fini(&part);
}

static void
test_refused(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	peek(&b, "\0\0\0\0\0\0\0\0", 8, -1);		/* type 0 */
	peek(&b, "\x37\0\0\0\0\0\0\0", 8, -1);		/* above all */
	peek(&b, "\xff\0\0\0\0\0\0\0", 8, -1);
	peek(&b, "\x09\0\0\0\0\0\0\0", 8, -1);		/* a gap */
	peek(&b, "\x11\1\0\0\0\0\0\0", 8, -1);		/* flags */
	peek(&b, "\x11\0\1\0\0\0\0\0", 8, -1);
	peek(&b, "\x11\0\0\1\0\0\0\0", 8, -1);
	peek(&b, "\x11\0\0\0\1\0\0\0", 8, -1);		/* EOF with bytes */
	peek(&b, "\x10\0\0\0\0\0\0\0", 8, -1);		/* empty data */
	peek(&b, "\x10\0\0\0\1\0\1\0", 8, -1);		/* 65,537 bytes */
	peek(&b, "\x10\0\0\0\0\0\1\0", 8, 0);		/* 65,536 */
	peek(&b, "\x02\0\0\0\1\0\4\0", 8, -1);		/* 262,145 */
	peek(&b, "\x02\0\0\0\xff\xff\xff\xff", 8, -1);
	peek(&b, "\x35\0\0\0\7\0\0\0", 8, -1);		/* u64 of 7 */
	peek(&b, "\x02\0\0\0\3\0\0\0a=b", 11, -1);	/* no NUL */
	peek(&b, "\x02\0\0\0\4\0\0\0a=b\0", 12, 1);
	buf_fini(&b);
}

static void
test_put_limits(void **state)
{
	static uint8_t big[AGENT_FRAME_MAX + 1];
	struct buf b;

	(void)state;
	buf_init(&b, 1000000);
	assert_int_equal(frame_put(&b, AGENT_STDOUT, big, 0), -1);
	assert_int_equal(frame_put(&b, AGENT_STDOUT, big, 65536), 0);
	assert_int_equal(frame_put(&b, AGENT_STDOUT, big, 65537), -1);
	assert_int_equal(frame_put(&b, AGENT_EXEC, big, sizeof(big)), -1);
	assert_int_equal(b.len, 65536 + FRAME_HEADER);
	buf_fini(&b);

	/* What the buffer refuses leaves no half frame behind. */
	buf_init(&b, 10);
	assert_int_equal(frame_put(&b, AGENT_STDOUT, "abc", 3), -1);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

static int
take_word(void *arg, const char *value, struct err *e)
{
	char *to = arg;

	if (strcmp(value, "bad") == 0)
		return err_set(e, EINVAL, "not wanted");
	strcat(to, value);
	strcat(to, ";");
	return 0;
}

static const struct record_field fields[] = {
	{ "arg",	take_word },
	{ NULL,		NULL },
};

static int
words(char *to, const char *data, size_t len, struct err *e)
{
	to[0] = '\0';
	return records_read(fields, to, (const uint8_t *)data, len, e);
}
#define WORDS(to, text)	words(to, text, sizeof(text), &e)

static void
test_records(void **state)
{
	char to[100];
	struct err e;

	(void)state;
	assert_int_equal(words(to, "", 0, &e), 0);
	assert_int_equal(WORDS(to, "arg=a\0new_name=x\0arg=b=c\0arg="), 0);
	assert_string_equal(to, "a;b=c;;");
	assert_int_equal(WORDS(to, "arg=a\0arg=bad"), -1);
	assert_string_equal(e.text, "arg: not wanted");
	assert_int_equal(WORDS(to, "arg"), -1);
	assert_int_equal(WORDS(to, "=x"), -1);
	assert_int_equal(WORDS(to, "Arg=x"), -1);
	assert_int_equal(WORDS(to, "arg=a\0"), -1);	/* an empty record */
	assert_int_equal(WORDS(to,
	    "abcdefghijklmnopqrstuvwxyz_abcdef=32"), -1);
	assert_int_equal(words(to, "arg=a", 5, &e), -1);
}

static void
test_record_put(void **state)
{
	struct buf b;
	char to[100];

	(void)state;
	buf_init(&b, 20);
	assert_int_equal(record_put(&b, "arg", "x"), 0);
	assert_int_equal(record_putf(&b, "arg", "%d", 12), 0);
	assert_int_equal(record_put(&b, "arg", "too long for it"), -1);
	assert_int_equal(words(to, (char *)b.data, b.len, NULL), 0);
	assert_string_equal(to, "x;12;");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_put_limits),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_record_put),
	};

	return unit_run("agent_frame", tests);
}
