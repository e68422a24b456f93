/* SPDX-License-Identifier: ISC */
/*
 * vmmci.c - OpenBSD's device for control; see vmmci.h
 *
 * A virtio device of the time before 1.0 without queues: the host writes a
 * command into the config space and interrupts, the guest writes the same
 * number back when it has taken it.  The time of the host is beside it, for
 * the guest to read whenever it likes.  When the guest goes down by itself
 * it says so; if it has not reset the machine soon it never will, for want
 * of a way to, and is ended.
 *
 * Process: vmm.  What the guest writes arrives on a vCPU's thread, timers
 * are the main thread's: an eventfd is between them.
 * Sandbox, Needs: nothing beyond vmm's.
 * Source: OpenBSD, sys/dev/pv/vmmci.c and usr.sbin/vmd/virtio.h.
 */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/dev/vmmci.h"
#include "vmm/pci.h"
#include "vmm/vio.h"

enum {
	F_TIMESYNC	= 0,		/* feature bits */
	F_ACK		= 1,
	F_SYNCRTC	= 2,
};

enum {
	COMMAND_NONE,
	COMMAND_SHUTDOWN,		/* written by the guest: it goes down */
	COMMAND_REBOOT,
	COMMAND_SYNCRTC,
	COMMANDS
};

struct config {
	uint32_t	command;
	uint64_t	seconds;	/* since 1970, UTC */
	uint64_t	microseconds;
} __attribute__((packed));
_Static_assert(sizeof(struct config) == 20, "layout");

/* Whom the timer runs for. */
enum errand {
	WAIT_NONE,
	WAIT_ACK,	/* the guest was asked; then unheard() */
	WAIT_RESET,	/* the guest goes down; then it is ended */
	WAITS
};

struct vmmci {
	struct vio		 vio;		/* first: we are handed it */
	struct vmmci_setup	 setup;
	struct config		 config;
	bool			 stopping;
	enum errand		 wait;
	struct os_notify	 changed;	/* 'wait' did */
	struct event_watch	 changing;	/* on it */
	struct event_timer	 timer;
};

static struct vmmci *
vmmci_of(struct vio *vio)
{
	return (struct vmmci *)vio;
}

static void
set_wait(struct vmmci *v, enum errand wait)
{
	v->wait = wait;
	os_notify_send(v->changed.wr);
}

/* --- the guest ------------------------------------------------------------ */

/* Seconds and microseconds are read apart: they are those of one moment. */
static void
vmmci_config_read(struct vio *vio, unsigned offset, void *to, unsigned len)
{
	struct vmmci *v = vmmci_of(vio);
	struct timespec now;

	if (offset == offsetof(struct config, seconds)) {
		(void)clock_gettime(CLOCK_REALTIME, &now);
		v->config.seconds = (uint64_t)now.tv_sec;
		v->config.microseconds = (uint64_t)now.tv_nsec / 1000;
	}
	memcpy(to, (const uint8_t *)&v->config + offset, len);
}

static void
vmmci_config_write(struct vio *vio, unsigned offset, const void *from,
    unsigned len)
{
	struct vmmci *v = vmmci_of(vio);
	uint32_t command;

	if (offset != offsetof(struct config, command) ||
	    len != sizeof(command))
		return;
	memcpy(&command, from, sizeof(command));
	if (command == COMMAND_SHUTDOWN) {
		set_wait(v, WAIT_RESET);
	} else if (command == COMMAND_REBOOT) {
		if (v->wait == WAIT_ACK)
			set_wait(v, WAIT_NONE);
	} else if (command == COMMAND_SYNCRTC) {
		if (v->config.command == COMMAND_SYNCRTC)
			v->config.command = COMMAND_NONE;
	}
}

/* A driver begins anew: what was asked of the last one is forgotten. */
static void
vmmci_reset(struct vio *vio)
{
	struct vmmci *v = vmmci_of(vio);

	v->config.command = COMMAND_NONE;
	if (v->wait != WAIT_NONE)
		set_wait(v, WAIT_NONE);
}

static bool
has_driver(const struct vio *vio)
{
	return (vio->status & VIRTIO_STATUS_DRIVER_OK) != 0;
}

static bool
accepted(const struct vio *vio, unsigned bit)
{
	return has_driver(vio) && (vio->accepted & VIRTIO_BIT(bit)) != 0;
}

/* --- the host ------------------------------------------------------------- */

bool
vmmci_stop(struct vio *vio)
{
	struct vmmci *v = vmmci_of(vio);

	if (!has_driver(vio))
		return false;
	v->stopping = true;
	v->config.command = COMMAND_REBOOT;
	if (v->wait != WAIT_RESET && accepted(vio, F_ACK))
		set_wait(v, WAIT_ACK);
	vio_config_changed(vio);
	return true;
}

