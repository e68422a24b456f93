/* SPDX-License-Identifier: ISC */
/*
 * sandbox_gen.c - the system calls of each right in sandbox_row.h
 *
 * A program of the build: it writes sandbox_code.h, the filters of all rows
 * as BPF, which sandbox_linux.c has compiled in.  So nobody pays for making
 * them, a million instructions each, and no program carries libseccomp, whose
 * header is used for the numbers of system calls.
 *
 * The kernel compiles a filter each time a program enters its sandbox: 2,300
 * instructions of its own for each of the filter's.  So filters are short:
 * runs of calls with the same verdict, found by a binary search.  A harmless
 * call between two that are needed is allowed with them.
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
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>

#include "lib/util.h"
#include "os/sandbox_row.h"

#define S(name)	SCMP_SYS(name)

/* Filters are for the processor this is built on. */
#if defined(__x86_64__)
#define PROCESSOR	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define PROCESSOR	AUDIT_ARCH_AARCH64
#endif

static const int serve[] = {
	/* descriptors */
	S(read), S(readv), S(pread64), S(preadv), S(preadv2), S(write),
	S(writev), S(pwrite64), S(pwritev), S(pwritev2), S(close),
	S(close_range), S(dup), S(dup2), S(dup3), S(fcntl), S(fstat),
	S(newfstatat), S(lseek), S(pipe), S(pipe2), S(eventfd), S(eventfd2),
	S(sendfile), S(splice), S(tee), S(copy_file_range), S(flock),
	S(ftruncate), S(memfd_create),
	/* sockets that are there */
	S(accept), S(accept4), S(recvfrom), S(recvmsg), S(recvmmsg), S(sendto),
	S(sendmsg), S(sendmmsg), S(shutdown), S(getsockopt), S(setsockopt),
	S(getsockname), S(getpeername), S(socketpair),
	/* waiting and time */
	S(epoll_create1), S(epoll_ctl), S(epoll_wait), S(epoll_pwait),
	S(poll), S(ppoll), S(select), S(pselect6), S(pause),
	S(timerfd_create), S(timerfd_settime), S(timerfd_gettime),
	S(clock_gettime), S(clock_getres), S(clock_nanosleep), S(nanosleep),
	S(gettimeofday), S(time), S(restart_syscall), S(sched_yield),
	S(setitimer), S(getitimer), S(alarm),
	/* memory */
	S(munmap), S(mremap), S(madvise), S(brk), S(futex), S(membarrier),
	S(mincore), S(msync),
	/* the process itself */
	S(exit), S(exit_group), S(getpid), S(getppid), S(gettid), S(getuid),
	S(geteuid), S(getgid), S(getegid), S(getrandom), S(getrusage),
	S(getrlimit), S(uname), S(prlimit64), S(rt_sigaction),
	S(rt_sigprocmask), S(rt_sigreturn), S(signalfd), S(signalfd4),
	S(tgkill), S(set_robust_list), S(get_robust_list),
	S(set_tid_address), S(rseq), S(sysinfo), S(sched_getaffinity),
	S(umask), S(times), S(getpgrp),
};

/* What else programs of others and loaded modules do to themselves. */
static const int foreign[] = {
	S(arch_prctl), S(epoll_pwait2), S(getcpu), S(getgroups), S(getpgid),
	S(getresgid), S(getresuid), S(getsid), S(mlock), S(munlock),
	S(rt_sigpending), S(rt_sigsuspend), S(rt_sigtimedwait),
	S(sigaltstack),
};

/* Reading a file by name; which, is Landlock's. */
static const int opens[] = { S(open), S(openat) };

/* What is done with names.  Landlock knows no look-ups and no modes. */
static const int files[] = {
	S(open), S(openat), S(openat2), S(creat), S(stat), S(lstat),
	S(access), S(faccessat), S(faccessat2), S(readlink), S(readlinkat),
	S(getcwd), S(chdir), S(fchdir), S(getdents64), S(getdents), S(mkdir),
	S(mkdirat), S(rmdir), S(unlink), S(unlinkat), S(rename), S(renameat),
	S(renameat2), S(link), S(linkat), S(symlink), S(symlinkat),
	S(truncate), S(chmod), S(fchmod), S(fchmodat), S(fchown),
	S(fchownat), S(chown), S(lchown), S(futimesat), S(mknodat), S(fsync),
	S(fdatasync), S(sync_file_range), S(fallocate), S(fadvise64),
	S(inotify_init1),
};

