/* SPDX-License-Identifier: ISC */
/* guest.c - the files a VM boots from; see guest.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapi/vm_config.h"
#include "control/control.h"
#include "control/guest.h"
#include "control/hypervisors.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/own.h"
#include "os/os.h"

_Static_assert(SPEC_SHARES_MAX <= VM_FS_MAX &&
    SPEC_SHARES_MAX <= PRIV_SHARE_MAX && SPEC_PATH_MAX < PRIV_PATH_MAX,
    "shares");

const char *
guest_arch(const struct vm *vm)
{
	const char *p = json_string_value(json_object_get(vm->image,
	    "platform"));

	if (p == NULL)
		p = vm->spec.platform;
	if (p == NULL)
		return os_arch();
	return strncmp(p, "linux/arm64", 11) == 0 ? "arm64" : "amd64";
}

/* Its VMM has disks, shares and vsock itself, and UEFI. */
static bool
has_devices(const struct vm *vm)
{
	return vm->hypervisor != NULL && vm->hypervisor->priv == PRIV_HV_VZ;
}

/*
 * The kernel as its VMM takes it; our own is an ELF file, which the loader of
 * Apple's does not.
 */
static const char *
kernel_name(const struct vm *vm)
{
	return has_devices(vm) && strcmp(guest_arch(vm), "amd64") == 0 ?
	    "vmlinuz" : "vmlinux";
}

/* DATA/guest/ARCH/[own/]NAME: a path that exists. */
static int
data_path(char *ret, size_t size, const struct vm *vm, const char *name,
    struct err *e)
{
	/* Directories are called as uname(1) calls the machine. */
	const char *arch = strcmp(guest_arch(vm), "arm64") == 0 ?
	    "aarch64" : "x86_64";

	/* Both files of own/, or neither: a kernel wants its initrd. */
	(void)snprintf(ret, size, "%s/guest/%s/own/initrd", vm->control->data,
	    arch);
	if (!has_devices(vm) && access(ret, R_OK) == 0) {
		(void)snprintf(ret, size, "%s/guest/%s/own/%s",
		    vm->control->data, arch, name);
		if (access(ret, R_OK) == 0)
			return 0;
	}
	if (snprintf(ret, size, "%s/guest/%s/%s", vm->control->data, arch,
	    name) >= (int)size)
		return err_set(e, ENAMETOOLONG, "%s: too long", ret);
	if (access(ret, R_OK) == 0)
		return 0;
	return err_api(e, ENOENT, "dependency_missing", "there is no guest "
	    "%s for %s: %s is missing; \"make\" puts it there", name, arch,
	    ret);
}

/* --- the configuration ---------------------------------------------------- */

static int
record(struct buf *b, const char *name, const char *value)
{
	if (value == NULL)
		return 0;
	if (buf_puts(b, name) == -1 || buf_puts(b, "=") == -1)
		return -1;
	return buf_put(b, value, strlen(value) + 1);
}

static int
words(struct buf *b, const char *name, const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (record(b, name, json_string_value(v)) == -1)
			return -1;
	return 0;
}

static const char *
image_text(const struct vm *vm, const char *name)
{
	const char *s = json_string_value(json_object_get(vm->image, name));

	return s == NULL || *s == '\0' ? NULL : s;
}

/* The image's variables, ours over them. */
static int
environment(struct buf *b, const struct vm *vm)
{
	const json_t *image = json_object_get(vm->image, "env"), *v;
	const char *key, *s, *eq;
	char name[SPEC_ENV_NAME_MAX + 1];
	size_t i;

	json_array_foreach(image, i, v) {
		s = json_string_value(v);
		eq = s == NULL ? NULL : strchr(s, '=');
		if (eq == NULL)
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)(eq - s), s);
		if (json_object_get(vm->spec.env, name) == NULL &&
		    record(b, "env", s) == -1)
			return -1;
	}
	json_object_foreach(vm->spec.env, key, v) {
		if (buf_printf(b, "env=%s=", key) == -1 ||
		    buf_put(b, json_string_value(v),
		    json_string_length(v) + 1) == -1)
			return -1;
	}
	return 0;
}

static int
volumes(struct buf *b, const struct vm *vm)
{
	for (size_t i = 0; i < vm->spec.nvolumes; i++) {
		const struct spec_volume *v = &vm->spec.volumes[i];
		char text[SPEC_PATH_MAX + 32];

		(void)snprintf(text, sizeof(text), "/dev/vd%c,%s,%s",
		    (int)('c' + i), v->path, v->readonly ? "ro" : "rw");
		if (record(b, "mount", text) == -1)
			return -1;
	}
	return 0;
}

