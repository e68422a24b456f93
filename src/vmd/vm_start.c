/* SPDX-License-Identifier: ISC */
/*
 * vm_start.c - start the processes of a VM; see vm_start.h
 *
 * Everything that can fail without a process comes first: the request, the
 * lock, the disks, the sockets.  Then all processes are started and their
 * reports awaited together.  A start that fails answers when its last
 * process is gone, so that it can be tried again at once.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/own.h"
#include "lib/written.h"
#include "os/os.h"
#include "vmd/file.h"
#include "vmd/files.h"
#include "vmd/names.h"
#include "vmd/ports.h"
#include "vmd/report.h"
#include "vmd/shares.h"
#include "vmd/spawn.h"
#include "vmd/state.h"
#include "vmd/taps.h"
#include "vmd/vm_start.h"
#include "vmd/vm_words.h"
#include "vmd/vms.h"

#define DEVICES_MAX	(PRIV_PROC_MAX - 1)
_Static_assert(IMAGE_CHAIN_MAX + 8 < SPAWN_FDS_MAX, "a chain's descriptors");
#define HANDED_MAX	(PRIV_BLK_MAX + 1 + PRIV_NET_MAX)
_Static_assert(HANDED_MAX + PRIV_NET_MAX + 8 < SPAWN_FDS_MAX, "a VMM's");
#define BACKLOG		1024	/* of the sockets in a VM's directory:
				   who connects does not wait */

/* One process whose report is awaited. */
struct waiting {
	struct start	*start;
	struct report	*report;	/* NULL: it came */
	unsigned	 i;		/* its place in vm->procs */
};

struct start {
	struct vm	*vm;
	struct asker	 asker;
	unsigned	 pending;
	bool		 failed;
	struct err	 why;
	struct waiting	 wait[PRIV_PROC_MAX];
};

/* A device while it is made; -1 is no descriptor. */
struct device {
	char		 name[PRIV_NAME_MAX];
	const char	*kind;		/* "blk", "scsi", "net", "fs".. */
	unsigned	 i;		/* which of its kind */
	const struct image_files *image; /* a file of the host's, or NULL */
	int		 listen;	/* NAME.vu */
	int		 life;		/* lifeline, its end */
	int		 vmm_life;	/* and the VMM's */
	int		 file;		/* disk, tap, or vsock.sock */
	int		 marks;		/* of what is written, or -1 */
	int		 ask[TAPS_NAMES]; /* for questions by TCP, or -1 */
};

/* All that a start needs until the processes run. */
struct making {
	struct monitor	*m;
	const struct priv_start *r;
	struct user	 user;		/* of the processes */
	struct shares	 shares;
	struct user	 share_user;	/* and of those that serve them */
	struct files	 files;
	struct image_files images[PRIV_FILE_DISKS_MAX];
	int		 dir;
	int		 lock;
	int		 log;
	int		 pids;
	int		 api;
	int		 kvm;		/* for the VMM, or -1 */
	int		 names;		/* for local interfaces, or -1 */
	struct ports	*ports;		/* published on one, or NULL */
	int		 held[PRIV_PORT_MAX];	/* sockets of theirs, or -1 */
	bool		 has_devices;	/* the VMM itself, all but cards */
	unsigned	 nhanded;	/* what it is handed for them */
	int		 handed[HANDED_MAX];
	unsigned	 ndevs;
	struct device	 devs[DEVICES_MAX];
};

/* --- descriptors ---------------------------------------------------------- */

