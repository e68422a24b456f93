/* SPDX-License-Identifier: ISC */
/*
 * viod_frames.c - a real viod net -F: a socket of frames instead of
 * vhost-user
 */

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include "unit.h"
#include "drive.h"
#include "frames.h"

#define WAIT_MS	20000
#define MTU	1500

static const char *viod;	/* the program */
static pid_t pid;
static int report, life, card;
static struct frame out, in;
static struct seen seen;

static void
become(int r, int l, int fd)
{
	/* Out of the way first: they may have each other's numbers. */
	int fds[] = { r, l, fd };

	for (int i = 0; i < 3; i++)
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 20);
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], 3 + i) == -1)
			_exit(127);
	(void)os_die_with_parent();
	(void)execl(viod, viod, "net", "-F", "-m", "52:54:00:12:34:56", "-H",
	    "web", (char *)NULL);
	_exit(127);
}

static void
up(int type)
{
	int r[2], l[2], c[2];

	assert_int_equal(pipe2(r, O_CLOEXEC), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    l), 0);
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, c), 0);
	pid = fork();
	assert_return_code(pid, errno);
	if (pid == 0)
		become(r[1], l[1], c[1]);
	(void)close(r[1]);
	(void)close(l[1]);
	(void)close(c[1]);
	report = r[0];
	life = l[0];
	card = c[0];
}

static void
reported(const char *want)
{
	char text[128];
	ssize_t n, len = 0;

	while ((n = read(report, text + len, sizeof(text) - 1 -
	    (size_t)len)) > 0)
		len += n;
	text[len] = '\0';
	assert_string_equal(text, want);
	(void)close(report);
}

/* The lifeline ends, and so does it. */
static void
down(int want)
{
	int status;

	(void)close(life);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), want);
	(void)close(card);
}

static void
put(void)
{
	assert_int_equal(send(card, out.b, out.len, 0), out.len);
}

/* The next frame, with the gateway's questions answered; false: none. */
static bool
get(int ms)
{
	struct pollfd p = { card, POLLIN, 0 };
	ssize_t n;

	while (poll(&p, 1, ms) == 1) {
		n = recv(card, in.b, sizeof(in.b), 0);
		assert_in_range(n, 14, 14 + MTU);
		in.len = (size_t)n;
		frame_see(&seen, in.b, in.len);
		if (seen.ether == 0x0800)
			return true;
		if (seen.ether == 0x0806 && seen.arp_op == 1) {
			frame_arp(&out, 2, "10.0.2.15", "10.0.2.2");
			put();
		}
	}
	return false;
}

static void
dhcp(void **state)
{
	uint8_t p[300], olen;
	const uint8_t *o;

	(void)state;
	up(SOCK_DGRAM);
	reported("ok\n");
	frame_udp(&out, "0.0.0.0", 68, "255.255.255.255", 67, p,
	    frame_dhcp(p, 1));
	put();
	do
		assert_true(get(WAIT_MS));
	while (seen.proto != 17);
	o = frame_dhcp_option(seen.data, seen.len, 12, &olen);
	assert_non_null(o);
	assert_memory_equal(o, "web", 3);
	down(0);
}

/* An echo request of 'len' bytes to the gateway, in fragments. */
static void
ping(size_t len, uint16_t seq)
{
	static uint8_t icmp[8192];
	size_t n;

	memset(icmp, 'e', len);
	icmp[0] = 8;
	icmp[1] = 0;
	put16(icmp + 2, 0);
	put16(icmp + 6, seq);
	put16(icmp + 2, frame_fold(frame_sum(icmp, len, 0)));
	for (size_t at = 0; at < len; at += n) {
		n = len - at > 1480 ? 1480 : len - at;
		frame_ip(&out, "10.0.2.15", "10.0.2.2", 1, n);
		put16(out.b + 18, seq);
		put16(out.b + 20, (uint16_t)(at / 8 |
		    (at + n < len ? 0x2000 : 0)));
		put16(out.b + 24, 0);
		put16(out.b + 24, frame_fold(frame_sum(out.b + 14, 20, 0)));
		memcpy(out.b + 34, icmp + at, n);
		put();
	}
}

/* What is larger than the MTU comes in fragments too. */
static void
fragments(void **state)
{
	size_t got = 0;

	(void)state;
	up(SOCK_DGRAM);
	reported("ok\n");
	ping(4000, 1);
	while (got < 4000) {
		assert_true(get(WAIT_MS));
		if (seen.proto == 1 && in.b[34] != 3)
			got += get16(in.b + 16) - 20U;
	}
	assert_int_equal(got, 4000);
	down(0);
}

/* A guest that does not read loses frames, not its network. */
static void
flood(void **state)
{
	unsigned answers = 0;

	(void)state;
	up(SOCK_DGRAM);
	reported("ok\n");
	ping(1000, 0);
	do
		assert_true(get(WAIT_MS));
	while (seen.proto != 1 || in.b[34] != 0);
	for (uint16_t seq = 1; seq <= 3000; seq++)
		ping(1000, seq);
	while (get(answers == 0 ? WAIT_MS : 1000))
		answers++;
	assert_in_range(answers, 100, 3000);
	ping(1000, 9999);
	do
		assert_true(get(WAIT_MS));
	while (seen.proto != 1 || get16(in.b + 40) != 9999);
	down(0);
}

/* Empty and random frames; and what was counted is told. */
static void
nonsense(void **state)
{
	char line[256];
	ssize_t n;

	(void)state;
	up(SOCK_DGRAM);
	reported("ok\n");
	for (unsigned i = 0; i < 500; i++) {
		out.len = (i * 7 + 1) % 200 + 1;
		for (size_t k = 0; k < out.len; k++)
			out.b[k] = (uint8_t)(i * 31 + k * 17);
		put();
	}
	ping(64, 1);
	do
		assert_true(get(WAIT_MS));
	while (seen.proto != 1);
	assert_int_equal(write(life, "?", 1), 1);
	n = read(life, line, sizeof(line) - 1);
	assert_true(n > 0);
	line[n] = '\0';
	assert_non_null(strstr(line, "tx_frames 50"));
	down(0);
}

static void
no_datagrams(void **state)
{
	(void)state;
	up(SOCK_STREAM);
	reported("error frames: descriptor 5 is no socket of datagrams\n");
	down(1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dhcp),
		cmocka_unit_test(fragments),
		cmocka_unit_test(flood),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(no_datagrams),
	};

	(void)argc;
	viod = drive_viod(argv[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	return unit_run("viod_frames", tests);
}
