/* SPDX-License-Identifier: ISC */
/*
 * bus.h - who answers at an address
 *
 * Two of them: memory addresses and ports.  A range belongs to one device;
 * where there is none, reads are all ones and writes are lost.  Handlers get
 * an access that lies inside their range and run with the board locked.
 */

#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <stdint.h>

#include "lib/err.h"

#define BUS_RANGES_MAX	128

/* len: 1, 2, 4 or 8 bytes; values are little-endian in the low bytes. */
struct bus_ops {
	const char	*name;
	uint64_t	(*read)(void *arg, uint64_t offset, unsigned len);
	void		(*write)(void *arg, uint64_t offset, unsigned len,
			    uint64_t value);
};

struct bus_range {
	uint64_t		 base;
	uint64_t		 len;
	const struct bus_ops	*ops;
	void			*arg;
};

struct bus {
	unsigned		nranges;
	struct bus_range	ranges[BUS_RANGES_MAX];	/* by base */
};

/* Refused: an overlap with another, a full table. */
int	bus_add(struct bus *, const struct bus_range *, struct err *);
/* What begins at base; nothing there is no error. */
void	bus_remove(struct bus *, uint64_t base);

uint64_t bus_read(const struct bus *, uint64_t addr, unsigned len);
void	 bus_write(const struct bus *, uint64_t addr, unsigned len,
	    uint64_t value);

#endif
