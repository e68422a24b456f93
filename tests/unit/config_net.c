/* SPDX-License-Identifier: ISC */
/* config_net.c - the prefixes of local interfaces, as vm.conf has them */

#include <stdlib.h>

#include "unit.h"
#include "control/config_private.h"
#include "lib/util.h"

static struct config config;

/* Take a document with this prefix6; NULL: with none. */
static int
take6(const char *prefix)
{
	json_t *doc = json_object();
	struct err e;
	int r;

	if (prefix != NULL)
		assert_int_equal(json_object_set_new(doc, "prefix6",
		    json_string(prefix)), 0);
	r = config_take_net(&config, doc, false, &e);
	json_decref(doc);
	return r;
}

static void
prefixes(void **state)
{
	static const uint8_t want[16] = { 0xfd, 0x12, 0x34, 0x50 };
	static const char *const wrong[] = { "", "fd00::", "fd00::/65",
	    "fd00::/0", "10.0.0.0/8", "fd00::/64x", "/64", "x/64" };

	(void)state;
	assert_int_equal(take6(NULL), 0);
	assert_int_equal(config.prefix6.len, 0);
	assert_int_equal(take6("fd12:3456:789a::1/28"), 0);
	assert_int_equal(config.prefix6.len, 28);
	assert_memory_equal(config.prefix6.addr, want, 16);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(take6(wrong[i]), -1);
	assert_int_equal(config.prefix6.len, 28);
}

/* One of our choice is kept, in the row and when the file is read again. */
static void
chosen(void **state)
{
	struct config_prefix6 first;
	json_t *row;
	struct err e;

	(void)state;
	assert_int_equal(take6(NULL), 0);
	assert_int_equal(take6("any"), 0);
	first = config.prefix6;
	assert_int_equal(first.len, 64);
	assert_int_equal(first.addr[0], 0xfd);
	assert_int_equal(take6("any"), 0);
	assert_memory_equal(&config.prefix6, &first, sizeof(first));
	row = config_net_json(&config);
	assert_non_null(row);
	assert_int_equal(take6(NULL), 0);
	assert_int_equal(config_take_net(&config, row, false, &e), 0);
	assert_memory_equal(&config.prefix6, &first, sizeof(first));
	json_decref(row);
	/* It was given up, and is another one. */
	assert_int_equal(take6("2001:db8::/32"), 0);
	assert_int_equal(take6("any"), 0);
	assert_memory_not_equal(&config.prefix6, &first, sizeof(first));
	free(config.switches);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes),
		cmocka_unit_test(chosen),
	};

	return unit_run("config_net", tests);
}
