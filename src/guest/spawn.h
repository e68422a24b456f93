/* SPDX-License-Identifier: ISC */
/*
 * spawn.h - start a program of the image as OCI means it
 *
 * Environment, working directory, user and terminal; needs nothing of the
 * image but the program.
 */

#ifndef GUEST_SPAWN_H
#define GUEST_SPAWN_H

#include <sys/types.h>

#include <stdbool.h>

#include "guest/passwd.h"
#include "lib/err.h"

#define SPAWN_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct spawn {
	const char *const *argv;	/* NULL at the end, at least one */
	char		**env;		/* from spawn_env() */
	const char	*cwd;		/* made if missing */
	const struct passwd_user *user;
	int		 fds[3];	/* become 0, 1 and 2; borrowed */
	bool		 tty;		/* fds[0] becomes the terminal */
};

/*
 * The environment of a program: what 'over' says, then 'base' (either may be
 * NULL), then PATH, HOME and, with a terminal, TERM where nobody set them.
 * Words are borrowed but for HOME; free with spawn_env_free().
 */
char	**spawn_env(const char *const *base, const char *const *over,
	    const char *home, bool tty);
void	spawn_env_free(char **);

/*
 * Start it, in a session of its own, with default signal handling.  Returns
 * when it has been executed; a program that could not be is an error with
 * the reason of the step that failed and the codes of the protocol
 * ("not_found", "not_executable", ...).
 */
int	spawn(pid_t *ret, const struct spawn *, struct err *);

/*
 * Become it: as spawn(), but this process.  Returns only to fail.  The
 * session stays as it is.
 */
int	spawn_exec(const struct spawn *, struct err *);

#endif
