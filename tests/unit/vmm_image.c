/* SPDX-License-Identifier: ISC */
/* vmm_image.c - arm64 kernels in memory, and the board's device tree */

#include "unit.h"

#include <sys/mman.h>

#include <libfdt.h>
#include <unistd.h>

#include "lib/util.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/dev/pflash.h"
#include "vmm/devtree.h"
#include "vmm/efi.h"
#include "vmm/image.h"
#include "vmm/map.h"
#include "vmm/map_arm64.h"
#include "vmm/memory.h"
#include "vmm/stolen.h"

#define MIB	(1ULL << 20)

struct header {
	uint32_t	code[2];
	uint64_t	text_offset, image_size, flags, reserved[3];
	uint32_t	magic, pe;
};

/* A file of a header and some bytes. */
static int
kernel(const struct header *h, size_t len)
{
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, h, sizeof(*h)), sizeof(*h));
	if (len > sizeof(*h))
		assert_int_equal(pwrite(fd, "end", 3, (off_t)len - 3), 3);
	return fd;
}

static struct memory *
memory(uint64_t bytes)
{
	struct memory_setup s = { .bytes = bytes, .file = -1 };
	struct memory *m;

	assert_int_equal(memory_new(&m, &s, NULL), 0);
	return m;
}

static void
loads(void **state)
{
	struct header h = { .text_offset = 0x1000, .image_size = 4 * MIB,
	    .magic = 0x644d5241 };
	struct image i = { memory(64 * MIB), kernel(&h, MIB), -1 };
	struct image_at at;
	uint8_t *entry;

	(void)state;
	assert_int_equal(image_load(&at, &i, NULL), 0);
	assert_int_equal(at.tree, map.low);
	assert_int_equal(at.entry, map.low + 2 * MIB + 0x1000);
	assert_int_equal(at.initrd, at.initrd_end);
	entry = memory_at(i.memory, at.entry, MIB);
	assert_memory_equal(entry, &h, sizeof(h));
	assert_memory_equal(entry + MIB - 3, "end", 3);
	i.initrd = i.kernel;
	assert_int_equal(image_load(&at, &i, NULL), 0);
	assert_int_equal(at.initrd_end - at.initrd, MIB);
	assert_int_equal(at.initrd_end, map.low + 64 * MIB);
	assert_memory_equal(memory_at(i.memory, at.initrd, MIB), &h,
	    sizeof(h));
	(void)close(i.kernel);
	memory_destroy(i.memory);
}

/* An old kernel says neither how large it is nor where it wants to be. */
static void
old(void **state)
{
	struct header h = { .text_offset = 1, .magic = 0x644d5241 };
	struct image i = { memory(8 * MIB), kernel(&h, MIB), -1 };
	struct image_at at;

	(void)state;
	assert_int_equal(image_load(&at, &i, NULL), 0);
	assert_int_equal(at.entry, map.low + 2 * MIB + 0x80000);
	(void)close(i.kernel);
	memory_destroy(i.memory);
}

static void
refuse(const struct header *h, size_t len, int initrd, const char *why)
{
	struct image i = { memory(8 * MIB), kernel(h, len), initrd };
	struct image_at at;
	struct err e;

	assert_int_equal(image_load(&at, &i, &e), -1);
	assert_non_null(strstr(e.text, why));
	(void)close(i.kernel);
	memory_destroy(i.memory);
}

static void
refused(void **state)
{
	const struct header good = { .image_size = MIB, .magic = 0x644d5241 };
	struct header h = good;
	int large = memfd_create("initrd", MFD_CLOEXEC);

	(void)state;
	h.magic++;
	refuse(&h, MIB, -1, "format");
	h = good;
	h.flags = 1;
	refuse(&h, MIB, -1, "big-endian");
	h = good;
	h.text_offset = 2 * MIB;
	refuse(&h, MIB, -1, "text_offset");
	h = good;
	h.image_size = UINT64_MAX;
	refuse(&h, MIB, -1, "MiB");
	h.image_size = 7 * MIB;
	refuse(&h, MIB, -1, "fit");
	refuse(&good, 9 * MIB, -1, "MiB");
	assert_int_equal(ftruncate(large, 6 * MIB), 0);
	refuse(&good, MIB, large, "initramfs");
	(void)close(large);
}

