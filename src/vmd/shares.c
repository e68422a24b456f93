/* SPDX-License-Identifier: ISC */
/* shares.c - which directories of the host a VM has; see shares.h */

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/num.h"
#include "lib/own.h"
#include "os/os.h"
#include "vmd/shares.h"
#include "vmd/state.h"

#define FILE_NAME	"shares"
#define FILE_MAX	(PRIV_SHARE_MAX * (PRIV_PATH_MAX + 8) + 256)

/* --- writing -------------------------------------------------------------- */

/* One line of the file; vmd-share says what else it does not like. */
static bool
path_valid(const char *s)
{
	if (*s != '/')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

/* A connection of the API over TCP has an end, but no user at it. */
static int
asking_user(uid_t *ret, int client, struct err *e)
{
	struct os_peer peer;
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);

	if (client == -1 || getsockopt(client, SOL_SOCKET, SO_DOMAIN, &domain,
	    &len) == -1 || domain != AF_UNIX ||
	    os_peer(&peer, client, NULL) == -1)
		return err_api(e, EPERM, "not_supported", "a directory of the "
		    "host is shared with the rights of a user of this host: "
		    "ask on the API's unix socket");
	if (geteuid() != 0 && peer.uid != geteuid())
		return err_api(e, EPERM, "not_supported", "this vmd is user "
		    "%u's and shares directories for nobody else",
		    (unsigned)geteuid());
	*ret = peer.uid;
	return 0;
}

static int
record_text(struct buf *b, const struct priv_shares *r, uid_t uid)
{
	if (buf_printf(b, "vm %s\nuid %u\n", r->vm, (unsigned)uid) == -1)
		return -1;
	for (unsigned i = 0; i < r->nshares; i++)
		if (buf_printf(b, "%s %s\n", r->share[i].readonly ? "ro" :
		    "rw", r->share[i].path) == -1)
			return -1;
	return 0;
}

/* Whole or not at all: nothing starts a VM while its record is made. */
static int
record_write(int dirfd, const struct buf *b, struct err *e)
{
	own_fd int fd = -1;

	fd = openat(dirfd, FILE_NAME, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 && errno == EEXIST)
		return err_api(e, EEXIST, "already_exists",
		    "the VM has its shares already");
	if (fd == -1)
		return err_sys(e, "make %s", FILE_NAME);
	if (write_full(fd, b->data, b->len) == -1 || os_datasync(fd) == -1) {
		(void)err_sys(e, "write %s", FILE_NAME);
		(void)unlinkat(dirfd, FILE_NAME, 0);
		return -1;
	}
	return 0;
}

int
shares_record(struct monitor *m, const struct priv_shares *r, struct err *e)
{
	own_fd int dirfd = -1;
	struct buf b;
	uid_t uid = (uid_t)-1;
	int ret;

	if (!priv_id_valid(r->vm) || r->nshares == 0)
		return err_api(e, EINVAL, "bad_request", "no VM, or no share");
	for (unsigned i = 0; i < r->nshares; i++)
		if (!path_valid(r->share[i].path))
			return err_api(e, EINVAL, "bad_request", "share %u: "
			    "not the path of a directory", i);
	if (asking_user(&uid, r->client, e) == -1)
		return -1;
	dirfd = state_vm_open(m, r->vm, e);
	if (dirfd == -1)
		return -1;
	buf_init(&b, FILE_MAX);
	if (record_text(&b, r, uid) == -1)
		ret = err_sys(e, "shares");
	else
		ret = record_write(dirfd, &b, e);
	buf_fini(&b);
	return ret;
}

/* --- reading -------------------------------------------------------------- */

static int
take_line(struct shares *s, unsigned number, const char *line, const char *vm)
{
	struct priv_share *share = &s->share[s->n];
	uint64_t uid;

	switch (number) {
	case 0:
		return strncmp(line, "vm ", 3) == 0 &&
		    strcmp(line + 3, vm) == 0 ? 0 : -1;
	case 1:
		if (strncmp(line, "uid ", 4) != 0 ||
		    num_parse(&uid, line + 4, 0, UINT32_MAX - 1, NULL) == -1)
			return -1;
		s->uid = (uid_t)uid;
		return 0;
	default:
		if (s->n == PRIV_SHARE_MAX || (strncmp(line, "ro ", 3) != 0 &&
		    strncmp(line, "rw ", 3) != 0) || !path_valid(line + 3) ||
		    strlen(line + 3) >= sizeof(share->path))
			return -1;
		share->readonly = line[1] == 'o';
		memcpy(share->path, line + 3, strlen(line + 3) + 1);
		s->n++;
		return 0;
	}
}

static int
take_text(struct shares *s, char *text, const char *vm)
{
	char *line, *save = NULL;
	unsigned number = 0;

	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		if (take_line(s, number++, line, vm) == -1)
			return -1;
	return s->n > 0 ? 0 : -1;
}

/*
 * Others can rename and link files in the directory: it must be ours, have
 * this name only, and say that it is this VM's.
 */
static int
check_file(int fd, const char *vm, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "VM %s: %s", vm, FILE_NAME);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_nlink != 1 || (st.st_mode & 0077) != 0)
		return err_set(e, EPERM, "VM %s: its %s file is not vmd's own",
		    vm, FILE_NAME);
	return 0;
}

int
shares_read(struct shares *ret, int dirfd, const char *vm, struct err *e)
{
	own_fd int fd = -1;
	char text[FILE_MAX + 1];
	struct shares s;
	ssize_t n;

	memset(&s, 0, sizeof(s));
	fd = openat(dirfd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1 && errno != ENOENT)
		return err_sys(e, "VM %s: %s", vm, FILE_NAME);
	if (fd != -1) {
		if (check_file(fd, vm, e) == -1)
			return -1;
		n = read_full(fd, text, FILE_MAX);
		if (n == -1)
			return err_sys(e, "VM %s: %s", vm, FILE_NAME);
		text[n] = '\0';
		if (take_text(&s, text, vm) == -1)
			return err_set(e, EINVAL, "VM %s: its %s file is "
			    "damaged", vm, FILE_NAME);
	}
	*ret = s;
	return 0;
}
