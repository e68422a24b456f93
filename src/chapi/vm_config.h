/* SPDX-License-Identifier: ISC */
/*
 * vm_config.h - Cloud Hypervisor's VmConfig, as far as a VMM of ours goes
 *
 * Source: cloud-hypervisor, vmm/src/api/openapi/cloud-hypervisor.yaml.  The
 * members that are known are exactly those of docs/ARCHITECTURE.md; any
 * other is refused by its name, because a member that is ignored is a
 * promise that is broken.  Ours are "vsock.vhost_socket", "gdb.socket",
 * "payload.boot", "payload.variables", "disks.cdrom", "disks.fd",
 * "disks.sync", "net.nat", "fs.path", "fs.readonly", "fs.rosetta", "vmmci"
 * and in "platform" "arch", "cpu", "irqchip", "virtio".  What a VMM has not of
 * these it refuses itself (struct vmm_backend, check).
 */

#ifndef CHAPI_VM_CONFIG_H
#define CHAPI_VM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/own.h"

#define VM_PATH_MAX	1024		/* bytes without the NUL */
#define VM_CMDLINE_MAX	1536		/* bytes; the VMM adds to it */
#define VM_ID_MAX	32		/* bytes */
#define VM_CPUS_MAX	128
#define VM_MEMORY_MIN	(16ULL << 20)	/* bytes */
#define VM_MEMORY_MAX	(1ULL << 40)	/* bytes */
#define VM_MEMORY_STEP	(1ULL << 20)	/* size is a multiple of this */
#define VM_PAGE_2M	(2ULL << 20)	/* bytes of a hugetlb page */
#define VM_PAGE_1G	(1ULL << 30)
#define VM_DISKS_MAX	16
#define VM_NETS_MAX	4
#define VM_FS_MAX	8
#define VM_TAG_MAX	36		/* bytes, virtio 1.2, 5.11.4 */
#define VM_QUEUES_MAX	16		/* of a disk; pairs of a net */
#define VM_FD_MIN	4		/* 3 is the report */
#define VM_FD_MAX	1023
#define VM_VSOCK_ID	"vsock0"	/* the one there can be */
#define VM_CID_MIN	3ULL
#define VM_CID_MAX	0xfffffffeULL

enum vm_arch {
	VM_ARCH_AMD64,
	VM_ARCH_ARM64,
};

/* The processors a guest sees. */
enum vm_cpu {
	VM_CPU_HOST,		/* all that the host's can do */
	VM_CPU_BASELINE,	/* the same on every host */
};

enum vm_irqchip {
	VM_IRQCHIP_KERNEL,	/* all interrupt controllers in the kernel */
	VM_IRQCHIP_SPLIT,	/* only the local ones */
};

/* Which drivers can use the virtio devices. */
enum vm_virtio {
	VM_VIRTIO_MODERN,	/* of virtio 1.0 and later */
	VM_VIRTIO_TRANSITIONAL,	/* older ones, too */
};

/* What firmware boots from. */
enum vm_boot {
	VM_BOOT_ANY,		/* the first disk, CD-ROM, network card that
				   can be booted, in this order */
	VM_BOOT_DISK,		/* nothing else */
	VM_BOOT_CDROM,
	VM_BOOT_NET,
};

/* Where a console or serial port goes. */
enum vm_stream_mode {
	VM_STREAM_OFF,		/* the device is not there */
	VM_STREAM_NULL,		/* it is there; what it says is lost */
	VM_STREAM_TTY,		/* the VMM's standard input and output */
	VM_STREAM_FILE,		/* recorded in 'file' only */
	VM_STREAM_SOCKET,	/* served; 'file' may record it */
};

struct vm_stream {
	enum vm_stream_mode	 mode;
	const char		*socket;
	const char		*file;
};

struct vm_memory {
	uint64_t	size;		/* bytes */
	uint64_t	page;		/* bytes of a hugetlb page; 0: none */
	bool		shared;		/* devices map it; else they get
					   copies of what they may see */
	bool		thp;		/* transparent huge pages */
	bool		prefault;	/* take all of it at the boot */
};

/* When a write of the guest's that it was told is durable is so. */
enum vm_sync {
	VM_SYNC_FULL,		/* on the medium itself */
	VM_SYNC_FSYNC,		/* with the drive */
	VM_SYNC_NONE,		/* some day */
};

/*
 * Sockets are vhost-user, where the device is a process of its own.  What
 * stands in their place is for a VMM whose hypervisor is the device.
 * Relative paths begin at the VM's directory.
 */
