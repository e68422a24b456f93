/* SPDX-License-Identifier: ISC */
/*
 * vmm_pci.c - fuzz target: configuration space, BARs and MSI-X tables
 *
 * The input is a row of accesses and of what devices do meanwhile.  The
 * kit's accelerator aborts when interrupts or doorbells are attached twice,
 * or taken away without having been there.
 */

#include "vmm_kit.h"
#include "vmm/dev/rng.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct input {
	const uint8_t	*at;
	size_t		 left;
};

static uint64_t
take_int(struct input *in, size_t len)
{
	uint64_t v = 0;

	len = MIN(len, in->left);
	memcpy(&v, in->at, len);
	in->at += len;
	in->left -= len;
	return v;
}

static uint64_t
device_read(void *arg, uint64_t offset, unsigned len)
{
	(void)arg;
	return offset + len;
}

static void
device_write(void *arg, uint64_t offset, unsigned len, uint64_t v)
{
	(void)arg;
	(void)offset;
	(void)len;
	(void)v;
}

static const struct bus_ops device_ops = { "device", device_read,
	device_write };

static const struct pci_setup setup = {
	.name	= "device",
	.slot	= -1,
	.bar	= {
		{ .len = 64, .pio = true, .ops = &device_ops },
		{ .len = 4096 },
		{ .len = 0x1000, .ops = &device_ops },
		{ .len = 0 },
		{ .len = 1 << 20, .wide = true, .ops = &device_ops },
	},
	.vectors = 64,
	.msix_bar = 1,
};

struct world {
	struct kit		 k;
	struct pci_device	*d[2];
	struct vio		*rng;
	int			 fd[3];
};

/* Addresses where something may be: windows, ECAM, and their edges. */
static uint64_t
place(struct world *w, struct input *in)
{
	uint64_t where = take_int(in, 1), offset = take_int(in, 2);

	if (where < 32)
		return MEMORY_ECAM + (where << 15) + (offset & 0x1fff);
	if (where < 64)
		return pci_bar_addr(w->d[where & 1], where >> 1 & 3) +
		    offset % 0x1100;
	if (where < 96)
		return MEMORY_PCI + offset;
	return take_int(in, 8);
}

static void
save_load(struct pci_device *from, struct pci_device *to)
{
	json_t *s = pci_save(from);

	if (s == NULL)
		abort();
	(void)pci_load(to, s, NULL);
	json_decref(s);
}

static void
devices_turn(struct world *w, struct input *in)
{
	uint64_t v = take_int(in, 2);
	struct pci_device *d = w->d[v & 1];

	switch (v >> 1 & 7) {
	case 0:
		pci_msix_bind(d, w->fd[v >> 4 & 1], (v >> 5) & 127);
		break;
	case 1:
		(void)eventfd_write(w->fd[v >> 4 & 1], 1);
		break;
	case 2:
		pci_msix_send(d, (v >> 5) & 127);
		break;
	case 3:
		pci_intx(d, v >> 4 & 1);
		break;
	case 4:
		save_load(d, d);
		break;
	case 5:
		save_load(w->d[0], w->d[1]);
		break;
	case 6:
		w->k.vm.refuse_msi = v >> 4 & 1;
		break;
	case 7:
		if (v >> 4 & 1)
			pci_reset(w->k.board.pci);
		(void)kit_sent(&w->k);
		break;
	}
}

static void
one(struct world *w, struct input *in)
{
	uint64_t op = take_int(in, 1), addr;
	unsigned len = 1U << (op >> 4 & 3);

	switch (op & 7) {
	case 0:
		addr = 0xcf8 + (take_int(in, 1) & 7);
		len = MIN(len, 4);
		bus_write(&w->k.board.pio, addr, len, take_int(in, len));
		break;
	case 1:
		(void)bus_read(&w->k.board.pio, 0xcf8 + (take_int(in, 1) & 7),
		    len);
		break;
	case 2:
	case 3:
		addr = place(w, in);
		bus_write(&w->k.board.mmio, addr, len, take_int(in, len));
		break;
	case 4:
		(void)bus_read(&w->k.board.mmio, place(w, in), len);
		break;
	case 5:
		addr = take_int(in, 2);
		kit_config_set(&w->k, addr & 3, addr >> 2 & 255, MIN(len, 4),
		    (uint32_t)take_int(in, MIN(len, 4)));
		break;
	case 6:
		(void)bus_read(&w->k.board.pio, take_int(in, 2), len);
		break;
	case 7:
		devices_turn(w, in);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	static struct world w;

	memset(&w, 0, sizeof(w));
	kit_init(&w.k);
	for (unsigned i = 0; i < 2; i++) {
		w.fd[i] = eventfd(0, EFD_NONBLOCK);
		if (w.fd[i] == -1 || pci_add(&w.d[i], w.k.board.pci, &setup,
		    NULL) == -1)
			abort();
	}
	if (rng_new(&w.rng, &w.k.board, "rng", NULL) == -1)
		abort();
	while (in.left > 0)
		one(&w, &in);
	vio_unplug(w.rng);
	for (unsigned i = 0; i < 2; i++) {
		pci_remove(w.d[i]);
		(void)close(w.fd[i]);
	}
	kit_fini(&w.k);
	return 0;
}
