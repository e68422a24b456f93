/* SPDX-License-Identifier: ISC */
/*
 * cmd_life.c - stop, pause, unpause, reset, rm, wait
 *
 * Commands take several VMs and do each; one that fails does not hold up
 * the others, and makes the exit status 1.  What is printed about them is
 * what OpenBSD's vmctl prints.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/conf.h"
#include "vmctl/vm.h"

/*
 * Do 'one' to each VM that is named; 1 of it is a failure that was printed.
 * Returns the exit status.
 */
static int
each_vm(struct ctx *ctx, int argc, char **argv, const void *values,
    int (*one)(struct ctx *, const json_t *vm, const void *, struct err *))
{
	struct err e = { 0 };
	int status = 0;

	for (int i = 0; i < argc; i++) {
		own_json json_t *vm = NULL;
		int r = vm_find(&vm, ctx, argv[i], &e);

		if (r == 0)
			r = one(ctx, vm, values, &e);
		if (r != 0)
			status = r == -1 ? cmd_fail(ctx, &e) : EXIT_ERROR;
	}
	return status;
}

static long long
number(const json_t *vm)
{
	return (long long)js_int(vm, "number");
}

/* --- pause, unpause, reset --------------------------------------------- */

static int
pause_one(struct ctx *ctx, const json_t *vm, const void *values,
    struct err *e)
{
	(void)values;
	if (vm_post(NULL, ctx, js_str(vm, "id"), "pause", NULL, e) == -1)
		return err_prefix(e, "pause vm command failed");
	(void)fprintf(stderr, "paused vm %lld successfully\n", number(vm));
	return 0;
}

static int
pause_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	return each_vm(ctx, argc, argv, values, pause_one);
}

const struct command cmd_pause = {
	.name = "pause", .args = "vm ...", .help = "Stop the virtual CPUs",
	.run = pause_run, .min = 1, .max = -1, .complete = COMPLETE_VM,
};

static int
unpause_one(struct ctx *ctx, const json_t *vm, const void *values,
    struct err *e)
{
	(void)values;
	if (vm_post(NULL, ctx, js_str(vm, "id"), "resume", NULL, e) == -1)
		return err_prefix(e, "unpause vm command failed");
	(void)fprintf(stderr, "unpaused vm %lld successfully\n", number(vm));
	return 0;
}

static int
unpause_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	return each_vm(ctx, argc, argv, values, unpause_one);
}

const struct command cmd_unpause = {
	.name = "unpause", .args = "vm ...",
	.help = "Let paused virtual CPUs run again",
	.run = unpause_run, .min = 1, .max = -1, .complete = COMPLETE_VM,
};

static int
reset_one(struct ctx *ctx, const json_t *vm, const void *values,
    struct err *e)
{
	(void)values;
	if (vm_post(NULL, ctx, js_str(vm, "id"), "reset", NULL, e) == -1)
		return err_prefix(e, "reset vm command failed");
	(void)fprintf(stderr, "reset vm %lld successfully\n", number(vm));
	return 0;
}

/* OpenBSD's reset forgets the configuration; it has no reset button. */
static int
reset_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	if (argc == 0)
		return conf_reset(ctx, "all");
	if (argc == 1 && conf_is_reset(argv[0]))
		return conf_reset(ctx, argv[0]);
	return each_vm(ctx, argc, argv, values, reset_one);
}

const struct command cmd_reset = {
	.name = "reset", .args = "[all|vms|switches|vm ...]",
	.help = "Forget what vm.conf made, or press reset buttons",
	.run = reset_run, .min = 0, .max = -1, .complete = COMPLETE_VM,
};

/* --- stop -------------------------------------------------------------- */

struct stop_opts {
	bool		all, force, wait;
	uint64_t	timeout_ms;
};

static const struct opt stop_opts[] = {
	{ 'a', "all", NULL, "All running VMs", OPT_FLAG,
	    offsetof(struct stop_opts, all), 0, 0, NULL, 0 },
	{ 'f', "force", NULL, "Do not ask, kill", OPT_FLAG,
	    offsetof(struct stop_opts, force), 0, 0, NULL, 0 },
	{ 't', "timeout", "TIME", "Kill after this time", OPT_TIME,
	    offsetof(struct stop_opts, timeout_ms), 0, 0, NULL, 0 },
	{ 'w', "wait", NULL, "Return when the VM has ended", OPT_FLAG,
	    offsetof(struct stop_opts, wait), 0, 0, NULL, 0 },
};

