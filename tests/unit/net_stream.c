/* SPDX-License-Identifier: ISC */
/* net_stream.c - the name server by TCP, and what is too large for UDP */

#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "frames.h"
#include "lib/util.h"
#include "viod/net_dns.h"
#include "viod/net_names.h"
#include "viod/net_stream.h"

enum { A = 1, AAAA = 28, OPT = 41, ANY = 255 };
#define LARGE	60000		/* bytes of an answer of another server */

static struct {
	struct event_loop	*loop;
	struct net_names	*names;
	char			 dir[32];
	char			 file[64];
	int			 dirfd;
	int			 listener;	/* ours, for the guest */
	int			 server;	/* of the host's */
	unsigned		 frames;
	struct seen		 seen;
	uint8_t			 frame[2048];
} w;

static uint8_t msg[2048];	/* what the guest asks, its length before it */
static size_t len;		/* without */
static uint8_t got[65537];

/* --- questions ------------------------------------------------------------ */

/* edns: bytes that it has room for, or 0. */
static void
question(const char *name, uint16_t type, uint16_t edns)
{
	uint8_t *q = msg + 2;
	size_t n;

	memset(msg, 0, sizeof(msg));
	put16(q, 0xabcd);
	q[2] = 1;
	put16(q + 4, 1);
	for (len = 12; *name != '\0'; name += n + (name[n] == '.')) {
		n = strcspn(name, ".");
		q[len] = (uint8_t)n;
		memcpy(q + len + 1, name, n);
		len += n + 1;
	}
	put16(q + len + 1, type);
	put16(q + len + 3, 1);
	len += 5;
	if (edns != 0) {
		put16(q + 10, 1);
		put16(q + len + 1, OPT);
		put16(q + len + 3, edns);
		len += 11;
	}
	put16(msg, (uint16_t)len);
}

static void
to_guest(void *arg, const uint8_t *frame, size_t n)
{
	(void)arg;
	memcpy(w.frame, frame, n);
	frame_see(&w.seen, w.frame, n);
	w.frames++;
}

/* By UDP: the answer is w.seen. */
static void
by_udp(void)
{
	struct frame f;

	w.frames = 0;
	frame_udp(&f, "100.64.1.3", 4242, "100.64.1.2", 53, msg + 2, len);
	assert_true(net_names_take(w.names, f.b, f.len));
	assert_int_equal(w.frames, 1);
}

/* --- the world ------------------------------------------------------------ */

static int
listen_here(struct sockaddr_in *sin)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*sin);

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (void *)sin, sizeof(*sin)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (void *)sin, &size), 0);
	return fd;
}

