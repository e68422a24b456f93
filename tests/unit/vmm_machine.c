/* SPDX-License-Identifier: ISC */
/* vmm_machine.c - a whole machine, its guest a script */

#include "unit.h"
#include "event_kit.h"
#include "kernel_kit.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "accel/accel_null.h"
#include "chapi/vm_config.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/acpi.h"
#include "vmm/board.h"
#include "vmm/dev/cpuplug.h"
#include "vmm/dev/debug.h"
#include "vmm/dev/hotplug.h"
#include "vmm/dev/power.h"
#include "vmm/machine.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#define OUT(port, v)	{ .why = ACCEL_EXIT_PIO, .addr = (port), .len = 1, \
			.write = true, .value = (v) }
#define IN(port)	{ .why = ACCEL_EXIT_PIO, .addr = (port), .len = 1 }

struct world {
	struct event_loop	*loop;
	struct vm_config	 config;
	struct machine		*machine;
	int			 peer;		/* of COM1 */
	char			 kernel[32];
	unsigned		 events;	/* bits */
	char			 text[120];
};

/* The machine is paused, and may be destroyed here. */
static void
on_event(void *arg, enum machine_event what, const char *text)
{
	struct world *w = arg;

	w->events |= 1U << what;
	(void)snprintf(w->text, sizeof(w->text), "%s", text);
	event_loop_stop(w->loop);
}

static void
begin(struct world *w, bool serial)
{
	struct kit_pvh k = kit_pvh();
	int fd;

	null_forget();
	memset(w, 0, sizeof(*w));
	w->peer = -1;
	w->loop = kit_loop();
	(void)snprintf(w->kernel, sizeof(w->kernel), "/tmp/kernel.XXXXXX");
	fd = mkstemp(w->kernel);
	assert_int_equal(write(fd, &k, sizeof(k)), sizeof(k));
	(void)close(fd);
	w->config.kernel = w->kernel;
	w->config.cpus = 2;
	w->config.memory.size = 16 << 20;
	w->config.serial.mode = serial ? VM_STREAM_SOCKET : VM_STREAM_OFF;
}

static int
make(struct world *w, const struct machine_setup *more, struct err *e)
{
	struct machine_setup s = *more;
	int sv[2];

	s.loop = w->loop;
	s.accel = &accel_null;
	s.config = &w->config;
	s.event = on_event;
	s.arg = w;
	s.console = s.serial = -1;
	if (w->config.serial.mode != VM_STREAM_OFF) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
		w->peer = sv[0];
		s.serial = sv[1];
	}
	return machine_new(&w->machine, &s, e);
}

static void
start(struct world *w)
{
	struct machine_setup s = { 0 };
	struct err e;

	if (make(w, &s, &e) == -1)
		fail_msg("%s", e.text);
}

static void
end(struct world *w)
{
	machine_destroy(w->machine);
	if (w->peer != -1)
		(void)close(w->peer);
	event_loop_destroy(w->loop);
	(void)unlink(w->kernel);
	null_forget();
}

/* Let the guest do n things, then wait for what comes of it. */
static void
play(struct world *w, const struct null_step *steps, unsigned n, bool event)
{
	w->events = 0;
	null_script(0, steps, n);
	assert_int_equal(machine_resume(w->machine, NULL), 0);
	/* A vCPU that stopped plays nothing more. */
	if (steps[n - 1].why == ACCEL_EXIT_PIO ||
	    steps[n - 1].why == ACCEL_EXIT_MMIO)
		null_finish();
	if (event)
		event_loop_run(w->loop);
	machine_pause(w->machine);
}

static int
get_regs(struct accel_vcpu *v, void *arg, struct err *e)
{
	return accel_null.x86->get_regs(v, arg, e);
}

static void
assert_at_entry(struct world *w)
{
	struct x86_regs r;

	assert_int_equal(vcpus_call(machine_vcpus(w->machine), 0, get_regs,
	    &r, NULL), 0);
	assert_int_equal(r.rip, KIT_ENTRY);
}

static void
boots(void **state)
{
	static const struct null_step steps[] = { OUT(0x3f8, 'h'),
	    OUT(0x3f8, 'i'), OUT(DEBUG_TIMER_PORT, 1), IN(0x3fd), IN(0x3f9) };
	struct world w;
	char got[8] = "";

	(void)state;
	begin(&w, true);
	start(&w);
	assert_at_entry(&w);
	assert_int_equal(machine_boot_us(w.machine), 0);
	play(&w, steps, COUNT(steps), false);
	assert_int_equal(null_answer(0, 3), 0x60);
	assert_true(machine_boot_us(w.machine) > 0);
	machine_destroy(take(&w.machine));
	assert_int_equal(read(w.peer, got, sizeof(got)), 2);
	assert_string_equal(got, "hi");
	end(&w);
}

