/* SPDX-License-Identifier: ISC */
/* cmd_run.c - run: an image as a VM, in the background or in front of us */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/logs.h"
#include "vmctl/pull.h"
#include "vmctl/run.h"
#include "vmctl/session.h"
#include "vmctl/sig.h"
#include "vmctl/vm.h"

#define CPUS_MAX	1024

#define STR(letter, name, arg, help, member)				\
	{ letter, name, arg, help, OPT_STR,				\
	    offsetof(struct run_opts, member), 0, 0, NULL, 0 }
#define LIST(letter, name, arg, help, member, complete)			\
	{ letter, name, arg, help, OPT_LIST,				\
	    offsetof(struct run_opts, member), 0, 0, NULL, complete }
#define FLAG(letter, name, help, member)				\
	{ letter, name, NULL, help, OPT_FLAG,				\
	    offsetof(struct run_opts, member), 0, 0, NULL, 0 }
#define KIND(kind, letter, name, arg, help, member)			\
	{ letter, name, arg, help, kind,				\
	    offsetof(struct run_opts, member), 0, 0, NULL, 0 }

static const struct opt run_opts[] = {
	KIND(OPT_RATE, 0, "bandwidth-down", "RATE",
	    "Limit what the VM receives", bandwidth_down),
	KIND(OPT_RATE, 0, "bandwidth-up", "RATE",
	    "Limit what the VM sends", bandwidth_up),
	{ 'c', "cpus", "COUNT", "Number of virtual CPUs", OPT_NUM,
	    offsetof(struct run_opts, cpus), 1, CPUS_MAX, NULL, 0 },
	FLAG('d', "detach", "Print the ID of the VM and return", detach),
	KIND(OPT_RATE, 0, "disk-io", "RATE", "Limit its disks", disk_io),
	LIST('e', "env", "NAME[=VALUE]", "Set an environment variable", env,
	    0),
	STR(0, "entrypoint", "WORD", "Replace the entrypoint of the image",
	    entrypoint),
	LIST(0, "env-file", "FILE", "Read environment variables", env_files,
	    COMPLETE_FILE),
	STR('h', "hostname", "NAME", "Host name in the guest", hostname),
	STR(0, "hypervisor", "NAME", "Run the VM with this hypervisor",
	    hypervisor),
	FLAG('i', "interactive", "Connect standard input", interactive),
	LIST('l', "label", "NAME=VALUE", "Add a label", labels, 0),
	KIND(OPT_SIZE, 'm', "memory", "SIZE", "Memory", memory),
	STR(0, "name", "NAME", "Name of the VM", name),
	{ 0, "network", "MODE", "user or none", OPT_STR,
	    offsetof(struct run_opts, network), 0, 0, "user|none", 0 },
	KIND(OPT_SIZE, 0, "overlay-size", "SIZE",
	    "Size of the writable layer", overlay_size),
	LIST('p', "publish", "[ADDRESS:]HOST:GUEST[/PROTO]",
	    "Publish a port of the guest", ports, 0),
	STR(0, "platform", "OS/ARCH", "Take the image for this platform",
	    platform),
	{ 0, "pull", "WHEN", "always, missing or never", OPT_STR,
	    offsetof(struct run_opts, pull), 0, 0, "always|missing|never",
	    0 },
	FLAG('q', "quiet", "Do not show progress", quiet),
	STR(0, "restart", "POLICY",
	    "no, always, unless-stopped, on-failure[:N]", restart),
	FLAG(0, "rm", "Remove the VM when it has ended", remove),
	STR(0, "stop-signal", "SIGNAL", "Signal that ends the command",
	    stop_signal),
	KIND(OPT_TIME, 0, "stop-timeout", "TIME",
	    "Time the command has to end", stop_timeout_ms),
	FLAG('t', "tty", "Give the command a terminal", tty),
	STR('u', "user", "USER[:GROUP]", "Run the command as this user",
	    user),
	LIST('v', "volume", "SOURCE:PATH[:ro]",
	    "Mount a volume or a directory of the host", volumes,
	    COMPLETE_VOLUME),
	STR('w', "workdir", "DIRECTORY", "Working directory", workdir),
	FLAG(0, "wait", "With -d, return when the guest answers", wait),
};

