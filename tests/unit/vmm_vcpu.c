/* SPDX-License-Identifier: ISC */
/* vmm_vcpu.c - vCPU threads run, stop and serve as they are told */

#include "unit.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "accel/accel_null.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/vcpu.h"

#define PORT	0x80

struct world {
	struct board	 board;
	struct vcpus	*vcpus;
	unsigned	 writes;	/* board locked */
	uint64_t	 sum;
	atomic_uint	 stopped;	/* bits of vCPUs */
	enum accel_why	 why;
};

static uint64_t
port_read(void *arg, uint64_t offset, unsigned len)
{
	(void)arg;
	(void)offset;
	return len == 1 ? 0x5a : 0x1234567800abcdef;
}

static void
port_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct world *w = arg;

	(void)offset;
	(void)len;
	w->writes++;
	w->sum += value;
}

static const struct bus_ops port_ops = { "test", port_read, port_write };

static void
stopped(void *arg, unsigned id, const struct accel_exit *x)
{
	struct world *w = arg;

	w->why = x->why;
	atomic_fetch_or(&w->stopped, 1U << id);
}

static void
begin(struct world *w, unsigned cpus)
{
	struct accel_setup s = { .cpus = ACCEL_CPUS_MAX };
	struct vcpus_setup v = { &w->board, cpus, ACCEL_CPUS_MAX, stopped,
	    w, NULL };
	struct bus_range r = { PORT, 8, &port_ops, w };

	memset(w, 0, sizeof(*w));
	null_forget();
	w->board.accel = &accel_null;
	(void)pthread_mutex_init(&w->board.lock, NULL);
	assert_int_equal(bus_add(&w->board.pio, &r, NULL), 0);
	assert_int_equal(bus_add(&w->board.mmio, &r, NULL), 0);
	assert_int_equal(accel_null.vm_new(&w->board.vm, &s, NULL), 0);
	assert_int_equal(vcpus_new(&w->vcpus, &v, NULL), 0);
	assert_int_equal(vcpus_count(w->vcpus), cpus);
}

static void
end(struct world *w)
{
	vcpus_destroy(w->vcpus);
	accel_null.vm_destroy(w->board.vm);
	(void)pthread_mutex_destroy(&w->board.lock);
	null_forget();
}

/* Every width, strings and what nobody answers. */
static void
accesses(void **state)
{
	static const uint16_t words[] = { 1, 2, 300 };
	static const struct null_step steps[] = {
		{ .why = ACCEL_EXIT_PIO, .addr = PORT, .len = 1 },
		{ .why = ACCEL_EXIT_MMIO, .addr = PORT, .len = 8 },
		{ .why = ACCEL_EXIT_PIO, .addr = PORT + 8, .len = 2 },
		{ .why = ACCEL_EXIT_PIO, .addr = PORT, .len = 2, .count = 3,
		    .write = true, .string = words },
		{ .why = ACCEL_EXIT_PIO, .addr = PORT, .len = 2, .count = 2 },
		{ .why = ACCEL_EXIT_MMIO, .addr = PORT, .len = 4,
		    .write = true, .value = 0x1ffffffff },
		{ .why = ACCEL_EXIT_MMIO, .addr = PORT + 6, .len = 4 },
	};
	struct world w;

	(void)state;
	begin(&w, 1);
	null_script(0, steps, COUNT(steps));
	vcpus_resume(w.vcpus);
	null_finish();
	vcpus_pause(w.vcpus);
	assert_int_equal(null_answer(0, 0), 0x5a);
	assert_int_equal(null_answer(0, 1), 0x1234567800abcdef);
	assert_int_equal(null_answer(0, 2), 0xffff);
	assert_int_equal(null_answer(0, 4), 0xcdefcdef);
	assert_int_equal(null_answer(0, 6), 0xffffffff);
	assert_int_equal(w.writes, 4);
	assert_int_equal(w.sum, 303 + 0xffffffffULL);
	assert_int_equal(vcpus_exits(w.vcpus), COUNT(steps) + 1);
	end(&w);
}

static int
count(struct accel_vcpu *v, void *arg, struct err *e)
{
	unsigned *n = arg;

	(void)v;
	if (++*n == 3)
		return err_set(e, EIO, "three");
	return 0;
}

static void
calls(void **state)
{
	struct world w;
	struct err e;
	unsigned n = 0;

	(void)state;
	begin(&w, 2);
	assert_int_equal(vcpus_call(w.vcpus, 0, count, &n, &e), 0);
	assert_int_equal(vcpus_call(w.vcpus, 1, count, &n, &e), 0);
	assert_int_equal(vcpus_call(w.vcpus, 1, count, &n, &e), -1);
	assert_string_equal(e.text, "three");
	end(&w);
}

/*
 * Pause and resume while the guest writes all the time: no kick is lost
 * (the test would hang), and nothing happens while it is paused.
 */
