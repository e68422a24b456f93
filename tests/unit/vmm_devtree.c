/* SPDX-License-Identifier: ISC */
/*
 * vmm_devtree.c - OpenBSD/arm64 takes the board: each of its drivers finds its
 * node, and there what it reads
 *
 * A row is a property that a driver of OpenBSD's reads when it attaches, or
 * without which it does not; the binding is what says how it is written.  Of
 * virtio's drivers nothing is here: they are PCI's.
 *
 * Source: OpenBSD, sys/dev/fdt, sys/arch/arm64/dev, sys/dev/ofw; Linux,
 * Documentation/devicetree/bindings; dt-schema, dtschema/schemas.
 */

#include "unit.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/devtree.h"
#include "vmm/image.h"

static const struct row {
	const char	*driver;	/* or who else reads it */
	const char	*node;
	const char	*property;
	/* Cells in hexadecimal, strings in quotes, "" without a value. */
	const char	*value;
	const char	*binding;
} both[] = {
	{ "mainbus", "/", "#address-cells", "2", "DTSpec 2.3.5" },
	{ "mainbus", "/", "#size-cells", "2", "DTSpec 2.3.5" },
	{ "mainbus", "/", "model", "'portable vmd'", "DTSpec 2.3.2" },
	{ "mainbus", "/", "interrupt-parent", "1", "DTSpec 2.4.1" },
	{ "initarm", "/memory@40000000", "device_type", "'memory'",
	    "DTSpec 3.4" },
	{ "initarm", "/memory@40000000", "reg", "0 40000000 0 20000000",
	    "DTSpec 3.4" },
	{ "cpu", "/cpus", "#address-cells", "1", "arm/cpus.yaml" },
	{ "cpu", "/cpus", "#size-cells", "0", "arm/cpus.yaml" },
	{ "cpu", "/cpus/cpu@0", "device_type", "'cpu'", "arm/cpus.yaml" },
	{ "cpu", "/cpus/cpu@0", "reg", "0", "arm/cpus.yaml" },
	{ "cpu", "/cpus/cpu@1", "device_type", "'cpu'", "arm/cpus.yaml" },
	{ "cpu", "/cpus/cpu@1", "reg", "1", "arm/cpus.yaml" },
	{ "cpu", "/cpus/cpu@1", "enable-method", "'psci'", "arm/cpus.yaml" },
	{ "psci", "/psci", "compatible", "'arm,psci-1.0' 'arm,psci-0.2'",
	    "arm/psci.yaml" },
	{ "psci", "/psci", "method", "'hvc'", "arm/psci.yaml" },
	{ "agtimer", "/timer", "compatible", "'arm,armv8-timer'",
	    "timer/arm,arch_timer.yaml" },
	/* The third is the one it takes: the virtual timer's, 16 + 11. */
	{ "agtimer", "/timer", "interrupts",
	    "1 d 4 1 e 4 1 b 4 1 a 4", "timer/arm,arch_timer.yaml" },
	{ "agintc", "/intc@8000000", "compatible", "'arm,gic-v3'",
	    "interrupt-controller/arm,gic-v3.yaml" },
	{ "agintc", "/intc@8000000", "interrupt-controller", "",
	    "interrupt-controller/arm,gic-v3.yaml" },
	{ "ofw_intr", "/intc@8000000", "#interrupt-cells", "3",
	    "interrupt-controller/arm,gic-v3.yaml" },
	{ "ofw_intr", "/intc@8000000", "phandle", "1", "DTSpec 2.3.3" },
	/* It attaches what is below it as a bus does. */
	{ "simplebus", "/intc@8000000", "#address-cells", "2",
	    "interrupt-controller/arm,gic-v3.yaml" },
	{ "simplebus", "/intc@8000000", "#size-cells", "2",
	    "interrupt-controller/arm,gic-v3.yaml" },
	{ "simplebus", "/intc@8000000", "ranges", "",
	    "interrupt-controller/arm,gic-v3.yaml" },
	{ "pluart", "/pl011@9000000", "compatible",
	    "'arm,pl011' 'arm,primecell'", "serial/pl011.yaml" },
	{ "pluart", "/pl011@9000000", "reg", "0 9000000 0 1000",
	    "serial/pl011.yaml" },
	{ "pluart", "/pl011@9000000", "interrupts", "0 1 4",
	    "serial/pl011.yaml" },
	{ "ofw_clock", "/pl011@9000000", "clocks", "3 3",
	    "serial/pl011.yaml" },
	{ "ofw_clock", "/pl011@9000000", "clock-names",
	    "'uartclk' 'apb_pclk'", "serial/pl011.yaml" },
	{ "ofw_clock", "/apb-pclk", "compatible", "'fixed-clock'",
	    "clock/fixed-clock.yaml" },
	{ "ofw_clock", "/apb-pclk", "#clock-cells", "0",
	    "clock/fixed-clock.yaml" },
	{ "ofw_clock", "/apb-pclk", "clock-frequency", "16e3600",
	    "clock/fixed-clock.yaml" },
	{ "ofw_clock", "/apb-pclk", "phandle", "3", "DTSpec 2.3.3" },
	{ "pluart_init_cons", "/chosen", "stdout-path", "'/pl011@9000000'",
	    "chosen.yaml" },
	{ "plrtc", "/pl031@9010000", "compatible",
	    "'arm,pl031' 'arm,primecell'", "rtc/arm,pl031.yaml" },
	{ "plrtc", "/pl031@9010000", "reg", "0 9010000 0 1000",
	    "rtc/arm,pl031.yaml" },
	{ "plgpio", "/pl061@9030000", "compatible",
	    "'arm,pl061' 'arm,primecell'", "gpio/pl061-gpio.yaml" },
	{ "plgpio", "/pl061@9030000", "reg", "0 9030000 0 1000",
	    "gpio/pl061-gpio.yaml" },
	{ "ofw_gpio", "/pl061@9030000", "gpio-controller", "",
	    "gpio/pl061-gpio.yaml" },
	{ "ofw_gpio", "/pl061@9030000", "#gpio-cells", "2",
	    "gpio/pl061-gpio.yaml" },
	{ "ofw_gpio", "/pl061@9030000", "phandle", "4", "DTSpec 2.3.3" },
	{ "gpiokeys", "/gpio-keys", "compatible", "'gpio-keys'",
	    "input/gpio-keys.yaml" },
	{ "gpiokeys", "/gpio-keys/poweroff", "linux,code", "74",
	    "input/gpio-keys.yaml" },
	{ "gpiokeys", "/gpio-keys/poweroff", "gpios", "4 3 0",
	    "input/gpio-keys.yaml" },
	{ "gpiokeys", "/gpio-keys/poweroff", "label", "'power button'",
	    "input/gpio-keys.yaml" },
	{ "pciecam", "/pcie@10000000", "compatible",
	    "'pci-host-ecam-generic'", "pci/host-generic-pci.yaml" },
	{ "pciecam", "/pcie@10000000", "device_type", "'pci'",
	    "pci-bus-common.yaml" },
	{ "pciecam", "/pcie@10000000", "#address-cells", "3",
	    "pci-bus-common.yaml" },
	{ "pciecam", "/pcie@10000000", "#size-cells", "2",
	    "pci-bus-common.yaml" },
	{ "pciecam", "/pcie@10000000", "#interrupt-cells", "1",
	    "pci-bus-common.yaml" },
	{ "pciecam", "/pcie@10000000", "reg", "0 3f000000 0 100000",
	    "pci/host-generic-pci.yaml" },
	{ "pciecam", "/pcie@10000000", "bus-range", "0 0",
	    "pci-bus-common.yaml" },
	/* Without these it panics. */
	{ "pciecam", "/pcie@10000000", "ranges",
	    "2000000 0 10000000 0 10000000 0 2eff0000 "
	    "1000000 0 0 0 3eff0000 0 10000", "pci/host-generic-pci.yaml" },
	{ "ofw_intr", "/pcie@10000000", "interrupt-map-mask",
	    "1800 0 0 7", "pci-bus-common.yaml" },
	/* Two cells for the address of agintc's, which has #address-cells. */
	{ "ofw_intr", "/pcie@10000000", "interrupt-map",
	    "0 0 0 1 1 0 0 0 4 4 800 0 0 1 1 0 0 0 5 4 "
	    "1000 0 0 1 1 0 0 0 6 4 1800 0 0 1 1 0 0 0 7 4",
	    "pci-bus-common.yaml" },
	/* Else what devices read and write is not what caches have. */
	{ "mainbus", "/pcie@10000000", "dma-coherent", "",
	    "DTSpec 2.3.10" },
}, with_its[] = {
	{ "agintc", "/intc@8000000", "reg",
	    "0 8000000 0 10000 0 80a0000 0 40000",
	    "interrupt-controller/arm,gic-v3.yaml" },
	{ "agintcmsi", "/intc@8000000/its@8080000", "compatible",
	    "'arm,gic-v3-its'", "interrupt-controller/arm,gic-v3.yaml" },
	{ "agintcmsi", "/intc@8000000/its@8080000", "reg",
	    "0 8080000 0 20000", "interrupt-controller/arm,gic-v3.yaml" },
	{ "ofw_misc", "/intc@8000000/its@8080000", "msi-controller", "",
	    "interrupt-controller/msi-controller.yaml" },
	{ "ofw_misc", "/intc@8000000/its@8080000", "#msi-cells", "1",
	    "interrupt-controller/msi-controller.yaml" },
	{ "ofw_intr", "/intc@8000000/its@8080000", "phandle", "2",
	    "DTSpec 2.3.3" },
	{ "pciecam", "/pcie@10000000", "msi-map", "0 2 0 10000",
	    "pci/pci-msi.txt" },
}, with_frame[] = {
	{ "agintc", "/intc@8000000", "reg",
	    "0 8000000 0 10000 0 c000000 0 40000",
	    "interrupt-controller/arm,gic-v3.yaml" },
	{ "ampintcmsi", "/intc@8000000/v2m@8020000", "compatible",
	    "'arm,gic-v2m-frame'", "interrupt-controller/arm,gic.yaml" },
	{ "ampintcmsi", "/intc@8000000/v2m@8020000", "reg",
	    "0 8020000 0 10000", "interrupt-controller/arm,gic.yaml" },
	{ "ampintcmsi", "/intc@8000000/v2m@8020000", "arm,msi-base-spi",
	    "40", "interrupt-controller/arm,gic.yaml" },
	{ "ampintcmsi", "/intc@8000000/v2m@8020000", "arm,msi-num-spis",
	    "1c0", "interrupt-controller/arm,gic.yaml" },
	{ "ofw_misc", "/intc@8000000/v2m@8020000", "msi-controller", "",
	    "interrupt-controller/arm,gic.yaml" },
	{ "ofw_intr", "/intc@8000000/v2m@8020000", "phandle", "2",
	    "DTSpec 2.3.3" },
	{ "pciecam", "/pcie@10000000", "msi-parent", "2",
	    "pci/pci-msi.txt" },
};

