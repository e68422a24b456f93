/* SPDX-License-Identifier: ISC */
/*
 * phases.c - what a guest with load.c costs, and the host it speaks to
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "observe.h"

#define PORT	5000		/* forwarded to the guest's */
#define FLOW	(8L << 20)	/* bytes, as in load.c */

static void
take(int s, char *buf, size_t size)
{
	long left = FLOW;
	ssize_t n;

	for (; left > 0; left -= n)
		if ((n = read(s, buf, size)) <= 0)
			_exit(1);
	if (write(s, "", 1) != 1)
		_exit(1);
}

/* The host's side of load.c's network(). */
static void
flow(void)
{
	static char buf[1 << 20];
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons(PORT),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	long left = FLOW;
	ssize_t n;

	if (connect(s, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		_exit(1);
	take(s, buf, sizeof(buf));
	take(s, buf, sizeof(buf));
	for (; left > 0; left -= n)
		if ((n = write(s, buf, left < (long)sizeof(buf) ?
		    (size_t)left : sizeof(buf))) <= 0)
			_exit(1);
	_exit(read(s, buf, 1) == 1 ? 0 : 1);
}

static void
read_counters(struct phase *c, bool deep)
{
	c->exits = kvm_counter("exits");
	c->irqs = kvm_counter("irq_injections");
	c->user_exits = deep ? trace_user_exits() : 0;
	c->syscalls = deep ? trace_syscalls() : 0;
}

/* Counters at the two marks of each phase that ask for it. */
static void
look(struct phase ret[PHASES], struct phase before[PHASES],
    const struct trace *t, bool deep)
{
	const double *at;
	struct phase now;

	for (int i = 0; i < PHASES; i++) {
		at = &t->mark[4 * (i + 1)];
		if (at[0] != 0 && before[i].us == 0) {
			read_counters(&before[i], deep);
			before[i].us = 1;	/* done */
		}
		if (at[2] == 0 || ret[i].us != 0)
			continue;
		read_counters(&now, deep);
		ret[i] = (struct phase){ .us = at[2] - at[1],
		    .exits = now.exits - before[i].exits,
		    .irqs = now.irqs - before[i].irqs,
		    .user_exits = now.user_exits - before[i].user_exits,
		    .syscalls = now.syscalls - before[i].syscalls };
	}
}

int
phases_follow(struct phase ret[PHASES], struct trace *t, bool deep, pid_t pid,
    unsigned seconds)
{
	struct phase before[PHASES];
	struct pollfd p = { .fd = t->pipe, .events = POLLIN };
	time_t end = time(NULL) + (time_t)seconds;
	pid_t talker = 0;

	memset(before, 0, sizeof(before));
	memset(ret, 0, PHASES * sizeof(*ret));
	while (t->mark[MARK_DONE] == 0 && t->mark[MARK_FAILED] == 0 &&
	    time(NULL) < end && waitpid(pid, NULL, WNOHANG) == 0) {
		(void)poll(&p, 1, 50);
		trace_read(t);
		look(ret, before, t, deep);
		if (t->mark[MARK_CONNECT] == 0 || talker != 0)
			continue;
		talker = fork();
		if (talker == 0)
			flow();
	}
	if (t->mark[MARK_DONE] != 0)
		return 0;
	for (int i = 0; i < MARKS; i++)
		if (t->mark[i] != 0)
			fprintf(stderr, "observe: mark %d at %.0f us\n", i,
			    t->mark[i] - t->mark[MARK_USER]);
	return -1;
}
