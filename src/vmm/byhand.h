/* SPDX-License-Identifier: ISC */
/* byhand.h - vmm started by a person: --kernel, --restore, --api-socket */

#ifndef VMM_BYHAND_H
#define VMM_BYHAND_H

/*
 * Run until the VM has ended.  The exit status: 0 when the guest powered
 * off or was ended, 1 for a failure, which is said, 2 for wrong usage.
 */
int	byhand(int argc, char *argv[]);

#endif
