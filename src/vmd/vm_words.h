/* SPDX-License-Identifier: ISC */
/* vm_words.h - the command lines of a VM's processes, from what was asked */

#ifndef VMD_VM_WORDS_H
#define VMD_VM_WORDS_H

#include "disk/image.h"
#include "lib/err.h"
#include "priv/request.h"
#include "vmd/spawn.h"

/*
 * Is it a start that can be tried?  vmd checks even vmd-control: what goes
 * into a command line must be what it says it is.  Codes bad_request,
 * not_supported.
 */
int	vm_words_check(const struct priv_start *, struct err *);

/* Program of a hypervisor, a file name; NULL when it is not there. */
const char *vm_words_vmm(uint8_t hypervisor);

/* The enum priv_hypervisor of a name, or -1. */
int	vm_words_by_name(const char *name);

/* It is handed /dev/kvm, as -k FD: its user need not be able to open it. */
bool	vm_words_takes_kvm(uint8_t hypervisor);

/*
 * It has disks, shares and vsock itself: it is handed what they need, in the
 * order of PRIV_VZ_FD, and network cards are processes that speak frames.
 */
bool	vm_words_has_devices(uint8_t hypervisor);

/* Add the words; fd is where the child has its disk, or vsock.sock. */
void	vm_words_blk(struct spawn *, const struct priv_blk *, int fd);
/* An image with the files below it; rate as of struct priv_start. */
void	vm_words_image(struct spawn *, const struct image_files *,
	    uint64_t rate);
/* netboot: the file to boot, if it wants one. */
void	vm_words_net(struct spawn *, const struct priv_net *,
	    const char *netboot);
void	vm_words_tap(struct spawn *, const struct priv_start *, unsigned net,
	    int fd);
void	vm_words_vsock(struct spawn *, uint32_t cid, int listen_fd,
	    int dir_fd);
void	vm_words_share(struct spawn *, const struct priv_share *);
void	vm_words_accel(struct spawn *, const struct priv_start *);

#endif
