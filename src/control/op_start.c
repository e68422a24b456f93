/* SPDX-License-Identifier: ISC */
/*
 * op_start.c - from Stopped to Initializing
 *
 *	admission -> directory -> overlay -> initrd and VmConfig -> vmd starts
 *	the processes -> vm.create -> vm.boot
 *
 * What fails before there are processes changes nothing; what fails after
 * kills them and leaves the VM Stopped with the reason.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chapi/client.h"
#include "control/admission.h"
#include "control/config.h"
#include "control/control.h"
#include "control/files.h"
#include "control/guest.h"
#include "control/hypervisors.h"
#include "control/lifecycle.h"
#include "control/op.h"
#include "control/template.h"
#include "control/volumes.h"
#include "control/working_set.h"
#include "lib/json.h"
#include "lib/own.h"
#include "priv/client.h"

#define BOOT_MS		60000	/* vm.create and vm.boot, each */

static void
start_failed(struct op *op, const struct err *e)
{
	op->vm->reserved = false;
	op_finish(op, e);
}

static void
on_booted(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	struct vm *vm = op->vm;
	struct err e;

	op->asking = false;
	if (a->err != NULL) {
		e = *a->err;
		(void)err_prefix(&e, "boot %s", vm->spec.name);
		e.code = "start_failed";
		op_fail_killing(op, &e);
		return;
	}
	working_set_forget(vm);
	vm->reserved = false;
	vm->live = true;
	vm->creating = false;
	vm->started_ms = time_ms();
	vm->stopped_ms = 0;
	vm->exited = false;
	vm->exit_code = 0;
	vm->exit_message[0] = vm->exit_reason[0] = '\0';
	(void)snprintf(vm->boot_id, sizeof(vm->boot_id), "%s",
	    vm->control->boot_id);
	if (!vm_has_agent(vm))
		vm_set_state(vm, VM_RUNNING);	/* nobody to wait for */
	else if (vm->state != VM_RUNNING)
		vm_set_state(vm, VM_INITIALIZING);
	control_save(vm->control, vm);
	vm_note(vm, "started");
	op_finish(op, NULL);
}

static void
on_created(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	struct err e;

	op->asking = false;
	if (a->err == NULL) {
		op_ask(op, "vm.boot", NULL, BOOT_MS, on_booted);
		return;
	}
	e = *a->err;
	(void)err_prefix(&e, "create %s", op->vm->spec.name);
	e.code = "start_failed";
	op_fail_killing(op, &e);
}

static void
on_started(void *arg, const struct priv_vm *procs, bool more,
    const struct err *why)
{
	struct op *op = arg;
	struct vm *vm = op->vm;
	own_json json_t *config = NULL;
	struct err e;

	(void)more;
	if (why != NULL) {
		e = *why;
		if (e.code == NULL || *e.code == '\0')
			e.code = "start_failed";
		start_failed(op, &e);
		return;
	}
	vm_processes(vm, procs);
	vm_set_state(vm, VM_CREATED);
	if (guest_config(&config, vm, &e) == -1)
		op_fail_killing(op, &e);
	else
		op_ask(op, "vm.create", config, BOOT_MS, on_created);
}

/* --- what vmd is asked to start ------------------------------------------- */

static int
add_disks(struct priv_start *s, const struct vm *vm, struct err *e)
{
	s->nblk = (uint16_t)(2 + vm->spec.nvolumes);
	s->blk[0].readonly = true;
	if (guest_root(&s->blk[0].fd, vm, e) == -1)
		return -1;
	s->blk[1].fd = openat(vm->dir, "overlay.img",
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->blk[1].fd == -1)
		return err_sys(e, "open overlay.img");
	s->blk[1].marked = true;
	for (size_t i = 0; i < vm->spec.nvolumes; i++) {
		struct priv_blk *b = &s->blk[2 + i];

		b->readonly = vm->spec.volumes[i].readonly;
		if (volume_open(&b->fd, vm->control,
		    vm->spec.volumes[i].id, b->readonly, e) == -1)
			return -1;
	}
	for (size_t i = 0; i < s->nblk; i++)
		s->blk[i].bytes_per_second = vm->spec.disk_io;
	return 0;
}

