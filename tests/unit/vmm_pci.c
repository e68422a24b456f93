/* SPDX-License-Identifier: ISC */
/* vmm_pci.c - configuration space, windows, MSI-X and INTx, as a guest does */

#include "unit.h"
#include "vmm_kit.h"

/* A device that counts what reaches its windows. */
struct thing {
	struct pci_device	*pci;
	unsigned		 reads, writes, msix;
	uint64_t		 moved[2];
};

static uint64_t
thing_read(void *arg, uint64_t offset, unsigned len)
{
	(void)len;
	((struct thing *)arg)->reads++;
	return 0xaabb0000 | offset;
}

static void
thing_write(void *arg, uint64_t offset, unsigned len, uint64_t v)
{
	(void)offset;
	(void)len;
	(void)v;
	((struct thing *)arg)->writes++;
}

static void
moved0(void *arg, uint64_t addr)
{
	((struct thing *)arg)->moved[0] = addr;
}

static void
moved1(void *arg, uint64_t addr)
{
	((struct thing *)arg)->moved[1] = addr;
}

static void
thing_msix(void *arg)
{
	((struct thing *)arg)->msix++;
}

static const struct bus_ops thing_ops = {
	"thing", thing_read, thing_write,
};

/* BAR 0 ports, BAR 1 MSI-X, BAR 2 memory, BAR 4 64-bit memory. */
static const struct pci_setup thing_setup = {
	.name	= "thing",
	.slot	= -1,
	.id	= { 0x1234, 0x5678, 0x9abc, 0xdef0, 3, 0x020000 },
	.bar	= {
		{ .len = 64, .pio = true, .ops = &thing_ops, .moved = moved0 },
		{ .len = 4096 },
		{ .len = 0x4000, .ops = &thing_ops, .moved = moved1 },
		{ .len = 0 },
		{ .len = 1 << 20, .wide = true, .ops = &thing_ops },
	},
	.vectors = 3,
	.msix_bar = 1,
	.msix	= thing_msix,
};

static void
thing_add(struct kit *k, struct thing *t, int slot)
{
	struct pci_setup s = thing_setup;

	memset(t, 0, sizeof(*t));
	s.slot = slot;
	s.arg = t;
	assert_int_equal(pci_add(&t->pci, k->board.pci, &s, NULL), 0);
}

static void
mechanism_1(void **state)
{
	struct kit k;
	struct bus *pio = &k.board.pio;

	(void)state;
	kit_init(&k);
	assert_int_equal(bus_read(pio, 0xcf8, 4), 0);
	assert_int_equal(bus_read(pio, 0xcfc, 4), 0xffffffff);
	bus_write(pio, 0xcf8, 4, 0x80000000);
	assert_int_equal(bus_read(pio, 0xcf8, 4), 0x80000000);
	assert_int_equal(bus_read(pio, 0xcfc, 4), 0x06660b5d);
	assert_int_equal(bus_read(pio, 0xcfd, 1), 0x0b);
	assert_int_equal(bus_read(pio, 0xcfe, 2), 0x0666);
	assert_int_equal(bus_read(pio, 0xcfd, 2), 0x660b);
	/* Parts of the address are no address. */
	bus_write(pio, 0xcfb, 1, 0);
	bus_write(pio, 0xcf8, 2, 0);
	assert_int_equal(bus_read(pio, 0xcf8, 4), 0x80000000);
	assert_int_equal(bus_read(pio, 0xcfb, 1), 0x80);
	/* Reserved bits are not there; other buses and functions neither. */
	bus_write(pio, 0xcf8, 4, 0xff000003);
	assert_int_equal(bus_read(pio, 0xcf8, 4), 0x80000000);
	bus_write(pio, 0xcf8, 4, 0x80010000);
	assert_int_equal(bus_read(pio, 0xcfc, 4), 0xffffffff);
	bus_write(pio, 0xcf8, 4, 0x80000100);
	assert_int_equal(bus_read(pio, 0xcfc, 2), 0xffff);
	/* Off, and across the two registers. */
	bus_write(pio, 0xcf8, 4, 0);
	assert_int_equal(bus_read(pio, 0xcfc, 1), 0xff);
	assert_int_equal(bus_read(pio, 0xcfa, 4), 0xffffffff);
	kit_fini(&k);
}

