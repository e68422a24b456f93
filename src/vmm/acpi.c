/* SPDX-License-Identifier: ISC */
/*
 * acpi.c - the board as ACPI describes it; see acpi.h
 *
 * Source: ACPI 6.5, chapters 5 and 6; PCI Firmware Specification 3.2,
 * section 4.1.2 (MCFG).
 */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "accel/accel.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/acpi.h"
#include "vmm/aml.h"
#include "vmm/board.h"
#include "vmm/dev/cpuplug.h"
#include "vmm/dev/debug.h"
#include "vmm/dev/hotplug.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/power.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/uart.h"
#include "vmm/memory.h"
#include "vmm/pci.h"

#define SPARE_SLOTS	8		/* devices to plug in later */

/* ACPI 6.5, section 5.6.6. */
#define NOTIFY_BUS_CHECK	0
#define NOTIFY_DEVICE_CHECK	1
#define NOTIFY_EJECT		3
#define NOTIFY_STATUS		0x80	/* a button's: pressed */

/* Flags of the FADT. */
#define WBINVD		(1U << 0)
#define HALT_STATE	(1U << 2)	/* C1, on all processors */
#define NO_POWER_BUTTON	(1U << 4)	/* no fixed one: it is a device */
#define NO_SLEEP_BUTTON	(1U << 5)
#define NO_ALARM	(1U << 6)	/* the clock's wakes nobody */
#define RESET_REGISTER	(1U << 10)
#define HW_REDUCED	(1U << 20)
/* The boot architecture: no 8042, which is bit 1. */
#define BOOT_ISA	(1U << 0)
#define BOOT_NO_VGA	(1U << 2)
#define BOOT_NO_RTC	(1U << 5)
#define SPACE_PORTS	1
/* Latencies that say: there is no such state. */
#define NO_C2		101		/* microseconds */
#define NO_C3		1001

/* Tables are as they lie in memory, little-endian. */
#define packed		__attribute__((packed))

struct header {
	char		signature[4];
	uint32_t	len;
	uint8_t		revision;
	uint8_t		checksum;
	char		oem[6];
	char		table[8];
	uint32_t	oem_revision;
	char		creator[4];
	uint32_t	creator_revision;
} packed;

struct rsdp {
	char		signature[8];
	uint8_t		checksum;	/* of the first 20 bytes */
	char		oem[6];
	uint8_t		revision;
	uint32_t	rsdt;
	uint32_t	len;
	uint64_t	xsdt;
	uint8_t		checksum_all;
	uint8_t		reserved[3];
} packed;

struct xsdt {
	struct header	header;
	uint64_t	table[3];
} packed;

/* A generic address: a register. */
struct gas {
	uint8_t		space;
	uint8_t		bits;
	uint8_t		bit_offset;
	uint8_t		access;		/* 1: a byte, 2: two */
	uint64_t	addr;
} packed;

struct fadt {
	struct header	header;
	uint32_t	facs, dsdt;
	uint8_t		reserved, profile;
	uint16_t	sci;
	uint32_t	smi;		/* 0: ACPI is on */
	uint8_t		acpi_on, acpi_off, s4, pstate;
	uint32_t	event[2], control[2], pm2, timer, gpe[2];
	uint8_t		event_len, control_len, pm2_len, timer_len;
	uint8_t		gpe_len[2], gpe1_base, cstate;
	uint16_t	c2, c3;
	uint8_t		caches_and_alarm[8];	/* none is described */
	uint8_t		century;		/* the clock's register */
	uint16_t	boot;
	uint8_t		reserved2;
	uint32_t	flags;
	struct gas	reset;
	uint8_t		reset_value;
	uint16_t	arm_boot;
	uint8_t		minor;
	uint64_t	x_facs, x_dsdt;
	struct gas	x_event[2], x_control[2], x_pm2, x_timer, x_gpe[2];
	struct gas	sleep_control, sleep_status;
	uint64_t	hypervisor;
} packed;
_Static_assert(sizeof(struct fadt) == 276, "FADT of revision 6");
_Static_assert(offsetof(struct fadt, century) == 108, "FADT");

/* What a guest and firmware share; its address is a multiple of 64. */
struct facs {
	char		signature[4];
	uint32_t	len;
	uint32_t	hardware, waking, lock, flags;
	uint64_t	x_waking;
	uint8_t		version;
	uint8_t		reserved[31];
} packed;
_Static_assert(sizeof(struct facs) == 64, "FACS");

