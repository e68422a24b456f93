/* SPDX-License-Identifier: ISC */
/*
 * net_user.c - the user network, seen by a guest made of frames
 *
 * Waiting is for something that must come: a test that fails does so by
 * its alarm.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "event_kit.h"
#include "frames.h"
#include "lib/util.h"
#include "viod/net_user.h"

#define GUEST	"10.0.2.15"
#define GATEWAY	"10.0.2.2"
#define DNS	"10.0.2.3"
#define NAMESERVER "127.0.5.3"	/* where the test answers names */
#define QUEUE	256
#define ALARM_S	20

struct world {
	struct event_loop	*loop;
	struct net_user		*user;
	const char		*boot_dir, *boot_file;
	struct frame		 out;	/* being built */
	/* Frames for the guest, not looked at yet. */
	unsigned		 head, tail;
	struct frame		*queue[QUEUE];
	struct frame		*last;
	struct seen		 seen;	/* of the last */
};

/*
 * The name server of the host is what /etc/resolv.conf says.  libslirp's
 * fopen finds this one.
 */
FILE	*fopen64(const char *, const char *);
FILE *
fopen64(const char *name, const char *mode)
{
	static const char text[] = "nameserver " NAMESERVER "\n";
	int fds[2];

	if (strcmp(name, "/etc/resolv.conf") != 0) {
		int fd = open(name, O_RDONLY | O_CLOEXEC);

		return fd == -1 ? NULL : fdopen(fd, mode);
	}
	if (pipe(fds) == -1)
		return NULL;
	(void)!write(fds[1], text, sizeof(text) - 1);
	(void)close(fds[1]);
	return fdopen(fds[0], "r");
}

static void
deliver(void *arg, const void *p, size_t len)
{
	struct world *w = arg;
	struct frame *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_true(len <= sizeof(f->b));
	assert_true(w->tail - w->head < QUEUE);
	memcpy(f->b, p, len);
	f->len = len;
	w->queue[w->tail++ % QUEUE] = f;
}

static void
send_frame(struct world *w)
{
	net_user_input(w->user, w->out.b, w->out.len);
}

static void
send_udp(struct world *w, uint16_t sport, const char *dst, uint16_t dport,
    const char *text)
{
	frame_udp(&w->out, GUEST, sport, dst, dport, text, strlen(text));
	send_frame(w);
}

/* Is there a frame?  It is then w->last and w->seen. */
static bool
have_frame(struct world *w)
{
	free(w->last);
	w->last = NULL;
	if (w->head == w->tail)
		return false;
	w->last = w->queue[w->head++ % QUEUE];
	frame_see(&w->seen, w->last->b, w->last->len);
	return true;
}

/* Answer who has the guest's address; true when it was that. */
static bool
arp_answered(struct world *w)
{
	if (w->seen.ether != 0x0806 || w->seen.arp_op != 1)
		return false;
	frame_arp(&w->out, 2, GUEST, GATEWAY);
	send_frame(w);
	return true;
}

/* The next frame of this protocol; others (router advertisements) pass. */
static void
expect_proto(struct world *w, uint8_t proto)
{
	for (;;) {
		while (!have_frame(w))
			(void)event_loop_turn(w->loop, -1);
		if (!arp_answered(w) && w->seen.ether == 0x0800 &&
		    w->seen.proto == proto)
			return;
	}
}

static void
spin(struct world *w)
{
	for (int i = 0; i < 20; i++)
		kit_settle(w->loop);
}

static void
make(struct world *w, const char *const *ports)
{
	struct net_port list[4];
	struct net_user_config config = { .loop = w->loop, .hostname = "web",
	    .boot_dir = w->boot_dir, .boot_file = w->boot_file,
	    .ports = list, .deliver = deliver, .arg = w };
	struct err e = { .text = "" };

	memcpy(config.mac, guest_mac, 6);
	for (; ports != NULL && *ports != NULL; ports++)
		assert_int_equal(net_port_parse(&list[config.nports++],
		    *ports, NULL), 0);
	if (net_user_new(&w->user, &config, &e) == -1)
		fail_msg("%s", e.text);
	/* Every guest says its name when it comes up. */
	frame_arp(&w->out, 1, GUEST, GATEWAY);
	send_frame(w);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->loop = kit_loop();
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	net_user_destroy(w->user);
	event_loop_destroy(w->loop);
	while (have_frame(w))
		;
	free(w->last);
	free(w);
	return 0;
}

