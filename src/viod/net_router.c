/* SPDX-License-Identifier: ISC */
/*
 * net_router.c - the router of a local interface; see net_router.h
 *
 * Process: viod tap.  Sandbox: MAY_OPEN.  Needs: NET_ROUTER_FILE, to read.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/own.h"
#include "viod/net_dhcp6.h"
#include "viod/net_ra.h"
#include "viod/net_router.h"

#define PERIOD_US	(NET_RA_PERIOD_S * 1000000ULL)

struct net_router {
	struct net_router_config config;
	struct event_timer	 timer;
};

static bool
forwards(const struct net_router *r)
{
	own_fd int fd = open(r->config.file, O_RDONLY | O_CLOEXEC);
	char c = '0';

	return fd != -1 && read(fd, &c, 1) == 1 && c != '0';
}

static void
advertise(struct net_router *r, const uint8_t *to)
{
	uint8_t frame[NET_RA_MAX];

	r->config.deliver(r->config.arg, frame, net_ra_build(frame,
	    r->config.link, to != NULL ? to : net_ra_all_nodes, forwards(r)));
}

static void
on_timer(void *arg)
{
	struct net_router *r = arg;

	advertise(r, NULL);
	event_timer_set(&r->timer, PERIOD_US);
}

bool
net_router_take(struct net_router *r, const uint8_t *frame, size_t len)
{
	uint8_t answer[NET_DHCP6_MAX];
	const uint8_t *to;
	int n;

	if (net_ra_asked(&to, r->config.link, frame, len)) {
		advertise(r, to);
		return true;
	}
	n = net_dhcp6_answer(r->config.link, answer, frame, len);
	if (n > 0)
		r->config.deliver(r->config.arg, answer, (size_t)n);
	return n >= 0;
}

struct net_router *
net_router_new(const struct net_router_config *config)
{
	struct net_router *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->config = *config;
	event_timer_init(&r->timer, config->loop, on_timer, r);
	event_timer_set(&r->timer, PERIOD_US);
	return r;
}

void
net_router_destroy(struct net_router *r)
{
	if (r == NULL)
		return;
	event_timer_clear(&r->timer);
	free(r);
}
