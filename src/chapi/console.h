/* SPDX-License-Identifier: ISC */
/*
 * console.h - a guest's console: recorded, and served to who connects
 *
 * The guest never waits for a viewer: one that does not read is cut off.
 * A viewer sees the last lines of the record first, as text (lib/plain.h),
 * and what follows them without a gap.
 * Its record cannot fill the disk: at CONSOLE_LOG_MAX it is renamed to
 * FILE.0, in the place of an older one, and begun anew.
 */

#ifndef CHAPI_CONSOLE_H
#define CHAPI_CONSOLE_H

#include "lib/err.h"
#include "lib/own.h"

#define CONSOLE_LOG_MAX		(16 << 20)	/* bytes of one file */
#define CONSOLE_SCROLLBACK_MAX	(16 << 10)	/* bytes of it for a viewer */
#define CONSOLE_VIEWERS_MAX	8		/* more are turned away */
#define CONSOLE_BEHIND_MAX	(256 << 10)	/* bytes a viewer may lag */

struct event_loop;
struct console;

/*
 * Carry bytes between 'guest', a stream socket that is taken, and whoever
 * connects to the unix socket 'path'; append output to 'file'.  Either may
 * be NULL.  Paths are relative to the working directory; not copied.
 */
struct console_setup {
	struct event_loop	*loop;
	int			 guest;
	const char		*path, *file;
};

int	console_new(struct console **ret, const struct console_setup *,
	    struct err *);
void	console_destroy(struct console *);
OWN_DEFINE(struct console, console_destroy);

/* Record what has arrived; for when the hypervisor has ended. */
void	console_drain(struct console *);

#endif
