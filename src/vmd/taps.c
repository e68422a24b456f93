/* SPDX-License-Identifier: ISC */
/* taps.c - taps, and the bridges and domains they are in; see taps.h */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/link.h"
#include "vmd/names.h"
#include "vmd/nat.h"
#include "vmd/taps.h"

#define OURS		"vmd: "		/* how descriptions of ours begin */
#define LOCAL_BITS	31		/* of a local interface's network */
#define LOCAL_BITS6	96
#define TABLE_MAX	252		/* above are the kernel's own */
#define NAMES_PORT	53		/* of a name server */
#define LEAVE_MAX	256		/* bridges and domains in one go */

/* --- routing domains ------------------------------------------------------ */

struct domain {
	uint32_t	table;
	unsigned	index;		/* 0: there is none */
};

static int
match_domain(void *arg, const struct link *l)
{
	struct domain *d = arg;

	if (strcmp(l->kind, "vrf") == 0 && l->table == d->table)
		d->index = l->index;
	return 0;
}

/* The index of the domain, which is made if it is not there; 0 for none. */
static int
need_domain(unsigned *index, uint16_t rdomain, struct err *e)
{
	static const struct link_change up = { .up = true };
	struct domain d = { rdomain, 0 };
	char name[LINK_NAME_MAX], alias[LINK_ALIAS_MAX];

	*index = 0;
	if (rdomain == 0)
		return 0;
	if (rdomain > TABLE_MAX)
		return err_api(e, EINVAL, "bad_request", "rdomain %u: the "
		    "kernel's own tables are above %d", rdomain, TABLE_MAX);
	if (link_each(match_domain, &d, e) == -1)
		return -1;
	if (d.index == 0) {
		(void)snprintf(name, sizeof(name), "vrf%u", rdomain);
		(void)snprintf(alias, sizeof(alias), OURS "rdomain %u",
		    rdomain);
		if (link_add_domain(name, rdomain, alias, e) == -1 ||
		    link_each(match_domain, &d, e) == -1 ||
		    link_set(d.index, &up, e) == -1)
			return -1;
	}
	*index = d.index;
	return 0;
}

/* --- bridges -------------------------------------------------------------- */

static int
make_bridge(struct link *ret, const struct priv_tap *t, struct err *e)
{
	struct link_change c = { .up = !t->bridge_down };
	char alias[LINK_ALIAS_MAX];
	unsigned domain;

	if (need_domain(&domain, t->rdomain, e) == -1)
		return -1;
	(void)snprintf(alias, sizeof(alias), OURS "switch %s",
	    t->switch_name);
	if (link_add_bridge(t->bridge, alias, e) == -1 ||
	    link_find(ret, t->bridge, e) == -1)
		return -1;
	c.master = domain;
	/* What a guest says on it must not become the host's routes. */
	if (link_option(t->bridge, "ipv6", "accept_ra", "0", e) == -1 ||
	    link_set(ret->index, &c, e) == -1) {
		(void)link_remove(ret, NULL);
		return err_prefix(e, "%s", t->bridge);
	}
	log_info("made bridge %s of switch %s", t->bridge, t->switch_name);
	return 0;
}

/* One that is there is somebody else's: it is used as it is. */
static int
need_bridge(struct link *ret, const struct priv_tap *t, struct err *e)
{
	int found = link_find(ret, t->bridge, e);

	if (found == 0)
		return make_bridge(ret, t, e);
	if (found == 1 && strcmp(ret->kind, "bridge") != 0)
		return err_set(e, EINVAL, "switch \"%s\": %s is no bridge",
		    t->switch_name, t->bridge);
	return found == -1 ? -1 : 0;
}

/* --- taps ----------------------------------------------------------------- */

/* What the tap is put on: a bridge, or a domain, or nothing. */
static int
need_master(unsigned *index, const struct priv_tap *t, struct err *e)
{
	struct link bridge;

	if (t->bridge[0] == '\0')
		return need_domain(index, t->rdomain, e);
	if (need_bridge(&bridge, t, e) == -1)
		return -1;
	*index = bridge.index;
	return 0;
}

