/* SPDX-License-Identifier: ISC */
/* net_dns.c - the name server of a local interface, and what it asks others */

#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"
#include "frames.h"
#include "lib/util.h"
#include "viod/net_dns.h"
#include "viod/net_names.h"

#define ADDR	"100.64.1.3"
#define HOST	"100.64.1.2"
#define PORT	4242

enum { A = 1, PTR = 12, AAAA = 28, ANY = 255 };

/* What the guest asks. */
static uint8_t msg[2048];
static size_t len;

/* A question for a name in dots. */
static void
question(const char *name, uint16_t type)
{
	size_t n;

	memset(msg, 0, sizeof(msg));
	put16(msg, 0xabcd);
	msg[2] = 1;		/* recursion is wanted */
	put16(msg + 4, 1);
	for (len = 12; *name != '\0'; name += n + (name[n] == '.')) {
		n = strcspn(name, ".");
		msg[len] = (uint8_t)n;
		memcpy(msg + len + 1, name, n);
		len += n + 1;
	}
	put16(msg + len + 1, type);
	put16(msg + len + 3, 1);
	len += 5;
}

static struct net_dns q;

static enum net_dns_kind
kind(const char *name)
{
	question(name, A);
	net_dns_parse(&q, msg, len);
	return q.kind;
}

static void
names(void **state)
{
	static const char digits[] = "2.0.0.0.0.0.0.0.5.0.1.0.0.4.4.6."
	    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";

	(void)state;
	assert_int_equal(kind("web.vmd.internal"), NET_DNS_OURS);
	assert_string_equal(q.key, "web");
	assert_int_equal(kind("WEB.Vmd.INTERNAL"), NET_DNS_OURS);
	assert_string_equal(q.key, "web");
	/* The zone itself, and what is deeper than a VM. */
	assert_int_equal(kind("vmd.internal"), NET_DNS_OURS);
	assert_string_equal(q.key, "");
	assert_int_equal(kind("a.web.vmd.internal"), NET_DNS_OURS);
	assert_string_equal(q.key, "");
	assert_int_equal(kind("xvmd.internal"), NET_DNS_OTHERS);
	assert_int_equal(kind("internal"), NET_DNS_OTHERS);
	assert_int_equal(kind("web.vmd.internal.org"), NET_DNS_OTHERS);
	assert_int_equal(kind(""), NET_DNS_OTHERS);
	assert_int_equal(kind("3.1.64.100.in-addr.arpa"), NET_DNS_REVERSE);
	assert_string_equal(q.key, ADDR);
	assert_int_equal(kind("1.64.100.in-addr.arpa"), NET_DNS_OTHERS);
	assert_int_equal(kind("3.1.64.300.in-addr.arpa"), NET_DNS_OTHERS);
	assert_int_equal(kind("5.3.1.64.100.in-addr.arpa"), NET_DNS_OTHERS);
	assert_int_equal(kind(digits), NET_DNS_REVERSE);
	assert_string_equal(q.key, "fd00::6440:105:0:2");
	assert_int_equal(kind(digits + 2), NET_DNS_OTHERS);
	/* A dot, a slash or a NUL in a label is none that a file could have. */
	question("a-b.vmd.internal", A);
	for (unsigned i = 0; i < 3; i++) {
		msg[14] = (uint8_t)"./"[i];
		net_dns_parse(&q, msg, len);
		assert_int_equal(q.kind, NET_DNS_OURS);
		assert_string_equal(q.key, "a?b");
	}
}

