/* SPDX-License-Identifier: ISC */
/* check.c - what of a VmConfig the framework has not; see check.h */

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "chapi/vm_config.h"
#include "lib/util.h"
#include "os/os.h"
#include "vz/check.h"

static int
refuse(struct err *e, const char *what)
{
	return err_api(e, ENOTSUP, "invalid_request",
	    "%s: not supported by vz", what);
}

/* What a file's format is its name says, never its bytes. */
static bool
is_qcow2(const char *path)
{
	const char *dot = path == NULL ? NULL : strrchr(path, '.');

	return dot != NULL && strcasecmp(dot, ".qcow2") == 0;
}

static int
check_disks(const struct vm_config *c, struct err *e)
{
	for (size_t i = 0; i < c->ndisks; i++) {
		if (c->disks[i].socket != NULL)
			return refuse(e, "disks: vhost_user");
		if (is_qcow2(c->disks[i].path))
			return err_api(e, ENOTSUP, "invalid_request",
			    "%s: vz has raw disks only; \"vmctl create -i\" "
			    "makes one of it", c->disks[i].id);
		if (c->disks[i].queues != 1)
			return refuse(e, "disks: num_queues above 1");
	}
	return 0;
}

/* What devices of ours are processes, here they are the framework's. */
static int
check_devices(const struct vm_config *c, struct err *e)
{
	for (size_t i = 0; i < c->nnets; i++) {
		if (c->nets[i].socket != NULL)
			return refuse(e, "net: vhost_user");
		if (c->nets[i].queues != 1)
			return refuse(e, "net: num_queues above 2");
	}
	for (size_t i = 0; i < c->nfs; i++)
		if (c->fs[i].socket != NULL)
			return refuse(e, "fs: socket");
	if (c->vsock.vhost_socket != NULL)
		return refuse(e, "vsock: vhost_socket");
	if (c->vsock.cid != 0 && c->vsock.cid != VZ_CID)
		return refuse(e, "vsock: a cid that is not 3");
	return check_disks(c, e);
}

int
vz_check(const struct vm_config *c, struct err *e)
{
	const struct {
		bool		 asked;
		const char	*what;
	} lacks[] = {
		{ strcmp(vm_arch_name(c->arch), os_arch()) != 0,
		    "platform: arch other than the host's" },
		{ c->firmware != NULL, "payload: firmware" },
		{ c->boot != VM_BOOT_ANY, "payload: boot" },
		{ c->memory.page != 0, "memory: hugepages" },
		{ c->memory.prefault, "memory: prefault" },
		{ c->cpus_max > c->cpus, "cpus: max_vcpus above boot_vcpus" },
		{ c->cpu != VM_CPU_HOST, "platform: cpu" },
		{ c->irqchip != VM_IRQCHIP_KERNEL, "platform: irqchip" },
		{ c->virtio != VM_VIRTIO_MODERN, "platform: virtio" },
		{ c->serial.mode != VM_STREAM_OFF, "serial" },
		{ c->console.mode == VM_STREAM_TTY, "console: mode Tty" },
		{ c->balloon.deflate_on_oom, "balloon: deflate_on_oom" },
		{ c->balloon.free_page_reporting,
		    "balloon: free_page_reporting" },
		{ c->pvpanic, "pvpanic" },
		{ c->vmmci, "vmmci" },
		{ c->gdb != NULL, "gdb" },
	};

	for (size_t i = 0; i < COUNT(lacks); i++)
		if (lacks[i].asked)
			return refuse(e, lacks[i].what);
	return check_devices(c, e);
}
