/* SPDX-License-Identifier: ISC */
/* memory_file.c - guest memory into a sparse file; see memory_file.h */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"
#include "vmm/memory.h"
#include "vmm/memory_file.h"

#define PAGE	4096U
#define CHUNK	(1U << 20)	/* bytes of one write, at most */

/* A piece of guest memory, and where it is in the file. */
struct piece {
	const uint8_t	*host;
	uint64_t	 len;
	uint64_t	 offset;
	int		 fd;		/* of the memory, or -1 */
	uint64_t	 fd_offset;
};

static bool
is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

static int
write_at(int fd, const uint8_t *from, uint64_t len, uint64_t offset,
    struct err *e)
{
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, from, MIN(len, CHUNK), (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(e, "write memory");
		from += n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Of [from, to) what is not zeroes, in runs of pages. */
static int
write_pages(int fd, const struct piece *p, uint64_t from, uint64_t to,
    struct err *e)
{
	uint64_t end;

	while (from < to) {
		if (is_zero(p->host + from)) {
			from += PAGE;
			continue;
		}
		end = from + PAGE;
		while (end < to && end - from < CHUNK &&
		    !is_zero(p->host + end))
			end += PAGE;
		if (write_at(fd, p->host + from, end - from,
		    p->offset + from, e) == -1)
			return -1;
		from = end;
	}
	return 0;
}

/*
 * The next part of a piece that may have something in it; false: no more.
 * A memfd knows its holes; other memory has to be looked at.
 */
static bool
next_data(const struct piece *p, uint64_t *from, uint64_t *to)
{
	off_t data, hole;

	*to = p->len;
	if (p->fd == -1 || *from >= p->len)
		return *from < p->len;
	data = lseek(p->fd, (off_t)(p->fd_offset + *from), SEEK_DATA);
	if (data == -1)
		return errno != ENXIO;	/* ENXIO: only a hole is left */
	if ((uint64_t)data - p->fd_offset >= p->len)
		return false;
	*from = (uint64_t)data - p->fd_offset;
	hole = lseek(p->fd, data, SEEK_HOLE);
	if (hole != -1)
		*to = MIN(p->len, (uint64_t)hole - p->fd_offset);
	return true;
}

static int
write_piece(int fd, const struct piece *p, struct err *e)
{
	uint64_t from, to;

	for (from = 0; next_data(p, &from, &to); from = to)
		if (write_pages(fd, p, from, to, e) == -1)
			return -1;
	return 0;
}

int
memory_file_write(int fd, uint64_t offset, const struct memory *m,
    struct err *e)
{
	const struct guest_memory *t = memory_table(m);
	struct frontend_region shared[2];
	struct piece p = { .fd = -1, .offset = offset };

	if (ftruncate(fd, (off_t)(offset + memory_bytes(m))) == -1)
		return err_sys(e, "create memory");
	if (memory_shared(m))
		(void)memory_regions(m, shared);
	for (unsigned i = 0; i < t->nregions; i++) {
		p.host = t->regions[i].host;
		p.len = t->regions[i].len;
		if (memory_shared(m)) {
			p.fd = shared[i].fd;
			p.fd_offset = shared[i].offset;
		}
		if (write_piece(fd, &p, e) == -1)
			return -1;
		p.offset += p.len;
	}
	return 0;
}
