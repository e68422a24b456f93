/* SPDX-License-Identifier: ISC */
/*
 * machine_devices.c - what is on the PCI bus of a machine; see machine.h
 *
 * In a fixed order, so that the same config is the same machine: a snapshot
 * and a guest that names its disks by slots rely on it.
 */

#include <errno.h>
#include <string.h>

#include "chapi/vm_config.h"
#include "lib/util.h"
#include "vmm/dev/balloon.h"
#include "vmm/dev/console.h"
#include "vmm/dev/hotplug.h"
#include "vmm/dev/rng.h"
#include "vmm/dev/vhost.h"
#include "vmm/dev/vmmci.h"
#include "vmm/machine_private.h"
#include "vmm/pci.h"

#define NO_HOTPLUG	"on this machine devices do not come and go"

/* Main thread, board locked. */
static void
back_end_died(void *arg, const char *name)
{
	machine_broken(arg, MACHINE_DEVICE_DIED, "%s: its process is gone",
	    name);
}

/* One more in the list; the board is locked. */
static int
adopt(struct machine *m, struct vio *vio, struct err *e)
{
	if (m->ndevices == MACHINE_DEVICES_MAX) {
		vio_unplug(vio);
		return err_set(e, ENOSPC, "more than %d devices",
		    MACHINE_DEVICES_MAX);
	}
	m->device[m->ndevices++] = vio;
	return 0;
}

/*
 * The slot a device had in the snapshot, which is not that of its place in
 * the config when it was plugged in late; 0: any.
 */
static int
slot_before(const struct machine *m, const char *name)
{
	const json_t *o, *devices = json_object_get(m->setup.state, "devices");
	const char *is;

	for (size_t i = 0; i < json_array_size(devices); i++) {
		o = json_array_get(devices, i);
		is = json_string_value(json_object_get(o, "name"));
		if (is == NULL || strcmp(is, name) != 0)
			continue;
		o = json_object_get(json_object_get(o, "state"), "pci");
		return (int)json_integer_value(json_object_get(o, "slot")) &
		    (PCI_SLOTS - 1);
	}
	return 0;
}

static int
add_vhost(struct machine *m, const struct vhost_setup *s, struct err *e)
{
	struct vhost_setup setup = *s;
	struct vio *vio;

	setup.died = back_end_died;
	setup.arg = m;
	setup.slot = slot_before(m, s->name);
	if (vio_vhost_new(&vio, &m->board, &setup, e) == -1)
		return -1;
	return adopt(m, vio, e);
}

/* What a config says of a device; false where there is none of that number. */
static bool
disk_setup(struct vhost_setup *ret, const struct vm_config *c, size_t i)
{
	if (i >= c->ndisks)
		return false;
	*ret = (struct vhost_setup){
		.kind = c->disks[i].cdrom ? VHOST_SCSI : VHOST_BLK,
		.name = c->disks[i].id,
		.socket = c->disks[i].socket,
		.queues = c->disks[i].queues,
	};
	return true;
}

static bool
net_setup(struct vhost_setup *ret, const struct vm_config *c, size_t i)
{
	if (i >= c->nnets)
		return false;
	*ret = (struct vhost_setup){
		.kind = VHOST_NET,
		.name = c->nets[i].id,
		.socket = c->nets[i].socket,
		.mac = c->nets[i].mac,
		.queues = c->nets[i].queues,
	};
	return true;
}

static bool
fs_setup(struct vhost_setup *ret, const struct vm_config *c, size_t i)
{
	if (i >= c->nfs)
		return false;
	*ret = (struct vhost_setup){
		.kind = VHOST_FS,
		.name = c->fs[i].id,
		.socket = c->fs[i].socket,
		.tag = c->fs[i].tag,
		.queues = c->fs[i].queues,
		.queue_len = (uint16_t)c->fs[i].queue_size,
	};
	return true;
}