static void
ecam(void **state)
{
	struct thing t;
	struct kit k;

	(void)state;
	kit_init(&k);
	thing_add(&k, &t, 3);
	assert_int_equal(kit_read(&k, MEMORY_ECAM, 4), 0x06660b5d);
	assert_int_equal(kit_read(&k, MEMORY_ECAM + (3 << 15), 8),
	    0x56781234 | (uint64_t)kit_config(&k, 3, 4, 4) << 32);
	assert_int_equal(kit_read(&k, MEMORY_ECAM + (3 << 15) + 0x100, 4), 0);
	assert_int_equal(kit_read(&k, MEMORY_ECAM + (3 << 15) + 0xffc, 4), 0);
	assert_int_equal(kit_read(&k, MEMORY_ECAM + (3 << 15) + 0x1000, 4),
	    0xffffffff);
	assert_int_equal(kit_read(&k, MEMORY_ECAM + (4 << 15), 4),
	    0xffffffff);
	kit_write(&k, MEMORY_ECAM + (3 << 15) + 0x3c, 1, 9);
	assert_int_equal(kit_config(&k, 3, 0x3c, 1), 9);
	/* Nothing is behind the 256 bytes, nor is anything lost there. */
	kit_write(&k, MEMORY_ECAM + (3 << 15) + 0xfe, 4, 0xffffffff);
	kit_write(&k, MEMORY_ECAM + (3 << 15) + 0x7fc, 8, UINT64_MAX);
	assert_int_equal(kit_read(&k, MEMORY_ECAM + (3 << 15) + 0xfe, 4), 0);
	pci_remove(t.pci);
	assert_int_equal(kit_config(&k, 3, 0, 4), 0xffffffff);
	kit_fini(&k);
}

/* What is shown is what is read; devices come and go. */
static void
shown(void **state)
{
	static const uint8_t none[4] = { 0xff, 0xff, 0xff, 0xff };
	struct thing t, u;
	struct kit k;
	uint8_t *at;

	(void)state;
	kit_init(&k);
	thing_add(&k, &t, 3);
	assert_false(pci_shown(t.pci));
	assert_int_equal(pci_show(k.board.pci, NULL), 0);
	assert_true(pci_shown(t.pci));
	assert_int_equal(k.vm.shown.gpa, MEMORY_ECAM);
	assert_int_equal(k.vm.shown.bytes, 4 << 15);
	at = k.vm.shown.host;
	assert_memory_equal(at + (1 << 15), none, 4);
	kit_config_set(&k, 3, 0x3c, 1, 9);
	pci_intx(t.pci, true);
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(at[(3 << 15) + i], kit_config(&k, 3, i, 1));
	thing_add(&k, &u, 7);
	assert_int_equal(pci_show(k.board.pci, NULL), 0);
	assert_int_equal(k.vm.shown.bytes, 8 << 15);
	assert_int_equal(at[7 << 15], 0x34);
	pci_remove(t.pci);
	assert_int_equal(pci_show(k.board.pci, NULL), 0);
	assert_memory_equal(at + (3 << 15), none, 4);
	thing_add(&k, &t, 3);
	assert_int_equal(at[3 << 15], 0x34);
	pci_remove(t.pci);
	pci_remove(u.pci);
	kit_fini(&k);
}

