/* SPDX-License-Identifier: ISC */
/*
 * paths.h - where a host's vmd has what it keeps, and what it runs
 *
 * docs/ARCHITECTURE.md, "Directories".  What a user's vmd has is below
 * directories that the environment names.
 */

#ifndef OS_PATHS_H
#define OS_PATHS_H

#include <stddef.h>

#define OS_PLACES_MAX	2	/* of one program */

struct os_paths {
	/* Of a vmd that is root's. */
	const char	*state;
	const char	*socket;
	const char	*conf;		/* vm.conf */
	/* Of every vmd. */
	const char	*programs;	/* PATH of what vmd starts */
	const char	*fds;		/* a process's own descriptors */
	/* Where the host may have these programs; NULL is the end. */
	const char	*mke2fs[OS_PLACES_MAX + 1];
	const char	*gzip[OS_PLACES_MAX + 1];
};
extern const struct os_paths os_paths;

/* The first of these places that has a program, which we may run, or NULL. */
const char *os_program(const char *const places[]);

/*
 * Of a vmd that a user has started: the directory of its state, one that is
 * made for sockets at each log-in, and the name of its vm.conf.  -1: there is
 * none (no HOME), or its name does not fit.
 */
int	os_user_state(char *ret, size_t size);
int	os_user_run(char *ret, size_t size);
int	os_user_conf(char *ret, size_t size);

#endif
