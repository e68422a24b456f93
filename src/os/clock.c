/* SPDX-License-Identifier: ISC */
/* clock.c - has the host's clock jumped?  See clock.h */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/clock.h"

int
os_clock_init(struct os_clock *c, void (*read)(struct os_clock_times *),
    struct err *e)
{
	c->fd = os_clock_open();
	if (c->fd == -1 && errno != 0)
		return err_sys(e, "clock");
	c->read = read;
	c->read(&c->last);
	return 0;
}

void
os_clock_fini(struct os_clock *c)
{
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
}

bool
os_clock_look(struct os_clock *c, struct os_clock_jump *ret)
{
	const struct os_clock_times was = c->last;
	struct os_clock_times *now = &c->last;
	int64_t passed;

	/* First: what comes later is told again. */
	if (c->fd != -1)
		os_clock_clear(c->fd);
	c->read(now);
	passed = now->passed - was.passed;
	ret->slept = passed - (now->running - was.running);
	ret->set = now->real - was.real - passed;
	return llabs(ret->slept) >= OS_CLOCK_JUMP_NS ||
	    llabs(ret->set) >= OS_CLOCK_JUMP_NS;
}
