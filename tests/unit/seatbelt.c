/* SPDX-License-Identifier: ISC */
/*
 * seatbelt.c - the profiles of macOS's sandbox: well formed, and no more than
 * a row and its paths grant
 *
 * They are read again by a reader of the little of the language that is used:
 * the last rule that matches decides.
 */

#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "lib/util.h"
#include "os/sandbox_row.h"
#include "os/seatbelt.h"

#define RULES_MAX	256

/* (allow|deny OPERATION (FILTER ARGUMENT)...); no filter is all. */
struct rule {
	bool	allow;
	char	operation[32];
	char	filter[16];
	char	argument[2 * PATH_MAX];
};

static struct rule	rules[RULES_MAX];
static size_t		nrules;
static char		dir[PATH_MAX];

/* --- reading -------------------------------------------------------------- */

/* A word, or a string without its quotes. */
static const char *
take_word(const char *p, char *to, size_t size)
{
	bool string = *p == '"';
	size_t n = 0;

	p += string;
	while (string ? *p != '"' : strchr(" ()\n", *p) == NULL) {
		if (string && *p == '\\') {
			p++;
			assert_true(*p == '"' || *p == '\\');
		}
		assert_true((unsigned char)*p >= ' ');
		assert_true(n + 1 < size);
		to[n++] = *p++;
	}
	to[n] = '\0';
	assert_true(string || n > 0);
	return p + string;
}

static const char *
take_char(const char *p, char c)
{
	assert_int_equal(*p, c);
	return p + 1;
}

/* Operations and filters that profiles of Apple's own have. */
static void
is_known(const struct rule *r)
{
	static const char *const operations[] = { "default", "file-write*",
	    "file-write-data", "file-read-data", "iokit-open", "nvram*",
	    "job-creation", "sysctl-write", "process-exec", "process-exec*",
	    "process-fork", "signal", "mach-lookup", "network*",
	    "network-inbound", "network-outbound", "network-bind" };
	static const char *const filters[] = { "", "literal", "subpath",
	    "target", "local", "remote" };
	bool operation = false, filter = false;

	for (size_t i = 0; i < COUNT(operations); i++)
		operation |= strcmp(r->operation, operations[i]) == 0;
	for (size_t i = 0; i < COUNT(filters); i++)
		filter |= strcmp(r->filter, filters[i]) == 0;
	assert_true(operation);
	assert_true(filter);
	assert_true(strstr(r->filter, "path") == NULL ||
	    r->argument[0] == '/');
}

static const char *
take_rule(const char *p)
{
	struct rule *r = &rules[nrules++];
	char verb[8];

	assert_true(nrules <= RULES_MAX);
	memset(r, 0, sizeof(*r));
	p = take_char(p, '(');
	p = take_word(p, verb, sizeof(verb));
	r->allow = strcmp(verb, "allow") == 0;
	assert_true(r->allow || strcmp(verb, "deny") == 0);
	p = take_char(p, ' ');
	p = take_word(p, r->operation, sizeof(r->operation));
	if (*p == ' ') {
		p = take_char(p, ' ');
		p = take_char(p, '(');
		p = take_word(p, r->filter, sizeof(r->filter));
		p = take_char(p, ' ');
		p = take_word(p, r->argument, sizeof(r->argument));
		p = take_char(p, ')');
	}
	is_known(r);
	p = take_char(p, ')');
	return take_char(p, '\n');
}

static void
read_profile(const struct sandbox *s)
{
	static struct seatbelt profile;
	static const char version[] = "(version 1)\n";
	const char *p = profile.text;

	assert_int_equal(seatbelt_make(&profile, s, NULL), 0);
	assert_int_equal(strlen(profile.text), profile.len);
	assert_int_equal(strncmp(p, version, strlen(version)), 0);
	nrules = 0;
	for (p += strlen(version); *p != '\0';)
		p = take_rule(p);
	assert_string_equal(rules[0].operation, "default");
}

/* --- asking --------------------------------------------------------------- */

static bool
is_operation(const struct rule *r, const char *operation)
{
	size_t n = strlen(r->operation);

	if (strcmp(r->operation, "default") == 0)
		return true;
	return r->operation[n - 1] == '*' ?
	    strncmp(r->operation, operation, n - 1) == 0 :
	    strcmp(r->operation, operation) == 0;
}

