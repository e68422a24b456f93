/* SPDX-License-Identifier: ISC */
/* written.c - which parts of a disk were written; see written.h */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/util.h"
#include "lib/written.h"

#define CHUNK	4096	/* marks that are read at once */

static uint64_t
parts_of(uint64_t disk)
{
	return disk / WRITTEN_PART + (disk % WRITTEN_PART != 0);
}

uint64_t
written_bytes(uint64_t disk)
{
	return WRITTEN_HEAD + parts_of(disk);
}

int
written_open(struct written *w, int fd, uint64_t disk, struct err *e)
{
	uint64_t bytes = written_bytes(disk);
	struct stat st;
	void *map;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "marks of the disk");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != bytes)
		return err_set(e, EINVAL, "marks of the disk: not a file of "
		    "%llu bytes", (unsigned long long)bytes);
	map = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (map == MAP_FAILED)
		return err_sys(e, "marks of the disk");
	w->map = map;
	w->parts = (size_t)(bytes - WRITTEN_HEAD);
	return 0;
}

void
written_close(struct written *w)
{
	if (w->map != NULL)
		(void)munmap(w->map, WRITTEN_HEAD + w->parts);
	w->map = NULL;
}

void
written_mark(struct written *w, uint64_t at, uint64_t len)
{
	uint64_t first = at / WRITTEN_PART, end;
	uint8_t now;

	if (w->map == NULL || len == 0 || first >= w->parts)
		return;
	end = MIN(parts_of(at + len), (uint64_t)w->parts);
	/* A time that ends in between may have been looked through already. */
	do {
		now = __atomic_load_n(w->map, __ATOMIC_SEQ_CST);
		for (uint64_t i = first; i < end; i++)
			__atomic_store_n(w->map + WRITTEN_HEAD + i, now,
			    __ATOMIC_SEQ_CST);
	} while (__atomic_load_n(w->map, __ATOMIC_SEQ_CST) != now);
}

int
written_tick(int fd, struct err *e)
{
	uint8_t now, next;

	if (pread(fd, &now, 1, 0) != 1)
		return err_set(e, EIO, "marks of the disk: cannot be read");
	next = (uint8_t)(now + 1);
	if (pwrite(fd, &next, 1, 0) != 1)
		return err_sys(e, "marks of the disk");
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return now;
}

int
written_next(uint64_t *part, int fd, uint8_t time, uint64_t parts,
    struct err *e)
{
	uint8_t marks[CHUNK], *p;
	uint64_t at = *part;
	ssize_t n;

	while (at < parts) {
		n = pread(fd, marks, (size_t)MIN(parts - at, CHUNK),
		    (off_t)(WRITTEN_HEAD + at));
		if (n <= 0)
			return err_set(e, EIO,
			    "marks of the disk: cannot be read");
		p = memchr(marks, time, (size_t)n);
		if (p != NULL) {
			*part = at + (uint64_t)(p - marks);
			return 1;
		}
		at += (uint64_t)n;
	}
	return 0;
}
