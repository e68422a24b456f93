/* SPDX-License-Identifier: ISC */
/*
 * accel.h - how guest processors run
 *
 * A hypervisor of the host is one table: kvm.c, hvf.c, and null.c, which
 * plays a script of exits for tests.  One VM a process.
 *
 * Calls return 0, or -1 with the err filled, and may be made from any thread,
 * except those marked [vcpu]: they belong to the thread that called
 * vcpu_new(), which is Hypervisor.framework's rule made everybody's.
 * Descriptors and memory that are passed stay the caller's and must outlive
 * the VM or be taken back before.  Destroying takes NULL.
 *
 * What only an architecture has, its registers, is in accel_x86.h and
 * accel_arm64.h.
 */

#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define ACCEL_CPUS_MAX		64
#define ACCEL_SLOTS_MAX		16	/* pieces of guest memory */
#define ACCEL_GSI_MSI		24	/* first GSI for ACCEL.msi */
#define ACCEL_GSI_MAX		1024	/* GSIs are below this */

struct accel_vm;
struct accel_arm64;
struct accel_vcpu;
struct accel_x86;
struct arm64_gic;

/* CPUID as the guest sees it. */
enum accel_cpu {
	ACCEL_CPU_HOST,		/* all that the host can give */
	ACCEL_CPU_BASELINE,	/* x86-64-v2: the same on every host */
};

enum accel_irqchip {
	ACCEL_IRQCHIP_KERNEL,	/* LAPIC, IOAPIC, PIC and PIT in the kernel */
	ACCEL_IRQCHIP_SPLIT,	/* only the LAPICs: no PIC, PIT or IOAPIC */
};

struct accel_setup {
	unsigned		cpus;		/* that will ever be there */
	enum accel_cpu		cpu;
	enum accel_irqchip	irqchip;
	/*
	 * Lines of the PICs that are level-triggered from power on, a bit
	 * each: a PC's firmware would say so (ELCR, ports 0x4d0 and 0x4d1).
	 */
	uint16_t		level;
	const struct arm64_gic	*gic;		/* of an arm64 machine */
	uint64_t		stolen;		/* there, a page of guest
						   memory for stolen time: 64
						   bytes a vCPU; 0: none */
};

/* A piece of guest memory; bytes 0 takes the slot's piece away. */
struct accel_memory {
	unsigned	 slot;		/* below ACCEL_SLOTS_MAX */
	uint64_t	 gpa;		/* guest physical; page aligned */
	uint64_t	 bytes;
	void		*host;
	bool		 readonly;	/* writes become EXIT_MMIO */
	bool		 log;		/* keep a log of dirty pages */
};

/* A message signalled interrupt as the device sends it. */
struct accel_msi {
	uint64_t	address;
	uint32_t	data;
	uint32_t	device;		/* who sends it: bus, slot, function */
};

/* Interrupt 'gsi' whenever fd is written to. */
struct accel_irqfd {
	int		fd;		/* eventfd */
	int		resample;	/* written at the guest's EOI, or -1:
					   edge; else the GSI is a level */
	unsigned	gsi;
	bool		remove;
};

/* Write to fd instead of leaving the guest. */
struct accel_ioevent {
	uint64_t	addr;		/* guest physical, or a port */
	unsigned	len;		/* bytes; 0: of any length */
	bool		pio;
	bool		match;		/* only when 'value' is written */
	uint64_t	value;
	int		fd;
	bool		remove;
};

/* Why a vCPU stopped running the guest. */
enum accel_why {
	ACCEL_EXIT_MMIO,	/* a load or store outside guest memory */
	ACCEL_EXIT_PIO,		/* x86 in or out */
	ACCEL_EXIT_HALT,	/* nothing to do until an interrupt */
	ACCEL_EXIT_KICK,	/* vcpu_kick(), or a signal */
	ACCEL_EXIT_RESET,	/* triple fault */
	ACCEL_EXIT_OFF,		/* the firmware interface's power off */
	ACCEL_EXIT_DEBUG,	/* a point was met, or one step done */
	ACCEL_EXIT_BROKEN,	/* the vCPU cannot go on; text says why */
};

/* Where a debugger wants the guest to stop. */
enum accel_point_kind {
	ACCEL_POINT_EXECUTE,	/* before the instruction */
	ACCEL_POINT_WRITE,	/* at, or behind, one that writes there */
	ACCEL_POINT_READ,	/* reads */
	ACCEL_POINT_ACCESS,	/* does one of both */
};

struct accel_point {
	uint64_t		addr;	/* virtual; a multiple of len */
	unsigned		len;	/* 1, 2, 4 or 8 bytes; EXECUTE: 1 */
	enum accel_point_kind	kind;
};

#define ACCEL_POINTS_MAX	32	/* processors have fewer */

struct accel_debug {
	bool			on;
	bool			step;	/* one instruction, then stop */
	bool			breaks;	/* the guest's own stop, too */
	unsigned		npoints;
	struct accel_point	point[ACCEL_POINTS_MAX];
};

