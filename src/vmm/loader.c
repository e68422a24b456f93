/* SPDX-License-Identifier: ISC */
/*
 * loader.c - put a kernel into guest memory; see loader.h
 *
 * Source: Intel SDM volume 3, section 3.4.5 (descriptors); ACPI 6.5, section
 * 15 (types of memory).
 */

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"
#include "vmm/loader.h"
#include "vmm/memory.h"

#define PAGE		4096ULL

static const struct loader *const loaders[] = {
	&loader_openbsd,
	&loader_pvh,
	&loader_bzimage,
};

int
loader_load(const struct load *load, struct x86_regs *ret, struct err *e)
{
	struct load known = *load;
	uint8_t head[LOADER_HEAD];
	size_t done = 0;
	ssize_t n;

	memset(head, 0, sizeof(head));
	while (done < sizeof(head)) {
		n = pread(load->kernel, head + done, sizeof(head) - done,
		    (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "kernel");
		if (n == 0)
			break;
		done += (size_t)n;
	}
	known.head = head;
	known.head_len = done;
	for (unsigned i = 0; i < COUNT(loaders); i++)
		if (loaders[i]->probe(head))
			return loaders[i]->load(&known, ret, e);
	return err_set(e, ENOEXEC, "kernel: the file's format is not known");
}

unsigned
loader_map(const struct load *load, struct loader_range ret[LOADER_RANGES_MAX])
{
	uint64_t bytes = memory_bytes(load->memory);
	uint64_t low = MIN(bytes, MEMORY_LOW_MAX);
	unsigned n = 0;

	ret[n++] = (struct loader_range){ 0, LOADER_LOW_END, LOADER_RAM };
	ret[n++] = (struct loader_range){ LOADER_FIRMWARE,
	    LOADER_KERNEL - LOADER_FIRMWARE, LOADER_RESERVED };
	ret[n++] = (struct loader_range){ LOADER_KERNEL, low - LOADER_KERNEL,
	    LOADER_RAM };
	if (load->ecam)
		ret[n++] = (struct loader_range){ MEMORY_ECAM,
		    MEMORY_ECAM_LEN, LOADER_RESERVED };
	if (bytes > low)
		ret[n++] = (struct loader_range){ MEMORY_HIGH, bytes - low,
		    LOADER_RAM };
	return n;
}

/* So many bytes of the first pieces are there: what is left of them. */
static unsigned
forget(struct iovec *iov, unsigned n, size_t done)
{
	unsigned whole = 0;

	while (whole < n && done >= iov[whole].iov_len)
		done -= iov[whole++].iov_len;
	n -= whole;
	memmove(iov, iov + whole, n * sizeof(*iov));
	if (n > 0) {
		iov->iov_base = (uint8_t *)iov->iov_base + done;
		iov->iov_len -= done;
	}
	return n;
}

int
loader_readv(int fd, struct iovec *iov, unsigned n, uint64_t offset,
    struct err *e)
{
	ssize_t r;

	while ((n = forget(iov, n, 0)) > 0) {
		if (offset > INT64_MAX)
			return err_set(e, ENOEXEC, "no file is that long");
		r = preadv(fd, iov, (int)n, (off_t)offset);
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return err_sys(e, "read");
		if (r == 0)
			return err_set(e, ENOEXEC, "the file ends too early");
		n = forget(iov, n, (size_t)r);
		offset += (uint64_t)r;
	}
	return 0;
}

int
loader_read(int fd, void *to, uint64_t len, uint64_t offset, struct err *e)
{
	struct iovec iov = { to, len };

	return loader_readv(fd, &iov, 1, offset, e);
}

int
loader_peek(const struct load *load, void *to, uint64_t len, uint64_t offset,
    struct err *e)
{
	if (offset > load->head_len || len > load->head_len - offset)
		return loader_read(load->kernel, to, len, offset, e);
	memcpy(to, load->head + offset, len);
	return 0;
}

int
loader_read_to(const struct load *load, int fd, const struct loader_range *to,
    uint64_t offset, struct err *e)
{
	void *at;

	if (to->len == 0)
		return 0;
	at = memory_at(load->memory, to->addr, to->len);
	if (at == NULL || to->addr < LOADER_KERNEL)
		return err_set(e, ENOMEM, "%llu bytes at 0x%llx do not fit "
		    "into %llu MiB of memory", (unsigned long long)to->len,
		    (unsigned long long)to->addr,
		    (unsigned long long)(memory_bytes(load->memory) >> 20));
	memory_want(load->memory, to->addr, to->len);
	return loader_read(fd, at, to->len, offset, e);
}

int
loader_initrd(const struct load *load, uint64_t kernel_end, uint64_t top,
    struct loader_range *ret, struct err *e)
{
	struct loader_range at = { .type = LOADER_RAM };
	uint64_t end = MIN(memory_bytes(load->memory), MEMORY_LOW_MAX);
	struct stat st;

	*ret = at;
	if (load->initrd == -1)
		return 0;
	if (fstat(load->initrd, &st) == -1)
		return err_sys(e, "initramfs");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > LOADER_INITRD_MAX)
		return err_set(e, EINVAL, "initramfs: not a file of at most "
		    "%llu MiB", (unsigned long long)(LOADER_INITRD_MAX >> 20));
	at.len = (uint64_t)st.st_size;
	end = MIN(end, top + 1);
	if (kernel_end > end || end - kernel_end < at.len + PAGE)
		return err_set(e, ENOMEM, "initramfs: %llu bytes do not fit "
		    "into %llu MiB of memory beside the kernel",
		    (unsigned long long)at.len,
		    (unsigned long long)(memory_bytes(load->memory) >> 20));
	at.addr = (end - at.len) & ~(PAGE - 1);
	if (loader_read_to(load, load->initrd, &at, 0, e) == -1)
		return err_prefix(e, "initramfs");
	*ret = at;
	return 0;
}

