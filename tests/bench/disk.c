/* SPDX-License-Identifier: ISC */
/*
 * disk.c - viod blk against qemu-storage-daemon, both driven by our front-end
 *
 * The same file, the same ring, the same requests; the back-ends take turns
 * in short rounds, so that what else the machine does hits both.  For each
 * load: requests a second, and CPU time of the back-end a request, each of the
 * round that was disturbed least.  The peer is measured with both of its
 * engines; the one that is faster under a load counts.
 */

#include <sys/stat.h>

#include <inttypes.h>
#include <time.h>

#include "drive.h"
#include "lib/util.h"

#define FILE_BYTES	(256UL << 20)
#define ROUNDS		25	/* short, so that some are not disturbed */
#define SLOTS		32

static const struct load {
	const char	*name;
	uint32_t	 type;
	uint32_t	 len;		/* bytes a request */
	unsigned	 depth;		/* requests in flight */
	unsigned	 count;		/* requests a round */
	bool		 random;
} loads[] = {
	{ "disk 4k randread qd1", VIRTIO_BLK_T_IN, 4096, 1, 800, true },
	{ "disk 4k randread qd32", VIRTIO_BLK_T_IN, 4096, 32, 6000, true },
	{ "disk 4k randwrite qd1", VIRTIO_BLK_T_OUT, 4096, 1, 800, true },
	{ "disk 4k randwrite qd32", VIRTIO_BLK_T_OUT, 4096, 32, 4000, true },
	{ "disk 1m read", VIRTIO_BLK_T_IN, 1 << 20, 4, 64, false },
	{ "disk 1m write", VIRTIO_BLK_T_OUT, 1 << 20, 4, 64, false },
};

/* One back-end and what it took. */
struct backend {
	const char	*name;
	struct drive	 d;
	double		 rate[COUNT(loads)][ROUNDS];	/* requests a second */
	double		 cpu[COUNT(loads)][ROUNDS];	/* us a request */
	double		 kicks[COUNT(loads)];		/* a request, last */
};

static double
now(void)
{
	return (double)os_now_us();
}

/* CPU time of a process with all its threads, microseconds. */
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

static void
issue(struct drive *d, const struct load *l, struct drive_req *r, unsigned n)
{
	uint64_t places = FILE_BYTES / l->len;
	uint64_t at = l->random ? (uint64_t)random() % places : n % places;

	r->type = l->type;
	r->sector = at * (l->len / 512);
	r->len = l->len;
	r->pieces = 1;
	r->data = DRIVE_DATA + r->slot * l->len;
	if (!drive_add(d, 0, r))
		drive_die("queue full", NULL);
}

/* 'count' requests, 'depth' of them at any time. */
static void
run_load(struct drive *d, const struct load *l)
{
	static struct drive_req r[SLOTS];
	unsigned issued = 0, done = 0;
	struct drive_req *q;
	uint32_t written;
	void *cookie;

	for (; issued < l->depth; issued++) {
		r[issued].slot = issued;
		issue(d, l, &r[issued], issued);
	}
	drive_kick(d, 0);
	while (done < l->count) {
		while (virtq_driver_get(&d->q[0], &cookie, &written)) {
			q = cookie;
			if (q == NULL || d->mem[DRIVE_STATUS(q->slot)] != 0)
				drive_die("request failed", NULL);
			done++;
			if (issued < l->count)
				issue(d, l, q, issued++);
		}
		drive_kick(d, 0);
		if (done < l->count && !drive_wait(d, 0))
			drive_die("back-end hangs", NULL);
	}
}

static void
measure(struct backend *b, unsigned load, unsigned round)
{
	const struct load *l = &loads[load];
	double wall, cpu;

	b->d.kicks = b->d.calls = 0;
	cpu = cpu_us(b->d.viod);
	wall = now();
	run_load(&b->d, l);
	wall = now() - wall;
	cpu = cpu_us(b->d.viod) - cpu;
	b->rate[load][round] = l->count * 1e6 / wall;
	b->cpu[load][round] = cpu / l->count;
	b->kicks[load] = (double)b->d.kicks / l->count;
	if (getenv("BENCH_VERBOSE") != NULL)
		fprintf(stderr, "%-22s %-30s %9.0f/s %7.2f us "
		    "%.3f kicks %.3f calls\n", l->name, b->name,
		    b->rate[load][round], b->cpu[load][round],
		    b->kicks[load], (double)b->d.calls / l->count);
}

/* --- back-ends ----------------------------------------------------------- */

