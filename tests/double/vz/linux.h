/* SPDX-License-Identifier: ISC */
/* linux.h - the double's guest as one of vmd's; see linux.c */

#ifndef DOUBLE_VZ_LINUX_H
#define DOUBLE_VZ_LINUX_H

#include <stdbool.h>
#include <stddef.h>

struct objc;

#define LINUX_AGENT	2222	/* its port */
#define LINUX_READY	1024	/* the host's, which is told */

/* Does the machine's command line have the word? */
bool	linux_has(struct objc *config, const char *word);

/* Serve a session to its end, here; true: the guest is to end. */
bool	linux_agent(int fd);

/* A socket where frames for the guest's card come, and where to send its. */
int	linux_net(void);
void	linux_frame(int net, const void *, size_t len);

#endif
