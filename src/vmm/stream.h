/* SPDX-License-Identifier: ISC */
/*
 * stream.h - where a console or serial port goes
 *
 * The machine gets one end of a socket pair; at the other end is what the
 * VmConfig says: a record and viewers (chapi/console.h), or the terminal of
 * who started vmm.
 */

#ifndef VMM_STREAM_H
#define VMM_STREAM_H

#include "lib/err.h"
#include "lib/own.h"

struct event_loop;
struct stream;
struct vm_stream;

struct stream_setup {
	struct event_loop	*loop;
	const struct vm_stream	*config;	/* borrowed, as its strings */
	/* The person at the terminal wants to leave. */
	void			(*leave)(void *arg);
	/* Or to send a break. */
	void			(*send_break)(void *arg);
	void			*arg;
};

/*
 * *guest is the machine's end, the caller's, or -1 when the device is off.
 * *ret is NULL when nobody is at the other end.
 */
int	stream_new(struct stream **ret, int *guest,
	    const struct stream_setup *, struct err *);
void	stream_destroy(struct stream *);
OWN_DEFINE(struct stream, stream_destroy);

/* Take what the guest has said so far; its end is still open. */
void	stream_drain(struct stream *);

#endif
