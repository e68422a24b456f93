/* SPDX-License-Identifier: ISC */
/* cmd_snapshot.c - standby, restore, fork; snapshot create, delete, ... */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/listing.h"
#include "vmctl/table.h"
#include "vmctl/vm.h"

/* --- standby, restore -------------------------------------------------- */

/* POST verb to each VM that is named. */
static int
each_vm(struct ctx *ctx, int argc, char **argv, const char *verb,
    const char *done)
{
	struct err e = { 0 };
	int status = 0;

	for (int i = 0; i < argc; i++) {
		own_json json_t *vm = NULL;

		if (vm_find(&vm, ctx, argv[i], &e) == -1 ||
		    vm_post(NULL, ctx, js_str(vm, "id"), verb, NULL,
		    &e) == -1)
			status = cmd_fail(ctx, &e);
		else
			(void)fprintf(stderr, "%s vm %lld successfully\n",
			    done, (long long)js_int(vm, "number"));
	}
	return status;
}

static int
standby_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	(void)values;
	return each_vm(ctx, argc, argv, "standby", "put to standby");
}

const struct command cmd_standby = {
	.name = "standby", .args = "vm ...",
	.help = "Write the memory of VMs to disk and end their processes",
	.run = standby_run, .min = 1, .max = -1, .complete = COMPLETE_VM,
};

static int
restore_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	(void)values;
	return each_vm(ctx, argc, argv, "restore", "restored");
}

const struct command cmd_restore = {
	.name = "restore", .args = "vm ...",
	.help = "Let VMs go on after standby",
	.run = restore_run, .min = 1, .max = -1, .complete = COMPLETE_VM,
};

/* --- one snapshot ------------------------------------------------------- */

/* By ID, name, or unique prefix of the ID; its ID. */
static int
snapshot_find(char id[64], struct ctx *ctx, const char *arg, struct err *e)
{
	own_json json_t *list = NULL;
	const char *found = NULL;
	size_t i, n = 0;
	json_t *s;

	if (ctx_api(ctx, e) == NULL ||
	    api_get(ctx->api, "/snapshots", &list, e) == -1)
		return -1;
	json_array_foreach(list, i, s) {
		const char *this = js_str(s, "id");

		if (strcmp(this, arg) == 0) {
			found = this;
			n = 1;
			break;
		}
		if (arg[0] == '\0' || (strcmp(js_str(s, "name"), arg) != 0 &&
		    strncmp(this, arg, strlen(arg)) != 0))
			continue;
		found = this;
		n++;
	}
	if (n == 0)
		return err_set(e, ENOENT, "no snapshot is called %s", arg);
	if (n > 1)
		return err_set(e, EEXIST, "%zu snapshots are called %s: use "
		    "the ID", n, arg);
	(void)snprintf(id, 64, "%s", found);
	return 0;
}

/* --- fork --------------------------------------------------------------- */

struct state_opts {
	const char	*state;
};

static const struct opt state_opts[] = {
	{ 0, "state", "STATE", "Running, Standby or Stopped", OPT_STR,
	    offsetof(struct state_opts, state), 0, 0,
	    "Running|Standby|Stopped", 0 },
};

static json_t *
state_body(const struct state_opts *o)
{
	json_t *body = json_object();

	if (o->state != NULL)
		json_object_set_new(body, "target_state",
		    json_string(o->state));
	return body;
}

static int
fork_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	own_json json_t *body = state_body(values), *vm = NULL, *child = NULL;
	struct err e = { 0 };

	(void)argc;
	json_object_set_new(body, "name", json_string(argv[1]));
	json_object_set_new(body, "from_running", json_true());
	if (vm_find(&vm, ctx, argv[0], &e) == -1 ||
	    vm_post(&child, ctx, js_str(vm, "id"), "fork", body, &e) == -1)
		return cmd_fail(ctx, &e);
	(void)printf("%s\n", js_str(child, "id"));
	return 0;
}

