/* SPDX-License-Identifier: ISC */
/*
 * send.h - an instance on its way to another daemon
 *
 * OP_SEND (op_send.c) drives it, a client (routes/send.c) carries the bytes;
 * chapi/migration.h says what they are.
 *
 *	SEND_AHEAD	the guest runs, its disk is being read
 *	SEND_MEMORY	the VMM writes memory, and pauses the guest at the end
 *	SEND_DISK	the guest stands still: what it has written meanwhile
 *	SEND_WAIT	END was said; the receiver is to be ready
 *	SEND_DECIDED	COMMIT was said: whether the VM runs here depends on
 *			what the receiver says
 *
 * What fails before SEND_DECIDED, or was refused by the receiver, lets the
 * guest go on here.  A receiver of which nothing is heard after that leaves
 * it paused: it may run there, and must not run twice.
 */

#ifndef CONTROL_SEND_H
#define CONTROL_SEND_H

#include <stdbool.h>

#include "chapi/migration.h"
#include "control/op.h"
#include "control/send_disk.h"
#include "lib/buf.h"

struct event;
struct ws;

#define SEND_PIPE	"send.pipe"	/* in the VM's directory, meanwhile */

enum send_phase {
	SEND_AHEAD,
	SEND_MEMORY,
	SEND_DISK,
	SEND_WAIT,
	SEND_DECIDED,
};

struct send {
	bool			 oneway;	/* the receiver cannot talk */
	struct ws		*ws;		/* NULL: the client is gone */
	struct op		*op;		/* at work, or NULL */

	/* of op_send.c */
	enum send_phase		 phase;
	bool			 failing;	/* op->err says why */
	bool			 arrived;	/* it runs there */
	bool			 sent;		/* the VMM has answered */
	int			 pipe;		/* from the VMM, or -1 */
	struct event		*readable;
	struct migration_reader	 reader;	/* of what comes from it */
	struct send_disk	 disk;
	struct buf		 heard;		/* of the receiver */
};

/* What happens at the client's; none of them after the operation's end. */
void	op_send_drained(struct send *);		/* what was queued is out */
void	op_send_heard(struct send *, const void *, size_t);
/* All that was queued was taken (NULL), or not all and no more will be. */
void	op_send_written(struct send *, const char *failure);
/* The receiver will say no more; ws NULL: and the client is gone. */
void	op_send_eof(struct send *);

#endif
