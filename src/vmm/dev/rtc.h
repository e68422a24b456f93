/* SPDX-License-Identifier: ISC */
/*
 * rtc.h - the PC's real-time clock and its memory: an MC146818
 *
 * The time is the host's, moved by what the guest has set; so it is right
 * after a pause and in a restored VM.  Interrupts are not made.
 */

#ifndef VMM_DEV_RTC_H
#define VMM_DEV_RTC_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define RTC_CENTURY	0x32	/* a register of its memory; ACPI names it */

struct board;
struct rtc;

/* memory: bytes the guest has, told as firmware does. */
int	rtc_new(struct rtc **ret, struct board *, uint64_t memory,
	    struct err *);
void	rtc_destroy(struct rtc *);
OWN_DEFINE(struct rtc, rtc_destroy);

/* The caller owns the state; NULL: out of memory. */
json_t	*rtc_save(const struct rtc *);
int	 rtc_load(struct rtc *, const json_t *, struct err *);

#endif
