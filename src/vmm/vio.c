/* SPDX-License-Identifier: ISC */
/*
 * vio.c - the rules of virtio; see vio.h
 *
 * Whatever a driver writes comes through here.  Events are made and freed
 * by the main thread alone, whose the loop is.  What a vCPU's thread
 * finds to be done about them is a chore.
 *
 * Source: virtio 1.2, chapter 2 and section 3.1.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/memory.h"
#include "vmm/vio_private.h"

/* Does this process do the work? */
static bool
is_local(const struct vio *vio)
{
	return vio->class->kick != NULL;
}

static unsigned
number(const struct vio_queue *q)
{
	return (unsigned)(q - q->vio->queue);
}

/* --- interrupts --------------------------------------------------------- */

/* Raise the line; why: bits of the ISR (section 4.1.4.5). */
static void
line_up(struct vio *vio, uint8_t why)
{
	vio->isr |= why;
	pci_intx(vio->pci, true);
}

uint8_t
vio_take_isr(struct vio *vio)
{
	uint8_t isr = vio->isr;

	vio->isr = 0;
	pci_intx(vio->pci, false);
	return isr;
}

void
vio_interrupt(struct vio *vio, unsigned q)
{
	if (!pci_msix_on(vio->pci))
		line_up(vio, 1);
	else if (is_local(vio))
		pci_msix_send(vio->pci, vio->queue[q].vector);
	else
		os_notify_send(vio->queue[q].call.wr);
}

void
vio_config_changed(struct vio *vio)
{
	vio->generation++;
	if (!(vio->status & VIRTIO_STATUS_DRIVER_OK))
		return;
	if (pci_msix_on(vio->pci))
		pci_msix_send(vio->pci, vio->config_vector);
	else
		line_up(vio, 2);
}

void
vio_broken(struct vio *vio, const char *why)
{
	if (vio->broken != NULL)
		return;
	vio->broken = why;
	vio->status |= VIRTIO_STATUS_NEEDS_RESET;
	log_limited(&vio->complaints, "%s: the guest's driver: %s", vio->name,
	    why);
	vio_config_changed(vio);
}

static void
on_call(void *arg, unsigned what)
{
	struct vio_queue *q = arg;
	struct vio *vio = q->vio;

	(void)what;
	board_lock(vio->board);
	if (!pci_msix_on(vio->pci) && os_notify_take(q->call.rd))
		line_up(vio, 1);
	board_unlock(vio->board);
}

/* Nobody else looks at what another process signals. */
static bool
must_watch(const struct vio *vio)
{
	return vio->running && !is_local(vio) && !pci_msix_on(vio->pci);
}

static void
chores(struct vio *vio)
{
	bool watch = must_watch(vio);

	vio->watching = watch;
	for (unsigned i = 0; i < vio->nqueues; i++) {
		struct vio_queue *q = &vio->queue[i];

		if (q->call.rd != -1 &&
		    event_watch_set(&q->called, watch ? EVENT_READ : 0) == -1)
			fatal("%s", vio->name);
	}
}

static void
on_chore(void *arg, unsigned what)
{
	struct vio *vio = arg;

	(void)what;
	board_lock(vio->board);
	(void)os_notify_take(vio->chores.rd);
	chores(vio);
	board_unlock(vio->board);
}

void
vio_irq_settle(struct vio *vio)
{
	if (must_watch(vio) != vio->watching)
		os_notify_send(vio->chores.wr);
}

/* --- queues of this process --------------------------------------------- */

bool
vio_pop(struct vio *vio, unsigned q, struct virtq_chain *c)
{
	struct virtq *virtq = vio->queue[q].virtq;

	if (virtq == NULL || vio->broken != NULL || vio->budget == 0)
		return false;
	vio->budget--;
	if (virtq_pop(virtq, c))
		return true;
	if (virtq->broken != NULL)
		vio_broken(vio, virtq->broken);
	return false;
}

void
vio_unpop(struct vio *vio, unsigned q, const struct virtq_chain *c)
{
	if (vio->broken == NULL)
		virtq_unpop(vio->queue[q].virtq, c->head);
}

void
vio_push(struct vio *vio, unsigned q, const struct virtq_chain *c,
    uint32_t written)
{
	if (vio->broken == NULL)
		virtq_push(vio->queue[q].virtq, c->head, written);
}

void
vio_flush(struct vio *vio, unsigned q)
{
	struct virtq *virtq = vio->queue[q].virtq;

	if (virtq != NULL && vio->broken == NULL && virtq_flush(virtq))
		vio_interrupt(vio, q);
}

bool
vio_again(struct vio *vio, unsigned q)
{
	struct virtq *virtq = vio->queue[q].virtq;
	bool more;

	if (virtq == NULL || vio->broken != NULL)
		return false;
	more = virtq_notify_on(virtq);
	if (virtq->broken != NULL)
		vio_broken(vio, virtq->broken);
	return more && vio->budget > 0;
}

