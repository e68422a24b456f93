/* SPDX-License-Identifier: ISC */
/*
 * qemu.c - the back-end of vmm-qemu with a QEMU that says what we like
 *
 * launch.c and chapi/vmm.c are doubled here: a sleeping process stands for
 * QEMU, and its end of the QMP socket is ours.
 */

#include <sys/socket.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "event_kit.h"
#include "chapi/vm_config.h"
#include "lib/io.h"
#include "lib/log.h"
#include "qemu/child.h"
#include "qemu/qemu.h"

/* --- the doubles ---------------------------------------------------------- */

static struct {
	struct event_loop	*loop;
	struct qemu		*qemu;
	int			 qmp;		/* QEMU's end */
	pid_t			 pid;
	int			 refuse;	/* launch_start() fails */
	/* what the back-end told its VMM */
	int			 done, failed, ended, paused;
	enum vm_exit_code	 code;
	char			 why[ERR_TEXT_MAX];
} w;

const struct vm_config *
vmm_config(const struct vmm *v)
{
	static const struct vm_config config = { .kernel = "k", .cpus = 1,
	    .serial = { .mode = VM_STREAM_SOCKET } };

	(void)v;
	return &config;
}

void
vmm_done(struct vmm *v, const struct err *e)
{
	(void)v;
	w.done++;
	w.failed = e != NULL;
	if (e != NULL)
		memcpy(w.why, e->text, sizeof(w.why));
}

void
vmm_paused(struct vmm *v, bool paused)
{
	(void)v;
	w.paused = paused;
}

void
vmm_end(struct vmm *v, enum vm_exit_code code, const char *fmt, ...)
{
	va_list ap;

	(void)v;
	if (w.ended++ > 0)
		return;
	w.code = code;
	va_start(ap, fmt);
	vsnprintf(w.why, sizeof(w.why), fmt, ap);
	va_end(ap);
	qemu_backend.kill(w.qemu);
}

bool
launch_kvm(const struct launch *l, const struct vm_config *v)
{
	(void)l;
	(void)v;
	return false;
}

int
launch_start(struct launched *ret, struct launch *l, struct event_loop *loop,
    const struct vm_config *v, struct err *e)
{
	char *const argv[] = { (char *)(uintptr_t)"sleep",
	    (char *)(uintptr_t)"1000", NULL };
	struct child_setup s = { .argv = argv };
	int fds[2];

	(void)l;
	(void)v;
	if (w.refuse)
		return err_set(e, ENOENT, "no QEMU today");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fds), 0);
	assert_int_equal(child_new(&ret->child, loop, &s, e), 0);
	w.qmp = fds[0];
	fd_nonblock(w.qmp, 1);
	w.pid = child_pid(ret->child);
	ret->qmp = fds[1];
	ret->console = NULL;
	return 0;
}

/* --- a talk --------------------------------------------------------------- */

static int
setup(void **state)
{
	struct err e;

	(void)state;
	memset(&w, 0, sizeof(w));
	w.qmp = -1;
	w.loop = kit_loop();
	return qemu_new(&w.qemu, w.loop, LAUNCH_TCG, &e);
}

static int
teardown(void **state)
{
	(void)state;
	qemu_destroy(w.qemu);
	event_loop_destroy(w.loop);
	if (w.qmp != -1)
		close(w.qmp);
	return 0;
}

static void
turn(void)
{
	for (int i = 0; i < 5; i++)
		kit_settle(w.loop);
}

static void
say(const char *line)
{
	assert_int_equal(write(w.qmp, line, strlen(line)), strlen(line));
	assert_int_equal(write(w.qmp, "\r\n", 2), 2);
	turn();
}

/* QEMU is told a command; its id. */
static unsigned
told(const char *command)
{
	char got[256], name[64];
	ssize_t n;
	unsigned id;

	turn();
	n = read(w.qmp, got, sizeof(got) - 1);
	assert_true(n > 0);
	got[n] = '\0';
	assert_int_equal(sscanf(got, "{\"execute\":\"%63[a-z_-]\",", name), 1);
	assert_int_equal(sscanf(strrchr(got, ','), ",\"id\":%u}", &id), 1);
	assert_string_equal(name, command);
	return id;
}

