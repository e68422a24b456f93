/* SPDX-License-Identifier: ISC */
/* children.c - who is told when a child of vmd ends; see children.h */

#include <sys/queue.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/log.h"
#include "vmd/children.h"

#define BUCKETS	1024	/* by process number */

struct child {
	LIST_ENTRY(child)	 next;
	pid_t			 pid;
	child_fn		*fn;
	void			*arg;
};

static LIST_HEAD(, child)	children[BUCKETS];
static struct event		*sigchld;

static struct child *
child_find(pid_t pid)
{
	struct child *c;

	LIST_FOREACH(c, &children[(unsigned)pid % BUCKETS], next)
		if (c->pid == pid)
			return c;
	return NULL;
}

/* A child that has ended and is not reaped: its number is still its own. */
static pid_t
child_ended(void)
{
	siginfo_t si = { .si_pid = 0 };

	if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == -1)
		return 0;
	return si.si_pid;
}

static void
children_reap(evutil_socket_t signo, short what, void *arg)
{
	struct child *c;
	pid_t pid;
	int status;

	(void)signo;
	(void)what;
	(void)arg;
	while ((pid = child_ended()) > 0) {
		/* What it started in its process group ends with it. */
		(void)kill(-pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid)
			continue;
		c = child_find(pid);
		if (c == NULL)
			continue;
		LIST_REMOVE(c, next);
		c->fn(c->arg, pid, status);
		free(c);
	}
}

int
children_init(struct event_base *base, struct err *e)
{
	sigchld = evsignal_new(base, SIGCHLD, children_reap, NULL);
	if (sigchld == NULL || event_add(sigchld, NULL) == -1)
		return err_set(e, ENOMEM, "no memory to watch children");
	return 0;
}

void
children_fini(void)
{
	struct child *c;

	for (unsigned i = 0; i < BUCKETS; i++)
		while ((c = LIST_FIRST(&children[i])) != NULL) {
			LIST_REMOVE(c, next);
			free(c);
		}
	if (sigchld != NULL)
		event_free(sigchld);
	sigchld = NULL;
}

void
children_watch(pid_t pid, child_fn *fn, void *arg)
{
	struct child *c = calloc(1, sizeof(*c));

	if (c == NULL)
		fatal("watch process %d", (int)pid);
	c->pid = pid;
	c->fn = fn;
	c->arg = arg;
	LIST_INSERT_HEAD(&children[(unsigned)pid % BUCKETS], c, next);
}

void
children_forget(pid_t pid)
{
	struct child *c = child_find(pid);

	if (c == NULL)
		return;
	LIST_REMOVE(c, next);
	free(c);
}
