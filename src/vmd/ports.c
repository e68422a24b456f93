/* SPDX-License-Identifier: ISC */
/* ports.c - published ports of local interfaces; see ports.h */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "os/os.h"
#include "vmd/ports.h"
#include "vmd/record.h"

#define FILE_NAME	"ports"
#define FILE_MAX	8192	/* bytes: two addresses, 64 lines of 70 */

/* --- which ---------------------------------------------------------------- */

/* An address that no packet from elsewhere has, and none can be led from. */
static bool
is_loopback6(const char *addr)
{
	struct in6_addr a;

	return inet_pton(AF_INET6, addr, &a) == 1 && IN6_IS_ADDR_LOOPBACK(&a);
}

static int
check(const struct ports *p, struct err *e)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct priv_port *q = &p->port[i];

		if (strchr(q->addr, ':') == NULL)
			continue;
		if (p->addr6[0] == 0)
			return err_api(e, EINVAL, "bad_request", "port %u of "
			    "%s: local interfaces have no IPv6 (local inet6)",
			    q->host, q->addr);
		if (is_loopback6(q->addr))
			return err_api(e, ENOTSUP, "not_supported", "port %u "
			    "of %s: the kernel leads nothing away from there",
			    q->host, q->addr);
	}
	return 0;
}

int
ports_of(struct ports **ret, const struct priv_start *r, struct err *e)
{
	OWN(ports_destroy) struct ports *p = NULL;
	const struct priv_net *n = NULL;

	*ret = NULL;
	for (unsigned i = 0; i < r->nnet && n == NULL; i++)
		if (r->net[i].is_tap && r->net[i].nports > 0)
			n = &r->net[i];
	if (n == NULL)
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return err_sys(e, "ports");
	p->addr = n->tap.addr;
	memcpy(p->addr6, n->tap.addr6, sizeof(p->addr6));
	p->n = n->nports;
	memcpy(p->port, n->ports, sizeof(p->port));
	if (check(p, e) == -1)
		return -1;
	*ret = take(&p);
	return 0;
}

void
ports_destroy(struct ports *p)
{
	free(p);
}

/* --- sockets -------------------------------------------------------------- */

union address {
	struct sockaddr		 any;
	struct sockaddr_in	 in;
	struct sockaddr_in6	 in6;
};

/* Every address of both families is IPv6's, where the host has that. */
static int
bind_port(const struct priv_port *p, int family)
{
	own_fd int fd = os_socket(family, p->udp ? SOCK_DGRAM : SOCK_STREAM);
	union address a;
	int only = p->addr[0] != '\0';

	if (fd == -1)
		return -1;
	memset(&a, 0, sizeof(a));
	a.any.sa_family = (sa_family_t)family;
	if (family == AF_INET6) {
		a.in6.sin6_port = htons(p->host);
		if (only)
			(void)inet_pton(family, p->addr, &a.in6.sin6_addr);
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only,
		    sizeof(only));
	} else {
		a.in.sin_port = htons(p->host);
		if (only)
			(void)inet_pton(family, p->addr, &a.in.sin_addr);
	}
	if (bind(fd, &a.any, family == AF_INET6 ? sizeof(a.in6) :
	    sizeof(a.in)) == -1)
		return -1;
	return take_fd(&fd);
}

