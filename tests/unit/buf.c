/* SPDX-License-Identifier: ISC */
/* buf.c - bytes put, drained and bounded */

#include <errno.h>
#include <string.h>

#include "unit.h"
#include "lib/buf.h"

static void
put_and_drain(void **state)
{
	struct buf b;
	char want[600], *p = want;

	(void)state;
	buf_init(&b, 1000);
	buf_drain(&b, 0);
	assert_null(b.data);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(buf_printf(&b, "%03d,", i), 0);
		p += sprintf(p, "%03d,", i);
	}
	assert_int_equal(b.len, 400);
	assert_string_equal((char *)b.data, want);
	buf_drain(&b, 396);
	assert_string_equal((char *)b.data, "099,");
	/* Space at the front is used again: 1000 more never fit at once. */
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(buf_puts(&b, "abcd"), 0);
		buf_drain(&b, 4);
	}
	assert_string_equal((char *)b.data, "abcd");
	assert_true(b.cap <= 2000);
	buf_fini(&b);
}

static void
maximum(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_put(&b, "12345678", 8), 0);
	errno = 0;
	assert_int_equal(buf_put(&b, "9", 1), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(buf_printf(&b, "%d", 9), -1);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(b.len, 8);
	buf_drain(&b, 8);
	assert_int_equal(buf_put(&b, "9", 1), 0);
	assert_string_equal((char *)b.data, "9");
	buf_fini(&b);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_and_drain),
		cmocka_unit_test(maximum),
	};

	return unit_run("buf", tests);
}
