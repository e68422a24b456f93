/* SPDX-License-Identifier: ISC */
/*
 * net_tap.c - a tap device as the network behind; see net_tap.h
 * (Linux, Documentation/networking/tuntap.rst)
 *
 * Process: viod tap.  Needs: a tap that is there, and to tell it what of
 * checksums and segments the guest takes (TUNSETOFFLOAD).
 */

#include <sys/ioctl.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "lib/io.h"
#include "lib/log.h"
#include "viod/net.h"
#include "viod/net_tap.h"

#define FRAMES_MAX	64	/* of the tap in one go */
#define ETHER_BYTES	14
#define RETRY_US	1000000	/* after a tap that fails */

struct net_tap {
	const struct net_tap_config *config;
	struct viod		*dev;
	struct event_watch	 watch;		/* on the tap */
	struct event_timer	 retry;
	bool			 told;		/* of 'offload' */
	unsigned		 offload;	/* TUN_F_* that are set */
	struct log_limit	 complaints;
	struct net_packet	 in;		/* for the guest */
	struct net_packet	 answer;	/* of our own services */
};

/* --- to the guest --------------------------------------------------------- */

/*
 * Guests change their minds with each driver.  A kernel that cannot do it
 * has finished every checksum, and goes on with that.
 */
static void
set_offload(struct net_tap *t)
{
	unsigned want = 0;

	if (viod_has(t->dev, VIRTIO_NET_F_GUEST_CSUM)) {
		want = TUN_F_CSUM;
		if (viod_has(t->dev, VIRTIO_NET_F_GUEST_TSO4))
			want |= TUN_F_TSO4;
		if (viod_has(t->dev, VIRTIO_NET_F_GUEST_TSO6))
			want |= TUN_F_TSO6;
	}
	if (t->told && t->offload == want)
		return;
	t->told = true;
	t->offload = want;
	if (ioctl(t->config->fd, TUNSETOFFLOAD, (unsigned long)want) == -1)
		log_limited(&t->complaints, "tap: offloads: %s",
		    strerror(errno));
}

/* A bridge floods what it does not know: that is not for this guest. */
static bool
is_for_guest(const struct net_tap *t, size_t len)
{
	if (len < ETHER_BYTES)
		return false;
	return !t->config->locked || (t->in.frame[0] & 1) != 0 ||
	    memcmp(t->in.frame, t->config->mac, 6) == 0;
}

/* One frame of the tap; false: there is none now. */
static bool
take_frame(struct net_tap *t)
{
	ssize_t n = read(t->config->fd, &t->in, sizeof(t->in));
	size_t len;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		/* Down, or removed; it would be ready again at once. */
		log_limited(&t->complaints, "tap: %s",
		    n == 0 ? "end of file" : strerror(errno));
		(void)event_watch_set(&t->watch, 0);
		event_timer_set(&t->retry, RETRY_US);
		return false;
	}
	len = (size_t)n - sizeof(t->in.hdr);
	if ((size_t)n > sizeof(t->in.hdr) && is_for_guest(t, len))
		net_deliver_packet(t->dev, &t->in, len);
	return true;
}

static void
on_tap(void *arg, unsigned what)
{
	struct net_tap *t = arg;

	(void)what;
	set_offload(t);
	for (unsigned i = 0; i < FRAMES_MAX; i++)
		if (!take_frame(t))
			break;
}

static void
on_retry(void *arg)
{
	struct net_tap *t = arg;

	if (event_watch_set(&t->watch, EVENT_READ) == -1)
		event_timer_set(&t->retry, RETRY_US);
}

/* --- from the guest ------------------------------------------------------- */

/* Did a service of ours take the frame? */
static bool
served(struct net_tap *t, const uint8_t *frame, size_t len)
{
	const struct net_tap_config *c = t->config;
	int n = -1;

	if (c->dhcp != NULL)
		n = net_dhcp_answer(c->dhcp, t->answer.frame, frame, len);
	if (n > 0)
		net_deliver_packet(t->dev, &t->answer, (size_t)n);
	return n >= 0 || (c->names != NULL &&
	    net_names_take(c->names, frame, len)) || (c->router != NULL &&
	    net_router_take(c->router, frame, len));
}

static void
from_guest(void *arg, struct net_packet *p, size_t len)
{
	struct net_tap *t = arg;
	const struct net_tap_config *c = t->config;
	size_t whole = sizeof(p->hdr) + len;

	if (len < ETHER_BYTES ||
	    (c->locked && memcmp(p->frame + 6, c->mac, 6) != 0)) {
		net_refuse(t->dev);
		return;
	}
	if (served(t, p->frame, len))
		return;
	/* The kernel looks at the header, and refuses one that lies. */
	if (write(c->fd, p, whole) != (ssize_t)whole)
		net_refuse(t->dev);
}

/* -------------------------------------------------------------------------- */

int
net_tap_new(struct net_tap **ret, const struct net_tap_config *config,
    struct viod *dev, struct err *e)
{
	OWN(net_tap_destroy) struct net_tap *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_sys(e, "tap");
	t->config = config;
	t->dev = dev;
	if (fd_nonblock(config->fd, 1) == -1)
		return err_sys(e, "tap: descriptor %d", config->fd);
	event_watch_init(&t->watch, config->loop, config->fd, on_tap, t);
	event_timer_init(&t->retry, config->loop, on_retry, t);
	if (event_watch_set(&t->watch, EVENT_READ) == -1)
		return err_sys(e, "tap: descriptor %d", config->fd);
	net_attach_packets(dev, from_guest, t);
	*ret = take(&t);
	return 0;
}

void
net_tap_destroy(struct net_tap *t)
{
	if (t == NULL)
		return;
	event_watch_fini(&t->watch);
	event_timer_clear(&t->retry);
	free(t);
}
