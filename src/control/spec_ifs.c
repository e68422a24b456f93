/* SPDX-License-Identifier: ISC */
/* spec_ifs.c - the interfaces of a spec, which are taps; see spec.h */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/spec_private.h"
#include "lib/json.h"

static int
bad(struct err *e, const char *what, const char *value)
{
	return err_api(e, EINVAL, "invalid_request", "%s: \"%.64s\" is none",
	    what, value);
}

/* "tap" and a number. */
static int
take_name(struct spec_if *f, const json_t *doc, struct err *e)
{
	const char *s = NULL;
	int found = json_get_str(&s, doc, "name", SPEC_IFNAME_MAX, e);

	if (found <= 0 || *s == '\0')
		return found;
	if (strncmp(s, "tap", 3) != 0 || s[3] == '\0' ||
	    strspn(s + 3, "0123456789") != strlen(s + 3))
		return bad(e, "name", s);
	(void)snprintf(f->name, sizeof(f->name), "%s", s);
	return 0;
}

static int
take_lladdr(struct spec_if *f, const json_t *doc, struct err *e)
{
	const char *s = NULL;
	unsigned m[6];
	char end;
	int found = json_get_str(&s, doc, "lladdr", 17, e);

	if (found <= 0 || *s == '\0')
		return found;
	if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%c", &m[0], &m[1], &m[2], &m[3],
	    &m[4], &m[5], &end) != 6 || (m[0] & 1) != 0)
		return bad(e, "lladdr", s);
	for (unsigned i = 0; i < 6; i++)
		f->lladdr[i] = (uint8_t)m[i];
	f->has_lladdr = true;
	return 0;
}

static bool
has_address6(const struct spec_if *f)
{
	static const uint8_t none[16];

	return memcmp(f->address6, none, sizeof(none)) != 0;
}

/* Those that the guest has on a switch, for its name. */
static int
take_addresses(struct spec_if *f, const json_t *doc, struct err *e)
{
	const char *four = NULL, *six = NULL;
	struct in_addr a;

	if (json_get_str(&four, doc, "address", INET_ADDRSTRLEN, e) == -1 ||
	    json_get_str(&six, doc, "address6", INET6_ADDRSTRLEN, e) == -1)
		return -1;
	if (four != NULL && *four != '\0') {
		if (inet_pton(AF_INET, four, &a) != 1 || a.s_addr == 0)
			return bad(e, "address", four);
		f->address = ntohl(a.s_addr);
	}
	if (six != NULL && *six != '\0' && (inet_pton(AF_INET6, six,
	    f->address6) != 1 || !has_address6(f)))
		return bad(e, "address6", six);
	return 0;
}

/* Copy a name of what is looked for when the VM starts. */
static int
take_text(char *to, size_t size, const json_t *doc, const char *name,
    struct err *e)
{
	const char *s = NULL;
	int found = json_get_str(&s, doc, name, size - 1, e);

	if (found > 0)
		(void)snprintf(to, size, "%s", s);
	return found == -1 ? -1 : 0;
}

