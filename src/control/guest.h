/* SPDX-License-Identifier: ISC */
/*
 * guest.h - the files a VM boots from
 *
 * Kernel and initrd come from DATA/guest/ARCH, those of own/ first.  The
 * guest's configuration travels as a second cpio archive behind a copy of
 * the initrd (docs/ARCHITECTURE.md, "Guest"; newc: cpio(5)).
 */

#ifndef CONTROL_GUEST_H
#define CONTROL_GUEST_H

#include <jansson.h>

#include "lib/buf.h"
#include "lib/err.h"

#define GUEST_CONFIG_MAX	(512 * 1024)	/* bytes of /vmd/config */
#define GUEST_CID		3	/* each VM has a vsock of its own */
#define GUEST_FIRMWARE	"/usr/share/seabios/bios-256k.bin"
#define GUEST_EFI	"/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
#define GUEST_CMDLINE		"quiet panic=-1"	/* no cmdline file */

/* Shares: tags "share0".., what the guest mounts; length of their queue. */
#define GUEST_SHARE_TAG		"share"
#define GUEST_SHARE_QUEUE	1024

struct control;
struct vm;

/* "amd64" or "arm64": the image's, the host's where it does not say. */
const char *guest_arch(const struct vm *);

/* Write 'initrd' into the VM's directory. */
int	guest_initrd(const struct vm *, struct err *);

/* The VmConfig for vm.create; also written to 'config.json'. */
int	guest_config(json_t **ret, const struct vm *, struct err *);

/* The records of /vmd/config. */
int	guest_records(struct buf *, const struct vm *, struct err *);

/* An archive with that one file, padded to be appended to another. */
int	guest_cpio(struct buf *to, const struct buf *records, struct err *);

/* The image's root, STATE/images/root/<hex>.sqfs, opened read-only. */
int	guest_root(int *ret, const struct vm *, struct err *);

/* The same by the digest; one that is no "sha256:" of 64 digits is refused. */
int	guest_root_digest(int *ret, const struct control *,
	    const char *digest, struct err *);

/* A new file in the VM's directory, which its VMM may read. */
int	guest_make_file(int *ret, const struct vm *, const char *name,
	    struct err *);

/* The same with the contents of 'from'; its descriptor, or -1. */
int	guest_copy(const struct vm *, const char *name, int from,
	    struct err *);

#endif
