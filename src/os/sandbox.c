/* SPDX-License-Identifier: ISC */
/* sandbox.c - what each program may do, a row each; see sandbox.h */

#include <assert.h>

#include "os/sandbox.h"
#include "os/sandbox_row.h"

const struct sandbox_row sandbox_rows[SANDBOX_PROGRAMS] = {
	/*
	 * Guest memory, the disk and the front-end's socket, all given as
	 * descriptors.  Opens nothing, talks to nobody.
	 */
	[SANDBOX_VIOD_BLK] = {
		.name	= "viod-blk",
		.may	= MAY_SERVE | MAY_THREADS | MAY_DISK,
		.nofile	= 512,
	},
	/*
	 * The guest's connections become ours.  libslirp reads
	 * /etc/resolv.conf again when it changes.
	 */
	[SANDBOX_VIOD_NET] = {
		.name	= "viod-net",
		.may	= MAY_SERVE | MAY_THREADS | MAY_INET | MAY_OPEN,
		.nofile	= 8192,
	},
	/*
	 * The tap is there.  What a guest asks its name server is looked
	 * up in links, or becomes a question to those of /etc/resolv.conf.
	 */
	[SANDBOX_VIOD_TAP] = {
		.name	= "viod-tap",
		.may	= MAY_SERVE | MAY_TAP | MAY_ASK | MAY_OPEN |
			  MAY_LINKS,
		.nofile	= 512,
	},
	/* Guest memory, the disc to read, the front-end's socket. */
	[SANDBOX_VIOD_SCSI] = {
		.name	= "viod-scsi",
		.may	= MAY_SERVE,
		.nofile	= 512,
	},
	/* Connects to sockets in its VM's directory only. */
	[SANDBOX_VIOD_VSOCK] = {
		.name	= "viod-vsock",
		.may	= MAY_SERVE | MAY_THREADS | MAY_UNIX,
		.nofile	= 8192,
	},
	/* Talks to registries by skopeo; merges and decodes no layer. */
	[SANDBOX_IMAGE_PULL] = {
		.name	= "vmd-image-pull",
		.may	= MAY_SERVE | MAY_THREADS | MAY_FILES | MAY_TREES |
			  MAY_EXEC | MAY_INET | MAY_UNIX | MAY_MAP_EXEC,
		.nofile	= 8192,
	},
	/* Decodes archives and layers; talks to nobody. */
	[SANDBOX_IMAGE_UNPACK] = {
		.name	= "vmd-image-unpack",
		.may	= MAY_SERVE | MAY_THREADS | MAY_FILES | MAY_TREES |
			  MAY_EXEC | MAY_MAP_EXEC,
		.nofile	= 4096,
	},
	/*
	 * Reads vm.conf.  Name service modules are loaded for the names of
	 * users.
	 */
	[SANDBOX_CONF] = {
		.name	= "vmd-conf",
		.may	= MAY_SERVE | MAY_OPEN | MAY_MAP_EXEC,
		.nofile	= 256,
	},
	/*
	 * Listeners it was given, the database, VM sockets.  Name service
	 * modules are loaded for the owner's name.
	 */
	[SANDBOX_CONTROL] = {
		.name	= "vmd-control",
		.may	= MAY_SERVE | MAY_THREADS | MAY_FILES | MAY_TREES |
			  MAY_UNIX | MAY_DISK | MAY_MAP_EXEC,
		.nofile	= 65536,
	},
	/* Starts QEMU once, which has a filter of its own on top. */
	[SANDBOX_VMM_QEMU] = {
		.name	= "vmm-qemu",
		.may	= MAY_SERVE | MAY_THREADS | MAY_FILES | MAY_TREES |
			  MAY_EXEC | MAY_UNIX | MAY_MAP_EXEC | MAY_DEVICES,
		.nofile	= 4096,
	},
	/*
	 * Guest memory, /dev/kvm and its sockets, all given or made before;
	 * files, which are snapshots, in its VM's directory.
	 */
	[SANDBOX_VMM] = {
		.name	= "vmm",
		.may	= MAY_SERVE | MAY_THREADS | MAY_FILES | MAY_UNIX |
			  MAY_KVM,
		.nofile	= 2048,
	},
};

static void
add(struct sandbox *s, struct sandbox_path p)
{
	assert(s->npaths < SANDBOX_PATHS_MAX);
	s->paths[s->npaths++] = p;
}

void
sandbox_add(struct sandbox *s, const char *path, unsigned rights)
{
	add(s, (struct sandbox_path){ .path = path, .fd = -1,
	    .rights = rights });
}

void
sandbox_add_fd(struct sandbox *s, int fd, unsigned rights)
{
	add(s, (struct sandbox_path){ .fd = fd, .rights = rights });
}

void
sandbox_add_system(struct sandbox *s)
{
	static const char *const programs[] = { "/usr", "/bin", "/lib",
	    "/lib64", "/sbin" };

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		sandbox_add(s, programs[i], SANDBOX_READ | SANDBOX_EXEC);
	sandbox_add(s, "/etc", SANDBOX_READ);
	sandbox_add(s, "/proc", SANDBOX_READ);
	sandbox_add(s, "/sys/devices/system", SANDBOX_READ);
	sandbox_add(s, "/dev/null", SANDBOX_READ | SANDBOX_WRITE);
	sandbox_add(s, "/dev/zero", SANDBOX_READ);
	sandbox_add(s, "/dev/urandom", SANDBOX_READ);
}
