/* SPDX-License-Identifier: ISC */
/* vio_state.c - what a snapshot keeps of a virtio device; see vio.h */

#include <errno.h>
#include <string.h>

#include "lib/json.h"
#include "vmm/vio_private.h"

/* A number of the device: its name in the state, where, and its maximum. */
#define NUMBER(f, m)	{ #f, offsetof(struct vio, f),			\
			sizeof(((struct vio *)NULL)->f), (m) }
static const struct number {
	const char	*name;
	size_t		 at, len;
	uint64_t	 max;
} numbers[] = {
	NUMBER(status, UINT8_MAX),
	NUMBER(isr, UINT8_MAX),
	NUMBER(generation, UINT8_MAX),
	NUMBER(device_feature_select, UINT32_MAX),
	NUMBER(driver_feature_select, UINT32_MAX),
	NUMBER(queue_select, UINT16_MAX),
	NUMBER(config_vector, UINT16_MAX),
	NUMBER(legacy, 1),
};
#define NUMBERS	(sizeof(numbers) / sizeof(numbers[0]))

/* --- save --------------------------------------------------------------- */

static json_t *
queue_save(const struct vio_queue *q)
{
	own_json json_t *o = json_object();

	if (o == NULL ||
	    json_object_set_new(o, "len", json_integer(q->len)) == -1 ||
	    json_object_set_new(o, "enabled",
	    json_boolean(q->enabled)) == -1 ||
	    json_object_set_new(o, "addr", json_hex(&q->addr,
	    sizeof(q->addr))) == -1 ||
	    json_object_set_new(o, "base", json_integer(q->base)) == -1 ||
	    json_object_set_new(o, "vector", json_integer(q->vector)) == -1)
		return NULL;
	return take(&o);
}

static int
numbers_save(const struct vio *vio, json_t *o)
{
	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t v = 0;

		memcpy(&v, (const uint8_t *)vio + numbers[i].at,
		    numbers[i].len);
		if (json_object_set_new(o, numbers[i].name,
		    json_integer((json_int_t)v)) == -1)
			return -1;
	}
	return 0;
}

json_t *
vio_save(struct vio *vio)
{
	own_json json_t *o = json_object(), *queues = json_array();

	if (o == NULL || queues == NULL || numbers_save(vio, o) == -1)
		return NULL;
	for (unsigned i = 0; i < vio->nqueues; i++)
		if (json_array_append_new(queues,
		    queue_save(&vio->queue[i])) == -1)
			return NULL;
	/* All 64 bits: what a driver wrote before it was asked for sense. */
	if (json_object_set_new(o, "accepted", json_hex(&vio->accepted,
	    sizeof(vio->accepted))) == -1 ||
	    json_object_set_new(o, "class",
	    json_string(vio->class->name)) == -1 ||
	    json_object_set(o, "queues", queues) == -1 ||
	    json_object_set_new(o, "pci", pci_save(vio->pci)) == -1)
		return NULL;
	if (vio->class->save != NULL && json_object_set_new(o, "state",
	    vio->class->save(vio)) == -1)
		return NULL;
	return take(&o);
}

/* --- load --------------------------------------------------------------- */

static int
need(int found, const char *name, struct err *e)
{
	if (found == 0)
		return err_set(e, EINVAL, "%s is missing", name);
	return found == 1 ? 0 : -1;
}

static int
numbers_load(struct vio *vio, const json_t *o, struct err *e)
{
	uint64_t v;

	for (size_t i = 0; i < NUMBERS; i++) {
		const struct number *n = &numbers[i];

		if (need(json_get_u64(&v, o, n->name, 0, n->max, e), n->name,
		    e) == -1)
			return -1;
		memcpy((uint8_t *)vio + n->at, &v, n->len);
	}
	if (need(json_get_hex(&vio->accepted, sizeof(vio->accepted), o,
	    "accepted", e), "accepted", e) == -1)
		return -1;
	if (vio->status & VIRTIO_STATUS_FEATURES_OK &&
	    vio->accepted & ~vio->offered)
		return err_set(e, EINVAL, "features 0x%llx are not offered",
		    (unsigned long long)(vio->accepted & ~vio->offered));
	return 0;
}

static int
queue_load(struct vio_queue *q, const json_t *o, struct err *e)
{
	uint64_t len, base, vector;

	if (need(json_get_u64(&len, o, "len", 0, q->len_max, e), "len",
	    e) == -1 ||
	    need(json_get_bool(&q->enabled, o, "enabled", e), "enabled",
	    e) == -1 ||
	    need(json_get_hex(&q->addr, sizeof(q->addr), o, "addr", e),
	    "addr", e) == -1 ||
	    need(json_get_u64(&base, o, "base", 0, UINT16_MAX, e), "base",
	    e) == -1 ||
	    need(json_get_u64(&vector, o, "vector", 0, UINT16_MAX, e),
	    "vector", e) == -1)
		return -1;
	if ((len & (len - 1)) != 0 || (len == 0 && q->enabled))
		return err_set(e, EINVAL, "a queue of %u", (unsigned)len);
	q->len = (uint16_t)len;
	q->base = (uint16_t)base;
	if (q->len_max != 0)
		vio_set_vector(q, (unsigned)vector);
	return 0;
}

static int
queues_load(struct vio *vio, const json_t *o, struct err *e)
{
	json_t *queues;

	if (need(json_get_arr(&queues, o, "queues", VIO_QUEUES_MAX, e),
	    "queues", e) == -1)
		return -1;
	if (json_array_size(queues) != vio->nqueues)
		return err_set(e, EINVAL, "%zu queues, not %u",
		    json_array_size(queues), vio->nqueues);
	for (unsigned i = 0; i < vio->nqueues; i++)
		if (queue_load(&vio->queue[i], json_array_get(queues, i),
		    e) == -1)
			return err_prefix(e, "queue %u", i);
	return 0;
}

static int
load(struct vio *vio, const json_t *o, struct err *e)
{
	const char *class;
	json_t *pci, *state;

	if (need(json_get_str(&class, o, "class", VIO_NAME_MAX, e), "class",
	    e) == -1)
		return -1;
	if (strcmp(class, vio->class->name) != 0)
		return err_set(e, EINVAL, "was of class %s", class);
	if (numbers_load(vio, o, e) == -1 || queues_load(vio, o, e) == -1)
		return -1;
	vio_set_config_vector(vio, vio->config_vector);
	if (need(json_get_obj(&pci, o, "pci", 16, e), "pci", e) == -1 ||
	    pci_load(vio->pci, pci, e) == -1)
		return -1;
	if (vio->status & VIRTIO_STATUS_NEEDS_RESET)
		vio->broken = "before the snapshot";
	if (vio->class->load == NULL)
		return 0;
	if (need(json_get_obj(&state, o, "state", 64, e), "state", e) == -1)
		return -1;
	return vio->class->load(vio, state, e);
}

int
vio_load(struct vio *vio, const json_t *o, struct err *e)
{
	if (load(vio, o, e) == 0)
		return 0;
	return err_prefix(e, "%s", vio->name);
}
