/* SPDX-License-Identifier: ISC */
/* layer.c - bytes of a layer in each compression, whole and damaged */

#include <sys/mman.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "unit.h"
#include "lib/io.h"
#include "lib/util.h"
#include "oci/layer.h"

#define PLAIN_LEN	700000U	/* several buffers of every kind */
#define OUT_LEN		(PLAIN_LEN + 100000U)

static uint8_t plain[PLAIN_LEN], packed[3][OUT_LEN];
static size_t packed_len[3];	/* plain, gzip of two members, zstd of two */

static size_t
gzip(uint8_t *to, const uint8_t *from, size_t len)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (uint8_t *)(uintptr_t)from;
	z.avail_in = (uInt)len;
	z.next_out = to;
	z.avail_out = OUT_LEN;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	len = OUT_LEN - z.avail_out;
	(void)deflateEnd(&z);
	return len;
}

static int
make(void **state)
{
	const size_t half = PLAIN_LEN / 2;
	size_t n;

	(void)state;
	for (size_t i = 0; i < PLAIN_LEN; i++)
		plain[i] = (uint8_t)((i * i) >> 7 ^ i / 1000);
	memcpy(packed[0], plain, PLAIN_LEN);
	packed_len[0] = PLAIN_LEN;
	n = gzip(packed[1], plain, half);
	packed_len[1] = n + gzip(packed[1] + n, plain + half,
	    PLAIN_LEN - half);
	n = ZSTD_compress(packed[2], OUT_LEN, plain, half, 1);
	packed_len[2] = n + ZSTD_compress(packed[2] + n, OUT_LEN - n,
	    plain + half, PLAIN_LEN - half, 1);
	return 0;
}

/* Read a layer of these bytes; the length of what came, or -1. */
static int64_t
read_layer(const uint8_t *data, size_t len, const struct blob *b,
    struct err *e)
{
	OWN(layer_close) struct layer *l = NULL;
	struct digest diff_id;
	const void *p;
	int64_t sum = 0;
	ssize_t n;
	int fd = memfd_create("layer", MFD_CLOEXEC);

	assert_int_equal(write_full(fd, data, len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	digest_of(&diff_id, plain, PLAIN_LEN);
	if (layer_open(&l, fd, b, &diff_id, e) == -1)
		return -1;
	while ((n = layer_read(l, &p, e)) > 0) {
		if (sum + n <= PLAIN_LEN && e->num == 0)
			assert_memory_equal(p, plain + sum, n);
		sum += n;
	}
	if (n == 0)	/* the end stays the end */
		assert_int_equal(layer_read(l, &p, e), 0);
	return n == 0 ? sum : -1;
}

static void
whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct blob b = { .size = packed_len[i] };
		struct err e = { 0 };

		digest_of(&b.digest, packed[i], packed_len[i]);
		if (read_layer(packed[i], packed_len[i], &b, &e) != PLAIN_LEN)
			fail_msg("%zu: %s", i, e.text);
	}
}

/* The store's copy is short, long or flipped: "damaged", whatever follows. */
static void
damaged(void **state)
{
	static uint8_t bad[OUT_LEN];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t len = packed_len[i];
		const size_t cuts[] = { 0, 1, 10, 1000, len / 2, len - 1 };
		struct blob b = { .size = len };

		digest_of(&b.digest, packed[i], len);
		for (size_t c = 0; c < COUNT(cuts); c++) {
			struct err e = { .num = 1 };

			assert_int_equal(read_layer(packed[i], cuts[c], &b,
			    &e), -1);
			assert_string_equal(e.code, "damaged");
			memcpy(bad, packed[i], len);
			bad[cuts[c]] ^= 0x20;
			assert_int_equal(read_layer(bad, len, &b, &e), -1);
			assert_string_equal(e.code, "damaged");
		}
		struct err e = { .num = 1 };

		memcpy(bad, packed[i], len);
		bad[len] = 0;
		assert_int_equal(read_layer(bad, len + 1, &b, &e), -1);
		assert_string_equal(e.code, "damaged");
	}
}

/* The image itself is wrong: its digest is right, the contents are not. */
static void
invalid(void **state)
{
	static uint8_t bad[OUT_LEN];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t len = packed_len[i];
		const size_t cuts[] = { 0, 3, 1000, len / 2, len - 1 };

		for (size_t c = 0; c < COUNT(cuts); c++) {
			struct blob b = { .size = cuts[c] };
			struct err e = { .num = 1 };

			digest_of(&b.digest, packed[i], cuts[c]);
			assert_int_equal(read_layer(packed[i], cuts[c], &b,
			    &e), -1);
			assert_string_equal(e.code, "invalid_image");
		}
		struct blob b = { .size = len + 7 };
		struct err e = { .num = 1 };

		memcpy(bad, packed[i], len);
		memcpy(bad + len, "garbage", 7);
		digest_of(&b.digest, bad, len + 7);
		assert_int_equal(read_layer(bad, len + 7, &b, &e), -1);
		assert_string_equal(e.code, "invalid_image");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole, make),
		cmocka_unit_test_setup(damaged, make),
		cmocka_unit_test_setup(invalid, make),
	};

	return unit_run("layer", tests);
}
