/* SPDX-License-Identifier: ISC */
/*
 * machine.h - one VZVirtualMachine, seen from the event loop
 *
 * The framework wants every message to a machine on the serial queue it was
 * made with, and answers there.  Nothing above this header knows of the
 * queue: calls return at once, and what comes of them is told in the loop.
 *
 * Source: Apple, VZVirtualMachine, VZVirtualMachineDelegate.
 */

#ifndef VZ_MACHINE_H
#define VZ_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "os/darwin/objc.h"
#include "os/post.h"
#include "vz/config.h"
#include "vz/state.h"

#define MACHINE_KILL_S	5	/* seconds for a machine to stop */

struct machine;

/* What is asked of a machine; each is refused where it is not possible. */
enum machine_call {
	MACHINE_START,
	MACHINE_PAUSE,
	MACHINE_RESUME,
	MACHINE_SAVE,		/* into the file 'path', which must not be */
	MACHINE_RESTORE,	/* from it, instead of START: then it is
				   paused */
	MACHINE_CALLS
};

struct machine_setup {
	struct dispatch_queue_s	*queue;		/* serial; borrowed */
	struct post		*post;		/* to the loop */
	struct config_setup	 config;
	/* It ended: e says why, or is NULL when the guest powered off. */
	void			(*ended)(void *arg, const struct err *e);
	void			*arg;
};

/*
 * Is there a framework here that runs guests, and may this program use it?
 * -1 says in a sentence why not.  To be called once, before the others.
 */
int	machine_host(struct err *);

/* Does the framework save machines at all?  Not on every macOS. */
bool	machine_host_saves(void);

/* Made and valid, but not started.  The VmConfig is not kept. */
int	machine_new(struct machine **ret, const struct machine_setup *,
	    struct err *);

/*
 * Stops the guest, and waits for that.  What was asked and is not answered
 * will not be.
 */
void	machine_destroy(struct machine *);
OWN_DEFINE(struct machine, machine_destroy);

/*
 * Ask; done is called once, in the loop, with the failure or NULL.  One
 * call at a time.  path: absolute or below the working directory.
 */
void	machine_call(struct machine *, enum machine_call, const char *path,
	    void (*done)(void *arg, const struct err *e));

/* Press the power button. */
int	machine_power_button(struct machine *, struct err *);

/* Have the balloon leave the guest so many bytes, whole MiB. */
int	machine_resize(struct machine *, uint64_t bytes, struct err *);

/* What the framework says now, in *number too. */
const struct state *machine_state(struct machine *, long *number);

/* Can it be saved?  -1 says why not. */
int	machine_can_save(const struct machine *, struct err *);

/* Its socket device or NULL, borrowed; for the queue only. */
struct objc *machine_socket(struct machine *);

#endif