/* A quiet machine has neither: what is read is what nobody answers. */
static void
quiet(void **state)
{
	static const struct null_step steps[] = { IN(0x3fd), IN(0xcfc),
	    { .why = ACCEL_EXIT_MMIO, .addr = MEMORY_ECAM } };
	struct world w;

	(void)state;
	begin(&w, false);
	start(&w);
	assert_null(machine_board(w.machine)->pci);
	assert_int_equal(machine_board(w.machine)->mmio.nranges, 0);
	play(&w, steps, COUNT(steps), false);
	assert_int_equal(null_answer(0, 0), 0xff);
	assert_int_equal(null_answer(0, 1), 0xff);
	assert_int_equal(null_answer(0, 2), 0xffffffff);
	end(&w);
}

/* Whatever ends or restarts a guest is told once, with the guest paused. */
static void
endings(void **state)
{
	static const struct {
		struct null_step	step;
		enum machine_event	event;
	} ways[] = {
		{ OUT(POWER_PORT + POWER_CONTROL, POWER_S5 << 2 | 0x20),
		    MACHINE_POWERED_OFF },
		{ OUT(POWER_PORT + POWER_RESET, POWER_RESET_VALUE),
		    MACHINE_REBOOT },
		{ OUT(0x64, 0xfe), MACHINE_REBOOT },
		{ OUT(POWER_RESET_CONTROL, 6), MACHINE_REBOOT },
		{ OUT(POWER_CONTROL_A, 1), MACHINE_REBOOT },
		{ OUT(DEBUG_EXIT_PORT, 0), MACHINE_POWERED_OFF },
		{ OUT(DEBUG_PANIC_PORT, 1), MACHINE_PANICKED },
		{ { .why = ACCEL_EXIT_RESET }, MACHINE_REBOOT },
		{ { .why = ACCEL_EXIT_OFF }, MACHINE_POWERED_OFF },
		{ { .why = ACCEL_EXIT_BROKEN }, MACHINE_BROKEN },
	};
	struct world w;

	(void)state;
	for (unsigned i = 0; i < 2 * COUNT(ways); i++) {
		begin(&w, false);
		w.config.pvpanic = true;
		w.config.rng = i % 2 == 0;	/* with a PCI bus, without */
		start(&w);
		play(&w, &ways[i / 2].step, 1, true);
		assert_int_equal(w.events, 1U << ways[i / 2].event);
		end(&w);
	}
}

#define OUT4(port, v)	{ .why = ACCEL_EXIT_PIO, .addr = (port), .len = 4, \
			.write = true, .value = (v) }
#define IN4(port)	{ .why = ACCEL_EXIT_PIO, .addr = (port), .len = 4 }

/* What the registers say: of processor 'cpu', which are new, wanted back. */
static void
check_plug(struct world *w, unsigned cpu, uint32_t sta, uint32_t new_ones,
    uint32_t wanted)
{
	const struct null_step steps[] = {
		OUT4(CPUPLUG_PORT + CPUPLUG_SELECT, cpu),
		IN4(CPUPLUG_PORT + CPUPLUG_STATUS),
		IN4(CPUPLUG_PORT + CPUPLUG_NEW),
		IN4(CPUPLUG_PORT + CPUPLUG_NEW + 4),
		IN4(CPUPLUG_PORT + CPUPLUG_WANTED),
		IN4(CPUPLUG_PORT + CPUPLUG_WANTED + 4),
	};

	play(w, steps, COUNT(steps), false);
	machine_pause(w->machine);
	assert_int_equal(null_answer(0, 1), sta);
	assert_int_equal(null_answer(0, 2), new_ones);
	assert_int_equal(null_answer(0, 3), 0);
	assert_int_equal(null_answer(0, 4), wanted);
	assert_int_equal(null_answer(0, 5), 0);
}

/* The guest gives processor 'cpu' up. */
static void
eject(struct world *w, unsigned cpu)
{
	const struct null_step step = OUT4(CPUPLUG_PORT + CPUPLUG_EJECT, cpu);

	play(w, &step, 1, false);
	kit_settle(w->loop);
	machine_pause(w->machine);
}

