/* SPDX-License-Identifier: ISC */
/* proc.c - ending processes; see proc.h */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest/proc.h"

/*
 * The kernel's list of our children (CONFIG_PROC_CHILDREN).  Without it only
 * the process group of 'pid' is reached.
 */
static void
kill_once(pid_t pid)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	int child;

	if (f == NULL) {
		(void)kill(-pid, SIGKILL);
		return;
	}
	while (fscanf(f, "%d", &child) == 1)
		(void)kill(child, SIGKILL);
	(void)fclose(f);
}

int
proc_kill_children(pid_t pid, int *status)
{
	int found = 0, st;
	pid_t child;

	for (;;) {
		kill_once(pid);
		/* Children of the one that ends become ours: look again. */
		child = waitpid(-1, &st, 0);
		if (child == -1 && errno == EINTR)
			continue;
		if (child == -1)
			return found;
		if (child == pid) {
			*status = st;
			found = 1;
		}
	}
}
