/* SPDX-License-Identifier: ISC */
/* cp.h - what the files of the cp WebSocket share */

#ifndef CONTROL_ROUTES_CP_H
#define CONTROL_ROUTES_CP_H

#include <sys/queue.h>

#include "agent/client.h"
#include "control/control.h"
#include "control/cp_request.h"
#include "control/websocket.h"

/* A frame of the client that the guest had no room for yet. */
struct cp_item {
	TAILQ_ENTRY(cp_item)	 entry;
	enum { CP_ITEM_DATA, CP_ITEM_TEXT } kind;
	size_t			 len, done;
	char			 data[];
};

struct cp {
	struct control		*control;
	char			 vm[VM_ID_LEN + 1];
	struct ws		*ws;
	struct agent_session	*agent;		/* NULL: no first frame yet */
	struct event		*timer;
	struct cp_request	 request;

	/* to the guest */
	TAILQ_HEAD(, cp_item)	 items;
	int			 spool;		/* a file of unknown size */
	uint64_t		 spooled;	/* bytes */
	uint64_t		 sent;		/* of them to the guest */
	bool			 entered;	/* its entry was handed over */
	bool			 ended;		/* END was handed over */

	/* from the guest, the reference's form */
	const char		*base;		/* of the root; NULL: tree */
	char			*last;		/* path of the last entry */
	bool			 open;		/* an entry without its end */
	uint64_t		 zeros;		/* of a hole, not yet sent */
};

void	cp_free(struct cp *);
/* Send {"type":"error"} and close; the cp is dead. */
void	cp_fail(struct cp *, const struct err *);
/* Send the value (taken over), then close; the cp is dead. */
void	cp_finish(struct cp *, json_t *);
/* Send a value, which is taken over. */
void	cp_say(struct cp *, json_t *);

/* Begin after the first frame; -1 with err. */
int	cp_to_begin(struct cp *, const struct vm *, struct err *);
int	cp_from_begin(struct cp *, const struct vm *, struct err *);

/* Frames of the client in a copy to the guest. */
void	cp_to_text(struct cp *, const char *, size_t);
void	cp_to_data(struct cp *, const void *, size_t);

/* The client has taken all that was queued for it. */
void	cp_from_drained(struct cp *);

/* Connect to the agent with a handler. */
int	cp_connect(struct cp *, const struct vm *,
	    const struct agent_handler *, struct err *);

#endif
