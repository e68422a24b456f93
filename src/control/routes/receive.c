/* SPDX-License-Identifier: ISC */
/*
 * receive.c - GET /receive?name=NAME: an instance arrives
 *
 *	bytes into a snapshot's files -> END -> disk made durable -> placed
 *	into a new instance -> restored, and it stands -> "ready" -> COMMIT ->
 *	it runs -> "running"
 *
 * A WebSocket.  From the client: the stream of chapi/migration.h as binary
 * messages, and {"eof":true} behind the last.  To the client: what is to be
 * said to the sender, as binary messages, and at the end one text,
 * {"id":ID, "name":NAME, "number":N}, or {"error":TEXT, "code":CODE}.
 *
 * Without COMMIT the instance never runs and is removed; a daemon that dies
 * before it leaves it "not acknowledged", which the next one removes.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapi/migration.h"
#include "control/disk_copy.h"
#include "control/incoming.h"
#include "control/op.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "control/websocket.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "lib/own.h"

/* What waits to be looked at while the instance is made: all of a client's
   messages that may come after ws_pause(). */
#define HELD_MAX	(4 * WS_MESSAGE_MAX)

enum phase {
	STREAM,		/* bytes go to files */
	MAKING,		/* an operation is at work; bytes are held */
	STANDING,	/* restored; only COMMIT is missing */
	RUNNING,	/* it is being resumed */
	UNDOING,	/* err says why; it is being removed */
};

struct receiving {
	struct control	*control;
	struct ws	*ws;		/* NULL: the client is gone */
	struct incoming	*in;
	char		 name[SPEC_NAME_MAX + 1];
	enum phase	 phase;
	struct vm	*vm;		/* once there is one */
	struct op	*op;		/* STANDING: waits for us */
	struct buf	 held;
	bool		 eof;
	bool		 failed;	/* err says why */
	struct err	 err;
};

static void
receiving_free(struct receiving *g)
{
	incoming_destroy(g->in);
	buf_fini(&g->held);
	free(g);
}

/* --- what is said ------------------------------------------------------- */

static void
say_word(struct receiving *g, const char *word, const char *text)
{
	char line[MIGRATION_WORD_MAX];
	int n;

	if (g->ws == NULL || incoming_oneway(g->in))
		return;
	n = snprintf(line, sizeof(line) - 1, "%s%s", word, text);
	if (n >= (int)sizeof(line) - 1)
		n = (int)sizeof(line) - 2;
	line[n] = '\n';
	ws_binary(g->ws, line, (size_t)n + 1);
}

/* The last word; takes v. */
static void
end(struct receiving *g, json_t *v)
{
	own_mem char *text = v == NULL ? NULL : json_print(v);

	json_decref(v);
	if (g->ws != NULL) {
		if (text != NULL)
			ws_text(g->ws, text);
		ws_finish(g->ws);
	}
	receiving_free(g);
}

/* --- it does not work --------------------------------------------------- */

static void
undone(struct receiving *g)
{
	say_word(g, "failed ", g->err.text);
	end(g, json_pack("{s:s, s:s}", "error", g->err.text, "code",
	    g->err.code == NULL ? "unavailable" : g->err.code));
}

static void
on_removed(void *arg, struct vm *vm, const struct err *e)
{
	(void)vm;
	(void)e;
	undone(arg);
}

static void
undo(struct receiving *g)
{
	g->phase = UNDOING;
	if (g->vm == NULL)
		undone(g);
	else
		vm_op(g->vm, OP_REMOVE, NULL, on_removed, g);
}

/* The first reason counts.  An operation at work is waited for. */
static void
fail(struct receiving *g, const struct err *e)
{
	if (g->failed || g->phase == UNDOING)
		return;
	g->failed = true;
	g->err = *e;
	if (g->phase == STREAM)
		undo(g);
	else if (g->phase == STANDING)
		op_restore_stop(g->op, &g->err);
}

static void
fail_early(struct receiving *g, const char *why)
{
	struct err e;

	(void)err_api(&e, EPIPE, "unavailable", "%s", why);
	fail(g, &e);
}

/* --- the instance ------------------------------------------------------- */

static void feed(struct receiving *);

static void
on_running(void *arg, struct vm *vm, const struct err *e)
{
	struct receiving *g = arg;

	g->vm = vm;
	if (e != NULL) {
		if (!g->failed)
			g->err = *e;
		undo(g);
		return;
	}
	say_word(g, "running", "");
	end(g, json_pack("{s:s, s:s, s:i}", "id", vm->id,
	    "name", vm->spec.name, "number", (int)vm->number));
}

static void
on_standing(void *arg, struct op *op)
{
	struct receiving *g = arg;

	g->phase = STANDING;
	g->op = op;
	if (g->failed) {
		op_restore_stop(op, &g->err);
		return;
	}
	say_word(g, "ready", "");
	if (g->ws != NULL)
		ws_resume(g->ws);
	feed(g);
}

static void
on_placed(void *arg, struct vm *vm, const struct err *e)
{
	struct op_options o = { .restored = on_standing };
	struct receiving *g = arg;

	g->vm = vm;
	if (e != NULL || g->failed)
		on_running(g, vm, e == NULL ? &g->err : e);
	else
		vm_op(vm, OP_RESTORE, &o, on_running, g);
}

/* The sender's, under another name; its guest keeps its host name. */
static int
child_spec(struct spec *ret, const struct receiving *g,
    const struct snapshot *s, struct err *e)
{
	own_json json_t *doc = spec_json(&s->spec, true);

	if (doc == NULL ||
	    json_object_set_new(doc, "name", json_string(g->name)) == -1 ||
	    (s->spec.hostname == NULL && json_object_set_new(doc, "hostname",
	    json_string(s->source_name)) == -1))
		return err_set(e, ENOMEM, "out of memory");
	return spec_parse(ret, doc, e);
}

