/* SPDX-License-Identifier: ISC */
/* image.c - put an arm64 Linux kernel into guest memory; see image.h */

#include <sys/stat.h>

#include <errno.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/image.h"
#include "vmm/loader.h"
#include "vmm/map.h"
#include "vmm/memory.h"

#define PAGE		4096ULL
#define ALIGN		(2ULL << 20)	/* of where text_offset counts from */
#define MAGIC		0x644d5241U	/* "ARM\x64" */
#define FLAG_BIG_ENDIAN	0x1
#define OFFSET_OLD	0x80000		/* of kernels that do not say */

/* An initrd and its kernel lie within so much. */
#define REACH		(32ULL << 30)

struct header {
	uint32_t	code[2];
	uint64_t	text_offset;
	uint64_t	image_size;
	uint64_t	flags;
	uint64_t	reserved[3];
	uint32_t	magic;
	uint32_t	pe;
};

static int
file_size(uint64_t *ret, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "size");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > IMAGE_FILE_MAX)
		return err_set(e, EINVAL, "not a file of at most %llu MiB",
		    (unsigned long long)(IMAGE_FILE_MAX >> 20));
	*ret = (uint64_t)st.st_size;
	return 0;
}

static int
read_header(struct header *h, int fd, struct err *e)
{
	if (loader_read(fd, h, sizeof(*h), 0, e) == -1)
		return -1;
	if (h->magic != MAGIC)
		return err_set(e, ENOEXEC, "the file's format is not known: "
		    "it is no arm64 Image that is not packed");
	if ((h->flags & FLAG_BIG_ENDIAN) != 0)
		return err_set(e, ENOEXEC, "a big-endian kernel");
	if (h->image_size == 0)
		h->text_offset = OFFSET_OLD;
	if (h->text_offset >= ALIGN)
		return err_set(e, ENOEXEC, "its text_offset is 0x%llx",
		    (unsigned long long)h->text_offset);
	return 0;
}

/* All of the file to 'gpa', and 'room' bytes there are the guest's. */
static int
read_to(const struct image *i, int fd, uint64_t gpa, uint64_t len,
    uint64_t room, struct err *e)
{
	void *at = memory_at(i->memory, gpa, MAX(len, room));

	if (at == NULL)
		return err_set(e, ENOMEM, "%llu bytes do not fit into %llu "
		    "MiB of memory", (unsigned long long)MAX(len, room),
		    (unsigned long long)(memory_bytes(i->memory) >> 20));
	memory_want(i->memory, gpa, len);
	return loader_read(fd, at, len, 0, e);
}

static int
load_kernel(struct image_at *at, uint64_t *end, const struct image *i,
    struct err *e)
{
	struct header h;
	uint64_t size;

	if (read_header(&h, i->kernel, e) == -1 ||
	    file_size(&size, i->kernel, e) == -1)
		return -1;
	if (h.image_size > memory_bytes(i->memory))
		return err_set(e, ENOMEM, "it needs %llu MiB of memory",
		    (unsigned long long)(h.image_size >> 20));
	at->entry = map.low + IMAGE_TREE_MAX + h.text_offset;
	*end = at->entry + MAX(size, h.image_size);
	return read_to(i, i->kernel, at->entry, size, h.image_size, e);
}

/* As high as it may lie. */
static int
load_initrd(struct image_at *at, uint64_t kernel_end, const struct image *i,
    struct err *e)
{
	uint64_t top = map.low + MIN(memory_bytes(i->memory), REACH - map.low);
	uint64_t size;

	if (i->initrd == -1)
		return 0;
	if (file_size(&size, i->initrd, e) == -1)
		return -1;
	if (kernel_end > top || top - kernel_end < size + PAGE)
		return err_set(e, ENOMEM, "%llu bytes do not fit into %llu MiB "
		    "of memory beside the kernel", (unsigned long long)size,
		    (unsigned long long)(memory_bytes(i->memory) >> 20));
	at->initrd = (top - size) & ~(PAGE - 1);
	at->initrd_end = at->initrd + size;
	return read_to(i, i->initrd, at->initrd, size, 0, e);
}

int
image_load(struct image_at *ret, const struct image *i, struct err *e)
{
	struct image_at at = { .tree = map.low };
	uint64_t end = 0;

	if (load_kernel(&at, &end, i, e) == -1)
		return err_prefix(e, "kernel");
	if (load_initrd(&at, end, i, e) == -1)
		return err_prefix(e, "initramfs");
	*ret = at;
	return 0;
}
