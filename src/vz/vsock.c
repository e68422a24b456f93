/* SPDX-License-Identifier: ISC */
/* vsock.c - vsock.sock for a machine of the framework's; see vsock.h */

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"
#include "vz/relay.h"
#include "vz/vsock.h"
#include "vz/vsock_device.h"

#define LINE_MAX_LEN	19	/* "CONNECT 4294967295\n" */
#define ACCEPTS_MAX	64	/* in one go; then others get their turn */
#define BACKLOG		128

enum conn_state {
	CONN_HANDSHAKE,		/* its line is read */
	CONN_ASKED,		/* the guest was asked; nothing is read */
	CONN_OPEN,		/* bytes are carried */
};

struct conn {
	TAILQ_ENTRY(conn)	 entry;		/* of its state's list */
	struct vsock		*vsock;
	enum conn_state		 state;
	int			 fd;		/* of the host; OPEN: relay's */
	struct event_watch	 watch;		/* HANDSHAKE */
	struct event_timer	 timer;		/* ASKED */
	struct asked		*asked;		/* ASKED */
	struct vsock_guest	 guest;		/* OPEN; its fd is relay's */
	struct relay		 relay;		/* OPEN */
	size_t			 len;
	char			 line[LINE_MAX_LEN + 1];
};
TAILQ_HEAD(conns, conn);

/* Outlives a connection that does not wait any more. */
struct asked {
	struct vsock_dial	 dial;
	struct conn		*conn;		/* or NULL */
};

struct vsock {
	struct vsock_setup	 setup;
	int			 dirfd;
	const char		*name;		/* in it; within setup.path */
	int			 listener;
	struct event_watch	 accepting;
	bool			 paused;	/* out of descriptors */
	bool			 ready;
	struct vsock_device	*device;	/* NULL: no machine */
	struct dispatch_queue_s	*queue;
	struct conns		 lists[CONN_OPEN + 1];
	unsigned		 counts[CONN_OPEN + 1];
	struct vsock_stats	 stats;
};

/* --- connections --------------------------------------------------------- */

static void
enter(struct conn *c, enum conn_state state)
{
	struct vsock *v = c->vsock;

	c->state = state;
	TAILQ_INSERT_TAIL(&v->lists[state], c, entry);
	v->counts[state]++;
}

static void
leave(struct conn *c)
{
	struct vsock *v = c->vsock;

	TAILQ_REMOVE(&v->lists[c->state], c, entry);
	v->counts[c->state]--;
	v->stats.open = v->counts[CONN_OPEN];
	event_watch_fini(&c->watch);
	event_timer_clear(&c->timer);
	if (c->asked != NULL)
		c->asked->conn = NULL;
	c->asked = NULL;
}

/* A descriptor became free: accept again if that had to stop. */
static void
resume(struct vsock *v)
{
	if (!v->paused)
		return;
	v->paused = false;
	(void)event_watch_set(&v->accepting, EVENT_READ);
}

static void
conn_free(struct conn *c)
{
	struct vsock *v = c->vsock;

	leave(c);
	if (c->state == CONN_OPEN) {
		relay_fini(&c->relay);
		vsock_guest_close(&c->guest);
	} else {
		(void)close(c->fd);
	}
	free(c);
	resume(v);
}

static void
conn_refuse(struct conn *c, const char *why)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "ERR %s\n", why);

	c->vsock->stats.refused++;
	/* A program that does not read it sees the end all the same. */
	(void)send(c->fd, line, (size_t)len, MSG_DONTWAIT);
	conn_free(c);
}

static void
relay_ended(void *arg)
{
	conn_free(arg);
}

static struct conn *
conn_new(struct vsock *v, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->vsock = v;
	c->fd = fd;
	return c;
}

/* Both ends are there; -1: it is gone, with its descriptors. */
static int
conn_open(struct conn *c, struct vsock_guest *g)
{
	struct vsock *v = c->vsock;

	c->relay.ended = relay_ended;
	c->relay.arg = c;
	c->guest = *g;
	if (relay_init(&c->relay, v->setup.loop, c->fd,
	    take_fd(&c->guest.fd), NULL) == -1) {
		vsock_guest_close(&c->guest);
		free(c);
		return -1;
	}
	enter(c, CONN_OPEN);
	v->stats.opened++;
	v->stats.open = v->counts[CONN_OPEN];
	return 0;
}

