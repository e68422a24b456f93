/* SPDX-License-Identifier: ISC */
/*
 * devices.c - disks, network cards and shares; see devices.h
 * (Apple, VZDiskImageStorageDeviceAttachment, VZNetworkDeviceConfiguration,
 * VZVirtioFileSystemDeviceConfiguration)
 */

#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chapi/vm_config.h"
#include "os/os.h"
#include "vz/devices.h"
#include "vz/ns.h"

#define SECTOR		512	/* bytes; a disk is a number of them */
#define SERIAL_MAX	20	/* bytes of a disk's identifier */

/* Of the framework: VZDiskImageCachingMode, ...SynchronizationMode. */
enum { CACHE_UNCACHED = 1, CACHE_CACHED = 2 };
static const long sync_modes[] = {
	[VM_SYNC_FULL] = 1, [VM_SYNC_FSYNC] = 2, [VM_SYNC_NONE] = 3,
};

/* --- disks --------------------------------------------------------------- */

/*
 * The name of an image: the framework opens it anew.  Who started us has
 * locked the descriptor of one he passed; the framework takes a lock of its
 * own, which that one would be in the way of.
 */
static int
image_path(char ret[PATH_MAX], const struct vm_disk *d, struct err *e)
{
	struct stat file, named;

	if (d->fd == 0) {
		(void)snprintf(ret, PATH_MAX, "%s", d->path);
		return 0;
	}
	if (fstat(d->fd, &file) == -1)
		return err_sys(e, "descriptor %d", d->fd);
	if (os_fd_path(ret, PATH_MAX, d->fd, NULL) == -1 ||
	    stat(ret, &named) == -1 || named.st_dev != file.st_dev ||
	    named.st_ino != file.st_ino)
		return err_set(e, ENOENT, "descriptor %d: its file has no "
		    "name", d->fd);
	(void)flock(d->fd, LOCK_UN);
	return 0;
}

/* The framework takes whole sectors only: the last one is filled up. */
static int
round_size(const char *path, bool readonly, struct err *e)
{
	own_fd int fd = open(path, (readonly ? O_RDONLY : O_RDWR) |
	    O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	off_t rest;

	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: is no file", path);
	rest = st.st_size % SECTOR;
	if (st.st_size == 0)
		return err_set(e, EINVAL, "%s: is empty", path);
	if (rest != 0 && readonly)
		return err_set(e, EINVAL, "%s: its size is no multiple of %d "
		    "bytes, and it is not to be written", path, SECTOR);
	if (rest != 0 && ftruncate(fd, st.st_size + SECTOR - rest) == -1)
		return err_sys(e, "%s: make its size a multiple of %d",
		    path, SECTOR);
	return 0;
}

static struct objc *
attachment(const struct vm_disk *d, const char *path, struct objc **error)
{
	struct objc *a = ns_alloc("VZDiskImageStorageDeviceAttachment");

	return ns_get(OBJC(struct objc *, struct objc *, signed char, long,
	    long, struct objc **)(a, objc_sel("initWithURL:readOnly:"
	    "cachingMode:synchronizationMode:error:"), ns_url(path),
	    d->readonly, d->direct ? CACHE_UNCACHED : CACHE_CACHED,
	    sync_modes[d->sync], error), "autorelease");
}

static int
disk(struct objc **ret, const struct vm_disk *d, struct err *e)
{
	const char *class = d->cdrom ? "VZUSBMassStorageDeviceConfiguration" :
	    "VZVirtioBlockDeviceConfiguration";
	struct objc *error = NULL, *a, *o;
	char path[PATH_MAX];

	if (!ns_has(class))
		return err_set(e, ENOTSUP, "cdrom: this macOS has none, 13 "
		    "and later have");
	if (image_path(path, d, e) == -1 ||
	    round_size(path, d->readonly, e) == -1)
		return -1;
	a = attachment(d, path, &error);
	if (a == NULL)
		return ns_refused(e, error, path);
	o = OBJC(struct objc *, struct objc *)(ns_alloc(class),
	    objc_sel("initWithAttachment:"), a);
	o = ns_get(o, "autorelease");
	/* A guest finds it as /dev/disk/by-id/virtio-ID. */
	if (strlen(d->id) <= SERIAL_MAX &&
	    ns_answers(class, "setBlockDeviceIdentifier:"))
		ns_set(o, "setBlockDeviceIdentifier:", ns_string(d->id));
	*ret = o;
	return 0;
}

int
devices_disks(struct objc **ret, const struct vm_config *c, struct err *e)
{
	struct objc *list = ns_list(), *o = NULL;

	for (size_t i = 0; i < c->ndisks; i++) {
		if (disk(&o, &c->disks[i], e) == -1)
			return err_prefix(e, "%s", c->disks[i].id);
		ns_add(list, o);
	}
	*ret = list;
	return 0;
}

/* --- network cards ------------------------------------------------------- */

/* Datagrams, whose other end is there, and as much room as is advised. */
static int
check_socket(int fd, struct err *e)
{
	int type = 0, send = NET_SEND_BYTES, receive = NET_RECEIVE_BYTES;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(type), peer_len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
		return err_sys(e, "descriptor %d", fd);
	if (type != SOCK_DGRAM ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_len) == -1)
		return err_set(e, EINVAL, "descriptor %d: is no connected "
		    "socket of datagrams", fd);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof(send)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive,
	    sizeof(receive)) == -1)
		return err_sys(e, "descriptor %d: room for frames", fd);
	return 0;
}