/* A socket of the host, bound; its port in *port. */
static int
host_socket(int type, const char *addr, uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(*port), .sin_addr.s_addr = inet_addr(addr) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

	assert_int_not_equal(fd, -1);
	/* A test that has just run is no reason. */
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
		    sizeof(on));
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1) {
		(void)close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

/* A port of the host that was free a moment ago. */
static uint16_t
free_port(int type)
{
	uint16_t port = 0;

	(void)close(host_socket(type, "0.0.0.0", &port));
	return port;
}

static void
connect_to(int fd, const char *addr, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(port), .sin_addr.s_addr = inet_addr(addr) };

	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
}

/* --- addresses and names -------------------------------------------------- */

static void
dhcp(void **state)
{
	struct world *w = *state;
	uint8_t p[300], olen = 0;
	const uint8_t *o;

	make(w, NULL);
	for (uint8_t type = 1; type <= 3; type += 2) {
		frame_udp(&w->out, "0.0.0.0", 68, "255.255.255.255", 67, p,
		    frame_dhcp(p, type));
		send_frame(w);
		expect_proto(w, 17);
		assert_int_equal(w->seen.dport, 68);
		assert_int_equal(get32(w->seen.data + 16),
		    ntohl(inet_addr(GUEST)));
		o = frame_dhcp_option(w->seen.data, w->seen.len, 53, &olen);
		assert_int_equal(*o, type == 1 ? 2 : 5);	/* OFFER, ACK */
	}
	o = frame_dhcp_option(w->seen.data, w->seen.len, 3, &olen);
	assert_int_equal(get32(o), ntohl(inet_addr(GATEWAY)));
	o = frame_dhcp_option(w->seen.data, w->seen.len, 6, &olen);
	assert_int_equal(get32(o), ntohl(inet_addr(DNS)));
	o = frame_dhcp_option(w->seen.data, w->seen.len, 12, &olen);
	assert_int_equal(olen, 3);
	assert_memory_equal(o, "web", 3);
}

/* Ask for a file by TFTP (RFC 1350); the block or the error that comes. */
static unsigned
tftp(struct world *w, const char *name, uint16_t port)
{
	char p[64];
	int n = snprintf(p, sizeof(p), "%c%c%s%coctet", 0, 1, name, 0);

	frame_udp(&w->out, GUEST, port, GATEWAY, 69, p, (size_t)n + 1);
	send_frame(w);
	expect_proto(w, 17);
	assert_int_equal(w->seen.dport, port);
	return get16(w->seen.data);
}

