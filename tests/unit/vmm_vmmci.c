/* SPDX-License-Identifier: ISC */
/* vmm_vmmci.c - OpenBSD's device for control, as its driver uses it */

#include "unit.h"
#include "vmm_kit.h"

#include <time.h>

#include "vmm/dev/vmmci.h"

#define PORT	0xc000		/* where the window is at first */

enum { NONE, SHUTDOWN, REBOOT, SYNCRTC };
enum { STATUS = 18, ISR = 19, CONFIG = 20 };

struct world {
	struct kit	 k;
	struct vio	*vio;
	unsigned	 unheard;
	unsigned	 off;
};

static void
on_unheard(void *arg)
{
	struct world *w = arg;

	w->unheard++;
}

static void
on_event(void *arg, enum board_event what)
{
	struct world *w = arg;

	assert_int_equal(what, BOARD_POWER_OFF);
	w->off++;
}

/* patience_ms 0: it is over at the next turn. */
static void
begin(struct world *w, unsigned patience_ms)
{
	const struct vmmci_setup s = { .board = &w->k.board,
	    .patience_ms = patience_ms, .unheard = on_unheard, .arg = w };

	memset(w, 0, sizeof(*w));
	kit_init(&w->k);
	w->k.board.event = on_event;
	w->k.board.event_arg = w;
	assert_int_equal(vmmci_new(&w->vio, &s, NULL), 0);
}

static void
end(struct world *w)
{
	vio_unplug(w->vio);
	kit_fini(&w->k);
}

static uint32_t
get(struct world *w, unsigned at, unsigned len)
{
	return (uint32_t)bus_read(&w->k.board.pio, PORT + at, len);
}

static void
set(struct world *w, unsigned at, unsigned len, uint32_t v)
{
	bus_write(&w->k.board.pio, PORT + at, len, v);
}

static uint32_t
command(struct world *w)
{
	return get(w, CONFIG, 4);
}

static void
acknowledge(struct world *w, uint32_t v)
{
	set(w, CONFIG, 4, v);
}

/* As virtio_attach of OpenBSD does it, with the features it wants. */
static void
attach(struct world *w, uint32_t features)
{
	set(w, STATUS, 1, 0);
	set(w, STATUS, 1, 1);
	set(w, STATUS, 1, 3);
	assert_int_equal(get(w, 0, 4) & 7, 7);
	set(w, 4, 4, features);
	set(w, STATUS, 1, 7);
}

/* Turns until timers of no time are over. */
static void
turns(struct world *w)
{
	for (int i = 0; i < 4; i++)
		kit_turn(&w->k);
}

/* The interrupt that OpenBSD's driver waits for, and looks into. */
static bool
interrupted(struct world *w)
{
	bool up = w->k.vm.level[pci_intx_gsi(1)] == 1;

	assert_int_equal(get(w, ISR, 1), up ? 2 : 0);
	return up;
}

/* By what virtio_pci and vmmci(4) find it. */
static void
identity(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	assert_int_equal(kit_config(&w.k, 1, 0, 4), 0x07770b5d);
	assert_int_equal(kit_config(&w.k, 1, 8, 1), 0);		/* revision */
	assert_int_equal(kit_config(&w.k, 1, 0x2c, 4), 0xffff0b5d);
	assert_int_equal(kit_config(&w.k, 1, 0x09, 2), 0x8000);
	assert_int_equal(kit_config(&w.k, 1, 0x0b, 1), 0x07);
	assert_int_equal(kit_config(&w.k, 1, 0x10, 4), PORT | 1);
	assert_int_equal(kit_config(&w.k, 1, 0x3d, 1), 1);	/* INTA */
	for (unsigned type = 1; type <= 5; type++)
		assert_int_equal(kit_cap(&w.k, 1, 9, type), 0);
	assert_int_equal(get(&w, 12, 2), 0);		/* no queues */
	end(&w);
}

static void
stop(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 60000);
	assert_false(vmmci_stop(w.vio));	/* nobody is there */
	attach(&w, 7);
	assert_int_equal(command(&w), NONE);
	assert_true(vmmci_stop(w.vio));
	assert_true(vmmci_stopping(w.vio));
	assert_true(interrupted(&w));
	assert_int_equal(command(&w), REBOOT);
	acknowledge(&w, REBOOT);
	turns(&w);
	assert_int_equal(w.unheard, 0);
	/* Once more does no harm. */
	assert_true(vmmci_stop(w.vio));
	assert_true(interrupted(&w));
	end(&w);
}

