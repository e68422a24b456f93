/* SPDX-License-Identifier: ISC */
/*
 * sandbox_gen.c - the system calls of each right in sandbox_row.h
 *
 * A program of the build: it writes sandbox_code.h, the filters of all rows
 * as BPF, which sandbox_linux.c has compiled in.  So nobody pays for making
 * them, a million instructions each, and no program carries libseccomp.
 *
 * Allow-lists.  A call on no list fails with EPERM, so that a C library that
 * tries something new goes on without it; a call that only an attacker makes
 * ends the process.  clone3 hides its flags from the filter and therefore
 * does not exist; the C library then uses clone.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/kvm.h>

#include "lib/util.h"
#include "os/sandbox_row.h"

#define S(name)	SCMP_SYS(name)

static const int serve[] = {
	/* descriptors */
	S(read), S(readv), S(pread64), S(preadv), S(preadv2), S(write),
	S(writev), S(pwrite64), S(pwritev), S(pwritev2), S(close),
	S(close_range), S(dup), S(dup2), S(dup3), S(fcntl), S(fstat),
	S(newfstatat), S(lseek), S(pipe), S(pipe2), S(eventfd2), S(sendfile),
	S(splice), S(copy_file_range), S(flock), S(ftruncate),
	S(memfd_create),
	/* sockets that are there */
	S(accept), S(accept4), S(recvfrom), S(recvmsg), S(recvmmsg), S(sendto),
	S(sendmsg), S(sendmmsg), S(shutdown), S(getsockopt), S(setsockopt),
	S(getsockname), S(getpeername), S(socketpair),
	/* waiting and time */
	S(epoll_create1), S(epoll_ctl), S(epoll_wait), S(epoll_pwait),
	S(epoll_pwait2), S(poll), S(ppoll), S(select), S(pselect6),
	S(timerfd_create), S(timerfd_settime), S(timerfd_gettime),
	S(clock_gettime), S(clock_getres), S(clock_nanosleep), S(nanosleep),
	S(gettimeofday), S(time), S(restart_syscall), S(sched_yield),
	S(setitimer), S(getitimer), S(alarm),
	/* memory */
	S(munmap), S(mremap), S(madvise), S(brk), S(futex), S(membarrier),
	S(mincore), S(msync), S(mlock), S(munlock),
	/* the process itself */
	S(exit), S(exit_group), S(getpid), S(getppid), S(gettid), S(getuid),
	S(geteuid), S(getgid), S(getegid), S(getresuid), S(getresgid),
	S(getgroups), S(getrandom), S(getrusage), S(getrlimit), S(uname),
	S(prlimit64), S(rt_sigaction), S(rt_sigprocmask), S(rt_sigreturn),
	S(rt_sigpending), S(rt_sigtimedwait), S(rt_sigsuspend),
	S(sigaltstack), S(signalfd4), S(tgkill), S(set_robust_list),
	S(set_tid_address), S(rseq), S(arch_prctl), S(sysinfo),
	S(sched_getaffinity), S(umask), S(getcpu), S(times), S(getpgrp),
	S(getpgid), S(getsid),
};

/* Reading a file by name; which, is Landlock's. */
static const int opens[] = { S(open), S(openat) };

/* All that is done with names.  Landlock knows no look-ups and no modes. */
static const int files[] = {
	S(open), S(openat), S(openat2), S(creat), S(stat), S(lstat), S(statx),
	S(access), S(faccessat), S(faccessat2), S(readlink), S(readlinkat),
	S(getcwd), S(chdir), S(fchdir), S(getdents64), S(getdents), S(mkdir),
	S(mkdirat), S(rmdir), S(unlink), S(unlinkat), S(rename), S(renameat),
	S(renameat2), S(link), S(linkat), S(symlink), S(symlinkat),
	S(truncate), S(chmod), S(fchmod), S(fchmodat), S(fchown),
	S(fchownat), S(chown), S(lchown), S(utimensat), S(futimesat),
	S(statfs), S(fstatfs), S(fsync), S(fdatasync), S(sync_file_range),
	S(fallocate), S(fadvise64), S(mknod), S(mknodat), S(getxattr),
	S(lgetxattr), S(fgetxattr), S(listxattr), S(llistxattr),
	S(flistxattr), S(setxattr), S(lsetxattr), S(fsetxattr),
	S(removexattr), S(lremovexattr), S(fremovexattr), S(syncfs),
	S(inotify_init1), S(inotify_add_watch), S(inotify_rm_watch),
	S(name_to_handle_at),
};

