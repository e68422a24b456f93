/* SPDX-License-Identifier: ISC */
/*
 * hvf_event.c - descriptors that stand for interrupts and doorbells
 *
 * The framework knows neither.  A thread of ours waits for the descriptors of
 * interrupts and sends these; doorbells are found by the thread of the vCPU
 * that wrote there, in a table sorted by address.
 *
 * The thread waits on a copy of the list.  It reads a descriptor only while
 * it holds the lock and the list has not changed: what was taken away is not
 * touched any more when hvf_irqfd() returns, and may be closed.
 *
 * Process: vmm.  Sandbox: its process's.  Needs: a pipe.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "accel/hvf.h"
#include "lib/log.h"
#include "lib/util.h"

#define IRQFDS_MAX	ACCEL_GSI_MAX
#define IOEVENTS_MAX	1024

struct irqfd {
	struct accel_irqfd	 q;
	bool			 ended;		/* its other end is gone */
};

struct hvf_events {
	struct accel_vm		*vm;
	pthread_t		 thread;
	bool			 running;
	int			 wake[2];	/* to the thread: look again */

	pthread_mutex_t		 lock;
	/* Under the lock. */
	bool			 quit;
	uint64_t		 changes;	/* of the list */
	unsigned		 nirqfds;
	struct irqfd		 irqfd[IRQFDS_MAX];
	struct log_limit	 complaints;

	pthread_rwlock_t	 table;
	/* Under 'table'. */
	unsigned		 nioevents;
	struct accel_ioevent	 ioevent[IOEVENTS_MAX];
};

/* --- interrupts ----------------------------------------------------------- */

/* Was it written to?  Then send what it stands for; the lock is held. */
static void
serve(struct hvf_events *v, struct irqfd *f)
{
	const struct accel_irqfd *q = &f->q;
	uint64_t n;
	struct err e;
	ssize_t r = read(q->fd, &n, sizeof(n));

	f->ended = r == 0 || (r == -1 && errno != EAGAIN && errno != EINTR);
	if (r <= 0)
		return;
	/* A message that the guest spoilt is the guest's loss. */
	if (hvf_irq(v->vm, q->gsi, 1, &e) == -1)
		log_limited(&v->complaints, "interrupt %u: %s", q->gsi,
		    e.text);
}

/* Copy the list to wait for; how many, with the pipe. */
static unsigned
list(const struct hvf_events *v, struct pollfd *p)
{
	p[0] = (struct pollfd){ .fd = v->wake[0], .events = POLLIN };
	for (unsigned i = 0; i < v->nirqfds; i++)
		p[1 + i] = (struct pollfd){ .events = POLLIN,
		    .fd = v->irqfd[i].ended ? -1 : v->irqfd[i].q.fd };
	return 1 + v->nirqfds;
}

static void *
events_thread(void *arg)
{
	struct hvf_events *v = arg;
	struct pollfd p[1 + IRQFDS_MAX];
	uint64_t seen;
	unsigned n;
	char byte;

	(void)pthread_mutex_lock(&v->lock);
	while (!v->quit) {
		n = list(v, p);
		seen = v->changes;
		(void)pthread_mutex_unlock(&v->lock);
		(void)poll(p, n, -1);
		(void)pthread_mutex_lock(&v->lock);
		if (p[0].revents != 0)
			(void)!read(v->wake[0], &byte, 1);
		for (unsigned i = 1; i < n && seen == v->changes; i++)
			if (p[i].revents != 0)
				serve(v, &v->irqfd[i - 1]);
	}
	(void)pthread_mutex_unlock(&v->lock);
	return NULL;
}

/* The pipe has room, or the thread has enough to wake up for. */
static void
look_again(struct hvf_events *v)
{
	v->changes++;
	(void)!write(v->wake[1], "", 1);
}

void
hvf_events_flush(struct accel_vm *vm)
{
	struct hvf_events *v = vm->events;

	(void)pthread_mutex_lock(&v->lock);
	for (unsigned i = 0; i < v->nirqfds; i++)
		serve(v, &v->irqfd[i]);
	(void)pthread_mutex_unlock(&v->lock);
}

/* Place of the same descriptor and GSI, or nirqfds; the lock is held. */
static unsigned
find_irqfd(const struct hvf_events *v, const struct accel_irqfd *q)
{
	unsigned i;

	for (i = 0; i < v->nirqfds; i++)
		if (v->irqfd[i].q.fd == q->fd &&
		    v->irqfd[i].q.gsi == q->gsi)
			break;
	return i;
}

/* The lock is held. */
static int
change_irqfd(struct hvf_events *v, const struct accel_irqfd *q, struct err *e)
{
	unsigned i = find_irqfd(v, q);

	if (q->remove) {
		if (i == v->nirqfds)
			return err_set(e, ENOENT, "GSI %u has no such "
			    "descriptor", q->gsi);
		v->irqfd[i] = v->irqfd[--v->nirqfds];
		return 0;
	}
	if (i < v->nirqfds)
		return err_set(e, EBUSY, "GSI %u has that descriptor", q->gsi);
	if (i == IRQFDS_MAX)
		return err_set(e, ENOSPC, "more than %d descriptors of "
		    "interrupts", IRQFDS_MAX);
	v->irqfd[v->nirqfds++] = (struct irqfd){ .q = *q };
	return 0;
}

