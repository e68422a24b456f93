/* SPDX-License-Identifier: ISC */
/* vmm_pm.c - ACPI's fixed hardware, as kernels read and write it */

#include "unit.h"
#include "vmm_kit.h"

#include <unistd.h>

#include "lib/json.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/power.h"

#define BUTTON	0x100
#define EVENTS	0x721		/* that can be enabled */

struct world {
	struct kit	 k;
	struct pm	*pm;
	unsigned	 off;		/* that many times */
};

static void
on_event(void *arg, enum board_event what)
{
	struct world *w = arg;

	assert_int_equal(what, BOARD_POWER_OFF);
	w->off++;
}

static void
begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	kit_init(&w->k);
	w->k.board.event = on_event;
	w->k.board.event_arg = w;
	assert_int_equal(pm_new(&w->pm, &w->k.board, NULL), 0);
}

static void
end(struct world *w)
{
	pm_destroy(w->pm);
	kit_fini(&w->k);
}

static unsigned
get(struct world *w, unsigned reg, unsigned len)
{
	return (unsigned)bus_read(&w->k.board.pio, PM_PORT + reg, len);
}

static void
set(struct world *w, unsigned reg, unsigned len, unsigned value)
{
	bus_write(&w->k.board.pio, PM_PORT + reg, len, value);
}

static int
line(const struct world *w)
{
	return w->k.vm.level[PM_GSI];
}

/* Nobody is told before he asks, and then until he has cleared it. */
static void
button(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(get(&w, PM_EVENT, 4), 0);
	pm_power_button(w.pm);
	assert_int_equal(get(&w, PM_EVENT, 2), BUTTON);
	assert_int_equal(line(&w), 0);
	set(&w, PM_EVENT + 2, 2, BUTTON);
	assert_int_equal(line(&w), 1);
	set(&w, PM_EVENT, 2, 0xffff & ~BUTTON);
	assert_int_equal(get(&w, PM_EVENT, 2), BUTTON);
	set(&w, PM_EVENT, 2, BUTTON);
	assert_int_equal(get(&w, PM_EVENT, 4), BUTTON << 16);
	assert_int_equal(line(&w), 0);
	pm_power_button(w.pm);
	assert_int_equal(line(&w), 1);
	/* Masked is silent, not forgotten. */
	set(&w, PM_EVENT + 2, 2, 0);
	assert_int_equal(line(&w), 0);
	assert_int_equal(get(&w, PM_EVENT, 2), BUTTON);
	assert_int_equal(w.off, 0);
	end(&w);
}

/* Bytes, words, both registers at once; no event comes by itself. */
static void
widths(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	set(&w, PM_EVENT, 4, 0xffffffff);
	assert_int_equal(get(&w, PM_EVENT, 4), EVENTS << 16);
	set(&w, PM_EVENT + 2, 1, 0);
	assert_int_equal(get(&w, PM_EVENT + 2, 2), EVENTS & 0xff00);
	set(&w, PM_EVENT + 3, 1, 0);
	assert_int_equal(get(&w, PM_EVENT + 2, 2), 0);
	set(&w, PM_EVENT + 3, 1, BUTTON >> 8);
	pm_power_button(w.pm);
	set(&w, PM_EVENT, 1, 0xff);
	assert_int_equal(line(&w), 1);
	set(&w, PM_EVENT + 1, 1, BUTTON >> 8);
	assert_int_equal(line(&w), 0);
	assert_int_equal(get(&w, PM_EVENT + 2, 2), BUTTON);
	/* Behind the end there is nothing. */
	assert_int_equal(get(&w, PM_CONTROL, 4), 0xffffffff);
	assert_int_equal(get(&w, PM_LEN, 1), 0xff);
	end(&w);
}

/* ACPI is on, and cannot be switched off; only one type is a sleep. */
static void
off(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(get(&w, PM_CONTROL, 2), 1);
	for (unsigned type = 0; type < 8; type++) {
		set(&w, PM_CONTROL, 2, type << 10);
		assert_int_equal(get(&w, PM_CONTROL, 2), type << 10 | 1);
		assert_int_equal(w.off, 0);
		if (type != POWER_S5)
			set(&w, PM_CONTROL, 2, type << 10 | 0x2001);
		assert_int_equal(w.off, 0);
	}
	set(&w, PM_EVENT, 4, 0xffffffff);
	assert_int_equal(w.off, 0);
	set(&w, PM_CONTROL, 2, POWER_S5 << 10 | 0x2000);
	assert_int_equal(w.off, 1);
	/* The type is there already. */
	set(&w, PM_CONTROL, 2, POWER_S5 << 10);
	set(&w, PM_CONTROL + 1, 1, (POWER_S5 << 10 | 0x2000) >> 8);
	assert_int_equal(w.off, 2);
	end(&w);
}

/* A button that was pressed before is pressed in the copy, with its line. */
static void
saved(void **state)
{
	own_json json_t *o = NULL;
	struct world w;
	struct err e;

	(void)state;
	begin(&w);
	set(&w, PM_EVENT + 2, 2, BUTTON);
	set(&w, PM_CONTROL, 2, 3 << 10);
	pm_power_button(w.pm);
	o = pm_save(w.pm);
	assert_non_null(o);
	pm_reset(w.pm);
	assert_int_equal(get(&w, PM_EVENT, 4), 0);
	assert_int_equal(get(&w, PM_CONTROL, 2), 1);
	assert_int_equal(line(&w), 0);
	assert_int_equal(pm_load(w.pm, o, &e), 0);
	assert_int_equal(get(&w, PM_EVENT, 4), BUTTON << 16 | BUTTON);
	assert_int_equal(get(&w, PM_CONTROL, 2), 3 << 10 | 1);
	assert_int_equal(line(&w), 1);
	end(&w);
	/* Any line, whatever it was before. */
	begin(&w);
	assert_int_equal(pm_load(w.pm, o, &e), 0);
	assert_int_equal(line(&w), 1);
	(void)json_object_set_new(o, "status", json_integer(BUTTON + 1));
	assert_int_equal(pm_load(w.pm, o, &e), -1);
	(void)json_object_del(o, "status");
	assert_int_equal(pm_load(w.pm, o, &e), -1);
	assert_int_equal(pm_load(w.pm, NULL, &e), -1);
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(button),
		cmocka_unit_test(widths),
		cmocka_unit_test(off),
		cmocka_unit_test(saved),
	};

	return unit_run("vmm_pm", tests);
}
