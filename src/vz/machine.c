/* SPDX-License-Identifier: ISC */
/*
 * machine.c - one VZVirtualMachine; see machine.h
 *
 * Threads: functions that are passed to on_queue() and those the framework
 * calls run on the queue, each within a pool of its own; everything else
 * runs in the loop, which waits for the queue and is never waited for.
 */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/darwin/signature.h"
#include "vz/machine.h"
#include "vz/ns.h"

#define FRAMEWORK "/System/Library/Frameworks/Virtualization.framework/" \
	"Virtualization"

#define DELEGATE	"VMDDelegate"

struct machine {
	struct machine_setup	 setup;
	/* The queue's. */
	struct objc		*config;
	struct objc		*vm;
	struct objc		*delegate;
	struct objc		*socket;	/* borrowed from vm */
	struct end		*end;		/* to be posted, once */
	bool			 posted;	/* it is under way, or told */
	/* The loop's. */
	struct call		*call;		/* that is not answered */
	bool			 can_save;
	struct err		 why_not;
};

/* --- the queue ----------------------------------------------------------- */

struct task {
	struct machine	*m;
	void		(*fn)(struct task *);
	int		 r;
	struct err	 e;
	/* What some of them take and give. */
	long		 number;
	uint64_t	 bytes;
	void		*arg;
};

static void
run_task(void *arg)
{
	struct task *t = arg;
	void *pool = objc_autoreleasePoolPush();

	t->fn(t);
	objc_autoreleasePoolPop(pool);
}

/* Do it on the queue, and wait. */
static int
on_queue(struct task *t, struct err *e)
{
	dispatch_sync_f(t->m->setup.queue, t, run_task);
	if (t->r == -1 && e != NULL)
		*e = t->e;
	return t->r;
}

/* --- the host ------------------------------------------------------------ */

static void
uncaught(struct objc *exception)
{
	char name[64], reason[256];

	ns_text(name, sizeof(name), ns_get(exception, "name"));
	ns_text(reason, sizeof(reason), ns_get(exception, "reason"));
	log_warnx("the framework gives up: %s: %s", name, reason);
}

int
machine_host(struct err *e)
{
	if (dlopen(FRAMEWORK, RTLD_NOW) == NULL ||
	    !ns_has("VZVirtualMachine"))
		return err_set(e, ENOTSUP, "this host has no "
		    "Virtualization.framework: macOS 13 and later have");
	if (!ns_is(objc_getClass("VZVirtualMachine"), "isSupported"))
		return err_set(e, ENOTSUP, "this host's processor, or what "
		    "this macOS itself runs in, has no virtualization");
	(void)objc_setUncaughtExceptionHandler(uncaught);
	return signature_entitled(VZ_ENTITLEMENT, e);
}

bool
machine_host_saves(void)
{
	return ns_answers("VZVirtualMachine",
	    "saveMachineStateToURL:completionHandler:");
}

/* --- what it tells by itself --------------------------------------------- */

struct end {
	struct letter	 letter;
	struct machine	*m;		/* NULL: nobody wants to know */
	bool		 failed;
	struct err	 e;
};

static void
tell_end(struct letter *l)
{
	struct end *end = CONTAINER_OF(l, struct end, letter);
	struct machine *m = end->m;

	if (m != NULL) {
		m->end = NULL;
		m->setup.ended(m->setup.arg, end->failed ? &end->e : NULL);
	}
	free(end);
}

static struct machine *
machine_of(struct objc *delegate)
{
	return *(struct machine **)object_getIndexedIvars(delegate);
}

static void
post_end(struct machine *m, struct objc *error, bool failed)
{
	if (m->posted)
		return;
	m->posted = true;
	m->end->failed = failed;
	if (failed)
		(void)ns_refused(&m->end->e, error, "machine");
	post_send(m->setup.post, &m->end->letter);
}

/* guestDidStopVirtualMachine: */
static void
guest_stopped(struct objc *self, struct objc_sel *sel, struct objc *vm)
{
	(void)sel;
	(void)vm;
	post_end(machine_of(self), NULL, false);
}

/* virtualMachine:didStopWithError: */
static void
machine_stopped(struct objc *self, struct objc_sel *sel, struct objc *vm,
    struct objc *error)
{
	(void)sel;
	(void)vm;
	post_end(machine_of(self), error, true);
}

/* virtualMachine:networkDevice:attachmentWasDisconnectedWithError: */
static void
net_lost(struct objc *self, struct objc_sel *sel, struct objc *vm,
    struct objc *device, struct objc *error)
{
	struct err e;

	(void)self;
	(void)sel;
	(void)vm;
	(void)device;
	/* Of a device process the lifeline tells, and ends the VM. */
	(void)ns_refused(&e, error, "a network card is disconnected");
	log_warnx("%s", e.text);
}

