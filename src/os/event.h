/* SPDX-License-Identifier: ISC */
/*
 * event.h - the event loop of programs that run beside a guest
 *
 * A program watches descriptors, sets timers and takes signals; the loop
 * calls it back, one call at a time, on the thread that runs it.  Everything
 * here belongs to that thread: others write to a descriptor that is watched.
 *
 * The structs are the caller's, inside of his own: nothing is allocated but
 * the loop.  Zeroed ones may be ended.  Any callback may end any of them, its
 * own too, and free the memory: what was ready on them is not told any more.
 *
 * A turn of the loop waits, tells of the descriptors that are ready, then
 * calls timers that are due, then those that were set for the end of the
 * turn.  Nobody is called twice in a turn.
 *
 * event.c is all of it but waiting, event_linux.c that: epoll(7) and
 * signalfd(2).  The shape is that of kqueue(2) too: EVENT_READ and
 * EVENT_WRITE are its filters, EVENT_EDGE is EV_CLEAR, EVENT_HUP is EV_EOF
 * of a read filter whose low-water mark is never reached, signals are
 * EVFILT_SIGNAL, and both waits end at a timeout.
 */

#ifndef OS_EVENT_H
#define OS_EVENT_H

#include <sys/queue.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

struct event_loop;

int	event_loop_new(struct event_loop **ret, struct err *);

/* What is watched and set must have been ended. */
void	event_loop_destroy(struct event_loop *);
OWN_DEFINE(struct event_loop, event_loop_destroy);

/*
 * Call back until event_loop_stop(), which ends it when the callback
 * returns.  What is ready then and was not told is told by the next run.
 */
void	event_loop_run(struct event_loop *);
void	event_loop_stop(struct event_loop *);

/*
 * One turn, which waits wait_ms milliseconds at most; -1: as long as it
 * takes.  True: somebody was called.
 */
bool	event_loop_turn(struct event_loop *, int wait_ms);

/* --- descriptors --------------------------------------------------------- */

/* What a descriptor is watched for, and what is told of it. */
enum {
	EVENT_READ	= 0x1,	/* bytes, a connection, or the end of them */
	EVENT_WRITE	= 0x2,	/* there is room */
	EVENT_HUP	= 0x4,	/* a stream's peer sends no more: told without
				   waking for what it does send */
	EVENT_EDGE	= 0x8,	/* only watched: tell of changes, not for as
				   long as it is so */
};

struct event_watch {
	struct event_loop	*loop;
	int			 fd;	/* borrowed */
	unsigned		 what;	/* EVENT_*; 0: not watched */
	/* what: EVENT_READ, _WRITE, _HUP that are watched and so. */
	void			(*fn)(void *arg, unsigned what);
	void			*arg;
};

/* Prepare; nothing is watched yet. */
void	event_watch_init(struct event_watch *, struct event_loop *, int fd,
	    void (*fn)(void *arg, unsigned what), void *arg);

/*
 * From now on watch for that, and nothing else; 0: for nothing.  A
 * descriptor has one watch.  An error of it is told as all that is watched.
 * -1 with errno: as before; EPERM: a regular file, which is always ready.
 * Watching for nothing never fails.
 */
int	event_watch_set(struct event_watch *, unsigned what);

/* Before the descriptor is closed. */
void	event_watch_fini(struct event_watch *);

/* --- timers -------------------------------------------------------------- */

struct event_timer {
	struct event_loop		*loop;
	void				(*fn)(void *arg);
	void				*arg;
	uint64_t			 due;	/* os_now_us() */
	uint64_t			 turn;	/* when it was called last */
	struct event_timers		*on;	/* the list it is on, or NULL */
	TAILQ_ENTRY(event_timer)	 entry;
};
TAILQ_HEAD(event_timers, event_timer);

void	event_timer_init(struct event_timer *, struct event_loop *,
	    void (*fn)(void *arg), void *arg);

/*
 * Call once, in so many microseconds: not earlier, and later by up to a
 * millisecond.  In place of what was set before.  Finding its place takes as
 * long as there are timers that are due later.
 */
void	event_timer_set(struct event_timer *, uint64_t us);

/*
 * Call once, when all that is ready now has been told; in place of what was
 * set before.  At the end of this turn, or of the next if it was called in
 * this one.
 */
void	event_timer_soon(struct event_timer *);

/* Do not call; for the last time, too. */
void	event_timer_clear(struct event_timer *);

/* --- signals ------------------------------------------------------------- */

struct event_signal {
	struct event_watch	 watch;		/* the host's own */
	sigset_t		 set;
	void			(*fn)(void *arg, int signo);
	void			*arg;
};

void	event_signal_init(struct event_signal *, struct event_loop *,
	    void (*fn)(void *arg, int signo), void *arg);

/*
 * Take these signals, once.  They are blocked from now on: threads must be
 * made later, and children begin by unblocking them.
 */
int	event_signal_take(struct event_signal *, const sigset_t *,
	    struct err *);

/* Their actions are what they were before. */
void	event_signal_fini(struct event_signal *);

#endif