static uint8_t fdt[IMAGE_TREE_MAX];

/* A property as a row writes it; strings where the row has one. */
static void
show(char *text, size_t size, const char *value, int len, bool strings)
{
	const fdt32_t *cell = (const void *)value;
	size_t at = 0;

	text[0] = '\0';
	if (strings)
		for (int i = 0; i < len; i += (int)strlen(value + i) + 1)
			at += (size_t)snprintf(text + at, size - at, "%s'%s'",
			    i == 0 ? "" : " ", value + i);
	else
		for (int i = 0; i < len / 4; i++)
			at += (size_t)snprintf(text + at, size - at, "%s%x",
			    i == 0 ? "" : " ", fdt32_to_cpu(cell[i]));
	assert_true(at < size);
}

static void
check(const struct row *r, size_t n)
{
	const char *value;
	char text[512];
	int len = 0;

	for (; n > 0; n--, r++) {
		value = fdt_getprop(fdt, fdt_path_offset(fdt, r->node),
		    r->property, &len);
		if (value == NULL)
			fail_msg("%s: %s has no %s (%s)", r->driver, r->node,
			    r->property, r->binding);
		show(text, sizeof(text), value, len, r->value[0] == '\'');
		if (strcmp(text, r->value) != 0)
			fail_msg("%s: %s: %s is %s, not %s (%s)", r->driver,
			    r->node, r->property, text, r->value, r->binding);
	}
}

