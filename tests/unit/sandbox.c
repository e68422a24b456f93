/* SPDX-License-Identifier: ISC */
/*
 * sandbox.c - each program is refused what its row does not grant
 *
 * A child enters the sandbox of a row and does one deed; the table says for
 * each deed which rows may.  Everybody else must be refused, or killed where
 * only an attacker would try.
 */

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/kvm.h>

#include "unit.h"
#include "lib/util.h"
#include "os/sandbox.h"

#define BLK	(1U << SANDBOX_VIOD_BLK)
#define NET	(1U << SANDBOX_VIOD_NET)
#define SCSI	(1U << SANDBOX_VIOD_SCSI)
#define TAP	(1U << SANDBOX_VIOD_TAP)
#define VSOCK	(1U << SANDBOX_VIOD_VSOCK)
#define PULL	(1U << SANDBOX_IMAGE_PULL)
#define UNPACK	(1U << SANDBOX_IMAGE_UNPACK)
#define CONF	(1U << SANDBOX_CONF)
#define CONTROL	(1U << SANDBOX_CONTROL)
#define QEMU	(1U << SANDBOX_VMM_QEMU)
#define VMM	(1U << SANDBOX_VMM)
#define ALL	((1U << SANDBOX_PROGRAMS) - 1)

static char	granted[64];	/* a directory of the test, granted */
static char	foreign[64];	/* and one that is not */
static int	tcp_port;	/* something listens there */

/* The deeds: 0 done, -1 refused. */

static int
do_nothing(void)
{
	char c;
	int p[2];

	return pipe(p) == 0 && write(p[1], "x", 1) == 1 &&
	    read(p[0], &c, 1) == 1 ? 0 : -1;
}

static int
read_foreign(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/file", foreign);
	return open(path, O_RDONLY | O_CLOEXEC) == -1 ? -1 : 0;
}

static int
read_granted(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/file", granted);
	return open(path, O_RDONLY | O_CLOEXEC) == -1 ? -1 : 0;
}

static int
write_granted(void)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/new", granted);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd == -1 || unlink(path) == -1 ? -1 : 0;
}

static int
write_foreign(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/new", foreign);
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) == -1 ? -1 : 0;
}

static int
remove_foreign(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/file", foreign);
	return unlink(path);
}

static int
unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) == -1 ? -1 : 0;
}

static int
packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) == -1 ? -1 : 0;
}

static int
vsock_socket(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0) == -1 ? -1 : 0;
}

static int
tcp_connect(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)tcp_port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd == -1 ? -1 : connect(fd, (void *)&sin, sizeof(sin));
}

/* A question that a name server would get. */
static int
udp_ask(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);

	return fd == -1 || sendto(fd, "x", 1, 0, (void *)&sin,
	    sizeof(sin)) != 1 ? -1 : 0;
}

/* A protocol that only UDP has makes no other socket. */
static int
other_family(void)
{
	static const int families[] = { AF_UNIX, AF_NETLINK, AF_PACKET,
	    AF_VSOCK, AF_ALG };
	int r = -1;

	for (size_t i = 0; i < COUNT(families); i++)
		for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++)
			if (socket(families[i], type, IPPROTO_UDP) != -1)
				r = 0;
	for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++)
		if (type != SOCK_DGRAM &&
		    socket(AF_INET, type, IPPROTO_UDP) != -1)
			r = 0;
	return r;
}

/* Of a name server, which is not there. */
static int
tcp_ask(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(53),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

	return fd != -1 && (connect(fd, (void *)&sin, sizeof(sin)) == 0 ||
	    errno == ECONNREFUSED) ? 0 : -1;
}

static int
read_link(void)
{
	char text[8];

	/* EINVAL, of one who may: it is no link. */
	return readlink("/", text, sizeof(text)) == -1 && errno == EINVAL ?
	    0 : -1;
}

/* On a socket that came from elsewhere. */
static int	inherited_tcp;

