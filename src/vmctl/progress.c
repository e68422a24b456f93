/* SPDX-License-Identifier: ISC */
/* progress.c - how far something is, on standard error; see progress.h */

#include <sys/ioctl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmctl/progress.h"

#define REDRAW_MS	100	/* at most ten times a second */
#define WIDTH_MAX	512	/* columns that are used */
#define BAR_MAX		30	/* columns of the bar */
#define BAR_LEAST	8

void
progress_begin(struct progress *p, const char *what, bool quiet)
{
	const char *term = getenv("TERM");

	memset(p, 0, sizeof(*p));
	p->what = what;
	p->quiet = quiet;
	p->terminal = isatty(STDERR_FILENO) && term != NULL &&
	    strcmp(term, "dumb") != 0;
	p->begin_ms = os_now_ms();
}

static size_t
terminal_width(void)
{
	struct winsize ws;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == -1 || ws.ws_col == 0)
		return 80;
	return MIN((size_t)ws.ws_col, (size_t)WIDTH_MAX);
}

/* "  2/5 layers  12.3 MB / 45.6 MB" */
static void
amounts(char *buf, size_t len, const struct moment *m)
{
	char done[16], total[16];
	size_t used = 0;

	buf[0] = '\0';
	if (m->layers_total > 0)
		used = (size_t)snprintf(buf, len, "  %llu/%llu layers",
		    (unsigned long long)m->layers_done,
		    (unsigned long long)m->layers_total);
	if (m->total > 0 && used < len)
		(void)snprintf(buf + used, len - used, "  %s / %s",
		    size_print(done, sizeof(done), m->done),
		    size_print(total, sizeof(total), m->total));
	else if (m->done > 0 && used < len)
		(void)snprintf(buf + used, len - used, "  %s",
		    size_print(done, sizeof(done), m->done));
}

void
progress_line(char *buf, size_t len, const struct progress *p,
    const struct moment *m, uint64_t rate, size_t width)
{
	char right[160], speed[24] = "", text[16], bar[BAR_MAX + 1];
	size_t room, filled, n, used;

	amounts(right, sizeof(right), m);
	if (rate > 0)
		(void)snprintf(speed, sizeof(speed), "  %s/s",
		    size_print(text, sizeof(text), rate));
	n = MIN(len, width + 1);
	used = (size_t)snprintf(buf, n, "%s: %s%s%s", p->what, m->phase,
	    right, speed);
	if (m->total == 0 || used + 4 + BAR_LEAST > width || used >= n)
		return;
	room = MIN(width - used - 4, (size_t)BAR_MAX);
	filled = (size_t)((double)room * (double)MIN(m->done, m->total) /
	    (double)m->total);
	memset(bar, ' ', room);
	memset(bar, '=', filled);
	if (filled < room)
		bar[filled] = '>';
	bar[room] = '\0';
	(void)snprintf(buf + used, n - used, "  [%s]", bar);
}

static void
show_plain(struct progress *p, const struct moment *m)
{
	char right[160];

	if (strcmp(p->phase, m->phase) == 0 && p->layers == m->layers_done)
		return;
	amounts(right, sizeof(right), m);
	(void)fprintf(stderr, "%s: %s%s\n", p->what, m->phase, right);
}

static void
show_terminal(struct progress *p, const struct moment *m)
{
	uint64_t now = os_now_ms(), passed = now - p->begin_ms, rate = 0;
	char line[WIDTH_MAX + 1];

	if (p->drawn && now - p->drawn_ms < REDRAW_MS &&
	    strcmp(p->phase, m->phase) == 0)
		return;
	if (strcmp(p->phase, m->phase) != 0) {
		p->begin_ms = now;
		p->begin_bytes = m->done;
		passed = 0;
	}
	if (passed >= 1000 && m->done > p->begin_bytes)
		rate = (m->done - p->begin_bytes) * 1000 / passed;
	progress_line(line, sizeof(line), p, m, rate, terminal_width() - 1);
	(void)fprintf(stderr, "\r\033[K%s", line);
	(void)fflush(stderr);
	p->drawn = true;
	p->drawn_ms = now;
}

void
progress_show(struct progress *p, const struct moment *m)
{
	if (p->quiet)
		return;
	if (p->terminal)
		show_terminal(p, m);
	else
		show_plain(p, m);
	p->layers = m->layers_done;
	(void)snprintf(p->phase, sizeof(p->phase), "%s", m->phase);
}

void
progress_end(struct progress *p, const char *last)
{
	if (p->drawn)
		(void)fprintf(stderr, "\r\033[K");
	p->drawn = false;
	if (!p->quiet && last != NULL)
		(void)fprintf(stderr, "%s: %s\n", p->what, last);
}
