/* SPDX-License-Identifier: ISC */
/* tar_out.c - the end of an archive, and readers that leave */

#include <errno.h>
#include <string.h>

#include "unit.h"
#include "lib/util.h"
#include "oci/tar_out.h"

static struct {
	size_t	got;		/* bytes taken */
	size_t	leave_at;	/* bytes the reader takes before it leaves */
} reader;
static struct tar_out out;	/* too large for a stack */

static int
take_bytes(void *arg, const void *data, size_t len, struct err *e)
{
	(void)arg;
	(void)data;
	if (reader.got + len > reader.leave_at)
		return err_set(e, EPIPE, "the reader left");
	reader.got += len;
	return 0;
}

/* An archive of one file of five bytes: 512 + 512, and 1,024 of the end. */
static int
archive(size_t leave_at, struct err *e)
{
	struct tar_header h = { .path = "a", .type = TAR_FILE, .mode = 0644,
	    .size = 5 };

	reader.got = 0;
	reader.leave_at = leave_at;
	tar_out_init(&out, take_bytes, NULL);
	if (tar_out_header(&out, &h, e) == -1 ||
	    tar_out_data(&out, "hello", 5, e) == -1)
		return -1;
	return tar_out_end(&out, e);
}

static void
end(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(archive(SIZE_MAX, &e), 0);
	assert_int_equal(reader.got, 2048);
	assert_false(out.broken);
	/* sqfstar has seen the end and is gone: all it needs, it had. */
	assert_int_equal(archive(1024, &e), 0);
	assert_false(out.broken);
	/* This one left in the middle. */
	assert_int_equal(archive(1023, &e), -1);
	assert_true(out.broken);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(end),
	};

	return unit_run("tar_out", tests);
}