static bool
vsock_setup(struct vhost_setup *ret, const struct vm_config *c, size_t i)
{
	if (i > 0 || c->vsock.vhost_socket == NULL)
		return false;
	*ret = (struct vhost_setup){
		.kind = VHOST_VSOCK,
		.name = VM_VSOCK_ID,
		.socket = c->vsock.vhost_socket,
		.cid = c->vsock.cid,
	};
	return true;
}

/* In the order of their slots. */
static bool (*const kinds[])(struct vhost_setup *, const struct vm_config *,
    size_t) = { disk_setup, net_setup, fs_setup, vsock_setup };

static int
add_processes(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct vhost_setup s;

	for (size_t k = 0; k < COUNT(kinds); k++)
		for (size_t i = 0; kinds[k](&s, c, i); i++)
			if (add_vhost(m, &s, e) == -1)
				return -1;
	return 0;
}

static int
add_console(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct vio_console_setup s = {
		.board = &m->board,
		.name = "console0",
		.fd = take_fd(&m->setup.console),
	};
	struct vio *vio;

	(void)c;
	if (s.fd == -1)
		return 0;
	if (vio_console_new(&vio, &s, e) == -1)
		return -1;
	m->console = vio;
	return adopt(m, vio, e);
}

static int
add_balloon(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct vio_balloon_setup s = {
		.board = &m->board,
		.name = "balloon0",
		.bytes = c->balloon.size,
		.deflate_on_oom = c->balloon.deflate_on_oom,
		.reporting = c->balloon.free_page_reporting,
	};
	struct vio *vio;

	if (!c->balloon.on)
		return 0;
	if (vio_balloon_new(&vio, &s, e) == -1)
		return -1;
	return adopt(m, vio, e);
}

static int
add_rng(struct machine *m, const struct vm_config *c, struct err *e)
{
	struct vio *vio;

	if (!c->rng)
		return 0;
	if (rng_new(&vio, &m->board, "rng0", e) == -1)
		return -1;
	return adopt(m, vio, e);
}

/* The guest does not hear vmmci: the button, then. */
static void
unheard(void *arg)
{
	struct machine *m = arg;

	machine_arch_power_button(m);
}

static int
add_vmmci(struct machine *m, const struct vm_config *c, struct err *e)
{
	const struct vmmci_setup s = {
		.board = &m->board,
		.patience_ms = VMMCI_PATIENCE_MS,
		.unheard = unheard,
		.arg = m,
	};

	if (!c->vmmci)
		return 0;
	if (vmmci_new(&m->vmmci, &s, e) == -1)
		return -1;
	return adopt(m, m->vmmci, e);
}

bool
machine_needs_pci(const struct machine *m, const struct vm_config *c)
{
	return m->setup.console != -1 || c->rng || c->ndisks > 0 ||
	    c->nnets > 0 || c->nfs > 0 || c->vsock.vhost_socket != NULL ||
	    c->balloon.on || c->vmmci;
}

/* On a vCPU's thread: the device may be in the middle of something. */
static void
ejected(void *arg, unsigned slot)
{
	struct machine *m = arg;

	m->ejected |= 1U << slot;
	machine_wake(m);
}

int
machine_make_devices(struct machine *m, const struct vm_config *c,
    struct err *e)
{
	static int (*const add[])(struct machine *, const struct vm_config *,
	    struct err *) = { add_console, add_rng, add_balloon,
	    add_vmmci, add_processes };
	struct hotplug_setup h = { &m->board, ejected, m };
	int r = 0;

	if (!machine_needs_pci(m, c))
		return 0;
	if (pci_new(&m->board.pci, &m->board, e) == -1)
		return -1;
	if (machine_arch_hotplug && hotplug_new(&m->hotplug, &h, e) == -1)
		return -1;
	board_lock(&m->board);
	for (size_t i = 0; i < COUNT(add) && r == 0; i++)
		r = add[i](m, c, e);
	if (r == 0)
		r = pci_show(m->board.pci, e);
	board_unlock(&m->board);
	return r;
}

