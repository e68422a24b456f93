/* SPDX-License-Identifier: ISC */
/* config_net.c - the switches and local addresses of vm.conf; see config.h */

#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_private.h"
#include "control/control.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/own.h"
#include "os/os.h"

#define PREFIX_MAX	16	/* length: a VM has 8 bits, and its number
				   some */
#define PREFIX6_MAX	64	/* the rest says which VM and interface */
#define PREFIX6_TEXT_MAX 64	/* bytes of one as text */
#define PREFIX_ADDR	0x64400000U	/* 100.64.0.0/10, RFC 6598 */
#define PREFIX_LEN	10

static int
take_text(char *to, size_t size, const json_t *doc, const char *name,
    struct err *e)
{
	const char *s = NULL;
	int found = json_get_str(&s, doc, name, size - 1, e);

	if (found > 0)
		(void)snprintf(to, size, "%s", s);
	return found;
}

static int
take_switch(struct config_switch *s, const json_t *doc, struct err *e)
{
	static const char *const known[] = { "name", "interface", "enabled",
	    "down", "locked", "rdomain", "group", NULL };
	bool enabled = true;
	uint64_t rdomain = 0;

	memset(s, 0, sizeof(*s));
	if (!json_is_object(doc))
		return err_set(e, EINVAL, "must be an object");
	if (json_only(doc, known, e) == -1 ||
	    take_text(s->name, sizeof(s->name), doc, "name", e) == -1 ||
	    take_text(s->interface, sizeof(s->interface), doc, "interface",
	    e) == -1 ||
	    take_text(s->group, sizeof(s->group), doc, "group", e) == -1 ||
	    json_get_bool(&enabled, doc, "enabled", e) == -1 ||
	    json_get_bool(&s->down, doc, "down", e) == -1 ||
	    json_get_bool(&s->locked, doc, "locked", e) == -1 ||
	    json_get_u64(&rdomain, doc, "rdomain", 0, SPEC_RDOMAIN_MAX,
	    e) == -1)
		return -1;
	if (s->name[0] == '\0' || s->interface[0] == '\0')
		return err_set(e, EINVAL, "has no name or no interface");
	s->disabled = !enabled;
	s->rdomain = (unsigned)rdomain;
	return 0;
}

