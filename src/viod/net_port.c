/* SPDX-License-Identifier: ISC */
/* net_port.c - published ports as they are written; see net_port.h */

#include <sys/types.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/num.h"
#include "lib/own.h"
#include "os/os.h"
#include "viod/net_port.h"

#define SPEC_MAX	80	/* bytes with the NUL; the longest is 69 */

static int
bad(struct err *e, const char *text, const char *why)
{
	return err_set(e, EINVAL, "port \"%.100s\": %s", text, why);
}

/* "ADDR" or "[ADDR]", and the port, as a socket address. */
static int
set_host(struct net_port *p, char *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&p->host;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&p->host;
	size_t len = strlen(addr);

	if (addr[0] == '[' && addr[len - 1] == ']') {
		addr[len - 1] = '\0';
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(p->host_port);
		p->host_len = sizeof(*in6);
		return inet_pton(AF_INET6, addr + 1, &in6->sin6_addr);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(p->host_port);
	p->host_len = sizeof(*in);
	return inet_pton(AF_INET, addr, &in->sin_addr);
}

int
net_port_parse(struct net_port *ret, const char *text, struct err *e)
{
	struct net_port p = { .udp = false };
	char spec[SPEC_MAX], *guest, *host, *proto, any[] = "0.0.0.0";
	uint64_t n;

	if (snprintf(spec, sizeof(spec), "%s", text) >= (int)sizeof(spec))
		return bad(e, text, "too long");
	proto = strchr(spec, '/');
	if (proto != NULL) {
		*proto++ = '\0';
		p.udp = strcmp(proto, "udp") == 0;
		if (!p.udp && strcmp(proto, "tcp") != 0)
			return bad(e, text, "protocol is neither tcp nor udp");
	}
	guest = strrchr(spec, ':');
	if (guest == NULL)
		return bad(e, text, "want [ADDR:]HOST:GUEST[/udp]");
	*guest++ = '\0';
	if (num_parse(&n, guest, 1, 65535, NULL) == -1)
		return bad(e, text, "guest port is not 1 to 65535");
	p.guest_port = (uint16_t)n;
	host = strrchr(spec, ':');
	if (host != NULL)
		*host++ = '\0';
	if (num_parse(&n, host != NULL ? host : spec, 1, 65535, NULL) == -1)
		return bad(e, text, "host port is not 1 to 65535");
	p.host_port = (uint16_t)n;
	if (host != NULL && spec[0] == '\0')
		return bad(e, text, "address is empty");
	if (set_host(&p, host != NULL ? spec : any) != 1)
		return bad(e, text, "address is neither IPv4 nor [IPv6]");
	*ret = p;
	return 0;
}

int
net_port_refused(const struct net_port *p, int num, struct err *e)
{
	if (num == EADDRINUSE)
		return err_api(e, num, "port_in_use", "port %u is in use",
		    p->host_port);
	return err_set(e, num, "port %u: %s", p->host_port, strerror(num));
}

int
net_port_check(const struct net_port *p, struct err *e)
{
	own_fd int fd = -1;
	int on = 1;

	fd = os_socket(p->host.ss_family, p->udp ? SOCK_DGRAM : SOCK_STREAM);
	if (fd == -1)
		return net_port_refused(p, errno, e);
	/*
	 * As libslirp will do it, except for UDP: there the option would
	 * allow two programs to have the same port.
	 */
	if (!p->udp)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
		    sizeof(on));
	if (p->host.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
		    sizeof(on));
	if (bind(fd, (const struct sockaddr *)&p->host, p->host_len) == -1)
		return net_port_refused(p, errno, e);
	/* Two may be bound to a TCP port, only one can listen. */
	if (!p->udp && listen(fd, 1) == -1)
		return net_port_refused(p, errno, e);
	return 0;
}