const struct command cmd_fork = {
	.name = "fork", .args = "vm name",
	.help = "Make another VM that is as this one is now",
	.run = fork_run, .opts = state_opts, .nopts = COUNT(state_opts),
	.min = 2, .max = 2, .complete = COMPLETE_VM,
};

static int
snapshot_fork_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	own_json json_t *body = state_body(values), *child = NULL;
	own_mem char *path = NULL;
	struct err e = { 0 };
	char id[64];

	(void)argc;
	json_object_set_new(body, "name", json_string(argv[1]));
	if (snapshot_find(id, ctx, argv[0], &e) == -1)
		return cmd_fail(ctx, &e);
	path = api_path("/snapshots/%/fork", id);
	if (api_call(ctx->api, "POST", path, body, &child, &e) == -1)
		return cmd_fail(ctx, &e);
	(void)printf("%s\n", js_str(child, "id"));
	return 0;
}

const struct command cmd_snapshot_fork = {
	.name = "snapshot fork", .args = "snapshot name",
	.help = "Make a VM from a snapshot",
	.run = snapshot_fork_run, .opts = state_opts,
	.nopts = COUNT(state_opts), .min = 2, .max = 2,
	.complete = COMPLETE_SNAPSHOT,
};

/* --- snapshot create ---------------------------------------------------- */

struct create_opts {
	const char	*name;
	struct opt_list	 labels;
};

static const struct opt create_opts[] = {
	{ 'l', "label", "NAME=VALUE", "Add a label", OPT_LIST,
	    offsetof(struct create_opts, labels), 0, 0, NULL, 0 },
	{ 0, "name", "NAME", "Name of the snapshot", OPT_STR,
	    offsetof(struct create_opts, name), 0, 0, NULL, 0 },
};

static int
create_body(json_t **ret, const struct create_opts *o, const json_t *vm,
    struct err *e)
{
	own_json json_t *body = json_object();
	json_t *tags = json_object();

	json_object_set_new(body, "tags", tags);
	json_object_set_new(body, "kind", json_string(
	    vm_state_is(vm, "Stopped") ? "Stopped" : "Standby"));
	if (o->name != NULL)
		json_object_set_new(body, "name", json_string(o->name));
	for (size_t i = 0; i < o->labels.n; i++) {
		const char *text = o->labels.v[i], *eq = strchr(text, '=');

		if (eq == NULL || eq == text)
			return err_set(e, EINVAL, "label %s: not NAME=VALUE",
			    text);
		json_object_setn_new(tags, text, (size_t)(eq - text),
		    json_string(eq + 1));
	}
	*ret = take(&body);
	return 0;
}

static int
create_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	own_json json_t *vm = NULL, *body = NULL, *snapshot = NULL;
	struct err e = { 0 };

	(void)argc;
	if (vm_find(&vm, ctx, argv[0], &e) == -1 ||
	    create_body(&body, values, vm, &e) == -1 ||
	    vm_post(&snapshot, ctx, js_str(vm, "id"), "snapshots", body,
	    &e) == -1)
		return cmd_fail(ctx, &e);
	(void)printf("%s\n", js_str(snapshot, "id"));
	return 0;
}

const struct command cmd_snapshot_create = {
	.name = "snapshot create", .args = "vm",
	.help = "Keep a VM as it is now",
	.run = create_run, .opts = create_opts, .nopts = COUNT(create_opts),
	.min = 1, .max = 1, .complete = COMPLETE_VM,
};

/* --- snapshot delete ---------------------------------------------------- */

static int
delete_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct err e = { 0 };
	int status = 0;
	char id[64];

	(void)values;
	for (int i = 0; i < argc; i++) {
		own_mem char *path = NULL;

		if (snapshot_find(id, ctx, argv[i], &e) == 0)
			path = api_path("/snapshots/%", id);
		if (path == NULL || api_call(ctx->api, "DELETE", path, NULL,
		    NULL, &e) == -1)
			status = cmd_fail(ctx, &e);
		else
			(void)printf("%s\n", argv[i]);
	}
	return status;
}