static int
shares(struct buf *b, const struct vm *vm)
{
	for (size_t i = 0; i < vm->spec.nshares; i++) {
		const struct spec_share *h = &vm->spec.shares[i];
		char text[SPEC_PATH_MAX + 32];

		(void)snprintf(text, sizeof(text), GUEST_SHARE_TAG "%u,%s,%s",
		    (unsigned)i, h->path, h->readonly ? "ro" : "rw");
		if (record(b, "share", text) == -1)
			return -1;
	}
	return 0;
}

/* Is the command an init that wants to be process 1? */
static bool
is_init(const json_t *argv)
{
	static const char *const inits[] = {
		"/sbin/init", "/lib/systemd/systemd",
		"/usr/lib/systemd/systemd", "/usr/sbin/init",
	};
	const char *s = json_string_value(json_array_get(argv, 0));

	for (size_t i = 0; s != NULL && i < sizeof(inits) / sizeof(*inits);
	    i++)
		if (strcmp(s, inits[i]) == 0)
			return true;
	return false;
}

static int
put_records(struct buf *b, const struct vm *vm, const json_t *argv)
{
	const struct spec *s = &vm->spec;
	char grace[32];

	(void)snprintf(grace, sizeof(grace), "%llu",
	    (unsigned long long)((s->stop_timeout + 999) / 1000));
	if (record(b, "version", "1") == -1 ||
	    record(b, "hostname", s->hostname != NULL ? s->hostname :
	    s->name) == -1 ||
	    record(b, "root", "/dev/vda") == -1 ||
	    record(b, "rootfs", "squashfs") == -1 ||
	    record(b, "overlay", "/dev/vdb") == -1 ||
	    record(b, "net", s->network || s->nifs > 0 ? "dhcp" :
	    NULL) == -1 ||
	    words(b, "arg", argv) == -1 || environment(b, vm) == -1 ||
	    record(b, "cwd", s->working_dir != NULL ? s->working_dir :
	    image_text(vm, "working_dir")) == -1 ||
	    record(b, "user", s->user != NULL ? s->user :
	    image_text(vm, "user")) == -1 ||
	    record(b, "stopsignal", s->stop_signal != NULL ?
	    s->stop_signal : image_text(vm, "stop_signal")) == -1 ||
	    record(b, "grace", grace) == -1 ||
	    record(b, "tty", s->tty ? "1" : "0") == -1 ||
	    volumes(b, vm) == -1 || shares(b, vm) == -1)
		return -1;
	return record(b, "mode", is_init(argv) ? "init" : "exec");
}

int
guest_records(struct buf *b, const struct vm *vm, struct err *e)
{
	own_json json_t *argv = vm_argv(vm);

	if (argv == NULL)
		return err_set(e, ENOMEM, "out of memory");
	if (json_array_size(argv) == 0)
		return err_api(e, EINVAL, "invalid_request", "image %s names "
		    "no command: give one with cmd or entrypoint",
		    vm->spec.image);
	if (put_records(b, vm, argv) == -1)
		return err_sys(e, "guest configuration");
	return 0;
}

/* --- cpio ----------------------------------------------------------------- */

static int
pad4(struct buf *b)
{
	static const char zeros[4];

	return buf_put(b, zeros, (4 - b->len % 4) % 4);
}

static int
cpio_entry(struct buf *b, unsigned ino, const char *name, unsigned mode,
    const struct buf *data)
{
	size_t len = data == NULL ? 0 : data->len;

	/* magic ino mode uid gid nlink mtime size dev*2 rdev*2 name check */
	if (buf_printf(b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X"
	    "%08X%08X", ino, mode, 0, 0, 1, 0, (unsigned)len, 0, 0, 0, 0,
	    (unsigned)strlen(name) + 1, 0) == -1 ||
	    buf_put(b, name, strlen(name) + 1) == -1 || pad4(b) == -1)
		return -1;
	if (len != 0 && buf_put(b, data->data, len) == -1)
		return -1;
	return pad4(b);
}

int
guest_cpio(struct buf *to, const struct buf *records, struct err *e)
{
	if (cpio_entry(to, 1, "vmd", S_IFDIR | 0700, NULL) == -1 ||
	    cpio_entry(to, 2, "vmd/config", S_IFREG | 0600, records) == -1 ||
	    cpio_entry(to, 0, "TRAILER!!!", 0, NULL) == -1)
		return err_sys(e, "guest configuration");
	return 0;
}

