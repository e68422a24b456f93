/* SPDX-License-Identifier: ISC */
/*
 * shares.h - which directories of the host a VM has, and with whose rights
 *
 * STATE/vms/ID/shares, root's own and written once: "vm ID", "uid N", and
 * "rw PATH" or "ro PATH" a line.  A start believes this file and nobody
 * else, so that vmd-control cannot share what no user ever asked it to.
 */

#ifndef VMD_SHARES_H
#define VMD_SHARES_H

#include "lib/err.h"
#include "priv/request.h"
#include "vmd/monitor.h"

struct shares {
	uid_t		 uid;		/* whose rights serve them */
	uint16_t	 n;
	struct priv_share share[PRIV_SHARE_MAX];
};

/*
 * Record what a VM without shares is to have.  Whose rights these are is the
 * kernel's word about the other end of the request's connection.  Codes:
 * bad_request, already_exists, not_supported (it is no user of this host,
 * or another than this daemon's when that is not root's).
 */
int	shares_record(struct monitor *, const struct priv_shares *,
	    struct err *);

/*
 * Read the record below a VM's directory; without one there are none.  One
 * that is not as vmd wrote it is refused.
 */
int	shares_read(struct shares *ret, int dirfd, const char *vm,
	    struct err *);

/*
 * The text of a record, which is used up, of the VM 'vm' into *s, which is
 * empty.  -1: it is not as vmd wrote it; *s then says nothing.
 */
int	shares_record_parse(struct shares *s, char *text, const char *vm);

#endif
