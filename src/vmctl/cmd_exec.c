/* SPDX-License-Identifier: ISC */
/* cmd_exec.c - exec and console: into a running VM */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/tty.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/console.h"
#include "vmctl/env.h"
#include "vmctl/session.h"
#include "vmctl/vm.h"

/* --- exec -------------------------------------------------------------- */

struct exec_opts {
	bool		 detach, interactive, tty;
	struct opt_list	 env, env_files;
	uint64_t	 timeout_ms;
	const char	*user, *workdir;
};

static const struct opt exec_opts[] = {
	{ 'd', "detach", NULL, "Leave the command running", OPT_FLAG,
	    offsetof(struct exec_opts, detach), 0, 0, NULL, 0 },
	{ 'e', "env", "NAME[=VALUE]", "Set an environment variable",
	    OPT_LIST, offsetof(struct exec_opts, env), 0, 0, NULL, 0 },
	{ 0, "env-file", "FILE", "Read environment variables", OPT_LIST,
	    offsetof(struct exec_opts, env_files), 0, 0, NULL,
	    COMPLETE_FILE },
	{ 'i', "interactive", NULL, "Connect standard input", OPT_FLAG,
	    offsetof(struct exec_opts, interactive), 0, 0, NULL, 0 },
	{ 't', "tty", NULL, "Give the command a terminal", OPT_FLAG,
	    offsetof(struct exec_opts, tty), 0, 0, NULL, 0 },
	{ 0, "timeout", "TIME", "End the command after this time", OPT_TIME,
	    offsetof(struct exec_opts, timeout_ms), 0, 0, NULL, 0 },
	{ 'u', "user", "USER[:GROUP]", "Run it as this user", OPT_STR,
	    offsetof(struct exec_opts, user), 0, 0, NULL, 0 },
	{ 'w', "workdir", "DIRECTORY", "Working directory", OPT_STR,
	    offsetof(struct exec_opts, workdir), 0, 0, NULL, 0 },
};

/* A terminal is described as this one is. */
static void
first_tty(json_t *frame, json_t *env)
{
	const char *term = getenv("TERM");
	int rows, cols;

	if (term != NULL && json_object_get(env, "TERM") == NULL)
		json_object_set_new(env, "TERM", json_string(term));
	if (!tty_size(STDIN_FILENO, &rows, &cols) &&
	    !tty_size(STDOUT_FILENO, &rows, &cols))
		return;
	json_object_set_new(frame, "rows", json_integer(rows));
	json_object_set_new(frame, "cols", json_integer(cols));
}

static void
set_string(json_t *obj, const char *name, const char *value)
{
	if (value != NULL)
		json_object_set_new(obj, name, json_string(value));
}

/* The first frame; the caller frees it. */
static char *
first_frame(const struct exec_opts *o, int argc, char **argv, struct err *e)
{
	own_json json_t *frame = json_object(), *env = NULL;
	json_t *command = json_array();
	char *text;

	json_object_set_new(frame, "command", command);
	for (int i = 0; i < argc; i++)
		if (json_array_append_new(command,
		    json_string(argv[i])) == -1) {
			(void)err_set(e, EILSEQ, "%s: not valid UTF-8",
			    argv[i]);
			return NULL;
		}
	if (env_parse(&env, &o->env_files, &o->env, e) == -1)
		return NULL;
	json_object_set_new(frame, "tty", json_boolean(o->tty));
	if (o->tty)
		first_tty(frame, env);
	else
		json_object_set_new(frame, "streams", json_true());
	if (json_object_size(env) > 0)
		json_object_set(frame, "env", env);
	set_string(frame, "user", o->user);
	set_string(frame, "cwd", o->workdir);
	if (o->detach)
		json_object_set_new(frame, "detach", json_true());
	if (o->timeout_ms > 0)
		json_object_set_new(frame, "timeout",
		    json_integer((json_int_t)((o->timeout_ms + 999) / 1000)));
	text = json_print(frame);
	if (text == NULL)
		(void)err_set(e, ENOMEM, "request: out of memory");
	return text;
}

/* How the session ended, as an exit status. */
static int
exec_status(const struct ctx *ctx, const struct session *s)
{
	struct err e;

	if (s->finished)
		return s->exit_code & 0xff;
	if (s->left_by != 0)
		return 128 + s->left_by;
	(void)err_set(&e, EPIPE, "the connection ended before the command");
	return cmd_fail(ctx, &e);
}

static int
exec_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct exec_opts *o = values;
	own_mem char *frame = NULL, *path = NULL;
	own_json json_t *vm = NULL;
	struct session s = { 0 };
	struct err e = { 0 };

	if (argc > 1 && strcmp(argv[1], "--") == 0) {
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	if (argc < 2)
		return cmd_usage(ctx);
	s.input = o->interactive && !o->detach;
	s.raw = s.input && o->tty;
	if (s.raw && !isatty(STDIN_FILENO)) {
		(void)err_set(&e, ENOTTY, "standard input is no terminal; "
		    "use -i without -t");
		return cmd_fail(ctx, &e);
	}
	frame = first_frame(o, argc - 1, argv + 1, &e);
	if (frame == NULL || vm_find(&vm, ctx, argv[0], &e) == -1)
		return cmd_fail(ctx, &e);
	path = api_path("/instances/%/exec", js_str(vm, "id"));
	s.path = path;
	s.first = frame;
	s.tagged = !o->tty;
	s.control = true;
	if (session_run(&s, ctx->api, &e) == -1)
		return cmd_fail(ctx, &e);
	return exec_status(ctx, &s);
}

const struct command cmd_exec = {
	.name = "exec", .args = "vm command [arg ...]",
	.help = "Run a command in a running VM",
	.run = exec_run, .opts = exec_opts, .nopts = COUNT(exec_opts),
	.min = 2, .max = -1, .complete = COMPLETE_VM, .guest_args = true,
	.failure = EXIT_DAEMON,
};

/* --- console ----------------------------------------------------------- */

int
console_attach(struct ctx *ctx, const char *name)
{
	own_json json_t *vm = NULL;
	own_mem char *path = NULL;
	struct session s = { .input = true, .greet = true };
	struct err e = { 0 };

	if (vm_find(&vm, ctx, name, &e) == -1) {
		if (api_is_missing(&e))
			(void)err_prefix(&e, "console not found");
		return cmd_fail(ctx, &e);
	}
	if (!vm_is_running(vm)) {
		(void)err_set(&e, ENOENT, "console not found: vm %s is not "
		    "running", js_str(vm, "name"));
		return cmd_fail(ctx, &e);
	}
	path = api_path("/instances/%/console", js_str(vm, "id"));
	s.path = path;
	s.console = js_str(vm, "name");
	s.raw = isatty(STDIN_FILENO);
	if (session_run(&s, ctx->api, &e) == -1)
		return cmd_fail(ctx, &e);
	if (s.raw)
		(void)fprintf(stderr, "\n[EOT]\n");
	if (s.cut) {
		(void)err_set(&e, EPIPE, "the daemon has gone; vm %s may go "
		    "on", js_str(vm, "name"));
		return cmd_fail(ctx, &e);
	}
	return s.left_by != 0 ? 128 + s.left_by : 0;
}

static int
console_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	(void)values;
	(void)argc;
	return console_attach(ctx, argv[0]);
}

const struct command cmd_console = {
	.name = "console", .args = "vm", .help = "Connect to the console",
	.run = console_run, .min = 1, .max = 1, .complete = COMPLETE_VM,
};
