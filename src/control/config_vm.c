/* SPDX-License-Identifier: ISC */
/* config_vm.c - from the rows of vm.conf to VMs; see config.h */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "control/config_private.h"
#include "control/control.h"
#include "control/files.h"
#include "control/http.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"

static struct vm *
vm_named(const struct control *ctl, const char *name)
{
	struct vm *vm;

	TAILQ_FOREACH(vm, &ctl->vms, entry)
		if (strcmp(vm->spec.name, name) == 0)
			return vm;
	return NULL;
}

/* What runs, or is being worked on, is not changed. */
static bool
is_idle(const struct vm *vm)
{
	return vm->state == VM_STOPPED && TAILQ_EMPTY(&vm->ops) &&
	    !vm->creating && !vm->removing;
}

static uid_t
owner_of(const struct control *ctl, const json_t *doc)
{
	const json_t *v = json_object_get(doc, "owner");

	return v == NULL ? (uid_t)ctl->setup.api_uid :
	    (uid_t)json_integer_value(v);
}

static gid_t
group_of(const json_t *doc)
{
	const json_t *v = json_object_get(doc, "group");

	return v == NULL ? GROUP_NONE : (gid_t)json_integer_value(v);
}

/* --- what differs --------------------------------------------------------- */

static const struct { const char *member, *keyword; } members[] = {
	{ "boot_device", "boot device" }, { "cdrom", "cdrom" },
	{ "cmd", "command" }, { "cmdline", "cmdline" },
	{ "disk_io_bps", "limit disk" }, { "disks", "disk" },
	{ "entrypoint", "entrypoint" }, { "env", "env" },
	{ "firmware", "firmware" },
	{ "hostname", "hostname" }, { "hypervisor", "hypervisor" },
	{ "image", "image" }, { "initramfs", "initramfs" },
	{ "interfaces", "interface" }, { "kernel", "kernel" },
	{ "netboot", "netboot" }, { "network", "interface" },
	{ "overlay_size", "overlay" }, { "ports", "publish" },
	{ "restart_policy", "restart" }, { "shares", "volume" },
	{ "size", "memory" }, { "user", "user" }, { "vcpus", "cpus" },
	{ "volumes", "volume" }, { "working_dir", "workdir" },
};

/* Does this member differ? */
static bool
differs_in(const json_t *was, const json_t *is, const char *member)
{
	const json_t *a = json_object_get(was, member);
	const json_t *b = json_object_get(is, member);

	return (a == NULL) != (b == NULL) ||
	    (a != NULL && !json_equal(a, b));
}

/* The document a VM was made from, and the one of now: do they differ? */
static bool
differs(const json_t *was, const json_t *is)
{
	return differs_in(was, is, "owner") ||
	    differs_in(was, is, "group") ||
	    differs_in(was, is, "unsupported") ||
	    differs_in(was, is, "request");
}

/* "owner, memory, cpus": the keywords of what differs. */
static void
difference(char *to, size_t size, const json_t *was, const json_t *is)
{
	const json_t *a = json_object_get(was, "request");
	const json_t *b = json_object_get(is, "request");
	size_t n = 0;

	to[0] = '\0';
	if (differs_in(was, is, "owner") || differs_in(was, is, "group"))
		n += (size_t)snprintf(to, size, "owner");
	for (size_t i = 0; i < COUNT(members) && n < size; i++)
		if (differs_in(a, b, members[i].member))
			n += (size_t)snprintf(to + n, size - n, "%s%s",
			    n > 0 ? ", " : "", members[i].keyword);
	if (differs_in(was, is, "unsupported") && n < size)
		(void)snprintf(to + n, size - n, "%soptions a start refuses",
		    n > 0 ? ", " : "");
}

/* --- one VM --------------------------------------------------------------- */

/* The name is free; a row may have come for it meanwhile. */
static void
on_free(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	config_converge(arg, NULL);
	config_start_due(arg);
}

static void
on_removed(void *arg, struct vm *vm, const struct err *e)
{
	static const struct timeval now = { 0, 0 };
	struct control *ctl = arg;

	if (e != NULL)
		log_err(e, "vm.conf: remove %s",
		    vm == NULL ? "a VM" : vm->spec.name);
	else
		(void)event_base_once(ctl->base, -1, EV_TIMEOUT, on_free, ctl,
		    &now);
}

