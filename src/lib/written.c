/* SPDX-License-Identifier: ISC */
/* written.c - which parts of a disk were written; see written.h */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
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
	void *head;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "marks of the disk");
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != bytes)
		return err_set(e, EINVAL, "marks of the disk: not a file of "
		    "%llu bytes", (unsigned long long)bytes);
	head = mmap(NULL, WRITTEN_HEAD, PROT_READ, MAP_SHARED, fd, 0);
	if (head == MAP_FAILED)
		return err_sys(e, "marks of the disk");
	w->parts = (size_t)(bytes - WRITTEN_HEAD);
	w->marks = calloc(1, w->parts + 1);
	if (w->marks == NULL) {
		(void)munmap(head, WRITTEN_HEAD);
		return err_sys(e, "marks of the disk");
	}
	w->head = head;
	w->fd = fd;
	return 0;
}

void
written_close(struct written *w)
{
	if (w->head != NULL)
		(void)munmap(w->head, WRITTEN_HEAD);
	free(w->marks);
	w->head = w->marks = NULL;
}

/* Give n parts from first on the mark, in the file too where they lack it. */
static int
put_marks(struct written *w, size_t first, size_t n, uint8_t now)
{
	uint8_t *marks = w->marks + first;
	ssize_t put;
	size_t i;

	for (i = 0; i < n && marks[i] == now; i++)
		;
	if (i == n)
		return 0;
	memset(marks, now, n);
	do {
		put = pwrite(w->fd, marks, n, (off_t)(WRITTEN_HEAD + first));
	} while (put == -1 && errno == EINTR);
	if (put == (ssize_t)n)
		return 0;
	if (put != -1)
		errno = ENOSPC;
	/* Some may be there, or none: they are written again next time. */
	memset(marks, 0, n);
	return -1;
}

int
written_mark(struct written *w, uint64_t at, uint64_t len)
{
	uint64_t first = at / WRITTEN_PART, end;
	uint8_t now;

	if (w->head == NULL || len == 0 || first >= w->parts)
		return 0;
	end = MIN(parts_of(at + len), (uint64_t)w->parts);
	/* A time that ends in between may have been looked through already. */
	do {
		now = __atomic_load_n(w->head, __ATOMIC_SEQ_CST);
		if (put_marks(w, (size_t)first, (size_t)(end - first),
		    now) == -1)
			return -1;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (__atomic_load_n(w->head, __ATOMIC_SEQ_CST) != now);
	return 0;
}

int
written_tick(int fd, struct err *e)
{
	uint8_t now, next;

	if (pread(fd, &now, 1, 0) != 1)
		return err_set(e, EIO, "marks of the disk: cannot be read");
	next = now == UINT8_MAX ? 1 : (uint8_t)(now + 1);
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
			/* What was written before the mark is read after. */
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			*part = at + (uint64_t)(p - marks);
			return 1;
		}
		at += (uint64_t)n;
	}
	return 0;
}