int
ports_reserve(int fds[PRIV_PORT_MAX], const struct ports *p, struct err *e)
{
	for (unsigned i = 0; i < p->n; i++) {
		const struct priv_port *q = &p->port[i];

		fds[i] = bind_port(q, strchr(q->addr, ':') != NULL ||
		    q->addr[0] == '\0' ? AF_INET6 : AF_INET);
		if (fds[i] == -1 && q->addr[0] == '\0' &&
		    (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
			fds[i] = bind_port(q, AF_INET);
		if (fds[i] == -1 && errno == EADDRINUSE)
			return err_api(e, errno, "port_in_use",
			    "port %u is in use", q->host);
		if (fds[i] == -1)
			return err_sys(e, "port %u", q->host);
	}
	return 0;
}

/* --- the record ----------------------------------------------------------- */

int
ports_write(int dirfd, const struct ports *p, struct err *e)
{
	const uint32_t addr = htonl(p->addr);
	char four[INET_ADDRSTRLEN], six[INET6_ADDRSTRLEN] = "-";
	struct buf b;
	int ret;

	ports_remove(dirfd);
	(void)inet_ntop(AF_INET, &addr, four, sizeof(four));
	if (p->addr6[0] != 0)
		(void)inet_ntop(AF_INET6, p->addr6, six, sizeof(six));
	buf_init(&b, FILE_MAX);
	ret = buf_printf(&b, "to %s %s\n", four, six);
	for (unsigned i = 0; i < p->n && ret == 0; i++) {
		const struct priv_port *q = &p->port[i];

		ret = buf_printf(&b, "%s %s %u %u\n", q->udp ? "udp" : "tcp",
		    q->addr[0] != '\0' ? q->addr : "-", q->host, q->guest);
	}
	ret = ret == -1 ? err_sys(e, FILE_NAME) :
	    record_write(dirfd, FILE_NAME, &b, FILE_NAME, e);
	buf_fini(&b);
	return ret;
}

static int
take_target(struct ports *p, const char *line)
{
	char four[INET_ADDRSTRLEN], six[INET6_ADDRSTRLEN];
	struct in_addr a;
	int end = 0;

	if (sscanf(line, "to %15s %45s%n", four, six, &end) != 2 ||
	    line[end] != '\0' || inet_pton(AF_INET, four, &a) != 1)
		return -1;
	p->addr = ntohl(a.s_addr);
	return strcmp(six, "-") == 0 ||
	    inet_pton(AF_INET6, six, p->addr6) == 1 ? 0 : -1;
}

static int
take_port(struct ports *p, const char *line)
{
	struct priv_port *q = &p->port[p->n];
	char proto[4], addr[PRIV_ADDR_MAX];
	uint8_t any[16];
	int end = 0;

	if (p->n == PRIV_PORT_MAX || sscanf(line, "%3s %45s %hu %hu%n", proto,
	    addr, &q->host, &q->guest, &end) != 4 || line[end] != '\0' ||
	    q->host == 0 || q->guest == 0)
		return -1;
	q->udp = strcmp(proto, "udp") == 0;
	if (!q->udp && strcmp(proto, "tcp") != 0)
		return -1;
	if (strcmp(addr, "-") == 0)
		addr[0] = '\0';
	else if (inet_pton(AF_INET, addr, any) != 1 &&
	    inet_pton(AF_INET6, addr, any) != 1)
		return -1;
	memcpy(q->addr, addr, sizeof(q->addr));
	p->n++;
	return 0;
}

int
ports_record_parse(struct ports *ret, char *text)
{
	struct ports p;
	char *save = NULL, *line = strtok_r(text, "\n", &save);

	memset(&p, 0, sizeof(p));
	if (line == NULL || take_target(&p, line) == -1)
		return -1;
	while ((line = strtok_r(NULL, "\n", &save)) != NULL)
		if (take_port(&p, line) == -1)
			return -1;
	*ret = p;
	return p.n > 0 ? 0 : -1;
}

int
ports_read(struct ports **ret, int dirfd, struct err *e)
{
	OWN(ports_destroy) struct ports *p = NULL;
	struct buf b;
	int r;

	*ret = NULL;
	buf_init(&b, FILE_MAX);
	r = record_read(&b, dirfd, FILE_NAME, e);
	if (r == 1) {
		p = calloc(1, sizeof(*p));
		if (p == NULL)
			r = err_sys(e, FILE_NAME);
		else if (ports_record_parse(p, (char *)b.data) == -1)
			r = err_set(e, EINVAL, "its %s file is damaged",
			    FILE_NAME);
	}
	buf_fini(&b);
	if (r == -1)
		return -1;
	*ret = take(&p);
	return 0;
}

void
ports_remove(int dirfd)
{
	(void)unlinkat(dirfd, FILE_NAME, 0);
}
