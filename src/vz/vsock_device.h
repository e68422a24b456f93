/* SPDX-License-Identifier: ISC */
/*
 * vsock_device.h - the socket device of a machine, seen from the event loop
 *
 * A connection of the framework's is an object with a descriptor of its own,
 * which is closed when the object goes: so the descriptor is duplicated, the
 * object kept, and both are given back together (vsock_guest_close()).
 *
 * Source: Apple, VZVirtioSocketDevice, -Connection, -Listener.
 */

#ifndef VZ_VSOCK_DEVICE_H
#define VZ_VSOCK_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "os/darwin/objc.h"
#include "os/post.h"

#define VSOCK_PORTS_MAX		64	/* of the host that guests reach */
#define VSOCK_PORT_ALWAYS	1024	/* one of them: vminit says ready */

/* The guest's end of a connection. */
struct vsock_guest {
	struct dispatch_queue_s	*queue;		/* borrowed */
	struct objc		*connection;	/* owned; NULL: none */
	int			 fd;		/* owned, or -1: taken */
	uint32_t		 host_port;
};

/*
 * A connection that the host asks for.  It is answered once: fn is called
 * in the loop with 'guest' filled, which is its own then, or with no
 * connection.  May take as long as the guest likes, or for ever when the
 * machine ends first.
 */
struct vsock_dial {
	struct letter		 letter;
	struct post		*post;
	struct objc		*device;
	uint32_t		 port;
	struct vsock_guest	 guest;
	void			(*fn)(struct vsock_dial *);
	void			*arg;		/* for fn */
};

/* A connection that a guest asked for, and that unix socket took. */
struct vsock_call {
	struct letter		 letter;
	struct vsock_guest	 guest;
	int			 fd;		/* the host's end; owned */
	struct vsock_device	*device;
	void			*arg;
};

struct vsock_device;

struct vsock_device_setup {
	struct dispatch_queue_s	*queue;
	struct post		*post;
	struct objc		*device;	/* the framework's; borrowed */
	int			 dirfd;		/* of NAME_PORT; borrowed */
	const char		*name;		/* "vsock.sock" */
	/* In the loop; takes the call's descriptors and frees it. */
	void			(*called)(void *arg, struct vsock_call *);
	void			*arg;
};

/*
 * Listen on the guest's behalf: on VSOCK_PORT_ALWAYS, and the ports for
 * which there is a socket now.  NULL: no memory.
 */
struct vsock_device *vsock_device_new(const struct vsock_device_setup *);

/* Nobody is called any more; what was posted is given back. */
void	vsock_device_destroy(struct vsock_device *);

/* Ask for a connection; the dial's other members are filled here. */
void	vsock_device_dial(struct vsock_device *, struct vsock_dial *,
	    uint32_t port);

/* Close the descriptor and let the connection go; zeroed is none. */
void	vsock_guest_close(struct vsock_guest *);

#endif
