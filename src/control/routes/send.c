/* SPDX-License-Identifier: ISC */
/*
 * send.c - GET /instances/{id}/send: a running instance leaves
 *
 * A WebSocket.  To the client: the stream of chapi/migration.h as binary
 * messages, then the text {"end":true} when no receiver can answer, and at
 * last {"state":STATE}, what the instance is here now, or {"error":TEXT,
 * "code":CODE}.  From the client: what the receiver says, as binary messages,
 * and {"eof":true} when it says no more; {"written":true} when all up to the
 * end was written, or {"error":TEXT} when it cannot be.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "control/send.h"
#include "control/websocket.h"
#include "lib/json.h"

struct sending {
	struct send	 send;
	struct control	*control;
	char		 id[VM_ID_LEN + 1];
};

static void
sending_free(struct sending *g)
{
	buf_fini(&g->send.heard);
	free(g);
}

/* --- the operation ends ------------------------------------------------- */

static void
say_text(struct ws *ws, json_t *v)
{
	own_mem char *text = v == NULL ? NULL : json_print(v);

	json_decref(v);
	if (text != NULL)
		ws_text(ws, text);
}

static void
on_done(void *arg, struct vm *vm, const struct err *e)
{
	struct sending *g = arg;
	struct ws *ws = g->send.ws;

	if (ws == NULL) {
		sending_free(g);
		return;
	}
	if (e != NULL)
		say_text(ws, json_pack("{s:s, s:s}", "error", e->text,
		    "code", e->code == NULL ? "unavailable" : e->code));
	else
		say_text(ws, json_pack("{s:s}", "state", vm == NULL ?
		    "Stopped" : vm_state_name(vm->state)));
	ws_finish(ws);
	sending_free(g);
}

/* --- the client --------------------------------------------------------- */

static void
on_text(void *arg, const char *data, size_t len)
{
	struct sending *g = arg;
	own_json json_t *v = NULL;
	const char *failure = NULL;
	bool written = false, eof = false;
	struct err e;

	if (g->send.op == NULL)
		return;
	if (json_parse(&v, data, len, &e) == -1 ||
	    json_get_bool(&written, v, "written", &e) == -1 ||
	    json_get_bool(&eof, v, "eof", &e) == -1 ||
	    json_get_str(&failure, v, "error", ERR_TEXT_MAX, &e) == -1)
		failure = "the client says what is not understood";
	if (written || failure != NULL)
		op_send_written(&g->send, failure);
	else if (eof)
		op_send_eof(&g->send);
}

static void
on_binary(void *arg, const void *data, size_t len)
{
	struct sending *g = arg;

	if (g->send.op != NULL)
		op_send_heard(&g->send, data, len);
}

static void
on_drained(void *arg)
{
	struct sending *g = arg;

	if (g->send.op != NULL)
		op_send_drained(&g->send);
}

/* An operation that has not begun will see that nobody is there. */
static void
on_closed(void *arg)
{
	struct sending *g = arg;

	g->send.ws = NULL;
	if (g->send.op != NULL)
		op_send_eof(&g->send);
}

/* --- the beginning ------------------------------------------------------ */

static void
on_upgrade(void *arg, int fd, const void *early, size_t len,
    struct upgrade *u)
{
	static const struct ws_ops ops = {
		on_text, on_binary, on_drained, on_closed,
	};
	struct sending *g = arg;
	struct op_options o = { .send = &g->send };
	struct vm *vm;
	struct err e;

	if (fd == -1 || ws_new(&g->send.ws, g->control->base, fd, early, len,
	    u, NULL) == -1) {
		sending_free(g);
		return;
	}
	ws_start(g->send.ws, &ops, g);
	vm = vm_table_id(g->control, g->id);
	if (vm != NULL) {
		vm_op(vm, OP_SEND, &o, on_done, g);
		return;
	}
	(void)err_api(&e, ENOENT, "not_found", "the instance was removed");
	on_done(g, NULL, &e);
}

static int
sending_new(struct sending **ret, struct request *r, const struct vm *vm,
    struct err *e)
{
	const char *text = NULL;
	struct sending *g;

	if (request_query(&text, r, "oneway", e) == -1)
		return -1;
	if (text != NULL && strcmp(text, "true") != 0 &&
	    strcmp(text, "false") != 0)
		return err_api(e, EINVAL, "invalid_request",
		    "oneway: must be true or false");
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return err_sys(e, "send");
	g->control = vm->control;
	g->send.oneway = text != NULL && strcmp(text, "true") == 0;
	g->send.pipe = -1;
	send_disk_init(&g->send.disk);
	buf_init(&g->send.heard, MIGRATION_WORD_MAX);
	memcpy(g->id, vm->id, sizeof(g->id));
	*ret = g;
	return 0;
}

void
route_instance_send(struct request *r)
{
	struct vm *vm = route_running_vm(r);
	struct sending *g = NULL;
	struct err e;

	if (vm == NULL)
		return;
	if (sending_new(&g, r, vm, &e) == -1)
		reply_err(r, &e);
	else if (reply_upgrade(r, on_upgrade, g) == -1)
		sending_free(g);
}
