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

#define CHILD_QMP_FD	3	/* where QEMU finds its QMP socket */
#define CHILD_LINE_MAX	300	/* bytes with the NUL of a line of stderr */

struct event_base;
struct child;

/*
 * Start argv[0], looked up in PATH.  *qmp, our end of its QMP socket, is the
 * caller's.  ended() is called once, from the event loop, with a sentence
 * such as "QEMU was killed by signal 9: LAST LINE"; not after destroy.
 */
int	child_new(struct child **ret, struct event_base *,
	    char *const argv[], int *qmp, struct err *);
void	child_on_end(struct child *, void (*ended)(void *arg,
	    const char *why), void *arg);

/* Kill it if it lives, and wait until it is gone. */
void	child_destroy(struct child *);
OWN_DEFINE(struct child, child_destroy);

pid_t	 child_pid(const struct child *);
/* Processor time it has used; 0 when that is not known. */
uint64_t child_cpu_ns(const struct child *);

#endif
