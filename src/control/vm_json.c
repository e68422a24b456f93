/* SPDX-License-Identifier: ISC */
/* vm_json.c - a VM's record in the database, and the API's Instance */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config.h"
#include "control/control.h"
#include "control/database.h"
#include "control/guest.h"
#include "control/hypervisors.h"
#include "control/vm.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"

#define OWNER_MS	10000	/* a user name is believed for */

static json_t *
phases_json(const struct vm *vm, bool now)
{
	own_json json_t *o = json_object();

	for (size_t i = 0; i < VM_STATES; i++) {
		uint64_t ms = vm->phase_ms[i];

		if (now && i == vm->state)
			ms += os_now_ms() - vm->state_since;
		if (ms != 0 && json_object_set_new(o,
		    vm_state_name((enum vm_state)i),
		    json_integer((json_int_t)ms)) == -1)
			return NULL;
	}
	return take(&o);
}

static json_t *
mac_json(const uint8_t m[6])
{
	char text[18];

	(void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x",
	    m[0], m[1], m[2], m[3], m[4], m[5]);
	return json_string(text);
}

static json_t *
restarts_record(const struct vm_restarts *r)
{
	return json_pack("{s:I,s:I,s:I,s:b,s:b}",
	    "attempts", (json_int_t)r->attempts,
	    "last", (json_int_t)r->last_ms, "next", (json_int_t)r->next_ms,
	    "manual_stop", r->manual_stop, "exceeded", r->exceeded);
}

/* What becomes of its memory; absent in records of earlier versions. */
static json_t *
snapshot_record(const struct vm *vm)
{
	return json_pack("{s:b,s:b,s:b,s:i,s:s}", "standby", vm->standby,
	    "held", vm->held, "identity", vm->identity,
	    "placing", (int)vm->placing, "made_of", vm->made_of);
}

static json_t *
group_json(gid_t gid)
{
	return gid == GROUP_NONE ? NULL : json_integer((json_int_t)gid);
}

json_t *
vm_record(const struct vm *vm)
{
	return json_pack("{s:i,s:I,s:o*,s:o,s:s?,s:s?,s:O?,s:b,s:b,s:o,s:s,"
	    "s:I,s:I,s:I,s:b,s:i,s:s,s:s,s:o,s:o,s:o,s:O?,s:b}",
	    "number", (int)vm->number,
	    "owner", (json_int_t)vm->owner,
	    "group", group_json(vm->group),
	    "spec", spec_json(&vm->spec, true),
	    "runs_on", vm->hypervisor == NULL ? NULL : vm->hypervisor->name,
	    "digest", vm->digest,
	    "image", vm->image,
	    "creating", vm->creating || vm->removing,
	    "live", vm->live,
	    "snapshot", snapshot_record(vm),
	    "boot_id", vm->boot_id,
	    "created", (json_int_t)vm->created_ms,
	    "started", (json_int_t)vm->started_ms,
	    "stopped", (json_int_t)vm->stopped_ms,
	    "exited", vm->exited,
	    "exit_code", vm->exit_code,
	    "exit_message", vm->exit_message,
	    "exit_reason", vm->exit_reason,
	    "phases", phases_json(vm, false),
	    "mac", mac_json(vm->mac),
	    "restarts", restarts_record(&vm->restarts),
	    "config", vm->config,
	    "renew", vm->renew);
}

void
control_save(struct control *ctl, struct vm *vm)
{
	own_json json_t *record = NULL;
	struct err e;

	/* Its record says already that it does not count. */
	if (vm->creating || vm->removing)
		return;
	record = vm_record(vm);
	if (record == NULL)
		fatalx("out of memory");
	if (db_put(ctl->db, "vm", vm->id, record, &e) == -1)
		fatalx("%s", e.text);
}

int
control_mark(struct control *ctl, struct vm *vm, bool durable, struct err *e)
{
	own_json json_t *record = vm_record(vm);

	if (record == NULL)
		return err_set(e, ENOMEM, "out of memory");
	return db_put_now(ctl->db, "vm", vm->id, record, durable, e);
}

/* --- and back ------------------------------------------------------------- */

static int
load_time(int64_t *to, const json_t *doc, const char *name, struct err *e)
{
	uint64_t v = 0;

	if (json_get_u64(&v, doc, name, 0, INT64_MAX, e) == -1)
		return -1;
	*to = (int64_t)v;
	return 0;
}

