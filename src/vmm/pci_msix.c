/* SPDX-License-Identifier: ISC */
/*
 * pci_msix.c - message signalled interrupts; see pci.h
 *
 * A vector is open while MSI-X is on and neither it nor the function is
 * masked.  Eventfds bound to an open vector are attached to its GSI, so
 * that the accelerator sends the interrupt.  Those of a closed one just
 * keep their count, which is the pending bit: it is looked at when the
 * guest reads the PBA or opens the vector.
 *
 * A GSI and its route cost the host something, so they are made when a
 * vector that somebody uses is opened, and changed when it is opened with
 * another message.
 *
 * Source: PCI Local Bus Specification 3.0, section 6.8.2.
 */

#include <errno.h>
#include <string.h>

#include "lib/util.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/pci_private.h"

#define MSIX_CAP	0x11
#define MSIX_CAP_LEN	12
#define MSIX_CONTROL	2		/* offset in the capability */
#define MSIX_ENABLE	0x8000
#define MSIX_MASK_ALL	0x4000
#define PBA		0x800		/* offset in the window */
#define WINDOW		0x1000

#define ENTRY_CONTROL	12		/* offsets in an entry */
#define ENTRY_MASKED	1

static uint32_t
control(const struct pci_device *d)
{
	if (d->msix.n == 0)
		return 0;
	return pci_get(d, d->msix.cap + MSIX_CONTROL, 2);
}

bool
pci_msix_on(const struct pci_device *d)
{
	return control(d) & MSIX_ENABLE;
}

static bool
is_open(const struct pci_device *d, unsigned v)
{
	const uint8_t *entry = d->msix.table + v * PCI_MSIX_ENTRY;

	return (control(d) & (MSIX_ENABLE | MSIX_MASK_ALL)) == MSIX_ENABLE &&
	    !(entry[ENTRY_CONTROL] & ENTRY_MASKED);
}

/* --- a vector's GSI ----------------------------------------------------- */

/* Make the GSI send what the entry says. */
static int
route(struct pci_device *d, unsigned v, struct err *e)
{
	const uint8_t *entry = d->msix.table + v * PCI_MSIX_ENTRY;
	struct pci_vector *vec = &d->msix.vector[v];
	struct board *board = d->pci->board;
	struct accel_msi msi;

	memcpy(&msi.address, entry, sizeof(msi.address));
	memcpy(&msi.data, entry + 8, sizeof(msi.data));
	msi.device = d->slot << 3;
	if (vec->routed && vec->route.address == msi.address &&
	    vec->route.data == msi.data)
		return 0;
	if (vec->gsi == 0 && board_gsi_alloc(board, &vec->gsi, e) == -1)
		return -1;
	vec->routed = false;
	if (board->accel->msi(board->vm, vec->gsi, &msi, e) == -1)
		return -1;
	vec->route = msi;
	vec->routed = true;
	return 0;
}

static int
attach(struct pci_device *d, struct pci_bind *b, bool on, struct err *e)
{
	struct board *board = d->pci->board;
	struct accel_irqfd irqfd = {
		.fd = b->fd, .resample = -1,
		.gsi = d->msix.vector[b->vector].gsi, .remove = !on,
	};

	if (b->attached == on)
		return 0;
	if (board->accel->irqfd(board->vm, &irqfd, e) == -1)
		return -1;
	b->attached = on;
	return 0;
}

/* A message the hypervisor does not take: the guest's, so the guest's loss. */
static void
lost(struct pci_device *d, unsigned v, const struct err *e)
{
	log_limited(&d->complaints, "%s: MSI-X vector %u: %s", d->name, v,
	    e->text);
}

static void
detach(struct pci_device *d, struct pci_bind *b)
{
	struct err e;

	if (attach(d, b, false, &e) == -1)
		fatalx("%s: MSI-X vector %u: %s", d->name, b->vector, e.text);
}

static void
deliver(struct pci_device *d, unsigned v)
{
	struct board *board = d->pci->board;
	struct err e;

	if (route(d, v, &e) == -1 || board->accel->irq(board->vm,
	    d->msix.vector[v].gsi, 1, &e) == -1)
		lost(d, v, &e);
}

void
pci_msix_send(struct pci_device *d, unsigned v)
{
	if (v >= d->msix.n || !pci_msix_on(d))
		return;
	if (is_open(d, v))
		deliver(d, v);
	else
		d->msix.pending |= 1ULL << v;
}

/* --- attached is what shall be ------------------------------------------ */

/* The interrupt a count stands for is sent by us: no edge is left to see. */
static void
bind_open(struct pci_device *d, struct pci_bind *b)
{
	struct err e;

	if (b->attached)
		return;
	if (os_notify_take(b->fd))
		d->msix.pending |= 1ULL << b->vector;
	if (attach(d, b, true, &e) == -1)
		lost(d, b->vector, &e);
}

static void
bind_settle(struct pci_device *d, struct pci_bind *b)
{
	struct err e;

	if (!is_open(d, b->vector))
		detach(d, b);
	else if (route(d, b->vector, &e) == -1) {
		detach(d, b);
		lost(d, b->vector, &e);
	} else
		bind_open(d, b);
}

