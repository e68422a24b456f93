/* SPDX-License-Identifier: ISC */
/*
 * console.c - GET /instances/{id}/console: the serial console
 *
 * A WebSocket before console.sock: bytes both ways.  Of those who are
 * attached to a VM one writes, the first of the list: who came first, or
 * asked for it last.  What others type is dropped.  Text frames say so, and
 * carry what is no byte: breaks and the size of the writer's terminal.
 */

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "chapi/client.h"
#include "chapi/console.h"
#include "control/console_request.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "control/websocket.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "os/os.h"

#define CHUNK		16384	/* bytes read from the console at once */
#define CALL_MS		10000	/* for the VMM to answer */

struct console {
	TAILQ_ENTRY(console)	 entry;		/* of control->consoles */
	struct control		*control;
	char			 vm[VM_ID_LEN + 1];
	bool			 attached;	/* it is in the list */
	int			 sock;		/* console.sock */
	struct event		*readable, *writable;
	struct buf		 held;		/* typed, not yet taken */
	struct ws		*ws;
	struct chapi_client	*chapi;
	unsigned		 rows, cols;	/* its terminal's; 0: none */
	bool			 sizing;	/* the VMM is being told */
	bool			 resized;	/* and is to be told again */
};

/* --- who writes ----------------------------------------------------------- */

static struct console *
writer(const struct console *c)
{
	struct console *other;

	TAILQ_FOREACH(other, &c->control->consoles, entry)
		if (strcmp(other->vm, c->vm) == 0)
			return other;
	return NULL;
}

static unsigned
attached(const struct control *control, const char *vm)
{
	const struct console *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &control->consoles, entry)
		n += strcmp(c->vm, vm) == 0;
	return n;
}

/* Send a message; takes it. */
static void
say(struct console *c, json_t *message)
{
	own_mem char *text = json_print(message);

	if (text != NULL)
		ws_text(c->ws, text);
	json_decref(message);
}

/* --- what is no byte ------------------------------------------------------ */

static int
call_vmm(struct console *c, const char *name, json_t *body,
    void (*done)(void *, const struct chapi_answer *), struct err *e)
{
	struct chapi_call call = { .name = name, .body = body,
	    .timeout_ms = CALL_MS, .done = done, .arg = c };
	const struct vm *vm = vm_table_id(c->control, c->vm);

	if (vm == NULL)
		return err_set(e, ENOENT, "the VM is gone");
	if (c->chapi == NULL && chapi_client_new(&c->chapi, c->control->base,
	    vm->dir, e) == -1)
		return -1;
	return chapi_client_call(c->chapi, &call, e);
}

static void tell_size(struct console *);

/* A hypervisor or guest that has no size says so; that is all right. */
static void
on_sized(void *arg, const struct chapi_answer *a)
{
	struct console *c = arg;

	(void)a;
	c->sizing = false;
	if (c->resized)
		tell_size(c);
}

/* The console is as large as the terminal of who writes. */
static void
tell_size(struct console *c)
{
	own_json json_t *body = NULL;

	c->resized = c->sizing;
	if (c->sizing || c->rows == 0 || writer(c) != c)
		return;
	body = json_pack("{s:i, s:i}", "cols", (int)c->cols, "rows",
	    (int)c->rows);
	c->sizing = call_vmm(c, "vm.console-size", body, on_sized, NULL) == 0;
}

static void
on_broken(void *arg, const struct chapi_answer *a)
{
	struct console *c = arg;

	if (a->err != NULL)
		say(c, json_pack("{s:s}", "notice", a->err->text));
}

static void
send_break(struct console *c)
{
	struct err e;

	if (writer(c) == c && call_vmm(c, "vm.break", NULL, on_broken, &e) ==
	    -1)
		say(c, json_pack("{s:s}", "notice", e.text));
}

static void
tell_role(struct console *c)
{
	say(c, json_pack("{s:s, s:i}", "role", writer(c) == c ? "writer" :
	    "reader", "attached", (int)attached(c->control, c->vm)));
	tell_size(c);
}

/* The one who writes is another from now on. */
static void
take_over(struct console *c)
{
	struct console *before = writer(c);

	if (before == c)
		return;
	TAILQ_REMOVE(&c->control->consoles, c, entry);
	TAILQ_INSERT_HEAD(&c->control->consoles, c, entry);
	tell_role(before);
	tell_role(c);
}

/* --- life ----------------------------------------------------------------- */

static void
detach(struct console *c)
{
	struct console *next;
	bool wrote;

	if (!c->attached)
		return;
	wrote = writer(c) == c;
	TAILQ_REMOVE(&c->control->consoles, c, entry);
	next = writer(c);
	if (wrote && next != NULL)
		tell_role(next);
}

