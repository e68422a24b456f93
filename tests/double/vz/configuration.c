/* SPDX-License-Identifier: ISC */
/*
 * configuration.c - the framework's configurations, and what it finds wrong
 * with them
 */

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "double.h"

#define MEMORY_MIN	(128ULL << 20)
#define CPUS_MAX	16

bool	double_supported(void);

static struct objc *
fail(struct objc *self, struct objc **error, long code, const char *text)
{
	*error = double_error(code, text, NULL);
	objc_release(self);
	return NULL;
}

/* --- files --------------------------------------------------------------- */

static struct objc *
image_init(struct objc *self, struct objc_sel *sel, struct objc *url,
    signed char readonly, long cache, long sync, struct objc **error)
{
	struct stat st;

	(void)sel;
	if (cache < 0 || cache > 2 || sync < 1 || sync > 3)
		double_throw("NSInvalidArgumentException", "a disk's mode");
	if (stat(double_text(url), &st) == -1)
		return fail(self, error, 5, "Invalid disk image.");
	if (st.st_size == 0 || st.st_size % 512 != 0)
		return fail(self, error, 5, "Invalid disk image size.");
	if (access(double_text(url), readonly ? R_OK : W_OK) == -1)
		return fail(self, error, 5, "Permission denied.");
	fprintf(stderr, "double: disk %s%s cache %ld sync %ld size %lld\n",
	    double_text(url), readonly ? " readonly" : "", cache, sync,
	    (long long)st.st_size);
	return self;
}

static struct objc *
directory_init(struct objc *self, struct objc_sel *sel, struct objc *url,
    signed char readonly)
{
	(void)sel;
	fprintf(stderr, "double: share %s%s\n", double_text(url),
	    readonly ? " readonly" : "");
	return self;
}

static signed char
validate_tag(struct objc *self, struct objc_sel *sel, struct objc *tag,
    struct objc **error)
{
	(void)self;
	(void)sel;
	if (strlen(double_text(tag)) < 36)
		return 1;
	*error = double_error(2, "The tag is too long.", NULL);
	return 0;
}

static long
rosetta_availability(struct objc *self, struct objc_sel *sel)
{
	const char *host = getenv("VZ_DOUBLE");

	(void)self;
	(void)sel;
	if (host != NULL && strcmp(host, "rosetta") == 0)
		return 2;
	return host != NULL && strcmp(host, "no-rosetta") == 0 ? 0 : 1;
}

static struct objc *
rosetta_init(struct objc *self, struct objc_sel *sel, struct objc **error)
{
	(void)sel;
	(void)error;
	fprintf(stderr, "double: rosetta\n");
	return self;
}

/* --- identifiers, variables, addresses ----------------------------------- */

/* A new one each time, as Apple's. */
static struct objc *
identifier_init(struct objc *self, struct objc_sel *sel)
{
	static unsigned count;
	char text[64];
	int n = snprintf(text, sizeof(text), "identifier %ld %u",
	    (long)getpid(), count++);
	void *pool = objc_autoreleasePoolPush();

	(void)sel;
	double_set(self, objc_sel("data"), OBJC(struct objc *, const void *,
	    unsigned long)(objc_getClass("NSData"),
	    objc_sel("dataWithBytes:length:"), text, (unsigned long)n));
	objc_autoreleasePoolPop(pool);
	return self;
}

static struct objc *
identifier_with(struct objc *self, struct objc_sel *sel, struct objc *data)
{
	const char *bytes = OBJC(const void *)(data, objc_sel("bytes"));
	unsigned long len = OBJC(unsigned long)(data, objc_sel("length"));

	(void)sel;
	if (len < 11 || memcmp(bytes, "identifier ", 11) != 0) {
		objc_release(self);
		return NULL;
	}
	double_set(self, objc_sel("data"), data);
	return self;
}

static struct objc *
identifier_data(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return double_get(self, "data");
}

