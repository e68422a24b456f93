/* SPDX-License-Identifier: ISC */
/*
 * observe.c - what a VMM does from its execve to its guest's user space
 *
 *	observe [-pv] [-k COPIES] [-n RUNS] [-t SECONDS] NAME COMMAND [ARG...]
 *
 * Starts COMMAND RUNS times, each until the guest's /init executes its first
 * instruction (tracing.c says how that is known), then once more with system
 * calls and exits counted by kind, and prints one line of JSON: medians of
 * the plain runs, counts of the last; with no RUNS all is of the last.
 * -v: also the counts, one by one; -vv: and each system call before the guest
 * is entered.  -p: the guest has load.c, and its phases are measured too.
 * -k: at last COPIES of them that live together, in a line of their own with
 * means; each is stopped where its guest came to user space, so that the next
 * has the processor for itself.
 *
 * Times are those of CLOCK_MONOTONIC: in an emulated machine whose clock is
 * its count of instructions (QEMU, -icount shift=0) a microsecond is 1,000
 * of them, host kernel, VMM and guest together.
 *
 * Needs: root, KVM with its tracepoints.
 */

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "observe.h"

#define RUNS_MAX	32
#define COPIES_MAX	64
#define OUTPUT		"/tmp/observe.out"	/* of the last command */

struct run {
	double		user;		/* us since execve */
	double		entry;
	long		exits;
	long		npf;		/* nested page faults */
	struct usage	vmm;
	struct usage	devices;	/* other processes it started */
	/* deep runs only */
	long		syscalls;	/* before the first entry */
	long		user_exits;
	/* with -p only */
	struct phase	phase[PHASES];
};

static int	verbose;
static bool	phases;

static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* A child that waits for a byte before it becomes the command. */
static pid_t
prepare(int *go, char *argv[])
{
	int p[2], null, out;
	pid_t pid;
	char c;

	if (pipe2(p, O_CLOEXEC) == -1 || (pid = fork()) == -1) {
		perror("observe");
		exit(1);
	}
	if (pid == 0) {
		(void)setpgid(0, 0);
		null = open("/dev/null", O_RDONLY);
		out = open(OUTPUT, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND,
		    0600);
		(void)dup2(null, 0);
		(void)dup2(out, 1);
		(void)dup2(out, 2);
		(void)close(p[1]);
		(void)dup2(p[0], 3);
		(void)fcntl(3, F_SETFD, FD_CLOEXEC);
		(void)close_range(4, ~0U, 0);
		if (read(3, &c, 1) == 1)
			(void)execv(argv[0], argv);
		_exit(127);
	}
	(void)close(p[0]);
	(void)setpgid(pid, pid);
	*go = p[1];
	return pid;
}

static void
show_output(void)
{
	char line[512];
	FILE *f = fopen(OUTPUT, "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		fprintf(stderr, "| %s", line);
	if (f != NULL)
		(void)fclose(f);
}

static void
kill_all(const pid_t *group, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)kill(-group[i], SIGKILL);
	while (waitpid(-1, NULL, 0) != -1 || errno == EINTR)
		continue;
}

/* Starts it and follows it to user space, or to its end, or the time's. */
static pid_t
start(struct trace *t, bool deep, unsigned seconds, char *argv[])
{
	struct pollfd p = { .events = POLLIN };
	pid_t pid;
	int go;

	pid = prepare(&go, argv);
	trace_begin(t, deep, pid);
	p.fd = t->pipe;
	t->start = now();
	t->list = verbose > 1;
	(void)write(go, "g", 1);
	(void)close(go);
	while (t->mark[MARK_USER] == 0 && now() - t->start < seconds * 1e6 &&
	    waitpid(pid, NULL, WNOHANG) == 0) {
		(void)poll(&p, 1, 200);
		trace_read(t);
	}
	return pid;
}

/* -1: the guest did not get there. */
static int
one(struct run *r, bool deep, unsigned seconds, char *argv[])
{
	struct trace t;
	pid_t pid;
	int ok = 0;

	memset(r, 0, sizeof(*r));
	pid = start(&t, deep, seconds, argv);
	r->exits = kvm_counter("exits");
	r->npf = kvm_counter("pf_taken");
	r->user = t.mark[MARK_USER] - t.start;
	r->entry = t.entry - t.start;
	if (deep) {
		r->syscalls = t.syscalls;
		r->user_exits = trace_user_exits();
		if (verbose)
			trace_print(&t);
	}
	usage_of(&r->vmm, pid);
	usage_of_children(&r->devices, pid);
	if (t.mark[MARK_USER] == 0)
		ok = -1;
	else if (phases)
		ok = phases_follow(r->phase, &t, deep, pid, seconds);
	kill_all(&pid, 1);
	trace_end(&t, deep);
	return ok;
}