static void
attach(struct backend *b)
{
	drive_hello(&b->d, ~VIRTIO_BIT(VIRTIO_F_RING_PACKED));
	drive_start(&b->d, 0, 128);
}

/* All of the file has blocks and is in the page cache. */
static void
fill(struct drive *d)
{
	static char block[1 << 20];

	memset(block, 'x', sizeof(block));
	for (uint64_t at = 0; at < FILE_BYTES; at += sizeof(block))
		if (pwrite(d->fd, block, sizeof(block), (off_t)at) !=
		    (ssize_t)sizeof(block))
			drive_die("fill", NULL);
	if (fdatasync(d->fd) == -1)
		drive_die("sync", NULL);
}

static void
start_viod(struct backend *b, const char *self, const char *engine)
{
	const char *argv[] = { drive_viod(self), "blk", "-d", "6", "-S",
	    b->d.sock, "-E", engine, NULL };

	drive_exec(&b->d, argv);
	attach(b);
}

static void
start_qemu(struct backend *b, const char *disk, const char *aio)
{
	static char node[2][256], export[2][256];
	static unsigned n;
	const char *argv[] = { "/usr/bin/qemu-storage-daemon", "--blockdev",
	    node[n], "--export", export[n], NULL };

	snprintf(node[n], sizeof(node[n]),
	    "driver=file,node-name=f,filename=%s,aio=%s,discard=unmap,"
	    "locking=off", disk,
	    aio);
	snprintf(export[n], sizeof(export[n]), "vhost-user-blk,id=e,"
	    "node-name=f,addr.type=unix,addr.path=%s,writable=on", b->d.sock);
	n++;
	drive_exec(&b->d, argv);
	attach(b);
}

/* --- results ------------------------------------------------------------- */

/* The round that was disturbed least. */
static double
highest(const double *v)
{
	double best = v[0];

	for (unsigned i = 1; i < ROUNDS; i++)
		best = MAX(best, v[i]);
	return best;
}

static double
lowest(const double *v)
{
	double best = v[0];

	for (unsigned i = 1; i < ROUNDS; i++)
		best = MIN(best, v[i]);
	return best;
}

static void
print(const char *name, const char *unit, double ours,
    const struct backend *peer, double theirs, const char *goal)
{
	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"ours\":%.2f,"
	    "\"peer\":\"%s\",\"peer_value\":%.2f,\"ratio\":%.3f,"
	    "\"goal\":\"%s\"}\n", name, unit, ours, peer->name, theirs,
	    ours / theirs, goal);
}

static void
report(const struct backend *us, const struct backend *peers, unsigned n)
{
	char name[64];

	for (unsigned l = 0; l < COUNT(loads); l++) {
		const struct backend *fast = &peers[0];

		for (unsigned i = 1; i < n; i++)
			if (highest(peers[i].rate[l]) > highest(fast->rate[l]))
				fast = &peers[i];
		print(loads[l].name, "IO/s", highest(us->rate[l]), fast,
		    highest(fast->rate[l]), ">= 1");
		snprintf(name, sizeof(name), "%s cpu", loads[l].name);
		print(name, "us/IO", lowest(us->cpu[l]), fast,
		    lowest(fast->cpu[l]), "<= 1");
	}
}

int
main(int argc, char *argv[])
{
	static struct backend us = { .name = "viod" };
	static struct backend peers[2] = {
		{ .name = "storage-daemon threads" },
		{ .name = "storage-daemon io_uring" },
	};
	const char *engine = argc > 1 ? argv[1] : "io_uring";

	(void)signal(SIGPIPE, SIG_IGN);
	if (access("/usr/bin/qemu-storage-daemon", X_OK) == -1) {
		fprintf(stderr, "no qemu-storage-daemon\n");
		return 0;
	}
	drive_init(&us.d, FILE_BYTES);
	drive_init(&peers[0].d, FILE_BYTES);
	drive_init(&peers[1].d, FILE_BYTES);
	fill(&us.d);
	start_viod(&us, argv[0], engine);
	start_qemu(&peers[0], us.d.disk, "threads");
	start_qemu(&peers[1], us.d.disk, "io_uring");
	for (unsigned l = 0; l < COUNT(loads); l++)
		for (unsigned round = 0; round < ROUNDS; round++) {
			measure(&us, l, round);
			measure(&peers[0], l, round);
			measure(&peers[1], l, round);
		}
	report(&us, peers, COUNT(peers));
	drive_fini(&us.d);
	drive_fini(&peers[0].d);
	drive_fini(&peers[1].d);
	return 0;
}
