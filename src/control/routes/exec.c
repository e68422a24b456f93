/* SPDX-License-Identifier: ISC */
/*
 * exec.c - GET /instances/{id}/exec: a command in the guest
 *
 * Two pipes between a WebSocket and an agent session.  Neither side's bytes
 * pile up here: a guest that does not read stops the client, and a client
 * that does not read stops the command.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "agent/client.h"
#include "control/exec_request.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "control/websocket.h"
#include "lib/buf.h"
#include "lib/json.h"

/* Standard input that came before the guest had room: what wslay held. */
#define STDIN_HELD_MAX	(4 * WS_MESSAGE_MAX)

struct exec {
	struct control		*control;
	char			 vm[VM_ID_LEN + 1];
	struct ws		*ws;
	struct agent_session	*agent;		/* NULL: no first frame yet */
	struct event		*timer;
	struct buf		 held;		/* standard input */
	bool			 eof;		/* comes after what is held */
	bool			 streams;
	bool			 detach;
};

/* --- the end -------------------------------------------------------------- */

static void
exec_free(struct exec *x)
{
	if (x->agent != NULL)
		agent_close(x->agent);
	if (x->timer != NULL)
		event_free(x->timer);
	buf_fini(&x->held);
	free(x);
}

/* The last text frame; takes v over. */
static void
finish(struct exec *x, json_t *v)
{
	char *text = v == NULL ? NULL : json_print(v);

	if (text != NULL)
		ws_text(x->ws, text);
	free(text);
	json_decref(v);
	ws_finish(x->ws);
	exec_free(x);
}

static void
output(struct exec *x, enum agent_stream s, const void *data, size_t len)
{
	if (x->streams)
		ws_binary_tagged(x->ws, (uint8_t)s, data, len);
	else
		ws_binary(x->ws, data, len);
}

/* As docker: 127 not found, 126 not executable, 125 anything of ours. */
static int
failure_code(const struct err *e)
{
	if (e->code == NULL)
		return 125;
	if (strcmp(e->code, "not_found") == 0)
		return 127;
	return strcmp(e->code, "not_executable") == 0 ||
	    strcmp(e->code, "permission_denied") == 0 ? 126 : 125;
}

static void
failed(struct exec *x, const struct err *e)
{
	char text[ERR_TEXT_MAX + 16];
	int len = snprintf(text, sizeof(text), "Error: %s\r\n", e->text);

	output(x, AGENT_STREAM_STDERR, text, (size_t)len);
	finish(x, json_pack("{s:i,s:s}", "exitCode", failure_code(e),
	    "error", e->text));
}

/* --- from the guest ------------------------------------------------------- */

static void
on_output(void *arg, enum agent_stream s, const void *data, size_t len)
{
	struct exec *x = arg;

	output(x, s, data, len);
	if (ws_queued(x->ws) >= WS_QUEUE_FULL)
		agent_pause(x->agent);
}

static void
on_result(void *arg, const struct agent_result *r)
{
	struct exec *x = arg;
	json_t *v;

	if (r->err != NULL) {
		failed(x, r->err);
		return;
	}
	v = json_pack("{s:i}", "exitCode", x->detach ? 0 : r->exit_code);
	if (r->signal != NULL)
		(void)json_object_set_new(v, "signal",
		    json_string(r->signal));
	if (r->timed_out)
		(void)json_object_set_new(v, "timed_out", json_true());
	finish(x, v);
}

/* --- to the guest --------------------------------------------------------- */

/* Hand over what is held as far as there is room. */
static void
feed(struct exec *x)
{
	size_t n;

	while (x->held.len > 0) {
		n = agent_room(x->agent);
		if (n > x->held.len)
			n = x->held.len;
		if (n == 0 || agent_stdin(x->agent, x->held.data, n, NULL) ==
		    -1)
			break;
		buf_drain(&x->held, n);
	}
	if (x->held.len > 0) {
		ws_pause(x->ws);
		return;
	}
	ws_resume(x->ws);
	if (x->eof)
		(void)agent_stdin_eof(x->agent, NULL);
	x->eof = false;
}

