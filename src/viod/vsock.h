/* SPDX-License-Identifier: ISC */
/* vsock.h - the socket device (virtio 1.2, section 5.10) */

#ifndef VIOD_VSOCK_H
#define VIOD_VSOCK_H

#include <stdint.h>

#include "lib/err.h"
#include "viod/serve.h"
#include "viod/vsock_mux.h"

#define VSOCK_CID_MIN	3		/* below are the host and nobody */
#define VSOCK_CID_MAX	0xfffffffe	/* above is VMADDR_CID_ANY */

struct vsock_options {
	uint32_t	cid;		/* the guest's address */
	int		listen_fd;	/* vsock.sock, listening; borrowed */
	int		dirfd;		/* of vsock.sock_<port>; borrowed */
};

int	vsock_new(struct viod **, struct event_loop *,
	    const struct vsock_options *, struct err *);
void	vsock_destroy(struct viod *);

#endif
