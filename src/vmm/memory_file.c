/* SPDX-License-Identifier: ISC */
/* memory_file.c - guest memory into a sparse file; see memory_file.h */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"
#include "os/os.h"
#include "vmm/memory.h"
#include "vmm/memory_file.h"

#define PAGE	4096U
#define CHUNK	(1U << 20)	/* bytes of one write, at most */
#define BATCH	512		/* pages that are asked about at once */
/*
 * Pages the guest has not changed that are written with their neighbours:
 * copying fewer costs more calls than it spares.
 */
#define GAP	16

/* A piece of guest memory, and where it is in the file. */
struct piece {
	const struct memory *memory;
	const uint8_t	*host;
	uint64_t	 len;
	uint64_t	 offset;
	uint64_t	 first;		/* of the piece, in all of memory */
	int		 fd;		/* of shared memory, or -1 */
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

/* --- shared memory: a memfd knows its holes ------------------------------- */

/* The next part of a piece that may have something in it; false: no more. */
static bool
next_data(const struct piece *p, uint64_t *from, uint64_t *to)
{
	off_t data, hole;

	*to = p->len;
	if (*from >= p->len)
		return false;
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
write_shared(int fd, const struct piece *p, struct err *e)
{
	uint64_t from, to;

	for (from = 0; next_data(p, &from, &to); from = to)
		if (write_pages(fd, p, from, to, e) == -1)
			return -1;
	return 0;
}

/* --- private memory: pages that are the process's own have changed -------- */

/* Bytes through the process, where the file systems have nothing better. */
static ssize_t
copy_by_hand(int from, off_t *in, int to, off_t *out, size_t len)
{
	uint8_t bytes[65536];
	ssize_t n = pread(from, bytes, MIN(len, sizeof(bytes)), *in);

	if (n > 0)
		n = pwrite(to, bytes, (size_t)n, *out);
	if (n > 0) {
		*in += n;
		*out += n;
	}
	return n;
}

/* [in, +len) of the snapshot's file; its blocks are shared where they can. */
static int
copy(int from, off_t in, int to, off_t out, uint64_t len, struct err *e)
{
	bool by_hand = false;
	ssize_t n;

	for (off_t end = in + (off_t)len; in < end; ) {
		len = (uint64_t)(end - in);
		if (by_hand)
			n = copy_by_hand(from, &in, to, &out, len);
		else
			n = os_copy_range(from, &in, to, &out, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 && !by_hand) {
			by_hand = true;
			continue;
		}
		if (n <= 0)
			return err_sys(e, "copy memory");
	}
	return 0;
}

/* What the snapshot's file has at [from, to) of a piece; not its holes. */
static int
copy_unchanged(int fd, const struct piece *p, uint64_t from, uint64_t to,
    struct err *e)
{
	int file = memory_file(p->memory);
	off_t at = (off_t)(p->first + from), end = (off_t)(p->first + to);
	off_t hole;

	/* What is no file's and was never touched is zeroes. */
	if (file == -1)
		return 0;
	for (; at < end; at = hole) {
		at = lseek(file, at, SEEK_DATA);
		if ((at == -1 && errno == ENXIO) || at >= end)
			return 0;
		if (at == -1 || (hole = lseek(file, at, SEEK_HOLE)) == -1)
			return err_sys(e, "snapshot's memory");
		hole = MIN(hole, end);
		if (copy(file, at, fd, (off_t)(p->offset + (uint64_t)at -
		    p->first), (uint64_t)(hole - at), e) == -1)
			return -1;
	}
	return 0;
}

/* How far in a piece we are. */
struct progress {
	uint64_t	done;		/* in the file */
	uint64_t	changed_end;	/* behind the last that has changed */
};

/* Write [done, changed_end), and copy what is unchanged up to 'to'. */
static int
settle(int fd, const struct piece *p, struct progress *w, uint64_t to,
    struct err *e)
{
	if (write_pages(fd, p, w->done, w->changed_end, e) == -1 ||
	    copy_unchanged(fd, p, w->changed_end, to, e) == -1)
		return -1;
	w->done = w->changed_end = to;
	return 0;
}

static int
write_private(int fd, const struct piece *p, struct err *e)
{
	struct progress w = { 0 };
	uint8_t what[BATCH];
	uint64_t at = 0;
	size_t n;

	for (; at < p->len; at += n * PAGE) {
		n = MIN((p->len - at) / PAGE, BATCH);
		memory_pages(p->memory, p->first + at, n, what);
		for (size_t i = 0; i < n; i++) {
			uint64_t page = at + i * PAGE;

			if (what[i] != OS_PAGE_OWN)
				continue;
			if (page - w.changed_end > GAP * PAGE &&
			    settle(fd, p, &w, page, e) == -1)
				return -1;
			w.changed_end = page + PAGE;
		}
	}
	return settle(fd, p, &w, p->len, e);
}

int
memory_file_write(int fd, uint64_t offset, const struct memory *m,
    struct err *e)
{
	const struct guest_memory *t = memory_table(m);
	struct frontend_region shared[2];
	struct piece p = { .memory = m, .fd = -1, .offset = offset };
	int r;

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
			r = write_shared(fd, &p, e);
		} else {
			r = write_private(fd, &p, e);
		}
		if (r == -1)
			return -1;
		p.offset += p.len;
		p.first += p.len;
	}
	return 0;
}

