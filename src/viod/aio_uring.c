/* SPDX-License-Identifier: ISC */
/*
 * aio_uring.c - file I/O by io_uring(7)
 *
 * A whole batch is started by one io_uring_enter(2), which also finishes
 * what the page cache can answer at once.  What takes longer is told
 * through an eventfd in the event loop, edge-triggered so that nobody has to
 * read it.  While we look at completions ourselves it is switched off.
 *
 * Buffered writes: file systems that cannot take one without the chance to
 * wait (ext4) make io_uring hand each to a worker thread, which costs ten
 * times what the copy into the page cache does, and gains nothing, since
 * they let one writer into a file at a time.  There we write ourselves.
 * When that did block (too many dirty pages), workers do the writing for a
 * while, so that reads need not wait behind it.
 *
 * Process: viod.  Sandbox: io_uring_enter; the ring is set up before, and
 * can do nothing but what is below, on the one file it was given.
 * Needs: Linux 5.10 (restrictions); from 6.1 completions interrupt nobody.
 */

#include <sys/eventfd.h>

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "viod/aio.h"

#define RING_LEN	128	/* requests one enter starts at most */
#define REAP_MAX	64	/* completions looked at together */
#define BLOCKED_US	2000	/* a write that took longer has blocked */
#define BLOCKED_BYTES_US 256	/* and bytes a microsecond on top of it */
#define WORKERS_US	100000	/* how long workers write after that */

enum write_mode {
	WRITE_UNKNOWN,		/* nothing was written yet */
	WRITE_RING,		/* the ring does it without waiting */
	WRITE_SELF,		/* the ring would use a worker */
};

struct uring {
	struct aio	 aio;		/* first */
	struct io_uring	 ring;
	int		 eventfd;	/* or -1 */
	struct event_watch watch;	/* on it */
	struct event_timer retry;	/* run() once more */
	enum write_mode	 write_mode;
	uint64_t	 workers_until;	/* microseconds; os_now_us() */
};

/* Fill a submission; the file is number 0 of the registered ones. */
static void
prepare(struct io_uring_sqe *sqe, struct aio_req *r)
{
	switch (r->op) {
	case AIO_READ:
		if (r->niov == 1)
			io_uring_prep_read(sqe, 0, r->iov->iov_base,
			    (unsigned)r->iov->iov_len, r->offset);
		else
			io_uring_prep_readv(sqe, 0, r->iov, r->niov,
			    r->offset);
		break;
	case AIO_WRITE:
	case AIO_WRITE_SYNC:
		if (r->niov == 1)
			io_uring_prep_write(sqe, 0, r->iov->iov_base,
			    (unsigned)r->iov->iov_len, r->offset);
		else
			io_uring_prep_writev(sqe, 0, r->iov, r->niov,
			    r->offset);
		if (r->op == AIO_WRITE_SYNC)
			sqe->rw_flags = RWF_DSYNC;
		break;
	case AIO_SYNC:
		io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
		break;
	case AIO_PUNCH:
		io_uring_prep_fallocate(sqe, 0, FALLOC_FL_PUNCH_HOLE |
		    FALLOC_FL_KEEP_SIZE, (off_t)r->offset, (off_t)r->len);
		break;
	case AIO_ZERO:
		io_uring_prep_fallocate(sqe, 0, FALLOC_FL_ZERO_RANGE |
		    FALLOC_FL_KEEP_SIZE, (off_t)r->offset, (off_t)r->len);
		break;
	}
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, r);
}

/* Hand what was prepared to the kernel. */
static void
submit(struct uring *u)
{
	int n;

	do {
		n = io_uring_submit(&u->ring);
	} while (n == -EINTR);
	/* EAGAIN, EBUSY: the kernel is short of memory; it stays queued. */
	if (n < 0 && n != -EAGAIN && n != -EBUSY)
		fatalx("io_uring_enter: %s", strerror(-n));
}