/* And what they have besides their bytes, and what they are on. */
static const int trees[] = {
	S(statx), S(utimensat), S(statfs), S(fstatfs), S(mknod),
	S(getxattr), S(lgetxattr), S(fgetxattr), S(listxattr), S(llistxattr),
	S(flistxattr), S(setxattr), S(lsetxattr), S(fsetxattr),
	S(removexattr), S(lremovexattr), S(fremovexattr), S(syncfs),
	S(inotify_add_watch), S(inotify_rm_watch), S(name_to_handle_at),
};

static const int exec[] = {
	S(fork), S(vfork), S(execve), S(execveat), S(wait4),
	S(waitid), S(kill), S(pidfd_open), S(pidfd_send_signal), S(setsid),
	S(setpgid), S(prctl), S(sched_setaffinity), S(sched_getparam),
	S(sched_getscheduler), S(sched_setscheduler), S(setpriority),
	S(getpriority), S(setrlimit), S(timer_create), S(timer_settime),
	S(timer_gettime), S(timer_delete), S(timer_getoverrun),
	S(epoll_create), S(inotify_init), S(tkill), S(seccomp),
	S(capget), S(capset), S(mlockall), S(munlockall), S(mbind),
	S(get_mempolicy), S(set_mempolicy), S(shmget), S(shmat), S(shmctl),
	S(shmdt), S(vmsplice), S(readahead),
	S(rt_sigqueueinfo), S(rt_tgsigqueueinfo), S(io_setup), S(io_submit),
	S(io_getevents), S(io_destroy), S(clock_adjtime), S(adjtimex),
	S(ioprio_get), S(ioprio_set),
	S(landlock_create_ruleset), S(landlock_add_rule),
	S(landlock_restrict_self), S(sync),
};

static const int disk[] = {
	S(fallocate), S(fsync), S(fdatasync), S(sync_file_range), S(fstatfs),
	/* A ring that is there and restricted; no new one. */
	S(io_uring_enter), S(fadvise64),
};

static const int links[] = { S(readlink), S(readlinkat) };

static const int connects[] = { S(connect), S(bind), S(listen) };

/* No program of ours or its children has business here. */
static const int deadly[] = {
	S(ptrace), S(process_vm_readv), S(process_vm_writev), S(mount),
	S(umount2), S(pivot_root), S(chroot), S(unshare), S(setns),
	S(create_module), S(init_module), S(finit_module), S(delete_module),
	S(kcmp), S(kexec_load),
	S(kexec_file_load), S(bpf), S(perf_event_open), S(reboot), S(swapon),
	S(swapoff), S(keyctl), S(add_key), S(request_key), S(acct),
	S(settimeofday), S(clock_settime), S(sethostname), S(setdomainname),
	S(iopl), S(ioperm), S(open_by_handle_at), S(personality),
	S(pidfd_getfd), S(move_mount), S(fsopen), S(fsconfig), S(fsmount),
	S(fspick), S(open_tree),
};

/*
 * What a vCPU's thread does once its vCPU is there: run it, be a device, save
 * and load state.
 */
static const int vcpu[] = {
	S(read), S(readv), S(pread64), S(preadv), S(write), S(writev),
	S(pwrite64), S(close), S(dup), S(fcntl), S(fstat), S(newfstatat),
	S(lseek), S(eventfd2), S(memfd_create), S(ftruncate), S(recvfrom),
	S(recvmsg), S(sendto), S(sendmsg), S(shutdown), S(getsockopt),
	S(setsockopt), S(poll), S(ppoll), S(timerfd_settime),
	S(timerfd_gettime), S(futex), S(munmap),
	S(mremap), S(madvise), S(brk), S(fallocate), S(membarrier),
	S(clock_gettime), S(clock_nanosleep), S(nanosleep), S(gettimeofday),
	S(restart_syscall), S(sched_yield), S(rt_sigaction),
	S(rt_sigprocmask), S(rt_sigreturn), S(tgkill), S(getpid), S(gettid),
	S(getrandom), S(getrusage), S(exit), S(exit_group),
	S(set_robust_list), S(rseq),
	/* not needed, but between those */
	S(msync), S(mincore), S(getitimer), S(alarm), S(setitimer), S(uname),
	S(getrlimit), S(sysinfo), S(times), S(getuid), S(getgid), S(geteuid),
	S(getegid), S(getppid), S(getpgrp), S(time), S(sched_getaffinity),
	S(clock_getres),
};

