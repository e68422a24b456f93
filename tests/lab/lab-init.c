/* SPDX-License-Identifier: ISC */
/*
 * lab-init.c - process 1 of the nested test lab (L1)
 *
 * 1. mounts the usual file systems and loads the modules of /lib/modules/list
 * 2. says "ready" on the virtio-serial port lab.ctl, then waits for a byte on
 *    it ("go"); the lab takes its snapshot while we wait
 * 3. binds the disk driver, mounts the payload disk (ext4) on /lab, runs the
 *    command found in /lab/.lab/argv
 * 4. copies the command's output to the port lab.out, says "exit N" on
 *    lab.ctl and powers the machine off
 *
 * The disk's driver lets go of it before the snapshot and takes it again after,
 * so its size and content may differ for every test that starts from the same
 * snapshot.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ctl = -1, out = -1;

static void
say(const char *fmt, ...)
{
	char b[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(b, sizeof b, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof b - 1)
		n = sizeof b - 1;
	if (write(ctl >= 0 ? ctl : 2, b, n) < 0)
		return;
}

static void
die(const char *what)
{
	say("fail %s: %s\n", what, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void
mnt(const char *src, const char *dir, const char *type, const char *opt)
{
	mkdir(dir, 0755);
	if (mount(src, dir, type, 0, opt) < 0 && errno != EBUSY)
		fprintf(
		    stderr, "lab-init: mount %s: %s\n", dir, strerror(errno));
}

/* one module a line: path, then its options */
static void
load(const char *list)
{
	char line[512], *opt;
	FILE *f = fopen(list, "r");
	int fd;

	if (!f)
		return;
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		opt = strchr(line, ' ');
		if (opt)
			*opt++ = 0;
		else
			opt = "";
		fd = open(line, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, opt, 0) < 0)
			fprintf(stderr, "lab-init: module %s: %s\n", line,
			    strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	fclose(f);
}

/* open the virtio-serial port of that name; the driver may need a moment */
static int
port(const char *name)
{
	char path[300], got[64];
	struct dirent *e;
	DIR *d;
	int i, n, fd;

	for (i = 0; i < 3000; i++) {
		d = opendir("/sys/class/virtio-ports");
		while (d && (e = readdir(d))) {
			snprintf(path, sizeof path,
			    "/sys/class/virtio-ports/%s/name", e->d_name);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			n = read(fd, got, sizeof got - 1);
			close(fd);
			if (n <= 0)
				continue;
			got[n] = 0;
			got[strcspn(got, "\n")] = 0;
			if (strcmp(got, name))
				continue;
			snprintf(path, sizeof path, "/dev/%s", e->d_name);
			fd = open(path, O_RDWR | O_CLOEXEC);
			if (fd >= 0) {
				closedir(d);
				return fd;
			}
		}
		if (d)
			closedir(d);
		usleep(1000);
	}
	return -1;
}

/* a NUL-separated list from a file, as an argument vector */
static char **
slurp(const char *path)
{
	static char empty;
	struct stat st;
	size_t n = 0, i;
	char *b, **v;
	int fd = open(path, O_RDONLY | O_CLOEXEC), c = 0;

	if (fd < 0 || fstat(fd, &st) < 0 || !(b = calloc(1, st.st_size + 1)))
		b = &empty;
	else
		while (n < (size_t)st.st_size) {
			ssize_t r = read(fd, b + n, st.st_size - n);
			if (r <= 0)
				break;
			n += r;
		}
	if (fd >= 0)
		close(fd);
	v = calloc(n + 2, sizeof *v);
	for (i = 0; v && i < n; i += strlen(b + i) + 1)
		v[c++] = b + i;
	return v;
}

static void
put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			perror(path);
		close(fd);
	}
}

/* write NAME of each virtio disk to the driver's file "bind" or "unbind" */
static void
disk(const char *what)
{
	char path[300], b[32];
	struct dirent *e;
	DIR *d = opendir("/sys/bus/virtio/devices");
	int fd, n;

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof path, "/sys/bus/virtio/devices/%s/device",
		    e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, b, sizeof b - 1);
		if (fd >= 0)
			close(fd);
		if (n <= 0)
			continue;
		b[n] = 0;
		if (strtol(b, NULL, 16) != 2) /* a block device */
			continue;
		snprintf(path, sizeof path,
		    "/sys/bus/virtio/drivers/virtio_blk/%s", what);
		put(path, e->d_name);
	}
	if (d)
		closedir(d);
}

static void
lo_up(void)
{
	struct ifreq r = {.ifr_name = "lo"};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (s >= 0 && ioctl(s, SIOCGIFFLAGS, &r) == 0) {
		r.ifr_flags |= IFF_UP;
		ioctl(s, SIOCSIFFLAGS, &r);
	}
	if (s >= 0)
		close(s);
}

static void
copy(int from)
{
	static char b[16384];
	ssize_t n = read(from, b, sizeof b), o = 0, w;

	while (o < n) {
		w = write(out, b + o, n - o);
		if (w < 0 && errno != EAGAIN && errno != EINTR)
			break;
		if (w > 0)
			o += w;
	}
}