/* --- files ---------------------------------------------------------------- */

int
guest_make_file(int *ret, const struct vm *vm, const char *name,
    struct err *e)
{
	(void)unlinkat(vm->dir, name, 0);
	*ret = openat(vm->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0640);
	return *ret == -1 ? err_sys(e, "create %s", name) : 0;
}

int
guest_copy(const struct vm *vm, const char *name, int from, struct err *e)
{
	const struct os_name to = { vm->dir, name, 0640 };

	(void)unlinkat(vm->dir, name, 0);
	return os_copy_new(from, &to, e);
}

int
guest_initrd(const struct vm *vm, struct err *e)
{
	own_fd int from = -1, to = -1;
	struct buf records, archive;
	char path[PRIV_PATH_MAX + 64];
	off_t end;
	int ret = -1;

	if (data_path(path, sizeof(path), vm, "initrd", e) == -1)
		return -1;
	buf_init(&records, GUEST_CONFIG_MAX);
	buf_init(&archive, 2 * GUEST_CONFIG_MAX);
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from == -1) {
		(void)err_sys(e, "open %s", path);
	} else if (guest_records(&records, vm, e) == 0 &&
	    guest_cpio(&archive, &records, e) == 0 &&
	    (to = guest_copy(vm, "initrd", from, e)) != -1) {
		end = lseek(to, 0, SEEK_END);
		/* The next archive begins at a multiple of four. */
		if (end == -1 || pwrite(to, archive.data, archive.len,
		    (end + 3) / 4 * 4) != (ssize_t)archive.len)
			(void)err_sys(e, "write initrd");
		else
			ret = 0;
	}
	buf_fini(&records);
	buf_fini(&archive);
	return ret;
}

int
guest_root_digest(int *ret, const struct control *ctl, const char *digest,
    struct err *e)
{
	static const char hex[] = "0123456789abcdef";
	char path[160];

