/* SPDX-License-Identifier: ISC */
/*
 * nat.h - local interfaces reach what the host reaches
 *
 * One table of nftables, "inet vmd", which is ours alone: what comes from
 * interfaces of the group NAT_GROUP leaves others by their address.  It names
 * no interface, so it is loaded once, and holds for VMs whose vmd is gone.
 *
 * The host must forward packets for that.  Where it did not it does now, and
 * no rule of ours keeps its other networks apart; an empty chain in the table,
 * "forwards", is the record of that: who takes the table away switches
 * forwarding off again.
 */

#ifndef VMD_NAT_H
#define VMD_NAT_H

#include "lib/err.h"

#define NAT_GROUP	0x766d64	/* of interfaces: "vmd" */

/* Have it.  Waits for nft(8), a moment. */
int	nat_begin(struct err *);

/* Take it away; it need not be there. */
void	nat_end(void);

#endif
