/* SPDX-License-Identifier: ISC */
/* vmd_options.c - the command line of vmd */

#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "lib/util.h"
#include "vmd/options.h"

static struct options	o;
static struct err	e;

/* Parse words that are separated by blanks. */
static int
parse(const char *line)
{
	static char copy[512];
	char *argv[16], *save = NULL;
	int argc = 0;

	(void)snprintf(copy, sizeof(copy), "vmd %s", line);
	for (char *p = strtok_r(copy, " ", &save); p != NULL;
	    p = strtok_r(NULL, " ", &save))
		argv[argc++] = p;
	argv[argc] = NULL;
	e.text[0] = '\0';
	optind = 0;	/* glibc: from the beginning, with all that it keeps */
	return options_parse(&o, argc, argv, &e);
}

static void
ratios(void **state)
{
	static const struct { const char *text; uint32_t percent; } good[] = {
		{ "1", 100 }, { "1.5", 150 }, { "0.01", 1 }, { "2.05", 205 },
		{ "100", 10000 }, { "0.5", 50 }, { "1000", 100000 },
	};
	static const char *const bad[] = { "", "0", "0.0", "1.", ".", "1.234",
	    "-1", "1000.01", "1e3", "x", "99999999999999999999", "1.-1" };
	char line[128];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		(void)snprintf(line, sizeof(line), "-o cpu_ratio=%s",
		    good[i].text);
		assert_int_equal(parse(line), 0);
		assert_int_equal(o.cpu_percent, good[i].percent);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		(void)snprintf(line, sizeof(line), "-o disk_ratio=%s",
		    bad[i]);
		assert_int_equal(parse(line), -1);
		assert_non_null(strstr(e.text, "-o disk_ratio"));
	}
}

static void
settings(void **state)
{
	(void)state;
	assert_int_equal(parse("-o hypervisor=null -o accel=kvm -o user=joe"),
	    0);
	assert_string_equal(o.hypervisor, "null");
	assert_string_equal(o.accel, "kvm");
	assert_string_equal(o.user, "joe");
	assert_int_equal(parse("-o user"), -1);
	assert_non_null(strstr(e.text, "needs =value"));
	assert_int_equal(parse("-o use=joe"), -1);
	assert_non_null(strstr(e.text, "the names are accel, cpu_ratio"));
	assert_int_equal(parse("-o =x"), -1);
	assert_int_equal(parse("-o uid_base=999"), -1);
	assert_int_equal(parse("-o uid_base=2147483647"), -1);
	assert_int_equal(parse("-o uid_base=100000"), 0);
	assert_int_equal(o.uid_base, 100000);
}

static void
paths(void **state)
{
	char line[PRIV_PATH_MAX + 32];
	char cwd[256];

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(parse("-s some/state"), 0);
	assert_int_equal(o.state[0], '/');
	assert_memory_equal(o.state, cwd, strlen(cwd));
	(void)snprintf(line, sizeof(line), "%s/vmd.sock", o.state);
	assert_string_equal(o.socket, line);
	assert_int_equal(parse("-s /s -S /run/x"), 0);
	assert_string_equal(o.socket, "/run/x");
	assert_int_equal(parse("-l 127.0.0.1:80"), -1);
	assert_int_equal(parse("-l 127.0.0.1:80 -k /k"), 0);
	assert_int_equal(o.nlisten, 1);
}

static void
usage(void **state)
{
	(void)state;
	assert_int_equal(parse("-z"), 1);
	assert_int_equal(parse("word"), 1);
	assert_int_equal(parse("-o"), 1);
	assert_int_equal(parse("-dnvv"), 0);
	assert_true(o.foreground && o.check);
	assert_int_equal(o.verbose, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratios),
		cmocka_unit_test(settings),
		cmocka_unit_test(paths),
		cmocka_unit_test(usage),
	};

	return unit_run("vmd_options", tests);
}
