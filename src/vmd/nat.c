/* SPDX-License-Identifier: ISC */
/* nat.c - the table of nftables for local interfaces; see nat.h */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "lib/buf.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmd/nat.h"
#include "vmd/ports.h"
#include "vmd/vms.h"

#define RULES_MAX	(4U << 20)	/* bytes: some 60,000 ports */
#define LIST_MAX	16384	/* bytes of what nft(8) says of a set */

/* Anew as a whole, in one transaction. */
static const char begin[] =
    "table inet vmd\n"
    "delete table inet vmd\n"
    "table inet vmd {\n";
/*
 * The addresses of loopback are the host's own: a tap where they may be (see
 * vmd/taps.c) takes none of them from a guest.  IPv6 has no rp_filter.
 */
static const char chains[] =
    "	chain guard {\n"
    "		type filter hook prerouting priority raw; policy accept;\n"
    "		iifgroup %1$u ip daddr 127.0.0.0/8 drop\n"
    "		iifgroup %1$u ip saddr 127.0.0.0/8 drop\n"
    "		iifgroup %1$u ip6 saddr != :: fib saddr . iif oif missing"
    " drop\n"
    "	}\n"
    "	chain published {\n"
    "		dnat ip to ip daddr . meta l4proto . th dport map @one4\n"
    "		fib daddr type local dnat ip to meta l4proto . th dport"
    " map @any4\n"
    "		ip6 daddr ::1 return\n"
    "		dnat ip6 to ip6 daddr . meta l4proto . th dport map @one6\n"
    "		fib daddr type local dnat ip6 to meta l4proto . th dport"
    " map @any6\n"
    "	}\n"
    "	chain prerouting {\n"
    "		type nat hook prerouting priority dstnat; policy accept;\n"
    "		jump published\n"
    "	}\n"
    "	chain output {\n"
    "		type nat hook output priority -100; policy accept;\n"
    "		jump published\n"
    "	}\n"
    "	chain postrouting {\n"
    "		type nat hook postrouting priority srcnat; policy accept;\n"
    "		iifgroup %1$u oifgroup != %1$u masquerade\n"
    "		iifgroup %1$u ct status dnat masquerade\n"
    "		oifgroup %1$u ip saddr 127.0.0.0/8 masquerade\n"
    "	}\n"
    "	chain forward {\n"
    "		type filter hook forward priority filter; policy accept;\n"
    "		iifgroup %1$u accept\n"
    "		oifgroup %1$u ct state { established, related } accept\n"
    "		oifgroup %1$u ct status dnat accept\n"
    "		oifgroup %1$u drop\n"
    "		iifname . oifname @bridges accept\n";
/*
 * What else comes in on an interface that forwards because of us.  Who is a
 * router all the same by rules of his own (containers, say) has connections
 * that came from elsewhere or were redirected, and bridges that are filtered
 * pass from themselves to themselves.
 */
static const char strict4[] =
    "		meta nfproto ipv4 iifname @forwards ct state"
    " { established, related } accept\n"
    "		meta nfproto ipv4 iifname @forwards ct status dnat accept\n"
    "		meta nfproto ipv4 iifname @forwards drop\n";
static const char strict6[] =
    "		meta nfproto ipv6 ct state { established, related } accept\n"
    "		meta nfproto ipv6 ct status dnat accept\n"
    "		meta nfproto ipv6 drop\n";

/* --- nft(8) --------------------------------------------------------------- */

