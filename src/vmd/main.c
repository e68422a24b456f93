/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmd, the monitor
 *
 * Opens files as their owner, starts programs and watches them, on the
 * closed list of requests.c.  It parses nothing that a user or guest wrote.
 *
 * Process: one a STATE directory, root's or a user's.
 * Sandbox: none; it is the one that has the rights, so it stays small.
 * Needs: everything that vmd-processes(7) lists under vmd.
 */

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmd/children.h"
#include "vmd/conf.h"
#include "vmd/control.h"
#include "vmd/jobs.h"
#include "vmd/listen.h"
#include "vmd/names.h"
#include "vmd/options.h"
#include "vmd/state.h"
#include "vmd/taps.h"
#include "vmd/vm_retry.h"
#include "vmd/vms.h"

/* The signals vmd answers to, and the pipe to who waits for the daemon. */
struct main {
	struct monitor	 m;
	struct event	*signals[3];
	int		 waiting;	/* -1: foreground, or told already */
	int		 status;	/* of exit */
	struct err	 why;		/* if status is not 0 */
};

static void __attribute__((noreturn))
usage(void)
{
	(void)fprintf(stderr, "usage: vmd [-dnv] [-D macro=value] [-f file] "
	    "[-k file] [-l addr:port]\n\t[-o name=value] [-S socket] "
	    "[-s state]\n");
	exit(1);
}

/* --- into the background -------------------------------------------------- */

/* The one who was started waits for "ok" or why not. */
static void __attribute__((noreturn))
wait_for_daemon(int fd)
{
	char text[ERR_TEXT_MAX];
	ssize_t n = read_full(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	if (strcmp(text, "ok") == 0)
		exit(0);
	fatalx("%s", text[0] != '\0' ? text : "the daemon died; see vmd.log");
}

static void
daemonize(struct main *g)
{
	int p[2];

	if (os_pipe(p) == -1)
		fatal("pipe");
	switch (fork()) {
	case -1:
		fatal("fork");
	case 0:
		(void)close(p[0]);
		g->waiting = p[1];
		(void)setsid();
		break;
	default:
		(void)close(p[1]);
		wait_for_daemon(p[0]);
	}
}

/* The terminal may go away; what is said goes to STATE/vmd.log. */
static void
leave_terminal(const struct monitor *m)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = openat(m->state_fd, "vmd.log", O_WRONLY | O_APPEND |
	    O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);

	if (null == -1 || log == -1)
		fatal("%s/vmd.log", m->o->state);
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(log, STDERR_FILENO);
	(void)close(null);
	(void)close(log);
}

static void
tell_waiting(struct main *g, const char *text)
{
	if (g->waiting == -1)
		return;
	/* If it did not wait, it does not want to know. */
	(void)!write(g->waiting, text, strlen(text));
	(void)close(g->waiting);
	g->waiting = -1;
}

/*
 * Why it cannot start, to whoever started it: without the lock, since they may
 * try again at once.
 */
static void __attribute__((noreturn))
give_up(struct main *g, const struct err *e)
{
	if (g->m.lock_fd != -1)
		(void)close(g->m.lock_fd);
	tell_waiting(g, e->text);
	fatalx("%s", e->text);
}

/* --- events --------------------------------------------------------------- */

static void
ready(void *arg, const struct err *why)
{
	struct main *g = arg;

	if (why == NULL) {
		log_info("serving %s, state in %s, pid %d", g->m.o->socket,
		    g->m.o->state, (int)getpid());
		tell_waiting(g, "ok");
		listen_notify("READY=1");
		return;
	}
	log_warnx("%s", why->text);
	g->why = *why;
	g->status = 1;
	(void)event_base_loopbreak(g->m.base);
}

static void
ended(void *arg)
{
	struct main *g = arg;

	(void)event_base_loopbreak(g->m.base);
}

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	struct main *g = arg;

	(void)what;
	if (signo == SIGHUP) {
		log_info("SIGHUP: reading %s again", g->m.o->conf);
		control_tell(&g->m, PRIV_E_RELOAD, NULL);
		return;
	}
	if (g->m.ending)
		return;
	g->m.ending = true;
	log_info("ending; VMs go on");
	listen_notify("STOPPING=1");
	vms_undo_starts(&g->m);
	jobs_end(&g->m);
	control_end(&g->m, ended, g);
}

