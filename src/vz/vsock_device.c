/* SPDX-License-Identifier: ISC */
/*
 * vsock_device.c - the socket device of a machine; see vsock_device.h
 *
 * Threads: functions that get a struct objc_sel or a block are the
 * framework's to call, on the queue, and so is what dispatch_*_f() is given.
 */

#include <sys/types.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/num.h"
#include "lib/util.h"
#include "os/os.h"
#include "vz/ns.h"
#include "vz/vsock_device.h"

#define DELEGATE	"VMDListenerDelegate"

/* Freed by the loop when its last call is told. */
struct vsock_device {
	struct vsock_device_setup setup;
	struct objc		*delegate;
	struct objc		*listener;
	uint32_t		 ports[VSOCK_PORTS_MAX];
	size_t			 nports;
	bool			 ended;		/* the loop's */
	unsigned		 posted;	/* the queue's: calls in all */
	unsigned		 told;		/* the loop's: of these */
};

/* --- connections --------------------------------------------------------- */

static void
let_go(void *arg)
{
	void *pool = objc_autoreleasePoolPush();

	(void)ns_get(arg, "close");
	objc_release(arg);
	objc_autoreleasePoolPop(pool);
}

void
vsock_guest_close(struct vsock_guest *g)
{
	if (g->connection == NULL)
		return;
	if (g->fd != -1)
		(void)close(g->fd);
	dispatch_async_f(g->queue, take(&g->connection), let_go);
}

/* On the queue: keep a connection.  -1: it has no descriptor any more. */
static int
keep(struct vsock_guest *g, struct objc *connection)
{
	int fd = OBJC(int)(connection, objc_sel("fileDescriptor"));

	fd = fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	g->fd = fd;
	g->connection = objc_retain(connection);
	return 0;
}

/* --- the host asks ------------------------------------------------------- */

/* void (^)(VZVirtioSocketConnection *, NSError *) */
struct dial_block {
	struct objc_block	 block;
	struct vsock_dial	*dial;
};

static const struct objc_block_kind dial_kind = {
	.size = sizeof(struct dial_block), .signature = "v24@?0@8@16",
};

static void
dialled(struct dial_block *b, struct objc *connection, struct objc *error)
{
	struct vsock_dial *d = b->dial;
	void *pool = objc_autoreleasePoolPush();

	if (connection != NULL && error == NULL &&
	    keep(&d->guest, connection) == 0)
		d->guest.host_port = OBJC(uint32_t)(connection,
		    objc_sel("sourcePort"));
	objc_autoreleasePoolPop(pool);
	post_send(d->post, &d->letter);
}

static void
dial(void *arg)
{
	struct vsock_dial *d = arg;
	struct dial_block b = { OBJC_BLOCK(dialled, &dial_kind), d };
	void *pool = objc_autoreleasePoolPush();

	OBJC(void, uint32_t, void *)(d->device,
	    objc_sel("connectToPort:completionHandler:"), d->port, &b);
	objc_autoreleasePoolPop(pool);
}

static void
tell_dial(struct letter *l)
{
	struct vsock_dial *d = CONTAINER_OF(l, struct vsock_dial, letter);

	d->fn(d);
}

void
vsock_device_dial(struct vsock_device *v, struct vsock_dial *d, uint32_t port)
{
	d->letter.fn = tell_dial;
	d->post = v->setup.post;
	d->device = v->setup.device;
	d->port = port;
	d->guest.queue = v->setup.queue;
	d->guest.connection = NULL;
	dispatch_async_f(v->setup.queue, d, dial);
}

/* --- the guest asks ------------------------------------------------------ */

static void
free_ended(struct vsock_device *v)
{
	if (v->ended && v->told == v->posted)
		free(v);
}

static void
tell_call(struct letter *l)
{
	struct vsock_call *c = CONTAINER_OF(l, struct vsock_call, letter);
	struct vsock_device *v = c->device;

	v->told++;
	if (v->ended) {
		(void)close(c->fd);
		vsock_guest_close(&c->guest);
		free(c);
		free_ended(v);
		return;
	}
	v->setup.called(v->setup.arg, c);
}

