/* SPDX-License-Identifier: ISC */
/* layer.c - the bytes of a layer; see layer.h */

#include <sys/types.h>

#include <errno.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "lib/io.h"
#include "oci/layer.h"

#define IN_LEN		(64U << 10)	/* bytes read at once */
#define OUT_LEN		(256U << 10)	/* bytes given at once */
#define GZIP_WINDOW	(15 + 16)	/* zlib: 32 KiB and a gzip header */

/* How a layer is compressed: one of these, chosen by its first bytes. */
struct codec {
	const char	*name;
	uint8_t		 magic[4];
	size_t		 magic_len;
	int		(*begin)(struct layer *, struct err *);
	/*
	 * Turn bytes of l->in into bytes of l->out; returns how many, and 0
	 * only when more input is wanted.  l->whole is set where the input
	 * may end.
	 */
	ssize_t		(*turn)(struct layer *, struct err *);
	void		(*end)(struct layer *);
};

struct layer {
	int			 fd;
	struct blob		 blob;
	bool			 check_diff_id;
	struct digest		 diff_id;
	struct hasher		*stored;	/* of the blob */
	struct hasher		*plain;		/* of the tar; NULL: the same */
	const struct codec	*codec;
	bool			 whole;		/* the input may end here */
	bool			 eof;		/* the input has ended */
	bool			 done;		/* all was given and is right */
	uint64_t		 offset;	/* bytes of the blob read */
	size_t			 in_pos, in_len;
	z_stream		 z;
	ZSTD_DStream		*zstd;
	uint8_t			 in[IN_LEN];
	uint8_t			 out[OUT_LEN];
};

static int
corrupt(struct err *e, const char *what)
{
	return err_api(e, EINVAL, "invalid_image", "%s", what);
}

/* --- gzip --------------------------------------------------------------- */

static int
gzip_begin(struct layer *l, struct err *e)
{
	if (inflateInit2(&l->z, GZIP_WINDOW) != Z_OK)
		return err_set(e, ENOMEM, "gzip: no memory");
	return 0;
}

static ssize_t
gzip_turn(struct layer *l, struct err *e)
{
	int r;

	/* A member has ended and there is more: another one follows. */
	if (l->whole && inflateReset(&l->z) != Z_OK)
		return corrupt(e, "gzip: cannot go on");
	l->whole = false;
	l->z.next_in = l->in + l->in_pos;
	l->z.avail_in = (uInt)(l->in_len - l->in_pos);
	l->z.next_out = l->out;
	l->z.avail_out = OUT_LEN;
	r = inflate(&l->z, Z_NO_FLUSH);
	l->in_pos = l->in_len - l->z.avail_in;
	if (r == Z_STREAM_END)
		l->whole = true;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return corrupt(e, "gzip data is corrupt");
	return (ssize_t)(OUT_LEN - l->z.avail_out);
}

static void
gzip_end(struct layer *l)
{
	(void)inflateEnd(&l->z);
}

/* --- zstd --------------------------------------------------------------- */

static int
zstd_begin(struct layer *l, struct err *e)
{
	l->zstd = ZSTD_createDStream();
	if (l->zstd == NULL)
		return err_set(e, ENOMEM, "zstd: no memory");
	return 0;
}

static ssize_t
zstd_turn(struct layer *l, struct err *e)
{
	ZSTD_inBuffer in = { l->in, l->in_len, l->in_pos };
	ZSTD_outBuffer out = { l->out, OUT_LEN, 0 };
	size_t r = ZSTD_decompressStream(l->zstd, &out, &in);

	if (ZSTD_isError(r))
		return corrupt(e, "zstd data is corrupt");
	l->whole = r == 0;
	l->in_pos = in.pos;
	return (ssize_t)out.pos;
}

static void
zstd_end(struct layer *l)
{
	(void)ZSTD_freeDStream(l->zstd);
}

/* --- plain -------------------------------------------------------------- */

static int
plain_begin(struct layer *l, struct err *e)
{
	(void)e;
	l->whole = true;
	return 0;
}

static ssize_t
plain_turn(struct layer *l, struct err *e)
{
	size_t n = l->in_len - l->in_pos;

	(void)e;
	memcpy(l->out, l->in + l->in_pos, n);
	l->in_pos = l->in_len;
	return (ssize_t)n;
}

static void
plain_end(struct layer *l)
{
	(void)l;
}

