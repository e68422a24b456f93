/* SPDX-License-Identifier: ISC */
/*
 * cmd_send.c - send and receive: a running VM to another daemon
 *
 * With a command to talk to, the VM ends here once it runs there.  Without
 * one the stream goes to standard output, nothing is heard of it, and the VM
 * is left here, paused.
 */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/relay.h"
#include "vmctl/vm.h"

/* --- the receiver's command --------------------------------------------- */

struct child {
	pid_t	pid;
	int	to, from;		/* its input and output, or -1 */
};

static void __attribute__((noreturn))
child_exec(int in, int out, char **argv)
{
	if (dup2(in, STDIN_FILENO) == -1 || dup2(out, STDOUT_FILENO) == -1)
		_exit(127);
	(void)execvp(argv[0], argv);
	(void)dprintf(STDERR_FILENO, "vmctl: %s: %s\n", argv[0],
	    strerror(errno));
	_exit(127);
}

static int
child_start(struct child *c, int argc, char **argv, struct err *e)
{
	own_mem char **words = calloc((size_t)argc + 1, sizeof(*words));
	int to[2], from[2];

	if (words == NULL)
		return err_sys(e, "command");
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	if (os_pipe(to) == -1)
		return err_sys(e, "pipe");
	if (os_pipe(from) == -1) {
		(void)err_sys(e, "pipe");
		(void)close(to[0]);
		(void)close(to[1]);
		return -1;
	}
	c->pid = fork();
	if (c->pid == 0)
		child_exec(to[0], from[1], words);
	(void)close(to[0]);
	(void)close(from[1]);
	c->to = to[1];
	c->from = from[0];
	return c->pid == -1 ? err_sys(e, "fork") : 0;
}

/* It sees the end of its input, and ends. */
static void
child_end(struct child *c)
{
	if (c->to != -1)
		(void)close(c->to);
	if (c->from != -1)
		(void)close(c->from);
	while (c->pid > 0 && waitpid(c->pid, NULL, 0) == -1 && errno == EINTR)
		;
}

/* --- send --------------------------------------------------------------- */

static int
say_sent(const json_t *vm, const json_t *last)
{
	const char *name = js_str(vm, "name"), *state = js_str(last, "state");

	if (strcmp(state, "Paused") != 0) {
		(void)fprintf(stderr, "sent vm %lld successfully\n",
		    (long long)js_int(vm, "number"));
		return 0;
	}
	(void)fprintf(stderr, "vm %s was written and is paused here\n"
	    "If it runs where it was sent: vmctl stop -f %s\n"
	    "If it does not: vmctl unpause %s\n", name, name, name);
	return 0;
}

static int
send_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct child child = { .to = -1, .from = -1 };
	struct relay r = { .in = -1, .out = STDOUT_FILENO };
	own_json json_t *vm = NULL, *last = NULL;
	own_mem char *path = NULL;
	struct err e = { 0 };
	int status;

	(void)values;
	if (argc == 1 && isatty(STDOUT_FILENO)) {
		(void)err_set(&e, ENOTTY, "a VM is not written to a terminal: "
		    "vmctl send %s ssh HOST vmctl receive NAME", argv[0]);
		return cmd_fail(ctx, &e);
	}
	if (vm_find(&vm, ctx, argv[0], &e) == -1)
		return cmd_fail(ctx, &e);
	path = api_path(argc == 1 ? "/instances/%/send?oneway=true" :
	    "/instances/%/send", js_str(vm, "id"));
	r.path = path;
	if (argc > 1) {
		if (child_start(&child, argc - 1, argv + 1, &e) == -1) {
			child_end(&child);
			return cmd_fail(ctx, &e);
		}
		r.in = child.from;
		r.out = child.to;
		r.hear = true;
	}
	status = relay_run(&last, &r, ctx->api, &e);
	child_end(&child);
	if (status == -1) {
		(void)err_prefix(&e, "send vm command failed");
		return cmd_fail(ctx, &e);
	}
	return say_sent(vm, last);
}

const struct command cmd_send = {
	.name = "send", .args = "vm [command [arg ...]]",
	.help = "Move a running VM to another daemon",
	.run = send_run, .min = 1, .max = -1, .complete = COMPLETE_VM,
	.guest_args = true,
};

/* --- receive ------------------------------------------------------------ */

static int
receive_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct relay r = { .in = STDIN_FILENO, .out = STDOUT_FILENO,
	    .careless = true };
	own_json json_t *last = NULL;
	own_mem char *path = NULL;
	struct err e = { 0 };

	(void)values;
	(void)argc;
	if (isatty(STDIN_FILENO)) {
		(void)err_set(&e, ENOTTY, "a VM is not read from a terminal: "
		    "vmctl send NAME vmctl -H HOST receive %s", argv[0]);
		return cmd_fail(ctx, &e);
	}
	if (ctx_api(ctx, &e) == NULL)
		return cmd_fail(ctx, &e);
	path = api_path("/receive?name=%", argv[0]);
	r.path = path;
	if (relay_run(&last, &r, ctx->api, &e) == -1) {
		(void)err_prefix(&e, "receive vm command failed");
		return cmd_fail(ctx, &e);
	}
	(void)fprintf(stderr, "received vm %lld successfully\n",
	    (long long)js_int(last, "number"));
	return 0;
}

const struct command cmd_receive = {
	.name = "receive", .args = "name",
	.help = "Take over a VM that send sends",
	.run = receive_run, .min = 1, .max = 1, .complete = COMPLETE_NONE,
};