static int
load_text(char *to, size_t size, const json_t *doc, const char *name,
    struct err *e)
{
	const char *s = "";

	if (json_get_str(&s, doc, name, size - 1, e) == -1)
		return -1;
	(void)snprintf(to, size, "%s", s);
	return 0;
}

static int
load_mac(struct vm *vm, const json_t *doc, struct err *e)
{
	const char *s = "";
	unsigned m[6];

	if (json_get_str(&s, doc, "mac", 17, e) == -1)
		return -1;
	if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x", &m[0], &m[1], &m[2], &m[3],
	    &m[4], &m[5]) != 6)
		return err_set(e, EINVAL, "mac: \"%s\" is no address", s);
	for (int i = 0; i < 6; i++)
		vm->mac[i] = (uint8_t)m[i];
	return 0;
}

static int
load_restarts(struct vm_restarts *r, const json_t *doc, struct err *e)
{
	json_t *o = NULL;

	if (json_get_obj(&o, doc, "restarts", 16, e) == -1 ||
	    json_get_u64(&r->attempts, o, "attempts", 0, INT64_MAX, e) == -1 ||
	    load_time(&r->last_ms, o, "last", e) == -1 ||
	    load_time(&r->next_ms, o, "next", e) == -1 ||
	    json_get_bool(&r->manual_stop, o, "manual_stop", e) == -1 ||
	    json_get_bool(&r->exceeded, o, "exceeded", e) == -1)
		return -1;
	return 0;
}

static int
load_phases(struct vm *vm, const json_t *doc, struct err *e)
{
	json_t *o = NULL;

	if (json_get_obj(&o, doc, "phases", VM_STATES, e) == -1)
		return -1;
	for (size_t i = 0; i < VM_STATES; i++)
		if (json_get_u64(&vm->phase_ms[i], o,
		    vm_state_name((enum vm_state)i), 0, INT64_MAX, e) == -1)
			return -1;
	return 0;
}

static int
load_exit(struct vm *vm, const json_t *doc, struct err *e)
{
	uint64_t code = 0;

	if (json_get_bool(&vm->exited, doc, "exited", e) == -1 ||
	    json_get_u64(&code, doc, "exit_code", 0, 255, e) == -1 ||
	    load_text(vm->exit_message, sizeof(vm->exit_message), doc,
	    "exit_message", e) == -1 ||
	    load_text(vm->exit_reason, sizeof(vm->exit_reason), doc,
	    "exit_reason", e) == -1)
		return -1;
	vm->exit_code = (int)code;
	return 0;
}

static int
load_snapshot(struct vm *vm, const json_t *doc, struct err *e)
{
	json_t *o = NULL;
	uint64_t placing = 0;

	if (json_get_obj(&o, doc, "snapshot", 16, e) == -1 ||
	    json_get_bool(&vm->standby, o, "standby", e) == -1 ||
	    json_get_bool(&vm->held, o, "held", e) == -1 ||
	    json_get_bool(&vm->identity, o, "identity", e) == -1 ||
	    json_get_u64(&placing, o, "placing", 0, 2, e) == -1 ||
	    load_text(vm->made_of, sizeof(vm->made_of), o, "made_of",
	    e) == -1)
		return -1;
	vm->placing = (unsigned)placing;
	if (vm->standby)
		vm->state = VM_STANDBY;
	return 0;
}

