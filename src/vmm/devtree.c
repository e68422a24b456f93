/* SPDX-License-Identifier: ISC */
/*
 * devtree.c - the arm64 board as a device tree describes it; see devtree.h
 *
 * libfdt keeps the first error and returns it from every call after: it is
 * looked at once, at the end.
 */

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "os/os.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/dev/pl061.h"
#include "vmm/map_arm64.h"
#include "vmm/memory.h"
#include "vmm/devtree.h"

/* What nodes are called where others mean them. */
enum { GIC = 1, MESSAGES, CLOCK, GPIO };

/* An interrupt: which kind, its number there, how it is told. */
#define SHARED		0
#define PRIVATE		1
#define LEVEL_HIGH	4

#define CLOCK_HZ	24000000	/* of the UART; nothing depends on it */
#define KEY_POWER	116		/* Linux, input-event-codes.h */
#define CELLS_MAX	80

struct tree {
	void	*fdt;
	int	 error;			/* the first; 0: none */
};

/* --- properties ---------------------------------------------------------- */

static void
keep(struct tree *t, int r)
{
	if (t->error == 0)
		t->error = r;
}

static void
begin(struct tree *t, const char *name, uint64_t addr)
{
	char s[64];

	if (addr == 0)
		(void)snprintf(s, sizeof(s), "%s", name);
	else
		(void)snprintf(s, sizeof(s), "%s@%llx", name,
		    (unsigned long long)addr);
	keep(t, fdt_begin_node(t->fdt, s));
}

static void
end(struct tree *t)
{
	keep(t, fdt_end_node(t->fdt));
}

static void
text(struct tree *t, const char *name, const char *value)
{
	keep(t, fdt_property(t->fdt, name, value, (int)strlen(value) + 1));
}

/* Strings one behind the other; len: bytes, with all NULs. */
static void
texts(struct tree *t, const char *name, const char *value, size_t len)
{
	keep(t, fdt_property(t->fdt, name, value, (int)len));
}
#define TEXTS(t, name, value)	texts((t), (name), (value), sizeof(value))

static void
flag(struct tree *t, const char *name)
{
	keep(t, fdt_property(t->fdt, name, NULL, 0));
}

static void
cells(struct tree *t, const char *name, const uint32_t *value, unsigned n)
{
	fdt32_t be[CELLS_MAX];

	for (unsigned i = 0; i < n; i++)
		be[i] = cpu_to_fdt32(value[i]);
	keep(t, fdt_property(t->fdt, name, be, (int)(n * sizeof(be[0]))));
}
#define CELLS(t, name, ...)						\
	cells((t), (name), (const uint32_t[]){ __VA_ARGS__ },		\
	    COUNT(((const uint32_t[]){ __VA_ARGS__ })))

/* An address or a length is two cells. */
#define WIDE(x)		(uint32_t)((uint64_t)(x) >> 32), (uint32_t)(x)

/* --- nodes --------------------------------------------------------------- */

static void
chosen(struct tree *t, const struct devtree_setup *s)
{
	uint8_t seed[32];

	begin(t, "chosen", 0);
	if (s->flash == 0)	/* else it is what is booted that has one */
		text(t, "bootargs", s->cmdline);
	if (s->initrd != s->initrd_end) {
		CELLS(t, "linux,initrd-start", WIDE(s->initrd));
		CELLS(t, "linux,initrd-end", WIDE(s->initrd_end));
	}
	if (s->serial)
		text(t, "stdout-path", "/pl011@9000000");
	os_random(seed, sizeof(seed));
	keep(t, fdt_property(t->fdt, "rng-seed", seed, sizeof(seed)));
	os_random(seed, sizeof(seed));
	keep(t, fdt_property(t->fdt, "kaslr-seed", seed, 8));
	end(t);
}

/* How KVM numbers them: 16 a cluster. */
static void
cpus(struct tree *t, unsigned n)
{
	char name[16];
	uint32_t id;

	begin(t, "cpus", 0);
	CELLS(t, "#address-cells", 1);
	CELLS(t, "#size-cells", 0);
	for (unsigned i = 0; i < n; i++) {
		id = (i & 0xf) | i >> 4 << 8;
		(void)snprintf(name, sizeof(name), "cpu@%x", id);
		begin(t, name, 0);
		text(t, "device_type", "cpu");
		text(t, "compatible", "arm,armv8");
		text(t, "enable-method", "psci");
		CELLS(t, "reg", id);
		end(t);
	}
	end(t);
}

