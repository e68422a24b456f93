/* SPDX-License-Identifier: ISC */
/*
 * runstate.h - what QEMU's run states mean for a VM
 *
 * Source: QEMU, qapi/run-state.json, RunState (7.2).
 */

#ifndef QEMU_RUNSTATE_H
#define QEMU_RUNSTATE_H

enum run_kind {
	RUN_UNKNOWN,	/* a word that is not in the table: an error */
	RUN_STARTING,	/* not begun yet: wait */
	RUN_RUNNING,	/* the guest runs */
	RUN_PAUSED,	/* stopped, and "cont" goes on */
	RUN_OVER,	/* powered off or panicked: the VM ends */
	RUN_BROKEN,	/* stopped by an error: the VM ends */
};

struct run_state {
	const char	*word;		/* as QMP says it */
	enum run_kind	 kind;
	const char	*meaning;	/* for people: "guest panicked" */
};

/* The entry of a word; an entry of RUN_UNKNOWN for one that has none. */
const struct run_state *run_state_find(const char *word);

#endif