static json_t *
stop_body(const struct stop_opts *o)
{
	json_t *body = json_object();
	char text[32];

	if (o->force)
		json_object_set_new(body, "force", json_true());
	if (o->timeout_ms > 0) {
		(void)snprintf(text, sizeof(text), "%llums",
		    (unsigned long long)o->timeout_ms);
		json_object_set_new(body, "timeout", json_string(text));
	}
	return body;
}

static int
stop_one(struct ctx *ctx, const json_t *vm, const void *values,
    struct err *e)
{
	const struct stop_opts *o = values;
	const struct vm_goal stopped = { "Stopped", 0 };
	own_json json_t *body = stop_body(o), *now = NULL;
	const char *id = js_str(vm, "id"), *done;

	(void)fprintf(stderr, "stopping vm %s: ", js_str(vm, "name"));
	if (!vm_is_running(vm)) {
		(void)fprintf(stderr, "cannot stop vm that is not running\n");
		return 1;
	}
	if (vm_post(&now, ctx, id, "stop", body, e) == -1) {
		(void)fprintf(stderr, "failed: %s\n", e->text);
		return 1;
	}
	if (o->wait && !vm_has_ended(now)) {
		json_decref(take(&now));
		if (vm_wait(&now, ctx, id, &stopped, e) == -1 &&
		    !api_is_missing(e)) {
			(void)fprintf(stderr, "failed: %s\n", e->text);
			return 1;
		}
	}
	done = o->force ? "forced to terminate" :
	    now == NULL || vm_has_ended(now) ? "terminated" :
	    "requested to shutdown";
	(void)fprintf(stderr, "%s vm %lld\n", done, number(vm));
	return 0;
}

/* Do 'one' to every VM of the list that 'which' says. */
static int
each_listed(struct ctx *ctx, bool (*which)(const json_t *),
    const void *values,
    int (*one)(struct ctx *, const json_t *vm, const void *, struct err *))
{
	own_json json_t *list = NULL;
	struct err e = { 0 };
	int status = 0;
	size_t i;
	json_t *vm;

	if (vm_list(&list, ctx, &e) == -1)
		return cmd_fail(ctx, &e);
	json_array_foreach(list, i, vm) {
		int r = which(vm) ? one(ctx, vm, values, &e) : 0;

		if (r != 0)
			status = r == -1 ? cmd_fail(ctx, &e) : EXIT_ERROR;
	}
	return status;
}

static int
stop_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct stop_opts *o = values;
	int status = 0;

	if (o->all != (argc == 0))
		return cmd_usage(ctx);
	if (o->all)
		return each_listed(ctx, vm_is_running, values, stop_one);
	for (int i = 0; i < argc; i++) {
		own_json json_t *vm = NULL;
		struct err e = { 0 };

		if (vm_find(&vm, ctx, argv[i], &e) == 0)
			status |= stop_one(ctx, vm, values, &e);
		else if (!api_is_missing(&e))
			status |= cmd_fail(ctx, &e);
		else {
			(void)fprintf(stderr, "stopping vm %s: vm not "
			    "found\n", argv[i]);
			status = EXIT_ERROR;
		}
	}
	return status;
}

const struct command cmd_stop = {
	.name = "stop", .args = "[vm ...]", .help = "Shut VMs down",
	.run = stop_run, .opts = stop_opts, .nopts = COUNT(stop_opts),
	.min = 0, .max = -1, .complete = COMPLETE_VM,
};

/* --- rm ---------------------------------------------------------------- */

struct rm_opts {
	bool	all, force;
};

static const struct opt rm_opts[] = {
	{ 'a', "all", NULL, "All that are stopped", OPT_FLAG,
	    offsetof(struct rm_opts, all), 0, 0, NULL, 0 },
	{ 'f', "force", NULL, "Also running ones", OPT_FLAG,
	    offsetof(struct rm_opts, force), 0, 0, NULL, 0 },
};

