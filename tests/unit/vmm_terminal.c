/* SPDX-License-Identifier: ISC */
/*
 * vmm_terminal.c - the console on a terminal: raw, escapes, restored
 *
 * A child has the terminal for its standard input and output, and a guest
 * that says back what it hears.
 */

#include "unit.h"
#include "event_kit.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/io.h"
#include "vmm/terminal.h"

#define PATIENCE_MS	20000

static struct event_loop *loop;

static void
left(void *arg)
{
	(void)arg;
	event_loop_stop(loop);
}

static void
broke(void *arg)
{
	(void)arg;
	(void)write_full(STDOUT_FILENO, "<break>", 7);
}

static void
echo(void *arg, unsigned what)
{
	const struct event_watch *guest = arg;
	char buf[512];
	ssize_t n = read(guest->fd, buf, sizeof(buf));

	(void)what;
	if (n > 0)
		(void)write_full(guest->fd, buf, (size_t)n);
}

/* The child; its exit status is 0 when all went well. */
static int
run(int terminal)
{
	struct terminal_setup s = { .leave = left, .send_break = broke };
	struct terminal *t;
	struct event_watch guest;
	int pair[2];

	if (dup2(terminal, STDIN_FILENO) == -1 ||
	    dup2(terminal, STDOUT_FILENO) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		return 1;
	loop = kit_loop();
	event_watch_init(&guest, loop, pair[1], echo, &guest);
	(void)event_watch_set(&guest, EVENT_READ);
	s.loop = loop;
	s.guest = pair[0];
	if (terminal_new(&t, &s, NULL) == -1)
		return 2;
	(void)write_full(pair[1], "login: ", 7);
	event_loop_run(loop);
	(void)write_full(pair[1], "bye", 3);
	terminal_drain(t);
	terminal_destroy(t);
	event_watch_fini(&guest);
	event_loop_destroy(loop);
	return 0;
}

/* Read until 'want' has come; what came is in buf. */
static bool
expect(int fd, const char *want, char *buf, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	while (len < size - 1) {
		if (poll(&p, 1, PATIENCE_MS) != 1 ||
		    (n = read(fd, buf + len, size - 1 - len)) <= 0)
			return false;
		len += (size_t)n;
		buf[len] = '\0';
		if (strstr(buf, want) != NULL)
			return true;
	}
	return false;
}

static int
open_pair(int *slave)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	assert_return_code(fd, 0);
	assert_return_code(grantpt(fd), 0);
	assert_return_code(unlockpt(fd), 0);
	*slave = open(ptsname(fd), O_RDWR | O_NOCTTY);
	assert_return_code(*slave, 0);
	return fd;
}

static void
type_in(int fd, const char *text)
{
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
}

static void
escapes(void **state)
{
	char buf[4096];
	struct termios before, after;
	int fd, slave, status;
	pid_t pid;

	(void)state;
	fd = open_pair(&slave);
	assert_return_code(tcgetattr(slave, &before), 0);
	pid = fork();
	if (pid == 0)
		_exit(run(slave));
	assert_true(expect(fd, "login: ", buf, sizeof(buf)));
	/* Raw: an interrupt and a tilde within a line are the guest's. */
	type_in(fd, "a~.\003b");
	assert_true(expect(fd, "a~.\003b", buf, sizeof(buf)));
	type_in(fd, "\r~~c");
	assert_true(expect(fd, "\r~c", buf, sizeof(buf)));
	type_in(fd, "\r~?");
	assert_true(expect(fd, "end the virtual machine", buf, sizeof(buf)));
	type_in(fd, "\r~#");
	assert_true(expect(fd, "<break>", buf, sizeof(buf)));
	type_in(fd, "\r~wx");
	assert_true(expect(fd, "\r~wx", buf, sizeof(buf)));
	type_in(fd, "\r~.");
	assert_true(expect(fd, "bye", buf, sizeof(buf)));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_return_code(tcgetattr(slave, &after), 0);
	assert_int_equal(after.c_lflag, before.c_lflag);
	assert_int_equal(after.c_oflag, before.c_oflag);
	(void)close(fd);
	(void)close(slave);
}

/* Much output to a terminal that nobody reads holds up only itself. */
static void
full(void **state)
{
	char block[4096], buf[8192];
	struct terminal_setup s = { .leave = left };
	struct terminal *t;
	int fd, slave, pair[2], out, in;
	ssize_t n, sent = 0;

	(void)state;
	fd = open_pair(&slave);
	in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
	out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	(void)fflush(stdout);
	assert_return_code(dup2(slave, STDIN_FILENO), 0);
	assert_return_code(dup2(slave, STDOUT_FILENO), 0);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	loop = kit_loop();
	s.loop = loop;
	s.guest = pair[0];
	assert_int_equal(terminal_new(&t, &s, NULL), 0);
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 200; i++) {
		n = send(pair[1], block, sizeof(block), MSG_DONTWAIT);
		sent += n > 0 ? n : 0;
		kit_settle(loop);
	}
	assert_int_equal(send(pair[1], block, sizeof(block), MSG_DONTWAIT),
	    -1);
	while (sent > 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		sent -= n;
		kit_settle(loop);
	}
	assert_int_equal(sent, 0);
	terminal_destroy(t);
	event_loop_destroy(loop);
	(void)dup2(in, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)close(in);
	(void)close(out);
	(void)close(pair[1]);
	(void)close(fd);
	(void)close(slave);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(full),
	};

	return unit_run("vmm_terminal", tests);
}