static int
load_rest(struct vm *vm, const json_t *doc, struct err *e)
{
	const char *digest = NULL, *runs_on = vm->spec.hypervisor;
	json_t *image = NULL, *config = NULL;
	uint64_t number = 0, group = GROUP_NONE;

	if (json_get_u64(&group, doc, "group", 0, UINT32_MAX, e) == -1)
		return -1;
	vm->group = (gid_t)group;
	if (json_get_u64(&number, doc, "number", 1, INT32_MAX, e) != 1 ||
	    json_get_str(&digest, doc, "digest", 128, e) == -1 ||
	    json_get_str(&runs_on, doc, "runs_on", 32, e) == -1 ||
	    json_get_obj(&image, doc, "image", 64, e) == -1 ||
	    json_get_obj(&config, doc, "config", 16, e) == -1 ||
	    json_get_bool(&vm->renew, doc, "renew", e) == -1 ||
	    json_get_bool(&vm->creating, doc, "creating", e) == -1 ||
	    json_get_bool(&vm->live, doc, "live", e) == -1 ||
	    load_text(vm->boot_id, sizeof(vm->boot_id), doc, "boot_id",
	    e) == -1 ||
	    load_time(&vm->created_ms, doc, "created", e) == -1 ||
	    load_time(&vm->started_ms, doc, "started", e) == -1 ||
	    load_time(&vm->stopped_ms, doc, "stopped", e) == -1 ||
	    load_exit(vm, doc, e) == -1 || load_phases(vm, doc, e) == -1 ||
	    load_mac(vm, doc, e) == -1 || load_snapshot(vm, doc, e) == -1 ||
	    load_restarts(&vm->restarts, doc, e) == -1)
		return -1;
	vm->number = (unsigned)number;
	/* One that runs without a record is of a version with no other. */
	if (runs_on == NULL && vm->live)
		runs_on = "qemu";
	vm->hypervisor = runs_on == NULL ? NULL : hypervisor_find(runs_on);
	vm->digest = digest == NULL ? NULL : strdup(digest);
	vm->image = json_incref(image);
	vm->config = json_incref(config);
	return 0;
}

int
vm_load(struct vm **ret, struct control *ctl, const char *id,
    const json_t *doc, struct err *e)
{
	OWN(vm_destroy) struct vm *vm = NULL;
	json_t *spec = NULL;
	struct spec s;
	uint64_t owner = 0;

	if (strlen(id) != VM_ID_LEN)
		return err_set(e, EINVAL, "\"%.64s\" is no id", id);
	if (json_get_obj(&spec, doc, "spec", 64, e) != 1 ||
	    json_get_u64(&owner, doc, "owner", 0, UINT32_MAX, e) != 1 ||
	    spec_parse(&s, spec, e) == -1)
		return err_prefix(e, "record of instance %s", id);
	vm = vm_new(ctl, &s, (uid_t)owner);
	if (vm == NULL) {
		spec_fini(&s);
		return err_sys(e, "instance %s", id);
	}
	memcpy(vm->id, id, VM_ID_LEN);
	if (load_rest(vm, doc, e) == -1)
		return err_prefix(e, "record of instance %s", id);
	*ret = take(&vm);
	return 0;
}

/* --- the Instance --------------------------------------------------------- */

static json_t *
words(const json_t *spec, const struct vm *vm, const char *name)
{
	json_t *v = spec != NULL ? (json_t *)(uintptr_t)spec :
	    json_object_get(vm->image, name);

	return json_is_array(v) ? v : NULL;
}

json_t *
vm_argv(const struct vm *vm)
{
	json_t *entrypoint = words(vm->spec.entrypoint, vm, "entrypoint");
	/* An entrypoint of one's own drops the image's cmd, as docker does. */
	json_t *cmd = vm->spec.entrypoint != NULL && vm->spec.cmd == NULL ?
	    NULL : words(vm->spec.cmd, vm, "cmd");
	json_t *argv = json_array();

	if (argv != NULL && entrypoint != NULL)
		(void)json_array_extend(argv, entrypoint);
	if (argv != NULL && cmd != NULL)
		(void)json_array_extend(argv, cmd);
	return argv;
}

/*
 * The name of a user.  The last answer is kept for a while: a list asks for
 * the same few again and again, and each question reads /etc/passwd.
 */
static const char *
owner_name(uid_t uid)
{
	static char name[64];
	static uid_t of;
	static uint64_t until;
	struct passwd pw, *found = NULL;
	char text[1024];

	if (uid == of && os_now_ms() < until)
		return name;
	if (getpwuid_r(uid, &pw, text, sizeof(text), &found) == 0 &&
	    found != NULL)
		(void)snprintf(name, sizeof(name), "%s", pw.pw_name);
	else
		(void)snprintf(name, sizeof(name), "%u", (unsigned)uid);
	of = uid;
	until = os_now_ms() + OWNER_MS;
	return name;
}

