/* SPDX-License-Identifier: ISC */
/*
 * net_relay.c - questions for the host's name servers; see net_relay.h
 *
 * Process: viod tap.  Sandbox: MAY_INET and MAY_OPEN of sandbox.h.  Needs:
 * resolv.conf(5), and UDP sockets of its own.
 */

#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/util.h"
#include "os/os.h"
#include "viod/net_relay.h"
#include "viod/net_udp.h"

#define FILE_MAX	4096	/* bytes of resolv.conf */
#define NEXT_US		2000000	/* until the next server is asked */
#define LAST_US		5000000	/* until the last is given up */
#define ANSWERS_MAX	16	/* read in one go */

/* Both families of addresses. */
union server {
	struct sockaddr		any;
	struct sockaddr_in	in;
	struct sockaddr_in6	in6;
};

struct question {
	LIST_ENTRY(question)	 next;
	struct net_relay	*relay;
	struct event_watch	 watch;
	struct event_timer	 timer;
	int			 fd;
	unsigned		 nservers, tried;
	union server		 server[NET_RELAY_SERVERS_MAX];
	struct net_asker	 asker;
	uint16_t		 id;		/* ours of now */
	struct net_dns		 dns;
	size_t			 len;
	uint8_t			 msg[];		/* as the guest has it */
};

struct net_relay {
	struct net_relay_config	 config;
	unsigned		 n;
	LIST_HEAD(, question)	 questions;
};

/* --- servers -------------------------------------------------------------- */

static bool
read_server(union server *s, const char *word, uint16_t port)
{
	memset(s, 0, sizeof(*s));
	if (inet_pton(AF_INET, word, &s->in.sin_addr) == 1) {
		s->in.sin_family = AF_INET;
		s->in.sin_port = htons(port);
		return true;
	}
	if (inet_pton(AF_INET6, word, &s->in6.sin6_addr) == 1) {
		s->in6.sin6_family = AF_INET6;
		s->in6.sin6_port = htons(port);
		return true;
	}
	return false;
}

static socklen_t
server_size(const union server *s)
{
	return s->any.sa_family == AF_INET ? sizeof(s->in) : sizeof(s->in6);
}

/* The scope and flow of an IPv6 address are the kernel's to fill in. */
static bool
is_server(const union server *s, const union server *from)
{
	if (s->any.sa_family != from->any.sa_family)
		return false;
	if (s->any.sa_family == AF_INET)
		return s->in.sin_port == from->in.sin_port &&
		    s->in.sin_addr.s_addr == from->in.sin_addr.s_addr;
	return s->in6.sin6_port == from->in6.sin6_port &&
	    memcmp(&s->in6.sin6_addr, &from->in6.sin6_addr, 16) == 0;
}

