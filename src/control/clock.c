/* SPDX-License-Identifier: ISC */
/* clock.c - guests are told when the host's clock jumps; see clock.h */

#include <event2/event.h>

#include "chapi/client.h"
#include "control/clock.h"
#include "control/control.h"
#include "control/lifecycle.h"
#include "lib/log.h"
#include "os/clock.h"

#define TELL_MS	5000

struct clock {
	struct os_clock	 clock;
	struct control	*control;
};

static void
on_told(void *arg, const struct chapi_answer *a)
{
	const struct vm *vm = arg;

	/* Not every VMM has something to do. */
	if (a->err != NULL)
		log_debug("%s: clock: %s", vm->spec.name, a->err->text);
}

void
clock_tell(struct vm *vm)
{
	const struct chapi_call call = { .name = "vm.clock", .done = on_told,
	    .arg = vm, .timeout_ms = TELL_MS };
	struct err e;

	if (vm->state != VM_RUNNING || vm->adopting || vm->dir == -1)
		return;
	if ((vm->chapi == NULL && chapi_client_new(&vm->chapi,
	    vm->control->base, vm->dir, &e) == -1) ||
	    chapi_client_call(vm->chapi, &call, &e) == -1)
		log_err(&e, "%s: clock", vm->spec.name);
	vm_greet(vm);
}

static void
on_jump(evutil_socket_t fd, short what, void *arg)
{
	struct clock *c = arg;
	struct os_clock_jump jump;
	struct vm *vm;

	(void)fd;
	(void)what;
	if (!os_clock_look(&c->clock, &jump))
		return;
	log_info("the host slept for %lld s, its clock was set by %lld s",
	    (long long)(jump.slept / 1000000000),
	    (long long)(jump.set / 1000000000));
	TAILQ_FOREACH(vm, &c->control->vms, entry)
		clock_tell(vm);
}

void
clock_start(struct control *ctl)
{
	static const struct timeval tick = { OS_CLOCK_TICK_MS / 1000, 0 };
	static struct clock c;
	struct event *ev;
	struct err e;

	if (os_clock_init(&c.clock, os_clock_read, &e) == -1) {
		log_err(&e, "guests are not told when the clock is set");
		return;
	}
	c.control = ctl;
	ev = event_new(ctl->base, c.clock.fd, EV_PERSIST |
	    (c.clock.fd != -1 ? EV_READ : 0), on_jump, &c);
	if (ev == NULL || event_add(ev, c.clock.fd != -1 ? NULL : &tick) == -1)
		fatalx("no event loop");
}
