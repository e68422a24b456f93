/* SPDX-License-Identifier: ISC */
/* console.c - a guest's console, recorded and served; see console.h */

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapi/console.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/plain.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"

#define READ_SIZE	4096	/* bytes a read */

struct viewer {
	struct console		*console;
	LIST_ENTRY(viewer)	 entry;
	int			 fd;
	struct event_watch	 watch;
	struct buf		 behind;	/* output it has not taken */
};

struct console {
	struct event_loop	*loop;
	int			 guest, listener, log;
	struct event_watch	 talk;		/* on guest */
	struct event_watch	 accepting;	/* on listener */
	bool			 silent;	/* the guest says no more */
	struct buf		 typed;		/* the guest has not taken it */
	const char		*file;		/* of log */
	off_t			 log_len;
	struct log_limit	 complaints;
	LIST_HEAD(, viewer)	 viewers;
	size_t			 nviewers;
};

/* --- the record ---------------------------------------------------------- */

static int
log_open(struct console *c, struct err *e)
{
	struct stat st;

	c->log = open(c->file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NOFOLLOW, 0640);
	if (c->log == -1 || fstat(c->log, &st) == -1)
		return err_sys(e, "%s", c->file);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: not a regular file", c->file);
	c->log_len = st.st_size;
	return 0;
}

/* Full: the old half goes aside.  Without a file nothing is recorded. */
static void
log_turn(struct console *c)
{
	char old[PATH_MAX];
	struct err e;

	(void)snprintf(old, sizeof(old), "%s.0", c->file);
	if (rename(c->file, old) == -1 && ftruncate(c->log, 0) == -1)
		log_limited(&c->complaints, "%s: cannot be begun anew",
		    c->file);
	(void)close(c->log);
	if (log_open(c, &e) == -1)
		log_limited(&c->complaints, "%s", e.text);
}

static void
record(struct console *c, const uint8_t *bytes, size_t len)
{
	if (c->log == -1)
		return;
	if (c->log_len + (off_t)len > CONSOLE_LOG_MAX)
		log_turn(c);
	if (c->log == -1)
		return;
	/* A full disk costs the record, not the guest. */
	if (write_full(c->log, bytes, len) == -1)
		log_limited(&c->complaints, "%s: %s", c->file,
		    strerror(errno));
	else
		c->log_len += (off_t)len;
}

/*
 * The record's last lines, as text: what a viewer sees that comes now.  What
 * cannot be read is not shown.
 */
static int
scroll_back(struct console *c, struct buf *to)
{
	uint8_t *text = buf_reserve(to, CONSOLE_SCROLLBACK_MAX), *line;
	size_t len = (size_t)MIN(c->log_len, (off_t)CONSOLE_SCROLLBACK_MAX);
	ssize_t n;

	if (text == NULL)
		return -1;
	n = len == 0 ? 0 : pread(c->log, text, len, c->log_len - (off_t)len);
	if (n <= 0)
		return 0;
	line = c->log_len > n ? memchr(text, '\n', (size_t)n) : NULL;
	if (line != NULL) {
		n -= ++line - text;
		memmove(text, line, (size_t)n);
	}
	n = (ssize_t)plain_text(text, (size_t)n);
	buf_added(to, (size_t)n);
	/* A colour that was not taken back ends here. */
	return memchr(text, '\033', (size_t)n) == NULL ? 0 :
	    buf_puts(to, "\033[m");
}

/* --- viewers ------------------------------------------------------------- */

static void
viewer_destroy(struct viewer *v)
{
	LIST_REMOVE(v, entry);
	v->console->nviewers--;
	event_watch_fini(&v->watch);
	buf_fini(&v->behind);
	(void)close(v->fd);
	free(v);
}

/* While the guest is behind nobody types. */
static bool
viewer_watch(struct viewer *v)
{
	return event_watch_set(&v->watch,
	    (v->console->typed.len == 0 ? EVENT_READ : 0) |
	    (v->behind.len > 0 ? EVENT_WRITE : 0)) == 0;
}

