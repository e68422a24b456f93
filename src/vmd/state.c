/* SPDX-License-Identifier: ISC */
/* state.c - STATE on disk; see state.h */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/own.h"
#include "vmd/state.h"

#define DEPTH_MAX	16	/* directories in a directory, when removing */

/* Names in STATE/vms that no VM can have: being made, being removed. */
#define MAKING		".new-"
#define GOING		".gone-"

static uint8_t	uid_used[OPTIONS_UID_COUNT / 8];

/* --- start ---------------------------------------------------------------- */

/* A stream of its own, so that the caller's descriptor stays. */
static DIR *
dir_stream(int dirfd, struct err *e)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d;

	if (fd == -1) {
		(void)err_sys(e, "read a directory");
		return NULL;
	}
	d = fdopendir(fd);
	if (d == NULL) {
		(void)err_sys(e, "read a directory");
		(void)close(fd);
	}
	return d;
}

/* STATE and what leads to it. */
static int
make_path(const char *path, struct err *e)
{
	char part[PRIV_PATH_MAX];

	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *p = strchr(part + 1, '/'); p != NULL;
	    p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(part, 0755) == -1 && errno != EEXIST)
			return err_sys(e, "make %s", part);
		*p = '/';
	}
	if (mkdir(part, 0700) == -1 && errno != EEXIST)
		return err_sys(e, "make %s", part);
	return 0;
}

/* uid (uid_t)-1: as it is.  Only root gives away. */
static int
set_owner(struct monitor *m, int fd, uid_t uid, mode_t mode, struct err *e)
{
	if (!m->separate)
		return fchmod(fd, 0700) == -1 ? err_sys(e, "chmod") : 0;
	if (fchown(fd, uid, m->user.gid) == -1 || fchmod(fd, mode) == -1)
		return err_sys(e, "set the owner");
	return 0;
}

static int
open_dir(struct monitor *m, const char *name, uid_t uid, mode_t mode,
    struct err *e)
{
	own_fd int fd = -1;

	if (mkdirat(m->state_fd, name, 0700) == -1 && errno != EEXIST)
		return err_sys(e, "make %s/%s", m->o->state, name);
	fd = openat(m->state_fd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "%s/%s", m->o->state, name);
	if (set_owner(m, fd, uid, mode, e) == -1)
		return err_prefix(e, "%s/%s", m->o->state, name);
	return take_fd(&fd);
}

/*
 * -s with a directory that is somebody's: it would be taken over, owner and
 * mode.  Ours has something called vmd.*, or nothing at all.
 */
static int
check_ours(struct monitor *m, struct err *e)
{
	struct dirent *de;
	bool ours = false, empty = true;
	DIR *d;

	d = dir_stream(m->state_fd, e);
	if (d == NULL)
		return err_prefix(e, "%s", m->o->state);
	while ((de = readdir(d)) != NULL) {
		ours = ours || strncmp(de->d_name, "vmd.", 4) == 0;
		empty = empty && (strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0);
	}
	(void)closedir(d);
	if (!ours && !empty)
		return err_set(e, ENOTEMPTY, "%s: holds other things than "
		    "the state of a vmd", m->o->state);
	return 0;
}

/*
 * A lock of the process, fcntl(2)'s: a child that was just forked has no part
 * in it, so the next vmd has it the moment this one is gone.  Whoever closes
 * another descriptor of the file loses it: it is opened here only.
 */
static int
take_lock(struct monitor *m, struct err *e)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	own_fd int fd = -1;
	char pid[32];

	fd = openat(m->state_fd, "vmd.lock",
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1)
		return err_sys(e, "%s/vmd.lock", m->o->state);
	if (fcntl(fd, F_SETLK, &l) == -1) {
		if (errno != EAGAIN && errno != EACCES)
			return err_sys(e, "lock %s/vmd.lock", m->o->state);
		if (fcntl(fd, F_GETLK, &l) == -1)
			l.l_pid = 0;
		return err_set(e, EBUSY, "%s: already running as pid %d",
		    m->o->state, (int)l.l_pid);
	}
	(void)snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == -1 ||
	    write(fd, pid, strlen(pid)) != (ssize_t)strlen(pid))
		return err_sys(e, "write %s/vmd.lock", m->o->state);
	m->lock_fd = take_fd(&fd);
	return 0;
}