static void
done_with(unsigned id)
{
	char line[64];

	snprintf(line, sizeof(line), "{\"return\": {}, \"id\": %u}", id);
	say(line);
}

static void
status(const char *word)
{
	char line[128];

	snprintf(line, sizeof(line), "{\"return\": {\"status\": \"%s\"}, "
	    "\"id\": %u}", word, told("query-status"));
	say(line);
}

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}"

static void
boot(void)
{
	qemu_backend.act[VMM_BOOT](w.qemu);
	say(GREETING);
	done_with(told("qmp_capabilities"));
	status("running");
	assert_int_equal(w.done, 1);
	assert_int_equal(w.failed, 0);
}

static void
act(enum vmm_action what, const char *command)
{
	qemu_backend.act[what](w.qemu);
	done_with(told(command));
}

/* Wait for the process, whatever that takes. */
static void
until_ended(void)
{
	while (!w.ended && !w.done)
		(void)event_loop_turn(w.loop, -1);
}

/* --- the tests ------------------------------------------------------------ */

static void
life(void **state)
{
	(void)state;
	boot();
	act(VMM_PAUSE, "stop");
	status("paused");
	assert_int_equal(w.done, 2);
	assert_int_equal(w.failed, 0);
	act(VMM_RESUME, "cont");
	status("running");
	assert_int_equal(w.done, 3);
	act(VMM_REBOOT, "system_reset");
	done_with(told("cont"));
	status("running");
	assert_int_equal(w.done, 4);
	act(VMM_POWER_BUTTON, "system_powerdown");
	status("running");
	assert_int_equal(w.done, 5);
	act(VMM_BREAK, "chardev-send-break");
	status("running");
	assert_int_equal(w.done, 6);
	assert_int_equal(w.failed, 0);
	say("{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, "
	    "\"reason\": \"guest-shutdown\"}}");
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.code, VM_EXIT_POWERED_OFF);
}

static void
slow_start(void **state)
{
	(void)state;
	qemu_backend.act[VMM_BOOT](w.qemu);
	say(GREETING);
	done_with(told("qmp_capabilities"));
	status("prelaunch");
	assert_int_equal(w.done, 0);
	say("{\"event\": \"RESUME\"}");
	status("running");
	assert_int_equal(w.done, 1);
	assert_int_equal(w.failed, 0);
}

static void
boot_fails(void **state)
{
	(void)state;
	w.refuse = 1;
	qemu_backend.act[VMM_BOOT](w.qemu);
	assert_int_equal(w.done, 1);
	assert_string_equal(w.why, "no QEMU today");

	/* It dies, it says no, it says nonsense: the boot has failed. */
	w.refuse = w.done = 0;
	qemu_backend.act[VMM_BOOT](w.qemu);
	kill(w.pid, SIGTERM);
	until_ended();
	assert_int_equal(w.failed, 1);
	assert_string_equal(w.why, "QEMU was killed by signal 15");
	close(w.qmp);

	w.done = 0;
	qemu_backend.act[VMM_BOOT](w.qemu);
	say(GREETING);
	told("qmp_capabilities");
	say("{\"error\": {\"desc\": \"not now\"}, \"id\": 1}");
	assert_int_equal(w.failed, 1);
	assert_string_equal(w.why, "QEMU: not now");
	assert_int_equal(kill(w.pid, 0), -1);
	close(w.qmp);

	w.done = 0;
	qemu_backend.act[VMM_BOOT](w.qemu);
	say("220 mail.example.org ESMTP");
	assert_int_equal(w.done, 1);
	assert_non_null(strstr(w.why, "QMP: not valid JSON"));
	assert_int_equal(w.ended, 0);
}

/* A state nobody knows is never "running". */
static void
unknown_state(void **state)
{
	(void)state;
	boot();
	say("{\"event\": \"STOP\"}");
	status("levitating");
	assert_int_equal(w.paused, 1);
	assert_int_equal(w.ended, 0);
	act(VMM_RESUME, "cont");
	status("levitating");
	assert_int_equal(w.done, 2);
	assert_int_equal(w.failed, 1);
	assert_string_equal(w.why, "QEMU is in a run state that is not known");
}

