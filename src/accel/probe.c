/* SPDX-License-Identifier: ISC */
/* probe.c - is the host's virtualization worth using?  See probe.h */

#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/loop.h"
#include "accel/probe.h"
#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"

const struct accel *const accel_host = &accel_kvm;

#define TRIES		3	/* of each loop; the fastest counts */
#define ROUNDS_FIRST	2000
#define ROUNDS_STEP	4
#define ROUNDS_LAST	2048000

/* The fastest of a few tries: whatever disturbs only makes it slower. */
static int
fastest(uint64_t *ret, int (*loop)(uint64_t *, void *, uint32_t, struct err *),
    void *arg, uint32_t rounds, struct err *e)
{
	uint64_t ns, best = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		if (loop(&ns, arg, rounds, e) == -1)
			return -1;
		best = MIN(best, ns);
	}
	*ret = best;
	return 0;
}

/* Time of 'rounds' without what beginning and ending costs, 0 if lost. */
static int
difference(uint64_t *ret, const struct accel_clock *c, int guest,
    uint32_t rounds, struct err *e)
{
	uint64_t brief, full;

	if (fastest(&brief, guest ? c->guest : c->native, c->arg, 1, e) == -1 ||
	    fastest(&full, guest ? c->guest : c->native, c->arg, rounds + 1,
	    e) == -1)
		return -1;
	*ret = full > brief ? full - brief : 0;
	return 0;
}

/*
 * Longer and longer loops, until the guest's time is much longer than any
 * noise could explain: that decides.  One so fast that the longest does not
 * get there is good.
 */
int
accel_judge(unsigned *slowdown, const struct accel_clock *c, struct err *e)
{
	const uint64_t noise = 1000000;		/* ns, of entering a guest */
	uint64_t guest = 0, native = 1;
	uint32_t rounds;

	for (rounds = ROUNDS_FIRST; rounds <= ROUNDS_LAST && guest <= noise;
	    rounds *= ROUNDS_STEP) {
		if (difference(&native, c, 0, rounds, e) == -1 ||
		    difference(&guest, c, 1, rounds, e) == -1)
			return -1;
		native = MAX(native, 1);
	}
	if (guest / native > ACCEL_SLOWDOWN_MAX && guest > noise)
		return err_set(e, ENOTSUP, "guests are interpreted: "
		    "%llu times slower than the processor",
		    (unsigned long long)(guest / native));
	*slowdown = (unsigned)MAX(guest / native, 1);
	return 0;
}

/* What the child found, through the pipe. */
struct verdict {
	int		 ok;
	unsigned	 slowdown;
	unsigned	 wait_us;
	struct err	 err;
};

/* Of the probe that was made last. */
static unsigned	wait_us;

static int
judge_modes(unsigned *slowdown, const struct accel_clock *c, struct err *e)
{
	unsigned worst = 1, n;

	for (unsigned mode = 0; mode < accel_loop_modes(); mode++) {
		accel_loop_mode(c->arg, mode);
		if (accel_judge(&n, c, e) == -1)
			return -1;
		worst = MAX(worst, n);
	}
	*slowdown = worst;
	return 0;
}

static void __attribute__((noreturn))
judge_here(int fd)
{
	struct verdict v = { .ok = 0 };
	struct accel_clock c = { accel_loop_guest, accel_loop_native, NULL };
	struct accel_loop *loop = NULL;

	/* Whatever the kernel does to us, this ends it. */
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(ACCEL_PROBE_MS / 1000);
	if (accel_loop_new(&loop, &v.err) == 0) {
		c.arg = loop;
		v.ok = judge_modes(&v.slowdown, &c, &v.err) == 0;
		v.wait_us = accel_loop_wait(loop);
	}
	v.err.code = NULL;
	(void)write_full(fd, &v, sizeof(v));
	_exit(0);
}

int
accel_probe(unsigned *slowdown, struct err *e)
{
	own_fd int ours = -1, theirs = -1;
	struct verdict v;
	struct pollfd p;
	int fds[2], n;
	pid_t pid;

	if (pipe(fds) == -1)
		return err_sys(e, "KVM probe");
	ours = fds[0];
	theirs = fds[1];
	if ((pid = fork()) == -1)
		return err_sys(e, "KVM probe");
	if (pid == 0)
		judge_here(theirs);
	(void)close(take_fd(&theirs));
	p = (struct pollfd){ .fd = ours, .events = POLLIN };
	while ((n = poll(&p, 1, ACCEL_PROBE_MS + 500)) == -1 && errno == EINTR)
		continue;
	if (n == 1)
		n = read_full(ours, &v, sizeof(v)) == sizeof(v);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	if (n != 1)
		return err_set(e, ETIMEDOUT,
		    "/dev/kvm: a loop of a guest did not end within %d ms",
		    ACCEL_PROBE_MS);
	if (!v.ok) {
		if (e != NULL)
			*e = v.err;
		return err_prefix(e, "/dev/kvm");
	}
	*slowdown = v.slowdown;
	wait_us = v.wait_us;
	return 0;
}

const char *
accel_probe_hint(void)
{
	static char text[160];

	if (wait_us < ACCEL_WAIT_MAX)
		return NULL;
	(void)snprintf(text, sizeof(text), "each VM waits %u ms for the "
	    "kernel to move a thread between control groups: mount cgroup2 "
	    "with the option favordynmods", wait_us / 1000);
	return text;
}
