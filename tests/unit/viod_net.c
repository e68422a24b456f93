/* SPDX-License-Identifier: ISC */
/*
 * viod_net.c - a real viod net under a front-end of ours
 *
 * What the guest says is answered by libslirp inside: DHCP, and echo
 * requests to the gateway.
 */

#include "unit.h"
#include "drive_net.h"
#include "lib/util.h"

#define ALL		(~0ULL & ~VIRTIO_BIT(VIRTIO_F_RING_PACKED))
#define NO_EVENT	(ALL & ~VIRTIO_BIT(VIRTIO_F_EVENT_IDX))
#define ECHO_LEN	98		/* bytes of an echo request's frame */

static char *viod;		/* the program */

static void
up(uint64_t features, const char *o1, const char *o2)
{
	const char *argv[] = { viod, "net", "-m", "52:54:00:12:34:56", "-S",
	    g.d.sock, o1, o2, NULL };

	memset(&g, 0, sizeof(g));
	drive_init(&g.d, 0);
	drive_exec(&g.d, argv);
	drive_hello(&g.d, features);
	drive_start(&g.d, 0, QUEUE_LEN);
	drive_start(&g.d, 1, QUEUE_LEN);
	g.next = DRIVE_DATA;
}

static void
down(void)
{
	drive_fini(&g.d);
}

static void
expect_proto(unsigned q, uint8_t proto)
{
	for (;;) {
		while (!have_frame(q))
			assert_true(drive_wait(&g.d, q));
		if (g.seen.ether == 0x0806 && g.seen.arp_op == 1) {
			frame_arp(&g.out, 2, "10.0.2.15", "10.0.2.2");
			send_frame(1);
		} else if (g.seen.ether == 0x0800 && g.seen.proto == proto)
			return;
	}
}

/* An echo request to the gateway; 'seq' comes back. */
static void
build_echo(uint16_t seq)
{
	uint8_t *icmp = g.out.b + 34;

	frame_ip(&g.out, "10.0.2.15", "10.0.2.2", 1, ECHO_LEN - 34);
	memset(icmp, 'e', ECHO_LEN - 34);
	icmp[0] = 8;
	icmp[1] = 0;
	put16(icmp + 2, 0);
	put16(icmp + 6, seq);
	put16(icmp + 2, frame_fold(frame_sum(icmp, ECHO_LEN - 34, 0)));
}

static void
ping(unsigned txq, unsigned rxq, uint16_t seq)
{
	build_echo(seq);
	memset(&g.hdr, 0, HDR);
	send_frame(txq);
	/* The world outside may say in between that it is out of reach. */
	do
		expect_proto(rxq, 1);
	while (g.in.b[34] == 3);
	assert_int_equal(g.in.len, ECHO_LEN);
	assert_int_equal(g.in.b[34], 0);
	assert_int_equal(get16(g.in.b + 40), seq);
}

/* Have the gateway know our address: nothing waits for it then. */
static void
greet(void)
{
	frame_arp(&g.out, 1, "10.0.2.15", "10.0.2.2");
	send_frame(1);
	while (!have_frame(0) || g.seen.arp_op != 2)
		assert_true(drive_wait(&g.d, 0));
}

static void
config(void **state)
{
	struct virtio_net_config c;
	unsigned n;

	(void)state;
	up(ALL, "-q", "3");
	assert_int_equal(frontend_config(&g.d.fe, &c, 0, sizeof(c), NULL), 0);
	assert_memory_equal(c.mac, guest_mac, 6);
	assert_int_equal(c.status, VIRTIO_NET_S_LINK_UP);
	assert_int_equal(c.max_virtqueue_pairs, 3);
	assert_int_equal(c.mtu, 1500);
	assert_int_equal(frontend_queues(&g.d.fe, &n, NULL), 0);
	assert_int_equal(n, 7);
	assert_true(g.d.fe.offered & VIRTIO_BIT(VIRTIO_NET_F_MQ));
	down();
	up(ALL, NULL, NULL);
	assert_false(g.d.fe.offered & VIRTIO_BIT(VIRTIO_NET_F_MQ));
	down();
}

static void
dhcp(uint64_t features, uint32_t buffer)
{
	uint8_t p[300], olen;
	const uint8_t *o;

	up(features, "-H", "web");
	give(0, 64, buffer);
	frame_udp(&g.out, "0.0.0.0", 68, "255.255.255.255", 67, p,
	    frame_dhcp(p, 1));
	send_frame(1);
	expect_proto(0, 17);
	assert_int_equal(g.got.num_buffers,
	    (g.in.len + HDR + buffer - 1) / buffer);
	assert_int_equal(g.got.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	o = frame_dhcp_option(g.seen.data, g.seen.len, 12, &olen);
	assert_non_null(o);
	assert_memory_equal(o, "web", 3);
	down();
}

static void
one_buffer_or_many(void **state)
{
	(void)state;
	dhcp(ALL, 2048);
	dhcp(ALL, 100);
	dhcp(NO_EVENT, 100);
	dhcp(ALL & ~VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF), 2048);
}