static int
need_group(uint32_t *group, const struct priv_tap *t, struct err *e)
{
	const char *name = t->group[0] != '\0' ? t->group : t->switch_group;

	if (t->addr != 0)
		*group = NAT_GROUP;
	else if (name[0] != '\0')
		return link_group(group, name, e);
	return 0;
}

/* Which interface of the VM it is: those of the user network are none. */
static unsigned
ordinal(const struct priv_start *r, unsigned net)
{
	unsigned n = 0;

	for (unsigned i = 0; i < net; i++)
		n += r->net[i].is_tap;
	return n;
}

/*
 * What a guest says must not become the host's own routes.  Packets of a local
 * interface have a source that belongs there (RFC 3704).
 */
static int
harden(const char *name, const struct priv_net *n, struct err *e)
{
	const struct priv_tap *t = &n->tap;
	static const struct option {
		const char	*family, *option, *value;
		bool		 local;		/* of those only */
		bool		 six;		/* of those with IPv6 */
		bool		 ports;		/* of those with ports */
	} options[] = {
		{ "ipv6", "accept_ra", "0", false, false, false },
		{ "ipv6", "accept_redirects", "0", false, false, false },
		{ "ipv4", "accept_redirects", "0", false, false, false },
		{ "ipv4", "accept_source_route", "0", false, false, false },
		{ "ipv4", "rp_filter", "1", true, false, false },
		{ "ipv6", "disable_ipv6", "0", true, true, false },
		/* Says to nat_links.c that it has IPv6. */
		{ "ipv6", "forwarding", "1", true, true, false },
		/* From 127.0.0.1 to it; the table's guard is the way back. */
		{ "ipv4", "route_localnet", "1", true, false, true },
	};

	for (size_t i = 0; i < COUNT(options); i++) {
		const struct option *o = &options[i];

		if ((!o->local || t->addr != 0) &&
		    (!o->six || t->addr6[0] != 0) &&
		    (!o->ports || n->nports > 0) &&
		    link_option(name, o->family, o->option, o->value,
		    e) == -1)
			return -1;
	}
	return 0;
}

/* The host's end of a local interface: the address below the guest's. */
static int
set_addresses(unsigned index, const struct priv_tap *t, struct err *e)
{
	static const uint8_t router[16] = { 0xfe, 0x80, [15] = 1 };
	uint8_t host[16];

	if (link_address(index, t->addr - 1, LOCAL_BITS, e) == -1)
		return -1;
	if (t->addr6[0] == 0)
		return 0;
	memcpy(host, t->addr6, sizeof(host));
	host[15] = 1;
	return link_address6(index, router, 64, e) == -1 ? -1 :
	    link_address6(index, host, LOCAL_BITS6, e);
}

static int
set_up(const char *name, const struct priv_start *r, unsigned net,
    struct err *e)
{
	const struct priv_tap *t = &r->net[net].tap;
	char alias[LINK_ALIAS_MAX];
	struct link_change c = { .alias = alias, .up = !t->down,
	    .silent = t->bridge[0] != '\0' || t->addr6[0] != 0 };
	uint8_t mac[6];
	struct link l;

	(void)snprintf(alias, sizeof(alias), "vm%u-if%u-%s",
	    (unsigned)r->number, ordinal(r, net), r->name);
	memcpy(mac, r->net[net].mac, sizeof(mac));
	mac[5]++;
	if (t->addr != 0)
		c.mac = mac;
	if (harden(name, &r->net[net], e) == -1 ||
	    need_master(&c.master, t, e) == -1 ||
	    need_group(&c.group, t, e) == -1 || link_find(&l, name, e) == -1 ||
	    link_set(l.index, &c, e) == -1)
		return err_prefix(e, "%s", name);
	return t->addr == 0 || set_addresses(l.index, t, e) == 0 ? 0 :
	    err_prefix(e, "%s", name);
}

