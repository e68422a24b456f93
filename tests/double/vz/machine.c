/* SPDX-License-Identifier: ISC */
/*
 * machine.c - VZVirtualMachine and its devices at run time
 *
 * Every message is on the machine's queue, or the double is broken; one that
 * the state does not allow throws, as Apple's does.  What begins ends a turn
 * of the queue later.
 */

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "double.h"

enum { STOPPED, RUNNING, PAUSED, ERROR, STARTING, PAUSING, RESUMING, STOPPING,
    SAVING, RESTORING };

#define STRANGE		42	/* no state that anybody knows */
#define LISTENERS_MAX	128

struct machine {
	struct dispatch_queue_s	*queue;
	struct objc		*config;
	struct objc		*delegate;	/* weak */
	struct objc		*sockets;	/* list of one, or NULL */
	struct objc		*balloons;
	struct guest		*guest;		/* of a machine that was
						   started */
	long			 state;
	struct {
		struct objc	*listener;	/* retained */
		uint32_t	 port;
	} listeners[LISTENERS_MAX];
};

bool	double_supported(void);

static struct machine *
of(struct objc *vm)
{
	struct machine *m = vm->priv;

	if (!double_on_queue(m->queue))
		double_broken("a message to a machine off its queue");
	return m;
}

static bool
wants(struct machine *m, const char *word)
{
	const char *text = double_text(double_get(double_get(m->config,
	    "setBootLoader:"), "setCommandLine:"));

	return text != NULL && strstr(text, word) != NULL;
}

static void
tell(struct objc *delegate, const char *message, struct objc *vm,
    struct objc *a, struct objc *b)
{
	struct objc_sel *sel = objc_sel(message);

	if (delegate != NULL &&
	    class_respondsToSelector(&delegate->isa->object, sel))
		OBJC(void, struct objc *, struct objc *, struct objc *)(
		    delegate, sel, vm, a, b);
}

/* --- what takes its time ------------------------------------------------- */

struct later {
	struct objc		*vm;		/* retained */
	struct objc_block	*block;
	long			 to;
	const char		*fails;		/* with this text, or NULL */
	long			 code;
	char			*file;		/* saved to, restored from */
};

static void
begin_guest(struct objc *vm, struct machine *m)
{
	const struct guest_setup s = { m->queue, vm, m->config };

	if (m->guest == NULL)
		m->guest = guest_new(&s);
}

static void
end_guest(struct machine *m)
{
	guest_destroy(m->guest);
	m->guest = NULL;
}

static struct objc *
identifier(struct machine *m)
{
	return double_get(double_get(double_get(m->config, "setPlatform:"),
	    "setMachineIdentifier:"), "data");
}

/* The file is the identifier: it belongs to it. */
static const char *
save(struct machine *m, const char *path)
{
	struct objc *id = identifier(m);
	FILE *f = fopen(path, "wx");

	if (f == NULL)
		return "The file cannot be written.";
	(void)fwrite(OBJC(const void *)(id, objc_sel("bytes")), 1,
	    OBJC(unsigned long)(id, objc_sel("length")), f);
	(void)fclose(f);
	return NULL;
}

static const char *
restore(struct machine *m, const char *path)
{
	struct objc *id = identifier(m);
	size_t len = OBJC(unsigned long)(id, objc_sel("length")), n;
	char text[256];
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return "The file cannot be read.";
	n = fread(text, 1, sizeof(text), f);
	(void)fclose(f);
	if (n != len ||
	    memcmp(text, OBJC(const void *)(id, objc_sel("bytes")), n) != 0)
		return "Invalid argument.";
	return NULL;
}

static void
finish(void *arg)
{
	struct later *l = arg;
	struct machine *m = l->vm->priv;
	void *pool = objc_autoreleasePoolPush();
	long from = m->state;

	if (l->fails == NULL && from == SAVING)
		l->fails = save(m, l->file);
	if (l->fails == NULL && from == RESTORING)
		l->fails = restore(m, l->file);
	if (l->fails == NULL)
		m->state = l->to;
	else
		m->state = from == STARTING ? ERROR :
		    from == RESTORING ? STOPPED :
		    from == PAUSING ? RUNNING : PAUSED;
	if (m->state == RUNNING || (m->state == PAUSED && from == RESTORING))
		begin_guest(l->vm, m);
	if (m->state == STOPPED)
		end_guest(m);
	((void (*)(void *, struct objc *))l->block->invoke)(l->block,
	    l->fails != NULL ? double_error(l->code, l->fails, NULL) : NULL);
	_Block_release(l->block);
	objc_release(l->vm);
	objc_autoreleasePoolPop(pool);
	free(l->file);
	free(l);
}