void
vio_spend(struct vio *vio, unsigned n)
{
	vio->budget -= MIN(vio->budget, n);
}

static void
on_kick(void *arg, unsigned what)
{
	struct vio_queue *q = arg;
	struct vio *vio = q->vio;

	(void)what;
	board_lock(vio->board);
	(void)os_notify_take(q->kick.rd);
	if (q->virtq != NULL && vio->broken == NULL) {
		vio->budget = VIO_BUDGET;
		vio->class->kick(vio, number(q));
		if (vio->budget == 0)
			os_notify_send(q->kick.wr);
		vio->budget = UINT_MAX;
	}
	board_unlock(vio->board);
}

void
vio_kick(struct vio *vio, unsigned q)
{
	if (vio->running && vio->queue[q].enabled)
		os_notify_send(vio->queue[q].kick.wr);
}

/* --- start and stop ----------------------------------------------------- */

/* Is the queue in guest memory?  virtq_init() knows. */
static int
queue_init(struct virtq *virtq, struct vio_queue *q, struct err *e)
{
	struct vio *vio = q->vio;

	if (virtq_init(virtq, memory_table(vio->board->memory), q->len,
	    &q->addr, q->base, e) == -1)
		return -1;
	virtq->event_idx = vio->accepted & VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	virtq->indirect = vio->accepted & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
	return 0;
}

static int
queue_start(struct vio_queue *q, struct err *e)
{
	own_mem struct virtq *virtq = NULL;

	if (!q->enabled || !is_local(q->vio))
		return 0;
	virtq = malloc(sizeof(*virtq));
	if (virtq == NULL)
		return err_sys(e, "queue");
	if (queue_init(virtq, q, e) == -1)
		return -1;
	q->virtq = take(&virtq);
	return 0;
}

static void
queue_stop(struct vio_queue *q)
{
	if (q->virtq == NULL)
		return;
	q->base = q->virtq->avail_idx;
	free(q->virtq);
	q->virtq = NULL;
}

static void
stop(struct vio *vio)
{
	if (!vio->running)
		return;
	vio->running = false;
	vio_pci_settle(vio);
	if (vio->class->stop != NULL)
		vio->class->stop(vio);
	for (unsigned i = 0; i < vio->nqueues; i++)
		queue_stop(&vio->queue[i]);
	vio_irq_settle(vio);
}

static int
start(struct vio *vio, struct err *e)
{
	int rv = 0;

	for (unsigned i = 0; i < vio->nqueues && rv == 0; i++)
		rv = queue_start(&vio->queue[i], e);
	if (rv == 0 && vio->class->start != NULL)
		rv = vio->class->start(vio, e);
	if (rv == -1) {
		for (unsigned i = 0; i < vio->nqueues; i++)
			queue_stop(&vio->queue[i]);
		return -1;
	}
	vio->running = true;
	vio_pci_settle(vio);
	vio_irq_settle(vio);
	return 0;
}

/* The driver is ready. */
static void
ready(struct vio *vio)
{
	const char *wrong = vio_legacy_wrong(vio);
	struct err e;

	if (wrong != NULL) {
		vio_broken(vio, wrong);
		return;
	}
	if (start(vio, &e) == -1) {
		log_limited(&vio->complaints, "%s: %s", vio->name, e.text);
		vio_broken(vio, "cannot be started");
		return;
	}
	/* Old drivers kick before they are ready. */
	for (unsigned i = 0; vio->legacy && i < vio->nqueues; i++)
		vio_kick(vio, i);
}

/* As after power on; not while it is in use. */
static void
queue_clear(struct vio_queue *q)
{
	q->len = q->len_max;
	q->enabled = false;
	q->base = 0;
	memset(&q->addr, 0, sizeof(q->addr));
	if (q->len_max != 0)
		vio_set_vector(q, PCI_NO_VECTOR);
	/* Of an interrupt that was on its way the next driver hears nothing. */
	if (q->call.rd != -1)
		(void)os_notify_take(q->call.rd);
}

void
vio_reset(struct vio *vio)
{
	vio->status = 0;
	stop(vio);
	if (vio->class->reset != NULL)
		vio->class->reset(vio);
	vio->accepted = 0;
	vio->broken = NULL;
	vio->legacy = false;
	vio->device_feature_select = vio->driver_feature_select = 0;
	vio->queue_select = 0;
	vio_set_config_vector(vio, PCI_NO_VECTOR);
	(void)vio_take_isr(vio);
	for (unsigned i = 0; i < vio->nqueues; i++)
		queue_clear(&vio->queue[i]);
}

/* --- what a driver writes ----------------------------------------------- */

