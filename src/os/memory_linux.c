/* SPDX-License-Identifier: ISC */
/* memory_linux.c - memory, on Linux; see os.h */

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"

int
os_memfd(const char *name, uint64_t bytes, struct err *e)
{
	own_fd int fd = -1;

	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return err_sys(e, "memfd %s", name);
	if (ftruncate(fd, (off_t)bytes) == -1)
		return err_sys(e, "memfd %s: %llu bytes", name,
		    (unsigned long long)bytes);
	/* A peer that shrinks it would make us fault on access. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == -1)
		return err_sys(e, "memfd %s: seal", name);
	return take_fd(&fd);
}

int
os_memfd_huge(const char *name, uint64_t bytes, uint64_t page, struct err *e)
{
	own_fd int fd = -1;
	unsigned shift = (unsigned)__builtin_ctzll(page);

	fd = memfd_create(name, MFD_CLOEXEC | MFD_HUGETLB |
	    shift << MAP_HUGE_SHIFT);
	if (fd == -1)
		return err_sys(e, "huge pages of %llu MiB",
		    (unsigned long long)(page >> 20));
	if (ftruncate(fd, (off_t)bytes) == -1)
		return err_sys(e, "huge pages: %llu bytes",
		    (unsigned long long)bytes);
	return take_fd(&fd);
}

/* --- pages: Documentation/admin-guide/mm/pagemap.rst ---------------------- */

#define PAGEMAP_FILE	(1ULL << 61)	/* a file's page, or shared */
#define PAGEMAP_SWAP	(1ULL << 62)
#define PAGEMAP_PRESENT	(1ULL << 63)

/* Of the process, as what it describes. */
static int pagemap = -1;

int
os_pages_open(void)
{
	if (pagemap == -1 && sysconf(_SC_PAGESIZE) == OS_PAGE_SIZE)
		pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return pagemap == -1 ? -1 : 0;
}

static enum os_page
what_page(uint64_t entry)
{
	if ((entry & (PAGEMAP_PRESENT | PAGEMAP_SWAP)) == 0)
		return OS_PAGE_NONE;
	return entry & PAGEMAP_FILE ? OS_PAGE_FILE : OS_PAGE_OWN;
}

int
os_pages(const void *at, size_t n, uint8_t *ret)
{
	uint64_t entry[512];
	off_t from = (off_t)((uintptr_t)at / OS_PAGE_SIZE * sizeof(*entry));
	ssize_t r;

	for (size_t done = 0; done < n; done += (size_t)r) {
		r = pread(pagemap, entry, MIN(n - done, COUNT(entry)) *
		    sizeof(*entry), from + (off_t)(done * sizeof(*entry)));
		if (r == -1 && errno != EINTR)
			return -1;
		if (r == 0) {
			errno = EFAULT;
			return -1;
		}
		r = r == -1 ? 0 : r / (ssize_t)sizeof(*entry);
		for (ssize_t i = 0; i < r; i++)
			ret[done + (size_t)i] = (uint8_t)what_page(entry[i]);
	}
	return 0;
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25		/* Linux 6.1 */
#endif

int
os_advise(void *at, size_t len, enum os_advice a)
{
	static const int means[] = {
		[OS_ADVISE_HUGE] = MADV_HUGEPAGE,
		[OS_ADVISE_COLLAPSE] = MADV_COLLAPSE,
		[OS_ADVISE_READ] = MADV_POPULATE_READ,
		[OS_ADVISE_WRITE] = MADV_POPULATE_WRITE,
		[OS_ADVISE_DISCARD] = MADV_DONTNEED,
	};

	return madvise(at, len, means[a]);
}
