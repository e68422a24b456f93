/* SPDX-License-Identifier: ISC */
/*
 * gdb.c - a socket for gdb; see gdb.h
 *
 * Process: vmm's main thread.  Sandbox: vmm's; makes a socket in the VM's
 * directory.  Needs: nothing.
 */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "accel/accel_regs.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/gdb.h"
#include "vmm/gdb_regs.h"
#include "vmm/gdb_session.h"
#include "vmm/machine.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

struct gdb {
	struct gdb_setup	 setup;
	int			 listening;
	struct event_watch	 accepting;
	int			 peer;		/* -1: nobody is there */
	struct event_watch	 talk;		/* on peer */
	struct gdb_session	*session;
	struct accel_debug	 debug;		/* where to stop */
};

/* --- the machine as a target -------------------------------------------- */

static unsigned
target_cpus(void *arg)
{
	struct gdb *g = arg;

	return vcpus_count(machine_vcpus(g->setup.machine));
}

/* What is to be done on a vCPU's thread. */
struct call {
	const struct accel		*accel;
	union accel_regs		*regs;
	const struct accel_debug	*debug;
	uint64_t			 va, gpa;
};

static int
call(struct gdb *g, unsigned cpu,
    int (*fn)(struct accel_vcpu *, void *, struct err *), struct call *c)
{
	struct err e;

	c->accel = machine_board(g->setup.machine)->accel;
	if (vcpus_call(machine_vcpus(g->setup.machine), cpu, fn, c, &e) ==
	    0)
		return 0;
	log_debug("gdb: vCPU %u: %s", cpu, e.text);
	return -1;
}

static int
call_get_regs(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct call *c = arg;

	return accel_get_regs(c->accel, v, c->regs, e);
}

static int
call_set_regs(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct call *c = arg;

	return accel_set_regs(c->accel, v, c->regs, e);
}

static int
call_debug(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct call *c = arg;

	return c->accel->debug(v, c->debug, e);
}

static int
call_translate(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct call *c = arg;

	return c->accel->translate(v, c->va, &c->gpa, e);
}

static int
target_get_regs(void *arg, unsigned cpu, union accel_regs *ret)
{
	struct call c = { .regs = ret };

	return call(arg, cpu, call_get_regs, &c);
}

static int
target_set_regs(void *arg, unsigned cpu, const union accel_regs *r)
{
	union accel_regs copy = *r;
	struct call c = { .regs = &copy };

	return call(arg, cpu, call_set_regs, &c);
}

/* Guest memory at a virtual address, up to the end of its page; or NULL. */
static uint8_t *
at(struct gdb *g, unsigned cpu, uint64_t va, size_t *len)
{
	struct call c = { .va = va };

	*len = MIN(*len, 4096 - (va & 4095));
	if (call(g, cpu, call_translate, &c) == -1)
		return NULL;
	return memory_at(machine_board(g->setup.machine)->memory, c.gpa,
	    *len);
}

static size_t
target_read(void *arg, unsigned cpu, uint64_t va, void *to, size_t len)
{
	const uint8_t *from;
	size_t done = 0, n;

	while (done < len) {
		n = len - done;
		if ((from = at(arg, cpu, va + done, &n)) == NULL)
			break;
		memcpy((uint8_t *)to + done, from, n);
		done += n;
	}
	return done;
}

static size_t
target_write(void *arg, unsigned cpu, uint64_t va, const void *from,
    size_t len)
{
	size_t done = 0, n;
	uint8_t *to;

	while (done < len) {
		n = len - done;
		if ((to = at(arg, cpu, va + done, &n)) == NULL)
			break;
		memcpy(to, (const uint8_t *)from + done, n);
		done += n;
	}
	return done;
}

/* Tell each vCPU what it stops at. */
static int
arm(struct gdb *g, bool on, unsigned step)
{
	struct accel_debug d = g->debug;
	struct call c = { .debug = &d };

	d.on = on;
	for (unsigned i = 0; i < target_cpus(g); i++) {
		d.step = on && i == step;
		if (call(g, i, call_debug, &c) == -1)
			return -1;
	}
	return 0;
}

static int
target_points(void *arg, const struct accel_point *p, unsigned n)
{
	struct gdb *g = arg;
	const struct accel_debug before = g->debug;

	g->debug.npoints = n;
	memcpy(g->debug.point, p, n * sizeof(*p));
	if (arm(g, true, GDB_NO_CPU) == 0)
		return 0;
	g->debug = before;
	(void)arm(g, true, GDB_NO_CPU);
	return -1;
}

static void
go(struct gdb *g)
{
	struct err e;

	if (machine_resume(g->setup.machine, &e) == -1)
		g->setup.failed(g->setup.arg, &e);
	else
		g->setup.paused(g->setup.arg, false);
}

