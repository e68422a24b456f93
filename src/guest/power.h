/* SPDX-License-Identifier: ISC */
/* power.h - the end of the guest */

#ifndef GUEST_POWER_H
#define GUEST_POWER_H

#include "guest/agent.h"
#include "lib/err.h"

/* Write everything back and switch the machine off. */
void	power_off(void) __attribute__((noreturn));

/*
 * Mode init: ask process 1, which is not ours, to end; a child of ours
 * switches off when it has not after the grace time.
 */
int	power_ask_init(const struct agent_stop *, struct err *);

#endif
