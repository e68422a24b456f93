/* SPDX-License-Identifier: ISC */
/* setup.c - from the initrd to the image's root; see setup.h */

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest/setup.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"

#define DEVICE_WAIT_MS	10000	/* for a driver to find its device */
#define LIST_MAX	65536	/* bytes of the list of modules */
#define ACTIVE_MAX	4096	/* bytes of the list of consoles */

/* The writable layer's file system, kept to make it read-only at the end. */
static int layer_fd = -1;

/* --- mounts --------------------------------------------------------------- */

struct mount_row {
	const char	*what, *where, *type;
	unsigned long	 flags;
	const char	*options;
};

/* mkdir -p: what an image does not have is made. */
static int
make_dir(const char *path)
{
	char part[PATH_MAX];

	for (size_t i = 1; i < sizeof(part); i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) == -1 && errno != EEXIST)
			return -1;
		if (path[i] == '\0')
			return 0;
	}
	errno = ENAMETOOLONG;
	return -1;
}

static int
do_mount(const struct mount_row *m, struct err *e)
{
	if (make_dir(m->where) == -1)
		return err_sys(e, "%s", m->where);
	if (mount(m->what, m->where, m->type, m->flags, m->options) == -1)
		return err_sys(e, "mount %s on %s as %s", m->what, m->where,
		    m->type);
	return 0;
}

static int
mount_rows(const struct mount_row *rows, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (do_mount(&rows[i], e) == -1)
			return -1;
	return 0;
}

#define SAFE	(MS_NOSUID | MS_NODEV | MS_NOEXEC)

/*
 * On an hvc console Ctrl-O and a letter is the kernel's to obey: whatever
 * was typed or pasted there could reset the guest.  A kernel without it has
 * no such file; an init of the image may allow it again.
 */
static void
forbid_sysrq(void)
{
	int fd = open("/proc/sys/kernel/sysrq", O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	(void)write_full(fd, "0", 1);
	(void)close(fd);
}

int
setup_kernel(struct err *e)
{
	static const struct mount_row rows[] = {
		{ "proc", "/proc", "proc", SAFE, NULL },
		{ "sysfs", "/sys", "sysfs", SAFE, NULL },
		{ "dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755" },
	};

	(void)umask(0);
	if (mount_rows(rows, COUNT(rows), e) == -1)
		return -1;
	forbid_sysrq();
	return 0;
}

/* --- console -------------------------------------------------------------- */

int
setup_console(struct err *e)
{
	struct buf b;
	char name[64] = "console", *word;
	own_fd int fd = -1;
	char path[80];

	/*
	 * /dev/console cannot become a controlling terminal: open the device
	 * behind it, the last of the list.
	 */
	buf_init(&b, ACTIVE_MAX);
	if (file_read(&b, AT_FDCWD, "/sys/class/tty/console/active", NULL) ==
	    0 && b.len > 1) {
		word = (char *)b.data;
		word[strcspn(word, "\n")] = '\0';
		if (strrchr(word, ' ') != NULL)
			word = strrchr(word, ' ') + 1;
		(void)snprintf(name, sizeof(name), "%s", word);
	}
	buf_fini(&b);
	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDWR | O_NOCTTY);
	if (fd == -1)
		return err_sys(e, "%s", path);
	for (int i = 0; i < 3; i++)
		if (dup2(fd, i) == -1)
			return err_sys(e, "%s", path);
	if (fd < 3)
		(void)take_fd(&fd);
	return 0;
}

/* --- modules and configuration -------------------------------------------- */

static int
load_modules(const char *list, struct err *e)
{
	char *name, *rest, path[PATH_MAX];
	struct buf b;
	int ret = 0;

	buf_init(&b, LIST_MAX);
	if (file_read(&b, AT_FDCWD, list, NULL) == -1 || b.len == 0) {
		/* A kernel that has everything built in. */
		buf_fini(&b);
		return 0;
	}
	for (name = strtok_r((char *)b.data, "\n", &rest);
	    ret == 0 && name != NULL; name = strtok_r(NULL, "\n", &rest)) {
		own_fd int fd = -1;

		(void)snprintf(path, sizeof(path), "/vmd/modules/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd == -1 || (syscall(SYS_finit_module, fd, "", 0) == -1 &&
		    errno != EEXIST))
			ret = err_sys(e, "module %s", name);
	}
	buf_fini(&b);
	return ret;
}

