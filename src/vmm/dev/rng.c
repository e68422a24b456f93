/* SPDX-License-Identifier: ISC */
/*
 * rng.c - entropy device (virtio 1.2, section 5.4)
 *
 * Fills the guest's buffers with random bytes of the host's kernel.  One
 * queue, no config space, no features, nothing to save.
 *
 * Process: vmm, main thread.  Sandbox: nothing beyond vmm's.
 * Needs: getrandom(2).
 */

#include <stdlib.h>

#include "lib/util.h"
#include "os/os.h"
#include "vmm/dev/rng.h"
#include "vmm/vio.h"

#define QUEUE_LEN	64
#define REQUEST_MAX	4096	/* bytes; less than asked for is allowed */

static uint32_t
fill(const struct virtq_chain *c)
{
	uint32_t left = REQUEST_MAX;

	for (unsigned i = c->nout; i < c->nout + c->nin && left > 0; i++) {
		uint32_t n = (uint32_t)MIN(c->iov[i].iov_len, left);

		os_random(c->iov[i].iov_base, n);
		left -= n;
	}
	return REQUEST_MAX - left;
}

static void
rng_kick(struct vio *vio, unsigned q)
{
	struct virtq_chain c;

	do {
		while (vio_pop(vio, q, &c)) {
			if (c.nout != 0 || c.nin == 0) {
				vio_broken(vio,
				    "not a request for random bytes");
				return;
			}
			vio_push(vio, q, &c, fill(&c));
		}
		vio_flush(vio, q);
	} while (vio_again(vio, q));
}

static void
rng_destroy(struct vio *vio)
{
	vio_fini(vio);
	free(vio);
}

static const struct vio_class rng_class = {
	.name		= "rng",
	.id		= VIRTIO_ID_RNG,
	.pci_class	= 0x00ff00,
	.kick		= rng_kick,
	.destroy	= rng_destroy,
};

int
rng_new(struct vio **ret, struct board *board, const char *name,
    struct err *e)
{
	struct vio *vio = calloc(1, sizeof(*vio));

	if (vio == NULL)
		return err_sys(e, "%s", name);
	if (vio_init(vio, &rng_class, board, name, e) == -1)
		goto fail;
	vio->offered = VIO_FEATURES;
	vio->nqueues = 1;
	vio->queue[0].len_max = QUEUE_LEN;
	if (vio_plug(vio, -1, e) == -1)
		goto fail;
	*ret = vio;
	return 0;
fail:
	rng_destroy(vio);
	return -1;
}
