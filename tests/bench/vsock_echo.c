/* SPDX-License-Identifier: ISC */
/*
 * vsock_echo.c - what a byte through viod vsock costs, without a guest
 *
 * The test plays the guest by a front-end of ours.  The peer is the least
 * that could stand between two programs instead: a process that relays
 * between two unix sockets with a buffer of 64 KiB.  Rounds take turns; the
 * one that was disturbed least counts.  The round trip is the floor for an
 * exec in a guest.
 */

#include <time.h>

#include "drive_vsock.h"
#include "lib/io.h"
#include "lib/util.h"

#define ROUNDS		7
#define TRIPS		2000	/* round trips in a round */
#define MESSAGE		65536	/* bytes */
#define MESSAGES	400	/* in a round, one way */
#define TRACED		100	/* messages whose system calls are counted */

enum way { ECHO, TO_GUEST, TO_HOST, WAYS };

static const struct {
	const char	*name;
	const char	*unit;
	double		 scale;		/* of microseconds a round */
} ways[WAYS] = {
	[ECHO]		= { "vsock echo round trip", "us", 1.0 / TRIPS },
	[TO_GUEST]	= { "vsock 64k to guest", "us/MiB",
			    16.0 / MESSAGES },
	[TO_HOST]	= { "vsock 64k to host", "us/MiB", 16.0 / MESSAGES },
};

/* One that carries bytes; 'near' is the host's program's socket. */
struct carrier {
	const char	*name;
	pid_t		 pid;
	int		 near;
	int		 far;		/* of the relay */
	double		 wall[WAYS][ROUNDS];
	double		 cpu[WAYS][ROUNDS];
	double		 calls[WAYS];	/* system calls a message */
};

static struct vs_guest g;
static uint32_t hport;

static double
cpu_us(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &ts) != 0)
		drive_die("CPU clock", NULL);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* --- the far end: the guest's program ------------------------------------- */

/* Take 'len' bytes. */
static void
far_read(struct carrier *c, size_t len)
{
	static char buf[MESSAGE];
	static size_t over;	/* of the last packet, the next message's */
	ssize_t n;

	if (c->far == -1) {
		n = (ssize_t)MIN(over, len);
		over -= (size_t)n;
		len -= (size_t)n;
	}
	while (len > 0) {
		if (c->far != -1) {
			n = read(c->far, buf, MIN(len, sizeof(buf)));
			if (n <= 0)
				drive_die("relay", NULL);
			len -= (size_t)n;
			continue;
		}
		if (!vs_receive(&g))
			drive_die("viod hangs", NULL);
		if (g.hdr.op != VIRTIO_VSOCK_OP_RW)
			continue;
		over = g.hdr.len - MIN(len, g.hdr.len);
		len -= g.hdr.len - over;
		g.fwd += g.hdr.len;
		/* As Linux: when the buffer may be thought half full. */
		if (g.fwd / (VS_ALLOC / 2) !=
		    (g.fwd - g.hdr.len) / (VS_ALLOC / 2))
			vs_send(&g, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 22, hport,
			    0);
	}
}

static void
far_write(struct carrier *c, size_t len)
{
	static char buf[MESSAGE];
	static uint32_t sent, credit = VIRTIO_VSOCK_OP_INVALID;

	if (c->far != -1) {
		if (write_full(c->far, buf, len) == -1)
			drive_die("relay", NULL);
		return;
	}
	/* 128 KiB are ours; what was consumed comes back in each packet. */
	while (sent + len - credit > 131072) {
		if (!vs_receive(&g))
			drive_die("viod hangs", NULL);
		credit = g.hdr.fwd_cnt;
	}
	sent += (uint32_t)len;
	vs_send(&g, VIRTIO_VSOCK_OP_RW, 22, hport, (uint32_t)len);
}

/* --- loads ---------------------------------------------------------------- */

static void
near_read(struct carrier *c, size_t len)
{
	static char buf[MESSAGE];

	if (read_full(c->near, buf, len) != (ssize_t)len)
		drive_die("host's end", NULL);
}

static void
echo(struct carrier *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (write(c->near, "x", 1) != 1)
			drive_die("host's end", NULL);
		far_read(c, 1);
		far_write(c, 1);
		near_read(c, 1);
	}
}

/* The host's program is a process of its own, or nothing would flow. */
static void
bulk(struct carrier *c, enum way way, unsigned n)
{
	static char buf[MESSAGE];
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		for (unsigned i = 0; i < n; i++)
			if (way == TO_HOST)
				near_read(c, MESSAGE);
			else if (write_full(c->near, buf, MESSAGE) == -1)
				_exit(1);
		_exit(0);
	}
	for (unsigned i = 0; i < n; i++)
		if (way == TO_GUEST)
			far_read(c, MESSAGE);
		else
			far_write(c, MESSAGE);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		drive_die("host's program", NULL);
}

static void
load(struct carrier *c, enum way way, unsigned n)
{
	g.batch = way == ECHO ? 1 : VS_LEN / 2;
	if (way == ECHO)
		echo(c, n);
	else
		bulk(c, way, n);
}

