/* SPDX-License-Identifier: ISC */
/* cmd_host.c - capabilities, resources, version: the host and the daemon */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/table.h"
#include "vmctl/vm.h"

#define FEATURES_MAX	4096	/* bytes of a list of features */

struct format_opts {
	const char	*format;
};

static const struct opt format_opts[] = {
	{ 0, "format", "FORMAT", "table or json", OPT_STR,
	    offsetof(struct format_opts, format), 0, 0, "json|table", 0 },
};

static bool
is_json(const void *values)
{
	const struct format_opts *o = values;

	return o->format != NULL && strcmp(o->format, "json") == 0;
}

static void
print_object(const json_t *v)
{
	(void)json_dumpf(v, stdout, JSON_COMPACT);
	(void)putchar('\n');
}

/* --- capabilities ------------------------------------------------------ */

/* A list of strings as one cell. */
static void
list_cell(struct table *t, const json_t *list)
{
	struct buf b;
	size_t i;
	json_t *v;

	buf_init(&b, FEATURES_MAX);
	json_array_foreach(list, i, v)
		if (json_is_string(v))
			(void)buf_printf(&b, "%s%s", i > 0 ? "," : "",
			    json_string_value(v));
	table_cell(t, "%s", b.len > 0 ? (const char *)b.data : "-");
	buf_fini(&b);
}

static void
capabilities_table(const json_t *v)
{
	static const struct column columns[] = {
		{ "NAME", false, 0 }, { "DEFAULT", false, 0 },
		{ "AVAILABLE", false, 0 }, { "FEATURES", false, 8 },
		{ "REASON", false, 6 },
	};
	OWN(table_destroy) struct table *t =
	    table_new(columns, COUNT(columns));
	const json_t *def = json_object_get(v, "default_runtime");
	size_t i;
	json_t *r;

	json_array_foreach(json_object_get(v, "runtimes"), i, r) {
		table_cell(t, "%s", js_str(r, "name"));
		table_cell(t, "%s", strcmp(js_str(r, "name"),
		    js_str(def, "name")) == 0 ? "*" : "");
		table_cell(t, "%s", js_bool(r, "available") ? "yes" : "no");
		list_cell(t, json_object_get(r, "features"));
		table_cell(t, "%s", js_str(r, "reason"));
	}
	table_print(t, stdout, table_width());
}

static int
capabilities_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);
	own_json json_t *v = NULL;

	(void)argc;
	(void)argv;
	if (api == NULL || api_get(api, "/capabilities", &v, &e) == -1)
		return cmd_fail(ctx, &e);
	if (is_json(values))
		print_object(v);
	else
		capabilities_table(v);
	return 0;
}

const struct command cmd_capabilities = {
	.name = "capabilities", .args = "",
	.help = "Print which hypervisors can be used, and why others cannot",
	.run = capabilities_run, .opts = format_opts,
	.nopts = COUNT(format_opts),
};

/* --- resources --------------------------------------------------------- */

static void
amount_cell(struct table *t, const json_t *v, const char *name, bool bytes)
{
	char text[16];
	int64_t n = js_int(v, name);

	if (bytes)
		table_cell(t, "%s", fmt_scaled(text, sizeof(text),
		    (uint64_t)MAX(n, 0)));
	else
		table_cell(t, "%lld", (long long)n);
}

static void
resources_table(const json_t *v)
{
	static const struct column columns[] = {
		{ "RESOURCE", false, 0 }, { "CAPACITY", true, 0 },
		{ "LIMIT", true, 0 }, { "ALLOCATED", true, 0 },
		{ "FREE", true, 0 }, { "OVERCOMMIT", true, 0 },
	};
	static const struct {
		const char	*name;
		bool		 bytes;
	} rows[] = {
		{ "cpu", false }, { "memory", true }, { "disk", true },
		{ "network", true }, { "disk_io", true },
	};
	OWN(table_destroy) struct table *t =
	    table_new(columns, COUNT(columns));

	for (size_t i = 0; i < COUNT(rows); i++) {
		const json_t *r = json_object_get(v, rows[i].name);

		if (!json_is_object(r))
			continue;
		table_cell(t, "%s", rows[i].name);
		amount_cell(t, r, "capacity", rows[i].bytes);
		amount_cell(t, r, "effective_limit", rows[i].bytes);
		amount_cell(t, r, "allocated", rows[i].bytes);
		amount_cell(t, r, "available", rows[i].bytes);
		table_cell(t, "%.1f", json_number_value(
		    json_object_get(r, "oversub_ratio")));
	}
	table_print(t, stdout, table_width());
}

static void
allocations_table(const json_t *list)
{
	static const struct column columns[] = {
		{ "VM", false, 8 }, { "CPU", true, 0 }, { "MEMORY", true, 0 },
		{ "DISK", true, 0 }, { "DISK/S", true, 0 },
		{ "DOWN/S", true, 0 }, { "UP/S", true, 0 },
	};
	OWN(table_destroy) struct table *t =
	    table_new(columns, COUNT(columns));
	size_t i;
	json_t *a;

	if (json_array_size(list) == 0)
		return;
	json_array_foreach(list, i, a) {
		table_cell(t, "%s", js_str(a, "instance_name"));
		amount_cell(t, a, "cpu", false);
		amount_cell(t, a, "memory_bytes", true);
		amount_cell(t, a, "disk_bytes", true);
		amount_cell(t, a, "disk_io_bps", true);
		amount_cell(t, a, "network_download_bps", true);
		amount_cell(t, a, "network_upload_bps", true);
	}
	(void)putchar('\n');
	table_print(t, stdout, table_width());
}

static int
resources_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);
	own_json json_t *v = NULL;

	(void)argc;
	(void)argv;
	if (api == NULL || api_get(api, "/resources", &v, &e) == -1)
		return cmd_fail(ctx, &e);
	if (is_json(values)) {
		print_object(v);
		return 0;
	}
	resources_table(v);
	allocations_table(json_object_get(v, "allocations"));
	return 0;
}

const struct command cmd_resources = {
	.name = "resources", .args = "",
	.help = "Print what the host has and what is free",
	.run = resources_run, .opts = format_opts,
	.nopts = COUNT(format_opts),
};

/* --- version ----------------------------------------------------------- */

static int
version_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);
	own_json json_t *v = NULL, *out = json_object();
	const json_t *server;
	int failed;

	(void)argc;
	(void)argv;
	failed = api == NULL || api_get(api, "/capabilities", &v, &e) == -1;
	server = json_object_get(v, "server");
	json_object_set_new(out, "client", json_string(VMD_VERSION));
	if (server != NULL)
		json_object_set(out, "server", (json_t *)server);
	if (is_json(values))
		print_object(out);
	else {
		(void)printf("vmctl %s\n", VMD_VERSION);
		if (server != NULL)
			(void)printf("vmd %s (API %s)\n",
			    js_str(server, "version"),
			    js_str(server, "api_version"));
	}
	return failed ? cmd_fail(ctx, &e) : 0;
}

const struct command cmd_version = {
	.name = "version", .args = "",
	.help = "Print the versions of vmctl and the daemon",
	.run = version_run, .opts = format_opts, .nopts = COUNT(format_opts),
};
