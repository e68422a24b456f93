/* SPDX-License-Identifier: ISC */
/* memory_darwin.c - memory, on macOS; see os.h */

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/own.h"
#include "os/os.h"

#define SHM_NAME_MAX	32	/* PSHMNAMLEN of the kernel, with the NUL */

/*
 * Shared memory has a name for a moment.  The kernel sizes it once, so that
 * no peer can shrink it.
 */
int
os_memfd(const char *name, uint64_t bytes, struct err *e)
{
	own_fd int fd = -1;
	char path[SHM_NAME_MAX];
	uint64_t r;

	os_random(&r, sizeof(r));
	(void)snprintf(path, sizeof(path), "/vmd.%016llx",
	    (unsigned long long)r);
	fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd == -1)
		return err_sys(e, "shared memory %s", name);
	(void)shm_unlink(path);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    ftruncate(fd, (off_t)bytes) == -1)
		return err_sys(e, "shared memory %s: %llu bytes", name,
		    (unsigned long long)bytes);
	return take_fd(&fd);
}

int
os_memfd_huge(const char *name, uint64_t bytes, uint64_t page, struct err *e)
{
	(void)name;
	(void)bytes;
	(void)page;
	return err_set(e, ENOTSUP, "huge pages: macOS has none to give");
}

int
os_pages_open(void)
{
	errno = ENOTSUP;
	return -1;
}

int
os_pages(const void *at, size_t n, uint8_t *ret)
{
	(void)at;
	(void)n;
	(void)ret;
	errno = ENOTSUP;
	return -1;
}

/* Memory that a page is touched at: writing changes nothing. */
static void
touch(uint8_t *at, size_t len, bool write)
{
	const size_t page = (size_t)getpagesize();

	for (size_t i = 0; i < len; i += page)
		if (write)
			(void)__atomic_fetch_or(at + i, 0, __ATOMIC_RELAXED);
		else
			(void)*(volatile uint8_t *)(at + i);
}

/* There are no huge pages to be asked for. */
int
os_advise(void *at, size_t len, enum os_advice a)
{
	switch (a) {
	case OS_ADVISE_HUGE:
	case OS_ADVISE_COLLAPSE:
		return 0;
	case OS_ADVISE_READ:
	case OS_ADVISE_WRITE:
		touch(at, len, a == OS_ADVISE_WRITE);
		return 0;
	case OS_ADVISE_DISCARD:
		return madvise(at, len, MADV_FREE);
	}
	errno = EINVAL;
	return -1;
}