static void
console_free(struct console *c)
{
	detach(c);
	chapi_client_destroy(c->chapi);
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->sock != -1)
		(void)close(c->sock);
	buf_fini(&c->held);
	free(c);
}

static void
finish(struct console *c)
{
	ws_finish(c->ws);
	console_free(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct console *c = arg;
	char text[CHUNK];
	ssize_t n;

	(void)what;
	n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		finish(c);
		return;
	}
	ws_binary(c->ws, text, (size_t)n);
	if (ws_queued(c->ws) >= WS_QUEUE_FULL)
		(void)event_del(c->readable);
}

static void
on_drained(void *arg)
{
	struct console *c = arg;

	(void)event_add(c->readable, NULL);
}

static void
feed(struct console *c)
{
	ssize_t n;

	while (c->held.len > 0) {
		n = send(c->sock, c->held.data, c->held.len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -1 && errno != EAGAIN && errno != EINTR) {
			/* Reading tells about the end. */
			buf_reset(&c->held);
			return;
		}
		if (n == -1) {
			ws_pause(c->ws);
			(void)event_add(c->writable, NULL);
			return;
		}
		buf_drain(&c->held, (size_t)n);
	}
	ws_resume(c->ws);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	feed(arg);
}

static void
on_binary(void *arg, const void *data, size_t len)
{
	struct console *c = arg;

	if (writer(c) != c)
		return;
	if (buf_put(&c->held, data, len) == -1)
		finish(c);
	else
		feed(c);
}

static void
on_text(void *arg, const char *data, size_t len)
{
	struct console *c = arg;
	struct console_request r;
	struct err e;

	if (console_request_parse(&r, data, len, &e) == -1) {
		say(c, json_pack("{s:s}", "error", e.text));
		finish(c);
		return;
	}
	switch (r.what) {
	case CONSOLE_BREAK:
		send_break(c);
		break;
	case CONSOLE_WRITE:
		take_over(c);
		break;
	case CONSOLE_RESIZE:
		c->rows = r.rows;
		c->cols = r.cols;
		tell_size(c);
		break;
	}
}

static void
on_closed(void *arg)
{
	console_free(arg);
}

static void
on_upgrade(void *arg, int fd, const void *early, size_t len,
    struct upgrade *u)
{
	static const struct ws_ops ops = {
		on_text, on_binary, on_drained, on_closed,
	};
	struct console *c = arg;

	if (fd == -1 || ws_new(&c->ws, c->control->base, fd, early, len, u,
	    NULL) == -1) {
		console_free(c);
		return;
	}
	ws_start(c->ws, &ops, c);
	TAILQ_INSERT_TAIL(&c->control->consoles, c, entry);
	c->attached = true;
	tell_role(c);
	(void)event_add(c->readable, NULL);
}

static int
console_open(struct console **ret, const struct vm *vm, struct err *e)
{
	struct console *c;
	int sock = os_unix_connect_now(vm->dir, "console.sock", e);

	if (sock == -1) {
		if (e != NULL)
			e->code = "unavailable";
		return -1;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		(void)close(sock);
		return err_sys(e, "console");
	}
	c->control = vm->control;
	memcpy(c->vm, vm->id, sizeof(c->vm));
	c->sock = sock;
	buf_init(&c->held, 4 * WS_MESSAGE_MAX);
	c->readable = event_new(c->control->base, sock, EV_READ | EV_PERSIST,
	    on_readable, c);
	c->writable = event_new(c->control->base, sock, EV_WRITE,
	    on_writable, c);
	if (c->readable == NULL || c->writable == NULL) {
		console_free(c);
		return err_set(e, ENOMEM, "console: out of memory");
	}
	*ret = c;
	return 0;
}

void
route_instance_console(struct request *r)
{
	const struct vm *vm = route_vm(r);
	struct console *c = NULL;
	struct err e;

	if (vm == NULL)
		return;
	if (!vm_state_live(vm->state)) {
		(void)err_api(&e, EINVAL, "invalid_state", "instance %s has "
		    "no console: it is %s", vm->spec.name,
		    vm_state_name(vm->state));
		reply_err(r, &e);
	} else if (attached(vm->control, vm->id) >= CONSOLE_VIEWERS_MAX) {
		(void)err_api(&e, EBUSY, "conflict", "%d are attached to the "
		    "console of %s already", CONSOLE_VIEWERS_MAX,
		    vm->spec.name);
		reply_err(r, &e);
	} else if (console_open(&c, vm, &e) == -1) {
		reply_err(r, &e);
	} else if (reply_upgrade(r, on_upgrade, c) == -1) {
		console_free(c);
	}
}
