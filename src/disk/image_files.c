/* SPDX-License-Identifier: ISC */
/* image_files.c - opening an image and those below it; see image.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk/image.h"
#include "lib/io.h"
#include "lib/util.h"

static const char *const names[] = {
	[IMAGE_RAW]	= "raw",
	[IMAGE_QCOW2]	= "qcow2",
};

const char *
image_format_name(enum image_format f)
{
	return names[f];
}

int
image_format_parse(enum image_format *ret, const char *s, struct err *e)
{
	for (unsigned i = 0; i < COUNT(names); i++)
		if (strcmp(s, names[i]) == 0) {
			*ret = (enum image_format)i;
			return 0;
		}
	return err_set(e, EINVAL, "\"%s\" is no format of disks; there are "
	    "raw and qcow2", s);
}

enum image_format
image_format_of(const char *name)
{
	static const char suffix[] = ".qcow2";
	size_t len = strlen(name), n = sizeof(suffix) - 1;

	return len > n && strcmp(name + len - n, suffix) == 0 ?
	    IMAGE_QCOW2 : IMAGE_RAW;
}

void
image_files_close(struct image_files *f)
{
	while (f->n > 0)
		(void)close(f->file[--f->n].fd);
}

/* Add a file; it must be one, and no other of the chain. */
static int
add(struct image_files *f, const char *path, enum image_format format,
    bool writable, struct err *e)
{
	struct stat st, other;
	own_fd int fd = -1;

	if (f->n == IMAGE_CHAIN_MAX)
		return err_set(e, ELOOP, "%s: more than %d files below each "
		    "other", path, IMAGE_CHAIN_MAX);
	/* A pipe must not make us wait. */
	fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC |
	    O_NONBLOCK);
	if (fd == -1 || fstat(fd, &st) == -1 || fd_nonblock(fd, 0) == -1)
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "%s is neither a file nor a block "
		    "device", path);
	for (unsigned i = 0; i < f->n; i++) {
		if (fstat(f->file[i].fd, &other) == 0 &&
		    st.st_dev == other.st_dev && st.st_ino == other.st_ino)
			return err_set(e, ELOOP,
			    "%s is its own backing file", path);
	}
	f->file[f->n++] = (struct image_file){ take_fd(&fd), format };
	return 0;
}

/* The name that 'from' has of its base: beside it, unless it is absolute. */
static int
resolve(char out[PATH_MAX], const char *from, const char *name,
    struct err *e)
{
	const char *slash = strrchr(from, '/');
	int dir = slash != NULL && *name != '/' ? (int)(slash - from) + 1 : 0;

	if (snprintf(out, PATH_MAX, "%.*s%s", dir, from, name) >= PATH_MAX)
		return err_set(e, ENAMETOOLONG, "%s: path too long", name);
	return 0;
}

static int
open_chain(struct image_files *f, const char *path, enum image_format format,
    bool writable, struct err *e)
{
	char here[PATH_MAX], next[PATH_MAX];
	struct qcow2_header h;

	if (resolve(here, "", path, e) == -1 ||
	    add(f, here, format, writable, e) == -1)
		return -1;
	while (f->file[f->n - 1].format == IMAGE_QCOW2) {
		if (qcow2_peek(&h, f->file[f->n - 1].fd, e) == -1)
			return err_prefix(e, "%s", here);
		if (h.backing[0] == '\0')
			return 0;
		format = image_format_of(h.backing);
		if (h.format[0] != '\0' &&
		    image_format_parse(&format, h.format, e) == -1)
			return err_prefix(e, "%s: backing file", here);
		if (resolve(next, here, h.backing, e) == -1 ||
		    add(f, next, format, false, e) == -1)
			return err_prefix(e, "%s: backing file", here);
		memcpy(here, next, sizeof(here));
	}
	return 0;
}

int
image_files_open(struct image_files *ret, const char *path,
    enum image_format format, bool writable, struct err *e)
{
	struct image_files f = { .n = 0 };

	if (open_chain(&f, path, format, writable, e) == -1) {
		image_files_close(&f);
		return -1;
	}
	*ret = f;
	return 0;
}