static int
inherited_connect(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)tcp_port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return connect(inherited_tcp, (void *)&sin, sizeof(sin));
}

static int
run_true(void)
{
	pid_t pid = fork();
	int status;

	if (pid == -1)
		return -1;
	if (pid == 0) {
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int
just_exec(void)
{
	(void)execl("/bin/true", "true", (char *)NULL);
	return -1;
}

static int
exec_foreign(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/true", foreign);
	(void)execl(path, "true", (char *)NULL);
	return -1;
}

static void *
thread(void *arg)
{
	return arg;
}

static int
make_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, thread, NULL) == 0 &&
	    pthread_join(t, NULL) == 0 ? 0 : -1;
}

static int
map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int
trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == -1 ? -1 : 0;
}

static int
signal_parent(void)
{
	return kill(getppid(), 0);
}

static int
new_namespace(void)
{
	return unshare(CLONE_NEWNET);
}

/* All capabilities are in it. */
static int
user_namespace(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL,
	    NULL, NULL);

	if (pid == 0)
		_exit(0);
	if (pid != -1)
		(void)waitpid((pid_t)pid, NULL, 0);
	return pid == -1 ? -1 : 0;
}

static int
push_terminal(void)
{
	/* ENOTTY is the answer of one who may. */
	return ioctl(STDIN_FILENO, TIOCSTI, "x") == -1 && errno != EPERM &&
	    errno != EACCES ? 0 : -1;
}

/* A descriptor that is none: ENOTTY is the answer of one who may ask. */
static int
ask_device(unsigned long request)
{
	return ioctl(STDIN_FILENO, request, 0) == -1 && errno != EPERM &&
	    errno != EACCES ? 0 : -1;
}

static int
tap_offload(void)
{
	return ask_device(TUNSETOFFLOAD);
}

static int
kvm_create(void)
{
	return ask_device(KVM_CREATE_VM);
}

static int
kvm_run(void)
{
	return ask_device(KVM_RUN);
}

static int
signal_event(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	return fd == -1 ? -1 : eventfd_write(fd, 1);
}

static int
map_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int
make_ring(void)
{
	/* EFAULT: allowed, and looked at. */
	return syscall(SYS_io_uring_setup, 8, NULL) == -1 && errno != EPERM ?
	    0 : -1;
}

static int
raise_limit(void)
{
	struct rlimit r = { 1 << 20, 1 << 20 };

	return setrlimit(RLIMIT_NOFILE, &r);
}

static int
become_root(void)
{
	/* The sets are empty: nothing for root to use. */
	return chown(granted, 12345, 12345);
}

