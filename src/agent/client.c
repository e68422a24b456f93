/* SPDX-License-Identifier: ISC */
/*
 * client.c - the host's side of the agent protocol; see client.h
 *
 * The vsock of a VM is a unix socket: "CONNECT 2222\n", "OK n\n", then the
 * guest.  Nothing is sent behind the first line before its answer, because
 * not every implementation keeps what comes with it.
 */

#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/client.h"
#include "agent/reply.h"
#include "lib/io.h"
#include "lib/util.h"
#include "os/os.h"

#define LINE_MAX_BYTES	64	/* of the answer to CONNECT */
#define INPUT_MAX	(AGENT_FRAME_MAX + FRAME_HEADER)

enum state {
	IDLE,		/* no connection yet */
	CONNECTING,	/* waiting for "OK n"; frames are held */
	GREETING,	/* waiting for HELLO; frames may be sent */
	RUNNING,	/* answers come */
	ENDED,		/* done() was called; nothing comes any more */
};

enum request { NONE, PING, EXEC, PUT, GET, STAT, ADDRS, SHUTDOWN,
    IDENTITY };

struct agent_session {
	struct event_base		*base;
	const struct agent_handler	*handler;
	void				*arg;
	struct bufferevent		*bev;	/* NULL while IDLE */
	struct event			*limit;	/* until HELLO */
	struct event			*kick;	/* look at the input again */
	struct evbuffer			*held;	/* frames before "OK n" */
	enum state			 state;
	enum request			 request;
	bool				 detach;	/* EXEC */
	bool				 paused;
	bool				 eof;	/* nothing behind the input */
	bool				 low;	/* writable() is owed */
	unsigned			 busy;	/* callbacks that run */
	bool				 closed;	/* by one of them */
	uint64_t			 credit;	/* of STDIN, bytes */
	struct reply			 reply;
};

/* --- the end -------------------------------------------------------------- */

static void
session_free(struct agent_session *s)
{
	if (s->bev != NULL) {
		/* libevent closes later; the guest is to know now. */
		(void)shutdown(bufferevent_getfd(s->bev), SHUT_RDWR);
		bufferevent_free(s->bev);
	}
	if (s->limit != NULL)
		event_free(s->limit);
	if (s->kick != NULL)
		event_free(s->kick);
	if (s->held != NULL)
		evbuffer_free(s->held);
	reply_fini(&s->reply);
	free(s);
}

void
agent_close(struct agent_session *s)
{
	if (s == NULL)
		return;
	s->closed = true;
	s->state = ENDED;
	if (s->busy == 0)
		session_free(s);
}

/* Around everything that may call back. */
static void
enter(struct agent_session *s)
{
	s->busy++;
}

static void
leave(struct agent_session *s)
{
	if (--s->busy == 0 && s->closed)
		session_free(s);
}

static void
finish(struct agent_session *s, const struct err *why)
{
	if (s->state == ENDED)
		return;
	s->state = ENDED;
	if (s->bev != NULL)
		(void)bufferevent_disable(s->bev, EV_READ | EV_WRITE);
	(void)event_del(s->limit);
	s->reply.result.err = why;
	s->handler->done(s->arg, &s->reply.result);
}

/* --- sending -------------------------------------------------------------- */

static size_t
queued(const struct agent_session *s)
{
	size_t n = evbuffer_get_length(s->held);

	if (s->bev != NULL)
		n += evbuffer_get_length(bufferevent_get_output(s->bev));
	return n;
}

size_t
agent_room(const struct agent_session *s)
{
	size_t used = queued(s), room;

	if (s->state == ENDED || used >= AGENT_CLIENT_BUFFER)
		return 0;
	room = AGENT_CLIENT_BUFFER - used;
	return s->request == EXEC ? (size_t)MIN(room, s->credit) : room;
}

/* A row of frames goes out, or waits for "OK n". */
static int
queue(struct agent_session *s, const struct buf *b, struct err *e)
{
	struct evbuffer *to = s->state >= GREETING ?
	    bufferevent_get_output(s->bev) : s->held;

	if (s->state == ENDED)
		return err_api(e, ENOTCONN, "disconnected",
		    "the session has ended");
	if (evbuffer_add(to, b->data, b->len) == -1)
		return err_set(e, ENOMEM, "agent: out of memory");
	if (agent_room(s) < AGENT_DATA_MAX)
		s->low = true;
	return 0;
}

