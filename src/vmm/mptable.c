/* SPDX-License-Identifier: ISC */
/*
 * mptable.c - the board as the MultiProcessor Specification describes it
 *
 * Source: Intel, MultiProcessor Specification 1.4, chapter 4.
 */

#include <errno.h>
#include <string.h>

#include "accel/accel.h"
#include "vmm/memory.h"
#include "vmm/mptable.h"
#include "vmm/pci.h"

#define ISA_IRQS	16
#define LAPIC_VERSION	0x14
#define IOAPIC_VERSION	0x11
#define CPU_ENABLED	1
#define CPU_BOOT	2

enum { BUS_PCI, BUS_ISA };		/* bus numbers */
enum { ENTRY_CPU, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_IRQ, ENTRY_LINT };
enum { IRQ_NMI = 1, IRQ_EXTINT = 3 };

/* All members lie on their natural boundary: nothing is padded. */
struct floating {
	char		signature[4];
	uint32_t	table;		/* gpa */
	uint8_t		paragraphs;
	uint8_t		revision;
	uint8_t		checksum;
	uint8_t		features[5];
};

struct header {
	char		signature[4];
	uint16_t	len;		/* with the entries */
	uint8_t		revision;
	uint8_t		checksum;
	char		oem[8];
	char		product[12];
	uint32_t	oem_table;
	uint16_t	oem_len;
	uint16_t	entries;
	uint32_t	lapic;		/* gpa */
	uint32_t	reserved;
};

struct cpu {
	uint8_t		type;
	uint8_t		id;
	uint8_t		version;
	uint8_t		flags;
	uint32_t	signature;
	uint32_t	features;
	uint32_t	reserved[2];
};

struct bus_entry {
	uint8_t		type;
	uint8_t		id;
	char		name[6];
};

struct ioapic {
	uint8_t		type;
	uint8_t		id;
	uint8_t		version;
	uint8_t		flags;
	uint32_t	addr;
};

struct irq {
	uint8_t		type;
	uint8_t		kind;
	uint16_t	flags;		/* 0: as the bus has it */
	uint8_t		bus;
	uint8_t		bus_irq;
	uint8_t		apic;
	uint8_t		pin;
};

struct table {
	struct floating	floating;
	struct header	header;
	uint8_t		entries[ACCEL_CPUS_MAX * sizeof(struct cpu) +
			    (4 + ISA_IRQS + PCI_SLOTS + 2) *
			    sizeof(struct irq)];
};

/* Where the next entry goes; the table has room for all there can be. */
struct writer {
	struct table	*table;
	size_t		 len;
};

static void
add(struct writer *w, const void *entry, size_t len)
{
	memcpy(w->table->entries + w->len, entry, len);
	w->len += len;
	w->table->header.entries++;
}

static void
add_cpus(struct writer *w, unsigned cpus)
{
	struct cpu cpu = {
		.type = ENTRY_CPU,
		.version = LAPIC_VERSION,
		.signature = 0x600,	/* family 6 */
		.features = 0x201,	/* FPU, APIC */
	};

	for (unsigned i = 0; i < cpus; i++) {
		cpu.id = (uint8_t)i;
		cpu.flags = CPU_ENABLED | (i == 0 ? CPU_BOOT : 0);
		add(w, &cpu, sizeof(cpu));
	}
}

static void
add_irqs(struct writer *w, bool pci)
{
	struct irq irq = { .type = ENTRY_IRQ, .bus = BUS_ISA };

	for (unsigned i = 0; i < ISA_IRQS; i++) {
		if (i == 2)		/* the cascade of the PICs */
			continue;
		/* Edges are what the first entry of a pin would make of it. */
		if (pci && pci_intx_is(i))
			continue;
		irq.bus_irq = (uint8_t)i;
		irq.pin = (uint8_t)(i == 0 ? 2 : i);
		add(w, &irq, sizeof(irq));
	}
	irq.bus = BUS_PCI;
	for (unsigned i = 1; pci && i < PCI_SLOTS; i++) {
		irq.bus_irq = (uint8_t)(i << 2);	/* pin A */
		irq.pin = (uint8_t)pci_intx_gsi(i);
		add(w, &irq, sizeof(irq));
	}
	irq = (struct irq){ .type = ENTRY_LINT, .kind = IRQ_EXTINT,
	    .bus = BUS_ISA };
	add(w, &irq, sizeof(irq));
	irq.kind = IRQ_NMI;
	irq.apic = 0xff;		/* all local ones */
	irq.pin = 1;
	add(w, &irq, sizeof(irq));
}

/* What makes all bytes add up to 0. */
static uint8_t
checksum(const void *p, size_t len)
{
	const uint8_t *at = p;
	uint8_t sum = 0;

	while (len-- > 0)
		sum += *at++;
	return (uint8_t)-sum;
}

int
mptable_write(struct memory *memory, unsigned cpus, bool pci, struct err *e)
{
	static const struct bus_entry buses[] = {
		{ ENTRY_BUS, BUS_PCI, "PCI   " },
		{ ENTRY_BUS, BUS_ISA, "ISA   " },
	};
	static const struct ioapic ioapic = { ENTRY_IOAPIC, 0, IOAPIC_VERSION,
	    1, (uint32_t)MEMORY_IOAPIC };
	struct table t = {
		.floating = { .signature = "_MP_", .paragraphs = 1,
		    .revision = 4, .table = MPTABLE_ADDR +
		    sizeof(struct floating) },
		.header = { .signature = "PCMP", .revision = 4,
		    .oem = "VMM     ", .product = "VMM         ",
		    .lapic = (uint32_t)MEMORY_LAPIC },
	};
	struct writer w = { .table = &t };
	void *at;

	add_cpus(&w, cpus);
	if (pci)
		add(&w, &buses[0], sizeof(buses[0]));
	add(&w, &buses[1], sizeof(buses[1]));
	add(&w, &ioapic, sizeof(ioapic));
	add_irqs(&w, pci);
	t.header.len = (uint16_t)(sizeof(t.header) + w.len);
	t.header.checksum = checksum(&t.header, t.header.len);
	t.floating.checksum = checksum(&t.floating, sizeof(t.floating));
	at = memory_at(memory, MPTABLE_ADDR, sizeof(t));
	if (at == NULL)
		return err_set(e, ENOMEM, "no memory for the MP table");
	memcpy(at, &t, sizeof(t.floating) + t.header.len);
	return 0;
}