/* Every bit of the space: all ones are written, these stick. */
static void
write_masks(void **state)
{
	static const struct {
		uint8_t		at, len;
		uint32_t	expect;
	} want[] = {
		{ 0x00, 4, 0x56781234 }, { 0x04, 2, 0x0407 },
		{ 0x06, 2, 0x0010 }, { 0x08, 4, 0x02000003 },
		{ 0x0c, 4, 0x000000ff }, { 0x10, 4, 0xffffffc1 },
		{ 0x14, 4, 0xfffff000 }, { 0x18, 4, 0xffffc000 },
		{ 0x1c, 4, 0 }, { 0x20, 4, 0xfff00004 },
		{ 0x24, 4, 0xffffffff }, { 0x28, 4, 0 },
		{ 0x2c, 4, 0xdef09abc }, { 0x30, 4, 0 }, { 0x34, 4, 0x40 },
		{ 0x38, 4, 0 }, { 0x3c, 4, 0x000001ff },
		{ 0x40, 4, 0xc0020011 }, { 0x44, 4, 1 }, { 0x48, 4, 0x801 },
		{ 0x4c, 4, 0 },
	};
	struct thing t;
	struct kit k;

	(void)state;
	kit_init(&k);
	thing_add(&k, &t, 1);
	for (unsigned reg = 0; reg < 256; reg += 4)
		kit_config_set(&k, 1, reg, 4, 0xffffffff);
	for (size_t i = 0; i < COUNT(want); i++)
		assert_int_equal(kit_config(&k, 1, want[i].at, want[i].len),
		    want[i].expect);
	for (unsigned reg = 0x4c; reg < 256; reg += 4)
		assert_int_equal(kit_config(&k, 1, reg, 4), 0);
	for (unsigned reg = 0; reg < 256; reg++)
		kit_config_set(&k, 1, reg, 1, 0);
	assert_int_equal(kit_config(&k, 1, 0, 4), 0x56781234);
	assert_int_equal(kit_config(&k, 1, 4, 4), 0x00100000);
	assert_int_equal(kit_config(&k, 1, 0x10, 4), 1);
	assert_int_equal(kit_config(&k, 1, 0x20, 4), 4);
	assert_int_equal(kit_config(&k, 1, 0x40, 4), 0x00020011);
	pci_remove(t.pci);
	kit_fini(&k);
}

static void
windows(void **state)
{
	struct thing t, u;
	struct kit k;
	uint32_t port, mem;

	(void)state;
	kit_init(&k);
	thing_add(&k, &t, 1);
	thing_add(&k, &u, 2);
	port = kit_config(&k, 1, 0x10, 4) & ~1U;
	mem = kit_config(&k, 1, 0x18, 4);
	assert_int_equal(port, 0xc000);
	assert_int_equal(kit_config(&k, 2, 0x10, 4), 0xc041);
	assert_in_range(mem, MEMORY_PCI, MEMORY_PCI_END - 0x4000);
	/* Nothing answers before it is switched on. */
	assert_int_equal(kit_read(&k, mem, 4), 0xffffffff);
	kit_config_set(&k, 1, 4, 2, 1);
	assert_int_equal(bus_read(&k.board.pio, port + 4, 2), 4);
	assert_int_equal(kit_read(&k, mem, 4), 0xffffffff);
	kit_config_set(&k, 1, 4, 2, 2);
	assert_int_equal(bus_read(&k.board.pio, port + 4, 2), 0xffff);
	assert_int_equal(kit_read(&k, mem + 0x3ffc, 4), 0xaabb3ffc);
	assert_int_equal(t.moved[1], mem);
	assert_int_equal(pci_bar_addr(t.pci, 2), mem);
	/* Sizing with the window on: it is nowhere meanwhile. */
	kit_config_set(&k, 1, 0x18, 4, 0xffffffff);
	assert_int_equal(kit_config(&k, 1, 0x18, 4), 0xffffc000);
	assert_int_equal(t.moved[1], 0);
	kit_config_set(&k, 1, 0x18, 4, mem);
	assert_int_equal(t.moved[1], mem);
	/* Moved. */
	kit_config_set(&k, 1, 0x18, 4, 0xd0000000);
	assert_int_equal(kit_read(&k, mem, 4), 0xffffffff);
	assert_int_equal(kit_read(&k, 0xd0000010, 4), 0xaabb0010);
	pci_remove(t.pci);
	assert_int_equal(kit_read(&k, 0xd0000010, 4), 0xffffffff);
	pci_remove(u.pci);
	kit_fini(&k);
}

