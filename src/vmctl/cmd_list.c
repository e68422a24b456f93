/* SPDX-License-Identifier: ISC */
/* cmd_list.c - status, show, ps, inspect, stats: what VMs there are */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/listing.h"
#include "vmctl/table.h"
#include "vmctl/vm.h"

static bool
is_json(const char *format)
{
	return format != NULL && strcmp(format, "json") == 0;
}

/* The statistics of a VM, or NULL when they cannot be had. */
static json_t *
stats_of(struct ctx *ctx, const json_t *vm)
{
	own_mem char *path = api_path("/instances/%/stats", js_str(vm, "id"));
	struct err e;
	json_t *stats = NULL;

	/* The VM may end between the two requests: no statistics then. */
	(void)api_get(ctx_api(ctx, &e), path, &stats, &e);
	return stats;
}

/* VMs named on the command line, or all; an array the caller owns. */
static int
gather(json_t **ret, struct ctx *ctx, int argc, char **argv, struct err *e)
{
	own_json json_t *list = NULL;
	json_t *vm;

	if (argc == 0)
		return vm_list(ret, ctx, e);
	list = json_array();
	for (int i = 0; i < argc; i++) {
		if (vm_find(&vm, ctx, argv[i], e) == -1)
			return -1;
		json_array_append_new(list, vm);
	}
	*ret = take(&list);
	return 0;
}

/* --- status, show: OpenBSD's table ------------------------------------- */

#define STATUS_ROW	"%5s %5s %5s %7s %7s %7s %12s %8s %s\n"
#define OWNER_MAX	16	/* OpenBSD cuts there */

struct status_opts {
	bool		 running;
	const char	*format;
};

static const struct opt status_opts[] = {
	{ 'r', "running", NULL, "Only running VMs", OPT_FLAG,
	    offsetof(struct status_opts, running), 0, 0, NULL, 0 },
	{ 0, "format", "FORMAT", "table or json", OPT_STR,
	    offsetof(struct status_opts, format), 0, 0, "json|table", 0 },
};

static void
status_row(struct ctx *ctx, const json_t *vm)
{
	own_json json_t *stats = vm_is_running(vm) ? stats_of(ctx, vm) : NULL;
	char number[24], pid[24] = "-", cpus[24], max[16] = "-", cur[16] = "-";
	char owner[OWNER_MAX + 1];
	const char *name = js_str(vm, "owner_name");
	uint64_t bytes;

	(void)snprintf(number, sizeof(number), "%lld",
	    (long long)js_int(vm, "number"));
	if (vm_is_running(vm) && js_int(vm, "pid") > 0)
		(void)snprintf(pid, sizeof(pid), "%lld",
		    (long long)js_int(vm, "pid"));
	(void)snprintf(cpus, sizeof(cpus), "%lld",
	    (long long)js_int(vm, "vcpus"));
	if (size_parse(&bytes, js_str(vm, "size"), NULL) == 0)
		fmt_scaled(max, sizeof(max), bytes);
	if (stats != NULL && js_int(stats, "memory_rss_bytes") > 0)
		fmt_scaled(cur, sizeof(cur),
		    (uint64_t)js_int(stats, "memory_rss_bytes"));
	if (name[0] != '\0')
		(void)snprintf(owner, sizeof(owner), "%.*s", OWNER_MAX, name);
	else
		(void)snprintf(owner, sizeof(owner), "%lld",
		    (long long)js_int(vm, "owner"));
	(void)printf(STATUS_ROW, number, pid, cpus, max, cur, "-", owner,
	    vm_state_word(vm), js_str(vm, "name"));
}

static int
status_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct status_opts *o = values;
	own_json json_t *list = NULL, *shown = json_array();
	struct err e = { 0 };
	size_t i;
	json_t *vm;

	if (gather(&list, ctx, argc, argv, &e) == -1)
		return cmd_fail(ctx, &e);
	json_array_foreach(list, i, vm)
		if (!o->running || vm_is_running(vm))
			json_array_append(shown, vm);
	if (is_json(o->format)) {
		js_print_lines(shown);
		return 0;
	}
	(void)printf(STATUS_ROW, "ID", "PID", "VCPUS", "MAXMEM", "CURMEM",
	    "TTY", "OWNER", "STATE", "NAME");
	json_array_foreach(shown, i, vm)
		status_row(ctx, vm);
	/* As OpenBSD's: the one that was asked for is not shown. */
	return argc > 0 && json_array_size(shown) == 0 ? EXIT_ERROR : 0;
}

const struct command cmd_status = {
	.name = "status", .args = "[vm]", .help = "List VMs as OpenBSD does",
	.run = status_run, .opts = status_opts, .nopts = COUNT(status_opts),
	.min = 0, .max = 1, .complete = COMPLETE_VM,
};

const struct command cmd_show = {
	.name = "show", .args = "[vm]", .help = "The same as status",
	.run = status_run, .opts = status_opts, .nopts = COUNT(status_opts),
	.min = 0, .max = 1, .complete = COMPLETE_VM,
};