/* What boots from a network is named by DHCP and read by TFTP. */
static void
boot_file(void **state)
{
	char dir[] = "/tmp/net_user.XXXXXX", path[64];
	struct world *w = *state;
	uint8_t p[300];
	FILE *f;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/loader", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fputs("boot me", f);
	(void)fclose(f);
	w->boot_dir = dir;
	w->boot_file = "loader";
	make(w, NULL);
	frame_udp(&w->out, "0.0.0.0", 68, "255.255.255.255", 67, p,
	    frame_dhcp(p, 1));
	send_frame(w);
	expect_proto(w, 17);
	assert_int_equal(get32(w->seen.data + 20),
	    ntohl(inet_addr(GATEWAY)));		/* the next server */
	assert_string_equal((const char *)w->seen.data + 108, "loader");
	assert_int_equal(tftp(w, "loader", 2000), 3);
	assert_memory_equal(w->seen.data + 4, "boot me", 7);
	assert_int_equal(tftp(w, "nothing", 2001), 5);
	assert_int_equal(tftp(w, "../../etc/passwd", 2002), 5);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* Without one nobody serves files. */
static void
no_boot_file(void **state)
{
	struct world *w = *state;

	make(w, NULL);
	assert_int_equal(tftp(w, "etc/passwd", 2000), 5);
}

static void
names(void **state)
{
	struct world *w = *state;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint16_t port = 53;
	char got[64];
	int fd = host_socket(SOCK_DGRAM, NAMESERVER, &port);

	if (fd == -1) {
		print_message("# port 53 of " NAMESERVER ": %s\n",
		    strerror(errno));
		skip();
	}
	make(w, NULL);
	send_udp(w, 4000, DNS, 53, "who is vmd?");
	spin(w);
	assert_int_equal(recvfrom(fd, got, sizeof(got), 0,
	    (struct sockaddr *)&from, &len), 11);
	assert_memory_equal(got, "who is vmd?", 11);
	assert_int_equal(sendto(fd, "me", 2, 0, (struct sockaddr *)&from,
	    len), 2);
	expect_proto(w, 17);
	assert_int_equal(w->seen.src, ntohl(inet_addr(DNS)));
	assert_int_equal(w->seen.sport, 53);
	assert_int_equal(w->seen.dport, 4000);
	assert_memory_equal(w->seen.data, "me", 2);
	(void)close(fd);
}

/* --- published ports ------------------------------------------------------ */

/* Take the connection that comes in; the guest's end is in *t. */
static void
guest_accept(struct world *w, struct tcp_end *t, uint16_t port)
{
	expect_proto(w, 6);
	assert_int_equal(w->seen.flags, TCP_SYN);
	assert_int_equal(w->seen.dport, port);
	*t = (struct tcp_end){ .src = GUEST, .dst = GATEWAY, .sport = port,
	    .dport = w->seen.sport, .seq = 1000, .ack = w->seen.seq + 1 };
	frame_tcp(&w->out, t, TCP_SYN | TCP_ACK, NULL, 0);
	send_frame(w);
	t->seq++;
	expect_proto(w, 6);
	assert_int_equal(w->seen.flags, TCP_ACK);
}

static void
guest_say(struct world *w, struct tcp_end *t, uint8_t flags, const char *text)
{
	frame_tcp(&w->out, t, flags | TCP_ACK, text, strlen(text));
	send_frame(w);
	t->seq += (uint32_t)strlen(text) + (flags & TCP_FIN ? 1 : 0);
}

/* Until a segment with bytes or the end; acknowledged. */
static void
guest_hear(struct world *w, struct tcp_end *t)
{
	do
		expect_proto(w, 6);
	while (w->seen.len == 0 && !(w->seen.flags & TCP_FIN));
	t->ack = w->seen.seq + (uint32_t)w->seen.len +
	    (w->seen.flags & TCP_FIN ? 1 : 0);
	guest_say(w, t, 0, "");
}

/* By TCP: libslirp leads to the host's name server, whoever that is. */
static void
names_by_tcp(void **state)
{
	struct world *w = *state;
	struct tcp_end t = { .src = GUEST, .dst = DNS, .sport = 4001,
	    .dport = 53, .seq = 1 };
	uint16_t port = 53;
	char got[64];
	int fd = host_socket(SOCK_STREAM, NAMESERVER, &port), s;

	if (fd == -1) {
		print_message("# port 53 of " NAMESERVER ": %s\n",
		    strerror(errno));
		skip();
	}
	assert_int_equal(listen(fd, 1), 0);
	make(w, NULL);
	frame_tcp(&w->out, &t, TCP_SYN, NULL, 0);
	send_frame(w);
	expect_proto(w, 6);
	assert_int_equal(w->seen.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(w->seen.src, ntohl(inet_addr(DNS)));
	t.seq++;
	t.ack = w->seen.seq + 1;
	guest_say(w, &t, TCP_PSH, "who is vmd?");
	s = accept(fd, NULL, NULL);
	assert_int_not_equal(s, -1);
	spin(w);
	assert_int_equal(recv(s, got, sizeof(got), 0), 11);
	assert_memory_equal(got, "who is vmd?", 11);
	assert_int_equal(send(s, "me", 2, 0), 2);
	guest_hear(w, &t);
	assert_memory_equal(w->seen.data, "me", 2);
	(void)close(s);
	(void)close(fd);
}

static void
published_tcp(void **state)
{
	struct world *w = *state;
	uint16_t port = free_port(SOCK_STREAM);
	char spec[32], got[16];
	const char *const ports[] = { spec, NULL };
	struct tcp_end t;
	int fd;

	(void)snprintf(spec, sizeof(spec), "127.0.0.1:%u:80", port);
	make(w, ports);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	connect_to(fd, "127.0.0.1", port);
	guest_accept(w, &t, 80);
	assert_int_equal(send(fd, "GET /", 5, 0), 5);
	guest_hear(w, &t);
	assert_int_equal(w->seen.len, 5);
	assert_memory_equal(w->seen.data, "GET /", 5);
	/* Each direction ends on its own. */
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	guest_hear(w, &t);
	assert_true(w->seen.flags & TCP_FIN);
	guest_say(w, &t, TCP_PSH, "200 OK");
	guest_say(w, &t, TCP_FIN, "");
	spin(w);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 6);
	assert_memory_equal(got, "200 OK", 6);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	(void)close(fd);
}

/* More connections at once than libslirp would queue. */
static void
published_burst(void **state)
{
	struct world *w = *state;
	uint16_t port = free_port(SOCK_STREAM);
	char spec[32];
	const char *const ports[] = { spec, NULL };
	int fds[20];

	(void)snprintf(spec, sizeof(spec), "%u:80", port);
	make(w, ports);
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		connect_to(fds[i], "127.0.0.1", port);
	}
	for (size_t i = 0; i < COUNT(fds); i++) {
		do
			expect_proto(w, 6);
		while (w->seen.flags != TCP_SYN);
		(void)close(fds[i]);
	}
}