/* Windows cannot be put over anything; who waits gets the place. */
static void
windows_collide(void **state)
{
	static const uint32_t bad[] = {
		0, 0x100000, 0xbffff000, (uint32_t)MEMORY_ECAM, 0xfec00000,
		0xfee00000, 0xffffc000, (uint32_t)MEMORY_PCI_END,
	};
	struct thing t, u;
	struct kit k;
	uint32_t mem;

	(void)state;
	kit_init(&k);
	thing_add(&k, &t, 1);
	thing_add(&k, &u, 2);
	kit_config_set(&k, 1, 4, 2, 3);
	kit_config_set(&k, 2, 4, 2, 3);
	for (size_t i = 0; i < COUNT(bad); i++) {
		kit_config_set(&k, 1, 0x18, 4, bad[i]);
		assert_int_equal(pci_bar_addr(t.pci, 2), 0);
	}
	assert_int_equal(kit_read(&k, MEMORY_ECAM, 4), 0x06660b5d);
	kit_config_set(&k, 1, 0x10, 4, 0xcc0);
	assert_int_equal(pci_bar_addr(t.pci, 0), 0);
	kit_config_set(&k, 1, 0x20, 4, 0);
	kit_config_set(&k, 1, 0x24, 4, 0x100);
	assert_int_equal(pci_bar_addr(t.pci, 4), MEMORY_PCI64);
	kit_config_set(&k, 1, 0x24, 4, 0xffffffff);
	assert_int_equal(pci_bar_addr(t.pci, 4), 0);
	/* Over the other's. */
	mem = kit_config(&k, 2, 0x18, 4);
	kit_config_set(&k, 1, 0x18, 4, mem);
	assert_int_equal(pci_bar_addr(t.pci, 2), 0);
	t.reads = u.reads = 0;
	(void)kit_read(&k, mem, 4);
	assert_int_equal(u.reads, 1);
	kit_config_set(&k, 2, 4, 2, 0);
	assert_int_equal(pci_bar_addr(t.pci, 2), mem);
	kit_config_set(&k, 2, 4, 2, 3);
	assert_int_equal(pci_bar_addr(u.pci, 2), 0);
	pci_remove(t.pci);
	assert_int_equal(pci_bar_addr(u.pci, 2), mem);
	pci_remove(u.pci);
	kit_fini(&k);
}

/* 31 devices, all windows apart; more are refused. */
static void
full(void **state)
{
	struct pci_setup s = thing_setup;
	struct thing t[32];
	struct pci_device *d;
	struct kit k;
	struct err e;

	(void)state;
	kit_init(&k);
	for (int i = 1; i < PCI_SLOTS; i++) {
		thing_add(&k, &t[i], -1);
		assert_int_equal(pci_slot(t[i].pci), i);
	}
	assert_int_equal(pci_slots(k.board.pci), 0xffffffff);
	assert_int_equal(pci_add(&d, k.board.pci, &s, &e), -1);
	assert_non_null(strstr(e.text, "slots"));
	pci_remove(t[7].pci);
	s.slot = 8;
	assert_int_equal(pci_add(&d, k.board.pci, &s, &e), -1);
	s.slot = 7;
	s.bar[2].len = 1ULL << 30;
	assert_int_equal(pci_add(&d, k.board.pci, &s, &e), -1);
	assert_non_null(strstr(e.text, "no room"));
	thing_add(&k, &t[7], 7);
	for (int i = 1; i < PCI_SLOTS; i++)
		pci_remove(t[i].pci);
	kit_fini(&k);
}

