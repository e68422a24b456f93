/* SPDX-License-Identifier: ISC */
/*
 * route.h - the table of what the API serves, and finding a row in it
 *
 * A path is a row of segments; "{id}" stands for one segment of any text; a
 * path has two of them at most.
 * Segments are decoded after the path was cut at its slashes, so that an
 * image name may hold %2F.  Nothing here knows a connection: tests and the
 * fuzzer call it with bytes.
 */

#ifndef CONTROL_ROUTE_H
#define CONTROL_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define ROUTE_PARAM_MAX		512	/* bytes of a decoded path segment */
#define ROUTE_ALLOW_MAX		64	/* bytes of an Allow header */

struct request;

enum body_kind {
	BODY_NONE,	/* read and thrown away */
	BODY_JSON,	/* an object, or nothing at all */
	BODY_STREAM,	/* handed to the handler's sink as it comes */
};

struct route {
	const char	*method;
	const char	*path;		/* "/instances/{id}/stop" */
	const char	*scope;		/* "instance:write"; NULL: all */
	enum body_kind	 body;
	void		(*handle)(struct request *);
};

/* Every route of the API, in the order of their paths. */
extern const struct route	routes[];
extern const size_t		nroutes;

enum route_found {
	ROUTE_OK,
	ROUTE_NO_PATH,		/* 404 */
	ROUTE_NO_METHOD,	/* 405; allow says what there is */
	ROUTE_BAD_PATH,		/* 400; err says why */
};

struct route_match {
	const struct route	*route;
	char			 param[ROUTE_PARAM_MAX + 1];
	char			 second[ROUTE_PARAM_MAX + 1];
	char			 allow[ROUTE_ALLOW_MAX];
};

/* 'path' as it came, still percent-encoded.  HEAD finds the rows of GET. */
enum route_found route_find(struct route_match *, const struct route *,
	    size_t n, const char *method, const char *path, struct err *);

/*
 * Decode %XX (and + as a space when 'plus').  'to' holds 'size' bytes with
 * the NUL.  Refused: a broken escape, a NUL, what does not fit.
 */
int	url_decode(char *to, size_t size, const char *from, size_t len,
	    bool plus, struct err *);

#endif
