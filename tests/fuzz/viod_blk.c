/* SPDX-License-Identifier: ISC */
/*
 * viod_blk.c - fuzz target: a guest's memory with requests for a disk
 *
 * The input is one byte of flags and the guest's memory, the queue at its
 * beginning.  A real block device over a small file serves it.
 */

#include <sys/eventfd.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event_kit.h"
#include "os/os.h"
#include "viod/blk.h"
#include "viod/serve_private.h"

#define GPA	0x1000ULL
#define BYTES	0x4000		/* of guest memory */
#define LEN	16		/* of the queue */
#define DISK	(1UL << 20)

enum { FLAG_EVENT = 1, FLAG_READONLY = 2, FLAG_THREADS = 4, FLAG_WCE = 8,
	FLAG_LOG = 16 };
#define DEVICES	8		/* by the first three flags */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct event_loop *loop;
static struct viod *devices[DEVICES];
static int disk;

static struct viod *
device(uint8_t flags)
{
	struct viod **v = &devices[flags % DEVICES];
	struct blk_options o = {
		.marks = -1,
		.queues = 1, .serial = "fuzz",
		.disk.files = { .file[0].fd = disk, .n = 1 },
		.disk.readonly = (flags & FLAG_READONLY) != 0,
		.disk.engine = flags & FLAG_THREADS ? "threads" : NULL,
	};

	if (loop == NULL) {
		loop = kit_loop();
		disk = o.disk.files.file[0].fd =
		    os_memfd("disk", DISK, NULL);
	}
	if (*v == NULL && blk_new(v, loop, &o, NULL) == -1)
		abort();
	return *v;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bits[1];
	static const struct guest_log log = { bits, sizeof(bits), -1 };
	uint8_t *mem = aligned_alloc(4096, BYTES);
	struct guest_region r = {
		.gpa = GPA, .user = GPA, .len = BYTES, .host = mem,
	};
	struct viod_queue *q;
	struct viod *v;

	if (mem == NULL)
		abort();
	if (size < 1) {
		free(mem);
		return 0;
	}
	memset(mem, 0, BYTES);
	memcpy(mem, data + 1, size - 1 < BYTES ? size - 1 : BYTES);
	v = device(data[0]);
	q = &v->queues[0];
	(void)guest_memory_add(&v->mem, &r, NULL);
	v->mem.log = data[0] & FLAG_LOG ? &log : NULL;
	v->acked = v->features;
	if (!(data[0] & FLAG_EVENT))
		v->acked &= ~VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	if (data[0] & FLAG_WCE)
		v->acked &= ~VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE) &
		    ~VIRTIO_BIT(VIRTIO_BLK_F_FLUSH);
	q->len = LEN;
	q->addr = (struct virtq_addr){ GPA, GPA + 0x100, GPA + 0x200 };
	q->have_addr = q->enabled = true;
	q->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (viod_queue_start(v, 0, NULL) == -1)
		abort();
	for (unsigned i = 0; i < 3; i++)
		kit_settle(loop);
	viod_queue_forget(v, 0);
	viod_reset(v);
	guest_memory_fini(&v->mem);
	free(mem);
	return 0;
}