static int
setup(void **state)
{
	static struct net_dhcp link = { .addr = 0x64400103,
	    .host = 0x64400102 };
	struct net_names_config c = { .link = &link, .deliver = to_guest };
	struct sockaddr_in sin;
	struct err e;
	FILE *f;

	(void)state;
	memset(&w, 0, sizeof(w));
	(void)strcpy(w.dir, "/tmp/net-stream.XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	(void)snprintf(w.file, sizeof(w.file), "%s/.conf", w.dir);
	f = fopen(w.file, "w");
	assert_true(fputs("nameserver 127.0.0.1\n", f) >= 0);
	(void)fclose(f);
	w.dirfd = open(w.dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(symlinkat("id 100.64.1.3", w.dirfd, "web"), 0);
	assert_int_equal(symlinkat("id 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 "
	    "10.0.0.5 10.0.0.6 10.0.0.7 10.0.0.8 fd00::1 fd00::2 fd00::3 "
	    "fd00::4 fd00::5 fd00::6 fd00::7 fd00::8", w.dirfd, "many"), 0);
	w.server = listen_here(&sin);
	assert_int_equal(event_loop_new(&w.loop, &e), 0);
	c.loop = w.loop;
	c.dirfd = w.dirfd;
	c.file = w.file;
	c.port = ntohs(sin.sin_port);
	assert_int_equal(net_names_new(&w.names, &c, &e), 0);
	w.listener = listen_here(&sin);
	assert_int_equal(net_names_listen(w.names, w.listener, &e), 0);
	return 0;
}

static int
teardown(void **state)
{
	static const char *const all[] = { "web", "many", ".conf" };

	(void)state;
	net_names_destroy(w.names);
	event_loop_destroy(w.loop);
	for (size_t i = 0; i < COUNT(all); i++)
		(void)unlinkat(w.dirfd, all[i], 0);
	(void)close(w.listener);
	(void)close(w.server);
	(void)close(w.dirfd);
	return rmdir(w.dir);
}

/* A connection of the guest's. */
static int
dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in sin;
	socklen_t size = sizeof(sin);

	assert_int_equal(getsockname(w.listener, (void *)&sin, &size), 0);
	(void)connect(fd, (void *)&sin, sizeof(sin));
	return fd;
}

static void
turn(void)
{
	(void)event_loop_turn(w.loop, 1);
}

static void
put(int fd, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	ssize_t r;

	while (n > 0) {
		r = send(fd, p, n, MSG_NOSIGNAL);
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
		turn();
	}
}

/* All of a message's bytes; its length, or 0 where the connection ends. */
static size_t
get(int fd)
{
	size_t have = 0, want = 2;
	ssize_t r;

	while (have < want) {
		turn();
		r = recv(fd, got + have, want - have, 0);
		if (r == 0 || (r == -1 && errno != EAGAIN))
			return 0;
		have += r > 0 ? (size_t)r : 0;
		if (have == 2 && want == 2)
			want += get16(got);
	}
	return have - 2;
}

/* What the host's server is asked: the connection, with the question read. */
static int
server_gets(void)
{
	int fd;

	while ((fd = accept4(w.server, NULL, NULL, SOCK_NONBLOCK |
	    SOCK_CLOEXEC)) == -1)
		turn();
	assert_int_equal(get(fd), len);
	assert_memory_equal(got, msg, len + 2);
	return fd;
}

/* --- tests ---------------------------------------------------------------- */

static void
ours(void **state)
{
	int fd = dial();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		question("web.vmd.internal", A, 0);
		if (i == 1)
			for (size_t n = 0; n < len + 2; n++)
				put(fd, msg + n, 1);
		else
			put(fd, msg, len + 2);
		assert_int_equal(get(fd), len + 16);
		assert_memory_equal(got + 2, msg + 2, 2);
		assert_int_equal(get16(got + 4), 0x8580);
		assert_int_equal(get32(got + 2 + len + 12), 0x64400103);
	}
	question("nobody.vmd.internal", A, 0);
	put(fd, msg, len + 2);
	assert_int_equal(get(fd), len);
	assert_int_equal(got[5] & 15, 3);
	/* Who asks and says that it was all has an answer. */
	question("web.vmd.internal", A, 0);
	put(fd, msg, len + 2);
	(void)shutdown(fd, SHUT_WR);
	assert_int_equal(get(fd), len + 16);
	assert_int_equal(get(fd), 0);
	(void)close(fd);
}

/* The longest of ours is the same by UDP, within 512 bytes. */
static void
longest(void **state)
{
	static const char name[] = "a-name-of-sixty-three-bytes-which-is-as-"
	    "long-as-a-label-gets-xx", zone[] = ".vmd.internal";
	char whole[sizeof(name) + sizeof(zone)];
	int fd = dial();
	size_t n;

	(void)state;
	assert_int_equal(strlen(name), 63);
	assert_int_equal(renameat(w.dirfd, "many", w.dirfd, name), 0);
	(void)snprintf(whole, sizeof(whole), "%s%s", name, zone);
	question(whole, ANY, 0);
	n = len + 8 * (12 + 4) + 8 * (12 + 16);
	assert_true(n <= 512);
	by_udp();
	assert_int_equal(w.seen.len, n);
	assert_int_equal(w.seen.data[2] & 2, 0);
	put(fd, msg, len + 2);
	assert_int_equal(get(fd), n);
	assert_memory_equal(got + 2, w.seen.data, n);
	(void)close(fd);
	assert_int_equal(unlinkat(w.dirfd, name, 0), 0);
}

/* Of another server: as it is, of any length. */
static void
others(void **state)
{
	static uint8_t answer[LARGE + 2];
	int fd = dial(), s;

	(void)state;
	question("www.openbsd.org", A, 1232);
	put(fd, msg, len + 2);
	s = server_gets();
	memset(answer, 'x', sizeof(answer));
	put16(answer, LARGE);
	memcpy(answer + 2, msg + 2, len);
	answer[4] |= 0x80;
	for (size_t n = 0; n < 10; n++)
		put(s, answer + n, 1);
	put(s, answer + 10, LARGE - 8);
	assert_int_equal(get(fd), LARGE);
	assert_memory_equal(got, answer, sizeof(answer));
	(void)close(s);
	/* And again, by the same connection of the guest's. */
	put(fd, msg, len + 2);
	s = server_gets();
	put16(answer, (uint16_t)len);
	put(s, answer, len + 2);
	assert_int_equal(get(fd), len);
	(void)close(s);
	(void)close(fd);
}

