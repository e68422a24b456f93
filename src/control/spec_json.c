/* SPDX-License-Identifier: ISC */
/* spec_json.c - a spec as JSON; see spec.h */

#include <inttypes.h>
#include <stdio.h>

#include "control/spec_private.h"
#include "lib/json.h"
#include "lib/num.h"

/* Bytes for the database, "1.0 GB" or "1.0 MB/s" for people. */
static json_t *
amount(uint64_t bytes, const char *suffix, bool exact)
{
	char text[16], all[32];

	if (exact)
		(void)snprintf(all, sizeof(all), "%" PRIu64, bytes);
	else
		(void)snprintf(all, sizeof(all), "%s%s",
		    size_print(text, sizeof(text), bytes), suffix);
	return json_string(all);
}

json_t *
spec_duration(uint64_t ms)
{
	char text[32];

	if (ms % 3600000 == 0 && ms != 0)
		(void)snprintf(text, sizeof(text), "%" PRIu64 "h",
		    ms / 3600000);
	else if (ms % 60000 == 0 && ms != 0)
		(void)snprintf(text, sizeof(text), "%" PRIu64 "m",
		    ms / 60000);
	else if (ms % 1000 == 0)
		(void)snprintf(text, sizeof(text), "%" PRIu64 "s", ms / 1000);
	else
		(void)snprintf(text, sizeof(text), "%" PRIu64 "ms", ms);
	return json_string(text);
}

static int
put(json_t *to, const char *name, json_t *v)
{
	return v == NULL ? -1 : json_object_set_new(to, name, v);
}

static int
put_text(json_t *to, const char *name, const char *text)
{
	return text == NULL ? 0 : put(to, name, json_string(text));
}

static int
put_shared(json_t *to, const char *name, json_t *v)
{
	return v == NULL ? 0 : json_object_set(to, name, v);
}

static json_t *
ports_json(const struct spec *s)
{
	own_json json_t *list = json_array();

	for (size_t i = 0; i < s->nports; i++) {
		const struct spec_port *p = &s->ports[i];

		if (json_array_append_new(list, json_pack(
		    "{s:s,s:i,s:i,s:s}", "host_ip", p->host_ip,
		    "host_port", p->host, "guest_port", p->guest,
		    "protocol", p->udp ? "udp" : "tcp")) == -1)
			return NULL;
	}
	return take(&list);
}

static json_t *
volumes_json(const struct spec *s)
{
	own_json json_t *list = json_array();

	for (size_t i = 0; i < s->nvolumes; i++) {
		const struct spec_volume *v = &s->volumes[i];

		if (json_array_append_new(list, json_pack("{s:s,s:s,s:b}",
		    "volume_id", v->id, "mount_path", v->path,
		    "readonly", v->readonly)) == -1)
			return NULL;
	}
	return take(&list);
}

static json_t *
shares_json(const struct spec *s)
{
	own_json json_t *list = json_array();

	for (size_t i = 0; i < s->nshares; i++) {
		const struct spec_share *h = &s->shares[i];

		if (json_array_append_new(list, json_pack("{s:s,s:s,s:b}",
		    "host_path", h->host, "path", h->path,
		    "readonly", h->readonly)) == -1)
			return NULL;
	}
	return take(&list);
}

static json_t *
disks_json(const struct spec *s)
{
	own_json json_t *list = json_array();

	for (size_t i = 0; i < s->ndisks; i++) {
		const struct spec_disk *d = &s->disks[i];

		if (json_array_append_new(list, json_pack("{s:s,s:s*}",
		    "path", d->path, "format", d->format == FORMAT_ANY ?
		    NULL : spec_format_name(d->format))) == -1)
			return NULL;
	}
	return take(&list);
}