/* ioctl(2) without MAY_DEVICES: by request, on any descriptor. */
static const unsigned long ioctls[] = { FIONREAD, FIONBIO, FIOCLEX, TCGETS };
static const unsigned long disk_ioctls[] = { BLKGETSIZE64, BLKSSZGET,
	BLKPBSZGET, BLKDISCARD, BLKZEROOUT, BLKFLSBUF, BLKIOMIN, BLKIOOPT,
	FICLONE };
/* What a guest takes of segments and checksums; the tap is there. */
static const unsigned long tap_ioctls[] = { TUNSETOFFLOAD };
/* The terminal of a VM that was started by hand. */
static const unsigned long terminal_ioctls[] = { TCSETS };
/* Any of its requests; what there is depends on the processor. */
static const unsigned long kvm = KVMIO << 8;

/* --- verdicts ------------------------------------------------------------- */

#define CALLS_MAX	512	/* numbers of system calls */
#define WORDS_MAX	24	/* of one argument */
#define CHECKS_MAX	8	/* calls whose argument decides */

enum verdict {
	REFUSE, ALLOW, KILL, UNKNOWN,
	ANY,		/* another filter does not allow it */
	CHECK		/* and its number */
};

/*
 * One argument has one of the values, in the bits of the mask that belongs to
 * it.  The kernel looks at 32 bits of each of these arguments, so must we.
 */
struct check {
	unsigned	arg;
	unsigned	n;
	struct {
		uint32_t	mask, value;
	} is[WORDS_MAX];
};

struct filter {
	int		verdict[CALLS_MAX];
	struct check	check[CHECKS_MAX];
	unsigned	nchecks;
	bool		above;		/* of one that looks at the processor */
};

static void __attribute__((noreturn))
fail(const char *what)
{
	fprintf(stderr, "sandbox_gen: %s\n", what);
	exit(1);
}

/* Some calls do not exist on every processor: their numbers are negative. */
static void
set(struct filter *f, enum verdict v, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (calls[i] >= CALLS_MAX)
			fail("a system call's number is too large");
		if (calls[i] >= 0)
			f->verdict[calls[i]] = (int)v;
	}
}

static void
set_one(struct filter *f, enum verdict v, int call)
{
	set(f, v, &call, 1);
}

/* Allow 'call' if argument 'arg' has 'value' in the bits of 'mask', too. */
static void
allow_if(struct filter *f, int call, unsigned arg, uint32_t mask,
    uint32_t value)
{
	struct check *c;
	int *v = &f->verdict[call];

	if (call < 0)
		return;
	if (*v < CHECK) {
		if (f->nchecks == CHECKS_MAX)
			fail("too many calls with arguments");
		*v = CHECK + (int)f->nchecks;
		f->check[f->nchecks++].arg = arg;
	}
	c = &f->check[*v - CHECK];
	if (c->n == WORDS_MAX || c->arg != arg)
		fail("too many values of an argument");
	c->is[c->n].mask = mask;
	c->is[c->n++].value = value & mask;
}

#define WHOLE	0xffffffffU
#define TYPE	0xff00U

static void
allow_ioctls(struct filter *f, uint32_t mask, const unsigned long *requests,
    size_t n)
{
	for (size_t i = 0; i < n; i++)
		allow_if(f, S(ioctl), 1, mask, (uint32_t)requests[i]);
}

static void
allow_memory(struct filter *f, unsigned may)
{
	static const int calls[] = { S(mmap), S(mprotect) };

	if (may & MAY_MAP_EXEC) {
		set(f, ALLOW, calls, COUNT(calls));
		return;
	}
	for (size_t i = 0; i < COUNT(calls); i++)
		allow_if(f, calls[i], 2, PROT_EXEC, 0);
}

static void
allow_sockets(struct filter *f, unsigned may)
{
	if (may & (MAY_UNIX | MAY_INET))
		set(f, ALLOW, connects, COUNT(connects));
	if (may & MAY_UNIX)
		allow_if(f, S(socket), 0, WHOLE, AF_UNIX);
	if (may & MAY_INET)
		allow_if(f, S(socket), 0, WHOLE, AF_INET);
	if (may & MAY_INET)
		allow_if(f, S(socket), 0, WHOLE, AF_INET6);
	/*
	 * Sockets of these protocols are IP's, whatever family they name; where
	 * TCP may connect to is Landlock's.
	 */
	if (may & MAY_ASK) {
		allow_if(f, S(socket), 2, WHOLE, IPPROTO_UDP);
		allow_if(f, S(socket), 2, WHOLE, IPPROTO_TCP);
		set_one(f, ALLOW, S(connect));
	}
	/* Resolvers ask which addresses the host has. */
	if ((may & MAY_INET) && (may & MAY_EXEC))
		allow_if(f, S(socket), 0, WHOLE, AF_NETLINK);
}