static const struct config_switch *
find(const struct config_switch *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

/* "100.64.0.0/10" */
static int
take_prefix(struct config_prefix *p, const json_t *doc, struct err *e)
{
	const char *s = NULL, *slash;
	char text[INET_ADDRSTRLEN];
	struct in_addr a;
	uint64_t len;
	int found = json_get_str(&s, doc, "prefix", 32, e);

	p->addr = PREFIX_ADDR;
	p->len = PREFIX_LEN;
	if (found <= 0)
		return found;
	slash = strchr(s, '/');
	if (slash == NULL || (size_t)(slash - s) >= sizeof(text))
		return err_set(e, EINVAL, "prefix: \"%s\" is none", s);
	(void)snprintf(text, sizeof(text), "%.*s", (int)(slash - s), s);
	if (inet_pton(AF_INET, text, &a) != 1 ||
	    num_parse(&len, slash + 1, 1, PREFIX_MAX, e) == -1)
		return err_set(e, EINVAL, "prefix: \"%s\" is none of at most "
		    "%d bits", s, PREFIX_MAX);
	p->len = (unsigned)len;
	p->addr = ntohl(a.s_addr) & (UINT32_MAX << (32 - p->len));
	return 0;
}

/* A /64 of fd00::/8 that nobody else has (RFC 4193, 3.2). */
static void
choose_prefix6(struct config_prefix6 *p)
{
	memset(p, 0, sizeof(*p));
	os_random(p->addr + 1, 7);
	p->addr[0] = 0xfd;
	p->len = PREFIX6_MAX;
}

/*
 * "fd12:3456::/64", or "any": the one there was, so that VMs keep their
 * addresses when the file is read again.
 */
static int
take_prefix6(struct config_prefix6 *p, const struct config_prefix6 *was,
    const json_t *doc, struct err *e)
{
	const char *s = NULL, *slash;
	char text[INET6_ADDRSTRLEN];
	uint64_t len;
	int found = json_get_str(&s, doc, "prefix6", PREFIX6_TEXT_MAX - 1, e);

	memset(p, 0, sizeof(*p));
	if (found <= 0)
		return found;
	if (strcmp(s, "any") == 0) {
		*p = *was;
		if (p->len != PREFIX6_MAX || p->addr[0] != 0xfd)
			choose_prefix6(p);
		return 0;
	}
	slash = strchr(s, '/');
	if (slash == NULL || (size_t)(slash - s) >= sizeof(text))
		return err_set(e, EINVAL, "prefix6: \"%s\" is none", s);
	(void)snprintf(text, sizeof(text), "%.*s", (int)(slash - s), s);
	if (inet_pton(AF_INET6, text, p->addr) != 1 ||
	    num_parse(&len, slash + 1, 1, PREFIX6_MAX, e) == -1)
		return err_set(e, EINVAL, "prefix6: \"%s\" is none of at "
		    "most %d bits", s, PREFIX6_MAX);
	p->len = (unsigned)len;
	for (unsigned bit = p->len; bit < 128; bit++)
		p->addr[bit / 8] &= (uint8_t)~(0x80U >> bit % 8);
	return 0;
}

int
config_take_net(struct config *c, const json_t *doc, bool add, struct err *e)
{
	own_mem struct config_switch *list = NULL;
	size_t n = add ? c->nswitches : 0, i;
	struct config_prefix6 prefix6;
	struct config_prefix prefix;
	json_t *switches = NULL, *v;

	if (json_get_arr(&switches, doc, "switches", CONFIG_SWITCHES_MAX,
	    e) == -1 || take_prefix(&prefix, doc, e) == -1 ||
	    take_prefix6(&prefix6, &c->prefix6, doc, e) == -1)
		return -1;
	list = calloc(n + json_array_size(switches) + 1, sizeof(*list));
	if (list == NULL)
		return err_sys(e, "switches");
	if (n > 0)
		memcpy(list, c->switches, n * sizeof(*list));
	json_array_foreach(switches, i, v) {
		if (take_switch(&list[n], v, e) == -1)
			return err_prefix(e, "switches[%zu]", i);
		if (find(list, n, list[n].name) == NULL)
			n++;
	}
	if (n > CONFIG_SWITCHES_MAX)
		return err_set(e, E2BIG, "more than %d switches",
		    CONFIG_SWITCHES_MAX);
	free(c->switches);
	c->switches = take(&list);
	c->nswitches = n;
	if (!add) {
		c->prefix = prefix;
		c->prefix6 = prefix6;
	}
	return 0;
}

static int
put_prefix6(json_t *to, const struct config_prefix6 *p)
{
	char addr[INET6_ADDRSTRLEN], text[PREFIX6_TEXT_MAX];

	if (p->len == 0)
		return 0;
	(void)inet_ntop(AF_INET6, p->addr, addr, sizeof(addr));
	(void)snprintf(text, sizeof(text), "%s/%u", addr, p->len);
	return json_object_set_new(to, "prefix6", json_string(text));
}

json_t *
config_net_json(const struct config *c)
{
	own_json json_t *list = json_array(), *v = NULL;
	char prefix[INET_ADDRSTRLEN + 4];
	const uint32_t a = c->prefix.addr;
	json_t *o;

	for (size_t i = 0; i < c->nswitches; i++) {
		const struct config_switch *s = &c->switches[i];

		o = json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:i}", "name",
		    s->name, "interface", s->interface, "group", s->group,
		    "enabled", !s->disabled, "down", s->down, "locked",
		    s->locked, "rdomain", (int)s->rdomain);
		if (o == NULL || json_array_append_new(list, o) == -1)
			return NULL;
	}
	(void)snprintf(prefix, sizeof(prefix), "%u.%u.%u.%u/%u", a >> 24,
	    a >> 16 & 255, a >> 8 & 255, a & 255, c->prefix.len);
	v = json_pack("{s:O,s:s}", "switches", list, "prefix", prefix);
	return v == NULL || put_prefix6(v, &c->prefix6) == -1 ? NULL :
	    take(&v);
}

const struct config_switch *
config_switch(const struct control *ctl, const char *name)
{
	const struct config *c = ctl->config;

	return find(c->switches, c->nswitches, name);
}

struct config_prefix
config_prefix(const struct control *ctl)
{
	return ctl->config->prefix;
}

struct config_prefix6
config_prefix6(const struct control *ctl)
{
	return ctl->config->prefix6;
}