static int
take_if(struct spec_if *f, const json_t *doc, struct err *e)
{
	static const char *const known[] = { "name", "switch", "local",
	    "group", "lladdr", "locked", "down", "rdomain", "address",
	    "address6", NULL };
	uint64_t rdomain = 0;

	memset(f, 0, sizeof(*f));
	if (!json_is_object(doc))
		return err_api(e, EINVAL, "invalid_request",
		    "must be an object");
	if (json_only(doc, known, e) == -1 || take_name(f, doc, e) == -1 ||
	    take_text(f->to, sizeof(f->to), doc, "switch", e) == -1 ||
	    take_text(f->group, sizeof(f->group), doc, "group", e) == -1 ||
	    take_lladdr(f, doc, e) == -1 ||
	    take_addresses(f, doc, e) == -1 ||
	    json_get_bool(&f->local, doc, "local", e) == -1 ||
	    json_get_bool(&f->locked, doc, "locked", e) == -1 ||
	    json_get_bool(&f->down, doc, "down", e) == -1 ||
	    json_get_u64(&rdomain, doc, "rdomain", 0, SPEC_RDOMAIN_MAX,
	    e) == -1)
		return -1;
	f->rdomain = (unsigned)rdomain;
	if (f->local && f->to[0] != '\0')
		return err_api(e, EINVAL, "invalid_request", "local, and on "
		    "switch \"%s\": it is a link of two, or on a bridge",
		    f->to);
	if (f->local && (f->address != 0 || has_address6(f)))
		return err_api(e, EINVAL, "invalid_request", "address: vmd "
		    "gives a local interface its own");
	if (f->local && f->group[0] != '\0')
		return err_api(e, ENOTSUP, "not_supported", "group \"%s\": "
		    "all local interfaces are in a group of vmd's",
		    f->group);
	if (f->rdomain != 0 && f->to[0] != '\0')
		return err_api(e, ENOTSUP, "not_supported", "rdomain: on a "
		    "switch it is that of the switch");
	return 0;
}

int
spec_take_ifs(struct spec *s, const json_t *doc, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i;
	int found = json_get_arr(&list, doc, "interfaces", SPEC_IFS_MAX, e);

	if (found <= 0)
		return found;
	json_array_foreach(list, i, v) {
		if (take_if(&s->ifs[i], v, e) == -1)
			return err_prefix(e, "interfaces[%zu]", i);
		for (size_t k = 0; k < i; k++)
			if (s->ifs[i].name[0] != '\0' &&
			    strcmp(s->ifs[i].name, s->ifs[k].name) == 0)
				return err_api(e, EINVAL, "invalid_request",
				    "interfaces[%zu]: %s is given twice", i,
				    s->ifs[i].name);
	}
	s->nifs = json_array_size(list);
	/* Instead of a card on the user network, unless that is asked for. */
	v = json_object_get(json_object_get(doc, "network"), "enabled");
	if (s->nifs > 0 && v == NULL)
		s->network = false;
	return 1;
}

const struct spec_if *
spec_ports_if(const struct spec *s)
{
	for (size_t i = 0; i < s->nifs && !s->network && s->nports > 0; i++)
		if (s->ifs[i].local)
			return &s->ifs[i];
	return NULL;
}

static void
put_addresses(json_t *o, const struct spec_if *f)
{
	const uint32_t a = htonl(f->address);
	char text[INET6_ADDRSTRLEN];

	if (a != 0 && inet_ntop(AF_INET, &a, text, sizeof(text)) != NULL)
		(void)json_object_set_new(o, "address", json_string(text));
	if (has_address6(f) &&
	    inet_ntop(AF_INET6, f->address6, text, sizeof(text)) != NULL)
		(void)json_object_set_new(o, "address6", json_string(text));
}

static json_t *
if_json(const struct spec_if *f)
{
	json_t *o = json_pack("{s:b,s:b,s:b,s:i}", "local", f->local,
	    "locked", f->locked, "down", f->down, "rdomain",
	    (int)f->rdomain);
	char mac[18];

	if (o == NULL)
		return NULL;
	if (f->name[0] != '\0')
		(void)json_object_set_new(o, "name", json_string(f->name));
	if (f->to[0] != '\0')
		(void)json_object_set_new(o, "switch", json_string(f->to));
	if (f->group[0] != '\0')
		(void)json_object_set_new(o, "group", json_string(f->group));
	put_addresses(o, f);
	if (!f->has_lladdr)
		return o;
	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
	    f->lladdr[0], f->lladdr[1], f->lladdr[2], f->lladdr[3],
	    f->lladdr[4], f->lladdr[5]);
	(void)json_object_set_new(o, "lladdr", json_string(mac));
	return o;
}

json_t *
spec_ifs_json(const struct spec *s)
{
	own_json json_t *list = json_array();

	for (size_t i = 0; i < s->nifs; i++)
		if (json_array_append_new(list, if_json(&s->ifs[i])) == -1)
			return NULL;
	return take(&list);
}
