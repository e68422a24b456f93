/* SPDX-License-Identifier: ISC */
/* session.c - standard input and output on a WebSocket; see session.h */

#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/escape.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/tty.h"
#include "vmctl/api.h"
#include "vmctl/session.h"
#include "vmctl/sig.h"
#include "vmctl/ws.h"

#define INTERRUPTS_MAX	3	/* the last one leaves */
#define NOTE_MAX	512	/* bytes of a line of ours */

enum { IN = 0, OUT = 1, ERR = 2 };	/* descriptors, and places in poll */

struct pump {
	struct session	*s;
	struct ws	*ws;
	struct buf	 out[3];	/* of descriptors OUT and ERR */
	bool		 regular[3];	/* a file: writes of any size */
	struct escape	 escape;
	int		 stream;	/* of the message that comes */
	int		 interrupts;
	bool		 input_open;
	bool		 closed;	/* the WebSocket has ended */
	bool		 attached;	/* to a console: our role is known */
	bool		 reader;	/* another types */
	bool		 refused;	/* and that was said */
	bool		 leave;
	bool		 failed;	/* the daemon reported 'error' */
	struct err	 error;
};

/* --- from the daemon --------------------------------------------------- */

static void
on_data(void *arg, const uint8_t *p, size_t len, bool first)
{
	struct pump *pump = arg;

	if (pump->s->tagged && first) {
		pump->stream = p[0] == ERR ? ERR : OUT;
		p++;
		len--;
	}
	/* Bounded by on_full(), so only memory can be missing. */
	if (buf_put(&pump->out[pump->stream], p, len) == -1) {
		pump->failed = true;
		(void)err_sys(&pump->error, "output");
	}
}

/* A line of ours, among the guest's where that is a terminal. */
static void __attribute__((format(printf, 2, 3)))
note(struct pump *pump, const char *fmt, ...)
{
	bool among = pump->s->raw && isatty(OUT);
	char line[NOTE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)buf_printf(&pump->out[among ? OUT : ERR], "%s%s%s",
	    among && pump->attached ? "\r\n" : "", line,
	    pump->s->raw ? "\r\n" : "\n");
}

/* At the beginning, and when it becomes another. */
static void
take_role(struct pump *pump, const char *role, uint64_t attached)
{
	bool reader = strcmp(role, "reader") == 0;
	bool other = reader != pump->reader;

	pump->reader = reader;
	pump->refused = false;
	if (pump->attached && other)
		note(pump, reader ? "[another terminal types now; ~w takes it "
		    "back]" : "[you type now]");
	else if (!pump->attached && reader) {
		note(pump, "Connected to vm %s to read: of %llu terminals "
		    "another types.", pump->s->console,
		    (unsigned long long)attached);
		note(pump, "When it leaves the one that came next does; ~w "
		    "takes over, ~. leaves.");
	} else if (!pump->attached && pump->s->raw && pump->s->greet)
		note(pump, "Connected to vm %s (~. leaves, ~? lists all)",
		    pump->s->console);
	pump->attached = true;
}

static void
on_console_text(struct pump *pump, const json_t *v)
{
	const char *text = NULL;
	uint64_t attached = 0;

	(void)json_get_u64(&attached, v, "attached", 0, INT32_MAX, NULL);
	if (json_get_str(&text, v, "role", ERR_TEXT_MAX, NULL) == 1)
		take_role(pump, text, attached);
	else if (json_get_str(&text, v, "notice", ERR_TEXT_MAX, NULL) == 1)
		note(pump, "[%s]", text);
}

static void
on_text(void *arg, const char *text, size_t len)
{
	struct pump *pump = arg;
	own_json json_t *v = NULL;
	const char *message = NULL;
	const json_t *code;

	if (json_parse(&v, text, len, &pump->error) == -1) {
		pump->failed = true;
		return;
	}
	if (pump->s->console != NULL)
		on_console_text(pump, v);
	code = json_object_get(v, "exitCode");
	if (json_is_integer(code)) {
		pump->s->exit_code = (int)json_integer_value(code);
		pump->s->finished = true;
	}
	if (json_get_str(&message, v, "error", ERR_TEXT_MAX, NULL) == 1) {
		pump->failed = true;
		(void)err_set(&pump->error, EIO, "%s", message);
	}
}

static bool
on_full(void *arg)
{
	const struct pump *pump = arg;

	return pump->out[OUT].len >= SESSION_OUT_MAX ||
	    pump->out[ERR].len >= SESSION_OUT_MAX;
}

