/* SPDX-License-Identifier: ISC */
/*
 * wire.h - the line behind a serial port: a stream
 *
 * What the guest sends goes to the stream in bursts: a few milliseconds after
 * the first byte, or when much is there, in one write.  A reader that stops
 * stops the guest's transmitter, not the VMM.
 *
 * The board is locked or paused, but for making and destroying.
 */

#ifndef VMM_DEV_WIRE_H
#define VMM_DEV_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define WIRE_IN_MAX	16	/* bytes a port's receiver holds */

struct board;
struct wire;

struct wire_setup {
	struct board	*board;
	/*
	 * Bytes have come; or 'room': a transmitter that had none has some
	 * again.  Main thread, board locked.
	 */
	void		(*changed)(void *arg, bool room);
	void		*arg;
};

/* 'stream' is taken, also on failure: a socket, terminal or pipe. */
int	wire_new(struct wire **ret, const struct wire_setup *, int stream,
	    struct err *);
/* What was sent before is written first. */
void	wire_destroy(struct wire *);
OWN_DEFINE(struct wire, wire_destroy);

/* Send a byte; it is lost when there is no room. */
void	wire_send(struct wire *, uint8_t);
bool	wire_room(const struct wire *);
/* Write what waits, as far as the stream takes it; true: there is room anew. */
bool	wire_flush(struct wire *);

/* How many bytes have come, at most WIRE_IN_MAX; take one, 0 without any. */
unsigned wire_waiting(const struct wire *);
uint8_t	wire_receive(struct wire *);
/* As if the other end had sent it; lost when the receiver is full. */
void	wire_loop(struct wire *, uint8_t);
/* Forget what has come. */
void	wire_drop(struct wire *);

/* What has come, for the port's state: an array "in".  Flushes. */
int	wire_save(struct wire *, json_t *, struct err *);
int	wire_load(struct wire *, const json_t *, struct err *);

#endif