static bool
features_good(const struct vio *vio)
{
	return (vio->accepted & ~vio->offered) == 0 &&
	    vio->accepted & VIRTIO_BIT(VIRTIO_F_VERSION_1);
}

/* Bits are added only, and a reset takes all (section 2.1). */
void
vio_set_status(struct vio *vio, uint8_t value)
{
	uint8_t add = value & (uint8_t)~vio->status;

	if (value == 0) {
		vio_reset(vio);
		return;
	}
	if (add & VIRTIO_STATUS_FEATURES_OK && !features_good(vio))
		add &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	vio->status |= add & (VIRTIO_STATUS_ACKNOWLEDGE |
	    VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK |
	    VIRTIO_STATUS_FAILED);
	if (!(add & VIRTIO_STATUS_DRIVER_OK))
		return;
	if (!(vio->status & VIRTIO_STATUS_FEATURES_OK) && !vio->legacy)
		return;
	vio->status |= VIRTIO_STATUS_DRIVER_OK;
	if (vio->broken == NULL)
		ready(vio);
}

uint32_t
vio_get_features(const struct vio *vio)
{
	unsigned select = vio->device_feature_select;

	return select > 1 ? 0 : (uint32_t)(vio->offered >> select * 32);
}

void
vio_set_features(struct vio *vio, uint32_t value)
{
	unsigned shift = vio->driver_feature_select * 32;

	if (vio->driver_feature_select > 1 || vio->status &
	    (VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK))
		return;
	vio->accepted &= ~((uint64_t)UINT32_MAX << shift);
	vio->accepted |= (uint64_t)value << shift;
}

struct vio_queue *
vio_selected(struct vio *vio)
{
	if (vio->queue_select >= vio->nqueues ||
	    vio->queue[vio->queue_select].len_max == 0)
		return NULL;
	return &vio->queue[vio->queue_select];
}

static bool
has_ring_reset(const struct vio *vio)
{
	return vio->status & VIRTIO_STATUS_FEATURES_OK &&
	    vio->accepted & VIRTIO_BIT(VIRTIO_F_RING_RESET);
}

bool
vio_queue_open(const struct vio_queue *q)
{
	return !q->enabled && (has_ring_reset(q->vio) ||
	    !(q->vio->status & VIRTIO_STATUS_DRIVER_OK));
}

/* One queue more of a device that runs. */
static int
queue_join(struct vio_queue *q, struct err *e)
{
	struct vio *vio = q->vio;

	if (queue_start(q, e) == -1)
		return -1;
	if (vio->class->start_queue != NULL &&
	    vio->class->start_queue(vio, number(q), e) == -1) {
		queue_stop(q);
		return -1;
	}
	vio_pci_settle(vio);
	return 0;
}

void
vio_queue_reset(struct vio_queue *q)
{
	struct vio *vio = q->vio;

	if (!has_ring_reset(vio))
		return;
	if (vio->running && q->enabled) {
		q->enabled = false;
		vio_pci_settle(vio);
		if (vio->class->stop_queue != NULL)
			vio->class->stop_queue(vio, number(q));
		queue_stop(q);
	}
	queue_clear(q);
}

void
vio_queue_enable(struct vio_queue *q)
{
	struct virtq probe;
	struct err e;

	if (!vio_queue_open(q) ||
	    (!(q->vio->status & VIRTIO_STATUS_FEATURES_OK) && !q->vio->legacy))
		return;
	if (queue_init(&probe, q, &e) == -1) {
		log_limited(&q->vio->complaints, "%s: queue %u: %s",
		    q->vio->name, number(q), e.text);
		vio_broken(q->vio, "a queue that cannot be");
		return;
	}
	q->enabled = true;
	if (!q->vio->running || queue_join(q, &e) == 0)
		return;
	q->enabled = false;
	log_limited(&q->vio->complaints, "%s: queue %u: %s", q->vio->name,
	    number(q), e.text);
	vio_broken(q->vio, "a queue that cannot be started");
}

void
vio_set_vector(struct vio_queue *q, unsigned vector)
{
	struct vio *vio = q->vio;

	q->vector = vector <= vio->nqueues ? (uint16_t)vector : PCI_NO_VECTOR;
	if (q->call.rd != -1)
		pci_msix_bind(vio->pci, q->call.rd, q->vector);
}

void
vio_set_config_vector(struct vio *vio, unsigned vector)
{
	vio->config_vector = vector <= vio->nqueues ? (uint16_t)vector :
	    PCI_NO_VECTOR;
}

void
vio_config_get(struct vio *vio, unsigned offset, void *to, unsigned len)
{
	memset(to, 0, len);
	if (offset >= vio->config_len || vio->class->config_read == NULL)
		return;
	vio->class->config_read(vio, offset, to,
	    MIN(len, vio->config_len - offset));
}

