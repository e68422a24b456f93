/* SPDX-License-Identifier: ISC */
/*
 * measure.c - run a command; print what it cost
 *
 *	measure COMMAND [ARGUMENT...]
 *
 * One line: wall-clock ms, CPU ms (user and system, of it and its children),
 * the peak resident set of the command itself and the largest one of it and
 * its children, in KiB.  Its output goes to /dev/null.
 */

#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"

#define SAMPLE_MS	10

/* VmHWM of a process that still runs, in KiB, or 0. */
static long
peak(pid_t pid)
{
	char path[64], line[128];
	long kib = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	(void)fclose(f);
	return kib;
}

static long
ms(const struct timeval *tv)
{
	return tv->tv_sec * 1000 + tv->tv_usec / 1000;
}

int
main(int argc, char **argv)
{
	uint64_t start = os_now_ms();
	long own = 0, now;
	struct rusage ru;
	int status, null;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = fork();
	if (pid == 0) {
		null = open("/dev/null", O_WRONLY);
		if (dup2(null, 1) == -1)
			_exit(126);
		(void)execvp(argv[1], argv + 1);
		_exit(127);
	}
	while (pid != -1 && wait4(pid, &status, WNOHANG, &ru) == 0) {
		now = peak(pid);
		own = now > own ? now : own;
		(void)poll(NULL, 0, SAMPLE_MS);
	}
	if (pid == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)fprintf(stderr, "measure: %s failed\n", argv[1]);
		return 1;
	}
	(void)printf("%llu %ld %ld %ld\n",
	    (unsigned long long)(os_now_ms() - start),
	    ms(&ru.ru_utime) + ms(&ru.ru_stime), own, ru.ru_maxrss);
	return 0;
}
