/* SPDX-License-Identifier: ISC */
/*
 * wait.c - GET /instances/{id}/wait: until a state is reached
 *
 * Nothing is polled: the VM tells its waiters.  A state from which the one
 * that is waited for cannot come by itself ends the wait, too.
 */

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "lib/num.h"

#define WAIT_DEFAULT_MS	60000
#define WAIT_MAX_MS	300000

struct waiting {
	struct vm_waiter	 waiter;	/* first */
	struct vm		*vm;		/* NULL: waiter is in no list */
	struct request		*request;
	enum vm_state		 want;
	struct event		*timer;
};

static void
finish(struct waiting *w, enum vm_state s, const char *state_error,
    bool timed_out)
{
	reply_json(w->request, 200, json_pack("{s:s,s:o,s:b}",
	    "state", vm_state_name(s),
	    "state_error", state_error == NULL || *state_error == '\0' ?
	    json_null() : json_string(state_error),
	    "timed_out", timed_out));
	if (w->vm != NULL)
		TAILQ_REMOVE(&w->vm->waiters, &w->waiter, entry);
	if (w->timer != NULL)
		event_free(w->timer);
	free(w);
}

static bool
is_end(const struct vm *vm)
{
	return !vm_state_live(vm->state) || vm->state == VM_SHUTDOWN;
}

static void
on_changed(struct vm_waiter *waiter, const struct vm *vm)
{
	struct waiting *w = (struct waiting *)waiter;

	if (vm == NULL) {
		w->vm = NULL;
		finish(w, VM_STOPPED, "the instance was removed", false);
	} else if (vm->state == w->want || is_end(vm)) {
		finish(w, vm->state, vm->state_error, false);
	}
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct waiting *w = arg;

	(void)fd;
	(void)what;
	finish(w, w->vm->state, w->vm->state_error, true);
}

static void
on_hangup(void *arg)
{
	on_time(-1, 0, arg);
}

static int
parse(struct request *r, enum vm_state *want, uint64_t *ms, struct err *e)
{
	const char *text = NULL;
	int found = request_query(&text, r, "state", e);

	if (found == -1)
		return -1;
	if (found == 0)
		return err_api(e, ERANGE, "invalid_state",
		    "state: is missing: ?state=Running");
	if (vm_state_parse(want, text, e) == -1)
		return -1;
	found = request_query(&text, r, "timeout", e);
	if (found <= 0)
		return found;
	if (duration_parse(ms, text, e) == -1 || *ms > WAIT_MAX_MS)
		return err_api(e, EINVAL, "invalid_timeout", "timeout: "
		    "\"%.32s\" is not a duration of at most 5m", text);
	return 0;
}

void
route_instance_wait(struct request *r)
{
	struct vm *vm = route_vm(r);
	uint64_t ms = WAIT_DEFAULT_MS;
	struct timeval tv;
	enum vm_state want;
	struct waiting *w;
	struct err e;

	if (vm == NULL)
		return;
	if (parse(r, &want, &ms, &e) == -1) {
		reply_err(r, &e);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	w->request = r;
	w->want = want;
	w->vm = vm;
	w->waiter.changed = on_changed;
	TAILQ_INSERT_TAIL(&vm->waiters, &w->waiter, entry);
	/* Stopped with a start on its way is no end. */
	if (vm->state == want || (is_end(vm) && TAILQ_EMPTY(&vm->ops))) {
		finish(w, vm->state, vm->state_error, false);
		return;
	}
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	w->timer = evtimer_new(vm->control->base, on_time, w);
	if (w->timer == NULL || evtimer_add(w->timer, &tv) == -1) {
		finish(w, vm->state, vm->state_error, true);
		return;
	}
	request_on_hangup(r, on_hangup, w);
}
