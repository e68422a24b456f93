/* SPDX-License-Identifier: ISC */
/* jail.c - namespaces and a filter for a server of files; see jail.h */

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"
#include "share/jail.h"

/* --- namespaces ----------------------------------------------------------- */

__attribute__((format(printf, 3, 4)))
static int
write_text(const char *path, struct err *e, const char *fmt, ...)
{
	own_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[64];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (fd == -1 || write_full(fd, text, strlen(text)) == -1)
		return err_sys(e, "%s", path);
	return 0;
}

/*
 * One user and one group, both called root inside.  A process without
 * privileges may say so of itself when nobody can drop groups there, which
 * could take away what a group is refused.
 */
static int
new_namespaces(struct err *e)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET |
	    CLONE_NEWIPC) == -1)
		return err_sys(e, "user namespaces, which a shared directory "
		    "needs, are not to be had on this host");
	if (write_text("/proc/self/setgroups", e, "deny") == -1 ||
	    write_text("/proc/self/uid_map", e, "0 %u 1",
	    (unsigned)uid) == -1 ||
	    write_text("/proc/self/gid_map", e, "0 %u 1",
	    (unsigned)gid) == -1)
		return err_prefix(e, "user namespace");
	return 0;
}

/* The mounts from the working directory down, as a tree of their own. */
static int
copy_mounts(bool readonly, struct err *e)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
		    (readonly ? MOUNT_ATTR_RDONLY : 0),
		.propagation = MS_PRIVATE,
	};
	own_fd int fd = -1;

	fd = (int)syscall(SYS_open_tree, AT_FDCWD, ".", OPEN_TREE_CLONE |
	    OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd == -1)
		return err_sys(e, "copy of the mount");
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE,
	    &attr, sizeof(attr)) == -1)
		return err_sys(e, "attributes of the mount");
	return take_fd(&fd);
}

int
jail_enter(const char *path, bool readonly, struct err *e)
{
	own_fd int dir = -1;

	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return err_sys(e, "%s", path);
	/*
	 * The working directory is what follows into the new namespace: a
	 * descriptor stays in the mount it was opened in.
	 */
	if (fchdir(dir) == -1)
		return err_sys(e, "%s", path);
	if (new_namespaces(e) == -1)
		return -1;
	return copy_mounts(readonly, e);
}

/* --- filter --------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH	AUDIT_ARCH_AARCH64
#endif

#ifndef SYS_fchmodat2
#define SYS_fchmodat2	452	/* since Linux 6.6; one number everywhere */
#endif

#define LOAD(field)							\
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS,				\
	    offsetof(struct seccomp_data, field))
/* The low half of an argument; both machines are little endian. */
#define LOAD_ARG(n)	LOAD(args[n])
#define RETURN(what)	BPF_STMT(BPF_RET | BPF_K, (what))
#define DONE		RETURN(SECCOMP_RET_ERRNO | 0)
#define REFUSE		RETURN(SECCOMP_RET_ERRNO | EPERM)
#define ALLOW		RETURN(SECCOMP_RET_ALLOW)

/* The call is number nr: it succeeds and does nothing. */
#define IDLE(nr)							\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), DONE

/* The call is number nr: its argument n has no set-id bit, or is refused. */
#define NO_SETID(nr, n)							\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 4),		\
	LOAD_ARG(n),							\
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, S_ISUID | S_ISGID, 0, 1),	\
	REFUSE,								\
	ALLOW

int
jail_filter(struct err *e)
{
	static struct sock_filter code[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		IDLE(SYS_setgroups),
		IDLE(SYS_setresuid),
		IDLE(SYS_setresgid),
		NO_SETID(SYS_fchmod, 1),
		NO_SETID(SYS_fchmodat, 2),
		NO_SETID(SYS_fchmodat2, 2),
		NO_SETID(SYS_mkdirat, 2),
		NO_SETID(SYS_mknodat, 2),
		NO_SETID(SYS_openat, 3),
#ifdef SYS_chmod	/* calls that only older machines have */
		NO_SETID(SYS_chmod, 1),
		NO_SETID(SYS_creat, 1),
		NO_SETID(SYS_mkdir, 1),
		NO_SETID(SYS_mknod, 1),
		NO_SETID(SYS_open, 2),
#endif
		/* Its mode is in memory, which a filter cannot see. */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		RETURN(SECCOMP_RET_ERRNO | ENOSYS),
		ALLOW,
	};
	struct sock_fprog program = { COUNT(code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == -1)
		return err_sys(e, "system call filter");
	return 0;
}
