/* SPDX-License-Identifier: ISC */
/* relay.c - two descriptors and a WebSocket; see relay.h */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "vmctl/api.h"
#include "vmctl/relay.h"
#include "vmctl/ws.h"

struct pump {
	const struct relay	*r;
	struct ws		*ws;
	struct buf		 out;
	bool			 in_open;
	bool			 broken;	/* out is: why */
	char			 why[128];
	bool			 told;		/* and the daemon knows, or
						   that all was written */
	bool			 end;		/* nothing more will come */
	bool			 closed;	/* the WebSocket is */
	json_t			*last;		/* the daemon's last text */
	struct err		 err;
	bool			 failed;
};

/* --- from the daemon ---------------------------------------------------- */

static void
on_data(void *arg, const uint8_t *data, size_t len, bool first)
{
	struct pump *p = arg;

	(void)first;
	if (!p->broken && buf_put(&p->out, data, len) == -1) {
		p->failed = true;
		(void)err_sys(&p->err, "output");
	}
}

static void
on_text(void *arg, const char *text, size_t len)
{
	struct pump *p = arg;
	own_json json_t *v = NULL;
	const char *code = NULL, *message = NULL;

	if (json_parse(&v, text, len, &p->err) == -1) {
		p->failed = true;
	} else if (json_is_true(json_object_get(v, "end"))) {
		p->end = true;
	} else if (json_get_str(&message, v, "error", ERR_TEXT_MAX,
	    NULL) == 1) {
		(void)json_get_str(&code, v, "code", 64, NULL);
		p->failed = true;
		(void)err_set(&p->err, EIO, "%s", message);
	} else if (p->last == NULL) {
		p->last = take(&v);
	}
}

static bool
on_full(void *arg)
{
	const struct pump *p = arg;

	return p->out.len >= RELAY_OUT_MAX;
}

static const struct ws_ops ops = {
	.data = on_data, .text = on_text, .full = on_full,
};

/* --- to the daemon ------------------------------------------------------ */

static int
tell(struct pump *p, const char *name, json_t *value, struct err *e)
{
	own_json json_t *v = json_pack("{s:o}", name, value);
	own_mem char *text = v == NULL ? NULL : json_print(v);

	if (text == NULL)
		return err_set(e, ENOMEM, "out of memory");
	return ws_send(p->ws, true, text, strlen(text), e);
}

static int
read_in(struct pump *p, struct err *e)
{
	uint8_t bytes[WS_CHUNK];
	ssize_t n = read(p->r->in, bytes, sizeof(bytes));

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n > 0)
		return ws_send(p->ws, false, bytes, (size_t)n, e);
	p->in_open = false;
	return tell(p, "eof", json_true(), e);
}

/* --- out ---------------------------------------------------------------- */

static void
write_out(struct pump *p)
{
	ssize_t n = write(p->r->out, p->out.data, p->out.len);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n == -1) {
		p->broken = true;
		(void)snprintf(p->why, sizeof(p->why), "write: %s",
		    strerror(errno));
		buf_reset(&p->out);
		return;
	}
	buf_drain(&p->out, (size_t)n);
}

/* What became of what was to be written. */
static int
report(struct pump *p, struct err *e)
{
	if (p->told || p->closed || p->r->careless)
		return 0;
	if (p->broken && !(p->r->hear && p->in_open)) {
		p->told = true;
		return tell(p, "error", json_string(p->why), e);
	}
	if (p->end && !p->broken && p->out.len == 0) {
		p->told = true;
		return tell(p, "written", json_true(), e);
	}
	return 0;
}

/* --- the loop ----------------------------------------------------------- */

enum { P_IN, P_OUT, P_WS, P_COUNT };

static int
turn(struct pump *p, struct err *e)
{
	bool ready = !p->closed && ws_pending(p->ws) && !on_full(p);
	bool blocked = !p->closed && !ws_sent(p->ws);
	struct pollfd f[P_COUNT] = {
		[P_IN] = { p->in_open && !p->closed && ws_room(p->ws) ?
		    p->r->in : -1, POLLIN, 0 },
		[P_OUT] = { p->out.len > 0 ? p->r->out : -1, POLLOUT, 0 },
		[P_WS] = { -1, 0, 0 },
	};
	int r;

	if (!p->closed && (f[P_WS].events = ws_events(p->ws)) != 0)
		f[P_WS].fd = ws_fd(p->ws);
	if (poll(f, P_COUNT, ready ? 0 : -1) == -1 && errno != EINTR)
		return err_sys(e, "poll");
	if (f[P_OUT].revents != 0)
		write_out(p);
	if (f[P_IN].revents != 0 && read_in(p, e) == -1)
		return -1;
	if (p->closed || (f[P_WS].revents == 0 && !ready &&
	    (blocked || ws_sent(p->ws))))
		return 0;
	r = ws_io(p->ws, e);
	if (r == 0)
		p->closed = true;
	return r == -1 ? -1 : 0;
}

static bool
is_over(const struct pump *p)
{
	return p->failed || ((p->last != NULL || p->closed) &&
	    p->out.len == 0);
}

int
relay_run(json_t **ret, const struct relay *r, struct api *api,
    struct err *e)
{
	OWN(ws_close) struct ws *ws = NULL;
	struct pump p = { .r = r, .in_open = r->in != -1 };
	int status = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	if (ws_open(&ws, api, r->path, &ops, &p, e) == -1)
		return -1;
	p.ws = ws;
	buf_init(&p.out, RELAY_OUT_MAX + (1U << 20));
	while (status == 0 && !is_over(&p)) {
		status = report(&p, e);
		if (status == 0)
			status = turn(&p, e);
	}
	/* The receiver's last words, should they be on their way to it. */
	if (p.failed && p.out.len > 0)
		write_out(&p);
	buf_fini(&p.out);
	if (status == 0 && p.failed) {
		*e = p.err;
		status = -1;
	} else if (status == 0 && p.last == NULL) {
		status = err_set(e, EPIPE, "the daemon hung up: see what "
		    "vmctl status says");
	}
	if (status == 0)
		*ret = take(&p.last);
	json_decref(p.last);
	return status;
}
