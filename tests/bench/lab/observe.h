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

/*
 * Marks of a guest: 0 is the first instruction of its user space, which is
 * all that marker.S does.  load.c has phases, from 1: mark 4n asks to read
 * the counters, work is from 4n + 1 to 4n + 2, and then they may be read
 * again.
 */
#define MARK_USER	0
#define MARK_CONNECT	3		/* the guest listens on its port */
#define MARK_DONE	98
#define MARK_FAILED	99
#define MARKS		100
#define PHASES		5

/* What the trace of one run has said so far; times in us of CLOCK_MONOTONIC. */
struct trace {
	int	 pipe;			/* trace_pipe */
	double	 entry;			/* first entry of a guest, or 0 */
	double	 mark[MARKS];		/* 0: not there yet */
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
/* Returns to user space, and system calls of all but us, of a deep run. */
long	trace_user_exits(void);
long	trace_syscalls(void);

/* A counter of KVM's, all VMs together: "exits", "pf_taken". */
long	kvm_counter(const char *name);

/* --- phases.c ------------------------------------------------------------- */

struct phase {
	double	us;
	long	exits;
	long	irqs;			/* injected */
	long	user_exits;		/* deep runs only */
	long	syscalls;
};

/*
 * Watch a guest with load.c from user space to its end; -1: it failed, or
 * the process ended, or the seconds are over.
 */
int	phases_follow(struct phase ret[PHASES], struct trace *, bool deep,
	    pid_t pid, unsigned seconds);

/* --- process.c ------------------------------------------------------------ */

/* Of processes, guest memory left out.  KiB. */
struct usage {
	long	processes;
	long	rss;
	long	pss;
	long	anon;
	long	guest;			/* resident guest memory */
	long	guest_private;		/* that is nobody else's, or a file's */
	long	threads;
	long	fds;
};

void	usage_of(struct usage *, pid_t);
void	usage_of_children(struct usage *, pid_t);

#endif
