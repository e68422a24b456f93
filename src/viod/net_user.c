/* SPDX-License-Identifier: ISC */
/*
 * net_user.c - libslirp on our event loop; see net_user.h
 *
 * libslirp is made for poll(2): before each wait it names its descriptors,
 * after it asks which are ready.  Here a descriptor keeps its event from
 * one round to the next and only changes reach the kernel.  A round runs
 * once for everything that became ready together.
 *
 * Process: viod net.  Needs: to create and bind sockets, and to read
 * /etc/resolv.conf again when it changes.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <libslirp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef MIN	/* GLib's; ours follow */
#undef MAX

#include "lib/log.h"
#include "lib/util.h"
#include "os/event.h"
#include "viod/net_local.h"
#include "viod/net_offload.h"
#include "viod/net_user.h"

#define PUBLISHED_BACKLOG	128	/* libslirp's own is 1: bursts of
					   connections would wait a second */
#define HEADERS_MAX		120	/* of IP and TCP, before a segment */
#define CLOCK_STALE_NS		1000000000

/* A descriptor of libslirp.  Lives until the end: numbers come again. */
struct watch {
	struct net_user	*user;
	struct event_watch ev;
	unsigned	 wanted;	/* in the round being made */
	unsigned	 got;		/* since the last round */
	bool		 listener;	/* of a published port */
};

struct net_user {
	struct net_user_config	 config;
	Slirp			*slirp;
	struct event_timer	 round;
	struct event_timer	 timeout;	/* of libslirp's TCP */
	struct event_timer	 advert;	/* router advertisements */
	struct watch		**watches;	/* by descriptor; or NULL */
	int			 nwatches;
	int			*polled;	/* descriptors, as numbered
						   for libslirp this round */
	int			 npolled;
	int			 polled_cap;
	int64_t			 round_ns;	/* when the last round was */
	struct net_local	 local;
	uint64_t		 guest_errors;
	struct log_limit	 complaints;
};

