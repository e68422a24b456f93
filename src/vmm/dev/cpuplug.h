/* SPDX-License-Identifier: ISC */
/*
 * cpuplug.h - registers by which a guest takes in and gives up processors
 *
 * Methods of the DSDT use them, see acpi.c: they read which are new and which
 * are wanted back, ask whether one is there, and write the one that was given
 * up.  All are of 32 bits.
 */

#ifndef VMM_DEV_CPUPLUG_H
#define VMM_DEV_CPUPLUG_H

#include <jansson.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define CPUPLUG_PORT	0x620
enum {
	CPUPLUG_SELECT	= 0,	/* written: the processor that is meant */
	CPUPLUG_STATUS	= 4,	/* read: its _STA */
	CPUPLUG_EJECT	= 8,	/* written: the one that was given up */
	CPUPLUG_NEW	= 12,	/* 64 bits, one each; cleared by reading */
	CPUPLUG_WANTED	= 20,	/* the same */
	CPUPLUG_LEN	= 28,
};
#define CPUPLUG_THERE	0xf	/* present, enabled, shown, working */

struct board;
struct cpuplug;

struct cpuplug_setup {
	struct board	*board;
	unsigned	 max;		/* processors there can be */
	/* The guest has given one up; any thread, board locked. */
	void		(*ejected)(void *arg, unsigned cpu);
	void		*arg;
};

int	cpuplug_new(struct cpuplug **ret, const struct cpuplug_setup *,
	    struct err *);
void	cpuplug_destroy(struct cpuplug *);
OWN_DEFINE(struct cpuplug, cpuplug_destroy);

/*
 * The first 'n' processors are there.  Those that were not are told to the
 * guest; to take some away ask for them first.  Board locked.
 */
void	cpuplug_present(struct cpuplug *, unsigned n);
/* The guest shall give up all from processor n on.  Board locked. */
void	cpuplug_request(struct cpuplug *, unsigned n);

/* As after power on, with n processors; the guest is told nothing. */
void	cpuplug_reset(struct cpuplug *, unsigned n);

/* The caller owns the state; NULL: out of memory. */
json_t	*cpuplug_save(const struct cpuplug *);
int	 cpuplug_load(struct cpuplug *, const json_t *, struct err *);

#endif
