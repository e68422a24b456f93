/* SPDX-License-Identifier: ISC */
/* cp.c - GET /instances/{id}/cp: files to and from the guest */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/routes/cp.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "lib/json.h"

#define AGENT_MS	5000	/* for the agent's hello */

void
cp_free(struct cp *c)
{
	struct cp_item *it;

	while ((it = TAILQ_FIRST(&c->items)) != NULL) {
		TAILQ_REMOVE(&c->items, it, entry);
		free(it);
	}
	if (c->agent != NULL)
		agent_close(c->agent);
	if (c->timer != NULL)
		event_free(c->timer);
	if (c->spool != -1)
		(void)close(c->spool);
	free(c->last);
	free(c);
}

void
cp_say(struct cp *c, json_t *v)
{
	char *text = v == NULL ? NULL : json_print(v);

	if (text != NULL)
		ws_text(c->ws, text);
	free(text);
	json_decref(v);
}

void
cp_finish(struct cp *c, json_t *v)
{
	cp_say(c, v);
	ws_finish(c->ws);
	cp_free(c);
}

void
cp_fail(struct cp *c, const struct err *e)
{
	cp_finish(c, json_pack("{s:s,s:s,s:s}", "type", "error",
	    "message", e->text, "path", c->request.path));
}

int
cp_connect(struct cp *c, const struct vm *vm, const struct agent_handler *h,
    struct err *e)
{
	if (agent_open(&c->agent, c->control->base, h, c, e) == -1)
		return -1;
	return agent_connect(c->agent, vm->dir, "vsock.sock", AGENT_MS, e);
}

static void
begin(struct cp *c, const char *text, size_t len)
{
	const struct vm *vm = vm_table_id(c->control, c->vm);
	struct err e;
	int ret = -1;

	event_free(c->timer);
	c->timer = NULL;
	if (vm == NULL || vm->state != VM_RUNNING)
		(void)err_set(&e, ESRCH, "the instance runs no more");
	else if (cp_request_parse(&c->request, text, len, &e) == 0)
		ret = c->request.to ? cp_to_begin(c, vm, &e) :
		    cp_from_begin(c, vm, &e);
	if (ret == -1)
		cp_fail(c, &e);
}

static void
on_text(void *arg, const char *text, size_t len)
{
	struct cp *c = arg;

	if (c->agent == NULL)
		begin(c, text, len);
	else if (c->request.to)
		cp_to_text(c, text, len);
}

static void
on_binary(void *arg, const void *data, size_t len)
{
	struct cp *c = arg;
	struct err e;

	if (c->agent != NULL && c->request.to) {
		cp_to_data(c, data, len);
	} else {
		(void)err_set(&e, EINVAL, "a binary frame is not expected");
		cp_fail(c, &e);
	}
}

static void
on_drained(void *arg)
{
	struct cp *c = arg;

	if (c->agent == NULL)
		return;
	if (c->request.to)
		agent_resume(c->agent);
	else
		cp_from_drained(c);
}

static void
on_closed(void *arg)
{
	cp_free(arg);
}

static void
on_no_first(evutil_socket_t fd, short what, void *arg)
{
	struct err e;

	(void)fd;
	(void)what;
	(void)err_set(&e, ETIMEDOUT, "no first frame within 30 seconds");
	cp_fail(arg, &e);
}

static void
on_upgrade(void *arg, int fd, const void *early, size_t len,
    struct upgrade *u)
{
	static const struct ws_ops ops = {
		on_text, on_binary, on_drained, on_closed,
	};
	struct cp *c = arg;
	const struct ws_first first = { c->control->base, &ops, on_no_first,
	    c, &c->ws, &c->timer };

	if (ws_take(&first, fd, early, len, u) == -1)
		cp_free(c);
}

void
route_instance_cp(struct request *r)
{
	const struct vm *vm = route_running_vm(r);
	struct cp *c;

	if (vm == NULL)
		return;
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	c->control = vm->control;
	c->spool = -1;
	memcpy(c->vm, vm->id, sizeof(c->vm));
	TAILQ_INIT(&c->items);
	if (reply_upgrade(r, on_upgrade, c) == -1)
		cp_free(c);
}
