/* SPDX-License-Identifier: ISC */
/* qemu_child.c - a child: its descriptors, its last words, its end */

#include <sys/socket.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "event_kit.h"
#include "lib/log.h"
#include "lib/util.h"
#include "qemu/child.h"

static char why[CHILD_LINE_MAX + 64];

static void
ended(void *arg, const char *text)
{
	(void)arg;
	snprintf(why, sizeof(why), "%s", text);
}

static struct child *
start(struct event_loop *loop, char *program, char *command, const int *fds)
{
	char c[] = "-c";
	char *argv[] = { program, c, command, NULL };
	struct child_setup s = { .argv = argv, .fds = fds,
	    .nfds = fds != NULL ? 1 : 0 };
	struct child *child = NULL;
	struct err e;

	why[0] = '\0';
	assert_int_equal(child_new(&child, loop, &s, &e), 0);
	child_on_end(child, ended, NULL);
	return child;
}

static void
reasons(void **state)
{
	static const struct {
		const char	*program, *command, *want;
	} rows[] = {
		{ "sh", "exit 0", "QEMU ended with status 0" },
		{ "sh", "echo one >&2; echo two >&2; exit 3",
		    "QEMU ended with status 3: two" },
		{ "sh", "printf 'no\\033[31m\\tend' >&2; exit 1",
		    "QEMU ended with status 1: no?[31m?end" },
		{ "sh", "echo bye >&2; kill -9 $$",
		    "QEMU was killed by signal 9: bye" },
		{ "no-such-program", "",
		    "QEMU ended with status 127: no-such-program: "
		    "No such file or directory" },
	};
	struct event_loop *loop = kit_loop();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		own_mem char *program = strdup(rows[i].program);
		own_mem char *command = strdup(rows[i].command);
		struct child *c = start(loop, program, command, NULL);

		while (why[0] == '\0')
			(void)event_loop_turn(loop, -1);
		assert_string_equal(why, rows[i].want);
		child_destroy(c);
	}
	event_loop_destroy(loop);
}

/* A line of any length is cut, and the end still told. */
static void
endless_line(void **state)
{
	char sh[] = "sh", command[] =
	    "head -c 1000000 /dev/zero | tr '\\0' a >&2; exit 1";
	struct event_loop *loop = kit_loop();
	struct child *c = start(loop, sh, command, NULL);

	(void)state;
	while (why[0] == '\0')
		(void)event_loop_turn(loop, -1);
	assert_int_equal(strlen(why), strlen("QEMU ended with status 1: ") +
	    CHILD_LINE_MAX - 1);
	child_destroy(c);
	event_loop_destroy(loop);
}

/* It sees 0, 1, 2 and what it was given, whatever else is open here. */
static void
descriptors(void **state)
{
	char sh[] = "sh", command[] =
	    "echo given >&3; for f in /proc/$$/fd/*; do "
	    "case $f in */[0123]) ;; *) [ ! -L $f ] || echo $f >&3;; esac; "
	    "done";
	struct event_loop *loop = kit_loop();
	char got[256] = "";
	struct child *c;
	size_t len = 0;
	ssize_t n;
	int fds[2], other;

	(void)state;
	other = open("/dev/null", O_RDONLY);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fds), 0);
	c = start(loop, sh, command, &fds[1]);
	close(fds[1]);
	while (len < sizeof(got) - 1 &&
	    (n = read(fds[0], got + len, sizeof(got) - 1 - len)) > 0)
		len += (size_t)n;
	assert_string_equal(got, "given\n");
	close(fds[0]);
	close(other);
	child_destroy(c);
	event_loop_destroy(loop);
}

/* Each in its place, whatever numbers they have here. */
static void
high_descriptors(void **state)
{
	char sh[] = "sh", option[] = "-c",
	    command[] = "echo a >&3; echo b >&4";
	char *argv[] = { sh, option, command, NULL };
	struct event_loop *loop = kit_loop();
	struct child_setup s = { .argv = argv, .nfds = 2 };
	int a[2], b[2], fds[2];
	struct child *c = NULL;
	char text[8] = "";
	struct err e;

	(void)state;
	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	fds[0] = a[1];
	fds[1] = fcntl(b[1], F_DUPFD_CLOEXEC, 100);
	assert_int_equal(fds[1], 100);
	s.fds = fds;
	assert_int_equal(child_new(&c, loop, &s, &e), 0);
	close(a[1]);
	close(b[1]);
	close(fds[1]);
	assert_int_equal(read(a[0], text, sizeof(text)), 2);
	assert_string_equal(text, "a\n");
	assert_int_equal(read(b[0], text, sizeof(text)), 2);
	assert_string_equal(text, "b\n");
	close(a[0]);
	close(b[0]);
	child_destroy(c);
	event_loop_destroy(loop);
}

static void
destroyed(void **state)
{
	char sh[] = "sh", command[] = "sleep 1000";
	struct event_loop *loop = kit_loop();
	struct child *c = start(loop, sh, command, NULL);
	pid_t pid = child_pid(c);

	(void)state;
	child_destroy(c);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_string_equal(why, "");
	event_loop_destroy(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons),
		cmocka_unit_test(endless_line),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(high_descriptors),
		cmocka_unit_test(destroyed),
	};

	log_init("child", LOG_STYLE_PLAIN, 0);
	return unit_run("qemu_child", tests);
}