/* --- ps ---------------------------------------------------------------- */

struct ps_opts {
	struct listing_opts listing;	/* first: its rows are relative to it */
	bool		 all;
	struct opt_list	 filters;
};

static const struct opt ps_opts[] = {
	{ 'a', "all", NULL, "All VMs, not only running ones", OPT_FLAG,
	    offsetof(struct ps_opts, all), 0, 0, NULL, 0 },
	{ 'f', "filter", "NAME=VALUE", "Only VMs for which it holds",
	    OPT_LIST, offsetof(struct ps_opts, filters), 0, 0, NULL, 0 },
	LISTING_OPTS("Only IDs"),
};

/* "label=NAME" or "label=NAME=VALUE". */
static bool
label_holds(const json_t *vm, const char *want)
{
	const json_t *tags = json_object_get(vm, "tags");
	size_t len = strcspn(want, "=");
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)tags, key, value)
		if (strlen(key) == len && strncmp(key, want, len) == 0 &&
		    (want[len] == '\0' || (json_is_string(value) &&
		    strcmp(json_string_value(value), want + len + 1) == 0)))
			return true;
	return false;
}

/* 1: it holds, 0: not, -1: there is no such filter. */
static int
filter_holds(const json_t *vm, const char *filter, struct err *e)
{
	static const char *const words[] = { "id", "name", "image" };
	const char *value = strchr(filter, '=');
	size_t len;

	if (value == NULL)
		return err_set(e, EINVAL, "filter %s: not NAME=VALUE", filter);
	len = (size_t)(value++ - filter);
	if (len == 5 && strncmp(filter, "label", 5) == 0)
		return label_holds(vm, value);
	if (len == 5 && strncmp(filter, "state", 5) == 0)
		return strcasecmp(js_str(vm, "state"), value) == 0;
	for (size_t i = 0; i < COUNT(words); i++)
		if (strlen(words[i]) == len &&
		    strncmp(filter, words[i], len) == 0)
			return strstr(js_str(vm, words[i]), value) != NULL;
	return err_set(e, EINVAL,
	    "filter %s: not id, name, image, state or label", filter);
}

/* Leave in 'list' the VMs that are asked for. */
static int
ps_filter(json_t *list, const struct ps_opts *o, struct err *e)
{
	bool any_state = o->all;
	int keep;

	for (size_t f = 0; f < o->filters.n; f++)
		any_state = any_state ||
		    strncmp(o->filters.v[f], "state=", 6) == 0;
	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *vm = json_array_get(list, i);

		keep = any_state || vm_is_running(vm);
		for (size_t f = 0; f < o->filters.n; f++) {
			int holds = filter_holds(vm, o->filters.v[f], e);

			if (holds == -1)
				return -1;
			keep = keep && holds;
		}
		if (!keep)
			json_array_remove(list, i);
	}
	/* A filter that is wrong is wrong without a VM too. */
	for (size_t f = 0; f < o->filters.n; f++)
		if (filter_holds(NULL, o->filters.v[f], e) == -1)
			return -1;
	return 0;
}

/* "0.0.0.0:8080->80/tcp, ..." */
static void
ports_text(char *buf, size_t len, const json_t *vm)
{
	const char *ip, *protocol;
	size_t i, used = 0;
	json_t *p;

	buf[0] = '\0';
	json_array_foreach(json_object_get(vm, "ports"), i, p) {
		ip = js_str(p, "host_ip");
		protocol = js_str(p, "protocol");
		(void)snprintf(buf + used, len - used, "%s%s%s%lld->%lld/%s",
		    used > 0 ? ", " : "", ip, ip[0] != '\0' ? ":" : "",
		    (long long)js_int(p, "host_port"),
		    (long long)js_int(p, "guest_port"),
		    protocol[0] != '\0' ? protocol : "tcp");
		used = strlen(buf);
	}
}

/* "Stopped (3)", "Running". */
static void
state_text(char *buf, size_t len, const json_t *vm)
{
	const json_t *code = json_object_get(vm, "exit_code");

	if (vm_has_ended(vm) && json_is_integer(code))
		(void)snprintf(buf, len, "%s (%lld)", js_str(vm, "state"),
		    (long long)json_integer_value(code));
	else
		(void)snprintf(buf, len, "%s", js_str(vm, "state"));
}

static void
ps_table(const json_t *list, bool whole)
{
	static const struct column columns[] = {
		{ "ID", false, 0 }, { "NAME", false, 8 },
		{ "IMAGE", false, 8 }, { "STATE", false, 7 },
		{ "CREATED", false, 7 }, { "PORTS", false, 5 },
	};
	OWN(table_destroy) struct table *t =
	    table_new(columns, COUNT(columns));
	char ago[AGO_MAX], ports[512], state[48];
	size_t i;
	json_t *vm;

	json_array_foreach(list, i, vm) {
		ports_text(ports, sizeof(ports), vm);
		state_text(state, sizeof(state), vm);
		table_cell(t, "%.*s", whole ? 255 : VM_ID_SHOWN,
		    js_str(vm, "id"));
		table_cell(t, "%s", js_str(vm, "name"));
		table_cell(t, "%s", js_str(vm, "image"));
		table_cell(t, "%s", state);
		table_cell(t, "%s", fmt_ago(ago, sizeof(ago),
		    js_str(vm, "created_at")));
		table_cell(t, "%s", ports);
	}
	table_print(t, stdout, whole ? 0 : table_width());
}

