/* SPDX-License-Identifier: ISC */
/*
 * drive.h - a front-end and driver that drive a real viod, for tests
 *
 * One piece of shared memory is the guest: rings first, then requests,
 * then data.  drive_*() abort the test when our own side fails.
 */

#ifndef DRIVE_H
#define DRIVE_H

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "os/os.h"
#include "virtio/frontend.h"
#include "virtio/virtq_driver.h"

#define DRIVE_BYTES	(16UL << 20)	/* guest memory */
#define DRIVE_GPA	0x40000000ULL	/* where the guest sees it */
#define DRIVE_QUEUES	5
#define DRIVE_RING	0x10000		/* bytes of memory for a queue */
#define DRIVE_REQS	(DRIVE_QUEUES * DRIVE_RING)	/* headers, status */
#define DRIVE_DATA	(1UL << 20)	/* data from here on */
#define DRIVE_WAIT_MS	30000		/* a hang, not a slow machine */

struct drive {
	char			 dir[64];
	char			 sock[96];
	char			 disk[96];
	int			 fd;		/* of the disk */
	pid_t			 viod;
	void			 (*child)(void);	/* called before exec */
	struct frontend		 fe;
	int			 memfd;
	uint8_t			*mem;
	uint16_t		 len;		/* of the queues */
	struct virtq_driver	 q[DRIVE_QUEUES];
	int			 kick[DRIVE_QUEUES];
	int			 call[DRIVE_QUEUES];
	int			 err;
	uint64_t		 kicks;		/* counted for benchmarks */
	uint64_t		 calls;
};

static inline void
drive_die(const char *what, const struct err *e)
{
	fprintf(stderr, "drive: %s: %s\n", what, e != NULL ? e->text : "");
	abort();
}

