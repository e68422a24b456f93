/* SPDX-License-Identifier: ISC */
/* files.c - files of the host that a VM uses; see files.h */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/config_private.h"
#include "control/control.h"
#include "control/disk_copy.h"
#include "control/files.h"
#include "control/guest.h"
#include "control/op.h"
#include "lib/own.h"
#include "priv/client.h"

_Static_assert(FORMAT_ANY == (int)PRIV_FORMAT_ANY &&
    FORMAT_RAW == (int)PRIV_FORMAT_RAW &&
    FORMAT_QCOW2 == (int)PRIV_FORMAT_QCOW2, "formats");
_Static_assert(SPEC_DISKS_MAX <= PRIV_FILE_DISKS_MAX &&
    SPEC_DISKS_MAX + 5 <= PRIV_FILE_MAX && SPEC_PATH_MAX < PRIV_PATH_MAX &&
    SPEC_NAME_MAX < PRIV_ID_MAX, "files");

/* One that "vmctl load" made has a record of its own. */
static bool
is_of_vm_conf(const struct vm *vm)
{
	return vm->config != NULL &&
	    !json_is_true(json_object_get(vm->config, "loaded"));
}

void
files_origin(struct priv_origin *o, const struct vm *vm)
{
	memset(o, 0, sizeof(*o));
	(void)snprintf(o->vm, sizeof(o->vm), "%s", vm->id);
	if (is_of_vm_conf(vm))
		(void)snprintf(o->config, sizeof(o->config), "%s",
		    vm->spec.name);
	if (vm->spec.template == NULL)
		return;
	(void)snprintf(o->config, sizeof(o->config), "%s",
	    vm->spec.template);
	o->instance = true;
}

/* Is it what the template has, which vm.conf names? */
static bool
is_inherited(const struct vm *vm, const char *member, const char *path)
{
	const struct config_row *r = vm->spec.template == NULL ? NULL :
	    config_row(vm->control->config, vm->spec.template);
	const char *theirs = r == NULL ? NULL :
	    json_string_value(json_object_get(json_object_get(r->doc,
	    "request"), member));

	return theirs != NULL && path != NULL && strcmp(theirs, path) == 0;
}

static void
add(struct priv_files *m, enum priv_file_kind kind, const char *path,
    enum spec_format format)
{
	struct priv_file *f = &m->file[m->nfiles];

	if (path == NULL)
		return;
	m->nfiles++;
	f->kind = (uint8_t)kind;
	f->format = (uint8_t)format;
	(void)snprintf(f->path, sizeof(f->path), "%s", path);
}

void
files_record(const struct vm *vm, int client, uint32_t uid,
    void (*done)(void *, const struct err *), void *arg)
{
	const struct spec *s = &vm->spec;
	struct priv_files m;

	priv_init(PRIV_FILES, &m);
	(void)snprintf(m.vm, sizeof(m.vm), "%s", vm->id);
	m.client = fcntl(client, F_DUPFD_CLOEXEC, 3);
	m.uid = uid;
	for (size_t i = 0; i < s->ndisks; i++)
		add(&m, PRIV_FILE_DISK, s->disks[i].path, s->disks[i].format);
	if (!is_inherited(vm, "kernel", s->kernel))
		add(&m, PRIV_FILE_KERNEL, s->kernel, FORMAT_ANY);
	if (!is_inherited(vm, "initramfs", s->initramfs))
		add(&m, PRIV_FILE_INITRAMFS, s->initramfs, FORMAT_ANY);
	if (!is_inherited(vm, "firmware", s->firmware))
		add(&m, PRIV_FILE_FIRMWARE, s->firmware, FORMAT_ANY);
	if (!is_inherited(vm, "cdrom", s->cdrom))
		add(&m, PRIV_FILE_CDROM, s->cdrom, FORMAT_ANY);
	if (!is_inherited(vm, "netboot", s->netboot))
		add(&m, PRIV_FILE_NETBOOT, s->netboot, FORMAT_ANY);
	if (m.nfiles == 0) {
		priv_close(PRIV_FILES, &m);
		done(arg, NULL);
		return;
	}
	priv_files(vm->control->priv, &m, done, arg);
}

