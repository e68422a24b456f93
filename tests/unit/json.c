/* SPDX-License-Identifier: ISC */
/* json.c - bytes in JSON, there and back, and what is none */

#include <string.h>

#include "lib/json.h"
#include "unit.h"

static void
there_and_back(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x9f, 0xff, 0xa0 };
	own_json json_t *o = json_object();
	uint8_t back[4];

	(void)state;
	assert_int_equal(json_object_set_new(o, "b", json_hex(bytes, 4)), 0);
	assert_string_equal(json_string_value(json_object_get(o, "b")),
	    "009fffa0");
	assert_int_equal(json_get_hex(back, 4, o, "b", NULL), 1);
	assert_memory_equal(back, bytes, 4);
	assert_int_equal(json_get_hex(back, 4, o, "absent", NULL), 0);
}

/* Runs of zeroes are counted; what is longer than digits is not written. */
static void
zeroes(void **state)
{
	static const struct {
		const char	*text;
		uint8_t		 bytes[12];
		size_t		 len;
	} t[] = {
		{ "", { 0 }, 0 },
		{ "00", { 0 }, 1 },
		{ "0000", { 0 }, 2 },
		{ "z3.", { 0 }, 3 },
		{ "z12.", { 0 }, 12 },
		{ "01z3.", { 1 }, 4 },
		{ "z4.2a0000", { 0, 0, 0, 0, 0x2a }, 7 },
		{ "ff00ffz3.01", { 0xff, 0, 0xff, 0, 0, 0, 1 }, 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		own_json json_t *o = json_object();
		json_t *v = json_hex(t[i].bytes, t[i].len);
		uint8_t back[12];

		assert_int_equal(json_object_set_new(o, "b", v), 0);
		assert_string_equal(json_string_value(v), t[i].text);
		assert_int_equal(json_hex_len(v, 12), t[i].len);
		if (t[i].len > 0)
			assert_int_equal(json_hex_len(v, t[i].len - 1), 0);
		memset(back, 0xaa, sizeof(back));
		assert_int_equal(json_get_hex(back, t[i].len, o, "b", NULL), 1);
		assert_memory_equal(back, t[i].bytes, t[i].len);
	}
	assert_int_equal(json_hex_len(NULL, 12), 0);
}

static void
refused(void **state)
{
	static const char *const bad[] = {
		"", "00", "0000000", "0000000g", "000000FF", "000000000000",
		"z4", "z.", "z5.", "z0.z4.", "00z4.", "z3.", "z4.0", "z4.z0.",
		"z-4.", "z18446744073709551620.", "z0000000000000000000004.",
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		own_json json_t *o = json_object();
		uint32_t back = 7;

		assert_int_equal(json_object_set_new(o, "b",
		    json_string(bad[i])), 0);
		assert_int_equal(json_get_hex(&back, 4, o, "b", &e), -1);
		assert_non_null(strstr(e.text, "b"));
		assert_int_equal(back, 7);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(zeroes),
		cmocka_unit_test(refused),
	};

	return unit_run("json", tests);
}
