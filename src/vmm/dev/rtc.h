/* SPDX-License-Identifier: ISC */
/*
 * rtc.h - the PC's real-time clock and its memory: an MC146818
 *
 * The time is the host's, moved by what the guest has set; so it is right
 * after a pause and in a restored VM.  Interrupts are IRQ 8: periodic ones,
 * which come once a millisecond at most, the alarm, and the end of an update.
 * What was due while the VM did not run is told once, when it runs again.
 */

#ifndef VMM_DEV_RTC_H
#define VMM_DEV_RTC_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define RTC_CENTURY	0x32	/* a register of its memory; ACPI names it */
#define RTC_GSI		8

struct board;
struct rtc;

struct rtc_setup {
	struct board	*board;
	uint64_t	 memory;	/* bytes, told as firmware does */
	/* Have the main thread call rtc_turn(); any thread, board locked. */
	void		(*wake)(void *arg);
	void		*arg;
};

/* Main thread. */
int	rtc_new(struct rtc **ret, const struct rtc_setup *, struct err *);
void	rtc_destroy(struct rtc *);
OWN_DEFINE(struct rtc, rtc_destroy);

/*
 * Interrupt for what is due, and see to it that the next is told.  Main
 * thread, board locked.
 */
void	rtc_turn(struct rtc *);

/* As its RESET pin: no interrupts; time and memory stay. */
void	rtc_reset(struct rtc *);

/* The caller owns the state; NULL: out of memory. */
json_t	*rtc_save(const struct rtc *);
int	 rtc_load(struct rtc *, const json_t *, struct err *);

#endif
