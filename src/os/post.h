/* SPDX-License-Identifier: ISC */
/*
 * post.h - calls into an event loop from other threads
 *
 * A loop belongs to its thread.  Another thread, one of a framework's for
 * instance, posts a letter: the loop calls it, in the order of posting, one
 * after the other and never from within post_send().
 *
 * The letter is the caller's, inside of a struct of his own; from
 * post_send() on until its call it must stay, and is not posted again.
 */

#ifndef OS_POST_H
#define OS_POST_H

#include <sys/queue.h>

#include <pthread.h>
#include <stdbool.h>

#include "lib/err.h"
#include "os/event.h"

struct letter {
	STAILQ_ENTRY(letter)	  next;
	/* Called by the loop; may free the letter. */
	void			(*fn)(struct letter *);
};
STAILQ_HEAD(letters, letter);

struct post {
	pthread_mutex_t		 lock;
	struct letters		 letters;	/* under the lock */
	bool			 woken;		/* a byte is in the pipe */
	int			 pipe[2];	/* read end, write end */
	struct event_watch	 watch;
};

int	post_init(struct post *, struct event_loop *, struct err *);

/* Any thread; never waits for the loop. */
void	post_send(struct post *, struct letter *);

/*
 * Call what was posted now instead of in the loop; its thread.  For the
 * end, when nobody posts any more.
 */
void	post_drain(struct post *);

/* Nobody posts any more; what was posted and not called is forgotten. */
void	post_fini(struct post *);

#endif