/* listener:shouldAcceptNewConnection:fromSocketDevice: */
static signed char
should_accept(struct objc *self, struct objc_sel *sel, struct objc *listener,
    struct objc *connection, struct objc *device)
{
	struct vsock_device *v =
	    *(struct vsock_device **)object_getIndexedIvars(self);
	uint32_t port = OBJC(uint32_t)(connection,
	    objc_sel("destinationPort"));
	own_mem struct vsock_call *c = calloc(1, sizeof(*c));
	own_fd int fd = -1;
	char name[64];

	(void)sel;
	(void)listener;
	(void)device;
	(void)snprintf(name, sizeof(name), "%s_%u", v->setup.name, port);
	fd = os_unix_connect_now(v->setup.dirfd, name, NULL);
	if (c == NULL || fd == -1 || keep(&c->guest, connection) == -1)
		return 0;
	c->letter.fn = tell_call;
	c->guest.queue = v->setup.queue;
	c->guest.host_port = port;
	c->fd = take_fd(&fd);
	c->device = v;
	v->posted++;
	post_send(v->setup.post, &take(&c)->letter);
	return 1;
}

static struct objc *
delegate_class(void)
{
	struct objc *c = objc_getClass(DELEGATE);

	if (c != NULL)
		return c;
	c = objc_allocateClassPair(objc_getClass("NSObject"), DELEGATE, 0);
	(void)class_addMethod(c, objc_sel("listener:"
	    "shouldAcceptNewConnection:fromSocketDevice:"),
	    (void (*)(void))should_accept, "c@:@@@");
	objc_registerClassPair(c);
	return c;
}

static void
listen_on(struct vsock_device *v, uint32_t port)
{
	for (size_t i = 0; i < v->nports; i++)
		if (v->ports[i] == port)
			return;
	if (v->nports == VSOCK_PORTS_MAX) {
		log_warnx("vsock: more than %d ports: guests do not reach %u",
		    VSOCK_PORTS_MAX, port);
		return;
	}
	v->ports[v->nports++] = port;
	OBJC(void, struct objc *, uint32_t)(v->setup.device,
	    objc_sel("setSocketListener:forPort:"), v->listener, port);
}

/* NAME_PORT in the directory: somebody may listen there. */
static void
listen_found(struct vsock_device *v)
{
	int fd = openat(v->setup.dirfd, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	size_t len = strlen(v->setup.name);
	const struct dirent *entry;
	uint64_t port;

	if (d == NULL) {
		if (fd != -1)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(d)) != NULL)
		if (strncmp(entry->d_name, v->setup.name, len) == 0 &&
		    entry->d_name[len] == '_' && num_parse(&port,
		    entry->d_name + len + 1, 0, UINT32_MAX, NULL) == 0)
			listen_on(v, (uint32_t)port);
	(void)closedir(d);
}

/* --- life ---------------------------------------------------------------- */

static void
make(void *arg)
{
	void *pool = objc_autoreleasePoolPush();
	struct vsock_device *v = arg;

	v->delegate = class_createInstance(delegate_class(), sizeof(v));
	*(struct vsock_device **)object_getIndexedIvars(v->delegate) = v;
	v->listener = ns_new("VZVirtioSocketListener");
	ns_set(v->listener, "setDelegate:", v->delegate);
	listen_on(v, VSOCK_PORT_ALWAYS);
	listen_found(v);
	objc_autoreleasePoolPop(pool);
}

static void
unmake(void *arg)
{
	void *pool = objc_autoreleasePoolPush();
	struct vsock_device *v = arg;

	for (size_t i = 0; i < v->nports; i++)
		OBJC(void, uint32_t)(v->setup.device, objc_sel(
		    "removeSocketListenerForPort:"), v->ports[i]);
	ns_set(v->listener, "setDelegate:", NULL);
	objc_release(v->listener);
	objc_release(v->delegate);
	objc_autoreleasePoolPop(pool);
}

struct vsock_device *
vsock_device_new(const struct vsock_device_setup *setup)
{
	struct vsock_device *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->setup = *setup;
	dispatch_sync_f(v->setup.queue, v, make);
	return v;
}

void
vsock_device_destroy(struct vsock_device *v)
{
	if (v == NULL)
		return;
	dispatch_sync_f(v->setup.queue, v, unmake);
	v->ended = true;
	free_ended(v);
}
