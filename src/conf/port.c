/* SPDX-License-Identifier: ISC */
/* port.c - published ports as they are written; see conf.h */

#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "lib/num.h"

/* Cut "[v6]:" or "v4:" off; what is left has one colon. */
static int
take_addr(struct conf_port *p, char **s, struct err *e)
{
	char *colon = strrchr(*s, ':'), *end;
	struct in6_addr a;
	int family = AF_INET;

	if (colon != NULL)
		*colon = '\0';
	end = strrchr(*s, ':');
	if (colon != NULL)
		*colon = ':';
	if (colon == NULL || end == NULL)
		return 0;
	*end = '\0';
	if (**s == '[' && end > *s + 1 && end[-1] == ']') {
		end[-1] = '\0';
		++*s;
		family = AF_INET6;
	}
	if (inet_pton(family, *s, &a) != 1)
		return err_set(e, EINVAL, "%.64s is no address", *s);
	(void)inet_ntop(family, &a, p->addr, sizeof(p->addr));
	*s = end + 1;
	return 0;
}

int
conf_port_parse(struct conf_port *ret, const char *text, struct err *e)
{
	struct conf_port p = { .udp = false };
	uint64_t host, guest;
	char copy[128], *s = copy, *slash, *colon;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return err_set(e, EINVAL, "publish: %.64s... is no port", text);
	slash = strrchr(copy, '/');
	if (slash != NULL) {
		p.udp = strcmp(slash, "/udp") == 0;
		if (!p.udp && strcmp(slash, "/tcp") != 0)
			return err_set(e, EINVAL, "publish: %s is neither tcp "
			    "nor udp", slash + 1);
		*slash = '\0';
	}
	if (take_addr(&p, &s, e) == -1)
		return err_prefix(e, "publish");
	colon = strchr(s, ':');
	if (colon != NULL)
		*colon++ = '\0';
	if (colon == NULL || num_parse(&host, s, 1, 65535, NULL) == -1 ||
	    num_parse(&guest, colon, 1, 65535, NULL) == -1)
		return err_set(e, EINVAL, "publish is not "
		    "[ADDR:]HOST:GUEST[/udp]: %.64s", text);
	p.host = (uint16_t)host;
	p.guest = (uint16_t)guest;
	*ret = p;
	return 0;
}