static void
no_lost_kick(void **state)
{
	static struct null_step steps[5000];
	struct world w;
	unsigned n = 10, before;

	(void)state;
	for (unsigned i = 0; i < COUNT(steps); i++)
		steps[i] = (struct null_step){ .why = ACCEL_EXIT_PIO,
		    .addr = PORT, .len = 1, .write = true, .value = 1 };
	begin(&w, 4);
	for (unsigned i = 0; i < 4; i++)
		null_script(i, steps, COUNT(steps));
	for (unsigned i = 0; i < 500; i++) {
		vcpus_resume(w.vcpus);
		vcpus_pause(w.vcpus);
		before = w.writes;
		assert_int_equal(vcpus_call(w.vcpus, i % 4, count, &n, NULL),
		    0);
		assert_int_equal(w.writes, before);
		vcpus_pause(w.vcpus);		/* twice is no harm */
	}
	vcpus_resume(w.vcpus);
	null_finish();
	vcpus_pause(w.vcpus);
	assert_int_equal(w.writes, 4 * COUNT(steps));
	end(&w);
}

/* A vCPU that met its end waits; the others go on. */
static void
stops(void **state)
{
	static const struct null_step reset[] = {
		{ .why = ACCEL_EXIT_RESET },
		{ .why = ACCEL_EXIT_PIO, .addr = PORT, .len = 1,
		    .write = true, .value = 7 },
	};
	static const struct null_step write[] = {
		{ .why = ACCEL_EXIT_PIO, .addr = PORT, .len = 1,
		    .write = true, .value = 1 },
	};
	struct world w;

	(void)state;
	begin(&w, 2);
	null_script(0, reset, 1);
	null_script(1, write, 1);
	vcpus_resume(w.vcpus);
	while (atomic_load(&w.stopped) == 0)
		(void)sched_yield();
	vcpus_pause(w.vcpus);
	assert_int_equal(atomic_load(&w.stopped), 1);
	assert_int_equal(w.why, ACCEL_EXIT_RESET);
	vcpus_resume(w.vcpus);
	null_finish();
	vcpus_pause(w.vcpus);
	assert_int_equal(w.sum, 1);
	null_script(0, reset + 1, 1);
	vcpus_resume(w.vcpus);
	null_finish();
	vcpus_pause(w.vcpus);
	assert_int_equal(w.sum, 8);
	end(&w);
}

/*
 * More are made while the others run, and while they are paused; each plays
 * what it has to, or null_finish() would not return.
 */
static void
added(void **state)
{
	static const struct null_step step = { .why = ACCEL_EXIT_PIO,
	    .addr = PORT, .len = 1 };
	struct world w;

	(void)state;
	begin(&w, 1);
	vcpus_resume(w.vcpus);
	null_script(2, &step, 1);
	assert_int_equal(vcpus_add(w.vcpus, 3, true, NULL), 0);
	assert_int_equal(vcpus_count(w.vcpus), 3);
	null_finish();
	vcpus_pause(w.vcpus);
	null_script(3, &step, 1);
	assert_int_equal(vcpus_add(w.vcpus, 4, false, NULL), 0);
	assert_int_equal(vcpus_count(w.vcpus), 4);
	vcpus_resume(w.vcpus);
	null_finish();
	vcpus_pause(w.vcpus);
	end(&w);
}

/* What the boot processor begins with: its thread, and its failure. */
struct beginning {
	pthread_t	thread;
	unsigned	calls;
	int		ret;
};

static int
begin_boot(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct beginning *b = arg;

	assert_non_null(v);
	b->thread = pthread_self();
	b->calls++;
	return b->ret == -1 ? err_set(e, ENOEXEC, "no kernel") : 0;
}

static int
same_thread(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct beginning *b = arg;

	(void)v;
	(void)e;
	return pthread_equal(b->thread, pthread_self()) != 0;
}

static void
first(void **state)
{
	struct beginning b = { .calls = 0 };
	struct vcpus_setup s = { .n = 3, .max = 3, .stopped = stopped,
	    .arg = &b, .first = begin_boot };
	struct vcpus *v = NULL;
	struct world w;
	struct err e;

	(void)state;
	begin(&w, 3);
	vcpus_destroy(take(&w.vcpus));
	s.board = &w.board;
	assert_int_equal(vcpus_new(&v, &s, NULL), 0);
	assert_int_equal(b.calls, 1);
	assert_int_equal(vcpus_call(v, 0, same_thread, &b, NULL), 1);
	assert_int_equal(vcpus_call(v, 1, same_thread, &b, NULL), 0);
	vcpus_destroy(take(&v));
	b.ret = -1;
	assert_int_equal(vcpus_new(&v, &s, &e), -1);
	assert_int_equal(e.num, ENOEXEC);
	assert_null(v);
	end(&w);
}

static void
too_many(void **state)
{
	struct world w;
	struct vcpus_setup s = { &w.board, ACCEL_CPUS_MAX + 1,
	    ACCEL_CPUS_MAX + 1, stopped, &w, NULL };
	struct vcpus *v = NULL;

	(void)state;
	assert_int_equal(vcpus_new(&v, &s, NULL), -1);
	s.n = 0;
	assert_int_equal(vcpus_new(&v, &s, NULL), -1);
	assert_null(v);
	begin(&w, ACCEL_CPUS_MAX);		/* all that can be had */
	vcpus_resume(w.vcpus);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accesses),
		cmocka_unit_test(calls),
		cmocka_unit_test(no_lost_kick),
		cmocka_unit_test(stops),
		cmocka_unit_test(added),
		cmocka_unit_test(first),
		cmocka_unit_test(too_many),
	};

	return unit_run("vmm_vcpu", tests);
}