static int
queue_frame(struct agent_session *s, enum agent_type type, const void *data,
    size_t len, struct err *e)
{
	struct buf b;
	int ret;

	buf_init(&b, AGENT_FRAME_MAX + FRAME_HEADER);
	if (frame_put(&b, type, data, len) == -1)
		ret = err_sys(e, "agent: %s", frame_name(type));
	else
		ret = queue(s, &b, e);
	buf_fini(&b);
	return ret;
}

/* A frame that was begun with frame_open() at 0: close it, send it, free. */
static int
queue_records(struct agent_session *s, struct buf *b, int bad,
    enum agent_type type, struct err *e)
{
	int ret;

	if (bad || frame_close(b, 0, type) == -1)
		ret = err_api(e, EMSGSIZE, "too_large",
		    "%s does not fit the agent's limit of %d bytes",
		    frame_name(type), AGENT_FRAME_MAX);
	else
		ret = queue(s, b, e);
	buf_fini(b);
	return ret;
}

static int
records_begin(struct buf *b)
{
	buf_init(b, AGENT_FRAME_MAX + FRAME_HEADER);
	return frame_open(b) == -1;
}

static int
say_hello(struct agent_session *s, struct err *e)
{
	struct timespec now;
	struct buf b;
	int bad = records_begin(&b);

	(void)clock_gettime(CLOCK_REALTIME, &now);
	bad = bad || record_putf(&b, "version", "%d", AGENT_VERSION) == -1 ||
	    record_putf(&b, "time", "%lld%09ld", (long long)now.tv_sec,
	    now.tv_nsec) == -1;
	return queue_records(s, &b, bad, AGENT_HELLO, e);
}

static void
tell_writable(struct agent_session *s)
{
	if (!s->low || agent_room(s) < AGENT_DATA_MAX)
		return;
	s->low = false;
	if (s->handler->writable != NULL)
		s->handler->writable(s->arg);
}

/* --- what the agent says -------------------------------------------------- */

static int
on_hello(struct agent_session *s, const struct frame *f, struct err *e)
{
	if (s->state != GREETING)
		return err_set(e, EPROTO, "a second HELLO");
	if (reply_hello(&s->reply, f, e) == -1)
		return -1;
	s->state = RUNNING;
	(void)event_del(s->limit);
	if (s->handler->hello != NULL)
		s->handler->hello(s->arg, s->reply.mode);
	return 0;
}

static int
on_started(struct agent_session *s, const struct frame *f, struct err *e)
{
	uint32_t pid;

	if (s->request != EXEC || s->reply.result.started ||
	    reply_started(&pid, f, e) == -1)
		return err_set(e, EPROTO, "STARTED out of place");
	s->reply.result.started = true;
	if (s->handler->started != NULL)
		s->handler->started(s->arg, pid);
	if (s->detach)
		finish(s, NULL);
	return 0;
}

static int
on_output(struct agent_session *s, const struct frame *f, struct err *e)
{
	if (s->request != EXEC)
		return err_set(e, EPROTO, "%s out of place",
		    frame_name(f->type));
	if (s->handler->output != NULL)
		s->handler->output(s->arg, f->type == AGENT_STDERR ?
		    AGENT_STREAM_STDERR : AGENT_STREAM_STDOUT, f->data,
		    f->len);
	return 0;
}

static int
on_window(struct agent_session *s, const struct frame *f, struct err *e)
{
	if (s->request != EXEC ||
	    frame_u64(f) > AGENT_STDIN_WINDOW - s->credit)
		return err_set(e, EPROTO, "WINDOW out of place");
	s->credit += frame_u64(f);
	tell_writable(s);
	return 0;
}

static int
on_exited(struct agent_session *s, const struct frame *f, struct err *e)
{
	if (s->request != EXEC || !s->reply.result.started)
		return err_set(e, EPROTO, "EXIT out of place");
	if (reply_exit(&s->reply, f, e) == -1)
		return -1;
	finish(s, NULL);
	return 0;
}

static int
on_entry(struct agent_session *s, const struct frame *f, struct err *e)
{
	struct agent_entry n;
	int ret;

	if (s->request != GET && s->request != STAT)
		return err_set(e, EPROTO, "ENTRY out of place");
	ret = s->request == GET ? entry_read(&n, f, e) :
	    entry_read_any(&n, f, e);
	if (ret == -1)
		return -1;
	if (s->request == GET && reply_entry(&s->reply, &n, e) == -1)
		return -1;
	if (s->handler->entry != NULL)
		s->handler->entry(s->arg, &n);
	if (s->request == STAT)
		finish(s, NULL);
	return 0;
}