static void
make(bool frame)
{
	const struct devtree_setup s = { .memory = 512 << 20, .cpus = 2,
	    .frame = frame, .pci = true, .serial = true, .cmdline = "" };

	assert_int_equal(devtree_write(fdt, sizeof(fdt), &s, NULL), 0);
}

static void
openbsd_its(void **state)
{
	(void)state;
	make(false);
	check(both, COUNT(both));
	check(with_its, COUNT(with_its));
}

static void
openbsd_frame(void **state)
{
	(void)state;
	make(true);
	check(both, COUNT(both));
	check(with_frame, COUNT(with_frame));
}

static bool
is_told(const struct row *r, size_t n, const char *node)
{
	for (; n > 0; n--, r++)
		if (strcmp(r->node, node) == 0 &&
		    strcmp(r->property, "compatible") == 0)
			return true;
	return false;
}

/* There is nothing that has no driver. */
static void
all_told(void **state)
{
	char path[100];

	(void)state;
	make(false);
	for (int n = fdt_next_node(fdt, 0, NULL); n >= 0;
	    n = fdt_next_node(fdt, n, NULL)) {
		/* Processors and keys are told by other properties. */
		assert_int_equal(fdt_get_path(fdt, n, path, sizeof(path)), 0);
		if (fdt_getprop(fdt, n, "compatible", NULL) != NULL &&
		    strncmp(path, "/cpus/", 6) != 0 &&
		    !is_told(both, COUNT(both), path) &&
		    !is_told(with_its, COUNT(with_its), path))
			fail_msg("%s: no driver", path);
	}
}

/* DTSpec 2.2.1: where a node is is in its name. */
static void
names(void **state)
{
	const char *name, *at;
	char unit[20];
	int len;

	(void)state;
	for (int frame = 0; frame < 2; frame++) {
		make(frame == 1);
		for (int n = fdt_next_node(fdt, 0, NULL); n >= 0;
		    n = fdt_next_node(fdt, n, NULL)) {
			const fdt32_t *reg = fdt_getprop(fdt, n, "reg", &len);

			name = fdt_get_name(fdt, n, NULL);
			at = strchr(name, '@');
			assert_true((at != NULL) == (reg != NULL));
			/* PCI's is that of its windows. */
			if (at == NULL || strncmp(name, "pcie@", 5) == 0)
				continue;
			(void)snprintf(unit, sizeof(unit), "%x",
			    fdt32_to_cpu(reg[len > 4 ? 1 : 0]));
			assert_string_equal(at + 1, unit);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openbsd_its),
		cmocka_unit_test(openbsd_frame),
		cmocka_unit_test(all_told),
		cmocka_unit_test(names),
	};

	return unit_run("vmm_devtree", tests);
}
