/* SPDX-License-Identifier: ISC */
/*
 * nat.h - local interfaces reach what the host reaches, and ports lead to them
 *
 * One table of nftables, "inet vmd", which is ours alone: what comes from
 * interfaces of the group NAT_GROUP leaves others by their address, IPv4 and
 * IPv6, and what answers it comes back.  What comes for a published port of
 * the host (ports.h) goes to its VM.  Nothing else reaches them.  The table
 * names none of them, so it holds for VMs whose vmd is gone.
 *
 * Where the host is no router it becomes one meanwhile (nat_links.h); the
 * rules drop whatever else it would forward.  What was switched on for it is
 * in the sets "forwards" and "forwards6" of the table, which are the record:
 * who takes the table away switches it off again.
 *
 * A host that has become a router meanwhile, or that was one, is left alone;
 * with IPv6 the first of the two cannot be told from what we did.
 */

#ifndef VMD_NAT_H
#define VMD_NAT_H

#include "lib/err.h"
#include "vmd/monitor.h"
#include "vmd/nat_links.h"

/* Have it, for interfaces and ports of now.  Waits for nft(8), a moment. */
int	nat_begin(struct monitor *, struct err *);

/* Take it away; it need not be there. */
void	nat_end(void);

#endif
