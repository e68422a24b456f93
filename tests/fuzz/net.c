/* SPDX-License-Identifier: ISC */
/*
 * net.c - fuzz the network device: chains, headers, and published ports
 *
 * The input is laid out as the guest's queues would be: chains to transmit
 * and chains to receive into.  The network behind the device sends every
 * frame back.  libslirp is not fuzzed: it would talk to the network.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event_kit.h"
#include "viod/net.h"
#include "viod/net_local.h"
#include "viod/net_port.h"
#include "virtio/virtq_driver.h"

#define MEMORY	(1UL << 20)
#define GPA	0x100000ULL
#define LEN	32		/* of the queues */
#define RINGS	0x1000		/* bytes for one */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint8_t *mem;
static struct event_loop *loop;
static struct viod *dev;
static struct net_local local;
static unsigned frames;

static void
send_back(void *arg, const void *frame, size_t len)
{
	(void)arg;
	assert(len > 0 && len <= NET_FRAME_MAX);
	(void)net_local_from_guest(&local, frame, len);
	net_local_to_guest(&local, frame, len);
	net_deliver(dev, frame, len);
	frames++;
}

/* Queue n over the memory, as if a front-end had started it. */
static void
start_queue(struct virtq_driver *drv, const struct guest_memory *gm,
    unsigned n)
{
	struct viod_queue *q = &dev->queues[n];
	struct virtq_addr addr;

	virtq_driver_init(drv, mem + n * RINGS, LEN, false);
	addr = virtq_driver_addr(drv, (uintptr_t)mem + n * RINGS);
	if (virtq_init(&q->vq, gm, LEN, &addr, 0, NULL) == -1)
		abort();
	q->vq.indirect = true;
	q->running = true;
}

/* Chains of the script, until it ends or the queue is full. */
static void
fill(struct virtq_driver *drv, const uint8_t **p, size_t *left, bool in)
{
	struct virtq_buf b[4];

	for (unsigned i = 0; i < 10 && *left >= 8; i++) {
		unsigned n = 1 + ((*p)[0] & 3);

		for (unsigned k = 0; k < n; k++) {
			uint32_t v = (uint32_t)(*p)[1 + k] << 8 |
			    (*p)[4 + k];

			b[k].gpa = GPA + 0x10000 + v * 3;
			b[k].len = 1 + (v & 0x7ff) * ((*p)[0] & 4 ? 37 : 1);
		}
		if (!virtq_driver_add(drv, b, in ? 0 : n, in ? n : 0, mem))
			break;
		*p += 8;
		*left -= 8;
	}
	(void)virtq_driver_show(drv);
}

static void
fuzz_device(const uint8_t *data, size_t len)
{
	struct guest_region r = { .gpa = GPA, .user = (uintptr_t)mem,
	    .len = MEMORY, .host = mem };
	struct net_options o = { .mac = { 2 }, .mtu = 1500,
	    .pairs = data[0] & 1 ? 2 : 1 };
	struct virtq_driver drv[5];
	struct guest_memory gm;
	unsigned n;

	memset(mem, 0, 0x10000);
	guest_memory_init(&gm);
	if (guest_memory_add(&gm, &r, NULL) == -1 ||
	    net_new(&dev, loop, &o, NULL) == -1)
		abort();
	net_attach(dev, send_back, NULL);
	dev->acked = (uint64_t)data[0] << 12 ^ (uint64_t)data[1] << 7 ^ data[2];
	n = dev->nqueues;
	data += 3;
	len -= 3;
	for (unsigned i = 0; i < n; i++)
		start_queue(&drv[i], &gm, i);
	for (unsigned i = 0; i < n; i++)
		fill(&drv[i], &data, &len, i % 2 == 0 && i != 4);
	/* What is left is in the guest's memory, where chains may point. */
	for (size_t at = 0; at < 0x30000 && len > 0; at += len)
		memcpy(mem + 0x10000 + at, data, len);
	for (unsigned i = n; i > 0; i--)
		dev->class->notify(dev, i - 1);
	kit_settle(loop);
	for (unsigned i = 0; i < n; i++)
		dev->queues[i].running = false;
	dev->class->reset(dev);
	net_destroy(dev);
	guest_memory_fini(&gm);
}

static void
fuzz_texts(const uint8_t *data, size_t len)
{
	char text[200];
	struct net_port p;
	uint8_t mac[6];

	if (len >= sizeof(text))
		len = sizeof(text) - 1;
	memcpy(text, data, len);
	text[len] = '\0';
	if (net_port_parse(&p, text, NULL) == 0)
		assert(p.host_port != 0 && p.guest_port != 0 &&
		    (p.host.ss_family == AF_INET ||
		    p.host.ss_family == AF_INET6));
	(void)net_mac_parse(mac, text, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (mem == NULL) {
		mem = aligned_alloc(4096, MEMORY);
		loop = kit_loop();
		if (mem == NULL || loop == NULL)
			abort();
		/* A published port nobody listens on. */
		net_local_publish(&local, -1, 53);
	}
	if (len < 4)
		return 0;
	if (data[0] & 128)
		fuzz_texts(data + 1, len - 1);
	else
		fuzz_device(data, len);
	return 0;
}