static void
later(struct objc *vm, struct later l, long through, const void *block)
{
	struct machine *m = vm->priv;
	struct later *copy = malloc(sizeof(*copy));

	l.vm = objc_retain(vm);
	l.block = _Block_copy(block);
	l.code = through == SAVING ? 11 : through == RESTORING ? 12 : 1;
	*copy = l;
	m->state = through;
	dispatch_async_f(m->queue, copy, finish);
}

static void
need(bool can, const char *what)
{
	if (!can)
		double_throw("NSInternalInconsistencyException", what);
}

/* --- a machine's messages ------------------------------------------------ */

static signed char
vm_supported(struct objc *self, struct objc_sel *sel)
{
	(void)self;
	(void)sel;
	return double_supported();
}

static struct objc *
one(const char *class, struct objc *config, const char *key, struct objc *vm)
{
	void *pool = objc_autoreleasePoolPush();
	struct objc *list = NULL, *o;

	if (double_count(double_get(config, key)) > 0) {
		list = objc_retain(OBJC(struct objc *)(
		    objc_getClass("NSMutableArray"), objc_sel("array")));
		o = double_new(class);
		o->priv = vm;
		OBJC(void, struct objc *)(list, objc_sel("addObject:"), o);
		objc_release(o);
	}
	objc_autoreleasePoolPop(pool);
	return list;
}

static struct objc *
vm_init(struct objc *self, struct objc_sel *sel, struct objc *config,
    struct dispatch_queue_s *queue)
{
	struct machine *m = calloc(1, sizeof(*m));

	(void)sel;
	m->config = objc_retain(config);
	m->queue = queue;
	m->sockets = one("VZVirtioSocketDevice", config, "setSocketDevices:",
	    self);
	m->balloons = one("VZVirtioTraditionalMemoryBalloonDevice", config,
	    "setMemoryBalloonDevices:", self);
	fprintf(stderr, "double: machine of %zu disks %zu nets %zu shares, "
	    "%zu entropy\n",
	    double_count(double_get(config, "setStorageDevices:")),
	    double_count(double_get(config, "setNetworkDevices:")),
	    double_count(double_get(config, "setDirectorySharingDevices:")),
	    double_count(double_get(config, "setEntropyDevices:")));
	self->priv = m;
	return self;
}

static void
vm_dealloc(struct objc *self)
{
	struct machine *m = self->priv;

	if (m->delegate != NULL)
		double_broken("a delegate outlives its machine's last use");
	end_guest(m);
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		if (m->listeners[i].listener != NULL)
			double_broken("port %u is still listened on",
			    m->listeners[i].port);
	objc_release(m->sockets);
	objc_release(m->balloons);
	objc_release(m->config);
	free(m);
}

static void
vm_set_delegate(struct objc *self, struct objc_sel *sel, struct objc *d)
{
	(void)sel;
	of(self)->delegate = d;
}

static long
vm_state(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return of(self)->state;
}

static signed char
vm_can_start(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return of(self)->state == STOPPED || of(self)->state == ERROR;
}

static signed char
vm_can_pause(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return of(self)->state == RUNNING;
}

static signed char
vm_can_resume(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return of(self)->state == PAUSED;
}

static signed char
vm_can_stop(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return of(self)->state == RUNNING || of(self)->state == PAUSED ||
	    of(self)->state == STRANGE;
}

static struct objc *
vm_sockets(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return of(self)->sockets;
}

static struct objc *
vm_balloons(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return of(self)->balloons;
}

static void
vm_start(struct objc *self, struct objc_sel *sel, void *block)
{
	struct machine *m = of(self);

	need(vm_can_start(self, sel), "start");
	later(self, (struct later){ .to = RUNNING,
	    .fails = wants(m, "vz.start") ?
	    "The virtual machine failed to start." : NULL }, STARTING, block);
}

