/* SPDX-License-Identifier: ISC */
/*
 * limit.h - token buckets: a rate over time, with some burst
 *
 * A bucket fills at 'rate' units a second up to a tenth of a second's
 * worth.  What is larger than the bucket still passes: it may go into debt,
 * and whoever comes next waits until the debt is paid.  So nothing is
 * dropped or cut, and over any longer time the rate holds.
 */

#ifndef VIOD_LIMIT_H
#define VIOD_LIMIT_H

#include <stdint.h>

#define LIMIT_RATE_MAX	(1ULL << 40)	/* units a second */

struct limit {
	uint64_t	rate;		/* units a second; 0: no limit */
	int64_t		tokens;		/* millionths of a unit; may be < 0 */
	int64_t		burst;		/* tokens at most */
	uint64_t	last_us;	/* when tokens was right */
};

/* 'rate' above LIMIT_RATE_MAX is the same as none.  Starts full. */
void	 limit_init(struct limit *, uint64_t rate, uint64_t now_us);

/*
 * Microseconds until something may pass: 0 is now.  At most a second is
 * said at once; ask again then.
 */
uint64_t limit_wait(struct limit *, uint64_t now_us);

/* 'units' pass.  Only after limit_wait() said 0. */
void	 limit_take(struct limit *, uint64_t units);

#endif
