/* SPDX-License-Identifier: ISC */
/*
 * process.c - memory, threads and descriptors of the VMM under observation
 *
 * Source: proc(5), /proc/PID/smaps.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe.h"

/* A mapping this large is the guest's memory; nothing else here is. */
#define GUEST_KB	(48L << 10)

static long
entries(pid_t pid, const char *what)
{
	char path[64];
	struct dirent *de;
	long n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	d = opendir(path);
	while (d != NULL && (de = readdir(d)) != NULL)
		n += de->d_name[0] != '.';
	if (d != NULL)
		(void)closedir(d);
	return n;
}

static void
add_memory(struct usage *u, pid_t pid)
{
	long kb, rss = 0, pss = 0, anon = 0, size = 0;
	char line[512], key[32];
	FILE *f;

	(void)snprintf(line, sizeof(line), "/proc/%d/smaps", (int)pid);
	f = fopen(line, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "VmFlags:", 8) == 0) {
			/* The last line of a mapping. */
			if (size >= GUEST_KB) {
				u->guest += rss;
				u->guest_private += anon;
				continue;
			}
			u->rss += rss;
			u->pss += pss;
			u->anon += anon;
			continue;
		}
		if (sscanf(line, "%31[A-Za-z_]: %ld kB", key, &kb) != 2)
			continue;
		if (strcmp(key, "Size") == 0)
			size = kb;
		else if (strcmp(key, "Rss") == 0)
			rss = kb;
		else if (strcmp(key, "Pss") == 0)
			pss = kb;
		else if (strcmp(key, "Anonymous") == 0)
			anon = kb;
	}
	if (f != NULL)
		(void)fclose(f);
}

static pid_t
parent(pid_t pid)
{
	char line[512], *p = NULL;
	int parent = 0;
	FILE *f;

	(void)snprintf(line, sizeof(line), "/proc/%d/stat", (int)pid);
	f = fopen(line, "r");
	if (f != NULL && fgets(line, sizeof(line), f) != NULL)
		p = strrchr(line, ')');
	if (p != NULL)
		(void)sscanf(p, ") %*c %d", &parent);
	if (f != NULL)
		(void)fclose(f);
	return parent;
}

static void
add(struct usage *u, pid_t pid)
{
	u->processes++;
	u->threads += entries(pid, "task");
	u->fds += entries(pid, "fd");
	add_memory(u, pid);
}

void
usage_of(struct usage *u, pid_t pid)
{
	memset(u, 0, sizeof(*u));
	add(u, pid);
}

void
usage_of_children(struct usage *u, pid_t pid)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	pid_t child;

	memset(u, 0, sizeof(*u));
	while (d != NULL && (de = readdir(d)) != NULL) {
		child = (pid_t)atoi(de->d_name);
		if (child > 0 && parent(child) == pid)
			add(u, child);
	}
	if (d != NULL)
		(void)closedir(d);
}