static void
vm_pause(struct objc *self, struct objc_sel *sel, void *block)
{
	need(vm_can_pause(self, sel), "pause");
	later(self, (struct later){ .to = PAUSED,
	    .fails = wants(of(self), "vz.pause") ?
	    "It does not pause." : NULL }, PAUSING, block);
}

static void
vm_resume(struct objc *self, struct objc_sel *sel, void *block)
{
	need(vm_can_resume(self, sel), "resume");
	later(self, (struct later){ .to = RUNNING,
	    .fails = wants(of(self), "vz.resume") ?
	    "It does not go on." : NULL }, RESUMING, block);
}

static void
vm_stop(struct objc *self, struct objc_sel *sel, void *block)
{
	need(vm_can_stop(self, sel), "stop");
	later(self, (struct later){ .to = STOPPED }, STOPPING, block);
}

static signed char
vm_request_stop(struct objc *self, struct objc_sel *sel,
    struct objc **error)
{
	(void)sel;
	if (wants(of(self), "vz.button")) {
		*error = double_error(3, "The guest does not listen.", NULL);
		return 0;
	}
	machine_event(self, GUEST_OFF);
	return 1;
}

static void
vm_save(struct objc *self, struct objc_sel *sel, struct objc *url,
    void *block)
{
	(void)sel;
	need(of(self)->state == PAUSED, "save");
	later(self, (struct later){ .to = PAUSED,
	    .file = strdup(double_text(url)),
	    .fails = wants(of(self), "vz.save") ? "An internal error." :
	    NULL }, SAVING, block);
}

static void
vm_restore(struct objc *self, struct objc_sel *sel, struct objc *url,
    void *block)
{
	(void)sel;
	need(of(self)->state == STOPPED, "restore");
	later(self, (struct later){ .to = PAUSED,
	    .file = strdup(double_text(url)) }, RESTORING, block);
}

/* --- what a guest does --------------------------------------------------- */

struct doing {
	struct objc		*vm;	/* retained */
	enum guest_event	 what;
};

static void
do_it(void *arg)
{
	struct doing *d = arg;
	struct machine *m = d->vm->priv;
	void *pool = objc_autoreleasePoolPush();

	if (m->state != RUNNING) {
		/* It was stopped meanwhile. */
	} else if (d->what == GUEST_STRANGE) {
		m->state = STRANGE;
	} else if (d->what == GUEST_NET_LOST) {
		tell(m->delegate, "virtualMachine:networkDevice:"
		    "attachmentWasDisconnectedWithError:", d->vm, NULL,
		    double_error(7, "The network is gone.", NULL));
	} else if (d->what == GUEST_OFF) {
		end_guest(m);
		m->state = STOPPED;
		tell(m->delegate, "guestDidStopVirtualMachine:", d->vm, NULL,
		    NULL);
	} else {
		end_guest(m);
		m->state = ERROR;
		tell(m->delegate, "virtualMachine:didStopWithError:", d->vm,
		    double_error(1, "Internal virtualization error.",
		    "The process of the guest crashed."), NULL);
	}
	objc_release(d->vm);
	objc_autoreleasePoolPop(pool);
	free(d);
}

void
machine_event(struct objc *vm, enum guest_event what)
{
	struct doing *d = calloc(1, sizeof(*d));

	d->vm = objc_retain(vm);
	d->what = what;
	dispatch_async_f(((struct machine *)vm->priv)->queue, d, do_it);
}

/* --- devices ------------------------------------------------------------- */

static struct machine *
machine_of(struct objc *device)
{
	return of(device->priv);
}

static void
set_listener(struct objc *self, struct objc_sel *sel, struct objc *listener,
    uint32_t port)
{
	struct machine *m = machine_of(self);

	(void)sel;
	for (size_t i = 0; i < LISTENERS_MAX; i++) {
		if (m->listeners[i].listener != NULL)
			continue;
		m->listeners[i].listener = objc_retain(listener);
		m->listeners[i].port = port;
		return;
	}
	double_broken("too many listeners");
}

static void
remove_listener(struct objc *self, struct objc_sel *sel, uint32_t port)
{
	struct machine *m = machine_of(self);

	(void)sel;
	for (size_t i = 0; i < LISTENERS_MAX; i++) {
		if (m->listeners[i].listener == NULL ||
		    m->listeners[i].port != port)
			continue;
		objc_release(m->listeners[i].listener);
		m->listeners[i].listener = NULL;
	}
}

