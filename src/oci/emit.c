/* SPDX-License-Identifier: ISC */
/* emit.c - writing the merged tar; see emit.h */

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "lib/util.h"
#include "oci/emit.h"

#define ID_MAX		(UINT32_MAX - 1)	/* squashfs: 32 bits, -1 not */
#define XATTR_VALUE_MAX	65536			/* bytes; XATTR_SIZE_MAX */

static int
lost(struct emit *em, struct err *e)
{
	em->broken = true;
	return err_set(e, EIO, "write: %s",
	    archive_error_string(em->out) == NULL ? "failed" :
	    archive_error_string(em->out));
}

static bool
xattr_stays(const char *name, size_t size)
{
	static const char *const good[] = { "user.", "trusted.", "security." };
	static const char *const bad[] = { "user.overlay.",
	    "trusted.overlay." };

	if (size > XATTR_VALUE_MAX)
		return false;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (strncmp(name, bad[i], strlen(bad[i])) == 0)
			return false;
	for (size_t i = 0; i < COUNT(good); i++)
		if (strncmp(name, good[i], strlen(good[i])) == 0)
			return true;
	return false;
}

/* Keep those extended attributes that may stay. */
static int
filter_xattrs(struct archive_entry *ae, struct err *e)
{
	struct archive_entry *kept;
	const char *name;
	const void *value;
	size_t size;
	int n = archive_entry_xattr_reset(ae), bad = 0;

	if (n == 0)
		return 0;
	while (archive_entry_xattr_next(ae, &name, &value, &size) ==
	    ARCHIVE_OK)
		bad += !xattr_stays(name, size);
	if (bad == 0)
		return 0;
	kept = archive_entry_clone(ae);
	if (kept == NULL)
		return err_set(e, ENOMEM, "no memory");
	archive_entry_xattr_clear(ae);
	(void)archive_entry_xattr_reset(kept);
	while (archive_entry_xattr_next(kept, &name, &value, &size) ==
	    ARCHIVE_OK)
		if (xattr_stays(name, size))
			archive_entry_xattr_add_entry(ae, name, value, size);
	archive_entry_free(kept);
	return 0;
}

/* Leave what a root image can hold, refuse what it cannot. */
static int
clean(struct archive_entry *ae, struct err *e)
{
	time_t mtime = archive_entry_mtime(ae);

	if (archive_entry_uid(ae) < 0 || archive_entry_uid(ae) > ID_MAX ||
	    archive_entry_gid(ae) < 0 || archive_entry_gid(ae) > ID_MAX)
		return err_api(e, ERANGE, "invalid_image",
		    "owner %lld:%lld is out of range",
		    (long long)archive_entry_uid(ae),
		    (long long)archive_entry_gid(ae));
	if (mtime < 0)
		mtime = 0;
	if (mtime > UINT32_MAX)
		mtime = UINT32_MAX;
	archive_entry_set_mtime(ae, mtime, 0);
	archive_entry_unset_atime(ae);
	archive_entry_unset_ctime(ae);
	archive_entry_unset_birthtime(ae);
	archive_entry_set_uname(ae, NULL);
	archive_entry_set_gname(ae, NULL);
	archive_entry_acl_clear(ae);
	archive_entry_set_fflags(ae, 0, 0);
	return filter_xattrs(ae, e);
}

static int
header(struct emit *em, struct archive_entry *ae, struct err *e)
{
	if (em->muted)
		return 0;
	if (archive_write_header(em->out, ae) < ARCHIVE_WARN)
		return lost(em, e);
	return 0;
}

/* Bytes of the file up to 'to', which the layer left out: zeros. */
static int
hole(struct emit *em, int64_t *at, int64_t to, struct err *e)
{
	static const uint8_t zeros[65536];
	ssize_t n;

	while (*at < to) {
		n = archive_write_data(em->out, zeros,
		    (size_t)MIN(to - *at, (int64_t)sizeof(zeros)));
		if (n <= 0)
			return lost(em, e);
		*at += n;
	}
	return 0;
}

static int
data(struct emit *em, struct archive *in, int64_t size, struct err *e)
{
	const void *block;
	size_t len;
	int64_t off, at = 0;
	ssize_t n;
	int r;

	while ((r = archive_read_data_block(in, &block, &len, &off)) ==
	    ARCHIVE_OK) {
		if (off < at || off > size || (int64_t)len > size - off)
			return err_api(e, EINVAL, "invalid_image",
			    "data outside of the file");
		if (hole(em, &at, off, e) == -1)
			return -1;
		while (len > 0) {
			n = archive_write_data(em->out, block, len);
			if (n <= 0)
				return lost(em, e);
			block = (const uint8_t *)block + n;
			len -= (size_t)n;
			at += n;
		}
	}
	if (r != ARCHIVE_EOF)
		return err_api(e, EINVAL, "invalid_image", "%s",
		    archive_error_string(in) == NULL ? "unreadable data" :
		    archive_error_string(in));
	return hole(em, &at, size, e);
}

int
emit_entry(struct emit *em, struct archive *in, struct archive_entry *ae,
    const char *path, struct err *e)
{
	mode_t type = archive_entry_filetype(ae);
	int64_t size = type == AE_IFREG ? archive_entry_size(ae) : 0;

	if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK &&
	    type != AE_IFCHR && type != AE_IFBLK && type != AE_IFIFO)
		return err_api(e, EINVAL, "invalid_image",
		    "unknown type of file");
	if (size < 0 || (uint64_t)size > EMIT_BYTES_MAX - em->bytes)
		return err_api(e, EFBIG, "invalid_image",
		    "the files are larger than %llu GB together",
		    EMIT_BYTES_MAX >> 30);
	if (type == AE_IFLNK && (archive_entry_symlink(ae) == NULL ||
	    archive_entry_symlink(ae)[0] == '\0'))
		return err_api(e, EINVAL, "invalid_image",
		    "a symbolic link to nothing");
	em->bytes += (uint64_t)size;
	if (clean(ae, e) == -1)
		return -1;
	archive_entry_set_pathname(ae, path);
	archive_entry_set_hardlink(ae, NULL);
	archive_entry_set_size(ae, size);
	if (header(em, ae, e) == -1)
		return -1;
	return em->muted || size == 0 ? 0 : data(em, in, size, e);
}

/* An entry made by us, of root's and of 1970. */
static int
simple(struct emit *em, const char *path, const char *target, mode_t type,
    struct err *e)
{
	struct archive_entry *ae = archive_entry_new();
	int r;

	if (ae == NULL)
		return err_set(e, ENOMEM, "no memory");
	archive_entry_set_pathname(ae, path);
	archive_entry_set_mode(ae, type | (type == AE_IFDIR ? 0755 : 0644));
	archive_entry_set_uid(ae, 0);
	archive_entry_set_gid(ae, 0);
	archive_entry_set_mtime(ae, 0, 0);
	archive_entry_set_size(ae, 0);
	if (target != NULL)
		archive_entry_set_hardlink(ae, target);
	r = header(em, ae, e);
	archive_entry_free(ae);
	return r;
}

int
emit_link(struct emit *em, const char *path, const char *target,
    struct err *e)
{
	return simple(em, path, target, AE_IFREG, e);
}

int
emit_dir(struct emit *em, const char *path, struct err *e)
{
	return simple(em, path, NULL, AE_IFDIR, e);
}
