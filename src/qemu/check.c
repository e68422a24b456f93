/* SPDX-License-Identifier: ISC */
/* check.c - what of a VmConfig QEMU is not started with; see check.h */

#include <errno.h>

#include "chapi/vm_config.h"
#include "lib/util.h"
#include "qemu/check.h"

int
qemu_check(const struct vm_config *c, struct err *e)
{
	const struct {
		bool		 asked;
		const char	*what;
	} lacks[] = {
		{ c->variables != NULL && c->arch != VM_ARCH_ARM64,
		    "payload: variables" },
		{ !c->memory.shared, "memory: shared: false" },
		{ c->memory.page != 0, "memory: hugepages" },
		{ c->memory.prefault, "memory: prefault" },
		{ c->cpus_max > c->cpus, "cpus: max_vcpus above boot_vcpus" },
		{ c->cpu != VM_CPU_HOST, "platform: cpu" },
		{ c->irqchip != VM_IRQCHIP_KERNEL, "platform: irqchip" },
		{ c->virtio != VM_VIRTIO_MODERN, "platform: virtio" },
		{ c->serial.mode != VM_STREAM_OFF &&
		    c->console.mode != VM_STREAM_OFF, "serial and console" },
		{ c->serial.mode == VM_STREAM_TTY, "serial: mode Tty" },
		{ c->console.mode == VM_STREAM_TTY, "console: mode Tty" },
		{ c->balloon.on, "balloon" },
		{ c->pvpanic, "pvpanic" },
		{ c->vmmci, "vmmci" },
		{ c->gdb != NULL, "gdb" },
	};

	for (size_t i = 0; i < COUNT(lacks); i++)
		if (lacks[i].asked)
			return err_api(e, ENOTSUP, "invalid_request",
			    "%s: not supported by qemu", lacks[i].what);
	return vm_config_vhost_only(c, "qemu", e);
}