/*
 * A driver that gives too few buffers for a frame is told to notify of the
 * next ones, and gets the frame then.
 */
static void
too_few_buffers(uint64_t features)
{
	up(features, NULL, NULL);
	give(0, 1, 100);
	greet();
	give(0, 2, 40);
	build_echo(7);
	send_frame(1);
	assert_false(have_frame(0));
	give(0, 1, 20);
	/* Sent and done with by now: it looked at the buffers before. */
	build_echo(8);
	send_frame(1);
	assert_false(have_frame(0));
	give(0, 8, 40);
	expect_proto(0, 1);
	assert_int_equal(g.got.num_buffers, 4);
	assert_int_equal(get16(g.in.b + 40), 7);
	expect_proto(0, 1);
	assert_int_equal(get16(g.in.b + 40), 8);
	down();
}

static void
few_buffers(void **state)
{
	(void)state;
	too_few_buffers(ALL);
	too_few_buffers(NO_EVENT);
}

/* Without mergeable buffers what does not fit is lost, nothing more. */
static void
small_buffers(void **state)
{
	(void)state;
	up(ALL & ~VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF), NULL, NULL);
	give(0, 1, 2048);
	greet();
	give(0, 1, 90);
	build_echo(1);
	send_frame(1);
	/* The small one stays, for an ARP answer, which fits. */
	give(0, 4, 2048);
	greet();
	ping(1, 0, 2);
	down();
}

/* The guest leaves the checksum to us. */
static void
checksum(void **state)
{
	(void)state;
	up(ALL, NULL, NULL);
	give(0, 64, 2048);
	greet();
	build_echo(3);
	put16(g.out.b + 36, 0);
	g.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	g.hdr.csum_start = 34;
	g.hdr.csum_offset = 2;
	send_frame(1);
	expect_proto(0, 1);
	assert_int_equal(get16(g.in.b + 40), 3);
	down();
}

static void
lies(void **state)
{
	static const struct virtio_net_hdr bad[] = {
		{ .flags = 1, .csum_start = 65535, .csum_offset = 65535 },
		{ .flags = 1, .csum_start = ECHO_LEN, .csum_offset = 0 },
		{ .flags = 1, .csum_start = ECHO_LEN - 1, .csum_offset = 0 },
		{ .flags = 1, .csum_start = 34, .csum_offset = 63 },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 },
		{ .flags = 1, .gso_type = VIRTIO_NET_HDR_GSO_UDP },
		{ .flags = 1, .gso_type = 0x7f },
	};

	(void)state;
	up(ALL, NULL, NULL);
	give(0, 64, 2048);
	greet();
	for (size_t i = 0; i < COUNT(bad); i++) {
		build_echo((uint16_t)(100 + i));
		g.hdr = bad[i];
		send_frame(1);
	}
	memset(g.d.mem + TX_AT, 0, 70000);
	send_raw(1, 1);
	send_raw(1, HDR - 1);
	send_raw(1, HDR);
	send_raw(1, HDR + 1);
	send_raw(1, HDR + 13);
	send_raw(1, HDR + 65568);
	send_raw(1, 131072);
	/* Whoever lied is heard when he says the truth. */
	ping(1, 0, 5);
	down();
	/* Offloads that were not agreed on. */
	up(ALL & ~VIRTIO_BIT(VIRTIO_NET_F_CSUM), NULL, NULL);
	give(0, 64, 2048);
	greet();
	build_echo(6);
	g.hdr = (struct virtio_net_hdr){ .flags = 1, .csum_start = 34,
	    .csum_offset = 2 };
	send_frame(1);
	ping(1, 0, 7);
	assert_int_equal(g.got.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	down();
}

/* A buffer that holds no header breaks its queue, not the process. */
static void
broken_queue(void **state)
{
	(void)state;
	up(ALL, NULL, NULL);
	give(0, 1, HDR);
	frame_arp(&g.out, 1, "10.0.2.15", "10.0.2.2");
	send_frame(1);
	build_echo(1);
	send_frame(1);
	assert_int_equal(frontend_reset(&g.d.fe, NULL), 0);
	frontend_fini(&g.d.fe);
	drive_hello(&g.d, ALL);
	drive_start(&g.d, 0, QUEUE_LEN);
	drive_start(&g.d, 1, QUEUE_LEN);
	give(0, 64, 2048);
	greet();
	ping(1, 0, 2);
	down();
}

