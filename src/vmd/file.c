/* SPDX-License-Identifier: ISC */
/* file.c - files that vmd opens for others; see file.h */

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "os/os.h"
#include "vmd/file.h"

static int
open_checked(const char *path, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;

	/* Not blocking: a fifo must not hold up the daemon. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return err_sys(e, "open %s", path);
	if (fstat(fd, &st) == -1)
		return err_sys(e, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: not a regular file", path);
	if (fd_nonblock(fd, 0) == -1)
		return err_sys(e, "%s", path);
	return take_fd(&fd);
}

int
file_open(const char *path, const struct user *u, struct err *e)
{
	int fd;

	if (geteuid() != 0 && u->uid != geteuid())
		return err_set(e, EPERM, "open %s: this vmd serves user %u "
		    "only", path, (unsigned)geteuid());
	if (user_act(u, e) == -1)
		return -1;
	fd = open_checked(path, e);
	user_back();
	return fd;
}

int
file_disk(const struct priv_blk *b, const char *name, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;

	if (b->fd == -1)
		return err_api(e, EBADF, "bad_request", "%s: no file", name);
	fd = os_reopen(b->fd, b->readonly ? O_RDONLY : O_RDWR, e);
	if (fd == -1)
		return err_prefix(e, "%s", name);
	if (fstat(fd, &st) == -1)
		return err_sys(e, "%s", name);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_api(e, EINVAL, "bad_request",
		    "%s: neither a file nor a block device", name);
	if (flock(fd, (b->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) == -1) {
		if (errno == EWOULDBLOCK)
			return err_api(e, EBUSY, "disk_in_use",
			    "%s: another VM uses the file", name);
		return err_sys(e, "%s: lock", name);
	}
	if (fd_nonblock(fd, 0) == -1)
		return err_sys(e, "%s", name);
	return take_fd(&fd);
}
