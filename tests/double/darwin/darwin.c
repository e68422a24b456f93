/* SPDX-License-Identifier: ISC */
/*
 * darwin.c - calls of macOS about sockets, on Linux, for tests
 *
 * Linked with --wrap of the calls that both have and that mean more there.
 *
 *	DOUBLE_LAUNCH	what launchd made for the name "vmd": descriptors,
 *			with blanks between
 *	DOUBLE_GROUPS	how many groups a peer has; its own if not set
 */

#include <sys/socket.h>
#include <sys/ucred.h>

#include <errno.h>
#include <fcntl.h>
#include <launch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/double/darwin/darwin.h"

#define GROUPS_MAX	256

int	__real_getsockopt(int, int, int, void *, socklen_t *);
int	__real_setsockopt(int, int, int, const void *, socklen_t);
int	__real_fcntl(int, int, ...);
int	__wrap_getsockopt(int, int, int, void *, socklen_t *);
int	__wrap_setsockopt(int, int, int, const void *, socklen_t);
int	__wrap_fcntl(int, int, ...);

static int
credentials(struct ucred *ret, int sock)
{
	socklen_t len = sizeof(*ret), n = sizeof(int);
	int domain = AF_UNSPEC;

	if (__real_getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &n) == -1)
		return -1;
	if (domain != AF_UNIX) {
		errno = EINVAL;
		return -1;
	}
	return __real_getsockopt(sock, SOL_SOCKET, SO_PEERCRED, ret, &len);
}

int
getpeereid(int sock, uid_t *uid, gid_t *gid)
{
	struct ucred c;

	if (credentials(&c, sock) == -1)
		return -1;
	*uid = c.uid;
	*gid = c.gid;
	return 0;
}

/* The kernel keeps NGROUPS at most, and does not say that there are more. */
static int
peer_groups(struct xucred *ret, int sock)
{
	const char *made_up = getenv("DOUBLE_GROUPS");
	gid_t all[GROUPS_MAX];
	socklen_t len = sizeof(all);
	struct ucred c;
	int n;

	memset(ret, 0, sizeof(*ret));
	if (credentials(&c, sock) == -1 || __real_getsockopt(sock, SOL_SOCKET,
	    SO_PEERGROUPS, all, &len) == -1)
		return -1;
	n = (int)(len / sizeof(*all));
	for (int i = 0; made_up != NULL && i < GROUPS_MAX; i++)
		all[i] = 100 + (gid_t)i;
	if (made_up != NULL)
		n = atoi(made_up);
	ret->cr_version = XUCRED_VERSION;
	ret->cr_uid = c.uid;
	ret->cr_ngroups = (short)(n > NGROUPS ? NGROUPS : n);
	memcpy(ret->cr_groups, all, (size_t)ret->cr_ngroups * sizeof(*all));
	return 0;
}

int
__wrap_getsockopt(int sock, int level, int option, void *to, socklen_t *len)
{
	struct ucred c;

	if (level == SOL_LOCAL && option == LOCAL_PEERCRED)
		return peer_groups(to, sock);
	if (level == SOL_LOCAL && option == LOCAL_PEERPID) {
		if (credentials(&c, sock) == -1)
			return -1;
		memcpy(to, &c.pid, sizeof(c.pid));
		return 0;
	}
	return __real_getsockopt(sock, level, option, to, len);
}

/* No signal of a peer that is gone: tests ignore it. */
int
__wrap_setsockopt(int sock, int level, int option, const void *from,
    socklen_t len)
{
	return level == SOL_SOCKET && option == SO_NOSIGPIPE ? 0 :
	    __real_setsockopt(sock, level, option, from, len);
}

int
__wrap_fcntl(int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return cmd == F_SETNOSIGPIPE ? 0 : __real_fcntl(fd, cmd, arg);
}

/* A thread has a directory of its own there; tests here have one thread. */
int
pthread_fchdir_np(int dirfd)
{
	static int home = -1;
	int r;

	if (dirfd != -1) {
		if (home != -1)
			abort();	/* the last one was not left */
		home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fchdir(dirfd);
		if (r == 0)
			return 0;
	} else
		r = fchdir(home);
	(void)close(home);
	home = -1;
	return r;
}

int
launch_activate_socket(const char *name, int **fds, size_t *n)
{
	const char *text = getenv("DOUBLE_LAUNCH");
	char *end;

	if (strcmp(name, "vmd") != 0 || text == NULL)
		return ESRCH;
	*fds = calloc(16, sizeof(**fds));
	if (*fds == NULL)
		return ENOMEM;
	for (*n = 0; *n < 16 && *text != '\0'; text = end)
		(*fds)[(*n)++] = (int)strtol(text, &end, 10);
	return 0;
}