int
setup_modules(struct err *e)
{
	return load_modules("/vmd/modules/list", e);
}

int
setup_share_modules(const struct guest_config *c, struct err *e)
{
	for (size_t i = 0; i < c->nmounts; i++)
		if (c->mounts[i].share)
			return load_modules("/vmd/modules/share", e);
	return 0;
}

int
setup_config(struct guest_config *c, struct err *e)
{
	struct buf b;
	int ret;

	buf_init(&b, CONFIG_BYTES_MAX);
	ret = file_read(&b, AT_FDCWD, "/vmd/config", e);
	if (ret == 0)
		ret = guest_config_parse(c, b.data, b.len, e);
	if (ret == -1)
		(void)err_prefix(e, "configuration");
	buf_fini(&b);
	return ret;
}

/* --- root ----------------------------------------------------------------- */

static int
wait_device(const char *path, struct err *e)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	for (int i = 0; i < DEVICE_WAIT_MS; i++) {
		if (access(path, F_OK) == 0)
			return 0;
		(void)nanosleep(&ms, NULL);
	}
	return err_set(e, ENODEV, "%s: no such device", path);
}

/*
 * What the guest writes goes here.  The root directory of an overlay is that of
 * its upper layer: the first time it takes the image's mode and owner.  The
 * work directory comes last, and says that it has them.
 */
static int
make_layer(struct err *e)
{
	struct stat st;

	if (access("/overlay/work", F_OK) == 0)
		return 0;
	if (stat("/lower", &st) == -1 || make_dir("/overlay/upper") == -1 ||
	    chown("/overlay/upper", st.st_uid, st.st_gid) == -1 ||
	    chmod("/overlay/upper", st.st_mode & 07777) == -1 ||
	    make_dir("/overlay/work") == -1)
		return err_sys(e, "writable layer");
	return 0;
}

/* The image below, what the guest writes above. */
static int
mount_root(const struct guest_config *c, struct err *e)
{
	const struct mount_row lower = { c->root, "/lower", c->rootfs,
	    MS_RDONLY, NULL };
	const struct mount_row layer = {
		c->overlay == NULL ? "overlay" : c->overlay, "/overlay",
		c->overlay == NULL ? "tmpfs" : "ext4", MS_NOATIME, NULL };
	static const struct mount_row root = { "overlay", "/newroot",
	    "overlay", 0, "lowerdir=/lower,upperdir=/overlay/upper,"
	    "workdir=/overlay/work,redirect_dir=on" };

	if (c->root == NULL)
		return err_set(e, EINVAL, "no root device was configured");
	if (wait_device(c->root, e) == -1 || do_mount(&lower, e) == -1)
		return -1;
	if (c->overlay != NULL && wait_device(c->overlay, e) == -1)
		return -1;
	if (do_mount(&layer, e) == -1 || make_layer(e) == -1)
		return -1;
	layer_fd = open("/overlay", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return do_mount(&root, e);
}

/* The initrd's memory, and with it the secrets of the configuration. */
static void
free_initrd(void)
{
	struct dirent *d;
	DIR *dir = opendir("/vmd/modules");
	char path[PATH_MAX];

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "/vmd/modules/%s",
		    d->d_name);
		(void)unlink(path);
	}
	if (dir != NULL)
		(void)closedir(dir);
	(void)unlink("/vmd/config");
	(void)unlink("/init");
}

