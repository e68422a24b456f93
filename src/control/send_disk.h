/* SPDX-License-Identifier: ISC */
/*
 * send_disk.h - the writable layer of an instance that is sent
 *
 * It goes in rounds: all that is no hole, then what was written during the
 * round before (lib/written.h), while the guest runs; and once more when it
 * stands.  What was written but is zeroes, as it is at the receiver, does not
 * go: file systems clear much that they do not use yet.  A disk whose server
 * marks nothing goes as a whole, when it stands.
 */

#ifndef CONTROL_SEND_DISK_H
#define CONTROL_SEND_DISK_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define SEND_DISK_FILE		"overlay.img"
#define SEND_DISK_MARKS		"disk1.written"	/* vmd's name for them */
#define SEND_DISK_ROUNDS_MAX	8
#define SEND_DISK_FEW		(1U << 20)	/* bytes of a round that is the
						   last while it runs */

struct send_disk {
	int		 fd;		/* or -1 */
	int		 marks;		/* or -1 */
	uint64_t	 len;		/* bytes of the disk */

	/* private */
	uint8_t		*gone;		/* bits: a part of which data went */
	unsigned	 rounds;	/* that were begun */
	bool		 whole;		/* this one is of all */
	uint8_t		 time;		/* else of what has this mark */
	uint64_t	 at;		/* bytes, or parts, looked at */
	uint64_t	 sent;		/* bytes in this round */
	uint64_t	 ahead;		/* in all rounds before it stood */
};

void	send_disk_init(struct send_disk *);

/* Those of a VM's directory, in which others make files. */
int	send_disk_open(struct send_disk *, int dirfd, struct err *);
void	send_disk_close(struct send_disk *);

/*
 * Begin a round.  stands: the guest does, and what it began is done; it is
 * the last.  1, or 0: there is none to begin, as the guest is to stand first.
 */
int	send_disk_round(struct send_disk *, bool stands, struct err *);

/*
 * The next bytes of the round, and their place; 0: it is over.  max is at
 * least WRITTEN_PART.
 */
ssize_t	send_disk_read(struct send_disk *, void *to, size_t max,
	    uint64_t *place, struct err *);

#endif