/* What nobody takes is kept up to a limit, and does not stop the guest. */
static void
flood(void **state)
{
	unsigned got = 0;

	(void)state;
	up(ALL, NULL, NULL);
	give(0, 1, 2048);
	greet();
	for (unsigned i = 0; i < 3000; i++) {
		build_echo((uint16_t)i);
		send_frame(1);
	}
	give(0, 32, 2048);
	for (;;) {
		if (!have_frame(0)) {
			give(0, 1, 2048);
			assert_true(drive_wait(&g.d, 0));
			continue;
		}
		give(0, 1, 2048);
		if (g.seen.proto != 1)
			continue;
		/* In order, from the first on. */
		assert_int_equal(get16(g.in.b + 40), got);
		if (++got == 1024)
			break;
	}
	ping(1, 0, 9999);
	down();
}

/* As QEMU does it: pairs are enabled, the control queue is its own. */
static void
two_pairs(void **state)
{
	unsigned from[2] = { 0, 0 };

	(void)state;
	up(ALL, "-q", "2");
	drive_start(&g.d, 2, QUEUE_LEN);
	drive_start(&g.d, 3, QUEUE_LEN);
	give(0, 64, 2048);
	give(2, 64, 2048);
	frame_arp(&g.out, 1, "10.0.2.15", "10.0.2.2");
	send_frame(3);
	/* Many flows: both queues get some. */
	for (uint16_t i = 0; i < 16; i++) {
		build_echo(i);
		send_frame(i % 2 == 0 ? 1 : 3);
	}
	for (unsigned n = 0; n < 16;) {
		for (unsigned p = 0; p < 2; p++)
			if (have_frame(p * 2) && g.seen.proto == 1) {
				from[p]++;
				n++;
			}
	}
	assert_int_equal(from[0] + from[1], 16);
	down();
}

static uint8_t
control(uint8_t class, uint8_t cmd, uint16_t pairs, uint32_t len)
{
	uint8_t *p = g.d.mem + TX_AT;
	struct virtq_buf b[2] = { { DRIVE_GPA + TX_AT, len },
	    { DRIVE_GPA + TX_AT + 16, 1 } };
	uint32_t written;
	void *cookie;

	p[0] = class;
	p[1] = cmd;
	p[2] = (uint8_t)pairs;
	p[3] = (uint8_t)(pairs >> 8);
	p[16] = 0xff;
	if (!virtq_driver_add(&g.d.q[4], b, 1, 1, &g))
		drive_die("queue full", NULL);
	drive_kick(&g.d, 4);
	while (!virtq_driver_get(&g.d.q[4], &cookie, &written))
		assert_true(drive_wait(&g.d, 4));
	assert_int_equal(written, 1);
	return p[16];
}

static void
control_queue(void **state)
{
	(void)state;
	up(ALL, "-q", "2");
	for (unsigned q = 2; q < 5; q++)
		drive_start(&g.d, q, QUEUE_LEN);
	give(0, 64, 2048);
	give(2, 64, 2048);
	assert_int_equal(control(4, 0, 2, 4), 0);
	assert_int_equal(control(4, 0, 1, 4), 0);
	assert_int_equal(control(4, 0, 0, 4), 1);
	assert_int_equal(control(4, 0, 3, 4), 1);
	assert_int_equal(control(4, 0, 0x8000, 4), 1);
	assert_int_equal(control(4, 0, 2, 3), 1);
	assert_int_equal(control(4, 1, 2, 4), 1);
	assert_int_equal(control(0, 0, 1, 3), 1);
	/* One pair is in use: nothing comes on the second. */
	greet();
	for (uint16_t i = 0; i < 8; i++)
		ping(i % 2 == 0 ? 1 : 3, 0, i);
	assert_false(have_frame(2));
	down();
}

/* Rates delay, they do not lose. */
static void
rates(void **state)
{
	(void)state;
	up(ALL, "-U", "20K");
	give(0, 64, 2048);
	greet();
	for (uint16_t i = 0; i < 50; i++)
		ping(1, 0, i), give(0, 1, 2048);
	down();
	up(ALL, "-D", "20K");
	give(0, 100, 2048);
	greet();
	for (uint16_t i = 0; i < 50; i++) {
		build_echo(i);
		send_frame(1);
	}
	for (uint16_t i = 0; i < 50; i++) {
		expect_proto(0, 1);
		assert_int_equal(get16(g.in.b + 40), i);
	}
	down();
}