/* Processors come, and go when the guest has given them up. */
static void
processors(void **state)
{
	struct world w;
	struct err e;
	unsigned told;

	(void)state;
	begin(&w, false);
	w.config.cpus_max = 4;
	start(&w);
	check_plug(&w, 2, 0, 0, 0);
	assert_int_equal(machine_set_cpus(w.machine, 5, &e), -1);
	assert_int_equal(machine_set_cpus(w.machine, 0, &e), -1);
	told = null_raised(ACPI_GSI_CPU);
	assert_int_equal(machine_set_cpus(w.machine, 4, &e), 0);
	assert_int_equal(null_raised(ACPI_GSI_CPU), told + 1);
	assert_int_equal(vcpus_count(machine_vcpus(w.machine)), 4);
	check_plug(&w, 3, CPUPLUG_THERE, 12, 0);
	check_plug(&w, 3, CPUPLUG_THERE, 0, 0);

	/* Nobody else asked for is given up, and the last ones first. */
	assert_int_equal(machine_set_cpus(w.machine, 2, &e), 0);
	assert_true(machine_cpus_leaving(w.machine));
	assert_int_equal(machine_set_cpus(w.machine, 3, &e), -1);
	assert_int_equal(e.num, EBUSY);
	check_plug(&w, 3, CPUPLUG_THERE, 0, 12);
	eject(&w, 0);
	eject(&w, 1);
	eject(&w, 99);
	eject(&w, 2);
	check_plug(&w, 2, CPUPLUG_THERE, 0, 0);
	eject(&w, 3);
	check_plug(&w, 2, 0, 0, 0);
	assert_false(machine_cpus_leaving(w.machine));

	/* One that was there comes again; a reset takes what was wanted. */
	assert_int_equal(machine_set_cpus(w.machine, 3, &e), 0);
	check_plug(&w, 2, CPUPLUG_THERE, 4, 0);
	assert_int_equal(machine_set_cpus(w.machine, 1, &e), 0);
	assert_int_equal(machine_reset(w.machine, &e), 0);
	assert_false(machine_cpus_leaving(w.machine));
	check_plug(&w, 1, 0, 0, 0);
	end(&w);
}

/* A copy has as many, all of them too, and news that was not told yet. */
static void
processors_saved(void **state)
{
	struct machine_setup more = { .restore = true };
	own_json json_t *o = NULL;
	struct world w;
	struct err e;

	(void)state;
	begin(&w, false);
	w.config.cpus_max = 3;
	start(&w);
	assert_int_equal(machine_set_cpus(w.machine, 3, &e), 0);
	machine_pause(w.machine);
	o = machine_save(w.machine, &e);
	assert_non_null(o);
	machine_destroy(w.machine);
	w.machine = NULL;
	null_forget();

	w.config.cpus = 3;
	more.state = o;
	more.memory = os_memfd("memory", w.config.memory.size, NULL);
	assert_int_equal(make(&w, &more, &e), 0);
	(void)close(more.memory);
	if (machine_load(w.machine, o, &e) == -1)
		fail_msg("%s", e.text);
	check_plug(&w, 2, CPUPLUG_THERE, 4, 0);
	(void)json_object_del(o, "cpuplug");
	machine_pause(w.machine);
	assert_int_equal(machine_load(w.machine, o, &e), -1);
	assert_non_null(strstr(e.text, "cpuplug"));
	end(&w);
}

/* A copy's guest hears what the first one's had not heard yet. */
static void
hot_plug_saved(void **state)
{
	static const struct null_step read[] = {
		{ .why = ACCEL_EXIT_PIO, .addr = HOTPLUG_PORT, .len = 4 },
		{ .why = ACCEL_EXIT_PIO, .addr = HOTPLUG_PORT, .len = 4 },
	};
	static const struct null_step nothing[] = { IN(0x80) };
	struct machine_setup more = { .restore = true };
	own_json json_t *o = NULL;
	struct world w;
	struct err e;

	(void)state;
	begin(&w, false);
	w.config.rng = true;
	start(&w);
	play(&w, nothing, 1, false);
	assert_int_equal(machine_remove(w.machine, "rng0", NULL), 0);
	machine_pause(w.machine);
	o = machine_save(w.machine, &e);
	assert_non_null(o);
	machine_destroy(w.machine);
	w.machine = NULL;
	null_forget();

	more.state = o;
	more.memory = os_memfd("memory", w.config.memory.size, NULL);
	assert_int_equal(make(&w, &more, &e), 0);
	(void)close(more.memory);
	if (machine_load(w.machine, o, &e) == -1)
		fail_msg("%s", e.text);
	play(&w, read, COUNT(read), false);
	machine_pause(w.machine);
	assert_int_equal(null_answer(0, 0), 1U << 1);
	assert_int_equal(null_answer(0, 1), 0);
	(void)json_object_set_new(o, "hotplug", json_object());
	assert_int_equal(machine_load(w.machine, o, &e), -1);
	assert_non_null(strstr(e.text, "hotplug"));
	/* States of before had none. */
	(void)json_object_del(o, "hotplug");
	assert_int_equal(machine_load(w.machine, o, &e), 0);
	end(&w);
}

