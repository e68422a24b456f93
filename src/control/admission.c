/* SPDX-License-Identifier: ISC */
/* admission.c - does it fit?  See admission.h */

#include <sys/statvfs.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/admission.h"
#include "control/control.h"
#include "control/volumes.h"
#include "lib/num.h"

static void
limit(struct resource *r, uint32_t percent)
{
	if (percent == 0)
		percent = 100;
	r->ratio = percent / 100.0;
	r->limit = r->capacity / 100 * percent +
	    r->capacity % 100 * percent / 100;
}

static void
capacities(struct resources *r, const struct control *ctl)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	struct statvfs fs;

	memset(r, 0, sizeof(*r));
	r->cpu.capacity = ctl->ncpus < 1 ? 1 : (uint64_t)ctl->ncpus;
	r->memory.capacity = (uint64_t)pages * (uint64_t)page;
	if (fstatvfs(ctl->state, &fs) == 0) {
		r->disk.capacity = (uint64_t)fs.f_blocks * fs.f_frsize;
		r->disk_free = (uint64_t)fs.f_bavail * fs.f_frsize;
	}
	limit(&r->cpu, ctl->setup.cpu_percent);
	limit(&r->memory, ctl->setup.memory_percent);
	limit(&r->disk, ctl->setup.disk_percent);
}

void
admission_count(struct resources *r, const struct control *ctl)
{
	const struct vm *vm;

	capacities(r, ctl);
	TAILQ_FOREACH(vm, &ctl->vms, entry) {
		r->overlays += vm->spec.overlay;
		if (!vm->reserved && !vm_state_live(vm->state))
			continue;
		r->cpu.used += vm_vcpus(vm);
		r->memory.used += vm->spec.memory;
	}
	r->volumes = volumes_bytes(ctl);
	r->snapshots = snapshots_bytes(ctl);
	r->disk.used = r->overlays + r->volumes + r->snapshots;
}

int
admission_fits(const struct resource *r, const char *name, uint64_t wanted,
    int bytes, struct err *e)
{
	uint64_t free = r->limit > r->used ? r->limit - r->used : 0;
	char a[16], b[16], c[16], d[16];

	if (wanted <= free)
		return 0;
	if (!bytes)
		return err_api(e, ENOSPC, "insufficient_resources",
		    "insufficient %s: requested %" PRIu64 ", free %" PRIu64
		    " of a limit of %" PRIu64 " (%" PRIu64 " at a ratio of "
		    "%.2f)", name, wanted, free, r->limit, r->capacity,
		    r->ratio);
	return err_api(e, ENOSPC, "insufficient_resources",
	    "insufficient %s: requested %s, free %s of a limit of %s "
	    "(%s at a ratio of %.2f)", name,
	    size_print(a, sizeof(a), wanted), size_print(b, sizeof(b), free),
	    size_print(c, sizeof(c), r->limit),
	    size_print(d, sizeof(d), r->capacity), r->ratio);
}

static int
disk(const struct resources *r, const char *what, uint64_t bytes,
    struct err *e)
{
	char a[16], b[16];

	if (r->disk_free < ADMISSION_RESERVE)
		return err_api(e, ENOSPC, "insufficient_resources",
		    "the disk is full: %s free, %s must stay free",
		    size_print(a, sizeof(a), r->disk_free),
		    size_print(b, sizeof(b), ADMISSION_RESERVE));
	return admission_fits(&r->disk, what, bytes, 1, e);
}

int
admission_disk(const struct control *ctl, const char *what, uint64_t bytes,
    struct err *e)
{
	struct resources r;

	admission_count(&r, ctl);
	return disk(&r, what, bytes, e);
}

static int
cpu_and_memory(const struct resources *r, const struct vm *vm,
    struct err *e)
{
	if (admission_fits(&r->cpu, "CPUs", vm_vcpus(vm), 0, e) == -1)
		return -1;
	return admission_fits(&r->memory, "memory", vm->spec.memory, 1, e);
}

static int
ports(const struct vm *vm, struct err *e)
{
	const struct spec_port *p = NULL;
	const struct vm *other = vm_table_port(vm->control, vm, &p);

	if (other == NULL)
		return 0;
	return err_api(e, EADDRINUSE, "port_in_use",
	    "host port %u/%s is published by instance %s", p->host,
	    p->udp ? "udp" : "tcp", other->spec.name);
}

int
admission_create(const struct vm *vm, struct err *e)
{
	struct resources r;

	admission_count(&r, vm->control);
	if (cpu_and_memory(&r, vm, e) == -1 ||
	    disk(&r, "disk", vm->spec.overlay, e) == -1)
		return -1;
	return ports(vm, e);
}

int
admission_start(const struct vm *vm, struct err *e)
{
	struct resources r;

	admission_count(&r, vm->control);
	if (cpu_and_memory(&r, vm, e) == -1)
		return -1;
	return ports(vm, e);
}
