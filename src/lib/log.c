/* SPDX-License-Identifier: ISC */
/* log.c - messages for the operator; see log.h */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"

#define LINE_LEN_MAX	2048	/* bytes; longer lines are cut */
#define WINDOW_MS	10000

enum { PRIO_ERR = 3, PRIO_WARNING = 4, PRIO_INFO = 6, PRIO_DEBUG = 7 };

static struct {
	char		name[32];
	enum log_style	style;
	int		verbose;
} log_state = { .name = "vmd" };

void
log_init(const char *name, enum log_style style, int verbose)
{
	(void)snprintf(log_state.name, sizeof(log_state.name), "%s", name);
	log_state.style = style;
	log_state.verbose = verbose;
}

void
log_verbose(int verbose)
{
	log_state.verbose = verbose;
}

bool
log_debugs(void)
{
	return log_state.verbose > 0;
}

/* One write(2) a line, so that lines of several processes never mix. */
__attribute__((format(printf, 3, 0)))
static void
log_line(int prio, const char *tail, const char *fmt, va_list ap)
{
	char line[LINE_LEN_MAX];
	size_t len = 0;
	int saved = errno;

	if (log_state.style == LOG_STYLE_PRIORITY)
		len = (size_t)snprintf(line, sizeof(line), "<%d>", prio);
	len += (size_t)snprintf(line + len, sizeof(line) - len, "%s: ",
	    log_state.name);
	(void)vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	len = strlen(line);
	if (tail != NULL)
		(void)snprintf(line + len, sizeof(line) - len, ": %s", tail);
	len = strlen(line);
	if (len == sizeof(line) - 1)
		len--;
	line[len++] = '\n';
	/* Nowhere to report a log that cannot be written. */
	if (write(STDERR_FILENO, line, len) == -1)
		errno = 0;
	errno = saved;
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (log_state.verbose == 0)
		return;
	va_start(ap, fmt);
	log_line(PRIO_DEBUG, NULL, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(PRIO_INFO, NULL, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(PRIO_WARNING, NULL, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	const char *tail = strerror(errno);
	va_list ap;

	va_start(ap, fmt);
	log_line(PRIO_WARNING, tail, fmt, ap);
	va_end(ap);
}

void
log_err(const struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(PRIO_WARNING, e->text, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	const char *tail = strerror(errno);
	va_list ap;

	va_start(ap, fmt);
	log_line(PRIO_ERR, tail, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(PRIO_ERR, NULL, fmt, ap);
	va_end(ap);
	exit(1);
}

void
log_limited(struct log_limit *limit, const char *fmt, ...)
{
	char tail[64];
	struct timespec ts;
	uint64_t now;
	va_list ap;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	tail[0] = '\0';
	if (limit->since_ms == 0 || now - limit->since_ms >= WINDOW_MS) {
		if (limit->dropped != 0)
			(void)snprintf(tail, sizeof(tail),
			    "%u such lines left out", limit->dropped);
		limit->since_ms = now;
		limit->used = limit->dropped = 0;
	}
	if (limit->used >= LOG_LIMIT_BURST) {
		limit->dropped++;
		return;
	}
	limit->used++;
	va_start(ap, fmt);
	log_line(PRIO_WARNING, tail[0] != '\0' ? tail : NULL, fmt, ap);
	va_end(ap);
}
