/* SPDX-License-Identifier: ISC */
/* vhost_kinds.c - what the kinds of devices disagree about */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/dev/vhost_private.h"

/* A net's that need its control queue. */
#define NET_CONTROL	(VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) |		\
			 VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) |	\
			 VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) |	\
			 VIRTIO_BIT(VIRTIO_NET_F_MQ) |			\
			 VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR))

static int
setup_blk(struct vhost *v, const struct vhost_setup *s, unsigned have,
    struct err *e)
{
	unsigned n = MAX(s->queues, 1);

	if (!frontend_has_config(&v->fe))
		return err_set(e, EPROTO, "not a disk: no config space");
	if (n > have)
		return err_set(e, EINVAL, "%u queues: the device process has "
		    "%u", n, have);
	v->vio.nqueues = v->nbackend = n;
	v->config.blk.num_queues = (uint16_t)n;
	return 0;
}

static int
mac_parse(uint8_t mac[6], const char *s, struct err *e)
{
	int end = 0;

	if (sscanf(s, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
	    &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    s[end] != '\0')
		return err_set(e, EINVAL, "mac \"%.20s\": want "
		    "xx:xx:xx:xx:xx:xx", s);
	return 0;
}

static int
setup_net(struct vhost *v, const struct vhost_setup *s, unsigned have,
    struct err *e)
{
	unsigned pairs = MAX(s->queues, 1);
	/* The back-end's control queue is behind all of its pairs. */
	bool control = pairs > 1 && have == pairs * 2 + 1;

	/* Some cannot say how many they have: then it is one pair. */
	if (pairs > 1 && !control)
		return err_set(e, EINVAL, "%u pairs of queues: the device "
		    "process has %u queues, of which none controls them",
		    pairs, have);
	if (!control)
		v->vio.offered &= ~NET_CONTROL;
	v->vio.nqueues = v->nbackend = pairs * 2 + control;
	v->config.net.max_virtqueue_pairs = (uint16_t)pairs;
	v->config.net.status = VIRTIO_NET_S_LINK_UP;
	if (!frontend_has_config(&v->fe))
		v->vio.offered &= ~(VIRTIO_BIT(VIRTIO_NET_F_MTU) |
		    VIRTIO_BIT(VIRTIO_NET_F_STATUS));
	if (s->mac != NULL) {
		v->vio.offered |= VIRTIO_BIT(VIRTIO_NET_F_MAC);
		return mac_parse(v->config.net.mac, s->mac, e);
	}
	if (frontend_has_config(&v->fe))
		return frontend_config(&v->fe, v->config.net.mac, 0,
		    sizeof(v->config.net.mac), e);
	v->vio.offered &= ~VIRTIO_BIT(VIRTIO_NET_F_MAC);
	return 0;
}

static int
setup_vsock(struct vhost *v, const struct vhost_setup *s, unsigned have,
    struct err *e)
{
	(void)have;		/* not everybody counts the third */
	v->vio.nqueues = 3;
	v->nbackend = VHOST_EVENTS;
	v->events = calloc(1, sizeof(*v->events));
	if (v->events == NULL)
		return err_sys(e, "event queue");
	v->config.vsock.guest_cid = s->cid;
	if (s->cid == 0 && frontend_has_config(&v->fe))
		return frontend_config(&v->fe, &v->config.vsock, 0,
		    sizeof(v->config.vsock), e);
	return s->cid != 0 ? 0 : err_set(e, EINVAL, "no CID");
}

static int
setup_fs(struct vhost *v, const struct vhost_setup *s, unsigned have,
    struct err *e)
{
	unsigned n = MAX(s->queues, 1);
	size_t len = s->tag != NULL ? strlen(s->tag) : 0;

	if (len == 0 || len > VHOST_TAG_MAX)
		return err_set(e, EINVAL, "tag of %zu bytes: 1 to %d", len,
		    VHOST_TAG_MAX);
	/* The first queue is for what must not wait. */
	if (n > 1 && n + 1 > have)
		return err_set(e, EINVAL, "%u queues of requests: the device "
		    "process has %u in all", n, have);
	v->vio.nqueues = v->nbackend = n + 1;
	memcpy(v->config.fs.tag, s->tag, len);
	v->config.fs.num_request_queues = n;
	return 0;
}

/* Control, events, requests. */
static int
setup_scsi(struct vhost *v, const struct vhost_setup *s, unsigned have,
    struct err *e)
{
	unsigned n = MAX(s->queues, 1) + 2;

	if (!frontend_has_config(&v->fe))
		return err_set(e, EPROTO, "not a drive: no config space");
	if (n > have)
		return err_set(e, EINVAL, "%u queues: the device process has "
		    "%u", n, have);
	v->vio.nqueues = v->nbackend = n;
	return 0;
}

const struct vhost_rules vhost_rules[VHOST_KINDS] = {
	[VHOST_BLK] = { sizeof(struct virtio_blk_config), 128, setup_blk },
	[VHOST_NET] = { sizeof(struct virtio_net_config), 256, setup_net },
	[VHOST_VSOCK] = { sizeof(struct virtio_vsock_config), 128,
		setup_vsock },
	[VHOST_SCSI] = { sizeof(struct virtio_scsi_config), 128, setup_scsi },
	[VHOST_FS] = { sizeof(struct virtio_fs_config), 128, setup_fs },
};
