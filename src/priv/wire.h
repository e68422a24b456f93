/* SPDX-License-Identifier: ISC */
/*
 * wire.h - one walk over a message's fields, for writing, reading, closing
 *
 * A message is described by one function that names its fields in order:
 *
 *	static void
 *	thing_fields(struct wire *w, struct thing *t)
 *	{
 *		wire_str(w, t->name, sizeof(t->name));
 *		wire_u32(w, &t->size);
 *		wire_fd(w, &t->fd);
 *	}
 *
 * The mode of the wire decides what the walk does, so that both ends agree by
 * construction.  Numbers are little endian; strings are a 16-bit length and
 * bytes without NUL; descriptors travel beside the bytes (SCM_RIGHTS), a byte
 * says whether there is one.
 *
 * A failure is remembered in 'bad' and the walk goes on without effect: fields
 * read after it are 0, "" and -1, counts are 0.  The caller looks once, at
 * the end.
 */

#ifndef PRIV_WIRE_H
#define PRIV_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

#define WIRE_FDS_MAX	64	/* descriptors in one message */

enum wire_mode {
	WIRE_WRITE,	/* fields to bytes; descriptors are collected */
	WIRE_READ,	/* bytes to fields; descriptors are handed out */
	WIRE_CLOSE,	/* close every descriptor among the fields, set -1 */
};

struct wire {
	enum wire_mode	 mode;
	bool		 bad;		/* truncated, over a maximum, no room */
	struct buf	*out;		/* WIRE_WRITE: the caller's */
	const uint8_t	*in;		/* WIRE_READ: what is left */
	size_t		 in_len;
	int		 fds[WIRE_FDS_MAX];	/* borrowed */
	unsigned	 nfds;
	unsigned	 next_fd;	/* WIRE_READ: first not handed out */
};

void	wire_u8(struct wire *, uint8_t *);
void	wire_u16(struct wire *, uint16_t *);
void	wire_u32(struct wire *, uint32_t *);
void	wire_u64(struct wire *, uint64_t *);
void	wire_bool(struct wire *, bool *);

/* One of 'count' values from 0; anything else is bad. */
void	wire_enum(struct wire *, uint8_t *, unsigned count);

/* The number of elements that follow: at most max. */
void	wire_count(struct wire *, uint16_t *, unsigned max);

/* A NUL-terminated string in an array of 'size' bytes. */
void	wire_str(struct wire *, char *, size_t size);

/* Exactly len bytes. */
void	wire_bytes(struct wire *, void *, size_t len);

/* A descriptor or -1. */
void	wire_fd(struct wire *, int *);

/* WIRE_READ: everything was read and every descriptor was handed out. */
bool	wire_done(const struct wire *);

#endif