static int
run(char **argv, char **env)
{
	int p[2], st = 0, left = 0;
	struct pollfd pf;
	pid_t pid, got;

	if (pipe2(p, O_CLOEXEC) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		int z = open("/dev/null", O_RDONLY);

		setsid();
		dup2(z, 0);
		dup2(p[1], 1);
		dup2(p[1], 2);
		environ = env;
		execvp(argv[0], argv);
		dprintf(2, "lab-init: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(p[1]);
	pf.fd = p[0];
	pf.events = POLLIN;
	for (;;) {
		/* after the command's end take what is still in the pipe only
		 */
		if (poll(&pf, 1, left ? 0 : 20) > 0 && (pf.revents & POLLIN)) {
			copy(p[0]);
			continue;
		}
		if (left)
			break;
		while ((got = waitpid(-1, &st, WNOHANG)) > 0)
			if (got == pid) {
				left = 1;
				break;
			}
		if (!left && (pf.revents & POLLHUP))
			usleep(5000);
	}
	return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}

/* pivot_root refuses to leave the initial root file system, so put our root,
 * as a bind mount of itself, on top of it. */
static void
new_root(void)
{
	mkdir("/newroot", 0755);
	if (mount("/", "/newroot", NULL, MS_BIND, NULL) < 0 ||
	    chdir("/newroot") < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		perror("lab-init: root");
}

static void
mount_all(void)
{
	int i;

	mnt("proc", "/proc", "proc", NULL);
	mnt("sys", "/sys", "sysfs", NULL);
	mnt("dev", "/dev", "devtmpfs", NULL);
	/* Without /dev/console in the initrd we start with no open files. */
	for (i = 0; i < 3; i++)
		if (fcntl(i, F_GETFD) < 0 && open("/dev/console", O_RDWR) < 0)
			break;
	mnt("pts", "/dev/pts", "devpts", NULL);
	mnt("shm", "/dev/shm", "tmpfs", NULL);
	mnt("tmp", "/tmp", "tmpfs", NULL);
	mnt("run", "/run", "tmpfs", NULL);
	mnt("cg", "/sys/fs/cgroup", "cgroup2", NULL);
	if (symlink("/proc/self/fd", "/dev/fd") < 0 && errno != EEXIST)
		perror("/dev/fd");
}

/* Say that we are up and wait for "go": the snapshot is taken in between. */
static void
wait_for_go(void)
{
	char c;

	ctl = port("lab.ctl");
	out = port("lab.out");
	if (ctl < 0 || out < 0)
		die("ports");
	disk("unbind");
	say("ready\n");
	while (read(ctl, &c, 1) != 1 || c != 'g')
		usleep(1000);
}

static void
mount_payload(void)
{
	int i;

	disk("bind");
	mkdir("/lab", 0755);
	for (i = 0; i < 3000 && access("/dev/vda", F_OK); i++)
		usleep(1000);
	if (mount("/dev/vda", "/lab", "ext4", 0, NULL) < 0)
		die("mount /dev/vda");
}

/* Else every run from a snapshot draws the same random numbers. */
static void
reseed(const char *seed)
{
	struct {
		int bits, size;
		char b[64];
	} e = { 256, sizeof(e.b), "" };
	int r = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	strncpy(e.b, seed, sizeof(e.b) - 1);
	if (r < 0 || ioctl(r, RNDADDENTROPY, &e) < 0 ||
	    ioctl(r, RNDRESEEDCRNG) < 0)
		perror("/dev/urandom");
	close(r);
}

static void
set_clock(const char *seconds)
{
	struct timespec t = { .tv_sec = strtoll(seconds, NULL, 10) };

	clock_settime(CLOCK_REALTIME, &t);
}

int
main(void)
{
	static char *defenv[] = { "PATH=/bin:/sbin:/usr/bin:/usr/sbin:/lab",
		"HOME=/tmp", "TERM=dumb", NULL };
	struct rlimit core = { 0, 0 };
	char **argv, **env;
	int i, rc;

	new_root();
	mount_all();
	load("/lib/modules/list");
	mkdir("/dev/net", 0755);
	mknod("/dev/net/tun", S_IFCHR | 0666, makedev(10, 200));
	lo_up();
	put("/proc/sys/kernel/printk", "7");
	setrlimit(RLIMIT_CORE, &core);

	wait_for_go();
	mount_payload();
	argv = slurp("/lab/.lab/argv");
	env = slurp("/lab/.lab/env");
	if (!argv[0])
		die("no command");
	for (i = 0; env[i]; i++)
		if (!strncmp(env[i], "LAB_TIME=", 9))
			set_clock(env[i] + 9);
		else if (!strncmp(env[i], "LAB_SEED=", 9))
			reseed(env[i] + 9);
	if (chdir("/lab") < 0)
		die("/lab");
	rc = run(argv, env[0] ? env : defenv);
	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	sync();
	umount2("/lab", MNT_DETACH);
	say("exit %d\n", rc);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
