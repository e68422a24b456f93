/* SPDX-License-Identifier: ISC */
/*
 * board.h - what devices are plugged into
 *
 * One a process, built by machine.c.  The lock is held while a device's code
 * runs: by a vCPU's thread for an access of the guest, by the main thread
 * for everything else.  It is never held while a guest runs, and interrupts
 * and kicks pass by it (irqfd, ioeventfd).
 */

#ifndef VMM_BOARD_H
#define VMM_BOARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel/accel.h"
#include "lib/err.h"
#include "vmm/bus.h"

struct event_loop;
struct memory;
struct pci;

/* What a device tells whoever runs the VM; any thread, board locked. */
enum board_event {
	BOARD_RESET,		/* reboot */
	BOARD_POWER_OFF,
	BOARD_PANIC,
	BOARD_EVENTS
};

struct board {
	const struct accel	*accel;
	struct accel_vm		*vm;
	struct memory		*memory;
	struct event_loop	*loop;		/* of the main thread */
	struct bus		 mmio;
	struct bus		 pio;
	struct pci		*pci;		/* or NULL: no PCI */
	bool			 transitional;	/* virtio for old drivers too */
	bool			 msi_only;	/* no interrupt lines */
	pthread_mutex_t		 lock;
	uint64_t		 gsi_used[ACCEL_GSI_MAX / 64];

	void			(*event)(void *arg, enum board_event);
	void			*event_arg;
};

void	board_lock(struct board *);
void	board_unlock(struct board *);

/* Set an interrupt line (GSI below 24); what fails is fatal. */
void	board_irq(struct board *, unsigned gsi, int level);

/* A GSI for an MSI, given back with board_gsi_free(). */
int	board_gsi_alloc(struct board *, unsigned *ret, struct err *);
void	board_gsi_free(struct board *, unsigned gsi);

#endif
