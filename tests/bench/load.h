/* SPDX-License-Identifier: ISC */
/*
 * load.h - loads for back-ends of disks that take turns, and what they took
 *
 * Rounds are short, so that what else the machine does hits all back-ends;
 * the round that was disturbed least counts.
 */

#ifndef LOAD_H
#define LOAD_H

#include <time.h>

#include "drive.h"
#include "lib/util.h"

#define LOADS_MAX	8
#define ROUNDS		25	/* short, so that some are not disturbed */
#define SLOTS		32

struct load {
	const char	*name;
	uint32_t	 type;
	uint32_t	 len;		/* bytes a request */
	unsigned	 depth;		/* requests in flight */
	unsigned	 count;		/* requests a round */
	uint64_t	 bytes;		/* of the disk */
	uint32_t	 step;		/* bytes from place to place */
	bool		 random;
};

/* One back-end and what it took. */
struct backend {
	const char	*name;
	struct drive	 d;
	double		 rate[LOADS_MAX][ROUNDS];	/* requests a second */
	double		 cpu[LOADS_MAX][ROUNDS];	/* us a request */
};

/* CPU time of a process with all its threads, microseconds. */
static inline double
load_cpu_us(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &ts) != 0)
		drive_die("CPU clock", NULL);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static inline void
load_issue(struct drive *d, const struct load *l, struct drive_req *r,
    unsigned n)
{
	uint64_t places = l->bytes / l->step;
	uint64_t at = l->random ? (uint64_t)random() % places : n % places;

	r->type = l->type;
	r->sector = at * (l->step / 512);
	r->len = l->len;
	r->pieces = 1;
	r->data = DRIVE_DATA + r->slot * l->len;
	if (!drive_add(d, 0, r))
		drive_die("queue full", NULL);
}

/* 'count' requests, 'depth' of them at any time. */
static inline void
load_run(struct drive *d, const struct load *l)
{
	static struct drive_req r[SLOTS];
	unsigned issued = 0, done = 0;
	struct drive_req *q;
	uint32_t written;
	void *cookie;

	for (; issued < l->depth; issued++) {
		r[issued].slot = issued;
		load_issue(d, l, &r[issued], issued);
	}
	drive_kick(d, 0);
	while (done < l->count) {
		while (virtq_driver_get(&d->q[0], &cookie, &written)) {
			q = cookie;
			if (q == NULL || d->mem[DRIVE_STATUS(q->slot)] != 0)
				drive_die("request failed", NULL);
			done++;
			if (issued < l->count)
				load_issue(d, l, q, issued++);
		}
		drive_kick(d, 0);
		if (done < l->count && !drive_wait(d, 0))
			drive_die("back-end hangs", NULL);
	}
}

/* Load number n in a round. */
static inline void
load_measure(struct backend *b, const struct load *l, unsigned n,
    unsigned round)
{
	double wall, cpu;

	b->d.kicks = b->d.calls = 0;
	cpu = load_cpu_us(b->d.viod);
	wall = (double)os_now_us();
	load_run(&b->d, l);
	wall = (double)os_now_us() - wall;
	cpu = load_cpu_us(b->d.viod) - cpu;
	b->rate[n][round] = l->count * 1e6 / wall;
	b->cpu[n][round] = cpu / l->count;
	if (getenv("BENCH_VERBOSE") != NULL)
		fprintf(stderr, "%-26s %-24s %9.0f/s %7.2f us "
		    "%.3f kicks %.3f calls\n", l->name, b->name,
		    b->rate[n][round], b->cpu[n][round],
		    (double)b->d.kicks / l->count,
		    (double)b->d.calls / l->count);
}

/* The front-end's side of a back-end that was started. */
static inline void
load_attach(struct backend *b)
{
	drive_hello(&b->d, ~VIRTIO_BIT(VIRTIO_F_RING_PACKED));
	drive_start(&b->d, 0, 128);
}

/* The round that was disturbed least. */
static inline double
load_highest(const double *v, unsigned rounds)
{
	double best = v[0];

	for (unsigned i = 1; i < rounds; i++)
		best = MAX(best, v[i]);
	return best;
}

static inline double
load_lowest(const double *v, unsigned rounds)
{
	double best = v[0];

	for (unsigned i = 1; i < rounds; i++)
		best = MIN(best, v[i]);
	return best;
}

static inline void
load_print(const char *name, const char *unit, double ours,
    const struct backend *peer, double theirs, const char *goal)
{
	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"ours\":%.2f,"
	    "\"peer\":\"%s\",\"peer_value\":%.2f,\"ratio\":%.3f,"
	    "\"goal\":\"%s\"}\n", name, unit, ours, peer->name, theirs,
	    ours / theirs, goal);
}

/* Of load number n: the faster of the peers counts. */
static inline void
load_report(const struct load *l, unsigned n, unsigned rounds,
    const struct backend *us, const struct backend *peers, unsigned npeers)
{
	const struct backend *fast = &peers[0];
	char name[64];

	for (unsigned i = 1; i < npeers; i++)
		if (load_highest(peers[i].rate[n], rounds) >
		    load_highest(fast->rate[n], rounds))
			fast = &peers[i];
	load_print(l->name, "IO/s", load_highest(us->rate[n], rounds), fast,
	    load_highest(fast->rate[n], rounds), ">= 1");
	snprintf(name, sizeof(name), "%s cpu", l->name);
	load_print(name, "us/IO", load_lowest(us->cpu[n], rounds), fast,
	    load_lowest(fast->cpu[n], rounds), "<= 1");
}

#endif
