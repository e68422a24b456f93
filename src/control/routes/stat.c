/* SPDX-License-Identifier: ISC */
/* stat.c - GET /instances/{id}/stat and /stats */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/client.h"
#include "chapi/client.h"
#include "control/routes/instances.h"
#include "control/routes/routes.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/process.h"

#define AGENT_MS	5000	/* for the agent's hello */
#define COUNTERS_MS	2000	/* for the VMM, which asks its devices */

/* --- stat: one path in the guest ------------------------------------------ */

struct stat_call {
	struct request		*request;
	struct agent_session	*session;
	json_t			*info;
};

static void
call_free(struct stat_call *c)
{
	agent_close(c->session);
	json_decref(c->info);
	free(c);
}

static void
on_entry(void *arg, const struct agent_entry *en)
{
	struct stat_call *c = arg;

	json_decref(c->info);
	c->info = json_pack("{s:b,s:b,s:b,s:b,s:s?,s:i,s:I,s:I,s:I,s:I}",
	    "exists", 1, "is_dir", en->kind == AGENT_KIND_DIR,
	    "is_file", en->kind == AGENT_KIND_FILE,
	    "is_symlink", en->kind == AGENT_KIND_SYMLINK,
	    "link_target", en->link, "mode", (int)en->mode,
	    "size", (json_int_t)en->size, "uid", (json_int_t)en->uid,
	    "gid", (json_int_t)en->gid, "mtime_ns",
	    (json_int_t)en->mtime_ns);
}

static void
on_stat(void *arg, const struct agent_result *r)
{
	struct stat_call *c = arg;
	struct err e;

	if (r->err == NULL) {
		reply_json(c->request, 200, json_incref(c->info));
	} else if (r->err->num == ENOENT || r->err->num == ENOTDIR) {
		reply_json(c->request, 200, json_pack("{s:b}", "exists", 0));
	} else if (r->err->code != NULL &&
	    (strcmp(r->err->code, "disconnected") == 0 ||
	    strcmp(r->err->code, "no_agent") == 0)) {
		e = *r->err;
		e.code = "unavailable";
		reply_err(c->request, &e);
	} else {
		reply_json(c->request, 200, json_pack("{s:b,s:s}",
		    "exists", 0, "error", r->err->text));
	}
	call_free(c);
}

void
route_instance_stat(struct request *r)
{
	static const struct agent_handler handler = {
		.entry = on_entry, .done = on_stat,
	};
	struct vm *vm = route_running_vm(r);
	own_mem char *path = NULL;
	const char *text = NULL;
	struct stat_call *c;
	bool follow = false;
	struct err e;
	int found;

	if (vm == NULL)
		return;
	found = request_query(&text, r, "path", &e);
	if (found == 0)
		found = err_api(&e, EINVAL, "invalid_request",
		    "path: is missing");
	if (found == -1 || (path = strdup(text)) == NULL ||
	    (found = request_query(&text, r, "follow_links", &e)) == -1) {
		reply_err(r, &e);
		return;
	}
	follow = found == 1 && strcmp(text, "true") == 0;
	c = calloc(1, sizeof(*c));
	if (c == NULL || agent_open(&c->session, vm->control->base, &handler,
	    c, &e) == -1) {
		free(c);
		reply_json(r, 503, NULL);
		return;
	}
	c->request = r;
	if (agent_connect(c->session, vm->dir, "vsock.sock", AGENT_MS,
	    &e) == -1 || agent_stat(c->session, path, follow, &e) == -1) {
		e.code = "unavailable";
		reply_err(r, &e);
		call_free(c);
	}
}

/* --- stats: what the VM's processes use ----------------------------------- */

struct stats_call {
	struct request		*request;
	struct chapi_client	*client;
	json_t			*stats;
};

static void
stats_call_free(struct stats_call *c)
{
	chapi_client_destroy(c->client);
	json_decref(c->stats);
	free(c);
}

/* Sum a counter of the devices whose name begins with 'kind'. */
static json_t *
total(json_t *counters, const char *kind, const char *name)
{
	const char *device;
	json_int_t all = 0;
	json_t *of;

	json_object_foreach(counters, device, of)
		if (strncmp(device, kind, strlen(kind)) == 0)
			all += json_integer_value(json_object_get(of, name));
	return json_integer(all);
}

/* The VMM's answer, or none: what is not known stays 0. */
static void
on_counters(void *arg, const struct chapi_answer *a)
{
	static const struct { const char *to, *kind, *name; } all[] = {
		{ "network_rx_bytes", "net", "rx_bytes" },
		{ "network_tx_bytes", "net", "tx_bytes" },
		{ "disk_read_bytes", "disk", "read_bytes" },
		{ "disk_write_bytes", "disk", "write_bytes" },
	};
	struct stats_call *c = arg;

	for (size_t i = 0; a->err == NULL && i < COUNT(all); i++)
		(void)json_object_set_new(c->stats, all[i].to,
		    total(a->body, all[i].kind, all[i].name));
	reply_json(c->request, 200, json_incref(c->stats));
	stats_call_free(c);
}

static json_t *
stats_json(const struct vm *vm)
{
	struct process_usage u = { 0 }, one;

	for (size_t i = 0; i < vm->nprocs; i++) {
		process_usage(&one, vm->procs[i].pid);
		u.cpu_ns += one.cpu_ns;
		u.rss += one.rss;
		u.vms += one.vms;
	}
	return json_pack("{s:s,s:s,s:f,s:I,s:I,s:i,s:i,s:i,s:i,s:i,s:I,s:f}",
	    "instance_id", vm->id, "instance_name", vm->spec.name,
	    "cpu_seconds", (double)u.cpu_ns / 1e9,
	    "memory_rss_bytes", (json_int_t)u.rss,
	    "memory_vms_bytes", (json_int_t)u.vms,
	    "network_rx_bytes", 0, "network_tx_bytes", 0,
	    "disk_read_bytes", 0, "disk_write_bytes", 0,
	    "allocated_vcpus", (int)vm->spec.vcpus,
	    "allocated_memory_bytes", (json_int_t)vm->spec.memory,
	    "memory_utilization_ratio",
	    (double)u.rss / (double)vm->spec.memory);
}

void
route_instance_stats(struct request *r)
{
	struct vm *vm = route_vm(r);
	struct chapi_call call = { .name = "vm.counters",
	    .done = on_counters, .timeout_ms = COUNTERS_MS };
	struct stats_call *c;
	struct err e;

	if (vm == NULL)
		return;
	if (!vm_state_live(vm->state) || vm->dir == -1) {
		reply_json(r, 200, stats_json(vm));
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL || (c->stats = stats_json(vm)) == NULL ||
	    chapi_client_new(&c->client, vm->control->base, vm->dir,
	    &e) == -1) {
		if (c != NULL)
			stats_call_free(c);
		reply_json(r, 503, NULL);
		return;
	}
	c->request = r;
	call.arg = c;
	if (chapi_client_call(c->client, &call, &e) == -1) {
		reply_json(r, 200, json_incref(c->stats));
		stats_call_free(c);
	}
}
