/* SPDX-License-Identifier: ISC */
/*
 * guest.c - what runs in the double's machines
 *
 * On the console it says hello and repeats what is typed; each frame goes
 * back where it came from.  Its ports:
 *
 *	7	all that is said, when the host has said all of it
 *	8	what is said, at once
 *	9	64 KiB, and its end; then how many bytes the host said
 *	13	"bye", and it hangs up
 *	1000	powers off		1001	its process crashes
 *	1002	a state nobody knows	1003	its network is lost
 *	2222	vminit's agent, where linux.c says
 *	2000+n	connects to port n of the host, says "ready" and its end;
 *		what the host said then is the answer here
 *
 * A thread for each connection, and one for console and frames.
 */

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "double.h"
#include "lib/io.h"
#include "linux.h"

#define CHUNK		65536		/* bytes a read */
#define SAID_MAX	(4 << 20)	/* that are kept to be repeated */
#define NETS_MAX	4
#define CONNS_MAX	4096
#define DIAL_PORTS	2000

struct guest {
	struct guest_setup	 setup;
	pthread_t		 thread;
	int			 console;	/* or -1 */
	int			 net;		/* of a test's, or -1 */
	int			 stop[2];
	pthread_mutex_t		 lock;
	int			 conns[CONNS_MAX];	/* of threads, or -1 */
	unsigned		 users;		/* these, and the machine */
};

struct talk {
	struct guest	*guest;
	int		 fd;
	uint32_t	 port;
	size_t		 place;		/* in conns */
};

/* --- console and frames -------------------------------------------------- */

static int
console_fd(struct objc *config)
{
	struct objc *port = double_at(double_get(config, "setSerialPorts:"),
	    0);
	struct objc *handle = double_get(double_get(port, "setAttachment:"),
	    "initWithFileHandleForReading:fileHandleForWriting:");

	return handle == NULL ? -1 : double_handle_fd(handle);
}

static int
net_fd(struct objc *config, size_t i)
{
	struct objc *net = double_at(double_get(config,
	    "setNetworkDevices:"), i);
	struct objc *handle = double_get(double_get(net, "setAttachment:"),
	    "initWithFileHandle:");

	return handle == NULL ? -1 : double_handle_fd(handle);
}

/* Back where it came from; between the first card and a test, across. */
static int
repeat(struct guest *g, struct pollfd *p, size_t i)
{
	char bytes[2048];
	ssize_t n = read(p[i].fd, bytes, sizeof(bytes));

	if (n <= 0)
		return -1;
	if (i == 2 && g->net != -1) {
		linux_frame(g->net, bytes, (size_t)n);
		return 0;
	}
	return write_full(p[i == 2 + NETS_MAX ? 2 : i].fd, bytes, (size_t)n);
}

static void	tell_ready(struct guest *);

static void *
run(void *arg)
{
	struct guest *g = arg;
	struct pollfd p[3 + NETS_MAX] = { { g->stop[0], POLLIN, 0 },
	    { g->console, POLLIN, 0 } };

	for (size_t i = 0; i < NETS_MAX; i++)
		p[2 + i] = (struct pollfd){ net_fd(g->setup.config, i),
		    POLLIN, 0 };
	p[2 + NETS_MAX] = (struct pollfd){ g->net, POLLIN, 0 };
	if (p[1].fd != -1)
		(void)write_full(p[1].fd, "hello from the double\n", 22);
	if (linux_has(g->setup.config, "vz.agent"))
		tell_ready(g);
	for (;;) {
		if (poll(p, 3 + NETS_MAX, -1) == -1)
			continue;
		if (p[0].revents != 0)
			return NULL;
		for (size_t i = 1; i < 3 + NETS_MAX; i++)
			if (p[i].revents != 0 && repeat(g, p, i) == -1)
				p[i].fd = -1;
	}
}

/* --- connections --------------------------------------------------------- */

/* VZVirtioSocketConnection. */
static struct objc *
connection(int fd, uint32_t source, uint32_t destination)
{
	struct objc *o = double_new("VZVirtioSocketConnection");

	o->priv = (void *)(intptr_t)fd;
	double_set_number(o, objc_sel("source"), source);
	double_set_number(o, objc_sel("destination"), destination);
	return double_autorelease(o);
}

