/* SPDX-License-Identifier: ISC */
/* qemu.h - the back-end of vmm-qemu: one VM, one QEMU at a time */

#ifndef QEMU_QEMU_H
#define QEMU_QEMU_H

#include "chapi/vmm.h"
#include "lib/err.h"
#include "lib/own.h"
#include "qemu/launch.h"

struct event_loop;
struct qemu;

extern const struct vmm_backend qemu_backend;	/* its arg: struct qemu */

int	qemu_new(struct qemu **ret, struct event_loop *, enum launch_accel,
	    struct err *);
/* Whom to answer; before the first action. */
void	qemu_attach(struct qemu *, struct vmm *);
void	qemu_destroy(struct qemu *);
OWN_DEFINE(struct qemu, qemu_destroy);

#endif
