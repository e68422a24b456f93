/* SPDX-License-Identifier: ISC */
/*
 * byhand.c - vmm started by a person; see byhand.h
 *
 * The guest runs before anything is made ready that only an event needs.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "chapi/vmm_ask.h"
#include "lib/log.h"
#include "os/event.h"
#include "os/os.h"
#include "vmm/backend.h"
#include "vmm/byhand.h"
#include "vmm/confine.h"
#include "vmm/helpers.h"
#include "vmm/hand.h"
#include "vmm/unpack.h"

#define BACKLOG	16	/* of the API's socket */

/* The device is the snapshot's; where it goes is not. */
static int
adapt_stream(struct vm_stream *t, const struct vm_stream *own, bool given,
    const char *name, struct err *e)
{
	static const struct vm_stream nowhere = { .mode = VM_STREAM_NULL };

	if (!given) {
		if (t->mode != VM_STREAM_OFF)
			*t = nowhere;
		return 0;
	}
	if ((t->mode == VM_STREAM_OFF) != (own->mode == VM_STREAM_OFF))
		return err_set(e, EINVAL, "--%s: the snapshot has %s", name,
		    t->mode == VM_STREAM_OFF ? "none" : "one");
	*t = *own;
	return 0;
}

/* Consoles go where we are told, or else one to the terminal. */
static int
adapt_streams(struct vm_config *c, const struct hand *h, struct err *e)
{
	if (adapt_stream(&c->serial, &h->config.serial, h->has_serial,
	    "serial", e) == -1 ||
	    adapt_stream(&c->console, &h->config.console, h->has_console,
	    "console", e) == -1)
		return -1;
	if (h->has_serial || h->has_console)
		return 0;
	if (c->serial.mode != VM_STREAM_OFF)
		c->serial.mode = VM_STREAM_TTY;
	else if (c->console.mode != VM_STREAM_OFF)
		c->console.mode = VM_STREAM_TTY;
	return 0;
}

/* Of a snapshot's config the devices are others': those we have started. */
static int
adapt(struct vm_config *c, const struct hand *h, struct err *e)
{
	const struct vm_config *own = &h->config;

	if (own->ndisks != c->ndisks || own->nnets != c->nnets ||
	    own->nfs != c->nfs || h->vsock != (c->vsock.vhost_socket != NULL))
		return err_set(e, EINVAL, "the snapshot has %zu --disk, "
		    "%zu --net, %zu --fs and %s --vsock: give the same",
		    c->ndisks, c->nnets, c->nfs,
		    c->vsock.vhost_socket != NULL ? "a" : "no");
	for (size_t i = 0; i < c->ndisks; i++)
		c->disks[i].socket = own->disks[i].socket;
	for (size_t i = 0; i < c->nnets; i++)
		c->nets[i].socket = own->nets[i].socket;
	for (size_t i = 0; i < c->nfs; i++)
		c->fs[i].socket = own->fs[i].socket;
	c->vsock.vhost_socket = own->vsock.vhost_socket;
	return adapt_streams(c, h, e);
}

/* Its file is that of the VM that was snapshotted: packed, or not. */
static int
open_again(struct backend *b, const struct vm_config *c, struct err *e)
{
	bool packed = false;
	int fd = -1;

	if (c->kernel == NULL)
		return 0;
	if (unpack_kernel(&fd, &packed, c->kernel, e) == -1)
		return -1;
	return backend_kernel(b, c->kernel, fd, packed, e);
}

static int
restore(struct backend *b, struct vmm *vmm, struct hand *h, struct err *e)
{
	struct vm_config c = { .doc = NULL };
	own_fd int dir = -1;
	int r;

	dir = open(h->restore, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return err_sys(e, "snapshot %s", h->restore);
	r = ask_snapshot_config(&c, dir, &machine_backend, e);
	if (r == 0)
		r = adapt(&c, h, e);
	if (r == 0)
		r = open_again(b, &c, e);
	if (r == 0)
		r = vmm_restore(vmm, &c, dir, h->prefetch, e);
	vm_config_fini(&c);
	return r;
}

/* Start it, or leave it to the API. */
static int
begin(struct backend *b, struct vmm *vmm, struct hand *h, struct err *e)
{
	if (h->restore != NULL)
		return restore(b, vmm, h, e);
	if (h->config.kernel != NULL || h->config.firmware != NULL)
		return vmm_boot(vmm, &h->config, e);
	return 0;
}

/* What was opened before anything was started. */
struct kernel {
	int	fd;
	bool	packed;
};

static int
serve(struct hand *h, struct vmm_setup *setup, struct helpers *helpers,
    struct kernel *kernel, struct err *e)
{
	OWN(backend_destroy) struct backend *backend = NULL;
	OWN(vmm_destroy) struct vmm *vmm = NULL;
	struct confine confine = { .api = h->api, .once = h->api == NULL };
	const struct backend_setup b = { .loop = setup->loop,
	    .accel = accel_host, .confine = &confine };
	const struct vm_exit *why;

	helpers_confine(helpers, &confine);
	if (backend_new(&backend, &b, e) == -1 ||
	    (kernel->fd != -1 && backend_kernel(backend, h->config.kernel,
	    take_fd(&kernel->fd), kernel->packed, e) == -1))
		return -1;
	setup->arg = backend;
	if (vmm_new(&vmm, setup, e) == -1)
		return -1;
	backend_attach(backend, vmm);
	if (begin(backend, vmm, h, e) == -1) {
		helpers_blame(helpers, e);
		return -1;
	}
	event_loop_run(setup->loop);
	why = vmm_why(vmm);
	if (why == NULL || why->code == VM_EXIT_POWERED_OFF ||
	    why->code == VM_EXIT_SHUT_DOWN)
		return 0;
	return err_set(e, EIO, "%s", why->reason);
}

static int
run(struct hand *h, struct err *e)
{
	OWN(helpers_destroy) struct helpers *helpers = NULL;
	struct kernel kernel = { .fd = -1 };
	struct vmm_setup setup = { .backend = &machine_backend,
	    .by_hand = true };
	int r;

	if (h->config.kernel != NULL && unpack_kernel(&kernel.fd,
	    &kernel.packed, h->config.kernel, e) == -1)
		return -1;
	if (h->api != NULL) {
		setup.api = os_unix_listen(AT_FDCWD, h->api, 0600, BACKLOG, e);
		if (setup.api == -1)
			return -1;
	}
	if (event_loop_new(&setup.loop, e) == -1)
		return -1;
	r = helpers_new(&helpers, h, &setup, e);
	if (r == 0)
		r = serve(h, &setup, helpers, &kernel, e);
	if (kernel.fd != -1)
		(void)close(kernel.fd);
	/* The sandbox lets it go below the working directory only. */
	if (h->api != NULL)
		(void)unlink(h->api);
	event_loop_destroy(setup.loop);
	return r;
}

int
byhand(int argc, char *argv[])
{
	struct hand h;
	struct err e;

	log_init("vmm", LOG_STYLE_PLAIN, 0);
	if (hand_parse(&h, argc, argv, &e) == -1) {
		log_warnx("%s", e.text);
		return 2;
	}
	log_init(h.name, LOG_STYLE_PLAIN, h.verbose);
	if (run(&h, &e) == -1) {
		log_warnx("%s", e.text);
		return 1;
	}
	return 0;
}