static int
on_data(struct agent_session *s, const struct frame *f, struct err *e)
{
	if (s->request != GET || reply_bytes(&s->reply, f->len, e) == -1)
		return err_set(e, EPROTO, "DATA out of place");
	if (s->handler->data != NULL)
		s->handler->data(s->arg, f->data, f->len);
	return 0;
}

static int
on_hole(struct agent_session *s, const struct frame *f, struct err *e)
{
	uint64_t len = frame_u64(f);

	if (s->request != GET || reply_bytes(&s->reply, len, e) == -1)
		return err_set(e, EPROTO, "HOLE out of place");
	if (s->handler->hole != NULL)
		s->handler->hole(s->arg, len);
	return 0;
}

static int
on_end(struct agent_session *s, const struct frame *f, struct err *e)
{
	if (s->request != GET || s->reply.left != 0)
		return err_set(e, EPROTO, "END out of place");
	if (reply_counts(&s->reply, f, e) == -1)
		return -1;
	finish(s, NULL);
	return 0;
}

static int
on_ok(struct agent_session *s, const struct frame *f, struct err *e)
{
	int ret = 0;

	if (s->request == PUT)
		ret = reply_counts(&s->reply, f, e);
	else if (s->request == ADDRS)
		ret = reply_addrs(&s->reply, f, e);
	else if (s->request != SHUTDOWN && s->request != IDENTITY)
		ret = err_set(e, EPROTO, "OK out of place");
	if (ret == 0)
		finish(s, NULL);
	return ret;
}

static int
on_error(struct agent_session *s, const struct frame *f, struct err *e)
{
	struct err why;

	if (reply_error(&why, f, e) == -1)
		return -1;
	finish(s, &why);
	return 0;
}

static int (*const answers[AGENT_TYPES])(struct agent_session *,
    const struct frame *, struct err *) = {
	[AGENT_HELLO]	= on_hello,
	[AGENT_STARTED]	= on_started,
	[AGENT_STDOUT]	= on_output,
	[AGENT_STDERR]	= on_output,
	[AGENT_WINDOW]	= on_window,
	[AGENT_EXIT]	= on_exited,
	[AGENT_ENTRY]	= on_entry,
	[AGENT_DATA]	= on_data,
	[AGENT_HOLE]	= on_hole,
	[AGENT_END]	= on_end,
	[AGENT_OK]	= on_ok,
	[AGENT_ERROR]	= on_error,
};

/* --- receiving ------------------------------------------------------------ */

/* The frame at the front of the input, made contiguous.  As frame_peek(). */
static int
next_frame(struct agent_session *s, struct frame *f, struct err *e)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	size_t have = evbuffer_get_length(in), need;
	struct buf view = { 0 };

	if (have < FRAME_HEADER)
		return 0;
	need = frame_need(evbuffer_pullup(in, FRAME_HEADER));
	view.len = MIN(have, need);
	/* What is not whole yet is not moved: only its header is looked at. */
	if (have < need)
		view.len = FRAME_HEADER;
	view.data = evbuffer_pullup(in, (ev_ssize_t)view.len);
	if (view.data == NULL)
		return err_set(e, ENOMEM, "agent: out of memory");
	return frame_peek(f, &view, e);
}

static void
take_frames(struct agent_session *s)
{
	struct frame f;
	struct err e;
	int n = 0;

	while (s->state != ENDED && !s->paused &&
	    (n = next_frame(s, &f, &e)) == 1) {
		if (answers[f.type] == NULL || (s->state == GREETING &&
		    f.type != AGENT_HELLO && f.type != AGENT_ERROR))
			n = err_set(&e, EPROTO, "%s from the agent",
			    frame_name(f.type));
		else
			n = answers[f.type](s, &f, &e);
		if (n == -1)
			break;
		if (!s->closed)
			(void)evbuffer_drain(bufferevent_get_input(s->bev),
			    FRAME_HEADER + f.len);
	}
	if (n == -1) {
		e.code = "protocol";
		finish(s, &e);
	}
}