void
machine_destroy_devices(struct machine *m)
{
	board_lock(&m->board);
	while (m->ndevices > 0)
		vio_unplug(m->device[--m->ndevices]);
	hotplug_destroy(take(&m->hotplug));
	pci_destroy(m->board.pci);
	m->board.pci = NULL;
	board_unlock(&m->board);
}

/* --- while the guest runs ----------------------------------------------- */

static struct vio *
find(struct machine *m, const char *name, unsigned *at)
{
	for (unsigned i = 0; i < m->ndevices; i++)
		if (strcmp(m->device[i]->name, name) == 0) {
			*at = i;
			return m->device[i];
		}
	return NULL;
}

/* The board is locked. */
static int
add_named(struct machine *m, const struct vm_config *c, const char *id,
    struct err *e)
{
	struct vhost_setup s;
	unsigned at;

	if (m->board.pci == NULL)
		return err_set(e, ENOTSUP, "%s: this VM was made without a PCI "
		    "bus", id);
	if (m->hotplug == NULL)
		return err_set(e, ENOTSUP, "%s: " NO_HOTPLUG, id);
	if (find(m, id, &at) != NULL)
		return err_set(e, EEXIST, "%s is there already", id);
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (size_t i = 0; kinds[k](&s, c, i); i++)
			if (strcmp(s.name, id) == 0)
				return add_vhost(m, &s, e);
	return err_set(e, ENOENT, "%s: no such device", id);
}

int
machine_add(struct machine *m, const struct vm_config *c, const char *id,
    struct err *e)
{
	int r;

	board_lock(&m->board);
	r = add_named(m, c, id, e);
	if (r == 0)
		r = pci_show(m->board.pci, e);
	if (r == 0)
		hotplug_look(m->hotplug);
	board_unlock(&m->board);
	return r;
}

void
machine_unplug(struct machine *m, uint32_t slots)
{
	struct vio *vio;
	unsigned kept = 0;

	slots &= m->leaving;
	for (unsigned i = 0; i < m->ndevices; i++) {
		vio = m->device[i];
		if ((slots & 1U << pci_slot(vio->pci)) == 0)
			m->device[kept++] = vio;
		else
			vio_unplug(vio);
	}
	m->ndevices = kept;
	m->leaving &= ~slots;
}

/* The board is locked. */
static int
remove_named(struct machine *m, const char *name, struct err *e)
{
	unsigned at, slot;
	struct vio *vio = find(m, name, &at);

	if (vio == NULL)
		return err_set(e, ENOENT, "%s: no such device", name);
	if (m->started_us != 0 && m->hotplug == NULL)
		return err_set(e, ENOTSUP, "%s: " NO_HOTPLUG, name);
	slot = pci_slot(vio->pci);
	m->leaving |= 1U << slot;
	if (m->started_us == 0)
		machine_unplug(m, 1U << slot);
	else
		hotplug_request(m->hotplug, slot);
	return 0;
}

int
machine_remove(struct machine *m, const char *name, struct err *e)
{
	int r;

	board_lock(&m->board);
	r = remove_named(m, name, e);
	board_unlock(&m->board);
	return r;
}

void
machine_pause_devices(struct machine *m)
{
	board_lock(&m->board);
	for (unsigned i = 0; i < m->ndevices && !m->devices_paused; i++)
		vio_pause(m->device[i]);
	m->devices_paused = true;
	board_unlock(&m->board);
}

int
machine_resume_devices(struct machine *m, struct err *e)
{
	int r = 0;

	board_lock(&m->board);
	for (unsigned i = 0; i < m->ndevices && m->devices_paused; i++)
		if (vio_resume(m->device[i], e) == -1) {
			r = err_prefix(e, "%s", m->device[i]->name);
			break;
		}
	m->devices_paused = r == -1;
	board_unlock(&m->board);
	return r;
}

unsigned
machine_devices(const struct machine *m)
{
	return m->ndevices;
}

struct vio *
machine_device(struct machine *m, unsigned n)
{
	return m->device[n];
}
