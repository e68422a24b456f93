/* SPDX-License-Identifier: ISC */
/* signame.c - signals by name; see signame.h */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "guest/signame.h"
#include "lib/num.h"
#include "lib/util.h"

/*
 * Linux's numbers.  The first real-time signal is 34 for musl and glibc
 * alike: both keep two below it.
 */
#define SIG_RTMIN	34
#define SIG_LAST	64

static const struct {
	const char	*name;
	int		 num;
} names[] = {
	{ "HUP", SIGHUP },	{ "INT", SIGINT },	{ "QUIT", SIGQUIT },
	{ "ILL", SIGILL },	{ "TRAP", SIGTRAP },	{ "ABRT", SIGABRT },
	{ "BUS", SIGBUS },	{ "FPE", SIGFPE },	{ "KILL", SIGKILL },
	{ "USR1", SIGUSR1 },	{ "SEGV", SIGSEGV },	{ "USR2", SIGUSR2 },
	{ "PIPE", SIGPIPE },	{ "ALRM", SIGALRM },	{ "TERM", SIGTERM },
	{ "STKFLT", SIGSTKFLT }, { "CHLD", SIGCHLD },	{ "CONT", SIGCONT },
	{ "STOP", SIGSTOP },	{ "TSTP", SIGTSTP },	{ "TTIN", SIGTTIN },
	{ "TTOU", SIGTTOU },	{ "URG", SIGURG },	{ "XCPU", SIGXCPU },
	{ "XFSZ", SIGXFSZ },	{ "VTALRM", SIGVTALRM }, { "PROF", SIGPROF },
	{ "WINCH", SIGWINCH },	{ "IO", SIGIO },	{ "PWR", SIGPWR },
	{ "SYS", SIGSYS },	{ "IOT", SIGABRT },	{ "POLL", SIGIO },
};

int
signame_parse(int *ret, const char *name, struct err *e)
{
	const char *s = name;
	uint64_t n;

	if (num_parse(&n, s, 1, SIG_LAST, NULL) == 0) {
		*ret = (int)n;
		return 0;
	}
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcasecmp(s, names[i].name) == 0) {
			*ret = names[i].num;
			return 0;
		}
	if (strcasecmp(s, "RTMIN") == 0) {
		*ret = SIG_RTMIN;
		return 0;
	}
	if (strncasecmp(s, "RTMIN+", 6) == 0 &&
	    num_parse(&n, s + 6, 0, SIG_LAST - SIG_RTMIN, NULL) == 0) {
		*ret = SIG_RTMIN + (int)n;
		return 0;
	}
	if (strcasecmp(s, "RTMAX") == 0) {
		*ret = SIG_LAST;
		return 0;
	}
	if (strncasecmp(s, "RTMAX-", 6) == 0 &&
	    num_parse(&n, s + 6, 0, SIG_LAST - SIG_RTMIN, NULL) == 0) {
		*ret = SIG_LAST - (int)n;
		return 0;
	}
	return err_set(e, EINVAL, "'%s' is no signal", name);
}

const char *
signame_print(int sig)
{
	static char text[16];

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].num == sig)
			return names[i].name;
	if (sig < SIG_RTMIN || sig > SIG_LAST)
		return "?";
	(void)snprintf(text, sizeof(text), "RTMIN+%d", sig - SIG_RTMIN);
	return text;
}