static void
making_fini(struct making *k)
{
	int *fds[] = { &k->dir, &k->lock, &k->log, &k->pids, &k->api,
	    &k->kvm, &k->names };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (*fds[i] != -1)
			(void)close(*fds[i]);
	for (unsigned i = 0; i < k->ndevs; i++) {
		int of[] = { k->devs[i].listen, k->devs[i].life,
		    k->devs[i].vmm_life, k->devs[i].file, k->devs[i].marks,
		    k->devs[i].ask[0], k->devs[i].ask[1] };

		for (size_t j = 0; j < sizeof(of) / sizeof(of[0]); j++)
			if (of[j] != -1)
				(void)close(of[j]);
	}
	for (unsigned i = 0; i < PRIV_FILE_DISKS_MAX; i++)
		image_files_close(&k->images[i]);
	for (unsigned i = 0; i < PRIV_PORT_MAX; i++)
		if (k->held[i] != -1)
			(void)close(k->held[i]);
	ports_destroy(k->ports);
	for (unsigned i = 0; i < k->nhanded; i++)
		(void)close(k->handed[i]);
	free(k);
}

OWN_DEFINE(struct making, making_fini);

static struct device *
device_add(struct making *k, const char *kind, const char *prefix, unsigned i)
{
	struct device *d = &k->devs[k->ndevs++];

	d->kind = kind;
	d->i = i;
	d->listen = d->life = d->vmm_life = d->file = d->marks = -1;
	d->ask[0] = d->ask[1] = -1;
	(void)snprintf(d->name, sizeof(d->name), "%s%u", prefix, i);
	return d;
}

/*
 * A file of vmd's own in a directory where others write: never through a
 * link, and not one that they left there.
 */
static int
own_file(struct making *k, const char *name, int flags, struct err *e)
{
	int fd;

	if (unlinkat(k->dir, name, 0) == -1 && errno != ENOENT)
		return err_sys(e, "remove %s", name);
	fd = openat(k->dir, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | flags, 0600);
	return fd == -1 ? err_sys(e, "make %s", name) : fd;
}

/* As the VM's user, who is then its owner; _vmd's group comes by the mode. */
static int
user_listen(struct making *k, const char *name, struct err *e)
{
	struct user u = k->user;
	int fd;

	if (k->m->separate)
		u.gid = k->m->user.gid;
	if (user_act(&u, e) == -1)
		return -1;
	fd = os_unix_listen(k->dir, name, k->m->separate ? 0660 : 0600,
	    BACKLOG, e);
	user_back();
	return fd;
}

/* A file of the VM's in its directory; _vmd's group comes by the mode. */
static int
user_file(struct making *k, const char *name, int flags, mode_t mode,
    struct err *e)
{
	struct user u = k->user;
	mode_t old;
	int fd;

	if (k->m->separate)
		u.gid = k->m->user.gid;
	if (user_act(&u, e) == -1)
		return -1;
	old = umask(k->m->separate ? 007 : 077);
	fd = openat(k->dir, name, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK, mode);
	(void)umask(old);
	if (fd == -1)
		(void)err_sys(e, "%s", name);
	user_back();
	return fd;
}

/*
 * What vmd-control made for the VMM to open by name becomes the VM's.  Only
 * a file with this one name: a link to elsewhere stays what it is.
 */
static int
give_file(struct making *k, const char *name, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;

	if (!k->m->separate)
		return 0;
	fd = openat(k->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, "%s", name);
	if (fstat(fd, &st) == -1)
		return err_sys(e, "%s", name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return err_api(e, EINVAL, "bad_request",
		    "%s is not a plain file", name);
	if (fchown(fd, k->user.uid, k->m->user.gid) == -1)
		return err_sys(e, "give %s to the VM", name);
	return 0;
}

/*
 * The snapshot that is to be restored: its files may be another VM's, and
 * nobody else comes near them.  Never through a link.
 */
static int
show_file(int dirfd, const char *name, mode_t mode, mode_t more,
    struct err *e)
{
	own_fd int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "%s", name);
	if ((st.st_mode & S_IFMT) != mode)
		return err_api(e, EINVAL, "bad_request",
		    "%s is no part of a snapshot", name);
	if (fchmod(fd, (st.st_mode & 07777) | more) == -1)
		return err_sys(e, "show %s to the VM", name);
	return 0;
}