/*
 * A process or thread, in no namespace of its own: in one of users it would
 * have every capability.
 */
#define CLONE_NAMESPACES						\
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |	\
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static void
allow_threads(struct filter *f, unsigned may)
{
	set_one(f, UNKNOWN, S(clone3));
	if (may & MAY_EXEC)
		allow_if(f, S(clone), 0, CLONE_NAMESPACES, 0);
	else if (may & MAY_THREADS)
		allow_if(f, S(clone), 0, CLONE_THREAD, CLONE_THREAD);
	/* Threads have names. */
	if (!(may & MAY_EXEC))
		allow_if(f, S(prctl), 0, WHOLE, PR_SET_NAME);
	/* Those of vCPUs go further into the sandbox. */
	if (may & MAY_KVM)
		allow_if(f, S(prctl), 0, WHOLE, PR_SET_SECCOMP);
}

static void
allow_devices(struct filter *f, unsigned may)
{
	if (may & MAY_DEVICES) {
		set_one(f, ALLOW, S(ioctl));
		return;
	}
	allow_ioctls(f, WHOLE, ioctls, COUNT(ioctls));
	if (may & MAY_DISK)
		allow_ioctls(f, WHOLE, disk_ioctls, COUNT(disk_ioctls));
	if (may & MAY_TAP)
		allow_ioctls(f, WHOLE, tap_ioctls, COUNT(tap_ioctls));
	if (may & MAY_KVM)
		allow_ioctls(f, WHOLE, terminal_ioctls,
		    COUNT(terminal_ioctls));
	if (may & MAY_KVM)
		allow_ioctls(f, TYPE, &kvm, 1);
}

static void
fill(struct filter *f, unsigned may)
{
	set(f, KILL, deadly, COUNT(deadly));
	set_one(f, KILL, S(execve));
	set_one(f, KILL, S(execveat));
	set(f, ALLOW, serve, COUNT(serve));
	if (may & MAY_OPEN)
		set(f, ALLOW, opens, COUNT(opens));
	if (may & MAY_LINKS)
		set(f, ALLOW, links, COUNT(links));
	if (may & MAY_FILES)
		set(f, ALLOW, files, COUNT(files));
	if (may & MAY_TREES)
		set(f, ALLOW, trees, COUNT(trees));
	if (may & (MAY_EXEC | MAY_MAP_EXEC))
		set(f, ALLOW, foreign, COUNT(foreign));
	if (may & MAY_EXEC)
		set(f, ALLOW, exec, COUNT(exec));
	if (may & MAY_DISK)
		set(f, ALLOW, disk, COUNT(disk));
	allow_memory(f, may);
	allow_threads(f, may);
	allow_sockets(f, may);
	allow_devices(f, may);
}

/* On top of its process's filter: what is not allowed there is not here. */
static void
fill_vcpu(struct filter *f)
{
	static const int memory[] = { S(mmap), S(mprotect) };
	struct filter process = { .nchecks = 0 };

	f->above = true;
	set(f, ALLOW, vcpu, COUNT(vcpu));
	/* The other one has looked at their arguments. */
	set(f, ALLOW, memory, COUNT(memory));
	/* One comparison: it is made at each exit to user space. */
	allow_ioctls(f, TYPE, &kvm, 1);
	fill(&process, sandbox_rows[SANDBOX_VMM].may);
	for (unsigned i = 0; i < CALLS_MAX; i++)
		if (process.verdict[i] != ALLOW && process.verdict[i] < CHECK)
			f->verdict[i] = ANY;
}

/* --- code ----------------------------------------------------------------- */

#define CODE_MAX	512

/* Where a jump goes: a place, or less than 0 the end with a verdict. */
#define END(verdict)	(-1 - (verdict))

struct code {
	struct {
		uint16_t	op;
		uint32_t	k;
		int		yes, no;	/* of a jump */
	} at[CODE_MAX];
	int	n;
	int	end[CHECK + CHECKS_MAX];
};

static void
put_jump(struct code *c, unsigned op, uint32_t k, int yes, int no)
{
	if (c->n == CODE_MAX)
		fail("a filter is too long");
	c->at[c->n].op = (uint16_t)op;
	c->at[c->n].k = k;
	c->at[c->n].yes = yes;
	c->at[c->n++].no = no;
}