static void
ends(void **state)
{
	static const struct {
		const char		*event;
		enum vm_exit_code	 code;
		const char		*why;
	} rows[] = {
		{ "{\"event\": \"GUEST_PANICKED\", \"data\": {}}",
		    VM_EXIT_GUEST_PANICKED, "guest panicked" },
		{ "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, "
		    "\"reason\": \"guest-panic\"}}",
		    VM_EXIT_GUEST_PANICKED, "guest panicked" },
		{ "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": false, "
		    "\"reason\": \"host-signal\"}}",
		    VM_EXIT_HYPERVISOR_DIED, "QEMU shuts down: host-signal" },
		{ "{\"event\": \"SHUTDOWN\"}", VM_EXIT_HYPERVISOR_DIED,
		    "QEMU shuts down: " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		boot();
		say(rows[i].event);
		assert_int_equal(w.ended, 1);
		assert_int_equal(w.code, rows[i].code);
		assert_string_equal(w.why, rows[i].why);
		teardown(state);
		setup(state);
	}
}

/* Resets that the guest asked for are counted against it, ours are not. */
static void
reboots_only(void **state)
{
	static const char own[] = "{\"event\": \"RESET\", \"data\": "
	    "{\"guest\": true, \"reason\": \"guest-reset\"}}";
	static const char ours[] = "{\"event\": \"RESET\", \"data\": "
	    "{\"guest\": false, \"reason\": \"host-qmp-system-reset\"}}";

	(void)state;
	boot();
	for (unsigned i = 0; i < 20; i++) {
		say(own);
		say(own);
		say(i & 1 ? ours : "{\"event\": \"RESET\"}");
	}
	assert_int_equal(w.ended, 0);
	/* However slow we are, three of these come at once. */
	for (unsigned i = 0; i < 64 && w.ended == 0; i++)
		say(own);
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.code, VM_EXIT_RESTARTED);
	assert_string_equal(w.why, "guest restarted too quickly");
}

static void
stopped_by_error(void **state)
{
	(void)state;
	boot();
	say("{\"event\": \"STOP\"}");
	status("internal-error");
	assert_int_equal(w.ended, 1);
	assert_int_equal(w.code, VM_EXIT_HYPERVISOR_DIED);
	assert_string_equal(w.why, "internal error of QEMU");
}

static void
killed(void **state)
{
	(void)state;
	boot();
	w.done = 0;
	kill(w.pid, SIGKILL);
	until_ended();
	assert_int_equal(w.code, VM_EXIT_HYPERVISOR_DIED);
	assert_string_equal(w.why, "QEMU was killed by signal 9");
}

static void
over(void **state)
{
	static const char *const words[] = { "shutdown", "guest-panicked" };
	static const enum vm_exit_code codes[] = { VM_EXIT_POWERED_OFF,
	    VM_EXIT_GUEST_PANICKED };

	for (size_t i = 0; i < 2; i++) {
		boot();
		say("{\"event\": \"STOP\"}");
		status(words[i]);
		assert_int_equal(w.ended, 1);
		assert_int_equal(w.code, codes[i]);
		teardown(state);
		setup(state);
	}
}

/* Answers nobody asked for, and to what was given up, change nothing. */
static void
stray_answers(void **state)
{
	(void)state;
	boot();
	say("{\"return\": {}, \"id\": 99}");
	say("{\"return\": {\"status\": \"shutdown\"}, \"id\": 1}");
	say("{\"error\": {\"desc\": \"x\"}, \"id\": 7}");
	say("{\"return\": 3}");
	say("{\"event\": \"NOT_KNOWN\", \"data\": {\"a\": [1]}}");
	say(GREETING);
	assert_int_equal(w.done, 1);
	assert_int_equal(w.ended, 0);
	act(VMM_PAUSE, "stop");
	status("paused");
	assert_int_equal(w.done, 2);
	assert_int_equal(w.failed, 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(life),
		TEST(slow_start),
		TEST(boot_fails),
		TEST(unknown_state),
		TEST(ends),
		TEST(reboots_only),
		TEST(stopped_by_error),
		TEST(over),
		TEST(killed),
		TEST(stray_answers),
	};

	log_init("qemu", LOG_STYLE_PLAIN, 0);
	return unit_run("qemu", tests);
}
