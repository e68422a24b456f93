/* SPDX-License-Identifier: ISC */
/*
 * gdb.h - a socket for gdb
 *
 * "target remote SOCKET".  The VM stops while a debugger is there, but when
 * the debugger lets it run; it goes on when the debugger goes.  One at a
 * time.  The protocol is gdb_session.h's.  The main thread's.
 */

#ifndef VMM_GDB_H
#define VMM_GDB_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/own.h"

struct event_loop;
struct gdb;
struct machine;

struct gdb_setup {
	struct event_loop	*loop;
	struct machine		*machine;	/* outlives this */
	const char		*path;		/* of the socket */
	/* The debugger stopped the VM, or let it run. */
	void			(*paused)(void *arg, bool);
	/* The VM cannot run any more. */
	void			(*failed)(void *arg, const struct err *);
	void			*arg;
};

int	gdb_new(struct gdb **ret, const struct gdb_setup *, struct err *);
void	gdb_destroy(struct gdb *);
OWN_DEFINE(struct gdb, gdb_destroy);

/* MACHINE_DEBUG happened; the machine is paused. */
void	gdb_stopped(struct gdb *);

#endif
