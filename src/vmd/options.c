/* SPDX-License-Identifier: ISC */
/* options.c - what vmd's command line says; see options.h */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "os/paths.h"
#include "vmd/options.h"

/* Copy into an array of 'size' bytes; too long is refused. */
static int
copy(char *to, size_t size, const char *from, const char *what, struct err *e)
{
	if (snprintf(to, size, "%s", from) >= (int)size)
		return err_set(e, ENAMETOOLONG, "%s: longer than %zu bytes",
		    what, size - 1);
	return 0;
}

/* As copy(), made absolute: vmd works in /. */
static int
copy_path(char *to, const char *from, const char *what, struct err *e)
{
	char cwd[PATH_MAX];

	if (from[0] == '/')
		return copy(to, PRIV_PATH_MAX, from, what, e);
	if (from[0] == '\0')
		return err_set(e, EINVAL, "%s: empty path", what);
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return err_sys(e, "current directory");
	if (snprintf(to, PRIV_PATH_MAX, "%s/%s", cwd, from) >= PRIV_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "%s: longer than %d bytes",
		    what, PRIV_PATH_MAX - 1);
	return 0;
}

/* --- -o name=value -------------------------------------------------------- */

/* One of a list of words, NULL at the end. */
static int
word(char *to, const char *value, const char *const *words, struct err *e)
{
	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(value, words[i]) == 0)
			return copy(to, PRIV_WORD_MAX, value, value, e);
	return err_set(e, EINVAL, "%s is not known", value);
}

/* "1", "2.5": hundredths, from 0.01 on. */
static int
ratio(uint32_t *percent, const char *value, struct err *e)
{
	uint64_t whole, hundredths = 0;
	char digits[16];
	const char *dot = strchr(value, '.');
	size_t n = dot == NULL ? strlen(value) : (size_t)(dot - value);
	size_t after = dot == NULL ? 0 : strlen(dot + 1);

	if (n >= sizeof(digits) || after > 2 || (dot != NULL && after == 0))
		return err_set(e, EINVAL, "%s is no ratio such as 1.5", value);
	memcpy(digits, value, n);
	digits[n] = '\0';
	if (num_parse(&whole, digits, 0, OPTIONS_PERCENT_MAX / 100, e) == -1 ||
	    (dot != NULL && num_parse(&hundredths, dot + 1, 0, 99, e) == -1))
		return -1;
	if (after == 1)
		hundredths *= 10;
	if (whole * 100 + hundredths == 0 ||
	    whole * 100 + hundredths > OPTIONS_PERCENT_MAX)
		return err_set(e, ERANGE, "%s is not between 0.01 and %d",
		    value, OPTIONS_PERCENT_MAX / 100);
	*percent = (uint32_t)(whole * 100 + hundredths);
	return 0;
}

static int
set_accel(struct options *o, const char *value, struct err *e)
{
	static const char *const words[] = { "auto", "kvm", "tcg", "hvf",
	    NULL };

	return word(o->accel, value, words, e);
}

static int
set_cpu(struct options *o, const char *value, struct err *e)
{
	return ratio(&o->cpu_percent, value, e);
}

static int
set_data(struct options *o, const char *value, struct err *e)
{
	return copy_path(o->data, value, "data", e);
}

static int
set_disk(struct options *o, const char *value, struct err *e)
{
	return ratio(&o->disk_percent, value, e);
}

static int
set_hypervisor(struct options *o, const char *value, struct err *e)
{
	static const char *const words[] = { "auto", "qemu", "null", "vmm",
	    "vz", "cloud-hypervisor", NULL };

	return word(o->hypervisor, value, words, e);
}

static int
set_libexec(struct options *o, const char *value, struct err *e)
{
	return copy_path(o->libexec, value, "libexec", e);
}

static int
set_memory(struct options *o, const char *value, struct err *e)
{
	return ratio(&o->memory_percent, value, e);
}

static int
set_uid_base(struct options *o, const char *value, struct err *e)
{
	uint64_t v;

	if (num_parse(&v, value, 1000, INT32_MAX - OPTIONS_UID_COUNT, e) == -1)
		return -1;
	o->uid_base = (uint32_t)v;
	return 0;
}

static int
set_user(struct options *o, const char *value, struct err *e)
{
	return copy(o->user, sizeof(o->user), value, "user", e);
}

static const struct setting {
	const char	*name;
	int		(*set)(struct options *, const char *, struct err *);
} settings[] = {
	{ "accel",		set_accel },
	{ "cpu_ratio",		set_cpu },
	{ "data",		set_data },
	{ "disk_ratio",		set_disk },
	{ "hypervisor",		set_hypervisor },
	{ "libexec",		set_libexec },
	{ "memory_ratio",	set_memory },
	{ "uid_base",		set_uid_base },
	{ "user",		set_user },
};

static int
setting_unknown(const char *name, size_t len, struct err *e)
{
	char list[256] = "";

	for (size_t i = 0; i < COUNT(settings); i++) {
		(void)strncat(list, i == 0 ? "" : ", ",
		    sizeof(list) - strlen(list) - 1);
		(void)strncat(list, settings[i].name,
		    sizeof(list) - strlen(list) - 1);
	}
	return err_set(e, EINVAL, "-o %.*s: not known; the names are %s",
	    (int)MIN(len, 64), name, list);
}

static int
setting_set(struct options *o, const char *text, struct err *e)
{
	const char *eq = strchr(text, '=');
	size_t len = eq == NULL ? strlen(text) : (size_t)(eq - text);

	for (size_t i = 0; i < COUNT(settings); i++) {
		if (strlen(settings[i].name) != len ||
		    strncmp(settings[i].name, text, len) != 0)
			continue;
		if (eq == NULL)
			return err_set(e, EINVAL, "-o %s: needs =value", text);
		if (settings[i].set(o, eq + 1, e) == -1)
			return err_prefix(e, "-o %s", settings[i].name);
		return 0;
	}
	return setting_unknown(text, len, e);
}

