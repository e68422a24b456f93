/* SPDX-License-Identifier: ISC */
/*
 * nat.h - local interfaces reach what the host reaches
 *
 * One table of nftables, "inet vmd", which is ours alone: what comes from
 * interfaces of the group NAT_GROUP leaves others by their address, and what
 * answers it comes back.  Nothing else reaches them.  The table names none of
 * them, so it holds for VMs whose vmd is gone.
 *
 * The kernel forwards by the interface a packet comes in on.  Where the host
 * is no router (net.ipv4.ip_forward is 0) those of its interfaces that are
 * there must forward now, for answers to come back; each of them is in the
 * set "forwards" of the table, and the rules drop whatever else it would
 * forward.  The set is the record, too: who takes the table away switches
 * them off again.
 *
 * A host that has become a router meanwhile, or that was one, is left alone.
 */

#ifndef VMD_NAT_H
#define VMD_NAT_H

#include "lib/err.h"

#define NAT_GROUP	0x766d64	/* of interfaces: "vmd" */
#define NAT_FORWARDS_MAX 256		/* interfaces in the set */

/* Have it, for the interfaces of now.  Waits for nft(8), a moment. */
int	nat_begin(struct err *);

/* Take it away; it need not be there. */
void	nat_end(void);

#endif
