/* SPDX-License-Identifier: ISC */
/* qmp.c - QEMU's machine protocol; see qmp.h */

#include <sys/socket.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/util.h"
#include "os/event.h"
#include "qemu/qmp.h"

#define READ_SIZE	4096	/* bytes a read */
#define MEMBERS_MAX	256	/* of an answer's object */
#define TEXT_MAX	1024	/* bytes of an error's description */

struct qmp {
	struct event_watch	 watch;
	int			 fd;
	uint64_t		 last_id;
	struct qmp_handler	 handler;
	struct buf		 in;
	bool			 closed;
	bool			*gone;	/* set by qmp_destroy(), or NULL */
};

static int
parse_event(struct qmp_msg *m, const json_t *doc, struct err *e)
{
	json_t *data = NULL;

	if (json_get_obj(&data, doc, "data", MEMBERS_MAX, e) == -1)
		return -1;
	m->kind = QMP_EVENT;
	m->data = data;
	return 0;
}

static int
parse_error(struct qmp_msg *m, const json_t *error, struct err *e)
{
	m->kind = QMP_ERROR;
	m->text = "";
	return json_get_str(&m->text, error, "desc", TEXT_MAX, e) == -1 ?
	    -1 : 0;
}

int
qmp_parse(struct qmp_msg *ret, const void *line, size_t len, struct err *e)
{
	own_json json_t *doc = NULL;
	struct qmp_msg m = { .kind = QMP_RETURN };
	json_t *v;
	int event;

	if (json_parse(&doc, line, len, e) == -1)
		return -1;
	if (!json_is_object(doc))
		return err_set(e, EPROTO, "not an object");
	event = json_get_str(&m.text, doc, "event", QMP_WORD_MAX, e);
	if (event == -1 ||
	    json_get_u64(&m.id, doc, "id", 1, INT64_MAX, e) == -1)
		return -1;
	if (event == 1) {
		if (parse_event(&m, doc, e) == -1)
			return -1;
	} else if ((v = json_object_get(doc, "return")) != NULL) {
		m.data = v;
	} else if (json_is_object(v = json_object_get(doc, "error"))) {
		if (parse_error(&m, v, e) == -1)
			return -1;
	} else if (json_is_object(json_object_get(doc, "QMP"))) {
		m.kind = QMP_GREETING;
	} else {
		return err_set(e, EPROTO,
		    "neither greeting, return, error nor event");
	}
	m.doc = take(&doc);
	*ret = m;
	return 0;
}

void
qmp_msg_fini(struct qmp_msg *m)
{
	json_decref(m->doc);
	memset(m, 0, sizeof(*m));
}

static void
qmp_close(struct qmp *q, const struct err *e)
{
	if (q->closed)
		return;
	q->closed = true;
	event_watch_fini(&q->watch);
	q->handler.closed(q->handler.arg, e);
}

/* Hand on every whole line; false when a handler destroyed q. */
static bool
qmp_lines(struct qmp *q)
{
	struct qmp_msg m;
	struct err e;
	bool gone = false;
	uint8_t *end;
	size_t len;

	while (!q->closed && q->in.len > 0 &&
	    (end = memchr(q->in.data, '\n', q->in.len)) != NULL) {
		len = (size_t)(end - q->in.data);
		q->gone = &gone;
		if (qmp_parse(&m, q->in.data, len, &e) == -1) {
			(void)err_prefix(&e, "QMP");
			qmp_close(q, &e);
		} else {
			buf_drain(&q->in, len + 1);
			q->handler.message(q->handler.arg, &m);
			qmp_msg_fini(&m);
		}
		if (gone)
			return false;
		q->gone = NULL;
	}
	if (q->in.len == 0)
		buf_fini(&q->in);
	return true;
}

/* Read once.  False: nothing is there now, or it is closed. */
static bool
qmp_read(struct qmp *q)
{
	size_t room = MIN((size_t)READ_SIZE, QMP_LINE_MAX - q->in.len);
	uint8_t *to = room > 0 ? buf_reserve(&q->in, room) : NULL;
	struct err e;
	ssize_t n;

	if (to == NULL) {
		(void)err_set(&e, EMSGSIZE, "QMP: line is longer than %d bytes",
		    QMP_LINE_MAX);
		qmp_close(q, &e);
		return false;
	}
	n = recv(q->fd, to, room, 0);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		qmp_close(q, NULL);
		return false;
	}
	buf_added(&q->in, (size_t)n);
	return qmp_lines(q) && !q->closed;
}

static void
qmp_readable(void *arg, unsigned what)
{
	(void)what;
	(void)qmp_read(arg);
}

void
qmp_drain(struct qmp *q)
{
	bool more = !q->closed;

	while (more)
		more = qmp_read(q);
}

int
qmp_send(struct qmp *q, const char *command, const char *arguments,
    uint64_t *id, struct err *e)
{
	char line[QMP_COMMAND_MAX];
	int n;

	if (q->closed)
		return err_set(e, EPIPE, "QEMU is gone");
	n = snprintf(line, sizeof(line),
	    "{\"execute\":\"%s\",%s%s%s\"id\":%" PRIu64 "}\n", command,
	    arguments != NULL ? "\"arguments\":" : "",
	    arguments != NULL ? arguments : "", arguments != NULL ? "," : "",
	    q->last_id + 1);
	/* A peer that reads has room for so little. */
	if (send(q->fd, line, (size_t)n, MSG_NOSIGNAL) != n)
		return err_set(e, EPIPE, "QEMU does not read its commands");
	*id = ++q->last_id;
	return 0;
}

int
qmp_new(struct qmp **ret, struct event_loop *loop, int fd,
    const struct qmp_handler *handler, struct err *e)
{
	OWN(qmp_destroy) struct qmp *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return err_sys(e, "QMP");
	q->fd = -1;
	q->handler = *handler;
	buf_init(&q->in, QMP_LINE_MAX);
	event_watch_init(&q->watch, loop, fd, qmp_readable, q);
	if (fd_nonblock(fd, 1) == -1 ||
	    event_watch_set(&q->watch, EVENT_READ) == -1)
		return err_sys(e, "QMP");
	q->fd = fd;
	*ret = take(&q);
	return 0;
}

void
qmp_destroy(struct qmp *q)
{
	if (q == NULL)
		return;
	if (q->gone != NULL)
		*q->gone = true;
	event_watch_fini(&q->watch);
	if (q->fd != -1)
		(void)close(q->fd);
	buf_fini(&q->in);
	free(q);
}
