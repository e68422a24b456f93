/* SPDX-License-Identifier: ISC */
/*
 * priv.c - messages between vmd-control and vmd, from bytes
 *
 * What decodes must encode to the same bytes and descriptors: nothing is
 * read that was not there, nothing is understood in two ways.  The input is
 * a type, a number of descriptors and a body.
 */

#include <stdlib.h>
#include <string.h>

#include "priv/request.h"

/* No such descriptors are open; nothing here may close them. */
#define FIRST_FD	100000

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static union {
		struct priv_vm_id	vm_id;
		struct priv_error	error;
		struct priv_setup	setup;
		struct priv_start	start;
		struct priv_job		job;
		struct priv_vm		vm;
	} m;
	int fds[WIRE_FDS_MAX];
	struct wire w;
	struct err e;
	struct buf b;
	unsigned type, nfds;

	if (len < 2)
		return 0;
	type = data[0];
	nfds = data[1] % (WIRE_FDS_MAX + 1);
	for (unsigned i = 0; i < nfds; i++)
		fds[i] = FIRST_FD + (int)i;
	if (priv_decode(&m, type, data + 2, len - 2, fds, nfds, &e) == -1)
		return 0;
	buf_init(&b, PRIV_BODY_MAX);
	if (priv_encode(&w, &b, type, &m, &e) == -1 || b.len != len - 2 ||
	    w.nfds != nfds || memcmp(fds, w.fds, nfds * sizeof(int)) != 0 ||
	    (b.len > 0 && memcmp(b.data, data + 2, b.len) != 0))
		abort();
	buf_fini(&b);
	return 0;
}