/* Of two things at once the graver counts. */
static void
gravest(void **state)
{
	static const struct null_step steps[] = { OUT(0x64, 0xfe),
	    OUT(POWER_PORT, POWER_S5 << 2 | 0x20) };
	struct world w;

	(void)state;
	begin(&w, false);
	start(&w);
	play(&w, steps, 2, true);
	assert_int_equal(w.events, 1U << MACHINE_POWERED_OFF);
	end(&w);
}

/* What is no power off, reset or panic. */
static void
nothing_happens(void **state)
{
	static const struct null_step steps[] = { OUT(POWER_PORT, 0x20),
	    OUT(POWER_PORT, POWER_S5 << 2), OUT(POWER_PORT + 2, 2),
	    OUT(0x64, 0xff), OUT(0x64, 0xae), OUT(POWER_RESET_CONTROL, 2),
	    OUT(DEBUG_PANIC_PORT, 1),
	    IN(0x64) };
	struct world w;

	(void)state;
	begin(&w, false);
	start(&w);
	play(&w, steps, COUNT(steps), false);
	kit_settle(w.loop);
	assert_int_equal(w.events, 0);
	/* The input buffer is empty: who pulses the reset need not wait. */
	assert_int_equal(null_answer(0, 7) & 2, 0);
	end(&w);
}

/* A reset is a new beginning: memory, registers, serial port. */
static void
reset(void **state)
{
	static const struct null_step steps[] = { OUT(0x3fb, 3),
	    OUT(0x64, 0xfe) };
	static const struct null_step after[] = { IN(0x3fb) };
	struct world w;
	char *p;

	(void)state;
	begin(&w, true);
	start(&w);
	p = memory_at(machine_board(w.machine)->memory, 0x800000, 16);
	memcpy(p, "left", 5);
	play(&w, steps, 2, true);
	assert_int_equal(machine_reset(w.machine, NULL), 0);
	assert_string_equal(p, "");
	assert_at_entry(&w);
	assert_memory_equal(memory_at(machine_board(w.machine)->memory,
	    0x100000, sizeof(KIT_CODE)), KIT_CODE, sizeof(KIT_CODE));
	play(&w, after, 1, false);
	assert_int_equal(null_answer(0, 0), 0);
	end(&w);
}

static void
buttons(void **state)
{
	struct world w;

	(void)state;
	begin(&w, false);
	start(&w);
	machine_power_button(w.machine);
	assert_int_equal(null_raised(ACPI_GSI_BUTTON), 1);
	assert_false(null_line(ACPI_GSI_BUTTON));
	assert_int_equal(machine_nmi(w.machine, NULL), 0);
	assert_int_equal(null_nmis(0), 1);
	assert_int_equal(null_nmis(1), 1);
	assert_int_equal(machine_remove(w.machine, "disk0", NULL), -1);
	end(&w);
}

/* A guest is asked for a device, and gives it up; or a reset takes it. */
static void
hot_plug(void **state)
{
	static const struct null_step nothing[] = { IN(0x80) };
	static const struct null_step eject[] = {
		{ .why = ACCEL_EXIT_PIO, .addr = HOTPLUG_PORT },
		{ .why = ACCEL_EXIT_PIO, .addr = HOTPLUG_PORT },
		{ .why = ACCEL_EXIT_PIO, .addr = HOTPLUG_PORT + 4,
		    .write = true, .value = 2 },	/* not asked for */
		{ .why = ACCEL_EXIT_PIO, .addr = HOTPLUG_PORT + 4,
		    .write = true, .value = 0xffffffff },
		{ .why = ACCEL_EXIT_PIO, .addr = HOTPLUG_PORT + 4,
		    .write = true, .value = 1 },
	};
	struct world w;

	(void)state;
	begin(&w, false);
	w.config.rng = w.config.balloon.on = true;
	start(&w);
	assert_int_equal(machine_devices(w.machine), 2);
	play(&w, nothing, 1, false);
	assert_int_equal(machine_remove(w.machine, "none", NULL), -1);
	assert_int_equal(machine_remove(w.machine, "rng0", NULL), 0);
	assert_int_equal(null_raised(ACPI_GSI_PCI), 1);
	assert_int_equal(machine_devices(w.machine), 2);
	play(&w, eject, COUNT(eject), false);
	assert_int_equal(null_answer(0, 0), 1U << 1);
	assert_int_equal(null_answer(0, 1), 0);
	kit_settle(w.loop);
	assert_int_equal(machine_devices(w.machine), 1);
	assert_string_equal(machine_device(w.machine, 0)->name, "balloon0");
	assert_int_equal(machine_remove(w.machine, "balloon0", NULL), 0);
	assert_int_equal(machine_reset(w.machine, NULL), 0);
	assert_int_equal(machine_devices(w.machine), 0);
	end(&w);
}