/* Write what a viewer is behind; false when it is gone. */
static bool
viewer_flush(struct viewer *v)
{
	ssize_t n;

	while (v->behind.len > 0) {
		n = send(v->fd, v->behind.data, v->behind.len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return viewer_watch(v);
		if (n == -1)
			return false;
		buf_drain(&v->behind, (size_t)n);
	}
	buf_fini(&v->behind);
	return viewer_watch(v);
}

static void
show(struct console *c, const uint8_t *bytes, size_t len)
{
	struct viewer *v, *next;

	for (v = LIST_FIRST(&c->viewers); v != NULL; v = next) {
		next = LIST_NEXT(v, entry);
		if (buf_put(&v->behind, bytes, len) == -1 || !viewer_flush(v))
			viewer_destroy(v);
	}
}

/* --- the guest ----------------------------------------------------------- */

/* Watch the guest, and viewers as far as it can take what they type. */
static void
watch(struct console *c)
{
	struct viewer *v;

	(void)event_watch_set(&c->talk, (c->silent ? 0 : EVENT_READ) |
	    (c->typed.len > 0 ? EVENT_WRITE : 0));
	LIST_FOREACH(v, &c->viewers, entry)
		(void)viewer_watch(v);
}

static void
guest_flush(struct console *c)
{
	ssize_t n;

	while (c->typed.len > 0) {
		n = send(c->guest, c->typed.data, c->typed.len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			watch(c);
			return;
		}
		if (n == -1)
			break;
		buf_drain(&c->typed, (size_t)n);
	}
	/* Nobody at the other end: what was typed is lost with it. */
	buf_fini(&c->typed);
	watch(c);
}

/* Read once; false when nothing is there now, or never again. */
static bool
guest_read(struct console *c)
{
	uint8_t bytes[READ_SIZE];
	ssize_t n = recv(c->guest, bytes, sizeof(bytes), 0);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
		c->silent = true;
		watch(c);
	}
	if (n <= 0)
		return false;
	record(c, bytes, (size_t)n);
	show(c, bytes, (size_t)n);
	return true;
}

static void
guest_ready(void *arg, unsigned what)
{
	if (what & EVENT_WRITE)
		guest_flush(arg);
	if (what & EVENT_READ)
		(void)guest_read(arg);
}

void
console_drain(struct console *c)
{
	while (guest_read(c))
		continue;
}

static void
viewer_read(struct viewer *v)
{
	struct console *c = v->console;
	uint8_t bytes[READ_SIZE];
	ssize_t n = recv(v->fd, bytes, sizeof(bytes), 0);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || buf_put(&c->typed, bytes, (size_t)n) == -1) {
		viewer_destroy(v);
		return;
	}
	guest_flush(c);
}

static void
viewer_ready(void *arg, unsigned what)
{
	struct viewer *v = arg;

	if ((what & EVENT_WRITE) && !viewer_flush(v))
		viewer_destroy(v);
	else if (what & EVENT_READ)
		viewer_read(v);
}

static void
viewer_new(struct console *c, int fd)
{
	struct viewer *v = calloc(1, sizeof(*v));

	if (v == NULL) {
		(void)close(fd);
		return;
	}
	v->console = c;
	v->fd = fd;
	buf_init(&v->behind, CONSOLE_BEHIND_MAX);
	LIST_INSERT_HEAD(&c->viewers, v, entry);
	c->nviewers++;
	event_watch_init(&v->watch, c->loop, fd, viewer_ready, v);
	if (scroll_back(c, &v->behind) == -1 || !viewer_flush(v))
		viewer_destroy(v);
}

static void
accept_viewer(void *arg, unsigned what)
{
	struct console *c = arg;
	int conn = os_accept(c->listener);

	(void)what;
	if (conn == -1)
		return;
	if (c->nviewers == CONSOLE_VIEWERS_MAX)
		(void)close(conn);
	else
		viewer_new(c, conn);
}

/* --- life ---------------------------------------------------------------- */

static int
begin(struct console *c, struct err *e)
{
	event_watch_init(&c->talk, c->loop, c->guest, guest_ready, c);
	event_watch_init(&c->accepting, c->loop, c->listener, accept_viewer,
	    c);
	if (fd_nonblock(c->guest, 1) == -1 ||
	    event_watch_set(&c->talk, EVENT_READ) == -1)
		return err_sys(e, "console");
	if (c->listener == -1)
		return 0;
	if (fd_nonblock(c->listener, 1) == -1 ||
	    event_watch_set(&c->accepting, EVENT_READ) == -1)
		return err_sys(e, "console");
	return 0;
}

int
console_new(struct console **ret, const struct console_setup *s,
    struct err *e)
{
	OWN(console_destroy) struct console *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		(void)close(s->guest);
		return err_sys(e, "console");
	}
	c->loop = s->loop;
	c->guest = s->guest;
	c->listener = c->log = -1;
	c->file = s->file;
	buf_init(&c->typed, READ_SIZE);
	LIST_INIT(&c->viewers);
	if (s->file != NULL && log_open(c, e) == -1)
		return -1;
	if (s->path != NULL) {
		c->listener = os_unix_listen(AT_FDCWD, s->path, 0660,
		    CONSOLE_VIEWERS_MAX, e);
		if (c->listener == -1)
			return -1;
	}
	if (begin(c, e) == -1)
		return -1;
	*ret = take(&c);
	return 0;
}

void
console_destroy(struct console *c)
{
	if (c == NULL)
		return;
	while (!LIST_EMPTY(&c->viewers))
		viewer_destroy(LIST_FIRST(&c->viewers));
	event_watch_fini(&c->talk);
	event_watch_fini(&c->accepting);
	if (c->listener != -1)
		(void)close(c->listener);
	if (c->log != -1)
		(void)close(c->log);
	(void)close(c->guest);
	buf_fini(&c->typed);
	free(c);
}