/* -1: not all of them got there; else *ret has the mean of each number. */
static int
together(struct run *ret, unsigned n, unsigned seconds, char *argv[])
{
	struct usage u;
	struct trace t;
	pid_t pid[COPIES_MAX];
	unsigned i;
	int ok = 0;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; ok == 0 && i < n; i++) {
		pid[i] = start(&t, false, seconds, argv);
		(void)kill(-pid[i], SIGSTOP);
		ret->user += (t.mark[MARK_USER] - t.start) / n;
		ok = t.mark[MARK_USER] == 0 ? -1 : 0;
		trace_end(&t, false);
	}
	for (unsigned k = 0; ok == 0 && k < n; k++) {
		usage_of(&u, pid[k]);
		ret->vmm.pss += u.pss;
		ret->vmm.anon += u.anon;
		ret->vmm.guest_private += u.guest_private;
	}
	ret->vmm.pss /= n;
	ret->vmm.anon /= n;
	ret->vmm.guest_private /= n;
	kill_all(pid, i);
	return ok;
}

static int
by_user(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	return x->user < y->user ? -1 : x->user > y->user;
}

static void
print_usage(const char *prefix, const struct usage *u)
{
	printf(",\"%sprocesses\":%ld,\"%srss\":%ld,\"%spss\":%ld,"
	    "\"%sanon\":%ld,\"%sthreads\":%ld,\"%sfds\":%ld", prefix,
	    u->processes, prefix, u->rss, prefix, u->pss, prefix, u->anon,
	    prefix, u->threads, prefix, u->fds);
}

static void
print_phases(const struct phase *plain, const struct phase *deep)
{
	printf(",\"phases\":[");
	for (int i = 0; i < PHASES; i++)
		printf("%s{\"us\":%.0f,\"exits\":%ld,\"irqs\":%ld,"
		    "\"user_exits\":%ld,\"syscalls\":%ld}", i > 0 ? "," : "",
		    plain[i].us, plain[i].exits, plain[i].irqs,
		    deep[i].user_exits, deep[i].syscalls);
	printf("]");
}

static void
print_copies(const char *name, const struct run *copies, unsigned n)
{
	printf("{\"name\":\"%s-together\",\"copies\":%u,\"user\":%.0f,"
	    "\"guest_private\":%ld,\"pss\":%ld,\"anon\":%ld}\n", name, n,
	    copies->user, copies->vmm.guest_private, copies->vmm.pss,
	    copies->vmm.anon);
}

static void
print(const char *name, const struct run *m, const struct run *deep,
    double least, double most)
{
	printf("{\"name\":\"%s\",\"user\":%.0f,\"user_min\":%.0f,"
	    "\"user_max\":%.0f,\"entry\":%.0f,\"exits\":%ld,\"npf\":%ld,"
	    "\"syscalls\":%ld,\"user_exits\":%ld,\"guest\":%ld,"
	    "\"guest_private\":%ld", name,
	    m->user, least, most, m->entry, m->exits, m->npf,
	    deep->syscalls, deep->user_exits, m->vmm.guest,
	    m->vmm.guest_private);
	print_usage("", &m->vmm);
	if (m->devices.processes > 0)
		print_usage("devices_", &m->devices);
	if (phases)
		print_phases(m->phase, deep->phase);
	printf("}\n");
}

int
main(int argc, char *argv[])
{
	static struct run runs[RUNS_MAX];
	struct run deep, copies;
	unsigned seconds = 60, n = 3, ok = 0, ncopies = 0;
	const char *name;
	int ch;

	while ((ch = getopt(argc, argv, "+k:n:pt:v")) != -1)
		if (ch == 'k')
			ncopies = (unsigned)atoi(optarg);
		else if (ch == 'n')
			n = (unsigned)atoi(optarg);
		else if (ch == 't')
			seconds = (unsigned)atoi(optarg);
		else if (ch == 'p')
			phases = true;
		else
			verbose += ch == 'v';
	if (argc - optind < 2 || n > RUNS_MAX ||
	    ncopies > COPIES_MAX) {
		fprintf(stderr, "usage: observe [-pv] [-k COPIES] [-n RUNS] "
		    "[-t SECONDS] NAME COMMAND [ARG...]\n");
		return 2;
	}
	name = argv[optind];
	argv += optind + 1;
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	trace_setup();
	/* The first finds nothing in memory yet and does not count. */
	for (unsigned i = 0; n > 0 && i <= n; i++)
		if (one(&runs[i == 0 ? 0 : ok], false, seconds, argv) == 0)
			ok += i > 0;
	if (ok < (n > 0) || one(&deep, true, seconds, argv) == -1) {
		fprintf(stderr, "observe: %s: no user space\n", name);
		show_output();
		return 1;
	}
	if (n == 0)
		runs[ok++] = deep;
	qsort(runs, ok, sizeof(*runs), by_user);
	print(name, &runs[ok / 2], &deep, runs[0].user, runs[ok - 1].user);
	if (ncopies > 0 && together(&copies, ncopies, seconds, argv) == 0)
		print_copies(name, &copies, ncopies);
	return 0;
}
