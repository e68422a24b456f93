/* SPDX-License-Identifier: ISC */
/*
 * watch.h - VMMs that live and do not answer
 *
 * Every live VM's VMM is pinged now and then, unless something is at work on
 * it.  One that does not answer in time is shown as Unknown, with the reason;
 * nothing is done to it: it may be stopped by hand, or by a debugger.
 */

#ifndef CONTROL_WATCH_H
#define CONTROL_WATCH_H

#define WATCH_EVERY_MS	10000	/* between two pings of one VMM */
#define WATCH_LIMIT_MS	5000	/* for its answer */

struct control;

/* Begin; goes on until the process ends. */
void	watch_start(struct control *);

#endif
