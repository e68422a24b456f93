/* SPDX-License-Identifier: ISC */
/*
 * config.c - reading vm.conf, by a job of vmd's; see config.h
 *
 *	vmd-conf parses -> every VM checked -> rows, in one transaction ->
 *	VMs made, updated, removed -> those that are due started
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_private.h"
#include "control/control.h"
#include "control/http.h"
#include "control/jobs.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"

struct config_reading {
	struct control	*control;
	enum config_why	 why;
	json_t		*vms;
	json_t		*report;
	bool		 bad;		/* an error was among the lines */
	config_done_fn	*done;		/* or NULL */
	void		*arg;
};

static void
reading_free(struct config_reading *r)
{
	json_decref(r->vms);
	json_decref(r->report);
	free(r);
}

static void
on_line(void *arg, const char *event, const json_t *line)
{
	struct config_reading *r = arg;
	const char *text = "";
	bool warning = false;
	json_t *vm = NULL;

	if (strcmp(event, "vm") == 0 &&
	    json_get_obj(&vm, line, "vm", 16, NULL) == 1 &&
	    json_array_size(r->vms) <= CONFIG_VMS_MAX)
		(void)json_array_append(r->vms, vm);
	if (strcmp(event, "message") != 0)
		return;
	(void)json_get_bool(&warning, line, "warning", NULL);
	(void)json_get_str(&text, line, "text", JOB_LINE_MAX, NULL);
	r->bad = r->bad || !warning;
	config_say(r->report, "%s", text);
}

static void
log_report(const json_t *report)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(report, "messages"), i, v)
		log_info("vm.conf: %s", json_string_value(v));
}

/* What was read, taken.  0: accepted or not, the report says. */
static int
take_reading(struct config_reading *r, const json_t *last, struct err *e)
{
	struct control *ctl = r->control;
	own_json json_t *doc = NULL;
	bool good = false;

	if (last == NULL)
		return err_api(e, EIO, "io", "vmd-conf ended without a word");
	doc = json_pack("{s:O}", "vms", r->vms);
	(void)json_object_set(doc, "switches",
	    json_object_get(last, "switches"));
	(void)json_object_set(doc, "prefix", json_object_get(last, "prefix"));
	(void)json_object_set(doc, "prefix6",
	    json_object_get(last, "prefix6"));
	if (json_is_true(json_object_get(last, "staggered"))) {
		(void)json_object_set(doc, "parallel",
		    json_object_get(last, "parallel"));
		(void)json_object_set(doc, "delay",
		    json_object_get(last, "delay"));
	}
	if (!r->bad)
		good = config_accept(ctl, doc, r->why, r->report);
	(void)json_object_set_new(r->report, "accepted", json_boolean(good));
	if (good)
		config_converge(ctl, r->report);
	return 0;
}

static void
on_read(void *arg, const json_t *last, const struct err *why)
{
	struct config_reading *r = arg;
	struct control *ctl = r->control;
	struct err e = { 0 };

	ctl->config->reading = NULL;
	if (why != NULL)
		e = *why;
	if (why == NULL && take_reading(r, last, &e) == 0)
		log_report(r->report);
	else if (r->why == CONFIG_START && e.code != NULL &&
	    strcmp(e.code, "not_found") == 0)
		log_debug("%s", e.text);
	else
		log_err(&e, "vm.conf");
	if (r->done != NULL)
		r->done(r->arg, r->report, e.num == 0 ? NULL : &e);
	reading_free(r);
	config_start_due(ctl);
}

static int
begin(struct control *ctl, enum config_why why, config_done_fn *done,
    void *arg, struct err *e)
{
	static const struct job_ops ops = { on_line, on_read };
	struct config_reading *r;
	struct priv_job job;

	if (ctl->config->reading != NULL)
		return err_api(e, EBUSY, "conflict",
		    "vm.conf is being read already");
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return err_sys(e, "vm.conf");
	r->control = ctl;
	r->why = why;
	r->vms = json_array();
	r->report = config_report(false);
	r->done = done;
	r->arg = arg;
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_CONF;
	if (job_start(ctl, &job, &ops, r, e) == NULL) {
		reading_free(r);
		return -1;
	}
	ctl->config->reading = r;
	return 0;
}

void
config_reload(struct control *ctl, config_done_fn *done, void *arg)
{
	struct err e;

	if (begin(ctl, CONFIG_RELOAD, done, arg, &e) == 0)
		return;
	log_err(&e, "vm.conf");
	if (done != NULL)
		done(arg, NULL, &e);
}

void
config_begin(struct control *ctl)
{
	struct err e;

	if (ctl->setup.first) {
		if (begin(ctl, CONFIG_START, NULL, NULL, &e) == 0)
			return;
		log_err(&e, "vm.conf");
	}
	config_converge(ctl, NULL);
	config_start_due(ctl);
}

int
config_add(struct control *ctl, const json_t *doc, int client,
    json_t **report, struct err *e)
{
	own_json json_t *r = NULL;
	bool good;

	if (ctl->config->reading != NULL)
		return err_api(e, EBUSY, "conflict", "vm.conf is being read");
	r = config_report(false);
	good = config_accept(ctl, doc, CONFIG_ADD, r);
	(void)json_object_set_new(r, "accepted", json_boolean(good));
	if (good) {
		ctl->config->client = client;
		config_converge(ctl, r);
		ctl->config->client = -1;
		config_start_due(ctl);
	}
	*report = take(&r);
	return 0;
}
