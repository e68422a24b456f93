/* SPDX-License-Identifier: ISC */
/* console.c - recorded, shown to viewers, never waiting for one */

#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "event_kit.h"
#include "chapi/console.h"
#include "lib/io.h"
#include "os/os.h"

#define BLOCK	65536

struct world {
	struct event_loop	*loop;
	struct console		*console;
	int			 guest;		/* QEMU's end */
	char			 dir[32];
	char			 path[64], file[64];
};

static void
turn(struct world *w)
{
	for (int i = 0; i < 30; i++)
		kit_settle(w->loop);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct console_setup s = { .path = w->path, .file = w->file };
	struct err e;
	int fds[2];

	strcpy(w->dir, "/tmp/console.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/sock", w->dir);
	snprintf(w->file, sizeof(w->file), "%s/log", w->dir);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	w->loop = kit_loop();
	w->guest = fds[0];
	fd_nonblock(w->guest, 1);
	s.loop = w->loop;
	s.guest = fds[1];
	assert_int_equal(console_new(&w->console, &s, &e), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	char old[80];

	console_destroy(w->console);
	event_loop_destroy(w->loop);
	close(w->guest);
	snprintf(old, sizeof(old), "%s.0", w->file);
	unlink(old);
	unlink(w->file);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
	return 0;
}

static int
viewer(struct world *w)
{
	struct err e;
	int fd = os_unix_connect(AT_FDCWD, w->path, &e);

	assert_int_not_equal(fd, -1);
	fd_nonblock(fd, 1);
	turn(w);
	return fd;
}

static void
expect(int fd, const char *want)
{
	char got[256];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	assert_int_equal(n, (ssize_t)strlen(want));
	got[n] = '\0';
	assert_string_equal(got, want);
}

static off_t
size(const char *path)
{
	struct stat st;

	return stat(path, &st) == -1 ? -1 : st.st_size;
}

static void
both_ways(void **state)
{
	struct world *w = *state;
	int a, b;

	assert_int_equal(write(w->guest, "early", 5), 5);
	turn(w);
	a = viewer(w);
	b = viewer(w);
	expect(a, "early");
	expect(b, "early");
	assert_int_equal(write(w->guest, "hello", 5), 5);
	turn(w);
	expect(a, "hello");
	expect(b, "hello");
	assert_int_equal(write(a, "typed", 5), 5);
	turn(w);
	expect(w->guest, "typed");
	close(a);
	close(b);
	turn(w);
	assert_int_equal(write(w->guest, "late", 4), 4);
	console_drain(w->console);
	assert_int_equal(size(w->file), 14);
}

/* Who comes later sees the last lines, and then what follows at once. */
static void
scrollback(void **state)
{
	struct world *w = *state;
	size_t want, got = 0;
	char line[64], all[CONSOLE_SCROLLBACK_MAX + 64];
	ssize_t n;
	int fd;

	for (int i = 0; i < 2000; i++) {
		n = snprintf(line, sizeof(line), "line %05d of many\n", i);
		assert_int_equal(write(w->guest, line, (size_t)n), n);
		turn(w);
	}
	fd = viewer(w);
	assert_int_equal(write(w->guest, "now\n", 4), 4);
	turn(w);
	while ((n = recv(fd, all + got, sizeof(all) - got, 0)) > 0)
		got += (size_t)n;
	want = CONSOLE_SCROLLBACK_MAX / 19 * 19 + 4;
	assert_int_equal(got, want);
	assert_memory_equal(all, "line ", 5);
	assert_memory_equal(all + got - 23, "line 01999 of many\nnow\n", 23);
	close(fd);
}

/* Nothing in it makes a terminal answer; its colours end with it. */
static void
scrollback_is_text(void **state)
{
	static const char said[] = "\033[6n\033]0;title\007a\033[31mb"
	    "\033[?1049h\033[cc";
	struct world *w = *state;
	int fd;

	assert_int_equal(write(w->guest, said, sizeof(said) - 1),
	    sizeof(said) - 1);
	turn(w);
	fd = viewer(w);
	expect(fd, "a\033[31mbc\033[m");
	close(fd);
}

/* The guest goes on; the one that reads has all, the other is cut off. */
static void
slow_viewer(void **state)
{
	struct world *w = *state;
	int slow = viewer(w), quick = viewer(w);
	char *block = calloc(1, BLOCK);
	size_t seen = 0, sent = 0;
	ssize_t n;

	for (int i = 0; i < 64; i++) {
		for (size_t done = 0; done < BLOCK; done += (size_t)n) {
			n = write(w->guest, block, BLOCK - done);
			if (n == -1)
				n = 0;
			turn(w);
			while (recv(quick, block, 1, MSG_PEEK) > 0)
				seen += (size_t)recv(quick, block, BLOCK, 0);
		}
		sent += BLOCK;
	}
	assert_int_equal(seen, sent);
	assert_int_equal(size(w->file), sent);
	while ((n = recv(slow, block, BLOCK, 0)) > 0)
		continue;
	assert_int_equal(n, 0);
	free(block);
	close(slow);
	close(quick);
}

static void
too_many_viewers(void **state)
{
	struct world *w = *state;
	int fds[CONSOLE_VIEWERS_MAX + 1];
	char c;

	for (int i = 0; i <= CONSOLE_VIEWERS_MAX; i++)
		fds[i] = viewer(w);
	assert_int_equal(recv(fds[CONSOLE_VIEWERS_MAX], &c, 1, 0), 0);
	assert_int_equal(write(w->guest, "x", 1), 1);
	turn(w);
	for (int i = 0; i <= CONSOLE_VIEWERS_MAX; i++) {
		if (i < CONSOLE_VIEWERS_MAX)
			assert_int_equal(recv(fds[i], &c, 1, 0), 1);
		close(fds[i]);
	}
}

/* A guest that does not read makes those who type wait; nothing is lost. */
static void
typing_ahead(void **state)
{
	struct world *w = *state;
	int fd = viewer(w);
	char bytes[512], got[4096];
	size_t typed = 0, taken = 0;
	ssize_t n;

	memset(bytes, 'a', sizeof(bytes));
	while ((n = send(fd, bytes, sizeof(bytes), 0)) > 0) {
		typed += (size_t)n;
		turn(w);
	}
	for (int idle = 0; idle < 3; idle++) {
		while ((n = recv(w->guest, got, sizeof(got), 0)) > 0) {
			taken += (size_t)n;
			idle = 0;
			turn(w);
		}
		turn(w);
	}
	assert_true(typed > 100000);
	assert_int_equal(taken, typed);
	close(fd);
}

static void
record_is_bounded(void **state)
{
	struct world *w = *state;
	char *block = calloc(1, BLOCK), old[80];
	off_t sent = 0;
	ssize_t n;

	snprintf(old, sizeof(old), "%s.0", w->file);
	while (sent < 5 * (off_t)CONSOLE_LOG_MAX / 2) {
		n = write(w->guest, block, BLOCK);
		sent += n > 0 ? n : 0;
		turn(w);
		assert_true(size(w->file) <= CONSOLE_LOG_MAX);
	}
	console_drain(w->console);
	assert_int_equal(size(old), CONSOLE_LOG_MAX);
	assert_int_equal(size(w->file), sent - 2 * (off_t)CONSOLE_LOG_MAX);
	free(block);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_ways),
		TEST(scrollback),
		TEST(scrollback_is_text),
		TEST(slow_viewer),
		TEST(too_many_viewers),
		TEST(typing_ahead),
		TEST(record_is_bounded),
	};

	return unit_run("console", tests);
}