static void
published_udp(void **state)
{
	struct world *w = *state;
	uint16_t port = free_port(SOCK_DGRAM);
	char spec[32], got[16];
	const char *const ports[] = { spec, NULL };
	int fd;

	(void)snprintf(spec, sizeof(spec), "%u:53/udp", port);
	make(w, ports);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	connect_to(fd, "127.0.0.1", port);
	assert_int_equal(send(fd, "ask", 3, 0), 3);
	expect_proto(w, 17);
	assert_int_equal(w->seen.dport, 53);
	assert_memory_equal(w->seen.data, "ask", 3);
	send_udp(w, 53, GATEWAY, w->seen.sport, "answer");
	spin(w);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 6);
	assert_memory_equal(got, "answer", 6);
	(void)close(fd);
}

/* Who has the guest's IPv6 address?  It says so. */
static void
send_neighbour(struct world *w, const uint8_t addr[16], const uint8_t to[16])
{
	static const uint8_t gateway[6] = { 0x52, 0x56, 0, 0, 0, 2 };
	uint8_t *ip = w->out.b + 14, *icmp = ip + 40;

	frame_ether(&w->out, gateway, 0x86dd);
	memset(ip, 0, 72);
	ip[0] = 0x60;
	ip[5] = 32;
	ip[6] = 58;
	ip[7] = 255;
	memcpy(ip + 8, addr, 16);
	memcpy(ip + 24, to, 16);
	icmp[0] = 136;
	icmp[4] = 0x60;
	memcpy(icmp + 8, addr, 16);
	icmp[24] = 2;
	icmp[25] = 1;
	memcpy(icmp + 26, guest_mac, 6);
	put16(icmp + 2, frame_fold(frame_sum(ip + 8, 64, 58 + 32)));
	w->out.len = 14 + 72;
	send_frame(w);
}

static void
published_v6(void **state)
{
	static const uint8_t guest[16] = { 0xfd, 0x76, 0x6d, 0x64, 0, 0, 0, 0,
	    0x50, 0x54, 0, 0xff, 0xfe, 0x12, 0x34, 0x56 };
	static const uint8_t gateway[16] = { 0xfd, 0x76, 0x6d, 0x64,
	    [15] = 2 };
	struct world *w = *state;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
	    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t len = sizeof(in6);
	char spec[32];
	const char *const ports[] = { spec, NULL };
	const uint8_t *ip;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&in6, len) == -1) {
		print_message("# this host has no IPv6\n");
		skip();
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in6, &len), 0);
	(void)close(fd);
	(void)snprintf(spec, sizeof(spec), "[::1]:%u:80",
	    ntohs(in6.sin6_port));
	make(w, ports);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&in6, len), 0);
	for (;;) {
		while (!have_frame(w))
			(void)event_loop_turn(w->loop, -1);
		ip = w->last->b + 14;
		if (w->seen.ether != 0x86dd)
			continue;
		if (ip[6] == 58 && ip[40] == 135 &&
		    memcmp(ip + 48, guest, 16) == 0)
			send_neighbour(w, guest, ip + 8);
		if (ip[6] == IPPROTO_TCP)
			break;
	}
	assert_memory_equal(ip + 8, gateway, 16);
	assert_memory_equal(ip + 24, guest, 16);
	assert_int_equal(get16(ip + 42), 80);
	assert_int_equal(ip[53] & 0x1f, TCP_SYN);
	(void)close(fd);
}