/* --- interrupts --------------------------------------------------------- */

static void
intx(void **state)
{
	struct thing t, u;
	struct kit k;
	unsigned gsi = pci_intx_gsi(1);

	(void)state;
	kit_init(&k);
	thing_add(&k, &t, 1);
	thing_add(&k, &u, 5);
	assert_int_equal(pci_intx_gsi(5), gsi);
	assert_int_equal(kit_config(&k, 1, 0x3c, 2), 0x100 | gsi);
	pci_intx(t.pci, true);
	pci_intx(u.pci, true);
	assert_int_equal(k.vm.level[gsi], 1);
	assert_int_equal(kit_config(&k, 1, 6, 2), 0x18);
	pci_intx(t.pci, false);
	assert_int_equal(k.vm.level[gsi], 1);	/* the other still pulls */
	assert_int_equal(kit_config(&k, 1, 6, 2), 0x10);
	/* Interrupt disable holds the line, not the status. */
	kit_config_set(&k, 5, 4, 2, 0x400);
	assert_int_equal(k.vm.level[gsi], 0);
	assert_int_equal(kit_config(&k, 5, 6, 2), 0x18);
	kit_config_set(&k, 5, 4, 2, 0);
	assert_int_equal(k.vm.level[gsi], 1);
	/* MSI-X takes its place. */
	kit_config_set(&k, 5, 0x42, 2, 0x8000);
	assert_int_equal(k.vm.level[gsi], 0);
	assert_int_equal(u.msix, 1);
	kit_config_set(&k, 5, 0x42, 2, 0);
	assert_int_equal(k.vm.level[gsi], 1);
	pci_remove(u.pci);
	assert_int_equal(k.vm.level[gsi], 0);
	pci_remove(t.pci);
	kit_fini(&k);
}

/* Without interrupt lines there is no pin, and nothing is pulled. */
static void
no_lines(void **state)
{
	struct thing t;
	struct kit k;

	(void)state;
	kit_init(&k);
	k.board.msi_only = true;
	thing_add(&k, &t, 1);
	assert_int_equal(kit_config(&k, 1, 0x3c, 2), 0);
	pci_intx(t.pci, true);
	assert_int_equal(k.vm.level[pci_intx_gsi(1)], 0);
	assert_int_equal(kit_config(&k, 1, 6, 2), 0x18);
	pci_remove(t.pci);
	kit_fini(&k);
}

static uint64_t
table_of(struct kit *k, unsigned slot)
{
	return kit_config(k, slot, 0x14, 4);
}

