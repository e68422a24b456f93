/* SPDX-License-Identifier: ISC */
/*
 * incoming.h - an instance that is sent here, into a snapshot's files
 *
 * The stream (chapi/migration.h) comes from anywhere.  Its header is
 *
 *	{"version":1, "oneway":BOOL, "memory":BYTES, "disk":BYTES,
 *	 "root":{"bytes":N, "head":HEX} or null, "vm":RECORD}
 *
 * RECORD being a snapshot's (snapshots.h).  The root image must be here and
 * be the same: a guest remembers where its files lie in it.  'head' is what
 * mksquashfs wrote first: the places of all its tables.
 *
 * Bounded: nothing is written behind the sizes of the header, and these must
 * fit what the instance may have and what this host has.
 */

#ifndef CONTROL_INCOMING_H
#define CONTROL_INCOMING_H

#include <sys/types.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define INCOMING_ROOT_HEAD	96	/* bytes of a superblock */

struct control;
struct incoming;
struct snapshot;
struct vm;

/* The header for a VM that is to be sent. */
int	incoming_header(json_t **ret, const struct vm *, uint64_t disk,
	    bool oneway, struct err *);

/* What is not taken by incoming_snapshot() is removed with it. */
int	incoming_new(struct incoming **ret, struct control *, uid_t owner,
	    struct err *);
void	incoming_destroy(struct incoming *);
OWN_DEFINE(struct incoming, incoming_destroy);

/* As migration_read(). */
ssize_t	incoming_feed(struct incoming *, const void *, size_t, struct err *);

bool	incoming_ended(const struct incoming *);	/* all is there */
bool	incoming_committed(const struct incoming *);
bool	incoming_oneway(const struct incoming *);	/* once there is one */

/* Once it has ended: the snapshot, which stays the incoming's. */
struct snapshot *incoming_snapshot(const struct incoming *);
/* Its disk, or -1: to be made durable; stays the incoming's. */
int	incoming_disk(const struct incoming *);

#endif
