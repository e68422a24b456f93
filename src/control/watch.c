/* SPDX-License-Identifier: ISC */
/* watch.c - VMMs that live and do not answer; see watch.h */

#include <stdio.h>

#include <event2/event.h>

#include "chapi/client.h"
#include "control/control.h"
#include "control/lifecycle.h"
#include "control/watch.h"
#include "lib/log.h"

static void
on_pong(void *arg, const struct chapi_answer *a)
{
	struct vm *vm = arg;
	bool silent = a->status == 0 && vm->nops == 0;

	vm->pinged = false;
	if (silent == vm->silent)
		return;
	vm->silent = silent;
	if (silent)
		log_err(a->err, "%s: its VMM does not answer", vm->spec.name);
	vm_note(vm, silent ? "its VMM does not answer" :
	    "its VMM answers again");
}

static void
ping(struct vm *vm)
{
	struct chapi_call call = { .name = "vmm.ping", .done = on_pong,
	    .arg = vm, .timeout_ms = WATCH_LIMIT_MS };
	struct err e;

	if (!vm_state_live(vm->state) || vm->adopting || vm->nops > 0 ||
	    vm->pinged || vm->dir == -1)
		return;
	if (vm->chapi == NULL && chapi_client_new(&vm->chapi,
	    vm->control->base, vm->dir, &e) == -1)
		return;
	vm->pinged = chapi_client_call(vm->chapi, &call, &e) == 0;
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct control *ctl = arg;
	struct vm *vm;

	(void)fd;
	(void)what;
	TAILQ_FOREACH(vm, &ctl->vms, entry)
		ping(vm);
}

void
watch_start(struct control *ctl)
{
	static const struct timeval every = { WATCH_EVERY_MS / 1000, 0 };
	struct event *timer;

	timer = event_new(ctl->base, -1, EV_PERSIST, on_time, ctl);
	if (timer == NULL || event_add(timer, &every) == -1)
		fatalx("no event loop");
}