int
setup_root(const struct guest_config *c, struct err *e)
{
	static const char *const moved[] = { "/proc", "/sys", "/dev" };
	char to[64];

	if (mount_root(c, e) == -1)
		return -1;
	for (size_t i = 0; i < COUNT(moved); i++) {
		(void)snprintf(to, sizeof(to), "/newroot%s", moved[i]);
		if (make_dir(to) == -1 ||
		    mount(moved[i], to, NULL, MS_MOVE, NULL) == -1)
			return err_sys(e, "move %s into the root", moved[i]);
	}
	free_initrd();
	/* The initrd's root cannot be left, only covered (pivot_root(2)). */
	if (chdir("/newroot") == -1 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) == -1 ||
	    chroot(".") == -1 || chdir("/") == -1)
		return err_sys(e, "change of the root");
	return 0;
}

/* --- below the root ------------------------------------------------------- */

static void
dev_links(void)
{
	static const struct {
		const char	*target, *name;
	} links[] = {
		{ "/proc/self/fd",	"/dev/fd" },
		{ "/proc/self/fd/0",	"/dev/stdin" },
		{ "/proc/self/fd/1",	"/dev/stdout" },
		{ "/proc/self/fd/2",	"/dev/stderr" },
	};

	for (size_t i = 0; i < COUNT(links); i++)
		if (symlink(links[i].target, links[i].name) == -1 &&
		    errno != EEXIST)
			log_warn("%s", links[i].name);
}

static int
mount_volume(const struct guest_mount *v, struct err *e)
{
	/* A read-only volume's journal is not replayed: others may have it. */
	const struct mount_row m = { v->device, v->path, "ext4",
	    v->readonly ? MS_RDONLY : 0, v->readonly ? "noload" : NULL };

	if (wait_device(v->device, e) == -1)
		return -1;
	return do_mount(&m, e);
}

/*
 * A directory of the host has no device that could be waited for by name:
 * the file system answers EINVAL to a tag that no driver has found yet.
 */
static int
mount_share(const struct guest_mount *s, struct err *e)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	const struct mount_row m = { s->device, s->path, "virtiofs",
	    MS_NOSUID | MS_NODEV | (s->readonly ? MS_RDONLY : 0), NULL };
	struct err why;

	for (int i = 0; do_mount(&m, &why) == -1; i++) {
		if (why.num != EINVAL || i == DEVICE_WAIT_MS) {
			*e = why;
			return why.num != ENODEV ? -1 : err_set(e, ENODEV,
			    "%s: this kernel has no virtiofs, which a shared "
			    "directory needs", s->path);
		}
		(void)nanosleep(&ms, NULL);
	}
	return 0;
}

int
setup_mounts(const struct guest_config *c, struct err *e)
{
	static const struct mount_row rows[] = {
		{ "devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		    "gid=5,mode=0620,ptmxmode=0666" },
		{ "shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV,
		    "mode=1777" },
		{ "cgroup2", "/sys/fs/cgroup", "cgroup2", SAFE, NULL },
	};
	static const struct mount_row run = { "run", "/run", "tmpfs",
	    MS_NOSUID | MS_NODEV, "mode=0755" };
	static const struct mount_row mqueue = { "mqueue", "/dev/mqueue",
	    "mqueue", SAFE, NULL };

	if (mount_rows(rows, COUNT(rows), e) == -1)
		return -1;
	/* Not in every kernel, and few miss it. */
	(void)do_mount(&mqueue, NULL);
	dev_links();
	/*
	 * An init expects an empty /run; a program alone may need what its
	 * image has there.
	 */
	if (c->init && do_mount(&run, e) == -1)
		return -1;
	for (size_t i = 0; i < c->nmounts; i++)
		if ((c->mounts[i].share ? mount_share : mount_volume)
		    (&c->mounts[i], e) == -1)
			return -1;
	return 0;
}

void
setup_undo(const struct guest_config *c)
{
	char path[64];

	for (size_t i = c->nmounts; i > 0; i--)
		if (umount(c->mounts[i - 1].path) == -1)
			(void)mount(NULL, c->mounts[i - 1].path, NULL,
			    MS_REMOUNT | MS_RDONLY, NULL);
	sync();
	/* The overlay first: it writes to the layer. */
	(void)mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	if (layer_fd != -1) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d",
		    layer_fd);
		(void)mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY |
		    MS_NOATIME, NULL);
	}
	sync();
}
