/* SPDX-License-Identifier: ISC */
/* logs.c - GET /instances/{id}/logs: lines as Server-Sent Events */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/log_tail.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "lib/num.h"
#include "lib/util.h"
#include "os/os.h"

#define TAIL_DEFAULT	100

struct logs {
	struct vm_waiter	 waiter;	/* first: the VM ended */
	struct vm		*vm;		/* NULL: waiter is in no list */
	struct log_tail		*tail;
	const char		*name;
	int			 dir;		/* of the VM, ours */
	struct os_watch		 watch;		/* fd -1: not followed */
	struct event		*changed;
	struct stream		*stream;
	/* A line that did not fit into the last piece. */
	const char		*line;
	size_t			 len;
	bool			 ended;		/* nothing will be written */
};

static ssize_t
on_read(void *arg, char *to, size_t room)
{
	struct logs *l = arg;
	size_t at = 0, n;
	int found;

	for (;;) {
		if (l->line == NULL) {
			found = log_tail_next(l->tail, &l->line, &l->len);
			if (found != 1)
				l->line = NULL;
			if (found == -1 || (found == 0 && l->ended))
				return at > 0 ? (ssize_t)at : -1;
			if (found == 0)
				return (ssize_t)at;
		}
		n = log_event(to + at, room - at, l->line, l->len);
		if (n == 0)
			return (ssize_t)at;
		l->line = NULL;
		at += n;
	}
}

static void
logs_free(struct logs *l)
{
	if (l->vm != NULL)
		TAILQ_REMOVE(&l->vm->waiters, &l->waiter, entry);
	if (l->changed != NULL)
		event_free(l->changed);
	os_watch_fini(&l->watch);
	if (l->dir != -1)
		(void)close(l->dir);
	log_tail_close(l->tail);
	free(l);
}

static void
on_close(void *arg)
{
	logs_free(arg);
}

static void
on_changed(evutil_socket_t fd, short what, void *arg)
{
	struct logs *l = arg;

	(void)fd;
	(void)what;
	os_watch_clear(&l->watch, l->dir, l->name);
	stream_wake(l->stream);
}

/* Stopped for good, as far as it can be known now. */
static bool
is_over(const struct vm *vm)
{
	return vm->state == VM_STOPPED &&
	    (vm->spec.restart == RESTART_NEVER || vm->restarts.manual_stop);
}

static void
on_vm(struct vm_waiter *w, const struct vm *vm)
{
	struct logs *l = (struct logs *)w;

	if (vm == NULL)
		l->vm = NULL;
	l->ended = vm == NULL || is_over(vm);
	if (l->ended)
		stream_wake(l->stream);
}

/* --- the request ---------------------------------------------------------- */

struct logs_request {
	const char	*name;
	uint64_t	 tail;
	bool		 follow;
};

static int
source_file(const char **ret, const char *source, struct err *e)
{
	static const struct { const char *source, *name; } files[] = {
		{ "app", "console.log" },
		{ "vmm", "vmm.log" },
		{ "hypeman", "control.log" },
	};

	for (size_t i = 0; i < COUNT(files); i++) {
		if (strcmp(files[i].source, source) == 0) {
			*ret = files[i].name;
			return 0;
		}
	}
	return err_api(e, EINVAL, "invalid_request", "source: \"%.32s\" is "
	    "not app, vmm or hypeman", source);
}

static int
parse(struct logs_request *q, struct request *r, struct err *e)
{
	const char *text = NULL;
	int found = request_query(&text, r, "source", e);

	if (found == -1 || source_file(&q->name, found == 1 ? text : "app",
	    e) == -1)
		return -1;
	q->tail = TAIL_DEFAULT;
	found = request_query(&text, r, "tail", e);
	if (found == -1 || (found == 1 &&
	    num_parse(&q->tail, text, 0, LOG_TAIL_MAX, e) == -1))
		return found == -1 ? -1 : err_prefix(e, "tail");
	found = request_query(&text, r, "follow", e);
	if (found == -1)
		return -1;
	q->follow = found == 1 && strcmp(text, "true") == 0;
	if (found == 1 && !q->follow && strcmp(text, "false") != 0)
		return err_api(e, EINVAL, "invalid_request",
		    "follow: must be true or false");
	return 0;
}

static int
watch(struct logs *l, struct event_base *base, struct err *e)
{
	if (os_watch_init(&l->watch, l->dir, l->name, e) == -1)
		return -1;
	l->changed = event_new(base, l->watch.fd, EV_READ | EV_PERSIST,
	    on_changed, l);
	if (l->changed == NULL || event_add(l->changed, NULL) == -1)
		return err_set(e, ENOMEM, "logs: out of memory");
	return 0;
}

static int
logs_open(struct logs **ret, struct vm *vm, const struct logs_request *q,
    struct err *e)
{
	struct logs *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_sys(e, "logs");
	l->name = q->name;
	l->watch.fd = l->watch.file = -1;
	l->dir = fcntl(vm->dir, F_DUPFD_CLOEXEC, 0);
	if (l->dir == -1)
		(void)err_api(e, ENOENT, "log_not_found",
		    "instance %s was never started", vm->spec.name);
	if (l->dir == -1 || (q->follow &&
	    watch(l, vm->control->base, e) == -1) ||
	    log_tail_open(&l->tail, l->dir, q->name, (size_t)q->tail,
	    q->follow, e) == -1) {
		logs_free(l);
		return -1;
	}
	*ret = l;
	return 0;
}

void
route_instance_logs(struct request *r)
{
	static const struct stream_ops ops = {
		.read = on_read, .close = on_close,
	};
	struct vm *vm = route_vm(r);
	struct logs_request q;
	struct logs *l = NULL;
	struct err e;

	if (vm == NULL)
		return;
	if (parse(&q, r, &e) == -1 || logs_open(&l, vm, &q, &e) == -1) {
		reply_err(r, &e);
		return;
	}
	if (q.follow) {
		l->vm = vm;
		l->ended = is_over(vm) && TAILQ_EMPTY(&vm->ops);
		l->waiter.changed = on_vm;
		TAILQ_INSERT_TAIL(&vm->waiters, &l->waiter, entry);
	}
	l->stream = reply_stream(r, &ops, l);
}
