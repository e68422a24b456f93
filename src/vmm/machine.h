/* SPDX-License-Identifier: ISC */
/*
 * machine.h - a whole virtual machine
 *
 * Built from a VmConfig: memory, board, loader, devices, vCPUs.  The
 * functions are the main thread's.
 */

#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "accel/accel.h"
#include "lib/err.h"
#include "lib/own.h"
#include "vmm/vio.h"

#define MACHINE_DEVICES_MAX	31	/* slot 0 is the host bridge */

struct event_loop;
struct machine;
struct vcpus;
struct vm_config;

/* What the guest did; delivered on the main thread. */
enum machine_event {
	MACHINE_POWERED_OFF,
	MACHINE_REBOOT,		/* machine_reset() when it shall go on */
	MACHINE_PANICKED,
	MACHINE_DEVICE_DIED,	/* text names it: its process is gone */
	MACHINE_BROKEN,		/* text says why: the VM cannot go on */
	MACHINE_DEBUG,		/* a breakpoint or step: machine_stopped() */
};

/* What a VM begins with; -1: there is none, or it was given away. */
struct machine_files {
	int	kernel;		/* or firmware */
	int	initrd;		/* or the program that boots from a network */
	int	variables;	/* of firmware, to write */
};

/* Open them, for who soon may not; the kernel may be open already. */
int	machine_open(struct machine_files *, const struct vm_config *,
	    struct err *);
void	machine_close(struct machine_files *);

/* Streams are -1 where there is none. */
struct machine_setup {
	struct event_loop	*loop;
	const struct accel	*accel;
	const struct vm_config	*config;
	struct machine_files	*files;		/* taken; NULL, or none in it:
						   opened by name */
	int			 console;	/* hvc0, a stream; taken */
	int			 serial;	/* COM1, a stream; taken */
	/*
	 * Load no kernel, but map a snapshot's memory, and plug devices in
	 * where they were by its state; both the caller's.
	 */
	bool			 restore;
	int			 memory;
	const json_t		*state;
	void			(*event)(void *arg, enum machine_event,
				    const char *text);
	void			*arg;
};

/* Everything is there and the guest stands at its entry, paused. */
int	machine_new(struct machine **ret, const struct machine_setup *,
	    struct err *);
void	machine_destroy(struct machine *);
OWN_DEFINE(struct machine, machine_destroy);

/*
 * Stop the vCPUs; let them run again, and the devices if machine_save() or
 * machine_load() has stopped them.  Both may be called twice.
 */
void	machine_pause(struct machine *);
int	machine_resume(struct machine *, struct err *);

/* Back to the kernel's entry, as machine_new() left it; paused. */
int	machine_reset(struct machine *, struct err *);

/*
 * Ask the guest to end, by vmmci where its driver is there, else by the
 * power button of ACPI; the guest may not listen.
 */
void	machine_power_button(struct machine *);
/*
 * The machine stood still, or the host's clock jumped: a guest that can be
 * told looks at it.
 */
void	machine_sync_clock(struct machine *);
int	machine_nmi(struct machine *, struct err *);
/* A break comes in at the serial port.  Refused: there is none. */
int	machine_break(struct machine *, struct err *);
/* The guest's console is shown at another size.  Refused: it has none. */
int	machine_console_size(struct machine *, unsigned cols, unsigned rows,
	    struct err *);

/*
 * From the first machine_resume() until the guest wrote to the timer port
 * (dev/debug.h), in microseconds; 0: it has not.
 */
uint64_t machine_boot_us(struct machine *);

/*
 * The vCPU that met the last MACHINE_DEBUG; which of the debugger's points
 * it were, a bit each.
 */
unsigned machine_stopped(const struct machine *, unsigned *hits);

struct board *machine_board(struct machine *);
struct vcpus *machine_vcpus(struct machine *);

/* Devices, in the order they were plugged. */
unsigned machine_devices(const struct machine *);
struct vio *machine_device(struct machine *, unsigned n);

/*
 * Plug in disk, network card, file system or vsock device 'id' of a config:
 * the guest is told.  Take one away: the guest is asked, and the device goes
 * when it has been given up, or at the next reset.  Refused: a VM without a
 * PCI bus, a name that is there already, or is not.
 */
int	machine_add(struct machine *, const struct vm_config *,
	    const char *id, struct err *);
int	machine_remove(struct machine *, const char *name, struct err *);

/*
 * Have n processors.  More are there when this returns, and the guest is
 * told; fewer when the guest has given them up, or at the next reset.
 * Refused: more than cpus_max of the config, and any change before what was
 * wanted back is given up (EBUSY), which machine_cpus_leaving() tells.
 */
int	machine_set_cpus(struct machine *, unsigned n, struct err *);
bool	machine_cpus_leaving(const struct machine *);

/*
 * Keep a log of the pages that are written to, by whomever, or no more; the
 * machine may run.  Refused: a device process that cannot tell.
 * machine_written() sets the bits of those written since it was asked last,
 * of all of memory as memory_file.h counts it.
 */
int	machine_log(struct machine *, bool on, struct err *);
int	machine_written(struct machine *, uint64_t *pages, struct err *);

/* Is there a device that machine_save() refuses? */
int	machine_savable(const struct machine *, struct err *);

/*
 * State beside the memory; the machine is paused.  Devices stay stopped
 * until machine_resume(): the memory goes with the state.  load is for a
 * machine that was built from the same config and has not run; its memory is
 * the snapshot's by then.  The caller owns the state; NULL with the err set.
 */
json_t	*machine_save(struct machine *, struct err *);
int	machine_load(struct machine *, const json_t *, struct err *);

#endif
