/* SPDX-License-Identifier: ISC */
/*
 * buf.h - a growing row of bytes with a named maximum
 *
 * Bytes are put at the end and drained from the front.  A buf is a struct
 * of its owner: buf_init() sets it up, buf_fini() frees what it holds (a
 * zeroed buf too).  Text can be read as a string: the byte behind the last
 * is always NUL once something was put.
 */

#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t	*data;		/* first byte that was not drained, or NULL */
	size_t	 len;		/* bytes from data on */
	size_t	 max;		/* len never passes this */
	uint8_t	*base;		/* the allocation; private */
	size_t	 cap;		/* its size; private */
};

void	buf_init(struct buf *, size_t max);
void	buf_fini(struct buf *);
void	buf_reset(struct buf *);

/* Append.  -1 with errno EMSGSIZE (over max) or ENOMEM; nothing is added. */
int	buf_put(struct buf *, const void *, size_t len);
int	buf_puts(struct buf *, const char *);
int	buf_printf(struct buf *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Room for len more bytes at the returned address, or NULL; then add them. */
uint8_t	*buf_reserve(struct buf *, size_t len);
void	buf_added(struct buf *, size_t len);

/* Forget the first len bytes; len must not pass b->len. */
void	buf_drain(struct buf *, size_t len);

#endif