/* --- what is booted ------------------------------------------------------- */

static void
ask(struct op *op, enum priv_file_kind kind, priv_fd_fn *fn)
{
	const struct vm_once *once = op->vm->once;
	struct priv_file_open m;

	priv_init(PRIV_FILE_OPEN, &m);
	files_origin(&m.origin, op->vm);
	m.kind = (uint8_t)kind;
	if (kind == PRIV_FILE_KERNEL && once != NULL && once->kernel != NULL) {
		m.client = fcntl(once->client, F_DUPFD_CLOEXEC, 3);
		(void)snprintf(m.path, sizeof(m.path), "%s", once->kernel);
	}
	priv_file_open(op->vm->control->priv, &m, fn, op);
}

/* The descriptor is taken. */
static int
put(const struct vm *vm, int taken, const char *name, struct err *e)
{
	own_fd int from = taken;
	own_fd int to = guest_copy(vm, name, from, e);

	if (to == -1)
		return err_prefix(e, "copy the %s", name);
	return 0;
}

static void
finish(struct op *op, const struct err *e)
{
	op_then_fn *then = op->then;

	op->then = NULL;
	then(op, e);
}

static void
on_initramfs(void *arg, int fd, const struct err *why)
{
	struct op *op = arg;
	struct err e;

	if (why == NULL && put(op->vm, fd, "initrd", &e) == -1)
		why = &e;
	finish(op, why);
}

/* The kernel is there, or will not be. */
static void
have_kernel(struct op *op, const struct err *why)
{
	if (why != NULL || op->vm->spec.initramfs == NULL)
		finish(op, why);
	else
		ask(op, PRIV_FILE_INITRAMFS, on_initramfs);
}

/* Is it packed with gzip(1)? */
static bool
is_packed(int fd)
{
	char magic[2];

	return pread(fd, magic, 2, 0) == 2 &&
	    memcmp(magic, "\x1f\x8b", 2) == 0;
}

static void
on_unpacked(void *arg, const struct err *why)
{
	struct err e;

	if (why != NULL) {
		e = *why;
		(void)err_prefix(&e, "kernel: cannot be unpacked");
		why = &e;
	}
	have_kernel(arg, why);
}

/* A job's work: it is not for us to look into what a user has. */
static int
unpack(struct op *op, int taken, struct err *e)
{
	own_fd int from = taken, to = -1;

	if (guest_make_file(&to, op->vm, "kernel", e) == -1)
		return -1;
	return disk_gunzip(op->vm->control, from, to, on_unpacked, op, e);
}

static void
on_firmware(void *arg, int fd, const struct err *why)
{
	struct op *op = arg;
	struct err e;

	if (why == NULL && put(op->vm, fd, "kernel", &e) == -1)
		why = &e;
	finish(op, why);
}

static void
on_kernel(void *arg, int fd, const struct err *why)
{
	struct op *op = arg;
	bool packed = why == NULL && is_packed(fd);
	struct err e;

	if (packed && unpack(op, fd, &e) == 0)
		return;
	if (packed || (why == NULL && put(op->vm, fd, "kernel", &e) == -1))
		why = &e;
	have_kernel(op, why);
}

void
files_fetch(struct op *op, void (*then)(struct op *, const struct err *))
{
	const struct vm *vm = op->vm;

	if (vm_is_null(vm) || (vm_kernel(vm) == NULL &&
	    vm->spec.firmware == NULL)) {
		then(op, NULL);
		return;
	}
	op->then = then;
	if (vm_kernel(vm) != NULL)
		ask(op, PRIV_FILE_KERNEL, on_kernel);
	else
		ask(op, PRIV_FILE_FIRMWARE, on_firmware);
}
