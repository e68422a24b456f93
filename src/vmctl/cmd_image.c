/* SPDX-License-Identifier: ISC */
/* cmd_image.c - pull, images, image ..., rmi */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/num.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/listing.h"
#include "vmctl/progress.h"
#include "vmctl/pull.h"
#include "vmctl/table.h"
#include "vmctl/vm.h"

#define DIGEST_SHOWN	19	/* "sha256:" and 12 digits */

/* --- pull -------------------------------------------------------------- */

struct pull_opts {
	const char	*platform;
	bool		 quiet;
};

static const struct opt pull_opts[] = {
	{ 0, "platform", "OS/ARCH", "Take the image for this platform",
	    OPT_STR, offsetof(struct pull_opts, platform), 0, 0, NULL, 0 },
	{ 'q', "quiet", NULL, "Do not show progress", OPT_FLAG,
	    offsetof(struct pull_opts, quiet), 0, 0, NULL, 0 },
};

static int
pull_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct pull_opts *o = values;
	own_json json_t *image = NULL;
	struct err e = { 0 };

	(void)argc;
	if (pull_image(ctx, argv[0], o->platform, o->quiet, &image, &e) == -1)
		return cmd_fail(ctx, &e);
	(void)printf("%s\n", js_str(image, "name"));
	return 0;
}

const struct command cmd_pull = {
	.name = "pull", .args = "image",
	.help = "Get an image from its registry",
	.run = pull_run, .opts = pull_opts, .nopts = COUNT(pull_opts),
	.min = 1, .max = 1, .complete = COMPLETE_IMAGE,
};

/* --- images ------------------------------------------------------------ */

static const struct opt images_opts[] = { LISTING_OPTS("Only names") };

static void
images_table(const json_t *list, bool whole)
{
	static const struct column columns[] = {
		{ "NAME", false, 12 }, { "PLATFORM", false, 5 },
		{ "STATUS", false, 0 }, { "DIGEST", false, 7 },
		{ "SIZE", true, 0 }, { "CREATED", false, 7 },
	};
	OWN(table_destroy) struct table *t =
	    table_new(columns, COUNT(columns));
	char ago[AGO_MAX], size[16];
	size_t i;
	json_t *image;

	json_array_foreach(list, i, image) {
		table_cell(t, "%s", js_str(image, "name"));
		table_cell(t, "%s", js_str(image, "platform"));
		table_cell(t, "%s", js_str(image, "status"));
		table_cell(t, "%.*s", whole ? 255 : DIGEST_SHOWN,
		    js_str(image, "digest"));
		table_cell(t, "%s", size_print(size, sizeof(size),
		    (uint64_t)MAX(js_int(image, "size_bytes"), 0)));
		table_cell(t, "%s", fmt_ago(ago, sizeof(ago),
		    js_str(image, "created_at")));
	}
	table_print(t, stdout, whole ? 0 : table_width());
}

static int
images_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	static const struct listing images = { "name", LISTING_WHOLE,
	    images_table };
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);
	own_json json_t *list = NULL;

	(void)argc;
	(void)argv;
	if (api == NULL || api_get(api, "/images", &list, &e) == -1)
		return cmd_fail(ctx, &e);
	listing_print(list, &images, values);
	return 0;
}

const struct command cmd_images = {
	.name = "images", .args = "", .help = "List images",
	.run = images_run, .opts = images_opts, .nopts = COUNT(images_opts),
};

const struct command cmd_image_ls = {
	.name = "image ls", .args = "", .help = "List images",
	.run = images_run, .opts = images_opts, .nopts = COUNT(images_opts),
};

/* --- image import ------------------------------------------------------ */

struct import_opts {
	const char	*name;
	bool		 quiet;
};

static const struct opt import_opts[] = {
	{ 0, "name", "NAME", "Name of an image that has none in the archive",
	    OPT_STR, offsetof(struct import_opts, name), 0, 0, NULL, 0 },
	{ 'q', "quiet", NULL, "Do not show progress", OPT_FLAG,
	    offsetof(struct import_opts, quiet), 0, 0, NULL, 0 },
};

static void
on_sent(void *arg, uint64_t sent, uint64_t total)
{
	struct moment m = { .phase = "importing", .done = sent,
	    .total = total };

	progress_show(arg, &m);
}

