/* SPDX-License-Identifier: ISC */
/* record.c - files that only vmd writes; see record.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "os/os.h"
#include "vmd/record.h"

int
record_peer(uid_t *ret, int client)
{
	struct os_peer peer;

	if (client == -1 || os_peer(&peer, client, NULL) == -1)
		return -1;
	*ret = peer.uid;
	return 0;
}

int
record_write(int dirfd, const char *name, const struct buf *b,
    const char *what, struct err *e)
{
	own_fd int fd = -1;

	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1 && errno == EEXIST)
		return err_api(e, EEXIST, "already_exists",
		    "the VM has its %s already", what);
	if (fd == -1)
		return err_sys(e, "make %s", name);
	if (write_full(fd, b->data, b->len) == -1 || os_datasync(fd) == -1) {
		(void)err_sys(e, "write %s", name);
		(void)unlinkat(dirfd, name, 0);
		return -1;
	}
	return 0;
}

int
record_read(struct buf *b, int dirfd, const char *name, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;
	uint8_t *to;
	ssize_t n;

	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, "%s", name);
	if (fstat(fd, &st) == -1)
		return err_sys(e, "%s", name);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_nlink != 1 || (st.st_mode & 0077) != 0)
		return err_set(e, EPERM, "the %s file is not vmd's own", name);
	to = buf_reserve(b, (size_t)st.st_size + 1);
	if (to == NULL)
		return err_sys(e, "%s", name);
	n = read_full(fd, to, (size_t)st.st_size);
	if (n == -1)
		return err_sys(e, "%s", name);
	to[n] = '\0';
	buf_added(b, (size_t)n + 1);
	return 1;
}
