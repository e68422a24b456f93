/* SPDX-License-Identifier: ISC */
/*
 * queue.c - the queues of a device that is served
 *
 * When a queue runs, what a device may do with it, and how it stops; see
 * serve.h and the theory of operation in serve.c.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <unistd.h>

#include "viod/serve_private.h"

#define KICKS_UNREAD	512		/* fewer than would fill a counter */

void
viod_complain(struct viod *v, const struct err *e)
{
	log_limited(&v->complaints, "%s: %s", v->class->name, e->text);
}

void
viod_signal(int fd)
{
	uint64_t one = 1;

	/* Full means that a signal is pending already. */
	if (fd != -1 && write(fd, &one, sizeof(one)) == -1)
		return;
}

/* Once per breakage: log it and tell the front-end. */
static void
report_broken(struct viod *v, unsigned queue)
{
	struct viod_queue *q = &v->queues[queue];

	if (q->told)
		return;
	q->told = true;
	log_limited(&v->complaints, "%s: queue %u is broken: %s",
	    v->class->name, queue, q->vq.broken);
	viod_signal(q->err);
}

void
viod_broken(struct viod *v, unsigned queue, const char *why)
{
	virtq_break(&v->queues[queue].vq, why);
	report_broken(v, queue);
}

bool
viod_pop(struct viod *v, unsigned queue, struct virtq_chain *c)
{
	struct viod_queue *q = &v->queues[queue];

	if (!q->running)
		return false;
	if (virtq_pop(&q->vq, c))
		return true;
	if (q->vq.broken != NULL)
		report_broken(v, queue);
	return false;
}

void
viod_push(struct viod *v, unsigned queue, uint16_t head, uint32_t written)
{
	virtq_push(&v->queues[queue].vq, head, written);
}

void
viod_flush(struct viod *v, unsigned queue)
{
	struct viod_queue *q = &v->queues[queue];

	if (q->running && virtq_flush(&q->vq))
		viod_signal(q->call);
}

void
viod_notify_off(struct viod *v, unsigned queue)
{
	if (v->queues[queue].running)
		virtq_notify_off(&v->queues[queue].vq);
}

bool
viod_notify_on(struct viod *v, unsigned queue)
{
	return v->queues[queue].running &&
	    virtq_notify_on(&v->queues[queue].vq);
}

bool
viod_notify_past(struct viod *v, unsigned queue, unsigned waiting)
{
	return v->queues[queue].running &&
	    virtq_notify_past(&v->queues[queue].vq, waiting);
}

void
viod_again(struct viod *v, unsigned queue)
{
	if (v->queues[queue].running)
		event_timer_soon(&v->queues[queue].again);
}

/* There may be something in the queue. */
static void
notify(struct viod_queue *q)
{
	if (q->running)
		q->viod->class->notify(q->viod,
		    (unsigned)(q - q->viod->queues));
}

static void
on_again(void *arg)
{
	notify(arg);
}

static void
on_kick(void *arg, unsigned what)
{
	struct viod_queue *q = arg;
	char bin[512];

	(void)what;
	/*
	 * Every write is an edge, read or not.  But many can be one, and none
	 * is made into a pipe that is full.
	 */
	if (q->pipe || ++q->unread == KICKS_UNREAD) {
		q->unread = 0;
		while (read(q->kick, bin, sizeof(bin)) == (ssize_t)sizeof(bin))
			;
	}
	notify(q);
}

static bool
is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* The record may be for longer queues than the driver has chosen. */
static int
queue_track(struct viod *v, struct viod_queue *q, unsigned n, struct err *e)
{
	if (v->inflight == NULL)
		return 0;
	if (n >= v->inflight_queues || q->len > v->inflight_desc)
		return err_set(e, EINVAL, "queue %u of %u: the in-flight "
		    "record has %u of %u", n, q->len, v->inflight_queues,
		    v->inflight_desc);
	return virtq_track(&q->vq,
	    inflight_queue(v->inflight, v->inflight_desc, n), e);
}

/* Start the queue if all that it takes has been said. */
int
viod_queue_start(struct viod *v, unsigned n, struct err *e)
{
	struct viod_queue *q = &v->queues[n];

	if (q->running || q->len == 0 || !q->have_addr || !q->enabled ||
	    q->kick == -1)
		return 0;
	if (virtq_init(&q->vq, &v->mem, q->len, &q->addr, q->base, e) == -1 ||
	    queue_track(v, q, n, e) == -1)
		return err_prefix(e, "queue %u", n);
	q->vq.event_idx = viod_has(v, VIRTIO_F_EVENT_IDX);
	q->vq.indirect = viod_has(v, VIRTIO_F_INDIRECT_DESC);
	q->pipe = is_pipe(q->kick);
	event_watch_init(&q->kicked, v->loop, q->kick, on_kick, q);
	event_timer_init(&q->again, v->loop, on_again, q);
	if (event_watch_set(&q->kicked, EVENT_READ | EVENT_EDGE) == -1)
		return err_sys(e, "queue %u: kick descriptor", n);
	q->told = false;
	q->running = true;
	if (v->class->start != NULL)
		v->class->start(v, n);
	/* Chains may be waiting that no kick will come for. */
	viod_again(v, n);
	return 0;
}

void
viod_drain(struct viod *v)
{
	if (v->class->drain != NULL)
		v->class->drain(v);
}

/* The queue is not served any more; base is where to go on. */
void
viod_queue_stop(struct viod *v, unsigned n)
{
	struct viod_queue *q = &v->queues[n];

	if (!q->running)
		return;
	viod_drain(v);
	viod_flush(v, n);
	if (v->class->stop != NULL)
		v->class->stop(v, n);
	q->running = false;
	q->base = q->vq.avail_idx;
	event_watch_fini(&q->kicked);
	event_timer_clear(&q->again);
}

void
viod_replace_fd(int *slot, int fd)
{
	if (*slot != -1)
		(void)close(*slot);
	*slot = fd;
}

/* Forget all that was said about the queue. */
void
viod_queue_forget(struct viod *v, unsigned n)
{
	struct viod_queue *q = &v->queues[n];

	viod_queue_stop(v, n);
	viod_replace_fd(&q->kick, -1);
	viod_replace_fd(&q->call, -1);
	viod_replace_fd(&q->err, -1);
	q->len = q->base = 0;
	q->have_addr = q->enabled = q->told = false;
}

void
viod_stop(struct viod *v)
{
	for (unsigned n = 0; n < v->nqueues; n++)
		viod_queue_stop(v, n);
}

bool
viod_any_running(const struct viod *v)
{
	for (unsigned n = 0; n < v->nqueues; n++)
		if (v->queues[n].running)
			return true;
	return false;
}

void
viod_log_forget(struct viod *v)
{
	v->mem.log = NULL;
	if (v->log.bits != NULL)
		(void)munmap(v->log.bits, v->log.bytes);
	v->log.bits = NULL;
}

void
viod_reset(struct viod *v)
{
	viod_stop(v);
	if (v->class->reset != NULL)
		v->class->reset(v);
	v->acked = 0;
	v->status = 0;
	viod_log_forget(v);
	for (unsigned n = 0; n < v->nqueues; n++)
		v->queues[n].told = false;
}
