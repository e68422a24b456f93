/* SPDX-License-Identifier: ISC */
/*
 * start.c - how a device process starts, runs and ends; see viod.h
 *
 * Process: viod.  Sandbox: entered by viod_run(), when everything that
 * needs more is done.  Needs: descriptors 3 to 5 and the device's own.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "os/os.h"
#include "viod/viod.h"

#define COUNTERS_MAX	256	/* bytes of the line that says them */

void
viod_usage(const char *device)
{
	for (const struct viod_command *c = viod_commands; c->name != NULL;
	    c++)
		if (device == NULL || strcmp(device, c->name) == 0)
			fprintf(stderr, "usage: viod %s %s\n", c->name,
			    c->synopsis);
	exit(2);
}

int
viod_option(struct viod_start *s, int ch, const char *arg)
{
	switch (ch) {
	case 'n':
		s->name = arg;
		return 0;
	case 'S':
		s->path = arg;
		return 0;
	case 'v':
		s->verbose++;
		return 0;
	default:
		return -1;
	}
}

/* One line to whoever started us, who then sees the end of the pipe. */
static void
report(const struct viod_start *s, const char *line)
{
	if (s->path != NULL)
		return;
	(void)write_full(VIOD_FD_REPORT, line, strlen(line));
	(void)close(VIOD_FD_REPORT);
}

void
viod_begin(struct viod_start *s)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "viod %s",
	    s->name != NULL ? s->name : s->device);
	log_init(name, LOG_STYLE_PLAIN, s->verbose);
	(void)signal(SIGPIPE, SIG_IGN);
	/* A disk that may not grow is an I/O error of the guest. */
	(void)signal(SIGXFSZ, SIG_IGN);
	if (s->path == NULL)
		for (int fd = VIOD_FD_REPORT; fd <= VIOD_FD_LISTEN; fd++)
			if (fd_cloexec(fd, 1) == -1)
				fatal("descriptor %d (vmd opens it; -S is "
				    "for other uses)", fd);
	s->base = event_base_new();
	if (s->base == NULL)
		fatalx("no event loop");
}

void
viod_refuse(const struct viod_start *s, const struct err *e)
{
	char line[ERR_TEXT_MAX + 8];

	(void)snprintf(line, sizeof(line), "error %s\n", e->text);
	report(s, line);
	log_err(e, "cannot start");
	exit(1);
}

/* From here on a device is as harmless as this host can make it. */
static void
confine(struct viod_start *s)
{
	char missing[SANDBOX_MISSING_MAX];
	struct err e;

	if (sandbox_enter(&s->sandbox, missing, &e) == -1)
		viod_refuse(s, &e);
	if (missing[0] != '\0')
		log_info("sandbox without: %s", missing);
	/* Making the filter took more than the device will. */
	os_trim_heap();
}

/* --- serving ------------------------------------------------------------- */

/* The VMM asks what was counted; it reads, or goes without. */
static void
tell_counters(const struct viod *v, int fd)
{
	char line[COUNTERS_MAX];
	size_t len;

	line[0] = '\0';
	if (v->class->counters != NULL)
		v->class->counters(v, line, sizeof(line) - 1);
	len = strlen(line);
	line[len++] = '\n';
	if (write(fd, line, len) == -1)
		log_debug("counters: %s", strerror(errno));
}

static void
on_lifeline(evutil_socket_t fd, short what, void *arg)
{
	const struct viod *v = arg;
	char bin[64];
	ssize_t n;

	(void)what;
	n = read(fd, bin, sizeof(bin));
	if (n > 0)
		tell_counters(v, fd);
	if (n > 0 || (n == -1 && (errno == EINTR || errno == EAGAIN)))
		return;
	log_debug("the VMM is gone");
	(void)event_base_loopbreak(v->base);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct event_base *base = arg;

	(void)sig;
	(void)what;
	(void)event_base_loopbreak(base);
}

static struct event *
must_add(struct event *ev)
{
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("no memory for an event");
	return ev;
}

void
viod_run(struct viod_start *s, struct viod *v)
{
	struct event *term, *life = NULL;
	struct err e;
	int fd = VIOD_FD_LISTEN;

	if (s->path != NULL) {
		fd = os_unix_listen(AT_FDCWD, s->path, 0600, 4, &e);
		if (fd == -1)
			viod_refuse(s, &e);
	}
	if (viod_listen(v, fd, &e) == -1)
		viod_refuse(s, &e);
	term = must_add(evsignal_new(s->base, SIGTERM, on_signal, s->base));
	if (s->path == NULL) {
		/* A VMM that does not read must not hold us up. */
		(void)fd_nonblock(VIOD_FD_LIFELINE, 1);
		life = must_add(event_new(s->base, VIOD_FD_LIFELINE,
		    EV_READ | EV_PERSIST, on_lifeline, v));
	}
	confine(s);
	report(s, "ok\n");
	if (event_base_dispatch(s->base) == -1)
		fatalx("event loop");
	viod_hangup(v);
	event_free(term);
	if (life != NULL)
		event_free(life);
}
