/* SPDX-License-Identifier: ISC */
/*
 * cmd_cp.c - cp: files and trees between the host and a VM
 *
 * Where things go is decided here, by the rules of docker's cp; copy.h
 * moves them.
 */

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/copy.h"
#include "vmctl/progress.h"
#include "vmctl/vm.h"

struct cp_opts {
	bool	archive, follow, quiet;
};

static const struct opt cp_opts[] = {
	{ 'a', "archive", NULL, "Keep user and group IDs", OPT_FLAG,
	    offsetof(struct cp_opts, archive), 0, 0, NULL, 0 },
	{ 'L', "follow-link", NULL, "Copy what a symbolic link refers to",
	    OPT_FLAG, offsetof(struct cp_opts, follow), 0, 0, NULL, 0 },
	{ 'q', "quiet", NULL, "Do not show progress", OPT_FLAG,
	    offsetof(struct cp_opts, quiet), 0, 0, NULL, 0 },
};

/* One of the two: VM:PATH, a path of the host, or "-". */
struct end {
	char	*vm;		/* NULL: the host */
	char	*path;		/* without slashes at its end */
	bool	 stream;	/* "-" */
	bool	 slash;		/* there were some: it is a directory */
	bool	 contents;	/* "PATH/.": what is in it */
};

static void
end_fini(struct end *d)
{
	free(d->vm);
	free(d->path);
}

/* Cut slashes and "/." off, and note that they were there. */
static void
end_trim(struct end *d)
{
	size_t n = strlen(d->path);

	for (;;) {
		if (n > 1 && d->path[n - 1] == '/')
			d->slash = true;
		else if (n > 1 && d->path[n - 1] == '.' &&
		    d->path[n - 2] == '/')
			d->contents = d->slash = true;
		else
			break;
		d->path[--n] = '\0';
	}
	if (strcmp(d->path, ".") == 0)
		d->contents = d->slash = true;
}

static int
end_parse(struct end *d, const char *arg, struct err *e)
{
	const char *colon = strchr(arg, ':'), *slash = strchr(arg, '/');

	memset(d, 0, sizeof(*d));
	d->stream = strcmp(arg, "-") == 0;
	if (colon != NULL && colon > arg && arg[0] != '.' &&
	    (slash == NULL || slash > colon)) {
		d->vm = strndup(arg, (size_t)(colon - arg));
		arg = colon + 1;
		if (asprintf(&d->path, "%s%s", arg[0] == '/' ? "" : "/",
		    arg) == -1)
			d->path = NULL;
		if (d->vm == NULL)
			return err_sys(e, "copy");
	} else if (arg[0] == '\0')
		return err_set(e, EINVAL, "a path is empty");
	else
		d->path = strdup(arg);
	if (d->path == NULL)
		return err_sys(e, "copy");
	end_trim(d);
	return 0;
}

/* PATH/NAME, NAME being the last component of another path. */
static char *
inside(const char *path, const char *other)
{
	own_mem char *real = NULL;
	const char *name = strrchr(other, '/');
	char *ret;

	name = name == NULL ? other : name + 1;
	if (strcmp(name, "..") == 0 && (real = realpath(other, NULL)) != NULL)
		name = strrchr(real, '/') + 1;
	if (asprintf(&ret, "%s%s%s", path,
	    path[strlen(path) - 1] == '/' ? "" : "/", name) == -1)
		return NULL;
	return ret;
}

/* --- what is there ----------------------------------------------------- */

/* What matters of either side. */
struct found {
	bool			 exists, dir;
	struct copy_entry	 entry;		/* of a directory in the VM */
};

static int
find_guest(struct found *ret, struct ctx *ctx, const json_t *vm,
    const struct end *d, bool follow, struct err *e)
{
	own_mem char *base = api_path("/instances/%/stat", js_str(vm, "id"));
	own_mem char *query = api_path("?path=%", d->path);
	own_mem char *path = NULL;
	own_json json_t *v = NULL;
	struct copy_entry *n = &ret->entry;

	memset(ret, 0, sizeof(*ret));
	if (asprintf(&path, "%s%s&follow_links=%s", base, query,
	    follow ? "true" : "false") == -1) {
		path = NULL;
		return err_sys(e, "request");
	}
	if (api_get(ctx->api, path, &v, e) == -1)
		return -1;
	ret->exists = js_bool(v, "exists");
	ret->dir = js_bool(v, "is_dir");
	n->path = ".";
	n->kind = COPY_DIR;
	n->mode = (uint32_t)js_int(v, "mode") & 07777;
	n->has_owner = json_object_get(v, "uid") != NULL;
	n->uid = (uint32_t)js_int(v, "uid");
	n->gid = (uint32_t)js_int(v, "gid");
	n->has_mtime = json_object_get(v, "mtime_ns") != NULL;
	n->mtime_ns = js_int(v, "mtime_ns");
	return 0;
}

static int
find_host(struct found *ret, const struct end *d, bool follow, struct err *e)
{
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	if ((follow ? stat : lstat)(d->path, &st) == -1) {
		if (errno != ENOENT)
			return err_sys(e, "%s", d->path);
		return 0;
	}
	ret->exists = true;
	ret->dir = S_ISDIR(st.st_mode);
	return 0;
}

