/* SPDX-License-Identifier: ISC */
/*
 * socket_darwin.c - pipes and sockets, on macOS; see os.h
 *
 * No call makes a descriptor close-on-exec from the first moment: a program
 * with threads must not start others while it makes some.  Ours start others
 * before they have threads, or have one thread.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/ucred.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <launch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "os/passed.h"

/* Of libpthread, exported since 10.12 and in no header: -1 is the process's. */
int	pthread_fchdir_np(int dirfd);

/* Close-on-exec, and no signal for what nobody reads. */
static int
quiet(int fd)
{
	int on = 1;

	if (fd == -1 || fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
	return 0;
}

int
os_pipe(int ret[2])
{
	if (pipe(ret) == -1)
		return -1;
	(void)fcntl(ret[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(ret[1], F_SETFD, FD_CLOEXEC);
	return 0;
}

int
os_socket(int domain, int type)
{
	own_fd int fd = socket(domain, type, 0);

	return quiet(fd) == -1 ? -1 : take_fd(&fd);
}

int
os_socketpair(int type, int ret[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, type, 0, fds) == -1)
		return -1;
	(void)quiet(fds[0]);
	(void)quiet(fds[1]);
	memcpy(ret, fds, sizeof(fds));
	return 0;
}

int
os_socketpair_now(int type, int ret[2])
{
	int fds[2];

	if (os_socketpair(type, fds) == -1)
		return -1;
	(void)fd_nonblock(fds[0], 1);
	(void)fd_nonblock(fds[1], 1);
	memcpy(ret, fds, sizeof(fds));
	return 0;
}

/* --- notifications: a pipe ------------------------------------------------ */

int
os_notify_init(struct os_notify *ret, struct err *e)
{
	int fds[2];

	if (os_pipe(fds) == -1)
		return err_sys(e, "pipe");
	for (unsigned i = 0; i < COUNT(fds); i++) {
		(void)fd_nonblock(fds[i], 1);
		/* The other end may be a process that is gone. */
		(void)fcntl(fds[i], F_SETNOSIGPIPE, 1);
	}
	*ret = (struct os_notify){ .rd = fds[0], .wr = fds[1] };
	return 0;
}

void
os_notify_fini(struct os_notify *n)
{
	if (n->rd != -1)
		(void)close(n->rd);
	if (n->wr != -1)
		(void)close(n->wr);
	*n = OS_NOTIFY_NONE;
}

/* Of the size of an eventfd's, for those who read as much. */
void
os_notify_send(int wr)
{
	const uint64_t one = 1;

	(void)!write(wr, &one, sizeof(one));
}

bool
os_notify_take(int rd)
{
	char bin[1024];
	bool told = false;
	ssize_t n;

	do {
		n = read(rd, bin, sizeof(bin));
		told |= n > 0;
	} while (n == (ssize_t)sizeof(bin) || (n == -1 && errno == EINTR));
	return told;
}

/* The kernel lets a pipe grow by itself. */
void
os_pipe_size(int fd, int bytes)
{
	(void)fd;
	(void)bytes;
}

ssize_t
os_recvmsg(int sock, struct msghdr *m)
{
	ssize_t n = recvmsg(sock, m, 0);
	struct cmsghdr *c;
	int fd;

	if (n == -1)
		return -1;
	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(fd) <= c->cmsg_len;
		    at += sizeof(fd)) {
			memcpy(&fd, (char *)c + at, sizeof(fd));
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		}
	}
	return n;
}

ssize_t
os_send(int sock, const void *data, size_t len, bool more)
{
	(void)more;
	return send(sock, data, len, MSG_NOSIGNAL);
}

/* --- peers ---------------------------------------------------------------- */

int
os_peer(struct os_peer *ret, int sock, struct err *e)
{
	socklen_t len = sizeof(ret->pid);
	struct os_peer p;

	if (getpeereid(sock, &p.uid, &p.gid) == -1 ||
	    getsockopt(sock, SOL_LOCAL, LOCAL_PEERPID, &p.pid, &len) == -1)
		return err_sys(e, "peer credentials");
	*ret = p;
	return 0;
}