/* --- device tree --------------------------------------------------------- */

static uint64_t
wide(const void *fdt, const char *path, const char *name, unsigned n)
{
	int len, at = fdt_path_offset(fdt, path);
	const fdt32_t *v = fdt_getprop(fdt, at, name, &len);

	assert_non_null(v);
	assert_true((int)(n * 8 + 8) <= len);
	return (uint64_t)fdt32_to_cpu(v[n * 2]) << 32 |
	    fdt32_to_cpu(v[n * 2 + 1]);
}

static void
described(void **state)
{
	struct devtree_setup s = { .memory = 512 * MIB, .cpus = 18,
	    .pci = true, .serial = true, .cmdline = "quiet",
	    .initrd = 0x48000000, .initrd_end = 0x48001000 };
	static uint8_t fdt[IMAGE_TREE_MAX], again[IMAGE_TREE_MAX];
	int chosen, len;

	(void)state;
	assert_int_equal(devtree_write(fdt, sizeof(fdt), &s, NULL), 0);
	assert_int_equal(fdt_check_full(fdt, sizeof(fdt)), 0);
	assert_int_equal(wide(fdt, "/memory@40000000", "reg", 0), ARM64_RAM);
	assert_int_equal(wide(fdt, "/memory@40000000", "reg", 1), 512 * MIB);
	assert_int_equal(wide(fdt, "/chosen", "linux,initrd-end", 0),
	    0x48001000);
	chosen = fdt_path_offset(fdt, "/chosen");
	assert_string_equal(fdt_getprop(fdt, chosen, "bootargs", NULL),
	    "quiet");
	/* The second cluster's second. */
	assert_true(fdt_path_offset(fdt, "/cpus/cpu@101") > 0);
	assert_true(fdt_path_offset(fdt, "/cpus/cpu@102") < 0);
	assert_int_equal(wide(fdt, "/intc@8000000", "reg", 3),
	    18 * ARM64_GICR_LEN);
	assert_int_equal(wide(fdt, "/pcie@10000000", "reg", 0), ARM64_ECAM);
	assert_true(fdt_path_offset(fdt, fdt_getprop(fdt, chosen,
	    "stdout-path", NULL)) > 0);
	/* No two boots begin with the same chance. */
	assert_int_equal(devtree_write(again, sizeof(again), &s, NULL), 0);
	assert_memory_not_equal(fdt_getprop(fdt, chosen, "rng-seed", &len),
	    fdt_getprop(again, chosen, "rng-seed", &len), 32);
}

/* Where there is no ITS: Linux, arm,gic-v2m-frame in arm,gic.yaml. */
static void
frame(void **state)
{
	struct devtree_setup s = { .memory = 512 * MIB, .cpus = 2,
	    .pci = true, .frame = true, .cmdline = "" };
	const char *node = "/intc@8000000/v2m@8020000";
	static uint8_t fdt[IMAGE_TREE_MAX];
	const fdt32_t *v;
	int at;

	(void)state;
	assert_int_equal(devtree_write(fdt, sizeof(fdt), &s, NULL), 0);
	assert_int_equal(fdt_check_full(fdt, sizeof(fdt)), 0);
	assert_int_equal(wide(fdt, node, "reg", 0), ARM64_FRAME);
	assert_int_equal(wide(fdt, "/intc@8000000", "reg", 2),
	    ARM64_GICR_FRAME);
	assert_true(fdt_path_offset(fdt, "/intc@8000000/its@8080000") < 0);
	at = fdt_path_offset(fdt, node);
	v = fdt_getprop(fdt, at, "arm,msi-base-spi", NULL);
	assert_int_equal(fdt32_to_cpu(*v), ARM64_MSI_FIRST);
	v = fdt_getprop(fdt, fdt_path_offset(fdt, "/pcie@10000000"),
	    "msi-parent", NULL);
	assert_int_equal(fdt32_to_cpu(*v), fdt_get_phandle(fdt, at));
}

