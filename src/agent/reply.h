/* SPDX-License-Identifier: ISC */
/*
 * reply.h - what the agent answers, read and checked
 *
 * The guest may send anything: a reply that makes no sense is refused, and
 * what is kept of one has a named maximum.
 */

#ifndef AGENT_REPLY_H
#define AGENT_REPLY_H

#include "agent/client.h"
#include "agent/frame.h"

struct reply {
	struct agent_result	 result;
	char			 mode[8];	/* "exec", "init" */
	char			 signal[16];
	struct agent_if		*ifs;
	size_t			 nifs;
	uint64_t		 left;		/* bytes of the file of a GET */
	bool			 have_root;	/* of a GET */
};

/* A reply of zeros is an empty one. */
void	reply_fini(struct reply *);

int	reply_hello(struct reply *, const struct frame *, struct err *);
int	reply_started(uint32_t *pid, const struct frame *, struct err *);
int	reply_exit(struct reply *, const struct frame *, struct err *);
int	reply_counts(struct reply *, const struct frame *, struct err *);
int	reply_addrs(struct reply *, const struct frame *, struct err *);
/* Fills *ret with what the agent's ERROR says; its code is static. */
int	reply_error(struct err *ret, const struct frame *, struct err *);

/* An entry of a GET is in its place; so are bytes of its file. */
int	reply_entry(struct reply *, const struct agent_entry *, struct err *);
int	reply_bytes(struct reply *, uint64_t len, struct err *);

#endif