/* --- in front of us ---------------------------------------------------- */

struct front {
	struct ctx	*ctx;
	const char	*id, *name;
	int		 asked;		/* times it was told to stop */
	bool		 lost;		/* could not be told */
};

/* A signal: the first stops the VM, the next kills it. */
static int
on_signal(void *arg)
{
	struct front *f = arg;
	own_json json_t *body = json_object();
	struct err e = { 0 };
	bool any = false;

	while (sig_next() != 0)
		any = true;
	if (!any)
		return 0;
	if (f->asked++ > 0)
		json_object_set_new(body, "force", json_true());
	else
		(void)fprintf(stderr, "\nstopping vm %s; again to kill it\n",
		    f->name);
	/* It may just have ended by itself: then there is nothing to do. */
	if (vm_post(NULL, f->ctx, f->id, "stop", body, &e) == -1 &&
	    e.num != EBUSY && !api_is_missing(&e)) {
		(void)cmd_fail(f->ctx, &e);
		f->lost = true;
	}
	return f->lost;
}

static int
ignore(void *arg, const uint8_t *p, size_t len)
{
	(void)arg;
	(void)p;
	(void)len;
	return 0;
}

/* Wait until it has ended; signals still stop it. */
static int
wait_end(struct front *f, json_t **ret, struct err *e)
{
	own_mem char *path = api_path("/instances/%", f->id);
	own_mem char *wait = api_path(
	    "/instances/%/wait?state=Stopped&timeout=5m", f->id);
	struct api_stream s = { .path = wait, .data = ignore,
	    .wake_fd = sig_fd(), .wake = on_signal, .arg = f };
	json_t *vm;

	for (;;) {
		if (api_get(f->ctx->api, path, &vm, e) == -1)
			return -1;
		if (vm_has_ended(vm))
			break;
		json_decref(vm);
		switch (api_stream(f->ctx->api, &s, e)) {
		case -1:
			return -1;
		case 1:
			return err_set(e, EIO, "vm %s goes on", f->name);
		}
	}
	*ret = vm;
	return 0;
}

/* Remove it if that was asked for, and say how it ended. */
static int
front_status(struct front *f, const struct run_opts *o, const json_t *vm)
{
	const json_t *code = json_object_get(vm, "exit_code");
	own_mem char *path = api_path("/instances/%", f->id);
	const char *reason = js_str(vm, "exit_reason");
	struct err e = { 0 };

	if (reason[0] == '\0')
		reason = js_str(vm, "state_error");
	if (o->remove && api_call(f->ctx->api, "DELETE", path, NULL, NULL,
	    &e) == -1 && !api_is_missing(&e))
		(void)cmd_fail(f->ctx, &e);
	if (json_is_integer(code))
		return (int)json_integer_value(code) & 0xff;
	(void)err_set(&e, EIO, "vm %s ended without an exit code%s%s",
	    f->name, reason[0] != '\0' ? ": " : "", reason);
	return cmd_fail(f->ctx, &e);
}

/* The console, for -i; -1 when there is nothing more to wait for. */
static int
front_console(struct front *f, int *status)
{
	own_mem char *path = api_path("/instances/%/console", f->id);
	struct session s = { .path = path, .input = true, .raw = true,
	    .console = f->name };
	struct err e = { 0 };

	if (session_run(&s, f->ctx->api, &e) == -1) {
		*status = cmd_fail(f->ctx, &e);
		return -1;
	}
	if (s.left_by == 0 && !s.ended) {
		(void)fprintf(stderr, "\nvm %s goes on; 'vmctl console %s' "
		    "connects to it again\n", f->name, f->name);
		*status = 0;
		return -1;
	}
	if (s.left_by != 0)
		sig_put(s.left_by);
	return 0;
}