/* Does this file system take a write only if it may wait? */
static enum write_mode
find_write_mode(struct uring *u, const struct aio_req *r)
{
	/* The caller writes the same bytes again. */
	if (pwritev2(u->aio.setup.fd, r->iov, (int)r->niov, (off_t)r->offset,
	    RWF_NOWAIT) == -1 && errno == EOPNOTSUPP)
		return WRITE_SELF;
	return WRITE_RING;
}

/* True: the write is done and was given back. */
static bool
write_self(struct uring *u, struct aio_req *r)
{
	uint64_t before, after;

	if (u->write_mode == WRITE_UNKNOWN)
		u->write_mode = find_write_mode(u, r);
	if (u->write_mode != WRITE_SELF)
		return false;
	before = os_now_us();
	if (before < u->workers_until)
		return false;
	aio_perform(u->aio.setup.fd, r);
	after = os_now_us();
	if (after - before > BLOCKED_US + r->len / BLOCKED_BYTES_US)
		u->workers_until = after + WORKERS_US;
	u->aio.setup.done(u->aio.setup.arg, r);
	return true;
}

static void
uring_queue(struct aio *a, struct aio_req *r)
{
	struct uring *u = (struct uring *)a;
	struct io_uring_sqe *sqe;

	if (r->op == AIO_WRITE && write_self(u, r))
		return;
	sqe = io_uring_get_sqe(&u->ring);

	while (sqe == NULL) {
		submit(u);
		sqe = io_uring_get_sqe(&u->ring);
	}
	prepare(sqe, r);
}

/* One completion: done, or more of it is to be done. */
static void
settle(struct uring *u, struct aio_req *r, int res)
{
	if (r->op == AIO_ZERO && (res == -EOPNOTSUPP || res == -EINVAL)) {
		/* A file system without it: write the zeroes ourselves. */
		aio_perform(u->aio.setup.fd, r);
		u->aio.setup.done(u->aio.setup.arg, r);
		return;
	}
	if (aio_settle(r, res))
		u->aio.setup.done(u->aio.setup.arg, r);
	else
		uring_queue(&u->aio, r);
}

/* Give back everything that is done; returns how many completions. */
static unsigned
reap(struct uring *u)
{
	struct { struct aio_req *r; int res; } got[REAP_MAX];
	struct io_uring_cqe *cqe[REAP_MAX];
	unsigned n, all = 0;

	while ((n = io_uring_peek_batch_cqe(&u->ring, cqe, REAP_MAX)) != 0) {
		for (unsigned i = 0; i < n; i++) {
			got[i].r = io_uring_cqe_get_data(cqe[i]);
			got[i].res = cqe[i]->res;
		}
		/* Before done is called: it may queue and reap more. */
		io_uring_cq_advance(&u->ring, n);
		for (unsigned i = 0; i < n; i++)
			settle(u, got[i].r, got[i].res);
		all += n;
	}
	return all;
}

/*
 * Start what is queued and give back what is done, until neither is left.
 * Completions that come after the last look signal the eventfd.
 */
static void
run(struct uring *u)
{
	(void)io_uring_cq_eventfd_toggle(&u->ring, false);
	do {
		if (io_uring_sq_ready(&u->ring) != 0)
			submit(u);
	} while (reap(u) != 0);
	(void)io_uring_cq_eventfd_toggle(&u->ring, true);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	(void)reap(u);
	if (io_uring_sq_ready(&u->ring) != 0)
		submit(u);
	/* Still there: the kernel could not take it.  Try again later. */
	if (io_uring_sq_ready(&u->ring) != 0)
		event_timer_soon(&u->retry);
}

static void
uring_kick(struct aio *a)
{
	run((struct uring *)a);
}

static void
on_retry(void *arg)
{
	struct uring *u = arg;

	run(u);
	u->aio.setup.batch(u->aio.setup.arg);
}

static void
on_completion(void *arg, unsigned what)
{
	(void)what;
	on_retry(arg);
}

static void
uring_wait(struct aio *a)
{
	struct uring *u = (struct uring *)a;
	int n;

	do {
		n = io_uring_submit_and_wait(&u->ring, 1);
		if (n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY)
			fatalx("io_uring_enter: %s", strerror(-n));
	} while (reap(u) == 0);
}

