/* SPDX-License-Identifier: ISC */
/* qmp.c - what QEMU may say and what ends the talk */

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "event_kit.h"
#include "lib/util.h"
#include "qemu/qmp.h"

static void
lines(void **state)
{
	static const struct {
		const char	*line;
		enum qmp_kind	 kind;
		uint64_t	 id;
		const char	*text;
	} good[] = {
		{ "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r",
		    QMP_GREETING, 0, NULL },
		{ "{\"return\": {}, \"id\": 7}", QMP_RETURN, 7, NULL },
		{ "{\"id\": 8, \"error\": {\"class\": \"GenericError\","
		    " \"desc\": \"no\"}}", QMP_ERROR, 8, "no" },
		{ "{\"timestamp\": {\"seconds\": 1}, \"event\": \"STOP\"}",
		    QMP_EVENT, 0, "STOP" },
	};
	struct qmp_msg m;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(qmp_parse(&m, good[i].line,
		    strlen(good[i].line), &e), 0);
		assert_int_equal(m.kind, good[i].kind);
		assert_int_equal(m.id, good[i].id);
		if (good[i].text != NULL)
			assert_string_equal(m.text, good[i].text);
		qmp_msg_fini(&m);
	}
}

static void
nonsense(void **state)
{
	static const char *const bad[] = {
		"", "\r", "null", "[]", "{}", "{\"return\": {}", "hello",
		"{\"return\": {}} {}", "{\"event\": 3}",
		"{\"event\": \"A\", \"data\": []}", "{\"error\": \"no\"}",
		"{\"error\": {\"desc\": 1}}", "{\"return\": 1, \"id\": -1}",
		"{\"return\": 1, \"id\": \"1\"}", "{\"QMP\": 1}",
		("{\"event\": \"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRST"
		"UVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ\"}"),
	};
	struct qmp_msg m;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(qmp_parse(&m, bad[i], strlen(bad[i]), &e),
		    -1);
}

/* A talk with a QEMU of ours. */
struct talk {
	struct event_loop	*loop;
	struct qmp		*qmp;
	int			 qemu;		/* its end */
	int			 messages, closed;
	int			 destroy_at;	/* message that destroys */
	char			 why[ERR_TEXT_MAX];
};

static void
message(void *arg, const struct qmp_msg *m)
{
	struct talk *t = arg;

	(void)m;
	if (++t->messages == t->destroy_at)
		qmp_destroy(take(&t->qmp));
}

static void
closed(void *arg, const struct err *e)
{
	struct talk *t = arg;

	t->closed++;
	snprintf(t->why, sizeof(t->why), "%s", e != NULL ? e->text : "");
}

static int
setup(void **state)
{
	struct talk *t = calloc(1, sizeof(*t));
	struct qmp_handler h = { message, closed, t };
	struct err e;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	t->loop = kit_loop();
	t->qemu = fds[0];
	assert_int_equal(qmp_new(&t->qmp, t->loop, fds[1], &h, &e), 0);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct talk *t = *state;

	qmp_destroy(t->qmp);
	event_loop_destroy(t->loop);
	close(t->qemu);
	free(t);
	return 0;
}

static void
say(struct talk *t, const char *text, size_t len)
{
	assert_int_equal(write(t->qemu, text, len), len);
	for (int i = 0; i < 3; i++)
		kit_settle(t->loop);
}

#define EVENT "{\"event\": \"STOP\"}\r\n"

static void
pieces(void **state)
{
	struct talk *t = *state;

	for (size_t i = 0; i < sizeof(EVENT) - 1; i++)
		say(t, &EVENT[i], 1);
	assert_int_equal(t->messages, 1);
	say(t, EVENT EVENT EVENT, 3 * (sizeof(EVENT) - 1));
	assert_int_equal(t->messages, 4);
	assert_int_equal(t->closed, 0);
	close(t->qemu);
	t->qemu = -1;
	kit_settle(t->loop);
	assert_int_equal(t->closed, 1);
	assert_string_equal(t->why, "");
}

static void
commands(void **state)
{
	struct talk *t = *state;
	char got[100] = "";
	uint64_t id;
	struct err e;

	assert_int_equal(qmp_send(t->qmp, "stop", NULL, &id, &e), 0);
	assert_int_equal(id, 1);
	assert_true(read(t->qemu, got, sizeof(got) - 1) > 0);
	assert_string_equal(got, "{\"execute\":\"stop\",\"id\":1}\n");
	assert_int_equal(qmp_send(t->qmp, "go", "{\"n\":1}", &id, &e), 0);
	memset(got, 0, sizeof(got));
	assert_true(read(t->qemu, got, sizeof(got) - 1) > 0);
	assert_string_equal(got,
	    "{\"execute\":\"go\",\"arguments\":{\"n\":1},\"id\":2}\n");
	/* A QEMU that does not read is found out, not waited for. */
	for (int i = 0; i < 1000000; i++)
		if (qmp_send(t->qmp, "go", "{\"n\":1}", &id, &e) == -1)
			break;
	assert_string_equal(e.text, "QEMU does not read its commands");
}

static void
broken_line(void **state)
{
	struct talk *t = *state;

	say(t, EVENT "nonsense\n" EVENT, 2 * sizeof(EVENT) + 7);
	assert_int_equal(t->messages, 1);
	assert_int_equal(t->closed, 1);
	assert_non_null(strstr(t->why, "QMP: not valid JSON"));
}

static void
endless_line(void **state)
{
	struct talk *t = *state;
	char a[QMP_LINE_MAX / 16];

	memset(a, 'a', sizeof(a));
	for (int i = 0; i < 20 && !t->closed; i++)
		say(t, a, sizeof(a));
	kit_settle(t->loop);
	for (int i = 0; i < 50; i++)
		kit_settle(t->loop);
	assert_int_equal(t->closed, 1);
	assert_non_null(strstr(t->why, "line is longer than 65536 bytes"));
}

static void
destroyed_by_handler(void **state)
{
	struct talk *t = *state;

	t->destroy_at = 2;
	say(t, EVENT EVENT EVENT, 3 * (sizeof(EVENT) - 1));
	assert_int_equal(t->messages, 2);
	assert_null(t->qmp);
	assert_int_equal(t->closed, 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(nonsense),
		TEST(pieces),
		TEST(commands),
		TEST(broken_line),
		TEST(endless_line),
		TEST(destroyed_by_handler),
	};

	return unit_run("qmp", tests);
}
