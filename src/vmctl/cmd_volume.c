/* SPDX-License-Identifier: ISC */
/* cmd_volume.c - volume create, ls, rm */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/listing.h"
#include "vmctl/table.h"
#include "vmctl/vm.h"

#define SIZE_GB		10	/* unless given */
#define USERS_MAX	4096	/* bytes of the VMs that use a volume */

/* --- create ------------------------------------------------------------ */

struct create_opts {
	const char	*size;
};

static const struct opt create_opts[] = {
	{ 0, "size", "SIZE", "Its size, rounded up to a GB", OPT_SIZE,
	    offsetof(struct create_opts, size), 0, 0, NULL, 0 },
};

static int
create_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct create_opts *o = values;
	own_json json_t *body = json_object(), *volume = NULL;
	uint64_t bytes = (uint64_t)SIZE_GB << 30;
	struct err e = { 0 };

	(void)argc;
	if (o->size != NULL && size_parse(&bytes, o->size, &e) == -1)
		return cmd_fail(ctx, &e);
	bytes = bytes / (1U << 30) + (bytes % (1U << 30) != 0);
	json_object_set_new(body, "name", json_string(argv[0]));
	json_object_set_new(body, "size_gb", json_integer((json_int_t)bytes));
	if (ctx_api(ctx, &e) == NULL || api_call(ctx->api, "POST", "/volumes",
	    body, &volume, &e) == -1)
		return cmd_fail(ctx, &e);
	(void)printf("%s\n", js_str(volume, "id"));
	return 0;
}

const struct command cmd_volume_create = {
	.name = "volume create", .args = "name",
	.help = "Make an empty volume",
	.run = create_run, .opts = create_opts, .nopts = COUNT(create_opts),
	.min = 1, .max = 1,
};

/* --- ls ---------------------------------------------------------------- */

static const struct opt ls_opts[] = { LISTING_OPTS("Only IDs") };

/* The VMs that use a volume, as one cell. */
static void
users_cell(struct table *t, const json_t *volume)
{
	struct buf b;
	size_t i;
	json_t *a;

	buf_init(&b, USERS_MAX);
	json_array_foreach(json_object_get(volume, "attachments"), i, a)
		(void)buf_printf(&b, "%s%.*s:%s", i > 0 ? ", " : "",
		    VM_ID_SHOWN, js_str(a, "instance_id"),
		    js_str(a, "mount_path"));
	table_cell(t, "%s", b.len > 0 ? (const char *)b.data : "-");
	buf_fini(&b);
}

static void
ls_table(const json_t *list, bool whole)
{
	static const struct column columns[] = {
		{ "ID", false, 0 }, { "NAME", false, 8 },
		{ "SIZE", true, 0 }, { "USED BY", false, 7 },
		{ "CREATED", false, 7 },
	};
	OWN(table_destroy) struct table *t =
	    table_new(columns, COUNT(columns));
	char ago[AGO_MAX];
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v) {
		table_cell(t, "%.*s", whole ? 255 : VM_ID_SHOWN,
		    js_str(v, "id"));
		table_cell(t, "%s", js_str(v, "name"));
		table_cell(t, "%lldG", (long long)js_int(v, "size_gb"));
		users_cell(t, v);
		table_cell(t, "%s", fmt_ago(ago, sizeof(ago),
		    js_str(v, "created_at")));
	}
	table_print(t, stdout, whole ? 0 : table_width());
}

static int
ls_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	static const struct listing volumes = { "id", LISTING_WHOLE,
	    ls_table };
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);
	own_json json_t *list = NULL;

	(void)argc;
	(void)argv;
	if (api == NULL || api_get(api, "/volumes", &list, &e) == -1)
		return cmd_fail(ctx, &e);
	listing_print(list, &volumes, values);
	return 0;
}

const struct command cmd_volume_ls = {
	.name = "volume ls", .args = "", .help = "List volumes",
	.run = ls_run, .opts = ls_opts, .nopts = COUNT(ls_opts),
};

/* --- rm ---------------------------------------------------------------- */

static int
rm_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);
	int status = 0;

	(void)values;
	if (api == NULL)
		return cmd_fail(ctx, &e);
	for (int i = 0; i < argc; i++) {
		own_mem char *path = api_path("/volumes/%", argv[i]);

		if (api_call(api, "DELETE", path, NULL, NULL, &e) == -1)
			status = cmd_fail(ctx, &e);
		else
			(void)printf("%s\n", argv[i]);
	}
	return status;
}

const struct command cmd_volume_rm = {
	.name = "volume rm", .args = "volume ...", .help = "Remove volumes",
	.run = rm_run, .min = 1, .max = -1, .complete = COMPLETE_VOLUME,
};