static void
target_resume(void *arg, unsigned step)
{
	struct gdb *g = arg;

	(void)arm(g, true, step);
	go(g);
}

static void
target_stop(void *arg)
{
	struct gdb *g = arg;

	machine_pause(g->setup.machine);
	g->setup.paused(g->setup.arg, true);
	gdb_session_stopped(g->session, 0, 0);
}

static const struct gdb_target target = {
	.cpus		= target_cpus,
	.get_regs	= target_get_regs,
	.set_regs	= target_set_regs,
	.read		= target_read,
	.write		= target_write,
	.points		= target_points,
	.resume		= target_resume,
	.stop		= target_stop,
};

/* --- the connection ------------------------------------------------------- */

static void
forget_peer(struct gdb *g)
{
	event_watch_fini(&g->talk);
	gdb_session_destroy(take(&g->session));
	if (g->peer != -1)
		(void)close(take_fd(&g->peer));
}

/* The debugger goes: no breakpoints, and the VM runs. */
static void
drop(struct gdb *g)
{
	forget_peer(g);
	g->debug.npoints = 0;
	machine_pause(g->setup.machine);
	(void)arm(g, false, GDB_NO_CPU);
	log_info("gdb has left");
	go(g);
}

/* Send what there is; -1: the peer is gone. */
static int
flush(struct gdb *g)
{
	struct buf *b = gdb_session_output(g->session);
	ssize_t n;

	while (b->len > 0) {
		n = send(g->peer, b->data, b->len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			break;
		if (n <= 0)
			return -1;
		buf_drain(b, (size_t)n);
	}
	return event_watch_set(&g->talk, b->len > 0 ?
	    EVENT_READ | EVENT_WRITE : EVENT_READ);
}

static void
listen_to(struct gdb *g)
{
	uint8_t bytes[GDB_PACKET_MAX];
	ssize_t n = recv(g->peer, bytes, sizeof(bytes), 0);
	int r;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(g);
		return;
	}
	r = gdb_session_input(g->session, bytes, (size_t)n);
	if (flush(g) == -1 || r == -1)
		drop(g);
}

static void
on_ready(void *arg, unsigned what)
{
	struct gdb *g = arg;

	if ((what & EVENT_WRITE) && flush(g) == -1)
		drop(g);
	else if (what & EVENT_READ)
		listen_to(g);
}

static int
welcome(struct gdb *g, int fd, struct err *e)
{
	g->peer = fd;
	event_watch_init(&g->talk, g->setup.loop, fd, on_ready, g);
	if (event_watch_set(&g->talk, EVENT_READ) == -1)
		return err_sys(e, "socket");
	return gdb_session_new(&g->session,
	    machine_board(g->setup.machine)->accel->arm64 != NULL ?
	    &gdb_arm64 : &gdb_x86, &target, g, e);
}

static void
on_accept(void *arg, unsigned what)
{
	struct gdb *g = arg;
	own_fd int peer = os_accept(g->listening);
	struct err e;

	(void)what;
	if (peer == -1 || g->peer != -1)	/* one is there already */
		return;
	if (welcome(g, take_fd(&peer), &e) == -1) {
		log_err(&e, "gdb");
		forget_peer(g);
		return;
	}
	log_info("gdb has come");
	machine_pause(g->setup.machine);
	g->setup.paused(g->setup.arg, true);
}

void
gdb_stopped(struct gdb *g)
{
	unsigned cpu, hits;

	g->setup.paused(g->setup.arg, true);
	if (g->session == NULL) {	/* it left while a step was on */
		go(g);
		return;
	}
	cpu = machine_stopped(g->setup.machine, &hits);
	gdb_session_stopped(g->session, cpu, hits);
	if (flush(g) == -1)
		drop(g);
}

/* --- life ----------------------------------------------------------------- */

int
gdb_new(struct gdb **ret, const struct gdb_setup *s, struct err *e)
{
	OWN(gdb_destroy) struct gdb *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return err_sys(e, "gdb");
	g->setup = *s;
	g->setup.path = NULL;		/* the caller's, and not needed more */
	g->peer = -1;
	g->listening = os_unix_listen(AT_FDCWD, s->path, 0600, 1, e);
	if (g->listening == -1)
		return err_prefix(e, "gdb");
	if (fd_nonblock(g->listening, 1) == -1)
		return err_sys(e, "gdb: socket");
	event_watch_init(&g->accepting, s->loop, g->listening, on_accept, g);
	if (event_watch_set(&g->accepting, EVENT_READ) == -1)
		return err_sys(e, "gdb: socket");
	*ret = take(&g);
	return 0;
}

void
gdb_destroy(struct gdb *g)
{
	if (g == NULL)
		return;
	forget_peer(g);
	event_watch_fini(&g->accepting);
	if (g->listening != -1)
		(void)close(g->listening);
	free(g);
}