	if (digest == NULL || strncmp(digest, "sha256:", 7) != 0 ||
	    strlen(digest) != 7 + 64 || strspn(digest + 7, hex) != 64)
		return err_api(e, EINVAL, "invalid_request",
		    "\"%.80s\" is no digest", digest == NULL ? "" : digest);
	(void)snprintf(path, sizeof(path), "images/root/%s.sqfs", digest + 7);
	*ret = openat(ctl->state, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *ret != -1 ? 0 : err_sys(e, "open %s", path);
}

int
guest_root(int *ret, const struct vm *vm, struct err *e)
{
	struct err why;

	if (guest_root_digest(ret, vm->control, vm->digest, &why) == 0)
		return 0;
	if (why.num == ENOENT)
		return err_api(e, ENOENT, "not_found", "the root image of %s "
		    "is gone from the store: pull it again",
		    vm->spec.image);
	if (why.num == EINVAL)
		return err_api(e, ENOENT, "not_found",
		    "image %s has no digest", vm->spec.image);
	if (e != NULL)
		*e = why;
	return -1;
}

/* --- VmConfig ------------------------------------------------------------- */

/* What goes with the kernel, without the newline; GUEST_CMDLINE if nothing. */
static void
read_cmdline(char *to, size_t size, const struct vm *vm)
{
	char path[PRIV_PATH_MAX + 64];
	struct buf b;

	if (vm->spec.cmdline != NULL || vm_kernel(vm) != NULL) {
		(void)snprintf(to, size, "%s", vm->spec.cmdline == NULL ? "" :
		    vm->spec.cmdline);
		return;
	}
	(void)snprintf(to, size, "%s", GUEST_CMDLINE);
	if (data_path(path, sizeof(path), vm, "cmdline", NULL) == -1)
		return;
	buf_init(&b, size);
	if (file_read(&b, AT_FDCWD, path, NULL) == 0 && b.len > 1)
		(void)snprintf(to, size, "%.*s",
		    (int)strcspn((char *)b.data, "\n"), (char *)b.data);
	buf_fini(&b);
}

/* Names of a VM's devices and sockets; a config points into them. */
struct names {
	char	cmdline[VM_CMDLINE_MAX + 1];
	char	disk[VM_DISKS_MAX][32];
	char	socket[VM_DISKS_MAX][32];
	char	mac[1 + SPEC_IFS_MAX][18];
	char	net[1 + SPEC_IFS_MAX][8];
	char	net_socket[1 + SPEC_IFS_MAX][12];
	char	share[VM_FS_MAX][32];	/* id, and tag of the guest's */
	char	tag[VM_FS_MAX][32];
	char	share_socket[VM_FS_MAX][32];
	char	kernel[PRIV_PATH_MAX + 64];
};

static void
fill_disks(struct vm_config *c, struct names *n, const struct vm *vm)
{
	size_t image = vm->spec.image == NULL ? 0 : 2 + vm->spec.nvolumes;

	c->ndisks = image + vm->spec.ndisks;
	for (size_t i = 0; i < c->ndisks; i++) {
		(void)snprintf(n->disk[i], sizeof(n->disk[i]), "disk%u",
		    (unsigned)i);
		(void)snprintf(n->socket[i], sizeof(n->socket[i]),
		    "disk%u.vu", (unsigned)i);
		c->disks[i].id = n->disk[i];
		c->disks[i].socket = n->socket[i];
		c->disks[i].queues = 1;
		c->disks[i].readonly = i < image && (i == 0 ||
		    (i >= 2 && vm->spec.volumes[i - 2].readonly));
	}
}

static void
fill_card(struct vm_config *c, struct names *n, const uint8_t m[6])
{
	size_t i = c->nnets++;

	(void)snprintf(n->mac[i], sizeof(n->mac[i]),
	    "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
	    m[5]);
	(void)snprintf(n->net[i], sizeof(n->net[i]), "net%u", (unsigned)i);
	(void)snprintf(n->net_socket[i], sizeof(n->net_socket[i]), "net%u.vu",
	    (unsigned)i);
	c->nets[i].id = n->net[i];
	c->nets[i].socket = n->net_socket[i];
	c->nets[i].mac = n->mac[i];
	c->nets[i].queues = 1;
}

/* In the order of op_start.c. */
static void
fill_cdrom(struct vm_config *c, const struct vm *vm)
{
	if (vm->spec.cdrom == NULL)
		return;
	c->disks[c->ndisks++] = (struct vm_disk){ .id = "cdrom0",
	    .socket = "cdrom0.vu", .readonly = true, .cdrom = true,
	    .queues = 1 };
}

static void
fill_net(struct vm_config *c, struct names *n, const struct vm *vm)
{
	uint8_t mac[6];

	if (vm->spec.network)
		fill_card(c, n, vm->mac);
	for (size_t i = 0; i < vm->spec.nifs; i++) {
		vm_if_mac(mac, vm, i);
		fill_card(c, n, mac);
	}
}

static void
fill_shares(struct vm_config *c, struct names *n, const struct vm *vm)
{
	c->nfs = vm->spec.nshares;
	for (size_t i = 0; i < c->nfs; i++) {
		(void)snprintf(n->share[i], sizeof(n->share[i]), "fs%u",
		    (unsigned)i);
		(void)snprintf(n->tag[i], sizeof(n->tag[i]),
		    GUEST_SHARE_TAG "%u", (unsigned)i);
		(void)snprintf(n->share_socket[i],
		    sizeof(n->share_socket[i]), "fs%u.vu", (unsigned)i);
		c->fs[i].id = n->share[i];
		c->fs[i].tag = n->tag[i];
		c->fs[i].socket = n->share_socket[i];
		c->fs[i].queues = 1;
		c->fs[i].queue_size = GUEST_SHARE_QUEUE;
	}
}

_Static_assert((int)VM_BOOT_DISK == BOOT_DISK &&
    (int)VM_BOOT_CDROM == BOOT_CDROM && (int)VM_BOOT_NET == BOOT_NET, "boot");

static int
fill_firmware(struct vm_config *c, struct names *n, const struct vm *vm,
    struct err *e)
{
	bool own = vm->spec.firmware != NULL, efi = c->arch == VM_ARCH_ARM64;
	const char *path = efi ? GUEST_EFI : GUEST_FIRMWARE;

