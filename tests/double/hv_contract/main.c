/* SPDX-License-Identifier: ISC */
/*
 * main.c - runs the rows of contract.h, a process each; prints TAP
 *
 * Needs: the KVM of an arm64 Linux.
 */

#include <sys/resource.h>
#include <sys/wait.h>

#include <signal.h>
#include <string.h>

#include "contract.h"

#define SAID_MAX	1024
#define ROW_SECONDS	60		/* longer is a hang */

static void
child(const struct rows *all, const struct row *r, int err)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)dup2(err, STDERR_FILENO);
	(void)alarm(ROW_SECONDS);
	if (all->by != NULL)
		all->by(r->fn);
	else
		r->fn();
	_exit(0);
}

static void
read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size - 1 &&
	    (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
}

/* One line, which ends with the sentence. */
static bool
as_expected(const struct row *r, int status, const char *said)
{
	static const char begin[] = "hv double: contract broken: ";
	size_t len = strlen(said), says;

	if (r->says == NULL)
		return WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
		    len == 0;
	says = strlen(r->says);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
	    strncmp(said, begin, sizeof(begin) - 1) == 0 &&
	    strchr(said, '\n') == said + len - 1 &&
	    len - 1 >= sizeof(begin) - 1 + says &&
	    strncmp(said + len - 1 - says, r->says, says) == 0;
}

static bool
one(const struct rows *all, unsigned k, unsigned n)
{
	const struct row *r = &all->row[k];
	char said[SAID_MAX];
	int p[2], status;
	pid_t pid;
	bool ok;

	(void)fflush(stdout);
	if (pipe(p) == -1 || (pid = fork()) == -1)
		return false;
	if (pid == 0)
		child(all, r, p[1]);
	(void)close(p[1]);
	read_all(p[0], said, sizeof(said));
	(void)close(p[0]);
	if (waitpid(pid, &status, 0) != pid)
		return false;
	ok = as_expected(r, status, said);
	printf("%sok %u - %s: %s\n", ok ? "" : "not ", n, r->name,
	    r->says == NULL ? "ends well" : "ends the program");
	if (!ok)
		printf("# status %#x: %s\n", (unsigned)status, said);
	return ok;
}

int
main(void)
{
	static const struct rows *const all[] = { &order_rows, &memory_rows,
	    &access_rows, &thread_rows };
	unsigned n = 0, bad = 0;

	for (unsigned i = 0; i < COUNT(all); i++)
		for (unsigned k = 0; k < all[i]->n; k++)
			bad += !one(all[i], k, ++n);
	printf("1..%u\n", n);
	return bad == 0 ? 0 : 1;
}