static struct objc *
delegate_class(void)
{
	struct objc *c = objc_getClass(DELEGATE);

	if (c != NULL)
		return c;
	c = objc_allocateClassPair(objc_getClass("NSObject"), DELEGATE, 0);
	(void)class_addMethod(c, objc_sel("guestDidStopVirtualMachine:"),
	    (void (*)(void))guest_stopped, "v@:@");
	(void)class_addMethod(c,
	    objc_sel("virtualMachine:didStopWithError:"),
	    (void (*)(void))machine_stopped, "v@:@@");
	(void)class_addMethod(c, objc_sel("virtualMachine:networkDevice:"
	    "attachmentWasDisconnectedWithError:"),
	    (void (*)(void))net_lost, "v@:@@@");
	objc_registerClassPair(c);
	return c;
}

/* --- calls --------------------------------------------------------------- */

/* Lives until it is answered, also when nobody waits for it any more. */
struct call {
	struct letter	 letter;
	struct machine	*m;		/* NULL: nobody */
	void		(*done)(void *arg, const struct err *e);
	const char	*what;
	bool		 failed;
	struct err	 e;
	struct post	*post;
};

/* void (^)(NSError *) */
struct call_block {
	struct objc_block	 block;
	struct call		*call;
};

static const struct objc_block_kind call_kind = {
	.size = sizeof(struct call_block), .signature = "v16@?0@8",
};

static const struct call_kind {
	const char	*what;
	const char	*can;		/* asked first: else it would throw */
	const char	*message;
	bool		 file;		/* it takes a URL first */
} calls[MACHINE_CALLS] = {
	[MACHINE_START] = { "start", "canStart",
	    "startWithCompletionHandler:", false },
	[MACHINE_PAUSE] = { "pause", "canPause",
	    "pauseWithCompletionHandler:", false },
	[MACHINE_RESUME] = { "resume", "canResume",
	    "resumeWithCompletionHandler:", false },
	[MACHINE_SAVE] = { "save", NULL,
	    "saveMachineStateToURL:completionHandler:", true },
	[MACHINE_RESTORE] = { "restore", "canStart",
	    "restoreMachineStateFromURL:completionHandler:", true },
};

static void
tell_call(struct letter *l)
{
	struct call *c = CONTAINER_OF(l, struct call, letter);

	if (c->m != NULL) {
		c->m->call = NULL;
		c->done(c->m->setup.arg, c->failed ? &c->e : NULL);
	}
	free(c);
}

/* On the queue: the framework is done with it. */
static void
answered(struct call_block *b, struct objc *error)
{
	struct call *c = b->call;
	void *pool = objc_autoreleasePoolPush();

	if (error != NULL) {
		c->failed = true;
		(void)ns_refused(&c->e, error, c->what);
	}
	objc_autoreleasePoolPop(pool);
	post_send(c->post, &c->letter);
}

static void
begin_call(struct task *t)
{
	const struct call_kind *k = &calls[t->number];
	struct machine *m = t->m;
	struct call_block b = { OBJC_BLOCK(answered, &call_kind), m->call };

	if (k->can != NULL && !ns_is(m->vm, k->can)) {
		t->r = err_set(&t->e, EBUSY, "%s: not possible while the "
		    "machine is %s", k->what,
		    state_find(OBJC(long)(m->vm, objc_sel("state")))->word);
		return;
	}
	if (k->file)
		OBJC(void, struct objc *, void *)(m->vm,
		    objc_sel(k->message), ns_url(t->arg), &b);
	else
		OBJC(void, void *)(m->vm, objc_sel(k->message), &b);
}

void
machine_call(struct machine *m, enum machine_call what, const char *path,
    void (*done)(void *arg, const struct err *e))
{
	struct task t = { .m = m, .fn = begin_call, .number = (long)what };
	struct call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		fatal("machine");
	c->letter.fn = tell_call;
	c->m = m;
	c->done = done;
	c->what = calls[what].what;
	c->post = m->setup.post;
	m->call = c;
	t.arg = (void *)(uintptr_t)path;
	if (on_queue(&t, &c->e) == -1) {
		c->failed = true;
		post_send(c->post, &c->letter);
	}
}

static void
press(struct task *t)
{
	struct objc *vm = t->m->vm, *error = NULL;

	if (!ns_is(vm, "canRequestStop"))
		t->r = err_set(&t->e, EBUSY, "power button: not possible now");
	else if (OBJC(signed char, struct objc **)(vm,
	    objc_sel("requestStopWithError:"), &error) == 0)
		t->r = ns_refused(&t->e, error, "power button");
}

int
machine_power_button(struct machine *m, struct err *e)
{
	struct task t = { .m = m, .fn = press };

	return on_queue(&t, e);
}

static void
set_balloon(struct task *t)
{
	struct objc *balloon = ns_at(ns_get(t->m->vm,
	    "memoryBalloonDevices"), 0);

	if (balloon == NULL) {
		t->r = err_set(&t->e, ENOTSUP, "the machine has no balloon");
		return;
	}
	OBJC(void, uint64_t)(balloon, objc_sel(
	    "setTargetVirtualMachineMemorySize:"), t->bytes);
}

int
machine_resize(struct machine *m, uint64_t bytes, struct err *e)
{
	struct task t = { .m = m, .fn = set_balloon,
	    .bytes = bytes - bytes % VM_MEMORY_STEP };

	return on_queue(&t, e);
}

