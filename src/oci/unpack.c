/* SPDX-License-Identifier: ISC */
/*
 * unpack.c - from the layers of an image to its root image; see unpack.h
 *
 * Process: vmd-image.  Sandbox: the store, no network.  Needs: sqfstar.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/io.h"
#include "oci/child.h"
#include "oci/job.h"
#include "oci/merge.h"
#include "oci/squashfs.h"
#include "oci/store.h"
#include "oci/tar_out.h"
#include "oci/unpack.h"
#include "os/os.h"

#define PIPE_LEN	(1 << 20)	/* bytes on their way to the writer */
#define WRITER_MEM	"16M"		/* its least; more is no faster */
#define ROOT_FILE	"root.sqfs"	/* in the work directory */
#define ROOT_NAME	(DIGEST_HEX + 6)

struct unpack {
	struct store	*st;
	struct manifest	 manifest;
	struct config	*config;
	size_t		 layer;		/* the one being read */
	uint64_t	 bytes_total;
	struct child	 writer;
	struct tar_out	 out;		/* to the writer */
	struct squashfs_root root;
};

static char *
root_name(char buf[ROOT_NAME], const struct digest *d)
{
	(void)snprintf(buf, ROOT_NAME, "%s.sqfs", digest_hex(d));
	return buf;
}

int64_t
unpack_size(struct store *st, const struct digest *d)
{
	char name[ROOT_NAME];
	struct stat sb;

	if (fstatat(st->root, root_name(name, d), &sb,
	    AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	return (int64_t)sb.st_size;
}

/* --- the layers --------------------------------------------------------- */

static int
open_layer(struct layer **ret, size_t n, void *arg, struct err *e)
{
	struct unpack *u = arg;
	const struct blob *b = &u->manifest.layers[n];
	int fd;

	u->layer = n;
	fd = openat(u->st->blobs, digest_hex(&b->digest),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1 && errno == ENOENT)
		return err_api(e, ENOENT, "damaged",
		    "missing from the store; pull the image again");
	if (fd == -1)
		return err_sys(e, "open");
	return layer_open(ret, fd, b, &u->config->diff_ids[n], e);
}

static int
on_progress(size_t layers_done, uint64_t bytes, void *arg, struct err *e)
{
	struct unpack *u = arg;
	struct progress p = {
		.phase = JOB_CONVERTING,
		.bytes_done = bytes,
		.bytes_total = u->bytes_total,
		.layers_done = (unsigned)layers_done,
		.layers_total = (unsigned)u->manifest.nlayers,
	};

	job_progress(&p);
	return job_check(e);
}

static int
read_config(struct unpack *u, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, CONFIG_MAX);
	r = store_blob(&b, u->st, &u->manifest.config.digest, e);
	if (r == 0)
		r = config_parse(&u->config, b.data, b.len, e);
	buf_fini(&b);
	if (r == -1)
		return -1;
	if (u->config->ndiff_ids != u->manifest.nlayers)
		return err_api(e, EINVAL, "invalid_image",
		    "%zu layers, but the configuration has %zu diff_ids",
		    u->manifest.nlayers, u->config->ndiff_ids);
	for (size_t i = 0; i < u->manifest.nlayers; i++)
		u->bytes_total += u->manifest.layers[i].size;
	return 0;
}

/* --- the writer --------------------------------------------------------- */

static int
write_some(void *arg, const void *data, size_t len, struct err *e)
{
	struct unpack *u = arg;

	return child_write(&u->writer, data, len, e);
}

static int
start_writer(struct unpack *u, struct err *e)
{
	const char *argv[] = { "sqfstar", "-comp", "lz4", "-quiet",
	    "-no-progress", "-exit-on-error", "-mkfs-time", "0", "-noI",
	    "-mem", WRITER_MEM, ROOT_FILE, NULL };
	struct child_spec spec = { .dir = u->st->work, .feed = true,
	    .keep = -1 };

	(void)tree_remove(u->st->work, ROOT_FILE);
	spec.argv = (char *const *)(uintptr_t)argv;
	if (child_start(&u->writer, &spec, e) == -1)
		return -1;
	os_pipe_size(u->writer.in, PIPE_LEN);
	return 0;
}

/* The writer has all it will get, or wanted no more ('early'). */
static int
finish_writer(struct unpack *u, bool early, struct err *e)
{
	struct err why;

	if (child_wait(&u->writer, NULL, NULL, &why) == 0)
		return early ? err_api(e, EIO, "io",
		    "sqfstar ended too early") : 0;
	if (strstr(why.text, "No space left") != NULL ||
	    strstr(why.text, "quota") != NULL)
		return err_api(e, ENOSPC, "disk_full",
		    "no space left for the root image");
	return err_api(e, why.num, why.code == NULL ? "io" : why.code,
	    "root image: %s", why.text);
}

static enum merge_end
run_once(struct unpack *u, struct merge *m, struct err *e)
{
	enum merge_end r;

	if (start_writer(u, e) == -1)
		return MERGE_FAILED;
	tar_out_init(&u->out, write_some, u);
	r = merge_run(m, &u->out, e);
	if (r == MERGE_DONE)
		(void)tar_out_end(&u->out, e);
	if (job_interrupted())
		return job_check(e);
	if (u->out.broken || r == MERGE_DONE)
		return finish_writer(u, u->out.broken, e);
	return r;
}

static int
commit(struct unpack *u, const struct digest *d, struct err *e)
{
	own_fd int fd = -1;
	char name[ROOT_NAME];

	fd = openat(u->st->work, ROOT_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd != -1 && squashfs_set_root(fd, &u->root, e) == -1)
		return -1;
	if (fd == -1 || fchmod(fd, 0444) == -1 || fsync(fd) == -1 ||
	    renameat(u->st->work, ROOT_FILE, u->st->root,
	    root_name(name, d)) == -1 || fsync(u->st->root) == -1)
		return err_sys(e, "root image");
	return 0;
}

static int
make(struct unpack *u, struct err *e)
{
	struct merge_source src = { .nlayers = u->manifest.nlayers,
	    .open = open_layer, .progress = on_progress, .arg = u };
	OWN(merge_destroy) struct merge *m = merge_new(&src);
	enum merge_end r;

	if (m == NULL)
		return err_sys(e, "merge");
	do {
		r = run_once(u, m, e);
		child_fini(&u->writer);
	} while (r == MERGE_AGAIN);
	u->root = *merge_root(m);
	if (r == MERGE_DONE)
		return 0;
	if (e->code != NULL && (strcmp(e->code, "damaged") == 0 ||
	    strcmp(e->code, "invalid_image") == 0)) {
		const struct digest *d = &u->manifest.layers[u->layer].digest;

		if (e->code[0] == 'd')
			(void)unlinkat(u->st->blobs, digest_hex(d), 0);
		return err_prefix(e, "%.19s", d->text);
	}
	return -1;
}

int
unpack_image(struct store *st, const struct entry *en, struct err *e)
{
	own_mem struct unpack *u = NULL;
	int r;

	if (unpack_size(st, &en->digest) != -1)
		return 0;
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return err_sys(e, "unpack");
	u->st = st;
	child_init(&u->writer);
	r = store_manifest(&u->manifest, st, &en->digest, e);
	if (r == 0)
		r = read_config(u, e);
	if (r == 0)
		r = store_work(st, e);
	if (r == 0)
		r = make(u, e);
	if (r == 0)
		r = commit(u, &en->digest, e);
	config_destroy(u->config);
	return r == -1 ? err_prefix(e, "%s", en->name[0] == '\0' ?
	    en->digest.text : en->name) : 0;
}