static void
unheard(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	attach(&w, 7);
	assert_true(vmmci_stop(w.vio));
	turns(&w);
	assert_int_equal(w.unheard, 1);
	/* One that does not answer at all is not waited for. */
	set(&w, STATUS, 1, 0);
	attach(&w, 1);
	assert_true(vmmci_stop(w.vio));
	turns(&w);
	assert_int_equal(w.unheard, 1);
	assert_int_equal(w.off, 0);
	end(&w);
}

/* It goes down by itself, and does not know how to switch itself off. */
static void
goes_down(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	attach(&w, 7);
	acknowledge(&w, SHUTDOWN);
	turns(&w);
	assert_int_equal(w.off, 1);
	turns(&w);
	assert_int_equal(w.off, 1);
	/* One that resets its machine in time is none of those. */
	acknowledge(&w, SHUTDOWN);
	vio_reset(w.vio);
	turns(&w);
	assert_int_equal(w.off, 1);
	assert_int_equal(w.unheard, 0);
	end(&w);
}

/* time(3) may be of the last tick, and so of the second before. */
static uint64_t
now_s(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
	return (uint64_t)t.tv_sec;
}

static void
clock_of_the_host(void **state)
{
	uint64_t now = now_s(), seconds;
	struct world w;

	(void)state;
	begin(&w, 0);
	vmmci_sync(w.vio);			/* nobody is there */
	attach(&w, 7);
	assert_int_equal(command(&w), NONE);
	seconds = get(&w, CONFIG + 4, 4);
	seconds |= (uint64_t)get(&w, CONFIG + 8, 4) << 32;
	assert_in_range(seconds, now, now_s());
	assert_in_range(get(&w, CONFIG + 12, 4), 0, 999999);
	assert_int_equal(get(&w, CONFIG + 16, 4), 0);
	vmmci_sync(w.vio);
	assert_true(interrupted(&w));
	assert_int_equal(command(&w), SYNCRTC);
	acknowledge(&w, SYNCRTC);
	assert_int_equal(command(&w), NONE);
	/* Not with who cannot. */
	attach(&w, 3);
	vmmci_sync(w.vio);
	assert_false(interrupted(&w));
	end(&w);
}

/*
 * OpenBSD tries MSI-X with a vector for a queue more than there is, leaves it
 * on, and waits for the line: there must be none to try.
 */
static void
lines_only(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 60000);
	assert_int_equal(kit_cap(&w.k, 1, 0x11, 0), 0);
	attach(&w, 7);
	assert_true(vmmci_stop(w.vio));
	assert_true(interrupted(&w));
	assert_int_equal(kit_sent(&w.k), 0);
	assert_int_equal(command(&w), REBOOT);
	end(&w);
}

/* What a guest may write anywhere, and what it changes: nothing. */
static void
nonsense(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 0);
	attach(&w, 7);
	for (unsigned at = 0; at < 128; at++)
		for (unsigned len = 1; len <= 8; len *= 2) {
			if (at != STATUS && !(at == CONFIG && len == 4))
				set(&w, at, len, 0xffffffff);
			(void)get(&w, at, len);
		}
	for (uint32_t v = 4; v != 0; v <<= 1)
		acknowledge(&w, v);
	acknowledge(&w, NONE);
	acknowledge(&w, REBOOT);
	acknowledge(&w, SYNCRTC);
	turns(&w);
	assert_int_equal(command(&w), NONE);
	assert_int_equal(w.off + w.unheard, 0);
	assert_null(w.vio->broken);
	end(&w);
}

/* A copy goes on where it was, and waits anew. */
static void
saved(void **state)
{
	struct world w, copy;
	json_t *o;
	struct err e;

	(void)state;
	begin(&w, 60000);
	attach(&w, 7);
	assert_true(vmmci_stop(w.vio));
	assert_non_null(o = vio_save(w.vio));
	begin(&copy, 0);
	assert_int_equal(vio_load(copy.vio, o, NULL), 0);
	assert_int_equal(vio_resume(copy.vio, NULL), 0);
	assert_int_equal(command(&copy), REBOOT);
	assert_true(vmmci_stopping(copy.vio));
	turns(&copy);
	assert_int_equal(copy.unheard, 1);
	end(&copy);
	assert_int_equal(json_object_set_new(json_object_get(o, "state"),
	    "wait", json_integer(3)), 0);
	begin(&copy, 0);
	assert_int_equal(vio_load(copy.vio, o, &e), -1);
	end(&copy);
	json_decref(o);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity),
		cmocka_unit_test(stop),
		cmocka_unit_test(unheard),
		cmocka_unit_test(goes_down),
		cmocka_unit_test(clock_of_the_host),
		cmocka_unit_test(lines_only),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(saved),
	};

	return unit_run("vmm_vmmci", tests);
}
