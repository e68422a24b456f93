/* SPDX-License-Identifier: ISC */
/*
 * viod_tap.c - a real viod tap under a front-end of ours
 *
 * The tap is one end of a pair of sockets that keep packets whole: the test
 * is the host's kernel.  With a real one: tests/cli/switch.t.
 */

#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "unit.h"
#include "drive_net.h"
#include "lib/util.h"

#define ALL		(~0ULL & ~VIRTIO_BIT(VIRTIO_F_RING_PACKED))

static char *viod;		/* the program */
static int tap = -1;		/* the host's end */

/* A packet of the tap. */
static struct {
	struct virtio_net_hdr	hdr;
	uint8_t			b[FRAME_MAX];
} pkt;

static void
up(uint64_t features, const char *const options[4])
{
	char number[16];
	const char *argv[13] = { viod, "tap", "-m", "52:54:00:12:34:56", "-t",
	    number, "-S", g.d.sock };
	int s[2];

	memset(&g, 0, sizeof(g));
	drive_init(&g.d, 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == -1)
		drive_die("socketpair", NULL);
	tap = s[0];
	(void)fcntl(tap, F_SETFD, FD_CLOEXEC);
	snprintf(number, sizeof(number), "%d", s[1]);
	for (unsigned i = 0; i < 4 && options != NULL; i++)
		argv[8 + i] = options[i];
	drive_exec(&g.d, argv);
	(void)close(s[1]);
	drive_hello(&g.d, features);
	drive_start(&g.d, 0, QUEUE_LEN);
	drive_start(&g.d, 1, QUEUE_LEN);
	g.next = DRIVE_DATA;
}

static void
down(void)
{
	drive_fini(&g.d);
	(void)close(tap);
}

