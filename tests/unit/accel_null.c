/* SPDX-License-Identifier: ISC */
/* accel_null.c - the accelerator that plays scripts does as it says */

#include "unit.h"

#include <sys/eventfd.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel_null.h"
#include "accel/state.h"
#include "lib/json.h"

static const struct accel *const null = &accel_null;

struct world {
	struct accel_vm		*vm;
	struct accel_vcpu	*vcpu;
};

static void
begin(struct world *w)
{
	const struct accel_setup setup = { .cpus = 1 };

	null_forget();
	assert_int_equal(null->vm_new(&w->vm, &setup, NULL), 0);
	assert_int_equal(null->vcpu_new(&w->vcpu, w->vm, 0, NULL), 0);
}

static void
end(struct world *w)
{
	null->vcpu_destroy(w->vcpu);
	null->vm_destroy(w->vm);
	null_forget();
}

/* The thread of a vCPU: answers reads with 0x11, 0x22 ... until reset. */
static void *
run(void *arg)
{
	struct world *w = arg;
	struct accel_exit x;
	uint64_t answer = 0;

	for (;;) {
		assert_int_equal(null->vcpu_run(w->vcpu, &x, NULL), 0);
		if (x.why == ACCEL_EXIT_KICK)
			return NULL;
		answer += 0x11;
		if (!x.write)
			memset(x.data, (int)answer, x.len * x.count);
	}
}

static void
script(void **state)
{
	static const struct null_step steps[] = {
		{ .why = ACCEL_EXIT_PIO, .addr = 0x3f8, .len = 1,
		    .write = true, .value = 'x' },
		{ .why = ACCEL_EXIT_MMIO, .addr = 0xd0000000 },
		{ .why = ACCEL_EXIT_PIO, .addr = 0x60, .len = 2, .count = 3 },
	};
	struct world w;
	pthread_t t;

	(void)state;
	begin(&w);
	null_script(0, steps, 3);
	assert_int_equal(pthread_create(&t, NULL, run, &w), 0);
	null_finish();
	assert_int_equal(null_answer(0, 1), 0x22222222);
	assert_int_equal(null_answer(0, 2), 0x333333333333);
	null_script(0, steps + 1, 1);
	null_finish();
	assert_int_equal(null_answer(0, 0), 0x44444444);
	null->vcpu_kick(w.vcpu);
	(void)pthread_join(t, NULL);
	assert_int_equal(null_kicks(0), 1);
	end(&w);
}

static void
ioevent(void **state)
{
	static const struct null_step steps[] = {
		{ .why = ACCEL_EXIT_MMIO, .addr = 0xd0000000, .len = 2,
		    .write = true, .value = 7 },
		{ .why = ACCEL_EXIT_MMIO, .addr = 0xd0000000, .len = 2,
		    .write = true, .value = 8 },
	};
	int fd = eventfd(0, EFD_NONBLOCK);
	struct accel_ioevent v = { .addr = 0xd0000000, .len = 2,
	    .match = true, .value = 7, .fd = fd };
	struct accel_ioevent any = { .addr = 0xd0000000, .fd = fd };
	struct accel_exit x;
	struct world w;
	uint64_t n;

	(void)state;
	begin(&w);
	assert_int_equal(null->ioevent(w.vm, &v, NULL), 0);
	assert_int_equal(null->ioevent(w.vm, &any, NULL), -1);
	null_script(0, steps, 2);
	assert_int_equal(null->vcpu_run(w.vcpu, &x, NULL), 0);
	assert_memory_equal(x.data, "\x08\0", 2);
	assert_int_equal(read(fd, &n, sizeof(n)), 8);
	v.remove = true;
	assert_int_equal(null->ioevent(w.vm, &v, NULL), 0);
	assert_int_equal(null->ioevent(w.vm, &v, NULL), -1);
	assert_int_equal(null_ioevents(), 0);
	(void)close(fd);
	end(&w);
}

