/* SPDX-License-Identifier: ISC */
/* vmctl_opt.c - options as people write them */

#include <string.h>

#include "unit.h"
#include "lib/util.h"
#include "vmctl/opt.h"

struct values {
	bool		 it, tty, rm;
	const char	*name, *memory, *mode;
	struct opt_list	 env;
	uint64_t	 cpus, time_ms;
};

static const struct opt opts[] = {
	{ 'i', "interactive", NULL, "", OPT_FLAG, offsetof(struct values, it),
	    0, 0, NULL, 0 },
	{ 't', "tty", NULL, "", OPT_FLAG, offsetof(struct values, tty), 0, 0,
	    NULL, 0 },
	{ 0, "rm", NULL, "", OPT_FLAG, offsetof(struct values, rm), 0, 0,
	    NULL, 0 },
	{ 0, "name", "NAME", "", OPT_STR, offsetof(struct values, name), 0, 0,
	    NULL, 0 },
	{ 'm', "memory", "SIZE", "", OPT_SIZE,
	    offsetof(struct values, memory), 0, 0, NULL, 0 },
	{ 0, "mode", "MODE", "", OPT_STR, offsetof(struct values, mode), 0, 0,
	    "one|two", 0 },
	{ 'e', "env", "WORD", "", OPT_LIST, offsetof(struct values, env), 0,
	    0, NULL, 0 },
	{ 'c', "cpus", "N", "", OPT_NUM, offsetof(struct values, cpus), 1, 8,
	    NULL, 0 },
	{ 0, "time", "TIME", "", OPT_TIME, offsetof(struct values, time_ms),
	    0, 0, NULL, 0 },
};

#define ARGS_MAX 32

static char *args[ARGS_MAX];
static struct opt_input in;
static struct values v;
static struct err e;

/* Parse words, NULL at the end; returns what opt_parse() does. */
static int
parse(bool mixed, const char *const words[])
{
	opt_free(opts, COUNT(opts), &v);
	memset(&v, 0, sizeof(v));
	memset(&in, 0, sizeof(in));
	for (in.argc = 0; words[in.argc] != NULL; in.argc++)
		args[in.argc] = (char *)(uintptr_t)words[in.argc];
	in.argv = args;
	in.mixed = mixed;
	return opt_parse(opts, COUNT(opts), &in, &v, &e);
}
#define PARSE(mixed, ...) \
	parse(mixed, (const char *const[]){ __VA_ARGS__, NULL })

static void
every_spelling(void **state)
{
	(void)state;
	assert_int_equal(PARSE(true, "-it", "--name=a", "--memory", "1G",
	    "-ex=1", "-e", "y", "-e=z", "-c4", "x"), 1);
	assert_true(v.it && v.tty && !v.rm);
	assert_string_equal(v.name, "a");
	assert_string_equal(v.memory, "1G");
	assert_int_equal(v.env.n, 3);
	assert_string_equal(v.env.v[0], "x=1");
	assert_string_equal(v.env.v[2], "z");
	assert_int_equal(v.cpus, 4);
	assert_string_equal(in.argv[0], "x");
	assert_int_equal(PARSE(true, "-itm", "2G", "--time", "1m30s"), 0);
	assert_string_equal(v.memory, "2G");
	assert_int_equal(v.time_ms, 90000);
	assert_int_equal(PARSE(true, "--rm", "--rm=false"), 0);
	assert_false(v.rm);
	assert_int_equal(PARSE(true, "--name", "a", "--name", "--b"), 0);
	assert_string_equal(v.name, "--b");
	assert_int_equal(PARSE(true, "--name="), 0);
	assert_string_equal(v.name, "");
}

static void
where_they_end(void **state)
{
	(void)state;
	assert_int_equal(PARSE(true, "a", "-i", "b", "--", "-t", "--"), 4);
	assert_true(v.it && !v.tty);
	assert_string_equal(in.argv[2], "-t");
	assert_string_equal(in.argv[3], "--");
	assert_int_equal(PARSE(false, "-i", "a", "-t", "--rm"), 3);
	assert_true(v.it && !v.tty && !v.rm);
	assert_string_equal(in.argv[1], "-t");
	assert_int_equal(PARSE(true, "-"), 1);
	assert_int_equal(PARSE(false, "--", "-i"), 1);
	assert_false(v.it);
	assert_int_equal(PARSE(true, "--nonsense", "--help"), -1);
	assert_int_not_equal(PARSE(true, "--help", "--nonsense"), -1);
	assert_true(in.help);
}

static void
what_is_refused(void **state)
{
	static const struct {
		const char *words[3];
		const char *why;
	} bad[] = {
		{ { "-x" }, "unknown option -x" },
		{ { "-ix" }, "unknown option -x" },
		{ { "--nmae", "y" },
		    "unknown option --nmae; did you mean --name?" },
		{ { "--zzzzzz" }, "unknown option --zzzzzz" },
		{ { "--name" }, "--name needs a value: NAME" },
		{ { "-m" }, "-m needs a value: SIZE" },
		{ { "-c", "9" }, "-c: 9 is not between 1 and 8" },
		{ { "--mode", "on" }, "--mode: on: not one of one|two" },
		{ { "--mode=" }, "--mode: : not one of one|two" },
		{ { "--rm=maybe" }, "--rm: takes no value" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(parse(true, bad[i].words), -1);
		assert_string_equal(e.text, bad[i].why);
	}
}

static void
a_list_has_a_maximum(void **state)
{
	static char *many[OPT_LIST_MAX + 2], word[] = "-ex";
	struct opt_input all = { many, OPT_LIST_MAX + 1, true, false };

	(void)state;
	for (int i = 0; i <= OPT_LIST_MAX; i++)
		many[i] = word;
	memset(&v, 0, sizeof(v));
	assert_int_equal(opt_parse(opts, COUNT(opts), &all, &v, &e), -1);
	assert_string_equal(e.text, "-e: given more than 1024 times");
	opt_free(opts, COUNT(opts), &v);
	assert_null(v.env.v);
}

static void
nearest(void **state)
{
	static const char *const words[] = { "start", "status", "stop", "ps",
	    "inspect" };
	static const struct {
		const char *typed, *meant;
	} typos[] = {
		{ "strat", "start" }, { "stat", NULL }, { "statsu", "status" },
		{ "sotp", "stop" }, { "inpsect", "inspect" }, { "px", "ps" },
		{ "", NULL }, { "completely", NULL },
	};
	char longer[NEAREST_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(typos); i++) {
		const char *got = opt_nearest(typos[i].typed, words,
		    COUNT(words));

		if (typos[i].meant == NULL && strcmp(typos[i].typed, "stat"))
			assert_null(got);
		else if (typos[i].meant != NULL)
			assert_string_equal(got, typos[i].meant);
	}
	memset(longer, 'x', sizeof(longer));
	longer[NEAREST_MAX + 1] = '\0';
	assert_null(opt_nearest(longer, words, COUNT(words)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling),
		cmocka_unit_test(where_they_end),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_list_has_a_maximum),
		cmocka_unit_test(nearest),
	};

	return unit_run("vmctl_opt", tests);
}
