/* SPDX-License-Identifier: ISC */
/*
 * console.c - console device, one port (virtio 1.2, section 5.3)
 *
 * Bytes go between the queues' buffers and the socket without a copy.  A
 * chain that the socket took a part of is put back; 'sent' says how much
 * of it went.  Events are armed for one time each, by the main thread: when
 * the socket is full, and when the guest has room for input.
 *
 * Process: vmm, main thread.  Sandbox: nothing beyond vmm's.
 * Needs: the socket.
 */

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/console.h"
#include "vmm/vio.h"

enum { RX, TX, QUEUES };

#define QUEUE_LEN	64
#define READS		16	/* of the socket, in a row */

struct vio_console {
	struct vio	 vio;		/* first */
	int		 fd;		/* -1: closed */
	struct event_watch watch;	/* on fd */
	uint64_t	 sent;		/* bytes of the next chain to send */
	struct virtio_console_config config;
};

static struct vio_console *
console_of(struct vio *vio)
{
	return (struct vio_console *)vio;
}

/* Nobody is there any more. */
static void
hang_up(struct vio_console *c)
{
	event_watch_fini(&c->watch);
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
}

/* Watch for that too, or not any more. */
static void
arm(struct vio_console *c, unsigned what, bool on)
{
	what = on ? c->watch.what | what : c->watch.what & ~what;
	if (c->fd != -1 && event_watch_set(&c->watch, what) == -1)
		fatal("%s", c->vio.name);
}

/* --- output -------------------------------------------------------------- */

/* Bytes of a chain from 'sent' on.  False: the socket is full. */
static bool
send_chain(struct vio_console *c, const struct virtq_chain *chain)
{
	struct iovec iov[VIRTQ_IOV_MAX];
	struct msghdr m = { .msg_iov = iov };
	uint64_t skip = c->sent;
	ssize_t n;

	for (unsigned i = 0; i < chain->nout; i++) {
		if (skip >= chain->iov[i].iov_len) {
			skip -= chain->iov[i].iov_len;
			continue;
		}
		iov[m.msg_iovlen].iov_base =
		    (uint8_t *)chain->iov[i].iov_base + skip;
		iov[m.msg_iovlen++].iov_len = chain->iov[i].iov_len -
		    (size_t)skip;
		skip = 0;
	}
	if (c->fd == -1 || m.msg_iovlen == 0)
		return true;
	n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n == -1) {
		hang_up(c);
		return true;
	}
	c->sent += (uint64_t)n;
	return c->sent >= chain->out_len;
}

static void
output(struct vio_console *c)
{
	struct virtq_chain chain;
	bool full = false;

	do {
		while (!full && vio_pop(&c->vio, TX, &chain)) {
			full = !send_chain(c, &chain);
			if (full) {
				vio_unpop(&c->vio, TX, &chain);
				break;
			}
			c->sent = 0;
			vio_push(&c->vio, TX, &chain, 0);
		}
		vio_flush(&c->vio, TX);
	} while (!full && vio_again(&c->vio, TX));
	arm(c, EVENT_WRITE, full);
}

/* --- input --------------------------------------------------------------- */

/* Read into the chain; 0: nothing came of it. */
static uint32_t
receive(struct vio_console *c, const struct virtq_chain *chain)
{
	ssize_t n;

	if (chain->nin == 0)
		return 0;
	n = readv(c->fd, &chain->iov[chain->nout], (int)chain->nin);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		hang_up(c);
	return n > 0 ? (uint32_t)n : 0;
}

/*
 * What has come goes to the guest while it has room; else it stays in the
 * socket, and the guest's next buffers arm the event.
 */
static void
input(struct vio_console *c)
{
	struct virtq_chain chain;
	unsigned reads = 0;
	bool room;

	do {
		while ((room = reads < READS && c->fd != -1 &&
		    vio_pop(&c->vio, RX, &chain))) {
			uint32_t n = receive(c, &chain);

			if (n == 0 && chain.nin != 0) {
				vio_unpop(&c->vio, RX, &chain);
				break;
			}
			reads++;
			vio_push(&c->vio, RX, &chain, n);
		}
		vio_flush(&c->vio, RX);
	} while (!room && reads < READS && c->fd != -1 &&
	    vio_again(&c->vio, RX));
	arm(c, EVENT_READ, room || reads == READS);
}

