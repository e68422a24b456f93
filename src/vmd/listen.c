/* SPDX-License-Identifier: ISC */
/* listen.c - the control API's sockets; see listen.h */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/own.h"
#include "os/os.h"
#include "os/passed.h"
#include "vmd/listen.h"

#define BACKLOG		128
#define LISTEN_TRIES	250	/* 5 s */
#define LISTEN_PAUSE_US	20000
#define SECRET_MIN	32	/* bytes: as long as HS256's digest */

/* --- TCP ------------------------------------------------------------------ */

/* "ADDR:PORT", "[ADDR]:PORT"; ADDR is numeric. */
static int
tcp_split(const char *text, char *addr, const char **port, struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t n;

	if (colon == NULL || colon == text || colon[1] == '\0')
		return err_set(e, EINVAL, "-l %s: not ADDR:PORT", text);
	n = (size_t)(colon - text);
	if (text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	memcpy(addr, text, n);
	addr[n] = '\0';
	*port = colon + 1;
	return 0;
}

static int
tcp_listen(const char *text, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct addrinfo *ai;
	own_fd int fd = -1;
	char addr[PRIV_WORD_MAX];
	const char *port = NULL;
	int on = 1, r;

	if (tcp_split(text, addr, &port, e) == -1)
		return -1;
	r = getaddrinfo(addr, port, &hints, &ai);
	if (r != 0)
		return err_set(e, EINVAL, "-l %s: %s", text, gai_strerror(r));
	fd = os_socket(ai->ai_family, SOCK_STREAM);
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) == -1 || (ai->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) == -1 ||
	    listen(fd, BACKLOG) == -1)
		(void)err_sys(e, "-l %s", text);
	else
		r = 1;
	freeaddrinfo(ai);
	return r == 1 ? take_fd(&fd) : -1;
}

/* The key of -k: one line of text in a file that only its owner reads. */
static int
secret_read(struct listen *l, const char *path, struct err *e)
{
	struct stat st;
	struct buf b;
	int r;

	if (lstat(path, &st) == -1)
		return err_sys(e, "-k %s", path);
	if ((st.st_mode & 077) != 0)
		return err_set(e, EPERM,
		    "-k %s: others may read it; chmod 600 it", path);
	buf_init(&b, sizeof(l->secret) - 1);
	r = file_read(&b, AT_FDCWD, path, e);
	if (r == 0 && b.len > 0) {
		memcpy(l->secret, b.data, b.len);
		l->secret[b.len] = '\0';
		l->secret[strcspn(l->secret, "\r\n")] = '\0';
	}
	if (b.data != NULL)
		os_wipe(b.data, b.len);
	buf_fini(&b);
	if (r == 0 && strlen(l->secret) < SECRET_MIN)
		return err_set(e, EINVAL,
		    "-k %s: the key has fewer than %d characters", path,
		    SECRET_MIN);
	return r;
}

/* --- the unix socket ------------------------------------------------------ */

/*
 * As root any user may connect: vmd-control asks the kernel who it is and
 * shows each their own VMs.
 */
static int
unix_listen(struct listen *l, const struct monitor *m, struct err *e)
{
	l->api = os_passed_socket();
	if (l->api != -1)
		return 0;
	/* The vmd-control of a vmd that was killed holds it a moment longer. */
	for (int i = 0; i < LISTEN_TRIES; i++) {
		l->api = os_unix_listen(AT_FDCWD, m->o->socket,
		    m->separate ? 0666 : 0600, BACKLOG, e);
		if (l->api != -1 || e->num != EADDRINUSE)
			break;
		(void)usleep(LISTEN_PAUSE_US);
	}
	l->made = l->api != -1;
	return l->api == -1 ? -1 : 0;
}

int
listen_open(struct listen *l, const struct monitor *m, struct err *e)
{
	memset(l, 0, sizeof(*l));
	l->api = -1;
	if (m->o->secret[0] != '\0' &&
	    secret_read(l, m->o->secret, e) == -1)
		return -1;
	for (unsigned i = 0; i < m->o->nlisten; i++) {
		l->tcp[i] = tcp_listen(m->o->listen[i], e);
		if (l->tcp[i] == -1)
			return -1;
		l->ntcp++;
	}
	return unix_listen(l, m, e);
}

int
listen_own(const struct listen *l, const struct monitor *m,
    const struct listen_owner *o, struct err *e)
{
	const struct listen_owner ours = { geteuid(), getegid() };
	mode_t mode = o != NULL ? 0660 : m->separate ? 0666 : 0600;
	const char *path = m->o->socket;

	if (!l->made)
		return o == NULL ? 0 : err_set(e, EPERM, "socket owner: the "
		    "socket is the service manager's");
	if (o == NULL)
		o = &ours;
	/* Nobody's in between. */
	if (fchmodat(AT_FDCWD, path, 0600, AT_SYMLINK_NOFOLLOW) == -1 ||
	    fchownat(AT_FDCWD, path, o->uid, o->gid, AT_SYMLINK_NOFOLLOW) ==
	    -1 || fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) == -1)
		return err_sys(e, "socket owner: %s", path);
	return 0;
}

void
listen_close(struct listen *l, const struct monitor *m)
{
	for (unsigned i = 0; i < l->ntcp; i++)
		(void)close(l->tcp[i]);
	l->ntcp = 0;
	if (l->api != -1)
		(void)close(l->api);
	l->api = -1;
	if (l->made)
		(void)unlink(m->o->socket);
	l->made = false;
	os_wipe(l->secret, sizeof(l->secret));
}

void
listen_notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = path == NULL ? 0 : strlen(path);
	int fd;

	if (n == 0 || n >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, n);
	if (sun.sun_path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = os_socket(AF_UNIX, SOCK_DGRAM);
	if (fd == -1)
		return;
	/* Nobody to tell that telling failed. */
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL,
	    (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	(void)close(fd);
}
