/* SPDX-License-Identifier: ISC */
/*
 * admission.h - does it fit?  CPUs, memory and disk with over-commit
 *
 * CPUs and memory are taken by VMs that live or are being started; disk by
 * what overlays and volumes may grow to.  A refusal names what was asked
 * for, what is free and the limit, and comes before anything is made.
 */

#ifndef CONTROL_ADMISSION_H
#define CONTROL_ADMISSION_H

#include <stdint.h>

#include "lib/err.h"

/* Bytes that stay free on the disk, for the database and the logs. */
#define ADMISSION_RESERVE	(128ULL << 20)

struct control;
struct vm;

struct resource {
	uint64_t	capacity;	/* of the host: CPUs or bytes */
	uint64_t	limit;		/* with over-commit */
	uint64_t	used;
	double		ratio;
};

struct resources {
	struct resource	cpu, memory, disk;
	uint64_t	disk_free;	/* bytes, as the file system says */
	uint64_t	overlays;	/* bytes, logical */
	uint64_t	volumes;
	uint64_t	snapshots;	/* bytes on disk */
};

void	admission_count(struct resources *, const struct control *);

/* insufficient_resources or port_in_use. */
int	admission_create(const struct vm *, struct err *);
int	admission_start(const struct vm *, struct err *);
int	admission_disk(const struct control *, const char *what,
	    uint64_t bytes, struct err *);

/* Check numbers alone; 'unit' is "" or " bytes". */
int	admission_fits(const struct resource *, const char *name,
	    uint64_t wanted, int bytes, struct err *);

#endif
