/* SPDX-License-Identifier: ISC */
/*
 * balloon.c - traditional memory balloon (virtio 1.2, section 5.5)
 *
 * A buffer of statistics is the guest's until it shall be filled again, so
 * it is put back after reading, and taken to ask.
 *
 * Process: vmm, main thread.  Sandbox: nothing beyond vmm's.
 * Needs: the guest's memory.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/balloon.h"
#include "vmm/memory.h"
#include "vmm/vio.h"

#define QUEUE_LEN	128
#define PFNS_MAX	1024		/* of a request; Linux has 256 */
#define STATS_MAX	64		/* of a buffer; Linux has 16 */
#define PAGE		VIRTIO_BALLOON_PAGE
#define PAGES_A_CHAIN	16		/* that cost as much as a chain */

/* Queues; those without their feature are left out, as Linux counts. */
enum role { INFLATE, DEFLATE, STATS, REPORT, ROLES /* none */ };

struct vio_balloon {
	struct vio	 vio;		/* first */
	struct virtio_balloon_config config;
	uint64_t	 reported;	/* bytes */
	uint64_t	 stat[VIRTIO_BALLOON_S_MAX];
};

static struct vio_balloon *
balloon_of(struct vio *vio)
{
	return (struct vio_balloon *)vio;
}

static enum role
role_of(const struct vio *vio, unsigned q)
{
	if (q < STATS)
		return (enum role)q;
	if (q == STATS && vio->accepted &
	    VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ))
		return STATS;
	return vio->accepted & VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_REPORTING) ?
	    REPORT : ROLES;
}

/* --- giving pages to the host -------------------------------------------- */

struct run {
	uint64_t	gpa, len;	/* bytes */
};

static void
give(struct vio *vio, struct run *run)
{
	if (run->len != 0)
		memory_discard(vio->board->memory, run->gpa, run->len);
	run->len = 0;
}

/* Neighbours go together: a call to the host each is what costs. */
static void
inflate(struct vio *vio, const struct virtq_chain *c)
{
	uint32_t pfn[PFNS_MAX];
	size_t n = virtq_copy_out(c, 0, pfn, sizeof(pfn)) / sizeof(pfn[0]);
	struct run run = { 0, 0 };

	for (size_t i = 0; i < n; i++) {
		uint64_t gpa = (uint64_t)pfn[i] * PAGE;

		if (run.len != 0 && gpa == run.gpa + run.len) {
			run.len += PAGE;
			continue;
		}
		/* Linux hands its pages over from the highest down. */
		if (run.len != 0 && gpa + PAGE == run.gpa) {
			run.gpa = gpa;
			run.len += PAGE;
			continue;
		}
		give(vio, &run);
		run = (struct run){ gpa, PAGE };
	}
	give(vio, &run);
	vio_spend(vio, (unsigned)n / PAGES_A_CHAIN);
}

/* The guest physical address of a piece of a chain. */
static uint64_t
gpa_of(const struct vio *vio, const void *host)
{
	const struct guest_memory *m = memory_table(vio->board->memory);
	const uint8_t *p = host;

	for (unsigned i = 0; i < m->nregions; i++) {
		const struct guest_region *r = &m->regions[i];

		if (p >= r->host && p < r->host + r->len)
			return r->gpa + (uint64_t)(p - r->host);
	}
	return UINT64_MAX;	/* no piece is elsewhere */
}

/* Free pages, as buffers that we might write to. */
static void
report(struct vio *vio, const struct virtq_chain *c)
{
	for (unsigned i = c->nout; i < c->nout + c->nin; i++) {
		memory_discard(vio->board->memory,
		    gpa_of(vio, c->iov[i].iov_base), c->iov[i].iov_len);
		balloon_of(vio)->reported += c->iov[i].iov_len;
	}
	vio_spend(vio, c->nin);
}

/* --- statistics ---------------------------------------------------------- */

static void
forget_stats(struct vio_balloon *b)
{
	for (unsigned i = 0; i < VIRTIO_BALLOON_S_MAX; i++)
		b->stat[i] = UINT64_MAX;
}

static void
read_stats(struct vio_balloon *b, const struct virtq_chain *c)
{
	struct virtio_balloon_stat s[STATS_MAX];
	size_t n = virtq_copy_out(c, 0, s, sizeof(s)) / sizeof(s[0]);

	for (size_t i = 0; i < n; i++)
		if (s[i].tag < VIRTIO_BALLOON_S_MAX)
			b->stat[s[i].tag] = s[i].val;
}

/*
 * The buffer that came stays where it is until we ask.  There is one; of
 * more the older ones go back.
 */
static void
stats_kick(struct vio *vio, unsigned q)
{
	struct virtq_chain c;

	while (vio_pop(vio, q, &c)) {
		read_stats(balloon_of(vio), &c);
		if (!vio_again(vio, q)) {
			vio_unpop(vio, q, &c);
			return;
		}
		vio_push(vio, q, &c, 0);
		vio_flush(vio, q);
	}
}

/* Hand the buffer back: the guest fills it. */
static void
ask(struct vio *vio)
{
	struct virtq_chain c;

	if (role_of(vio, STATS) != STATS || !vio_pop(vio, STATS, &c))
		return;
	vio_push(vio, STATS, &c, 0);
	vio_flush(vio, STATS);
	(void)vio_again(vio, STATS);
}

/* --- the class ----------------------------------------------------------- */

