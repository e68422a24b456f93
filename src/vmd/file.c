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
#include "vmd/user.h"

static int
open_checked(const struct priv_open *r, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;

	/* Not blocking: a fifo must not hold up the daemon. */
	fd = open(r->path, (r->access == PRIV_READ_WRITE ? O_RDWR : O_RDONLY) |
	    O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1 && (errno == EACCES || errno == EPERM))
		return err_api(e, errno, "permission_denied",
		    "open %s: user %u may not", r->path, (unsigned)r->uid);
	if (fd == -1 && errno == ENOENT)
		return err_api(e, errno, "not_found", "open %s: no such file",
		    r->path);
	if (fd == -1)
		return err_sys(e, "open %s", r->path);
	if (fstat(fd, &st) == -1)
		return err_sys(e, "stat %s", r->path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_api(e, EINVAL, "bad_request",
		    "%s: neither a file nor a block device", r->path);
	if (fd_nonblock(fd, 0) == -1)
		return err_sys(e, "%s", r->path);
	return take_fd(&fd);
}

int
file_open(const struct priv_open *r, struct err *e)
{
	struct user u;
	int fd;

	if (r->path[0] != '/')
		return err_api(e, EINVAL, "bad_request",
		    "%s: not an absolute path", r->path);
	if (geteuid() != 0) {
		if (r->uid != geteuid())
			return err_api(e, EPERM, "permission_denied",
			    "open %s: this vmd serves user %u only", r->path,
			    (unsigned)geteuid());
		return open_checked(r, e);
	}
	if (user_by_uid(&u, r->uid, e) == -1 || user_act(&u, e) == -1)
		return -1;
	fd = open_checked(r, e);
	user_back();
	return fd;
}

int
file_disk(const struct priv_blk *b, const char *name, struct err *e)
{
	own_fd int fd = -1;

	if (b->fd == -1)
		return err_api(e, EBADF, "bad_request", "%s: no file", name);
	fd = os_reopen(b->fd, b->readonly ? O_RDONLY : O_RDWR, e);
	if (fd == -1)
		return err_prefix(e, "%s", name);
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