static void
msix(void **state)
{
	struct thing t;
	struct kit k;
	uint64_t table, pba;

	(void)state;
	kit_init(&k);
	thing_add(&k, &t, 1);
	kit_config_set(&k, 1, 4, 2, 6);
	table = table_of(&k, 1);
	pba = table + 0x800;
	/* Fresh: masked; off: nothing is kept. */
	assert_int_equal(kit_read(&k, table + 12, 4), 1);
	pci_msix_send(t.pci, 0);
	assert_int_equal(kit_read(&k, pba, 8), 0);
	kit_config_set(&k, 1, 0x42, 2, 0x8000);
	kit_write(&k, table, 4, 0xfee01000);
	kit_write(&k, table + 4, 4, 0);
	kit_write(&k, table + 8, 4, 0x41);
	pci_msix_send(t.pci, 0);
	assert_int_equal(kit_read(&k, pba, 4), 1);
	assert_int_equal(k.vm.nsent, 0);
	kit_write(&k, table + 12, 4, 0xfffffffe);
	assert_int_equal(kit_read(&k, table + 12, 4), 0);
	assert_int_equal(k.vm.nsent, 1);
	assert_int_equal(k.vm.sent[0].address, 0xfee01000);
	assert_int_equal(k.vm.sent[0].data, 0x41);
	assert_int_equal(kit_read(&k, pba, 4), 0);
	/* The function's mask. */
	kit_config_set(&k, 1, 0x42, 2, 0xc000);
	pci_msix_send(t.pci, 0);
	assert_int_equal(kit_read(&k, pba, 8), 1);
	kit_config_set(&k, 1, 0x42, 2, 0x8000);
	assert_int_equal(k.vm.nsent, 2);
	/* Vectors that are not there. */
	pci_msix_send(t.pci, 3);
	pci_msix_send(t.pci, PCI_NO_VECTOR);
	assert_int_equal(k.vm.nsent, 2);
	/* The PBA and what is behind the table cannot be written. */
	kit_write(&k, pba, 8, UINT64_MAX);
	kit_write(&k, table + 48, 8, UINT64_MAX);
	kit_write(&k, table + 13, 1, 0xff);
	kit_write(&k, table + 12, 2, 0xff);
	assert_int_equal(kit_read(&k, pba, 8), 0);
	assert_int_equal(kit_read(&k, table + 48, 8), 0);
	assert_int_equal(kit_read(&k, table + 12, 4), 0);
	pci_remove(t.pci);
	assert_false(k.vm.routed[ACCEL_GSI_MSI]);
	kit_fini(&k);
}

/* Eventfds: past us while open, pending while masked. */
static void
msix_eventfds(void **state)
{
	int a = eventfd(0, EFD_NONBLOCK), b = eventfd(0, EFD_NONBLOCK);
	struct thing t;
	struct kit k;
	uint64_t table;

	(void)state;
	kit_init(&k);
	thing_add(&k, &t, 1);
	pci_msix_bind(t.pci, a, 1);
	pci_msix_bind(t.pci, b, 1);
	assert_int_equal(k.vm.nirqfds, 0);
	(void)eventfd_write(a, 1);		/* INTx is not ours here */
	kit_enable(&k, 1, true);
	table = table_of(&k, 1);
	assert_int_equal(k.vm.nirqfds, 2);
	assert_int_equal(kit_sent(&k), 1);
	assert_int_equal(k.vm.sent[0].data, 0x21);
	(void)eventfd_write(b, 1);
	assert_int_equal(kit_sent(&k), 2);
	/* Another message: the same irqfds. */
	kit_write(&k, table + 16 + 8, 4, 0x77);
	(void)eventfd_write(b, 1);
	assert_int_equal(kit_sent(&k), 3);
	assert_int_equal(k.vm.sent[2].data, 0x77);
	/* Masked: kept, once, and shown. */
	kit_write(&k, table + 16 + 12, 4, 1);
	assert_int_equal(k.vm.nirqfds, 0);
	(void)eventfd_write(a, 1);
	(void)eventfd_write(b, 5);
	assert_int_equal(kit_read(&k, table + 0x800, 8), 2);
	(void)eventfd_write(a, 1);
	assert_int_equal(kit_sent(&k), 3);
	kit_write(&k, table + 16 + 12, 4, 0);
	assert_int_equal(kit_sent(&k), 4);
	assert_int_equal(kit_read(&k, table + 0x800, 8), 0);
	/* Rebound while open, and taken back. */
	pci_msix_bind(t.pci, a, 2);
	(void)eventfd_write(a, 1);
	assert_int_equal(kit_sent(&k), 5);
	assert_int_equal(k.vm.sent[4].data, 0x22);
	pci_msix_bind(t.pci, a, PCI_NO_VECTOR);
	pci_msix_bind(t.pci, b, 3);
	assert_int_equal(k.vm.nirqfds, 0);
	pci_msix_bind(t.pci, b, 0);
	pci_remove(t.pci);
	assert_int_equal(k.vm.nirqfds, 0);
	kit_fini(&k);
	(void)close(a);
	(void)close(b);
}

