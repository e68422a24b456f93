/* SPDX-License-Identifier: ISC */
/*
 * image.h - a disk image with the files below it, read and written at once
 *
 * raw and qcow2.  What a format is comes from whoever names the image, or
 * from its name, never from its first bytes: those of a raw image are the
 * guest's, who could write a header there that leads to any file.
 */

#ifndef DISK_IMAGE_H
#define DISK_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "disk/qcow2.h"
#include "lib/err.h"
#include "lib/own.h"

#define IMAGE_CHAIN_MAX	16	/* files: the image and those below it */
#define IMAGE_SECTOR	512

enum image_format {
	IMAGE_RAW,
	IMAGE_QCOW2,
};

/* "raw", "qcow2". */
const char *image_format_name(enum image_format);
int	image_format_parse(enum image_format *, const char *, struct err *);

/* By the name of a file: qcow2 when it ends in ".qcow2", else raw. */
enum image_format image_format_of(const char *name);

struct image_file {
	int			fd;
	enum image_format	format;
};

/* Files of a chain, the topmost first. */
struct image_files {
	struct image_file	file[IMAGE_CHAIN_MAX];
	unsigned		n;
};

/*
 * Open an image by its name, and the files below it for reading; a relative
 * name is looked for beside the image that has it.  A base whose format its
 * image does not say has the one of its name.  Refused: what is no file or
 * block device, a chain that is too long or leads to itself.
 */
int	image_files_open(struct image_files *, const char *path,
	    enum image_format, bool writable, struct err *);
void	image_files_close(struct image_files *);

struct image {
	int		 fd;		/* borrowed */
	struct qcow2	*qcow2;		/* NULL: raw */
	uint64_t	 size;		/* of the disk, bytes */
	struct image	*backing;	/* or NULL */
};

/*
 * The chain of these files; descriptors are borrowed.  Refused: an image
 * with a backing file and none below it, or the reverse.
 */
int	image_open(struct image **, const struct image_files *, bool writable,
	    struct err *);

/* As qcow2_close(). */
int	image_close(struct image *, struct err *);
void	image_destroy(struct image *);
OWN_DEFINE(struct image, image_destroy);

/*
 * Whole transfers; -1 with errno.  Reading behind the end of the disk gives
 * zeroes, writing there is refused (EINVAL).
 */
int	image_read(struct image *, uint64_t offset, void *, size_t len);
int	image_write(struct image *, uint64_t offset, const void *, size_t len);

/* Does the range read as zeroes, as far as can be told without reading? */
bool	image_zeroes(struct image *, uint64_t offset, uint64_t len);

/*
 * Of the clusters of 'a', what lies before and behind [offset, +len), as it
 * is now: 'head' bytes at 'bytes', then 'tail' bytes.  Both 0, bytes NULL:
 * nothing has to be written there.  -1 with errno.
 */
struct image_edges {
	uint8_t	*bytes;		/* the caller frees it */
	size_t	 head;
	size_t	 tail;
};
int	image_edges(struct image *, const struct qcow2_alloc *a,
	    uint64_t offset, uint64_t len, struct image_edges *);

#endif