/* What EDK II looks for, and what only who is booted directly has. */
static void
firmware(void **state)
{
	struct devtree_setup s = { .memory = 512 * MIB, .cpus = 1,
	    .pci = true, .serial = true, .cmdline = "", .flash = 768 << 10 };
	static uint8_t fdt[IMAGE_TREE_MAX];
	const char *pci = "/pcie@10000000";
	const fdt32_t *v;

	(void)state;
	assert_int_equal(devtree_write(fdt, sizeof(fdt), &s, NULL), 0);
	assert_int_equal(fdt_check_full(fdt, sizeof(fdt)), 0);
	assert_int_equal(wide(fdt, "/flash@4000000", "reg", 0),
	    ARM64_VARIABLES);
	assert_int_equal(wide(fdt, "/flash@4000000", "reg", 1), 768 << 10);
	assert_int_equal(wide(fdt, "/fw-cfg@9020000", "reg", 0),
	    ARM64_FW_CFG);
	assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"),
	    "bootargs", NULL));
	/* Memory and ports: kind, there, here, length. */
	v = fdt_getprop(fdt, fdt_path_offset(fdt, pci), "ranges", NULL);
	assert_int_equal(fdt32_to_cpu(v[0]), 0x02000000);
	assert_int_equal(fdt32_to_cpu(v[7]), 0x01000000);
	assert_int_equal(fdt32_to_cpu(v[11]), ARM64_PCI_IO);
	s.flash = 0;
	assert_int_equal(devtree_write(fdt, sizeof(fdt), &s, NULL), 0);
	assert_true(fdt_path_offset(fdt, "/flash@4000000") < 0);
	assert_true(fdt_path_offset(fdt, "/fw-cfg@9020000") < 0);
}

static void
tree_refused(void **state)
{
	static char line[DEVTREE_CMDLINE_MAX + 1];
	struct devtree_setup s = { .memory = 64 * MIB, .cpus = 1,
	    .cmdline = line };
	uint8_t fdt[512];
	struct err e;

	(void)state;
	assert_int_equal(devtree_write(fdt, sizeof(fdt), &s, &e), -1);
	assert_non_null(strstr(e.text, "device tree"));
	memset(line, 'a', DEVTREE_CMDLINE_MAX);
	assert_int_equal(devtree_write(fdt, sizeof(fdt), &s, &e), -1);
	assert_non_null(strstr(e.text, "command line"));
}

/* Nothing lies in the way of anything else: pairs of address and length. */
static void
apart(void **state)
{
	static const uint64_t at[][2] = {
		{ ARM64_CODE, EFI_CODE_MAX }, { ARM64_VARIABLES, PFLASH_MAX },
		{ ARM64_GICD, ARM64_GICD_LEN },
		{ ARM64_FRAME, ARM64_FRAME_LEN },
		{ ARM64_ITS, ARM64_ITS_LEN },
		{ ARM64_GICR, 64 * ARM64_GICR_LEN },
		{ ARM64_UART, ARM64_DEVICE_LEN },
		{ ARM64_RTC, ARM64_DEVICE_LEN },
		{ ARM64_FW_CFG, FW_CFG_MMIO_LEN },
		{ ARM64_GPIO, ARM64_DEVICE_LEN },
		{ ARM64_STOLEN, STOLEN_LEN },
		{ ARM64_GICR_FRAME, 32 * MIB },
		{ ARM64_PCI, ARM64_PCI_END - ARM64_PCI },
		{ ARM64_PCI_IO, ARM64_PCI_IO_LEN },
		{ ARM64_ECAM, MEMORY_ECAM_LEN }, { ARM64_RAM, ARM64_RAM_MAX },
	};

	(void)state;
	for (unsigned i = 1; i < COUNT(at); i++)
		assert_true(at[i - 1][0] + at[i - 1][1] <= at[i][0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads),
		cmocka_unit_test(old),
		cmocka_unit_test(refused),
		cmocka_unit_test(described),
		cmocka_unit_test(frame),
		cmocka_unit_test(firmware),
		cmocka_unit_test(tree_refused),
		cmocka_unit_test(apart),
	};

	return unit_run("vmm_image", tests);
}
