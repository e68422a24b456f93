/* SPDX-License-Identifier: ISC */
/* listen.h - the control API's sockets, made by vmd, served by vmd-control */

#ifndef VMD_LISTEN_H
#define VMD_LISTEN_H

#include <sys/types.h>

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/monitor.h"

struct listen {
	int	 api;			/* unix socket */
	bool	 made;			/* by us: its file is ours to remove */
	unsigned ntcp;
	int	 tcp[PRIV_LISTEN_MAX];
	char	 secret[PRIV_SECRET_MAX];	/* of -k */
};

/*
 * Open what the options name, or take the unix socket that the service
 * manager passed (sd_listen_fds(3)).
 */
int	listen_open(struct listen *, const struct monitor *, struct err *);
/*
 * The unix socket is a user's and a group's, and nobody else may connect;
 * NULL: as it was made.  -1 as an id leaves that one.
 */
struct listen_owner {
	uid_t	 uid;
	gid_t	 gid;
};
int	listen_own(const struct listen *, const struct monitor *,
	    const struct listen_owner *, struct err *);

void	listen_close(struct listen *, const struct monitor *);

/* "READY=1" and the like, to the service manager if there is one. */
void	listen_notify(const char *text);

#endif
