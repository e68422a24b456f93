/* SPDX-License-Identifier: ISC */
/*
 * sandbox_linux.c - sandbox_enter() on Linux
 *
 * Landlock, capabilities, limits, and the system call filters that
 * sandbox_gen.c made when this was built.
 *
 * The constants of Landlock are our own: the headers of older distributions
 * do not know what a newer kernel can do, and the kernel is asked.
 */

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "lib/own.h"
#include "lib/util.h"
#include "os/sandbox.h"
#include "os/sandbox_row.h"

/* Sanitizers read /proc, start processes and trace them. */
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED	1
#else
#define SANITIZED	0
#endif

/* --- Landlock: linux/landlock.h as of ABI 6 ------------------------------- */

#define SYS_LANDLOCK_CREATE_RULESET	444
#define SYS_LANDLOCK_ADD_RULE		445
#define SYS_LANDLOCK_RESTRICT_SELF	446

#define CREATE_RULESET_VERSION	1U	/* flag: answer the ABI */
#define RULE_PATH_BENEATH	1
#define RULE_NET_PORT		2

#define PORT_NAMES	53

#define FS_EXECUTE		(1ULL << 0)
#define FS_WRITE_FILE		(1ULL << 1)
#define FS_READ_FILE		(1ULL << 2)
#define FS_READ_DIR		(1ULL << 3)
#define FS_ALL_ABI1		((1ULL << 13) - 1)	/* to MAKE_SYM */
#define FS_MAKE_CHAR		(1ULL << 6)
#define FS_MAKE_BLOCK		(1ULL << 11)
#define FS_REFER		(1ULL << 13)		/* ABI 2 */
#define FS_TRUNCATE		(1ULL << 14)		/* ABI 3 */
#define FS_IOCTL_DEV		(1ULL << 15)		/* ABI 5 */

#define NET_BIND_TCP		(1ULL << 0)		/* ABI 4 */
#define NET_CONNECT_TCP		(1ULL << 1)

#define SCOPE_ABSTRACT_UNIX	(1ULL << 0)		/* ABI 6 */
#define SCOPE_SIGNAL		(1ULL << 1)

/* Rights that exist for a file that is no directory. */
#define FS_OF_FILE	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | \
			 FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
	uint64_t	fs;
	uint64_t	net;
	uint64_t	scope;
};

struct path_attr {
	uint64_t	allowed;
	int32_t		parent_fd;
} __attribute__((packed));

struct port_attr {
	uint64_t	allowed;
	uint64_t	port;
};

/* What this kernel can refuse, and the size of the attribute it takes. */
static size_t
landlock_attr(struct ruleset_attr *a, long abi)
{
	memset(a, 0, sizeof(*a));
	a->fs = FS_ALL_ABI1;
	if (abi >= 2)
		a->fs |= FS_REFER;
	if (abi >= 3)
		a->fs |= FS_TRUNCATE;
	if (abi >= 5)
		a->fs |= FS_IOCTL_DEV;
	if (abi >= 4)
		a->net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 6)
		a->scope = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return abi >= 6 ? sizeof(*a) : abi >= 4 ? 2 * sizeof(uint64_t) :
	    sizeof(uint64_t);
}

static uint64_t
landlock_rights(unsigned rights)
{
	uint64_t fs = 0;

	if (rights & SANDBOX_READ)
		fs |= FS_READ_FILE | FS_READ_DIR;
	/* Device files are made by nobody. */
	if (rights & SANDBOX_WRITE)
		fs |= ((FS_ALL_ABI1 & ~(FS_EXECUTE | FS_READ_FILE |
		    FS_READ_DIR | FS_MAKE_CHAR | FS_MAKE_BLOCK)) |
		    FS_REFER | FS_TRUNCATE);
	if (rights & SANDBOX_EXEC)
		fs |= FS_EXECUTE;
	if (rights & SANDBOX_DEVICE)
		fs |= FS_IOCTL_DEV;
	return fs;
}

static int
landlock_add(int ruleset, const struct sandbox_path *p, uint64_t handled,
    struct err *e)
{
	own_fd int opened = -1;
	struct path_attr attr;
	const bool file = p->rights & SANDBOX_FILE;
	struct stat st;
	int fd = p->fd;

	if (p->path != NULL) {
		fd = opened = open(p->path, O_PATH | O_CLOEXEC);
		/* What cannot be reached needs no rule to be refused. */
		if (fd == -1 && (errno == ENOENT || errno == ENOTDIR ||
		    errno == EACCES))
			return 0;
		if (fd == -1)
			return err_sys(e, "sandbox: %s", p->path);
	}
	if (!file && fstat(fd, &st) == -1)
		return err_sys(e, "sandbox: descriptor %d", fd);
	attr.allowed = landlock_rights(p->rights) & handled;
	if (file || !S_ISDIR(st.st_mode))
		attr.allowed &= FS_OF_FILE;
	attr.parent_fd = fd;
	if (attr.allowed == 0)
		return 0;
	/* A pipe or a memfd has no place among files: nothing to rule. */
	if (syscall(SYS_LANDLOCK_ADD_RULE, ruleset, RULE_PATH_BENEATH, &attr,
	    0) == -1 && errno != EBADFD)
		return err_sys(e, "sandbox: rule for %s",
		    p->path == NULL ? "a descriptor" : p->path);
	return 0;
}