static int
make_vm(struct receiving *g, struct err *e)
{
	const struct snapshot *s = incoming_snapshot(g->in);
	OWN(vm_destroy) struct vm *vm = NULL;
	struct spec spec;

	if (child_spec(&spec, g, s, e) == -1)
		return -1;
	vm = vm_new(g->control, &spec, s->owner);
	if (vm == NULL) {
		spec_fini(&spec);
		return err_sys(e, "instance");
	}
	vm->creating = true;
	vm->hypervisor = s->hypervisor;
	vm->image = json_incref(s->image);
	vm->digest = s->digest == NULL ? NULL : strdup(s->digest);
	memcpy(vm->mac, s->mac, sizeof(vm->mac));
	if (vm_table_add(g->control, vm, e) == -1)
		return -1;
	g->vm = take(&vm);
	return 0;
}

static void
on_synced(void *arg, const struct err *why)
{
	struct receiving *g = arg;
	struct op_options o = { .move = true, .unmade = true };
	struct err e;

	if (why != NULL)
		e = *why;
	else if (!g->failed && make_vm(g, &e) == 0) {
		o.snapshot = incoming_snapshot(g->in);
		vm_op(g->vm, OP_PLACE, &o, on_placed, g);
		return;
	}
	if (!g->failed)
		g->err = e;
	undo(g);
}

static void
make(struct receiving *g)
{
	int disk = incoming_disk(g->in);
	struct err e;

	g->phase = MAKING;
	if (g->ws != NULL)
		ws_pause(g->ws);
	if (disk == -1)
		on_synced(g, NULL);
	else if (disk_sync(g->control, disk, on_synced, g, &e) == -1)
		on_synced(g, &e);
}

/* --- bytes -------------------------------------------------------------- */

/* May free g. */
static void
feed(struct receiving *g)
{
	struct err e;
	ssize_t n = 0;

	if (g->held.len > 0)
		n = incoming_feed(g->in, g->held.data, g->held.len, &e);
	if (n == -1) {
		fail(g, &e);
		return;
	}
	buf_drain(&g->held, (size_t)n);
	if (g->phase == STREAM && incoming_ended(g->in)) {
		make(g);
	} else if (g->phase == STANDING && incoming_committed(g->in)) {
		g->phase = RUNNING;
		g->vm->creating = false;
		op_restore_go(g->op);
	} else if (g->eof) {
		fail_early(g, "the stream ended early");
	}
}

static void
on_binary(void *arg, const void *data, size_t len)
{
	struct receiving *g = arg;

	if (g->phase >= RUNNING)
		return;
	if (buf_put(&g->held, data, len) == -1)
		fail_early(g, "more than was waited for");
	else if (g->phase != MAKING)
		feed(g);
}

static void
on_text(void *arg, const char *data, size_t len)
{
	struct receiving *g = arg;
	own_json json_t *v = NULL;
	bool eof = false;
	struct err e;

	if (json_parse(&v, data, len, &e) == -1 ||
	    json_get_bool(&eof, v, "eof", &e) == -1 || !eof) {
		fail_early(g, "the client says what is not understood");
		return;
	}
	g->eof = true;
	if (g->phase == STREAM || g->phase == STANDING)
		feed(g);
}

static void
on_drained(void *arg)
{
	(void)arg;	/* little is said */
}

static void
on_closed(void *arg)
{
	struct receiving *g = arg;

	g->ws = NULL;
	g->eof = true;
	if (g->phase == STREAM || g->phase == STANDING)
		feed(g);
}

/* --- the beginning ------------------------------------------------------ */

static void
on_upgrade(void *arg, int fd, const void *early, size_t len,
    struct upgrade *u)
{
	static const struct ws_ops ops = {
		on_text, on_binary, on_drained, on_closed,
	};
	struct receiving *g = arg;

	if (fd == -1 || ws_new(&g->ws, g->control->base, fd, early, len, u,
	    NULL) == -1)
		receiving_free(g);
	else
		ws_start(g->ws, &ops, g);
}

static int
take_name(struct receiving *g, struct request *r, struct err *e)
{
	const char *name = NULL;
	const struct vm *vm;

	if (request_query(&name, r, "name", e) == -1)
		return -1;
	if (name == NULL || !spec_name_ok(name))
		return err_api(e, EINVAL, "invalid_request", "name: must be "
		    "1 to %d of a-z, 0-9 and -, and begin and end with a "
		    "letter or digit", SPEC_NAME_MAX);
	TAILQ_FOREACH(vm, &g->control->vms, entry)
		if (strcmp(vm->spec.name, name) == 0)
			return err_api(e, EEXIST, "name_conflict", "the name "
			    "\"%s\" is taken: choose another or remove that "
			    "instance", name);
	(void)snprintf(g->name, sizeof(g->name), "%s", name);
	return 0;
}

void
route_receive(struct request *r)
{
	struct receiving *g = calloc(1, sizeof(*g));
	struct err e;

	if (g == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	g->control = request_context(r);
	buf_init(&g->held, HELD_MAX);
	if (take_name(g, r, &e) == -1 || incoming_new(&g->in, g->control,
	    request_caller(r)->uid, &e) == -1) {
		reply_err(r, &e);
		receiving_free(g);
	} else if (reply_upgrade(r, on_upgrade, g) == -1) {
		receiving_free(g);
	}
}
