/* SPDX-License-Identifier: ISC */
/*
 * agent.c - the agent: listening, hello, and which request is whose
 *
 * Process: a child of vminit; each session a child of it.
 * Sandbox: none; it is root in a guest that trusts its host.
 * Needs: AF_VSOCK, /proc, devpts for terminals.
 */

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/vm_sockets.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/request.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"

#define CLOCK_OFF_MAX	2	/* seconds; what is further off is set */
#define ANNOUNCE_MS	1000	/* how long the host may take to accept */

static const struct {
	enum agent_type	type;
	int		(*serve)(const struct agent *, struct conn *,
			    struct frame *, struct err *);
} requests[] = {
	{ AGENT_EXEC,		request_exec },
	{ AGENT_PUT,		request_put },
	{ AGENT_GET,		request_get },
	{ AGENT_STAT,		request_stat },
	{ AGENT_ADDRS,		request_addrs },
	{ AGENT_SHUTDOWN,	request_shutdown },
	{ AGENT_IDENTITY,	request_identity },
};

/* --- a session ------------------------------------------------------------ */

struct hello {
	uint64_t	version;
	uint64_t	time_ns;	/* 0: the client did not say */
};

static int
take_version(void *arg, const char *value, struct err *e)
{
	struct hello *h = arg;

	return num_parse(&h->version, value, 1, UINT32_MAX, e);
}

static int
take_time(void *arg, const char *value, struct err *e)
{
	struct hello *h = arg;

	return num_parse(&h->time_ns, value, 0, INT64_MAX, e);
}

static const struct record_field hello_fields[] = {
	{ "version",	take_version },
	{ "time",	take_time },
	{ NULL,		NULL },
};

/* Emulated boards may have no clock, and a paused guest's stands still. */
static void
set_clock(uint64_t host_ns)
{
	struct timespec now, host = {
		.tv_sec = (time_t)(host_ns / 1000000000),
		.tv_nsec = (long)(host_ns % 1000000000),
	};

	if (host_ns == 0 || clock_gettime(CLOCK_REALTIME, &now) == -1)
		return;
	if (llabs((long long)now.tv_sec - (long long)host.tv_sec) >
	    CLOCK_OFF_MAX)
		(void)clock_settime(CLOCK_REALTIME, &host);
}

/* 1 when both have said hello, 0 when the client left. */
static int
say_hello(const struct agent *a, struct conn *c, struct err *e)
{
	struct hello h = { 0 };
	struct frame f;
	ssize_t at;
	int n;

	n = conn_wait(c, &f, e);
	if (n != 1)
		return n;
	if (f.type != AGENT_HELLO)
		return err_set(e, EPROTO, "%s before HELLO",
		    frame_name(f.type));
	if (records_read(hello_fields, &h, f.data, f.len, e) == -1)
		return -1;
	frame_drain(&c->in, &f);
	if (h.version == 0)
		return err_api(e, EPROTO, "bad_version",
		    "HELLO without a version");
	set_clock(h.time_ns);
	at = frame_open(&c->out);
	if (at == -1 || record_putf(&c->out, "version", "%d",
	    AGENT_VERSION) == -1 ||
	    record_put(&c->out, "mode",
	    a->config->init ? "init" : "exec") == -1 ||
	    frame_close(&c->out, at, AGENT_HELLO) == -1)
		return err_sys(e, "hello");
	return conn_wait_flush(c, e) == -1 ? -1 : 1;
}

static int
serve(const struct agent *a, struct conn *c, struct err *e)
{
	struct frame f;
	int n;

	n = say_hello(a, c, e);
	if (n == 1)
		n = conn_wait(c, &f, e);
	if (n != 1)
		return n;
	for (size_t i = 0; i < COUNT(requests); i++)
		if (requests[i].type == f.type)
			return requests[i].serve(a, c, &f, e);
	return err_set(e, EPROTO, "%s is no request", frame_name(f.type));
}

void
agent_serve(const struct agent *a, int fd)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct conn c;
	struct err e;

	(void)sigaction(SIGPIPE, &ignore, NULL);
	if (conn_init(&c, fd, &e) == 0 && serve(a, &c, &e) == -1) {
		if (e.code == NULL && e.num == EPROTO)
			e.code = "bad_request";
		(void)conn_put_error(&c, &e);
	}
	conn_finish(&c);
	conn_fini(&c);
}

/* --- listening ------------------------------------------------------------ */

int
agent_listen(struct err *e)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = AGENT_PORT,
	};
	own_fd int fd = -1;

	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1 ||
	    listen(fd, SOMAXCONN) == -1)
		return err_sys(e, "vsock port %d", AGENT_PORT);
	return take_fd(&fd);
}

void
agent_announce(void)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_HOST,
		.svm_port = AGENT_READY_PORT,
	};
	own_fd int fd = -1;
	struct pollfd p;

	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1 &&
	    errno != EINPROGRESS)
		return;
	p = (struct pollfd){ .fd = fd, .events = POLLOUT };
	if (poll(&p, 1, ANNOUNCE_MS) == 1)
		(void)send(fd, "ready\n", 6, MSG_NOSIGNAL);
}

static void
start_session(const struct agent *a, int listener, int sigfd, int *sessions)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	/* The client may have left again; nothing is lost with it. */
	if (fd == -1)
		return;
	pid = fork();
	if (pid == 0) {
		(void)close(listener);
		(void)close(sigfd);
		agent_serve(a, fd);
		_exit(0);
	}
	(void)close(fd);
	if (pid == -1)
		log_warn("session");
	else
		(*sessions)++;
}

void
agent_loop(const struct agent *a, int listener)
{
	struct pollfd p[2];
	struct signalfd_siginfo info;
	sigset_t set;
	int sessions = 0;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	p[0].fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p[0].fd == -1)
		fatal("signalfd");
	p[0].events = POLLIN;
	p[1].events = POLLIN;
	for (;;) {
		/* At the limit the others wait in the listen queue. */
		p[1].fd = sessions < AGENT_SESSIONS_MAX ? listener : -1;
		if (poll(p, 2, -1) == -1 && errno != EINTR)
			fatal("poll");
		while (read(p[0].fd, &info, sizeof(info)) > 0)
			;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			sessions--;
		if (p[1].fd != -1 && p[1].revents != 0)
			start_session(a, listener, p[0].fd, &sessions);
	}
}