static int
show_snapshot(struct making *k, struct err *e)
{
	own_fd int fd = -1;
	struct dirent *de;
	int r = 0;
	DIR *d;

	if (show_file(k->dir, "standby", S_IFDIR, 0555, e) == -1)
		return -1;
	fd = openat(k->dir, "standby",
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = fd == -1 ? NULL : fdopendir(fd);
	if (d == NULL)
		return err_sys(e, "standby");
	while (r == 0 && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.')
			r = show_file(fd, de->d_name, S_IFREG, 0444, e);
	fd = -1;	/* the stream's */
	(void)closedir(d);
	return r;
}

/*
 * What the device writes is marked there, for vmd-control, which sets the
 * time.  Its blocks are there from the beginning: a host that is full later
 * costs no mark.
 */
static int
make_marks(struct making *k, const struct device *d, struct err *e)
{
	char name[PRIV_NAME_MAX + sizeof(".written")];
	own_fd int fd = -1;
	struct stat st;
	uint64_t bytes;

	(void)snprintf(name, sizeof(name), "%s.written", d->name);
	if (fstat(d->file, &st) == -1 ||
	    (unlinkat(k->dir, name, 0) == -1 && errno != ENOENT))
		return err_sys(e, "%s", name);
	bytes = written_bytes((uint64_t)st.st_size);
	fd = user_file(k, name, O_RDWR | O_EXCL, 0660, e);
	if (fd == -1)
		return -1;
	if (ftruncate(fd, (off_t)bytes) == -1 || os_zero(fd, 0, bytes) == -1)
		return err_sys(e, "%s", name);
	return take_fd(&fd);
}

static int
blk_open(struct making *k, struct device *d, struct err *e)
{
	const struct priv_blk *b = &k->r->blk[d->i];

	d->file = file_disk(b, d->name, e);
	if (d->file == -1 || !b->marked || b->readonly || k->has_devices)
		return d->file == -1 ? -1 : 0;
	d->marks = make_marks(k, d, e);
	return d->marks == -1 ? -1 : 0;
}

/* Where the device is spoken to: vhost-user, or frames. */
static int
device_socket(struct making *k, struct device *d, struct err *e)
{
	char name[PRIV_NAME_MAX + 4];
	int s[2];

	if (k->has_devices) {
		if (os_socketpair(SOCK_DGRAM, s) == -1)
			return err_sys(e, "%s", d->name);
		d->listen = s[0];
		k->handed[k->nhanded++] = s[1];
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%s.vu", d->name);
	d->listen = user_listen(k, name, e);
	return d->listen == -1 ? -1 : 0;
}

static int
tap_open(struct making *k, struct device *d, struct err *e)
{
	int fd = taps_make(k->r, d->i, e);

	if (fd != -1)
		taps_names(d->ask, k->r, d->i, fd);
	return fd;
}

static int
device_open(struct making *k, struct device *d, struct err *e)
{
	int s[2];

	if (device_socket(k, d, e) == -1)
		return -1;
	if (os_socketpair(SOCK_STREAM, s) == -1)
		return err_sys(e, "lifeline");
	d->life = s[0];
	d->vmm_life = s[1];
	if (d->image != NULL)
		return 0;
	if (strcmp(d->kind, "blk") == 0)
		return blk_open(k, d, e);
	if (strcmp(d->kind, "scsi") == 0)
		d->file = files_plain(files_find(&k->files, PRIV_FILE_CDROM),
		    e);
	else if (strcmp(d->kind, "vsock") == 0)
		d->file = user_listen(k, "vsock.sock", e);
	else if (strcmp(d->kind, "tap") == 0)
		d->file = tap_open(k, d, e);
	else
		return 0;
	return d->file == -1 ? -1 : 0;
}

/* A raw image that nobody else uses; qcow2 is beyond the VMM. */
static int
hand_image(struct making *k, unsigned i, struct err *e)
{
	const struct image_file *f = k->images[i].file;
	int fd;

	if (f->format != IMAGE_RAW)
		return err_api(e, ENOTSUP, "not_supported", "disk%u: vz has "
		    "raw disks only; \"vmctl create -i\" makes one of it",
		    k->r->nblk + i);
	if (os_lock_image(f->fd, 1, e) == -1)
		return err_prefix(e, "disk%u", k->r->nblk + i);
	os_unlock_image(f->fd);
	fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1)
		return err_sys(e, "disk%u", k->r->nblk + i);
	k->handed[k->nhanded++] = fd;
	return 0;
}

/* Nobody is between such disks and their guest who could slow it down. */
static int
refuse_limits(const struct making *k, struct err *e)
{
	bool limits = k->files.ndisks > 0 && k->r->files_rate != 0;

	for (unsigned i = 0; i < k->r->nblk; i++)
		limits |= k->r->blk[i].bytes_per_second != 0 ||
		    k->r->blk[i].iops != 0;
	return !limits ? 0 : err_api(e, ENOTSUP, "not_supported",
	    "disk_io_bps: vz has no limits of disks");
}

/* Disks of a VMM that has them itself. */
static int
hand_disks(struct making *k, struct err *e)
{
	const struct file *cd = files_find(&k->files, PRIV_FILE_CDROM);
	char name[PRIV_NAME_MAX];
	int fd;

	if (refuse_limits(k, e) == -1)
		return -1;
	for (unsigned i = 0; i < k->r->nblk; i++) {
		(void)snprintf(name, sizeof(name), "disk%u", i);
		fd = file_disk(&k->r->blk[i], name, e);
		if (fd == -1)
			return -1;
		k->handed[k->nhanded++] = fd;
	}
	for (unsigned i = 0; i < k->files.ndisks; i++)
		if (hand_image(k, i, e) == -1)
			return -1;
	if (cd == NULL)
		return 0;
	fd = files_plain(cd, e);
	if (fd != -1)
		k->handed[k->nhanded++] = fd;
	return fd == -1 ? -1 : 0;
}

/* Each device of the VM, to be opened. */
static void
make_devices(struct making *k)
{
	const struct priv_start *r = k->r;

	for (unsigned i = 0; i < r->nnet && k->has_devices; i++)
		(void)device_add(k, "net", "net", i);
	if (k->has_devices)
		return;
	for (unsigned i = 0; i < r->nblk; i++)
		(void)device_add(k, "blk", "disk", i);
	for (unsigned i = 0; i < k->files.ndisks; i++)
		device_add(k, "blk", "disk", r->nblk + i)->image =
		    &k->images[i];
	if (files_find(&k->files, PRIV_FILE_CDROM) != NULL)
		(void)device_add(k, "scsi", "cdrom", 0);
	for (unsigned i = 0; i < r->nnet; i++)
		(void)device_add(k, r->net[i].is_tap ? "tap" : "net", "net",
		    i);
	for (unsigned i = 0; i < k->shares.n; i++)
		(void)device_add(k, "fs", "fs", i);
	if (r->vsock)
		(void)device_add(k, "vsock", "vsock", 0);
}

/* Whose rights serve the VM's shares: what groups he is in is asked now. */
static int
find_shares(struct making *k, struct err *e)
{
	if (shares_read(&k->shares, k->dir, k->r->vm, e) == -1)
		return -1;
	if (k->shares.n == 0)
		return 0;
	if (k->has_devices && k->shares.uid != geteuid())
		return err_api(e, EPERM, "not_supported", "the VMM opens "
		    "shares with the rights of vmd's user, who is not the one "
		    "that shares");
	if (geteuid() == 0)
		return user_by_uid(&k->share_user, k->shares.uid, e);
	return k->shares.uid == geteuid() ? 0 : err_set(e, EPERM,
	    "the shares of VM %s are another user's", k->r->vm);
}

/* NULL: the VM has none. */
static const char *
netboot_path(const struct making *k)
{
	const struct file *f = files_find(&k->files, PRIV_FILE_NETBOOT);

	return f == NULL ? NULL : f->f.path;
}

/*
 * What a guest loads from the user network is read by its device process,
 * as the VM's user; whoever named it must be able to, too.
 */
static int
netboot_check(const struct making *k, struct err *e)
{
	const struct file *f = files_find(&k->files, PRIV_FILE_NETBOOT);
	bool wanted = false;
	int fd;

	for (unsigned i = 0; i < k->r->nnet; i++)
		wanted |= k->r->net[i].netboot;
	if (!wanted)
		return 0;
	if (f == NULL)
		return err_api(e, ENOENT, "not_found", "VM %s has no file to "
		    "boot from the network", k->r->vm);
	fd = files_plain(f, e);
	if (fd == -1)
		return -1;
	(void)close(fd);
	return 0;
}

/* Disks that are files of the host, opened with their user's rights. */
static int
find_files(struct making *k, struct err *e)
{
	const struct priv_start *r = k->r;
	struct priv_origin o = { .instance = r->instance };

	(void)snprintf(o.vm, sizeof(o.vm), "%s", r->vm);
	(void)snprintf(o.config, sizeof(o.config), "%s", r->config);
	if (files_read(&k->files, k->m, k->dir, &o, e) == -1)
		return -1;
	if (netboot_check(k, e) == -1)
		return -1;
	if (k->files.ndisks != r->nfiles)
		return err_api(e, ESTALE, "invalid_state", "vm.conf has "
		    "changed and was not read again: it has %u disks for VM "
		    "%s now, which has %u", k->files.ndisks, r->vm,
		    r->nfiles);
	for (unsigned i = 0; i < k->files.ndisks; i++)
		if (files_disk(&k->images[i], &k->files, i, e) == -1)
			return err_prefix(e, "could not open disk image(s)");
	return 0;
}

/* As the VM's user: some ports are not for everybody. */
static int
hold_ports(struct making *k, struct err *e)
{
	int r;

	if (ports_of(&k->ports, k->r, e) == -1)
		return -1;
	if (k->ports == NULL)
		return 0;
	if (k->m->separate && user_act(&k->user, e) == -1)
		return -1;
	r = ports_reserve(k->held, k->ports, e);
	if (k->m->separate)
		user_back();
	return r;
}

/* Open all that the processes are given. */
static int
making_open(struct making *k, struct err *e)
{
	const struct priv_start *r = k->r;

	k->dir = state_vm_open(k->m, r->vm, e);
	if (k->dir == -1 || state_vm_user(k->m, k->dir, &k->user, e) == -1)
		return -1;
	k->lock = vm_lock(k->dir, r->vm, e);
	if (k->lock == -1)
		return -1;
	k->pids = own_file(k, "pids", O_APPEND, e);
	/* vmd-control shows it, by its group. */
	k->log = k->pids == -1 ? -1 : user_file(k, "vmm.log",
	    O_WRONLY | O_APPEND, 0640, e);
	if (k->log == -1 || give_file(k, "initrd", e) == -1 ||
	    give_file(k, "kernel", e) == -1)
		return -1;
	if (r->restore && k->m->separate && show_snapshot(k, e) == -1)
		return -1;
	if (unlinkat(k->dir, "exit.json", 0) == -1 && errno != ENOENT)
		return err_sys(e, "remove exit.json");
	if (find_shares(k, e) == -1 || find_files(k, e) == -1)
		return -1;
	if (k->has_devices && hand_disks(k, e) == -1)
		return -1;
	if (hold_ports(k, e) == -1)
		return -1;
	make_devices(k);
	for (unsigned i = 0; i < k->ndevs; i++)
		if (device_open(k, &k->devs[i], e) == -1)
			return -1;
	/* Where it cannot be had the VMM says what to do about it. */
	if (vm_words_takes_kvm(r->hypervisor))
		k->kvm = file_kvm();
	k->api = user_listen(k, "api.sock", e);
	return k->api == -1 ? -1 : 0;
}

/* --- reports -------------------------------------------------------------- */

/* Remember the first reason and end what was started. */
static void
start_fails(struct start *s, const char *name, const struct err *why)
{
	if (s->failed)
		return;
	s->failed = true;
	s->why = *why;
	if (s->why.code == NULL)
		s->why.code = strncmp(name, "net", 3) == 0 &&
		    strstr(why->text, "in use") != NULL ? "port_in_use" :
		    "start_failed";
	(void)err_prefix(&s->why, "%s", name);
	vm_kill(s->vm, true);
}

static void
start_done(struct start *s)
{
	struct vm *v = s->vm;
	struct priv_vm answer;

	v->state = VM_LIVING;
	v->start = NULL;
	vm_describe(&answer, v);
	control_answer(v->m, s->asker, PRIV_A_VM, &answer);
	log_debug("VM %s: started", v->id);
	vm_start_destroy(s);
}

static void
reported(void *arg, const struct err *why)
{
	struct waiting *w = arg;
	struct start *s = w->start;

	w->report = NULL;
	s->pending--;
	if (why != NULL)
		start_fails(s, s->vm->procs[w->i].name, why);
	else if (s->pending == 0 && !s->failed)
		start_done(s);
}

void
vm_start_ended(struct start *s, const char *name, int status)
{
	struct err e;

	if (WIFSIGNALED(status))
		(void)err_set(&e, EIO, "died of signal %d while starting",
		    WTERMSIG(status));
	else
		(void)err_set(&e, EIO, "ended with status %d while starting",
		    WEXITSTATUS(status));
	/*
	 * What it reported before may still be in the pipe, and says more:
	 * the report, which also sees the end, decides.
	 */
	for (unsigned i = 0; i < PRIV_PROC_MAX; i++)
		if (s->wait[i].report != NULL &&
		    strcmp(s->vm->procs[s->wait[i].i].name, name) == 0)
			return;
	start_fails(s, name, &e);
}

void
vm_start_undo(struct start *s)
{
	struct err e;

	(void)err_set(&e, ECANCELED, "nobody waits for the start");
	start_fails(s, "vmd-control", &e);
}

bool
vm_start_orphaned(const struct start *s)
{
	return s->asker.generation != control_generation(s->vm->m);
}

bool
vm_start_waits(const struct start *s)
{
	return !s->failed;
}

void
vm_start_failed(struct start *s)
{
	log_info("VM %s: %s", s->vm->id, s->why.text);
	control_refuse(s->vm->m, s->asker, &s->why);
}

void
vm_start_destroy(struct start *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < PRIV_PROC_MAX; i++)
		report_destroy(s->wait[i].report);
	free(s);
}

/* --- processes ------------------------------------------------------------ */

static const char *
program_path(struct monitor *m, const char *name)
{
	static char path[PRIV_PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", m->o->libexec, name);
	return path;
}

/* Start process i of the VM; its lock comes last, where it asks nothing. */
static int
run(struct making *k, struct start *s, unsigned i, struct spawn *sp,
    struct err *e)
{
	int report = -1;
	pid_t pid;

	for (unsigned n = 0; n < k->m->o->verbose; n++)
		spawn_arg(sp, "-v");
	(void)spawn_fd(sp, k->lock);
	sp->dir = k->dir;
	sp->log = k->log;
	sp->pids = k->pids;
	if (sp->user == NULL && k->m->separate)
		sp->user = &k->user;
	sp->mask = k->m->separate ? 007 : 077;
	s->wait[i].start = s;
	s->wait[i].i = i;
	if (report_new(&s->wait[i].report, &report, k->m->base, reported,
	    &s->wait[i], e) == -1)
		return -1;
	sp->fds[0] = report;
	pid = spawn_run(sp, e);
	(void)close(report);
	if (pid == -1) {
		report_destroy(s->wait[i].report);
		s->wait[i].report = NULL;
		return -1;
	}
	s->pending++;
	vm_child(s->vm, i, sp->name, pid);
	return 0;
}

/* As the user whose share it is, where vmd can become him. */
static int
run_share(struct making *k, struct start *s, unsigned i, struct err *e)
{
	const struct device *d = &k->devs[i];
	OWN(spawn_destroy) struct spawn *sp = NULL;

	sp = spawn_new(program_path(k->m, "vmd-share"), e);
	if (sp == NULL)
		return -1;
	sp->name = d->name;
	if (geteuid() == 0)
		sp->user = &k->share_user;
	(void)spawn_fd(sp, -1);		/* 3: the report, see run() */
	(void)spawn_fd(sp, d->life);
	(void)spawn_fd(sp, d->listen);
	vm_words_share(sp, &k->shares.share[d->i]);
	return run(k, s, i + 1, sp, e);
}

static int
run_device(struct making *k, struct start *s, unsigned i, struct err *e)
{
	struct device *d = &k->devs[i];
	OWN(spawn_destroy) struct spawn *sp = NULL;
	int fd;

	sp = spawn_new(program_path(k->m, "viod"), e);
	if (sp == NULL)
		return -1;
	sp->name = d->name;
	spawn_arg(sp, "%s", d->kind);
	spawn_arg(sp, "-n");
	spawn_arg(sp, "%s", d->name);
	(void)spawn_fd(sp, -1);		/* 3: the report, see run() */
	(void)spawn_fd(sp, d->life);
	(void)spawn_fd(sp, d->listen);
	if (d->image != NULL) {
		vm_words_image(sp, d->image, k->r->files_rate);
	} else if (strcmp(d->kind, "blk") == 0) {
		fd = spawn_fd(sp, d->file);
		vm_words_blk(sp, &k->r->blk[d->i], fd);
		if (d->marks != -1) {
			spawn_arg(sp, "-w");
			spawn_arg(sp, "%d", spawn_fd(sp, d->marks));
		}
	} else if (strcmp(d->kind, "scsi") == 0) {
		spawn_arg(sp, "-d");
		spawn_arg(sp, "%d", spawn_fd(sp, d->file));
	} else if (strcmp(d->kind, "net") == 0) {
		if (k->has_devices)
			spawn_arg(sp, "-F");
		vm_words_net(sp, &k->r->net[d->i], netboot_path(k));
	} else if (strcmp(d->kind, "tap") == 0) {
		fd = spawn_fd(sp, d->file);
		vm_words_tap(sp, k->r, d->i, fd);
		if (k->r->net[d->i].tap.addr != 0) {
			spawn_arg(sp, "-N");
			spawn_arg(sp, "%d", spawn_fd(sp, k->names));
		}
		for (unsigned n = 0; n < TAPS_NAMES; n++) {
			if (d->ask[n] == -1)
				continue;
			spawn_arg(sp, "-T");
			spawn_arg(sp, "%d", spawn_fd(sp, d->ask[n]));
		}
		/* It asks nothing of those either: they are held. */
		for (unsigned p = 0; p < k->r->net[d->i].nports; p++)
			(void)spawn_fd(sp, k->held[p]);
	} else {
		fd = spawn_fd(sp, d->file);
		vm_words_vsock(sp, k->r->cid, fd, spawn_fd(sp, k->dir));
	}
	return run(k, s, i + 1, sp, e);
}

/* The group of /dev/kvm, when it has one: the VM's user is not in it. */
static void
user_join_kvm(struct user *u)
{
	struct stat st;

	if (stat("/dev/kvm", &st) == 0 && S_ISCHR(st.st_mode) &&
	    st.st_gid != 0 && (st.st_mode & 0060) == 0060)
		u->groups[u->ngroups++] = st.st_gid;
}

static int
run_vmm(struct making *k, struct start *s, struct err *e)
{
	OWN(spawn_destroy) struct spawn *sp = NULL;

	sp = spawn_new(program_path(k->m, vm_words_vmm(k->r->hypervisor)), e);
	if (sp == NULL)
		return -1;
	sp->name = "vmm";
	(void)spawn_fd(sp, -1);
	(void)spawn_fd(sp, -1);
	spawn_arg(sp, "-a");
	spawn_arg(sp, "%d", spawn_fd(sp, k->api));
	for (unsigned i = 0; i < k->nhanded; i++)
		(void)spawn_fd(sp, k->handed[i]);	/* PRIV_VZ_FD on */
	for (unsigned i = 0; i < k->ndevs; i++) {
		spawn_arg(sp, "-L");
		spawn_arg(sp, "%s=%d", k->devs[i].name,
		    spawn_fd(sp, k->devs[i].vmm_life));
	}
	vm_words_accel(sp, k->r);
	if (k->kvm != -1) {
		spawn_arg(sp, "-k");
		spawn_arg(sp, "%d", spawn_fd(sp, k->kvm));
	}
	if (k->m->separate && !k->has_devices &&
	    !vm_words_takes_kvm(k->r->hypervisor))
		user_join_kvm(&k->user);
	return run(k, s, 0, sp, e);
}

static int
run_all(struct making *k, struct start *s, struct err *e)
{
	for (unsigned i = 0; i < k->ndevs; i++)
		if ((strcmp(k->devs[i].kind, "fs") == 0 ?
		    run_share : run_device)(k, s, i, e) == -1)
			return err_prefix(e, "%s", k->devs[i].name);
	if (run_vmm(k, s, e) == -1)
		return err_prefix(e, "vmm");
	return 0;
}

/* --- start ---------------------------------------------------------------- */

static int
start_new(struct start **ret, struct making *k, struct asker asker,
    struct err *e)
{
	struct start *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_sys(e, "start VM %s", k->r->vm);
	s->vm = vms_add(k->m, k->r->vm, k->ndevs + 1, e);
	if (s->vm == NULL) {
		free(s);
		return -1;
	}
	s->asker = asker;
	s->vm->start = s;
	s->vm->uid = k->user.uid;
	*ret = s;
	return 0;
}

static bool
is_local(const struct priv_start *r)
{
	for (unsigned i = 0; i < r->nnet; i++)
		if (r->net[i].is_tap && r->net[i].tap.addr != 0)
			return true;
	return false;
}

/* From now on others find it by its name, and by ports of the host. */
static int
announce(struct making *k, struct vm *v, struct err *e)
{
	if (!names_known(k->r))
		return 0;
	k->names = names_open(k->m, e);
	if (k->names == -1 || names_add(k->m, k->r, e) == -1)
		return -1;
	if (!is_local(k->r))
		return 0;
	if (k->ports != NULL && ports_write(k->dir, k->ports, e) == -1)
		return -1;
	v->ports = take(&k->ports);
	return taps_route(k->m, e);
}

int
vm_start(struct monitor *m, const struct priv_start *r, struct asker asker,
    struct err *e)
{
	OWN(making_fini) struct making *k = NULL;
	struct start *s = NULL;

	if (vm_words_check(r, e) == -1)
		return -1;
	if (vms_find(m, r->vm) != NULL)
		return err_api(e, EBUSY, "invalid_state",
		    "VM %s: a process of it still lives", r->vm);
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return err_sys(e, "start VM %s", r->vm);
	k->m = m;
	k->r = r;
	k->has_devices = vm_words_has_devices(r->hypervisor);
	k->dir = k->lock = k->log = k->pids = k->api = k->kvm = -1;
	k->names = -1;
	for (unsigned i = 0; i < PRIV_PORT_MAX; i++)
		k->held[i] = -1;
	if (making_open(k, e) == -1 || start_new(&s, k, asker, e) == -1)
		return -1;
	if (announce(k, s->vm, e) == 0 && run_all(k, s, e) == 0)
		return 0;
	if (s->vm->nalive == 0) {
		vm_unannounce(s->vm);
		vms_drop(s->vm);
		return -1;
	}
	s->failed = true;
	s->why = *e;
	vm_kill(s->vm, true);
	return 0;
}