static void
measure(struct carrier *c, enum way way, unsigned round)
{
	double wall, cpu;

	cpu = cpu_us(c->pid);
	wall = (double)os_now_us();
	load(c, way, way == ECHO ? TRIPS : MESSAGES);
	c->wall[way][round] = ((double)os_now_us() - wall) * ways[way].scale;
	c->cpu[way][round] = (cpu_us(c->pid) - cpu) * ways[way].scale;
}

/* System calls a message, counted by strace; 0 when there is none. */
static double
count_calls(struct carrier *c, enum way way)
{
	char cmd[256], pid[32];
	double calls = 0;
	pid_t tracer;
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd), "%s/calls", g.d.dir);
	(void)snprintf(pid, sizeof(pid), "%d", (int)c->pid);
	tracer = fork();
	if (tracer == 0) {
		(void)!freopen("/dev/null", "w", stderr);
		execlp("strace", "strace", "-f", "-o", cmd, "-p", pid,
		    (char *)NULL);
		_exit(127);
	}
	/* It has begun when the process stopped for it; be generous. */
	(void)usleep(500000);
	load(c, way, TRACED);
	(void)usleep(200000);
	(void)kill(tracer, SIGINT);
	(void)waitpid(tracer, NULL, 0);
	f = fopen(cmd, "r");
	if (f != NULL) {
		while (fgets(cmd, sizeof(cmd), f) != NULL)
			calls += strstr(cmd, "resumed") == NULL;
		(void)fclose(f);
	}
	(void)snprintf(cmd, sizeof(cmd), "%s/calls", g.d.dir);
	(void)unlink(cmd);
	return calls / TRACED;
}

/* --- the peer ------------------------------------------------------------- */

static void
relay(int a, int b)
{
	static char buf[MESSAGE];
	struct pollfd p[2] = { { .fd = a, .events = POLLIN },
	    { .fd = b, .events = POLLIN } };
	ssize_t n;

	for (;;) {
		(void)poll(p, 2, -1);
		for (unsigned i = 0; i < 2; i++) {
			if (p[i].revents == 0)
				continue;
			n = read(p[i].fd, buf, sizeof(buf));
			if (n <= 0 || write_full(p[!i].fd, buf,
			    (size_t)n) == -1)
				_exit(0);
		}
	}
}

static void
start_relay(struct carrier *c)
{
	int a[2], b[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b) == -1)
		drive_die("socketpair", NULL);
	c->pid = fork();
	if (c->pid == 0) {
		(void)os_die_with_parent();
		(void)close(a[0]);
		(void)close(b[0]);
		relay(a[1], b[1]);
	}
	(void)close(a[1]);
	(void)close(b[1]);
	c->near = a[0];
	c->far = b[0];
}

/* --- results -------------------------------------------------------------- */

static double
lowest(const double *v)
{
	double best = v[0];

	for (unsigned i = 1; i < ROUNDS; i++)
		best = MIN(best, v[i]);
	return best;
}

static void
print(const char *name, const char *what, const char *unit, double ours,
    double theirs)
{
	printf("{\"name\":\"%s%s\",\"unit\":\"%s\",\"ours\":%.2f,"
	    "\"peer\":\"unix socket relay\",\"peer_value\":%.2f,"
	    "\"ratio\":%.3f,\"goal\":\"<= 1.5\"}\n", name, what, unit, ours,
	    theirs, ours / theirs);
}

static void
report(const struct carrier *us, const struct carrier *peer)
{
	for (unsigned w = 0; w < WAYS; w++) {
		print(ways[w].name, "", ways[w].unit, lowest(us->wall[w]),
		    lowest(peer->wall[w]));
		print(ways[w].name, " cpu", ways[w].unit, lowest(us->cpu[w]),
		    lowest(peer->cpu[w]));
		if (us->calls[w] > 0 && peer->calls[w] > 0)
			print(ways[w].name, " syscalls", "a message",
			    us->calls[w], peer->calls[w]);
	}
}

int
main(int argc, char *argv[])
{
	static struct carrier us = { .name = "viod", .far = -1 };
	static struct carrier peer = { .name = "relay" };

	(void)argc;
	(void)signal(SIGPIPE, SIG_IGN);
	vs_up(&g, drive_viod(argv[0]), ~VIRTIO_BIT(VIRTIO_F_RING_PACKED));
	vs_give_all(&g, VS_LEN, VS_BUF);
	us.pid = g.d.viod;
	us.near = vs_open(&g, 22, &hport);
	start_relay(&peer);
	for (unsigned w = 0; w < WAYS; w++) {
		for (unsigned round = 0; round < ROUNDS; round++) {
			measure(&us, w, round);
			measure(&peer, w, round);
		}
		us.calls[w] = count_calls(&us, w);
		peer.calls[w] = count_calls(&peer, w);
	}
	report(&us, &peer);
	(void)close(us.near);
	(void)close(peer.near);
	(void)close(peer.far);
	(void)waitpid(peer.pid, NULL, 0);
	vs_down(&g);
	return 0;
}