void
pci_msix_settle(struct pci_device *d)
{
	struct pci_msix *m = &d->msix;
	bool on = pci_msix_on(d);

	if (!on && !m->was_on)
		return;
	for (unsigned i = 0; i < m->nbinds; i++)
		bind_settle(d, &m->bind[i]);
	if (!on)
		m->pending = 0;
	for (unsigned v = 0; v < m->n && m->pending != 0; v++)
		if (m->pending & (1ULL << v) && is_open(d, v)) {
			m->pending &= ~(1ULL << v);
			deliver(d, v);
		}
	if (on == m->was_on)
		return;
	m->was_on = on;
	if (d->setup.msix != NULL)
		d->setup.msix(d->setup.arg);
}

void
pci_msix_collect(struct pci_device *d)
{
	struct pci_msix *m = &d->msix;

	if (!pci_msix_on(d))
		return;
	for (unsigned i = 0; i < m->nbinds; i++)
		if (!m->bind[i].attached && os_notify_take(m->bind[i].fd))
			m->pending |= 1ULL << m->bind[i].vector;
}

void
pci_msix_bind(struct pci_device *d, int fd, unsigned vector)
{
	struct pci_msix *m = &d->msix;
	unsigned i = 0;

	while (i < m->nbinds && m->bind[i].fd != fd)
		i++;
	if (i < m->nbinds) {
		detach(d, &m->bind[i]);
		m->bind[i] = m->bind[--m->nbinds];
	}
	if (vector >= m->n)
		return;
	if (m->nbinds == PCI_BINDS_MAX)
		fatalx("%s: more than %d interrupts", d->name, PCI_BINDS_MAX);
	m->bind[m->nbinds++] = (struct pci_bind){ .fd = fd,
	    .vector = vector };
	pci_msix_settle(d);
}

/* --- the window --------------------------------------------------------- */

static uint64_t
window_read(void *arg, uint64_t offset, unsigned len)
{
	struct pci_device *d = arg;
	uint64_t v = 0;

	if (offset >= PBA) {
		if (offset >= PBA + sizeof(d->msix.pending))
			return 0;
		pci_msix_collect(d);
		return d->msix.pending >> (offset - PBA) * 8;
	}
	if (offset + len <= d->msix.n * PCI_MSIX_ENTRY)
		memcpy(&v, d->msix.table + offset, len);
	return v;
}

/* The table is written by whole, aligned words of 32 or 64 bits. */
static void
window_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct pci_device *d = arg;
	uint8_t *control_word;

	if (len < 4 || offset % len != 0 ||
	    offset + len > d->msix.n * PCI_MSIX_ENTRY)
		return;
	memcpy(d->msix.table + offset, &value, len);
	control_word = d->msix.table +
	    (offset & ~(uint64_t)(PCI_MSIX_ENTRY - 1)) + ENTRY_CONTROL;
	control_word[0] &= ENTRY_MASKED;
	memset(control_word + 1, 0, 3);
	pci_msix_settle(d);
}

const struct bus_ops pci_msix_ops = {
	.name	= "MSI-X table",
	.read	= window_read,
	.write	= window_write,
};

/* --- set-up ------------------------------------------------------------- */

int
pci_msix_init(struct pci_device *d, struct err *e)
{
	uint8_t bytes[MSIX_CAP_LEN] = { MSIX_CAP }, mask[MSIX_CAP_LEN] = { 0 };
	struct pci_cap cap = { bytes, mask, sizeof(bytes) };
	int at;

	if (d->setup.vectors == 0)
		return 0;
	if (d->setup.vectors > PCI_VECTORS_MAX ||
	    d->setup.bar[d->setup.msix_bar].len != WINDOW)
		return err_set(e, EINVAL, "%s: MSI-X: at most %d vectors in a "
		    "window of %d bytes", d->name, PCI_VECTORS_MAX, WINDOW);
	pci_put(bytes, MSIX_CONTROL, 2, d->setup.vectors - 1);
	pci_put(bytes, 4, 4, d->setup.msix_bar);
	pci_put(bytes, 8, 4, PBA | d->setup.msix_bar);
	pci_put(mask, MSIX_CONTROL, 2, MSIX_ENABLE | MSIX_MASK_ALL);
	at = pci_capability(d, &cap, e);
	if (at == -1)
		return -1;
	d->msix.cap = (unsigned)at;
	d->msix.n = d->setup.vectors;
	pci_msix_reset(d);
	return 0;
}

void
pci_msix_reset(struct pci_device *d)
{
	memset(d->msix.table, 0, sizeof(d->msix.table));
	for (unsigned v = 0; v < d->msix.n; v++)
		d->msix.table[v * PCI_MSIX_ENTRY + ENTRY_CONTROL] =
		    ENTRY_MASKED;
	d->msix.pending = 0;
}

void
pci_msix_fini(struct pci_device *d)
{
	struct board *board = d->pci->board;
	struct err e;

	while (d->msix.nbinds > 0)
		pci_msix_bind(d, d->msix.bind[0].fd, PCI_NO_VECTOR);
	for (unsigned v = 0; v < d->msix.n; v++) {
		if (d->msix.vector[v].gsi == 0)
			continue;
		if (d->msix.vector[v].routed && board->accel->msi(board->vm,
		    d->msix.vector[v].gsi, NULL, &e) == -1)
			fatalx("%s: MSI-X vector %u: %s", d->name, v, e.text);
		board_gsi_free(board, d->msix.vector[v].gsi);
	}
}
