/* SPDX-License-Identifier: ISC */
/*
 * num.h - numbers, sizes and times as people write them
 *
 * All parsers take the whole string or refuse it; on failure *ret is
 * untouched and the err quotes what was written.
 */

#ifndef LIB_NUM_H
#define LIB_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* Decimal digits only; min and max are allowed values. */
int	num_parse(uint64_t *ret, const char *s, uint64_t min, uint64_t max,
	    struct err *);

/*
 * Bytes: "512M", "1GB", "10GiB", "4096", "1.5g".  Units are powers of 1024,
 * upper or lower case, with or without B or iB.
 */
int	size_parse(uint64_t *bytes, const char *s, struct err *);

/*
 * Bytes a second: as size_parse() with an optional "/s" or "ps" ("125MB/s");
 * "bps" with a decimal unit counts bits ("1Gbps" is 125,000,000).
 */
int	rate_parse(uint64_t *bytes_per_second, const char *s, struct err *);

/* Milliseconds: "90s", "1h30m", "250ms", "1.5s"; a bare "0" is 0. */
int	duration_parse(uint64_t *ms, const char *s, struct err *);

/* "1.0 GB", the API's form; buf of at least 16 bytes; returns it. */
char	*size_print(char *buf, size_t len, uint64_t bytes);

#endif