static const struct deed {
	const char	*name;
	int		(*deed)(void);
	unsigned	 may;
	unsigned	 dies;	/* rows that are killed for it */
} deeds[] = {
	{ "pipe",		do_nothing,	ALL, 0 },
	{ "read_granted",	read_granted,
	    ALL & ~(BLK | SCSI | VSOCK), 0 },
	{ "read_foreign",	read_foreign,	0, 0 },
	{ "write_granted",	write_granted,
	    PULL | UNPACK | CONTROL | QEMU | VMM, 0 },
	{ "write_foreign",	write_foreign,	0, 0 },
	{ "remove_foreign",	remove_foreign,	0, 0 },
	{ "unix_socket",	unix_socket,
	    VSOCK | PULL | CONTROL | QEMU | VMM, 0 },
	{ "packet_socket",	packet_socket,	0, 0 },
	{ "vsock_socket",	vsock_socket,	0, 0 },
	{ "tcp_connect",	tcp_connect,	NET | PULL, 0 },
	{ "tcp_ask",		tcp_ask,	NET | PULL | TAP, 0 },
	{ "udp_ask",		udp_ask,	NET | PULL | TAP, 0 },
	{ "udp_other_family",	other_family,	0, 0 },
	{ "read_link",		read_link,
	    TAP | PULL | UNPACK | CONTROL | QEMU | VMM, 0 },
	{ "inherited_connect",	inherited_connect, NET | PULL, 0 },
	{ "run_true",		run_true,	PULL | UNPACK | QEMU, 0 },
	{ "exec",		just_exec,	PULL | UNPACK | QEMU,
	    BLK | NET | SCSI | TAP | VSOCK | CONF | CONTROL | VMM },
	{ "exec_foreign",	exec_foreign,	0,
	    BLK | NET | SCSI | TAP | VSOCK | CONF | CONTROL | VMM },
	{ "thread",		make_thread,	ALL & ~(CONF | SCSI | TAP), 0 },
	{ "map_code",		map_code,
	    PULL | UNPACK | CONF | CONTROL | QEMU, 0 },
	{ "trace_parent",	trace_parent,	0, ALL },
	{ "signal_parent",	signal_parent,	0, 0 },
	{ "namespace",		new_namespace,	0, ALL },
	{ "user_namespace",	user_namespace,	0, 0 },
	{ "kvm_create",		kvm_create,	QEMU | VMM, 0 },
	{ "tap_offload",	tap_offload,	TAP | QEMU, 0 },
	{ "push_terminal",	push_terminal,	QEMU, 0 },
	{ "io_uring",		make_ring,	0, 0 },
	{ "raise_limit",	raise_limit,	0, 0 },
	{ "chown",		become_root,	0, 0 },
};

static char	missing[SANDBOX_MISSING_MAX];

static void
enter(enum sandbox_program program)
{
	struct sandbox s = { .program = program };
	struct err e;

	sandbox_add_system(&s);
	sandbox_add(&s, granted, SANDBOX_READ | SANDBOX_WRITE);
	sandbox_add(&s, "/does/not/exist", SANDBOX_READ);
	/* Not for an ordinary user. */
	sandbox_add(&s, "/root/.ssh", SANDBOX_READ);
	if (sandbox_enter(&s, missing, &e) == -1) {
		fprintf(stderr, "# %s\n", e.text);
		_exit(99);
	}
}

