/* SPDX-License-Identifier: ISC */
/*
 * log.h - messages for the operator
 *
 * Only programs log; library code fills a struct err (log_debug excepted).
 * Lines go to standard error as "<n>name: text", where <n> is the syslog
 * priority when standard error is not a terminal and nothing reads better
 * without it (-d), so that journald and launchd can sort them.
 */

#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

enum log_style {
	LOG_STYLE_PLAIN,	/* "name: text" */
	LOG_STYLE_PRIORITY,	/* "<6>name: text", for a log collector */
};

/* 'name' is copied (31 bytes at most).  verbose > 0 shows log_debug(). */
void	log_init(const char *name, enum log_style, int verbose);
void	log_verbose(int verbose);
/* Does log_debug() say anything? */
bool	log_debugs(void);

void	log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* With ": strerror(errno)". */
void	log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* With ": text" of an err. */
void	log_err(const struct err *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Our own invariant is broken or our ground is lost: say so, exit 1. */
void	fatal(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));
void	fatalx(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));

/*
 * A budget for what a guest or peer can cause: at most 'burst' lines every
 * ten seconds, then silence; the next line says how many were left out.
 */
struct log_limit {
	uint64_t	 since_ms;	/* start of the window, monotonic */
	unsigned	 used;
	unsigned	 dropped;
};
#define LOG_LIMIT_BURST	5

void	log_limited(struct log_limit *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

#endif
