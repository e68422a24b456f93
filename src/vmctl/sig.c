/* SPDX-License-Identifier: ISC */
/* sig.c - signals as bytes of a pipe; see sig.h */

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/util.h"
#include "vmctl/sig.h"

static int sig_pipe[2] = { -1, -1 };

static void
note(int signal)
{
	unsigned char byte = (unsigned char)signal;
	int saved = errno;

	/* A full pipe holds enough signals of that kind already. */
	(void)!write(sig_pipe[1], &byte, 1);
	errno = saved;
}

int
sig_open(const int *signals, struct err *e)
{
	struct sigaction sa = { .sa_handler = note };

	/* Not restarted: a write that waits for a reader must return. */
	(void)sigemptyset(&sa.sa_mask);
	if (sig_pipe[0] == -1) {
		if (pipe(sig_pipe) == -1)
			return err_sys(e, "pipe");
		for (size_t i = 0; i < COUNT(sig_pipe); i++)
			if (fd_cloexec(sig_pipe[i], 1) == -1 ||
			    fd_nonblock(sig_pipe[i], 1) == -1)
				return err_sys(e, "pipe");
	}
	for (; *signals != 0; signals++)
		if (sigaction(*signals, &sa, NULL) == -1)
			return err_sys(e, "signal %d", *signals);
	return 0;
}

void
sig_put(int signal)
{
	note(signal);
}

int
sig_fd(void)
{
	return sig_pipe[0];
}

int
sig_next(void)
{
	unsigned char byte;

	return sig_pipe[0] != -1 && read(sig_pipe[0], &byte, 1) == 1 ? byte : 0;
}

const char *
sig_name(int signal)
{
	static const struct {
		int		 number;
		const char	*name;
	} names[] = {
		{ SIGHUP, "HUP" }, { SIGINT, "INT" }, { SIGQUIT, "QUIT" },
		{ SIGTERM, "TERM" }, { SIGUSR1, "USR1" }, { SIGUSR2, "USR2" },
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].number == signal)
			return names[i].name;
	return NULL;
}