static bool
is_about(const struct rule *r, const char *filter, const char *argument)
{
	size_t n = strlen(r->argument);

	if (r->filter[0] == '\0')
		return true;
	if (strcmp(r->filter, "subpath") == 0)
		return strcmp(filter, "path") == 0 &&
		    strncmp(argument, r->argument, n) == 0 &&
		    (argument[n] == '\0' || argument[n] == '/');
	if (strcmp(r->filter, "literal") == 0)
		return strcmp(filter, "path") == 0 &&
		    strcmp(argument, r->argument) == 0;
	return strcmp(filter, r->filter) == 0 &&
	    strcmp(argument, r->argument) == 0;
}

static bool
allows(const char *operation, const char *filter, const char *argument)
{
	bool allowed = false;

	for (size_t i = 0; i < nrules; i++)
		if (is_operation(&rules[i], operation) &&
		    is_about(&rules[i], filter, argument))
			allowed = rules[i].allow;
	return allowed;
}

static bool
reads(const char *path)
{
	return allows("file-read-data", "path", path);
}

static bool
writes(const char *path)
{
	return allows("file-write-data", "path", path) ||
	    allows("file-write-create", "path", path);
}

/* --- tests ---------------------------------------------------------------- */

/* What only some rows may: the row's bits, of which one is enough. */
static const struct {
	const char	*operation, *filter, *argument;
	unsigned	 may;
} deeds[] = {
	{ "process-fork", "", "", MAY_EXEC },
	{ "process-exec", "path", "/opt/homebrew/bin/skopeo", MAY_EXEC },
	{ "process-exec", "path", "/bin/sh", 0 },
	{ "process-exec-interpreter", "path", "/bin/sh", 0 },
	{ "signal", "target", "others", MAY_EXEC },
	{ "mach-lookup", "", "", MAY_EXEC | MAY_INET | MAY_MAP_EXEC },
	{ "network-outbound", "remote", "ip", MAY_INET },
	{ "network-bind", "local", "ip", MAY_INET },
	{ "network-outbound", "remote", "unix-socket", MAY_UNIX },
	{ "network-bind", "local", "unix-socket", MAY_UNIX },
	{ "network-outbound", "path", "/private/var/run/mDNSResponder",
	    MAY_INET },
	{ "network-outbound", "path", "/private/var/run/syslog", 0 },
	{ "iokit-open", "", "", 0 },
	{ "nvram-set", "", "", 0 },
	{ "job-creation", "", "", 0 },
	{ "sysctl-write", "", "", 0 },
};

static void
rows(void **state)
{
	struct sandbox s = { .npaths = 0 };

	(void)state;
	for (s.program = 0; s.program < SANDBOX_PROGRAMS; s.program++) {
		const unsigned may = sandbox_rows[s.program].may;

		read_profile(&s);
		for (size_t i = 0; i < COUNT(deeds); i++)
			if (allows(deeds[i].operation, deeds[i].filter,
			    deeds[i].argument) != ((may & deeds[i].may) != 0))
				fail_msg("%s: %s %s",
				    sandbox_rows[s.program].name,
				    deeds[i].operation, deeds[i].argument);
		/* What it was given it serves, whoever it is. */
		assert_true(allows("network-inbound", "local", "unix-socket"));
		assert_true(allows("signal", "target", "self"));
	}
}

/* No file is written, and none read that is not the system's. */
static void
no_files(void **state)
{
	static const char *const foreign[] = { "/", "/Users/me/secret",
	    "/private/etc/master.passwd", "/private/var/db/vmd/vmd.db",
	    "/dev/rdisk0", "/dev/disk0", "/dev/fd/3", "/tmp", "/usr",
	    "/usr/libexec", "/Library/Keychains/System.keychain" };
	struct sandbox s = { .npaths = 0 };

	(void)state;
	for (s.program = 0; s.program < SANDBOX_PROGRAMS; s.program++) {
		read_profile(&s);
		for (size_t i = 0; i < COUNT(foreign); i++) {
			assert_false(reads(foreign[i]));
			assert_false(writes(foreign[i]));
		}
		assert_true(reads("/usr/lib/libSystem.B.dylib"));
		assert_true(reads("/dev/urandom"));
		assert_false(writes("/usr/lib/libSystem.B.dylib"));
		assert_false(writes("/dev/urandom"));
		assert_true(allows("file-write-data", "path", "/dev/null"));
	}
}