static void
add_ports(struct priv_net *n, const struct vm *vm)
{
	n->nports = (uint16_t)vm->spec.nports;
	for (size_t i = 0; i < vm->spec.nports; i++) {
		const struct spec_port *p = &vm->spec.ports[i];

		(void)snprintf(n->ports[i].addr, sizeof(n->ports[i].addr),
		    "%s", p->host_ip);
		n->ports[i].host = p->host;
		n->ports[i].guest = p->guest;
		n->ports[i].udp = p->udp;
	}
}

static void
add_user_net(struct priv_start *s, const struct vm *vm)
{
	struct priv_net *n = &s->net[s->nnet++];

	memcpy(n->mac, vm->mac, sizeof(n->mac));
	n->netboot = vm->spec.netboot != NULL &&
	    vm_boot_device(vm) == BOOT_NET;
	add_ports(n, vm);
}

/* OpenBSD's arithmetic: 8 bits of a VM's interfaces, a pair each. */
static int
set_local(struct priv_tap *t, const struct vm *vm, size_t i, struct err *e)
{
	struct config_prefix p = config_prefix(vm->control);
	struct config_prefix6 p6 = config_prefix6(vm->control);
	uint32_t host = vm->number << 8 | (uint32_t)(i + 1) * 2;

	if (vm->number >= 1U << (32 - 8 - p.len))
		return err_set(e, ERANGE, "dhcp address range exceeded, vm id "
		    "%u interface %zu", vm->number, i);
	t->addr = (p.addr | host) + 1;
	if (p6.len == 0)
		return 0;
	/* The prefix, the address above, and 1 of the host, 2 of the guest. */
	memcpy(t->addr6, p6.addr, 8);
	for (unsigned b = 0; b < 4; b++)
		t->addr6[8 + b] = (uint8_t)(t->addr >> (24 - 8 * b));
	t->addr6[15] = 2;
	return 0;
}

static int
set_switch(struct priv_tap *t, const struct vm *vm, const char *name,
    struct err *e)
{
	const struct config_switch *s = config_switch(vm->control, name);

	if (s == NULL || s->disabled)
		return err_api(e, ENOENT, "not_found", "switch \"%s\" %s",
		    name, s == NULL ? "not found" : "is disabled");
	(void)snprintf(t->bridge, sizeof(t->bridge), "%s", s->interface);
	(void)snprintf(t->switch_name, sizeof(t->switch_name), "%s", name);
	(void)snprintf(t->switch_group, sizeof(t->switch_group), "%s",
	    s->group);
	t->rdomain = (uint16_t)s->rdomain;
	t->locked |= s->locked;
	t->bridge_down = s->down;
	return 0;
}

static int
add_if(struct priv_start *s, const struct vm *vm, size_t i, struct err *e)
{
	const struct spec_if *f = &vm->spec.ifs[i];
	struct priv_net *n = &s->net[s->nnet++];
	struct priv_tap *t = &n->tap;

	n->is_tap = true;
	vm_if_mac(n->mac, vm, i);
	(void)snprintf(t->name, sizeof(t->name), "%s", f->name);
	(void)snprintf(t->group, sizeof(t->group), "%s", f->group);
	t->rdomain = (uint16_t)f->rdomain;
	t->locked = f->locked;
	t->down = f->down;
	t->known = f->address;
	memcpy(t->known6, f->address6, sizeof(t->known6));
	if (f->local && set_local(t, vm, i, e) == -1)
		return -1;
	if (f == spec_ports_if(&vm->spec))
		add_ports(n, vm);
	/* As OpenBSD's: the first interface, for autoinstall(8). */
	if (f->local && i == 0 && vm_boot_device(vm) == BOOT_NET)
		(void)snprintf(t->file, sizeof(t->file), "auto_install");
	return f->to[0] == '\0' ? 0 : set_switch(t, vm, f->to, e);
}

static int
add_net(struct priv_start *s, const struct vm *vm, struct err *e)
{
	s->number = vm->number;
	(void)snprintf(s->name, sizeof(s->name), "%s", vm->spec.name);
	if (vm->spec.network && !vm_is_null(vm))
		add_user_net(s, vm);
	for (size_t i = 0; i < vm->spec.nifs; i++)
		if (add_if(s, vm, i, e) == -1)
			return err_prefix(e, "interface %zu", i);
	for (size_t i = 0; i < s->nnet; i++) {
		s->net[i].down = vm->spec.download;
		s->net[i].up = vm->spec.upload;
	}
	return 0;
}

