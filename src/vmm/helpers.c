/* SPDX-License-Identifier: ISC */
/*
 * helpers.c - device processes of a VM by hand; see helpers.h
 *
 * Each has its vhost-user socket in a directory that only we can enter, and
 * a process group of its own: what is typed at the terminal is not for it.
 * The directory is locked; what a process that was killed has left is not,
 * and the next one removes it.
 */

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapi/vm_config.h"
#include "disk/image.h"
#include "lib/io.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/confine.h"
#include "vmm/helpers.h"
#include "vmm/hand.h"

#define HELPERS_MAX	(VM_DISKS_MAX + VM_NETS_MAX + 1)
#define ARGS_MAX	(16 + 2 * HAND_PORTS_MAX)
#define DISK_FD		6U	/* a disk's files */
#define FIRST_FD	3	/* report, lifeline, listener, the device's */
#define FDS_MAX		(3 + IMAGE_CHAIN_MAX)
#define ALOFT		64	/* above every fixed place */
#define BLAME_MS	2000	/* for a helper to say what is wrong */

struct helper {
	char	name[VM_ID_MAX + 1];
	char	*socket;
	char	lifeline[VM_ID_MAX + 16];	/* "disk0=7", taken by vmm */
	int	report;
};

struct helpers {
	char		 program[PATH_MAX];
	char		 dir[PATH_MAX];		/* "": none was made */
	int		 lock;			/* of it, or -1 */
	struct helper	 list[HELPERS_MAX];
	unsigned	 n;
};

/* One that is being started; descriptors are its own. */
struct start {
	struct helper	*helper;
	const char	*args[ARGS_MAX];
	unsigned	 nargs;
	int		 fds[FDS_MAX];		/* from FIRST_FD on */
	unsigned	 nfds;
};

static void
add(struct start *s, const char *option, const char *value)
{
	s->args[s->nargs++] = option;
	if (value != NULL)
		s->args[s->nargs++] = value;
}

/* --- the directory of sockets -------------------------------------------- */

#define DIR_PREFIX	"vmm-dev."
#define SWEEP_MAX	64	/* directories that one start removes */

/* Remove the sockets in a directory that nobody uses, and it. */
static void
sweep_dir(int base, const char *name)
{
	int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	const char *suffix;
	struct dirent *d;
	struct stat st;
	DIR *list;

	if (fd == -1)
		return;
	if (fstat(fd, &st) == -1 || st.st_uid != geteuid() ||
	    flock(fd, LOCK_EX | LOCK_NB) == -1 ||
	    (list = fdopendir(fd)) == NULL) {
		(void)close(fd);
		return;
	}
	while ((d = readdir(list)) != NULL) {
		suffix = strrchr(d->d_name, '.');
		if (suffix != NULL && strcmp(suffix, ".vu") == 0)
			(void)unlinkat(fd, d->d_name, 0);
	}
	(void)unlinkat(base, name, AT_REMOVEDIR);
	(void)closedir(list);
}

/* What processes that were killed have left: nobody holds its lock. */
static void
sweep(const char *base)
{
	DIR *list = opendir(base);
	struct dirent *d;
	unsigned n = 0;

	if (list == NULL)
		return;
	while (n < SWEEP_MAX && (d = readdir(list)) != NULL) {
		if (strncmp(d->d_name, DIR_PREFIX, strlen(DIR_PREFIX)) != 0)
			continue;
		sweep_dir(dirfd(list), d->d_name);
		n++;
	}
	(void)closedir(list);
}

