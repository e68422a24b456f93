/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmd-image: one job on images, or on a disk; see vmd-image(8)
 *
 * Process: one a job, short-lived.  Sandbox: pull has the network, the rest
 * has not; both have the store, and jobs on disks nothing.  Needs: skopeo to
 * pull, sqfstar to unpack.
 */

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/num.h"
#include "lib/util.h"
#include "oci/confine.h"
#include "oci/image.h"
#include "oci/import.h"
#include "oci/job.h"
#include "oci/pull.h"
#include "oci/store.h"
#include "oci/sweep.h"
#include "oci/unpack.h"
#include "os/os.h"

#define KEEP_MAX	4096	/* -k of prune */
#define FD_MAX		1023	/* descriptors on the command line */

/* Everything the command lines can say. */
struct options {
	struct platform	 platform;
	bool		 has_platform;
	struct registry_access access;
	bool		 all;
	int		 fd;	/* the archive, or the file that is read */
	int		 to;	/* the file that copy writes, or -1 */
	const char	*name;
	struct digest	*keep;
	size_t		 nkeep;
	const char	*arg;	/* NAME, DIGEST or FILE, or NULL */
};

static const struct platform *
platform_of(const struct options *o)
{
	return o->has_platform ? &o->platform : NULL;
}

/* Tell of an image; of one whose blobs are damaged, as far as is known. */
static int
tell(struct store *st, const struct entry *en, struct err *e)
{
	json_t *v;

	if (image_describe(&v, st, en, e) == -1)
		return -1;
	job_event("image", json_pack("{so}", "image", v));
	return 0;
}

static int
do_pull(struct store *st, const struct options *o, struct err *e)
{
	struct pull p = { .name = o->arg, .platform = o->platform,
	    .access = o->access };
	struct entry en;

	if (pull_from_registry(&en, st, &p, e) == -1) {
		/* What came so far would keep the disk full. */
		if (e->code != NULL && strcmp(e->code, "disk_full") == 0)
			(void)sweep_mark(st, NULL);
		return -1;
	}
	if (tell(st, &en, e) == -1)
		return -1;
	job_event("done", NULL);
	return 0;
}

static int
do_unpack(struct store *st, const struct options *o, struct err *e)
{
	struct entry en;

	if (store_find(&en, st, o->arg, platform_of(o), e) == -1 ||
	    unpack_image(st, &en, e) == -1 || tell(st, &en, e) == -1)
		return -1;
	job_event("done", NULL);
	return 0;
}

static int
do_list(struct store *st, const struct options *o, struct err *e)
{
	struct entries es = { 0 };
	uint64_t blobs, roots;
	struct err why;

	(void)o;
	if (store_entries(&es, st, e) == -1)
		return -1;
	for (size_t i = 0; i < es.n; i++)
		if (tell(st, &es.v[i], &why) == -1)
			log_err(&why, "%s", es.v[i].name);
	entries_fini(&es);
	if (sweep_usage(&blobs, &roots, st, e) == -1)
		return -1;
	job_event("done", json_pack("{sI sI}", "blob_bytes",
	    (json_int_t)blobs, "root_bytes", (json_int_t)roots));
	return 0;
}

static int
do_inspect(struct store *st, const struct options *o, struct err *e)
{
	struct entry en;

	if (store_find(&en, st, o->arg, platform_of(o), e) == -1 ||
	    tell(st, &en, e) == -1)
		return -1;
	job_event("done", NULL);
	return 0;
}

static void
tell_deleted(const struct entry *en, void *arg)
{
	(void)arg;
	job_event("deleted", json_pack("{ss ss}", "name", en->name, "digest",
	    en->digest.text));
}

static int
do_remove(struct store *st, const struct options *o, struct err *e)
{
	struct removal what = { .name = o->arg, .platform = platform_of(o),
	    .all = o->all, .keep = o->keep, .nkeep = o->nkeep,
	    .deleted = tell_deleted };
	struct sweep_result r;

	if (sweep_images(&r, st, &what, e) == -1)
		return -1;
	job_event("done", json_pack("{sI sb}", "freed_bytes",
	    (json_int_t)r.freed, "deferred", (int)r.deferred));
	return 0;
}

static int
do_import(struct store *st, const struct options *o, struct err *e)
{
	struct import im = { .fd = o->fd, .name = o->name,
	    .platform = platform_of(o) };
	struct entries es = { 0 };
	int r = 0;

	if (import_archive(&es, st, &im, e) == -1) {
		/* Its blobs are of no use to anybody. */
		(void)sweep_mark(st, NULL);
		return -1;
	}
	for (size_t i = 0; i < es.n && r == 0; i++)
		r = tell(st, &es.v[i], e);
	entries_fini(&es);
	if (r == 0)
		job_event("done", NULL);
	return r;
}

/* --- disks: a file that is given, and no store ---------------------------- */

static int
do_copy(struct store *st, const struct options *o, struct err *e)
{
	(void)st;
	if (o->to == -1)
		return err_set(e, EINVAL, "copy: no -t");
	if (os_copy_file(o->to, o->fd, e) == -1)
		return -1;
	job_event("done", NULL);
	return 0;
}

static int
do_sync(struct store *st, const struct options *o, struct err *e)
{
	(void)st;
	if (os_datasync(o->fd) == -1)
		return err_sys(e, "sync");
	job_event("done", NULL);
	return 0;
}

/* --- commands ------------------------------------------------------------- */

