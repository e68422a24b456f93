/* SPDX-License-Identifier: ISC */
/*
 * vcpu.c - the threads that run the guest's processors; see vcpu.h
 *
 * One lock and two conditions: 'wake' tells the threads that something is to
 * be done, 'parked' tells the main thread that one of them has done it.
 * Neither is touched between a resume and the next pause.
 *
 * No kick is lost: pause sets 'halt' and then kicks, and a kick ends the run
 * that is, or else the one that follows.  A thread looks at 'halt' when it
 * was kicked, and only then: to stop after an access would leave the guest
 * in the middle of an instruction.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "os/sandbox.h"
#include "vmm/board.h"
#include "vmm/vcpu.h"

struct vcpu {
	struct vcpus		*all;
	unsigned		 id;
	pthread_t		 thread;
	struct accel_vcpu	*vcpu;
	_Atomic uint64_t	 exits;

	/* Under the lock. */
	bool			 parked;	/* waits for 'wake' */
	int			(*fn)(struct accel_vcpu *, void *,
				    struct err *);
	void			*fn_arg;
	int			 fn_ret;
	struct err		*fn_err;
};

struct vcpus {
	struct vcpus_setup	 setup;
	pthread_mutex_t		 lock;
	pthread_cond_t		 wake;
	pthread_cond_t		 parked;
	atomic_bool		 halt;		/* nobody enters the guest */
	bool			 quit;
	unsigned		 n;		/* that were made */
	struct vcpu		 v[];
};

/* --- on the threads of the vCPUs ------------------------------------------ */

static uint64_t
get(const uint8_t *from, unsigned len)
{
	uint64_t value = 0;

	memcpy(&value, from, len);	/* little-endian, as x86 is */
	return value;
}

/* An access of the guest: to the bus, once for each piece of a string. */
static void
access_bus(struct board *board, const struct bus *bus,
    const struct accel_exit *x)
{
	uint8_t *at = x->data;
	uint64_t value;

	board_lock(board);
	for (unsigned i = 0; i < x->count; i++, at += x->len) {
		if (x->write) {
			bus_write(bus, x->addr, x->len, get(at, x->len));
			continue;
		}
		value = bus_read(bus, x->addr, x->len);
		memcpy(at, &value, x->len);
	}
	board_unlock(board);
}

/* Run the guest until it is paused or has stopped by itself. */
static void
run(struct vcpu *v)
{
	struct board *board = v->all->setup.board;
	struct accel_exit x;
	struct err e;

	for (;;) {
		if (board->accel->vcpu_run(v->vcpu, &x, &e) == -1) {
			x.why = ACCEL_EXIT_BROKEN;
			(void)snprintf(x.text, sizeof(x.text), "%.*s",
			    (int)sizeof(x.text) - 1, e.text);
		}
		atomic_fetch_add_explicit(&v->exits, 1, memory_order_relaxed);
		switch (x.why) {
		case ACCEL_EXIT_PIO:
			access_bus(board, &board->pio, &x);
			break;
		case ACCEL_EXIT_MMIO:
			access_bus(board, &board->mmio, &x);
			break;
		case ACCEL_EXIT_KICK:
			if (atomic_load(&v->all->halt))
				return;
			break;
		case ACCEL_EXIT_HALT:	/* goes on when it is resumed */
			return;
		default:
			v->all->setup.stopped(v->all->setup.arg, v->id, &x);
			return;
		}
	}
}

/*
 * Tell the main thread; the lock is held, but not meanwhile: who is woken
 * would only have to wait for it.
 */
static void
tell_parked(struct vcpu *v)
{
	(void)pthread_mutex_unlock(&v->all->lock);
	(void)pthread_cond_signal(&v->all->parked);
	(void)pthread_mutex_lock(&v->all->lock);
}

/* Do what vcpus_call() asks for; the lock is held. */
static void
serve_call(struct vcpu *v)
{
	int ret;

	(void)pthread_mutex_unlock(&v->all->lock);
	ret = v->fn(v->vcpu, v->fn_arg, v->fn_err);
	(void)pthread_mutex_lock(&v->all->lock);
	v->fn_ret = ret;
	v->fn = NULL;
	tell_parked(v);
}

/* Wait until the guest may be entered; false: the end.  The lock is held. */
static bool
park(struct vcpu *v)
{
	struct vcpus *all = v->all;

	v->parked = true;
	tell_parked(v);
	while (!all->quit && v->parked) {
		if (v->fn != NULL)
			serve_call(v);
		else
			(void)pthread_cond_wait(&all->wake, &all->lock);
	}
	return !all->quit;
}

static void *
vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	struct vcpus *all = v->all;
	const struct accel *accel = all->setup.board->accel;
	bool made;

	v->fn_ret = accel->vcpu_new(&v->vcpu, all->setup.board->vm, v->id,
	    v->fn_err);
	if (v->fn_ret == 0)
		v->fn_ret = sandbox_enter_vcpu(v->fn_err);
	if (v->fn_ret == 0 && v->id == 0 && all->setup.first != NULL)
		v->fn_ret = all->setup.first(v->vcpu, all->setup.arg,
		    v->fn_err);
	(void)pthread_mutex_lock(&all->lock);
	made = v->fn_ret == 0;
	if (!made) {
		v->parked = true;
		tell_parked(v);
	}
	while (made && park(v)) {
		(void)pthread_mutex_unlock(&all->lock);
		run(v);
		(void)pthread_mutex_lock(&all->lock);
	}
	(void)pthread_mutex_unlock(&all->lock);
	if (v->vcpu != NULL)
		accel->vcpu_destroy(v->vcpu);
	return NULL;
}

