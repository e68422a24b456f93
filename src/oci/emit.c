/* SPDX-License-Identifier: ISC */
/* emit.c - writing the merged tar; see emit.h */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "lib/util.h"
#include "oci/emit.h"
#include "oci/tar_out.h"

/* What squashfs can hold. */
#define ID_MAX		(UINT32_MAX - 1)
#define MAJOR_MAX	0xfff
#define MINOR_MAX	0xfffff
#define LINK_MAX_LEN	65535		/* bytes of a symbolic link */
#define XATTR_VALUE_MAX	65536		/* bytes; XATTR_SIZE_MAX */

static int
refuse(struct err *e, const char *what)
{
	return err_api(e, EINVAL, "invalid_image", "%s", what);
}

static const struct {
	mode_t		from;
	enum tar_type	to;
} types[] = {
	{ AE_IFREG, TAR_FILE },
	{ AE_IFDIR, TAR_DIR },
	{ AE_IFLNK, TAR_SYMLINK },
	{ AE_IFCHR, TAR_CHAR },
	{ AE_IFBLK, TAR_BLOCK },
	{ AE_IFIFO, TAR_FIFO },
};

static bool
xattr_stays(const char *name, size_t size)
{
	static const char *const good[] = { "user.", "trusted.", "security." };
	static const char *const bad[] = { "user.overlay.",
	    "trusted.overlay." };

	if (size > XATTR_VALUE_MAX || strlen(name) > 255 ||
	    strchr(name, '=') != NULL)
		return false;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (strncmp(name, bad[i], strlen(bad[i])) == 0)
			return false;
	for (size_t i = 0; i < COUNT(good); i++)
		if (strncmp(name, good[i], strlen(good[i])) == 0)
			return name[strlen(good[i])] != '\0';
	return false;
}

static int
xattrs(struct buf *ret, struct archive_entry *ae, struct err *e)
{
	const char *name;
	const void *value;
	size_t size;

	if (archive_entry_xattr_reset(ae) == 0)
		return 0;
	while (archive_entry_xattr_next(ae, &name, &value, &size) ==
	    ARCHIVE_OK)
		if (xattr_stays(name, size) &&
		    tar_out_xattr(ret, name, value, size, e) == -1)
			return -1;
	return 0;
}

/* Owners and groups share one table in squashfs. */
static void
note_owner(struct emit *em, uint32_t uid, uint32_t gid)
{
	em->have_uid |= uid == em->uid || gid == em->uid;
	em->have_gid |= uid == em->gid || gid == em->gid;
}

/* What a root image cannot hold is refused. */
static int
describe(struct tar_header *h, struct archive_entry *ae, struct err *e)
{
	int64_t uid = archive_entry_uid(ae), gid = archive_entry_gid(ae);
	time_t mtime = archive_entry_mtime(ae);
	size_t i = 0;

	while (i < COUNT(types) && types[i].from != archive_entry_filetype(ae))
		i++;
	if (i == COUNT(types))
		return refuse(e, "unknown type of file");
	h->type = types[i].to;
	if (uid < 0 || uid > ID_MAX || gid < 0 || gid > ID_MAX)
		return refuse(e, "the owner is out of range");
	h->uid = (uint32_t)uid;
	h->gid = (uint32_t)gid;
	h->mode = archive_entry_perm(ae);
	h->mtime = (uint32_t)(mtime < 0 ? 0 : MIN(mtime, UINT32_MAX));
	if (h->type == TAR_SYMLINK) {
		h->link = archive_entry_symlink(ae);
		if (h->link == NULL)
			h->link = archive_entry_symlink_utf8(ae);
		if (h->link == NULL || h->link[0] == '\0' ||
		    strlen(h->link) > LINK_MAX_LEN)
			return refuse(e, "a symbolic link to nothing");
	}
	if (h->type == TAR_CHAR || h->type == TAR_BLOCK) {
		if (archive_entry_rdevmajor(ae) > MAJOR_MAX ||
		    archive_entry_rdevminor(ae) > MINOR_MAX)
			return refuse(e, "the device's number is too large");
		h->major = (uint32_t)archive_entry_rdevmajor(ae);
		h->minor = (uint32_t)archive_entry_rdevminor(ae);
	}
	return 0;
}

static int
data(struct emit *em, struct archive *in, uint64_t size, struct err *e)
{
	const void *block;
	size_t len;
	int64_t off;
	uint64_t at = 0;
	int r;

	while ((r = archive_read_data_block(in, &block, &len, &off)) ==
	    ARCHIVE_OK) {
		if (off < 0 || (uint64_t)off < at || (uint64_t)off > size ||
		    len > size - (uint64_t)off)
			return refuse(e, "data outside of the file");
		/* What the layer left out are zeros. */
		if (tar_out_zeros(em->out, (uint64_t)off - at, e) == -1 ||
		    tar_out_data(em->out, block, len, e) == -1)
			return -1;
		at = (uint64_t)off + len;
	}
	if (r != ARCHIVE_EOF)
		return refuse(e, archive_error_string(in) == NULL ?
		    "unreadable data" : archive_error_string(in));
	return tar_out_zeros(em->out, size - at, e);
}

int
emit_entry(struct emit *em, struct archive *in, struct archive_entry *ae,
    const char *path, struct err *e)
{
	struct tar_header h = { .path = path };
	struct buf records;
	int64_t size = 0;
	int r;

	if (describe(&h, ae, e) == -1)
		return -1;
	if (h.type == TAR_FILE)
		size = archive_entry_size(ae);
	if (size < 0 || (uint64_t)size > EMIT_BYTES_MAX - em->bytes)
		return err_api(e, EFBIG, "invalid_image",
		    "the files are larger than %llu GB together",
		    EMIT_BYTES_MAX >> 30);
	h.size = (uint64_t)size;
	em->bytes += h.size;
	note_owner(em, h.uid, h.gid);
	if (em->muted)
		return 0;
	buf_init(&records, EMIT_XATTRS_MAX);
	r = xattrs(&records, ae, e);
	h.xattrs = &records;
	if (r == 0)
		r = tar_out_header(em->out, &h, e);
	buf_fini(&records);
	if (r == 0 && h.size > 0)
		r = data(em, in, h.size, e);
	return r;
}

void
emit_wanted(struct emit *em, uint32_t uid, uint32_t gid)
{
	em->have_uid &= uid == em->uid;
	em->have_gid &= gid == em->gid;
	em->uid = uid;
	em->gid = gid;
}

int
emit_link(struct emit *em, const char *path, const char *target,
    struct err *e)
{
	struct tar_header h = { .path = path, .link = target,
	    .type = TAR_LINK, .mode = 0644 };

	return em->muted ? 0 : tar_out_header(em->out, &h, e);
}

int
emit_dir(struct emit *em, const char *path, uint32_t uid, uint32_t gid,
    struct err *e)
{
	struct tar_header h = { .path = path, .type = TAR_DIR, .mode = 0755,
	    .uid = uid, .gid = gid };

	note_owner(em, uid, gid);
	return em->muted ? 0 : tar_out_header(em->out, &h, e);
}
