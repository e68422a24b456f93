/* SPDX-License-Identifier: ISC */
/*
 * file_record.h - the text in which vmd keeps the files of VMs
 *
 *	vm NAME or ID
 *	uid N
 *	disk raw|qcow2|any PATH
 *	cdrom|kernel|initramfs|firmware|netboot any PATH
 *
 * where uid is the user of the lines below it, until the next "vm"; without
 * one it is who runs this process.  Other lines before the first "vm" are
 * headings; one of them may be
 *
 *	socket UID GID		who owns the API's socket; -1: not said
 */

#ifndef PRIV_FILE_RECORD_H
#define PRIV_FILE_RECORD_H

#include <sys/types.h>

#include <stdbool.h>

#include "lib/buf.h"
#include "priv/request.h"

/* A file, and the user who opens it. */
struct file {
	uid_t		 uid;
	struct priv_file f;
};

struct files {
	uint16_t	 n;
	uint16_t	 ndisks;	/* of them */
	struct file	 file[PRIV_FILE_MAX];
};

/* "disk", "kernel", ..., of an enum priv_file_kind. */
const char *file_record_kind(uint8_t kind);

/* An absolute path that is one line of a record. */
bool	file_record_path_valid(const char *);

/* Lines of one VM; -1: no room in the buf. */
int	file_record_print(struct buf *, const struct priv_files *, uid_t);

/*
 * Add to *ret what a text, which is cut into pieces, says of a VM; disks
 * false leaves its disks out.  Of a kind that there is once the last one
 * counts.  -1: it is malformed, and what *ret has is of no use.
 */
int	file_record_parse(struct files *ret, char *text, const char *vm,
	    bool disks);

/* What a text says of the API's socket; false: nothing. */
bool	file_record_socket(uid_t *uid, gid_t *gid, const char *text);

#endif
