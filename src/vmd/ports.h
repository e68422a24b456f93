/* SPDX-License-Identifier: ISC */
/*
 * ports.h - published ports of VMs whose first way out is a local interface
 *
 * The kernel leads them to the VM (nat.h).  What leads where is in a record,
 * STATE/vms/ID/ports, as VMs outlive vmd; it goes with the VM's processes.
 *
 * A port of the host that is led elsewhere must be nobody's: a socket of the
 * VM's is bound to each, which nobody listens on, from before the rules are
 * there until the card's process has ended.  As with any socket, ports below
 * net.ipv4.ip_unprivileged_port_start are not for everybody.
 */

#ifndef VMD_PORTS_H
#define VMD_PORTS_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"
#include "priv/request.h"

struct ports {
	uint32_t	 addr;		/* of the guest, in host order */
	uint8_t		 addr6[16];	/* all 0: it has none */
	uint16_t	 n;		/* 1 or more */
	struct priv_port port[PRIV_PORT_MAX];
};

/* Those of taps; *ret is NULL where there are none. */
int	ports_of(struct ports **ret, const struct priv_start *, struct err *);
void	ports_destroy(struct ports *);
OWN_DEFINE(struct ports, ports_destroy);

/*
 * Bind a socket to each, with the rights of the caller; -1 is none.
 * port_in_use: somebody has it.
 */
int	ports_reserve(int fds[PRIV_PORT_MAX], const struct ports *,
	    struct err *);

/* The record below a VM's directory: replaced, read (or NULL), removed. */
int	ports_write(int dirfd, const struct ports *, struct err *);
int	ports_read(struct ports **ret, int dirfd, struct err *);
void	ports_remove(int dirfd);

/* What the record says; -1: it is none.  The text is written to. */
int	ports_record_parse(struct ports *ret, char *text);

#endif