static int64_t
clock_get_ns(void *arg)
{
	struct timespec ts;

	(void)arg;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* --- descriptors ---------------------------------------------------------- */

static void
watch_cb(void *arg, unsigned what)
{
	struct watch *w = arg;

	w->got |= what;
	event_timer_soon(&w->user->round);
}

/* The watch of a descriptor, made when there is none; NULL: no memory. */
static struct watch *
watch_of(struct net_user *u, int fd)
{
	struct watch **p, *w;
	int n;

	if (fd >= u->nwatches) {
		n = MAX(fd + 1, u->nwatches * 2);
		p = realloc(u->watches, (size_t)n * sizeof(*p));
		if (p == NULL)
			return NULL;
		memset(p + u->nwatches, 0,
		    (size_t)(n - u->nwatches) * sizeof(*p));
		u->watches = p;
		u->nwatches = n;
	}
	if (u->watches[fd] == NULL) {
		w = calloc(1, sizeof(*w));
		if (w == NULL)
			return NULL;
		w->user = u;
		event_watch_init(&w->ev, u->config.loop, fd, watch_cb, w);
		u->watches[fd] = w;
	}
	return u->watches[fd];
}

/*
 * libslirp is about to close a descriptor, or has a new one: what the
 * number meant before is over.
 */
static void
forget_fd(int fd, void *arg)
{
	struct net_user *u = arg;

	if (fd < 0 || fd >= u->nwatches || u->watches[fd] == NULL)
		return;
	event_watch_fini(&u->watches[fd]->ev);
	u->watches[fd]->got = 0;
	u->watches[fd]->listener = false;
}

/* --- a round -------------------------------------------------------------- */

static int
add_poll(int fd, int events, void *arg)
{
	struct net_user *u = arg;
	struct watch *w = watch_of(u, fd);
	int *p, cap;

	if (w == NULL)
		return -1;
	if (u->npolled == u->polled_cap) {
		cap = MAX(64, u->polled_cap * 2);
		p = realloc(u->polled, (size_t)cap * sizeof(*p));
		if (p == NULL)
			return -1;
		u->polled = p;
		u->polled_cap = cap;
	}
	/* Urgent data comes in line (SO_OOBINLINE): EVENT_READ covers it. */
	w->wanted = (events & SLIRP_POLL_IN ? EVENT_READ : 0) |
	    (events & SLIRP_POLL_OUT ? EVENT_WRITE : 0);
	/* Out of descriptors accept(2) fails, and would without end. */
	if (w->listener && u->npolled >= NET_USER_SOCKETS_MAX)
		w->wanted = 0;
	u->polled[u->npolled] = fd;
	return u->npolled++;
}

static int
get_revents(int i, void *arg)
{
	struct net_user *u = arg;
	unsigned got;

	if (i < 0 || i >= u->npolled)
		return 0;
	got = u->watches[u->polled[i]]->got;
	return (got & EVENT_READ ? SLIRP_POLL_IN : 0) |
	    (got & EVENT_WRITE ? SLIRP_POLL_OUT : 0);
}

/* Ask libslirp what it waits for next; tell the kernel what is new in it. */
static void
round_prepare(struct net_user *u)
{
	uint32_t timeout_ms = UINT32_MAX;

	for (int fd = 0; fd < u->nwatches; fd++)
		if (u->watches[fd] != NULL)
			u->watches[fd]->wanted = u->watches[fd]->got = 0;
	u->npolled = 0;
	slirp_pollfds_fill(u->slirp, &timeout_ms, add_poll, u);
	for (int fd = 0; fd < u->nwatches; fd++)
		if (u->watches[fd] != NULL)
			(void)event_watch_set(&u->watches[fd]->ev,
			    u->watches[fd]->wanted);
	if (timeout_ms == UINT32_MAX)
		event_timer_clear(&u->timeout);
	else
		event_timer_set(&u->timeout, timeout_ms * 1000ULL);
}

static void
round_cb(void *arg)
{
	struct net_user *u = arg;

	u->round_ns = clock_get_ns(u);
	slirp_pollfds_poll(u->slirp, 0, get_revents, u);
	round_prepare(u);
}

/* libslirp can go on with a connection it had stopped reading. */
static void
notify(void *arg)
{
	struct net_user *u = arg;

	event_timer_soon(&u->round);
}

/* --- timer, messages ------------------------------------------------------ */

/* There is one: for router advertisements. */
static void *
timer_new(SlirpTimerId id, void *cb_opaque, void *arg)
{
	struct net_user *u = arg;

	(void)cb_opaque;
	return id == SLIRP_TIMER_RA ? &u->advert : NULL;
}

static void
timer_free(void *timer, void *arg)
{
	(void)arg;
	event_timer_clear(timer);
}

static void
timer_mod(void *timer, int64_t expire_ms, void *arg)
{
	int64_t ms = MAX(0, expire_ms - clock_get_ns(arg) / 1000000);

	event_timer_set(timer, (uint64_t)ms * 1000);
}

static void
advert_cb(void *arg)
{
	struct net_user *u = arg;

	slirp_handle_timer(u->slirp, SLIRP_TIMER_RA, NULL);
	notify(u);
}

static void
guest_error(const char *msg, void *arg)
{
	struct net_user *u = arg;

	u->guest_errors++;
	log_limited(&u->complaints, "guest: %s", msg);
}

/* libslirp speaks through GLib too, for what a guest can bring about. */
static void
glib_log(const char *domain, GLogLevelFlags level, const char *text,
    void *arg)
{
	static struct log_limit complaints;

	(void)domain;
	(void)level;
	(void)arg;
	log_limited(&complaints, "%s", text);
}

static ssize_t
send_packet(const void *buf, size_t len, void *arg)
{
	struct net_user *u = arg;

	net_local_to_guest(&u->local, buf, len);
	u->config.deliver(u->config.arg, buf, len);
	return (ssize_t)len;
}

static const SlirpCb callbacks = {
	.send_packet		= send_packet,
	.guest_error		= guest_error,
	.clock_get_ns		= clock_get_ns,
	.timer_new_opaque	= timer_new,
	.timer_free		= timer_free,
	.timer_mod		= timer_mod,
	.register_poll_fd	= forget_fd,
	.unregister_poll_fd	= forget_fd,
	.notify			= notify,
};

/* --- making and ending ---------------------------------------------------- */

static void
set_addr6(struct in6_addr *to, uint8_t last)
{
	static const uint8_t prefix[] = { 0xfd, 0x76, 0x6d, 0x64 };

	memset(to, 0, sizeof(*to));
	memcpy(to, prefix, sizeof(prefix));
	to->s6_addr[15] = last;
}

/* The address a guest makes from the prefix and its MAC (RFC 4291, A). */
static void
guest_addr6(struct in6_addr *to, const uint8_t mac[6])
{
	set_addr6(to, 0);
	memcpy(to->s6_addr + 8, mac, 3);
	to->s6_addr[8] ^= 2;
	to->s6_addr[11] = 0xff;
	to->s6_addr[12] = 0xfe;
	memcpy(to->s6_addr + 13, mac + 3, 3);
}

static void
slirp_config(SlirpConfig *c, const struct net_user_config *config)
{
	memset(c, 0, sizeof(*c));
	c->version = 4;
	c->in_enabled = true;
	c->vnetwork.s_addr = inet_addr("10.0.2.0");
	c->vnetmask.s_addr = inet_addr("255.255.255.0");
	c->vhost.s_addr = inet_addr("10.0.2.2");
	c->vnameserver.s_addr = inet_addr("10.0.2.3");
	c->vdhcp_start.s_addr = inet_addr("10.0.2.15");
	c->in6_enabled = true;
	set_addr6(&c->vprefix_addr6, 0);
	c->vprefix_len = 64;
	set_addr6(&c->vhost6, 2);
	set_addr6(&c->vnameserver6, 3);
	c->vhostname = config->hostname;
	c->tftp_path = config->boot_dir;
	c->bootfile = config->boot_file;
	/* Of its segments; the device cuts what a guest does not take. */
	c->if_mtu = NET_SEGMENT_MAX + HEADERS_MAX;
	c->if_mru = NET_SEGMENT_MAX + HEADERS_MAX;
	c->disable_host_loopback = true;
}

/* Bind a published port and have it lead to the guest. */
static int
publish(struct net_user *u, const struct net_port *p, struct err *e)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(p->guest_port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(p->guest_port) };
	bool v6 = p->host.ss_family == AF_INET6;
	int r;

	in.sin_addr.s_addr = inet_addr("10.0.2.15");
	guest_addr6(&in6.sin6_addr, u->config.mac);
	/* libslirp would not say which of its steps failed. */
	if (net_port_check(p, e) == -1)
		return -1;
	r = slirp_add_hostxfwd(u->slirp, (const struct sockaddr *)&p->host,
	    p->host_len, v6 ? (struct sockaddr *)&in6 :
	    (struct sockaddr *)&in, v6 ? sizeof(in6) : sizeof(in),
	    (p->udp ? SLIRP_HOSTFWD_UDP : 0) |
	    (v6 ? SLIRP_HOSTFWD_V6ONLY : 0));
	return r == -1 ? net_port_refused(p, errno, e) : 0;
}