struct vm_disk {
	const char	*id;		/* a letter, then letters digits _ - */
	const char	*socket;	/* this, path or fd */
	const char	*path;		/* of a raw image */
	int		 fd;		/* of the VMM's: such an image, open,
					   that has a name; 0: none */
	bool		 direct;	/* image: not by the host's cache */
	enum vm_sync	 sync;		/* image */
	bool		 readonly;
	bool		 cdrom;		/* a CD in a drive of its own (SCSI);
					   it cannot be written to */
	unsigned	 queues;	/* 1..VM_QUEUES_MAX; of a cdrom: 1 */
};

struct vm_net {
	const char	*id;
	const char	*socket;	/* this, fd or nat */
	int		 fd;		/* else -1; of the VMM: a connected
					   SOCK_DGRAM socket, a frame each */
	bool		 nat;		/* the hypervisor's own network */
	const char	*mac;		/* "aa:bb:cc:dd:ee:ff", unicast */
	unsigned	 queues;	/* pairs: half of num_queues */
};

struct vm_vsock {
	const char	*socket;	/* of CONNECT */
	const char	*vhost_socket;	/* of who serves it; NULL: the VMM */
	uint64_t	 cid;		/* 0: no vsock device */
};

struct vm_fs {
	const char	*id;
	const char	*socket;	/* this, path or rosetta */
	const char	*path;		/* a directory of the host's */
	bool		 readonly;	/* path */
	bool		 rosetta;	/* Apple's translator of amd64 */
	const char	*tag;		/* what the guest mounts */
	unsigned	 queues;	/* of requests: 1..VM_QUEUES_MAX */
	unsigned	 queue_size;	/* a power of 2, 1024 at most */
};

struct vm_balloon {
	bool		 on;
	uint64_t	 size;		/* bytes taken from the guest */
	bool		 deflate_on_oom;
	bool		 free_page_reporting;
};

/*
 * Strings belong to 'doc' in a config that vm_config_parse() made, else to
 * whoever fills the struct; NULL where the member is absent.
 */
struct vm_config {
	enum vm_arch	 arch;
	const char	*kernel;	/* this, or firmware; never both */
	const char	*firmware;	/* image of a BIOS, or of UEFI */
	const char	*variables;	/* UEFI's, kept in this file; where the
					   VMM has UEFI, firmware is NULL */
	const char	*initramfs;	/* a kernel's, as the next */
	const char	*cmdline;
	unsigned	 cpus;		/* boot_vcpus */
	unsigned	 cpus_max;	/* max_vcpus; below cpus: as many */
	enum vm_cpu	 cpu;
	enum vm_irqchip	 irqchip;
	enum vm_virtio	 virtio;
	enum vm_boot	 boot;		/* with firmware */
	struct vm_memory memory;
	struct vm_disk	 disks[VM_DISKS_MAX];
	size_t		 ndisks;
	struct vm_net	 nets[VM_NETS_MAX];
	size_t		 nnets;
	struct vm_fs	 fs[VM_FS_MAX];
	size_t		 nfs;
	struct vm_vsock	 vsock;
	struct vm_stream console;	/* hvc0 */
	struct vm_stream serial;	/* ttyS0 */
	struct vm_balloon balloon;
	bool		 rng;
	bool		 pvpanic;
	bool		 vmmci;		/* OpenBSD's own device for control */
	const char	*gdb;		/* socket for a debugger, or NULL */
	json_t		*doc;		/* owned; private */
};

/*
 * Check the JSON and fill *ret, which vm_config_fini() ends; the json_t is
 * shared by reference.  -1 names the member: "disks[1]: id: ...".
 */
int	vm_config_parse(struct vm_config *ret, json_t *, struct err *);
void	vm_config_fini(struct vm_config *);

/*
 * Refuse what is not vhost-user, for a VMM that has nothing else: "disks:
 * path: not supported by qemu".
 */
int	vm_config_vhost_only(const struct vm_config *, const char *vmm,
	    struct err *);

/* Is there a disk, network card, share or vsock device of that name? */
bool	vm_config_has(const struct vm_config *, const char *id);

/* The VmConfig as JSON; the caller owns it.  NULL when out of memory. */
json_t	*vm_config_json(const struct vm_config *);

/* "amd64", "x86_64", "arm64" or "aarch64"; -1 refuses others. */
int	vm_arch_parse(enum vm_arch *ret, const char *, struct err *);
const char *vm_arch_name(enum vm_arch);	/* "amd64" or "arm64" */

#endif