struct madt_cpu {
	uint8_t		type, len;
	uint8_t		uid, apic;
	uint32_t	flags;
} packed;

struct madt_ioapic {
	uint8_t		type, len;
	uint8_t		id, reserved;
	uint32_t	addr;
	uint32_t	gsi;		/* of its first line */
} packed;

struct madt_override {
	uint8_t		type, len;
	uint8_t		bus, irq;
	uint32_t	gsi;
	uint16_t	flags;
} packed;

#define LEVEL_HIGH	0xd		/* of an override's flags */

struct madt_nmi {
	uint8_t		type, len;
	uint8_t		uid;		/* 0xff: all */
	uint16_t	flags;
	uint8_t		lint;
} packed;

struct madt {
	struct header		header;
	uint32_t		lapic;
	uint32_t		flags;	/* 1: there are 8259s too */
	struct madt_ioapic	ioapic;
	struct madt_override	timer;
	struct madt_nmi		nmi;
	struct madt_cpu		cpu[ACCEL_CPUS_MAX];
	struct madt_override	room;	/* follows the last processor */
} packed;

struct mcfg {
	struct header	header;
	uint8_t		reserved[8];
	uint64_t	addr;
	uint16_t	segment;
	uint8_t		bus_first, bus_last;
	uint32_t	reserved2;
} packed;

/* Where the next table goes. */
struct place {
	struct memory	*memory;
	uint64_t	 at, end;
};

/* Where the first two are, that lead to the others. */
#define OFFSET_RSDP	0
#define OFFSET_XSDT	64
#define OFFSET_TABLES	128

static uint8_t
checksum(const void *p, size_t len)
{
	const uint8_t *at = p;
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *at++);
	return (uint8_t)-sum;
}

static struct header
header(const char *signature, uint8_t revision, size_t len)
{
	struct header h = { .len = (uint32_t)len, .revision = revision,
	    .oem = "VMM   ", .table = "VMM     ", .oem_revision = 1,
	    .creator = "VMM ", .creator_revision = 1 };

	memcpy(h.signature, signature, sizeof(h.signature));
	return h;
}

/* Copy a table; *ret is where it went. */
static int
put(struct place *p, const void *bytes, size_t len, uint64_t *ret,
    struct err *e)
{
	void *to = memory_at(p->memory, p->at, len);

	if (to == NULL || len > p->end - p->at)
		return err_set(e, ENOMEM, "ACPI: no room for the tables");
	memcpy(to, bytes, len);
	*ret = p->at;
	p->at += (len + 15) & ~(size_t)15;
	return 0;
}

/* The same with the checksum every table but the first has. */
static int
put_table(struct place *p, void *table, uint64_t *ret, struct err *e)
{
	struct header *h = table;

	h->checksum = 0;
	h->checksum = checksum(table, h->len);
	return put(p, table, h->len, ret, e);
}

#define CPU_ENABLED		(1U << 0)
#define CPU_ONLINE_CAPABLE	(1U << 1)	/* one that may come */

/* ACPI 6.5, section 5.2.12.2. */
static struct madt_cpu
cpu_entry(unsigned cpu, bool there)
{
	return (struct madt_cpu){ 0, sizeof(struct madt_cpu), (uint8_t)cpu,
	    (uint8_t)cpu, there ? CPU_ENABLED : CPU_ONLINE_CAPABLE };
}

/* --- DSDT: the devices -------------------------------------------------- */

static void
device(struct aml *a, const char *name, const char *eisa, unsigned uid)
{
	aml_device(a, name);
	aml_name(a, "_HID");
	aml_eisa(a, eisa);
	aml_name(a, "_UID");
	aml_int(a, uid);
}

/* Slot by slot, pin A: the interrupt controller's line. */
static void
pci_routes(struct aml *a)
{
	aml_name(a, "_PRT");
	aml_package(a, PCI_SLOTS - 1);
	for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
		aml_package(a, 4);
		aml_int(a, (uint64_t)slot << 16 | 0xffff);
		aml_int(a, 0);
		aml_int(a, 0);
		aml_int(a, pci_intx_gsi(slot));
		aml_end(a);
	}
	aml_end(a);
}