int
loader_cmdline(const struct load *load, uint64_t max, struct err *e)
{
	size_t len = strlen(load->cmdline) + 1;
	char *at;

	max = MIN(max, LOADER_CMDLINE_MAX);
	if (len > max)
		return err_set(e, E2BIG, "command line: %zu bytes, the kernel "
		    "takes %llu", len - 1, (unsigned long long)(max - 1));
	at = memory_at(load->memory, LOADER_CMDLINE, len);
	if (at == NULL)
		return err_set(e, ENOMEM, "command line: no memory there");
	memcpy(at, load->cmdline, len);
	return 0;
}

/* A flat segment; flags as in struct x86_segment. */
static struct x86_segment
flat(uint16_t selector, uint16_t flags)
{
	return (struct x86_segment){
		.limit = UINT32_MAX,
		.selector = selector,
		.flags = flags,
	};
}

int
loader_flat(const struct load *load, bool wide, struct x86_regs *ret,
    struct err *e)
{
	/* Linux wants code and data at 16 and 24. */
	const uint64_t gdt[] = {
		0,
		0,
		wide ? 0x00af9b000000ffff : 0x00cf9b000000ffff,
		0x00cf93000000ffff,
		0x00008b0000000067,	/* 32: a task, of two words in */
		0,			/*     long mode */
	};
	void *at = memory_at(load->memory, LOADER_TABLES, sizeof(gdt));
	struct x86_regs r = { .rflags = 2, .cr0 = 1 };	/* protected mode */

	if (at == NULL)
		return err_set(e, ENOMEM, "no memory for descriptors");
	memcpy(at, gdt, sizeof(gdt));
	r.gdt.base = LOADER_TABLES;
	r.gdt.limit = sizeof(gdt) - 1;
	r.seg[X86_CS] = flat(16, wide ? 0xa09b : 0xc09b);
	for (int i = X86_SS; i <= X86_GS; i++)
		r.seg[i] = flat(24, 0xc093);
	r.seg[X86_TR] = flat(32, 0x008b);
	r.seg[X86_TR].limit = 0x67;
	r.seg[X86_LDTR].unusable = true;
	*ret = r;
	return 0;
}
