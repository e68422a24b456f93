/* SPDX-License-Identifier: ISC */
/*
 * net_relay.c - questions for the host's name servers; see net_relay.h
 *
 * Process: viod tap.  Sandbox: MAY_INET and MAY_OPEN of sandbox.h.  Needs:
 * resolv.conf(5), and UDP sockets of its own.
 */

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/util.h"
#include "os/os.h"
#include "viod/net_relay.h"
#include "viod/net_resolver.h"
#include "viod/net_udp.h"

#define NEXT_US		2000000	/* until the next server is asked */
#define LAST_US		5000000	/* until the last is given up */
#define ANSWERS_MAX	16	/* read in one go */

struct question {
	LIST_ENTRY(question)	 next;
	struct net_relay	*relay;
	struct event_watch	 watch;
	struct event_timer	 timer;
	int			 fd;
	struct net_servers	 servers;
	unsigned		 tried;
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

/* The scope and flow of an IPv6 address are the kernel's to fill in. */
static bool
is_server(const union net_server *s, const union net_server *from)
{
	if (s->any.sa_family != from->any.sa_family)
		return false;
	if (s->any.sa_family == AF_INET)
		return s->in.sin_port == from->in.sin_port &&
		    s->in.sin_addr.s_addr == from->in.sin_addr.s_addr;
	return s->in6.sin6_port == from->in6.sin6_port &&
	    memcmp(&s->in6.sin6_addr, &from->in6.sin6_addr, 16) == 0;
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
send_to(struct question *q, const union net_server *s)
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
	if (sendto(q->fd, msg, q->len, 0, &s->any, net_server_size(s)) == -1)
		return -1;
	event_watch_init(&q->watch, q->relay->config.loop, q->fd, on_answer,
	    q);
	return event_watch_set(&q->watch, EVENT_READ);
}

/* Ask the next server there is; without one the guest is told. */
static void
ask_next(struct question *q)
{
	while (q->tried < q->servers.n) {
		hang_up(q);
		if (send_to(q, &q->servers.server[q->tried++]) == -1)
			continue;
		event_timer_set(&q->timer, q->tried == q->servers.n ?
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
	union net_server from = { .any = { .sa_family = AF_UNSPEC } };
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
		if (is_server(&q->servers.server[q->tried - 1], &from) &&
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
	net_servers_read(&q->servers, r->config.file, r->config.port);
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