	if (has_devices(vm)) {
		if (own)
			return err_api(e, ENOTSUP, "not_supported",
			    "firmware: vz has its own");
		c->kernel = NULL;
		c->variables = "efi-variables";
		c->boot = (enum vm_boot)vm_boot_device(vm);
		return 0;
	}
	if (!own && access(path, R_OK) == -1)
		return err_api(e, ENOENT, "dependency_missing", "vmm bios "
		    "firmware file not found: %s is missing; install %s",
		    path, efi ? "qemu-efi-aarch64" : "seabios");
	(void)snprintf(n->kernel, sizeof(n->kernel), "%s", own ? "kernel" :
	    path);
	c->kernel = NULL;
	c->firmware = n->kernel;
	if (efi)
		c->variables = "variables";
	c->boot = (enum vm_boot)vm_boot_device(vm);
	return 0;
}

/* Of an image, vminit's; else the one that was named. */
static int
fill_payload(struct vm_config *c, struct names *n, const struct vm *vm,
    struct err *e)
{
	if (vm->spec.image == NULL && vm_kernel(vm) == NULL)
		return fill_firmware(c, n, vm, e);
	if (vm_kernel(vm) != NULL)
		(void)snprintf(n->kernel, sizeof(n->kernel), "kernel");
	else if (data_path(n->kernel, sizeof(n->kernel), vm,
	    kernel_name(vm), e) == -1)
		return -1;
	read_cmdline(n->cmdline, sizeof(n->cmdline), vm);
	if (vm->spec.image != NULL || vm->spec.initramfs != NULL)
		c->initramfs = "initrd";
	c->cmdline = n->cmdline[0] == '\0' ? NULL : n->cmdline;
	return 0;
}

static int
fill_guest(struct vm_config *c, struct names *n, const struct vm *vm,
    struct err *e)
{
	/* What a foreign kernel has a driver for, and OpenBSD's com0. */
	struct vm_stream *console = vm->spec.image != NULL ||
	    has_devices(vm) ? &c->console : &c->serial;

	if (fill_payload(c, n, vm, e) == -1)
		return -1;
	fill_disks(c, n, vm);
	fill_cdrom(c, vm);
	fill_net(c, n, vm);
	fill_shares(c, n, vm);
	console->mode = VM_STREAM_SOCKET;
	console->socket = "console.sock";
	console->file = "console.log";
	c->rng = true;
	if (vm->spec.image == NULL) {
		c->vmmci = vm->hypervisor != NULL &&
		    (vm->hypervisor->can & CAN_VMMCI) != 0 &&
		    c->arch == VM_ARCH_AMD64;
		return 0;
	}
	c->vsock.cid = GUEST_CID;
	c->vsock.socket = "vsock.sock";
	c->vsock.vhost_socket = "vsock0.vu";
	return 0;
}

/* The same devices, by what vmd hands to the VMM; see PRIV_VZ_FD. */
static void
hand_devices(struct vm_config *c, const struct vm *vm)
{
	int fd = PRIV_VZ_FD;

	for (size_t i = 0; i < c->ndisks; i++) {
		c->disks[i].socket = NULL;
		c->disks[i].fd = fd++;
	}
	for (size_t i = 0; i < c->nnets; i++) {
		c->nets[i].socket = NULL;
		c->nets[i].fd = fd++;
	}
	for (size_t i = 0; i < c->nfs; i++) {
		c->fs[i].socket = NULL;
		c->fs[i].path = vm->spec.shares[i].host;
		c->fs[i].readonly = vm->spec.shares[i].readonly;
	}
	c->vsock.vhost_socket = NULL;
}

int
guest_config(json_t **ret, const struct vm *vm, struct err *e)
{
	own_json json_t *v = NULL;
	own_mem char *text = NULL;
	own_fd int fd = -1;
	struct vm_config c = { 0 };
	struct names n;

	if (vm_arch_parse(&c.arch, guest_arch(vm), e) == -1)
		return -1;
	c.cpus = vm_vcpus(vm);
	c.memory.size = vm->spec.memory;
	c.memory.shared = c.memory.thp = true;
	c.kernel = n.kernel;
	if (vm_is_null(vm)) {
		(void)snprintf(n.kernel, sizeof(n.kernel), "none");
		if (vm->spec.image == NULL) {
			fill_disks(&c, &n, vm);
			fill_cdrom(&c, vm);
		}
	} else if (fill_guest(&c, &n, vm, e) == -1)
		return -1;
	if (has_devices(vm))
		hand_devices(&c, vm);
	v = vm_config_json(&c);
	if (v == NULL || (text = json_print(v)) == NULL)
		return err_set(e, ENOMEM, "out of memory");
	/* For people; nothing reads it back, so nothing waits for the disk. */
	if (guest_make_file(&fd, vm, "config.json", e) == -1)
		return -1;
	if (write_full(fd, text, strlen(text)) == -1)
		return err_sys(e, "write config.json");
	*ret = take(&v);
	return 0;
}