/* The state goes into another machine, which is told that it is a copy. */
static void
saved(void **state)
{
	static const struct null_step steps[] = { OUT(0x3ff, 0x42),
	    OUT(0x70, 0x20), OUT(0x71, 0x24), { .why = ACCEL_EXIT_PIO,
	    .addr = 0xcf8, .len = 4, .write = true, .value = 0x80000000 } };
	static const struct null_step after[] = { IN(0x3ff), IN(0x71),
	    { .why = ACCEL_EXIT_PIO, .addr = 0xcfc, .len = 4 } };
	struct machine_setup s = { .restore = true };
	struct world w, v;
	struct err e;
	json_t *o;

	(void)state;
	begin(&w, true);
	w.config.rng = true;
	start(&w);
	assert_int_equal(machine_devices(w.machine), 1);
	play(&w, steps, COUNT(steps), false);
	o = machine_save(w.machine, &e);
	if (o == NULL)
		fail_msg("%s", e.text);
	/* It goes on after that. */
	play(&w, after, 1, false);
	assert_int_equal(null_answer(0, 0), 0x42);
	end(&w);

	begin(&v, true);
	v.config.rng = true;
	s.memory = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	assert_int_equal(ftruncate(s.memory, 16 << 20), 0);
	if (make(&v, &s, &e) == -1 || machine_load(v.machine, o, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(null_raised(ACPI_GSI_GENID), 1);
	play(&v, after, COUNT(after), false);
	assert_int_equal(null_answer(0, 0), 0x42);
	assert_int_equal(null_answer(0, 1), 0x24);
	/* Between the address and the data of PCI's ports. */
	assert_int_equal(null_answer(0, 2), 0x06660b5d);
	/* What does not fit is refused with its name. */
	assert_int_equal(json_object_del(o, "serial"), 0);
	assert_int_equal(machine_load(v.machine, o, &e), -1);
	assert_non_null(strstr(e.text, "serial"));
	(void)json_array_clear(json_object_get(o, "vcpus"));
	assert_int_equal(machine_load(v.machine, o, &e), -1);
	assert_non_null(strstr(e.text, "vcpus"));
	(void)json_object_set_new(o, "version", json_integer(99));
	assert_int_equal(machine_load(v.machine, o, &e), -1);
	(void)close(s.memory);
	end(&v);
	json_decref(o);
}

static void
refused(void **state)
{
	struct machine_setup s = { 0 };
	struct world w;
	struct err e;

	(void)state;
	begin(&w, true);
	w.config.kernel = "/nonexistent";
	assert_int_equal(make(&w, &s, &e), -1);
	assert_non_null(strstr(e.text, "kernel: /nonexistent"));
	(void)close(w.peer);
	w.config.kernel = "/dev/null";
	assert_int_equal(make(&w, &s, &e), -1);
	assert_non_null(strstr(e.text, "format"));
	(void)close(w.peer);
	w.config.kernel = w.kernel;
	w.config.initramfs = "/tmp";
	assert_int_equal(make(&w, &s, &e), -1);
	assert_non_null(strstr(e.text, "initramfs"));
	(void)close(w.peer);
	w.config.initramfs = NULL;
	w.config.ndisks = 1;
	w.config.disks[0] = (struct vm_disk){ .id = "disk0",
	    .socket = "/nonexistent", .queues = 1 };
	assert_int_equal(make(&w, &s, &e), -1);
	assert_non_null(strstr(e.text, "disk0"));
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boots),
		cmocka_unit_test(quiet),
		cmocka_unit_test(endings),
		cmocka_unit_test(processors),
		cmocka_unit_test(processors_saved),
		cmocka_unit_test(hot_plug_saved),
		cmocka_unit_test(gravest),
		cmocka_unit_test(nothing_happens),
		cmocka_unit_test(reset),
		cmocka_unit_test(buttons),
		cmocka_unit_test(hot_plug),
		cmocka_unit_test(saved),
		cmocka_unit_test(refused),
	};

	return unit_run("vmm_machine", tests);
}
