/* SPDX-License-Identifier: ISC */
/*
 * frame.h - frames and records of the agent protocol
 *
 * docs/agent-protocol.md, "Frames".  Shared by host and guest: no event
 * loop, no descriptors, only bytes in buffers.
 */

#ifndef AGENT_FRAME_H
#define AGENT_FRAME_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "agent/proto.h"
#include "lib/buf.h"
#include "lib/err.h"

#define FRAME_HEADER	8	/* bytes before the payload */
#define RECORD_NAME_MAX	31	/* bytes of a record's name */

struct frame {
	enum agent_type	 type;
	const uint8_t	*data;	/* payload, inside the buffer it came from */
	size_t		 len;
};

/*
 * Look at the first frame in a buffer.  1: *ret is whole and checked (type
 * known, length right for its type; a u64 is eight bytes, records end in
 * NUL); it lies in the buffer until frame_drain().  0: more bytes are needed.
 * -1: these bytes are no frame and nothing behind them can be; err says why.
 */
int	frame_peek(struct frame *ret, const struct buf *, struct err *);
void	frame_drain(struct buf *, const struct frame *);

/* Bytes frame_peek() needs to see the first frame whole, as its header says. */
size_t	frame_need(const uint8_t header[FRAME_HEADER]);

/* Append one frame.  -1 with errno when it is too long or memory is out. */
int	frame_put(struct buf *, enum agent_type, const void *, size_t len);
int	frame_put_u64(struct buf *, enum agent_type, uint64_t);

/*
 * A frame whose payload is written in place: frame_open() appends room for a
 * header and returns where it stands; frame_close() fills it in, the payload
 * being all that was appended since.  -1: frame_open() found no memory;
 * frame_close() found the payload too long and took the frame back.
 */
ssize_t	frame_open(struct buf *);
int	frame_close(struct buf *, ssize_t at, enum agent_type);

/* The payload of a frame whose type carries a u64. */
uint64_t frame_u64(const struct frame *);

/* "EXEC", for messages; "?" when unknown. */
const char *frame_name(enum agent_type);

/*
 * Records: name=value NUL ...  record_next() steps through them: 1 with
 * *ret, 0 at the end, -1 when what follows is no record.  *at starts as 0.
 * The value is a string inside the data.
 */
struct record {
	const char	*name;		/* not ended by NUL */
	size_t		 name_len;
	const char	*value;		/* ended by NUL */
};
int	record_next(struct record *ret, const uint8_t *data, size_t len,
	    size_t *at);
int	record_is(const struct record *, const char *name);

/* Append a record.  -1 with errno; a value may be empty, never NULL. */
int	record_put(struct buf *, const char *name, const char *value);
int	record_putf(struct buf *, const char *name, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/*
 * The same for a program that knows its names: a table of what may come,
 * each with the function that takes the value (0, or -1 with err).  Unknown
 * names are passed over.  -1 when the data is no row of records or a
 * function refused; the err then names the record.
 */
struct record_field {
	const char	*name;		/* NULL ends the table */
	int		(*set)(void *arg, const char *value, struct err *);
};
int	records_read(const struct record_field *, void *arg,
	    const uint8_t *data, size_t len, struct err *);

#endif
