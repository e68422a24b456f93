/* SPDX-License-Identifier: ISC */
/* socket_linux.c - notifications, pipes and sockets, on Linux; see os.h */

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/num.h"
#include "lib/own.h"
#include "os/os.h"
#include "os/passed.h"

int
os_notify_init(struct os_notify *ret, struct err *e)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd == -1)
		return err_sys(e, "eventfd");
	*ret = (struct os_notify){ fd, fd };
	return 0;
}

void
os_notify_fini(struct os_notify *n)
{
	if (n->rd != -1)
		(void)close(n->rd);
	*n = OS_NOTIFY_NONE;
}

void
os_notify_send(int wr)
{
	(void)eventfd_write(wr, 1);
}

bool
os_notify_take(int rd)
{
	eventfd_t n;

	return eventfd_read(rd, &n) == 0;
}

int
os_pipe(int ret[2])
{
	return pipe2(ret, O_CLOEXEC);
}

int
os_socket(int domain, int type)
{
	return socket(domain, type | SOCK_CLOEXEC, 0);
}

int
os_socketpair(int type, int ret[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret);
}

int
os_socketpair_now(int type, int ret[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    ret);
}

void
os_pipe_size(int fd, int bytes)
{
	(void)fcntl(fd, F_SETPIPE_SZ, bytes);
}

ssize_t
os_recvmsg(int sock, struct msghdr *m)
{
	return recvmsg(sock, m, MSG_CMSG_CLOEXEC);
}

ssize_t
os_send(int sock, const void *data, size_t len, bool more)
{
	return send(sock, data, len, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

int
os_peer(struct os_peer *ret, int sock, struct err *e)
{
	struct ucred c;
	socklen_t len = sizeof(c), n = sizeof(int);
	int domain = AF_UNSPEC;

	/* Other sockets have credentials that are nobody's. */
	if (getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &n) == -1)
		return err_sys(e, "peer credentials");
	if (domain != AF_UNIX)
		return err_set(e, EOPNOTSUPP, "peer credentials: "
		    "not a unix socket");
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &c, &len) == -1)
		return err_sys(e, "peer credentials");
	ret->uid = c.uid;
	ret->gid = c.gid;
	ret->pid = c.pid;
	return 0;
}

int
os_peer_groups(gid_t *ret, unsigned max, int sock)
{
	socklen_t len = (socklen_t)(max * sizeof(*ret));

	if (getsockopt(sock, SOL_SOCKET, SO_PEERGROUPS, ret, &len) == -1)
		return -1;
	return (int)(len / sizeof(*ret));
}

/*
 * A name below a directory descriptor has no address of its own; the
 * descriptor's link in /proc makes it one of fixed length.
 */
static int
unix_addr(struct sockaddr_un *sun, int dirfd, const char *name, struct err *e)
{
	int n;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	if (dirfd == AT_FDCWD)
		n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", name);
	else
		n = snprintf(sun->sun_path, sizeof(sun->sun_path),
		    "/proc/self/fd/%d/%s", dirfd, name);
	if (n < 0 || (size_t)n >= sizeof(sun->sun_path))
		return err_set(e, ENAMETOOLONG,
		    "%s: longer than a socket's path may be", name);
	return 0;
}

static int
unix_connect(int dirfd, const char *name, int flags, struct err *e)
{
	own_fd int fd = -1;
	struct sockaddr_un sun;

	if (unix_addr(&sun, dirfd, name, e) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd == -1)
		return err_sys(e, "socket");
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		return err_sys(e, "connect to %s", name);
	return take_fd(&fd);
}

int
os_unix_connect(int dirfd, const char *name, struct err *e)
{
	return unix_connect(dirfd, name, 0, e);
}

int
os_unix_connect_now(int dirfd, const char *name, struct err *e)
{
	return unix_connect(dirfd, name, SOCK_NONBLOCK, e);
}

#define PASSED_FD	3	/* the first that systemd passes */

int
os_passed_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t v;

	if (pid == NULL || fds == NULL || strcmp(fds, "1") != 0 ||
	    num_parse(&v, pid, 1, INT32_MAX, NULL) == -1 ||
	    (pid_t)v != getpid() || fd_cloexec(PASSED_FD, 1) == -1)
		return -1;
	return PASSED_FD;
}

int
os_accept(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Remove a socket file nobody listens on; refuse anything else. */
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
	/* Never waits: whoever listens may have let its queue fill up. */
	fd = os_unix_connect_now(dirfd, name, &why);
	if (fd != -1 || why.num == EAGAIN)
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

	if (unix_addr(&sun, dirfd, name, e) == -1 ||
	    unix_clear(dirfd, name, e) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "socket");
	/* The mask, not chmod: there must be no moment with wider rights. */
	old = umask((mode_t)~mode & 0777);
	r = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	(void)umask(old);
	if (r == -1)
		return err_sys(e, "bind %s", name);
	if (listen(fd, backlog) == -1)
		return err_sys(e, "listen on %s", name);
	return take_fd(&fd);
}