/* What the host got; its length without the header. */
static size_t
host_gets(void)
{
	struct timeval tv = { DRIVE_WAIT_MS / 1000, 0 };
	ssize_t n;

	(void)setsockopt(tap, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	n = read(tap, &pkt, sizeof(pkt));
	assert_true(n > (ssize_t)HDR);
	return (size_t)n - HDR;
}

static void
host_sends(const struct virtio_net_hdr *hdr, const void *frame, size_t len)
{
	pkt.hdr = *hdr;
	memcpy(pkt.b, frame, len);
	assert_int_equal(write(tap, &pkt, HDR + len), HDR + len);
}

/* A frame for the guest that says its number. */
static void
number_to_guest(const uint8_t to[6], uint16_t number)
{
	static const struct virtio_net_hdr none;
	uint8_t f[64] = { 0 };

	memcpy(f, to, 6);
	memset(f + 6, 2, 6);
	put16(f + 12, 0x88b5);
	put16(f + 14, number);
	host_sends(&none, f, sizeof(f));
}

static uint16_t
guest_gets_number(void)
{
	while (!have_frame(0))
		assert_true(drive_wait(&g.d, 0));
	assert_int_equal(g.seen.ether, 0x88b5);
	return get16(g.in.b + 14);
}

static void
number_to_host(const uint8_t from[6], uint16_t number)
{
	frame_ether(&g.out, from, 0x88b5);
	memcpy(g.out.b + 6, from, 6);
	put16(g.out.b + 14, number);
	g.out.len = 60;
	send_frame(1);
}

/* Headers pass as they are, both ways. */
static void
headers(void **state)
{
	struct virtio_net_hdr hdr = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .hdr_len = 54,
	    .gso_size = 1448, .csum_start = 34, .csum_offset = 16 };
	static const struct tcp_end end = { "10.0.0.1", "10.0.0.2", 1, 2, 3,
	    4 };
	static uint8_t data[20000];

	(void)state;
	up(ALL, NULL);
	give(0, 64, 2048);
	frame_tcp(&g.out, &end, TCP_ACK, data, sizeof(data));
	put16(g.out.b + 50, 0x1234);
	g.hdr = hdr;
	send_frame(1);
	assert_int_equal(host_gets(), g.out.len);
	assert_memory_equal(pkt.b, g.out.b, g.out.len);
	assert_memory_equal(&pkt.hdr, &hdr, HDR);
	host_sends(&hdr, g.out.b, g.out.len);
	while (!have_frame(0))
		assert_true(drive_wait(&g.d, 0));
	assert_int_equal(g.in.len, g.out.len);
	assert_memory_equal(g.in.b, g.out.b, g.out.len);
	assert_int_equal(g.got.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(g.got.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(g.got.gso_size, 1448);
	assert_int_equal(g.got.num_buffers, (g.out.len + HDR + 2047) / 2048);
	/* What it did not agree to does not reach the guest. */
	hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	host_sends(&hdr, g.out.b, 1000);
	number_to_guest(guest_mac, 7);
	assert_int_equal(guest_gets_number(), 7);
	down();
	up(ALL & ~VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM), NULL);
	give(0, 64, 2048);
	hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	host_sends(&hdr, g.out.b, 1000);
	hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	host_sends(&hdr, g.out.b, 1000);
	while (!have_frame(0))
		assert_true(drive_wait(&g.d, 0));
	assert_int_equal(g.got.flags, 0);
	number_to_guest(guest_mac, 8);
	assert_int_equal(guest_gets_number(), 8);
	down();
}

static void
unlocked(void **state)
{
	static const uint8_t other[6] = { 2, 0, 0, 0, 0, 9 };

	(void)state;
	up(ALL, NULL);
	give(0, 64, 2048);
	number_to_host(other, 1);
	(void)host_gets();
	assert_int_equal(get16(pkt.b + 14), 1);
	number_to_guest(other, 2);
	assert_int_equal(guest_gets_number(), 2);
	down();
}

/* Spoofed addresses go nowhere; groups and the guest's own pass. */
static void
locked(void **state)
{
	static const char *const options[4] = { "-l" };
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t other[6];

	(void)state;
	up(ALL, options);
	give(0, 64, 2048);
	for (unsigned bit = 0; bit < 48; bit++) {
		memcpy(other, guest_mac, 6);
		other[bit / 8] ^= (uint8_t)(1U << bit % 8);
		number_to_host(other, 1);
		if ((other[0] & 1) == 0)
			number_to_guest(other, 1);
	}
	number_to_host(guest_mac, 2);
	(void)host_gets();
	assert_int_equal(get16(pkt.b + 14), 2);
	number_to_guest(all, 3);
	assert_int_equal(guest_gets_number(), 3);
	number_to_guest(guest_mac, 4);
	assert_int_equal(guest_gets_number(), 4);
	down();
}

/* Frames shorter than Ethernet's header, on either side. */
static void
cut_short(void **state)
{
	static const struct virtio_net_hdr none;

	(void)state;
	up(ALL, NULL);
	give(0, 64, 2048);
	for (uint32_t n = 0; n < HDR + 14; n++) {
		memset(g.d.mem + TX_AT, 0, 64);
		if (n > 0)
			send_raw(1, n);
		pkt.hdr = none;
		if (n > 0)
			assert_int_equal(write(tap, &pkt, n), n);
	}
	number_to_host(guest_mac, 5);
	(void)host_gets();
	assert_int_equal(get16(pkt.b + 14), 5);
	number_to_guest(guest_mac, 6);
	assert_int_equal(guest_gets_number(), 6);
	down();
}

/* The answer comes from here, and the question goes nowhere. */
static void
dhcp(void **state)
{
	static const char *const options[4] = { "-a", "100.64.1.3", "-H",
	    "web" };
	uint8_t p[300], len;

	(void)state;
	up(ALL, options);
	give(0, 64, 2048);
	frame_udp(&g.out, "0.0.0.0", 68, "255.255.255.255", 67, p,
	    frame_dhcp(p, 1));
	send_frame(1);
	while (!have_frame(0))
		assert_true(drive_wait(&g.d, 0));
	assert_int_equal(g.seen.sport, 67);
	assert_int_equal(get32(g.seen.data + 16), 0x64400103);
	assert_memory_equal(frame_dhcp_option(g.seen.data, g.seen.len, 12,
	    &len), "web", 3);
	number_to_host(guest_mac, 1);
	assert_int_equal(host_gets(), 60);
	assert_int_equal(get16(pkt.b + 14), 1);
	down();
}

/* Without a driver nothing is kept for one. */
static void
no_driver(void **state)
{
	(void)state;
	up(ALL, NULL);
	assert_int_equal(frontend_reset(&g.d.fe, NULL), 0);
	frontend_fini(&g.d.fe);
	for (uint16_t i = 0; i < 100; i++)
		number_to_guest(guest_mac, i);
	/* All of them were taken off the tap. */
	for (int left = 1; left != 0;) {
		struct pollfd pfd = { .fd = tap, .events = POLLOUT };

		assert_int_equal(poll(&pfd, 1, DRIVE_WAIT_MS), 1);
		assert_int_equal(ioctl(tap, SIOCOUTQ, &left), 0);
	}
	drive_hello(&g.d, ALL);
	drive_start(&g.d, 0, QUEUE_LEN);
	drive_start(&g.d, 1, QUEUE_LEN);
	give(0, 64, 2048);
	number_to_guest(guest_mac, 777);
	assert_int_equal(guest_gets_number(), 777);
	down();
}

/* A card whose queue goes on is told to the network; a new one is not. */
static void
announced(void **state)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	const char *const locked_[4] = { "-l" };
	struct frontend_queue fq;
	struct err e;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		up(ALL, i == 0 ? NULL : locked_);
		number_to_host(mac, 1);
		assert_int_equal(host_gets(), 60);
		assert_int_equal(get16(pkt.b + 14), 1);
		fq = drive_queue(&g.d, 1);
		assert_int_equal(frontend_stop(&g.d.fe, 1, &fq.base, &e), 0);
		assert_int_equal(frontend_start(&g.d.fe, 1, &fq, &e), 0);
		assert_int_equal(host_gets(), 60);
		assert_int_equal(get16(pkt.b + 12), 0x8035);
		assert_int_equal(get16(pkt.b + 20), 3);
		assert_memory_equal(pkt.b + 6, mac, 6);
		assert_memory_equal(pkt.b + 22, mac, 6);
		assert_memory_equal(pkt.b + 32, mac, 6);
		number_to_host(mac, 2);
		assert_int_equal(host_gets(), 60);
		assert_int_equal(get16(pkt.b + 14), 2);
		down();
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(unlocked),
		cmocka_unit_test(locked),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(dhcp),
		cmocka_unit_test(no_driver),
		cmocka_unit_test(announced),
	};

	(void)argc;
	viod = drive_viod(argv[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	return unit_run("viod_tap", tests);
}