static int
net_attachment(struct objc **ret, const struct vm_net *n, struct err *e)
{
	struct objc *a;

	if (n->nat) {
		a = ns_new("VZNATNetworkDeviceAttachment");
	} else {
		if (check_socket(n->fd, e) == -1)
			return -1;
		a = OBJC(struct objc *, struct objc *)(
		    ns_alloc("VZFileHandleNetworkDeviceAttachment"),
		    objc_sel("initWithFileHandle:"), ns_handle(n->fd));
	}
	*ret = ns_get(a, "autorelease");
	return 0;
}

static int
net(struct objc **ret, const struct vm_net *n, struct err *e)
{
	struct objc *a, *o, *mac;

	if (net_attachment(&a, n, e) == -1)
		return -1;
	mac = OBJC(struct objc *, struct objc *)(ns_alloc("VZMACAddress"),
	    objc_sel("initWithString:"), ns_string(n->mac));
	if (mac == NULL)
		return err_set(e, EINVAL, "mac %s: the framework refuses it",
		    n->mac);
	mac = ns_get(mac, "autorelease");
	o = ns_get(ns_new("VZVirtioNetworkDeviceConfiguration"),
	    "autorelease");
	ns_set(o, "setMACAddress:", mac);
	ns_set(o, "setAttachment:", a);
	*ret = o;
	return 0;
}

int
devices_nets(struct objc **ret, const struct vm_config *c, struct err *e)
{
	struct objc *list = ns_list(), *o = NULL;

	for (size_t i = 0; i < c->nnets; i++) {
		if (net(&o, &c->nets[i], e) == -1)
			return err_prefix(e, "%s", c->nets[i].id);
		ns_add(list, o);
	}
	*ret = list;
	return 0;
}

/* --- shares -------------------------------------------------------------- */

static int
directory(struct objc **ret, const struct vm_fs *f, struct err *e)
{
	struct objc *dir, *share;
	struct stat st;

	if (stat(f->path, &st) == -1)
		return err_sys(e, "%s", f->path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "%s: is no directory", f->path);
	dir = OBJC(struct objc *, struct objc *, signed char)(
	    ns_alloc("VZSharedDirectory"), objc_sel("initWithURL:readOnly:"),
	    ns_url(f->path), f->readonly);
	dir = ns_get(dir, "autorelease");
	share = OBJC(struct objc *, struct objc *)(
	    ns_alloc("VZSingleDirectoryShare"),
	    objc_sel("initWithDirectory:"), dir);
	*ret = ns_get(share, "autorelease");
	return 0;
}

/* Apple's translator, which a guest runs amd64 programs with. */
static int
rosetta(struct objc **ret, struct err *e)
{
	static const char class[] = "VZLinuxRosettaDirectoryShare";
	struct objc *error = NULL, *share;
	/* VZLinuxRosettaAvailability: not supported, not installed, there. */
	long there = OBJC(long)(objc_getClass(class),
	    objc_sel("availability"));

	if (there == 0)
		return err_set(e, ENOTSUP, "this host has no Rosetta for "
		    "Linux");
	if (there == 1)
		return err_set(e, ENOENT, "Rosetta is not installed: "
		    "\"softwareupdate --install-rosetta\" does it");
	share = OBJC(struct objc *, struct objc **)(ns_alloc(class),
	    objc_sel("initWithError:"), &error);
	if (share == NULL)
		return ns_refused(e, error, "rosetta");
	*ret = ns_get(share, "autorelease");
	return 0;
}

static int
share(struct objc **ret, const struct vm_fs *f, struct err *e)
{
	static const char class[] = "VZVirtioFileSystemDeviceConfiguration";
	struct objc *tag = ns_string(f->tag), *error = NULL, *s = NULL,
	    *o;

	if (!ns_has(class))
		return err_set(e, ENOTSUP, "this macOS shares no directories, "
		    "12 and later do");
	if (OBJC(signed char, struct objc *, struct objc **)(
	    objc_getClass(class), objc_sel("validateTag:error:"), tag,
	    &error) == 0)
		return ns_refused(e, error, "tag");
	if (f->rosetta ? rosetta(&s, e) == -1 : directory(&s, f, e) == -1)
		return -1;
	o = OBJC(struct objc *, struct objc *)(ns_alloc(class),
	    objc_sel("initWithTag:"), tag);
	o = ns_get(o, "autorelease");
	ns_set(o, "setShare:", s);
	*ret = o;
	return 0;
}

int
devices_shares(struct objc **ret, const struct vm_config *c, struct err *e)
{
	struct objc *list = ns_list(), *o = NULL;

	for (size_t i = 0; i < c->nfs; i++) {
		if (share(&o, &c->fs[i], e) == -1)
			return err_prefix(e, "%s", c->fs[i].id);
		ns_add(list, o);
	}
	*ret = list;
	return 0;
}
