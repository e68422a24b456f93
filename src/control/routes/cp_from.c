/* SPDX-License-Identifier: ISC */
/* cp_from.c - a tree of the guest to the client, as it comes */

#include <stdlib.h>
#include <string.h>

#include "control/routes/cp.h"
#include "lib/json.h"
#include "lib/util.h"

#define ZEROS	65536	/* bytes of a hole in one frame of the reference */

/* A client that does not read stops the guest. */
static void
throttle(struct cp *c)
{
	if (ws_queued(c->ws) >= WS_QUEUE_FULL)
		agent_pause(c->agent);
}

static void
end_entry(struct cp *c)
{
	if (c->open)
		cp_say(c, json_pack("{s:s,s:b}", "type", "end", "final", 0));
	c->open = false;
}

/*
 * The agent repeats a directory behind its contents, so that times last.
 * The reference has each once.
 */
static bool
is_repeated(const struct cp *c, const struct agent_entry *en)
{
	size_t len = strlen(en->path);

	if (en->kind != AGENT_KIND_DIR || c->last == NULL)
		return false;
	return strcmp(en->path, ".") == 0 || (strncmp(c->last, en->path,
	    len) == 0 && (c->last[len] == '/' || c->last[len] == '\0'));
}

static void
on_entry(void *arg, const struct agent_entry *en)
{
	struct cp *c = arg;

	if (c->base != NULL) {
		if (is_repeated(c, en))
			return;
		end_entry(c);
		free(c->last);
		c->last = strdup(en->path);
	}
	cp_say(c, cp_header(en, c->base));
	c->open = true;
	throttle(c);
}

static void
on_data(void *arg, const void *data, size_t len)
{
	struct cp *c = arg;

	ws_binary(c->ws, data, len);
	throttle(c);
}

/*
 * Zeros of a hole, as many as the client may have queued.  The guest says
 * how large a hole is: the rest waits, and the guest with it.
 */
static void
send_zeros(struct cp *c)
{
	static const char zeros[ZEROS];

	for (size_t n, sent = 0; c->zeros > 0 && sent < WS_QUEUE_FULL;
	    sent += n) {
		n = (size_t)MIN(c->zeros, sizeof(zeros));
		ws_binary(c->ws, zeros, n);
		c->zeros -= n;
	}
	if (c->zeros > 0)
		agent_pause(c->agent);
	throttle(c);
}

void
cp_from_drained(struct cp *c)
{
	if (c->zeros > 0)
		send_zeros(c);
	if (c->zeros == 0 && ws_queued(c->ws) < WS_QUEUE_FULL)
		agent_resume(c->agent);
}

/* The reference knows no holes: zeros, or nothing but their number. */
static void
on_hole(void *arg, uint64_t len)
{
	struct cp *c = arg;

	if (c->base == NULL) {
		cp_say(c, json_pack("{s:s,s:I}", "type", "hole",
		    "bytes", (json_int_t)len));
		return;
	}
	c->zeros = len;
	send_zeros(c);
}

static void
on_done(void *arg, const struct agent_result *r)
{
	struct cp *c = arg;

	if (r->err != NULL)
		cp_fail(c, r->err);
	else
		cp_finish(c, json_pack("{s:s,s:b}", "type", "end",
		    "final", 1));
}

/* The last component: "/a/b/" is b, "/" is "/". */
static const char *
base_of(char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	return len == 1 ? path : strrchr(path, '/') + 1;
}

int
cp_from_begin(struct cp *c, const struct vm *vm, struct err *e)
{
	static const struct agent_handler handler = {
		.entry = on_entry, .data = on_data, .hole = on_hole,
		.done = on_done,
	};

	c->base = c->request.tree ? NULL : base_of(c->request.path);
	if (cp_connect(c, vm, &handler, e) == -1)
		return -1;
	return agent_get(c->agent, c->request.path, c->request.follow, e);
}
