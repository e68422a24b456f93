/* SPDX-License-Identifier: ISC */
/*
 * cmd_create.c - create: empty disk images, images above a base, copies in
 * another format
 *
 * Without the daemon: what is opened and made is the user's.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk/image.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmctl/cmd.h"

#define MEGABYTE	(1ULL << 20)
#define CHUNK		(64U << 10)	/* copied at once, or left out */
#define CLUSTER_BITS	16
#define REFCOUNT_ORDER	4

struct create_opts {
	const char	*base, *input, *size;
};

static const struct opt create_opts[] = {
	{ 'b', "base", "FILE", "Begin with what this image has", OPT_STR,
	    offsetof(struct create_opts, base), 0, 0, NULL, COMPLETE_FILE },
	{ 'i', "input", "FILE", "Copy this image", OPT_STR,
	    offsetof(struct create_opts, input), 0, 0, NULL, COMPLETE_FILE },
	{ 's', "size", "SIZE", "Size of the disk, in whole megabytes",
	    OPT_STR, offsetof(struct create_opts, size), 0, 0, NULL, 0 },
};

/* What is being made. */
struct making {
	const char		*path;
	enum image_format	 format;
	int			 fd;		/* or -1 */
	uint64_t		 size;		/* 0: not said */
	const char		*base;		/* or NULL */
	enum image_format	 base_format;
};

/* "qcow2:FILE", "raw:FILE", or by the name. */
static enum image_format
format_of(const char **path)
{
	static const struct {
		const char		*word;
		enum image_format	 format;
	} words[] = { { "qcow2:", IMAGE_QCOW2 }, { "raw:", IMAGE_RAW } };

	for (size_t i = 0; i < COUNT(words); i++)
		if (strncmp(*path, words[i].word, strlen(words[i].word)) ==
		    0) {
			*path += strlen(words[i].word);
			return words[i].format;
		}
	return image_format_of(*path);
}