static int
ps_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	static const struct listing vms = { "id", VM_ID_SHOWN, ps_table };
	const struct ps_opts *o = values;
	own_json json_t *list = NULL;
	struct err e = { 0 };

	(void)argc;
	(void)argv;
	if (vm_list(&list, ctx, &e) == -1 || ps_filter(list, o, &e) == -1)
		return cmd_fail(ctx, &e);
	listing_print(list, &vms, &o->listing);
	return 0;
}

const struct command cmd_ps = {
	.name = "ps", .args = "", .help = "List running VMs",
	.run = ps_run, .opts = ps_opts, .nopts = COUNT(ps_opts),
};

/* --- inspect ----------------------------------------------------------- */

struct format_opts {
	const char	*format;
};

static const struct opt inspect_opts[] = {
	{ 0, "format", "FORMAT", "json, one object a line, or a list",
	    OPT_STR, offsetof(struct format_opts, format), 0, 0,
	    "json|table", 0 },
};

static int
inspect_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct format_opts *o = values;
	own_json json_t *list = NULL;
	struct err e = { 0 };

	if (gather(&list, ctx, argc, argv, &e) == -1)
		return cmd_fail(ctx, &e);
	if (is_json(o->format))
		js_print_lines(list);
	else
		js_print_list(list);
	return 0;
}

const struct command cmd_inspect = {
	.name = "inspect", .args = "vm ...",
	.help = "Print everything that is known about VMs",
	.run = inspect_run, .opts = inspect_opts, .nopts = COUNT(inspect_opts),
	.min = 1, .max = -1, .complete = COMPLETE_VM,
};

/* --- stats ------------------------------------------------------------- */

static const struct opt stats_opts[] = {
	{ 0, "format", "FORMAT", "table or json", OPT_STR,
	    offsetof(struct format_opts, format), 0, 0, "json|table", 0 },
};

static void
stats_row(struct table *t, const json_t *s)
{
	char a[16], b[16];
	int64_t limit = js_int(s, "allocated_memory_bytes");
	int64_t rss = js_int(s, "memory_rss_bytes");

	table_cell(t, "%.*s", VM_ID_SHOWN, js_str(s, "instance_id"));
	table_cell(t, "%s", js_str(s, "instance_name"));
	table_cell(t, "%.1fs",
	    json_number_value(json_object_get(s, "cpu_seconds")));
	table_cell(t, "%s / %s", fmt_scaled(a, sizeof(a), (uint64_t)rss),
	    fmt_scaled(b, sizeof(b), (uint64_t)limit));
	table_cell(t, "%.1f%%",
	    limit > 0 ? 100.0 * (double)rss / (double)limit : 0.0);
	table_cell(t, "%s / %s", fmt_scaled(a, sizeof(a),
	    (uint64_t)js_int(s, "network_rx_bytes")),
	    fmt_scaled(b, sizeof(b), (uint64_t)js_int(s, "network_tx_bytes")));
	table_cell(t, "%s / %s", fmt_scaled(a, sizeof(a),
	    (uint64_t)js_int(s, "disk_read_bytes")),
	    fmt_scaled(b, sizeof(b),
	    (uint64_t)js_int(s, "disk_write_bytes")));
}

static int
stats_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	static const struct column columns[] = {
		{ "ID", false, 0 }, { "NAME", false, 8 },
		{ "CPU TIME", true, 0 }, { "MEM / LIMIT", true, 0 },
		{ "MEM %", true, 0 }, { "NET IN / OUT", true, 0 },
		{ "DISK IN / OUT", true, 0 },
	};
	const struct format_opts *o = values;
	own_json json_t *list = NULL, *all = json_array();
	OWN(table_destroy) struct table *t =
	    table_new(columns, COUNT(columns));
	struct err e = { 0 };
	size_t i;
	json_t *vm, *stats;

	if (gather(&list, ctx, argc, argv, &e) == -1)
		return cmd_fail(ctx, &e);
	json_array_foreach(list, i, vm) {
		if (argc == 0 && !vm_is_running(vm))
			continue;
		stats = stats_of(ctx, vm);
		if (stats == NULL)
			continue;
		stats_row(t, stats);
		json_array_append_new(all, stats);
	}
	if (is_json(o->format))
		js_print_lines(all);
	else
		table_print(t, stdout, table_width());
	return 0;
}

const struct command cmd_stats = {
	.name = "stats", .args = "[vm ...]",
	.help = "Print what VMs have used",
	.run = stats_run, .opts = stats_opts, .nopts = COUNT(stats_opts),
	.min = 0, .max = -1, .complete = COMPLETE_VM,
};
