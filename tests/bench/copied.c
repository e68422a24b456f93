/* SPDX-License-Identifier: ISC */
/*
 * copied.c - what it costs when a back-end may see copies only
 *
 * The same viod, file and driver, once on the guest's memory and once behind
 * copied queues (src/vmm/shadow.h), by turns.  CPU time of both processes a
 * request, of the round that was disturbed least.  Here one thread is guest
 * and VMM: the wake-up of vmm's main thread is not in it.
 */

#include <sys/stat.h>

#include <time.h>

#include "drive.h"
#include "lib/util.h"
#include "vmm/shadow.h"

#define FILE_BYTES	(64UL << 20)
#define ROUNDS		15
#define SLOTS		32

static const struct load {
	const char	*name;
	const char	*goal;
	uint32_t	 type;
	uint32_t	 len;		/* bytes a request */
	unsigned	 depth;		/* requests in flight */
	unsigned	 count;		/* requests a round */
} loads[] = {
	{ "copied 4k read qd1", "<= 1.5", VIRTIO_BLK_T_IN, 4096, 1, 800 },
	{ "copied 4k read qd32", "<= 1.5", VIRTIO_BLK_T_IN, 4096, 32, 4000 },
	{ "copied 1m read", "<= 2", VIRTIO_BLK_T_IN, 1 << 20, 2, 64 },
	{ "copied 1m write", "<= 2", VIRTIO_BLK_T_OUT, 1 << 20, 2, 64 },
};

struct side {
	struct drive		 d;
	struct guest_memory	 table;
	struct virtq		 guest;
	struct shadow		*shadow;	/* or NULL: direct */
	double			 cpu[COUNT(loads)];
};

static double
cpu_us(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts) != 0)
		drive_die("CPU clock", NULL);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
kick(struct side *s)
{
	if (s->shadow == NULL)
		drive_kick(&s->d, 0);
	else if (virtq_driver_show(&s->d.q[0]))
		(void)shadow_run(s->shadow, 0);
}

static void
wait_answer(struct side *s)
{
	struct pollfd p;
	uint64_t n;

	if (s->shadow == NULL) {
		if (!drive_wait(&s->d, 0))
			drive_die("back-end hangs", NULL);
		return;
	}
	p = (struct pollfd){ .fd = shadow_call_fd(s->shadow, 0),
	    .events = POLLIN };
	if (virtq_driver_wait(&s->d.q[0]))
		return;
	if (poll(&p, 1, DRIVE_WAIT_MS) != 1 ||
	    read(p.fd, &n, sizeof(n)) != sizeof(n))
		drive_die("back-end hangs", NULL);
	(void)shadow_run(s->shadow, 0);
}

static void
issue(struct side *s, const struct load *l, struct drive_req *r, unsigned n)
{
	r->type = l->type;
	r->sector = n % (FILE_BYTES / l->len) * (l->len / 512);
	r->len = l->len;
	r->pieces = 1;
	r->data = DRIVE_DATA + r->slot * l->len;
	if (!drive_add(&s->d, 0, r))
		drive_die("queue full", NULL);
}

static void
run_load(struct side *s, const struct load *l)
{
	static struct drive_req r[SLOTS];
	unsigned issued = 0, done = 0;
	struct drive_req *q;
	uint32_t written;
	void *cookie;

	for (; issued < l->depth; issued++) {
		r[issued].slot = issued;
		issue(s, l, &r[issued], issued);
	}
	kick(s);
	while (done < l->count) {
		while (virtq_driver_get(&s->d.q[0], &cookie, &written)) {
			q = cookie;
			if (s->d.mem[DRIVE_STATUS(q->slot)] != 0)
				drive_die("request failed", NULL);
			done++;
			if (issued < l->count)
				issue(s, l, q, issued++);
		}
		kick(s);
		if (done < l->count)
			wait_answer(s);
	}
}

static void
measure(struct side *s, unsigned load)
{
	clockid_t viod;
	double cpu;

	if (clock_getcpuclockid(s->d.viod, &viod) != 0)
		drive_die("CPU clock", NULL);
	cpu = cpu_us(viod) + cpu_us(CLOCK_PROCESS_CPUTIME_ID);
	run_load(s, &loads[load]);
	cpu = cpu_us(viod) + cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	cpu /= loads[load].count;
	if (s->cpu[load] == 0 || cpu < s->cpu[load])
		s->cpu[load] = cpu;
}

static void
copy_queue(struct side *s)
{
	struct guest_region r = { .gpa = DRIVE_GPA, .user = DRIVE_GPA,
	    .len = DRIVE_BYTES, .host = s->d.mem };
	struct shadow_setup setup = { .nqueues = 1, .disk = true };
	struct frontend_region region;
	struct frontend_queue fq;
	struct virtq_addr a;
	struct err e;

	s->d.len = 128;
	virtq_driver_init(&s->d.q[0], s->d.mem, 128, true);
	a = virtq_driver_addr(&s->d.q[0], DRIVE_GPA);
	if (guest_memory_add(&s->table, &r, &e) == -1 ||
	    virtq_init(&s->guest, &s->table, 128, &a, 0, &e) == -1 ||
	    shadow_new(&s->shadow, &setup, &e) == -1)
		drive_die("copied queue", &e);
	s->guest.event_idx = true;
	shadow_region(s->shadow, &region);
	shadow_start(s->shadow, 0, &s->guest, true, &fq);
	if (frontend_init(&s->d.fe, drive_dial(&s->d),
	    ~VIRTIO_BIT(VIRTIO_F_RING_PACKED), &e) == -1 ||
	    frontend_memory(&s->d.fe, &region, 1, &e) == -1 ||
	    frontend_start(&s->d.fe, 0, &fq, &e) == -1)
		drive_die("copied queue", &e);
}

static void
up(struct side *s, const char *self, bool copied)
{
	static char block[1 << 20];
	const char *argv[] = { drive_viod(self), "blk", "-d", "6", "-S",
	    NULL, NULL };

	drive_init(&s->d, FILE_BYTES);
	memset(block, 'x', sizeof(block));
	for (off_t at = 0; at < (off_t)FILE_BYTES; at += sizeof(block))
		if (pwrite(s->d.fd, block, sizeof(block), at) == -1)
			drive_die("fill", NULL);
	argv[5] = s->d.sock;
	drive_exec(&s->d, argv);
	if (copied) {
		copy_queue(s);
		return;
	}
	drive_hello(&s->d, ~VIRTIO_BIT(VIRTIO_F_RING_PACKED));
	drive_start(&s->d, 0, 128);
}

int
main(int argc, char *argv[])
{
	static struct side direct, copied;

	(void)argc;
	up(&direct, argv[0], false);
	up(&copied, argv[0], true);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned l = 0; l < COUNT(loads); l++) {
			measure(&direct, l);
			measure(&copied, l);
		}
	for (unsigned l = 0; l < COUNT(loads); l++)
		printf("{\"name\":\"%s\",\"unit\":\"us/IO\",\"ours\":%.2f,"
		    "\"peer\":\"shared memory\",\"peer_value\":%.2f,"
		    "\"ratio\":%.3f,\"goal\":\"%s\"}\n", loads[l].name,
		    copied.cpu[l], direct.cpu[l],
		    copied.cpu[l] / direct.cpu[l], loads[l].goal);
	drive_fini(&direct.d);
	drive_fini(&copied.d);
	shadow_destroy(copied.shadow);
	return 0;
}