static int
watch_signals(struct main *g, struct err *e)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM };

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < COUNT(signals); i++) {
		g->signals[i] = evsignal_new(g->m.base, signals[i], on_signal,
		    g);
		if (g->signals[i] == NULL ||
		    event_add(g->signals[i], NULL) == -1)
			return err_set(e, ENOMEM, "no memory for signals");
	}
	return 0;
}

/* --- start and end -------------------------------------------------------- */

static int
choose_user(struct monitor *m, struct err *e)
{
	if (geteuid() != 0) {
		user_self(&m->user);
		return 0;
	}
	if (setgroups(0, NULL) == -1)
		return err_sys(e, "drop groups");
	user_self(&m->user);
	if (strcmp(m->o->user, "root") == 0) {
		log_warnx("-o user=root: every program runs as root");
		return 0;
	}
	m->separate = true;
	if (user_by_name(&m->user, m->o->user, e) == -1) {
		(void)err_set(e, ENOENT, "no user %s on this host; make "
		    "install makes _vmd, -o user=NAME names another",
		    m->o->user);
		return -1;
	}
	if (m->user.uid == 0)
		return err_set(e, EINVAL, "-o user=%s: is root",
		    m->o->user);
	return 0;
}

static void
raise_limit(void)
{
	struct rlimit r;

	/* A descriptor for each process of an earlier vmd, and some a start. */
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int
start(struct main *g, struct err *e)
{
	struct monitor *m = &g->m;

	(void)umask(077);
	raise_limit();
	if (choose_user(m, e) == -1 || state_open(m, e) == -1)
		return -1;
	m->base = event_base_new();
	if (m->base == NULL)
		return err_set(e, ENOMEM, "no event loop");
	if (watch_signals(g, e) == -1 || children_init(m->base, e) == -1 ||
	    vms_init(m, e) == -1 || jobs_init(m, e) == -1 ||
	    control_start(m, ready, g, e) == -1)
		return -1;
	/* After control_start(): it is told of those that end. */
	if (vms_adopt(m, e) == -1)
		return -1;
	names_sweep(m);
	taps_sweep(m);
	if (g->waiting != -1)
		leave_terminal(m);
	return chdir("/") == -1 ? err_sys(e, "/") : 0;
}

static void
finish(struct main *g)
{
	struct monitor *m = &g->m;

	vm_retry_fini();
	/* Those that run need what they hang on. */
	if (vms_count(m) == 0)
		taps_leave();
	vms_fini(m);
	jobs_fini(m);
	control_destroy(m);
	children_fini();
	for (size_t i = 0; i < COUNT(g->signals); i++)
		if (g->signals[i] != NULL)
			event_free(g->signals[i]);
	event_base_free(m->base);
	(void)close(m->vms_fd);
	(void)close(m->images_fd);
	(void)close(m->state_fd);
	(void)close(m->lock_fd);
}

int
main(int argc, char **argv)
{
	static struct options o;
	static struct main g = { .waiting = -1, .m = { .lock_fd = -1,
	    .state_fd = -1, .vms_fd = -1, .images_fd = -1 } };
	struct err e;

	log_init("vmd", LOG_STYLE_PLAIN, 0);
	switch (options_parse(&o, argc, argv, &e)) {
	case -1:
		fatalx("%s", e.text);
	case 1:
		usage();
	}
	log_init("vmd", getenv("JOURNAL_STREAM") != NULL ?
	    LOG_STYLE_PRIORITY : LOG_STYLE_PLAIN, (int)o.verbose);
	if (o.check) {
		return conf_check(&o);
	}
	g.m.o = &o;
	/* Before anything runs, and where its errors are seen. */
	if (conf_check(&o) != 0)
		return 1;
	if (!o.foreground)
		daemonize(&g);
	if (start(&g, &e) == -1)
		give_up(&g, &e);
	(void)event_base_dispatch(g.m.base);
	finish(&g);
	/* Only now: the lock is free for whoever tries again at once. */
	if (g.status != 0)
		tell_waiting(&g, g.why.text);
	return g.status;
}