static int
import_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	const struct import_opts *o = values;
	bool from_stdin = strcmp(argv[0], "-") == 0;
	own_mem char *path = api_path(o->name != NULL ?
	    "/images/import?name=%" : "/images/import",
	    o->name != NULL ? o->name : "");
	own_json json_t *list = NULL;
	own_fd int fd = -1;
	struct progress progress;
	struct api_upload u = { .path = path, .progress = on_sent,
	    .arg = &progress };
	struct err e = { 0 };
	size_t i;
	json_t *image;
	int r;

	(void)argc;
	fd = from_stdin ? dup(STDIN_FILENO) : open(argv[0],
	    O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		(void)err_sys(&e, "%s", argv[0]);
		return cmd_fail(ctx, &e);
	}
	if (ctx_api(ctx, &e) == NULL)
		return cmd_fail(ctx, &e);
	u.fd = fd;
	progress_begin(&progress, from_stdin ? "standard input" : argv[0],
	    o->quiet || !isatty(STDERR_FILENO));
	r = api_upload(ctx->api, &u, &list, &e);
	progress_end(&progress, NULL);
	if (r == -1) {
		(void)err_prefix(&e, "%s", argv[0]);
		return cmd_fail(ctx, &e);
	}
	json_array_foreach(list, i, image)
		(void)printf("%s\n", js_str(image, "name"));
	return 0;
}

const struct command cmd_image_import = {
	.name = "image import", .args = "file|-",
	.help = "Import an OCI or docker archive",
	.run = import_run, .opts = import_opts, .nopts = COUNT(import_opts),
	.min = 1, .max = 1, .complete = COMPLETE_FILE,
};

/* --- image inspect, prune, rm ------------------------------------------ */

static int
image_inspect_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);
	own_json json_t *list = json_array();
	json_t *image;

	(void)values;
	if (api == NULL)
		return cmd_fail(ctx, &e);
	for (int i = 0; i < argc; i++) {
		own_mem char *path = api_path("/images/%", argv[i]);

		if (api_get(api, path, &image, &e) == -1)
			return cmd_fail(ctx, &e);
		json_array_append_new(list, image);
	}
	js_print_list(list);
	return 0;
}

const struct command cmd_image_inspect = {
	.name = "image inspect", .args = "image ...",
	.help = "Print everything that is known about images",
	.run = image_inspect_run, .min = 1, .max = -1,
	.complete = COMPLETE_IMAGE,
};

static int
image_prune_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);
	own_json json_t *answer = NULL;
	char size[16];
	size_t i;
	json_t *name;

	(void)values;
	(void)argc;
	(void)argv;
	if (api == NULL || api_call(api, "POST", "/images/prune", NULL,
	    &answer, &e) == -1)
		return cmd_fail(ctx, &e);
	json_array_foreach(json_object_get(answer, "deleted"), i, name)
		if (json_is_string(name))
			(void)printf("%s\n", json_string_value(name));
	(void)fprintf(stderr, "reclaimed %s\n", size_print(size, sizeof(size),
	    (uint64_t)MAX(js_int(answer, "reclaimed_bytes"), 0)));
	return 0;
}

const struct command cmd_image_prune = {
	.name = "image prune", .args = "",
	.help = "Remove images that no VM uses",
	.run = image_prune_run,
};

static int
image_rm_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);
	int status = 0;

	(void)values;
	if (api == NULL)
		return cmd_fail(ctx, &e);
	for (int i = 0; i < argc; i++) {
		own_mem char *path = api_path("/images/%", argv[i]);

		if (api_call(api, "DELETE", path, NULL, NULL, &e) == -1)
			status = cmd_fail(ctx, &e);
		else
			(void)printf("%s\n", argv[i]);
	}
	return status;
}

const struct command cmd_image_rm = {
	.name = "image rm", .args = "image ...", .help = "Remove images",
	.run = image_rm_run, .min = 1, .max = -1, .complete = COMPLETE_IMAGE,
};

const struct command cmd_rmi = {
	.name = "rmi", .args = "image ...", .help = "Remove images",
	.run = image_rm_run, .min = 1, .max = -1, .complete = COMPLETE_IMAGE,
};