const struct command cmd_snapshot_delete = {
	.name = "snapshot delete", .args = "snapshot ...",
	.help = "Delete snapshots",
	.run = delete_run, .min = 1, .max = -1,
	.complete = COMPLETE_SNAPSHOT,
};

/* --- snapshot list ------------------------------------------------------ */

static const struct opt list_opts[] = { LISTING_OPTS("Only IDs") };

static void
list_table(const json_t *list, bool whole)
{
	static const struct column columns[] = {
		{ "ID", false, 0 }, { "NAME", false, 8 },
		{ "KIND", false, 0 }, { "VM", false, 8 },
		{ "SIZE", true, 0 }, { "CREATED", false, 7 },
	};
	OWN(table_destroy) struct table *t =
	    table_new(columns, COUNT(columns));
	char ago[AGO_MAX], size[16];
	size_t i;
	json_t *s;

	json_array_foreach(list, i, s) {
		const char *name = js_str(s, "name");

		table_cell(t, "%.*s", whole ? 255 : VM_ID_SHOWN,
		    js_str(s, "id"));
		table_cell(t, "%s", name[0] == '\0' ? "-" : name);
		table_cell(t, "%s", js_str(s, "kind"));
		table_cell(t, "%s", js_str(s, "source_instance_name"));
		table_cell(t, "%s", fmt_scaled(size, sizeof(size),
		    (uint64_t)MAX(js_int(s, "size_bytes"), 0)));
		table_cell(t, "%s", fmt_ago(ago, sizeof(ago),
		    js_str(s, "created_at")));
	}
	table_print(t, stdout, whole ? 0 : table_width());
}

static int
list_get(json_t **ret, struct ctx *ctx, const char *arg, struct err *e)
{
	own_json json_t *vm = NULL;
	own_mem char *path = NULL;

	if (ctx_api(ctx, e) == NULL)
		return -1;
	if (arg == NULL)
		return api_get(ctx->api, "/snapshots", ret, e);
	if (vm_find(&vm, ctx, arg, e) == -1)
		return -1;
	path = api_path("/instances/%/snapshots", js_str(vm, "id"));
	return api_get(ctx->api, path, ret, e);
}

static int
list_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	static const struct listing snapshots = { "id", VM_ID_SHOWN,
	    list_table };
	own_json json_t *list = NULL;
	struct err e = { 0 };

	if (list_get(&list, ctx, argc > 0 ? argv[0] : NULL, &e) == -1)
		return cmd_fail(ctx, &e);
	listing_print(list, &snapshots, values);
	return 0;
}

const struct command cmd_snapshot_list = {
	.name = "snapshot list", .args = "[vm]", .help = "List snapshots",
	.run = list_run, .opts = list_opts, .nopts = COUNT(list_opts),
	.min = 0, .max = 1, .complete = COMPLETE_VM,
};

/* --- snapshot restore --------------------------------------------------- */

static int
snapshot_restore_run(struct ctx *ctx, const void *values, int argc,
    char **argv)
{
	own_json json_t *body = state_body(values), *vm = NULL;
	struct err e = { 0 };
	char id[64], verb[128];

	(void)argc;
	if (vm_find(&vm, ctx, argv[0], &e) == -1 ||
	    snapshot_find(id, ctx, argv[1], &e) == -1)
		return cmd_fail(ctx, &e);
	(void)snprintf(verb, sizeof(verb), "snapshots/%s/restore", id);
	if (vm_post(NULL, ctx, js_str(vm, "id"), verb, body, &e) == -1)
		return cmd_fail(ctx, &e);
	(void)fprintf(stderr, "restored vm %lld successfully\n",
	    (long long)js_int(vm, "number"));
	return 0;
}

const struct command cmd_snapshot_restore = {
	.name = "snapshot restore", .args = "vm snapshot",
	.help = "Put a VM back to what it was",
	.run = snapshot_restore_run, .opts = state_opts,
	.nopts = COUNT(state_opts), .min = 2, .max = 2,
	.complete = COMPLETE_VM,
};
