/* SPDX-License-Identifier: ISC */
/*
 * server.h - the Cloud Hypervisor API, answering side
 *
 * HTTP/1.1 on a listening unix socket, in the event loop of the caller.
 * Routes are a table.  A handler answers at once or later, exactly once.
 * Errors go out as Cloud Hypervisor gives them: a JSON list of strings.  A
 * slow or silent client costs one connection, for CHAPI_IDLE_S at most.
 */

#ifndef CHAPI_SERVER_H
#define CHAPI_SERVER_H

#include <stddef.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/own.h"

#define CHAPI_CONNECTIONS_MAX	16	/* the longest silent is closed */
#define CHAPI_IDLE_S		30	/* seconds for one request to come */

struct event_loop;
struct chapi_server;
struct chapi_request;

struct chapi_route {
	const char	*method;
	const char	*path;		/* without a query */
	void		(*handle)(struct chapi_request *, void *arg);
};

/*
 * Serve 'routes' (ends with a NULL method) on fd, which is taken; made
 * non-blocking.  'arg' goes to each handler.  Destroying closes every
 * connection; requests that wait for their answer must not be used after.
 */
int	chapi_server_new(struct chapi_server **ret, struct event_loop *,
	    int fd, const struct chapi_route *routes, void *arg, struct err *);
void	chapi_server_destroy(struct chapi_server *);
OWN_DEFINE(struct chapi_server, chapi_server_destroy);

/* The path of the route that matched. */
const char *chapi_request_path(const struct chapi_request *);

/* The body as JSON; the caller owns *ret.  An empty body is refused. */
int	chapi_request_json(json_t **ret, const struct chapi_request *,
	    struct err *);

/*
 * Answer and forget the request.  chapi_reply() takes 'body'; NULL sends
 * 204.  What can be written at once is written before they return.
 */
void	chapi_reply(struct chapi_request *, json_t *body);
void	chapi_refuse(struct chapi_request *, int status, const struct err *);

#endif