static void
set_hypervisor(struct priv_start *s, const struct vm *vm)
{
	const char *accel = vm->control->setup.accel;

	s->hypervisor = vm->hypervisor->priv;
	s->accel = PRIV_ACCEL_AUTO;
	if (strcmp(accel, "kvm") == 0)
		s->accel = PRIV_ACCEL_KVM;
	else if (strcmp(accel, "tcg") == 0)
		s->accel = PRIV_ACCEL_TCG;
}

static int
fresh_logs(const struct vm *vm, struct err *e)
{
	if (renameat(vm->dir, "console.log", vm->dir, "console.log.1") == -1 &&
	    errno != ENOENT)
		return err_sys(e, "rotate console.log");
	if (unlinkat(vm->dir, "exit.json", 0) == -1 && errno != ENOENT)
		return err_sys(e, "remove exit.json");
	return 0;
}

/* Files of the host are vmd's to open. */
static void
add_files(struct priv_start *s, const struct vm *vm)
{
	struct priv_origin o;

	if (!spec_has_files(&vm->spec))
		return;
	files_origin(&o, vm);
	memcpy(s->config, o.config, sizeof(s->config));
	s->instance = o.instance;
	s->nfiles = (uint16_t)vm->spec.ndisks;
	s->files_rate = vm->spec.disk_io;
}

int
op_start_prepare(struct priv_start *s, struct vm *vm, struct err *e)
{
	priv_init(PRIV_VM_START, s);
	(void)snprintf(s->vm, sizeof(s->vm), "%s", vm->id);
	set_hypervisor(s, vm);
	if (fresh_logs(vm, e) == -1)
		return -1;
	if (add_net(s, vm, e) == -1)
		return -1;
	if (!vm_is_null(vm) || vm->spec.image == NULL)
		add_files(s, vm);
	if (vm_is_null(vm))
		return 0;
	if (vm->spec.image == NULL)
		return 0;
	if (guest_initrd(vm, e) == -1 || vm_listen_ready(vm, e) == -1)
		return -1;
	s->vsock = true;
	s->cid = GUEST_CID;
	if (add_disks(s, vm, e) == 0)
		return 0;
	priv_close(PRIV_VM_START, s);
	return -1;
}

/* --- before there are processes ------------------------------------------- */

static int
make_overlay(struct vm *vm, struct err *e)
{
	if (vm->renew && unlinkat(vm->dir, "overlay.img", 0) == -1 &&
	    errno != ENOENT)
		return err_sys(e, "remove overlay.img");
	vm->renew = false;
	if (faccessat(vm->dir, "overlay.img", F_OK, 0) == 0)
		return 0;
	(void)unlinkat(vm->dir, "overlay.new", 0);
	if (template_copy(vm->control, vm->spec.overlay, vm->dir,
	    "overlay.new", e) == -1)
		return -1;
	if (renameat(vm->dir, "overlay.new", vm->dir, "overlay.img") == -1)
		return err_sys(e, "rename overlay.new");
	return 0;
}

static void
on_template(void *arg, const struct err *why)
{
	struct op *op = arg;
	struct vm *vm = op->vm;
	struct priv_start start;
	struct err e;

	if (why != NULL) {
		start_failed(op, why);
		return;
	}
	if ((vm_has_agent(vm) && make_overlay(vm, &e) == -1) ||
	    op_start_prepare(&start, vm, &e) == -1) {
		start_failed(op, &e);
		return;
	}
	vm->first_end[0] = '\0';
	priv_vm_start(vm->control->priv, &start, on_started, op);
}

static void
want_overlay(struct op *op)
{
	struct vm *vm = op->vm;

	if (!vm_has_agent(vm))
		on_template(op, NULL);
	else
		template_want(vm->control, vm->spec.overlay, on_template, op);
}

static void
on_fetched(struct op *op, const struct err *e)
{
	if (e != NULL)
		start_failed(op, e);
	else
		want_overlay(op);
}

static void
on_shares(void *arg, const struct err *e)
{
	struct op *op = arg;

	if (e != NULL)
		start_failed(op, e);
	else
		files_fetch(op, on_fetched);
}

