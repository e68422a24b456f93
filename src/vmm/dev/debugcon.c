/* SPDX-License-Identifier: ISC */
/*
 * debugcon.c - port 0x402: what firmware says of itself; see debugcon.h
 *
 * Process: vmm.  Sandbox, Needs: nothing.
 * Source: QEMU, hw/char/debugcon.c; SeaBIOS, docs/Debugging.md.
 */

#include <stdbool.h>
#include <stdlib.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/debugcon.h"

#define THERE	0xe9			/* what the port reads as */

struct debugcon {
	struct board	*board;
	char		 line[DEBUGCON_LINE_MAX + 1];
	unsigned	 len;
	unsigned	 lines;
};

static uint64_t
debugcon_read(void *arg, uint64_t offset, unsigned len)
{
	(void)arg;
	(void)offset;
	(void)len;
	return THERE;
}

static void
flush(struct debugcon *d)
{
	d->line[d->len] = '\0';
	if (d->len > 0 && d->lines < DEBUGCON_LINES_MAX) {
		d->lines++;
		log_debug("firmware: %s", d->line);
	}
	d->len = 0;
}

static void
debugcon_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct debugcon *d = arg;
	char c = (char)value;

	(void)offset;
	(void)len;
	if (c == '\n' || d->len == DEBUGCON_LINE_MAX)
		flush(d);
	if (c >= ' ' && c <= '~')
		d->line[d->len++] = c;
}

static const struct bus_ops debugcon_ops = {
	.name	= "firmware's messages",
	.read	= debugcon_read,
	.write	= debugcon_write,
};

int
debugcon_new(struct debugcon **ret, struct board *board, struct err *e)
{
	own_mem struct debugcon *d = calloc(1, sizeof(*d));
	struct bus_range r = { DEBUGCON_PORT, 1, &debugcon_ops, d };

	if (d == NULL)
		return err_sys(e, "port of firmware's messages");
	d->board = board;
	if (bus_add(&board->pio, &r, e) == -1)
		return -1;
	*ret = take(&d);
	return 0;
}

void
debugcon_destroy(struct debugcon *d)
{
	if (d == NULL)
		return;
	flush(d);
	bus_remove(&d->board->pio, DEBUGCON_PORT);
	free(d);
}

void
debugcon_reset(struct debugcon *d)
{
	flush(d);
	d->lines = 0;
}
