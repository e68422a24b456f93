/* SPDX-License-Identifier: ISC */
/* plain.c - what is left of text that was meant for another terminal */

#include <string.h>

#include "unit.h"
#include "lib/plain.h"
#include "lib/util.h"

static void
sequences(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "a\r\n\tb\bc", "a\r\n\tb\bc" },
		{ "bell\a, nul", "bell, nul" },
		{ "\033[1;31mred\033[0m", "\033[1;31mred\033[0m" },
		{ "\033[38:5:1mred\033[m", "\033[38:5:1mred\033[m" },
		/* What makes it answer. */
		{ "x\033[6ny", "xy" }, { "x\033[cy", "xy" },
		{ "x\033Zy", "xy" }, { "x\033[>qy", "xy" },
		{ "x\033[?1;2my", "xy" }, { "x\033[>4;2my", "xy" },
		{ "x\033]52;c;?\007y", "xy" },
		{ "x\033P$qm\033\\y", "xy" },
		/* Other screens, other sets of characters. */
		{ "x\033[?1049hy", "xy" }, { "x\033[2J\033[Hy", "xy" },
		{ "x\033(0y", "xy" }, { "x\033cy", "xy" },
		{ "x\033#8y", "xy" },
		/* C1, as UTF-8 and as bytes. */
		{ "x\xc2\x9b" "6ny", "xy" }, { "x\x9b" "6ny", "xy" },
		{ "x\xc2\x9d" "0;t\x9cy", "xy" }, { "x\xc2\x85y", "xy" },
		{ "g\xc3\xbcnstig \xe2\x82\xac \xf0\x9f\x90\xa1",
		    "g\xc3\xbcnstig \xe2\x82\xac \xf0\x9f\x90\xa1" },
		{ "\xe2\x9b\x84", "\xe2\x9b\x84" },
		/* Broken off, or one within another. */
		{ "x\033", "x" }, { "x\033[31", "x" }, { "x\033]0;t", "x" },
		{ "x\033[3\033[31my", "x\033[31my" },
		{ "x\033[31\nmy", "xmy" }, { "x\033\033[6ny", "xy" },
		{ "x\033]0;t\033[31my", "x\033[31my" },
	};
	uint8_t text[128];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].in);

		memcpy(text, rows[i].in, n);
		n = plain_text(text, n);
		text[n] = '\0';
		assert_string_equal((char *)text, rows[i].out);
		/* Once is enough. */
		assert_int_equal(plain_text(text, n), n);
	}
	assert_int_equal(plain_text(text, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences),
	};

	return unit_run("plain", tests);
}
