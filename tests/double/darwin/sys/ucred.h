/* SPDX-License-Identifier: ISC */
/* sys/ucred.h - who a peer was when it connected, as macOS tells */

#ifndef DOUBLE_DARWIN_SYS_UCRED_H
#define DOUBLE_DARWIN_SYS_UCRED_H

#include <sys/types.h>

#undef NGROUPS
#define NGROUPS		16
#define XUCRED_VERSION	0

struct xucred {
	unsigned	cr_version;
	uid_t		cr_uid;
	short		cr_ngroups;
	gid_t		cr_groups[NGROUPS];
};

#endif