static void
balloon_kick(struct vio *vio, unsigned q)
{
	enum role role = role_of(vio, q);
	struct virtq_chain c;

	if (role == STATS) {
		stats_kick(vio, q);
		return;
	}
	do {
		while (vio_pop(vio, q, &c)) {
			if (role == INFLATE)
				inflate(vio, &c);
			if (role == REPORT)
				report(vio, &c);
			vio_push(vio, q, &c, 0);
		}
		vio_flush(vio, q);
	} while (vio_again(vio, q));
}

static void
balloon_config_read(struct vio *vio, unsigned offset, void *to, unsigned len)
{
	memcpy(to, (uint8_t *)&balloon_of(vio)->config + offset, len);
}

/* 'actual' is the driver's; in one piece or in bytes. */
static void
balloon_config_write(struct vio *vio, unsigned offset, const void *from,
    unsigned len)
{
	if (offset >= offsetof(struct virtio_balloon_config, actual))
		memcpy((uint8_t *)&balloon_of(vio)->config + offset, from,
		    len);
}

static void
balloon_stop(struct vio *vio)
{
	struct vio_balloon *b = balloon_of(vio);

	/* A driver that begins anew has nothing in it. */
	if (vio->status == 0) {
		b->config.actual = 0;
		forget_stats(b);
	}
}

static json_t *
balloon_save(struct vio *vio)
{
	struct vio_balloon *b = balloon_of(vio);

	return json_pack("{s:I, s:I}",
	    "num_pages", (json_int_t)b->config.num_pages,
	    "actual", (json_int_t)b->config.actual);
}

static int
balloon_load(struct vio *vio, const json_t *o, struct err *e)
{
	struct vio_balloon *b = balloon_of(vio);
	uint64_t pages = 0, actual = 0;

	if (json_get_u64(&pages, o, "num_pages", 0, UINT32_MAX, e) == -1 ||
	    json_get_u64(&actual, o, "actual", 0, UINT32_MAX, e) == -1)
		return -1;
	b->config.num_pages = (uint32_t)pages;
	b->config.actual = (uint32_t)actual;
	return 0;
}

static void
balloon_destroy(struct vio *vio)
{
	vio_fini(vio);
	free(vio);
}

static const struct vio_class balloon_class = {
	.name		= "balloon",
	.id		= VIRTIO_ID_BALLOON,
	.pci_class	= 0x00ff00,
	.config_read	= balloon_config_read,
	.config_write	= balloon_config_write,
	.stop		= balloon_stop,
	.kick		= balloon_kick,
	.save		= balloon_save,
	.load		= balloon_load,
	.destroy	= balloon_destroy,
};

/* --- for the API --------------------------------------------------------- */

int
vio_balloon_set(struct vio *vio, uint64_t bytes, struct err *e)
{
	struct vio_balloon *b = balloon_of(vio);
	uint64_t memory = memory_bytes(vio->board->memory);

	if (bytes > memory)
		return err_set(e, EINVAL, "%s: %llu bytes are more than the "
		    "guest's %llu", vio->name, (unsigned long long)bytes,
		    (unsigned long long)memory);
	b->config.num_pages = (uint32_t)(bytes / PAGE);
	vio_config_changed(vio);
	return 0;
}

void
vio_balloon_info(struct vio *vio, struct vio_balloon_info *ret)
{
	const struct vio_balloon *b = balloon_of(vio);
	const uint64_t *s = b->stat;

	*ret = (struct vio_balloon_info){
		.target = (uint64_t)b->config.num_pages * PAGE,
		.actual = (uint64_t)b->config.actual * PAGE,
		.reported = b->reported,
		.total = s[VIRTIO_BALLOON_S_MEMTOT],
		.free = s[VIRTIO_BALLOON_S_MEMFREE],
		.available = s[VIRTIO_BALLOON_S_AVAIL],
		.caches = s[VIRTIO_BALLOON_S_CACHES],
		.swap_in = s[VIRTIO_BALLOON_S_SWAP_IN],
		.swap_out = s[VIRTIO_BALLOON_S_SWAP_OUT],
		.major_faults = s[VIRTIO_BALLOON_S_MAJFLT],
		.minor_faults = s[VIRTIO_BALLOON_S_MINFLT],
	};
	ask(vio);
}

static void
balloon_offer(struct vio *vio, const struct vio_balloon_setup *s)
{
	vio->offered = VIO_FEATURES | VIRTIO_BIT(VIRTIO_BALLOON_F_STATS_VQ);
	if (s->deflate_on_oom)
		vio->offered |= VIRTIO_BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	if (s->reporting)
		vio->offered |= VIRTIO_BIT(VIRTIO_BALLOON_F_PAGE_REPORTING);
	vio->config_len = sizeof(struct virtio_balloon_config);
	vio->nqueues = s->reporting ? ROLES : REPORT;
	for (unsigned q = 0; q < vio->nqueues; q++)
		vio->queue[q].len_max = QUEUE_LEN;
}

int
vio_balloon_new(struct vio **ret, const struct vio_balloon_setup *s,
    struct err *e)
{
	struct vio_balloon *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_sys(e, "%s", s->name);
	forget_stats(b);
	if (vio_init(&b->vio, &balloon_class, s->board, s->name, e) == -1)
		goto fail;
	balloon_offer(&b->vio, s);
	if (vio_balloon_set(&b->vio, s->bytes, e) == -1 ||
	    vio_plug(&b->vio, -1, e) == -1)
		goto fail;
	*ret = &b->vio;
	return 0;
fail:
	balloon_destroy(&b->vio);
	return -1;
}