static const struct ws_ops pump_ops = {
	.data = on_data, .text = on_text, .full = on_full,
};

/* --- to the daemon ----------------------------------------------------- */

static int
send_size(struct pump *pump, struct err *e)
{
	int rows, cols, n;
	char text[64];

	if (!pump->s->control && !(pump->s->console != NULL && pump->s->raw))
		return 0;
	if (!tty_size(IN, &rows, &cols))
		return 0;
	n = snprintf(text, sizeof(text),
	    "{\"resize\":{\"rows\":%d,\"cols\":%d}}", rows, cols);
	return ws_send(pump->ws, true, text, (size_t)n, e);
}

static int
send_eof(struct pump *pump, struct err *e)
{
	static const char text[] = "{\"stdin_eof\":true}";

	if (!pump->s->control)
		return 0;
	return ws_send(pump->ws, true, text, sizeof(text) - 1, e);
}

static int
send_word(struct pump *pump, const char *text, struct err *e)
{
	return ws_send(pump->ws, true, text, strlen(text), e);
}

static int
act(struct pump *pump, enum escape_action action, struct err *e)
{
	static const char help[] = "\r\n~.  leave (or ~^D)\r\n"
	    "~#  send a break\r\n~w  be the one who types\r\n"
	    "~^Z suspend\r\n~?  this list\r\n~~  a tilde\r\n";

	switch (action) {
	case ESCAPE_BREAK:
		return send_word(pump, "{\"break\":true}", e);
	case ESCAPE_WRITE:
		return send_word(pump, "{\"write\":true}", e);
	case ESCAPE_LEAVE:
		pump->leave = true;
		break;
	case ESCAPE_HELP:
		(void)buf_puts(&pump->out[OUT], help);
		break;
	case ESCAPE_SUSPEND:
		tty_restore();
		(void)raise(SIGTSTP);
		return tty_raw(IN, e);
	case ESCAPE_NONE:
		break;
	}
	return 0;
}

/* What a reader types nobody gets; he is told once. */
static int
send_input(struct pump *pump, const uint8_t *p, size_t len, struct err *e)
{
	if (!pump->reader)
		return ws_send(pump->ws, false, p, len, e);
	if (!pump->refused)
		note(pump, "[another terminal types; ~w takes over]");
	pump->refused = true;
	return 0;
}

static int
send_typed(struct pump *pump, const uint8_t *in, size_t len, struct err *e)
{
	uint8_t out[WS_CHUNK + 1];
	enum escape_action action;
	size_t n, used;

	while (len > 0 && !pump->leave) {
		used = escape_filter(&pump->escape, in, len, out, &n, &action);
		in += used;
		len -= used;
		if (n > 0 && send_input(pump, out, n, e) == -1)
			return -1;
		if (act(pump, action, e) == -1)
			return -1;
	}
	return 0;
}

static int
read_input(struct pump *pump, struct err *e)
{
	uint8_t in[WS_CHUNK];
	ssize_t n = read(IN, in, sizeof(in));

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		pump->input_open = false;
		/* Without its terminal nobody can end a console. */
		pump->leave = pump->s->raw && pump->s->console != NULL;
		return send_eof(pump, e);
	}
	if (pump->s->console != NULL && pump->s->raw)
		return send_typed(pump, in, (size_t)n, e);
	return send_input(pump, in, (size_t)n, e);
}

static int
on_signal(struct pump *pump, int signal, struct err *e)
{
	char text[32];
	const char *name = sig_name(signal);
	int n;

	if (signal == SIGWINCH)
		return send_size(pump, e);
	if (signal == SIGINT)
		pump->interrupts++;
	/* A terminal in raw mode makes no signals: somebody wants us gone. */
	if (pump->s->raw || !pump->s->control ||
	    pump->interrupts == INTERRUPTS_MAX) {
		pump->s->left_by = signal;
		pump->leave = true;
		return 0;
	}
	if (name == NULL)
		return 0;
	n = snprintf(text, sizeof(text), "{\"signal\":\"%s\"}", name);
	return ws_send(pump->ws, true, text, (size_t)n, e);
}

/* --- to our own output ------------------------------------------------- */

static int
write_output(struct pump *pump, int fd, struct err *e)
{
	struct buf *b = &pump->out[fd];
	size_t len = pump->regular[fd] ? b->len : MIN(b->len, (size_t)PIPE_BUF);
	ssize_t n = write(fd, b->data, len);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n == -1 && fd == ERR) {
		buf_reset(b);		/* nobody to tell */
		return 0;
	}
	if (n == -1 && errno == EPIPE) {
		pump->s->left_by = SIGPIPE;
		pump->leave = true;
		return 0;
	}
	if (n == -1)
		return err_sys(e, "standard output");
	buf_drain(b, (size_t)n);
	return 0;
}