static void
in_use(void **state)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	struct world *w = *state;
	char spec[32], want[32];

	for (size_t i = 0; i < COUNT(types); i++) {
		uint16_t port = 0;
		int on = 1, fd = host_socket(types[i], "127.0.0.1", &port);
		struct net_port p;
		struct net_user_config config = { .loop = w->loop,
		    .ports = &p, .nports = 1, .deliver = deliver, .arg = w };
		struct err e;

		/* Not even by the option that lets two bind. */
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (types[i] == SOCK_STREAM)
			assert_int_equal(listen(fd, 1), 0);
		(void)snprintf(spec, sizeof(spec), "%u:80%s", port,
		    i == 0 ? "" : "/udp");
		(void)snprintf(want, sizeof(want), "port %u is in use", port);
		assert_int_equal(net_port_parse(&p, spec, NULL), 0);
		assert_int_equal(net_user_new(&w->user, &config, &e), -1);
		assert_string_equal(e.text, want);
		assert_string_equal(e.code, "port_in_use");
		(void)close(fd);
	}
}

/* Two machines, or one twice, cannot publish the same port. */
static void
in_use_by_us(void **state)
{
	static const char *const protos[] = { "", "/udp" };
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(protos); i++) {
		uint16_t port = free_port(i == 0 ? SOCK_STREAM : SOCK_DGRAM);
		struct net_port p[2];
		struct net_user_config config = { .loop = w->loop,
		    .ports = p, .nports = 2, .deliver = deliver, .arg = w };
		char spec[32];
		struct err e;

		(void)snprintf(spec, sizeof(spec), "%u:80%s", port, protos[i]);
		assert_int_equal(net_port_parse(&p[0], spec, NULL), 0);
		p[1] = p[0];
		p[1].guest_port = 81;
		assert_int_equal(net_user_new(&w->user, &config, &e), -1);
		assert_non_null(strstr(e.text, "is in use"));
	}
}

/* --- what the guest may reach --------------------------------------------- */

/* An address of this host that is not a loopback one; NULL: none. */
static const char *
own_address(void)
{
	static char text[INET_ADDRSTRLEN];
	struct ifaddrs *all, *a;
	const char *ret = NULL;

	if (getifaddrs(&all) == -1)
		return NULL;
	for (a = all; a != NULL && ret == NULL; a = a->ifa_next)
		if (a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_INET &&
		    (a->ifa_flags & (IFF_LOOPBACK | IFF_UP)) == IFF_UP)
			ret = inet_ntop(AF_INET, &((struct sockaddr_in *)
			    (void *)a->ifa_addr)->sin_addr, text, sizeof(text));
	freeifaddrs(all);
	return ret;
}