/* Locked as long as we live; false: swept away before we had the lock. */
static bool
hold_dir(struct helpers *h)
{
	struct stat st;

	h->lock = open(h->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (h->lock != -1 && flock(h->lock, LOCK_SH) == 0 &&
	    fstat(h->lock, &st) == 0 && st.st_nlink > 0)
		return true;
	if (h->lock != -1)
		(void)close(take_fd(&h->lock));
	return false;
}

static int
make_dir(struct helpers *h, struct err *e)
{
	const char *base = getenv("XDG_RUNTIME_DIR");

	if (h->dir[0] != '\0')
		return 0;
	if (base == NULL || *base != '/')
		base = "/tmp";
	sweep(base);
	for (unsigned tries = 0; tries < 8; tries++) {
		(void)snprintf(h->dir, sizeof(h->dir), "%s/" DIR_PREFIX
		    "XXXXXX", base);
		if (mkdtemp(h->dir) == NULL)
			break;
		if (hold_dir(h))
			return 0;
	}
	(void)err_sys(e, "make %s", h->dir);
	h->dir[0] = '\0';
	return -1;
}

/* --- starting one -------------------------------------------------------- */

/* Beside our own program, or where it is installed. */
static int
find_program(struct helpers *h, struct err *e)
{
	char dir[PATH_MAX - 8];

	if (h->program[0] != '\0')
		return 0;
	if (os_exe_dir(dir, sizeof(dir), e) == -1)
		return -1;
	(void)snprintf(h->program, sizeof(h->program), "%s/viod", dir);
	if (access(h->program, X_OK) == -1)
		(void)snprintf(h->program, sizeof(h->program),
		    VMD_LIBEXECDIR "/viod");
	return 0;
}

/* Report, lifeline and listener, which every helper gets. */
static int
make_channels(struct helpers *h, struct start *s, struct err *e)
{
	struct helper *p = s->helper;
	int report[2], life[2];

	if (asprintf(&p->socket, "%s/%s.vu", h->dir, p->name) == -1) {
		p->socket = NULL;
		return err_sys(e, "socket of %s", p->name);
	}
	if (os_pipe(report) == -1)
		return err_sys(e, "pipe");
	p->report = report[0];
	s->fds[0] = report[1];
	if (os_socketpair(SOCK_STREAM, life) == -1)
		return err_sys(e, "socket");
	(void)snprintf(p->lifeline, sizeof(p->lifeline), "%s=%d", p->name,
	    life[0]);
	s->fds[1] = life[1];
	s->fds[2] = os_unix_listen(AT_FDCWD, p->socket, 0600, 4, e);
	return s->fds[2] == -1 ? -1 : 0;
}

/* To places that no other descriptor has, then to their own. */
static int
place(posix_spawn_file_actions_t *actions, struct start *s)
{
	int fd, r = 0;

	for (unsigned i = 0; i < s->nfds; i++) {
		fd = fcntl(s->fds[i], F_DUPFD_CLOEXEC, ALOFT);
		if (fd == -1)
			return errno;
		(void)close(s->fds[i]);
		s->fds[i] = fd;
	}
	for (unsigned i = 0; r == 0 && i < s->nfds; i++)
		r = posix_spawn_file_actions_adddup2(actions, s->fds[i],
		    FIRST_FD + (int)i);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
		    "/dev/null", O_RDWR, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, STDIN_FILENO,
		    STDOUT_FILENO);
	return r;
}

