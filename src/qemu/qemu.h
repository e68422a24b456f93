/* SPDX-License-Identifier: ISC */
/* qemu.h - the back-end of vmm-qemu: one VM, one QEMU at a time */

#ifndef QEMU_QEMU_H
#define QEMU_QEMU_H

#include "chapi/vmm.h"
#include "lib/err.h"
#include "lib/own.h"

struct event_base;
struct qemu;

/* What runs the guest's processors. */
enum qemu_accel {
	QEMU_ACCEL_AUTO,	/* KVM where it is worth it, else TCG */
	QEMU_ACCEL_KVM,		/* or fail */
	QEMU_ACCEL_TCG,
};

extern const struct vmm_backend qemu_backend;	/* its arg: struct qemu */

/* "auto", "kvm" or "tcg" */
int	qemu_accel_parse(enum qemu_accel *ret, const char *, struct err *);

int	qemu_new(struct qemu **ret, struct event_base *, enum qemu_accel,
	    struct err *);
/* Whom to answer; before the first action. */
void	qemu_attach(struct qemu *, struct vmm *);
void	qemu_destroy(struct qemu *);
OWN_DEFINE(struct qemu, qemu_destroy);

#endif
