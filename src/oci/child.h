/* SPDX-License-Identifier: ISC */
/*
 * child.h - running skopeo and sqfstar
 *
 * A child works in the job's work directory and is killed when the job ends.
 * What it writes is read while it is waited for or fed, so that neither side
 * ever waits for the other to read.
 */

#ifndef OCI_CHILD_H
#define OCI_CHILD_H

#include <sys/types.h>

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"

#define CHILD_SAID_MAX	4096	/* bytes of its last words that are kept */

struct child {
	const char	*name;		/* argv[0] */
	pid_t		 pid;		/* -1: not running */
	int		 in;		/* to its standard input, or -1 */
	int		 out;		/* from its standard output; -1: EOF */
	int		 err;		/* from its standard error; -1: EOF */
	struct buf	 output;	/* what it wrote */
	bool		 too_much;	/* more than output.max: thrown away */
	char		 said[CHILD_SAID_MAX];	/* the end of its errors */
	size_t		 said_len;
};

struct child_spec {
	char *const	*argv;		/* argv[0] is looked up in PATH */
	int		 dir;		/* its working directory */
	bool		 feed;		/* standard input is a pipe from us */
	int		 keep;		/* a descriptor it keeps, or -1 */
	size_t		 output_max;	/* bytes of output that are wanted */
};

/* child_fini() kills what runs; a child that was only init'ed too. */
void	child_init(struct child *);
void	child_fini(struct child *);

/* Start it.  *ret was init'ed and is to be fini'ed in any case. */
int	child_start(struct child *ret, const struct child_spec *,
	    struct err *);

/* Give it input, all of it or -1: it reads no more, or the job is to end. */
int	child_write(struct child *, const void *, size_t len, struct err *);

/*
 * Wait until it ended, calling tick(arg) a few times a second and before the
 * end (tick may be NULL).  Its input ends first.  Returns 0 when it exited
 * with 0; else -1, and the err has its last words or how it ended.  An
 * interrupted job: -1 at once.
 */
int	child_wait(struct child *, void (*tick)(void *), void *arg,
	    struct err *);

#endif
