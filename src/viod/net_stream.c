/* SPDX-License-Identifier: ISC */
/*
 * net_stream.c - the name server by TCP; see net_stream.h
 *
 * Each message has its length in two bytes before it (RFC 1035, 4.2.2).
 *
 * Process: viod tap.  Sandbox: accept4(2), and of MAY_ASK sockets of TCP and
 * connect(2).  Needs: sockets that listen, resolv.conf(5).
 */

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/util.h"
#include "viod/net_resolver.h"
#include "viod/net_stream.h"
#include "viod/net_udp.h"

#define LENGTH		2		/* bytes of one */
#define IDLE_US		10000000	/* for a question, or an answer */
#define NEXT_US		2000000		/* until the next server is asked */
#define LAST_US		5000000		/* until the last is given up */

/*
 * READING: the guest's question; .in is filled.
 * ASKING: a server takes it, .at of it so far.
 * HEARING: its answer; .out is filled.
 * WRITING: the guest takes that, .at of it so far.
 */
enum state { READING, ASKING, HEARING, WRITING };

struct conn {
	LIST_ENTRY(conn)	 next;
	struct net_stream	*stream;
	enum state		 state;
	int			 guest, server;		/* server: or -1 */
	struct event_watch	 from_guest, from_server;
	struct event_timer	 timer;
	struct net_dns		 dns;
	struct net_servers	 servers;
	unsigned		 tried;
	size_t			 have;			/* bytes of .in */
	uint8_t			 in[LENGTH + NET_DNS_QUESTION_MAX];
	uint8_t			*out;			/* or NULL */
	size_t			 len, at;		/* of it */
};

struct net_stream {
	struct net_stream_config config;
	unsigned		 nlisten;
	struct event_watch	 listen[NET_STREAM_LISTEN_MAX];
	unsigned		 n;
	LIST_HEAD(, conn)	 conns;
	struct log_limit	 complaints;
};

static void	ask_next(struct conn *);

static void
leave_server(struct conn *c)
{
	event_watch_fini(&c->from_server);
	if (c->server != -1)
		(void)close(c->server);
	c->server = -1;
}

static void
conn_destroy(struct conn *c)
{
	leave_server(c);
	event_watch_fini(&c->from_guest);
	event_timer_clear(&c->timer);
	(void)close(c->guest);
	LIST_REMOVE(c, next);
	c->stream->n--;
	free(c->out);
	free(c);
}

/* Of the guest: what state it is waited in, and what for. */
static void
wait_guest(struct conn *c, enum state state, unsigned what)
{
	c->state = state;
	c->at = 0;
	if (event_watch_set(&c->from_guest, what) == -1) {
		conn_destroy(c);
		return;
	}
	if (what != 0)
		event_timer_set(&c->timer, IDLE_US);
}

/* Room for an answer, its length before it; false: there is none. */
static bool
make_out(struct conn *c, size_t len)
{
	free(c->out);
	c->out = malloc(LENGTH + len);
	c->len = LENGTH + len;
	c->at = 0;
	if (c->out != NULL)
		net_put16(c->out, (uint16_t)len);
	return c->out != NULL;
}

/* --- the guest ------------------------------------------------------------ */

static void
reply(struct conn *c, const uint8_t *answer, size_t len)
{
	if (!make_out(c, len)) {
		conn_destroy(c);
		return;
	}
	memcpy(c->out + LENGTH, answer, len);
	wait_guest(c, WRITING, EVENT_WRITE);
}

static void
take_question(struct conn *c)
{
	const struct net_stream_config *config = &c->stream->config;
	uint8_t answer[NET_DNS_ANSWER_MAX];
	int n = 0;

	net_dns_parse(&c->dns, c->in + LENGTH, c->have - LENGTH);
	if (c->dns.kind != NET_DNS_NONE)
		n = config->answer(config->arg, &c->dns, answer,
		    c->in + LENGTH);
	if (n > 0) {
		reply(c, answer, (size_t)n);
		return;
	}
	if (n == 0) {
		conn_destroy(c);
		return;
	}
	net_servers_read(&c->servers, config->file, config->port);
	c->tried = 0;
	wait_guest(c, ASKING, 0);
	ask_next(c);
}

static void
read_guest(struct conn *c)
{
	size_t want = c->have < LENGTH ? LENGTH :
	    LENGTH + (size_t)net_get16(c->in);
	ssize_t n;

	n = recv(c->guest, c->in + c->have, want - c->have, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_destroy(c);
		return;
	}
	c->have += (size_t)n;
	if (c->have < LENGTH)
		return;
	want = net_get16(c->in);
	if (want < NET_DNS_HEAD || want > NET_DNS_QUESTION_MAX)
		conn_destroy(c);
	else if (c->have == LENGTH + want)
		take_question(c);
}

static void
write_guest(struct conn *c)
{
	ssize_t n = send(c->guest, c->out + c->at, c->len - c->at,
	    MSG_NOSIGNAL);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		conn_destroy(c);
		return;
	}
	c->at += (size_t)n;
	if (c->at < c->len)
		return;
	free(c->out);
	c->out = NULL;
	c->have = 0;
	wait_guest(c, READING, EVENT_READ);
}

static void
on_guest(void *arg, unsigned what)
{
	struct conn *c = arg;

	(void)what;
	if (c->state == READING)
		read_guest(c);
	else if (c->state == WRITING)
		write_guest(c);
}

/* --- the host's servers --------------------------------------------------- */

