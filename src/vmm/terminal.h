/* SPDX-License-Identifier: ISC */
/*
 * terminal.h - the guest's console on standard input and output
 *
 * A terminal is in raw mode, with the escapes of cu(1) (lib/escape.h), and
 * restored in the end.  Anything else is read and written as it is.  Output
 * that is not taken stops the guest's, not the VMM.
 */

#ifndef VMM_TERMINAL_H
#define VMM_TERMINAL_H

#include "lib/err.h"
#include "lib/own.h"

struct event_loop;
struct terminal;

struct terminal_setup {
	struct event_loop	*loop;
	int			 guest;	/* a stream socket; taken */
	/* "~." was typed, and "~#"; not NULL. */
	void			(*leave)(void *arg);
	void			(*send_break)(void *arg);
	void			*arg;
};

int	terminal_new(struct terminal **ret, const struct terminal_setup *,
	    struct err *);
void	terminal_destroy(struct terminal *);
OWN_DEFINE(struct terminal, terminal_destroy);

/* Show what the guest has sent; output that stands still is lost. */
void	terminal_drain(struct terminal *);

#endif