struct accel_exit {
	enum accel_why	 why;
	uint64_t	 addr;		/* MMIO: gpa; PIO: port */
	void		*data;		/* to write, or to fill before the
					   next run: count * len bytes */
	unsigned	 len;		/* bytes of one: 1, 2, 4 or 8 */
	unsigned	 count;		/* string PIO; else 1 */
	bool		 write;
	unsigned	 hits;		/* DEBUG: points that were met, by the
					   debugger's numbers, a bit each */
	char		 text[120];	/* BROKEN */
};

struct accel {
	const char	*name;

	/* Is it there, with all it needs?  Each thing missing is named. */
	int	(*check)(struct err *);

	int	(*vm_new)(struct accel_vm **ret, const struct accel_setup *,
		    struct err *);
	void	(*vm_destroy)(struct accel_vm *);
	int	(*map)(struct accel_vm *, const struct accel_memory *,
		    struct err *);

	/*
	 * Pages of a slot written since the last call, a bit a page, into
	 * bitmap[bytes / 4096 / 64 rounded up]; the log begins anew.
	 */
	int	(*dirty)(struct accel_vm *, unsigned slot, uint64_t *bitmap,
		    struct err *);

	/*
	 * Set the level of an interrupt line of the board.  On x86 GSI n is
	 * input n of the IOAPIC, and below 16 also of the PICs; the PIT's is
	 * GSI 0, too.  On arm64 it is the GIC's shared peripheral interrupt n.
	 */
	int	(*irq)(struct accel_vm *, unsigned gsi, int level,
		    struct err *);
	int	(*irqfd)(struct accel_vm *, const struct accel_irqfd *,
		    struct err *);
	/* GSIs from ACCEL_GSI_MSI on: what they send; NULL: nothing. */
	int	(*msi)(struct accel_vm *, unsigned gsi,
		    const struct accel_msi *, struct err *);
	int	(*ioevent)(struct accel_vm *, const struct accel_ioevent *,
		    struct err *);

	int	(*vcpu_new)(struct accel_vcpu **ret, struct accel_vm *,
		    unsigned id, struct err *);			/* [vcpu] */
	void	(*vcpu_destroy)(struct accel_vcpu *);		/* [vcpu] */

	/*
	 * Run until something is to be done; *ret says what, and its data
	 * points into the vCPU.  -1 is for what no guest can cause.
	 */
	int	(*vcpu_run)(struct accel_vcpu *, struct accel_exit *ret,
		    struct err *);				/* [vcpu] */

	/*
	 * Make vcpu_run() return EXIT_KICK, the running one or else the
	 * next, after the access that is pending is finished: registers are
	 * then whole.  Any thread.
	 */
	void	(*vcpu_kick)(struct accel_vcpu *);

	/*
	 * As after power on: the boot processor can run, the others wait to
	 * be started.  vm: the interrupt controllers.
	 */
	int	(*vcpu_reset)(struct accel_vcpu *, struct err *); /* [vcpu] */
	int	(*vm_reset)(struct accel_vm *, struct err *);
	int	(*nmi)(struct accel_vcpu *, struct err *);	/* [vcpu] */

	/*
	 * The whole state, for snapshots: JSON that only the accelerator
	 * reads; big tables are hexadecimal strings in it.  It names its
	 * format and the processor it came from: loading another's is
	 * refused with the reason.
	 *
	 * All vCPUs are stopped.  The caller owns what save returns; NULL
	 * with the err filled.  vm: interrupt controllers and clock; load
	 * sets the clock forward by the time that has passed since the save,
	 * except on arm64, where the counter has stood meanwhile.
	 * Load when the vCPUs have been made, the VM first, then each vCPU.
	 * Messages of GSIs, irqfds and ioeventfds are not in it.
	 */
	json_t	*(*vm_save)(struct accel_vm *, struct err *);
	int	(*vm_load)(struct accel_vm *, const json_t *, struct err *);
	json_t	*(*vcpu_save)(struct accel_vcpu *, struct err *); /* [vcpu] */
	int	(*vcpu_load)(struct accel_vcpu *, const json_t *,
		    struct err *);				/* [vcpu] */

	/*
	 * For a debugger; NULL: there is none.  debug: from the next run on
	 * the vCPU stops so, ACCEL_EXIT_DEBUG, and no other way.  ENOSPC: the
	 * processor has not as many points, ENOTSUP: not of that kind; what
	 * was asked for before holds.  translate: virtual to physical by the
	 * guest's page tables; -1: not mapped.
	 */
	int	(*debug)(struct accel_vcpu *, const struct accel_debug *,
		    struct err *);				/* [vcpu] */
	int	(*translate)(struct accel_vcpu *, uint64_t va, uint64_t *ret,
		    struct err *);				/* [vcpu] */

	/* NULL on other machines */
	const struct accel_x86		*x86;
	const struct accel_arm64	*arm64;
};

extern const struct accel accel_hvf;
extern const struct accel accel_kvm;
extern const struct accel accel_null;

/* The host's: what this program was built with. */
extern const struct accel *const accel_host;

#endif