/* A message the hypervisor refuses is the guest's loss, not ours. */
static void
msix_refused(void **state)
{
	int a = eventfd(0, EFD_NONBLOCK);
	struct thing t;
	struct kit k;
	uint64_t table;

	(void)state;
	kit_init(&k);
	thing_add(&k, &t, 1);
	pci_msix_bind(t.pci, a, 0);
	kit_enable(&k, 1, true);
	table = table_of(&k, 1);
	kit_write(&k, table + 4, 4, 0xffffffff);
	(void)eventfd_write(a, 1);
	pci_msix_send(t.pci, 0);
	assert_int_equal(kit_sent(&k), 0);
	assert_int_equal(k.vm.nirqfds, 0);
	kit_write(&k, table + 4, 4, 0);
	assert_int_equal(kit_sent(&k), 1);
	pci_remove(t.pci);
	kit_fini(&k);
	(void)close(a);
}

/* --- state -------------------------------------------------------------- */

static void
save_load(void **state)
{
	struct thing t, u;
	struct kit k, l;
	json_t *s, *bus;
	struct err e;
	uint32_t mem = 0xd0000000;

	(void)state;
	kit_init(&k);
	kit_init(&l);
	thing_add(&k, &t, 4);
	thing_add(&l, &u, 4);
	kit_enable(&k, 4, true);
	kit_config_set(&k, 4, 0x18, 4, mem);
	kit_write(&k, table_of(&k, 4) + 12, 4, 1);
	pci_msix_send(t.pci, 0);
	pci_intx(t.pci, true);
	s = pci_save(t.pci);
	bus = pci_bus_save(k.board.pci);
	assert_non_null(s);
	assert_int_equal(pci_load(u.pci, s, &e), 0);
	assert_int_equal(pci_bus_load(l.board.pci, bus, &e), 0);
	assert_int_equal(bus_read(&l.board.pio, 0xcf8, 4),
	    bus_read(&k.board.pio, 0xcf8, 4));
	assert_int_equal(pci_bar_addr(u.pci, 2), mem);
	kit_write(&l, table_of(&l, 4) + 12, 4, 0);
	assert_int_equal(l.vm.nsent, 1);
	assert_int_equal(l.vm.sent[0].data, 0x20);
	kit_config_set(&l, 4, 0x42, 2, 0);
	assert_int_equal(l.vm.level[pci_intx_gsi(4)], 1);
	/* Power on again. */
	pci_reset(l.board.pci);
	assert_int_equal(pci_bar_addr(u.pci, 2), 0);
	assert_int_equal(l.vm.level[pci_intx_gsi(4)], 0);
	assert_int_not_equal(kit_config(&l, 4, 0x18, 4), mem);
	/* Another device's. */
	json_decref(bus);
	bus = pci_bus_save(k.board.pci);
	assert_int_equal(pci_load(u.pci, json_object_get(bus, "bridge"), &e),
	    -1);
	json_object_del(s, "pending");
	assert_int_equal(pci_load(u.pci, s, &e), -1);
	assert_non_null(strstr(e.text, "pending"));
	json_decref(s);
	json_decref(bus);
	pci_remove(t.pci);
	pci_remove(u.pci);
	kit_fini(&k);
	kit_fini(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mechanism_1),
		cmocka_unit_test(ecam),
		cmocka_unit_test(shown),
		cmocka_unit_test(write_masks),
		cmocka_unit_test(windows),
		cmocka_unit_test(windows_collide),
		cmocka_unit_test(full),
		cmocka_unit_test(intx),
		cmocka_unit_test(no_lines),
		cmocka_unit_test(msix),
		cmocka_unit_test(msix_eventfds),
		cmocka_unit_test(msix_refused),
		cmocka_unit_test(save_load),
	};

	return unit_run("vmm_pci", tests);
}
