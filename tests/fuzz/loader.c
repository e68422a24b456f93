/* SPDX-License-Identifier: ISC */
/*
 * loader.c - fuzz the loaders of kernels
 *
 * The first byte chooses how much memory there is; the rest is the kernel.
 * Whatever is in it, nothing but the guest's memory is written, and a file
 * that was taken leads to an entry in it.
 */

#include <sys/mman.h>

#include <stdlib.h>
#include <unistd.h>

#include "vmm/loader.h"
#include "vmm/memory.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct memory_setup s = { .bytes = 4ULL << 20, .file = -1 };
	struct load load = { .initrd = -1, .cmdline = "quiet",
	    .serial = true, .pit = true };
	struct x86_regs r;

	if (len == 0)
		return 0;
	s.bytes <<= data[0] % 12;
	load.kernel = memfd_create("kernel", MFD_CLOEXEC);
	if (load.kernel == -1 || memory_new(&load.memory, &s, NULL) == -1 ||
	    write(load.kernel, data + 1, len - 1) != (ssize_t)(len - 1))
		abort();
	if (data[0] & 0x40)
		load.cmdline = "-s duid=0123456789abcdef";
	if (data[0] & 0x80)
		load.initrd = load.kernel;
	if (loader_load(&load, &r, NULL) == 0 && r.rip > UINT32_MAX)
		abort();
	(void)close(load.kernel);
	memory_destroy(load.memory);
	return 0;
}
