/* SPDX-License-Identifier: ISC */
/*
 * brake.h - a guest that does nothing but reboot is stopped
 *
 * As OpenBSD's vmd(8): the third reboot in a row that comes less than 6
 * seconds after the guest began is its last.  So it boots three times within
 * 18 seconds, and no fourth time.
 */

#ifndef CHAPI_BRAKE_H
#define CHAPI_BRAKE_H

#include <stdbool.h>
#include <stdint.h>

#define BRAKE_US	6000000ULL	/* a guest that ran as long is well */
#define BRAKE_REBOOTS	3		/* of others, in a row */
#define BRAKE_REASON	"guest restarted too quickly"

struct brake {
	uint64_t	began_us;	/* the guest, last */
	unsigned	quick;		/* reboots in a row */
};

/* The VM boots, or is made to begin anew: nothing is held against it. */
void	brake_release(struct brake *, uint64_t now_us);

/* Its guest reboots.  False: it shall not. */
bool	brake_reboot(struct brake *, uint64_t now_us);

#endif