/* A directory with a disk of 'bytes'. */
static inline void
drive_init(struct drive *d, uint64_t bytes)
{
	struct err e;
	const char *tmp = getenv("TMPDIR");

	memset(d, 0, sizeof(*d));
	d->fe.sock = -1;
	d->err = -1;
	snprintf(d->dir, sizeof(d->dir), "%.40s/drive.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(d->dir) == NULL)
		drive_die("mkdtemp", NULL);
	snprintf(d->sock, sizeof(d->sock), "%s/vu", d->dir);
	snprintf(d->disk, sizeof(d->disk), "%s/disk", d->dir);
	d->fd = open(d->disk, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->fd == -1 || ftruncate(d->fd, (off_t)bytes) == -1)
		drive_die("disk", NULL);
	d->memfd = os_memfd("guest", DRIVE_BYTES, &e);
	if (d->memfd == -1)
		drive_die("memory", &e);
	d->mem = mmap(NULL, DRIVE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
	    d->memfd, 0);
	if (d->mem == MAP_FAILED)
		drive_die("mmap", NULL);
	for (unsigned i = 0; i < DRIVE_QUEUES; i++) {
		d->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		d->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
	d->err = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static inline void
drive_kill(struct drive *d, int sig)
{
	int status;

	if (d->viod == 0)
		return;
	(void)kill(d->viod, sig);
	if (waitpid(d->viod, &status, 0) != d->viod)
		drive_die("waitpid", NULL);
	d->viod = 0;
	/* It must not have ended by itself, nor by a sanitizer. */
	if (!(WIFSIGNALED(status) && WTERMSIG(status) == sig) &&
	    !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		drive_die("viod ended in a bad way", NULL);
}

static inline void
drive_fini(struct drive *d)
{
	frontend_fini(&d->fe);
	drive_kill(d, SIGTERM);
	for (unsigned i = 0; i < DRIVE_QUEUES; i++) {
		(void)close(d->kick[i]);
		(void)close(d->call[i]);
	}
	(void)close(d->err);
	(void)munmap(d->mem, DRIVE_BYTES);
	(void)close(d->memfd);
	(void)close(d->fd);
	(void)unlink(d->disk);
	(void)unlink(d->sock);
	(void)rmdir(d->dir);
}

/* Start argv[0] with the disk as descriptor 6; returns at once. */
static inline void
drive_exec(struct drive *d, const char *const argv[])
{
	d->viod = fork();
	if (d->viod == -1)
		drive_die("fork", NULL);
	if (d->viod != 0)
		return;
	/* It may be 6 already, and close-on-exec. */
	if (dup2(d->fd, 6) == -1 || fcntl(6, F_SETFD, 0) == -1)
		_exit(127);
	(void)os_die_with_parent();
	if (d->child != NULL)
		d->child();
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* viod of the build this test (by its argv[0]) belongs to. */
static inline char *
drive_viod(const char *self)
{
	static char path[512];
	const char *tests = strstr(self, "/tests/");

	snprintf(path, sizeof(path), "%.*s/bin/viod",
	    tests != NULL ? (int)(tests - self) : 0, self);
	return path;
}

/* A connection, once somebody listens. */
static inline int
drive_dial(struct drive *d)
{
	struct timeval tv = { .tv_sec = DRIVE_WAIT_MS / 1000 };
	struct err e;
	int s = -1;

	for (unsigned i = 0; i < DRIVE_WAIT_MS / 10 && s == -1; i++) {
		s = os_unix_connect(AT_FDCWD, d->sock, &e);
		if (s == -1)
			(void)usleep(10000);
	}
	if (s == -1)
		drive_die("connect", &e);
	(void)setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return s;
}

static inline void
drive_hello(struct drive *d, uint64_t features)
{
	struct frontend_region r = {
		.gpa = DRIVE_GPA, .len = DRIVE_BYTES,
		.user = (uintptr_t)d->mem, .fd = d->memfd,
	};
	struct err e;

	if (frontend_init(&d->fe, drive_dial(d), features, &e) == -1 ||
	    frontend_memory(&d->fe, &r, 1, &e) == -1)
		drive_die("hello", &e);
}

/* Queue n as the front-end describes it. */
static inline struct frontend_queue
drive_queue(struct drive *d, unsigned n)
{
	struct frontend_queue fq = {
		.len = d->len, .kick = d->kick[n], .call = d->call[n],
		.err = d->err,
		.addr = virtq_driver_addr(&d->q[n],
		    (uintptr_t)d->mem + n * DRIVE_RING),
	};

	return fq;
}

/* A fresh queue n of len, started. */
static inline void
drive_start(struct drive *d, unsigned n, uint16_t len)
{
	struct frontend_queue fq;
	struct err e;

	d->len = len;
	memset(d->mem + n * DRIVE_RING, 0, DRIVE_RING);
	virtq_driver_init(&d->q[n], d->mem + n * DRIVE_RING, len,
	    (d->fe.features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX)) != 0);
	fq = drive_queue(d, n);
	if (frontend_start(&d->fe, n, &fq, &e) == -1)
		drive_die("start", &e);
}

static inline void
drive_kick(struct drive *d, unsigned n)
{
	uint64_t one = 1;

	if (!virtq_driver_show(&d->q[n]))
		return;
	d->kicks++;
	if (write(d->kick[n], &one, sizeof(one)) != sizeof(one))
		drive_die("kick", NULL);
}

/* Wait for an interrupt of queue n; false after DRIVE_WAIT_MS. */
static inline bool
drive_wait(struct drive *d, unsigned n)
{
	struct pollfd p = { .fd = d->call[n], .events = POLLIN };
	uint64_t v;

	if (virtq_driver_wait(&d->q[n]))
		return true;
	if (poll(&p, 1, DRIVE_WAIT_MS) != 1)
		return false;
	if (read(d->call[n], &v, sizeof(v)) == sizeof(v))
		d->calls++;
	return true;
}

/* One request of a block device. */
struct drive_req {
	uint32_t	type;		/* VIRTIO_BLK_T_... */
	uint64_t	sector;
	uint32_t	data;		/* offset into mem */
	uint32_t	len;		/* bytes of data */
	unsigned	pieces;		/* descriptors for it, at least 1 */
	unsigned	slot;		/* whose header and status to use */
	uint32_t	written;	/* when done */
};

#define DRIVE_SLOT(s)	(DRIVE_REQS + (s) * 32)		/* offset of one */
#define DRIVE_STATUS(s)	(DRIVE_SLOT(s) + 16)

static inline bool
drive_add(struct drive *d, unsigned n, struct drive_req *r)
{
	struct virtio_blk_req head = { .type = r->type, .sector = r->sector };
	struct virtq_buf b[VIRTQ_IOV_MAX];
	unsigned pieces = r->len == 0 ? 0 : r->pieces, nb = 0;
	uint32_t at = r->data, left = r->len, part;
	bool reads = r->type == VIRTIO_BLK_T_IN ||
	    r->type == VIRTIO_BLK_T_GET_ID;

	memcpy(d->mem + DRIVE_SLOT(r->slot), &head, sizeof(head));
	d->mem[DRIVE_STATUS(r->slot)] = 0xff;
	b[nb++] = (struct virtq_buf){ DRIVE_GPA + DRIVE_SLOT(r->slot), 16 };
	for (unsigned i = 0; i < pieces; i++) {
		part = i + 1 == pieces ? left : left / (pieces - i);
		b[nb++] = (struct virtq_buf){ DRIVE_GPA + at, part };
		at += part;
		left -= part;
	}
	b[nb++] = (struct virtq_buf){ DRIVE_GPA + DRIVE_STATUS(r->slot), 1 };
	return virtq_driver_add(&d->q[n], b, reads ? 1 : 1 + pieces,
	    reads ? pieces + 1 : 1, r);
}

/* Do one request and wait for it.  The status, or -1 after a long wait. */
static inline int
drive_do(struct drive *d, unsigned n, struct drive_req *r)
{
	void *cookie;

	if (!drive_add(d, n, r))
		drive_die("queue full", NULL);
	drive_kick(d, n);
	while (!virtq_driver_get(&d->q[n], &cookie, &r->written))
		if (!drive_wait(d, n))
			return -1;
	return cookie == r ? d->mem[DRIVE_STATUS(r->slot)] : -1;
}

#endif
