/* SPDX-License-Identifier: ISC */
/*
 * cp_request.h - text frames of a cp WebSocket
 *
 * Two forms: the reference's (one file or directory on a connection, and
 * headers without owners of links) and "tree" (the entries of the agent's
 * protocol as they are; docs/ARCHITECTURE.md).
 */

#ifndef CONTROL_CP_REQUEST_H
#define CONTROL_CP_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/client.h"
#include "lib/err.h"

#define CP_PATH_MAX	4095	/* bytes */

struct cp_request {
	char	 path[CP_PATH_MAX + 1];		/* in the guest */
	bool	 to;				/* to the guest */
	bool	 tree;
	bool	 is_dir;
	bool	 follow;
	mode_t	 mode;
	uint32_t uid, gid;
};

int	cp_request_parse(struct cp_request *, const char *text, size_t len,
	    struct err *);

/* A text frame of a copy to the guest. */
enum cp_frame { CP_HEADER, CP_HOLE, CP_END };

/* The entry's strings lie in doc. */
int	cp_frame_parse(enum cp_frame *, struct agent_entry *, uint64_t *hole,
	    const json_t *doc, struct err *);

/*
 * A header for the client.  base: what "." is called in the reference's
 * form; NULL: the tree form.
 */
json_t	*cp_header(const struct agent_entry *, const char *base);

#endif