/* Sockets are made and /etc/resolv.conf is read inside the sandbox. */
static void
outward(void **state)
{
	static const char *const names[] = { "10.0.2.3", "192.0.2.1" };

	(void)state;
	up(ALL, NULL, NULL);
	give(0, 64, 2048);
	greet();
	for (size_t i = 0; i < COUNT(names); i++) {
		frame_udp(&g.out, "10.0.2.15", 4000, names[i], 53, "?", 1);
		send_frame(1);
	}
	ping(1, 0, 1);
	down();
}

/* --- large segments ------------------- */

/* A connection to 127.0.0.1:port, whoever listens there. */
static int
dial(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000001) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

/* A port of the host that was free a moment ago. */
static uint16_t
free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	(void)close(fd);
	return ntohs(in.sin_port);
}

static uint16_t
tcp_check(const struct frame *f)
{
	return frame_fold(frame_sum(f->b + 34, f->len - 34,
	    frame_pseudo(f->b + 14, f->len - 34)));
}

/* Accept the connection that was seen, as a guest with this MSS. */
static void
accept_seen(struct tcp_end *end, uint16_t mss)
{
	uint8_t option[4] = { 2, 4, (uint8_t)(mss >> 8), (uint8_t)mss };

	end->src = "10.0.2.15";
	end->dst = "10.0.2.2";
	end->sport = g.seen.dport;
	end->dport = g.seen.sport;
	end->seq = 1000;
	end->ack = g.seen.seq + 1;
	frame_tcp(&g.out, end, TCP_SYN | TCP_ACK, option, sizeof(option));
	g.out.b[46] = 6 << 4;
	put16(g.out.b + 50, 0);
	put16(g.out.b + 50, tcp_check(&g.out));
	send_frame(1);
	end->seq++;
}

/* A segment as it must be; larger than the MTU: with its checksum left. */
static void
check_segment(void)
{
	uint16_t check;

	if (g.in.len <= 1514) {
		assert_int_equal(g.got.gso_type, VIRTIO_NET_HDR_GSO_NONE);
		assert_int_equal(tcp_check(&g.in), 0);
		return;
	}
	assert_int_equal(g.got.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(g.got.gso_size, 1460);
	assert_int_equal(g.got.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(g.got.csum_start, 34);
	check = get16(g.in.b + 50);
	assert_int_equal((uint16_t)~check, frame_fold(frame_pseudo(
	    g.in.b + 14, g.in.len - 34)));
}

/* 100,000 bytes from the host; the largest frame that carried some. */
static size_t
flow(uint64_t features, uint16_t mss)
{
	static char data[100000];
	struct tcp_end end;
	uint16_t port = free_port();
	char publish[64];
	size_t most = 0, got = 0;
	int fd;

	(void)snprintf(publish, sizeof(publish), "127.0.0.1:%u:80", port);
	up(features, "-p", publish);
	give(0, 100, 2048);
	fd = dial(port);
	expect_proto(0, 6);
	accept_seen(&end, mss);
	assert_int_equal(send(fd, data, sizeof(data), 0), sizeof(data));
	while (got < sizeof(data)) {
		expect_proto(0, 6);
		if (g.seen.seq != end.ack || g.seen.len == 0)
			continue;
		check_segment();
		most = g.in.len > most ? g.in.len : most;
		give(0, g.got.num_buffers, 2048);
		end.ack += (uint32_t)g.seen.len;
		got += g.seen.len;
		frame_tcp(&g.out, &end, TCP_ACK, NULL, 0);
		send_frame(1);
	}
	(void)close(fd);
	down();
	return most;
}

static void
segments(void **state)
{
	(void)state;
	assert_int_equal(flow(ALL, 1460), 32768 + 54);
	/* A way behind the guest that is narrower than its own. */
	assert_int_equal(flow(ALL, 1360), 1360 + 54);
	assert_int_equal(flow(ALL & ~VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4),
	    1460), 1460 + 54);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config),
		cmocka_unit_test(one_buffer_or_many),
		cmocka_unit_test(few_buffers),
		cmocka_unit_test(small_buffers),
		cmocka_unit_test(checksum),
		cmocka_unit_test(lies),
		cmocka_unit_test(broken_queue),
		cmocka_unit_test(flood),
		cmocka_unit_test(two_pairs),
		cmocka_unit_test(control_queue),
		cmocka_unit_test(rates),
		cmocka_unit_test(outward),
		cmocka_unit_test(segments),
	};

	(void)argc;
	viod = drive_viod(argv[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	return unit_run("viod_net", tests);
}