static void
outward(void **state)
{
	struct world *w = *state;
	const char *addr = own_address();
	struct tcp_end t = { .src = GUEST, .dst = addr, .sport = 3000,
	    .seq = 77 };
	static char data[65000], got[65000];
	size_t len = 0;
	int fd, conn;

	if (addr == NULL) {
		print_message("# this host has no address but loopback\n");
		skip();
	}
	fd = host_socket(SOCK_STREAM, addr, &t.dport);
	assert_int_equal(listen(fd, 1), 0);
	make(w, NULL);
	frame_tcp(&w->out, &t, TCP_SYN, NULL, 0);
	send_frame(w);
	expect_proto(w, 6);
	assert_int_equal(w->seen.flags, TCP_SYN | TCP_ACK);
	t.seq++;
	t.ack = w->seen.seq + 1;
	conn = accept(fd, NULL, NULL);
	assert_int_not_equal(conn, -1);
	/* One frame, as a guest with TSO sends it. */
	memset(data, 'x', sizeof(data));
	frame_tcp(&w->out, &t, TCP_ACK | TCP_PSH, data, sizeof(data));
	send_frame(w);
	spin(w);
	while (len < sizeof(data)) {
		ssize_t n = recv(conn, got + len, sizeof(got) - len, 0);

		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_memory_equal(got, data, sizeof(data));
	t.seq += sizeof(data);
	assert_int_equal(send(conn, "thanks", 6, 0), 6);
	guest_hear(w, &t);
	assert_memory_equal(w->seen.data, "thanks", 6);
	(void)close(conn);
	(void)close(fd);
}

/* However many a guest begins, descriptors are left for the device. */
static void
full(void **state)
{
	struct world *w = *state;
	const char *addr = own_address();
	struct rlimit rl = { 8192, 8192 };
	uint16_t port = 0;
	int before, fd;

	if (addr == NULL || setrlimit(RLIMIT_NOFILE, &rl) == -1) {
		print_message("# no address but loopback, or no limit\n");
		skip();
	}
	fd = host_socket(SOCK_DGRAM, addr, &port);	/* takes it all */
	make(w, NULL);
	before = unit_count_fds();
	for (unsigned i = 0; i < 2 * NET_USER_SOCKETS_MAX; i++) {
		send_udp(w, (uint16_t)(1000 + i), addr, port, "x");
		if (i % 128 == 0)
			kit_settle(w->loop);
	}
	(void)close(fd);
	assert_in_range(unit_count_fds() - before, NET_USER_SOCKETS_MAX,
	    NET_USER_SOCKETS_MAX + 256);
}

/* Services on the host's loopback addresses are none of the guest's. */
static void
loopback(void **state)
{
	struct world *w = *state;
	struct tcp_end t = { .src = GUEST, .dst = GATEWAY, .sport = 3000,
	    .seq = 77 };
	uint16_t uport = 0;
	int tcp = host_socket(SOCK_STREAM, "127.0.0.1", &t.dport);
	int udp = host_socket(SOCK_DGRAM, "127.0.0.1", &uport);
	static const char *const addrs[] = { GATEWAY, "127.0.0.1", "0.0.0.0" };
	char got[16];

	assert_int_equal(listen(tcp, 4), 0);
	(void)fcntl(tcp, F_SETFL, O_NONBLOCK);
	make(w, NULL);
	for (size_t i = 0; i < COUNT(addrs); i++) {
		t.dst = addrs[i];
		t.sport++;
		frame_tcp(&w->out, &t, TCP_SYN, NULL, 0);
		send_frame(w);
		send_udp(w, 3000, addrs[i], uport, "let me in");
	}
	spin(w);
	assert_int_equal(accept(tcp, NULL, NULL), -1);
	assert_int_equal(recv(udp, got, sizeof(got), MSG_DONTWAIT), -1);
	(void)close(tcp);
	(void)close(udp);
}

static void
ports_as_written(void **state)
{
	static const struct {
		const char *text, *want;	/* want: NULL is good */
	} t[] = {
		{ "8080:80", NULL }, { "127.0.0.1:8080:80/tcp", NULL },
		{ "[::1]:8080:80/udp", NULL }, { "65535:65535/udp", NULL },
		{ "80", "port \"80\": want [ADDR:]HOST:GUEST[/udp]" },
		{ "", "port \"\": want [ADDR:]HOST:GUEST[/udp]" },
		{ "0:80", "port \"0:80\": host port is not 1 to 65535" },
		{ "80:65536", "port \"80:65536\": guest port is not 1 to "
		    "65535" },
		{ "80:", "port \"80:\": guest port is not 1 to 65535" },
		{ ":80", "port \":80\": host port is not 1 to 65535" },
		{ "80:80/sctp", "port \"80:80/sctp\": protocol is neither tcp "
		    "nor udp" },
		{ ":80:80", "port \":80:80\": address is empty" },
		{ "::1:80:80", "port \"::1:80:80\": address is neither IPv4 "
		    "nor [IPv6]" },
		{ "[]:80:80", "port \"[]:80:80\": address is neither IPv4 "
		    "nor [IPv6]" },
		{ "localhost:80:80", "port \"localhost:80:80\": address is "
		    "neither IPv4 nor [IPv6]" },
	};
	struct net_port p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(t); i++) {
		int r = net_port_parse(&p, t[i].text, &e);

		assert_int_equal(r, t[i].want == NULL ? 0 : -1);
		if (t[i].want != NULL)
			assert_string_equal(e.text, t[i].want);
	}
	assert_int_equal(net_port_parse(&p, "[::1]:8080:80/udp", &e), 0);
	assert_int_equal(p.host.ss_family, AF_INET6);
	assert_true(p.udp);
	assert_int_equal(p.host_port, 8080);
	assert_int_equal(p.guest_port, 80);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ports_as_written),
		TEST(dhcp),
		TEST(boot_file),
		TEST(no_boot_file),
		TEST(names),
		TEST(names_by_tcp),
		TEST(published_tcp),
		TEST(published_burst),
		TEST(published_udp),
		TEST(published_v6),
		TEST(in_use),
		TEST(in_use_by_us),
		TEST(outward),
		TEST(full),
		TEST(loopback),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	(void)alarm(ALARM_S);
	return unit_run("net_user", tests);
}