static void
miss(char *missing, const char *word)
{
	size_t n = strlen(missing);

	if (n > 0 && n + 1 < SANDBOX_MISSING_MAX)
		missing[n++] = ' ';
	while (*word != '\0' && n + 1 < SANDBOX_MISSING_MAX)
		missing[n++] = *word++;
	missing[n] = '\0';
}

/* Name servers are asked by TCP. */
static int
landlock_ask(int ruleset, uint64_t handled, struct err *e)
{
	const struct port_attr attr = { NET_CONNECT_TCP & handled, PORT_NAMES };

	if (attr.allowed == 0)
		return 0;
	if (syscall(SYS_LANDLOCK_ADD_RULE, ruleset, RULE_NET_PORT, &attr,
	    0) == -1)
		return err_sys(e, "sandbox: rule for port %d", PORT_NAMES);
	return 0;
}

static int
landlock_enter(const struct sandbox *s, char *missing, struct err *e)
{
	const struct sandbox_row *row = &sandbox_rows[s->program];
	own_fd int ruleset = -1;
	struct ruleset_attr attr;
	size_t size;
	long abi;

	abi = syscall(SYS_LANDLOCK_CREATE_RULESET, NULL, 0,
	    CREATE_RULESET_VERSION);
	if (abi < 1) {
		miss(missing, "landlock");
		return 0;
	}
	if (abi < 4 && (row->may & MAY_INET) == 0)
		miss(missing, "landlock-net");
	if (abi < 6)
		miss(missing, "landlock-scope");
	size = landlock_attr(&attr, abi);
	if (row->may & MAY_INET)
		attr.net = 0;
	ruleset = (int)syscall(SYS_LANDLOCK_CREATE_RULESET, &attr, size, 0);
	if (ruleset == -1)
		return err_sys(e, "sandbox: landlock");
	for (size_t i = 0; i < s->npaths; i++)
		if (landlock_add(ruleset, &s->paths[i], attr.fs, e) == -1)
			return -1;
	if ((row->may & MAY_ASK) && landlock_ask(ruleset, attr.net, e) == -1)
		return -1;
	if (syscall(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) == -1)
		return err_sys(e, "sandbox: landlock");
	return 0;
}

/* --- the rest ------------------------------------------------------------- */

/*
 * All sets become empty, the ambient one too.  What a program executed as
 * root would get is, too, where programs are executed at all: it is 80
 * system calls.
 */
static int
drop_capabilities(const struct sandbox_row *row, struct err *e)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];

	/* Fails without CAP_SETPCAP; then there is nothing to gain anyway. */
	for (int cap = 0; row->may & MAY_EXEC &&
	    prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	memset(data, 0, sizeof(data));
	if (syscall(SYS_capset, &head, data) == -1)
		return err_sys(e, "sandbox: capabilities");
	return 0;
}

static int
set_limits(const struct sandbox_row *row, struct err *e)
{
	struct rlimit none = { 0, 0 }, files;

	/* A core would hold guest memory or secrets. */
	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    getrlimit(RLIMIT_NOFILE, &files) == -1)
		return err_sys(e, "sandbox: limits");
	files.rlim_max = MIN(files.rlim_max, row->nofile);
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) == -1)
		return err_sys(e, "sandbox: limit of descriptors");
	return 0;
}

/* --- system calls --------------------------------------------------------- */

/* A piece of 'code'. */
struct filter {
	unsigned short	first;
	unsigned short	n;
};

#include <sandbox_code.h>

_Static_assert(COUNT(filters) == SANDBOX_PROGRAMS + 1, "a filter a row");

#define VCPU_FILTER	SANDBOX_PROGRAMS

/* 1: the kernel has no filters. */
static int
filter_syscalls(unsigned which, struct err *e)
{
	struct sock_fprog p = {
		.len	= filters[which].n,
		.filter	= (struct sock_filter *)&code[filters[which].first],
	};

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0) == 0)
		return 0;
	(void)err_sys(e, "sandbox: seccomp");
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == -1 ? 1 : -1;
}

/* --- entering ------------------------------------------------------------- */

/* Set before there is a second thread. */
static bool	filtered;

static int
check_threads(struct err *e)
{
	struct stat st;

	/* The C library knows of none that it has made. */
	if (__libc_single_threaded)
		return 0;
	/* A directory's links are its own two and one from each below. */
	if (stat("/proc/self/task", &st) == -1 || st.st_nlink <= 3)
		return 0;
	return err_set(e, EBUSY, "sandbox: %lu threads already run",
	    (unsigned long)st.st_nlink - 2);
}

int
sandbox_enter(const struct sandbox *s, char missing[SANDBOX_MISSING_MAX],
    struct err *e)
{
	const struct sandbox_row *row = &sandbox_rows[s->program];
	int r;

	missing[0] = '\0';
	if (SANITIZED) {
		miss(missing, "everything (sanitizer)");
		return 0;
	}
	if (check_threads(e) == -1 || set_limits(row, e) == -1)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return err_sys(e, "sandbox: no_new_privs");
	if (landlock_enter(s, missing, e) == -1 ||
	    drop_capabilities(row, e) == -1)
		return -1;
	r = filter_syscalls(s->program, e);
	if (r == 1)
		miss(missing, "seccomp");
	filtered = r == 0;
	return MIN(r, 0);
}

int
sandbox_enter_vcpu(struct err *e)
{
	return filtered ? filter_syscalls(VCPU_FILTER, e) : 0;
}