/* 0: done, 1: refused, 2: killed by the filter, 3: something else */
static int
outcome(enum sandbox_program program, int (*deed)(void))
{
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		inherited_tcp = socket(AF_INET, SOCK_STREAM, 0);
		enter(program);
		_exit(deed() == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? 2 : 3;
	return WEXITSTATUS(status) <= 1 ? WEXITSTATUS(status) : 3;
}

static void
rows(void **state)
{
	static const char *const words[] = { "done", "refused", "killed",
	    "failed" };
	int bad = 0, got, want;

	(void)state;
	for (size_t i = 0; i < COUNT(deeds); i++)
		for (unsigned p = 0; p < SANDBOX_PROGRAMS; p++) {
			want = deeds[i].may & 1U << p ? 0 :
			    deeds[i].dies & 1U << p ? 2 : 1;
			got = outcome(p, deeds[i].deed);
			if (got == want)
				continue;
			bad++;
			fprintf(stderr, "# row %u, %s: %s, not %s\n", p,
			    deeds[i].name, words[got], words[want]);
		}
	assert_int_equal(bad, 0);
}

static const struct {
	const char	*name;
	int		(*deed)(void);
	int		 want;		/* of outcome() */
} vcpu_deeds[] = {
	{ "kvm_run",		kvm_run,	0 },
	{ "signal_event",	signal_event,	0 },
	{ "map_memory",		map_memory,	0 },
	{ "read_granted",	read_granted,	1 },
	{ "unix_socket",	unix_socket,	1 },
	{ "thread",		make_thread,	1 },
	{ "map_code",		map_code,	1 },
	{ "signal_parent",	signal_parent,	1 },
	{ "exec",		just_exec,	2 },
	{ "trace_parent",	trace_parent,	2 },
};

/* The deed is done by a vCPU's thread; its process may do more. */
static int	(*vcpu_deed)(void);

static void *
vcpu_thread(void *arg)
{
	struct err e;

	(void)arg;
	if (sandbox_enter_vcpu(&e) == -1)
		_exit(99);
	return vcpu_deed() == 0 ? NULL : &vcpu_deed;
}

static int
on_vcpu(void)
{
	pthread_t t;
	void *r;

	if (pthread_create(&t, NULL, vcpu_thread, NULL) != 0 ||
	    pthread_join(t, &r) != 0 || unix_socket() == -1)
		_exit(98);
	return r == NULL ? 0 : -1;
}

static void
vcpu(void **state)
{
	int bad = 0, got;

	(void)state;
	for (size_t i = 0; i < COUNT(vcpu_deeds); i++) {
		vcpu_deed = vcpu_deeds[i].deed;
		got = outcome(SANDBOX_VMM, on_vcpu);
		if (got == vcpu_deeds[i].want)
			continue;
		bad++;
		fprintf(stderr, "# vcpu, %s: %d, not %d\n",
		    vcpu_deeds[i].name, got, vcpu_deeds[i].want);
	}
	assert_int_equal(bad, 0);
}

/* Where there is no sandbox a vCPU has none either. */
static void
vcpu_alone(void **state)
{
	struct err e;
	int fd;

	(void)state;
	assert_int_equal(sandbox_enter_vcpu(&e), 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_not_equal(fd, -1);
	(void)close(fd);
}

/* A descriptor of a directory is enough, also without its path. */
static void
by_descriptor(void **state)
{
	struct sandbox s = { .program = SANDBOX_CONTROL };
	struct err e;
	pid_t pid;
	int fd, p[2], status;

	(void)state;
	pid = fork();
	if (pid == 0) {
		fd = open(granted, O_RDONLY | O_DIRECTORY);
		sandbox_add_fd(&s, fd, SANDBOX_READ);
		if (pipe(p) == -1)
			_exit(98);
		sandbox_add_fd(&s, p[0], SANDBOX_READ);
		if (sandbox_enter(&s, missing, &e) == -1)
			_exit(99);
		if (openat(fd, "file", O_RDONLY) == -1)
			_exit(1);
		_exit(openat(fd, "file", O_RDWR) == -1 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void *
waits(void *arg)
{
	(void)pause();
	return arg;
}

static void
threads_refused(void **state)
{
	struct sandbox s = { .program = SANDBOX_VIOD_BLK };
	struct err e;
	pthread_t t;
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	if (pid == 0) {
		if (pthread_create(&t, NULL, waits, NULL) != 0)
			_exit(2);
		_exit(sandbox_enter(&s, missing, &e) == -1 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
make_dir(char *dir, size_t size)
{
	char path[128];
	int fd;

	(void)snprintf(dir, size, "/tmp/sandbox.XXXXXX");
	if (mkdtemp(dir) == NULL)
		abort();
	(void)snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "%s/true", dir);
	if (symlink("/bin/true", path) == -1 && errno != EEXIST)
		abort();
	/* A copy: a link would lead to what may be executed. */
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "cp /bin/true %s/true", dir);
	if (system(path) != 0)
		abort();
}

static void
remove_dir(const char *dir)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/file", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/true", dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(vcpu),
		cmocka_unit_test(vcpu_alone),
		cmocka_unit_test(by_descriptor),
		cmocka_unit_test(threads_refused),
	};
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int r, listener;

#ifdef __SANITIZE_ADDRESS__
	printf("1..0 # SKIP a sanitizer needs what is refused\n");
	return 0;
#endif
	make_dir(granted, sizeof(granted));
	make_dir(foreign, sizeof(foreign));
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (void *)&sin, sizeof(sin)) == -1 ||
	    listen(listener, 100) == -1 ||
	    getsockname(listener, (void *)&sin, &len) == -1)
		abort();
	tcp_port = ntohs(sin.sin_port);
	r = unit_run("sandbox", tests);
	remove_dir(granted);
	remove_dir(foreign);
	return r;
}
