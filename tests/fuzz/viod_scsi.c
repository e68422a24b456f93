/* SPDX-License-Identifier: ISC */
/*
 * viod_scsi.c - fuzz target: a guest's memory with commands for a CD drive
 *
 * The input is one byte of flags and the guest's memory, the queue at its
 * beginning.  A real device over a small disc serves it.
 */

#include <sys/eventfd.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event_kit.h"
#include "os/os.h"
#include "viod/scsi.h"
#include "viod/serve_private.h"

#define GPA	0x1000ULL
#define BYTES	0x4000		/* of guest memory */
#define LEN	16		/* of the queue */
#define DISC	(1UL << 20)

enum { FLAG_EVENT = 1, FLAG_CONTROL = 2 };

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct event_loop *loop;
static struct viod *drive;

static struct viod *
device(void)
{
	if (drive == NULL) {
		loop = kit_loop();
		if (scsi_new(&drive, loop, os_memfd("disc", DISC, NULL),
		    NULL) == -1)
			abort();
	}
	return drive;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *mem = aligned_alloc(4096, BYTES);
	struct guest_region r = {
		.gpa = GPA, .user = GPA, .len = BYTES, .host = mem,
	};
	struct viod_queue *q;
	struct viod *v;
	unsigned n;

	if (mem == NULL)
		abort();
	if (size < 1) {
		free(mem);
		return 0;
	}
	memset(mem, 0, BYTES);
	memcpy(mem, data + 1, size - 1 < BYTES ? size - 1 : BYTES);
	v = device();
	n = data[0] & FLAG_CONTROL ? 0 : 2;
	q = &v->queues[n];
	(void)guest_memory_add(&v->mem, &r, NULL);
	v->acked = v->features;
	if (!(data[0] & FLAG_EVENT))
		v->acked &= ~VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	q->len = LEN;
	q->addr = (struct virtq_addr){ GPA, GPA + 0x100, GPA + 0x200 };
	q->have_addr = q->enabled = true;
	q->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (viod_queue_start(v, n, NULL) == -1)
		abort();
	for (unsigned i = 0; i < 3; i++)
		kit_settle(loop);
	viod_queue_forget(v, n);
	viod_reset(v);
	guest_memory_fini(&v->mem);
	free(mem);
	return 0;
}