static struct objc *
store_open(struct objc *self, struct objc_sel *sel, struct objc *url)
{
	(void)sel;
	fprintf(stderr, "double: variables %s\n", double_text(url));
	return self;
}

static struct objc *
store_create(struct objc *self, struct objc_sel *sel, struct objc *url,
    unsigned long options, struct objc **error)
{
	int fd = open(double_text(url), O_WRONLY | O_CREAT | O_EXCL, 0640);

	(void)sel;
	(void)options;
	if (fd == -1)
		return fail(self, error, 1, "The variable store cannot be "
		    "created.");
	(void)close(fd);
	fprintf(stderr, "double: new variables %s\n", double_text(url));
	return self;
}

static struct objc *
mac_init(struct objc *self, struct objc_sel *sel, struct objc *text)
{
	if (strlen(double_text(text)) != 17) {
		objc_release(self);
		return NULL;
	}
	fprintf(stderr, "double: mac %s\n", double_text(text));
	double_set(self, sel, text);
	return self;
}

static struct objc *
serial_init(struct objc *self, struct objc_sel *sel, struct objc *in,
    struct objc *out)
{
	(void)out;
	double_set(self, sel, in);
	return self;
}

/* --- the whole ----------------------------------------------------------- */

static const char *
cmdline(struct objc *config)
{
	const char *text = double_text(double_get(double_get(config,
	    "setBootLoader:"), "setCommandLine:"));

	return text != NULL ? text : "";
}

static signed char
refuse(struct objc **error, const char *why)
{
	*error = double_error(2, "Invalid virtual machine configuration.",
	    why);
	return 0;
}

static signed char
validate(struct objc *self, struct objc_sel *sel, struct objc **error)
{
	uint64_t memory = double_number(self, "setMemorySize:");
	uint64_t cpus = double_number(self, "setCPUCount:");

	(void)sel;
	if (double_get(self, "setBootLoader:") == NULL)
		return refuse(error, "There is no boot loader.");
	if (memory < MEMORY_MIN || memory % (1 << 20) != 0)
		return refuse(error, "The memory size is too small.");
	if (cpus == 0 || cpus > CPUS_MAX)
		return refuse(error, "The CPU count is too large.");
	if (strstr(cmdline(self), "vz.invalid") != NULL)
		return refuse(error, "It was told to be.");
	if (strstr(cmdline(self), "vz.entitlement") != NULL)
		return refuse(error, "The process doesn't have the "
		    "“com.apple.security.virtualization” entitlement.");
	return 1;
}

static signed char
validate_save(struct objc *self, struct objc_sel *sel, struct objc **error)
{
	(void)sel;
	if (strstr(cmdline(self), "vz.unsaved") == NULL)
		return 1;
	*error = double_error(11, "Unsupported console device.", NULL);
	return 0;
}

/* --- tables -------------------------------------------------------------- */

#define NONE		{ NULL, NULL }
#define SET(message)	{ message, IMP(double_set) }

