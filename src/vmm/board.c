/* SPDX-License-Identifier: ISC */
/* board.c - what devices are plugged into; see board.h */

#include <errno.h>

#include "lib/log.h"
#include "vmm/board.h"

void
board_lock(struct board *board)
{
	int num = pthread_mutex_lock(&board->lock);

	if (num != 0)
		fatalx("board: lock: error %d", num);
}

void
board_unlock(struct board *board)
{
	int num = pthread_mutex_unlock(&board->lock);

	if (num != 0)
		fatalx("board: unlock: error %d", num);
}

void
board_irq(struct board *board, unsigned gsi, int level)
{
	struct err e;

	if (board->accel->irq(board->vm, gsi, level, &e) == -1)
		fatalx("interrupt %u: %s", gsi, e.text);
}

int
board_gsi_alloc(struct board *board, unsigned *ret, struct err *e)
{
	uint64_t bit;

	for (unsigned gsi = ACCEL_GSI_MSI; gsi < ACCEL_GSI_MAX; gsi++) {
		bit = 1ULL << gsi % 64;
		if ((board->gsi_used[gsi / 64] & bit) != 0)
			continue;
		board->gsi_used[gsi / 64] |= bit;
		*ret = gsi;
		return 0;
	}
	return err_set(e, ENOSPC, "more than %d interrupts of devices",
	    ACCEL_GSI_MAX - ACCEL_GSI_MSI);
}

void
board_gsi_free(struct board *board, unsigned gsi)
{
	board->gsi_used[gsi / 64] &= ~(1ULL << gsi % 64);
}
