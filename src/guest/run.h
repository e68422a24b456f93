/* SPDX-License-Identifier: ISC */
/* run.h - the image's command, from its start to the guest's end */

#ifndef GUEST_RUN_H
#define GUEST_RUN_H

#include "guest/guest_config.h"
#include "lib/err.h"

/*
 * Mode exec: start the command and the agent, reap what is orphaned, stop
 * the command when asked, and end the guest with it.  Does not return.
 */
void	run_command(const struct guest_config *) __attribute__((noreturn));

/*
 * Mode init: start the agent and become the command.  Does not return: what
 * fails ends the guest.
 */
void	run_init(const struct guest_config *) __attribute__((noreturn));

/* How it ended. */
struct run_end {
	int	code;		/* 0-255; 125: the guest could not be set up */
	int	signal;		/* 0: none */
	char	text[512];
};

/* Say how it ended as the console's last line, and switch off. */
void	run_finish(const struct guest_config *, const struct run_end *)
	    __attribute__((noreturn));

/* As run_finish() for a guest that could not be set up. */
void	run_failed(const struct guest_config *, const struct err *)
	    __attribute__((noreturn));

#endif