static void
firmware(struct tree *t)
{
	begin(t, "psci", 0);
	TEXTS(t, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	text(t, "method", "hvc");
	end(t);
	begin(t, "timer", 0);
	text(t, "compatible", "arm,armv8-timer");
	/* secure, not secure, virtual, of hypervisors */
	CELLS(t, "interrupts", PRIVATE, 13, LEVEL_HIGH, PRIVATE, 14,
	    LEVEL_HIGH, PRIVATE, 11, LEVEL_HIGH, PRIVATE, 10, LEVEL_HIGH);
	flag(t, "always-on");
	end(t);
}

/* What takes messages. */
static void
its(struct tree *t)
{
	begin(t, "its", ARM64_ITS);
	text(t, "compatible", "arm,gic-v3-its");
	flag(t, "msi-controller");
	CELLS(t, "#msi-cells", 1);
	CELLS(t, "reg", WIDE(ARM64_ITS), WIDE(ARM64_ITS_LEN));
	CELLS(t, "phandle", MESSAGES);
	end(t);
}

static void
frame(struct tree *t)
{
	begin(t, "v2m", ARM64_FRAME);
	text(t, "compatible", "arm,gic-v2m-frame");
	flag(t, "msi-controller");
	CELLS(t, "reg", WIDE(ARM64_FRAME), WIDE(ARM64_FRAME_LEN));
	CELLS(t, "arm,msi-base-spi", ARM64_MSI_FIRST);
	CELLS(t, "arm,msi-num-spis", ARM64_MSI_COUNT);
	CELLS(t, "phandle", MESSAGES);
	end(t);
}

static void
interrupts(struct tree *t, const struct devtree_setup *s)
{
	uint64_t redistributors = s->frame ? ARM64_GICR_FRAME : ARM64_GICR;

	begin(t, "intc", ARM64_GICD);
	text(t, "compatible", "arm,gic-v3");
	flag(t, "interrupt-controller");
	CELLS(t, "#interrupt-cells", 3);
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	flag(t, "ranges");
	CELLS(t, "reg", WIDE(ARM64_GICD), WIDE(ARM64_GICD_LEN),
	    WIDE(redistributors), WIDE(s->cpus * ARM64_GICR_LEN));
	CELLS(t, "phandle", GIC);
	if (s->frame)
		frame(t);
	else
		its(t);
	end(t);
}

/* What every device of ARM's own has: windows, interrupt, clock. */
static void
primecell(struct tree *t, uint64_t addr, unsigned gsi)
{
	CELLS(t, "reg", WIDE(addr), WIDE(ARM64_DEVICE_LEN));
	CELLS(t, "interrupts", SHARED, gsi, LEVEL_HIGH);
}

static void
devices(struct tree *t, bool serial)
{
	begin(t, "apb-pclk", 0);
	text(t, "compatible", "fixed-clock");
	CELLS(t, "#clock-cells", 0);
	CELLS(t, "clock-frequency", CLOCK_HZ);
	text(t, "clock-output-names", "clk24mhz");
	CELLS(t, "phandle", CLOCK);
	end(t);
	if (serial) {
		begin(t, "pl011", ARM64_UART);
		TEXTS(t, "compatible", "arm,pl011\0arm,primecell");
		primecell(t, ARM64_UART, ARM64_GSI_UART);
		CELLS(t, "clocks", CLOCK, CLOCK);
		TEXTS(t, "clock-names", "uartclk\0apb_pclk");
		end(t);
	}
	begin(t, "pl031", ARM64_RTC);
	TEXTS(t, "compatible", "arm,pl031\0arm,primecell");
	primecell(t, ARM64_RTC, ARM64_GSI_RTC);
	CELLS(t, "clocks", CLOCK);
	text(t, "clock-names", "apb_pclk");
	end(t);
}

/*
 * What firmware has for itself: it finds its variables in the flash that it
 * is not in, and hides it from who comes after.
 */
static void
for_firmware(struct tree *t, const struct devtree_setup *s)
{
	begin(t, "flash", ARM64_VARIABLES);
	text(t, "compatible", "cfi-flash");
	CELLS(t, "bank-width", 4);
	CELLS(t, "reg", WIDE(ARM64_VARIABLES), WIDE(s->flash));
	end(t);
	begin(t, "fw-cfg", ARM64_FW_CFG);
	text(t, "compatible", "qemu,fw-cfg-mmio");
	CELLS(t, "reg", WIDE(ARM64_FW_CFG), WIDE(FW_CFG_MMIO_LEN));
	flag(t, "dma-coherent");
	end(t);
}

static void
button(struct tree *t)
{
	begin(t, "pl061", ARM64_GPIO);
	TEXTS(t, "compatible", "arm,pl061\0arm,primecell");
	primecell(t, ARM64_GPIO, ARM64_GSI_GPIO);
	CELLS(t, "clocks", CLOCK);
	text(t, "clock-names", "apb_pclk");
	flag(t, "gpio-controller");
	CELLS(t, "#gpio-cells", 2);
	CELLS(t, "phandle", GPIO);
	end(t);
	begin(t, "gpio-keys", 0);
	text(t, "compatible", "gpio-keys");
	begin(t, "poweroff", 0);
	text(t, "label", "power button");
	CELLS(t, "linux,code", KEY_POWER);
	CELLS(t, "gpios", GPIO, PL061_BUTTON, 0);
	end(t);
	end(t);
}

/* Slot n's INTA is line n modulo 4: what pci_intx_gsi() says. */
static void
pci(struct tree *t, const struct devtree_setup *s)
{
	uint32_t lines[4][10];

	for (uint32_t i = 0; i < 4; i++)
		memcpy(lines[i], (const uint32_t[]){ i << 11, 0, 0, 1, GIC, 0,
		    0, SHARED, ARM64_GSI_PCI + i, LEVEL_HIGH },
		    sizeof(lines[i]));
	begin(t, "pcie", ARM64_PCI);
	text(t, "compatible", "pci-host-ecam-generic");
	text(t, "device_type", "pci");
	CELLS(t, "#address-cells", 3);
	CELLS(t, "#size-cells", 2);
	CELLS(t, "#interrupt-cells", 1);
	CELLS(t, "bus-range", 0, 0);
	CELLS(t, "linux,pci-domain", 0);
	CELLS(t, "reg", WIDE(ARM64_ECAM), WIDE(MEMORY_ECAM_LEN));
	/*
	 * 32-bit memory, at the same address on both sides; ports, which no
	 * device has, but without which EDK II takes the bus for broken.
	 */
	CELLS(t, "ranges", 0x02000000, WIDE(ARM64_PCI), WIDE(ARM64_PCI),
	    WIDE(ARM64_PCI_END - ARM64_PCI),
	    0x01000000, WIDE(0), WIDE(ARM64_PCI_IO), WIDE(ARM64_PCI_IO_LEN));
	CELLS(t, "interrupt-map-mask", 0x1800, 0, 0, 7);
	cells(t, "interrupt-map", lines[0], sizeof(lines) / sizeof(uint32_t));
	/* A frame has no names for those who send. */
	if (s->frame)
		CELLS(t, "msi-parent", MESSAGES);
	else
		CELLS(t, "msi-map", 0, MESSAGES, 0, 0x10000);
	flag(t, "dma-coherent");
	end(t);
}

static void
root(struct tree *t, const struct devtree_setup *s)
{
	begin(t, "", 0);
	text(t, "compatible", "linux,dummy-virt");
	text(t, "model", "portable vmd");
	CELLS(t, "#address-cells", 2);
	CELLS(t, "#size-cells", 2);
	CELLS(t, "interrupt-parent", GIC);
	chosen(t, s);
	begin(t, "memory", ARM64_RAM);
	text(t, "device_type", "memory");
	CELLS(t, "reg", WIDE(ARM64_RAM), WIDE(s->memory));
	end(t);
	cpus(t, s->cpus);
	firmware(t);
	interrupts(t, s);
	devices(t, s->serial);
	button(t);
	if (s->flash != 0)
		for_firmware(t, s);
	if (s->pci)
		pci(t, s);
	end(t);
}

int
devtree_write(void *to, size_t room, const struct devtree_setup *s,
    struct err *e)
{
	struct tree t = { .fdt = to };

	if (strlen(s->cmdline) >= DEVTREE_CMDLINE_MAX)
		return err_set(e, E2BIG, "command line: %zu bytes, the kernel "
		    "takes %d", strlen(s->cmdline), DEVTREE_CMDLINE_MAX - 1);
	keep(&t, fdt_create(to, (int)room));
	keep(&t, fdt_finish_reservemap(to));
	root(&t, s);
	keep(&t, fdt_finish(to));
	if (t.error != 0)
		return err_set(e, ENOSPC, "device tree: %s",
		    fdt_strerror(t.error));
	return 0;
}
