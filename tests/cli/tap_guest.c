/* SPDX-License-Identifier: ISC */
/*
 * tap_guest.c - a guest that is a network namespace
 *
 *	tap-guest SOCKET NAME MAC
 *
 * Drives the network card at a vhost-user socket, and is the wire between it
 * and a tap of its own, NAME with address MAC, in the namespace it runs in:
 * what the kernel has there is the guest's network, with checksums and
 * segments left to the card as a driver would.
 */

#include <sys/ioctl.h>

#include <net/if.h>
#include <net/if_arp.h>

#include <linux/if_tun.h>

#include "drive_net.h"
#include "lib/io.h"

#define BUFFER	2048	/* bytes of each that is given to the card */
#define ALL	(~0ULL & ~VIRTIO_BIT(VIRTIO_F_RING_PACKED))

static int
make_tap(const char *name, const char *mac)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int size = (int)HDR, s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned long offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	unsigned m[6];

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd == -1 || ioctl(fd, TUNSETIFF, &r) == -1 ||
	    ioctl(fd, TUNSETVNETHDRSZ, &size) == -1 ||
	    ioctl(fd, TUNSETOFFLOAD, offload) == -1)
		drive_die("tap", NULL);
	if (sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x", &m[0], &m[1], &m[2], &m[3],
	    &m[4], &m[5]) != 6)
		drive_die("address", NULL);
	memset(&r.ifr_hwaddr, 0, sizeof(r.ifr_hwaddr));
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	for (unsigned i = 0; i < 6; i++)
		r.ifr_hwaddr.sa_data[i] = (char)m[i];
	if (ioctl(s, SIOCSIFHWADDR, &r) == -1)
		drive_die("address", NULL);
	if (ioctl(s, SIOCGIFFLAGS, &r) == -1)
		drive_die("up", NULL);
	r.ifr_flags |= IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &r) == -1)
		drive_die("up", NULL);
	(void)close(s);
	return fd;
}

/* Frames of the card; false: there is none. */
static bool
to_kernel(int tap)
{
	struct iovec v[2] = { { &g.got, HDR }, { g.in.b, 0 } };

	if (!have_frame(0))
		return false;
	v[1].iov_len = g.in.len;
	(void)!writev(tap, v, 2);
	give(0, g.got.num_buffers, BUFFER);
	return true;
}

static void
to_card(int tap)
{
	struct iovec v[2] = { { &g.hdr, HDR }, { g.out.b, sizeof(g.out.b) } };
	ssize_t n;

	while ((n = readv(tap, v, 2)) > (ssize_t)HDR) {
		g.out.len = (size_t)n - HDR;
		send_frame(1);
	}
}

int
main(int argc, char **argv)
{
	struct pollfd p[2];
	int tap;

	if (argc != 4) {
		fprintf(stderr, "usage: tap-guest socket name mac\n");
		return 2;
	}
	drive_init(&g.d, 0);
	snprintf(g.d.sock, sizeof(g.d.sock), "%s", argv[1]);
	tap = make_tap(argv[2], argv[3]);
	drive_hello(&g.d, ALL);
	drive_start(&g.d, 0, QUEUE_LEN);
	drive_start(&g.d, 1, QUEUE_LEN);
	g.next = DRIVE_DATA;
	give(0, QUEUE_LEN / 2, BUFFER);
	printf("ready\n");
	fflush(stdout);
	p[0] = (struct pollfd){ .fd = tap, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = g.d.call[0], .events = POLLIN };
	for (;;) {
		uint64_t v;

		to_card(tap);
		while (to_kernel(tap))
			;
		if (virtq_driver_wait(&g.d.q[0]))
			continue;
		if (poll(p, 2, -1) == -1)
			drive_die("poll", NULL);
		(void)!read(g.d.call[0], &v, sizeof(v));
	}
}
