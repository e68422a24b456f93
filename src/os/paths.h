/* SPDX-License-Identifier: ISC */
/*
 * paths.h - where a host's vmd has what it keeps
 *
 * docs/ARCHITECTURE.md, "Directories".  What a user's vmd has is below
 * directories that the environment names.
 */

#ifndef OS_PATHS_H
#define OS_PATHS_H

#include <stddef.h>

/* Of a vmd that is root's. */
struct os_paths {
	const char	*state;
	const char	*socket;
	const char	*conf;		/* vm.conf */
	const char	*programs;	/* PATH of what vmd starts */
};
extern const struct os_paths os_paths;

/*
 * Of a vmd that a user has started: the directory of its state, one that is
 * made for sockets at each log-in, and the name of its vm.conf.  -1: there is
 * none (no HOME), or its name does not fit.
 */
int	os_user_state(char *ret, size_t size);
int	os_user_run(char *ret, size_t size);
int	os_user_conf(char *ret, size_t size);

#endif