static void
wrong(void **state)
{
	(void)state;
	question("web.vmd.internal", A);
	for (size_t n = 0; n < len; n++) {
		net_dns_parse(&q, msg, n);
		assert_int_equal(q.kind, n < 12 ? NET_DNS_NONE :
		    NET_DNS_WRONG);
		assert_true(n < 12 || q.code == NET_DNS_FORMAT);
	}
	msg[2] = 0x81;		/* an answer */
	net_dns_parse(&q, msg, len);
	assert_int_equal(q.kind, NET_DNS_NONE);
	msg[2] = 0x29;		/* an update */
	net_dns_parse(&q, msg, len);
	assert_int_equal(q.kind, NET_DNS_WRONG);
	assert_int_equal(q.code, NET_DNS_NOT_DONE);
	msg[2] = 1;
	for (unsigned at = 5; at < 10; at += 2) {
		msg[at]++;	/* two questions, or what answers */
		net_dns_parse(&q, msg, len);
		assert_int_equal(q.kind, NET_DNS_WRONG);
		msg[at]--;
	}
	msg[12] = 0xc0;		/* a pointer to itself */
	msg[13] = 12;
	net_dns_parse(&q, msg, len);
	assert_int_equal(q.kind, NET_DNS_WRONG);
	/* A name of 255 bytes, and what is longer. */
	for (unsigned n = 60; n < 64; n++) {
		char name[300];

		(void)snprintf(name, sizeof(name), "%.*s.%.*s.%.*s.%.*s", n,
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaaaa", n, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		    "bbbbbbbbbbbbbbbbbbbbbbbbbb", n, "cccccccccccccccccccccccc"
		    "cccccccccccccccccccccccccccccccccccccccccccc", n,
		    "dddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
		    "dddddddddd");
		assert_int_equal(kind(name), n < 63 ? NET_DNS_OTHERS :
		    NET_DNS_WRONG);
	}
	net_dns_parse(&q, msg, NET_DNS_QUESTION_MAX + 1);
	assert_int_equal(q.kind, NET_DNS_NONE);
}

static void
records(void **state)
{
	struct net_dns_record r;

	(void)state;
	net_dns_record(&r, "id-of-vm 100.64.1.3 100.64.1.5 fd00::1");
	assert_int_equal(r.n4, 2);
	assert_int_equal(r.addr4[1], ntohl(inet_addr("100.64.1.5")));
	assert_int_equal(r.n6, 1);
	assert_string_equal(r.name, "");
	net_dns_record(&r, "id web");
	assert_int_equal(r.n4 + r.n6, 0);
	assert_string_equal(r.name, "web");
	net_dns_record(&r, "100.64.1.3");
	assert_int_equal(r.n4, 0);
	net_dns_record(&r, "id 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
	    "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1  1.1.1.1 ");
	assert_int_equal(r.n4, NET_DNS_ADDRS_MAX);
	net_dns_record(&r, "");
	net_dns_record(&r, "id  ");
}

/* --- the server ----------------------------------------------------------- */

static struct world {
	struct event_loop	*loop;
	struct net_names	*names;
	struct net_dhcp		 link;
	struct net_names_config	 config;
	char			 dir[32];
	char			 file[64];
	int			 dirfd;
	int			 server;	/* one of the host's */
	uint16_t		 port;
	unsigned		 got;		/* frames */
	struct seen		 seen;
	uint8_t			 frame[2048];
} w;

static void
to_guest(void *arg, const uint8_t *frame, size_t n)
{
	(void)arg;
	assert_true(n <= 1514);
	assert_int_equal(frame_fold(frame_sum(frame + 14, 20, 0)), 0);
	memcpy(w.frame, frame, n);
	frame_see(&w.seen, w.frame, n);
	assert_int_equal(w.seen.src, ntohl(inet_addr(HOST)));
	assert_int_equal(w.seen.dst, ntohl(inet_addr(ADDR)));
	assert_int_equal(w.seen.sport, 53);
	assert_int_equal(w.seen.dport, PORT);
	assert_true(w.seen.len >= 12 && (w.seen.data[2] & 0x80) != 0);
	assert_memory_equal(w.seen.data, msg, 2);
	w.got++;
}

