/* SPDX-License-Identifier: ISC */
/* tar_out.c - writing a tar for sqfstar; see tar_out.h */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "oci/tar_out.h"

#define BLOCK		512U
#define DIRECT_MIN	(16U << 10)	/* bytes worth a write of their own */
#define LONG_NAME	"././@LongLink"	/* what GNU tar calls such entries */

/* tar(5), "POSIX ustar Archives". */
struct ustar {
	char	name[100];
	char	mode[8];
	char	uid[8];
	char	gid[8];
	char	size[12];
	char	mtime[12];
	char	checksum[8];
	char	type;
	char	link[100];
	char	magic[6];
	char	version[2];
	char	uname[32];
	char	gname[32];
	char	major[8];
	char	minor[8];
	char	prefix[155];
	char	pad[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a header is a block");

void
tar_out_init(struct tar_out *t,
    int (*write)(void *, const void *, size_t, struct err *), void *arg)
{
	t->write = write;
	t->arg = arg;
	t->broken = false;
	t->body = 0;
	t->len = 0;
}

static int
flush(struct tar_out *t, struct err *e)
{
	size_t len = t->len;

	t->len = 0;
	if (len > 0 && t->write(t->arg, t->buf, len, e) == -1) {
		t->broken = true;
		return -1;
	}
	return 0;
}

static int
put(struct tar_out *t, const void *data, size_t len, struct err *e)
{
	const uint8_t *p = data;
	size_t n;

	/* Much goes without being copied. */
	if (len >= DIRECT_MIN) {
		if (flush(t, e) == -1)
			return -1;
		if (t->write(t->arg, p, len, e) == -1) {
			t->broken = true;
			return -1;
		}
		return 0;
	}
	for (; len > 0; len -= n, p += n) {
		if (t->len == TAR_OUT_BUF && flush(t, e) == -1)
			return -1;
		n = MIN(len, TAR_OUT_BUF - t->len);
		memcpy(t->buf + t->len, p, n);
		t->len += n;
	}
	return 0;
}

/* Zeros to the end of the block. */
static int
pad(struct tar_out *t, uint64_t len, struct err *e)
{
	static const uint8_t zeros[BLOCK];

	return put(t, zeros, (BLOCK - len % BLOCK) % BLOCK, e);
}

/* Octal with a NUL; what does not fit in base 256, as GNU tar. */
static void
number(char *to, size_t size, uint64_t v)
{
	uint64_t rest = v;

	for (size_t i = size - 1; i-- > 0; rest >>= 3)
		to[i] = (char)('0' + (rest & 7));
	to[size - 1] = '\0';
	if (rest == 0)
		return;
	for (size_t i = size; i-- > 0; v >>= 8)
		to[i] = (char)(v & 0xff);
	to[0] |= (char)0x80;
}

static int
block(struct tar_out *t, struct ustar *u, struct err *e)
{
	const uint8_t *p = (const uint8_t *)u;
	unsigned sum = 0;

	memcpy(u->magic, "ustar", 6);
	memcpy(u->version, "00", 2);
	memset(u->checksum, ' ', sizeof(u->checksum));
	for (size_t i = 0; i < sizeof(*u); i++)
		sum += p[i];
	(void)snprintf(u->checksum, 7, "%06o", sum);
	return put(t, u, sizeof(*u), e);
}

/* An entry that only says something about the next one. */
static int
extension(struct tar_out *t, char type, const void *data, size_t len,
    struct err *e)
{
	struct ustar u = { .name = LONG_NAME, .type = type };

	number(u.mode, sizeof(u.mode), 0644);
	number(u.uid, sizeof(u.uid), 0);
	number(u.gid, sizeof(u.gid), 0);
	number(u.size, sizeof(u.size), len);
	number(u.mtime, sizeof(u.mtime), 0);
	if (block(t, &u, e) == -1 || put(t, data, len, e) == -1)
		return -1;
	return pad(t, len, e);
}

int
tar_out_xattr(struct buf *b, const char *name, const void *value, size_t len,
    struct err *e)
{
	static const char prefix[] = "SCHILY.xattr.";
	size_t body = strlen(prefix) + strlen(name) + len + 3, total = body;
	char text[24];

	/* The length counts its own digits. */
	do
		total = body + (size_t)snprintf(text, sizeof(text), "%zu",
		    total);
	while (total != body + (size_t)snprintf(text, sizeof(text), "%zu",
	    total));
	if (buf_printf(b, "%zu %s%s=", total, prefix, name) == -1 ||
	    buf_put(b, value, len) == -1 || buf_put(b, "\n", 1) == -1)
		return err_api(e, E2BIG, "invalid_image",
		    "too many extended attributes");
	return 0;
}

int
tar_out_header(struct tar_out *t, const struct tar_header *h, struct err *e)
{
	struct ustar u = { .type = (char)h->type };
	size_t len = strlen(h->path), link;

	if (pad(t, t->body, e) == -1)
		return -1;
	t->body = 0;
	link = h->link == NULL ? 0 : strlen(h->link);
	if (h->xattrs != NULL && h->xattrs->len > 0 && extension(t, 'x',
	    h->xattrs->data, h->xattrs->len, e) == -1)
		return -1;
	if (link >= sizeof(u.link) &&
	    extension(t, 'K', h->link, link + 1, e) == -1)
		return -1;
	if (len >= sizeof(u.name) &&
	    extension(t, 'L', h->path, len + 1, e) == -1)
		return -1;
	memcpy(u.name, h->path, MIN(len, sizeof(u.name)));
	if (link > 0)
		memcpy(u.link, h->link, MIN(link, sizeof(u.link)));
	number(u.mode, sizeof(u.mode), h->mode & 07777);
	number(u.uid, sizeof(u.uid), h->uid);
	number(u.gid, sizeof(u.gid), h->gid);
	number(u.size, sizeof(u.size), h->size);
	number(u.mtime, sizeof(u.mtime), h->mtime);
	number(u.major, sizeof(u.major), h->major);
	number(u.minor, sizeof(u.minor), h->minor);
	return block(t, &u, e);
}

int
tar_out_data(struct tar_out *t, const void *data, size_t len, struct err *e)
{
	t->body += len;
	return put(t, data, len, e);
}

int
tar_out_zeros(struct tar_out *t, uint64_t len, struct err *e)
{
	static const uint8_t zeros[64U << 10];
	size_t n;

	for (; len > 0; len -= n) {
		n = (size_t)MIN(len, sizeof(zeros));
		if (tar_out_data(t, zeros, n, e) == -1)
			return -1;
	}
	return 0;
}

int
tar_out_end(struct tar_out *t, struct err *e)
{
	static const uint8_t zeros[2 * BLOCK];

	if (pad(t, t->body, e) == -1 || flush(t, e) == -1)
		return -1;
	if (put(t, zeros, sizeof(zeros), e) == -1 || flush(t, e) == -1)
		t->broken = false;	/* one block of zeros was enough */
	return 0;
}
