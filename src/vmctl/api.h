/* SPDX-License-Identifier: ISC */
/*
 * api.h - requests to the control API of vmd, over libcurl
 *
 * One connection, kept between requests.  An answer with status 400 or more
 * is a failure: the err has the daemon's message, and its code when it is
 * one this program has advice for (api_advice()).
 */

#ifndef VMCTL_API_H
#define VMCTL_API_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define API_ANSWER_MAX	(64U << 20)	/* bytes of one JSON answer */
#define API_TOKEN_MAX	16384U		/* bytes of a token */

struct api;

/*
 * Prepare for the daemon at 'host' (unix://PATH, http://H, https://H), or
 * at VMCTL_HOST, or at the default socket.  Nothing is sent yet.
 */
int	api_open(struct api **ret, const char *host, int verbose,
	    struct err *);
void	api_close(struct api *);
OWN_DEFINE(struct api, api_close);

/* Its address as given or found, for messages. */
const char *api_host(const struct api *);

/*
 * A path with the '%' of 'tmpl' replaced by arg, percent-encoded.  The
 * caller frees it.  Aborts when there is no memory.
 */
char	*api_path(const char *tmpl, const char *arg);

/*
 * Ask.  body may be NULL.  *answer, which may be NULL, is set to the JSON
 * that came (NULL when there was none); the caller owns it.
 */
int	api_call(struct api *, const char *method, const char *path,
	    const json_t *body, json_t **answer, struct err *);
/* GET. */
int	api_get(struct api *, const char *path, json_t **answer, struct err *);

/* Does the err say that the thing is not there? */
int	api_is_missing(const struct err *);
/* What the user can do about it, or NULL. */
const char *api_advice(const struct err *);

/*
 * A body read as it comes.  A callback returns 0 to go on and 1 to stop.
 * wake is called when wake_fd (-1: none) can be read.
 */
struct api_stream {
	const char	*path;
	int		(*data)(void *arg, const uint8_t *, size_t);
	int		 wake_fd;
	int		(*wake)(void *arg);
	void		*arg;
};
/* 0: the daemon ended it.  1: a callback did.  -1: it failed. */
int	api_stream(struct api *, const struct api_stream *, struct err *);

/* POST what fd holds; progress, which may be NULL, is told the bytes sent. */
struct api_upload {
	const char	*path;
	int		 fd;
	void		(*progress)(void *arg, uint64_t sent, uint64_t total);
	void		*arg;
};
int	api_upload(struct api *, const struct api_upload *, json_t **answer,
	    struct err *);

/*
 * A raw connection of its own to the daemon (a CURL handle, connected), for
 * a WebSocket.  The caller owns *ret.  api_authorization() is the header
 * line to send with it, "" without a token.
 */
int	api_connect(struct api *, void **ret, struct err *);
const char *api_authorization(const struct api *);

/* Turn an answer of status 400 or more into an err.  Returns -1. */
int	api_refused(long status, const void *body, size_t len, struct err *);

#endif