static const struct command {
	const char	*name;
	const char	*options;	/* getopt's */
	enum { ARG_NONE, ARG_ONE, ARG_FILE, ARG_DISK } arg;
	int		(*run)(struct store *, const struct options *,
			    struct err *);
} commands[] = {
	{ "copy",	"f:t:",		ARG_DISK,	do_copy },
	{ "import",	"f:n:p:",	ARG_FILE,	do_import },
	{ "inspect",	"p:",		ARG_ONE,	do_inspect },
	{ "list",	"",		ARG_NONE,	do_list },
	{ "prune",	"ak:",		ARG_NONE,	do_remove },
	{ "pull",	"A:a:ip:",	ARG_ONE,	do_pull },
	{ "remove",	"p:",		ARG_ONE,	do_remove },
	{ "sync",	"f:",		ARG_DISK,	do_sync },
	{ "unpack",	"p:",		ARG_ONE,	do_unpack },
};

static void __attribute__((noreturn))
usage(void)
{
	(void)fprintf(stderr, "usage: vmd-image [-v] [-r fd] [-s store] "
	    "command [argument ...]\n"
	    "       vmd-image pull [-i] [-A fd | -a file] [-p platform] name\n"
	    "       vmd-image import [-f fd] [-n name] [-p platform] [file]\n"
	    "       vmd-image unpack | inspect | remove [-p platform] "
	    "name | digest\n"
	    "       vmd-image list\n"
	    "       vmd-image prune [-a] [-k digest] ...\n"
	    "       vmd-image copy [-f fd] -t fd\n"
	    "       vmd-image sync [-f fd]\n");
	exit(1);
}

static int
fd_option(int *ret, const char *text, struct err *e)
{
	uint64_t v;

	if (num_parse(&v, text, 0, FD_MAX, e) == -1)
		return -1;
	*ret = (int)v;
	return 0;
}

static int
option(struct options *o, int ch, const char *value, struct err *e)
{
	switch (ch) {
	case 'A':
		return fd_option(&o->access.authfd, value, e);
	case 'a':
		o->access.authfile = value;
		return 0;
	case 'f':
		return fd_option(&o->fd, value, e);
	case 'i':
		o->access.insecure = true;
		return 0;
	case 'k':
		if (o->nkeep == KEEP_MAX)
			return err_set(e, E2BIG, "more than %d -k", KEEP_MAX);
		return digest_parse(&o->keep[o->nkeep++], value, e);
	case 'n':
		o->name = value;
		return 0;
	case 'p':
		o->has_platform = true;
		return platform_parse(&o->platform, value, e);
	case 't':
		return fd_option(&o->to, value, e);
	}
	usage();
}

/* The command's own options and its argument. */
static int
parse(struct options *o, const struct command *c, int argc, char **argv,
    struct err *e)
{
	int ch;

	optind = 1;
	while ((ch = getopt(argc, argv, c->options)) != -1)
		if (option(o, ch, optarg, e) == -1)
			return err_prefix(e, "-%c", ch);
	argc -= optind;
	argv += optind;
	if (argc > (c->arg == ARG_NONE || c->arg == ARG_DISK ? 0 : 1) ||
	    (c->arg == ARG_ONE && argc == 0))
		usage();
	if (argc == 1)
		o->arg = argv[0];
	if (c->arg != ARG_FILE || o->arg == NULL || strcmp(o->arg, "-") == 0)
		return 0;
	o->fd = open(o->arg, O_RDONLY | O_CLOEXEC);
	return o->fd == -1 ? err_sys(e, "open %s", o->arg) : 0;
}

static int
run_store(const struct command *c, const char *path, const struct options *o,
    struct err *e)
{
	OWN(store_close) struct store *st = NULL;

	if (confine_user(path, e) == -1 || store_open(&st, path, e) == -1 ||
	    confine_enter(st, c->run == do_pull ? &o->access : NULL, e) == -1)
		return -1;
	return c->run(st, o, e);
}

static int
run_disk(const struct command *c, const struct options *o, struct err *e)
{
	return confine_files(e) == -1 ? -1 : c->run(NULL, o, e);
}

static int
run(const struct command *c, const char *path, int argc, char **argv,
    struct err *e)
{
	struct options o = { .access = { .authfd = -1 }, .to = -1 };
	int r;

	platform_host(&o.platform);
	o.keep = calloc(KEEP_MAX, sizeof(*o.keep));
	if (o.keep == NULL)
		return err_sys(e, "vmd-image");
	/* Files are opened before the owner of the store takes over. */
	r = parse(&o, c, argc, argv, e);
	if (r == 0)
		r = c->arg == ARG_DISK ? run_disk(c, &o, e) :
		    run_store(c, path, &o, e);
	free(o.keep);
	return r;
}

int
main(int argc, char **argv)
{
	const struct command *c = commands;
	const char *path = ".";
	int ch, report = STDOUT_FILENO, verbose = 0;
	struct err e = { 0 };

	/* Names in layers are bytes; as UTF-8 libarchive leaves them alone. */
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	log_init("vmd-image", LOG_STYLE_PLAIN, 0);
	while ((ch = getopt(argc, argv, "+r:s:v")) != -1)
		switch (ch) {
		case 'r':
			if (fd_option(&report, optarg, &e) == -1)
				fatalx("-r: %s", e.text);
			break;
		case 's':
			path = optarg;
			break;
		case 'v':
			verbose++;
			break;
		default:
			usage();
		}
	log_verbose(verbose);
	argc -= optind;
	argv += optind;
	while (argc > 0 && c < commands + COUNT(commands) &&
	    strcmp(c->name, argv[0]) != 0)
		c++;
	if (argc == 0 || c == commands + COUNT(commands))
		usage();
	job_init(report);
	/* One of disks leaves nothing that it would have to clean up. */
	if (c->arg != ARG_DISK)
		job_catch_signals();
	if (run(c, path, argc, argv, &e) == -1) {
		job_failed(&e);
		return 1;
	}
	return 0;
}
