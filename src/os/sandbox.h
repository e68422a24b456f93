/* SPDX-License-Identifier: ISC */
/*
 * sandbox.h - give away what a program does not need
 *
 * Each program calls sandbox_enter() once, when its descriptors are open and
 * before it reads a byte from a guest, a client or the network.  What each may
 * do afterwards is a row in sandbox.c; vmd-processes(7) has the same table for
 * people.  There is no way back, and children inherit it.
 *
 * On Linux: no_new_privs, empty capability sets, resource limits, Landlock
 * (files, TCP ports, signals and abstract sockets to the outside) and seccomp
 * allow-lists.  What the kernel lacks is left out and named in 'missing', so
 * that the caller can log it: a missing piece is no failure, being refused a
 * piece that is there is.
 *
 * A build with a sanitizer enters nothing and says so.
 *
 * Landlock binds the calling thread and those it starts later: call it before
 * any thread is made (checked).  Not bound by seccomp: what an io_uring that
 * was made before does; restrict it (io_uring_register_restrictions).
 */

#ifndef OS_SANDBOX_H
#define OS_SANDBOX_H

#include <stddef.h>

#include "lib/err.h"

enum sandbox_program {
	SANDBOX_VIOD_BLK,
	SANDBOX_VIOD_NET,
	SANDBOX_VIOD_TAP,
	SANDBOX_VIOD_SCSI,
	SANDBOX_VIOD_VSOCK,
	SANDBOX_IMAGE_PULL,	/* vmd-image pull */
	SANDBOX_IMAGE_UNPACK,	/* every other job of vmd-image */
	SANDBOX_CONF,		/* vmd-conf */
	SANDBOX_CONTROL,
	SANDBOX_VMM_QEMU,	/* and its QEMU */
	SANDBOX_VMM,		/* when kernel and initrd are open */
	SANDBOX_PROGRAMS
};

/* What may be done with a file or below a directory. */
enum sandbox_rights {
	SANDBOX_READ	= 1,	/* read files, list directories */
	SANDBOX_WRITE	= 2,	/* write, make, rename and remove */
	SANDBOX_EXEC	= 4,	/* execute; with SANDBOX_READ */
	SANDBOX_DEVICE	= 8,	/* ioctl on a device file */
	SANDBOX_FILE	= 16,	/* no right: it is a file, and not asked */
};

struct sandbox_path {
	const char	*path;		/* NULL: fd */
	int		 fd;		/* a directory or file; borrowed */
	unsigned	 rights;	/* of enum sandbox_rights */
};

#define SANDBOX_PATHS_MAX	32

struct sandbox {
	enum sandbox_program	 program;
	/* Everything that will be opened by name later. */
	struct sandbox_path	 paths[SANDBOX_PATHS_MAX];
	size_t			 npaths;
};

#define SANDBOX_MISSING_MAX	128

/*
 * missing: "" or words such as "landlock-net seccomp" for the log.  A path
 * that does not exist or cannot be reached is skipped.  On
 * failure some of it may be in force; the program should exit.
 */
int	sandbox_enter(const struct sandbox *,
	    char missing[SANDBOX_MISSING_MAX], struct err *);

/*
 * For a thread that does less than its process: a vCPU's may run it, be a
 * device and little else, and opens nothing.  Called by the thread when its
 * vCPU is there.  Does nothing in a process that is in no sandbox.
 */
int	sandbox_enter_vcpu(struct err *);

/* What every program that executes others may read: libraries, /etc, ... */
void	sandbox_add_system(struct sandbox *);

/* Add a path; too many is a mistake of ours. */
void	sandbox_add(struct sandbox *, const char *path, unsigned rights);
void	sandbox_add_fd(struct sandbox *, int fd, unsigned rights);

#endif