/* Files of the host, where there are any. */
static int
put_files(json_t *to, const struct spec *s)
{
	if (s->ndisks > 0 && put(to, "disks", disks_json(s)) == -1)
		return -1;
	if (put_text(to, "kernel", s->kernel) == -1 ||
	    put_text(to, "initramfs", s->initramfs) == -1 ||
	    put_text(to, "firmware", s->firmware) == -1 ||
	    put_text(to, "cdrom", s->cdrom) == -1 ||
	    put_text(to, "netboot", s->netboot) == -1 ||
	    (s->boot != BOOT_ANY &&
	    put_text(to, "boot_device", spec_boot_name(s->boot)) == -1))
		return -1;
	return put_text(to, "cmdline", s->cmdline);
}

static json_t *
network_json(const struct spec *s, bool exact)
{
	own_json json_t *net = json_pack("{s:b}", "enabled", s->network);

	if (net == NULL ||
	    (s->download != 0 && put(net, "bandwidth_download",
	    amount(s->download, "/s", exact)) == -1) ||
	    (s->upload != 0 && put(net, "bandwidth_upload",
	    amount(s->upload, "/s", exact)) == -1))
		return NULL;
	return take(&net);
}

static json_t *
restart_json(const struct spec *s)
{
	return json_pack("{s:s,s:o,s:I,s:o}", "policy",
	    spec_restart_name(s->restart), "backoff",
	    spec_duration(s->backoff), "max_attempts",
	    (json_int_t)s->max_attempts, "stable_after",
	    spec_duration(s->stable_after));
}

static int
put_sizes(json_t *to, const struct spec *s, bool exact)
{
	if (put(to, "size", amount(s->memory, "", exact)) == -1 ||
	    (s->overlay != 0 && put(to, "overlay_size",
	    amount(s->overlay, "", exact)) == -1))
		return -1;
	if (s->hotplug != 0 &&
	    put(to, "hotplug_size", amount(s->hotplug, "", exact)) == -1)
		return -1;
	if (s->disk_io != 0 &&
	    put(to, "disk_io_bps", amount(s->disk_io, "/s", exact)) == -1)
		return -1;
	return put(to, "vcpus", json_integer(s->vcpus));
}

static int
put_process(json_t *to, const struct spec *s)
{
	if (put_shared(to, "env", s->env) == -1 ||
	    put_shared(to, "tags", s->tags) == -1 ||
	    put_shared(to, "entrypoint", s->entrypoint) == -1 ||
	    put_shared(to, "cmd", s->cmd) == -1 ||
	    put_text(to, "user", s->user) == -1 ||
	    put_text(to, "working_dir", s->working_dir) == -1 ||
	    put_text(to, "hostname", s->hostname) == -1 ||
	    put_text(to, "stop_signal", s->stop_signal) == -1)
		return -1;
	if (put(to, "tty", json_boolean(s->tty)) == -1 ||
	    put(to, "auto_remove", json_boolean(s->auto_remove)) == -1)
		return -1;
	return put(to, "stop_timeout", spec_duration(s->stop_timeout));
}

json_t *
spec_json(const struct spec *s, bool exact)
{
	own_json json_t *to = json_object();

	if (to == NULL || put_text(to, "name", s->name) == -1 ||
	    put_text(to, "image", s->image != NULL || exact ? s->image :
	    "") == -1 ||
	    put_text(to, "template", s->template) == -1 ||
	    put_text(to, "platform", s->platform) == -1 ||
	    put_text(to, "hypervisor", s->hypervisor) == -1 ||
	    put_sizes(to, s, exact) == -1 || put_process(to, s) == -1 ||
	    put(to, "network", network_json(s, exact)) == -1 ||
	    put(to, "ports", ports_json(s)) == -1 ||
	    put(to, "volumes", volumes_json(s)) == -1 ||
	    put(to, "shares", shares_json(s)) == -1 ||
	    put_files(to, s) == -1 ||
	    (s->nifs > 0 && put(to, "interfaces", spec_ifs_json(s)) == -1) ||
	    put(to, "restart_policy", restart_json(s)) == -1)
		return NULL;
	return take(&to);
}