bool
vmmci_stopping(const struct vio *vio)
{
	return ((const struct vmmci *)vio)->stopping;
}

void
vmmci_sync(struct vio *vio)
{
	struct vmmci *v = vmmci_of(vio);

	if (!accepted(vio, F_SYNCRTC) || v->stopping)
		return;
	v->config.command = COMMAND_SYNCRTC;
	vio_config_changed(vio);
}

/* --- events --------------------------------------------------------------- */

static void
on_changed(void *arg, unsigned what)
{
	struct vmmci *v = arg;
	enum errand wait;

	(void)what;
	(void)os_notify_take(v->changed.rd);
	board_lock(v->vio.board);
	wait = v->wait;
	board_unlock(v->vio.board);
	if (wait == WAIT_NONE)
		event_timer_clear(&v->timer);
	else
		event_timer_set(&v->timer, v->setup.patience_ms * 1000ULL);
}

static void
on_timer(void *arg)
{
	struct vmmci *v = arg;
	struct board *board = v->vio.board;
	enum errand wait;

	board_lock(board);
	wait = v->wait;
	v->wait = WAIT_NONE;
	if (wait == WAIT_ACK)
		v->setup.unheard(v->setup.arg);
	else if (wait == WAIT_RESET)
		board->event(board->event_arg, BOARD_POWER_OFF);
	board_unlock(board);
}

/* --- snapshots ------------------------------------------------------------ */

static json_t *
vmmci_save(struct vio *vio)
{
	const struct vmmci *v = vmmci_of(vio);

	return json_pack("{s:I, s:b, s:i}", "command",
	    (json_int_t)v->config.command, "stopping", (int)v->stopping,
	    "wait", (int)v->wait);
}

static int
vmmci_load(struct vio *vio, const json_t *state, struct err *e)
{
	struct vmmci *v = vmmci_of(vio);
	uint64_t command = 0, wait = 0;

	if (json_get_u64(&command, state, "command", 0, COMMANDS - 1,
	    e) == -1 ||
	    json_get_u64(&wait, state, "wait", 0, WAITS - 1, e) == -1 ||
	    json_get_bool(&v->stopping, state, "stopping", e) == -1)
		return -1;
	v->config.command = (uint32_t)command;
	/* The time it waited before is not counted. */
	set_wait(v, (enum errand)wait);
	return 0;
}

/* --- life ----------------------------------------------------------------- */

/* There are no queues. */
static void
vmmci_kick(struct vio *vio, unsigned q)
{
	(void)vio;
	(void)q;
}

static void
vmmci_destroy(struct vio *vio)
{
	struct vmmci *v = vmmci_of(vio);

	event_watch_fini(&v->changing);
	event_timer_clear(&v->timer);
	os_notify_fini(&v->changed);
	vio_fini(vio);
	free(v);
}

static const struct pci_identity identity = {
	.vendor = 0x0b5d, .device = 0x0777,		/* OpenBSD */
	.subvendor = 0x0b5d, .subdevice = 0xffff,
	.class = 0x078000,
};

static const struct vio_class vmmci_class = {
	.name		= "vmmci",
	.old		= &identity,
	.config_read	= vmmci_config_read,
	.config_write	= vmmci_config_write,
	.reset		= vmmci_reset,
	.kick		= vmmci_kick,
	.save		= vmmci_save,
	.load		= vmmci_load,
	.destroy	= vmmci_destroy,
};

static int
make_events(struct vmmci *v, struct err *e)
{
	struct event_loop *loop = v->setup.board->loop;

	if (os_notify_init(&v->changed, e) == -1)
		return err_prefix(e, "%s", v->vio.name);
	event_timer_init(&v->timer, loop, on_timer, v);
	event_watch_init(&v->changing, loop, v->changed.rd, on_changed, v);
	if (event_watch_set(&v->changing, EVENT_READ) == -1)
		return err_sys(e, "%s", v->vio.name);
	return 0;
}

int
vmmci_new(struct vio **ret, const struct vmmci_setup *setup, struct err *e)
{
	struct vmmci *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return err_sys(e, VMMCI_NAME);
	v->setup = *setup;
	v->changed = OS_NOTIFY_NONE;
	if (vio_init(&v->vio, &vmmci_class, setup->board, VMMCI_NAME,
	    e) == -1 || make_events(v, e) == -1)
		goto fail;
	v->vio.offered = VIRTIO_BIT(F_TIMESYNC) | VIRTIO_BIT(F_ACK) |
	    VIRTIO_BIT(F_SYNCRTC);
	v->vio.config_len = sizeof(v->config);
	if (vio_plug(&v->vio, -1, e) == -1)
		goto fail;
	*ret = &v->vio;
	return 0;
fail:
	vmmci_destroy(&v->vio);
	return -1;
}