/* The answer to CONNECT: "OK n", or "ERR reason" where nobody listens. */
static void
take_line(struct agent_session *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	struct err e;
	char *line;
	bool ok, none;

	line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
	if (line == NULL && evbuffer_get_length(in) <= LINE_MAX_BYTES)
		return;
	ok = line != NULL && strncmp(line, "OK ", 3) == 0;
	none = line != NULL && strncmp(line, "ERR ", 4) == 0;
	free(line);
	if (none)
		(void)err_api(&e, ECONNREFUSED, "no_agent",
		    "the guest's agent does not answer");
	else if (!ok)
		(void)err_api(&e, EPROTO, "protocol",
		    "the VM's vsock does not answer with OK");
	if (!ok) {
		finish(s, &e);
		return;
	}
	s->state = GREETING;
	if (evbuffer_add_buffer(bufferevent_get_output(s->bev), s->held) ==
	    -1) {
		(void)err_set(&e, ENOMEM, "agent: out of memory");
		finish(s, &e);
	}
}

/* Everything that is there; then, at its end, the end. */
static void
look(struct agent_session *s)
{
	struct err e;

	enter(s);
	if (s->state == CONNECTING)
		take_line(s);
	if (s->state == GREETING || s->state == RUNNING)
		take_frames(s);
	if (s->state == RUNNING && s->request == PING)
		finish(s, NULL);
	if (s->eof && !s->paused && s->state != ENDED) {
		if (s->state == RUNNING)
			(void)err_api(&e, ECONNRESET, "disconnected",
			    "the guest closed the connection");
		else
			(void)err_api(&e, ECONNREFUSED, "no_agent",
			    "the guest's agent does not answer");
		finish(s, &e);
	}
	leave(s);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	look(arg);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct agent_session *s = arg;

	(void)bev;
	enter(s);
	if (s->state != ENDED)
		tell_writable(s);
	leave(s);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct agent_session *s = arg;

	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	s->eof = true;
	look(s);
}

static void
on_kick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg);
}

static void
on_limit(evutil_socket_t fd, short what, void *arg)
{
	struct agent_session *s = arg;
	struct err e;

	(void)fd;
	(void)what;
	enter(s);
	(void)err_api(&e, ETIMEDOUT, "no_agent",
	    "the guest's agent did not answer in time");
	finish(s, &e);
	leave(s);
}

/* --- opening -------------------------------------------------------------- */

int
agent_open(struct agent_session **ret, struct event_base *base,
    const struct agent_handler *handler, void *arg, struct err *e)
{
	OWN(agent_close) struct agent_session *s = calloc(1, sizeof(*s));

	assert(handler->done != NULL);
	if (s == NULL)
		return err_sys(e, "agent");
	s->base = base;
	s->handler = handler;
	s->arg = arg;
	s->credit = AGENT_STDIN_WINDOW;
	s->held = evbuffer_new();
	s->limit = evtimer_new(base, on_limit, s);
	s->kick = evtimer_new(base, on_kick, s);
	if (s->held == NULL || s->limit == NULL || s->kick == NULL)
		return err_set(e, ENOMEM, "agent: out of memory");
	if (say_hello(s, e) == -1)
		return -1;
	*ret = take(&s);
	return 0;
}

static int
start(struct agent_session *s, int fd, uint64_t time_limit_ms, struct err *e)
{
	struct timeval tv = {
		.tv_sec = (time_t)(time_limit_ms / 1000),
		.tv_usec = (suseconds_t)(time_limit_ms % 1000) * 1000,
	};

	assert(s->state == IDLE);
	if (fd_nonblock(fd, 1) == -1 || fd_cloexec(fd, 1) == -1) {
		(void)close(fd);
		return err_sys(e, "agent");
	}
	s->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (s->bev == NULL) {
		(void)close(fd);
		return err_set(e, ENOMEM, "agent: out of memory");
	}
	bufferevent_setcb(s->bev, on_read, on_write, on_event, s);
	bufferevent_setwatermark(s->bev, EV_READ, 0, INPUT_MAX);
	bufferevent_setwatermark(s->bev, EV_WRITE, AGENT_CLIENT_BUFFER / 2, 0);
	(void)bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	if (time_limit_ms != 0)
		(void)evtimer_add(s->limit, &tv);
	return 0;
}

int
agent_attach(struct agent_session *s, int fd, uint64_t time_limit_ms,
    struct err *e)
{
	if (start(s, fd, time_limit_ms, e) == -1)
		return -1;
	s->state = GREETING;
	if (evbuffer_add_buffer(bufferevent_get_output(s->bev), s->held) == -1)
		return err_set(e, ENOMEM, "agent: out of memory");
	return 0;
}