/* --- the host asks ------------------------------------------------------- */

static void
dial_answered(struct vsock_dial *d)
{
	struct asked *a = CONTAINER_OF(d, struct asked, dial);
	struct conn *c = a->conn;
	char line[32];
	int len;

	if (c == NULL) {
		vsock_guest_close(&d->guest);
	} else if (d->guest.connection == NULL) {
		conn_refuse(c, "refused by the guest");
	} else {
		len = snprintf(line, sizeof(line), "OK %u\n",
		    d->guest.host_port);
		/* A new socket has room for it, or nobody who reads. */
		(void)send(c->fd, line, (size_t)len, MSG_DONTWAIT);
		leave(c);
		(void)conn_open(c, &d->guest);
	}
	free(a);
}

static void
conn_timeout(void *arg)
{
	conn_refuse(arg, "no answer of the guest");
}

static void
ask(struct conn *c, uint32_t port)
{
	struct vsock *v = c->vsock;
	struct asked *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		conn_refuse(c, "out of memory");
		return;
	}
	leave(c);
	c->asked = a;
	a->conn = c;
	a->dial.fn = dial_answered;
	enter(c, CONN_ASKED);
	event_timer_init(&c->timer, v->setup.loop, conn_timeout, c);
	event_timer_set(&c->timer, VSOCK_ANSWER_S * 1000000ULL);
	vsock_device_dial(v->device, &a->dial, port);
}

/*
 * Take bytes up to the end of the line, and none behind it.  1: it is
 * complete, without its newline; 0: more must come; -1: there is none.
 */
