/* SPDX-License-Identifier: ISC */
/*
 * op.h - what is being done to a VM: one operation at a time
 *
 * Operations of one VM wait for each other in the order they were asked
 * for; each looks at the state when its turn comes.  An operation always
 * ends: every wait in it has a time limit or a process behind it.
 */

#ifndef CONTROL_OP_H
#define CONTROL_OP_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "control/images.h"
#include "control/vm.h"

#define OP_SNAPSHOT_MS	600000	/* for a VMM to write its memory */

enum op_kind {
	OP_START,
	OP_STOP,
	OP_REMOVE,
	OP_PAUSE,
	OP_RESUME,
	OP_RESET,
	OP_STANDBY,
	OP_RESTORE,
	OP_CAPTURE,		/* into options.snapshot */
	OP_PLACE,		/* from options.snapshot; it stands still */
	OP_RECORD,		/* its working set; never fails */
	OP_SEND,		/* to options.send */
	OP_KINDS
};

struct op;
struct send;

struct op_options {
	bool		force;		/* OP_STOP: do not ask the guest */
	bool		has_timeout;	/* OP_STOP: else the spec's */
	uint64_t	timeout;	/* ms */
	bool		by_policy;	/* OP_START: a restart, not a user */
	struct vm_once	*once;		/* OP_START: taken; or NULL */
	int		client;		/* OP_START of a new VM: connection of
					   who asked, for its shares */
	bool		move;		/* OP_PLACE: its disk is ours */
	bool		disk_only;	/* OP_PLACE: not its memory */
	bool		unmade;		/* OP_PLACE: it is not acknowledged */
	struct snapshot *snapshot;	/* borrowed */
	struct send	*send;		/* borrowed: send.h */
	/*
	 * OP_RESTORE: it stands where it stood; gets 'arg' of vm_op().  Then
	 * op_restore_go() or op_restore_stop() is to be called.  NULL: it
	 * goes on at once.
	 */
	void		(*restored)(void *arg, struct op *);
};

/*
 * The end of an operation.  After OP_REMOVE without an error the VM is
 * gone when this returns.  vm is NULL when it was removed meanwhile.
 */
typedef void op_done_fn(void *arg, struct vm *, const struct err *);

/* Queue it; 'done' (or NULL) is called later, perhaps before this returns. */
void	vm_op(struct vm *, enum op_kind, const struct op_options *,
	    op_done_fn *, void *arg);

/* --- for the operations themselves ---------------------------------------- */

struct priv_start;

typedef void op_then_fn(struct op *, const struct err *);

struct op_class {
	const char	*name;
	void		(*begin)(struct op *);
	/* The last process of the VM has ended, its state is Stopped. */
	void		(*gone)(struct op *);
};

struct op {
	TAILQ_ENTRY(op)		 entry;
	struct vm		*vm;
	const struct op_class	*class;
	struct op_options	 options;
	op_done_fn		*done;
	void			*arg;
	bool			 begun;
	struct event		*timer;
	struct agent_session	*agent;
	bool			 failing;	/* err is set, VM dies */
	bool			 asking;	/* a call to the VMM is out */
	int			 file;		/* a disk at work, or -1 */
	unsigned		 disk;		/* OP_STANDBY: which */
	op_then_fn		*then;		/* after op_hold(), op_thaw() */
	struct image_waiter	 waiter;	/* op_image() */
	void			(*with_image)(struct op *);
	struct err		 err;
};

extern const struct op_class op_start, op_stop, op_remove, op_pause,
    op_record, op_resume, op_reset, op_standby, op_restore, op_capture,
    op_place, op_send;

/* It worked (NULL) or not.  The op is freed; the next begins. */
void	op_finish(struct op *, const struct err *);

/* After OP_REMOVE: finish, fail what waits, forget the VM. */
void	op_finish_removed(struct op *);

/* Kill every process; when the last is gone, finish with e. */
void	op_fail_killing(struct op *, const struct err *e);

/* Call fn(op) in so many milliseconds unless the op ends before. */
void	op_timer(struct op *, uint64_t ms,
	    void (*fn)(int, short, void *));

/* The state does not allow it: invalid_state. */
void	op_refuse(struct op *);

/*
 * Stop the guest's processors for an operation of ours, and let them go on.
 * A daemon that is started meanwhile lets them go on as well.  'then' is
 * called later, from the event loop; not at all when the VM ends before,
 * which the class is told of while op->asking.
 */
void	op_hold(struct op *, op_then_fn *then);
void	op_thaw(struct op *, op_then_fn *then);

/* not_supported unless its hypervisor has snapshots. */
int	op_can_snapshot(const struct vm *, struct err *);

/*
 * not_supported when it has what no snapshot holds: shares, whose server's
 * state nothing keeps, and files of the host.
 */
int	op_holds_all(const struct vm *, struct err *);

/* The VM ended while this was at work on it. */
void	op_ended(struct op *);

/*
 * What vmd is to start for a VM whose directory is open: disks, network,
 * and the files that the guest boots from.
 */
int	op_start_prepare(struct priv_start *, struct vm *, struct err *);

/*
 * Go on with 'then' when the VM has an image; else the op fails.  Pulling one
 * takes as long as it takes.
 */
void	op_image(struct op *, void (*then)(struct op *));

/* See op_options.restored; stop takes the processes away. */
void	op_restore_go(struct op *);
void	op_restore_stop(struct op *, const struct err *);

/* OP_PLACE's last step, or that of a daemon that died in it. */
int	op_place_finish(struct vm *, struct err *);

/* Ask the VMM; 'done' gets the op.  Fails through done-less op_finish. */
struct chapi_answer;
void	op_ask(struct op *, const char *call, json_t *body, unsigned ms,
	    void (*done)(void *, const struct chapi_answer *));

#endif
