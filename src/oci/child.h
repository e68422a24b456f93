/* SPDX-License-Identifier: ISC */
/*
 * child.h - running skopeo and sqfstar
 *
 * A child works in the job's work directory, is killed when the job ends,
 * and has its standard output and error in files there that nobody else can
 * name: it can say as much as it likes without anyone having to listen.
 */

#ifndef OCI_CHILD_H
#define OCI_CHILD_H

#include <sys/types.h>

#include <stdbool.h>

#include "lib/buf.h"
#include "lib/err.h"

#define CHILD_SAID_MAX	4096	/* bytes of the last words that are kept */

struct child {
	const char	*name;	/* argv[0] */
	pid_t		 pid;	/* -1: not running */
	int		 in;	/* to its standard input, or -1 */
	int		 gone;	/* end of file when it ended */
	int		 out;	/* what it wrote */
	int		 err;
};

struct child_spec {
	char *const	*argv;	/* argv[0] is looked up in PATH */
	int		 dir;	/* its working directory */
	bool		 feed;	/* standard input is a pipe from us */
	int		 keep;	/* a descriptor it keeps, or -1 */
};

/* Start it.  *ret is child_fini()'s in any case; fini kills what runs. */
int	child_start(struct child *ret, const struct child_spec *,
	    struct err *);
void	child_init(struct child *);
void	child_fini(struct child *);

/*
 * Wait until it ended, calling tick(arg) a few times a second and before the
 * end (tick may be NULL).  Closes child->in first.  Returns 0 when it exited
 * with 0; else -1, the err says how it ended.  An interrupted job: -1 at
 * once, with the child killed.
 */
int	child_wait(struct child *, void (*tick)(void *), void *,
	    struct err *);

/* The end of its standard error, as one line of text. */
char	*child_said(char buf[CHILD_SAID_MAX], const struct child *);
/* All of its standard output, at most buf->max bytes. */
int	child_output(struct buf *, const struct child *, struct err *);

#endif