static int
run(const struct helpers *h, struct start *s, struct err *e)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *const env[] = { path, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid;
	int r;

	s->args[s->nargs] = NULL;
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	(void)posix_spawn_file_actions_init(&actions);
	r = place(&actions, s);
	if (r == 0)
		r = posix_spawn(&pid, h->program, &actions, &attr,
		    (char *const *)(uintptr_t)s->args, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	return r == 0 ? 0 : err_set(e, r, "%s: %s", h->program, strerror(r));
}

/* 'kind' of device 'name', with what s has already. */
static int
start(struct helpers *h, struct vmm_setup *setup, struct start *s,
    struct err *e)
{
	int r;

	r = find_program(h, e) == -1 || make_dir(h, e) == -1 ||
	    make_channels(h, s, e) == -1 || run(h, s, e) == -1 ? -1 : 0;
	for (unsigned i = 0; i < s->nfds; i++)
		if (s->fds[i] != -1)
			(void)close(s->fds[i]);
	if (r == 0)
		r = vmm_option(setup, 'L', s->helper->lifeline);
	return r;
}

static void
begin(struct helpers *h, struct start *s, const char *kind, const char *name)
{
	memset(s, 0, sizeof(*s));
	s->helper = &h->list[h->n++];
	s->helper->report = -1;
	(void)snprintf(s->helper->name, sizeof(s->helper->name), "%s", name);
	for (unsigned i = 0; i < FDS_MAX; i++)
		s->fds[i] = -1;
	s->nfds = 3;
	add(s, "viod", kind);
	add(s, "-n", s->helper->name);
}

static void
give(struct start *s, int fd)
{
	s->fds[s->nfds++] = fd;
}

/* --- the devices --------------------------------------------------------- */

/* The image and what is below it; text: of the options. */
static int
give_image(struct start *s, const char *path, enum image_format format,
    bool readonly, char text[IMAGE_CHAIN_MAX][16], struct err *e)
{
	struct image_files f;

	if (image_files_open(&f, path, format, !readonly, e) == -1)
		return -1;
	for (unsigned i = 0; i < f.n; i++) {
		give(s, f.file[i].fd);
		(void)snprintf(text[i], sizeof(text[i]), "%s:%u",
		    image_format_name(f.file[i].format), DISK_FD + i);
		if (i > 0)
			add(s, "-B", text[i]);
	}
	add(s, "-f", image_format_name(format));
	return 0;
}

static int
start_cdrom(struct helpers *h, struct hand *hand, unsigned i,
    struct vmm_setup *setup, struct err *e)
{
	struct vm_disk *d = &hand->config.disks[i];
	struct start s;
	int fd = open(hand->disks[i], O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return err_sys(e, "CD-ROM %s", hand->disks[i]);
	begin(h, &s, "scsi", d->id);
	give(&s, fd);
	add(&s, "-d", "6");
	if (start(h, setup, &s, e) == -1)
		return -1;
	d->socket = s.helper->socket;
	return 0;
}

static int
start_disk(struct helpers *h, struct hand *hand, unsigned i,
    struct vmm_setup *setup, struct err *e)
{
	struct vm_disk *d = &hand->config.disks[i];
	char queues[16], text[IMAGE_CHAIN_MAX][16];
	struct start s;

	if (d->cdrom)
		return start_cdrom(h, hand, i, setup, e);
	begin(h, &s, "blk", d->id);
	if (give_image(&s, hand->disks[i], hand->formats[i], d->readonly,
	    text, e) == -1)
		return err_prefix(e, "disk");
	(void)snprintf(queues, sizeof(queues), "%u", d->queues);
	add(&s, "-d", "6");
	add(&s, "-q", queues);
	if (d->readonly)
		add(&s, "-r", NULL);
	if (start(h, setup, &s, e) == -1)
		return -1;
	d->socket = s.helper->socket;
	return 0;
}

static int
start_net(struct helpers *h, struct hand *hand, unsigned i,
    struct vmm_setup *setup, struct err *e)
{
	const struct hand_net *n = &hand->nets[i];
	struct vm_net *v = &hand->config.nets[i];
	char queues[16];
	struct start s;

	begin(h, &s, "net", v->id);
	(void)snprintf(queues, sizeof(queues), "%u", v->queues);
	add(&s, "-m", v->mac);
	add(&s, "-q", queues);
	if (n->hostname != NULL)
		add(&s, "-H", n->hostname);
	if (n->boot != NULL)
		add(&s, "-b", n->boot);
	for (unsigned k = 0; k < n->nports; k++)
		add(&s, "-p", n->ports[k]);
	if (start(h, setup, &s, e) == -1)
		return -1;
	v->socket = s.helper->socket;
	return 0;
}

/* The directory of a path. */
static int
open_parent(const char *path, struct err *e)
{
	char dir[VM_PATH_MAX + 1];
	char *slash;
	int fd;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	fd = open(slash != NULL ? dir : ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd == -1 ? err_sys(e, "directory of %s", path) : fd;
}

static int
start_vsock(struct helpers *h, struct hand *hand, struct vmm_setup *setup,
    struct err *e)
{
	struct vm_vsock *v = &hand->config.vsock;
	char cid[24];
	struct start s;
	int dir, fd;

	dir = open_parent(v->socket, e);
	if (dir == -1)
		return -1;
	fd = os_unix_listen(AT_FDCWD, v->socket, 0600, 128, e);
	if (fd == -1) {
		(void)close(dir);
		return -1;
	}
	begin(h, &s, "vsock", VM_VSOCK_ID);
	give(&s, fd);
	give(&s, dir);
	(void)snprintf(cid, sizeof(cid), "%llu", (unsigned long long)v->cid);
	add(&s, "-c", cid);
	add(&s, "-l", "6");
	add(&s, "-d", "7");
	if (start(h, setup, &s, e) == -1)
		return -1;
	v->vhost_socket = s.helper->socket;
	return 0;
}

/* --- all ----------------------------------------------------------------- */

int
helpers_new(struct helpers **ret, struct hand *hand, struct vmm_setup *setup,
    struct err *e)
{
	OWN(helpers_destroy) struct helpers *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return err_sys(e, "devices");
	h->lock = -1;
	for (unsigned i = 0; i < hand->config.ndisks; i++)
		if (start_disk(h, hand, i, setup, e) == -1)
			return -1;
	for (unsigned i = 0; i < hand->config.nnets; i++)
		if (start_net(h, hand, i, setup, e) == -1)
			return -1;
	if (hand->vsock && start_vsock(h, hand, setup, e) == -1)
		return -1;
	*ret = take(&h);
	return 0;
}

void
helpers_blame(struct helpers *h, struct err *e)
{
	char line[ERR_TEXT_MAX];
	struct pollfd p = { .events = POLLIN };
	ssize_t n;

	for (unsigned i = 0; i < h->n; i++) {
		p.fd = h->list[i].report;
		if (poll(&p, 1, BLAME_MS) != 1)
			continue;
		n = read(p.fd, line, sizeof(line) - 1);
		if (n < 7 || strncmp(line, "error ", 6) != 0)
			continue;
		line[n] = '\0';
		line[strcspn(line, "\n")] = '\0';
		(void)err_set(e, EIO, "%s: %s", h->list[i].name, line + 6);
		return;
	}
}

void
helpers_confine(const struct helpers *h, struct confine *c)
{
	if (h->dir[0] == '\0')
		return;
	assert(c->npaths < CONFINE_PATHS_MAX);
	c->paths[c->npaths++] = h->dir;
	/* It goes with us, if it is below the working directory. */
	c->once = false;
}

void
helpers_destroy(struct helpers *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; i < h->n; i++) {
		if (h->list[i].report != -1)
			(void)close(h->list[i].report);
		if (h->list[i].socket != NULL)
			(void)unlink(h->list[i].socket);
		free(h->list[i].socket);
	}
	if (h->dir[0] != '\0')
		(void)rmdir(h->dir);
	if (h->lock != -1)
		(void)close(h->lock);
	free(h);
}
