/* SPDX-License-Identifier: ISC */
/*
 * cdrom.h - what a CD drive answers to a SCSI command
 *
 * A drive with one disc in it, of one data track, that cannot be taken out
 * or written to.  Nothing is read here: the answer says which blocks are
 * wanted.  Everything is known from the command alone, so that a drive has
 * no state that could be lost.
 *
 * Source: SPC-4 (INQUIRY, MODE SENSE, REPORT LUNS, sense data), SBC-3 (READ,
 * READ CAPACITY), MMC-6 (all that only drives for discs have).
 */

#ifndef VIOD_CDROM_H
#define VIOD_CDROM_H

#include <stdbool.h>
#include <stdint.h>

#define CDROM_BLOCK	2048U		/* bytes */
#define CDROM_CDB_BYTES	32		/* of a command, zeroes behind it */
#define CDROM_SENSE_BYTES 18
#define CDROM_DATA_MAX	128		/* bytes of an answer but blocks */
#define CDROM_READ_MAX	512U		/* blocks of one command */

enum {
	CDROM_GOOD		= 0x00,	/* status codes */
	CDROM_CHECK		= 0x02,	/* there is sense data */
};

struct cdrom_answer {
	uint8_t		status;
	uint8_t		sense[CDROM_SENSE_BYTES];	/* with CHECK */
	uint8_t		data[CDROM_DATA_MAX];
	uint32_t	len;		/* bytes of it the host asked for */
	uint64_t	block;		/* or read from here on */
	uint32_t	nblocks;	/* 0: nothing is to be read */
};

/* blocks: of the disc.  Whatever the command is, there is an answer. */
void	cdrom_answer(struct cdrom_answer *ret, uint64_t blocks,
	    const uint8_t cdb[CDROM_CDB_BYTES]);

/* The blocks could not be read. */
void	cdrom_unreadable(struct cdrom_answer *);

#endif