/*
 * Slots a guest can take in and give up are devices.  Each costs every boot,
 * so there are not all of them: those in use, and some to plug into.
 */
static uint32_t
plug_slots(uint32_t taken)
{
	unsigned spare = SPARE_SLOTS;

	for (unsigned slot = 1; slot < PCI_SLOTS && spare > 0; slot++) {
		if ((taken & 1U << slot) == 0)
			spare--;
		taken |= 1U << slot;
	}
	return taken & ~1U;		/* 0 is the bridge's own */
}

static const char *
slot_name(char name[5], unsigned slot)
{
	(void)snprintf(name, 5, "S%02u_", slot % 100);
	return name;
}

static void
pci_slot_devices(struct aml *a, uint32_t slots)
{
	char name[5];

	for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
		if ((slots & 1U << slot) == 0)
			continue;
		aml_device(a, slot_name(name, slot));
		aml_name(a, "_ADR");
		aml_int(a, (uint64_t)slot << 16);
		aml_name(a, "_SUN");
		aml_int(a, slot);
		aml_method(a, "_EJ0", 1);
		aml_store(a, slot, "EJCT");
		aml_end(a);
		aml_end(a);
	}
}

/* Ask what changed, and tell the kernel slot by slot; dev/hotplug.h. */
static void
pci_changed(struct aml *a, uint32_t slots)
{
	char name[5];

	aml_method(a, "CHNG", 0);
	aml_load(a, "CHGD");
	aml_if_local0_has(a, 1);
	aml_notify(a, "PCI0", NOTIFY_BUS_CHECK);
	aml_end(a);
	for (unsigned slot = 1; slot < PCI_SLOTS; slot++) {
		if ((slots & 1U << slot) == 0)
			continue;
		aml_if_local0_has(a, 1U << slot);
		aml_notify(a, slot_name(name, slot), NOTIFY_EJECT);
		aml_end(a);
	}
	aml_end(a);
}

static void
pci_bridge(struct aml *a, uint32_t taken)
{
	static const char *const registers[] = { "CHGD", "EJCT" };
	uint32_t slots = plug_slots(taken);

	device(a, "PCI0", "PNP0A08", 0);
	aml_name(a, "_CID");
	aml_eisa(a, "PNP0A03");
	aml_name(a, "_BBN");
	aml_int(a, 0);
	aml_name(a, "_SEG");
	aml_int(a, 0);
	aml_resources(a);
	aml_res_buses(a, 0, 0);
	aml_res_ports(a, 0xcf8, 8);
	aml_res_window_ports(a, 0, 0xcf7);
	aml_res_window_ports(a, 0xd00, 0xffff);
	aml_res_window(a, MEMORY_PCI, MEMORY_PCI_END - 1);
	aml_end(a);
	pci_routes(a);
	aml_registers(a, "HOTP", HOTPLUG_PORT, registers, COUNT(registers));
	pci_slot_devices(a, slots);
	pci_changed(a, slots);
	aml_end(a);

	/* Configuration space belongs to the board, not to the bridge. */
	device(a, "ECAM", "PNP0C02", 0);
	aml_resources(a);
	aml_res_memory(a, MEMORY_ECAM, MEMORY_ECAM_LEN);
	aml_end(a);
	aml_end(a);
}

/* --- processors that come and go: ACPI 6.5, section 8.4 ------------------ */

static const char *
cpu_name(char name[5], unsigned cpu)
{
	(void)snprintf(name, 5, "C%03u", cpu % 1000);
	return name;
}

static void
processor(struct aml *a, unsigned cpu)
{
	const struct madt_cpu entry = cpu_entry(cpu, true);
	char name[5];

	aml_device(a, cpu_name(name, cpu));
	aml_name(a, "_HID");
	aml_str(a, "ACPI0007");
	aml_name(a, "_UID");
	aml_int(a, cpu);
	aml_name(a, "_MAT");
	aml_buffer(a, &entry, sizeof(entry));
	aml_method(a, "_STA", 0);
	aml_store(a, cpu, "CSEL");
	aml_return(a, "CSTA");
	aml_end(a);
	aml_method(a, "_EJ0", 1);
	aml_store(a, cpu, "CEJC");
	aml_end(a);
	aml_end(a);
}

