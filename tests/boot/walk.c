/* SPDX-License-Identifier: ISC */
/*
 * walk.c - what a file tree is, a line a fact
 *
 *	walk DIR [./SKIP...]	list DIR but for these paths of it
 *	walk				stay: the command of an image under test
 *
 * Static, so that it runs in an image that has nothing else.  Of each file:
 * type, mode, owner, links, device, size, time, target, contents and extended
 * attributes, in the order of the names' bytes; of directories no size, time
 * or links, which are the file system's.  Other file systems are left out.
 */

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTRS_MAX	65536	/* bytes of names, and of a value */

static char **skip;
static dev_t device;

/* A name, or any bytes, on one line. */
static void
put(const char *s, size_t len)
{
	for (; len > 0; s++, len--)
		if (*s > ' ' && *s < 127 && *s != '\\')
			(void)putchar(*s);
		else
			(void)printf("\\%03o", (unsigned char)*s);
}

/* FNV-1a: two files that differ by accident have two sums. */
static uint64_t
sum(const char *path)
{
	static unsigned char buf[65536];
	uint64_t h = 0xcbf29ce484222325;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_NOFOLLOW);
	if (fd == -1)
		err(1, "%s", path);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			h = (h ^ buf[i]) * 0x100000001b3;
	if (n == -1)
		err(1, "%s", path);
	(void)close(fd);
	return h;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
attributes(const char *path)
{
	static char names[ATTRS_MAX], value[ATTRS_MAX], *list[ATTRS_MAX / 2];
	ssize_t len, n;
	size_t count = 0;

	len = llistxattr(path, names, sizeof(names));
	if (len == -1)
		err(1, "%s: attributes", path);
	for (char *p = names; p < names + len; p += strlen(p) + 1)
		list[count++] = p;
	qsort(list, count, sizeof(*list), by_name);
	for (size_t i = 0; i < count; i++) {
		n = lgetxattr(path, list[i], value, sizeof(value));
		if (n == -1)
			err(1, "%s: %s", path, list[i]);
		(void)printf("\t%s=", list[i]);
		put(value, (size_t)n);
		(void)putchar('\n');
	}
}

/* All but the entries of a directory. */
static void
describe(const char *path, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n;

	put(path, strlen(path));
	(void)printf(" %o %u:%u", st->st_mode, st->st_uid, st->st_gid);
	if (!S_ISDIR(st->st_mode))
		(void)printf(" links=%ju time=%jd", (uintmax_t)st->st_nlink,
		    (intmax_t)st->st_mtime);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		(void)printf(" device=%u:%u", major(st->st_rdev),
		    minor(st->st_rdev));
	if (S_ISREG(st->st_mode))
		(void)printf(" size=%jd sum=%016jx", (intmax_t)st->st_size,
		    (uintmax_t)sum(path));
	if (S_ISLNK(st->st_mode)) {
		n = readlink(path, target, sizeof(target));
		if (n == -1)
			err(1, "%s", path);
		(void)printf(" -> ");
		put(target, (size_t)n);
	}
	(void)putchar('\n');
	attributes(path);
}

static int
wanted(const struct dirent *de)
{
	return strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0;
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
walk(const char *path)
{
	struct dirent **list;
	struct stat st;
	char *child;
	int n;

	for (char **s = skip; *s != NULL; s++)
		if (strcmp(path, *s) == 0)
			return;
	if (lstat(path, &st) == -1)
		err(1, "%s", path);
	/* A file of an overlay may name the device of a layer. */
	if (S_ISDIR(st.st_mode) && st.st_dev != device)
		return;
	describe(path, &st);
	if (!S_ISDIR(st.st_mode))
		return;
	n = scandir(path, &list, wanted, by_bytes);
	if (n == -1)
		err(1, "%s", path);
	for (int i = 0; i < n; i++) {
		if (asprintf(&child, "%s/%s", path, list[i]->d_name) == -1)
			err(1, NULL);
		walk(child);
		free(child);
		free(list[i]);
	}
	free(list);
}

int
main(int argc, char *argv[])
{
	struct stat st;

	if (argc < 2)
		for (;;)
			(void)pause();
	skip = argv + 2;
	if (chdir(argv[1]) == -1 || stat(".", &st) == -1)
		err(1, "%s", argv[1]);
	device = st.st_dev;
	walk(".");
	if (fflush(stdout) == EOF)
		err(1, "standard output");
	return 0;
}
