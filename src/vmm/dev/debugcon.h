/* SPDX-License-Identifier: ISC */
/*
 * debugcon.h - port 0x402: what firmware says of itself
 *
 * Lines of text for the log's debug messages.  Made only where somebody
 * reads these: each byte is an exit, and firmware that finds no such port
 * says nothing.
 */

#ifndef VMM_DEV_DEBUGCON_H
#define VMM_DEV_DEBUGCON_H

#include "lib/err.h"
#include "lib/own.h"

#define DEBUGCON_PORT		0x402
#define DEBUGCON_LINE_MAX	160	/* bytes; more become another line */
#define DEBUGCON_LINES_MAX	2000	/* from one reset to the next */

struct board;
struct debugcon;

int	debugcon_new(struct debugcon **ret, struct board *, struct err *);
void	debugcon_destroy(struct debugcon *);
OWN_DEFINE(struct debugcon, debugcon_destroy);

/* As after power on. */
void	debugcon_reset(struct debugcon *);

#endif
