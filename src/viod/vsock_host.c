/* SPDX-License-Identifier: ISC */
/*
 * vsock_host.c - how connections begin on the host's side
 *
 * The host's program connects to the listening socket and writes one line,
 * "CONNECT <port>\n"; see vsock_mux.h.  The line is taken from the socket to
 * its last byte and no further, so what follows needs no keeping.
 */

#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/num.h"
#include "lib/util.h"
#include "os/os.h"
#include "viod/vsock_conn.h"

#define LINE_MAX_LEN	19	/* "CONNECT 4294967295\n" */
#define ACCEPTS_MAX	64	/* in one go; then others get their turn */

/* A connection of the host's that has not said where it wants to go. */
struct handshake {
	TAILQ_ENTRY(handshake)	 all;		/* oldest first */
	struct vsock_host	*host;
	int			 fd;
	struct event_watch	 watch;
	size_t			 len;
	char			 line[LINE_MAX_LEN + 1];
};
TAILQ_HEAD(handshake_queue, handshake);

struct vsock_host {
	struct vsock_mux	*mux;
	struct event_watch	 listener;
	bool			 paused;	/* out of descriptors */
	struct handshake_queue	 handshakes;
	unsigned		 nhandshakes;
};

void
vsock_host_refuse(int fd, const char *why)
{
	char line[64];
	int len;

	len = snprintf(line, sizeof(line), "ERR %s\n", why);
	/* A program that does not read it sees the end all the same. */
	(void)send(fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}

static void
handshake_free(struct handshake *h)
{
	event_watch_fini(&h->watch);
	TAILQ_REMOVE(&h->host->handshakes, h, all);
	h->host->nhandshakes--;
	if (h->fd != -1)
		(void)close(h->fd);
	vsock_host_resume(h->host);
	free(h);
}

static void
handshake_refuse(struct handshake *h, const char *why)
{
	h->host->mux->stats.refused++;
	event_watch_fini(&h->watch);
	vsock_host_refuse(take_fd(&h->fd), why);
	handshake_free(h);
}

/*
 * Take bytes up to the end of the line.  1: it is complete (without its
 * newline); 0: more must come; -1: there is none.
 */
static int
handshake_read(struct handshake *h)
{
	size_t room = LINE_MAX_LEN - h->len;
	char *end, *to = h->line + h->len;
	ssize_t n;

	n = recv(h->fd, to, room, MSG_PEEK | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	end = memchr(to, '\n', (size_t)n);
	if (end != NULL)
		n = end + 1 - to;
	if (recv(h->fd, to, (size_t)n, MSG_DONTWAIT) != n)
		return -1;
	h->len += (size_t)n;
	if (end != NULL) {
		*end = '\0';
		return 1;
	}
	return h->len == LINE_MAX_LEN ? -1 : 0;
}

static void
handshake_done(struct handshake *h)
{
	static const char word[] = "CONNECT ";
	struct vsock_mux *m = h->host->mux;
	uint64_t port;

	/* memchr() above stopped at the newline: a NUL before it is no digit */
	if (strncmp(h->line, word, sizeof(word) - 1) != 0 ||
	    strlen(h->line) + 1 != h->len ||
	    num_parse(&port, h->line + sizeof(word) - 1, 0, UINT32_MAX,
	    NULL) == -1) {
		handshake_refuse(h, "not CONNECT <port>");
		return;
	}
	if (!m->guest_ready) {
		handshake_refuse(h, "guest is not ready");
		return;
	}
	event_watch_fini(&h->watch);
	if (vsock_conn_new(m, h->fd, (uint32_t)port,
	    vsock_mux_port(m, (uint32_t)port), OWE_REQUEST) == NULL) {
		handshake_refuse(h, "too many connections");
		return;
	}
	h->fd = -1;
	handshake_free(h);
}

static void
handshake_cb(void *arg, unsigned what)
{
	struct handshake *h = arg;

	(void)what;
	switch (handshake_read(h)) {
	case 1:
		handshake_done(h);
		break;
	case 0:
		if (event_watch_set(&h->watch, EVENT_READ) == -1)
			handshake_refuse(h, "out of memory");
		break;
	case -1:
		handshake_refuse(h, "not CONNECT <port>");
		break;
	}
}

static void
handshake_new(struct vsock_host *host, int fd)
{
	struct handshake *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		(void)close(fd);
		return;
	}
	h->host = host;
	h->fd = fd;
	TAILQ_INSERT_TAIL(&host->handshakes, h, all);
	host->nhandshakes++;
	event_watch_init(&h->watch, host->mux->config.loop, fd, handshake_cb,
	    h);
	/* Most have written their line already. */
	handshake_cb(h, EVENT_READ);
	if (host->nhandshakes > VSOCK_HANDSHAKES_MAX)
		handshake_refuse(TAILQ_FIRST(&host->handshakes),
		    "too slow, and others wait");
}

static void
listener_cb(void *arg, unsigned what)
{
	struct vsock_host *host = arg;
	int s;

	(void)what;
	for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
		s = os_accept(host->listener.fd);
		if (s != -1) {
			handshake_new(host, s);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			/* Level-triggered: it would fire without end. */
			(void)event_watch_set(&host->listener, 0);
			host->paused = true;
		}
		return;
	}
}

void
vsock_host_resume(struct vsock_host *host)
{
	if (host == NULL || !host->paused)
		return;
	host->paused = false;
	(void)event_watch_set(&host->listener, EVENT_READ);
}

void
vsock_host_dial(struct vsock_host *host, const struct virtio_vsock_hdr *hdr)
{
	struct vsock_mux *m = host->mux;
	own_fd int fd = -1;
	struct conn *c;
	char name[32];

	(void)snprintf(name, sizeof(name), "vsock.sock_%u", hdr->dst_port);
	fd = os_unix_connect_now(m->config.dirfd, name, NULL);
	c = fd == -1 ? NULL : vsock_conn_new(m, fd, hdr->src_port,
	    hdr->dst_port, OWE_RESPONSE);
	if (c == NULL) {
		m->stats.refused++;
		vsock_mux_refuse(m, hdr);
		return;
	}
	(void)take_fd(&fd);
	m->stats.opened++;
	c->peer_alloc = hdr->buf_alloc;
	c->peer_fwd = hdr->fwd_cnt;
}

int
vsock_host_new(struct vsock_host **ret, struct vsock_mux *m, struct err *e)
{
	struct vsock_host *host = calloc(1, sizeof(*host));

	if (host == NULL)
		return err_sys(e, "vsock");
	host->mux = m;
	TAILQ_INIT(&host->handshakes);
	event_watch_init(&host->listener, m->config.loop,
	    m->config.listen_fd, listener_cb, host);
	if (fd_nonblock(m->config.listen_fd, 1) == -1 ||
	    event_watch_set(&host->listener, EVENT_READ) == -1) {
		free(host);
		return err_sys(e, "vsock: listening socket");
	}
	*ret = host;
	return 0;
}

void
vsock_host_destroy(struct vsock_host *host)
{
	if (host == NULL)
		return;
	event_watch_fini(&host->listener);
	host->paused = false;
	while (!TAILQ_EMPTY(&host->handshakes))
		handshake_free(TAILQ_FIRST(&host->handshakes));
	free(host);
}