static const int exec[] = {
	S(fork), S(vfork), S(execve), S(execveat), S(wait4),
	S(waitid), S(kill), S(pidfd_open), S(pidfd_send_signal), S(setsid),
	S(setpgid), S(prctl), S(sched_setaffinity), S(sched_getparam),
	S(sched_getscheduler), S(sched_setscheduler), S(setpriority),
	S(getpriority), S(setrlimit), S(timer_create), S(timer_settime),
	S(timer_gettime), S(timer_delete), S(timer_getoverrun), S(eventfd),
	S(epoll_create), S(inotify_init), S(signalfd), S(tkill), S(seccomp),
	S(capget), S(capset), S(mlockall), S(munlockall), S(mbind),
	S(get_mempolicy), S(set_mempolicy), S(shmget), S(shmat), S(shmctl),
	S(shmdt), S(tee), S(vmsplice), S(readahead), S(pause),
	S(rt_sigqueueinfo), S(rt_tgsigqueueinfo), S(io_setup), S(io_submit),
	S(io_getevents), S(io_destroy), S(clock_adjtime), S(adjtimex),
	S(ioprio_get), S(ioprio_set),
	S(landlock_create_ruleset), S(landlock_add_rule),
	S(landlock_restrict_self), S(get_robust_list), S(sync),
};

static const int disk[] = {
	S(fallocate), S(fsync), S(fdatasync), S(sync_file_range), S(fstatfs),
	/* A ring that is there and restricted; no new one. */
	S(io_uring_enter), S(fadvise64),
};

static const int connects[] = { S(connect), S(bind), S(listen) };

/* No program of ours or its children has business here. */
static const int deadly[] = {
	S(ptrace), S(process_vm_readv), S(process_vm_writev), S(mount),
	S(umount2), S(pivot_root), S(chroot), S(unshare), S(setns),
	S(init_module), S(finit_module), S(delete_module), S(kexec_load),
	S(kexec_file_load), S(bpf), S(perf_event_open), S(reboot), S(swapon),
	S(swapoff), S(keyctl), S(add_key), S(request_key), S(acct),
	S(settimeofday), S(clock_settime), S(sethostname), S(setdomainname),
	S(iopl), S(ioperm), S(open_by_handle_at), S(personality),
	S(pidfd_getfd), S(move_mount), S(fsopen), S(fsmount), S(open_tree),
};

/*
 * What a vCPU's thread does once its vCPU is there: run it, be a device, save
 * and load state.  On top of its process's filter, which has the deadly ones.
 */
static const int vcpu[] = {
	S(read), S(readv), S(pread64), S(write), S(writev), S(pwrite64),
	S(close), S(dup), S(fcntl), S(fstat), S(newfstatat), S(lseek),
	S(eventfd2), S(memfd_create), S(ftruncate), S(recvfrom), S(recvmsg),
	S(sendto), S(sendmsg), S(shutdown),
	S(getsockopt), S(setsockopt), S(poll), S(ppoll), S(epoll_ctl),
	S(timerfd_settime), S(timerfd_gettime), S(futex), S(munmap),
	S(mremap), S(madvise), S(brk), S(fallocate), S(membarrier),
	S(clock_gettime), S(clock_nanosleep), S(nanosleep), S(gettimeofday),
	S(restart_syscall), S(sched_yield), S(rt_sigaction),
	S(rt_sigprocmask), S(rt_sigreturn), S(rt_sigtimedwait),
	S(sigaltstack), S(tgkill), S(getpid), S(gettid), S(getrandom),
	S(getrusage), S(exit), S(exit_group), S(set_robust_list), S(rseq),
};

/* ioctl(2) without MAY_DEVICES: by request, on any descriptor. */
static const unsigned long ioctls[] = { FIONREAD, FIONBIO, FIOCLEX, TCGETS };
static const unsigned long disk_ioctls[] = { BLKGETSIZE64, BLKSSZGET,
	BLKPBSZGET, BLKDISCARD, BLKZEROOUT, BLKFLSBUF, BLKIOMIN, BLKIOOPT,
	FICLONE };
/* The terminal of a VM that was started by hand. */
static const unsigned long terminal_ioctls[] = { TCSETS };
/* Any of its requests; what there is depends on the processor. */
static const unsigned long kvm = KVMIO << 8;

static int
allow(scmp_filter_ctx f, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

/* The kernel looks at 32 bits of a request, so must we. */
#define WHOLE	0xffffffffUL
#define TYPE	0xff00UL

static int
allow_ioctls(scmp_filter_ctx f, scmp_datum_t mask,
    const unsigned long *requests, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, S(ioctl), 1,
		    SCMP_A1(SCMP_CMP_MASKED_EQ, mask, requests[i] & mask));
	return r;
}

/* socket(2) for one address family. */
static int
allow_family(scmp_filter_ctx f, int family)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, S(socket), 1,
	    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0));
}

