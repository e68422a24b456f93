/* SPDX-License-Identifier: ISC */
/* config_rows.c - what was accepted of vm.conf, in the database; config.h */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_private.h"
#include "control/control.h"
#include "control/database.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"

#define KIND		"config"	/* in the database */
#define GLOBALS		"@"		/* no name of a VM */

json_t *
config_report(bool accepted)
{
	json_t *v = json_pack("{s:b,s:[]}", "accepted", accepted, "messages");

	if (v == NULL)
		fatalx("out of memory");
	return v;
}

void
config_say(json_t *report, const char *fmt, ...)
{
	json_t *list = json_object_get(report, "messages");
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (report == NULL)
		log_info("vm.conf: %s", text);
	else if (json_array_size(list) < CONFIG_MESSAGES_MAX)
		(void)json_array_append_new(list, json_string(text));
}

/* --- rows ----------------------------------------------------------------- */

struct config_row *
config_row(const struct config *c, const char *name)
{
	struct config_row *r;

	TAILQ_FOREACH(r, &c->rows, entry)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

void
config_row_save(struct control *ctl, const struct config_row *r)
{
	own_json json_t *v = json_pack("{s:O,s:b}", "vm", r->doc, "due",
	    r->due);
	struct err e;

	if (v == NULL)
		fatalx("out of memory");
	if (db_put(ctl->db, KIND, r->name, v, &e) == -1)
		fatalx("%s", e.text);
}

static struct config_row *
row_new(struct config *c, const char *name, json_t *doc)
{
	struct config_row *r = calloc(1, sizeof(*r));

	if (r == NULL)
		fatal("vm.conf");
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	r->doc = json_incref(doc);
	TAILQ_INSERT_TAIL(&c->rows, r, entry);
	c->nrows++;
	return r;
}

void
config_row_remove(struct control *ctl, struct config_row *r)
{
	struct err e;

	if (db_delete(ctl->db, KIND, r->name, &e) == -1)
		fatalx("%s", e.text);
	TAILQ_REMOVE(&ctl->config->rows, r, entry);
	ctl->config->nrows--;
	json_decref(r->doc);
	free(r);
}

static void
globals_save(struct control *ctl)
{
	const struct config *c = ctl->config;
	own_json json_t *v = config_net_json(c);
	struct err e;

	if (v == NULL || json_object_set_new(v, "parallel",
	    json_integer(c->parallel)) == -1 || json_object_set_new(v, "delay",
	    json_integer(c->delay)) == -1)
		fatalx("out of memory");
	if (db_put(ctl->db, KIND, GLOBALS, v, &e) == -1)
		fatalx("%s", e.text);
}

static int
take_globals(struct config *c, const json_t *v, struct err *e)
{
	uint64_t parallel = 0, delay = CONFIG_DELAY_S;

	if (json_get_u64(&parallel, v, "parallel", 0, 1024, e) == -1 ||
	    json_get_u64(&delay, v, "delay", 0, 3600, e) == -1 ||
	    config_take_net(c, v, false, e) == -1)
		return -1;
	c->parallel = (unsigned)parallel;
	c->delay = (unsigned)delay;
	return 0;
}

static int
load_row(void *arg, const char *id, const json_t *v, struct err *e)
{
	struct control *ctl = arg;
	struct config_row *r;
	json_t *doc = NULL;
	bool due = false;

	if (strcmp(id, GLOBALS) == 0)
		return take_globals(ctl->config, v, e);
	if (json_get_obj(&doc, v, "vm", 16, e) == -1 ||
	    json_get_bool(&due, v, "due", e) == -1)
		return -1;
	if (doc == NULL || !spec_name_ok(id))
		return err_set(e, EINVAL, "vm.conf: the row of \"%.64s\" is "
		    "damaged", id);
	r = row_new(ctl->config, id, doc);
	r->due = due;
	return 0;
}

int
config_load(struct control *ctl, struct err *e)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_sys(e, "vm.conf");
	TAILQ_INIT(&c->rows);
	c->delay = CONFIG_DELAY_S;
	c->client = -1;
	ctl->config = c;
	/* As an empty file. */
	if (config_take_net(c, NULL, false, e) == -1)
		return -1;
	return db_each(ctl->db, KIND, load_row, ctl, e);
}

/* --- acceptance ----------------------------------------------------------- */

int
config_spec(struct spec *ret, const struct control *ctl, const json_t *doc,
    struct err *e)
{
	const char *word = ctl->setup.hypervisor;
	const char *name = json_string_value(json_object_get(doc, "name"));
	const json_t *request = json_object_get(doc, "request");
	own_json json_t *poor = NULL;
	struct spec s;

	/* It will not be started: a row of the table is all it needs. */
	if (json_object_get(doc, "unsupported") != NULL) {
		poor = json_pack("{s:s?,s:s,s:O}", "name", name, "image", "-",
		    "vcpus", json_object_get(request, "vcpus"));
		(void)json_object_set(poor, "size",
		    json_object_get(request, "size"));
		request = poor;
	}
	if (spec_parse(&s, request, e) == -1)
		return -1;
	if (s.hypervisor == NULL && strcmp(word, "auto") != 0)
		s.hypervisor = strdup(word);
	*ret = s;
	return 0;
}