int
hvf_irqfd(struct accel_vm *vm, const struct accel_irqfd *q, struct err *e)
{
	struct hvf_events *v = vm->events;
	int r;

	if (q->gsi >= ACCEL_GSI_MAX)
		return err_set(e, EINVAL, "GSI %u", q->gsi);
	if (q->resample != -1)
		return err_set(e, ENOTSUP, "levels do not come from "
		    "descriptors on this host");
	(void)pthread_mutex_lock(&v->lock);
	r = change_irqfd(v, q, e);
	if (r == 0)
		look_again(v);
	(void)pthread_mutex_unlock(&v->lock);
	return r;
}

/* --- doorbells ------------------------------------------------------------ */

/* The first place whose address is not below; 'table' is held. */
static unsigned
first_at(const struct hvf_events *v, uint64_t addr)
{
	unsigned low = 0, high = v->nioevents, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (v->ioevent[mid].addr < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
same(const struct accel_ioevent *a, const struct accel_ioevent *b)
{
	return a->addr == b->addr && a->len == b->len && a->fd == b->fd &&
	    a->match == b->match && (!a->match || a->value == b->value);
}

/* 'table' is held. */
static int
change_ioevent(struct hvf_events *v, const struct accel_ioevent *w,
    struct err *e)
{
	unsigned at = first_at(v, w->addr), i = at;
	struct accel_ioevent *t = v->ioevent;

	if (!w->remove) {
		if (v->nioevents == IOEVENTS_MAX)
			return err_set(e, ENOSPC, "more than %d doorbells",
			    IOEVENTS_MAX);
		memmove(t + at + 1, t + at, (v->nioevents - at) * sizeof(*t));
		t[at] = *w;
		v->nioevents++;
		return 0;
	}
	while (i < v->nioevents && t[i].addr == w->addr && !same(&t[i], w))
		i++;
	if (i == v->nioevents || t[i].addr != w->addr)
		return err_set(e, ENOENT, "no doorbell at %#llx",
		    (unsigned long long)w->addr);
	v->nioevents--;
	memmove(t + i, t + i + 1, (v->nioevents - i) * sizeof(*t));
	return 0;
}

int
hvf_ioevent(struct accel_vm *vm, const struct accel_ioevent *w, struct err *e)
{
	struct hvf_events *v = vm->events;
	int r;

	if (w->pio)
		return err_set(e, ENOTSUP, "arm64 has no ports");
	(void)pthread_rwlock_wrlock(&v->table);
	r = change_ioevent(v, w, e);
	(void)pthread_rwlock_unlock(&v->table);
	return r;
}

bool
hvf_doorbell(struct accel_vm *vm, uint64_t addr, unsigned len, uint64_t value)
{
	struct hvf_events *v = vm->events;
	const struct accel_ioevent *t;
	uint64_t one = 1;
	bool rung = false;

	(void)pthread_rwlock_rdlock(&v->table);
	for (unsigned i = first_at(v, addr); i < v->nioevents && !rung; i++) {
		t = &v->ioevent[i];
		if (t->addr != addr)
			break;
		rung = (t->len == 0 || t->len == len) &&
		    (!t->match || t->value == value);
		/* A descriptor that is full has been rung. */
		if (rung)
			(void)!write(t->fd, &one, sizeof(one));
	}
	(void)pthread_rwlock_unlock(&v->table);
	return rung;
}

/* --- both ----------------------------------------------------------------- */

static int
start(struct hvf_events *v, struct err *e)
{
	sigset_t all, old;
	int num;

	if (pipe(v->wake) == -1)
		return err_sys(e, "pipe");
	for (unsigned i = 0; i < COUNT(v->wake); i++) {
		(void)fcntl(v->wake[i], F_SETFD, FD_CLOEXEC);
		(void)fcntl(v->wake[i], F_SETFL, O_NONBLOCK);
	}
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	num = pthread_create(&v->thread, NULL, events_thread, v);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (num != 0)
		return err_set(e, num, "thread of interrupts: %s",
		    strerror(num));
	v->running = true;
	return 0;
}

int
hvf_events_new(struct hvf_events **ret, struct accel_vm *vm, struct err *e)
{
	struct hvf_events *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return err_sys(e, "interrupts");
	v->vm = vm;
	v->wake[0] = v->wake[1] = -1;
	(void)pthread_mutex_init(&v->lock, NULL);
	(void)pthread_rwlock_init(&v->table, NULL);
	if (start(v, e) == -1) {
		hvf_events_destroy(v);
		return -1;
	}
	*ret = v;
	return 0;
}

void
hvf_events_destroy(struct hvf_events *v)
{
	if (v == NULL)
		return;
	if (v->running) {
		(void)pthread_mutex_lock(&v->lock);
		v->quit = true;
		look_again(v);
		(void)pthread_mutex_unlock(&v->lock);
		(void)pthread_join(v->thread, NULL);
	}
	for (unsigned i = 0; i < COUNT(v->wake); i++)
		if (v->wake[i] != -1)
			(void)close(v->wake[i]);
	(void)pthread_rwlock_destroy(&v->table);
	(void)pthread_mutex_destroy(&v->lock);
	free(v);
}
