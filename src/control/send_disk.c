/* SPDX-License-Identifier: ISC */
/* send_disk.c - the writable layer of an instance; see send_disk.h */

#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/send_disk.h"
#include "lib/util.h"
#include "lib/written.h"

#define BLOCK	4096	/* of a file system, where it became a hole */

void
send_disk_init(struct send_disk *d)
{
	*d = (struct send_disk){ .fd = -1, .marks = -1 };
}

void
send_disk_close(struct send_disk *d)
{
	if (d->fd != -1)
		(void)close(d->fd);
	if (d->marks != -1)
		(void)close(d->marks);
	free(d->gone);
	d->gone = NULL;
	d->fd = d->marks = -1;
}

static uint64_t
parts_of(const struct send_disk *d)
{
	return written_bytes(d->len) - WRITTEN_HEAD;
}

int
send_disk_open(struct send_disk *d, int dirfd, struct err *e)
{
	struct stat st;

	d->fd = openat(dirfd, SEND_DISK_FILE,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (d->fd == -1 || fstat(d->fd, &st) == -1)
		return err_sys(e, "open %s", SEND_DISK_FILE);
	d->len = (uint64_t)st.st_size;
	d->gone = calloc(1, (size_t)(parts_of(d) / 8 + 1));
	if (d->gone == NULL)
		return err_sys(e, SEND_DISK_FILE);
	d->marks = openat(dirfd, SEND_DISK_MARKS,
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (d->marks == -1)
		return errno == ENOENT ? 0 : err_sys(e, SEND_DISK_MARKS);
	if (fstat(d->marks, &st) == -1)
		return err_sys(e, SEND_DISK_MARKS);
	if (!S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != written_bytes(d->len))
		return err_set(e, EINVAL, "%s is not of this disk",
		    SEND_DISK_MARKS);
	return 0;
}

int
send_disk_round(struct send_disk *d, bool stands, struct err *e)
{
	int time;

	if (!stands && (d->marks == -1 || d->rounds == SEND_DISK_ROUNDS_MAX ||
	    (d->rounds > 1 && d->sent <= SEND_DISK_FEW)))
		return 0;
	if (d->marks != -1) {
		time = written_tick(d->marks, e);
		if (time == -1)
			return -1;
		d->time = (uint8_t)time;
	}
	d->whole = d->rounds++ == 0;
	d->at = d->sent = 0;
	return 1;
}

/* All of these bytes, which the disk has. */
static int
read_at(const struct send_disk *d, uint8_t *to, size_t len, uint64_t at,
    struct err *e)
{
	ssize_t n;

	for (; len > 0; to += n, at += (uint64_t)n, len -= (size_t)n) {
		n = pread(d->fd, to, len, (off_t)at);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n == -1)
			return err_sys(e, SEND_DISK_FILE);
		else if (n == 0)
			return err_set(e, EIO, "%s became shorter",
			    SEND_DISK_FILE);
	}
	return 0;
}

/* Data of these parts goes; they may be zeroes at the receiver no more. */
static void
set_gone(struct send_disk *d, uint64_t at, size_t len)
{
	for (uint64_t i = at / WRITTEN_PART; i * WRITTEN_PART < at + len; i++)
		d->gone[i / 8] |= (uint8_t)(1U << i % 8);
}

static bool
is_gone(const struct send_disk *d, uint64_t part)
{
	return (d->gone[part / 8] & 1U << part % 8) != 0;
}

/* The next piece that is no hole. */
static ssize_t
read_data(struct send_disk *d, void *to, size_t max, uint64_t *place,
    struct err *e)
{
	off_t at, hole;
	size_t n;

	if (d->at >= d->len)
		return 0;
	at = lseek(d->fd, (off_t)d->at, SEEK_DATA);
	if (at == -1 && errno == ENXIO)
		return 0;
	if (at == -1 || (hole = lseek(d->fd, at, SEEK_HOLE)) == -1)
		return err_sys(e, SEND_DISK_FILE);
	/* The guest gave it back in between: some zeroes, and it goes on. */
	if (hole == at)
		hole = at + BLOCK;
	if ((uint64_t)at >= d->len)
		return 0;
	n = (size_t)MIN(MIN((uint64_t)hole, d->len) - (uint64_t)at,
	    (uint64_t)max);
	if (read_at(d, to, n, (uint64_t)at, e) == -1)
		return -1;
	*place = (uint64_t)at;
	d->at = *place + n;
	set_gone(d, *place, n);
	return (ssize_t)n;
}

static bool
is_zero(const uint8_t *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* The next part that was written in that time and is not zeroes there. */
static ssize_t
read_written(struct send_disk *d, void *to, size_t max, uint64_t *place,
    struct err *e)
{
	int found;
	size_t n;

	assert(max >= WRITTEN_PART);
	while ((found = written_next(&d->at, d->marks, d->time, parts_of(d),
	    e)) == 1) {
		*place = d->at * WRITTEN_PART;
		n = (size_t)MIN(WRITTEN_PART, d->len - *place);
		if (read_at(d, to, n, *place, e) == -1)
			return -1;
		d->at++;
		if (!is_gone(d, d->at - 1) && is_zero(to, n))
			continue;
		set_gone(d, *place, n);
		return (ssize_t)n;
	}
	return found;
}

ssize_t
send_disk_read(struct send_disk *d, void *to, size_t max, uint64_t *place,
    struct err *e)
{
	ssize_t n = d->rounds == 0 ? 0 : (d->whole ? read_data :
	    read_written)(d, to, max, place, e);

	if (n > 0)
		d->sent += (uint64_t)n;
	return n;
}
