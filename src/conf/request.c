/* SPDX-License-Identifier: ISC */
/* request.c - a vm block as what vmd-control is asked for; see request.h */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/parse.h"
#include "conf/request.h"
#include "lib/json.h"
#include "lib/util.h"

/* Set unless it is not said; false: no UTF-8. */
static bool
set_text(json_t *o, const char *name, const char *s)
{
	return s == NULL || json_object_set_new(o, name, json_string(s)) == 0;
}

static bool
set_bytes(json_t *o, const char *name, uint64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, n);
	return n == 0 || set_text(o, name, text);
}

static bool
set_words(json_t *o, const char *name, const struct conf_list *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->n; i++) {
		if (json_array_append_new(list, json_string(l->v[i])) == 0)
			continue;
		json_decref(list);
		return false;
	}
	if (l->n == 0) {
		json_decref(list);
		return true;
	}
	return json_object_set_new(o, name, list) == 0;
}

static bool
set_env(json_t *o, const struct conf_list *l)
{
	json_t *env = json_object();
	bool good = true;
	char name[257];

	for (size_t i = 0; good && i < l->n; i++) {
		const char *eq = strchr(l->v[i], '=');

		(void)snprintf(name, sizeof(name), "%.*s",
		    (int)(eq - l->v[i]), l->v[i]);
		good = json_object_set_new(env, name,
		    json_string(eq + 1)) == 0;
	}
	return json_object_set_new(o, "env", env) == 0 && good;
}

/* Those of the host are "shares", others "volumes". */
static bool
set_mounts(json_t *o, const struct conf_list *l, bool host)
{
	json_t *list = json_array();
	bool good = true;

	for (size_t i = 0; good && i < l->n; i++) {
		const char *path = strchr(l->v[i], ':') + 1;
		const char *mode = strchr(path, ':');
		size_t len = mode == NULL ? strlen(path) :
		    (size_t)(mode - path);

		if ((l->v[i][0] == '/') != host)
			continue;
		good = json_array_append_new(list, json_pack(
		    "{s:s%,s:s%,s:b}", host ? "host_path" : "volume_id",
		    l->v[i], (size_t)(path - 1 - l->v[i]),
		    host ? "path" : "mount_path", path, len,
		    "readonly", mode != NULL && strcmp(mode, ":ro") == 0)) ==
		    0;
	}
	return json_object_set_new(o, host ? "shares" : "volumes", list) ==
	    0 && good;
}

static bool
set_disks(json_t *o, const struct conf_vm *vm)
{
	json_t *list;
	bool good = true;

	if (vm->ndisks == 0)
		return true;
	list = json_array();
	for (size_t i = 0; good && i < vm->ndisks; i++)
		good = json_array_append_new(list, json_pack("{s:s,s:s*}",
		    "path", vm->disks[i].path, "format",
		    conf_format_name(vm->disks[i].format))) == 0;
	return json_object_set_new(o, "disks", list) == 0 && good;
}

/* What boots it where that is not the image. */
static bool
set_boot(json_t *o, const struct conf_vm *vm)
{
	/* A kernel comes from no device, but may ask the net what to do. */
	bool device = vm->image == NULL && (conf_vm_kernel(vm) == NULL ||
	    vm->device == CONF_BOOT_NET);

	return set_text(o, "kernel", conf_vm_kernel(vm)) &&
	    set_text(o, "firmware", vm->firmware) &&
	    set_text(o, "cdrom", vm->cdrom) &&
	    set_text(o, "netboot", vm->netboot) &&
	    set_text(o, "boot_device", device ?
	    conf_device_name(vm->device) : NULL) &&
	    set_text(o, "initramfs", vm->initramfs) &&
	    set_text(o, "cmdline", vm->cmdline) && set_disks(o, vm);
}

static bool
set_ports(json_t *o, const struct conf_list *l)
{
	json_t *list = json_array();
	struct conf_port p;

	for (size_t i = 0; i < l->n; i++)
		if (conf_port_parse(&p, l->v[i], NULL) == 0)
			(void)json_array_append_new(list, json_pack(
			    "{s:s,s:i,s:i,s:s}", "host_ip", p.addr,
			    "host_port", p.host, "guest_port", p.guest,
			    "protocol", p.udp ? "udp" : "tcp"));
	return json_object_set_new(o, "ports", list) == 0;
}

static bool
set_if(json_t *list, const struct conf_if *f)
{
	own_json json_t *o = json_pack("{s:b,s:b,s:b,s:i}", "local", f->local,
	    "locked", f->locked, "down", f->down, "rdomain",
	    f->rdomain < 0 ? 0 : f->rdomain);
	const uint8_t *m = f->lladdr;
	char mac[18];

	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
	    m[0], m[1], m[2], m[3], m[4], m[5]);
	return set_text(o, "name", f->name) && set_text(o, "switch", f->to) &&
	    set_text(o, "group", f->group) &&
	    set_text(o, "address", f->address) &&
	    set_text(o, "address6", f->address6) &&
	    set_text(o, "lladdr", f->has_lladdr ? mac : NULL) &&
	    json_array_append(list, o) == 0;
}

/* Those that are described, and as many more as there shall be. */
static bool
set_interfaces(json_t *o, const struct conf_vm *vm)
{
	static const struct conf_if plain = { .rdomain = -1 };
	json_t *list = json_array();
	bool good = true;

	for (size_t i = 0; i < vm->nifs; i++)
		good = good && set_if(list, &vm->ifs[i]);
	for (int i = (int)vm->nifs; i < vm->min_ifs; i++)
		good = good && set_if(list, &plain);
	return json_object_set_new(o, "interfaces", list) == 0 && good;
}

