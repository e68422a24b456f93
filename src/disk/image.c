/* SPDX-License-Identifier: ISC */
/* image.c - reading and writing a chain of images; see image.h */

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk/image.h"
#include "disk/qcow2_private.h"
#include "lib/util.h"
#include "os/os.h"

void
image_destroy(struct image *im)
{
	(void)image_close(im, NULL);
}

int
image_close(struct image *im, struct err *e)
{
	struct image *below;
	int r = 0;

	for (; im != NULL; im = below) {
		below = im->backing;
		if (qcow2_close(im->qcow2, e) == -1)
			r = -1;
		free(im);
	}
	return r;
}

static int
open_raw(struct image *im, struct err *e)
{
	off_t end = lseek(im->fd, 0, SEEK_END);

	if (end == -1)
		return err_sys(e, "size of the image");
	im->size = (uint64_t)end;
	return 0;
}

/* File i of the chain. */
static int
open_one(struct image **ret, const struct image_files *f, unsigned i,
    bool writable, struct err *e)
{
	OWN(image_destroy) struct image *im = calloc(1, sizeof(*im));
	const struct qcow2_header *h;

	if (im == NULL)
		return err_sys(e, "image");
	im->fd = f->file[i].fd;
	if (f->file[i].format == IMAGE_RAW) {
		if (i + 1 != f->n)
			return err_set(e, EINVAL,
			    "a raw image has no backing file");
		if (open_raw(im, e) == -1)
			return -1;
		*ret = take(&im);
		return 0;
	}
	if (qcow2_open(&im->qcow2, im->fd, writable && i == 0, e) == -1)
		return -1;
	h = qcow2_header(im->qcow2);
	if (h->backing[0] != '\0' && i + 1 == f->n)
		return err_set(e, EINVAL, "its backing file, \"%s\", was "
		    "not given", h->backing);
	if (h->backing[0] == '\0' && i + 1 != f->n)
		return err_set(e, EINVAL, "it has no backing file");
	im->size = h->size / IMAGE_SECTOR * IMAGE_SECTOR;
	*ret = take(&im);
	return 0;
}

int
image_open(struct image **ret, const struct image_files *f, bool writable,
    struct err *e)
{
	OWN(image_destroy) struct image *top = NULL;
	struct image **next = &top;

	for (unsigned i = 0; i < f->n; i++) {
		if (open_one(next, f, i, writable, e) == -1)
			return i == 0 ? -1 : err_prefix(e, "backing file %u",
			    i);
		next = &(*next)->backing;
	}
	*ret = take(&top);
	return 0;
}

/* --- reading ------------------------------------------------------------- */

static int
read_extent(struct image *im, const struct qcow2_extent *x, uint64_t offset,
    uint8_t *to)
{
	const uint8_t *plain;

	switch (x->kind) {
	case QCOW2_DATA:
		return qcow2_pread(im->fd, to, x->len, x->host);
	case QCOW2_COMPRESSED:
		plain = qcow2_uncompress(im->qcow2, x);
		if (plain == NULL)
			return -1;
		memcpy(to, plain + (offset & (im->qcow2->cluster - 1)),
		    x->len);
		return 0;
	case QCOW2_HOLE:
		return image_read(im->backing, offset, to, x->len);
	case QCOW2_ZERO:
		break;
	}
	memset(to, 0, x->len);
	return 0;
}

/* Recursion is as deep as the chain. */
int
image_read(struct image *im, uint64_t offset, void *buf, size_t len)
{
	struct qcow2_extent x;
	uint8_t *to = buf;
	size_t n;

	while (len > 0) {
		if (im == NULL || offset >= im->size) {
			memset(to, 0, len);
			return 0;
		}
		n = MIN(len, im->size - offset);
		if (im->qcow2 == NULL) {
			if (qcow2_pread(im->fd, to, n, offset) == -1)
				return -1;
		} else {
			if (qcow2_map(im->qcow2, offset, n, &x) == -1 ||
			    read_extent(im, &x, offset, to) == -1)
				return -1;
			n = x.len;
		}
		to += n;
		offset += n;
		len -= n;
	}
	return 0;
}