/* The guest's kernel is told of each that is in a half of a set. */
static void
tell_half(struct aml *a, const char *field, unsigned first, unsigned max,
    uint64_t what)
{
	char name[5];

	aml_load(a, field);
	for (unsigned i = 0; i < 32 && first + i < max; i++) {
		aml_if_local0_has(a, 1ULL << i);
		aml_notify(a, cpu_name(name, first + i), what);
		aml_end(a);
	}
}

/* Which are new, and which are wanted back; dev/cpuplug.h. */
static void
cpus_changed(struct aml *a, unsigned max)
{
	aml_method(a, "CHNG", 0);
	tell_half(a, "CNEW", 0, max, NOTIFY_DEVICE_CHECK);
	if (max > 32)
		tell_half(a, "CNEH", 32, max, NOTIFY_DEVICE_CHECK);
	tell_half(a, "CWAN", 0, max, NOTIFY_EJECT);
	if (max > 32)
		tell_half(a, "CWAH", 32, max, NOTIFY_EJECT);
	aml_end(a);
}

static void
processors(struct aml *a, unsigned max)
{
	static const char *const registers[] = { "CSEL", "CSTA", "CEJC",
	    "CNEW", "CNEH", "CWAN", "CWAH" };

	_Static_assert(COUNT(registers) * 4 == CPUPLUG_LEN, "registers");
	aml_device(a, "CPUS");
	aml_name(a, "_HID");
	aml_str(a, "ACPI0010");
	aml_name(a, "_UID");
	aml_int(a, 0);
	aml_registers(a, "CPUR", CPUPLUG_PORT, registers, COUNT(registers));
	for (unsigned i = 0; i < max; i++)
		processor(a, i);
	cpus_changed(a, max);
	aml_end(a);
}

static void
serial_port(struct aml *a)
{
	device(a, "COM1", "PNP0501", 0);
	aml_resources(a);
	aml_res_ports(a, UART_PORT, 8);
	aml_res_irq(a, UART_GSI);
	aml_end(a);
	aml_end(a);
}

static void
panic_port(struct aml *a)
{
	aml_device(a, "PEVT");
	aml_name(a, "_HID");
	aml_str(a, "QEMU0001");
	aml_resources(a);
	aml_res_ports(a, DEBUG_PANIC_PORT, 1);
	aml_end(a);
	aml_end(a);
}

/* The identity of the VM, which changes when it is copied. */
static void
generation_id(struct aml *a, const struct acpi_setup *s)
{
	aml_device(a, "VGEN");
	aml_name(a, "_HID");
	aml_str(a, "VMGENCTR");
	aml_name(a, "_CID");
	aml_str(a, "VM_Gen_Counter");
	aml_name(a, "_DDN");
	aml_str(a, "VM_Gen_Counter");
	aml_name(a, "ADDR");
	aml_package(a, 2);
	aml_int(a, s->addr + ACPI_GENID);
	aml_int(a, 0);			/* and its upper half */
	aml_end(a);
	aml_end(a);
}

static void
event_device(struct aml *a, const struct acpi_setup *s)
{
	aml_device(a, "GED0");
	aml_name(a, "_HID");
	aml_str(a, "ACPI0013");
	aml_name(a, "_UID");
	aml_int(a, 0);
	aml_resources(a);
	if (!s->fixed)
		aml_res_gsi(a, ACPI_GSI_BUTTON);
	if (s->pci)
		aml_res_gsi(a, ACPI_GSI_PCI);
	aml_res_gsi(a, ACPI_GSI_GENID);
	if (s->cpus_max > 0)
		aml_res_gsi(a, ACPI_GSI_CPU);
	aml_end(a);
	aml_method(a, "_EVT", 1);
	if (!s->fixed) {
		aml_if_arg0_is(a, ACPI_GSI_BUTTON);
		aml_notify(a, "PWRB", NOTIFY_STATUS);
		aml_end(a);
	}
	if (s->pci) {
		aml_if_arg0_is(a, ACPI_GSI_PCI);
		aml_call(a, "PCI0", "CHNG");
		aml_end(a);
	}
	if (s->cpus_max > 0) {
		aml_if_arg0_is(a, ACPI_GSI_CPU);
		aml_call(a, "CPUS", "CHNG");
		aml_end(a);
	}
	aml_if_arg0_is(a, ACPI_GSI_GENID);
	aml_notify(a, "VGEN", NOTIFY_STATUS);
	aml_end(a);
	aml_end(a);
	aml_end(a);
}

