/* SPDX-License-Identifier: ISC */
/*
 * send.h - a VM into a pipe, while its guest runs
 *
 * The records of chapi/migration.h that a VMM writes.  A round sends the
 * pages that were written to during the one before; the first sends all that
 * are not zeroes.  When SEND_LAST_MAX pages or fewer are left the guest is
 * stopped, and the last round sends them, with what was written until it
 * stood.  A guest that writes faster than the pipe takes it is stopped after
 * SEND_ROUNDS_MAX rounds, however many pages are left: it is sent in any
 * case, and stands longer.
 *
 * On the event loop, a little a turn: consoles, devices and calls go on.
 */

#ifndef VMM_SEND_H
#define VMM_SEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define SEND_ROUNDS_MAX	16	/* while the guest runs */
#define SEND_LAST_MAX	2048	/* pages; 8 MiB */

struct event_loop;
struct machine;
struct send;

struct send_setup {
	struct event_loop	*loop;
	struct machine		*machine;
	int			 fd;	/* pipe that does not block; taken,
					   also on failure */
	bool			 running;	/* the guest */
	/* Stop it, and tell what goes with its memory; taken. */
	int			(*stop)(void *arg, json_t **config,
				    json_t **state, struct err *);
	/* All is written (NULL), or will not be; may destroy the send. */
	void			(*done)(void *arg, const struct err *);
	void			*arg;
};

struct send_counts {
	unsigned	rounds;		/* while the guest ran */
	uint64_t	pages;		/* sent in them, with bytes */
	uint64_t	last;		/* left when it stood */
};

/* Refused: a device whose writes cannot be told. */
int	send_new(struct send **ret, const struct send_setup *, struct err *);
/* Also before it is done: the guest is left as it is. */
void	send_destroy(struct send *);
OWN_DEFINE(struct send, send_destroy);

const struct send_counts *send_counts(const struct send *);

#endif
