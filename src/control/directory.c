/* SPDX-License-Identifier: ISC */
/* directory.c - small directories of plain files; see directory.h */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "control/directory.h"
#include "lib/own.h"

int
directory_open(int dirfd, const char *name, struct err *e)
{
	int fd = openat(dirfd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd == -1 ? err_sys(e, "open %s", name) : fd;
}

int
directory_make(int dirfd, const char *name, struct err *e)
{
	if (mkdirat(dirfd, name, 0770) == -1)
		return err_sys(e, "make %s", name);
	return directory_open(dirfd, name, e);
}

/* A stream of its own, so that the caller's descriptor stays. */
static DIR *
stream(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL && fd != -1)
		(void)close(fd);
	return d;
}

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int
link_file(int to, int from, const char *name, struct err *e)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(e, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s is not a plain file", name);
	if (linkat(from, name, to, name, 0) == -1)
		return err_sys(e, "link %s", name);
	return 0;
}

int
directory_link(int to, int from, unsigned max, struct err *e)
{
	DIR *d = stream(from);
	struct dirent *de;
	unsigned n = 0;
	int r = 0;

	if (d == NULL)
		return err_sys(e, "read a directory");
	while (r == 0 && (de = readdir(d)) != NULL) {
		if (is_dots(de->d_name))
			continue;
		if (n++ == max)
			r = err_set(e, E2BIG, "more than %u files", max);
		else
			r = link_file(to, from, de->d_name, e);
	}
	(void)closedir(d);
	return r;
}

static int
clear(int dirfd, unsigned depth, struct err *e)
{
	DIR *d = stream(dirfd);
	struct dirent *de;
	int r = 0;

	if (d == NULL)
		return err_sys(e, "read a directory");
	while (r == 0 && (de = readdir(d)) != NULL) {
		if (is_dots(de->d_name) ||
		    unlinkat(dirfd, de->d_name, 0) == 0)
			continue;
		if ((errno != EISDIR && errno != EPERM) || depth == 0)
			r = err_sys(e, "remove %s", de->d_name);
		else
			r = directory_remove(dirfd, de->d_name, depth - 1, e);
	}
	(void)closedir(d);
	return r;
}

int
directory_remove(int dirfd, const char *name, unsigned depth, struct err *e)
{
	own_fd int fd = openat(dirfd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, "remove %s", name);
	if (clear(fd, depth, e) == -1)
		return err_prefix(e, "%s", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == -1)
		return err_sys(e, "remove %s", name);
	return 0;
}

int
directory_sync(int dirfd, struct err *e)
{
	return fsync(dirfd) == -1 ? err_sys(e, "sync a directory") : 0;
}

uint64_t
directory_bytes(int dirfd, unsigned depth)
{
	DIR *d = stream(dirfd);
	struct dirent *de;
	struct stat st;
	uint64_t bytes = 0;

	while (d != NULL && (de = readdir(d)) != NULL) {
		own_fd int below = -1;

		if (is_dots(de->d_name) || fstatat(dirfd, de->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_blocks * 512;
		else if (S_ISDIR(st.st_mode) && depth > 0 && (below =
		    directory_open(dirfd, de->d_name, NULL)) != -1)
			bytes += directory_bytes(below, depth - 1);
	}
	if (d != NULL)
		(void)closedir(d);
	return bytes;
}
