/* SPDX-License-Identifier: ISC */
/*
 * cmd_conf.c - load, reload, reset, log: vm.conf and the daemon
 *
 * reload has the daemon read its own file.  load reads one here, with the
 * rights of who calls, and sends what it says.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/request.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/cmd.h"
#include "vmctl/conf.h"
#include "vmctl/vm.h"

/* What was done, or what is wrong with it. */
static int
print_report(const json_t *report)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(report, "messages"), i, v)
		if (json_is_string(v))
			(void)fprintf(stderr, "%s\n", json_string_value(v));
	if (js_bool(report, "accepted"))
		return 0;
	log_warnx("the configuration has errors; nothing was changed");
	return EXIT_ERROR;
}

static int
ask(struct ctx *ctx, const char *method, const char *path,
    const json_t *body)
{
	own_json json_t *report = NULL;
	struct err e = { 0 };
	struct api *api = ctx_api(ctx, &e);

	if (api == NULL || api_call(api, method, path, body, &report,
	    &e) == -1)
		return cmd_fail(ctx, &e);
	return print_report(report);
}

/* --- reload, load ------------------------------------------------------ */

static int
reload_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	(void)values;
	(void)argc;
	(void)argv;
	return ask(ctx, "POST", "/config/reload", NULL);
}

const struct command cmd_reload = {
	.name = "reload", .args = "",
	.help = "Have the daemon read its vm.conf again",
	.run = reload_run,
};

static int
load_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	OWN(conf_destroy) struct conf *c = conf_new();
	struct conf_input in = { .name = argv[0], .fd = -1 };
	own_mem char *path = realpath(argv[0], NULL);
	own_json json_t *doc = NULL;
	const struct conf_message *m;
	struct err e = { 0 };
	int failed;

	(void)values;
	(void)argc;
	/* Paths in it are to mean the same to the daemon. */
	if (path == NULL) {
		(void)err_sys(&e, "%s", argv[0]);
		return cmd_fail(ctx, &e);
	}
	in.name = path;
	failed = conf_parse(c, &in);
	TAILQ_FOREACH(m, &c->messages, entry)
		(void)fprintf(stderr, "%s\n", m->text);
	if (failed) {
		log_warnx("the configuration has errors; nothing was changed");
		return EXIT_ERROR;
	}
	doc = conf_json(c);
	if (doc == NULL) {
		log_warnx("%s: a string is not valid UTF-8", argv[0]);
		return EXIT_ERROR;
	}
	return ask(ctx, "POST", "/config", doc);
}

const struct command cmd_load = {
	.name = "load", .args = "file",
	.help = "Add the VMs of a vm.conf",
	.run = load_run, .min = 1, .max = 1, .complete = COMPLETE_FILE,
};

/* --- reset ------------------------------------------------------------- */

/* Whole words, of any case, as OpenBSD's. */
int
conf_reset(struct ctx *ctx, const char *what)
{
	if (strcasecmp(what, "switches") == 0)
		return 0;	/* this version has none to forget */
	return ask(ctx, "DELETE", "/config", NULL);
}

bool
conf_is_reset(const char *word)
{
	return strcasecmp(word, "all") == 0 || strcasecmp(word, "vms") == 0 ||
	    strcasecmp(word, "switches") == 0;
}

/* --- log --------------------------------------------------------------- */

static bool
is_prefix(const char *s, const char *word)
{
	return s[0] != '\0' && strncasecmp(s, word, strlen(s)) == 0;
}

static int
log_run(struct ctx *ctx, const void *values, int argc, char **argv)
{
	bool verbose = is_prefix(argv[0], "verbose");
	own_json json_t *body = json_pack("{s:b}", "verbose", verbose);
	struct err e = { 0 };
	struct api *api;

	(void)values;
	(void)argc;
	if (!verbose && !is_prefix(argv[0], "brief")) {
		(void)fprintf(stderr, "unknown argument: %s\n", argv[0]);
		return cmd_usage(ctx);
	}
	api = ctx_api(ctx, &e);
	if (api == NULL || api_call(api, "POST", "/log", body, NULL, &e) ==
	    -1)
		return cmd_fail(ctx, &e);
	return 0;
}

const struct command cmd_log = {
	.name = "log", .args = "brief|verbose",
	.help = "Set how much the daemon logs",
	.run = log_run, .min = 1, .max = 1,
};