static void
hear(struct conn *c)
{
	c->state = HEARING;
	c->at = 0;
	c->len = 0;
	if (event_watch_set(&c->from_server, EVENT_READ) == -1)
		ask_next(c);
}

/* It connects meanwhile, or could not: then nothing can be sent. */
static void
write_server(struct conn *c)
{
	ssize_t n = send(c->server, c->in + c->at, c->have - c->at,
	    MSG_NOSIGNAL);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		ask_next(c);
		return;
	}
	c->at += (size_t)n;
	if (c->at == c->have)
		hear(c);
}

/* Its length first; then there is room for it. */
static void
read_server(struct conn *c)
{
	uint8_t length[LENGTH];
	ssize_t n;

	if (c->len == 0) {
		/* Both bytes at once: they are one segment's, or wait. */
		n = recv(c->server, length, LENGTH, MSG_PEEK);
		if (n == 1)
			return;
		if (n == LENGTH)
			n = recv(c->server, length, LENGTH, 0);
		if (n == LENGTH && !make_out(c, net_get16(length)))
			n = 0;
		c->at = n == LENGTH ? LENGTH : 0;
	} else {
		n = recv(c->server, c->out + c->at, c->len - c->at, 0);
		c->at += n > 0 ? (size_t)n : 0;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		ask_next(c);
		return;
	}
	if (c->at < c->len)
		return;
	if (!net_dns_matches(&c->dns, c->in + LENGTH,
	    net_get16(c->in + LENGTH), c->out + LENGTH, c->len - LENGTH)) {
		ask_next(c);
		return;
	}
	leave_server(c);
	wait_guest(c, WRITING, EVENT_WRITE);
}

static void
on_server(void *arg, unsigned what)
{
	struct conn *c = arg;

	(void)what;
	if (c->state == ASKING)
		write_server(c);
	else if (c->state == HEARING)
		read_server(c);
}

static int
connect_to(struct conn *c, const union net_server *s)
{
	c->server = socket(s->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, IPPROTO_TCP);
	if (c->server == -1 || (connect(c->server, &s->any,
	    net_server_size(s)) == -1 && errno != EINPROGRESS))
		return -1;
	event_watch_init(&c->from_server, c->stream->config.loop, c->server,
	    on_server, c);
	return event_watch_set(&c->from_server, EVENT_WRITE);
}

/* Ask the next server there is; without one the guest is told. */
static void
ask_next(struct conn *c)
{
	uint8_t answer[NET_DNS_ANSWER_MAX];

	c->state = ASKING;
	c->at = 0;
	while (c->tried < c->servers.n) {
		leave_server(c);
		if (connect_to(c, &c->servers.server[c->tried++]) == -1)
			continue;
		event_timer_set(&c->timer, c->tried == c->servers.n ?
		    LAST_US : NEXT_US);
		return;
	}
	leave_server(c);
	reply(c, answer, net_dns_refuse(answer, &c->dns, c->in + LENGTH,
	    NET_DNS_FAILED));
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;

	if (c->state == ASKING || c->state == HEARING)
		ask_next(c);
	else
		conn_destroy(c);
}

/* --- connections ---------------------------------------------------------- */

static void
conn_new(struct net_stream *s, int fd)
{
	struct conn *c = s->n < NET_STREAM_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (c == NULL) {
		(void)close(fd);
		return;
	}
	c->stream = s;
	c->guest = fd;
	c->server = -1;
	event_watch_init(&c->from_guest, s->config.loop, fd, on_guest, c);
	event_timer_init(&c->timer, s->config.loop, on_timer, c);
	LIST_INSERT_HEAD(&s->conns, c, next);
	s->n++;
	wait_guest(c, READING, EVENT_READ);
}

static void
on_connection(void *arg, unsigned what)
{
	struct net_stream *s = arg;
	int fd;

	(void)what;
	/* Each socket that is ready; which it is does not matter. */
	for (unsigned i = 0; i < s->nlisten; i++) {
		fd = accept4(s->listen[i].fd, NULL, NULL, SOCK_CLOEXEC |
		    SOCK_NONBLOCK);
		if (fd != -1)
			conn_new(s, fd);
		else if (errno != EAGAIN && errno != EINTR &&
		    errno != ECONNABORTED)
			log_limited(&s->complaints, "names: accept: %s",
			    strerror(errno));
	}
}

int
net_stream_listen(struct net_stream *s, int fd, struct err *e)
{
	struct event_watch *w = &s->listen[s->nlisten];

	if (s->nlisten == NET_STREAM_LISTEN_MAX)
		return err_set(e, E2BIG, "names: more than %d sockets",
		    NET_STREAM_LISTEN_MAX);
	if (fd_nonblock(fd, 1) == -1)
		return err_sys(e, "names: descriptor %d", fd);
	event_watch_init(w, s->config.loop, fd, on_connection, s);
	if (event_watch_set(w, EVENT_READ) == -1)
		return err_sys(e, "names: descriptor %d", fd);
	s->nlisten++;
	return 0;
}

struct net_stream *
net_stream_new(const struct net_stream_config *config)
{
	struct net_stream *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->config = *config;
		LIST_INIT(&s->conns);
	}
	return s;
}

void
net_stream_destroy(struct net_stream *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->nlisten; i++)
		event_watch_fini(&s->listen[i]);
	while (!LIST_EMPTY(&s->conns))
		conn_destroy(LIST_FIRST(&s->conns));
	free(s);
}