static void
get_state(struct task *t)
{
	t->number = OBJC(long)(t->m->vm, objc_sel("state"));
}

const struct state *
machine_state(struct machine *m, long *number)
{
	struct task t = { .m = m, .fn = get_state };

	(void)on_queue(&t, NULL);
	*number = t.number;
	return state_find(t.number);
}

int
machine_can_save(const struct machine *m, struct err *e)
{
	if (!m->can_save)
		*e = m->why_not;
	return m->can_save ? 0 : -1;
}

struct objc *
machine_socket(struct machine *m)
{
	return m->socket;
}

/* --- life ---------------------------------------------------------------- */

static void
make(struct task *t)
{
	struct machine *m = t->m;

	t->r = config_make(&m->config, &m->setup.config, &t->e);
	if (t->r == -1)
		return;
	m->can_save = config_can_save(m->config, &m->why_not) == 0;
	m->vm = OBJC(struct objc *, struct objc *, void *)(
	    ns_alloc("VZVirtualMachine"),
	    objc_sel("initWithConfiguration:queue:"), m->config,
	    m->setup.queue);
	m->delegate = class_createInstance(delegate_class(), sizeof(m));
	*(struct machine **)object_getIndexedIvars(m->delegate) = m;
	ns_set(m->vm, "setDelegate:", m->delegate);
	m->socket = ns_at(ns_get(m->vm, "socketDevices"), 0);
}

int
machine_new(struct machine **ret, const struct machine_setup *setup,
    struct err *e)
{
	OWN(machine_destroy) struct machine *m = calloc(1, sizeof(*m));
	struct task t = { .m = m, .fn = make };

	if (m == NULL || (m->end = calloc(1, sizeof(*m->end))) == NULL)
		return err_sys(e, "machine");
	m->end->letter.fn = tell_end;
	m->end->m = m;
	m->setup = *setup;
	if (on_queue(&t, e) == -1)
		return -1;
	m->setup.config.config = NULL;
	*ret = take(&m);
	return 0;
}

/* The loop waits for the framework; whoever is last frees it. */
struct kill {
	pthread_mutex_t	 lock;
	pthread_cond_t	 changed;
	bool		 stopped;
	atomic_uint	 users;
};

struct kill_block {
	struct objc_block	 block;
	struct kill		*kill;
};

static const struct objc_block_kind kill_kind = {
	.size = sizeof(struct kill_block), .signature = "v16@?0@8",
};

static void
kill_leave(struct kill *k)
{
	if (atomic_fetch_sub(&k->users, 1) != 1)
		return;
	(void)pthread_cond_destroy(&k->changed);
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}

static void
killed(struct kill_block *b, struct objc *error)
{
	struct kill *k = b->kill;

	(void)error;
	(void)pthread_mutex_lock(&k->lock);
	k->stopped = true;
	(void)pthread_cond_signal(&k->changed);
	(void)pthread_mutex_unlock(&k->lock);
	kill_leave(k);
}

/* 'number': was there something to wait for? */
static void
begin_kill(struct task *t)
{
	struct kill_block b = { OBJC_BLOCK(killed, &kill_kind), t->arg };
	struct kill *k = t->arg;

	ns_set(t->m->vm, "setDelegate:", NULL);
	t->number = ns_is(t->m->vm, "canStop");
	if (t->number == 0)
		return;
	(void)atomic_fetch_add(&k->users, 1);
	OBJC(void, void *)(t->m->vm, objc_sel("stopWithCompletionHandler:"),
	    &b);
}

static void
stop(struct machine *m)
{
	struct kill *k = calloc(1, sizeof(*k));
	struct task t = { .m = m, .fn = begin_kill, .arg = k };
	struct timespec until;
	int r = 0;

	if (k == NULL)
		fatal("machine");
	k->users = 1;
	(void)pthread_mutex_init(&k->lock, NULL);
	(void)pthread_cond_init(&k->changed, NULL);
	(void)on_queue(&t, NULL);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += MACHINE_KILL_S;
	(void)pthread_mutex_lock(&k->lock);
	while (t.number != 0 && !k->stopped && r == 0)
		r = pthread_cond_timedwait(&k->changed, &k->lock, &until);
	(void)pthread_mutex_unlock(&k->lock);
	if (r != 0)
		log_warnx("the machine did not stop within %d s: it ends "
		    "with this process", MACHINE_KILL_S);
	kill_leave(k);
}

/* Its last reference: the framework ends what is left of it. */
static void
unmake(struct task *t)
{
	objc_release(take(&t->m->vm));
	objc_release(take(&t->m->delegate));
	objc_release(take(&t->m->config));
}

void
machine_destroy(struct machine *m)
{
	struct task t = { .m = m, .fn = unmake };

	if (m == NULL)
		return;
	if (m->vm != NULL)
		stop(m);
	(void)on_queue(&t, NULL);
	if (m->call != NULL)
		m->call->m = NULL;
	if (m->end != NULL && m->posted)
		m->end->m = NULL;
	else
		free(m->end);
	free(m);
}