/* --- removing ------------------------------------------------------------- */

static int	clear(int dirfd, int depth, struct err *);

/* Remove 'name' whatever it is.  Never follows a link. */
static int
discard(int dirfd, const char *name, int depth, struct err *e)
{
	own_fd int fd = -1;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(e, "remove %s", name);
	if (depth == 0)
		return err_set(e, ELOOP, "%s: too deep to remove", name);
	fd = openat(dirfd, name,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "remove %s", name);
	if (clear(fd, depth - 1, e) == -1)
		return err_prefix(e, "%s", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == -1)
		return err_sys(e, "remove %s", name);
	return 0;
}

static int
clear(int dirfd, int depth, struct err *e)
{
	struct dirent *de;
	int r = 0;
	DIR *d;

	d = dir_stream(dirfd, e);
	if (d == NULL)
		return -1;
	while (r == 0 && (de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			r = discard(dirfd, de->d_name, depth, e);
	(void)closedir(d);
	return r;
}

/* --- users of VMs --------------------------------------------------------- */

static void
uid_mark(struct monitor *m, uid_t uid, bool used)
{
	uint32_t n = uid - m->o->uid_base;

	if (uid < m->o->uid_base || n >= OPTIONS_UID_COUNT)
		return;
	if (used)
		uid_used[n / 8] |= (uint8_t)(1U << n % 8);
	else
		uid_used[n / 8] &= (uint8_t)~(1U << n % 8);
}

static int
uid_free(struct monitor *m, uid_t *ret, struct err *e)
{
	for (uint32_t n = 0; n < OPTIONS_UID_COUNT; n++)
		if ((uid_used[n / 8] & 1U << n % 8) == 0) {
			*ret = m->o->uid_base + n;
			return 0;
		}
	return err_set(e, ENOSPC, "no user left for another VM");
}

int
state_vm_user(struct monitor *m, int dirfd, struct user *ret, struct err *e)
{
	struct stat st;

	if (!m->separate) {
		user_self(ret);
		return 0;
	}
	if (fstat(dirfd, &st) == -1)
		return err_sys(e, "stat the directory");
	if (st.st_uid < m->o->uid_base ||
	    st.st_uid - m->o->uid_base >= OPTIONS_UID_COUNT)
		return err_set(e, EPERM, "its directory belongs to user %u, "
		    "who is not one of VMs", (unsigned)st.st_uid);
	user_plain(ret, st.st_uid);
	return 0;
}

/* --- directories of VMs --------------------------------------------------- */

int
state_vm_each(struct monitor *m, void (*fn)(void *, const char *), void *arg,
    struct err *e)
{
	struct dirent *de;
	DIR *d;

	d = dir_stream(m->vms_fd, e);
	if (d == NULL)
		return -1;
	while ((de = readdir(d)) != NULL)
		if (priv_id_valid(de->d_name))
			fn(arg, de->d_name);
	(void)closedir(d);
	return 0;
}

/*
 * What a vmd that was killed left half made or half removed; uids in use.
 * What cannot be removed keeps its uid, and nobody from being served.
 */
static int
sweep(struct monitor *m, struct err *e)
{
	struct dirent *de;
	struct stat st;
	struct err why;
	DIR *d;

	d = dir_stream(m->vms_fd, e);
	if (d == NULL)
		return -1;
	while ((de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, MAKING, strlen(MAKING)) == 0 ||
		    strncmp(de->d_name, GOING, strlen(GOING)) == 0) {
			if (discard(m->vms_fd, de->d_name, DEPTH_MAX,
			    &why) == 0)
				continue;
			log_err(&why, "%s/vms", m->o->state);
		}
		if (fstatat(m->vms_fd, de->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) == 0)
			uid_mark(m, st.st_uid, true);
	}
	(void)closedir(d);
	return 0;
}

int
state_vm_open(struct monitor *m, const char *vm, struct err *e)
{
	int fd;

	if (!priv_id_valid(vm))
		return err_api(e, EINVAL, "bad_request", "not the id of a VM");
	fd = openat(m->vms_fd, vm,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT)
		return err_api(e, ENOENT, "not_found",
		    "VM %s has no directory", vm);
	if (fd == -1)
		return err_sys(e, "directory of VM %s", vm);
	return fd;
}

int
state_vm_make(struct monitor *m, const char *vm, struct err *e)
{
	own_fd int fd = -1;
	char making[PRIV_ID_MAX + sizeof(MAKING)];
	struct stat st;
	uid_t uid = (uid_t)-1;

	if (!priv_id_valid(vm))
		return err_api(e, EINVAL, "bad_request", "not the id of a VM");
	if (fstatat(m->vms_fd, vm, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_api(e, EEXIST, "already_exists",
		    "VM %s has a directory already", vm);
	if (m->separate && uid_free(m, &uid, e) == -1)
		return -1;
	(void)snprintf(making, sizeof(making), MAKING "%s", vm);
	if (mkdirat(m->vms_fd, making, 0700) == -1 && errno != EEXIST)
		return err_sys(e, "make the directory of VM %s", vm);
	fd = openat(m->vms_fd, making,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "directory of VM %s", vm);
	if (set_owner(m, fd, uid, 02770, e) == -1 ||
	    renameat(m->vms_fd, making, m->vms_fd, vm) == -1 ||
	    fsync(m->vms_fd) == -1) {
		(void)err_sys(e, "make the directory of VM %s", vm);
		(void)unlinkat(m->vms_fd, making, AT_REMOVEDIR);
		return -1;
	}
	uid_mark(m, uid, true);
	return take_fd(&fd);
}

int
state_vm_remove(struct monitor *m, const char *vm, struct err *e)
{
	char going[PRIV_ID_MAX + sizeof(GOING)];
	struct stat st;

	if (!priv_id_valid(vm))
		return err_api(e, EINVAL, "bad_request", "not the id of a VM");
	if (fstatat(m->vms_fd, vm, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : err_sys(e, "VM %s", vm);
	(void)snprintf(going, sizeof(going), GOING "%s", vm);
	if (discard(m->vms_fd, going, DEPTH_MAX, e) == -1)
		return -1;
	/* From here on it is gone; the rest can be repeated at a start. */
	if (renameat(m->vms_fd, vm, m->vms_fd, going) == -1)
		return err_sys(e, "remove the directory of VM %s", vm);
	if (discard(m->vms_fd, going, DEPTH_MAX, e) == -1)
		return err_prefix(e, "directory of VM %s", vm);
	uid_mark(m, st.st_uid, false);
	return 0;
}

int
state_open(struct monitor *m, struct err *e)
{
	own_fd int volumes = -1;

	if (make_path(m->o->state, e) == -1)
		return -1;
	m->state_fd = open(m->o->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->state_fd == -1)
		return err_sys(e, "%s", m->o->state);
	if (check_ours(m, e) == -1 || take_lock(m, e) == -1)
		return -1;
	/* Sticky: vmd-control makes its database here and removes only that. */
	if (set_owner(m, m->state_fd, 0, 01770, e) == -1)
		return err_prefix(e, "%s", m->o->state);
	m->vms_fd = open_dir(m, "vms", 0, 0750, e);
	m->images_fd = open_dir(m, "images", m->user.uid, 0750, e);
	volumes = open_dir(m, "volumes", m->user.uid, 0750, e);
	if (m->vms_fd == -1 || m->images_fd == -1 || volumes == -1)
		return -1;
	return sweep(m, e);
}