bool
image_zeroes(struct image *im, uint64_t offset, uint64_t len)
{
	struct qcow2_extent x;

	for (; len > 0; offset += x.len, len -= x.len) {
		if (im == NULL || offset >= im->size)
			return true;
		if (im->qcow2 == NULL || qcow2_map(im->qcow2, offset,
		    MIN(len, im->size - offset), &x) == -1)
			return false;
		if (x.kind == QCOW2_HOLE ?
		    !image_zeroes(im->backing, offset, x.len) :
		    x.kind != QCOW2_ZERO)
			return false;
	}
	return true;
}

/* --- writing ------------------------------------------------------------- */

int
image_edges(struct image *im, const struct qcow2_alloc *a, uint64_t offset,
    uint64_t len, struct image_edges *ret)
{
	uint64_t end = offset + len;
	struct image_edges g = {
		.head = offset - a->guest,
		.tail = a->guest + a->len - end,
	};

	/* Behind the disk's end nobody looks. */
	if (end >= im->size && a->fresh)
		g.tail = 0;
	if (a->fresh && (g.head == 0 || image_zeroes(im, a->guest, g.head)) &&
	    (g.tail == 0 || image_zeroes(im, end, g.tail)))
		g.head = g.tail = 0;
	if (g.head + g.tail != 0) {
		g.bytes = malloc(g.head + g.tail);
		if (g.bytes == NULL)
			return -1;
		if (image_read(im, a->guest, g.bytes, g.head) == -1 ||
		    image_read(im, end, g.bytes + g.head, g.tail) == -1) {
			free(g.bytes);
			return -1;
		}
	}
	*ret = g;
	return 0;
}

/* Before 'at' and from 'end' on in the file. */
static int
write_edges(struct image *im, const struct image_edges *g, uint64_t at,
    uint64_t end)
{
	if (g->bytes == NULL)
		return 0;
	if (qcow2_pwrite(im->fd, g->bytes, g->head, at - g->head) == -1)
		return -1;
	return qcow2_pwrite(im->fd, g->bytes + g->head, g->tail, end);
}

/* To clusters that are new; *n: bytes of the write that went there. */
static int
write_new(struct image *im, uint64_t offset, const uint8_t *from, size_t len,
    size_t *n)
{
	struct qcow2 *q = im->qcow2;
	uint64_t in = offset & (q->cluster - 1), at;
	struct image_edges g = { .bytes = NULL };
	struct qcow2_alloc a;
	int r = -1;

	if (qcow2_alloc(q, offset - in,
	    clusters_of(q, in + len) << q->bits, &a) == -1)
		return -1;
	*n = MIN(len, a.len - in);
	at = a.host + in;
	/* What was copied may have been durable where it was: it stays so. */
	if (image_edges(im, &a, offset, *n, &g) == 0 &&
	    qcow2_pwrite(im->fd, from, *n, at) == 0 &&
	    write_edges(im, &g, at, at + *n) == 0 &&
	    (g.bytes == NULL || os_datasync(im->fd) == 0))
		r = qcow2_link(q, &a);
	else
		qcow2_unalloc(q, &a);
	free(g.bytes);
	return r;
}

static int
write_qcow2(struct image *im, uint64_t offset, const uint8_t *from,
    size_t len)
{
	struct qcow2_extent x;
	size_t n;

	for (; len > 0; offset += n, from += n, len -= n) {
		if (qcow2_map(im->qcow2, offset, len, &x) == -1)
			return -1;
		n = x.len;
		if (x.kind != QCOW2_DATA || !x.owned) {
			if (write_new(im, offset, from, n, &n) == -1)
				return -1;
		} else if (qcow2_may_write(im->qcow2, x.host, n) == -1 ||
		    qcow2_pwrite(im->fd, from, n, x.host) == -1)
			return -1;
	}
	return 0;
}

int
image_write(struct image *im, uint64_t offset, const void *buf, size_t len)
{
	if (offset > im->size || len > im->size - offset) {
		errno = EINVAL;
		return -1;
	}
	if (im->qcow2 != NULL)
		return write_qcow2(im, offset, buf, len);
	return qcow2_pwrite(im->fd, buf, len, offset);
}
