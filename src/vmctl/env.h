/* SPDX-License-Identifier: ISC */
/* env.h - what -e, --env-file, -l, -p, -v and --restart say, as JSON */

#ifndef VMCTL_ENV_H
#define VMCTL_ENV_H

#include <jansson.h>

#include "lib/err.h"
#include "vmctl/opt.h"

#define ENV_FILE_MAX	(1U << 20)	/* bytes of a file of variables */
#define PORTS_MAX	1024		/* published by one command */

/*
 * {NAME: VALUE} of the files, then of the words, which win.  A word
 * without "=" takes the value it has here, or is left out.  The caller
 * owns *ret, also below.
 */
int	env_parse(json_t **ret, const struct opt_list *files,
	    const struct opt_list *words, struct err *);

/* {NAME: VALUE}; a label without "=" is empty. */
int	labels_parse(json_t **ret, const struct opt_list *, struct err *);

/* [ADDR:]HOST:GUEST[/PROTO] with ranges, ADDR in brackets when it is IPv6. */
int	ports_parse(json_t **ret, const struct opt_list *, struct err *);

/* VOLUME:/PATH[:ro|rw]; words of the host's directories are left out. */
int	volumes_parse(json_t **ret, const struct opt_list *, struct err *);

/*
 * HOSTDIR:/PATH[:ro|rw], and of the same list only those: what begins with
 * "/", "." or "~".  The directory must be there; its real path is asked for.
 */
int	shares_parse(json_t **ret, const struct opt_list *, struct err *);

/* no, always, unless-stopped, on-failure[:N]; a RestartPolicy. */
int	restart_parse(json_t **ret, const char *, struct err *);

#endif
