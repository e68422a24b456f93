/* SPDX-License-Identifier: ISC */
/*
 * memory.h - the guest's memory, and where it lies
 *
 * The address map of the x86-64 board (a test compares this file with the
 * drawing in docs/ARCHITECTURE.md):
 *
 *	0             memory, up to 3 GiB
 *	0xc0000000    PCI configuration space (ECAM), one bus
 *	0xc0100000    windows of PCI devices
 *	0xfec00000    IOAPIC
 *	0xfee00000    local APICs
 *	0xfffc0000    firmware
 *	0x100000000   memory above 3 GiB
 *	2^40          64-bit windows of PCI devices
 *
 * Everything is one file (memfd, or a snapshot's), cut in two where the
 * windows are.  A page that neither the guest nor a loader touched takes no
 * memory.
 */

#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "virtio/frontend.h"
#include "virtio/guest_memory.h"

#define MEMORY_MAX	(1ULL << 40)		/* bytes */
#define MEMORY_STEP	(1ULL << 20)		/* a multiple of this */

#define MEMORY_LOW_MAX	0xc0000000ULL	/* bytes below the windows */
#define MEMORY_ECAM	0xc0000000ULL
#define MEMORY_ECAM_LEN	0x100000ULL	/* 32 devices, 8 functions, 4 KiB */
#define MEMORY_PCI	0xc0100000ULL	/* 32-bit windows, 1003 MiB */
#define MEMORY_PCI_END	0xfec00000ULL
#define MEMORY_IOAPIC	0xfec00000ULL
#define MEMORY_LAPIC	0xfee00000ULL
#define MEMORY_HIGH	0x100000000ULL
#define MEMORY_PCI64	0x10000000000ULL
#define MEMORY_PCI64_LEN 0x1000000000ULL

#define MEMORY_SLOTS	2	/* of the accelerator's, at most */
#define MEMORY_SLOT_PCI	2	/* configuration space, to read */
#define MEMORY_SLOT_FIRMWARE 3	/* to read */
#define MEMORY_SLOT_VARIABLES 4	/* UEFI's, to read but in a command */
#define MEMORY_SLOT_STOLEN 5	/* time, of arm64 processors */

struct accel;
struct accel_vm;
struct memory;

struct memory_setup {
	uint64_t	bytes;		/* a multiple of 1 MiB */
	uint64_t	page;		/* 0, or 2 MiB or 1 GiB: hugetlb */
	bool		shared;		/* can be handed to other processes */
	bool		thp;		/* ask for transparent huge pages */
	bool		prefault;	/* take all of it now */
	/*
	 * A snapshot's file to begin with, or -1; stays the caller's.
	 * Mapped privately, so that only what is touched is read, and kept
	 * open for the next snapshot; shared memory and huge pages have to
	 * take a copy.
	 */
	int		file;
};

/* Refused: a size that cannot be, no huge pages left, a short snapshot. */

int	memory_new(struct memory **ret, const struct memory_setup *,
	    struct err *);
void	memory_destroy(struct memory *);
OWN_DEFINE(struct memory, memory_destroy);

/* Give it to a VM: slots 0 and 1. */
int	memory_attach(struct memory *, const struct accel *,
	    struct accel_vm *, struct err *);

/*
 * While there is a log the VM's processors and this process keep it: who
 * writes here marks it in memory_table()'s.  The processors' marks are in the
 * accelerator, slot by slot.  NULL: no more.  The board is locked.
 */
int	memory_track(struct memory *, const struct accel *, struct accel_vm *,
	    const struct guest_log *, struct err *);

uint64_t memory_bytes(const struct memory *);
bool	 memory_shared(const struct memory *);

/*
 * The table for virtqueues in this process.  "User" addresses in it, and in
 * memory_regions(), are the guest physical ones: a queue's parts need no
 * translation for vhost-user either.
 */
const struct guest_memory *memory_table(const struct memory *);

/* For frontend_memory(); 1 or 2.  Only of shared memory. */
unsigned memory_regions(const struct memory *, struct frontend_region ret[2]);

/* [gpa, +len) in one piece, or NULL. */
void	*memory_at(const struct memory *, uint64_t gpa, uint64_t len);

/*
 * For snapshots.  Offsets count the pieces as one, as files have them.
 * memory_offset(): what is there.  memory_file(): the file that is mapped
 * privately, or -1; stays the memory's.  memory_pages(): what this process
 * has of n pages, an enum os_page each; all its own where the host does not
 * tell, or memory is shared.
 */
const uint8_t *memory_offset(const struct memory *, uint64_t offset);
int	 memory_file(const struct memory *);
void	 memory_pages(const struct memory *, uint64_t offset, size_t n,
	    uint8_t *ret);

/*
 * Read [offset, +len) of the file now, and make it the guest's own where it
 * will be written to.  What cannot be done is left.
 */
void	 memory_fetch(const struct memory *, uint64_t offset, uint64_t len,
	    bool written);

/*
 * [gpa, +len) will be filled now: take it in huge pages, where memory is
 * shared and may have them.  By itself the host gives them to anonymous
 * memory only.  What cannot be done is left.
 */
void	 memory_want(const struct memory *, uint64_t gpa, uint64_t len);

/*
 * Give whole pages back to the host.  What the guest reads there afterwards
 * is zeroes, or what the snapshot had.  Outside of memory nothing happens.
 */
void	 memory_discard(struct memory *, uint64_t gpa, uint64_t len);

/* All of it zeroes again, as after memory_new() without a file. */
int	 memory_clear(struct memory *, struct err *);

#endif