/* --- which pages there are ----------------------------------------------- */

static void
set_range(uint64_t *pages, uint64_t from, uint64_t to)
{
	for (uint64_t n = from / PAGE; n < (to + PAGE - 1) / PAGE; n++)
		pages[n / 64] |= 1ULL << n % 64;
}

static void
shared_pages(const struct piece *p, uint64_t *pages)
{
	uint64_t from, to;

	for (from = 0; next_data(p, &from, &to); from = to)
		set_range(pages, p->first + from, p->first + to);
}

static void
own_pages(const struct piece *p, uint64_t *pages)
{
	uint8_t what[BATCH];
	size_t n;

	for (uint64_t at = 0; at < p->len; at += n * PAGE) {
		n = MIN((p->len - at) / PAGE, BATCH);
		memory_pages(p->memory, p->first + at, n, what);
		for (size_t i = 0; i < n; i++)
			if (what[i] == OS_PAGE_OWN)
				set_range(pages, p->first + at + i * PAGE,
				    p->first + at + (i + 1) * PAGE);
	}
}

/* Of a snapshot's file all but its holes; all where it does not tell. */
static void
file_pages(const struct memory *m, uint64_t *pages)
{
	off_t at = 0, hole, end = (off_t)memory_bytes(m);
	int file = memory_file(m);

	while (file != -1 && at < end) {
		at = lseek(file, at, SEEK_DATA);
		if ((at == -1 && errno == ENXIO) || at >= end)
			return;
		hole = at == -1 ? -1 : lseek(file, at, SEEK_HOLE);
		if (hole == -1) {
			at = 0;
			hole = end;
		}
		hole = MIN(hole, end);
		set_range(pages, (uint64_t)at, (uint64_t)hole);
		at = hole;
	}
}

void
memory_file_pages(const struct memory *m, uint64_t *pages)
{
	const struct guest_memory *t = memory_table(m);
	struct frontend_region shared[2];
	struct piece p = { .memory = m };

	if (memory_shared(m))
		(void)memory_regions(m, shared);
	for (unsigned i = 0; i < t->nregions; i++) {
		p.len = t->regions[i].len;
		if (memory_shared(m)) {
			p.fd = shared[i].fd;
			p.fd_offset = shared[i].offset;
			shared_pages(&p, pages);
		} else {
			own_pages(&p, pages);
		}
		p.first += p.len;
	}
	file_pages(m, pages);
}