static void
on_ready(void *arg, unsigned what)
{
	struct vio_console *c = arg;

	board_lock(c->vio.board);
	if (what & EVENT_WRITE) {
		arm(c, EVENT_WRITE, false);
		vio_kick(&c->vio, TX);
	}
	if (what & EVENT_READ)
		input(c);
	board_unlock(c->vio.board);
}

static void
console_kick(struct vio *vio, unsigned q)
{
	struct vio_console *c = console_of(vio);

	if (q == TX)
		output(c);
	else
		arm(c, EVENT_READ, true);
}

/* --- config space -------------------------------------------------------- */

static void
console_config_read(struct vio *vio, unsigned offset, void *to, unsigned len)
{
	memcpy(to, (uint8_t *)&console_of(vio)->config + offset, len);
}

/* A character of a guest in trouble; lost where there is no room for it. */
static void
console_config_write(struct vio *vio, unsigned offset, const void *from,
    unsigned len)
{
	struct vio_console *c = console_of(vio);

	if (offset != offsetof(struct virtio_console_config, emerg_wr) ||
	    c->fd == -1 || len == 0)
		return;
	(void)send(c->fd, from, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
vio_console_resize(struct vio *vio, uint16_t cols, uint16_t rows)
{
	struct vio_console *c = console_of(vio);

	c->config.cols = cols;
	c->config.rows = rows;
	vio_config_changed(vio);
}

/* --- life ---------------------------------------------------------------- */

static void
console_stop(struct vio *vio)
{
	/* After a pause 'sent' is of use; a reset begins anew. */
	if (vio->status == 0)
		console_of(vio)->sent = 0;
}

static void
console_stop_queue(struct vio *vio, unsigned n)
{
	if (n == TX)
		console_of(vio)->sent = 0;
}

static json_t *
console_save(struct vio *vio)
{
	struct vio_console *c = console_of(vio);

	return json_pack("{s:I, s:i, s:i}", "sent", (json_int_t)c->sent,
	    "cols", c->config.cols, "rows", c->config.rows);
}

static int
console_load(struct vio *vio, const json_t *o, struct err *e)
{
	struct vio_console *c = console_of(vio);
	uint64_t cols = 0, rows = 0;

	if (json_get_u64(&c->sent, o, "sent", 0, UINT32_MAX, e) == -1 ||
	    json_get_u64(&cols, o, "cols", 0, UINT16_MAX, e) == -1 ||
	    json_get_u64(&rows, o, "rows", 0, UINT16_MAX, e) == -1)
		return -1;
	c->config.cols = (uint16_t)cols;
	c->config.rows = (uint16_t)rows;
	return 0;
}

static void
console_destroy(struct vio *vio)
{
	hang_up(console_of(vio));
	vio_fini(vio);
	free(vio);
}

static const struct vio_class console_class = {
	.name		= "console",
	.id		= VIRTIO_ID_CONSOLE,
	.pci_class	= 0x078000,
	.config_read	= console_config_read,
	.config_write	= console_config_write,
	.stop		= console_stop,
	.stop_queue	= console_stop_queue,
	.kick		= console_kick,
	.save		= console_save,
	.load		= console_load,
	.destroy	= console_destroy,
};

static int
open_socket(struct vio_console *c, struct err *e)
{
	event_watch_init(&c->watch, c->vio.board->loop, c->fd, on_ready, c);
	if (c->fd != -1 && fd_nonblock(c->fd, 1) == -1)
		return err_sys(e, "%s", c->vio.name);
	return 0;
}

int
vio_console_new(struct vio **ret, const struct vio_console_setup *s,
    struct err *e)
{
	struct vio_console *c = calloc(1, sizeof(*c));
	struct vio *vio;

	if (c == NULL)
		return err_sys(e, "%s", s->name);
	vio = &c->vio;
	c->fd = s->fd;
	c->config.max_nr_ports = 1;
	if (vio_init(vio, &console_class, s->board, s->name, e) == -1 ||
	    open_socket(c, e) == -1)
		goto fail;
	vio->offered = VIO_FEATURES | VIRTIO_BIT(VIRTIO_CONSOLE_F_SIZE) |
	    VIRTIO_BIT(VIRTIO_CONSOLE_F_EMERG_WRITE);
	vio->config_len = sizeof(c->config);
	vio->nqueues = QUEUES;
	vio->queue[RX].len_max = vio->queue[TX].len_max = QUEUE_LEN;
	if (vio_plug(vio, -1, e) == -1)
		goto fail;
	*ret = vio;
	return 0;
fail:
	console_destroy(vio);
	return -1;
}
