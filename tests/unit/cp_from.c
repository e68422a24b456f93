/* SPDX-License-Identifier: ISC */
/*
 * cp_from.c - a hole of any size, as zeros: never more than the client takes
 *
 * The WebSocket and the agent's session are ours here: they count.
 */

#include <string.h>

#include "unit.h"
#include "control/routes/cp.h"
#include "lib/json.h"

static const struct agent_handler *handler;
static size_t	queued;		/* bytes the client has not taken */
static size_t	most;		/* of them, ever */
static uint64_t	sent;
static bool	paused;

int
cp_connect(struct cp *c, const struct vm *vm, const struct agent_handler *h,
    struct err *e)
{
	(void)c;
	(void)vm;
	(void)e;
	handler = h;
	return 0;
}

void
cp_say(struct cp *c, json_t *v)
{
	(void)c;
	json_decref(v);
}

void
cp_finish(struct cp *c, json_t *v)
{
	cp_say(c, v);
}

void
cp_fail(struct cp *c, const struct err *e)
{
	(void)c;
	fail_msg("%s", e->text);
}

void
ws_binary(struct ws *ws, const void *data, size_t len)
{
	(void)ws;
	(void)data;
	queued += len;
	sent += len;
	most = queued > most ? queued : most;
	/* One that keeps everything is of no use to this test or to anyone. */
	assert_true(most <= 4 * WS_QUEUE_FULL);
}

size_t
ws_queued(const struct ws *ws)
{
	(void)ws;
	return queued;
}

void
agent_pause(struct agent_session *s)
{
	(void)s;
	paused = true;
}

void
agent_resume(struct agent_session *s)
{
	(void)s;
	paused = false;
}

int
agent_get(struct agent_session *s, const char *path, bool follow,
    struct err *e)
{
	(void)s;
	(void)path;
	(void)follow;
	(void)e;
	return 0;
}

static void
hole(uint64_t len)
{
	struct cp c;
	struct err e;

	memset(&c, 0, sizeof(c));
	strcpy(c.request.path, "/sparse");
	queued = most = 0;
	sent = 0;
	paused = false;
	assert_int_equal(cp_from_begin(&c, NULL, &e), 0);
	handler->hole(&c, len);
	while (paused) {
		assert_true(queued > 0);
		queued = 0;
		cp_from_drained(&c);
	}
	assert_int_equal(sent, len);
}

static void
small_hole(void **state)
{
	(void)state;
	hole(1);
	hole(65536);
	assert_int_equal(most, 65536);
}

/* A sparse file of 4 GiB must not become 4 GiB of ours. */
static void
large_hole(void **state)
{
	(void)state;
	hole(1ULL << 32);
	assert_true(most <= 2 * WS_QUEUE_FULL);
}

/* The largest there can be: what one look does is bounded. */
static void
endless_hole(void **state)
{
	struct cp c;
	struct err e;

	(void)state;
	memset(&c, 0, sizeof(c));
	strcpy(c.request.path, "/sparse");
	queued = most = 0;
	assert_int_equal(cp_from_begin(&c, NULL, &e), 0);
	handler->hole(&c, INT64_MAX);
	assert_true(paused);
	assert_true(most <= 2 * WS_QUEUE_FULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_hole),
		cmocka_unit_test(large_hole),
		cmocka_unit_test(endless_hole),
	};

	return unit_run("cp_from", tests);
}
