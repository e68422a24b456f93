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

static void
refused(void **state)
{
	static const char *const bad[] = {
		"", "00", "0000000", "0000000g", "000000FF", "000000000000",
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
		cmocka_unit_test(refused),
	};

	return unit_run("json", tests);
}