static int
rm_one(struct ctx *ctx, const json_t *vm, const void *values, struct err *e)
{
	const struct rm_opts *o = values;
	own_mem char *path = api_path("/instances/%", js_str(vm, "id"));

	if (vm_is_running(vm) && !o->force)
		return err_set(e, EBUSY, "vm %s is running; stop it first, "
		    "or use rm -f", js_str(vm, "name"));
	if (api_call(ctx_api(ctx, e), "DELETE", path, NULL, NULL, e) == -1)
		return -1;
	(void)printf("%s\n", js_str(vm, "name"));
	return 0;
}

/* One in standby has its memory: it is not removed in passing. */
static bool
is_stopped(const json_t *vm)
{
	return vm_state_is(vm, "Stopped");
}

static bool
any_vm(const json_t *vm)
{
	(void)vm;
	return true;
}

static int
rm_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct rm_opts *o = values;
	struct err e = { 0 };
	int status = 0;

	if (o->all != (argc == 0))
		return cmd_usage(ctx);
	if (o->all)
		return each_listed(ctx, o->force ? any_vm : is_stopped,
		    values, rm_one);
	for (int i = 0; i < argc; i++) {
		own_json json_t *vm = NULL;

		if (vm_find(&vm, ctx, argv[i], &e) == -1) {
			if (!o->force || !api_is_missing(&e))
				status = cmd_fail(ctx, &e);
		} else if (rm_one(ctx, vm, o, &e) == -1)
			status = cmd_fail(ctx, &e);
	}
	return status;
}

const struct command cmd_rm = {
	.name = "rm", .args = "[vm ...]", .help = "Remove stopped VMs",
	.run = rm_run, .opts = rm_opts, .nopts = COUNT(rm_opts),
	.min = 0, .max = -1, .complete = COMPLETE_VM,
};

/* --- wait -------------------------------------------------------------- */

struct wait_opts {
	const char	*state;
	uint64_t	 timeout_ms;
};

static const struct opt wait_opts[] = {
	{ 0, "state", "STATE", "Wait for this state, not the end", OPT_STR,
	    offsetof(struct wait_opts, state), 0, 0,
	    "Running|Paused|Stopped|Initializing|Created|Shutdown|Standby", 0 },
	{ 't', "timeout", "TIME", "Fail when it takes longer", OPT_TIME,
	    offsetof(struct wait_opts, timeout_ms), 0, 0, NULL, 0 },
};

static int
wait_one(struct ctx *ctx, const json_t *vm, const void *values,
    struct err *e)
{
	const struct wait_opts *o = values;
	const struct vm_goal goal = { o->state != NULL ? o->state : "Stopped",
	    o->timeout_ms };
	own_json json_t *now = NULL;
	bool ended;

	(void)fprintf(stderr, "vmctl: waiting for vm %s: ",
	    js_str(vm, "name"));
	if (vm_wait(&now, ctx, js_str(vm, "id"), &goal, e) == -1) {
		/* One that is removed when it ends has: nobody knows how. */
		if (o->state == NULL && api_is_missing(e)) {
			(void)fprintf(stderr, "terminated vm %lld\n",
			    number(vm));
			return 0;
		}
		(void)fprintf(stderr, "failed\n");
		return err_prefix(e, "vm %s", js_str(vm, "name"));
	}
	ended = vm_has_ended(now);
	(void)fprintf(stderr, "%s vm %lld\n", ended ? "terminated" :
	    vm_state_word(now), number(vm));
	if (ended && strcmp(goal.state, "Running") == 0)
		return err_set(e, ECHILD, "vm %s ended; 'vmctl logs %s' may "
		    "say why", js_str(vm, "name"), js_str(vm, "name"));
	if (ended)
		(void)printf("%lld\n", (long long)js_int(now, "exit_code"));
	return 0;
}

static int
wait_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	return each_vm(ctx, argc, argv, values, wait_one);
}

const struct command cmd_wait = {
	.name = "wait", .args = "vm ...", .help = "Wait until VMs have ended",
	.run = wait_run, .opts = wait_opts, .nopts = COUNT(wait_opts),
	.min = 1, .max = -1, .complete = COMPLETE_VM,
};