/* --- on the main thread --------------------------------------------------- */

/* Until v waits and has done its call; the lock is held. */
static void
wait_parked(struct vcpu *v)
{
	while (!v->parked || v->fn != NULL)
		(void)pthread_cond_wait(&v->all->parked, &v->all->lock);
}

/* Start one thread; its vCPU is made when this returns, or both are gone. */
static int
start(struct vcpu *v, struct err *e)
{
	static const int faults[] = { SIGBUS, SIGFPE, SIGILL, SIGSEGV,
	    SIGSYS };
	struct err why;
	sigset_t all, old;
	int num;

	/* Signals are the main thread's, but faults; a kick has its own. */
	(void)sigfillset(&all);
	for (unsigned i = 0; i < COUNT(faults); i++)
		(void)sigdelset(&all, faults[i]);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	v->fn_err = &why;
	num = pthread_create(&v->thread, NULL, vcpu_thread, v);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (num != 0)
		return err_set(e, num, "vCPU %u: thread: %s", v->id,
		    strerror(num));
	(void)pthread_mutex_lock(&v->all->lock);
	wait_parked(v);
	(void)pthread_mutex_unlock(&v->all->lock);
	if (v->fn_ret == 0)
		return 0;
	(void)pthread_join(v->thread, NULL);
	if (e != NULL)
		*e = why;
	return -1;
}

int
vcpus_new(struct vcpus **ret, const struct vcpus_setup *s, struct err *e)
{
	OWN(vcpus_destroy) struct vcpus *all = NULL;

	if (s->n == 0 || s->max > ACCEL_CPUS_MAX || s->n > s->max)
		return err_set(e, EINVAL, "%u vCPUs: 1 to %d can be had",
		    s->max, ACCEL_CPUS_MAX);
	all = calloc(1, sizeof(*all) + s->max * sizeof(all->v[0]));
	if (all == NULL)
		return err_sys(e, "vCPUs");
	all->setup = *s;
	all->halt = true;
	(void)pthread_mutex_init(&all->lock, NULL);
	(void)pthread_cond_init(&all->wake, NULL);
	(void)pthread_cond_init(&all->parked, NULL);
	if (vcpus_add(all, s->n, false, e) == -1)
		return -1;
	*ret = take(&all);
	return 0;
}

int
vcpus_add(struct vcpus *all, unsigned n, bool running, struct err *e)
{
	unsigned first = all->n;

	for (; all->n < n; all->n++) {
		struct vcpu *v = &all->v[all->n];

		v->all = all;
		v->id = all->n;
		if (start(v, e) == -1)
			return -1;
	}
	(void)pthread_mutex_lock(&all->lock);
	for (unsigned i = first; running && i < n; i++)
		all->v[i].parked = false;
	(void)pthread_mutex_unlock(&all->lock);
	if (running)
		(void)pthread_cond_broadcast(&all->wake);
	return 0;
}

void
vcpus_destroy(struct vcpus *all)
{
	if (all == NULL)
		return;
	vcpus_pause(all);
	(void)pthread_mutex_lock(&all->lock);
	all->quit = true;
	(void)pthread_cond_broadcast(&all->wake);
	(void)pthread_mutex_unlock(&all->lock);
	for (unsigned i = 0; i < all->n; i++)
		(void)pthread_join(all->v[i].thread, NULL);
	(void)pthread_cond_destroy(&all->parked);
	(void)pthread_cond_destroy(&all->wake);
	(void)pthread_mutex_destroy(&all->lock);
	free(all);
}

void
vcpus_pause(struct vcpus *all)
{
	struct vcpu *v;

	atomic_store(&all->halt, true);
	(void)pthread_mutex_lock(&all->lock);
	for (unsigned i = 0; i < all->n; i++) {
		v = &all->v[i];
		if (!v->parked)
			all->setup.board->accel->vcpu_kick(v->vcpu);
	}
	for (unsigned i = 0; i < all->n; i++)
		wait_parked(&all->v[i]);
	(void)pthread_mutex_unlock(&all->lock);
}

void
vcpus_resume(struct vcpus *all)
{
	(void)pthread_mutex_lock(&all->lock);
	atomic_store(&all->halt, false);
	for (unsigned i = 0; i < all->n; i++)
		all->v[i].parked = false;
	(void)pthread_mutex_unlock(&all->lock);
	(void)pthread_cond_broadcast(&all->wake);
}

int
vcpus_call(struct vcpus *all, unsigned id,
    int (*fn)(struct accel_vcpu *, void *arg, struct err *), void *arg,
    struct err *e)
{
	struct vcpu *v = &all->v[id];
	int ret;

	(void)pthread_mutex_lock(&all->lock);
	v->fn_arg = arg;
	v->fn_err = e;
	v->fn = fn;
	(void)pthread_mutex_unlock(&all->lock);
	(void)pthread_cond_broadcast(&all->wake);
	(void)pthread_mutex_lock(&all->lock);
	wait_parked(v);
	ret = v->fn_ret;
	(void)pthread_mutex_unlock(&all->lock);
	return ret;
}

unsigned
vcpus_count(const struct vcpus *all)
{
	return all->n;
}

uint64_t
vcpus_exits(const struct vcpus *all)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < all->n; i++)
		sum += atomic_load_explicit(&all->v[i].exits,
		    memory_order_relaxed);
	return sum;
}