static void
describe(struct aml *a, const struct acpi_setup *s)
{
	aml_scope(a, "_SB_");
	if (s->pci)
		pci_bridge(a, s->slots);
	if (s->cpus_max > 0)
		processors(a, s->cpus_max);
	if (s->serial)
		serial_port(a);
	if (s->pvpanic)
		panic_port(a);
	generation_id(a, s);
	if (!s->fixed) {
		device(a, "PWRB", "PNP0C0C", 0);
		aml_end(a);
	}
	event_device(a, s);
	aml_end(a);

	aml_name(a, "_S5_");
	aml_package(a, 4);
	aml_int(a, POWER_S5);
	for (int i = 0; i < 3; i++)
		aml_int(a, 0);
	aml_end(a);
}

static int
put_dsdt(struct place *p, const struct acpi_setup *s, uint64_t *ret,
    struct err *e)
{
	struct header h = header("DSDT", 2, sizeof(h));
	struct aml a;
	int r;

	aml_init(&a);
	/* The header goes in front; its length and checksum at the end. */
	if (buf_put(&a.buf, &h, sizeof(h)) == -1)
		a.failed = true;
	describe(&a, s);
	r = aml_done(&a, e);
	if (r == 0) {
		((struct header *)(void *)a.buf.data)->len =
		    (uint32_t)a.buf.len;
		r = put_table(p, a.buf.data, ret, e);
	}
	aml_fini(&a);
	return r;
}

/* --- the tables --------------------------------------------------------- */

/* A register of 8 or 16 bits. */
static struct gas
port(uint64_t addr, uint8_t bits)
{
	return (struct gas){ SPACE_PORTS, bits, 0, bits / 8, addr };
}

/* Sleep by registers of its own, and no interrupt. */
static void
reduced_hardware(struct fadt *t)
{
	t->flags |= NO_POWER_BUTTON | HW_REDUCED;
	t->boot |= BOOT_NO_RTC;
	t->sleep_control = port(POWER_PORT + POWER_CONTROL, 8);
	t->sleep_status = port(POWER_PORT + POWER_STATUS, 8);
}

/* The registers are named twice, as old kernels look for them and as new. */
static void
fixed_hardware(struct fadt *t, uint64_t facs)
{
	t->flags |= HALT_STATE | NO_ALARM;
	t->facs = (uint32_t)facs;
	t->sci = PM_GSI;
	t->event[0] = PM_PORT + PM_EVENT;
	t->event_len = PM_CONTROL - PM_EVENT;
	t->control[0] = PM_PORT + PM_CONTROL;
	t->control_len = 2;
	t->c2 = NO_C2;
	t->c3 = NO_C3;
	t->century = RTC_CENTURY;
	/* Status and enable, which are read and written apart. */
	t->x_event[0] = port(t->event[0], 16);
	t->x_event[0].bits = 32;
	t->x_control[0] = port(t->control[0], 16);
}

static int
put_facs(struct place *p, uint64_t *ret, struct err *e)
{
	const struct facs t = { .signature = { 'F', 'A', 'C', 'S' },
	    .len = sizeof(t), .version = 2 };

	p->at = (p->at + sizeof(t) - 1) & ~(sizeof(t) - 1);
	return put(p, &t, sizeof(t), ret, e);
}

static int
put_fadt(struct place *p, const struct acpi_setup *s, uint64_t dsdt,
    uint64_t *ret, struct err *e)
{
	struct fadt t = {
		.header = header("FACP", 6, sizeof(t)),
		.dsdt = (uint32_t)dsdt,
		.boot = BOOT_ISA | BOOT_NO_VGA,
		.flags = WBINVD | NO_SLEEP_BUTTON | RESET_REGISTER,
		.reset = port(POWER_PORT + POWER_RESET, 8),
		.reset_value = POWER_RESET_VALUE,
		.minor = 5,
		.x_dsdt = dsdt,
	};
	uint64_t facs;

	if (!s->fixed)
		reduced_hardware(&t);
	else if (put_facs(p, &facs, e) == -1)
		return -1;
	else
		fixed_hardware(&t, facs);
	return put_table(p, &t, ret, e);
}

