/* SPDX-License-Identifier: ISC */
/*
 * child.h - the one QEMU of a vmm-qemu
 *
 * It dies with us.  What it writes to standard error goes to our log; the
 * last line is kept, because it says why it ended.
 */

#ifndef QEMU_CHILD_H
#define QEMU_CHILD_H

#include <sys/types.h>

#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define CHILD_FD_FIRST	3	/* descriptors for QEMU begin here */
#define CHILD_LINE_MAX	300	/* bytes with the NUL of a line of stderr */

struct event_loop;
struct child;

/* What it is started with. */
struct child_setup {
	char *const	*argv;		/* argv[0] is looked up in PATH */
	const int	*fds;		/* fds[i] is CHILD_FD_FIRST + i there */
	size_t		 nfds;		/* at most CHILD_FDS_MAX */
};
#define CHILD_FDS_MAX	4

/*
 * Start it; the descriptors stay the caller's.  ended() is called once, from
 * the event loop, with a sentence such as "QEMU was killed by signal 9: LAST
 * LINE"; not after destroy.
 */
int	child_new(struct child **ret, struct event_loop *,
	    const struct child_setup *, struct err *);
void	child_on_end(struct child *, void (*ended)(void *arg,
	    const char *why), void *arg);

/* Kill it if it lives, and wait until it is gone. */
void	child_destroy(struct child *);
OWN_DEFINE(struct child, child_destroy);

pid_t	 child_pid(const struct child *);
/* Processor time it has used; 0 when that is not known. */
uint64_t child_cpu_ns(const struct child *);

#endif