static void
on_recorded(void *arg, const struct err *e)
{
	(void)arg;
	if (e != NULL)
		log_err(e, "vm.conf: files of a VM that was loaded");
}

/* What vm.conf does not name, who loads it does. */
static void
record_files(const struct vm *vm)
{
	const json_t *owner = json_object_get(vm->config, "owner");
	int client = vm->control->config->client;

	if (client != -1 && spec_has_files(&vm->spec))
		files_record(vm, client, owner == NULL ? PRIV_UID_CLIENT :
		    (uint32_t)json_integer_value(owner), on_recorded, NULL);
}

static void
make(struct control *ctl, const struct config_row *r, json_t *report)
{
	OWN(vm_destroy) struct vm *vm = NULL;
	struct spec s;
	struct err e;

	if (config_spec(&s, ctl, r->doc, &e) == -1) {
		config_say(report, "%s: %s", r->name, e.text);
		return;
	}
	vm = vm_new(ctl, &s, owner_of(ctl, r->doc));
	if (vm == NULL)
		fatalx("out of memory");
	vm->group = group_of(r->doc);
	vm->config = json_incref(r->doc);
	if (vm_table_add(ctl, vm, &e) == -1) {
		config_say(report, "%s: %s", r->name, e.text);
		return;
	}
	control_save(ctl, vm);
	record_files(take(&vm));
	config_say(report, "%s: added", r->name);
}

/* What the row says, taken by a VM that stands still. */
static int
update(struct vm *vm, const struct config_row *r, struct err *e)
{
	struct spec s;

	if (config_spec(&s, vm->control, r->doc, e) == -1)
		return -1;
	if (vm->spec.image != NULL && (s.image == NULL ||
	    strcmp(s.image, vm->spec.image) != 0)) {
		/* What was written above the other image goes with it. */
		free(vm->digest);
		vm->digest = NULL;
		json_decref(vm->image);
		vm->image = NULL;
		vm->renew = true;
	}
	spec_fini(&vm->spec);
	vm->spec = s;
	vm->owner = owner_of(vm->control, r->doc);
	vm->group = group_of(r->doc);
	json_decref(vm->config);
	vm->config = json_incref(r->doc);
	control_save(vm->control, vm);
	return 0;
}

static void
converge_row(struct control *ctl, const struct config_row *r, json_t *report)
{
	struct vm *vm = vm_named(ctl, r->name);
	char what[256];
	struct err e;

	if (vm == NULL) {
		make(ctl, r, report);
		return;
	}
	if (vm->config == NULL) {
		config_say(report, "%s: there is a VM of this name that is "
		    "not of vm.conf; left as it is", r->name);
		return;
	}
	if (!differs(vm->config, r->doc))
		return;
	difference(what, sizeof(what), vm->config, r->doc);
	if (!is_idle(vm))
		config_say(report, "%s: is %s; from its next start: %s",
		    r->name, vm_state_name(vm->state), what);
	else if (update(vm, r, &e) == -1)
		config_say(report, "%s: %s", r->name, e.text);
	else
		config_say(report, "%s: updated: %s", r->name, what);
}

void
config_converge(struct control *ctl, json_t *report)
{
	const struct config_row *r;
	struct vm *vm, *next;

	TAILQ_FOREACH(r, &ctl->config->rows, entry)
		converge_row(ctl, r, report);
	for (vm = TAILQ_FIRST(&ctl->vms); vm != NULL; vm = next) {
		next = TAILQ_NEXT(vm, entry);
		if (vm->config == NULL || vm->removing ||
		    config_row(ctl->config, vm->spec.name) != NULL)
			continue;
		if (!is_idle(vm)) {
			config_say(report, "%s: is %s; it goes with the first "
			    "reload that finds it stopped", vm->spec.name,
			    vm_state_name(vm->state));
			continue;
		}
		config_say(report, "%s: removed", vm->spec.name);
		vm_op(vm, OP_REMOVE, NULL, on_removed, ctl);
	}
}

