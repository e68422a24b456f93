/* SPDX-License-Identifier: ISC */
/*
 * counters.h - what a device of a VM has counted, asked over its lifeline
 *
 * A byte to the device is the question; a line of words is the answer:
 * "rx_bytes 512 tx_bytes 0".  A device may be slow, silent, or lie: what it
 * said last stays, and a line that is none is thrown away.
 */

#ifndef CHAPI_COUNTERS_H
#define CHAPI_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/json.h"

#define COUNTERS_LINE_MAX	512	/* bytes, with its newline */
#define COUNTERS_MAX		16	/* of one device */
#define COUNTERS_NAME_MAX	31	/* bytes: a to z and '_' */

struct counters {
	bool	 asked;			/* and not yet answered */
	bool	 lost;			/* in a line that is too long */
	size_t	 len;
	char	 line[COUNTERS_LINE_MAX];
	json_t	*last;			/* or NULL: nothing was said */
};

/* Zeroed memory is set up. */
void	counters_fini(struct counters *);

/* Ask, if no answer is due already.  Never waits; false: it cannot be. */
bool	counters_ask(struct counters *, int fd);

/* Bytes of the device.  True: it has answered. */
bool	counters_heard(struct counters *, const char *, size_t len);

/* {"rx_bytes":512,...}, for the caller; NULL: nothing was said. */
json_t	*counters_json(const struct counters *);

#endif
