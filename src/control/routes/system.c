/* SPDX-License-Identifier: ISC */
/* system.c - /health, /capabilities, /resources */

#include "control/admission.h"
#include "control/capabilities.h"
#include "control/control.h"
#include "control/http.h"
#include "control/hypervisors.h"
#include "control/routes/routes.h"
#include "lib/json.h"

void
route_health(struct request *r)
{
	reply_json(r, 200, json_pack("{s:s}", "status", "ok"));
}

static void
answer_capabilities(void *arg)
{
	struct request *r = arg;

	reply_json(r, 200, capabilities_json(request_context(r)));
}

void
route_capabilities(struct request *r)
{
	hypervisors_wait(request_context(r), answer_capabilities, r);
}

static json_t *
resource_json(const char *type, const struct resource *r, const char *source)
{
	uint64_t available = r->limit > r->used ? r->limit - r->used : 0;

	return json_pack("{s:s,s:I,s:I,s:I,s:I,s:f,s:s}", "type", type,
	    "capacity", (json_int_t)r->capacity,
	    "effective_limit", (json_int_t)r->limit,
	    "allocated", (json_int_t)r->used,
	    "available", (json_int_t)available,
	    "oversub_ratio", r->ratio, "source", source);
}

static json_t *
allocations(const struct control *ctl, const struct caller *c)
{
	json_t *list = json_array();
	const struct vm *vm;

	TAILQ_FOREACH(vm, &ctl->vms, entry) {
		if (!vm_state_live(vm->state) || !vm_belongs(vm, c))
			continue;
		(void)json_array_append_new(list, json_pack(
		    "{s:s,s:s,s:i,s:I,s:I,s:I,s:I,s:I}",
		    "instance_id", vm->id, "instance_name", vm->spec.name,
		    "cpu", (int)vm->spec.vcpus,
		    "memory_bytes", (json_int_t)vm->spec.memory,
		    "disk_bytes", (json_int_t)vm->spec.overlay,
		    "network_download_bps", (json_int_t)vm->spec.download,
		    "network_upload_bps", (json_int_t)vm->spec.upload,
		    "disk_io_bps", (json_int_t)vm->spec.disk_io));
	}
	return list;
}

static uint64_t
images_bytes(const struct control *ctl)
{
	const struct image *i;
	uint64_t sum = 0, n;

	TAILQ_FOREACH(i, &ctl->images, entry) {
		n = 0;
		(void)json_get_u64(&n, i->info, "root_bytes", 0, INT64_MAX,
		    NULL);
		sum += n;
	}
	return sum;
}

void
route_resources(struct request *r)
{
	const struct control *ctl = request_context(r);
	const struct resource none = { .ratio = 1 };
	struct resources s;

	admission_count(&s, ctl);
	reply_json(r, 200, json_pack(
	    "{s:o,s:o,s:o,s:o,s:{s:I,s:I,s:I,s:I},s:o}",
	    "cpu", resource_json("cpu", &s.cpu, "online CPUs"),
	    "memory", resource_json("memory", &s.memory, "physical memory"),
	    "disk", resource_json("disk", &s.disk, "file system of the state"),
	    "network", resource_json("network", &none, "not limited"),
	    "disk_breakdown",
	    "images_bytes", (json_int_t)images_bytes(ctl),
	    "volumes_bytes", (json_int_t)s.volumes,
	    "overlays_bytes", (json_int_t)s.overlays,
	    "snapshots_bytes", (json_int_t)s.snapshots,
	    "allocations", allocations(ctl, request_caller(r))));
}