static int
create_empty(struct making *m, struct err *e)
{
	struct qcow2_new n = {
		.size = m->size, .version = 3, .cluster_bits = CLUSTER_BITS,
		.refcount_order = REFCOUNT_ORDER, .backing = m->base,
		.format = image_format_name(m->base_format),
	};

	m->fd = open(m->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (m->fd == -1)
		return err_sys(e, "create imagefile operation failed");
	if (os_lock_image(m->fd, 1, e) == -1)
		return -1;
	if (m->format == IMAGE_QCOW2)
		return qcow2_create(m->fd, &n, e);
	if (ftruncate(m->fd, (off_t)m->size) == -1)
		return err_sys(e, "%s", m->path);
	return 0;
}

/* --- with a base --------------------------------------------------------- */

/* The base as the new image will find it: beside itself. */
static int
beside(char **ret, const char *path, const char *name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	int dir = slash != NULL && *name != '/' ? (int)(slash - path) + 1 : 0;

	if (asprintf(ret, "%.*s%s", dir, path, name) == -1)
		return err_sys(e, "%s", name);
	return 0;
}

static int
create_above(struct making *m, struct err *e)
{
	own_mem char *path = NULL;
	OWN(image_destroy) struct image *im = NULL;
	struct image_files f;
	int r;

	if (m->format != IMAGE_QCOW2)
		return err_set(e, EINVAL,
		    "base images require qcow2 disk format");
	m->base_format = format_of(&m->base);
	if (beside(&path, m->path, m->base, e) == -1 ||
	    image_files_open(&f, path, m->base_format, false, e) == -1)
		return err_prefix(e, "base");
	r = f.n == IMAGE_CHAIN_MAX ? err_set(e, ELOOP,
	    "base: more than %d files below it", IMAGE_CHAIN_MAX - 2) :
	    image_open(&im, &f, false, e);
	if (r == 0 && m->size != 0 && m->size != im->size)
		r = err_set(e, EINVAL,
		    "base size does not match requested size");
	if (r == 0) {
		m->size = im->size;
		r = create_empty(m, e);
	}
	image_destroy(take(&im));
	image_files_close(&f);
	return r;
}

/* --- a copy -------------------------------------------------------------- */

static bool
is_zero(const uint8_t *b, size_t len)
{
	return b[0] == 0 && memcmp(b, b + 1, len - 1) == 0;
}

/* Bytes from offset on that are surely zeroes. */
static uint64_t
hole(struct image *im, uint64_t offset, uint64_t len)
{
	off_t data;

	if (im->qcow2 != NULL)
		return image_zeroes(im, offset, len) ? len : 0;
	data = lseek(im->fd, (off_t)offset, SEEK_DATA);
	if (data == -1)
		return errno == ENXIO ? im->size - offset : 0;
	return (uint64_t)data - offset;
}

static int
copy(struct image *from, struct image *to, struct err *e)
{
	static uint8_t b[CHUNK];
	uint64_t at = 0, n;

	while (at < from->size) {
		n = MIN(from->size - at, sizeof(b));
		n = MIN(hole(from, at, n), from->size - at);
		if (n != 0) {
			at += n;
			continue;
		}
		n = MIN(from->size - at, sizeof(b));
		if (image_read(from, at, b, n) == -1)
			return err_sys(e, "read at %llu",
			    (unsigned long long)at);
		if (!is_zero(b, n) && image_write(to, at, b, n) == -1)
			return err_sys(e, "write at %llu",
			    (unsigned long long)at);
		at += n;
	}
	return 0;
}

static int
fill(const struct making *m, struct image *from, struct err *e)
{
	struct image_files f = { .file[0] = { m->fd, m->format }, .n = 1 };
	OWN(image_destroy) struct image *to = NULL;

	if (image_open(&to, &f, true, e) == -1)
		return -1;
	if (copy(from, to, e) == -1 || image_close(take(&to), e) == -1)
		return -1;
	if (os_datasync(m->fd) == -1)
		return err_sys(e, "%s", m->path);
	return 0;
}

static int
create_copy(struct making *m, const char *input, struct err *e)
{
	enum image_format format = format_of(&input);
	OWN(image_destroy) struct image *im = NULL;
	struct image_files f;
	uint64_t size;
	int r = 0;

	if (image_files_open(&f, input, format, false, e) == -1)
		return err_prefix(e, "failed to open source image file");
	for (unsigned i = 0; i < f.n && r == 0; i++)
		r = os_lock_image(f.file[i].fd, 0, e);
	if (r == 0)
		r = image_open(&im, &f, false, e);
	if (r == 0) {
		size = (im->size + MEGABYTE - 1) / MEGABYTE * MEGABYTE;
		if (size != im->size && m->size == 0)
			log_warnx("destination size rounded to %llu "
			    "megabytes", (unsigned long long)size / MEGABYTE);
		if (m->size == 0)
			m->size = size;
		if (m->size < im->size)
			r = err_set(e, EINVAL, "size cannot be smaller than "
			    "input disk size");
	}
	if (r == 0)
		r = create_empty(m, e);
	if (r == 0)
		r = fill(m, im, e);
	image_destroy(take(&im));
	image_files_close(&f);
	return r;
}

/* --- the command --------------------------------------------------------- */

static int
parse_size(uint64_t *ret, const char *s, struct err *e)
{
	uint64_t bytes;

	if (size_parse(&bytes, s, NULL) == -1)
		return err_set(e, EINVAL, "invalid disk size: %.40s", s);
	if (bytes < MEGABYTE)
		return err_set(e, EINVAL, "disk size must be at least 1MB");
	if (bytes % MEGABYTE != 0)
		log_warnx("disk size rounded to %llu megabytes",
		    (unsigned long long)bytes / MEGABYTE);
	*ret = bytes / MEGABYTE * MEGABYTE;
	return 0;
}

static int
make(struct making *m, const struct create_opts *o, struct err *e)
{
	if (o->base != NULL && o->input != NULL)
		return err_set(e, EINVAL,
		    "conflicting -b and -i arguments");
	if (o->size != NULL && parse_size(&m->size, o->size, e) == -1)
		return -1;
	m->base = o->base;
	if (o->base != NULL)
		return create_above(m, e);
	if (o->input != NULL)
		return create_copy(m, o->input, e);
	if (o->size == NULL)
		return err_set(e, EINVAL, "could not create %s: missing size "
		    "argument", m->path);
	return create_empty(m, e);
}

static int
create_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct making m = { .path = argv[0], .fd = -1 };
	struct err e = { 0 };
	int r;

	(void)argc;
	m.format = format_of(&m.path);
	r = make(&m, values, &e);
	if (m.fd != -1)
		(void)close(m.fd);
	if (r == -1) {
		/* Ours, and not whole. */
		if (m.fd != -1)
			(void)unlink(m.path);
		return cmd_fail(ctx, &e);
	}
	log_warnx("%s imagefile created", image_format_name(m.format));
	return 0;
}

const struct command cmd_create = {
	.name = "create", .args = "disk",
	.help = "Make a disk image",
	.run = create_run, .opts = create_opts, .nopts = COUNT(create_opts),
	.min = 1, .max = 1, .complete = COMPLETE_FILE,
};
