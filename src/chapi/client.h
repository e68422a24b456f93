/* SPDX-License-Identifier: ISC */
/*
 * client.h - the Cloud Hypervisor API, asking side
 *
 * Calls go to "api.sock" in a VM's directory, one connection each, in the
 * event loop of the caller; nothing here waits.
 */

#ifndef CHAPI_CLIENT_H
#define CHAPI_CLIENT_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/own.h"

#define CHAPI_CALLS_MAX	16	/* of one client at a time */

struct event_base;
struct chapi_client;

struct chapi_answer {
	int			 status;  /* as HTTP; 0: no answer */
	json_t			*body;	  /* borrowed; NULL: none */
	const struct err	*err;	  /* NULL when status is 2xx */
};

struct chapi_call {
	const char	*name;		/* "vm.info"; GET or PUT is known */
	json_t		*body;		/* borrowed; NULL: none */
	unsigned	 timeout_ms;	/* from call to whole answer */
	void		(*done)(void *arg, const struct chapi_answer *);
	void		*arg;
};

/* dirfd, the VM's directory, is duplicated. */
int	chapi_client_new(struct chapi_client **ret, struct event_base *,
	    int dirfd, struct err *);

/* Calls that have no answer yet are forgotten: their done is not called. */
void	chapi_client_destroy(struct chapi_client *);
OWN_DEFINE(struct chapi_client, chapi_client_destroy);

/*
 * Begin a call.  0: done will be called once, later, from the event loop;
 * it may begin other calls and may destroy the client.  -1: it will not.
 * When nobody answers the err's number is that of connect(2), ETIMEDOUT, or
 * EPROTO for an answer that is no HTTP.
 */
int	chapi_client_call(struct chapi_client *, const struct chapi_call *,
	    struct err *);

#endif