struct objc *
machine_listener(struct objc *vm, uint32_t port)
{
	struct machine *m = of(vm);

	for (size_t i = 0; i < LISTENERS_MAX; i++)
		if (m->listeners[i].listener != NULL &&
		    m->listeners[i].port == port)
			return m->listeners[i].listener;
	return NULL;
}

struct objc *
machine_socket_device(struct objc *vm)
{
	return double_at(of(vm)->sockets, 0);
}

struct connecting {
	struct objc		*vm;	/* retained */
	uint32_t		 port;
	struct objc_block	*block;
};

static void
connect_now(void *arg)
{
	struct connecting *c = arg;
	struct machine *m = c->vm->priv;
	void *pool = objc_autoreleasePoolPush();
	struct objc *connection = m->guest == NULL ? NULL :
	    guest_connect(m->guest, c->port);

	((void (*)(void *, struct objc *, struct objc *))c->block->invoke)(
	    c->block, connection, connection != NULL ? NULL :
	    double_error(1, "Connection reset by peer.", NULL));
	_Block_release(c->block);
	objc_release(c->vm);
	objc_autoreleasePoolPop(pool);
	free(c);
}

static void
connect_to(struct objc *self, struct objc_sel *sel, uint32_t port,
    void *block)
{
	struct connecting *c = calloc(1, sizeof(*c));

	(void)sel;
	c->vm = objc_retain(self->priv);
	c->port = port;
	c->block = _Block_copy(block);
	dispatch_async_f(machine_of(self)->queue, c, connect_now);
}

static void
set_target(struct objc *self, struct objc_sel *sel, uint64_t bytes)
{
	(void)machine_of(self);
	(void)sel;
	fprintf(stderr, "double: balloon leaves %llu\n",
	    (unsigned long long)bytes);
}

static const struct method vm_class[] = {
	{ "isSupported", IMP(vm_supported) }, { NULL, NULL },
};
static const struct method vm[] = {
	{ "initWithConfiguration:queue:", IMP(vm_init) },
	{ "setDelegate:", IMP(vm_set_delegate) },
	{ "state", IMP(vm_state) },
	{ "canStart", IMP(vm_can_start) },
	{ "canPause", IMP(vm_can_pause) },
	{ "canResume", IMP(vm_can_resume) },
	{ "canStop", IMP(vm_can_stop) },
	{ "canRequestStop", IMP(vm_can_pause) },
	{ "socketDevices", IMP(vm_sockets) },
	{ "memoryBalloonDevices", IMP(vm_balloons) },
	{ "startWithCompletionHandler:", IMP(vm_start) },
	{ "pauseWithCompletionHandler:", IMP(vm_pause) },
	{ "resumeWithCompletionHandler:", IMP(vm_resume) },
	{ "stopWithCompletionHandler:", IMP(vm_stop) },
	{ "requestStopWithError:", IMP(vm_request_stop) },
	{ "saveMachineStateToURL:completionHandler:", IMP(vm_save) },
	{ "restoreMachineStateFromURL:completionHandler:", IMP(vm_restore) },
	{ NULL, NULL },
};
static const struct method socket_device[] = {
	{ "setSocketListener:forPort:", IMP(set_listener) },
	{ "removeSocketListenerForPort:", IMP(remove_listener) },
	{ "connectToPort:completionHandler:", IMP(connect_to) },
	{ NULL, NULL },
};
static const struct method balloon[] = {
	{ "setTargetVirtualMachineMemorySize:", IMP(set_target) },
	{ NULL, NULL },
};

extern const struct method double_connection[], double_listener[];
void	double_connection_dealloc(struct objc *);

struct class double_machine[] = {
	{ .name = "VZVirtualMachine", .methods = vm,
	    .class_methods = vm_class, .dealloc = vm_dealloc },
	{ .name = "VZVirtioSocketDevice", .methods = socket_device },
	{ .name = "VZVirtioTraditionalMemoryBalloonDevice",
	    .methods = balloon },
	{ .name = "VZVirtioSocketConnection", .methods = double_connection,
	    .dealloc = double_connection_dealloc },
	{ .name = "VZVirtioSocketListener", .methods = double_listener },
	{ .name = NULL },
};