/* --- defaults ------------------------------------------------------------- */

/* A build tree has the programs and share/ beside vmd; else as installed. */
static int
default_programs(struct options *o, struct err *e)
{
	char dir[PRIV_PATH_MAX], path[PRIV_PATH_MAX + 32];

	if (os_exe_dir(dir, sizeof(dir), e) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/vmd-control", dir);
	if (access(path, X_OK) == -1) {
		(void)snprintf(o->libexec, sizeof(o->libexec), "%s",
		    VMD_LIBEXECDIR);
		(void)snprintf(o->data, sizeof(o->data), "%s", VMD_DATADIR);
		return 0;
	}
	(void)snprintf(path, sizeof(path), "%s/../share", dir);
	if (copy(o->libexec, sizeof(o->libexec), dir, "libexec", e) == -1)
		return -1;
	return copy(o->data, sizeof(o->data),
	    access(path, X_OK) == 0 ? path : VMD_DATADIR, "data", e);
}

static int
default_state(struct options *o, struct err *e)
{
	char path[PRIV_PATH_MAX];

	if (geteuid() == 0)
		return copy_path(o->state, os_paths.state, "state", e);
	if (os_user_state(path, sizeof(path)) == -1)
		return err_set(e, ENOENT,
		    "no HOME for the state; name a directory with -s");
	return copy_path(o->state, path, "state", e);
}

/* explicit: -s was given; then the socket goes with the state. */
static int
default_socket(struct options *o, bool explicit, struct err *e)
{
	char run[PRIV_PATH_MAX], path[PRIV_PATH_MAX + 32];

	if (!explicit && geteuid() == 0)
		return copy_path(o->socket, os_paths.socket, "socket", e);
	if (!explicit && os_user_run(run, sizeof(run)) == 0)
		(void)snprintf(path, sizeof(path), "%s/vmd.sock", run);
	else
		(void)snprintf(path, sizeof(path), "%s/vmd.sock", o->state);
	return copy_path(o->socket, path, "socket", e);
}

/* Another state's VMs are not those of the default file. */
static int
default_conf(struct options *o, bool explicit, struct err *e)
{
	char path[PRIV_PATH_MAX];

	if (explicit)
		return 0;
	if (geteuid() == 0)
		return copy_path(o->conf, os_paths.conf, "vm.conf", e);
	if (os_user_conf(path, sizeof(path)) == -1)
		return 0;
	return copy_path(o->conf, path, "vm.conf", e);
}

static int
options_defaults(struct options *o, struct err *e)
{
	memset(o, 0, sizeof(*o));
	o->uid_base = OPTIONS_UID_BASE;
	o->cpu_percent = 400;
	o->memory_percent = 100;
	o->disk_percent = 400;	/* disks are sparse files */
	(void)snprintf(o->user, sizeof(o->user), "_vmd");
	(void)snprintf(o->hypervisor, sizeof(o->hypervisor), "auto");
	(void)snprintf(o->accel, sizeof(o->accel), "auto");
	return default_programs(o, e);
}

/* --- the line ------------------------------------------------------------- */

static int
macro(struct options *o, const char *text, struct err *e)
{
	const char *eq = strrchr(text, '=');

	if (eq == NULL || eq == text)
		return err_set(e, EINVAL, "-D: could not parse macro "
		    "definition %s", text);
	if (o->nmacros == OPTIONS_MACROS_MAX)
		return err_set(e, EINVAL, "-D: at most %d times",
		    OPTIONS_MACROS_MAX);
	o->macros[o->nmacros++] = text;
	return 0;
}

static int
option(struct options *o, int c, struct err *e)
{
	switch (c) {
	case 'D':
		return macro(o, optarg, e);
	case 'd':
		o->foreground = true;
		return 0;
	case 'f':
		o->conf_named = true;
		return copy_path(o->conf, optarg, "-f", e);
	case 'k':
		return copy_path(o->secret, optarg, "-k", e);
	case 'l':
		if (o->nlisten == PRIV_LISTEN_MAX)
			return err_set(e, EINVAL, "-l: at most %d times",
			    PRIV_LISTEN_MAX);
		return copy(o->listen[o->nlisten++], PRIV_WORD_MAX, optarg,
		    "-l", e);
	case 'n':
		o->check = true;
		return 0;
	case 'o':
		return setting_set(o, optarg, e);
	case 's':
		return copy_path(o->state, optarg, "-s", e);
	case 'S':
		return copy_path(o->socket, optarg, "-S", e);
	case 'v':
		o->verbose++;
		return 0;
	default:
		return 1;
	}
}

int
options_parse(struct options *o, int argc, char **argv, struct err *e)
{
	int c, r;
	bool explicit;

	if (options_defaults(o, e) == -1)
		return -1;
	opterr = 0;
	while ((c = getopt(argc, argv, "D:df:k:l:no:s:S:v")) != -1) {
		r = option(o, c, e);
		if (r != 0)
			return r;
	}
	if (optind != argc)
		return 1;
	if (o->nlisten > 0 && o->secret[0] == '\0')
		return err_set(e, EINVAL,
		    "-l needs -k FILE: TCP is served with tokens only");
	explicit = o->state[0] != '\0';
	if (!explicit && default_state(o, e) == -1)
		return -1;
	if (o->conf[0] == '\0' && default_conf(o, explicit, e) == -1)
		return -1;
	if (o->socket[0] == '\0')
		return default_socket(o, explicit, e);
	return 0;
}
