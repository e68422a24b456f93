/* SPDX-License-Identifier: ISC */
/*
 * net_names.c - the name server of a local interface; see net_names.h
 *
 * Process: viod tap.  Sandbox: readlinkat(2), and what net_relay.c and
 * net_stream.c say.  Needs: the directory of records.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "viod/net_dns.h"
#include "viod/net_names.h"
#include "viod/net_relay.h"
#include "viod/net_stream.h"
#include "viod/net_udp.h"

struct net_names {
	struct net_names_config	 config;
	struct net_relay	*relay;
	struct net_stream	*stream;
};

static void
send_answer(void *arg, struct net_asker asker, const uint8_t *msg, size_t len)
{
	const struct net_names_config *c = &((struct net_names *)arg)->config;
	const struct net_udp u = { .src = c->link->host,
	    .sport = NET_DNS_PORT, .dst = c->link->addr,
	    .dport = asker.port, .len = len };
	uint8_t frame[NET_UDP6_HEAD + NET_DNS_ANSWER_MAX];
	struct net_udp6 u6 = { .sport = NET_DNS_PORT, .dport = asker.port,
	    .len = len };

	if (!asker.six) {
		memcpy(frame + NET_UDP_HEAD, msg, len);
		len = net_udp_build(frame, c->link->mac, c->link->host_mac,
		    &u);
	} else {
		u6.src = c->link6->host;
		u6.dst = c->link6->addr;
		memcpy(frame + NET_UDP6_HEAD, msg, len);
		len = net_udp6_build(frame, c->link6, &u6);
	}
	c->deliver(c->arg, frame, len);
}

static bool
find(const struct net_names *n, struct net_dns_record *r, const char *key)
{
	char text[NET_DNS_RECORD_MAX];
	ssize_t len = key[0] == '\0' ? -1 : readlinkat(n->config.dirfd, key,
	    text, sizeof(text));

	if (len <= 0 || (size_t)len == sizeof(text))
		return false;
	text[len] = '\0';
	net_dns_record(r, text);
	return true;
}

/* The answer's length; 0: there is none, -1: others are to be asked. */
static int
answer_ours(void *arg, const struct net_dns *q,
    uint8_t answer[NET_DNS_ANSWER_MAX], const uint8_t *msg)
{
	const struct net_names *n = arg;
	struct net_dns_record r;
	bool found;

	switch (q->kind) {
	case NET_DNS_NONE:
		return 0;
	case NET_DNS_WRONG:
		return (int)net_dns_refuse(answer, q, msg, q->code);
	case NET_DNS_OURS:
	case NET_DNS_REVERSE:
		found = find(n, &r, q->key);
		if (found || q->kind == NET_DNS_OURS)
			return (int)net_dns_answer(answer, q, msg,
			    found ? &r : NULL);
		break;
	case NET_DNS_OTHERS:
		break;
	}
	return -1;
}

static void
serve(struct net_names *n, struct net_asker asker, const uint8_t *msg,
    size_t len)
{
	uint8_t answer[NET_DNS_ANSWER_MAX];
	struct net_dns q;
	int r;

	net_dns_parse(&q, msg, len);
	r = answer_ours(n, &q, answer, msg);
	if (r == -1)
		net_relay_ask(n->relay, asker, &q, msg, len);
	else if (r != 0)
		send_answer(n, asker, answer, (size_t)r);
}

/* The same by IPv6. */
static bool
take6(struct net_names *n, const uint8_t *frame, size_t len)
{
	const struct net_link6 *link = n->config.link6;
	struct net_udp6 u;

	if (link == NULL || !net_udp6_parse(&u, frame, len) ||
	    u.dport != NET_DNS_PORT || memcmp(u.dst, link->host, 16) != 0 ||
	    memcmp(u.src, link->addr, 16) != 0)
		return false;
	serve(n, (struct net_asker){ .port = u.sport, .six = true }, u.data,
	    u.len);
	return true;
}

bool
net_names_take(struct net_names *n, const uint8_t *frame, size_t len)
{
	const struct net_dhcp *link = n->config.link;
	struct net_udp u;

	if (!net_udp_parse(&u, frame, len) || u.dport != NET_DNS_PORT ||
	    u.dst != link->host || u.src != link->addr)
		return take6(n, frame, len);
	serve(n, (struct net_asker){ .port = u.sport }, u.data, u.len);
	return true;
}

int
net_names_new(struct net_names **ret, const struct net_names_config *config,
    struct err *e)
{
	struct net_relay_config c = { .loop = config->loop,
	    .file = config->file, .port = config->port,
	    .answer = send_answer };
	struct net_stream_config t = { .loop = config->loop,
	    .file = config->file, .port = config->port,
	    .answer = answer_ours };
	OWN(net_names_destroy) struct net_names *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return err_sys(e, "names");
	n->config = *config;
	c.arg = t.arg = n;
	n->relay = net_relay_new(&c);
	n->stream = net_stream_new(&t);
	if (n->relay == NULL || n->stream == NULL)
		return err_sys(e, "names");
	*ret = take(&n);
	return 0;
}

int
net_names_listen(struct net_names *n, int fd, struct err *e)
{
	return net_stream_listen(n->stream, fd, e);
}

void
net_names_destroy(struct net_names *n)
{
	if (n == NULL)
		return;
	net_relay_destroy(n->relay);
	net_stream_destroy(n->stream);
	free(n);
}
