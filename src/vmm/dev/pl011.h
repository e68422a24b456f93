/* SPDX-License-Identifier: ISC */
/* pl011.h - the serial port of an arm64 machine at one end of a wire.h */

#ifndef VMM_DEV_PL011_H
#define VMM_DEV_PL011_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

struct board;
struct pl011;

struct pl011_setup {
	struct board	*board;
	uint64_t	 addr;		/* guest physical; 4 KiB */
	unsigned	 gsi;
};

/* 'stream' is taken, also on failure: a socket, terminal or pipe. */
int	pl011_new(struct pl011 **ret, const struct pl011_setup *, int stream,
	    struct err *);
/* What the guest sent before is written first. */
void	pl011_destroy(struct pl011 *);
OWN_DEFINE(struct pl011, pl011_destroy);

/* As after power on; what was sent is written. */
void	pl011_reset(struct pl011 *);

/* The other end sent a break; board locked. */
void	pl011_break(struct pl011 *);

/* Registers and what was received and not read yet; NULL: out of memory. */
json_t	*pl011_save(struct pl011 *);
int	 pl011_load(struct pl011 *, const json_t *, struct err *);

#endif
