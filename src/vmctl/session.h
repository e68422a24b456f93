/* SPDX-License-Identifier: ISC */
/*
 * session.h - standard input and output on a WebSocket
 *
 * What exec, console and run -it share: bytes flow both ways until the
 * daemon says how it ended, the user leaves, or a reader is gone.  Nothing
 * that flows is kept beyond SESSION_OUT_MAX and WS_QUEUE_MAX: a slow reader
 * on either end slows the other end down.
 *
 * Descriptors 0, 1 and 2 are shared with other programs and never made
 * non-blocking; a write of PIPE_BUF bytes after poll(2) does not block.
 */

#ifndef VMCTL_SESSION_H
#define VMCTL_SESSION_H

#include <stdbool.h>

#include "lib/err.h"

#define SESSION_OUT_MAX	(256 << 10)	/* bytes not yet written, a stream */

struct api;

struct session {
	/* What is wanted. */
	const char	*path;		/* of the WebSocket */
	const char	*first;		/* text to begin with, or NULL */
	bool		 input;		/* connect standard input */
	bool		 raw;		/* which is a terminal, in raw mode */
	bool		 tagged;	/* output frames begin with 1 or 2 */
	const char	*console;	/* it is that of this VM: escapes,
					   one who types, others who read */
	bool		 greet;		/* say that it is connected */
	bool		 control;	/* knows stdin_eof, signal, resize */
	/* How it ended. */
	bool		 finished;	/* the daemon said so: exit_code */
	int		 exit_code;
	int		 left_by;	/* signal that made us leave, or 0 */
	bool		 ended;		/* the daemon closed it */
	bool		 cut;		/* or went, without closing it */
};

/*
 * Run it.  0: see "how it ended"; when none is set, the user left by
 * an escape.  The terminal is as it
 * was.  -1: the daemon refused, or what it reported as an error.
 */
int	session_run(struct session *, struct api *, struct err *);

#endif
