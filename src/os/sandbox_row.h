/* SPDX-License-Identifier: ISC */
/* sandbox_row.h - the rows of sandbox.c, for those who enforce them */

#ifndef OS_SANDBOX_ROW_H
#define OS_SANDBOX_ROW_H

#include "os/sandbox.h"

enum sandbox_may {
	/*
	 * Every program: memory, time, its own descriptors (read, write,
	 * send, receive, accept on what it was given), event loops, exit.
	 */
	MAY_SERVE	= 0x01,
	MAY_THREADS	= 0x02,	/* threads of its own, no processes */
	MAY_FILES	= 0x04,	/* open and change files, by Landlock's rules */
	MAY_EXEC	= 0x08,	/* start programs, and what those need */
	MAY_UNIX	= 0x10,	/* make and connect unix sockets */
	MAY_INET	= 0x20,	/* make and connect IPv4 and IPv6 sockets */
	MAY_DISK	= 0x40,	/* a ring made before, sync, block ioctls */
	MAY_MAP_EXEC	= 0x80,	/* map code: loaded modules, translators */
	MAY_DEVICES	= 0x100, /* ioctl(2) of any kind */
	MAY_OPEN	= 0x200, /* open files, by Landlock's rules */
	MAY_KVM		= 0x400, /* ioctl(2) of KVM */
	MAY_TAP		= 0x800, /* what a tap leaves to a guest */
	MAY_ASK		= 0x1000, /* make UDP sockets, and of TCP those that
				   connect to port 53; without MAY_INET */
	MAY_LINKS	= 0x2000, /* read what symbolic links say, of any */
	MAY_TREES	= 0x4000, /* attributes, times, watches, file systems */
};

struct sandbox_row {
	const char	*name;
	unsigned	 may;		/* of enum sandbox_may */
	unsigned	 nofile;	/* descriptors */
};

extern const struct sandbox_row sandbox_rows[SANDBOX_PROGRAMS];

#endif