static void
interrupts(void **state)
{
	const struct accel_msi m = { 0xfee00000, 0x41, 0 };
	int fd = eventfd(0, 0), resample = eventfd(0, 0);
	struct accel_irqfd q = { .fd = fd, .resample = resample, .gsi = 30 };
	struct accel_msi got;
	struct world w;
	uint64_t n = 2;

	(void)state;
	begin(&w);
	for (int level = 0; level < 6; level++)
		assert_int_equal(null->irq(w.vm, 5, level & 1, NULL), 0);
	assert_true(null_line(5));
	assert_int_equal(null_raised(5), 3);
	assert_int_equal(null->irq(w.vm, 24, 1, NULL), -1);

	assert_false(null_msi(30, &got));
	assert_int_equal(null->msi(w.vm, 30, &m, NULL), 0);
	assert_true(null_msi(30, &got));
	assert_int_equal(got.data, 0x41);
	assert_int_equal(null->msi(w.vm, 23, &m, NULL), -1);

	assert_int_equal(null->irqfd(w.vm, &q, NULL), 0);
	assert_int_equal(null->irqfd(w.vm, &q, NULL), -1);
	assert_int_equal(write(fd, &n, sizeof(n)), 8);
	assert_int_equal(null_interrupts(30), 2);
	assert_int_equal(null_interrupts(30), 0);
	null_eoi(30);
	assert_int_equal(read(resample, &n, sizeof(n)), 8);
	q.remove = true;
	assert_int_equal(null->irqfd(w.vm, &q, NULL), 0);
	assert_int_equal(null_irqfds(), 0);
	(void)close(fd);
	(void)close(resample);
	end(&w);
}

static void
dirty(void **state)
{
	static uint8_t memory[100 * 4096];
	struct accel_memory m = { .slot = 1, .bytes = sizeof(memory),
	    .host = memory, .log = true };
	uint64_t bitmap[2];
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(null->map(w.vm, &m, NULL), 0);
	null_touch(1, 3);
	null_touch(1, 99);
	null_touch(1, 100);
	assert_int_equal(null->dirty(w.vm, 1, bitmap, NULL), 0);
	assert_int_equal(bitmap[0], 8);
	assert_int_equal(bitmap[1], 1ULL << 35);
	assert_int_equal(null->dirty(w.vm, 1, bitmap, NULL), 0);
	assert_int_equal(bitmap[0] | bitmap[1], 0);
	assert_int_equal(null->dirty(w.vm, 2, bitmap, NULL), -1);
	end(&w);
}

static void
saved(void **state)
{
	struct x86_regs r = { .rip = 0x1234 };
	own_json json_t *s = NULL;
	struct world w;
	struct err e;

	(void)state;
	begin(&w);
	assert_int_equal(null->x86->set_regs(w.vcpu, &r, NULL), 0);
	assert_non_null(s = null->vcpu_save(w.vcpu, NULL));
	assert_int_equal(null->vcpu_reset(w.vcpu, NULL), 0);
	assert_int_equal(null->x86->get_regs(w.vcpu, &r, NULL), 0);
	assert_int_equal(r.rip, 0xfff0);
	assert_int_equal(null->vcpu_load(w.vcpu, s, NULL), 0);
	assert_int_equal(null->x86->get_regs(w.vcpu, &r, NULL), 0);
	assert_int_equal(r.rip, 0x1234);
	assert_int_equal(json_object_set_new(s, "format", json_string("kvm")),
	    0);
	assert_int_equal(null->vcpu_load(w.vcpu, s, &e), -1);
	assert_non_null(strstr(e.text, "format kvm is not"));
	end(&w);
}

/* state.c: what is put is got, and nothing else. */
static void
hexadecimal(void **state)
{
	const uint8_t bytes[] = { 0, 0x7f, 0xff, 0x1a };
	own_json json_t *o = json_object();
	uint8_t got[4];
	struct err e;

	(void)state;
	assert_int_equal(state_put(o, "x", bytes, 4, NULL), 0);
	assert_string_equal(json_string_value(json_object_get(o, "x")),
	    "007fff1a");
	assert_int_equal(state_get(o, "x", got, 4, NULL), 0);
	assert_memory_equal(got, bytes, 4);
	assert_int_equal(state_get(o, "x", got, 3, &e), -1);
	assert_non_null(strstr(e.text, "x"));
	assert_int_equal(state_get(o, "y", got, 4, &e), -1);
	(void)json_object_set_new(o, "z", json_string("0g"));
	assert_int_equal(state_get(o, "z", got, 1, &e), -1);
	(void)json_object_set_new(o, "z", json_string("000"));
	assert_int_equal(state_get(o, "z", got, 1, &e), -1);
	(void)json_object_set_new(o, "z", json_integer(0));
	assert_int_equal(state_get(o, "z", got, 1, &e), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(script),
		cmocka_unit_test(ioevent),
		cmocka_unit_test(interrupts),
		cmocka_unit_test(dirty),
		cmocka_unit_test(saved),
		cmocka_unit_test(hexadecimal),
	};

	return unit_run("accel_null", tests);
}
