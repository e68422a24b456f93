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

struct ends {
	struct event_signal	term;
	struct event_watch	life;
	const struct viod_start	*start;
	const struct viod	*viod;		/* or NULL */
};

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
	struct err e;

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
	if (event_loop_new(&s->loop, &e) == -1)
		fatalx("%s", e.text);
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
tell_counters(const struct ends *ends, int fd)
{
	const struct viod_start *s = ends->start;
	const struct viod *v = ends->viod;
	char line[COUNTERS_MAX];
	size_t len;

	line[0] = '\0';
	if (s->counters != NULL)
		s->counters(s->arg, line, sizeof(line) - 1);
	else if (v != NULL && v->class->counters != NULL)
		v->class->counters(v, line, sizeof(line) - 1);
	len = strlen(line);
	line[len++] = '\n';
	if (write(fd, line, len) == -1)
		log_debug("counters: %s", strerror(errno));
}

static void
on_lifeline(void *arg, unsigned what)
{
	const struct ends *ends = arg;
	char bin[64];
	ssize_t n;

	(void)what;
	n = read(VIOD_FD_LIFELINE, bin, sizeof(bin));
	if (n > 0)
		tell_counters(ends, VIOD_FD_LIFELINE);
	if (n > 0 || (n == -1 && (errno == EINTR || errno == EAGAIN)))
		return;
	log_debug("the VMM is gone");
	event_loop_stop(ends->start->loop);
}

static void
on_signal(void *arg, int signo)
{
	(void)signo;
	event_loop_stop(arg);
}

/* The ends there may be: SIGTERM, or that of the VMM. */
static int
watch_ends(struct viod_start *s, struct viod *v, struct ends *ends,
    struct err *e)
{
	sigset_t set;

	ends->start = s;
	ends->viod = v;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	event_signal_init(&ends->term, s->loop, on_signal, s->loop);
	event_watch_init(&ends->life, s->loop, VIOD_FD_LIFELINE, on_lifeline,
	    ends);
	if (event_signal_take(&ends->term, &set, e) == -1)
		return -1;
	if (s->path != NULL)
		return 0;
	/* A VMM that does not read must not hold us up. */
	(void)fd_nonblock(VIOD_FD_LIFELINE, 1);
	if (event_watch_set(&ends->life, EVENT_READ) == -1)
		return err_sys(e, "lifeline");
	return 0;
}

void
viod_run(struct viod_start *s, struct viod *v)
{
	struct ends ends;
	struct err e;
	int fd = VIOD_FD_LISTEN;

	if (s->path != NULL) {
		fd = os_unix_listen(AT_FDCWD, s->path, 0600, 4, &e);
		if (fd == -1)
			viod_refuse(s, &e);
	}
	if ((v != NULL && viod_listen(v, fd, &e) == -1) ||
	    watch_ends(s, v, &ends, &e) == -1)
		viod_refuse(s, &e);
	confine(s);
	report(s, "ok\n");
	event_loop_run(s->loop);
	if (v != NULL)
		viod_hangup(v);
	event_signal_fini(&ends.term);
	event_watch_fini(&ends.life);
}
