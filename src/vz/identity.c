/* SPDX-License-Identifier: ISC */
/*
 * identity.c - identifier, boot loader and variables; see identity.h
 * (Apple, VZGenericPlatformConfiguration, VZLinuxBootLoader, VZEFIBootLoader)
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "chapi/vm_config.h"
#include "lib/io.h"
#include "vz/identity.h"
#include "vz/ns.h"

/* --- the identifier ------------------------------------------------------ */

static int
write_identifier(int dirfd, struct objc *data, struct err *e)
{
	const void *bytes = OBJC(const void *)(data, objc_sel("bytes"));
	unsigned long len = OBJC(unsigned long)(data, objc_sel("length"));

	if (len == 0 || len > VZ_IDENTIFIER_MAX)
		return err_set(e, EIO, VZ_IDENTIFIER_FILE ": the framework "
		    "made one of %lu bytes", len);
	return file_replace(dirfd, VZ_IDENTIFIER_FILE, bytes, len, 0640, e);
}

static int
make_identifier(struct objc **ret, int dirfd, struct err *e)
{
	own_objc struct objc *id = ns_new("VZGenericMachineIdentifier");

	if (write_identifier(dirfd, ns_get(id, "dataRepresentation"), e) == -1)
		return -1;
	*ret = take(&id);
	return 0;
}

static int
load_identifier(struct objc **ret, const struct buf *b, struct err *e)
{
	struct objc *id = ns_alloc("VZGenericMachineIdentifier");

	id = OBJC(struct objc *, struct objc *)(id,
	    objc_sel("initWithDataRepresentation:"), ns_data(b->data, b->len));
	if (id == NULL)
		return err_set(e, EINVAL, VZ_IDENTIFIER_FILE ": is no "
		    "identifier of a machine");
	*ret = id;
	return 0;
}

/* *ret is the caller's. */
static int
find_identifier(struct objc **ret, int dirfd, struct err *e)
{
	struct buf b;
	struct err why;
	int r;

	buf_init(&b, VZ_IDENTIFIER_MAX);
	r = file_read(&b, dirfd, VZ_IDENTIFIER_FILE, &why);
	if (r == 0)
		r = load_identifier(ret, &b, e);
	else if (why.num == ENOENT)
		r = make_identifier(ret, dirfd, e);
	else
		r = err_set(e, why.num, "%s", why.text);
	buf_fini(&b);
	return r;
}

int
identity_platform(struct objc **ret, int dirfd, struct err *e)
{
	own_objc struct objc *id = NULL;
	struct objc *platform;

	/* macOS 12 has neither: then there is nothing to keep. */
	platform = ns_get(ns_new("VZGenericPlatformConfiguration"),
	    "autorelease");
	if (ns_has("VZGenericMachineIdentifier")) {
		if (find_identifier(&id, dirfd, e) == -1)
			return -1;
		ns_set(platform, "setMachineIdentifier:", id);
	}
	*ret = platform;
	return 0;
}

int
identity_copy(int from, int to, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, VZ_IDENTIFIER_MAX);
	r = file_read(&b, from, VZ_IDENTIFIER_FILE, e);
	if (r == 0)
		r = file_replace(to, VZ_IDENTIFIER_FILE, b.data, b.len, 0640,
		    e);
	buf_fini(&b);
	return r;
}

/* --- boot loaders -------------------------------------------------------- */

static int
readable(const char *what, const char *path, struct err *e)
{
	if (access(path, R_OK) == -1)
		return err_sys(e, "%s %s", what, path);
	return 0;
}

static int
linux_loader(struct objc **ret, const struct vm_config *c, struct err *e)
{
	struct objc *loader;

	if (readable("kernel", c->kernel, e) == -1 || (c->initramfs != NULL &&
	    readable("initramfs", c->initramfs, e) == -1))
		return -1;
	loader = OBJC(struct objc *, struct objc *)(
	    ns_alloc("VZLinuxBootLoader"), objc_sel("initWithKernelURL:"),
	    ns_url(c->kernel));
	loader = ns_get(loader, "autorelease");
	if (c->cmdline != NULL)
		ns_set(loader, "setCommandLine:", ns_string(c->cmdline));
	if (c->initramfs != NULL)
		ns_set(loader, "setInitialRamdiskURL:", ns_url(c->initramfs));
	*ret = loader;
	return 0;
}

/* A file of variables that is there, or a new one. */
static int
variables(struct objc **ret, const char *path, struct err *e)
{
	struct objc *store = ns_alloc("VZEFIVariableStore"), *error = NULL;

	if (access(path, F_OK) == 0)
		store = OBJC(struct objc *, struct objc *)(store,
		    objc_sel("initWithURL:"), ns_url(path));
	else
		store = OBJC(struct objc *, struct objc *, unsigned long,
		    struct objc **)(store, objc_sel(
		    "initCreatingVariableStoreAtURL:options:error:"),
		    ns_url(path), 0, &error);
	if (store == NULL)
		return ns_refused(e, error, path);
	*ret = ns_get(store, "autorelease");
	return 0;
}

static int
efi_loader(struct objc **ret, const struct vm_config *c, struct err *e)
{
	struct objc *loader, *store = NULL;

	if (!ns_has("VZEFIBootLoader"))
		return err_set(e, ENOTSUP, "payload: variables: this macOS "
		    "has no UEFI, 13 and later have");
	if (variables(&store, c->variables, e) == -1)
		return -1;
	loader = ns_get(ns_new("VZEFIBootLoader"), "autorelease");
	ns_set(loader, "setVariableStore:", store);
	*ret = loader;
	return 0;
}

int
identity_boot_loader(struct objc **ret, const struct vm_config *c,
    struct err *e)
{
	return c->kernel != NULL ? linux_loader(ret, c, e) :
	    efi_loader(ret, c, e);
}