static int
connection_fd(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return (int)(intptr_t)self->priv;
}

static void
connection_close(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	if (self->priv == (void *)(intptr_t)-1)
		return;
	(void)close((int)(intptr_t)self->priv);
	self->priv = (void *)(intptr_t)-1;
}

static uint32_t
connection_source(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return (uint32_t)double_number(self, "source");
}

static uint32_t
connection_destination(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return (uint32_t)double_number(self, "destination");
}

/* One that is let go takes its descriptor, and what was made of it, along. */
void	double_connection_dealloc(struct objc *);

void
double_connection_dealloc(struct objc *self)
{
	if (self->priv != (void *)(intptr_t)-1)
		(void)shutdown((int)(intptr_t)self->priv, SHUT_RDWR);
	connection_close(self, NULL);
}

static void
listener_set(struct objc *self, struct objc_sel *sel, struct objc *delegate)
{
	(void)sel;
	self->priv = delegate;		/* weak */
}

extern const struct method double_connection[], double_listener[];

const struct method double_connection[] = {
	{ "fileDescriptor", IMP(connection_fd) },
	{ "close", IMP(connection_close) },
	{ "sourcePort", IMP(connection_source) },
	{ "destinationPort", IMP(connection_destination) },
	{ NULL, NULL },
};

const struct method double_listener[] = {
	{ "setDelegate:", IMP(listener_set) },
	{ NULL, NULL },
};

/* Read to the end; how many bytes there were. */
static size_t
read_all(int fd, char **said)
{
	size_t len = 0, room = CHUNK;
	ssize_t n;

	while (len < SAID_MAX && (n = read(fd, *said + len, room - len)) > 0) {
		len += (size_t)n;
		if (len < room)
			continue;
		room *= 2;
		*said = realloc(*said, room);
	}
	return len;
}

/* The guest's own connection to a port of the host. */
struct dialling {
	struct guest	*guest;
	uint32_t	 port;
	int		 fd;		/* the guest's end, or -1: refused */
};

static void
dial(void *arg)
{
	struct dialling *d = arg;
	struct objc *vm = d->guest->setup.vm;
	void *pool = objc_autoreleasePoolPush();
	struct objc *listener = machine_listener(vm, d->port), *c;
	int pair[2];

	d->fd = -1;
	if (listener != NULL && listener->priv != NULL &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
		c = connection(pair[0], 1234, d->port);
		if (OBJC(signed char, struct objc *, struct objc *,
		    struct objc *)(listener->priv, objc_sel("listener:"
		    "shouldAcceptNewConnection:fromSocketDevice:"), listener,
		    c, machine_socket_device(vm)))
			d->fd = pair[1];
		else
			(void)close(pair[1]);
	}
	objc_autoreleasePoolPop(pool);
}

static void
talk_dial(struct talk *t, char **said)
{
	struct dialling d = { .guest = t->guest, .port = t->port - DIAL_PORTS };
	size_t n;

	dispatch_sync_f(t->guest->setup.queue, &d, dial);
	if (d.fd == -1) {
		(void)write_full(t->fd, "refused\n", 8);
		return;
	}
	(void)write_full(d.fd, "ready\n", 6);
	(void)shutdown(d.fd, SHUT_WR);
	n = read_all(d.fd, said);
	(void)write_full(t->fd, *said, n);
	(void)close(d.fd);
}

/* As vminit's agent does when it serves. */
static void
tell_ready(struct guest *g)
{
	struct dialling d = { .guest = g, .port = LINUX_READY };

	dispatch_sync_f(g->setup.queue, &d, dial);
	if (d.fd == -1)
		return;
	(void)write_full(d.fd, "ready\n", 6);
	(void)close(d.fd);
}

static void
talk_first(struct talk *t, char **said)
{
	char line[32];
	int n;

	memset(*said, 'x', CHUNK);
	(void)write_full(t->fd, *said, CHUNK);
	(void)shutdown(t->fd, SHUT_WR);
	n = snprintf(line, sizeof(line), "%zu bytes\n",
	    read_all(t->fd, said));
	(void)write_full(t->guest->console, line, (size_t)n);
}

