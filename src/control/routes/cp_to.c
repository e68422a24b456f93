/* SPDX-License-Identifier: ISC */
/*
 * cp_to.c - files of the client into the guest
 *
 * Tree: entries are relayed.  The reference's form names no size, which the
 * agent wants to know first: such a file is spooled to an unnamed file of
 * the state directory and sent when its end is known.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/routes/cp.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"

#define SPOOL_CHUNK	65536	/* bytes read back at once */

static void feed(struct cp *);

static void
on_writable(void *arg)
{
	feed(arg);
}

static void
on_done(void *arg, const struct agent_result *r)
{
	struct cp *c = arg;

	if (r->err != NULL)
		cp_finish(c, json_pack("{s:s,s:b,s:s,s:s}", "type", "result",
		    "success", 0, "error", r->err->text,
		    "path", c->request.path));
	else
		cp_finish(c, json_pack("{s:s,s:b,s:I}", "type", "result",
		    "success", 1, "bytes_written", (json_int_t)r->bytes));
}

/* --- tree: one frame after the other -------------------------------------- */

/* 1: handed over; 0: no room; -1: refused. */
static int
hand_text(struct cp *c, const struct cp_item *it, struct err *e)
{
	own_json json_t *doc = NULL;
	struct agent_entry en;
	enum cp_frame what;
	uint64_t hole;
	int ret;

	if (json_parse(&doc, it->data, it->len, e) == -1 ||
	    cp_frame_parse(&what, &en, &hole, doc, e) == -1)
		return -1;
	if (what == CP_HEADER)
		ret = agent_put_entry(c->agent, &en, e);
	else if (what == CP_HOLE)
		ret = agent_put_hole(c->agent, hole, e);
	else
		ret = agent_put_end(c->agent, e);
	if (ret == -1)
		return e->num == EAGAIN ? 0 : -1;
	c->ended = what == CP_END;
	return 1;
}

static int
hand_data(struct cp *c, struct cp_item *it, struct err *e)
{
	size_t n;

	while (it->done < it->len) {
		n = MIN(agent_room(c->agent), it->len - it->done);
		if (n == 0)
			return 0;
		if (agent_put_data(c->agent, it->data + it->done, n, e) == -1)
			return e->num == EAGAIN ? 0 : -1;
		it->done += n;
	}
	return 1;
}

static int
feed_items(struct cp *c, struct err *e)
{
	struct cp_item *it;
	int ret = 1;

	while ((it = TAILQ_FIRST(&c->items)) != NULL) {
		ret = it->kind == CP_ITEM_DATA ? hand_data(c, it, e) :
		    hand_text(c, it, e);
		if (ret != 1)
			return ret;
		TAILQ_REMOVE(&c->items, it, entry);
		free(it);
	}
	return ret;
}

/* --- the reference's form ------------------------------------------------- */

static int
feed_spool(struct cp *c, struct err *e)
{
	char block[SPOOL_CHUNK];
	ssize_t n;

	while (c->sent < c->spooled) {
		n = (ssize_t)MIN(agent_room(c->agent), sizeof(block));
		if (n == 0)
			return 0;
		n = pread(c->spool, block, (size_t)n, (off_t)c->sent);
		if (n <= 0)
			return err_sys(e, "read back");
		if (agent_put_data(c->agent, block, (size_t)n, e) == -1)
			return e->num == EAGAIN ? 0 : -1;
		c->sent += (uint64_t)n;
	}
	if (agent_put_end(c->agent, e) == -1)
		return e->num == EAGAIN ? 0 : -1;
	c->ended = true;
	return 1;
}

/* The size is known now. */
static int
send_spooled(struct cp *c, struct err *e)
{
	const struct agent_entry en = {
		.path = ".",
		.kind = c->request.is_dir ? AGENT_KIND_DIR : AGENT_KIND_FILE,
		.mode = c->request.mode, .uid = c->request.uid,
		.gid = c->request.gid, .size = c->spooled,
	};

	if (agent_put_entry(c->agent, &en, e) == -1)
		return -1;
	c->entered = true;
	return feed_spool(c, e) == -1 ? -1 : 0;
}

/* --- both ----------------------------------------------------------------- */

static void
feed(struct cp *c)
{
	struct err e;
	int ret;

	if (c->ended)
		return;
	if (c->request.tree)
		ret = feed_items(c, &e);
	else
		ret = c->entered ? feed_spool(c, &e) : 1;
	if (ret == -1)
		cp_fail(c, &e);
	else if (ret == 0)
		ws_pause(c->ws);
	else
		ws_resume(c->ws);
}

static int
add_item(struct cp *c, int kind, const void *data, size_t len,
    struct err *e)
{
	struct cp_item *it = malloc(sizeof(*it) + len);

	if (it == NULL)
		return err_sys(e, "copy");
	it->kind = kind == CP_ITEM_DATA ? CP_ITEM_DATA : CP_ITEM_TEXT;
	it->len = len;
	it->done = 0;
	memcpy(it->data, data, len);
	TAILQ_INSERT_TAIL(&c->items, it, entry);
	return 0;
}

void
cp_to_text(struct cp *c, const char *text, size_t len)
{
	own_json json_t *doc = NULL;
	struct agent_entry en;
	enum cp_frame what;
	uint64_t hole;
	struct err e;

	if (c->request.tree) {
		if (add_item(c, CP_ITEM_TEXT, text, len, &e) == -1)
			cp_fail(c, &e);
		else
			feed(c);
		return;
	}
	if (json_parse(&doc, text, len, &e) == -1 ||
	    cp_frame_parse(&what, &en, &hole, doc, &e) == -1) {
		cp_fail(c, &e);
	} else if (what != CP_END || c->entered) {
		(void)err_set(&e, EINVAL, "only one end is expected");
		cp_fail(c, &e);
	} else if (send_spooled(c, &e) == -1) {
		cp_fail(c, &e);
	}
}

void
cp_to_data(struct cp *c, const void *data, size_t len)
{
	struct err e;

	if (c->request.tree) {
		if (add_item(c, CP_ITEM_DATA, data, len, &e) == -1)
			cp_fail(c, &e);
		else
			feed(c);
	} else if (c->spool == -1) {
		(void)err_set(&e, EISDIR, "a directory has no data");
		cp_fail(c, &e);
	} else if (write_full(c->spool, data, len) == -1) {
		(void)err_sys(&e, "spool");
		cp_fail(c, &e);
	} else {
		c->spooled += len;
	}
}

int
cp_to_begin(struct cp *c, const struct vm *vm, struct err *e)
{
	static const struct agent_handler handler = {
		.writable = on_writable, .done = on_done,
	};

	if (!c->request.tree && !c->request.is_dir) {
		c->spool = os_tmpfile(c->control->state);
		if (c->spool == -1)
			return err_sys(e, "spool");
	}
	if (cp_connect(c, vm, &handler, e) == -1)
		return -1;
	return agent_put(c->agent, c->request.path, true, e);
}
