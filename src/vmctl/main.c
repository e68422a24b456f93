/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmctl: the options before the command
 *
 * Process: the user's command, a client of the control API.
 * Sandbox: none; it has the user's rights and no others.
 * Needs: the API socket (or network), the terminal, files the user names.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"

struct global_opts {
	const char	*host;
	bool		 verbose, version;
};

static const struct opt global_opts[] = {
	{ 'H', "host", "HOST", "Talk to this daemon", OPT_STR,
	    offsetof(struct global_opts, host), 0, 0, NULL, 0 },
	{ 'v', "verbose", NULL, "Show the requests that are made", OPT_FLAG,
	    offsetof(struct global_opts, verbose), 0, 0, NULL, 0 },
	{ 0, "version", NULL, "As the command version", OPT_FLAG,
	    offsetof(struct global_opts, version), 0, 0, NULL, 0 },
};

static char help_word[] = "help", version_word[] = "version";

int
main(int argc, char **argv)
{
	struct global_opts o = { 0 };
	struct opt_input in = { argv + 1, argc - 1, false, false };
	struct ctx ctx = { 0 };
	struct err e = { 0 };
	char *word[] = { help_word };
	int n, status;

	log_init("vmctl", LOG_STYLE_PLAIN, 0);
	/* A reader that went away is an error of write(2), not our death. */
	(void)signal(SIGPIPE, SIG_IGN);
	n = opt_parse(global_opts, COUNT(global_opts), &in, &o, &e);
	if (n == -1) {
		log_warnx("%s", e.text);
		return cmd_main(&ctx, 0, NULL);
	}
	ctx.host = o.host;
	ctx.verbose = o.verbose;
	if (o.version)
		word[0] = version_word;
	if (in.help || o.version)
		status = cmd_main(&ctx, 1, word);
	else
		status = cmd_main(&ctx, n, in.argv);
	api_close(ctx.api);
	if ((fflush(stdout) == EOF || ferror(stdout)) && status == 0) {
		status = EXIT_ERROR;
		if (errno != EPIPE)
			log_warn("standard output");
	}
	return status;
}
