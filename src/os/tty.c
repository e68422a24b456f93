/* SPDX-License-Identifier: ISC */
/* tty.c - the user's terminal in raw mode, and back; see tty.h */

#include <sys/ioctl.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>

#include "lib/util.h"
#include "os/tty.h"

static struct termios cooked;
static volatile sig_atomic_t raw_fd = -1;

void
tty_restore(void)
{
	int fd = raw_fd, saved = errno;

	if (fd == -1)
		return;
	(void)tcsetattr(fd, TCSANOW, &cooked);
	raw_fd = -1;
	errno = saved;
}

/* A signal that ends us: the terminal first. */
static void
die(int signal)
{
	tty_restore();
	(void)raise(signal);
}

int
tty_raw(int fd, struct err *e)
{
	static const int fatal_signals[] = {
		SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS,
	};
	struct sigaction sa = { .sa_handler = die,
	    .sa_flags = (int)SA_RESETHAND };
	static bool registered;
	struct termios raw;

	if (raw_fd != -1)
		return 0;
	if (tcgetattr(fd, &cooked) == -1)
		return err_sys(e, "terminal");
	if (!registered && atexit(tty_restore) != 0)
		return err_set(e, ENOMEM, "terminal: no exit handler");
	registered = true;
	(void)sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < COUNT(fatal_signals); i++)
		(void)sigaction(fatal_signals[i], &sa, NULL);
	raw = cooked;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	/* From here on it must be put back. */
	raw_fd = fd;
	if (tcsetattr(fd, TCSANOW, &raw) == -1) {
		raw_fd = -1;
		return err_sys(e, "terminal");
	}
	return 0;
}

bool
tty_size(int fd, int *rows, int *cols)
{
	struct winsize ws;

	if (ioctl(fd, TIOCGWINSZ, &ws) == -1 || ws.ws_row == 0 ||
	    ws.ws_col == 0)
		return false;
	*rows = ws.ws_row;
	*cols = ws.ws_col;
	return true;
}
