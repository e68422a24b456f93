/* SPDX-License-Identifier: ISC */
/*
 * observe.h - the parts of observe: the kernel's tracing, and processes
 */

#ifndef BENCH_OBSERVE_H
#define BENCH_OBSERVE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* --- tracing.c ------------------------------------------------------------ */

#define SYSCALLS_MAX	512		/* numbers counted one by one */

/* What the trace of one run has said so far; times in us of CLOCK_MONOTONIC. */
struct trace {
	int	 pipe;			/* trace_pipe */
	double	 entry;			/* first entry of a guest, or 0 */
	double	 user;			/* first instruction of its /init */
	bool	 counting;		/* between execve and first entry */
	long	 syscalls;		/* in between */
	long	 by_number[SYSCALLS_MAX];
	bool	 list;			/* print each, with its time */
	double	 start;			/* for that: what is 0 */
	char	 line[512];		/* not whole yet */
	size_t	 len;
};

/* Mount what is needed; ends the program if there is no such kernel. */
void	trace_setup(void);

/*
 * Begin to record.  deep: also count system calls, and exits by reason,
 * which costs time.  pid: whose system calls, and its children's.
 */
void	trace_begin(struct trace *, bool deep, pid_t pid);
/* Take in what there is; does not block. */
void	trace_read(struct trace *);
void	trace_end(struct trace *, bool deep);

/* Exits by reason and so on of a deep run, as lines beginning with "# ". */
void	trace_print(const struct trace *);
/* Returns to user space of a deep run. */
long	trace_user_exits(void);

/* A counter of KVM's, all VMs together: "exits", "pf_taken". */
long	kvm_counter(const char *name);

/* --- process.c ------------------------------------------------------------ */

/* Of processes, guest memory left out.  KiB. */
struct usage {
	long	processes;
	long	rss;
	long	pss;
	long	anon;
	long	guest;			/* resident guest memory */
	long	threads;
	long	fds;
};

void	usage_of(struct usage *, pid_t);
void	usage_of_children(struct usage *, pid_t);

#endif
