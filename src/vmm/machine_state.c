/* SPDX-License-Identifier: ISC */
/*
 * machine_state.c - a machine's state beside its memory; see machine.h
 *
 *	version   STATE_VERSION
 *	vm        interrupt controllers, clock
 *	vcpus     one for each
 *	cpuplug   processors that are new, where some come and go
 *	hotplug   what of it the guest has not heard, where there is a bus
 *	leaving   PCI slots the guest was asked to give up, a bit each
 *	pci       the bus, where there is one
 *	devices   [{name, state}], in the order they were plugged
 *
 * and what machine_ARCH.c puts there.
 */

#include <errno.h>
#include <string.h>

#include "lib/json.h"
#include "vmm/dev/cpuplug.h"
#include "vmm/dev/hotplug.h"
#include "vmm/machine_private.h"
#include "vmm/pci.h"
#include "vmm/vcpu.h"

#define STATE_VERSION	2

/* --- save --------------------------------------------------------------- */

/* Takes value, also on failure; NULL is a failure. */
static int
put(json_t *o, const char *name, json_t *value, struct err *e)
{
	if (value == NULL || json_object_set_new(o, name, value) == -1)
		return err_set(e, ENOMEM, "state: %s: out of memory", name);
	return 0;
}

/* On the thread of a vCPU. */
struct vcpu_state {
	const struct accel	*accel;
	json_t			*state;
};

static int
save_vcpu(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct vcpu_state *s = arg;

	s->state = s->accel->vcpu_save(v, e);
	return s->state == NULL ? -1 : 0;
}

static int
save_vcpus(struct machine *m, json_t *o, struct err *e)
{
	own_json json_t *all = json_array();
	struct vcpu_state s = { .accel = m->board.accel };

	/* Not those that the guest has given up. */
	for (unsigned i = 0; i < m->cpus; i++) {
		if (vcpus_call(m->vcpus, i, save_vcpu, &s, e) == -1)
			return err_prefix(e, "vCPU %u", i);
		if (json_array_append_new(all, s.state) == -1)
			return err_set(e, ENOMEM, "state: out of memory");
	}
	return put(o, "vcpus", take(&all), e);
}

int
machine_savable(const struct machine *m, struct err *e)
{
	for (unsigned i = 0; i < m->ndevices; i++)
		if (m->device[i]->class->unsaved != NULL)
			return err_set(e, ENOTSUP, "%s: %s",
			    m->device[i]->name, m->device[i]->class->unsaved);
	return 0;
}

static int
save_devices(struct machine *m, json_t *o, struct err *e)
{
	own_json json_t *all = json_array();
	json_t *state;

	if (machine_savable(m, e) == -1 || machine_arch_save(m, o, e) == -1 ||
	    put(o, "leaving", json_integer(m->leaving), e) == -1)
		return -1;
	if (m->hotplug != NULL &&
	    put(o, "hotplug", hotplug_save(m->hotplug), e) == -1)
		return -1;
	if (m->cpuplug != NULL &&
	    put(o, "cpuplug", cpuplug_save(m->cpuplug), e) == -1)
		return -1;
	if (m->board.pci != NULL &&
	    put(o, "pci", pci_bus_save(m->board.pci), e) == -1)
		return -1;
	for (unsigned i = 0; i < m->ndevices; i++) {
		state = vio_save(m->device[i]);
		if (state == NULL)
			return err_set(e, ENOMEM, "%s: state: out of memory",
			    m->device[i]->name);
		if (json_array_append_new(all, json_pack("{s:s,s:o}", "name",
		    m->device[i]->name, "state", state)) == -1)
			return err_set(e, ENOMEM, "state: out of memory");
	}
	return put(o, "devices", take(&all), e);
}

json_t *
machine_save(struct machine *m, struct err *e)
{
	own_json json_t *o = json_object();
	json_t *vm;
	int r;

	if (put(o, "version", json_integer(STATE_VERSION), e) == -1)
		return NULL;
	machine_pause_devices(m);
	board_lock(&m->board);
	r = save_devices(m, o, e);
	board_unlock(&m->board);
	if (r == -1 || save_vcpus(m, o, e) == -1)
		return NULL;
	vm = m->board.accel->vm_save(m->board.vm, e);
	if (vm == NULL || put(o, "vm", vm, e) == -1)
		return NULL;
	return take(&o);
}

/* --- load --------------------------------------------------------------- */

static int
load_vcpu(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct vcpu_state *s = arg;

	return s->accel->vcpu_load(v, s->state, e);
}

