/* SPDX-License-Identifier: ISC */
/*
 * link.h - network interfaces of the host, as far as VMs need them
 *
 * Each call asks the kernel and is done when it returns.  All but link_find()
 * and link_each() need the right to change interfaces (CAP_NET_ADMIN).
 */

#ifndef OS_LINK_H
#define OS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

#define LINK_NAME_MAX	16	/* bytes, with the NUL */
#define LINK_ALIAS_MAX	256	/* a description, as ip(8) shows it */

struct link {
	unsigned	index;
	unsigned	master;		/* index of its bridge or domain; 0 */
	uint32_t	group;		/* 0: that of all others */
	uint32_t	table;		/* of routes: a routing domain's */
	char		name[LINK_NAME_MAX];
	char		kind[LINK_NAME_MAX];	/* "bridge", "vrf", "tun", "" */
	char		alias[LINK_ALIAS_MAX];
};

/* The interface of that name: 1, 0 there is none, -1. */
int	link_find(struct link *ret, const char *name, struct err *);

/* Call fn for each, until it returns something else than 0; that, or -1. */
int	link_each(int (*fn)(void *arg, const struct link *), void *arg,
	    struct err *);

/*
 * A bridge, or a routing domain of a table of routes: what that has no route
 * for is unreachable in it.
 */
int	link_add_bridge(const char *name, const char *alias, struct err *);
int	link_add_domain(const char *name, uint32_t table, const char *alias,
	    struct err *);

struct link_change {
	const char	*alias;		/* these: NULL or 0: as it is */
	const uint8_t	*mac;
	unsigned	 master;
	uint32_t	 group;
	bool		 up;
	bool		 silent;	/* no address of its own (IPv6) */
};

int	link_set(unsigned index, const struct link_change *, struct err *);

/* Give it an IPv4 address, in host order, with a prefix of len bits. */
int	link_address(unsigned index, uint32_t addr, unsigned len,
	    struct err *);

/*
 * And an IPv6 address, in network order, that is good at once: nobody else on
 * the link can have it (RFC 4862, 5.4, is left out).
 */
int	link_address6(unsigned index, const uint8_t addr[16], unsigned len,
	    struct err *);

/*
 * An option of the kernel's for one interface, "ipv4" "rp_filter" "1"; it goes
 * with the interface.  A kernel without that family or option is no error.
 */
int	link_option(const char *name, const char *family, const char *option,
	    const char *value, struct err *);

/* Has it that value?  False where there is none. */
bool	link_option_is(const char *name, const char *family,
	    const char *option, const char *value);

/* Is it on?  False where there is none. */
bool	link_option_on(const char *name, const char *family,
	    const char *option);

/* One that was found; of a routing domain that last route, too. */
int	link_remove(const struct link *, struct err *);

/*
 * A new tap, gone with the descriptor that is returned: packets with headers
 * of struct virtio_net_hdr.  name "" is the first "tapN" that is free, and is
 * written there.
 */
int	link_tap(char name[LINK_NAME_MAX], struct err *);

/*
 * A TCP socket that listens at an address, for what comes in on link 'name'
 * alone; the link need not have the address yet.
 */
struct sockaddr;
int	link_listen(const char *name, const struct sockaddr *, struct err *);

/* The name of a tap by its descriptor. */
int	link_tap_name(char name[LINK_NAME_MAX], int fd, struct err *);

/* The number of a group's name, as ip(8) knows it. */
int	link_group(uint32_t *ret, const char *name, struct err *);

#endif