/* A server that lies, is cut, or is not there: refused, and the guest lives. */
static void
no_server(void **state)
{
	uint8_t answer[2048];
	int fd = dial(), s;

	(void)state;
	question("www.openbsd.org", A, 0);
	memcpy(answer, msg, len + 2);
	answer[4] |= 0x80;
	for (unsigned how = 0; how < 6; how++) {
		memcpy(answer, msg, len + 2);
		answer[4] |= 0x80;
		put(fd, msg, len + 2);
		s = server_gets();
		if (how == 0)
			answer[2] ^= 1;		/* another number */
		else if (how == 1)
			answer[4] = 1;		/* a question */
		else if (how == 2)
			put16(answer, 3);	/* no message */
		else if (how == 3)
			answer[16] ^= 1;	/* another name */
		else if (how == 4)
			put16(answer, 0);
		if (how < 5)
			put(s, answer, how == 2 ? 5 : how == 4 ? 2 : len + 2);
		else
			put(s, answer, len);	/* and no more */
		(void)close(s);
		assert_int_equal(get(fd), len);
		assert_int_equal(got[5] & 15, 2);
	}
	(void)close(w.server);
	w.server = -1;
	put(fd, msg, len + 2);
	assert_int_equal(get(fd), len);
	assert_int_equal(got[5] & 15, 2);
	(void)close(fd);
}

/* What is no message ends the connection, and nothing else. */
static void
lies(void **state)
{
	static const uint16_t lengths[] = { 0, 1, 11, NET_DNS_QUESTION_MAX + 1,
	    0x8000, 0xffff };
	uint8_t two[2];
	int fd;

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		fd = dial();
		put16(two, lengths[i]);
		put(fd, two, 2);
		assert_int_equal(get(fd), 0);
		(void)close(fd);
	}
	/* An answer is no question. */
	fd = dial();
	question("web.vmd.internal", A, 0);
	msg[4] |= 0x80;
	put(fd, msg, len + 2);
	assert_int_equal(get(fd), 0);
	(void)close(fd);
	/* Cut anywhere. */
	question("web.vmd.internal", A, 0);
	for (size_t n = 0; n < len + 2; n++) {
		fd = dial();
		put(fd, msg, n);
		(void)close(fd);
		turn();
	}
	/* A guest that goes while others are asked. */
	question("www.openbsd.org", A, 0);
	fd = dial();
	put(fd, msg, len + 2);
	(void)close(server_gets());
	(void)close(fd);
	fd = dial();
	question("web.vmd.internal", A, 0);
	put(fd, msg, len + 2);
	assert_int_equal(get(fd), len + 16);
	(void)close(fd);
}

/* Those beyond the limit are closed; one that ends makes room. */
static void
too_many(void **state)
{
	int fd[NET_STREAM_MAX], one;

	(void)state;
	question("web.vmd.internal", A, 0);
	for (unsigned i = 0; i < NET_STREAM_MAX; i++) {
		fd[i] = dial();
		put(fd[i], msg, len + 2);
		assert_int_equal(get(fd[i]), len + 16);
	}
	one = dial();
	assert_int_equal(get(one), 0);
	(void)close(one);
	(void)close(fd[7]);
	turn();
	fd[7] = dial();
	put(fd[7], msg, len + 2);
	assert_int_equal(get(fd[7]), len + 16);
	for (unsigned i = 0; i < NET_STREAM_MAX; i++)
		(void)close(fd[i]);
}

static void
sockets(void **state)
{
	struct sockaddr_in sin;
	int a = listen_here(&sin), b = listen_here(&sin);
	struct err e;

	(void)state;
	assert_int_equal(net_names_listen(w.names, a, &e), 0);
	assert_int_equal(net_names_listen(w.names, b, &e), -1);
	net_names_destroy(take(&w.names));
	(void)close(a);
	(void)close(b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ours),
		TEST(longest),
		TEST(others),
		TEST(no_server),
		TEST(lies),
		TEST(too_many),
		TEST(sockets),
	};

	return unit_run("net_stream", tests);
}