/* The published UDP port a socket of libslirp is bound to. */
static void
find_datagram(struct net_user *u, int fd)
{
	struct sockaddr_in in = { .sin_family = 0 };
	socklen_t len = sizeof(in);

	if (getsockname(fd, (struct sockaddr *)&in, &len) == -1 ||
	    in.sin_family != AF_INET)
		return;
	for (unsigned i = 0; i < u->config.nports; i++)
		if (u->config.ports[i].udp &&
		    u->config.ports[i].host_port == ntohs(in.sin_port))
			net_local_publish(&u->local, fd,
			    u->config.ports[i].guest_port);
}

/* A descriptor of libslirp's, when it has those of published ports only. */
static int
find_published(int fd, int events, void *arg)
{
	int type = 0;
	socklen_t len = sizeof(type);
	struct watch *w;

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
		return -1;
	if (type == SOCK_DGRAM) {
		find_datagram(arg, fd);
		return -1;
	}
	(void)listen(fd, PUBLISHED_BACKLOG);
	w = watch_of(arg, fd);
	if (w != NULL)
		w->listener = true;
	return -1;
}

static int
publish_all(struct net_user *u, struct err *e)
{
	uint32_t timeout_ms = UINT32_MAX;

	for (unsigned i = 0; i < u->config.nports; i++)
		if (publish(u, &u->config.ports[i], e) == -1)
			return -1;
	slirp_pollfds_fill(u->slirp, &timeout_ms, find_published, u);
	return 0;
}

int
net_user_new(struct net_user **ret, const struct net_user_config *config,
    struct err *e)
{
	OWN(net_user_destroy) struct net_user *u = calloc(1, sizeof(*u));
	SlirpConfig sc;

	if (u == NULL)
		return err_sys(e, "user network");
	u->config = *config;
	event_timer_init(&u->round, config->loop, round_cb, u);
	event_timer_init(&u->timeout, config->loop, round_cb, u);
	event_timer_init(&u->advert, config->loop, advert_cb, u);
	(void)g_log_set_default_handler(glib_log, NULL);
	slirp_config(&sc, config);
	u->slirp = slirp_new(&sc, &callbacks, u);
	if (u->slirp == NULL)
		return err_set(e, ENOMEM, "user network: libslirp refuses");
	if (publish_all(u, e) == -1)
		return -1;
	u->config.ports = NULL;		/* the caller's, until here */
	u->config.hostname = NULL;
	u->config.boot_dir = u->config.boot_file = NULL;
	notify(u);
	*ret = take(&u);
	return 0;
}

void
net_user_destroy(struct net_user *u)
{
	if (u == NULL)
		return;
	if (u->slirp != NULL)
		slirp_cleanup(u->slirp);
	for (int fd = 0; fd < u->nwatches; fd++) {
		if (u->watches[fd] == NULL)
			continue;
		event_watch_fini(&u->watches[fd]->ev);
		free(u->watches[fd]);
	}
	free(u->watches);
	free(u->polled);
	event_timer_clear(&u->round);
	event_timer_clear(&u->timeout);
	event_timer_clear(&u->advert);
	free(u);
}

void
net_user_input(struct net_user *u, const void *frame, size_t len)
{
	/* More than any header claims to be is nothing for libslirp. */
	if (len > NET_USER_FRAME_MAX ||
	    !net_local_from_guest(&u->local, frame, len))
		return;
	/* Full: only what there is goes on, until some of it ends. */
	if (u->npolled >= NET_USER_SOCKETS_MAX &&
	    net_local_may_begin(frame, len))
		return;
	/*
	 * libslirp reads the clock in rounds only.  By that of the last one,
	 * long ago, what this frame begins would be over at once.
	 */
	if (clock_get_ns(u) - u->round_ns > CLOCK_STALE_NS)
		round_cb(u);
	slirp_input(u->slirp, frame, (int)len);
	event_timer_soon(&u->round);
}

uint64_t
net_user_guest_errors(const struct net_user *u)
{
	return u->guest_errors;
}
