/* SPDX-License-Identifier: ISC */
/*
 * net_names.c - the name server of a local interface; see net_names.h
 *
 * Process: viod tap.  Sandbox: readlinkat(2), and net_relay.c's.  Needs: the
 * directory of records.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "viod/net_dns.h"
#include "viod/net_names.h"
#include "viod/net_relay.h"
#include "viod/net_udp.h"

struct net_names {
	struct net_names_config	 config;
	struct net_relay	*relay;
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

static void
serve(struct net_names *n, struct net_asker asker, const uint8_t *msg,
    size_t len)
{
	uint8_t answer[NET_DNS_ANSWER_MAX];
	struct net_dns_record r;
	struct net_dns q;
	bool found;

	net_dns_parse(&q, msg, len);
	switch (q.kind) {
	case NET_DNS_NONE:
		return;
	case NET_DNS_WRONG:
		len = net_dns_refuse(answer, &q, msg, q.code);
		break;
	case NET_DNS_OURS:
	case NET_DNS_REVERSE:
		found = find(n, &r, q.key);
		if (found || q.kind == NET_DNS_OURS) {
			len = net_dns_answer(answer, &q, msg,
			    found ? &r : NULL);
			break;
		}
		__attribute__((fallthrough));
	case NET_DNS_OTHERS:
		net_relay_ask(n->relay, asker, &q, msg, len);
		return;
	}
	send_answer(n, asker, answer, len);
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
	OWN(net_names_destroy) struct net_names *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return err_sys(e, "names");
	n->config = *config;
	c.arg = n;
	n->relay = net_relay_new(&c);
	if (n->relay == NULL)
		return err_sys(e, "names");
	*ret = take(&n);
	return 0;
}

void
net_names_destroy(struct net_names *n)
{
	if (n == NULL)
		return;
	net_relay_destroy(n->relay);
	free(n);
}