static void
uring_destroy(struct aio *a)
{
	struct uring *u = (struct uring *)a;

	event_watch_fini(&u->watch);
	event_timer_clear(&u->retry);
	if (u->eventfd != -1)
		(void)close(u->eventfd);
	io_uring_queue_exit(&u->ring);
	free(u);
}

/* The best kind of ring this kernel has. */
static int
ring_init(struct io_uring *ring)
{
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		    IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED,
		IORING_SETUP_R_DISABLED,
	};
	int r = -EINVAL;

	for (unsigned i = 0; i < COUNT(flags); i++) {
		r = io_uring_queue_init(RING_LEN, ring, flags[i]);
		if (r != -EINVAL)
			break;
	}
	return r;
}

/*
 * Seccomp does not see what a ring does: these operations, only on
 * registered files, and no further registrations.
 */
static int
ring_restrict(struct io_uring *ring)
{
	static const uint8_t ops[] = { IORING_OP_READ, IORING_OP_READV,
	    IORING_OP_WRITE, IORING_OP_WRITEV, IORING_OP_FSYNC,
	    IORING_OP_FALLOCATE };
	struct io_uring_restriction rules[COUNT(ops) + 2];
	int r;

	memset(rules, 0, sizeof(rules));
	for (unsigned i = 0; i < COUNT(ops); i++) {
		rules[i].opcode = IORING_RESTRICTION_SQE_OP;
		rules[i].sqe_op = ops[i];
	}
	rules[COUNT(ops)].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	rules[COUNT(ops)].sqe_flags = IOSQE_FIXED_FILE;
	rules[COUNT(ops) + 1].opcode = IORING_RESTRICTION_REGISTER_OP;
	rules[COUNT(ops) + 1].register_op = IORING_REGISTER_ENABLE_RINGS;
	/* The library of Debian 12 forgets to export its names for these. */
	r = io_uring_register((unsigned)ring->ring_fd,
	    IORING_REGISTER_RESTRICTIONS, rules, COUNT(rules));
	return r < 0 ? r : io_uring_register((unsigned)ring->ring_fd,
	    IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

/* The file, the descriptor that wakes us, and what saves look-ups. */
static int
ring_register(struct uring *u, struct err *e)
{
	int r;

	u->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->eventfd == -1)
		return err_sys(e, "io_uring: eventfd");
	r = io_uring_register_files(&u->ring, &u->aio.setup.fd, 1);
	if (r == 0)
		r = io_uring_register_eventfd(&u->ring, u->eventfd);
	/* Saves a look-up a call; older kernels go without. */
	(void)io_uring_register_ring_fd(&u->ring);
	if (r == 0)
		r = ring_restrict(&u->ring);
	if (r < 0)
		return err_set(e, -r, "io_uring: register: %s", strerror(-r));
	event_timer_init(&u->retry, u->aio.setup.loop, on_retry, u);
	event_watch_init(&u->watch, u->aio.setup.loop, u->eventfd,
	    on_completion, u);
	if (event_watch_set(&u->watch, EVENT_READ | EVENT_EDGE) == -1)
		return err_sys(e, "io_uring: eventfd");
	return 0;
}

static int
uring_start(struct aio **ret, const struct aio_setup *setup, struct err *e)
{
	struct uring *u = calloc(1, sizeof(*u));
	int r;

	if (u == NULL)
		return err_sys(e, "io_uring");
	u->eventfd = -1;
	u->aio.engine = &aio_uring;
	u->aio.setup = *setup;
	r = ring_init(&u->ring);
	if (r < 0) {
		free(u);
		return err_set(e, -r, "io_uring: %s", strerror(-r));
	}
	if (ring_register(u, e) == -1) {
		uring_destroy(&u->aio);
		return -1;
	}
	*ret = &u->aio;
	return 0;
}

const struct aio_engine aio_uring = {
	.name		= "io_uring",
	.start		= uring_start,
	.destroy	= uring_destroy,
	.queue		= uring_queue,
	.kick		= uring_kick,
	.wait		= uring_wait,
};