static void
talk_now(struct talk *t, char *said)
{
	ssize_t n;

	while ((n = read(t->fd, said, CHUNK)) > 0)
		if (write_full(t->fd, said, (size_t)n) == -1)
			return;
}

/* The last one frees it. */
static void
leave(struct guest *g)
{
	unsigned left;

	(void)pthread_mutex_lock(&g->lock);
	left = --g->users;
	(void)pthread_mutex_unlock(&g->lock);
	if (left > 0)
		return;
	if (g->console != -1)
		(void)close(g->console);
	if (g->net != -1)
		(void)close(g->net);
	(void)pthread_mutex_destroy(&g->lock);
	free(g);
}

static void *
talk(void *arg)
{
	struct talk *t = arg;
	struct guest *g = t->guest;
	char *said = malloc(CHUNK);
	size_t n;

	if (t->port == 7) {
		n = read_all(t->fd, &said);
		(void)write_full(t->fd, said, n);
	} else if (t->port == 8) {
		talk_now(t, said);
	} else if (t->port == 9) {
		talk_first(t, &said);
	} else if (t->port == 13) {
		(void)write_full(t->fd, "bye", 3);
	} else if (t->port == LINUX_AGENT &&
	    linux_has(g->setup.config, "vz.agent")) {
		if (linux_agent(t->fd))
			machine_event(g->setup.vm, GUEST_OFF);
	} else if (t->port >= DIAL_PORTS) {
		talk_dial(t, &said);
	} else if (t->port >= 1000) {
		machine_event(g->setup.vm,
		    (enum guest_event)(t->port - 1000));
	}
	free(said);
	(void)pthread_mutex_lock(&g->lock);
	g->conns[t->place] = -1;
	(void)close(t->fd);
	(void)pthread_mutex_unlock(&g->lock);
	objc_release(g->setup.vm);
	leave(g);
	free(t);
	return NULL;
}

static size_t
free_place(struct guest *g)
{
	size_t i = 0;

	while (g->conns[i] != -1)
		if (++i == CONNS_MAX)
			double_broken("too many connections");
	return i;
}

struct objc *
guest_connect(struct guest *g, uint32_t port)
{
	struct talk *t;
	pthread_t thread;
	int pair[2];

	if (port < 7 || (port > 13 && port < 1000) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return NULL;
	t = calloc(1, sizeof(*t));
	t->guest = g;
	t->fd = pair[1];
	t->port = port;
	(void)pthread_mutex_lock(&g->lock);
	t->place = free_place(g);
	g->conns[t->place] = t->fd;
	g->users++;
	(void)objc_retain(g->setup.vm);
	(void)pthread_mutex_unlock(&g->lock);
	if (pthread_create(&thread, NULL, talk, t) != 0)
		double_broken("no thread");
	(void)pthread_detach(thread);
	return connection(pair[0], 5000 + port, port);
}

/* --- life ---------------------------------------------------------------- */

struct guest *
guest_new(const struct guest_setup *setup)
{
	struct guest *g = calloc(1, sizeof(*g));
	int fd = console_fd(setup->config);

	g->setup = *setup;
	g->users = 1;
	g->console = fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	for (size_t i = 0; i < CONNS_MAX; i++)
		g->conns[i] = -1;
	(void)pthread_mutex_init(&g->lock, NULL);
	g->net = linux_has(setup->config, "vz.net") ? linux_net() : -1;
	if (pipe(g->stop) == -1 ||
	    pthread_create(&g->thread, NULL, run, g) != 0)
		double_broken("no guest");
	return g;
}

void
guest_destroy(struct guest *g)
{
	if (g == NULL)
		return;
	(void)close(g->stop[1]);
	(void)pthread_join(g->thread, NULL);
	(void)close(g->stop[0]);
	(void)pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < CONNS_MAX; i++)
		if (g->conns[i] != -1)
			(void)shutdown(g->conns[i], SHUT_RDWR);
	(void)pthread_mutex_unlock(&g->lock);
	leave(g);
}