static int
allow_memory(scmp_filter_ctx f, unsigned may)
{
	static const int calls[] = { S(mmap), S(mprotect) };
	int r = 0;

	if (may & MAY_MAP_EXEC)
		return allow(f, calls, COUNT(calls));
	for (size_t i = 0; r == 0 && i < COUNT(calls); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

static int
allow_sockets(scmp_filter_ctx f, unsigned may)
{
	int r = 0;

	if (may & (MAY_UNIX | MAY_INET))
		r = allow(f, connects, COUNT(connects));
	if (r == 0 && (may & MAY_UNIX))
		r = allow_family(f, AF_UNIX);
	if (r == 0 && (may & MAY_INET))
		r = allow_family(f, AF_INET);
	if (r == 0 && (may & MAY_INET))
		r = allow_family(f, AF_INET6);
	/* Resolvers ask which addresses the host has. */
	if (r == 0 && (may & MAY_INET) && (may & MAY_EXEC))
		r = allow_family(f, AF_NETLINK);
	return r;
}

/*
 * A process or thread, in no namespace of its own: in one of users it would
 * have every capability.
 */
#define CLONE_NAMESPACES						\
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |	\
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static int
allow_threads(scmp_filter_ctx f, unsigned may)
{
	int r = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), S(clone3), 0);

	if (r == 0 && (may & MAY_EXEC))
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, S(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NAMESPACES, 0));
	if (r == 0 && (may & MAY_THREADS) && !(may & MAY_EXEC))
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, S(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	/* Threads have names. */
	if (r == 0 && !(may & MAY_EXEC))
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, S(prctl), 1,
		    SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
	/* Those of vCPUs go further into the sandbox. */
	if (r == 0 && (may & MAY_KVM))
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, S(prctl), 1,
		    SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0));
	return r;
}

static int
allow_rest(scmp_filter_ctx f, unsigned may)
{
	int r = 0;

	if (may & MAY_OPEN)
		r = allow(f, opens, COUNT(opens));
	if (r == 0 && (may & MAY_FILES))
		r = allow(f, files, COUNT(files));
	if (r == 0 && (may & MAY_EXEC))
		r = allow(f, exec, COUNT(exec));
	if (r == 0 && (may & MAY_DISK))
		r = allow(f, disk, COUNT(disk));
	if (r == 0 && (may & MAY_DEVICES))
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, S(ioctl), 0);
	if (r == 0)
		r = allow_ioctls(f, WHOLE, ioctls, COUNT(ioctls));
	if (r == 0 && (may & MAY_DISK))
		r = allow_ioctls(f, WHOLE, disk_ioctls, COUNT(disk_ioctls));
	if (r == 0 && (may & MAY_KVM))
		r = allow_ioctls(f, TYPE, &kvm, 1);
	if (r == 0 && (may & MAY_KVM))
		r = allow_ioctls(f, WHOLE, terminal_ioctls,
		    COUNT(terminal_ioctls));
	return r;
}

static int
fill(scmp_filter_ctx f, unsigned may)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < COUNT(deadly); i++)
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (r == 0 && !(may & MAY_EXEC))
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, S(execve), 0);
	if (r == 0 && !(may & MAY_EXEC))
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, S(execveat),
		    0);
	if (r == 0)
		r = allow(f, serve, COUNT(serve));
	if (r == 0)
		r = allow_memory(f, may);
	if (r == 0)
		r = allow_threads(f, may);
	if (r == 0)
		r = allow_sockets(f, may);
	if (r == 0)
		r = allow_rest(f, may);
	return r;
}

static int
fill_vcpu(scmp_filter_ctx f)
{
	int r = allow(f, vcpu, COUNT(vcpu));

	if (r == 0)
		r = allow_memory(f, 0);
	/* One comparison: it is made at each exit to user space. */
	if (r == 0)
		r = allow_ioctls(f, TYPE, &kvm, 1);
	return r;
}

static void __attribute__((noreturn))
fail(const char *what)
{
	fprintf(stderr, "sandbox_gen: %s\n", what);
	exit(1);
}

/* Write out one filter; how many instructions it has. */
static unsigned
put_filter(scmp_filter_ctx f)
{
	char path[] = "/tmp/sandbox_gen.XXXXXX";
	struct sock_filter c;
	int fd = mkstemp(path);
	unsigned n = 0;

	if (fd == -1 || unlink(path) == -1)
		fail("no temporary file");
	/* A search tree: the filter runs at every system call. */
	(void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (seccomp_export_bpf(f, fd) != 0 || lseek(fd, 0, SEEK_SET) != 0)
		fail("libseccomp has no BPF for this");
	for (; read(fd, &c, sizeof(c)) == (ssize_t)sizeof(c); n++)
		printf("\t{ 0x%02x, %u, %u, 0x%x },\n", c.code, c.jt, c.jf,
		    c.k);
	(void)close(fd);
	return n;
}

/* The filter of a row; NULL: that of vCPU threads. */
static unsigned
put_row(const struct sandbox_row *row)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	unsigned n;

	if (f == NULL || (row != NULL ? fill(f, row->may) :
	    fill_vcpu(f)) != 0)
		fail("libseccomp refuses a rule");
	n = put_filter(f);
	seccomp_release(f);
	return n;
}

int
main(void)
{
	unsigned at = 0, n[SANDBOX_PROGRAMS + 1];

	printf("/* Made by sandbox_gen.c. */\n\n"
	    "static const struct sock_filter code[] = {\n");
	for (int i = 0; i <= SANDBOX_PROGRAMS; i++)
		n[i] = put_row(i < SANDBOX_PROGRAMS ? &sandbox_rows[i] : NULL);
	printf("};\n\n/* first, number; the last one is that of vCPU "
	    "threads */\nstatic const struct filter filters[] = {\n");
	for (int i = 0; i <= SANDBOX_PROGRAMS; at += n[i++])
		printf("\t{ %u, %u },\n", at, n[i]);
	printf("};\n");
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
