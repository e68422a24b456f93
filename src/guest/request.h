/* SPDX-License-Identifier: ISC */
/*
 * request.h - what each request of the agent protocol does
 *
 * Each function gets the request's frame, still in c->in, drains it and does
 * the rest.  0: the last frame is in c->out or sent.  -1: the err is the
 * answer, or the client is gone and nobody will read it.
 */

#ifndef GUEST_REQUEST_H
#define GUEST_REQUEST_H

#include <sys/types.h>

#include "agent/entry.h"
#include "guest/agent.h"
#include "guest/conn.h"
#include "lib/err.h"

struct stat;

int	request_exec(const struct agent *, struct conn *, struct frame *,
	    struct err *);
int	request_put(const struct agent *, struct conn *, struct frame *,
	    struct err *);
int	request_get(const struct agent *, struct conn *, struct frame *,
	    struct err *);
int	request_stat(const struct agent *, struct conn *, struct frame *,
	    struct err *);
int	request_addrs(const struct agent *, struct conn *, struct frame *,
	    struct err *);
int	request_shutdown(const struct agent *, struct conn *, struct frame *,
	    struct err *);
int	request_identity(const struct agent *, struct conn *, struct frame *,
	    struct err *);

/*
 * What errno says about a path, as an err with the protocol's code for it.
 * Returns -1.
 */
int	request_errno(const char *path, struct err *);

/* What kind of object a mode says; what stat(2) says of one (no strings). */
enum agent_kind request_kind(mode_t);
void	request_entry(struct agent_entry *ret, const struct stat *);

#endif
