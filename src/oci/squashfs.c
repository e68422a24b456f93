/* SPDX-License-Identifier: ISC */
/* squashfs.c - the root directory of a root image; see squashfs.h */

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "oci/squashfs.h"

#define MAGIC		0x73717368U	/* "hsqs" */
#define SUPERBLOCK	96		/* bytes */
#define BLOCK_MAX	8192U		/* bytes of a metadata block */
#define PLAIN		0x8000U		/* its header: not compressed */
#define IDS_BLOCK	(BLOCK_MAX / 4)	/* owners in one */
#define INODE_HEAD	16		/* bytes all inodes begin with */
#define TYPE_DIR	1
#define TYPE_LDIR	8

/* Numbers are little-endian, whatever the host is. */
static uint64_t
le(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	while (len-- > 0)
		v = v << 8 | p[len];
	return v;
}

static void
put_le(uint8_t *p, size_t len, uint64_t v)
{
	for (; len > 0; len--, v >>= 8)
		*p++ = (uint8_t)v;
}

static int
odd(struct err *e, const char *what)
{
	return err_api(e, EIO, "io", "the root image is odd: %s", what);
}

static int
get(int fd, uint64_t at, void *to, size_t len, struct err *e)
{
	if (pread(fd, to, len, (off_t)at) != (ssize_t)len)
		return odd(e, "it ends too early");
	return 0;
}

/* The table of owners, as the superblock describes it. */
struct ids {
	uint64_t	start;	/* where the list of its blocks is */
	uint32_t	count;
};

static int
id_get(uint32_t *ret, int fd, const struct ids *ids, uint32_t index,
    struct err *e)
{
	uint8_t b[8];
	uint64_t at;

	if (get(fd, ids->start + index / IDS_BLOCK * 8, b, 8, e) == -1)
		return -1;
	at = le(b, 8);
	if (get(fd, at, b, 2, e) == -1)
		return -1;
	if ((le(b, 2) & PLAIN) == 0)
		return odd(e, "its owners are compressed");
	if (get(fd, at + 2 + index % IDS_BLOCK * 4, b, 4, e) == -1)
		return -1;
	*ret = (uint32_t)le(b, 4);
	return 0;
}

/* Put the index of an owner at 'to'. */
static int
put_id(uint8_t *to, int fd, const struct ids *ids, uint32_t id, struct err *e)
{
	uint32_t is = 0;

	for (uint32_t i = 0; i < ids->count; i++) {
		if (id_get(&is, fd, ids, i, e) == -1)
			return -1;
		if (is == id) {
			put_le(to, 2, i);
			return 0;
		}
	}
	return odd(e, "it does not know the owner of the root");
}

int
squashfs_set_root(int fd, const struct squashfs_root *root, struct err *e)
{
	uint8_t sb[SUPERBLOCK], inode[INODE_HEAD], head[2];
	struct ids ids;
	uint64_t ref, block, at;

	if (get(fd, 0, sb, sizeof(sb), e) == -1)
		return -1;
	if (le(sb, 4) != MAGIC)
		return odd(e, "no squashfs");
	ids.count = (uint32_t)le(sb + 26, 2);
	ids.start = le(sb + 48, 8);
	ref = le(sb + 32, 8);
	block = le(sb + 64, 8) + (ref >> 16);
	at = block + 2 + (ref & 0xffff);
	if (get(fd, block, head, 2, e) == -1 ||
	    get(fd, at, inode, sizeof(inode), e) == -1)
		return -1;
	if ((le(head, 2) & PLAIN) == 0 ||
	    (ref & 0xffff) + INODE_HEAD > BLOCK_MAX)
		return odd(e, "its inodes are compressed");
	if (le(inode, 2) != TYPE_DIR && le(inode, 2) != TYPE_LDIR)
		return odd(e, "its root is no directory");
	put_le(inode + 2, 2, root->mode & 07777);
	if (put_id(inode + 4, fd, &ids, root->uid, e) == -1 ||
	    put_id(inode + 6, fd, &ids, root->gid, e) == -1)
		return -1;
	put_le(inode + 8, 4, root->mtime);
	if (pwrite(fd, inode, sizeof(inode), (off_t)at) !=
	    (ssize_t)sizeof(inode))
		return err_sys(e, "write the root image");
	return 0;
}
