/* SPDX-License-Identifier: ISC */
/*
 * hotplug.h - registers by which a guest takes in and gives up PCI devices
 *
 * Methods of the DSDT use them, see acpi.c: they read what changed, tell the
 * guest's kernel, and write the slot it has given up.
 */

#ifndef VMM_DEV_HOTPLUG_H
#define VMM_DEV_HOTPLUG_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define HOTPLUG_PORT	0x608
#define HOTPLUG_LEN	8
#define HOTPLUG_CHANGED	0	/* 32 bits: slots to give up; bit 0, which is
				   no such slot: look at the bus again.
				   Reading it clears it */
#define HOTPLUG_EJECT	4	/* 32 bits: the slot that was given up */

struct board;
struct hotplug;

struct hotplug_setup {
	struct board	*board;
	/* The guest has given up a slot; any thread, board locked. */
	void		(*ejected)(void *arg, unsigned slot);
	void		*arg;
};

int	hotplug_new(struct hotplug **ret, const struct hotplug_setup *,
	    struct err *);
void	hotplug_destroy(struct hotplug *);
OWN_DEFINE(struct hotplug, hotplug_destroy);

/* Tell the guest: look at the bus; give up that slot.  Board locked. */
void	hotplug_look(struct hotplug *);
void	hotplug_request(struct hotplug *, unsigned slot);

/* As after power on. */
void	hotplug_reset(struct hotplug *);

/* What the guest was told and has not read yet. */
json_t	*hotplug_save(const struct hotplug *);
int	 hotplug_load(struct hotplug *, const json_t *, struct err *);

#endif
