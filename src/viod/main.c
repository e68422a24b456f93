/* SPDX-License-Identifier: ISC */
/*
 * main.c - viod: one virtio device of one VM, in a process of its own
 *
 * The first argument says which kind of device; see viod(8).
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
#include "lib/util.h"
#include "os/os.h"
#include "viod/viod.h"

static const struct command {
	const char	*name;
	int		(*main)(struct viod_start *, int argc, char **argv);
	enum sandbox_program sandbox;
	const char	*synopsis;
} commands[] = {
	{ "blk", blk_main, SANDBOX_VIOD_BLK, "-d fd [-rv] [-b rate] [-i iops] "
	    "[-n name] [-q queues] [-s serial] [-E engine] [-S path]" },
	{ "net", net_main, SANDBOX_VIOD_NET, "-m mac [-v] [-D rate] "
	    "[-H hostname] [-n name] [-p [addr:]host:guest[/udp]] [-q pairs] "
	    "[-S path] [-U rate]" },
	{ "vsock", vsock_main, SANDBOX_VIOD_VSOCK, "-c cid -d fd -l fd [-v] "
	    "[-n name] [-S path]" },
};

void
viod_usage(const char *device)
{
	for (unsigned i = 0; i < COUNT(commands); i++)
		if (device == NULL || strcmp(device, commands[i].name) == 0)
			fprintf(stderr, "usage: viod %s %s\n",
			    commands[i].name, commands[i].synopsis);
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

static void
on_lifeline(evutil_socket_t fd, short what, void *arg)
{
	struct event_base *base = arg;
	char bin[64];
	ssize_t n;

	(void)what;
	n = read(fd, bin, sizeof(bin));
	if (n > 0 || (n == -1 && (errno == EINTR || errno == EAGAIN)))
		return;
	log_debug("the VMM is gone");
	(void)event_base_loopbreak(base);
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
	if (s->path == NULL)
		life = must_add(event_new(s->base, VIOD_FD_LIFELINE,
		    EV_READ | EV_PERSIST, on_lifeline, s->base));
	confine(s);
	report(s, "ok\n");
	if (event_base_dispatch(s->base) == -1)
		fatalx("event loop");
	viod_hangup(v);
	event_free(term);
	if (life != NULL)
		event_free(life);
}

int
main(int argc, char *argv[])
{
	struct viod_start start = { .base = NULL };
	int ret;

	if (argc < 2)
		viod_usage(NULL);
	for (unsigned i = 0; i < COUNT(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		start.device = commands[i].name;
		start.sandbox.program = commands[i].sandbox;
		ret = commands[i].main(&start, argc - 1, argv + 1);
		event_base_free(start.base);
		return ret;
	}
	viod_usage(NULL);
}
