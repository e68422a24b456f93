/* SPDX-License-Identifier: ISC */
/*
 * qmp.h - QEMU's machine protocol
 *
 * Source: QEMU, docs/interop/qmp-spec.txt.  One JSON object a line.  QEMU
 * is trusted no more than a guest that took it over: every line is bounded
 * and checked, and one that is wrong ends the connection.
 */

#ifndef QEMU_QMP_H
#define QEMU_QMP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/own.h"

#define QMP_LINE_MAX	65536	/* bytes, CR LF included */
#define QMP_COMMAND_MAX	160	/* bytes of one that we send */
#define QMP_WORD_MAX	64	/* bytes of an event's name or run state */

struct event_loop;
struct qmp;

enum qmp_kind {
	QMP_GREETING,	/* the first line */
	QMP_RETURN,	/* 'data' of the command 'id' */
	QMP_ERROR,	/* 'text' of the command 'id' */
	QMP_EVENT,	/* 'text' is its name, 'data' its data or NULL */
};

struct qmp_msg {
	enum qmp_kind	 kind;
	uint64_t	 id;		/* 0: none was given */
	const char	*text;		/* borrowed from doc */
	const json_t	*data;		/* borrowed from doc */
	json_t		*doc;		/* owned; qmp_msg_fini() */
};

/* Read one line, without its end. */
int	qmp_parse(struct qmp_msg *ret, const void *line, size_t len,
	    struct err *);
void	qmp_msg_fini(struct qmp_msg *);

struct qmp_handler {
	void	(*message)(void *arg, const struct qmp_msg *);
	/* No more will come; err is NULL when QEMU closed properly. */
	void	(*closed)(void *arg, const struct err *);
	void	*arg;
};

/* Speak on fd, which is taken.  The handler is copied, and may destroy. */
int	qmp_new(struct qmp **ret, struct event_loop *, int fd,
	    const struct qmp_handler *, struct err *);
void	qmp_destroy(struct qmp *);
OWN_DEFINE(struct qmp, qmp_destroy);

/* Send a command, with a JSON object or NULL; its id goes to *id. */
int	qmp_send(struct qmp *, const char *command, const char *arguments,
	    uint64_t *id, struct err *);

/* Handle what has arrived now; for when the process has ended. */
void	qmp_drain(struct qmp *);

#endif
