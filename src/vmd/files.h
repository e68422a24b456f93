/* SPDX-License-Identifier: ISC */
/*
 * files.h - which files of the host a VM has, and with whose rights
 *
 * Two records, root's own: STATE/vm.conf.files, what vmd-conf found in
 * vm.conf, and STATE/vms/ID/files of a VM that was made otherwise; their text
 * is priv/file_record.h's.  A start believes these files and nobody else.
 */

#ifndef VMD_FILES_H
#define VMD_FILES_H

#include "disk/image.h"
#include "lib/err.h"
#include "priv/file_record.h"
#include "priv/request.h"
#include "vmd/monitor.h"

#define FILES_CONF_MAX	(16 << 20)	/* bytes of vm.conf.files */

/*
 * Record what a VM without files is to have; its directory is made if there
 * is none.  Codes: bad_request, already_exists, permission_denied (only root
 * names another user), not_supported (who asks is no user of this host, or
 * another than this daemon's when that is not root's).
 */
int	files_record(struct monitor *, const struct priv_files *,
	    struct err *);

/*
 * What vmd-conf wrote to 'fd', which is kept if it is whole: one that found
 * an error has written nothing.
 */
int	files_keep(struct monitor *, int fd, struct err *);

/* What it said of the API's socket; false: nothing, or it cannot be read. */
bool	files_socket(uid_t *, gid_t *, struct monitor *);

/* A descriptor for vmd-conf to write to. */
int	files_new(struct err *);

/*
 * What a VM has; dirfd is its directory, or -1 when there is none.  A record
 * that is not as vmd wrote it is refused.
 */
int	files_read(struct files *, struct monitor *, int dirfd,
	    const struct priv_origin *, struct err *);

/* Disk i: it and the files below it, opened as its user. */
int	files_disk(struct image_files *, const struct files *, unsigned i,
	    struct err *);

/* Its file of a kind that there is once, or NULL. */
const struct file *files_find(const struct files *, enum priv_file_kind);

/* A regular file, opened for reading as its user. */
int	files_plain(const struct file *, struct err *);

/* The VM's file of a kind, open for reading; not_found when there is none. */
int	files_open(struct monitor *, const struct priv_file_open *,
	    struct err *);

#endif