static const struct codec codecs[] = {
	{ "gzip", { 0x1f, 0x8b }, 2, gzip_begin, gzip_turn, gzip_end },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, zstd_begin, zstd_turn,
	    zstd_end },
	{ "plain", { 0 }, 0, plain_begin, plain_turn, plain_end },
};

/* ------------------------------------------------------------------------ */

/* More of the blob into l->in, which is empty. */
static int
fill(struct layer *l, struct err *e)
{
	ssize_t n = read_full(l->fd, l->in, IN_LEN);

	if (n == -1)
		return err_sys(e, "read");
	l->in_pos = 0;
	l->in_len = (size_t)n;
	l->offset += (uint64_t)n;
	l->eof = n < (ssize_t)IN_LEN;
	hasher_add(l->stored, l->in, (size_t)n);
	return 0;
}

static int
begin(struct layer *l, struct err *e)
{
	const struct codec *c = codecs;

	if (fill(l, e) == -1)
		return -1;
	while (l->in_len < c->magic_len ||
	    memcmp(l->in, c->magic, c->magic_len) != 0)
		c++;
	if (c->begin(l, e) == -1)
		return -1;
	l->codec = c;
	if (c->turn != plain_turn)
		l->plain = hasher_new();
	return 0;
}

int
layer_open(struct layer **ret, int fd, const struct blob *blob,
    const struct digest *diff_id, struct err *e)
{
	OWN(layer_close) struct layer *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		(void)close(fd);
		return err_sys(e, "layer");
	}
	l->fd = fd;
	l->blob = *blob;
	l->check_diff_id = diff_id != NULL;
	if (diff_id != NULL)
		l->diff_id = *diff_id;
	l->stored = hasher_new();
	if (begin(l, e) == -1)
		return -1;
	*ret = take(&l);
	return 0;
}

void
layer_close(struct layer *l)
{
	if (l == NULL)
		return;
	if (l->codec != NULL)
		l->codec->end(l);
	hasher_destroy(l->stored);
	hasher_destroy(l->plain);
	(void)close(l->fd);
	free(l);
}

/* Everything was read: is it what it should be? */
static int
finish(struct layer *l, struct err *e)
{
	struct digest stored, plain;

	hasher_end(&stored, l->stored);
	if (l->offset != l->blob.size)
		return err_api(e, EIO, "damaged",
		    "%s: %llu bytes, not the %llu of the manifest",
		    l->offset < l->blob.size ? "truncated" : "too long",
		    (unsigned long long)l->offset,
		    (unsigned long long)l->blob.size);
	if (!digest_equal(&stored, &l->blob.digest))
		return err_api(e, EIO, "damaged",
		    "wrong digest: the contents are %s", stored.text);
	if (!l->whole)
		return corrupt(e, "truncated: the compressed data has no end");
	plain = stored;
	if (l->plain != NULL)
		hasher_end(&plain, l->plain);
	if (l->check_diff_id && !digest_equal(&plain, &l->diff_id))
		return err_api(e, EINVAL, "invalid_image",
		    "wrong diff_id: the tar is %s, the configuration says %s",
		    plain.text, l->diff_id.text);
	l->done = true;
	return 0;
}

ssize_t
layer_read(struct layer *l, const void **ret, struct err *e)
{
	ssize_t n;

	while (!l->done) {
		if (l->in_pos == l->in_len && !l->eof && fill(l, e) == -1)
			return -1;
		if (l->in_pos == l->in_len && l->whole)
			return finish(l, e);
		n = l->codec->turn(l, e);
		if (n == -1) {
			/* Damaged on the way, or wrong from the start? */
			struct err ignored, *why = &ignored;

			while (!l->eof)
				if (fill(l, why) == -1)
					return -1;
			l->whole = true;
			if (finish(l, why) == -1 && why->code != NULL &&
			    strcmp(why->code, "damaged") == 0)
				*e = *why;
			return -1;
		}
		if (n > 0) {
			if (l->plain != NULL)
				hasher_add(l->plain, l->out, (size_t)n);
			*ret = l->out;
			return n;
		}
		if (l->in_pos == l->in_len && l->eof && !l->whole) {
			(void)finish(l, e);
			return -1;
		}
	}
	return 0;
}

uint64_t
layer_offset(const struct layer *l)
{
	return l->offset;
}
