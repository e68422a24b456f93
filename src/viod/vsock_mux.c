/* SPDX-License-Identifier: ISC */
/*
 * vsock_mux.c - the connections of a guest and who may send next
 *
 * See vsock_mux.h.  Connections with something for the guest wait in one
 * row; each fetch takes one packet of the first and sends it to the end, so
 * none can keep the others waiting.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "os/os.h"
#include "viod/vsock_conn.h"

#define FIRST_PORT	(1U << 30)	/* as Firecracker: above what people
					   use and guests bind by chance */

static struct conn_list *
bucket(struct vsock_mux *m, uint32_t guest_port, uint32_t host_port)
{
	uint64_t key = (uint64_t)guest_port << 32 | host_port;

	/* The seed keeps a guest from choosing ports of one bucket. */
	return &m->buckets[(key * m->seed) >> 54];
}
_Static_assert(VSOCK_BUCKETS == 1 << 10, "bucket() takes ten bits");

struct conn *
vsock_mux_find(struct vsock_mux *m, uint32_t guest_port, uint32_t host_port)
{
	struct conn *c;

	LIST_FOREACH(c, bucket(m, guest_port, host_port), hash)
		if (c->guest_port == guest_port && c->host_port == host_port)
			return c;
	return NULL;
}

void
vsock_mux_insert(struct vsock_mux *m, struct conn *c)
{
	LIST_INSERT_HEAD(&m->conns, c, all);
	LIST_INSERT_HEAD(bucket(m, c->guest_port, c->host_port), c, hash);
}

uint32_t
vsock_mux_port(struct vsock_mux *m, uint32_t guest_port)
{
	/* Ends: there are more ports than connections. */
	for (;;) {
		uint32_t port = m->next_port++;

		if (m->next_port == UINT32_MAX)
			m->next_port = FIRST_PORT;
		if (vsock_mux_find(m, guest_port, port) == NULL)
			return port;
	}
}

void
vsock_mux_want(struct vsock_mux *m, struct conn *c)
{
	if (!c->is_ready) {
		TAILQ_INSERT_TAIL(&m->ready, c, ready);
		c->is_ready = true;
	}
	event_timer_soon(&m->output);
}

static void
output_cb(void *arg)
{
	struct vsock_mux *m = arg;

	m->config.wake(m->config.arg);
}

int
vsock_mux_new(struct vsock_mux **ret, const struct vsock_mux_config *config,
    struct err *e)
{
	OWN(vsock_mux_destroy) struct vsock_mux *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return err_sys(e, "vsock");
	m->config = *config;
	m->next_port = FIRST_PORT;
	os_random(&m->seed, sizeof(m->seed));
	m->seed |= 1;
	LIST_INIT(&m->conns);
	for (unsigned i = 0; i < VSOCK_BUCKETS; i++)
		LIST_INIT(&m->buckets[i]);
	TAILQ_INIT(&m->ready);
	event_timer_init(&m->output, config->loop, output_cb, m);
	if (vsock_host_new(&m->host, m, e) == -1)
		return -1;
	*ret = take(&m);
	return 0;
}

void
vsock_mux_destroy(struct vsock_mux *m)
{
	struct conn *c;

	if (m == NULL)
		return;
	while ((c = LIST_FIRST(&m->conns)) != NULL)
		vsock_conn_free(c);
	vsock_host_destroy(m->host);
	event_timer_clear(&m->output);
	free(m);
}

void
vsock_mux_ready(struct vsock_mux *m, bool ready)
{
	m->guest_ready = ready;
}

void
vsock_mux_reset(struct vsock_mux *m)
{
	struct conn *c, *next;

	for (c = LIST_FIRST(&m->conns); c != NULL; c = next) {
		next = LIST_NEXT(c, all);
		vsock_conn_forget(c);
	}
	m->nrsts = 0;
}

/* --- from the guest ------------------------------------------------------- */

bool
vsock_mux_may_input(const struct vsock_mux *m)
{
	return m->nrsts < VSOCK_RSTS_MAX;
}

void
vsock_mux_refuse(struct vsock_mux *m, const struct virtio_vsock_hdr *hdr)
{
	struct vsock_rst *r;

	/* A reset is never answered: two ends would do it for ever. */
	if (hdr->op == VIRTIO_VSOCK_OP_RST)
		return;
	assert(m->nrsts < VSOCK_RSTS_MAX);
	r = &m->rsts[(m->rst_head + m->nrsts++) % VSOCK_RSTS_MAX];
	r->src_cid = hdr->dst_cid;
	r->src_port = hdr->dst_port;
	r->dst_port = hdr->src_port;
	r->type = hdr->type;
	event_timer_soon(&m->output);
}