int
taps_make(const struct priv_start *r, unsigned net, struct err *e)
{
	own_fd int fd = -1;
	char name[LINK_NAME_MAX];

	if (geteuid() != 0)
		return err_api(e, ENOTSUP, "not_supported", "interfaces on "
		    "taps need a vmd that root started");
	(void)snprintf(name, sizeof(name), "%s", r->net[net].tap.name);
	fd = link_tap(name, e);
	if (fd == -1 || set_up(name, r, net, e) == -1)
		return -1;
	log_debug("VM %s: net%u is %s", r->vm, net, name);
	return take_fd(&fd);
}

/* One of them; the names of a VM are no reason not to start it. */
static int
listen_at(const char *name, const struct sockaddr *sa, const char *vm)
{
	struct err e;
	int fd = link_listen(name, sa, &e);

	if (fd == -1)
		log_info("VM %s: names by TCP: %s", vm, e.text);
	return fd;
}

void
taps_names(int fds[TAPS_NAMES], const struct priv_start *r, unsigned net,
    int tap)
{
	const struct priv_tap *t = &r->net[net].tap;
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(NAMES_PORT) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(NAMES_PORT) };
	char name[LINK_NAME_MAX];

	fds[0] = fds[1] = -1;
	if (t->addr == 0 || link_tap_name(name, tap, NULL) == -1)
		return;
	in.sin_addr.s_addr = htonl(t->addr - 1);
	fds[0] = listen_at(name, (const struct sockaddr *)&in, r->vm);
	if (t->addr6[0] == 0)
		return;
	memcpy(&in6.sin6_addr, t->addr6, sizeof(in6.sin6_addr));
	in6.sin6_addr.s6_addr[15] = 1;
	fds[1] = listen_at(name, (const struct sockaddr *)&in6, r->vm);
}

/* --- what goes to local ones ---------------------------------------------- */

static int
is_local(void *arg, const struct link *l)
{
	(void)arg;
	return l->group == NAT_GROUP;
}

int
taps_route(struct monitor *m, struct err *e)
{
	return nat_begin(m, e);
}

void
taps_sweep(struct monitor *m)
{
	struct err e;

	/* Where none ever was there is nothing of us. */
	if (geteuid() != 0 || !names_exist(m))
		return;
	if (link_each(is_local, NULL, &e) != 1)
		nat_end();
	else if (nat_begin(m, &e) == -1)
		log_err(&e, "local interfaces");
}

/* --- leaving -------------------------------------------------------------- */

struct leaving {
	unsigned	 n;
	struct link	 ours[LEAVE_MAX];
	bool		 used[LEAVE_MAX];
	bool		 local;		/* a VM's local interface is there */
};

static int
find_ours(void *arg, const struct link *l)
{
	struct leaving *v = arg;

	v->local |= l->group == NAT_GROUP;
	if (v->n < LEAVE_MAX && (strcmp(l->kind, "bridge") == 0 ||
	    strcmp(l->kind, "vrf") == 0) &&
	    strncmp(l->alias, OURS, strlen(OURS)) == 0)
		v->ours[v->n++] = *l;
	return 0;
}

static int
find_used(void *arg, const struct link *l)
{
	struct leaving *v = arg;

	for (unsigned i = 0; i < v->n; i++)
		v->used[i] |= l->master == v->ours[i].index;
	return 0;
}

/* Those of one kind that nothing is on. */
static void
remove_kind(struct leaving *v, const char *kind)
{
	struct err e;

	memset(v->used, 0, sizeof(v->used));
	if (link_each(find_used, v, &e) == -1) {
		log_warnx("%s", e.text);
		return;
	}
	for (unsigned i = 0; i < v->n; i++)
		if (!v->used[i] && strcmp(v->ours[i].kind, kind) == 0 &&
		    link_remove(&v->ours[i], &e) == -1)
			log_warnx("%s: %s", v->ours[i].name, e.text);
}

void
taps_leave(void)
{
	static struct leaving v;	/* large */
	struct err e;

	if (geteuid() != 0)
		return;
	memset(&v, 0, sizeof(v));
	if (link_each(find_ours, &v, &e) == -1) {
		log_warnx("%s", e.text);
		return;
	}
	remove_kind(&v, "bridge");
	remove_kind(&v, "vrf");		/* in which bridges were */
	if (!v.local)
		nat_end();
}