/* Lines "nameserver ADDRESS"; without one it is this host (resolv.conf(5)). */
static void
read_servers(struct question *q, const struct net_relay_config *c)
{
	own_fd int fd = open(c->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[FILE_MAX], *line, *save = NULL, *word, *rest;
	ssize_t n = fd == -1 ? 0 : read_full(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	line = strtok_r(text, "\n", &save);
	for (; line != NULL && q->nservers < NET_RELAY_SERVERS_MAX;
	    line = strtok_r(NULL, "\n", &save)) {
		word = strtok_r(line, " \t\r", &rest);
		if (word == NULL || strcmp(word, "nameserver") != 0)
			continue;
		word = strtok_r(NULL, " \t\r", &rest);
		if (word != NULL &&
		    read_server(&q->server[q->nservers], word, c->port))
			q->nservers++;
	}
	if (q->nservers == 0 &&
	    read_server(&q->server[0], "127.0.0.1", c->port))
		q->nservers = 1;
}

/* --- questions ------------------------------------------------------------ */

static void
hang_up(struct question *q)
{
	event_watch_fini(&q->watch);
	if (q->fd != -1)
		(void)close(q->fd);
	q->fd = -1;
}

static void
question_destroy(struct question *q)
{
	hang_up(q);
	event_timer_clear(&q->timer);
	LIST_REMOVE(q, next);
	q->relay->n--;
	free(q);
}

static void
refuse(const struct net_relay_config *c, struct net_asker asker,
    const struct net_dns *dns, const uint8_t *msg)
{
	uint8_t answer[NET_DNS_ANSWER_MAX];

	c->answer(c->arg, asker, answer,
	    net_dns_refuse(answer, dns, msg, NET_DNS_FAILED));
}

static void	on_answer(void *, unsigned);

/*
 * Ask one server, by a socket of its own: the kernel chooses a port.  It is
 * never connected, which the sandbox has no call for; that nobody listens
 * there is told of others too (ip(7), IP_RECVERR).
 */
static int
send_to(struct question *q, const union server *s)
{
	const bool six = s->any.sa_family == AF_INET6;
	uint8_t msg[NET_DNS_QUESTION_MAX];
	int on = 1;

	q->fd = socket(s->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, IPPROTO_UDP);
	if (q->fd == -1)
		return -1;
	(void)setsockopt(q->fd, six ? IPPROTO_IPV6 : IPPROTO_IP,
	    six ? IPV6_RECVERR : IP_RECVERR, &on, sizeof(on));
	os_random(&q->id, sizeof(q->id));
	memcpy(msg, q->msg, q->len);
	net_put16(msg, q->id);
	if (sendto(q->fd, msg, q->len, 0, &s->any, server_size(s)) == -1)
		return -1;
	event_watch_init(&q->watch, q->relay->config.loop, q->fd, on_answer,
	    q);
	return event_watch_set(&q->watch, EVENT_READ);
}

/* Ask the next server there is; without one the guest is told. */
static void
ask_next(struct question *q)
{
	while (q->tried < q->nservers) {
		hang_up(q);
		if (send_to(q, &q->server[q->tried++]) == -1)
			continue;
		event_timer_set(&q->timer, q->tried == q->nservers ?
		    LAST_US : NEXT_US);
		return;
	}
	refuse(&q->relay->config, q->asker, &q->dns, q->msg);
	question_destroy(q);
}

static void
on_timer(void *arg)
{
	ask_next(arg);
}

static void
pass_on(struct question *q, uint8_t *answer, size_t len)
{
	const struct net_relay_config *c = &q->relay->config;

	/* Through a larger one than a frame no guest would see. */
	if (len > NET_DNS_ANSWER_MAX)
		len = net_dns_cut(answer, &q->dns, q->msg);
	memcpy(answer, q->msg, 2);
	c->answer(c->arg, q->asker, answer, len);
	question_destroy(q);
}

static void
on_answer(void *arg, unsigned what)
{
	struct question *q = arg;
	uint8_t answer[NET_DNS_ANSWER_MAX];
	union server from = { .any = { .sa_family = AF_UNSPEC } };
	socklen_t size;
	ssize_t n;

	(void)what;
	for (unsigned i = 0; i < ANSWERS_MAX; i++) {
		size = sizeof(from);
		n = recvfrom(q->fd, answer, sizeof(answer), MSG_TRUNC,
		    &from.any, &size);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n == -1) {
			/* Nobody is there, as a rule. */
			ask_next(q);
			return;
		}
		if (is_server(&q->server[q->tried - 1], &from) &&
		    net_dns_matches(&q->dns, q->msg, q->id, answer,
		    MIN((size_t)n, sizeof(answer)))) {
			pass_on(q, answer, (size_t)n);
			return;
		}
	}
}

static bool
waits(const struct net_relay *r, struct net_asker asker, const uint8_t *msg,
    size_t len)
{
	const struct question *q;

	LIST_FOREACH(q, &r->questions, next)
		if (q->asker.port == asker.port &&
		    q->asker.six == asker.six && q->len == len &&
		    memcmp(q->msg, msg, len) == 0)
			return true;
	return false;
}

void
net_relay_ask(struct net_relay *r, struct net_asker asker,
    const struct net_dns *dns, const uint8_t *msg, size_t len)
{
	struct question *q;

	if (waits(r, asker, msg, len))
		return;
	q = r->n < NET_RELAY_MAX ? calloc(1, sizeof(*q) + len) : NULL;
	if (q == NULL) {
		refuse(&r->config, asker, dns, msg);
		return;
	}
	q->relay = r;
	q->fd = -1;
	q->asker = asker;
	q->dns = *dns;
	q->len = len;
	memcpy(q->msg, msg, len);
	event_timer_init(&q->timer, r->config.loop, on_timer, q);
	LIST_INSERT_HEAD(&r->questions, q, next);
	r->n++;
	read_servers(q, &r->config);
	ask_next(q);
}

/* -------------------------------------------------------------------------- */

struct net_relay *
net_relay_new(const struct net_relay_config *config)
{
	struct net_relay *r = calloc(1, sizeof(*r));

	if (r != NULL) {
		r->config = *config;
		LIST_INIT(&r->questions);
	}
	return r;
}

void
net_relay_destroy(struct net_relay *r)
{
	if (r == NULL)
		return;
	while (!LIST_EMPTY(&r->questions))
		question_destroy(LIST_FIRST(&r->questions));
	free(r);
}
