/* SPDX-License-Identifier: ISC */
/*
 * migration.h - a running VM as a stream of bytes
 *
 * What vmctl send writes and vmctl receive reads: 16 bytes of magic, then
 * records.  A record has a head of 24 bytes (type, zero: 32 bits each;
 * place, length: 64 bits each; little endian) and, but for ZERO, as many
 * bytes as its length says:
 *
 *	HEADER	JSON: who it is (control/incoming.h); first, once
 *	MEMORY	whole pages of 4096 bytes, at 'place' of all of memory as
 *		vmm/memory_file.h counts it; a later one replaces an earlier
 *	ZERO	'length' bytes of pages that are zeroes; nothing follows
 *	CONFIG	config.json of a snapshot, once
 *	STATE	state.json of a snapshot, once
 *	DISK	bytes at 'place' of the writable layer
 *	END	all is said; the receiver makes the VM, which stands still
 *	COMMIT	the VM is the receiver's; nothing follows
 *
 * A VMM writes MEMORY, ZERO, CONFIG and STATE only, without the magic, into
 * the pipe of vm.send-migration; the rest is vmd-control's.
 *
 * Where both ends can talk the receiver answers with lines: "ready" after
 * END, "running" after COMMIT, or "failed TEXT" at any time, which says that
 * the VM does not run there and will not.
 */

#ifndef CHAPI_MIGRATION_H
#define CHAPI_MIGRATION_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define MIGRATION_MAGIC		"vmd vm stream 1\n"
#define MIGRATION_MAGIC_LEN	16
#define MIGRATION_HEAD_LEN	24
#define MIGRATION_PAGE		4096U

#define MIGRATION_HEADER_MAX	(512U << 10)	/* bytes of each kind */
#define MIGRATION_CONFIG_MAX	(256U << 10)
#define MIGRATION_STATE_MAX	(64U << 20)
#define MIGRATION_PIECE_MAX	(1U << 20)	/* MEMORY and DISK */
#define MIGRATION_WORD_MAX	512		/* a line of the receiver */

enum migration_type {
	MIGRATION_HEADER = 1,
	MIGRATION_MEMORY,
	MIGRATION_ZERO,
	MIGRATION_CONFIG,
	MIGRATION_STATE,
	MIGRATION_DISK,
	MIGRATION_END,
	MIGRATION_COMMIT,
	MIGRATION_TYPES
};

/* Bytes of a record's head. */
void	migration_head(uint8_t ret[MIGRATION_HEAD_LEN], enum migration_type,
	    uint64_t place, uint64_t len);

/*
 * The pipe of vm.send-migration, 'path' from dirfd on, for writing without
 * waiting.  Refused: nobody reads it, or it is no pipe.
 */
int	migration_open(int dirfd, const char *path, struct err *);

/* --- reading ------------------------------------------------------------ */

/* A part of a record, in order; a record without bytes comes once. */
struct migration_part {
	enum migration_type	 type;
	uint64_t		 place;		/* of these bytes */
	uint64_t		 len;		/* ZERO: and data is NULL */
	const void		*data;
	bool			 last;		/* of its record */
};

struct migration_reader {
	/* -1 ends the reading; the err says why. */
	int		(*part)(void *arg, const struct migration_part *,
			    struct err *);
	void		*arg;
	/* What MEMORY and DISK may reach; set when the header is known. */
	uint64_t	 memory, disk;

	/* private */
	bool		 of_vmm;
	bool		 started;	/* magic was seen */
	unsigned	 seen;		/* a bit each type */
	uint8_t		 head[MIGRATION_HEAD_LEN];
	size_t		 nhead;
	enum migration_type type;
	uint64_t	 place, left;	/* of the record that comes */
};

/*
 * of_vmm: what a VMM writes; 'memory' is to be set by the caller then.  part
 * may be NULL: nothing but the check.
 */
void	migration_reader_init(struct migration_reader *, bool of_vmm);

/*
 * Take bytes as they come.  Returns how many were used: all of them, but
 * none behind END or COMMIT in one call, so that the caller can act on it.
 * -1: not such a stream, a record out of turn or out of bounds, or what
 * part() said.  What was refused once must not be fed again.
 */
ssize_t	migration_read(struct migration_reader *, const void *, size_t len,
	    struct err *);

/* Was there a whole record of the type? */
bool	migration_seen(const struct migration_reader *, enum migration_type);

/* Nothing of a record is missing. */
bool	migration_whole(const struct migration_reader *);

#endif
