/* SPDX-License-Identifier: ISC */
/* proc.c - ending processes; see proc.h */

#include <sys/wait.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/proc.h"

/* The parent of a process: the second number behind its name in stat. */
static pid_t
parent_of(const char *pid)
{
	char path[64], text[512];
	const char *p;
	FILE *f;
	size_t n;
	int parent;

	(void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	text[n] = '\0';
	/* The name may hold anything, brackets too. */
	p = strrchr(text, ')');
	if (p == NULL || sscanf(p, ") %*c %d", &parent) != 1)
		return -1;
	return parent;
}

/*
 * All processes are looked at: the kernel's list of children is an option
 * (CONFIG_PROC_CHILDREN) and promises less while they come and go.
 */
static void
kill_once(pid_t pid)
{
	pid_t self = getpid();
	struct dirent *d;
	DIR *dir;

	dir = opendir("/proc");
	if (dir == NULL) {
		/* Its own group at least. */
		(void)kill(-pid, SIGKILL);
		return;
	}
	while ((d = readdir(dir)) != NULL)
		if (isdigit((unsigned char)d->d_name[0]) &&
		    parent_of(d->d_name) == self)
			(void)kill(atoi(d->d_name), SIGKILL);
	(void)closedir(dir);
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