static void
resolv_conf(const char *text)
{
	FILE *f = fopen(w.file, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	(void)fclose(f);
}

static int
setup(void **state)
{
	static const struct net_dhcp link = {
		.mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
		.host_mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x57 },
		.addr = 0x64400103, .host = 0x64400102 };
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(sin);
	struct err e;

	(void)state;
	memset(&w, 0, sizeof(w));
	(void)strcpy(w.dir, "/tmp/net-dns.XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	(void)snprintf(w.file, sizeof(w.file), "%s/.conf", w.dir);
	w.dirfd = open(w.dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(symlinkat("id " ADDR, w.dirfd, "web"), 0);
	assert_int_equal(symlinkat("id web", w.dirfd, ADDR), 0);
	w.server = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(w.server, (void *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(w.server, (void *)&sin, &size), 0);
	w.port = ntohs(sin.sin_port);
	resolv_conf("# nothing\nsearch x\n  nameserver\nnameserver none\n"
	    "nameserver \t127.0.0.1 # here\n");
	w.link = link;
	assert_int_equal(event_loop_new(&w.loop, &e), 0);
	w.config = (struct net_names_config){ .loop = w.loop,
	    .link = &w.link, .dirfd = w.dirfd, .file = w.file,
	    .port = w.port, .deliver = to_guest };
	assert_int_equal(net_names_new(&w.names, &w.config, &e), 0);
	return 0;
}

static int
teardown(void **state)
{
	static const char *const all[] = { "web", ADDR, ".conf" };

	(void)state;
	net_names_destroy(w.names);
	event_loop_destroy(w.loop);
	for (size_t i = 0; i < COUNT(all); i++)
		(void)unlinkat(w.dirfd, all[i], 0);
	(void)close(w.server);
	(void)close(w.dirfd);
	return rmdir(w.dir);
}

/* Send the question; false: it is none for this server. */
static bool
ask_from(const char *src, const char *dst, uint16_t port)
{
	struct frame f;

	w.got = 0;
	frame_udp(&f, src, PORT, dst, port, msg, len);
	return net_names_take(w.names, f.b, f.len);
}

static void
ask(const char *name, uint16_t type)
{
	question(name, type);
	assert_true(ask_from(ADDR, HOST, 53));
}

static unsigned
code(void)
{
	return w.seen.data[3] & 15;
}

static unsigned
answers(void)
{
	return get16(w.seen.data + 6);
}

static void
ours(void **state)
{
	static const char back[] = "\3web\3vmd\10internal";

	(void)state;
	ask("web.vmd.internal", A);
	assert_int_equal(w.got, 1);
	assert_int_equal(get16(w.seen.data + 2), 0x8580);
	assert_int_equal(answers(), 1);
	assert_memory_equal(w.seen.data + 12, msg + 12, len - 12);
	assert_int_equal(w.seen.len, len + 16);
	assert_int_equal(get16(w.seen.data + len), 0xc00c);
	assert_int_equal(get16(w.seen.data + len + 10), 4);
	assert_int_equal(get32(w.seen.data + len + 12), 0x64400103);
	ask("WEB.VMD.internal", ANY);
	assert_int_equal(answers(), 1);
	/* It is there, but has none of these. */
	ask("web.vmd.internal", AAAA);
	assert_int_equal(w.got, 1);
	assert_int_equal(code(), 0);
	assert_int_equal(answers(), 0);
	ask("vmd.internal", A);
	assert_int_equal(code(), 0);
	ask("nobody.vmd.internal", A);
	assert_int_equal(code(), 3);
	ask("x.web.vmd.internal", A);
	assert_int_equal(code(), 3);
	ask("3.1.64.100.in-addr.arpa", PTR);
	assert_int_equal(answers(), 1);
	assert_int_equal(w.seen.len, len + 12 + sizeof(back));
	assert_memory_equal(w.seen.data + len + 12, back, sizeof(back));
	/* Records come and go. */
	assert_int_equal(unlinkat(w.dirfd, "web", 0), 0);
	ask("web.vmd.internal", A);
	assert_int_equal(code(), 3);
	question("web.vmd.internal", A);
	msg[2] = 0x21;
	assert_true(ask_from(ADDR, HOST, 53));
	assert_int_equal(code(), 4);
	assert_int_equal(w.seen.len, 12);
}

static void
others_ports(void **state)
{
	(void)state;
	question("web.vmd.internal", A);
	assert_false(ask_from(ADDR, HOST, 54));
	assert_false(ask_from(ADDR, "100.64.1.4", 53));
	assert_false(ask_from("100.64.1.9", HOST, 53));
	/* No answer to what is none. */
	msg[2] = 0x81;
	assert_true(ask_from(ADDR, HOST, 53));
	assert_int_equal(w.got, 0);
}

/* --- what others answer --------------------------------------------------- */

static struct sockaddr_in asker;	/* our relay's socket */
static uint8_t theirs[4096];

/* The host's server has a question. */
static void
server_gets(void)
{
	struct timeval tv = { 60, 0 };
	socklen_t size = sizeof(asker);
	ssize_t n;

	(void)setsockopt(w.server, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	n = recvfrom(w.server, theirs, sizeof(theirs), 0, (void *)&asker,
	    &size);
	assert_int_equal(n, len);
	assert_memory_equal(theirs + 2, msg + 2, len - 2);
}

static void
server_says(int fd, size_t n)
{
	assert_int_equal(sendto(fd, theirs, n, 0, (void *)&asker,
	    sizeof(asker)), n);
}

static void
until_answered(void)
{
	while (w.got == 0)
		assert_true(event_loop_turn(w.loop, 60000));
}

static void
relay(void **state)
{
	(void)state;
	ask("www.openbsd.org", A);
	assert_int_equal(w.got, 0);
	server_gets();
	/* The same again, while it waits: nothing more is asked. */
	assert_true(ask_from(ADDR, HOST, 53));
	theirs[2] = 0x81;
	theirs[3] = 0x80;
	theirs[13] ^= 0x20;	/* in a case of its own */
	server_says(w.server, len);
	until_answered();
	assert_int_equal(w.got, 1);
	assert_int_equal(w.seen.len, len);
	assert_int_equal(recv(w.server, theirs, 1, MSG_DONTWAIT), -1);
	/* An address that is nobody's name here. */
	ask("4.1.64.100.in-addr.arpa", PTR);
	server_gets();
	theirs[2] = 0x81;
	theirs[3] = 0x83;
	server_says(w.server, len);
	until_answered();
	assert_int_equal(code(), 3);
}

/* Who guesses, or answers another question, is not heard. */
static void
forged(void **state)
{
	int other = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	ask("www.openbsd.org", A);
	server_gets();
	server_says(w.server, len);		/* the question */
	theirs[2] = 0x81;
	server_says(other, len);		/* from elsewhere */
	theirs[0] ^= 1;
	server_says(w.server, len);		/* of another number */
	theirs[0] ^= 1;
	theirs[13] = 'x';
	server_says(w.server, len);		/* of another name */
	theirs[13] = 'w';
	theirs[len - 3] = AAAA;
	server_says(w.server, len);		/* of another type */
	theirs[len - 3] = A;
	server_says(w.server, len - 1);		/* cut */
	while (event_loop_turn(w.loop, 0))
		;
	assert_int_equal(w.got, 0);
	theirs[3] = 5;
	server_says(w.server, len);
	until_answered();
	assert_int_equal(code(), 5);
	(void)close(other);
}

/* More than a frame holds: by TCP, it says. */
static void
too_large(void **state)
{
	(void)state;
	ask("www.openbsd.org", A);
	server_gets();
	theirs[2] = 0x81;
	server_says(w.server, NET_DNS_ANSWER_MAX + 1);
	until_answered();
	assert_int_equal(w.seen.len, len);
	assert_int_equal(w.seen.data[2] & 2, 2);
	ask("www.openbsd.org", A);
	server_gets();
	theirs[2] = 0x81;
	server_says(w.server, NET_DNS_ANSWER_MAX);
	until_answered();
	assert_int_equal(w.seen.len, NET_DNS_ANSWER_MAX);
}

/* The next server is asked, and at last it is refused. */
static void
nobody(void **state)
{
	(void)state;
	resolv_conf("nameserver ::1\nnameserver 127.0.0.1\n");
	ask("www.openbsd.org", A);
	while (recv(w.server, theirs, 1, MSG_DONTWAIT | MSG_PEEK) == -1)
		assert_true(event_loop_turn(w.loop, 60000));
	server_gets();
	theirs[2] = 0x81;
	server_says(w.server, len);
	until_answered();
	assert_int_equal(code(), 0);
	(void)close(w.server);
	w.server = -1;
	ask("www.openbsd.org", A);
	until_answered();
	assert_int_equal(code(), 2);
	assert_int_equal(w.seen.len, len);
}

static void
too_many(void **state)
{
	unsigned refused = 0, ports = 0;
	uint16_t last = 0;

	(void)state;
	for (unsigned i = 0; i < 70; i++) {
		question("www.openbsd.org", A);
		put16(msg, (uint16_t)i);
		assert_true(ask_from(ADDR, HOST, 53));
		if (w.got != 0) {
			refused++;
			assert_int_equal(code(), 2);
			continue;
		}
		server_gets();
		ports += asker.sin_port != last;
		last = asker.sin_port;
	}
	assert_int_equal(refused, 6);
	/* Each goes out from a port of its own. */
	assert_true(ports > 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(wrong),
		cmocka_unit_test(records),
		cmocka_unit_test_setup_teardown(ours, setup, teardown),
		cmocka_unit_test_setup_teardown(others_ports, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(relay, setup, teardown),
		cmocka_unit_test_setup_teardown(forged, setup, teardown),
		cmocka_unit_test_setup_teardown(too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many, setup, teardown),
	};

	return unit_run("net_dns", tests);
}