static const struct method configuration[] = {
	SET("setBootLoader:"), SET("setPlatform:"), SET("setStorageDevices:"),
	SET("setNetworkDevices:"), SET("setDirectorySharingDevices:"),
	SET("setEntropyDevices:"), SET("setMemoryBalloonDevices:"),
	SET("setSocketDevices:"), SET("setSerialPorts:"),
	{ "setCPUCount:", IMP(double_set_number) },
	{ "setMemorySize:", IMP(double_set_number) },
	{ "validateWithError:", IMP(validate) },
	{ "validateSaveRestoreSupportWithError:", IMP(validate_save) },
	NONE,
};
static const struct method linux_loader[] = {
	{ "initWithKernelURL:", IMP(double_init) },
	SET("setCommandLine:"), SET("setInitialRamdiskURL:"), NONE,
};
static const struct method efi_loader[] = {
	SET("setVariableStore:"), NONE,
};
static const struct method store[] = {
	{ "initWithURL:", IMP(store_open) },
	{ "initCreatingVariableStoreAtURL:options:error:",
	    IMP(store_create) },
	NONE,
};
static const struct method platform[] = {
	SET("setMachineIdentifier:"), NONE,
};
static const struct method identifier[] = {
	{ "init", IMP(identifier_init) },
	{ "initWithDataRepresentation:", IMP(identifier_with) },
	{ "dataRepresentation", IMP(identifier_data) },
	NONE,
};
static const struct method image[] = {
	{ "initWithURL:readOnly:cachingMode:synchronizationMode:error:",
	    IMP(image_init) },
	NONE,
};
static const struct method block[] = {
	{ "initWithAttachment:", IMP(double_init) },
	SET("setBlockDeviceIdentifier:"), NONE,
};
static const struct method usb[] = {
	{ "initWithAttachment:", IMP(double_init) }, NONE,
};
static const struct method attached[] = {
	SET("setAttachment:"), SET("setMACAddress:"), NONE,
};
static const struct method frames[] = {
	{ "initWithFileHandle:", IMP(double_init) }, NONE,
};
static const struct method mac[] = {
	{ "initWithString:", IMP(mac_init) }, NONE,
};
static const struct method serial[] = {
	{ "initWithFileHandleForReading:fileHandleForWriting:",
	    IMP(serial_init) },
	NONE,
};
static const struct method directory[] = {
	{ "initWithURL:readOnly:", IMP(directory_init) }, NONE,
};
static const struct method single[] = {
	{ "initWithDirectory:", IMP(double_init) }, NONE,
};
static const struct method rosetta_class[] = {
	{ "availability", IMP(rosetta_availability) }, NONE,
};
static const struct method rosetta[] = {
	{ "initWithError:", IMP(rosetta_init) }, NONE,
};
static const struct method share_class[] = {
	{ "validateTag:error:", IMP(validate_tag) }, NONE,
};
static const struct method share[] = {
	{ "initWithTag:", IMP(double_init) }, SET("setShare:"), NONE,
};

struct class double_virtualization[] = {
	{ .name = "VZVirtualMachineConfiguration", .methods = configuration },
	{ .name = "VZLinuxBootLoader", .methods = linux_loader },
	{ .name = "VZEFIBootLoader", .methods = efi_loader },
	{ .name = "VZEFIVariableStore", .methods = store },
	{ .name = "VZGenericPlatformConfiguration", .methods = platform },
	{ .name = "VZGenericMachineIdentifier", .methods = identifier },
	{ .name = "VZDiskImageStorageDeviceAttachment", .methods = image },
	{ .name = "VZVirtioBlockDeviceConfiguration", .methods = block },
	{ .name = "VZUSBMassStorageDeviceConfiguration", .methods = usb },
	{ .name = "VZVirtioNetworkDeviceConfiguration",
	    .methods = attached },
	{ .name = "VZNATNetworkDeviceAttachment" },
	{ .name = "VZFileHandleNetworkDeviceAttachment",
	    .methods = frames },
	{ .name = "VZMACAddress", .methods = mac },
	{ .name = "VZVirtioConsoleDeviceSerialPortConfiguration",
	    .methods = attached },
	{ .name = "VZFileHandleSerialPortAttachment", .methods = serial },
	{ .name = "VZVirtioEntropyDeviceConfiguration" },
	{ .name = "VZVirtioTraditionalMemoryBalloonDeviceConfiguration" },
	{ .name = "VZVirtioSocketDeviceConfiguration" },
	{ .name = "VZSharedDirectory", .methods = directory },
	{ .name = "VZSingleDirectoryShare", .methods = single },
	{ .name = "VZLinuxRosettaDirectoryShare", .methods = rosetta,
	    .class_methods = rosetta_class },
	{ .name = "VZVirtioFileSystemDeviceConfiguration", .methods = share,
	    .class_methods = share_class },
	{ .name = NULL },
};