int
agent_connect(struct agent_session *s, int dirfd, const char *name,
    uint64_t time_limit_ms, struct err *e)
{
	int fd = os_unix_connect_now(dirfd, name, e);

	if (fd == -1 || start(s, fd, time_limit_ms, e) == -1)
		return -1;
	s->state = CONNECTING;
	if (evbuffer_add_printf(bufferevent_get_output(s->bev),
	    "CONNECT %d\n", AGENT_PORT) == -1)
		return err_set(e, ENOMEM, "agent: out of memory");
	return 0;
}

void
agent_pause(struct agent_session *s)
{
	s->paused = true;
	if (s->bev != NULL && s->state != ENDED)
		(void)bufferevent_disable(s->bev, EV_READ);
}

void
agent_resume(struct agent_session *s)
{
	if (!s->paused || s->state == ENDED)
		return;
	s->paused = false;
	if (s->bev != NULL && !s->eof)
		(void)bufferevent_enable(s->bev, EV_READ);
	event_active(s->kick, EV_TIMEOUT, 0);
}

/* --- requests ------------------------------------------------------------- */

static int
claim(struct agent_session *s, enum request r, struct err *e)
{
	if (s->request != NONE)
		return err_set(e, EBUSY, "the session has its request");
	s->request = r;
	return 0;
}

int
agent_ping(struct agent_session *s, struct err *e)
{
	if (claim(s, PING, e) == -1)
		return -1;
	/* The answer may have come before we asked. */
	if (s->state == RUNNING)
		event_active(s->kick, EV_TIMEOUT, 0);
	return 0;
}

static int
put_words(struct buf *b, const char *name, const char *const *words)
{
	int bad = 0;

	for (; !bad && words != NULL && *words != NULL; words++)
		bad = record_put(b, name, *words) == -1;
	return bad;
}

static int
put_string(struct buf *b, const char *name, const char *value)
{
	return value != NULL && record_put(b, name, value) == -1;
}

static int
put_number(struct buf *b, const char *name, uint64_t value)
{
	return value != 0 && record_putf(b, name, "%" PRIu64, value) == -1;
}

int
agent_exec(struct agent_session *s, const struct agent_exec *x, struct err *e)
{
	struct buf b;
	int bad;

	if (claim(s, EXEC, e) == -1)
		return -1;
	s->detach = x->detach;
	bad = records_begin(&b) || put_words(&b, "arg", x->argv) ||
	    put_words(&b, "env", x->env) || put_string(&b, "cwd", x->cwd) ||
	    put_string(&b, "user", x->user) || put_number(&b, "tty", x->tty) ||
	    put_number(&b, "detach", x->detach) ||
	    put_string(&b, "stdin", x->no_stdin ? "0" : NULL) ||
	    put_number(&b, "rows", x->rows) ||
	    put_number(&b, "cols", x->cols) ||
	    put_number(&b, "timeout", x->timeout_ms);
	return queue_records(s, &b, bad, AGENT_EXEC, e);
}

int
agent_put(struct agent_session *s, const char *path, bool parents,
    struct err *e)
{
	struct buf b;
	int bad;

	if (claim(s, PUT, e) == -1)
		return -1;
	bad = records_begin(&b) || put_string(&b, "path", path) ||
	    put_number(&b, "parents", parents);
	return queue_records(s, &b, bad, AGENT_PUT, e);
}

static int
ask_path(struct agent_session *s, enum agent_type type, const char *path,
    bool follow, struct err *e)
{
	struct buf b;
	int bad = records_begin(&b) || put_string(&b, "path", path) ||
	    put_number(&b, "follow", follow);

	return queue_records(s, &b, bad, type, e);
}

int
agent_get(struct agent_session *s, const char *path, bool follow,
    struct err *e)
{
	if (claim(s, GET, e) == -1)
		return -1;
	return ask_path(s, AGENT_GET, path, follow, e);
}

int
agent_stat(struct agent_session *s, const char *path, bool follow,
    struct err *e)
{
	if (claim(s, STAT, e) == -1)
		return -1;
	return ask_path(s, AGENT_STAT, path, follow, e);
}

int
agent_addrs(struct agent_session *s, struct err *e)
{
	if (claim(s, ADDRS, e) == -1)
		return -1;
	return queue_frame(s, AGENT_ADDRS, NULL, 0, e);
}

int
agent_shutdown(struct agent_session *s, const char *signal, int64_t grace_ms,
    struct err *e)
{
	struct buf b;
	int bad;

