/* SPDX-License-Identifier: ISC */
/*
 * state.h - what a state of Virtualization.framework's means for a VM
 *
 * Source: Apple, VZVirtualMachineState.
 */

#ifndef VZ_STATE_H
#define VZ_STATE_H

enum state_kind {
	STATE_SHUTDOWN,		/* no guest */
	STATE_RUNNING,
	STATE_PAUSED,
	STATE_CHANGING,		/* from one to another: as it was */
	STATE_UNKNOWN,		/* not in the table: told as Shutdown */
};

struct state {
	long		 number;
	const char	*word;		/* for people */
	enum state_kind	 kind;
};

#define STATE_STOPPED	0
#define STATE_ERROR	3

/* The entry of a number, one of STATE_UNKNOWN where there is none. */
const struct state *state_find(long number);

#endif