static bool
has_local(const struct conf_vm *vm)
{
	for (size_t i = 0; i < vm->nifs; i++)
		if (vm->ifs[i].local)
			return true;
	return false;
}

/*
 * As vmctl run: a card of the user network, unless interfaces are spoken of;
 * published ports need it, or a local interface.
 */
static bool
set_network(json_t *o, const struct conf_vm *vm)
{
	json_t *net = json_pack("{s:b}", "enabled", (vm->publish.n > 0 &&
	    !has_local(vm)) || (vm->nifs == 0 && vm->min_ifs == -1));

	return set_bytes(net, "bandwidth_download", vm->download) &&
	    set_bytes(net, "bandwidth_upload", vm->upload) &&
	    json_object_set_new(o, "network", net) == 0;
}

static json_t *
create_request(const struct conf_vm *vm)
{
	static const char *const restarts[] = { "never", "always",
	    "on_failure" };
	own_json json_t *o = json_pack("{s:i,s:{s:s}}", "vcpus",
	    (int)vm->cpus, "restart_policy", "policy",
	    restarts[vm->restart]);

	if (set_text(o, "name", vm->name) && set_text(o, "image", vm->image) &&
	    set_text(o, "hypervisor", vm->hypervisor) &&
	    set_bytes(o, "size", vm->memory) &&
	    set_bytes(o, "overlay_size", vm->overlay) &&
	    set_bytes(o, "disk_io_bps", vm->disk_rate) &&
	    set_words(o, "entrypoint", &vm->entrypoint) &&
	    set_words(o, "cmd", &vm->command) && set_env(o, &vm->env) &&
	    set_mounts(o, &vm->volumes, false) &&
	    set_mounts(o, &vm->volumes, true) && set_ports(o, &vm->publish) &&
	    set_network(o, vm) && set_interfaces(o, vm) && set_boot(o, vm) &&
	    set_text(o, "user", vm->user) &&
	    set_text(o, "working_dir", vm->workdir) &&
	    set_text(o, "hostname", vm->hostname))
		return take(&o);
	return NULL;
}

static void
set_id(json_t *o, const char *name, uint32_t id)
{
	if (id != CONF_ID_NONE)
		(void)json_object_set_new(o, name, json_integer(id));
}

/* Who may make instances, and what he may say of them. */
static json_t *
allow_json(const struct conf_vm *vm)
{
	json_t *o = json_object(), *flags = json_array();

	for (unsigned bit = 1; bit <= CONF_ALLOW_INSTANCE; bit <<= 1)
		if ((vm->allow & bit) != 0)
			(void)json_array_append_new(flags,
			    json_string(conf_allow_name(bit)));
	(void)json_object_set_new(o, "flags", flags);
	set_id(o, "owner", vm->allow_owner.uid);
	set_id(o, "group", vm->allow_owner.gid);
	return o;
}

json_t *
conf_vm_json(struct conf *c, const struct conf_vm *vm)
{
	json_t *request = create_request(vm);
	own_json json_t *o = NULL;

	if (request == NULL)
		return NULL;
	o = json_pack("{s:s,s:s,s:b,s:o}", "name", vm->name, "where",
	    conf_textf(c, "%s:%u", vm->file, vm->line), "enabled",
	    !vm->disabled, "request", request);
	if (o == NULL || !set_text(o, "unsupported",
	    conf_vm_unsupported(c, vm)))
		return NULL;
	set_id(o, "owner", vm->owner.uid);
	set_id(o, "group", vm->owner.gid);
	if (vm->allow != 0 || vm->allow_owner.uid != CONF_ID_NONE ||
	    vm->allow_owner.gid != CONF_ID_NONE)
		(void)json_object_set_new(o, "allow", allow_json(vm));
	return take(&o);
}

json_t *
conf_switches_json(const struct conf *c)
{
	own_json json_t *list = json_array();
	const struct conf_switch *s;

	TAILQ_FOREACH(s, &c->switches, entry) {
		own_json json_t *o = json_pack("{s:s,s:s,s:b,s:b,s:b,s:i}",
		    "name", s->name, "interface", s->interface, "enabled",
		    !s->disabled, "down", s->down, "locked", s->locked,
		    "rdomain", s->rdomain < 0 ? 0 : s->rdomain);
		if (o == NULL || !set_text(o, "group", s->group) ||
		    json_array_append(list, o) == -1)
			return NULL;
	}
	return take(&list);
}

json_t *
conf_json(struct conf *c)
{
	own_json json_t *vms = json_array();
	const struct conf_vm *vm;
	json_t *v;

	TAILQ_FOREACH(vm, &c->vms, entry) {
		v = conf_vm_json(c, vm);
		if (v == NULL || json_array_append_new(vms, v) == -1)
			return NULL;
	}
	v = conf_switches_json(c);
	if (v == NULL)
		return NULL;
	v = json_pack("{s:O,s:o}", "vms", vms, "switches", v);
	(void)set_text(v, "prefix", c->prefix);
	if (c->inet6)
		(void)set_text(v, "prefix6", c->prefix6 != NULL ?
		    c->prefix6 : "any");
	if (c->staggered) {
		(void)json_object_set_new(v, "parallel",
		    json_integer(c->parallel));
		(void)json_object_set_new(v, "delay", json_integer(c->delay));
	}
	return v;
}
