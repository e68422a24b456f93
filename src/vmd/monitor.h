/* SPDX-License-Identifier: ISC */
/* monitor.h - what the parts of vmd share: one of it a process */

#ifndef VMD_MONITOR_H
#define VMD_MONITOR_H

#include <sys/types.h>

#include <event2/event.h>
#include <stdbool.h>

#include "vmd/options.h"
#include "vmd/user.h"

struct control;
struct jobs;
struct vms;

struct monitor {
	const struct options	*o;
	struct event_base	*base;
	/*
	 * Programs run as users of their own: started by root and not told
	 * -o user=root.  Otherwise all of them run as who started vmd.
	 */
	bool			 separate;
	struct user		 user;		/* of vmd-control and jobs */
	int			 lock_fd;	/* STATE/vmd.lock */
	int			 state_fd;
	int			 vms_fd;	/* STATE/vms */
	int			 images_fd;	/* STATE/images */
	struct control		*control;
	struct jobs		*jobs;
	struct vms		*vms;
	bool			 ending;	/* SIGTERM came */
};

#endif
