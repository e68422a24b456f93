/* SPDX-License-Identifier: ISC */
/*
 * Frames of the agent protocol, and every payload a frame may have, as the
 * host reads them from a guest it does not trust.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/entry.h"
#include "agent/frame.h"
#include "agent/reply.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
payload(const struct frame *f)
{
	struct agent_entry n;
	struct reply r = { 0 };
	struct err e;
	struct buf b;
	uint32_t pid;

	if (entry_read(&n, f, &e) == 0) {
		/* What was read can be written again. */
		buf_init(&b, AGENT_FRAME_MAX + FRAME_HEADER);
		if (!entry_path(n.path))
			abort();
		(void)entry_put(&b, &n);
		buf_fini(&b);
		(void)reply_entry(&r, &n, &e);
	}
	(void)reply_hello(&r, f, &e);
	(void)reply_started(&pid, f, &e);
	(void)reply_exit(&r, f, &e);
	(void)reply_counts(&r, f, &e);
	(void)reply_addrs(&r, f, &e);
	(void)reply_error(&e, f, NULL);
	reply_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frame f;
	struct err e;
	struct buf b;

	buf_init(&b, len + 1);
	if (buf_put(&b, data, len) == -1)
		abort();
	while (frame_peek(&f, &b, &e) == 1) {
		if (f.type == AGENT_WINDOW || f.type == AGENT_HOLE)
			(void)frame_u64(&f);
		payload(&f);
		frame_drain(&b, &f);
	}
	buf_fini(&b);
	return 0;
}
