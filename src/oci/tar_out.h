/* SPDX-License-Identifier: ISC */
/*
 * tar_out.h - writing a tar that sqfstar(1) reads as it is meant
 *
 * POSIX ustar headers; long names and numbers that do not fit as GNU tar
 * writes them (tar(5), "GNU tar Archives"), because sqfstar 4.5 takes "/" and
 * "../" off the front of a link's target in a pax header; extended
 * attributes in pax headers, as SCHILY.xattr.
 */

#ifndef OCI_TAR_OUT_H
#define OCI_TAR_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"

#define TAR_OUT_BUF	(128U << 10)	/* bytes gathered before a write */

struct tar_out {
	/* Write all of it, or return -1 with the err. */
	int	(*write)(void *arg, const void *, size_t len, struct err *);
	void	*arg;
	bool	 broken;	/* a write failed */
	uint64_t body;		/* bytes of the present file so far */
	size_t	 len;		/* bytes in buf */
	uint8_t	 buf[TAR_OUT_BUF];
};

/* Type flags of ustar. */
enum tar_type {
	TAR_FILE	= '0',
	TAR_LINK	= '1',
	TAR_SYMLINK	= '2',
	TAR_CHAR	= '3',
	TAR_BLOCK	= '4',
	TAR_DIR		= '5',
	TAR_FIFO	= '6',
};

struct tar_header {
	const char	*path;
	const char	*link;		/* target of a link, or NULL */
	enum tar_type	 type;
	uint32_t	 mode;		/* permission bits */
	uint32_t	 uid, gid;
	uint64_t	 size;		/* bytes that tar_out_data() will get */
	uint32_t	 mtime;
	uint32_t	 major, minor;
	const struct buf *xattrs;	/* of tar_out_xattr(), or NULL */
};

void	tar_out_init(struct tar_out *,
	    int (*write)(void *, const void *, size_t, struct err *),
	    void *arg);

/* One more record of extended attributes for a header. */
int	tar_out_xattr(struct buf *, const char *name, const void *value,
	    size_t len, struct err *);

/* All return -1 with the err of a write that failed. */
int	tar_out_header(struct tar_out *, const struct tar_header *,
	    struct err *);
int	tar_out_data(struct tar_out *, const void *, size_t len, struct err *);
int	tar_out_zeros(struct tar_out *, uint64_t len, struct err *);
/*
 * The end of the archive; everything is written then.  A reader may leave at
 * the first of the two blocks that end it (sqfstar does): that is no failure.
 */
int	tar_out_end(struct tar_out *, struct err *);

#endif
