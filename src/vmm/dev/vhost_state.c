/* SPDX-License-Identifier: ISC */
/* vhost_state.c - what a snapshot keeps of a device in another process */

#include <errno.h>

#include "lib/json.h"
#include "vmm/dev/vhost_private.h"

/* Of each queue, what was popped and not answered. */
static json_t *
save_pending(const struct vhost *v)
{
	own_json json_t *queues = json_array();
	const uint16_t *heads;
	json_t *list;
	unsigned n;

	for (unsigned q = 0; q < v->nbackend; q++) {
		list = json_array();
		if (json_array_append_new(queues, list) == -1)
			return NULL;
		n = v->shadow == NULL ? 0 :
		    shadow_pending(v->shadow, q, &heads);
		for (unsigned i = 0; i < n; i++)
			if (json_array_append_new(list,
			    json_integer(heads[i])) == -1)
				return NULL;
	}
	return take(&queues);
}

json_t *
vhost_save(struct vio *vio)
{
	struct vhost *v = vhost_of(vio);
	own_json json_t *o = json_object();

	if (o == NULL ||
	    json_object_set_new(o, "pending", save_pending(v)) == -1)
		return NULL;
	if (v->kind == VHOST_BLK && (json_object_set_new(o, "capacity",
	    json_integer((json_int_t)v->config.blk.capacity)) == -1 ||
	    json_object_set_new(o, "writeback",
	    json_boolean(v->config.blk.writeback)) == -1))
		return NULL;
	return take(&o);
}

/*
 * A queue that is not copied knows only where to go on: that is enough when
 * what is pending was popped last.
 */
static int
rewind_queue(struct vhost *v, unsigned n, const uint16_t *heads,
    unsigned nheads, struct err *e)
{
	struct vio_queue *q = &v->vio.queue[n];
	uint16_t base = (uint16_t)(q->base - nheads);
	struct virtq virtq;

	if (virtq_init(&virtq, memory_table(v->vio.board->memory), q->len,
	    &q->addr, base, e) == -1)
		return -1;
	for (unsigned i = 0; i < nheads; i++)
		if (nheads > q->len || heads[i] !=
		    virtq.avail->ring[(base + i) & (q->len - 1)])
			return err_set(e, EINVAL, "pending: queue %u can go "
			    "on only with private memory", n);
	q->base = base;
	return 0;
}

static int
load_pending(struct vhost *v, unsigned q, const json_t *list, struct err *e)
{
	uint16_t heads[VIRTQ_LEN_MAX];
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > VIRTQ_LEN_MAX)
		return err_set(e, EINVAL, "pending: bad list of queue %u", q);
	for (size_t i = 0; i < n; i++)
		heads[i] = (uint16_t)json_integer_value(
		    json_array_get(list, i));
	if (v->shadow != NULL)
		return shadow_set_pending(v->shadow, q, heads, (unsigned)n,
		    e);
	return n == 0 ? 0 : rewind_queue(v, q, heads, (unsigned)n, e);
}

static int
load_disk(struct vhost *v, const json_t *state, struct err *e)
{
	uint64_t capacity = 0;
	bool writeback = true;

	if (json_get_u64(&capacity, state, "capacity", 0, INT64_MAX,
	    e) == -1 || json_get_bool(&writeback, state, "writeback", e) == -1)
		return -1;
	if (capacity != v->config.blk.capacity)
		return err_set(e, EINVAL, "the disk has %llu sectors, and had "
		    "%llu", (unsigned long long)v->config.blk.capacity,
		    (unsigned long long)capacity);
	v->config.blk.writeback = writeback;
	return 0;
}

int
vhost_load(struct vio *vio, const json_t *state, struct err *e)
{
	struct vhost *v = vhost_of(vio);
	json_t *queues = NULL;

	if (json_get_arr(&queues, state, "pending", VIO_QUEUES_MAX, e) == -1)
		return -1;
	if (json_array_size(queues) != v->nbackend)
		return err_set(e, EINVAL, "pending: %zu queues, not %u",
		    json_array_size(queues), v->nbackend);
	for (unsigned q = 0; q < v->nbackend; q++)
		if (load_pending(v, q, json_array_get(queues, q), e) == -1)
			return -1;
	v->reset_event = v->kind == VHOST_VSOCK;
	return v->kind == VHOST_BLK ? load_disk(v, state, e) : 0;
}