/* What is made in a directory of the test, named without links. */
static const char *
below(const char *name)
{
	static char path[2 * PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
paths(void **state)
{
	struct sandbox s = { .program = SANDBOX_VIOD_BLK };
	char link[2 * PATH_MAX], rd[2 * PATH_MAX], strange[2 * PATH_MAX];
	int fd;

	(void)state;
	strcpy(rd, below("read"));
	strcpy(link, below("link"));
	strcpy(strange, below("a \"b\" \\(c)"));
	assert_int_equal(mkdir(rd, 0700), 0);
	assert_int_equal(mkdir(strange, 0700), 0);
	assert_int_equal(mkdir(below("fd"), 0700), 0);
	assert_int_equal(mkdir(below("line\nbreak"), 0700), 0);
	assert_int_equal(symlink(rd, link), 0);
	fd = open(below("fd"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sandbox_add(&s, link, SANDBOX_READ);
	sandbox_add(&s, strange, SANDBOX_READ | SANDBOX_WRITE);
	sandbox_add_fd(&s, fd, SANDBOX_WRITE);
	sandbox_add(&s, "/no/such/file", SANDBOX_READ | SANDBOX_WRITE);
	/* In a name it would be the end of a rule. */
	sandbox_add(&s, below("line\nbreak"), SANDBOX_READ | SANDBOX_WRITE);
	read_profile(&s);

	assert_true(reads(below("read")));
	assert_true(reads(below("read/file")));
	assert_false(reads(below("reader")));
	assert_false(writes(below("read/file")));
	assert_false(allows("process-exec", "path", below("read/file")));
	assert_true(reads(strange) && writes(strange));
	assert_false(reads(below("fd/file")));
	assert_true(writes(below("fd/file")));
	assert_false(reads("/no/such/file"));
	assert_false(reads(below("line\nbreak")));
	assert_false(reads(dir) || writes(dir));
	(void)close(fd);

	/* Programs: only where it says so. */
	s.npaths = 0;
	sandbox_add(&s, rd, SANDBOX_READ | SANDBOX_EXEC);
	read_profile(&s);
	assert_true(allows("process-exec", "path", below("read/file")));
	assert_false(allows("process-exec", "path", below("fd/file")));

	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(rd), 0);
	assert_int_equal(rmdir(strange), 0);
	assert_int_equal(rmdir(below("fd")), 0);
	assert_int_equal(rmdir(below("line\nbreak")), 0);
}

/* More than fits is refused, never cut: the last rules are the paths'. */
static void
too_long(void **state)
{
	static struct seatbelt profile;
	struct sandbox s = { .program = SANDBOX_CONTROL };
	char deep[PATH_MAX];
	struct err e;
	size_t n;

	(void)state;
	n = (size_t)snprintf(deep, sizeof(deep), "%s", dir);
	while (n + 256 < sizeof(deep) - 1) {
		deep[n++] = '/';
		memset(deep + n, '"', 250);
		n += 250;
		deep[n] = '\0';
		assert_int_equal(mkdir(deep, 0700), 0);
	}
	while (s.npaths < SANDBOX_PATHS_MAX)
		sandbox_add(&s, deep, SANDBOX_READ | SANDBOX_WRITE);
	assert_int_equal(seatbelt_make(&profile, &s, &e), -1);
	assert_int_equal(e.num, E2BIG);
	while (strcmp(deep, dir) != 0) {
		assert_int_equal(rmdir(deep), 0);
		*strrchr(deep, '/') = '\0';
	}
}

static int
set_up(void **state)
{
	char made[] = "/tmp/vmd-seatbelt.XXXXXX";

	(void)state;
	return mkdtemp(made) == NULL || realpath(made, dir) == NULL;
}

static int
tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(no_files),
		cmocka_unit_test_setup_teardown(paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(too_long, set_up, tear_down),
	};

	return unit_run("seatbelt", tests);
}