/* The kernel keeps NGROUPS of them: when there are as many, there are more. */
int
os_peer_groups(gid_t *ret, unsigned max, int sock)
{
	struct xucred c;
	socklen_t len = sizeof(c);

	if (getsockopt(sock, SOL_LOCAL, LOCAL_PEERCRED, &c, &len) == -1 ||
	    c.cr_version != XUCRED_VERSION || c.cr_ngroups < 0 ||
	    c.cr_ngroups >= NGROUPS || (unsigned)c.cr_ngroups > max)
		return -1;
	memcpy(ret, c.cr_groups, (size_t)c.cr_ngroups * sizeof(*ret));
	return c.cr_ngroups;
}

/* --- unix sockets --------------------------------------------------------- */

static int
unix_addr(struct sockaddr_un *sun, const char *name, struct err *e)
{
	int n;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", name);
	if (n < 0 || (size_t)n >= sizeof(sun->sun_path))
		return err_set(e, ENAMETOOLONG,
		    "%s: longer than a socket's path may be", name);
	sun->sun_len = (uint8_t)SUN_LEN(sun);
	return 0;
}

/*
 * Addresses have no directory descriptor: the thread goes there for the call,
 * the process stays where it is.
 */
static int
address_below(int (*call)(int, const struct sockaddr *, socklen_t), int fd,
    int dirfd, const struct sockaddr_un *sun)
{
	int r, num;

	if (dirfd != AT_FDCWD && pthread_fchdir_np(dirfd) == -1)
		return -1;
	r = call(fd, (const struct sockaddr *)sun, (socklen_t)sizeof(*sun));
	num = errno;
	if (dirfd != AT_FDCWD)
		(void)pthread_fchdir_np(-1);
	errno = num;
	return r;
}

static int
unix_connect(int dirfd, const char *name, bool wait, struct err *e)
{
	own_fd int fd = -1;
	struct sockaddr_un sun;

	if (unix_addr(&sun, name, e) == -1)
		return -1;
	fd = os_socket(AF_UNIX, SOCK_STREAM);
	if (fd == -1 || (!wait && fd_nonblock(fd, 1) == -1))
		return err_sys(e, "socket");
	if (address_below(connect, fd, dirfd, &sun) == 0)
		return take_fd(&fd);
	return err_sys(e, "connect to %s", name);
}

int
os_unix_connect(int dirfd, const char *name, struct err *e)
{
	return unix_connect(dirfd, name, true, e);
}

int
os_unix_connect_now(int dirfd, const char *name, struct err *e)
{
	return unix_connect(dirfd, name, false, e);
}

int
os_passed_socket(void)
{
	int *fds = NULL, fd = -1;
	size_t n = 0;

	if (launch_activate_socket("vmd", &fds, &n) != 0)
		return -1;
	if (n > 0 && quiet(fds[0]) == 0)
		fd = fds[0];
	for (size_t i = 1; i < n; i++)
		(void)close(fds[i]);
	free(fds);
	return fd;
}

int
os_accept(int listener)
{
	own_fd int fd = accept(listener, NULL, NULL);

	if (quiet(fd) == -1 || fd_nonblock(fd, 1) == -1)
		return -1;
	return take_fd(&fd);
}

/*
 * Remove a socket file nobody listens on; refuse anything else.  A listener
 * whose queue is full cannot be told from none: it refuses, too.
 */
static int
unix_clear(int dirfd, const char *name, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;
	struct err why;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s", name);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, EEXIST, "%s: exists and is no socket", name);
	fd = os_unix_connect_now(dirfd, name, &why);
	if (fd != -1)
		return err_set(e, EADDRINUSE,
		    "%s: another process is listening", name);
	if (unlinkat(dirfd, name, 0) == -1 && errno != ENOENT)
		return err_sys(e, "remove stale %s", name);
	return 0;
}

int
os_unix_listen(int dirfd, const char *name, mode_t mode, int backlog,
    struct err *e)
{
	own_fd int fd = -1;
	struct sockaddr_un sun;
	mode_t old;
	int r;

	if (unix_addr(&sun, name, e) == -1 || unix_clear(dirfd, name, e) == -1)
		return -1;
	fd = os_socket(AF_UNIX, SOCK_STREAM);
	if (fd == -1)
		return err_sys(e, "socket");
	/* The mask, not chmod: there must be no moment with wider rights. */
	old = umask((mode_t)~mode & 0777);
	r = address_below(bind, fd, dirfd, &sun);
	(void)umask(old);
	if (r == -1)
		return err_sys(e, "bind %s", name);
	if (listen(fd, backlog) == -1)
		return err_sys(e, "listen on %s", name);
	return take_fd(&fd);
}
