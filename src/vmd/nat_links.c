/* SPDX-License-Identifier: ISC */
/* nat_links.c - which interfaces forward because of us; see nat_links.h */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "vmd/nat_links.h"

#define HOST	"all"		/* no interface has such a name */
#define LATER	"default"	/* nor this: of those that come */

static bool
is_plain(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.@", *p) == NULL)
			return false;
	return name[0] != '\0' && strlen(name) < LINK_NAME_MAX;
}

bool
nat_names_has(const struct nat_names *s, const char *name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (strcmp(s->of[i], name) == 0)
			return true;
	return false;
}

void
nat_names_add(struct nat_names *s, const char *name)
{
	if (s->n == NAT_FORWARDS_MAX || !is_plain(name) ||
	    nat_names_has(s, name))
		return;
	(void)snprintf(s->of[s->n++], LINK_NAME_MAX, "%s", name);
}

bool
nat_links_router(const char *family)
{
	return link_option_on(HOST, family, "forwarding");
}

/* --- choosing ------------------------------------------------------------- */

struct choice {
	const struct nat_links	*record;
	struct nat_links	*chosen;
	bool			 four, six;	/* is to forward */
	unsigned		 nbridges;
	unsigned		 bridges[NAT_FORWARDS_MAX];
	struct err		*e;
};

/* Bridges, and whether a local interface has IPv6: vmd/taps.c marks them. */
static int
look(void *arg, const struct link *l)
{
	struct choice *c = arg;

	if (l->group == NAT_GROUP && link_option_on(l->name, "ipv6",
	    "forwarding"))
		c->six = true;
	if (strcmp(l->kind, "bridge") == 0 && c->nbridges < NAT_FORWARDS_MAX) {
		c->bridges[c->nbridges++] = l->index;
		nat_names_add(&c->chosen->bridges, l->name);
	}
	return 0;
}

static void
choose6(struct choice *c, const char *name)
{
	if (nat_names_has(&c->record->six, name) ||
	    link_option_is(name, "ipv6", "accept_ra", "1"))
		nat_names_add(&c->chosen->six, name);
}

/* Those of the group; the others that are no ports of bridges. */
static int
choose(void *arg, const struct link *l)
{
	struct choice *c = arg;

	if (l->group == NAT_GROUP)
		return link_option(l->name, "ipv4", "forwarding", "1", c->e);
	if (strcmp(l->name, "lo") == 0)
		return 0;
	for (unsigned i = 0; i < c->nbridges; i++)
		if (l->master == c->bridges[i])
			return 0;
	if (c->four && (nat_names_has(&c->record->four, l->name) ||
	    !link_option_on(l->name, "ipv4", "forwarding")))
		nat_names_add(&c->chosen->four, l->name);
	if (c->six)
		choose6(c, l->name);
	return 0;
}

int
nat_links_choose(struct nat_links *chosen, const struct nat_links *record,
    struct err *e)
{
	const bool ours = nat_names_has(&record->six, HOST);
	struct choice c = { .record = record, .chosen = chosen, .e = e,
	    .four = !nat_links_router("ipv4"), .six = ours };

	memset(chosen, 0, sizeof(*chosen));
	if (link_each(look, &c, e) == -1)
		return -1;
	if (nat_links_router("ipv6") && !ours)
		c.six = false;
	if (c.six) {
		nat_names_add(&chosen->six, HOST);
		choose6(&c, LATER);
	}
	return link_each(choose, &c, e);
}

/* --- switching ------------------------------------------------------------ */

int
nat_links_begin(const struct nat_links *l, struct err *e)
{
	for (unsigned i = 0; i < l->four.n; i++)
		if (link_option(l->four.of[i], "ipv4", "forwarding", "1",
		    e) == -1)
			return -1;
	for (unsigned i = 0; i < l->six.n; i++)
		if (strcmp(l->six.of[i], HOST) != 0 && link_option(
		    l->six.of[i], "ipv6", "accept_ra", "2", e) == -1)
			return -1;
	return l->six.n == 0 || nat_links_router("ipv6") ? 0 :
	    link_option(HOST, "ipv6", "forwarding", "1", e);
}

static void
restore(const char *name, const char *family, const char *option,
    const char *value)
{
	struct err e;

	if (link_option(name, family, option, value, &e) == -1)
		log_warnx("%s", e.text);
}

void
nat_links_end(const struct nat_links *l)
{
	for (unsigned i = 0; i < l->four.n; i++)
		restore(l->four.of[i], "ipv4", "forwarding", "0");
	if (nat_names_has(&l->six, HOST))
		restore(HOST, "ipv6", "forwarding", "0");
	for (unsigned i = 0; i < l->six.n; i++)
		if (strcmp(l->six.of[i], HOST) != 0 && link_option_is(
		    l->six.of[i], "ipv6", "accept_ra", "2"))
			restore(l->six.of[i], "ipv6", "accept_ra", "1");
}