static void __attribute__((noreturn))
exec_nft(int in, int out, const char *const argv[])
{
	static const char *const programs[] = { "/usr/sbin/nft", "/sbin/nft",
	    "/usr/bin/nft" };
	static char *const env[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)dup2(in != -1 ? in : null, STDIN_FILENO);
	(void)dup2(out != -1 ? out : null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		(void)execve(programs[i], (char *const *)(uintptr_t)argv, env);
	_exit(errno == ENOENT ? 127 : 126);
}

/*
 * Run nft(8), with these descriptors or without; its status.  It is reaped
 * here, before the loop hears of its end.
 */
static int
nft(int in, int out, const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		exec_nft(in, out, argv);
	if (pid == -1)
		return -1;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The set of the table that is there: what nft(8) quotes. */
static void
read_set(struct nat_names *s, const char *name)
{
	const char *const argv[] = { "nft", "list", "set", "inet", "vmd",
	    name, NULL };
	own_fd int out = os_memfd("set", LIST_MAX, NULL);
	char text[LIST_MAX], *p, *end;
	ssize_t n;

	if (out == -1 || nft(-1, out, argv) != 0)
		return;
	n = pread(out, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	for (p = strchr(text, '"'); p != NULL; p = strchr(end + 1, '"')) {
		end = strchr(++p, '"');
		if (end == NULL)
			return;
		*end = '\0';
		nat_names_add(s, p);
	}
}

/* A host that is a router without us has no use for it. */
static void
read_record(struct nat_links *l)
{
	memset(l, 0, sizeof(*l));
	if (!nat_links_router("ipv4"))
		read_set(&l->four, "forwards");
	read_set(&l->six, "forwards6");
}

/* --- sets and maps -------------------------------------------------------- */

/* Of names, or of pairs of a name and itself. */
static void
put_set(struct buf *b, const char *set, const struct nat_names *s, bool pairs)
{
	(void)buf_printf(b, "	set %s {\n		type ifname%s\n", set,
	    pairs ? " . ifname" : "");
	for (unsigned i = 0; i < s->n; i++) {
		(void)buf_printf(b, "%s\"%s\"", i == 0 ?
		    "		elements = { " : ", ", s->of[i]);
		if (pairs)
			(void)buf_printf(b, " . \"%s\"", s->of[i]);
	}
	(void)buf_printf(b, "%s	}\n", s->n == 0 ? "" : " }\n");
}

/* Published ports: of one address of the host's, or of any. */
struct map {
	struct buf	*b;
	const char	*name;
	bool		 six, one;
	unsigned	 n;
};

static void
put_port(struct map *m, const struct priv_port *q, const char *to)
{
	(void)buf_printf(m->b, "%s%s%s%s . %u : %s . %u", m->n++ == 0 ?
	    "		elements = { " : ", ", q->addr,
	    m->one ? " . " : "", q->udp ? "udp" : "tcp", q->host, to,
	    q->guest);
}

static void
put_ports(void *arg, struct vm *v)
{
	struct map *m = arg;
	const struct ports *p = v->ports;
	char to[INET6_ADDRSTRLEN];
	uint32_t addr;

	if (p == NULL || (m->six && p->addr6[0] == 0))
		return;
	addr = htonl(p->addr);
	(void)inet_ntop(m->six ? AF_INET6 : AF_INET, m->six ?
	    (const void *)p->addr6 : &addr, to, sizeof(to));
	for (unsigned i = 0; i < p->n; i++) {
		const char *of = p->port[i].addr;

		if (m->one ? of[0] != '\0' && m->six ==
		    (strchr(of, ':') != NULL) : of[0] == '\0')
			put_port(m, &p->port[i], to);
	}
}

static void
put_maps(struct buf *b, struct monitor *m)
{
	struct map maps[] = { { b, "any4", false, false, 0 },
	    { b, "one4", false, true, 0 }, { b, "any6", true, false, 0 },
	    { b, "one6", true, true, 0 } };

	for (size_t i = 0; i < COUNT(maps); i++) {
		const char *addr = maps[i].six ? "ipv6_addr" : "ipv4_addr";

		(void)buf_printf(b, "	map %s {\n		type %s%s"
		    "inet_proto . inet_service : %s . inet_service\n",
		    maps[i].name, maps[i].one ? addr : "",
		    maps[i].one ? " . " : "", addr);
		vms_each(m, put_ports, &maps[i]);
		(void)buf_printf(b, "%s	}\n", maps[i].n == 0 ? "" : " }\n");
	}
}

/* --- the table ------------------------------------------------------------ */

static int
write_rules(int fd, struct monitor *m, const struct nat_links *l)
{
	struct buf b;
	int ret = -1;

	buf_init(&b, RULES_MAX);
	(void)buf_puts(&b, begin);
	put_set(&b, "forwards", &l->four, false);
	put_set(&b, "forwards6", &l->six, false);
	put_set(&b, "bridges", &l->bridges, true);
	put_maps(&b, m);
	(void)buf_printf(&b, chains, NAT_GROUP);
	/* What has no room ends in the middle, and nft(8) refuses it. */
	if (buf_printf(&b, "%s%s	}\n}\n", l->four.n > 0 ? strict4 : "",
	    l->six.n > 0 ? strict6 : "") == 0 &&
	    pwrite(fd, b.data, b.len, 0) == (ssize_t)b.len)
		ret = 0;
	buf_fini(&b);
	return ret;
}

static int
load(struct monitor *m, const struct nat_links *l, struct err *e)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	own_fd int in = os_memfd("rules", 0, NULL);
	int status = -1;

	if (in != -1 && write_rules(in, m, l) == 0)
		status = nft(in, -1, argv);
	if (status == 127)
		return err_set(e, ENOENT, "local interface: there is no "
		    "nft(8) on this host (package nftables)");
	if (status != 0)
		return err_set(e, EIO, "local interface: nft(8) refuses the "
		    "table \"inet vmd\", status %d", status);
	return 0;
}

int
nat_begin(struct monitor *m, struct err *e)
{
	static struct nat_links l, record;	/* large */

	read_record(&record);
	/* Recorded and filtered first, then done. */
	return nat_links_choose(&l, &record, e) == -1 ||
	    load(m, &l, e) == -1 ? -1 : nat_links_begin(&l, e);
}

void
nat_end(void)
{
	static const char *const argv[] = { "nft", "delete", "table", "inet",
	    "vmd", NULL };
	static struct nat_links record;		/* large */

	read_record(&record);
	nat_links_end(&record);
	(void)nft(-1, -1, argv);
}
