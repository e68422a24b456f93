/* SPDX-License-Identifier: ISC */
/* report.c - the first line of a program that was started; see report.h */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "vmd/report.h"

struct report {
	int		 fd;
	struct event	*ev;
	report_fn	*fn;
	void		*arg;
	size_t		 len;
	char		 line[REPORT_LINE_MAX];
};

/* What a program says goes to people: no control characters. */
static void
clean(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = '?';
}

static void
report_end(struct report *r, const struct err *e)
{
	report_fn *fn = r->fn;
	void *arg = r->arg;

	report_destroy(r);
	fn(arg, e);
}

static void
report_line(struct report *r)
{
	struct err e;

	r->line[r->len] = '\0';
	clean(r->line);
	if (strcmp(r->line, "ok") == 0) {
		report_end(r, NULL);
		return;
	}
	if (strncmp(r->line, "error ", 6) == 0)
		(void)err_set(&e, EIO, "%s", r->line + 6);
	else
		(void)err_set(&e, EPROTO, "reported \"%s\"", r->line);
	report_end(r, &e);
}

static void
report_read(evutil_socket_t fd, short what, void *arg)
{
	struct report *r = arg;
	struct err e;
	char *nl;
	ssize_t n;

	if (what & EV_TIMEOUT) {
		(void)err_set(&e, ETIMEDOUT, "did not answer within %d s",
		    REPORT_TIMEOUT_MS / 1000);
		report_end(r, &e);
		return;
	}
	n = read(fd, r->line + r->len, sizeof(r->line) - 1 - r->len);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 && r->len == 0) {
		(void)err_set(&e, EIO, "ended before it served");
		report_end(r, &e);
		return;
	}
	if (n > 0)
		nl = memchr(r->line + r->len, '\n', (size_t)n);
	else
		nl = r->line + r->len;
	r->len = nl != NULL ? (size_t)(nl - r->line) : r->len + (size_t)n;
	if (nl != NULL || r->len == sizeof(r->line) - 1)
		report_line(r);
}

int
report_new(struct report **ret, int *child, struct event_base *base,
    report_fn *fn, void *arg, struct err *e)
{
	struct timeval limit = { REPORT_TIMEOUT_MS / 1000, 0 };
	struct report *r;
	int p[2];

	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return err_sys(e, "report");
	r->fd = -1;
	r->fn = fn;
	r->arg = arg;
	if (os_pipe(p) == -1) {
		(void)err_sys(e, "report pipe");
		report_destroy(r);
		return -1;
	}
	r->fd = p[0];
	r->ev = event_new(base, r->fd, EV_READ | EV_PERSIST, report_read, r);
	if (r->ev == NULL || event_add(r->ev, &limit) == -1) {
		(void)close(p[1]);
		report_destroy(r);
		return err_set(e, ENOMEM, "no memory for a report");
	}
	*ret = r;
	*child = p[1];
	return 0;
}

void
report_destroy(struct report *r)
{
	if (r == NULL)
		return;
	if (r->ev != NULL)
		event_free(r->ev);
	if (r->fd != -1)
		(void)close(r->fd);
	free(r);
}