static int
check_vm(struct control *ctl, const json_t *vms, size_t i, struct err *e)
{
	static const char *const known[] = { "name", "where", "enabled",
	    "owner", "group", "allow", "unsupported", "request", NULL };
	const json_t *v = json_array_get(vms, i);
	const char *name = NULL, *text = NULL, *other;
	bool enabled = true;
	uint64_t owner;
	json_t *request = NULL, *allow = NULL;
	struct spec s;

	if (!json_is_object(v))
		return err_set(e, EINVAL, "must be an object");
	if (json_only(v, known, e) == -1 ||
	    json_get_str(&name, v, "name", SPEC_NAME_MAX, e) == -1 ||
	    json_get_str(&text, v, "where", 2048, e) == -1 ||
	    json_get_str(&text, v, "unsupported", 512, e) == -1 ||
	    json_get_bool(&enabled, v, "enabled", e) == -1 ||
	    json_get_u64(&owner, v, "owner", 0, UINT32_MAX - 1, e) == -1 ||
	    json_get_u64(&owner, v, "group", 0, UINT32_MAX - 1, e) == -1 ||
	    json_get_obj(&allow, v, "allow", 4, e) == -1 ||
	    json_get_obj(&request, v, "request", 64, e) == -1)
		return -1;
	if (name == NULL || request == NULL)
		return err_set(e, EINVAL, "has no name or no request");
	for (size_t k = 0; k < i; k++) {
		other = json_string_value(json_object_get(
		    json_array_get(vms, k), "name"));
		if (other != NULL && strcmp(other, name) == 0)
			return err_set(e, EEXIST, "is there twice");
	}
	if (config_spec(&s, ctl, v, e) == -1)
		return -1;
	if (strcmp(s.name, name) != 0)
		(void)err_set(e, EINVAL, "its request names another");
	else
		e->num = 0;
	spec_fini(&s);
	return e->num == 0 ? 0 : -1;
}

/* FILE:LINE: vm "NAME": why not. */
static bool
check_all(struct control *ctl, const json_t *vms, json_t *report)
{
	bool good = true;
	struct err e;

	for (size_t i = 0; i < json_array_size(vms); i++) {
		const json_t *v = json_array_get(vms, i);
		const char *where = json_string_value(
		    json_object_get(v, "where"));
		const char *name = json_string_value(
		    json_object_get(v, "name"));

		if (check_vm(ctl, vms, i, &e) == 0)
			continue;
		config_say(report, "%.400s: vm \"%.64s\": %s",
		    where != NULL ? where : "?", name != NULL ? name : "?",
		    e.text);
		good = false;
	}
	return good;
}

static struct vm *
vm_named(const struct control *ctl, const char *name)
{
	struct vm *vm;

	TAILQ_FOREACH(vm, &ctl->vms, entry)
		if (strcmp(vm->spec.name, name) == 0)
			return vm;
	return NULL;
}

/*
 * Enabled, and does not run.  One that was started in this life of the host
 * has ended, or was stopped by somebody: only a reload starts it again.
 */
static bool
is_due(const struct control *ctl, const struct config_row *r,
    enum config_why why)
{
	const struct vm *vm = vm_named(ctl, r->name);

	if (!json_is_true(json_object_get(r->doc, "enabled")))
		return false;
	if (vm == NULL)
		return true;
	return !vm_state_live(vm->state) && (why != CONFIG_START ||
	    strcmp(vm->boot_id, ctl->boot_id) != 0);
}

static void
take_rows(struct control *ctl, const json_t *vms, enum config_why why,
    json_t *report)
{
	struct config *c = ctl->config;
	json_t *v;
	size_t i;

	json_array_foreach(vms, i, v) {
		const char *name = json_string_value(
		    json_object_get(v, "name"));
		struct config_row *r = config_row(c, name);

		if (r != NULL && why == CONFIG_ADD) {
			config_say(report, "%s: is there already; left as it "
			    "is", name);
			continue;
		}
		if (r == NULL)
			r = row_new(c, name, v);
		/* vm.conf does not name its files: a record of its own does. */
		if (why == CONFIG_ADD)
			(void)json_object_set_new(v, "loaded", json_true());
		json_incref(v);
		json_decref(r->doc);
		r->doc = v;
		r->due = is_due(ctl, r, why);
		config_row_save(ctl, r);
	}
}

static bool
is_in(const json_t *vms, const char *name)
{
	json_t *v;
	size_t i;

	json_array_foreach(vms, i, v)
		if (strcmp(json_string_value(json_object_get(v, "name")),
		    name) == 0)
			return true;
	return false;
}

bool
config_accept(struct control *ctl, const json_t *doc, enum config_why why,
    json_t *report)
{
	struct config *c = ctl->config;
	struct config_row *r, *next;
	json_t *vms = json_object_get(doc, "vms");
	size_t kept = why == CONFIG_ADD ? c->nrows : 0;
	struct err e;

	if (!json_is_array(vms) || json_array_size(vms) + kept >
	    CONFIG_VMS_MAX) {
		config_say(report, "more than %d VMs, or no list of them",
		    CONFIG_VMS_MAX);
		return false;
	}
	if (!check_all(ctl, vms, report))
		return false;
	/* What is only added to keeps what it says of all VMs. */
	if ((why == CONFIG_ADD ? config_take_net(c, doc, true, &e) :
	    take_globals(c, doc, &e)) == -1) {
		config_say(report, "%s", e.text);
		return false;
	}
	globals_save(ctl);
	for (r = TAILQ_FIRST(&c->rows); why != CONFIG_ADD && r != NULL;
	    r = next) {
		next = TAILQ_NEXT(r, entry);
		if (!is_in(vms, r->name))
			config_row_remove(ctl, r);
	}
	take_rows(ctl, vms, why, report);
	return true;
}
