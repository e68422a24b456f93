/* SPDX-License-Identifier: ISC */
/*
 * bigend.h - numbers whose first byte is the highest
 *
 * Both ways are the same.  <endian.h> is not every system's.
 */

#ifndef LIB_BIGEND_H
#define LIB_BIGEND_H

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "only processors that are little-endian are supported"
#endif

static inline uint16_t
bigend16(uint16_t v)
{
	return __builtin_bswap16(v);
}

static inline uint32_t
bigend32(uint32_t v)
{
	return __builtin_bswap32(v);
}

static inline uint64_t
bigend64(uint64_t v)
{
	return __builtin_bswap64(v);
}

#endif