/* "user", or "user:group"; a group without name is its number. */
static const char *
owner_text(char *ret, size_t size, const struct vm *vm)
{
	struct group gr, *found = NULL;
	char text[4096];

	if (vm->group == GROUP_NONE)
		return owner_name(vm->owner);
	if (getgrgid_r(vm->group, &gr, text, sizeof(text), &found) == 0 &&
	    found != NULL)
		(void)snprintf(ret, size, "%s:%s", owner_name(vm->owner),
		    gr.gr_name);
	else
		(void)snprintf(ret, size, "%s:%u", owner_name(vm->owner),
		    (unsigned)vm->group);
	return ret;
}

static json_t *
restarts_json(const struct vm_restarts *r)
{
	json_t *o = json_pack("{s:I,s:o,s:o}",
	    "attempts", (json_int_t)r->attempts,
	    "last_attempt_at", time_json(r->last_ms),
	    "next_attempt_at", time_json(r->next_ms));

	if (r->manual_stop)
		(void)json_object_set_new(o, "blocked_reason",
		    json_string("manual_stop"));
	else if (r->exceeded)
		(void)json_object_set_new(o, "blocked_reason",
		    json_string("max_attempts_exceeded"));
	return o;
}

static int
put_network(json_t *o, const struct vm *vm)
{
	json_t *net = json_object_get(o, "network");

	if (!vm->spec.network)
		return 0;
	if (json_object_set_new(net, "name", json_string("user")) == -1)
		return -1;
	return json_object_set_new(net, "mac", mac_json(vm->mac));
}

static pid_t
main_pid(const struct vm *vm)
{
	for (size_t i = 0; i < vm->nprocs; i++)
		if (strcmp(vm->procs[i].name, "vmm") == 0)
			return vm->procs[i].pid;
	return 0;
}

static json_t *
state_json(const struct vm *vm)
{
	const char *state = vm->silent ? "Unknown" : vm_state_name(vm->state);
	json_t *state_error = vm->silent ?
	    json_string("its VMM does not answer") :
	    vm->state_error[0] == '\0' ? json_null() :
	    json_string(vm->state_error);
	json_t *code = vm->exited ? json_integer(vm->exit_code) : json_null();
	pid_t pid = main_pid(vm);

	return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:s,s:s,s:o,s:s,s:o,s:o}",
	    "state", state,
	    "state_error", state_error,
	    "created_at", time_json(vm->created_ms),
	    "started_at", time_json(vm->started_ms),
	    "stopped_at", time_json(vm->stopped_ms),
	    "exit_code", code,
	    "exit_message", vm->exit_message,
	    "exit_reason", vm->exit_reason,
	    "phase_durations_ms", phases_json(vm, true),
	    "current_phase", vm_state_name(vm->state),
	    "current_phase_since", time_json(vm->state_ms),
	    "pid", pid == 0 ? json_null() : json_integer(pid));
}

/* What it runs with; what it would, before its first start. */
static const char *
hypervisor_name(const struct vm *vm)
{
	const struct hypervisor *h = vm->hypervisor;

	if (h == NULL)
		h = hypervisor_choose(vm->control, vm->spec.hypervisor,
		    guest_arch(vm), NULL);
	return h == NULL ? "qemu" : h->name;
}

json_t *
vm_json(const struct vm *vm)
{
	own_json json_t *o = spec_json(&vm->spec, false);
	own_json json_t *state = state_json(vm);
	own_json json_t *id = NULL;
	char owner[160];

	id = json_pack("{s:s,s:i,s:I,s:s,s:b,s:o,s:s?,s:b}",
	    "id", vm->id, "number", (int)vm->number,
	    "owner", (json_int_t)vm->owner,
	    "owner_name", owner_text(owner, sizeof(owner), vm),
	    "has_snapshot", vm->standby,
	    "restart_status", restarts_json(&vm->restarts),
	    "image_digest", vm->digest,
	    "waiting", config_waits(vm));
	if (o == NULL || state == NULL || id == NULL ||
	    json_object_update(o, id) == -1 ||
	    json_object_update(o, state) == -1 || put_network(o, vm) == -1)
		return NULL;
	if (json_object_set_new(o, "hypervisor",
	    json_string(hypervisor_name(vm))) == -1 ||
	    json_object_set_new(o, "vcpus",
	    json_integer(vm_vcpus(vm))) == -1)
		return NULL;
	return take(&o);
}
