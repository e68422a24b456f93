/* SPDX-License-Identifier: ISC */
/*
 * instance.c - what "vm a instance b" has of a; see parse.h
 *
 * Everything that is not said of it, but what two VMs cannot both have: disks,
 * volumes, published ports and addresses.
 */

#include <string.h>

#include "conf/parse.h"

static const struct conf_vm *
parent_of(const struct conf *c, const struct conf_vm *vm)
{
	const struct conf_vm *parent;

	TAILQ_FOREACH(parent, &c->vms, entry)
		if (strcmp(parent->name, vm->parent) == 0)
			return parent;
	return NULL;
}

/* What would be used by both. */
static int
check_shared(struct conf *c, const struct conf_vm *vm,
    const struct conf_vm *parent)
{
	for (size_t i = 0; i < vm->ndisks; i++)
		for (size_t k = 0; k < parent->ndisks; k++)
			if (strcmp(vm->disks[i].path,
			    parent->disks[k].path) == 0)
				return conf_say(c, false, vm->file, vm->line,
				    "vm \"%s\": disk %.200s cannot be reused",
				    vm->name, vm->disks[i].path);
	for (size_t i = 0; i < vm->nifs && i < parent->nifs; i++) {
		const struct conf_if *a = &vm->ifs[i], *b = &parent->ifs[i];

		if (a->has_lladdr && b->has_lladdr &&
		    memcmp(a->lladdr, b->lladdr, 6) == 0)
			return conf_say(c, false, vm->file, vm->line,
			    "vm \"%s\": lladdr cannot be reused", vm->name);
		if (a->name != NULL && b->name != NULL &&
		    strcmp(a->name, b->name) == 0)
			return conf_say(c, false, vm->file, vm->line,
			    "vm \"%s\": interface %s cannot be reused",
			    vm->name, a->name);
	}
	return 0;
}

static void
inherit_ifs(struct conf_vm *vm, const struct conf_vm *parent)
{
	if (vm->min_ifs == -1)
		vm->min_ifs = parent->min_ifs;
	for (size_t i = vm->nifs; i < parent->nifs; i++) {
		struct conf_if *f = &vm->ifs[vm->nifs++];

		*f = parent->ifs[i];
		f->name = f->address = f->address6 = NULL;
		f->has_lladdr = false;
		memset(f->lladdr, 0, sizeof(f->lladdr));
	}
}

#define INHERIT(field, unset)						\
	do {								\
		if (vm->field == (unset))				\
			vm->field = parent->field;			\
	} while (0)

static void
inherit_ours(struct conf_vm *vm, const struct conf_vm *parent)
{
	INHERIT(cpus, 0);
	INHERIT(image, NULL);
	INHERIT(hypervisor, NULL);
	INHERIT(kernel, NULL);
	INHERIT(initramfs, NULL);
	INHERIT(cmdline, NULL);
	INHERIT(firmware, NULL);
	INHERIT(netboot, NULL);
	INHERIT(user, NULL);
	INHERIT(workdir, NULL);
	INHERIT(restart, CONF_RESTART_NEVER);
	INHERIT(overlay, 0);
	INHERIT(disk_rate, 0);
	INHERIT(download, 0);
	INHERIT(upload, 0);
}

int
parse_instance(struct parser *p, struct conf_vm *vm)
{
	const struct conf_vm *parent = parent_of(p->conf, vm);

	if (check_shared(p->conf, vm, parent) == -1)
		return -1;
	INHERIT(memory, 0);
	INHERIT(boot, NULL);
	INHERIT(device, CONF_BOOT_ANY);
	INHERIT(cdrom, NULL);
	if (vm->owner.uid == CONF_ID_NONE)
		vm->owner = parent->owner;
	vm->sev |= parent->sev;
	vm->seves |= parent->seves;
	if ((parent->allow & CONF_ALLOW_INSTANCE) && vm->allow == 0) {
		vm->allow = parent->allow;
		vm->allow_owner = parent->allow_owner;
	}
	inherit_ifs(vm, parent);
	inherit_ours(vm, parent);
	if (vm->entrypoint.n == 0)
		vm->entrypoint = parent->entrypoint;
	if (vm->command.n == 0)
		vm->command = parent->command;
	if (vm->env.n == 0)
		vm->env = parent->env;
	return 0;
}