static void
put(struct code *c, unsigned op, uint32_t k)
{
	put_jump(c, op, k, c->n + 1, c->n + 1);
}

#define LOAD(c, field)							\
	put((c), BPF_LD | BPF_W | BPF_ABS,				\
	    (uint32_t)offsetof(struct seccomp_data, field))

/* Calls of one verdict, from 'first' to where the next run begins. */
struct run {
	uint32_t	first;
	int		verdict;
};

/* Search n runs; where it begins, which is an end for one. */
static int
put_search(struct code *c, const struct run *r, unsigned n)
{
	unsigned half = n / 2;
	int here = c->n;

	if (n == 1)
		return END(r->verdict);
	put_jump(c, BPF_JMP | BPF_JGE | BPF_K, r[half].first, 0, 0);
	c->at[here].no = put_search(c, r, half);
	c->at[here].yes = put_search(c, r + half, n - half);
	return here;
}

/* Numbers past the last are refused: those of x32 are. */
static void
put_calls(struct code *c, const struct filter *f)
{
	struct run r[CALLS_MAX + 1] = { { 0, f->verdict[0] } };
	unsigned n = 1;

	for (unsigned i = 1; i <= CALLS_MAX; i++) {
		int v = i < CALLS_MAX ? f->verdict[i] :
		    f->above ? ANY : REFUSE;

		/* On arm64 already the first number may be anybody's. */
		if (v != ANY && r[n - 1].verdict == ANY)
			r[n - 1].verdict = v;
		else if (v != ANY && v != r[n - 1].verdict)
			r[n++] = (struct run){ i, v };
	}
	(void)put_search(c, r, n);
}

/* What is masked comes last: the mask is applied once. */
static void
put_check(struct code *c, const struct check *k)
{
	uint32_t mask = WHOLE;

	LOAD(c, args[k->arg]);
	for (unsigned i = 0; i < k->n; i++) {
		if (k->is[i].mask != mask && mask != WHOLE)
			fail("two masks of one argument");
		if (k->is[i].mask != mask)
			put(c, BPF_ALU | BPF_AND | BPF_K, k->is[i].mask);
		mask = k->is[i].mask;
		put_jump(c, BPF_JMP | BPF_JEQ | BPF_K, k->is[i].value,
		    END(ALLOW), i + 1 < k->n ? c->n + 1 : END(REFUSE));
	}
}

static void
compile(struct code *c, const struct filter *f)
{
	static const uint32_t ends[] = {
		[REFUSE] = SECCOMP_RET_ERRNO | EPERM,
		[ALLOW] = SECCOMP_RET_ALLOW,
		[KILL] = SECCOMP_RET_KILL_PROCESS,
		[UNKNOWN] = SECCOMP_RET_ERRNO | ENOSYS,
	};

	if (!f->above) {
		LOAD(c, arch);
		put_jump(c, BPF_JMP | BPF_JEQ | BPF_K, PROCESSOR, c->n + 1,
		    END(KILL));
	}
	LOAD(c, nr);
	put_calls(c, f);
	for (unsigned i = 0; i < f->nchecks; i++) {
		c->end[CHECK + i] = c->n;
		put_check(c, &f->check[i]);
	}
	for (unsigned i = 0; i < COUNT(ends); i++) {
		c->end[i] = c->n;
		put(c, BPF_RET | BPF_K, ends[i]);
	}
}

/* How far a jump at 'from' goes. */
static int
distance(const struct code *c, int from, int to)
{
	if (to < 0)
		to = c->end[-1 - to];
	if (to - from - 1 < 0 || to - from - 1 > UINT8_MAX)
		fail("a jump is too far");
	return to - from - 1;
}

static unsigned
print(const struct code *c)
{
	for (int i = 0; i < c->n; i++)
		printf("\t{ 0x%02x, %d, %d, 0x%x },\n", c->at[i].op,
		    distance(c, i, c->at[i].yes), distance(c, i, c->at[i].no),
		    c->at[i].k);
	return (unsigned)c->n;
}

/* The filter of a row; NULL: that of vCPU threads. */
static unsigned
put_row(const struct sandbox_row *row)
{
	struct filter f = { .nchecks = 0 };
	struct code c = { .n = 0 };

	if (row != NULL)
		fill(&f, row->may);
	else
		fill_vcpu(&f);
	compile(&c, &f);
	return print(&c);
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