static int
load_vcpus(struct machine *m, const json_t *o, struct err *e)
{
	struct vcpu_state s = { .accel = m->board.accel };
	json_t *all = NULL;
	unsigned n = m->cpus;

	if (json_get_arr(&all, o, "vcpus", n, e) == -1)
		return -1;
	if (json_array_size(all) != n)
		return err_set(e, EINVAL, "vcpus: %zu of them, not %u",
		    json_array_size(all), n);
	for (unsigned i = 0; i < n; i++) {
		s.state = json_array_get(all, i);
		if (vcpus_call(m->vcpus, i, load_vcpu, &s, e) == -1)
			return err_prefix(e, "vCPU %u", i);
	}
	return 0;
}

/* NULL when the machine has none of that name. */
static struct vio *
find_device(const struct machine *m, const char *name)
{
	for (unsigned i = 0; i < m->ndevices; i++)
		if (strcmp(m->device[i]->name, name) == 0)
			return m->device[i];
	return NULL;
}

static int
load_device(const struct machine *m, const json_t *o, struct err *e)
{
	const char *name = NULL;
	json_t *state = NULL;
	struct vio *vio;

	if (json_get_str(&name, o, "name", VIO_NAME_MAX, e) == -1 ||
	    json_get_obj(&state, o, "state", SIZE_MAX, e) == -1)
		return -1;
	if (name == NULL || state == NULL)
		return err_set(e, EINVAL, "devices: no name or no state");
	vio = find_device(m, name);
	if (vio == NULL)
		return err_set(e, EINVAL, "%s: this VM has no such device",
		    name);
	if (vio_load(vio, state, e) == -1)
		return err_prefix(e, "%s", name);
	return 0;
}

/* By name: one that was plugged in late is elsewhere in the config. */
static int
load_devices(const struct machine *m, const json_t *o, struct err *e)
{
	json_t *all = NULL;

	if (json_get_arr(&all, o, "devices", MACHINE_DEVICES_MAX, e) == -1)
		return -1;
	if (json_array_size(all) != m->ndevices)
		return err_set(e, EINVAL, "devices: %zu of them, not %u",
		    json_array_size(all), m->ndevices);
	for (unsigned i = 0; i < m->ndevices; i++)
		if (load_device(m, json_array_get(all, i), e) == -1)
			return -1;
	return 0;
}

static int
load_bus(const struct machine *m, const json_t *o, struct err *e)
{
	json_t *pci = NULL;

	if (json_get_obj(&pci, o, "pci", SIZE_MAX, e) == -1)
		return -1;
	if ((pci != NULL) != (m->board.pci != NULL))
		return err_set(e, EINVAL, "pci: %s", pci == NULL ?
		    "has no state" : "there is none");
	return pci == NULL ? 0 : pci_bus_load(m->board.pci, pci, e);
}

static int
load_cpuplug(const struct machine *m, const json_t *o, struct err *e)
{
	json_t *cpus = NULL;

	if (json_get_obj(&cpus, o, "cpuplug", SIZE_MAX, e) == -1)
		return -1;
	if ((cpus != NULL) != (m->cpuplug != NULL))
		return err_set(e, EINVAL, "cpuplug: %s", cpus == NULL ?
		    "has no state" : "there is none");
	return cpus == NULL ? 0 : cpuplug_load(m->cpuplug, cpus, e);
}

/* States of before have none: all was heard. */
static int
load_hotplug(struct machine *m, const json_t *o, struct err *e)
{
	json_t *state = NULL;

	if (json_get_obj(&state, o, "hotplug", SIZE_MAX, e) == -1)
		return -1;
	if (state == NULL)
		return 0;
	if (m->hotplug == NULL)
		return err_set(e, EINVAL, "hotplug: there is none");
	return hotplug_load(m->hotplug, state, e);
}

static int
load_board(struct machine *m, const json_t *o, struct err *e)
{
	uint64_t leaving;

	if (json_get_u64(&leaving, o, "leaving", 0, UINT32_MAX, e) != 1)
		return -1;
	m->leaving = (uint32_t)leaving;
	if (machine_arch_load(m, o, e) == -1 ||
	    load_cpuplug(m, o, e) == -1 ||
	    load_hotplug(m, o, e) == -1 || load_bus(m, o, e) == -1)
		return -1;
	return load_devices(m, o, e);
}

int
machine_load(struct machine *m, const json_t *o, struct err *e)
{
	json_t *vm = NULL;
	uint64_t version;
	int r;

	if (json_get_u64(&version, o, "version", STATE_VERSION, STATE_VERSION,
	    e) != 1)
		return err_set(e, EINVAL, "state: not of version %d",
		    STATE_VERSION);
	if (json_get_obj(&vm, o, "vm", SIZE_MAX, e) == -1 ||
	    m->board.accel->vm_load(m->board.vm, vm, e) == -1 ||
	    load_vcpus(m, o, e) == -1)
		return err_prefix(e, "state");
	board_lock(&m->board);
	r = load_board(m, o, e);
	if (r == 0) {
		m->devices_paused = true;
		machine_arch_forked(m);
	}
	board_unlock(&m->board);
	return r == -1 ? err_prefix(e, "state") : 0;
}
