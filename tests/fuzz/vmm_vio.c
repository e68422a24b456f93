/* SPDX-License-Identifier: ISC */
/*
 * vmm_vio.c - fuzz target: a driver of rng, console or balloon that lies
 *
 * The first byte is the device.  Then a row of register accesses, of bytes
 * for the guest's memory, of kicks, of pauses with save and load.
 */

#include <sys/socket.h>

#include <fcntl.h>

#include "vmm_kit.h"
#include "vmm/dev/balloon.h"
#include "vmm/dev/console.h"
#include "vmm/dev/rng.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct input {
	const uint8_t	*at;
	size_t		 left;
};

struct world {
	struct kit		 k;
	struct kit_driver	 d;
	struct vio		*vio;
	int			 fd;	/* the console's reader */
};

static uint64_t
take_int(struct input *in, size_t len)
{
	uint64_t v = 0;

	len = MIN(len, in->left);
	memcpy(&v, in->at, len);
	in->at += len;
	in->left -= len;
	return v;
}

static int
plug(struct world *w, unsigned which)
{
	struct vio_console_setup c = { &w->k.board, "console", -1 };
	struct vio_balloon_setup b = { &w->k.board, "balloon", 0, true, true };
	int sv[2], small = 4096;

	w->fd = -1;
	if (which % 3 == 0)
		return rng_new(&w->vio, &w->k.board, "rng", NULL);
	if (which % 3 == 1)
		return vio_balloon_new(&w->vio, &b, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		return -1;
	(void)setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	(void)fcntl(sv[1], F_SETFL, O_NONBLOCK);
	c.fd = sv[0];
	w->fd = sv[1];
	return vio_console_new(&w->vio, &c, NULL);
}

/* As a good driver would, with queues where the input's bytes then go. */
static void
set_up(struct world *w, unsigned how)
{
	kit_driver_init(&w->d, &w->k, 1, how & 1);
	(void)kit_driver_features(&w->d, w->vio->offered &
	    ~((how & 2 ? 1ULL << VIRTIO_F_EVENT_IDX : 0) |
	    (how & 4 ? 1ULL << VIRTIO_F_INDIRECT_DESC : 0)));
	for (unsigned q = 0; q < 4; q++)
		kit_driver_queue(&w->d, q, (uint16_t)(1U << (how >> 4 & 7)));
	kit_driver_ok(&w->d);
}

/* Bytes into memory: near the queues, or anywhere. */
static void
scribble(struct world *w, struct input *in, unsigned how)
{
	uint64_t gpa = how & 8 ? take_int(in, 3) % KIT_MEMORY :
	    0x10000 + take_int(in, 2) % 0x6000;
	size_t len = (size_t)take_int(in, 1);

	len = MIN(len, in->left);
	len = (size_t)MIN(len, KIT_MEMORY - gpa);
	if (len == 0)
		return;
	memcpy(memory_at(w->k.board.memory, gpa, len), in->at, len);
	in->at += len;
	in->left -= len;
}

static void
queue_add(struct world *w, struct input *in, unsigned q)
{
	struct virtq_buf b[4];
	unsigned out = take_int(in, 1) & 3, in_n = take_int(in, 1) & 1;

	if (w->d.q[q].desc == NULL)
		return;
	for (unsigned i = 0; i < out + in_n; i++)
		b[i] = (struct virtq_buf){ 0x20000 + take_int(in, 2),
		    (uint32_t)take_int(in, 2) };
	(void)virtq_driver_add(&w->d.q[q], b, out, in_n, w);
	(void)virtq_driver_show(&w->d.q[q]);
	kit_write(&w->k, w->d.notify + q * 4, 2, q);
}

static void
snapshot(struct world *w)
{
	json_t *s;

	vio_pause(w->vio);
	s = vio_save(w->vio);
	if (s == NULL)
		abort();
	vio_reset(w->vio);
	if (vio_load(w->vio, s, NULL) == -1)
		abort();
	json_decref(s);
	(void)vio_resume(w->vio, NULL);
}

static void
reader(struct world *w, struct input *in)
{
	char buf[256];
	size_t len = take_int(in, 1) & 127;
	ssize_t n = 0;

	if (w->fd == -1)
		return;
	memset(buf, 'x', sizeof(buf));
	n = len & 1 ? read(w->fd, buf, sizeof(buf)) : write(w->fd, buf, len);
	if (n == -1 && errno != EAGAIN)
		abort();
}

/* Read a register, or write a port of those for old drivers. */
static void
look(struct world *w, struct input *in, unsigned len)
{
	unsigned reg = take_int(in, 1) & 0x3f;

	if (len == 8)
		bus_write(&w->k.board.pio, 0xc000 + (reg & 31), 2,
		    take_int(in, 2));
	else
		(void)kit_common(&w->d, reg, len);
}

static void
one(struct world *w, struct input *in)
{
	unsigned op = (unsigned)take_int(in, 1);
	unsigned len = 1U << (op >> 4 & 3);
	uint64_t reg;

	switch (op & 15) {
	case 0:
	case 1:
		reg = take_int(in, 1) & 0x3f;
		kit_common_set(&w->d, (unsigned)reg, len, take_int(in, len));
		break;
	case 2:
		look(w, in, len);
		break;
	case 3:
		set_up(w, (unsigned)take_int(in, 1));
		break;
	case 4:
	case 5:
		scribble(w, in, op);
		break;
	case 6:
	case 7:
		queue_add(w, in, op >> 4 & 3);
		break;
	case 8:
		kit_write(&w->k, w->d.notify + (op >> 4) * 4, 2, 0);
		break;
	case 9:
		kit_turn(&w->k);
		break;
	case 10:
		kit_write(&w->k, w->d.device + (take_int(in, 1) & 31), len,
		    take_int(in, len));
		break;
	case 11:
		(void)kit_read(&w->k, w->d.device + (take_int(in, 1) & 31),
		    len);
		break;
	case 12:
		snapshot(w);
		break;
	case 13:
		reader(w, in);
		break;
	case 14:
		reg = take_int(in, 1);
		kit_config_set(&w->k, 1, (unsigned)reg & 0xff, MIN(len, 4),
		    (uint32_t)take_int(in, MIN(len, 4)));
		(void)kit_config(&w->k, 1, (unsigned)reg & 0xff,
		    MIN(len, 4));
		break;
	case 15:
		(void)kit_read(&w->k, w->d.isr, 1);
		vio_config_changed(w->vio);
		(void)kit_sent(&w->k);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	static struct world w;

	memset(&w, 0, sizeof(w));
	kit_init(&w.k);
	w.k.board.transitional = in.left > 0 && in.at[0] >= 128;
	if (plug(&w, (unsigned)take_int(&in, 1)) == -1)
		abort();
	set_up(&w, (unsigned)take_int(&in, 1));
	while (in.left > 0)
		one(&w, &in);
	kit_turn(&w.k);
	vio_unplug(w.vio);
	if (w.fd != -1)
		(void)close(w.fd);
	kit_fini(&w.k);
	return 0;
}