static int
read_line(struct conn *c)
{
	char *end, *to = c->line + c->len;
	ssize_t n;

	n = recv(c->fd, to, LINE_MAX_LEN - c->len, MSG_PEEK | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	end = memchr(to, '\n', (size_t)n);
	if (end != NULL)
		n = end + 1 - to;
	if (recv(c->fd, to, (size_t)n, MSG_DONTWAIT) != n)
		return -1;
	c->len += (size_t)n;
	if (end == NULL)
		return c->len == LINE_MAX_LEN ? -1 : 0;
	*end = '\0';
	return 1;
}

static void
line_read(struct conn *c)
{
	static const char word[] = "CONNECT ";
	struct vsock *v = c->vsock;
	uint64_t port;

	/* A NUL before the newline is no digit. */
	if (strncmp(c->line, word, sizeof(word) - 1) != 0 ||
	    strlen(c->line) + 1 != c->len || num_parse(&port,
	    c->line + sizeof(word) - 1, 0, UINT32_MAX, NULL) == -1)
		conn_refuse(c, "not CONNECT <port>");
	else if (v->device == NULL || !v->ready)
		conn_refuse(c, "guest is not ready");
	else if (v->counts[CONN_ASKED] + v->counts[CONN_OPEN] >=
	    VSOCK_CONNS_MAX)
		conn_refuse(c, "too many connections");
	else
		ask(c, (uint32_t)port);
}

static void
line_ready(void *arg, unsigned what)
{
	struct conn *c = arg;
	int r = read_line(c);

	(void)what;
	if (r == 1)
		line_read(c);
	else if (r == -1)
		conn_refuse(c, "not CONNECT <port>");
	else if (event_watch_set(&c->watch, EVENT_READ) == -1)
		conn_refuse(c, "out of memory");
}

static void
accepted(struct vsock *v, int fd)
{
	struct conn *c = conn_new(v, fd);

	if (c == NULL) {
		(void)close(fd);
		return;
	}
	event_watch_init(&c->watch, v->setup.loop, fd, line_ready, c);
	enter(c, CONN_HANDSHAKE);
	/* Most have written their line already. */
	line_ready(c, EVENT_READ);
	if (v->counts[CONN_HANDSHAKE] > VSOCK_HANDSHAKES_MAX)
		conn_refuse(TAILQ_FIRST(&v->lists[CONN_HANDSHAKE]),
		    "too slow, and others wait");
}

static void
acceptable(void *arg, unsigned what)
{
	struct vsock *v = arg;
	int fd;

	(void)what;
	for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
		fd = os_accept(v->listener);
		if (fd != -1) {
			accepted(v, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			/* Level-triggered: it would fire without end. */
			(void)event_watch_set(&v->accepting, 0);
			v->paused = true;
		}
		return;
	}
}

/* --- the guest asks ------------------------------------------------------ */

static void
called(void *arg, struct vsock_call *call)
{
	struct vsock *v = arg;
	struct conn *c = NULL;

	if (v->counts[CONN_ASKED] + v->counts[CONN_OPEN] < VSOCK_CONNS_MAX)
		c = conn_new(v, call->fd);
	if (c != NULL) {
		(void)conn_open(c, &call->guest);
	} else {
		v->stats.refused++;
		(void)close(call->fd);
		vsock_guest_close(&call->guest);
	}
	free(call);
}

/* --- life ---------------------------------------------------------------- */

/* The directory of the socket, and its name there. */
static int
open_directory(struct vsock *v, struct err *e)
{
	const char *slash = strrchr(v->setup.path, '/');
	own_mem char *dir = slash == NULL ? strdup(".") :
	    strndup(v->setup.path, (size_t)(slash - v->setup.path) + 1);

	v->name = slash == NULL ? v->setup.path : slash + 1;
	v->dirfd = dir == NULL ? -1 : open(dir,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return v->dirfd == -1 ? err_sys(e, "%s", v->setup.path) : 0;
}

int
vsock_new(struct vsock **ret, const struct vsock_setup *setup, struct err *e)
{
	OWN(vsock_destroy) struct vsock *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return err_sys(e, "vsock");
	v->setup = *setup;
	v->dirfd = v->listener = -1;
	for (size_t i = 0; i < COUNT(v->lists); i++)
		TAILQ_INIT(&v->lists[i]);
	if ((v->setup.path = strdup(setup->path)) == NULL)
		return err_sys(e, "vsock");
	if (open_directory(v, e) == -1)
		return -1;
	v->listener = os_unix_listen(v->dirfd, v->name, 0660, BACKLOG, e);
	if (v->listener == -1)
		return -1;
	event_watch_init(&v->accepting, setup->loop, v->listener, acceptable,
	    v);
	if (fcntl(v->listener, F_SETFL, O_NONBLOCK) == -1 ||
	    event_watch_set(&v->accepting, EVENT_READ) == -1)
		return err_sys(e, "%s", setup->path);
	*ret = take(&v);
	return 0;
}

void
vsock_destroy(struct vsock *v)
{
	if (v == NULL)
		return;
	vsock_detach(v);
	v->paused = false;
	while (!TAILQ_EMPTY(&v->lists[CONN_HANDSHAKE]))
		conn_free(TAILQ_FIRST(&v->lists[CONN_HANDSHAKE]));
	event_watch_fini(&v->accepting);
	if (v->listener != -1)
		(void)close(v->listener);
	if (v->dirfd != -1)
		(void)close(v->dirfd);
	free((void *)(uintptr_t)v->setup.path);
	free(v);
}

int
vsock_attach(struct vsock *v, struct dispatch_queue_s *queue,
    struct objc *device, struct err *e)
{
	const struct vsock_device_setup s = { .queue = queue,
	    .post = v->setup.post, .device = device, .dirfd = v->dirfd,
	    .name = v->name, .called = called, .arg = v };

	v->device = vsock_device_new(&s);
	return v->device == NULL ? err_sys(e, "vsock") : 0;
}

void
vsock_detach(struct vsock *v)
{
	v->ready = false;
	while (!TAILQ_EMPTY(&v->lists[CONN_ASKED]))
		conn_refuse(TAILQ_FIRST(&v->lists[CONN_ASKED]),
		    "guest is not ready");
	while (!TAILQ_EMPTY(&v->lists[CONN_OPEN]))
		conn_free(TAILQ_FIRST(&v->lists[CONN_OPEN]));
	vsock_device_destroy(v->device);
	v->device = NULL;
}

void
vsock_ready(struct vsock *v, bool ready)
{
	v->ready = ready;
}

const struct vsock_stats *
vsock_stats(const struct vsock *v)
{
	return &v->stats;
}