void
vio_config_put(struct vio *vio, unsigned offset, const void *from,
    unsigned len)
{
	if (offset >= vio->config_len || len > vio->config_len - offset ||
	    vio->class->config_write == NULL)
		return;
	vio->class->config_write(vio, offset, from, len);
}

/* --- snapshots ---------------------------------------------------------- */

void
vio_pause(struct vio *vio)
{
	stop(vio);
	if (is_local(vio))
		return;
	chores(vio);
	if (pci_msix_on(vio->pci))
		return;
	for (unsigned i = 0; i < vio->nqueues; i++)
		if (vio->queue[i].call.rd != -1 &&
		    os_notify_take(vio->queue[i].call.rd))
			line_up(vio, 1);
}

int
vio_resume(struct vio *vio, struct err *e)
{
	if (!(vio->status & VIRTIO_STATUS_DRIVER_OK) || vio->running ||
	    vio->broken != NULL)
		return 0;
	if (start(vio, e) == -1)
		return err_prefix(e, "%s", vio->name);
	for (unsigned i = 0; i < vio->nqueues; i++)
		vio_kick(vio, i);
	return 0;
}

/* --- life --------------------------------------------------------------- */

int
vio_init(struct vio *vio, const struct vio_class *class, struct board *board,
    const char *name, struct err *e)
{
	memset(vio, 0, sizeof(*vio));
	vio->chores = OS_NOTIFY_NONE;
	for (unsigned i = 0; i < VIO_QUEUES_MAX; i++) {
		vio->queue[i].vio = vio;
		vio->queue[i].kick = vio->queue[i].call = OS_NOTIFY_NONE;
		vio->queue[i].vector = PCI_NO_VECTOR;
	}
	vio->config_vector = PCI_NO_VECTOR;
	vio->budget = UINT_MAX;
	vio->class = class;
	vio->board = board;
	vio->transitional = board->transitional;
	if (strlen(name) > VIO_NAME_MAX)
		return err_set(e, EINVAL, "%s: a name of more than %d bytes",
		    name, VIO_NAME_MAX);
	(void)snprintf(vio->name, sizeof(vio->name), "%s", name);
	return 0;
}

static void
watch_end(struct event_watch *watch, struct os_notify *n)
{
	event_watch_fini(watch);
	os_notify_fini(n);
}

void
vio_fini(struct vio *vio)
{
	for (unsigned i = 0; i < VIO_QUEUES_MAX; i++) {
		struct vio_queue *q = &vio->queue[i];

		watch_end(&q->kicked, &q->kick);
		watch_end(&q->called, &q->call);
		free(q->virtq);
		q->virtq = NULL;
	}
	watch_end(&vio->chored, &vio->chores);
}

/* A watch on a notification; nothing is watched yet. */
static int
prepare(struct vio *vio, struct os_notify *n, struct event_watch *watch,
    void (*fn)(void *arg, unsigned what), void *arg)
{
	struct err e;

	if (os_notify_init(n, &e) == -1)
		return -1;
	event_watch_init(watch, vio->board->loop, n->rd, fn, arg);
	return 0;
}

static int
queue_wire(struct vio_queue *q)
{
	struct vio *vio = q->vio;
	struct err e;

	q->len = q->len_max;
	if (q->len_max == 0)
		return 0;
	if (is_local(vio))
		return prepare(vio, &q->kick, &q->kicked, on_kick, q) == -1 ?
		    -1 : event_watch_set(&q->kicked, EVENT_READ);
	if (os_notify_init(&q->kick, &e) == -1)
		return -1;
	return prepare(vio, &q->call, &q->called, on_call, q);
}

static int
wire(struct vio *vio, struct err *e)
{
	if (vio->nqueues > VIO_QUEUES_MAX ||
	    vio->config_len > VIO_CONFIG_MAX)
		return err_set(e, EINVAL, "%s: %u queues, %u bytes of config "
		    "space: too many", vio->name, vio->nqueues,
		    vio->config_len);
	for (unsigned i = 0; i < vio->nqueues; i++)
		if (queue_wire(&vio->queue[i]) == -1)
			return err_sys(e, "%s: queue %u", vio->name, i);
	if (!is_local(vio) && (prepare(vio, &vio->chores, &vio->chored,
	    on_chore, vio) == -1 ||
	    event_watch_set(&vio->chored, EVENT_READ) == -1))
		return err_sys(e, "%s", vio->name);
	return 0;
}

int
vio_plug(struct vio *vio, int slot, struct err *e)
{
	if (wire(vio, e) == -1)
		return -1;
	return vio_pci_plug(vio, slot, e);
}

void
vio_unplug(struct vio *vio)
{
	if (vio == NULL)
		return;
	vio_reset(vio);
	vio_pci_unplug(vio);
	vio->class->destroy(vio);
}