/* The path the root of the copy gets; *keep when it is there and stays. */
static int
choose(char **ret, bool *keep, const struct end *src, const struct found *s,
    const struct end *dst, const struct found *d, struct err *e)
{
	*keep = false;
	if (!s->exists)
		return err_set(e, ENOENT, "%s%s%s: no such file or directory",
		    src->vm != NULL ? src->vm : "", src->vm != NULL ? ":" : "",
		    src->path);
	if (src->slash && !s->dir)
		return err_set(e, ENOTDIR, "%s: not a directory", src->path);
	if (s->dir && d->exists && !d->dir)
		return err_set(e, ENOTDIR, "cannot copy a directory to a file, "
		    "%s", dst->path);
	if (!s->dir && dst->slash && !d->dir)
		return err_set(e, ENOENT, "%s: no such directory", dst->path);
	if (d->dir && !(s->dir && src->contents))
		*ret = inside(dst->path, src->path);
	else
		*ret = strdup(dst->path);
	*keep = d->dir && s->dir && src->contents;
	return *ret == NULL ? err_sys(e, "copy") : 0;
}

/* --- both ways --------------------------------------------------------- */

static int
to_guest(struct ctx *ctx, const json_t *vm, const struct end *src,
    const struct end *dst, struct copy_options *o, struct err *e)
{
	const char *id = js_str(vm, "id");
	own_mem char *target = NULL;
	struct copy_sink *sink = NULL;
	struct found s = { .exists = true, .dir = true }, d;
	bool keep;
	int r;

	if (find_guest(&d, ctx, vm, dst, true, e) == -1)
		return -1;
	if (src->stream) {
		if (!d.dir)
			return err_set(e, ENOTDIR, "%s:%s: an archive is "
			    "copied into a directory", dst->vm, dst->path);
		o->owners = true;
		if (copy_wire_open(&sink, ctx->api, id, dst->path, o, e) == -1)
			return -1;
		r = copy_tar_read(sink, STDIN_FILENO, &d.entry, o, e);
		copy_wire_close(sink);
		return r;
	}
	o->follow = o->follow || src->slash;
	if (find_host(&s, src, o->follow, e) == -1 ||
	    choose(&target, &keep, src, &s, dst, &d, e) == -1 ||
	    copy_wire_open(&sink, ctx->api, id, target, o, e) == -1)
		return -1;
	r = copy_tree_read(sink, src->path, keep ? &d.entry : NULL, o, e);
	copy_wire_close(sink);
	return r;
}

/* A tree of the VM as an archive on standard output. */
static int
to_stream(struct ctx *ctx, const json_t *vm, const struct end *src,
    struct copy_options *o, struct err *e)
{
	const char *base = strrchr(src->path, '/') + 1;
	struct copy_sink *sink = NULL;
	int r;

	if (isatty(STDOUT_FILENO))
		return err_set(e, EINVAL, "an archive is not written to a "
		    "terminal");
	o->owners = true;
	if (copy_tar_open(&sink, STDOUT_FILENO,
	    src->contents || base[0] == '\0' ? "." : base, e) == -1)
		return -1;
	r = copy_wire_read(sink, ctx->api, js_str(vm, "id"), src->path, o, e);
	copy_tar_close(sink);
	return r;
}

static int
from_guest(struct ctx *ctx, const json_t *vm, const struct end *src,
    const struct end *dst, struct copy_options *o, struct err *e)
{
	own_mem char *target = NULL;
	struct copy_sink *sink = NULL;
	struct found s, d = { .exists = false };
	bool keep;
	int r;

	o->follow = o->follow || src->slash;
	if (find_guest(&s, ctx, vm, src, o->follow, e) == -1)
		return -1;
	if (!dst->stream && find_host(&d, dst, true, e) == -1)
		return -1;
	if (choose(&target, &keep, src, &s, dst, &d, e) == -1)
		return -1;
	if (dst->stream)
		return to_stream(ctx, vm, src, o, e);
	if (copy_place_open(&sink, target, keep, o, e) == -1)
		return -1;
	r = copy_wire_read(sink, ctx->api, js_str(vm, "id"), src->path, o, e);
	copy_place_close(sink);
	return r;
}

static void
on_moved(void *arg, uint64_t bytes)
{
	struct moment m = { .phase = "copying", .done = bytes };

	progress_show(arg, &m);
}

static int
copy(struct ctx *ctx, const struct end *src, const struct end *dst,
    struct copy_options *o, struct err *e)
{
	own_json json_t *vm = NULL;

	if ((src->vm == NULL) == (dst->vm == NULL))
		return err_set(e, EINVAL, "one of the two must be VM:PATH, "
		    "the other of the host");
	if (vm_find(&vm, ctx, src->vm != NULL ? src->vm : dst->vm, e) == -1)
		return -1;
	if (dst->vm != NULL)
		return to_guest(ctx, vm, src, dst, o, e);
	return from_guest(ctx, vm, src, dst, o, e);
}

static int
cp_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct cp_opts *o = values;
	struct progress progress;
	struct copy_options options = { .owners = o->archive,
	    .follow = o->follow, .moved = on_moved, .arg = &progress };
	struct end src = { 0 }, dst = { 0 };
	struct err e = { 0 };
	int r;

	(void)argc;
	/* Lines of progress are for people who watch. */
	progress_begin(&progress, argv[0], o->quiet || !isatty(STDERR_FILENO));
	r = end_parse(&src, argv[0], &e);
	if (r == 0)
		r = end_parse(&dst, argv[1], &e);
	if (r == 0)
		r = copy(ctx, &src, &dst, &options, &e);
	progress_end(&progress, NULL);
	end_fini(&src);
	end_fini(&dst);
	return r == -1 ? cmd_fail(ctx, &e) : 0;
}

const struct command cmd_cp = {
	.name = "cp", .args = "source destination",
	.help = "Copy files between the host and a VM",
	.run = cp_run, .opts = cp_opts, .nopts = COUNT(cp_opts),
	.min = 2, .max = 2, .complete = COMPLETE_FILE,
};
