/* SPDX-License-Identifier: ISC */
/*
 * vm_table.c - the table of all VMs; see vm.h
 *
 * A list in the order of creation.  VMS_MAX bounds every walk; a thousand
 * comparisons cost less than one system call.
 */

#include <errno.h>
#include <string.h>

#include "control/control.h"
#include "control/vm.h"

static struct vm *
by_name(const struct control *ctl, const char *name)
{
	struct vm *vm;

	TAILQ_FOREACH(vm, &ctl->vms, entry)
		if (strcmp(vm->spec.name, name) == 0)
			return vm;
	return NULL;
}

int
vm_table_add(struct control *ctl, struct vm *vm, struct err *e)
{
	if (by_name(ctl, vm->spec.name) != NULL)
		return err_api(e, EEXIST, "name_conflict", "the name \"%s\" "
		    "is taken: choose another or remove that instance",
		    vm->spec.name);
	if (ctl->nvms >= VMS_MAX)
		return err_api(e, ENOSPC, "insufficient_resources",
		    "there are %d instances, the most this daemon manages",
		    VMS_MAX);
	if (vm->number == 0)
		vm->number = ++ctl->last_number;
	else if (vm->number > ctl->last_number)
		ctl->last_number = vm->number;
	TAILQ_INSERT_TAIL(&ctl->vms, vm, entry);
	ctl->nvms++;
	return 0;
}

void
vm_table_remove(struct vm *vm)
{
	struct control *ctl = vm->control;
	struct vm_waiter *w;

	while ((w = TAILQ_FIRST(&vm->waiters)) != NULL) {
		TAILQ_REMOVE(&vm->waiters, w, entry);
		w->changed(w, NULL);
	}
	TAILQ_REMOVE(&ctl->vms, vm, entry);
	ctl->nvms--;
	vm_destroy(vm);
}

struct vm *
vm_table_id(const struct control *ctl, const char *id)
{
	struct vm *vm;

	TAILQ_FOREACH(vm, &ctl->vms, entry)
		if (strcmp(vm->id, id) == 0)
			return vm;
	return NULL;
}

static bool
visible(const struct vm *vm, const struct caller *c)
{
	return !vm->creating && !vm->removing && vm_belongs(vm, c);
}

struct vm *
vm_table_find(const struct control *ctl, const struct caller *c,
    const char *text, struct err *e)
{
	size_t len = strlen(text);
	struct vm *vm, *found = NULL;
	unsigned n = 0;

	vm = vm_table_id(ctl, text);
	if (vm == NULL)
		vm = by_name(ctl, text);
	if (vm != NULL && visible(vm, c))
		return vm;
	TAILQ_FOREACH(vm, &ctl->vms, entry) {
		if (len >= VM_ID_PREFIX_MIN &&
		    strncmp(vm->id, text, len) == 0 && visible(vm, c)) {
			found = vm;
			n++;
		}
	}
	if (n == 1)
		return found;
	if (n == 0)
		(void)err_api(e, ENOENT, "not_found",
		    "there is no instance \"%.64s\"", text);
	else
		(void)err_api(e, EEXIST, "ambiguous", "%u instances have an "
		    "id that begins with \"%.64s\": write more of it", n,
		    text);
	return NULL;
}

const struct vm *
vm_table_port(const struct control *ctl, const struct vm *vm,
    const struct spec_port **port)
{
	const struct vm *other;

	TAILQ_FOREACH(other, &ctl->vms, entry) {
		if (other == vm || !vm_state_live(other->state))
			continue;
		for (size_t i = 0; i < vm->spec.nports; i++) {
			for (size_t k = 0; k < other->spec.nports; k++) {
				if (!spec_ports_clash(&vm->spec.ports[i],
				    &other->spec.ports[k]))
					continue;
				*port = &vm->spec.ports[i];
				return other;
			}
		}
	}
	return NULL;
}

const struct vm *
vm_table_volume(const struct control *ctl, const char *id,
    const struct vm *but, bool *writes)
{
	const struct vm *vm;

	TAILQ_FOREACH(vm, &ctl->vms, entry) {
		for (size_t i = 0; vm != but && i < vm->spec.nvolumes; i++) {
			if (strcmp(vm->spec.volumes[i].id, id) != 0)
				continue;
			*writes = !vm->spec.volumes[i].readonly;
			return vm;
		}
	}
	return NULL;
}
