/* SPDX-License-Identifier: ISC */
/* config.c - a VmConfig as the framework's; see config.h */

#include <errno.h>
#include <string.h>

#include "chapi/vm_config.h"
#include "lib/util.h"
#include "vz/config.h"
#include "vz/devices.h"
#include "vz/identity.h"
#include "vz/ns.h"

/* A list with one device of a class that needs nothing. */
static struct objc *
one(const char *class)
{
	struct objc *list = ns_list();

	ns_add(list, ns_get(ns_new(class), "autorelease"));
	return list;
}

/* hvc0: both directions are one socket, whose other end is ours. */
static struct objc *
console(int fd)
{
	static const char class[] =
	    "VZVirtioConsoleDeviceSerialPortConfiguration";
	struct objc *list = one(class), *handle = ns_handle(fd), *a;

	a = OBJC(struct objc *, struct objc *, struct objc *)(
	    ns_alloc("VZFileHandleSerialPortAttachment"),
	    objc_sel("initWithFileHandleForReading:"
	    "fileHandleForWriting:"), handle, handle);
	ns_set(ns_at(list, 0), "setAttachment:", ns_get(a, "autorelease"));
	return list;
}

static void
set_numbers(struct objc *o, const struct vm_config *c)
{
	OBJC(void, unsigned long)(o, objc_sel("setCPUCount:"), c->cpus);
	OBJC(void, uint64_t)(o, objc_sel("setMemorySize:"), c->memory.size);
}

/* What has a list of its own in the framework's configuration. */
static int
set_lists(struct objc *o, const struct vm_config *c, struct err *e)
{
	static const struct {
		const char	*message;
		int		(*make)(struct objc **,
				    const struct vm_config *, struct err *);
	} lists[] = {
		{ "setStorageDevices:", devices_disks },
		{ "setNetworkDevices:", devices_nets },
		{ "setDirectorySharingDevices:", devices_shares },
	};
	struct objc *list;

	for (size_t i = 0; i < COUNT(lists); i++) {
		if (lists[i].make(&list, c, e) == -1)
			return -1;
		if (OBJC(unsigned long)(list, objc_sel("count")) > 0)
			ns_set(o, lists[i].message, list);
	}
	return 0;
}

static void
set_small(struct objc *o, const struct config_setup *s)
{
	const struct vm_config *c = s->config;

	if (c->rng)
		ns_set(o, "setEntropyDevices:",
		    one("VZVirtioEntropyDeviceConfiguration"));
	if (c->balloon.on)
		ns_set(o, "setMemoryBalloonDevices:", one(
		    "VZVirtioTraditionalMemoryBalloonDeviceConfiguration"));
	if (c->vsock.cid != 0)
		ns_set(o, "setSocketDevices:",
		    one("VZVirtioSocketDeviceConfiguration"));
	if (s->console != -1)
		ns_set(o, "setSerialPorts:", console(s->console));
}

static int
validate(struct objc *o, struct err *e)
{
	struct objc *error = NULL;

	if (OBJC(signed char, struct objc **)(o,
	    objc_sel("validateWithError:"), &error) != 0)
		return 0;
	(void)ns_refused(e, error, "configuration");
	/* It says this at length, and in the language of the user. */
	if (e != NULL && strstr(e->text, VZ_ENTITLEMENT) != NULL)
		return err_set(e, EPERM, "vmm-vz is not signed with the "
		    "entitlement " VZ_ENTITLEMENT);
	return -1;
}

int
config_make(struct objc **ret, const struct config_setup *s, struct err *e)
{
	own_objc struct objc *o = ns_new("VZVirtualMachineConfiguration");
	struct objc *loader, *platform;

	if (identity_boot_loader(&loader, s->config, e) == -1 ||
	    identity_platform(&platform, s->dirfd, e) == -1)
		return -1;
	ns_set(o, "setBootLoader:", loader);
	if (platform != NULL)
		ns_set(o, "setPlatform:", platform);
	set_numbers(o, s->config);
	set_small(o, s);
	if (set_lists(o, s->config, e) == -1 || validate(o, e) == -1)
		return -1;
	*ret = take(&o);
	return 0;
}

int
config_can_save(struct objc *config, struct err *e)
{
	static const char message[] = "validateSaveRestoreSupportWithError:";
	struct objc *error = NULL;

	if (!ns_answers("VZVirtualMachineConfiguration", message) ||
	    !ns_answers("VZVirtualMachine",
	    "saveMachineStateToURL:completionHandler:"))
		return err_set(e, ENOTSUP, "this host saves no machines: "
		    "macOS 14 and later on Apple silicon do");
	if (OBJC(signed char, struct objc **)(config, objc_sel(message),
	    &error) == 0)
		return ns_refused(e, error, "snapshots");
	return 0;
}