/*
 * vmd keeps what the VM shares and whose rights that is done with: it asks
 * the kernel who is at the other end of the connection.
 */
static void
record_shares(struct op *op)
{
	const struct spec *s = &op->vm->spec;
	struct priv_shares m;

	priv_init(PRIV_SHARES, &m);
	(void)snprintf(m.vm, sizeof(m.vm), "%s", op->vm->id);
	m.client = fcntl(op->options.client, F_DUPFD_CLOEXEC, 3);
	m.nshares = (uint16_t)s->nshares;
	for (size_t i = 0; i < s->nshares; i++) {
		(void)snprintf(m.share[i].path, sizeof(m.share[i].path), "%s",
		    s->shares[i].host);
		m.share[i].readonly = s->shares[i].readonly;
	}
	priv_shares(op->vm->control->priv, &m, on_shares, op);
}

static void
on_files(void *arg, const struct err *e)
{
	struct op *op = arg;

	if (e == NULL && op->vm->spec.nshares > 0)
		record_shares(op);
	else
		on_shares(op, e);
}

static void
on_directory(void *arg, int fd, const struct err *e)
{
	struct op *op = arg;
	struct vm *vm = op->vm;

	if (e != NULL) {
		start_failed(op, e);
		return;
	}
	if (vm->dir != -1)
		(void)close(vm->dir);
	vm->dir = fd;
	if (vm->creating && spec_has_files(&vm->spec))
		files_record(vm, op->options.client, PRIV_UID_CLIENT,
		    on_files, op);
	else if (vm->creating && vm->spec.nshares > 0)
		record_shares(op);
	else
		files_fetch(op, on_fetched);
}

/* One of vm.conf has no directory before its first start. */
static void
on_opened(void *arg, int fd, const struct err *e)
{
	struct op *op = arg;
	struct vm *vm = op->vm;

	if (e != NULL && e->code != NULL && vm->started_ms == 0 &&
	    strcmp(e->code, "not_found") == 0)
		priv_dir_make(vm->control->priv, vm->id, on_directory, op);
	else
		on_directory(op, fd, e);
}

/* What can run guests here is known. */
static void
on_hypervisors(void *arg)
{
	struct op *op = arg;
	struct vm *vm = op->vm;
	const struct hypervisor *h;
	struct err e;

	h = hypervisor_choose(vm->control, vm->spec.hypervisor,
	    guest_arch(vm), &e);
	if (h == NULL || admission_start(vm, &e) == -1) {
		op_finish(op, &e);
		return;
	}
	vm->hypervisor = h;
	vm->reserved = true;
	vm_cancel_restart(vm);
	if (!op->options.by_policy) {
		vm->restarts.attempts = 0;
		vm->restarts.exceeded = false;
	}
	vm->restarts.manual_stop = false;
	if (vm->creating && control_mark(vm->control, vm, false, &e) == -1)
		start_failed(op, &e);
	else if (vm->creating)
		priv_dir_make(vm->control->priv, vm->id, on_directory, op);
	else if (vm->dir == -1)
		priv_dir_open(vm->control->priv, vm->id, on_opened, op);
	else
		files_fetch(op, on_fetched);
}

static void
with_image(struct op *op)
{
	hypervisors_wait(op->vm->control, on_hypervisors, op);
}

static void
start_begin(struct op *op)
{
	struct err e;

	if (op->vm->state != VM_STOPPED) {
		op_refuse(op);
		return;
	}
	vm_once_destroy(op->vm->once);
	op->vm->once = op->options.once;
	op->options.once = NULL;
	if (config_starts(op->vm, &e) == -1)
		op_finish(op, &e);
	else
		op_image(op, with_image);
}

static void
start_gone(struct op *op)
{
	struct vm *vm = op->vm;
	struct err e;

	vm->reserved = false;
	if (op->failing) {
		op_finish(op, &op->err);
	} else if (op->asking) {
		(void)err_api(&e, ESRCH, "start_failed",
		    "instance %s ended while it started: %s", vm->spec.name,
		    vm->exit_reason);
		op_finish(op, &e);
	}
	/* Else vmd's own answer to the start is still to come. */
}

const struct op_class op_start = { "start", start_begin, start_gone };