static int
front_run(struct ctx *ctx, const struct run_opts *o, const json_t *vm)
{
	struct front f = { .ctx = ctx, .id = js_str(vm, "id"),
	    .name = js_str(vm, "name") };
	struct logs l = { .id = f.id, .source = "app", .tail = LOGS_ALL,
	    .follow = true, .output = true, .wake_fd = sig_fd(),
	    .wake = on_signal, .arg = &f };
	own_json json_t *ended = NULL;
	struct err e = { 0 };
	int status = 0, r;

	if (o->interactive) {
		if (front_console(&f, &status) == -1)
			return status;
	} else {
		r = logs_print(ctx->api, &l, &e);
		/* Nobody reads any more: as if we had been told to stop. */
		if (r == 1 && !f.lost)
			sig_put(SIGPIPE);
		if (r == -1)
			(void)cmd_fail(ctx, &e);
	}
	if (f.lost || wait_end(&f, &ended, &e) == -1) {
		(void)fprintf(stderr, "vm %s was left as it is\n", f.name);
		return f.lost ? EXIT_DAEMON : cmd_fail(ctx, &e);
	}
	return front_status(&f, o, ended);
}

/* --- run --------------------------------------------------------------- */

static int
get_image(struct ctx *ctx, const struct run_opts *o, const char *name,
    struct err *e)
{
	own_json json_t *image = NULL;
	const char *when = o->pull != NULL ? o->pull : "missing";

	if (strcmp(when, "never") == 0)
		return 0;
	if (strcmp(when, "always") == 0)
		return pull_image(ctx, name, o->platform, o->quiet, &image,
		    e);
	return pull_missing(ctx, name, o->platform, o->quiet, &image, e);
}

static int
back_run(struct ctx *ctx, const struct run_opts *o, const json_t *vm)
{
	const struct vm_goal ready = { "Running", 0 };
	own_json json_t *now = NULL;
	struct err e = { 0 };

	(void)printf("%s\n", js_str(vm, "id"));
	if (!o->wait)
		return 0;
	(void)fflush(stdout);
	if (vm_wait(&now, ctx, js_str(vm, "id"), &ready, &e) == -1)
		return cmd_fail(ctx, &e);
	if (!vm_has_ended(now))
		return 0;
	(void)err_set(&e, ECHILD, "vm %s ended before it was ready; "
	    "'vmctl logs %s' may say why", js_str(vm, "name"),
	    js_str(vm, "name"));
	return cmd_fail(ctx, &e);
}

/* What cannot be, before anything is asked. */
static int
check_usage(const struct run_opts *o, struct err *e)
{
	if (o->wait && !o->detach)
		return err_set(e, EINVAL, "--wait needs -d");
	if (!o->interactive || o->detach)
		return 0;
	if (!o->tty)
		return err_set(e, EINVAL, "-i needs -t: without a terminal "
		    "the command of a VM reads nothing; 'vmctl exec -i' "
		    "connects a pipe to one");
	if (!isatty(STDIN_FILENO))
		return err_set(e, ENOTTY, "standard input is no terminal");
	return 0;
}

static int
run_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM, 0 };
	const struct run_opts *o = values;
	own_json json_t *body = NULL, *vm = NULL;
	struct err e = { 0 };

	if (check_usage(o, &e) == -1)
		return cmd_fail(ctx, &e);
	if (run_request(&body, o, argc, argv, &e) == -1 ||
	    ctx_api(ctx, &e) == NULL || get_image(ctx, o, argv[0], &e) == -1)
		return cmd_fail(ctx, &e);
	/* From here on there is a VM that a signal must stop. */
	if (!o->detach && sig_open(signals, &e) == -1)
		return cmd_fail(ctx, &e);
	if (api_call(ctx->api, "POST", "/instances", body, &vm, &e) == -1)
		return cmd_fail(ctx, &e);
	if (o->detach)
		return back_run(ctx, o, vm);
	return front_run(ctx, o, vm);
}

const struct command cmd_run = {
	.name = "run", .args = "image [command [arg ...]]",
	.help = "Run an image as a VM",
	.run = run_run, .opts = run_opts, .nopts = COUNT(run_opts),
	.min = 1, .max = -1, .complete = COMPLETE_IMAGE, .guest_args = true,
	.failure = EXIT_DAEMON,
};

_Static_assert(sizeof(struct run_opts) <= CMD_VALUES_MAX,
    "the options of run fit");
