/* SPDX-License-Identifier: ISC */
/* brake.c - a guest that does nothing but reboot; see brake.h */

#include "chapi/brake.h"

void
brake_release(struct brake *b, uint64_t now_us)
{
	b->began_us = now_us;
	b->quick = 0;
}

bool
brake_reboot(struct brake *b, uint64_t now_us)
{
	b->quick = now_us - b->began_us < BRAKE_US ? b->quick + 1 : 0;
	b->began_us = now_us;
	return b->quick < BRAKE_REBOOTS;
}