void
config_reset(struct control *ctl, json_t **report)
{
	struct config_row *r;
	struct vm *vm, *next;

	*report = config_report(true);
	while ((r = TAILQ_FIRST(&ctl->config->rows)) != NULL)
		config_row_remove(ctl, r);
	for (vm = TAILQ_FIRST(&ctl->vms); vm != NULL; vm = next) {
		next = TAILQ_NEXT(vm, entry);
		if (vm->config == NULL || vm->removing)
			continue;
		config_say(*report, "%s: removed", vm->spec.name);
		vm_op(vm, OP_REMOVE, NULL, on_removed, ctl);
	}
}

/* --- starts --------------------------------------------------------------- */

/* Those of an id are resolved; the first start does it. */
static int
find_volumes(struct vm *vm, struct err *e)
{
	struct control *ctl = vm->control;
	struct caller owner = { .uid = vm->owner, .scopes = UINT32_MAX };

	owner.all = vm->owner == 0 || vm->owner == ctl->setup.api_uid;
	return volumes_resolve(ctl, &owner, &vm->spec, vm, e);
}

int
config_starts(struct vm *vm, struct err *e)
{
	const struct config_row *r;
	const char *what;

	if (vm->config == NULL)
		return 0;
	r = config_row(vm->control->config, vm->spec.name);
	if (r != NULL && differs(vm->config, r->doc) &&
	    update(vm, r, e) == -1)
		return -1;
	what = json_string_value(json_object_get(vm->config, "unsupported"));
	if (what != NULL)
		return err_api(e, ENOTSUP, "not_supported",
		    "cannot start instance %s: %s", vm->spec.name, what);
	return find_volumes(vm, e);
}

bool
config_waits(const struct vm *vm)
{
	const struct config_row *r;

	if (vm->config == NULL || vm->state != VM_STOPPED)
		return false;
	r = config_row(vm->control->config, vm->spec.name);
	return r != NULL && r->due;
}

static void
on_started(void *arg, struct vm *vm, const struct err *e)
{
	struct control *ctl = arg;
	struct config_row *r = vm == NULL ? NULL :
	    config_row(ctl->config, vm->spec.name);

	if (r == NULL)
		return;
	r->due = r->starting = false;
	config_row_save(ctl, r);
	if (e != NULL) {
		log_err(e, "vm.conf: start %s", r->name);
		(void)snprintf(vm->state_error, sizeof(vm->state_error),
		    "%.*s", VM_REASON_MAX - 1, e->text);
		if (vm->state == VM_STOPPED && vm->nops == 0)
			vm_plan_restart(vm);
	}
	http_flush(ctl->http);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	config_start_due(arg);
}

static void
again_later(struct control *ctl)
{
	struct config *c = ctl->config;
	struct timeval tv = { (time_t)c->delay, c->delay == 0 ? 1000 : 0 };

	if (c->timer == NULL)
		c->timer = evtimer_new(ctl->base, on_timer, ctl);
	if (c->timer == NULL || evtimer_add(c->timer, &tv) == -1)
		fatalx("out of memory");
}

/* Of those that are due, one that can be started; the rest is not due. */
static struct config_row *
next_due(struct control *ctl, struct vm **vm)
{
	struct config_row *r;

	TAILQ_FOREACH(r, &ctl->config->rows, entry) {
		if (!r->due || r->starting)
			continue;
		*vm = vm_named(ctl, r->name);
		if (*vm != NULL && (*vm)->removing)
			continue;
		if (*vm != NULL && (*vm)->config != NULL &&
		    (*vm)->state == VM_STOPPED)
			return r;
		r->due = false;
		config_row_save(ctl, r);
	}
	return NULL;
}

void
config_start_due(struct control *ctl)
{
	struct config *c = ctl->config;
	unsigned left = c->parallel != 0 ? c->parallel :
	    (unsigned)MAX(ctl->ncpus, 1);
	struct config_row *r;
	struct vm *vm;

	if (c->timer != NULL)
		(void)evtimer_del(c->timer);
	while ((r = next_due(ctl, &vm)) != NULL) {
		if (left-- == 0) {
			again_later(ctl);
			break;
		}
		r->starting = true;
		vm_op(vm, OP_START, NULL, on_started, ctl);
	}
	http_flush(ctl->http);
}