	if (claim(s, SHUTDOWN, e) == -1)
		return -1;
	bad = records_begin(&b) || put_string(&b, "signal", signal) ||
	    (grace_ms >= 0 &&
	    record_putf(&b, "grace", "%" PRId64, grace_ms) == -1);
	return queue_records(s, &b, bad, AGENT_SHUTDOWN, e);
}

int
agent_identity(struct agent_session *s, const struct agent_identity *i,
    struct err *e)
{
	struct buf b;
	int bad;

	if (claim(s, IDENTITY, e) == -1)
		return -1;
	bad = records_begin(&b) || put_string(&b, "hostname", i->hostname) ||
	    put_string(&b, "mac", i->mac) ||
	    put_string(&b, "machine_id", i->machine_id) ||
	    put_string(&b, "seed", i->seed);
	return queue_records(s, &b, bad, AGENT_IDENTITY, e);
}

/* --- while it runs -------------------------------------------------------- */

static int
must_be(const struct agent_session *s, enum request r, struct err *e)
{
	if (s->request != r)
		return err_set(e, EINVAL, "not what this session does");
	return 0;
}

/* Bytes in frames of the largest size; all or nothing. */
static int
queue_bytes(struct agent_session *s, enum agent_type type, const void *data,
    size_t len, struct err *e)
{
	const uint8_t *p = data;
	size_t n;

	if (len > agent_room(s)) {
		s->low = true;
		return err_set(e, EAGAIN, "the guest does not keep up");
	}
	for (; len != 0; p += n, len -= n) {
		n = MIN(len, AGENT_DATA_MAX);
		if (queue_frame(s, type, p, n, e) == -1)
			return -1;
		if (type == AGENT_STDIN)
			s->credit -= n;
	}
	return 0;
}

int
agent_stdin(struct agent_session *s, const void *data, size_t len,
    struct err *e)
{
	if (must_be(s, EXEC, e) == -1)
		return -1;
	return queue_bytes(s, AGENT_STDIN, data, len, e);
}

int
agent_stdin_eof(struct agent_session *s, struct err *e)
{
	if (must_be(s, EXEC, e) == -1)
		return -1;
	return queue_frame(s, AGENT_STDIN_EOF, NULL, 0, e);
}

int
agent_signal(struct agent_session *s, const char *name, struct err *e)
{
	struct buf b;
	int bad;

	if (must_be(s, EXEC, e) == -1)
		return -1;
	bad = records_begin(&b) || put_string(&b, "signal", name);
	return queue_records(s, &b, bad, AGENT_SIGNAL, e);
}

int
agent_resize(struct agent_session *s, unsigned rows, unsigned cols,
    struct err *e)
{
	struct buf b;
	int bad;

	if (must_be(s, EXEC, e) == -1)
		return -1;
	bad = records_begin(&b) || put_number(&b, "rows", rows) ||
	    put_number(&b, "cols", cols);
	return queue_records(s, &b, bad, AGENT_RESIZE, e);
}

int
agent_put_entry(struct agent_session *s, const struct agent_entry *n,
    struct err *e)
{
	struct buf b;
	int ret;

	if (must_be(s, PUT, e) == -1)
		return -1;
	if (agent_room(s) == 0) {
		s->low = true;
		return err_set(e, EAGAIN, "the guest does not keep up");
	}
	buf_init(&b, AGENT_FRAME_MAX + FRAME_HEADER);
	if (entry_put(&b, n) == -1)
		ret = err_sys(e, "%s", n->path);
	else
		ret = queue(s, &b, e);
	buf_fini(&b);
	return ret;
}

int
agent_put_data(struct agent_session *s, const void *data, size_t len,
    struct err *e)
{
	if (must_be(s, PUT, e) == -1)
		return -1;
	return queue_bytes(s, AGENT_DATA, data, len, e);
}

int
agent_put_hole(struct agent_session *s, uint64_t len, struct err *e)
{
	struct buf b;
	int ret;

	if (must_be(s, PUT, e) == -1)
		return -1;
	buf_init(&b, 64);
	if (frame_put_u64(&b, AGENT_HOLE, len) == -1)
		ret = err_sys(e, "agent");
	else
		ret = queue(s, &b, e);
	buf_fini(&b);
	return ret;
}

int
agent_put_end(struct agent_session *s, struct err *e)
{
	if (must_be(s, PUT, e) == -1)
		return -1;
	return queue_frame(s, AGENT_END, NULL, 0, e);
}