void
vsock_mux_input(struct vsock_mux *m, const struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n)
{
	struct conn *c;
	uint64_t len = 0;

	if (hdr->op == VIRTIO_VSOCK_OP_INVALID ||
	    hdr->op > VIRTIO_VSOCK_OP_CREDIT_REQUEST) {
		m->stats.unknown_ops++;
		return;
	}
	if (hdr->src_cid != m->config.cid ||
	    hdr->dst_cid != VIRTIO_VSOCK_CID_HOST ||
	    hdr->type != VIRTIO_VSOCK_TYPE_STREAM) {
		m->stats.bad_packets++;
		vsock_mux_refuse(m, hdr);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		len += iov[i].iov_len;
	c = vsock_mux_find(m, hdr->src_port, hdr->dst_port);
	if (c != NULL && hdr->op == VIRTIO_VSOCK_OP_RW && hdr->len > len)
		vsock_conn_bad(c);	/* bytes are lost: so is the stream */
	else if (c != NULL)
		vsock_conn_input(c, hdr, iov, n);
	else if (hdr->op == VIRTIO_VSOCK_OP_REQUEST)
		vsock_host_dial(m->host, hdr);
	else
		vsock_mux_refuse(m, hdr);
}

/* --- to the guest --------------------------------------------------------- */

unsigned
vsock_mux_wants(const struct vsock_mux *m)
{
	const struct conn *c = TAILQ_FIRST(&m->ready);

	if (m->nrsts != 0)
		return 1;
	if (c == NULL)
		return 0;
	return c->bulk ? VSOCK_BATCH_MAX : 1;
}

/*
 * Pieces of a buffer behind its header, added to 'to' which has k of them;
 * returns how many there are then.
 */
static unsigned
add_payload(struct iovec *to, unsigned k, const struct vsock_buffer *b,
    size_t *cap)
{
	size_t skip = sizeof(struct virtio_vsock_hdr);

	*cap = 0;
	for (unsigned i = 0; i < b->n && k < VSOCK_PIECES_MAX; i++) {
		if (b->iov[i].iov_len <= skip) {
			skip -= b->iov[i].iov_len;
			continue;
		}
		to[k].iov_base = (char *)b->iov[i].iov_base + skip;
		to[k].iov_len = b->iov[i].iov_len - skip;
		*cap += to[k++].iov_len;
		skip = 0;
	}
	return k;
}

static bool
holds_header(const struct vsock_buffer *b)
{
	size_t total = 0;

	for (unsigned i = 0; i < b->n; i++)
		total += b->iov[i].iov_len;
	return total >= sizeof(struct virtio_vsock_hdr);
}

static void
put_header(struct vsock_buffer *b, const struct virtio_vsock_hdr *hdr)
{
	const struct iovec *iov = b->iov;
	const char *p = (const char *)hdr;
	size_t left = sizeof(*hdr), n;

	for (; left > 0; iov++) {
		n = MIN(left, iov->iov_len);
		memcpy(iov->iov_base, p, n);
		p += n;
		left -= n;
	}
	b->used = sizeof(*hdr) + hdr->len;
}

static void
rst_output(struct vsock_mux *m, struct virtio_vsock_hdr *hdr)
{
	const struct vsock_rst *r = &m->rsts[m->rst_head];

	hdr->src_cid = r->src_cid;
	hdr->src_port = r->src_port;
	hdr->dst_port = r->dst_port;
	hdr->type = r->type;
	hdr->op = VIRTIO_VSOCK_OP_RST;
	m->rst_head = (m->rst_head + 1) % VSOCK_RSTS_MAX;
	m->nrsts--;
}

/* What the first connection that has something has to say. */
static bool
conn_output(struct vsock_mux *m, struct virtio_vsock_hdr *hdr,
    struct iovec *iov, unsigned n, size_t cap)
{
	struct conn *c;
	int r;

	while ((c = TAILQ_FIRST(&m->ready)) != NULL) {
		r = vsock_conn_output(c, hdr, iov, n, cap);
		if (r == 0)
			continue;
		if (r == 1 && c->is_ready) {
			TAILQ_REMOVE(&m->ready, c, ready);
			TAILQ_INSERT_TAIL(&m->ready, c, ready);
		}
		return true;
	}
	return false;
}

unsigned
vsock_mux_output(struct vsock_mux *m, struct vsock_buffer *bufs, unsigned n)
{
	struct virtio_vsock_hdr hdr = {
		.src_cid = VIRTIO_VSOCK_CID_HOST,
		.dst_cid = m->config.cid,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
	};
	struct iovec payload[VSOCK_PIECES_MAX];
	size_t caps[VSOCK_BATCH_MAX], cap = 0, left;
	unsigned k = 0, usable = 0;

	for (; usable < MIN(n, VSOCK_BATCH_MAX); usable++) {
		if (k == VSOCK_PIECES_MAX || !holds_header(&bufs[usable]))
			break;
		k = add_payload(payload, k, &bufs[usable], &caps[usable]);
		cap += caps[usable];
	}
	if (usable == 0)
		return 0;
	if (m->nrsts != 0)
		rst_output(m, &hdr);
	else if (!conn_output(m, &hdr, payload, k, cap))
		return 0;
	if (hdr.op == VIRTIO_VSOCK_OP_RST)
		m->stats.resets++;
	/* What was read in one go is a packet a buffer. */
	left = hdr.len;
	n = 0;
	do {
		hdr.len = (uint32_t)MIN(left, caps[n]);
		left -= hdr.len;
		put_header(&bufs[n++], &hdr);
	} while (left > 0);
	return n;
}

const struct vsock_stats *
vsock_mux_stats(const struct vsock_mux *m)
{
	return &m->stats;
}
