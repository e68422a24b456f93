/* SPDX-License-Identifier: ISC */
/*
 * process.h - other processes, told apart from those that come after them
 *
 * A process number is used again; a number and a start time is not.  A
 * handle (pidfd) means one process for ever, also when it is gone.
 */

#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

struct process_info {
	uint64_t start;		/* clock ticks since the host booted */
	uid_t	 uid;		/* effective user */
};

/* What is known of a living process; -1 when there is none (ESRCH). */
int	process_info(struct process_info *ret, pid_t, struct err *);

/*
 * A handle of process pid if it is the one that began at 'start' and runs as
 * 'uid'.  -1 with errno ESRCH when it is not there or another one now.  The
 * handle is readable once the process has ended; close-on-exec.
 */
int	process_open(pid_t, uint64_t start, uid_t);

/* Signal the process of a handle.  -1 with errno, ESRCH when it has ended. */
int	process_signal(int handle, int signo);

/* Processor time that a process has used, ns; 0 when it is not there. */
uint64_t process_cpu_ns(pid_t);

/* What a process has used and uses; all 0 when it is not there. */
struct process_usage {
	uint64_t cpu_ns;
	uint64_t rss;		/* bytes, resident */
	uint64_t vms;		/* and mapped; 0 where nobody says */
};
void	process_usage(struct process_usage *ret, pid_t);

/*
 * Signal every process that has the file of fd open, but this one.  Returns
 * how many there were.  Slow: looks at all descriptors of all processes.
 */
unsigned process_signal_holders(int fd, int signo);

#endif
