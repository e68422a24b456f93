/* SPDX-License-Identifier: ISC */
/*
 * machine_private.h - a machine, for the files of machine.h
 *
 * machine.c builds, runs and resets it, machine_devices.c has what is on the
 * PCI bus, machine_state.c the snapshots.
 */

#ifndef VMM_MACHINE_PRIVATE_H
#define VMM_MACHINE_PRIVATE_H

#include <stdatomic.h>

#include "vmm/board.h"
#include "vmm/machine.h"

struct cpuplug;
struct debug;
struct fw_cfg;
struct hotplug;
struct memory;
struct rtc;
struct uart;

struct machine {
	struct machine_setup	 setup;
	struct board		 board;
	struct memory		*memory;
	struct vcpus		*vcpus;
	struct uart		*uart;		/* or NULL */
	struct rtc		*rtc;
	struct debug		*debug;
	struct fw_cfg		*fw_cfg;
	struct vio		*device[MACHINE_DEVICES_MAX];	/* as plugged */
	unsigned		 ndevices;
	struct hotplug		*hotplug;	/* with a PCI bus */
	uint32_t		 leaving;	/* slots: the guest was asked */
	uint32_t		 ejected;	/* slots: it has given up */
	struct cpuplug		*cpuplug;	/* NULL: none come or go */
	unsigned		 cpus_max;
	unsigned		 cpus;		/* the guest has, from 0 on */
	unsigned		 cpus_wanted;	/* fewer: it was asked */
	uint64_t		 cpus_ejected;	/* it has given up, a bit each;
						   board locked */
	bool			 running;	/* the vCPUs */
	uint64_t		 started_us;	/* for the first time */
	bool			 devices_paused;	/* vio_pause() */

	int			 kernel;	/* for a reset too */
	int			 initrd;
	char			*cmdline;
	uint64_t		 rsdp;		/* gpa of the ACPI tables */
	bool			 pic;		/* there are 8259s */
	bool			 pvpanic;	/* the guest may tell a panic */

	int			 wake;		/* eventfd */
	struct event		*woken;
	atomic_uint		 happened;	/* 1 << enum machine_event */
	char			 broken[120];	/* why; board locked */
	atomic_uint		 stopped;	/* MACHINE_DEBUG: vCPU, and
						   hits << STOPPED_HITS */
};

/*
 * The VM cannot go on, for DEVICE_DIED or BROKEN; the board is locked, any
 * thread.
 */
void	machine_broken(struct machine *, enum machine_event, const char *fmt,
	    ...) __attribute__((format(printf, 3, 4)));

/* Is there anything in the config that needs the PCI bus? */
bool	machine_needs_pci(const struct machine *, const struct vm_config *);

/* Make what the config has on the PCI bus, and the bus if there is any. */
int	machine_make_devices(struct machine *, const struct vm_config *,
	    struct err *);
void	machine_destroy_devices(struct machine *);

/*
 * Take away those of the slots (a bit each) that the guest was asked for.
 * Main thread, board locked.
 */
void	machine_unplug(struct machine *, uint32_t slots);

/* The registers of processors that come and go, where some can. */
int	machine_make_cpuplug(struct machine *, const struct vm_config *,
	    struct err *);
/* Take away what the guest has given up; main thread. */
void	machine_cpus_ejected(struct machine *);
/* As after power on; board locked. */
void	machine_reset_cpus(struct machine *);

/* Something is to be done on the main thread; any thread. */
void	machine_wake(struct machine *);

/* For a snapshot; the vCPUs are paused. */
void	machine_pause_devices(struct machine *);
int	machine_resume_devices(struct machine *, struct err *);

#endif