/* --- the loop ---------------------------------------------------------- */

enum { P_IN, P_OUT, P_ERR, P_WS, P_SIG, P_COUNT };

static void
arrange(struct pump *pump, struct pollfd *p)
{
	bool in = pump->input_open && !pump->closed && ws_room(pump->ws);

	p[P_IN] = (struct pollfd){ in ? IN : -1, POLLIN, 0 };
	p[P_OUT] = (struct pollfd){ pump->out[OUT].len > 0 ? OUT : -1,
	    POLLOUT, 0 };
	p[P_ERR] = (struct pollfd){ pump->out[ERR].len > 0 ? ERR : -1,
	    POLLOUT, 0 };
	p[P_WS] = (struct pollfd){ pump->closed ? -1 : ws_fd(pump->ws),
	    pump->closed ? 0 : ws_events(pump->ws), 0 };
	/* Not asked for anything, it would still be reported when hung up. */
	if (p[P_WS].events == 0)
		p[P_WS].fd = -1;
	p[P_SIG] = (struct pollfd){ sig_fd(), POLLIN, 0 };
}

static bool
is_over(const struct pump *pump)
{
	if (pump->leave)
		return true;
	return (pump->closed || pump->s->finished || pump->failed) &&
	    pump->out[OUT].len == 0 && pump->out[ERR].len == 0;
}

static int
turn(struct pump *pump, struct err *e)
{
	struct pollfd p[P_COUNT];
	bool ready = !pump->closed && ws_pending(pump->ws) && !on_full(pump);
	bool blocked = !pump->closed && !ws_sent(pump->ws);
	int signal, r;

	arrange(pump, p);
	if (poll(p, P_COUNT, ready ? 0 : -1) == -1 && errno != EINTR)
		return err_sys(e, "poll");
	while ((signal = sig_next()) != 0)
		if (on_signal(pump, signal, e) == -1)
			return -1;
	if (p[P_OUT].revents != 0 && write_output(pump, OUT, e) == -1)
		return -1;
	if (p[P_ERR].revents != 0 && write_output(pump, ERR, e) == -1)
		return -1;
	if (p[P_IN].revents != 0 && read_input(pump, e) == -1)
		return -1;
	/* What waits for the daemon to read goes on when poll(2) says so. */
	if (pump->closed || (p[P_WS].revents == 0 && !ready &&
	    (blocked || ws_sent(pump->ws))))
		return 0;
	r = ws_io(pump->ws, e);
	if (r == 0)
		pump->closed = true;
	return r == -1 ? -1 : 0;
}

static int
begin(struct pump *pump, struct err *e)
{
	struct stat st;

	for (int fd = OUT; fd <= ERR; fd++) {
		buf_init(&pump->out[fd], SESSION_OUT_MAX + WS_CHUNK);
		pump->regular[fd] = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	}
	pump->stream = OUT;
	pump->escape.line_start = true;
	pump->input_open = pump->s->input;
	if (pump->s->first != NULL && ws_send(pump->ws, true, pump->s->first,
	    strlen(pump->s->first), e) == -1)
		return -1;
	if (!pump->input_open && send_eof(pump, e) == -1)
		return -1;
	if (pump->s->console != NULL && send_size(pump, e) == -1)
		return -1;
	return pump->s->raw ? tty_raw(IN, e) : 0;
}

int
session_run(struct session *s, struct api *api, struct err *e)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM,
	    SIGUSR1, SIGUSR2, SIGWINCH, 0 };
	OWN(ws_close) struct ws *ws = NULL;
	struct pump pump = { .s = s };
	int r = 0;

	if (ws_open(&ws, api, s->path, &pump_ops, &pump, e) == -1)
		return -1;
	pump.ws = ws;
	/* Before the terminal is raw: from then on each signal restores it. */
	if (sig_open(signals, e) == -1 || begin(&pump, e) == -1)
		r = -1;
	while (r == 0 && !is_over(&pump))
		r = turn(&pump, e);
	tty_restore();
	s->ended = pump.closed;
	s->cut = pump.closed && !ws_closed(ws);
	if (r == 0 && pump.failed && !s->finished) {
		*e = pump.error;
		r = -1;
	}
	buf_fini(&pump.out[OUT]);
	buf_fini(&pump.out[ERR]);
	return r;
}
