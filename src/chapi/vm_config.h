/* SPDX-License-Identifier: ISC */
/*
 * vm_config.h - Cloud Hypervisor's VmConfig, as far as a VMM of ours goes
 *
 * Source: cloud-hypervisor, vmm/src/api/openapi/cloud-hypervisor.yaml.  The
 * members that are known are exactly those of docs/ARCHITECTURE.md; any
 * other is refused by its name, because a member that is ignored is a
 * promise that is broken.  "platform.arch" and "vsock.vhost_socket" are ours.
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
#define VM_DISKS_MAX	16
#define VM_NETS_MAX	4
#define VM_QUEUES_MAX	16		/* of a disk; pairs of a net */
#define VM_CID_MIN	3ULL
#define VM_CID_MAX	0xfffffffeULL

enum vm_arch {
	VM_ARCH_AMD64,
	VM_ARCH_ARM64,
};

enum vm_console {
	VM_CONSOLE_OFF,
	VM_CONSOLE_FILE,	/* recorded in 'file' only */
	VM_CONSOLE_SOCKET,	/* served; 'file' may record it */
};

/* All sockets are vhost-user; relative paths begin at the VM's directory. */
struct vm_disk {
	const char	*id;		/* a letter, then letters digits _ - */
	const char	*socket;
	bool		 readonly;
	unsigned	 queues;	/* 1..VM_QUEUES_MAX */
};

struct vm_net {
	const char	*id;
	const char	*socket;
	const char	*mac;		/* "aa:bb:cc:dd:ee:ff", unicast */
	unsigned	 queues;	/* pairs: half of num_queues */
};

struct vm_vsock {
	const char	*socket;	/* of CONNECT; only repeated */
	const char	*vhost_socket;	/* NULL: no vsock device */
	uint64_t	 cid;
};

/*
 * Strings belong to 'doc' in a config that vm_config_parse() made, else to
 * whoever fills the struct; NULL where the member is absent.
 */
struct vm_config {
	enum vm_arch	 arch;
	const char	*kernel;	/* required */
	const char	*initramfs;
	const char	*cmdline;
	unsigned	 cpus;		/* boot_vcpus = max_vcpus */
	uint64_t	 memory;	/* bytes */
	struct vm_disk	 disks[VM_DISKS_MAX];
	size_t		 ndisks;
	struct vm_net	 nets[VM_NETS_MAX];
	size_t		 nnets;
	struct vm_vsock	 vsock;
	enum vm_console	 console;
	const char	*console_socket;
	const char	*console_file;
	bool		 rng;
	json_t		*doc;		/* owned; private */
};

/*
 * Check the JSON and fill *ret, which vm_config_fini() ends; the json_t is
 * shared by reference.  -1 names the member: "disks[1]: id: ...".
 */
int	vm_config_parse(struct vm_config *ret, json_t *, struct err *);
void	vm_config_fini(struct vm_config *);

/* The VmConfig as JSON; the caller owns it.  NULL when out of memory. */
json_t	*vm_config_json(const struct vm_config *);

/* "amd64", "x86_64", "arm64" or "aarch64"; -1 refuses others. */
int	vm_arch_parse(enum vm_arch *ret, const char *, struct err *);
const char *vm_arch_name(enum vm_arch);	/* "amd64" or "arm64" */

#endif
