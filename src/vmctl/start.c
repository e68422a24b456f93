/* SPDX-License-Identifier: ISC */
/* start.c - OpenBSD's options of start, as requests; see start.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"
#include "vmctl/start.h"

#define MEGABYTE	(1ULL << 20)
#define MEMORY		"512M"		/* when it is not said */

/* --- checks --------------------------------------------------------------- */

static const char *
first(const struct opt_list *l)
{
	return l->n > 0 ? l->v[0] : NULL;
}

int
start_check(const struct start_opts *o, struct err *e)
{
	const struct {
		const struct opt_list	*list;
		const char		*what;
	} once[] = {
		{ &o->device, "boot device" }, { &o->boot, "boot image" },
		{ &o->count, "interfaces" }, { &o->memory, "memory" },
		{ &o->cpus, "cpus" }, { &o->cdrom, "iso image" },
		{ &o->template, "template" },
	};

	for (size_t i = 0; i < COUNT(once); i++)
		if (once[i].list->n > 1)
			return err_set(e, EINVAL,
			    "%s specified multiple times", once[i].what);
	if (o->disks.n > START_DISKS_MAX)
		return err_set(e, E2BIG, "too many disks");
	return 0;
}

bool
start_describes(const struct start_opts *o)
{
	return o->disks.n > 0 || o->count.n > 0 || o->nlocal > 0 ||
	    o->memory.n > 0 || o->switches.n > 0 || o->cdrom.n > 0 ||
	    o->template.n > 0;
}

/* --- one value each ------------------------------------------------------- */

/* An absolute path, as the daemon sees it. */
static int
set_path(json_t *obj, const char *name, const char *path, const char *what,
    struct err *e)
{
	own_mem char *real = realpath(path, NULL);

	if (real == NULL)
		return err_sys(e, "invalid %s path", what);
	if (json_object_set_new(obj, name, json_string(real)) == -1)
		return err_set(e, EILSEQ, "%s: not valid UTF-8", path);
	return 0;
}

/* A kernel is opened here too: what the user cannot read is said first. */
static int
set_kernel(json_t *obj, const char *path, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;

	if (set_path(obj, "kernel", path, "boot image", e) == -1)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "cannot open kernel '%s'", path);
	return S_ISREG(st.st_mode) ? 0 : err_set(e, EINVAL,
	    "kernel must be a regular file");
}

static int
set_cdrom(json_t *obj, const char *path, struct err *e)
{
	struct stat st;

	if (set_path(obj, "cdrom", path, "iso image", e) == -1)
		return -1;
	return stat(path, &st) == -1 || S_ISREG(st.st_mode) ? 0 :
	    err_set(e, EINVAL, "specified iso image is not a regular file");
}

/* "raw:PATH", "qcow2:PATH", PATH. */
static int
add_disk(json_t *list, const char *word, struct err *e)
{
	static const char *const formats[] = { "raw", "qcow2" };
	json_t *d = json_object();

	json_array_append_new(list, d);
	for (size_t i = 0; i < COUNT(formats); i++) {
		size_t n = strlen(formats[i]);

		if (strncmp(word, formats[i], n) != 0 || word[n] != ':')
			continue;
		json_object_set_new(d, "format", json_string(formats[i]));
		word += n + 1;
		break;
	}
	return set_path(d, "path", word, "disk", e);
}

static int
set_disks(json_t *obj, const struct opt_list *words, struct err *e)
{
	json_t *list;

	if (words->n == 0)
		return 0;
	list = json_array();
	json_object_set_new(obj, "disks", list);
	for (size_t i = 0; i < words->n; i++)
		if (add_disk(list, words->v[i], e) == -1)
			return -1;
	return 0;
}

static int
set_memory(json_t *obj, const char *word, struct err *e)
{
	uint64_t bytes;
	char text[24];

	if (size_parse(&bytes, word, NULL) == -1)
		return err_set(e, EINVAL, "invalid memory size: %s", word);
	if (bytes < MEGABYTE)
		return err_set(e, ERANGE,
		    "memory size must be at least 1MB");
	if (bytes % MEGABYTE != 0)
		log_warnx("memory size rounded to %llu megabytes",
		    (unsigned long long)(bytes / MEGABYTE));
	(void)snprintf(text, sizeof(text), "%llu",
	    (unsigned long long)(bytes / MEGABYTE * MEGABYTE));
	json_object_set_new(obj, "size", json_string(text));
	return 0;
}

static int
set_cpus(json_t *obj, const char *word, struct err *e)
{
	uint64_t n;

	if (num_parse(&n, word, 1, UINT32_MAX, NULL) == -1)
		return err_set(e, EINVAL, "invalid cpu count: %s", word);
	if (n > START_CPUS_MAX)
		return err_set(e, ERANGE, "cpu count is too large: %s",
		    word);
	json_object_set_new(obj, "vcpus", json_integer((json_int_t)n));
	return 0;
}

