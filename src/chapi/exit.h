/* SPDX-License-Identifier: ISC */
/*
 * exit.h - exit.json, the last word of a VMM about its VM
 *
 *	{"code":"device_died","reason":"disk0: viod ended"}
 *
 * It is written when the VM ends and removed when a VMM starts: no file
 * means that the VMM could not speak any more.
 */

#ifndef CHAPI_EXIT_H
#define CHAPI_EXIT_H

#include "lib/err.h"

#define VM_EXIT_REASON_MAX	400	/* bytes with the NUL; longer is cut */

enum vm_exit_code {
	VM_EXIT_POWERED_OFF,		/* "powered_off": by the guest */
	VM_EXIT_SHUT_DOWN,		/* "shut_down": by a call or signal */
	VM_EXIT_GUEST_PANICKED,		/* "guest_panicked" */
	VM_EXIT_DEVICE_DIED,		/* "device_died": reason names it */
	VM_EXIT_HYPERVISOR_DIED,	/* "hypervisor_died": its last words */
	VM_EXIT_RESTARTED,		/* "restarted_too_quickly": brake.h */
};

struct vm_exit {
	enum vm_exit_code	 code;
	char			 reason[VM_EXIT_REASON_MAX];
};

/* The word of a code. */
const char *vm_exit_word(enum vm_exit_code);

/* Write, read and remove it below a VM's directory. */
int	vm_exit_write(int dirfd, const struct vm_exit *, struct err *);
int	vm_exit_read(struct vm_exit *ret, int dirfd, struct err *);
int	vm_exit_clear(int dirfd, struct err *);

#endif