static void
on_writable(void *arg)
{
	feed(arg);
}

static void
on_stdin(struct exec *x, const void *data, size_t len)
{
	struct err e;

	if (x->detach)
		return;
	if (buf_put(&x->held, data, len) == -1) {
		(void)err_sys(&e, "standard input");
		failed(x, &e);
		return;
	}
	feed(x);
}

static const struct agent_handler handler = {
	.output = on_output, .writable = on_writable, .done = on_result,
};

/* The first frame says what to run. */
static void
begin(struct exec *x, const char *text, size_t len)
{
	struct exec_request r;
	const struct vm *vm;
	struct err e;

	event_free(x->timer);
	x->timer = NULL;
	if (exec_request_parse(&r, text, len, &e) == -1) {
		finish(x, json_pack("{s:s}", "error", e.text));
		return;
	}
	x->streams = r.streams;
	x->detach = r.exec.detach;
	vm = vm_table_id(x->control, x->vm);
	if (vm == NULL || vm->state != VM_RUNNING)
		(void)err_api(&e, EINVAL, "invalid_state",
		    "the instance runs no more");
	else if (agent_open(&x->agent, x->control->base, &handler, x,
	    &e) == 0 && agent_connect(x->agent, vm->dir, "vsock.sock",
	    r.wait_ms, &e) == 0 && agent_exec(x->agent, &r.exec, &e) == 0)
		vm = NULL;
	if (vm != NULL || x->agent == NULL)
		failed(x, &e);
	exec_request_fini(&r);
}

static void
on_text(void *arg, const char *text, size_t len)
{
	struct exec *x = arg;
	struct exec_command c;

	if (x->agent == NULL) {
		begin(x, text, len);
		return;
	}
	exec_command_parse(&c, text, len);
	switch (c.what) {
	case EXEC_STDIN:
		on_stdin(x, text, len);
		break;
	case EXEC_STDIN_EOF:
		x->eof = true;
		feed(x);
		break;
	case EXEC_SIGNAL:
		(void)agent_signal(x->agent, c.signal, NULL);
		break;
	case EXEC_RESIZE:
		(void)agent_resize(x->agent, c.rows, c.cols, NULL);
		break;
	}
}

static void
on_binary(void *arg, const void *data, size_t len)
{
	struct exec *x = arg;

	if (x->agent == NULL)
		finish(x, json_pack("{s:s}", "error",
		    "the first frame must be text"));
	else
		on_stdin(x, data, len);
}

static void
on_drained(void *arg)
{
	struct exec *x = arg;

	if (x->agent != NULL)
		agent_resume(x->agent);
}

/* The client went away: what runs is killed, unless it is detached. */
static void
on_closed(void *arg)
{
	exec_free(arg);
}

/* --- the connection ------------------------------------------------------- */

static void
on_no_first(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish(arg, json_pack("{s:s}", "error",
	    "no first frame within 30 seconds"));
}

static void
on_upgrade(void *arg, int fd, const void *early, size_t len,
    struct upgrade *u)
{
	static const struct ws_ops ops = {
		on_text, on_binary, on_drained, on_closed,
	};
	struct exec *x = arg;
	const struct ws_first first = { x->control->base, &ops, on_no_first,
	    x, &x->ws, &x->timer };

	if (ws_take(&first, fd, early, len, u) == -1)
		exec_free(x);
}

void
route_instance_exec(struct request *r)
{
	const struct vm *vm = route_running_vm(r);
	struct exec *x;

	if (vm == NULL)
		return;
	x = calloc(1, sizeof(*x));
	if (x == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	x->control = vm->control;
	memcpy(x->vm, vm->id, sizeof(x->vm));
	buf_init(&x->held, STDIN_HELD_MAX);
	if (reply_upgrade(r, on_upgrade, x) == -1)
		exec_free(x);
}
