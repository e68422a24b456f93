/* SPDX-License-Identifier: ISC */
/*
 * cmd_start.c - start: VMs that are there, and with OpenBSD's options new ones
 *
 * Several names start each; options that describe a VM take one.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/console.h"
#include "vmctl/start.h"
#include "vmctl/vm.h"

#define LIST(letter, name, arg, help, member, complete)			\
	{ letter, name, arg, help, OPT_LIST,				\
	    offsetof(struct start_opts, member), 0, 0, NULL, complete }
#define FLAG(letter, name, help, member)				\
	{ letter, name, NULL, help, OPT_FLAG,				\
	    offsetof(struct start_opts, member), 0, 0, NULL, 0 }

static const struct opt start_opts[] = {
	LIST('B', "boot-device", "DEVICE",
	    "Boot from disk, cdrom or net this time", device, 0),
	LIST('b', "boot", "FILE", "Boot this kernel this time", boot,
	    COMPLETE_FILE),
	FLAG('c', "console", "Connect to the console", console),
	LIST('d', "disk", "[FORMAT:]FILE", "A disk; may be repeated", disks,
	    COMPLETE_FILE),
	LIST('i', "interfaces", "COUNT", "At least so many network cards",
	    count, 0),
	{ 'L', "local", NULL, "A local network card; may be repeated",
	    OPT_COUNT, offsetof(struct start_opts, nlocal), 0, 0, NULL, 0 },
	LIST('m', "memory", "SIZE", "Memory", memory, 0),
	LIST('n', "switch", "NAME", "A network card on this switch", switches,
	    0),
	LIST('p', "cpus", "COUNT", "Number of virtual CPUs", cpus, 0),
	LIST('r', "cdrom", "FILE", "Image of a CD-ROM", cdrom, COMPLETE_FILE),
	LIST('t', "template", "VM", "Make an instance of this VM", template,
	    COMPLETE_VM),
	FLAG('w', "wait", "Return when the guest answers", wait),
};

static int
wait_ready(struct ctx *ctx, const json_t *vm, struct err *e)
{
	const struct vm_goal ready = { "Running", 0 };
	own_json json_t *now = NULL;

	if (vm_wait(&now, ctx, js_str(vm, "id"), &ready, e) == -1)
		return -1;
	return !vm_has_ended(now) ? 0 : err_set(e, ECHILD, "vm %s ended "
	    "before it was ready; 'vmctl logs %s' may say why",
	    js_str(vm, "name"), js_str(vm, "name"));
}

/* One that is there: only what holds for this start may be said of it. */
static int
start_known(struct ctx *ctx, const json_t *vm, const struct start_opts *o,
    struct err *e)
{
	own_json json_t *body = NULL;

	if (start_describes(o))
		return err_set(e, EALREADY, "start vm command failed: %s: vm "
		    "%s is there, and only -b, -B and -p can be said of it",
		    strerror(EALREADY), js_str(vm, "name"));
	if (start_body(&body, o, e) == -1)
		return -1;
	if (vm_post(NULL, ctx, js_str(vm, "id"), "start", body, e) == -1)
		return err_prefix(e, "start vm command failed");
	return 0;
}

static int
start_new(json_t **vm, struct ctx *ctx, const char *name,
    const struct start_opts *o, struct err *e)
{
	own_json json_t *body = NULL;

	if (start_request(&body, o, name, e) == -1)
		return -1;
	if (api_call(ctx_api(ctx, e), "POST", "/instances", body, vm,
	    e) == -1)
		return err_prefix(e, "start vm command failed");
	return 0;
}

static int
start_one(struct ctx *ctx, const char *name, const struct start_opts *o,
    struct err *e)
{
	bool describes = start_describes(o) || o->boot.n > 0 ||
	    o->device.n > 0;
	own_json json_t *vm = NULL;

	if ((describes ? vm_find_whole : vm_find)(&vm, ctx, name, e) == 0) {
		if (start_known(ctx, vm, o, e) == -1)
			return -1;
	} else if (!api_is_missing(e) || !describes ||
	    strspn(name, "0123456789") == strlen(name) ||
	    start_new(&vm, ctx, name, o, e) == -1)
		return -1;
	(void)fprintf(stderr, "vmctl: started vm %lld successfully\n",
	    (long long)js_int(vm, "number"));
	return o->wait ? wait_ready(ctx, vm, e) : 0;
}

static int
start_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct start_opts *o = values;
	struct err e = { 0 };
	int status = 0;

	if (start_check(o, &e) == -1)
		return cmd_fail(ctx, &e);
	if (argc != 1 && (o->console || start_describes(o))) {
		log_warnx("%s takes one VM", o->console ? "-c" :
		    "what describes a VM");
		return cmd_usage(ctx);
	}
	for (int i = 0; i < argc; i++)
		if (start_one(ctx, argv[i], o, &e) == -1)
			status = cmd_fail(ctx, &e);
	if (status == 0 && o->console)
		status = console_attach(ctx, argv[0]);
	return status;
}

const struct command cmd_start = {
	.name = "start", .args = "vm ...",
	.help = "Start stopped VMs, or a new one",
	.run = start_run, .opts = start_opts, .nopts = COUNT(start_opts),
	.min = 1, .max = -1, .complete = COMPLETE_VM,
};

_Static_assert(sizeof(struct start_opts) <= CMD_VALUES_MAX,
    "the options of start fit");
