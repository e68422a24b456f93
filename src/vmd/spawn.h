/* SPDX-License-Identifier: ISC */
/*
 * spawn.h - start a program the one way vmd starts programs
 *
 * A session and process group of its own, a working directory, standard
 * input and output /dev/null unless told, an environment of PATH only,
 * descriptors from 3 on as told, every other closed, default signals, then
 * the user.
 */

#ifndef VMD_SPAWN_H
#define VMD_SPAWN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "vmd/user.h"

#define SPAWN_ARGS_MAX	2300	/* a prune keeps up to 1,024 digests */
#define SPAWN_FDS_MAX	96	/* a tap has 64 ports */
#define SPAWN_REPORT	3	/* where a program reports, by contract */

struct spawn {
	const char	*program;	/* absolute path; borrowed */
	unsigned	 nargs;
	char		*args[SPAWN_ARGS_MAX + 1];	/* owned */
	unsigned	 nfds;
	int		 fds[SPAWN_FDS_MAX];	/* the child's 3 on; borrowed */
	int		 in;		/* standard input; -1: /dev/null */
	int		 out;		/* and output */
	uint64_t	 out_max;	/* bytes of a file; 0: no limit */
	int		 log;		/* its standard error, or -1: ours */
	int		 dir;		/* its working directory */
	const struct user *user;	/* NULL: ours; borrowed */
	mode_t		 mask;		/* umask */
	bool		 dies_with_us;	/* killed when this process ends */
	bool		 json;		/* fd 3 is an image job's */
	/* Where to note the process before it executes, or -1, as 'name'. */
	int		 pids;
	const char	*name;
};

/* program is argv[0]; the rest is as vmd-control and jobs want it. */
struct spawn *spawn_new(const char *program, struct err *);
void	spawn_destroy(struct spawn *);
OWN_DEFINE(struct spawn, spawn_destroy);

/* Add a word.  Without memory or room the run fails. */
void	spawn_arg(struct spawn *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Hand on a descriptor; returns the number the child knows it by. */
int	spawn_fd(struct spawn *, int fd);

/*
 * Start it.  Returns the process, or -1.  What fails after the fork is
 * reported by the child on its fd 3: "error TEXT".
 */
pid_t	spawn_run(struct spawn *, struct err *);

#endif