static int
put_madt(struct place *p, const struct acpi_setup *s, uint64_t *ret,
    struct err *e)
{
	unsigned n = MAX(s->cpus, s->cpus_max);
	struct madt t = {
		.header = header("APIC", 5, offsetof(struct madt, cpu) +
		    n * sizeof(t.cpu[0])),
		.lapic = (uint32_t)MEMORY_LAPIC,
		.flags = s->pic ? 1 : 0,
		.ioapic = { 1, sizeof(t.ioapic), 0, 0,
		    (uint32_t)MEMORY_IOAPIC, 0 },
		/* The timer's line 0 is the controller's 2. */
		.timer = { 2, sizeof(t.timer), 0, 0, 2, 0 },
		.nmi = { 4, sizeof(t.nmi), 0xff, 0, 1 },
	};
	const struct madt_override sci = { 2, sizeof(sci), 0, PM_GSI, PM_GSI,
	    LEVEL_HIGH };

	for (unsigned i = 0; i < n; i++)
		t.cpu[i] = cpu_entry(i, i < s->cpus);
	if (s->fixed) {
		memcpy((uint8_t *)&t + t.header.len, &sci, sizeof(sci));
		t.header.len += (uint32_t)sizeof(sci);
	}
	return put_table(p, &t, ret, e);
}

static int
put_mcfg(struct place *p, uint64_t *ret, struct err *e)
{
	struct mcfg t = {
		.header = header("MCFG", 1, sizeof(t)),
		.addr = MEMORY_ECAM,
	};

	return put_table(p, &t, ret, e);
}

void
acpi_rsdp(uint64_t addr, uint8_t ret[ACPI_RSDP_LEN])
{
	struct rsdp r = {
		.oem = "VMM   ",
		.revision = 2,
		.len = sizeof(r),
		.xsdt = addr + OFFSET_XSDT,
	};

	_Static_assert(sizeof(r) == ACPI_RSDP_LEN, "RSDP of revision 2");
	memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
	r.checksum = checksum(&r, 20);
	r.checksum_all = checksum(&r, sizeof(r));
	memcpy(ret, &r, sizeof(r));
}

static int
put_rsdp(struct place *p, const struct acpi_setup *s, struct err *e)
{
	uint8_t rsdp[ACPI_RSDP_LEN];
	uint64_t at;

	acpi_rsdp(s->addr, rsdp);
	return put(p, rsdp, sizeof(rsdp), &at, e);
}

int
acpi_write(const struct acpi_setup *s, struct err *e)
{
	struct place rsdp = { s->memory, s->addr + OFFSET_RSDP,
	    s->addr + OFFSET_XSDT };
	struct place root = { s->memory, s->addr + OFFSET_XSDT,
	    s->addr + OFFSET_TABLES };
	struct place p = { s->memory, s->addr + OFFSET_TABLES,
	    s->addr + ACPI_GENID };
	struct xsdt x = { .header = header("XSDT", 1,
	    offsetof(struct xsdt, table)) };
	uint64_t dsdt, xsdt, table[COUNT(x.table)];
	unsigned n = 0;

	if (put_dsdt(&p, s, &dsdt, e) == -1 ||
	    put_fadt(&p, s, dsdt, &table[n++], e) == -1 ||
	    put_madt(&p, s, &table[n++], e) == -1)
		return -1;
	if (s->pci && put_mcfg(&p, &table[n++], e) == -1)
		return -1;
	memcpy(x.table, table, n * sizeof(table[0]));
	x.header.len += n * (uint32_t)sizeof(table[0]);
	if (put_table(&root, &x, &xsdt, e) == -1 ||
	    put_rsdp(&rsdp, s, e) == -1)
		return -1;
	acpi_new_genid(s->memory, s->addr);
	return 0;
}

void
acpi_new_genid(struct memory *memory, uint64_t addr)
{
	void *at = memory_at(memory, addr + ACPI_GENID, ACPI_GENID_LEN);

	if (at != NULL)
		os_random(at, ACPI_GENID_LEN);
}

void
acpi_notify(struct board *board, enum acpi_gsi gsi)
{
	board_irq(board, gsi, 1);
	board_irq(board, gsi, 0);
}
