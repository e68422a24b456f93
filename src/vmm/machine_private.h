/* SPDX-License-Identifier: ISC */
/*
 * machine_private.h - a machine, for the files of machine.h
 *
 * machine.c builds, runs and resets it, machine_devices.c has what is on the
 * PCI bus, machine_state.c the snapshots, machine_log.c what is written to,
 * one machine_ARCH.c a processor the rest of its board; machine_firmware.c
 * goes with that of x86.
 */

#ifndef VMM_MACHINE_PRIVATE_H
#define VMM_MACHINE_PRIVATE_H

#include <stdatomic.h>

#include "chapi/vm_config.h"
#include "os/event.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/machine.h"

struct cpuplug;
struct fw_cfg;
struct hotplug;
struct machine_arch;
struct memory;
struct memory_log;

struct machine {
	struct machine_setup	 setup;
	struct board		 board;
	struct memory		*memory;
	struct memory_log	*log;		/* or NULL */
	struct vcpus		*vcpus;
	struct machine_arch	*arch;		/* what machine_ARCH.c has */
	struct vio		*device[MACHINE_DEVICES_MAX];	/* as plugged */
	unsigned		 ndevices;
	struct vio		*vmmci;		/* one of them, or NULL */
	struct vio		*console;	/* the same */
	struct hotplug		*hotplug;	/* or NULL: none come or go */
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

	struct machine_files	 files;		/* for a reset too */
	char			*cmdline;

	struct os_notify	 wake;
	struct event_watch	 woken;
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

/* --- of the processor ---------------------------------------------------- */

/* Can devices and processors come and go while the guest runs? */
extern const bool machine_arch_hotplug;

/* The program that boots from network cards; NULL: firmware has its own. */
extern const char *const machine_arch_net_rom;

/* First: what the board asks of the accelerator; refuses what it has not. */
int	machine_arch_setup(struct machine *, const struct vm_config *,
	    struct accel_setup *, struct err *);
/* The board's own devices; and what needs those of the PCI bus. */
int	machine_arch_make(struct machine *, const struct vm_config *,
	    struct err *);
int	machine_arch_made(struct machine *, struct err *);
void	machine_arch_destroy(struct machine *);

/* Tables that describe the board, into memory of zeroes. */
int	machine_arch_prepare(struct machine *, struct err *);
/*
 * The kernel into memory, and the boot processor to its entry; arg is the
 * machine.  On the thread of the vCPU.
 */
int	machine_arch_enter(struct accel_vcpu *, void *arg, struct err *);

/* All of these: board locked. */
/* After machine_wake(), on the main thread. */
void	machine_arch_turn(struct machine *);
void	machine_arch_reset(struct machine *);
void	machine_arch_power_button(struct machine *);
/* A break on the serial port; false: there is none. */
bool	machine_arch_break(struct machine *);
uint64_t machine_arch_reached_us(const struct machine *);
/* Put the board's devices into a machine's state; get them from one. */
int	machine_arch_save(struct machine *, json_t *, struct err *);
int	machine_arch_load(struct machine *, const json_t *, struct err *);
/* The guest is another copy of itself from now on, and is told. */
void	machine_arch_forked(struct machine *);

/* --- machine_firmware.c -------------------------------------------------- */

/*
 * Files for who reads fw_cfg: the memory map, without what the ACPI tables
 * take where firmware gives them to the guest; the rest of what firmware asks
 * for.  serial: there is a port for its text.
 */
int	machine_firmware_map(struct machine *, struct fw_cfg *, bool firmware,
	    struct err *);
int	machine_firmware_files(struct machine *, struct fw_cfg *,
	    enum vm_boot, bool serial, struct err *);
/* The file that says what is booted; halt: and that nothing else is. */
int	machine_firmware_order(struct machine *, struct fw_cfg *,
	    enum vm_boot, bool halt, struct err *);

#endif
