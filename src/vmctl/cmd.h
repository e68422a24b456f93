/* SPDX-License-Identifier: ISC */
/*
 * cmd.h - a command: its row, what it is given, what it returns
 *
 * Every command is one row, defined in the file of its group and listed in
 * cmd.c.  Dispatch, usage, help, completion and the comparison with the
 * manual page all read the rows.
 */

#ifndef VMCTL_CMD_H
#define VMCTL_CMD_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "vmctl/opt.h"

struct api;

/* What docker's run and exec return when the guest's command did not run. */
enum {
	EXIT_ERROR = 1,		/* every other command */
	EXIT_DAEMON = 125,	/* daemon or vmctl failed */
	EXIT_NOEXEC = 126,	/* the command cannot be executed */
	EXIT_NOTFOUND = 127,	/* the command was not found */
};

#define CMD_VALUES_MAX	512	/* bytes of the largest struct of options */

struct ctx {
	const char		*host;		/* -H, or NULL */
	int			 verbose;
	const struct command	*cmd;
	struct api		*api;		/* ctx_api(); main closes it */
};

struct command {
	const char	*name;		/* "run", "image import" */
	const char	*args;		/* placeholders of the arguments */
	const char	*help;		/* one line */
	int		(*run)(struct ctx *, const void *values, int argc,
			    char **argv);	/* returns the exit status */
	const struct opt *opts;
	size_t		 nopts;
	int		 min, max;	/* number of arguments; max -1: any */
	enum complete	 complete;	/* what the arguments may be */
	bool		 guest_args;	/* options end at the first argument */
	bool		 hidden;	/* only by its whole name */
	int		 failure;	/* exit status of an error; 0: 1 */
};

/* The daemon, connected at first use.  NULL: e says why. */
struct api *ctx_api(struct ctx *, struct err *);

/*
 * Print "vmctl: text", and below it what the user can do about an error of
 * the API.  Returns the exit status for the command.
 */
int	cmd_fail(const struct ctx *, const struct err *);

/* Parse the command line behind the global options and run its command. */
int	cmd_main(struct ctx *, int argc, char **argv);

/* Wrong usage: print the usage line of the command.  Returns its status. */
int	cmd_usage(const struct ctx *);

/* Row i of all commands, or NULL behind the last. */
const struct command *cmd_at(size_t i);

extern const struct command cmd_capabilities, cmd_completion, cmd_console,
    cmd_cp, cmd_create, cmd_exec, cmd_fork, cmd_help, cmd_image_import,
    cmd_image_inspect, cmd_image_ls, cmd_image_prune, cmd_image_rm,
    cmd_images, cmd_inspect,
    cmd_load, cmd_log, cmd_logs, cmd_pause, cmd_ps, cmd_pull, cmd_receive,
    cmd_reload,
    cmd_reset, cmd_resources,
    cmd_restore, cmd_rm, cmd_rmi, cmd_run, cmd_send,
    cmd_show, cmd_snapshot_create,
    cmd_snapshot_delete, cmd_snapshot_fork, cmd_snapshot_list,
    cmd_snapshot_restore, cmd_standby, cmd_start, cmd_stats, cmd_status,
    cmd_stop, cmd_unpause, cmd_version, cmd_volume_create, cmd_volume_ls,
    cmd_volume_rm, cmd_wait;

#endif
