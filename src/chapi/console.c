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

#include <event2/event.h>

#include "chapi/console.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "lib/log.h"
#include "os/os.h"

#define READ_SIZE	4096	/* bytes a read */

struct viewer {
	struct console		*console;
	LIST_ENTRY(viewer)	 entry;
	int			 fd;
	struct event		*readable, *writable;
	struct buf		 behind;	/* output it has not taken */
};

struct console {
	struct event_base	*base;
	int			 guest, listener, log;
	struct event		*readable, *writable, *accepting;
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

	c->log = open(c->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
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

/* --- viewers ------------------------------------------------------------- */

static void
viewer_destroy(struct viewer *v)
{
	LIST_REMOVE(v, entry);
	v->console->nviewers--;
	if (v->readable != NULL)
		event_free(v->readable);
	if (v->writable != NULL)
		event_free(v->writable);
	buf_fini(&v->behind);
	(void)close(v->fd);
	free(v);
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
			return event_add(v->writable, NULL) == 0;
		if (n == -1)
			return false;
		buf_drain(&v->behind, (size_t)n);
	}
	buf_fini(&v->behind);
	return true;
}

static void
viewer_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (!viewer_flush(arg))
		viewer_destroy(arg);
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

/* Let viewers type, or not while the guest is behind. */
static void
viewers_listen(struct console *c, bool on)
{
	struct viewer *v;

	LIST_FOREACH(v, &c->viewers, entry) {
		if (on)
			(void)event_add(v->readable, NULL);
		else
			(void)event_del(v->readable);
	}
}

static void
guest_flush(struct console *c)
{
	ssize_t n;

	while (c->typed.len > 0) {
		n = send(c->guest, c->typed.data, c->typed.len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN &&
		    event_add(c->writable, NULL) == 0) {
			viewers_listen(c, false);
			return;
		}
		if (n == -1)
			break;
		buf_drain(&c->typed, (size_t)n);
	}
	/* Nobody at the other end: what was typed is lost with it. */
	buf_fini(&c->typed);
	viewers_listen(c, true);
}

static void
guest_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	guest_flush(arg);
}

/* Read once; false when nothing is there now, or never again. */
static bool
guest_read(struct console *c)
{
	uint8_t bytes[READ_SIZE];
	ssize_t n = recv(c->guest, bytes, sizeof(bytes), 0);

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		(void)event_del(c->readable);
	if (n <= 0)
		return false;
	record(c, bytes, (size_t)n);
	show(c, bytes, (size_t)n);
	return true;
}

static void
guest_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)guest_read(arg);
}

void
console_drain(struct console *c)
{
	while (guest_read(c))
		continue;
}

static void
viewer_readable(evutil_socket_t fd, short what, void *arg)
{
	struct viewer *v = arg;
	struct console *c = v->console;
	uint8_t bytes[READ_SIZE];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	(void)what;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || buf_put(&c->typed, bytes, (size_t)n) == -1) {
		viewer_destroy(v);
		return;
	}
	guest_flush(c);
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
	v->readable = event_new(c->base, fd, EV_READ | EV_PERSIST,
	    viewer_readable, v);
	v->writable = event_new(c->base, fd, EV_WRITE, viewer_writable, v);
	if (v->readable == NULL || v->writable == NULL ||
	    fd_nonblock(fd, 1) == -1 || fd_cloexec(fd, 1) == -1 ||
	    (c->typed.len == 0 && event_add(v->readable, NULL) == -1))
		viewer_destroy(v);
}

static void
accept_viewer(evutil_socket_t fd, short what, void *arg)
{
	struct console *c = arg;
	int conn = accept(fd, NULL, NULL);

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
watch(struct console *c, struct err *e)
{
	c->readable = event_new(c->base, c->guest, EV_READ | EV_PERSIST,
	    guest_readable, c);
	c->writable = event_new(c->base, c->guest, EV_WRITE, guest_writable,
	    c);
	if (c->readable == NULL || c->writable == NULL ||
	    fd_nonblock(c->guest, 1) == -1 ||
	    event_add(c->readable, NULL) == -1)
		return err_set(e, ENOMEM, "console: no event");
	if (c->listener == -1)
		return 0;
	c->accepting = event_new(c->base, c->listener, EV_READ | EV_PERSIST,
	    accept_viewer, c);
	if (c->accepting == NULL || fd_nonblock(c->listener, 1) == -1 ||
	    event_add(c->accepting, NULL) == -1)
		return err_set(e, ENOMEM, "console: no event");
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
	c->base = s->base;
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
	if (watch(c, e) == -1)
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
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->accepting != NULL)
		event_free(c->accepting);
	if (c->listener != -1)
		(void)close(c->listener);
	if (c->log != -1)
		(void)close(c->log);
	(void)close(c->guest);
	buf_fini(&c->typed);
	free(c);
}
