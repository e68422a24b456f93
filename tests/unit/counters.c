/* SPDX-License-Identifier: ISC */
/* counters.c - what devices say they counted, and what they lie */

#include "unit.h"

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "chapi/counters.h"
#include "lib/util.h"

/* Ask, and hear this; what is known then, for the caller to free. */
static char *
hear(struct counters *c, const char *said, size_t len)
{
	json_t *all;
	char *text;
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_true(counters_ask(c, s[0]));
	(void)close(s[0]);
	(void)close(s[1]);
	assert_int_equal(counters_heard(c, said, len),
	    memchr(said, '\n', len) != NULL);
	all = counters_json(c);
	text = all == NULL ? strdup("none") :
	    json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(all);
	return text;
}

static void
answers(void **state)
{
	static const struct { const char *said, *known; } cases[] = {
		{ "rx_bytes 512 tx_bytes 0\n",
		    "{\"rx_bytes\":512,\"tx_bytes\":0}" },
		{ "a 9223372036854775807\n", "{\"a\":9223372036854775807}" },
		{ "\n", "{}" },
		{ "a 9223372036854775808\n", "none" },
		{ "a -1\n", "none" },
		{ "a\n", "none" },
		{ "a 1 b\n", "none" },
		{ "A 1\n", "none" },
		{ "a\" 1\n", "none" },
		{ "abcdefghijklmnopqrstuvwxyzabcdef 1\n", "none" },
		{ "a 1 b 1 c 1 d 1 e 1 f 1 g 1 h 1 i 1 j 1 k 1 l 1 m 1 n 1 "
		    "o 1 p 1 q 1\n", "none" },
		{ "a 1", "none" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct counters c = { 0 };
		char *known = hear(&c, cases[i].said, strlen(cases[i].said));

		assert_string_equal(known, cases[i].known);
		free(known);
		counters_fini(&c);
	}
}

/* What was said last stays; only an answer to a question counts. */
static void
lies(void **state)
{
	static char flood[4 * COUNTERS_LINE_MAX];
	struct counters c = { 0 };
	char *known;

	(void)state;
	assert_false(counters_heard(&c, "a 1\n", 4));
	assert_null(counters_json(&c));
	free(hear(&c, "a 1\n", 4));
	memset(flood, 'x', sizeof(flood));
	flood[sizeof(flood) - 1] = '\n';
	known = hear(&c, flood, sizeof(flood));
	assert_string_equal(known, "{\"a\":1}");
	free(known);
	known = hear(&c, "b\0 2\n", 5);
	assert_string_equal(known, "{\"a\":1}");
	free(known);
	/* In pieces, and more than was asked for. */
	free(hear(&c, "b ", 2));
	known = hear(&c, "2\nc 3\n", 6);
	assert_string_equal(known, "{\"b\":2}");
	free(known);
	counters_fini(&c);
}

/* A device that never reads is asked once, and never waited for. */
static void
silent(void **state)
{
	struct counters c = { 0 };
	int s[2];
	char bin[8];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	for (unsigned i = 0; i < 100000; i++)
		assert_true(counters_ask(&c, s[0]));
	assert_int_equal(read(s[1], bin, sizeof(bin)), 1);
	(void)close(s[1]);
	c.asked = false;
	assert_false(counters_ask(&c, s[0]));
	(void)close(s[0]);
	counters_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(lies),
		cmocka_unit_test(silent),
	};

	return unit_run("counters", tests);
}