static int
set_device(json_t *obj, const char *word, struct err *e)
{
	static const char *const devices[] = { "disk", "cdrom", "net" };

	for (size_t i = 0; i < COUNT(devices); i++) {
		if (strcmp(devices[i], word) != 0)
			continue;
		json_object_set_new(obj, "boot_device", json_string(word));
		return 0;
	}
	return err_set(e, EINVAL, "unknown boot device %s", word);
}

/*
 * Local ones, those on switches, and as many more as -i says: the first of
 * these is vmd's own network, as an interface of vm.conf without options is.
 */
static int
set_cards(json_t *obj, const struct start_opts *o, struct err *e)
{
	json_t *list = json_array();
	uint64_t count = 0;

	json_object_set_new(obj, "interfaces", list);
	if (first(&o->count) != NULL && num_parse(&count, first(&o->count), 0,
	    INT32_MAX, NULL) == -1)
		return err_set(e, EINVAL, "invalid interface count: %s",
		    first(&o->count));
	for (unsigned i = 0; i < o->nlocal; i++)
		json_array_append_new(list, json_pack("{s:b}", "local", 1));
	for (size_t i = 0; i < o->switches.n; i++) {
		if (o->switches.v[i][0] == '\0')
			return err_set(e, EINVAL, "invalid network: ");
		json_array_append_new(list, json_pack("{s:s}", "switch",
		    o->switches.v[i]));
	}
	if (json_array_size(list) > START_CARDS_MAX ||
	    count > START_CARDS_MAX)
		return err_set(e, E2BIG, "too many network interfaces");
	json_object_set_new(obj, "network", json_pack("{s:b}", "enabled",
	    count > json_array_size(list)));
	for (uint64_t n = json_array_size(list) + 1; n < count; n++)
		json_array_append_new(list, json_object());
	if (json_array_size(list) == 0)
		json_object_del(obj, "interfaces");
	return 0;
}

/* --- requests ------------------------------------------------------------- */

/* What a start of either kind may say. */
static int
set_boot(json_t *obj, const struct start_opts *o, struct err *e)
{
	if (first(&o->boot) != NULL &&
	    set_kernel(obj, first(&o->boot), e) == -1)
		return -1;
	if (first(&o->device) != NULL &&
	    set_device(obj, first(&o->device), e) == -1)
		return -1;
	return first(&o->cpus) == NULL ? 0 : set_cpus(obj, first(&o->cpus),
	    e);
}

int
start_body(json_t **ret, const struct start_opts *o, struct err *e)
{
	own_json json_t *obj = json_object();

	if (set_boot(obj, o, e) == -1)
		return -1;
	*ret = take(&obj);
	return 0;
}

/* What is not said, and what is probably forgotten. */
static int
set_defaults(json_t *obj, const struct start_opts *o, struct err *e)
{
	if (o->boot.n == 0 && o->disks.n == 0 && o->cdrom.n == 0)
		return err_set(e, EINVAL,
		    "no kernel or disk/cdrom specified");
	if (o->disks.n == 0)
		log_warnx("starting without disks");
	if (o->count.n == 0 && o->nlocal == 0 && o->switches.n == 0)
		log_warnx("starting without network interfaces");
	if (o->memory.n == 0)
		json_object_set_new(obj, "size", json_string(MEMORY));
	if (o->cpus.n == 0)
		json_object_set_new(obj, "vcpus", json_integer(1));
	return set_cards(obj, o, e);
}

/* An instance has what its template has. */
static int
set_template(json_t *obj, const struct start_opts *o, struct err *e)
{
	json_object_set_new(obj, "template",
	    json_string(first(&o->template)));
	if (o->count.n == 0 && o->nlocal == 0 && o->switches.n == 0)
		return 0;
	return set_cards(obj, o, e);
}

int
start_request(json_t **ret, const struct start_opts *o, const char *name,
    struct err *e)
{
	own_json json_t *obj = json_object();

	if (json_object_set_new(obj, "name", json_string(name)) == -1)
		return err_set(e, EILSEQ, "invalid VM name");
	json_object_set_new(obj, "auto_remove", json_true());
	if ((o->template.n > 0 ? set_template : set_defaults)(obj, o, e) ==
	    -1 || set_boot(obj, o, e) == -1 ||
	    set_disks(obj, &o->disks, e) == -1)
		return -1;
	if (first(&o->memory) != NULL &&
	    set_memory(obj, first(&o->memory), e) == -1)
		return -1;
	if (first(&o->cdrom) != NULL &&
	    set_cdrom(obj, first(&o->cdrom), e) == -1)
		return -1;
	*ret = take(&obj);
	return 0;
}
