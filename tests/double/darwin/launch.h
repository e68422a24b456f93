/* SPDX-License-Identifier: ISC */
/* launch.h - of launchd what socket_darwin.c asks for; see darwin.c */

#ifndef DOUBLE_DARWIN_LAUNCH_H
#define DOUBLE_DARWIN_LAUNCH_H

#include <stddef.h>

/* 0, or an errno. */
int	launch_activate_socket(const char *name, int **fds, size_t *n);

#endif
