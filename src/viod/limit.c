/* SPDX-License-Identifier: ISC */
/* limit.c - token buckets; see limit.h */

#include "lib/util.h"
#include "viod/limit.h"

#define MICRO		1000000
#define ASK_US		MICRO		/* longest wait said at once */
#define ELAPSED_MAX_US	(4 * MICRO)	/* rate * this fits in 63 bits */
#define UNITS_MAX	(1ULL << 42)	/* one request; 2^42 * 10^6 fits */

void
limit_init(struct limit *l, uint64_t rate, uint64_t now_us)
{
	l->rate = rate > LIMIT_RATE_MAX ? 0 : rate;
	l->burst = (int64_t)MAX(l->rate * (MICRO / 10), (uint64_t)MICRO);
	l->tokens = l->burst;
	l->last_us = now_us;
}

uint64_t
limit_wait(struct limit *l, uint64_t now_us)
{
	uint64_t elapsed, wait;

	if (l->rate == 0)
		return 0;
	elapsed = now_us > l->last_us ? now_us - l->last_us : 0;
	elapsed = MIN(elapsed, (uint64_t)ELAPSED_MAX_US);
	l->last_us = now_us;
	l->tokens += (int64_t)(elapsed * l->rate);
	l->tokens = MIN(l->tokens, l->burst);
	if (l->tokens > 0)
		return 0;
	wait = (uint64_t)-l->tokens / l->rate + 1;
	return MIN(wait, (uint64_t)ASK_US);
}

void
limit_take(struct limit *l, uint64_t units)
{
	if (l->rate == 0)
		return;
	units = MIN(units, UNITS_MAX);
	l->tokens -= (int64_t)(units * MICRO);
}
