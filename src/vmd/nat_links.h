/* SPDX-License-Identifier: ISC */
/*
 * nat_links.h - which interfaces of the host forward because of us
 *
 * IPv4: each interface by itself.  Where net.ipv4.ip_forward is 0 those that
 * are there must forward now, for answers to come back.
 *
 * IPv6: the host as a whole (Linux, ip-sysctl.rst, conf/all/forwarding),
 * which makes it deaf to advertisements where accept_ra is 1 and not 2: that
 * is changed first, so that no default route is lost.
 *
 * What was changed is a list of names, for who will change it back.
 */

#ifndef VMD_NAT_LINKS_H
#define VMD_NAT_LINKS_H

#include <stdbool.h>

#include "lib/err.h"
#include "os/link.h"

#define NAT_GROUP	0x766d64	/* of interfaces: "vmd" */
#define NAT_FORWARDS_MAX 256		/* interfaces in a list */

struct nat_names {
	unsigned	 n;
	char		 of[NAT_FORWARDS_MAX][LINK_NAME_MAX];
};

struct nat_links {
	struct nat_names four;		/* they forward IPv4 because of us */
	struct nat_names six;		/* "all": the host forwards IPv6, and
					   these have accept_ra 2 */
	struct nat_names bridges;	/* of the host, whoever's */
};

/* Names with characters that have no place in rules are left out. */
void	nat_names_add(struct nat_names *, const char *);
bool	nat_names_has(const struct nat_names *, const char *);

/*
 * What is to forward now; those of the record, which were switched on before,
 * are among them.  Interfaces of the group are switched on by this.
 */
int	nat_links_choose(struct nat_links *ret, const struct nat_links *record,
	    struct err *);

/* Switch them on, or off again. */
int	nat_links_begin(const struct nat_links *, struct err *);
void	nat_links_end(const struct nat_links *);

/* The host is a router without us. */
bool	nat_links_router(const char *family);

#endif
