/* SPDX-License-Identifier: ISC */
/* cmd_logs.c - logs: what a VM, its hypervisor or the daemon wrote */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/logs.h"
#include "vmctl/sse.h"
#include "vmctl/vm.h"

struct printer {
	struct sse		 sse;
	const struct logs	*logs;
	int			 error;		/* of standard output */
	bool			 blank;		/* an empty line is held back */
};

static void
put_line(struct printer *p, const char *text, size_t len)
{
	(void)fwrite(text, 1, len, stdout);
	if (putchar('\n') == EOF)
		p->error = errno;
}

/*
 * The guest's last words are "\nvmd: exit code=...": for whom only the
 * command's output counts both lines are left out.
 */
static void
put_output(struct printer *p, const char *text, size_t len)
{
	static const char last[] = "vmd: exit code=";
	bool held = p->blank;

	p->blank = len == 0;
	if (len >= sizeof(last) - 1 && memcmp(text, last,
	    sizeof(last) - 1) == 0)
		return;
	if (held)
		put_line(p, "", 0);
	if (len > 0)
		put_line(p, text, len);
}

/* An event is a line as a JSON string. */
static int
print_line(void *arg, const char *text, size_t len)
{
	struct printer *p = arg;
	own_json json_t *v = json_loadb(text, len,
	    JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	if (json_is_string(v)) {
		text = json_string_value(v);
		len = json_string_length(v);
	}
	if (p->logs->output)
		put_output(p, text, len);
	else
		put_line(p, text, len);
	return p->error != 0;
}

static int
on_data(void *arg, const uint8_t *data, size_t len)
{
	struct printer *p = arg;
	int r = sse_feed(&p->sse, data, len, print_line, p);

	if (r == 0 && fflush(stdout) == EOF) {
		p->error = errno;
		r = 1;
	}
	return r;
}

static int
on_wake(void *arg)
{
	struct printer *p = arg;

	return p->logs->wake(p->logs->arg);
}

int
logs_print(struct api *api, const struct logs *l, struct err *e)
{
	own_mem char *base = api_path("/instances/%/logs", l->id);
	own_mem char *path = NULL;
	struct printer p = { .logs = l };
	struct api_stream s = { .data = on_data, .wake = on_wake,
	    .wake_fd = l->wake_fd, .arg = &p };
	int r;

	if (asprintf(&path, "%s?follow=%s&tail=%llu&source=%s", base,
	    l->follow ? "true" : "false", (unsigned long long)l->tail,
	    l->source) == -1) {
		path = NULL;
		return err_sys(e, "request");
	}
	s.path = path;
	sse_init(&p.sse);
	r = api_stream(api, &s, e);
	if (p.blank && p.error == 0)
		put_line(&p, "", 0);
	sse_fini(&p.sse);
	if (p.error != 0 && p.error != EPIPE)
		return err_set(e, p.error, "standard output: %s",
		    strerror(p.error));
	return r;
}

struct logs_opts {
	bool		 follow;
	const char	*tail, *source;
};

static const struct opt logs_opts[] = {
	{ 'f', "follow", NULL, "Go on until the VM ends", OPT_FLAG,
	    offsetof(struct logs_opts, follow), 0, 0, NULL, 0 },
	{ 'n', "tail", "LINES", "Begin with this many of the last lines",
	    OPT_STR, offsetof(struct logs_opts, tail), 0, 0, NULL, 0 },
	{ 0, "source", "SOURCE", "app, vmm or hypeman", OPT_STR,
	    offsetof(struct logs_opts, source), 0, 0, "app|vmm|hypeman", 0 },
};

static int
logs_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct logs_opts *o = values;
	struct logs l = { .follow = o->follow, .tail = LOGS_ALL,
	    .source = o->source != NULL ? o->source : "app", .wake_fd = -1 };
	own_json json_t *vm = NULL;
	struct err e = { 0 };

	(void)argc;
	if (o->tail != NULL && strcmp(o->tail, "all") != 0 &&
	    num_parse(&l.tail, o->tail, 0, LOGS_ALL, &e) == -1) {
		(void)err_prefix(&e, "--tail");
		return cmd_fail(ctx, &e);
	}
	if (vm_find(&vm, ctx, argv[0], &e) == -1)
		return cmd_fail(ctx, &e);
	l.id = js_str(vm, "id");
	if (logs_print(ctx->api, &l, &e) == -1)
		return cmd_fail(ctx, &e);
	return 0;
}

const struct command cmd_logs = {
	.name = "logs", .args = "vm", .help = "Print what a VM wrote",
	.run = logs_run, .opts = logs_opts, .nopts = COUNT(logs_opts),
	.min = 1, .max = 1, .complete = COMPLETE_VM,
};
