/* SPDX-License-Identifier: ISC */
/*
 * load.c - /init of a guest that reads its disk and speaks over its network
 *
 * Every phase is a number of requests between two marks (CPUID with a leaf of
 * its own, the phase in %ecx), and idles before and after, so that counters
 * can be read.  The phases, from 1: 4 KiB random reads one by one, 32 at a
 * time, 1 MiB reads; then, when the host connects to port 5000, 8 MiB to it
 * and 8 MiB from it.
 */

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAF	0x0badf00dU
#define SMALL	4096U
#define LARGE	(1U << 20)
#define BLOCKS	(64U << 20 >> 12)	/* of the disk */
#define FLOW	(8U << 20)		/* bytes each way */
#define DEPTH	32

static uint8_t	*buf;

static void
mark(unsigned n)
{
	uint32_t a = LEAF, b, c = n, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
}

static void
idle(void)
{
	(void)poll(NULL, 0, 120);
}

/* The marks of observe.h. */
static void
begin(unsigned phase)
{
	mark(4 * phase);
	idle();
	mark(4 * phase + 1);
}

static void
end(unsigned phase)
{
	mark(4 * phase + 2);
	idle();
}

/* The same sequence in every guest. */
static uint32_t
next(void)
{
	static uint32_t x = 12345;

	x = x * 1664525 + 1013904223;
	return x >> 8;
}

static void
check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	mark(99);
	(void)pause();
}

static void
one_by_one(int fd, unsigned n, size_t len)
{
	for (unsigned i = 0; i < n; i++) {
		off_t at = len == SMALL ? (off_t)(next() % BLOCKS) * SMALL :
		    (off_t)i * (off_t)len;

		check(pread(fd, buf, len, at) == (ssize_t)len, "read");
	}
}

static void
many(int fd, unsigned rounds)
{
	struct io_event done[DEPTH];
	struct iocb cb[DEPTH], *list[DEPTH];
	aio_context_t ctx = 0;

	check(syscall(SYS_io_setup, DEPTH, &ctx) == 0, "io_setup");
	for (unsigned r = 0; r < rounds; r++) {
		memset(cb, 0, sizeof(cb));
		for (unsigned i = 0; i < DEPTH; i++) {
			list[i] = &cb[i];
			cb[i].aio_fildes = (uint32_t)fd;
			cb[i].aio_lio_opcode = IOCB_CMD_PREAD;
			cb[i].aio_buf = (uint64_t)(uintptr_t)(buf + i * SMALL);
			cb[i].aio_nbytes = SMALL;
			cb[i].aio_offset = (int64_t)(next() % BLOCKS) * SMALL;
		}
		check(syscall(SYS_io_submit, ctx, DEPTH, list) == DEPTH,
		    "io_submit");
		check(syscall(SYS_io_getevents, ctx, DEPTH, DEPTH, done,
		    NULL) == DEPTH, "io_getevents");
	}
}

static void
disk(void)
{
	int fd = open("/dev/vda", O_RDONLY | O_DIRECT);

	check(fd != -1, "/dev/vda");
	one_by_one(fd, 64, LARGE);	/* into the host's cache */
	begin(1);
	one_by_one(fd, 256, SMALL);
	end(1);
	begin(2);
	many(fd, 32);
	end(2);
	begin(3);
	one_by_one(fd, 32, LARGE);
	end(3);
}

static void
interface_up(const char *name, const char *address)
{
	struct ifreq r = { 0 };
	struct sockaddr_in *sin = (void *)&r.ifr_addr;
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = inet_addr(address);
	check(ioctl(s, SIOCSIFADDR, &r) == 0, name);
	sin->sin_addr.s_addr = inet_addr("255.255.255.0");
	check(ioctl(s, SIOCSIFNETMASK, &r) == 0, name);
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	check(ioctl(s, SIOCSIFFLAGS, &r) == 0, name);
	(void)close(s);
}

static void
move(int s, int out)
{
	size_t left = FLOW;
	ssize_t n;

	while (left > 0) {
		n = out ? write(s, buf, left < LARGE ? left : LARGE) :
		    read(s, buf, LARGE);
		check(n > 0, "flow");
		left -= (size_t)n;
	}
	/* The other side has it all. */
	if (out)
		check(read(s, buf, 1) == 1, "flow");
	else
		check(write(s, buf, 1) == 1, "flow");
}

static void
network(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons(5000) };
	int l = socket(AF_INET, SOCK_STREAM, 0), s;

	interface_up("eth0", "10.0.2.15");
	check(bind(l, (void *)&sin, sizeof(sin)) == 0 && listen(l, 8) == 0,
	    "listen");
	mark(3);			/* the host may connect */
	s = accept(l, NULL, NULL);
	check(s != -1, "accept");
	move(s, 1);			/* windows grow */
	begin(4);
	move(s, 1);
	end(4);
	begin(5);
	move(s, 0);
	end(5);
}

int
main(void)
{
	mark(0);
	buf = aligned_alloc(SMALL, LARGE);
	check(buf != NULL, "memory");
	memset(buf, 1, LARGE);
	(void)mkdir("/dev", 0755);
	(void)mount("dev", "/dev", "devtmpfs", 0, NULL);
	disk();
	network();
	mark(98);
	for (;;)
		(void)pause();
}
