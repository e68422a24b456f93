/* SPDX-License-Identifier: ISC */
/*
 * vhost.h - a virtio device whose work another process does
 *
 * The queues belong to a vhost-user back-end: our viod, or virtiofsd.  Where
 * the guest's memory can be shared, kicks and interrupts go straight between
 * guest and back-end, and so does every byte.  Where it cannot (a restored
 * or forked VM), or when asked, the back-end sees copies in memory of their
 * own: see shadow.h.
 */

#ifndef VMM_DEV_VHOST_H
#define VMM_DEV_VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define VHOST_TAG_MAX	36	/* bytes of a file system's name */
#define VHOST_ANSWER_S	60	/* a back-end that takes longer is stuck */

struct board;
struct vio;

enum vhost_kind {
	VHOST_BLK,
	VHOST_NET,
	VHOST_VSOCK,
	VHOST_FS,
	VHOST_SCSI,
	VHOST_KINDS
};

/* Strings are copied; zero is a good value for all but name and kind. */
struct vhost_setup {
	const char	*name;		/* "disk0" */
	enum vhost_kind	 kind;
	int		 slot;		/* on the PCI bus; 0: any */
	const char	*socket;	/* path; NULL: fd */
	int		 fd;		/* a connection; taken */
	unsigned	 queues;	/* blk, fs: of requests; net: pairs;
					   0: one */
	uint16_t	 queue_len;	/* descriptors; 0: as usual */
	const char	*mac;		/* net; NULL: the back-end's */
	const char	*tag;		/* fs: what mount(8) names */
	uint64_t	 cid;		/* vsock; 0: the back-end's */
	bool		 shadow;	/* share no guest memory at all */

	/* The back-end is gone or stuck; main thread, board locked. */
	void		(*died)(void *arg, const char *name);
	void		*arg;
};

/*
 * Connect, ask what there is, and plug it in.  Refused: nobody listens, the
 * back-end is of another kind, or has fewer queues than asked for.  The
 * device is the bus's from now on: vio_unplug() ends it.
 */
int	vio_vhost_new(struct vio **ret, struct board *,
	    const struct vhost_setup *, struct err *);

/* How many requests were sent to the back-end, and answers waited for. */
void	vio_vhost_messages(const struct vio *, unsigned *sent,
	    unsigned *waits);

#endif
