/* SPDX-License-Identifier: ISC */
/* launch.h - how a QEMU is started: accelerator, sandbox, descriptors */

#ifndef QEMU_LAUNCH_H
#define QEMU_LAUNCH_H

#include <stdbool.h>

#include "lib/err.h"

struct child;
struct console;
struct event_loop;
struct vm_config;

/* What runs the guest's processors. */
enum launch_accel {
	LAUNCH_AUTO,	/* the host's own where it is worth it, else TCG */
	LAUNCH_KVM,	/* or fail */
	LAUNCH_TCG,
};

/* What is decided once for all boots; zeroed but for accel at first. */
struct launch {
	enum launch_accel	 accel;
	bool			 probed;
	bool			 kvm_good;
	bool			 sandboxed;
	char			 why[ERR_TEXT_MAX];	/* not KVM */
};

/* A QEMU that was started; all are the caller's. */
struct launched {
	struct child	*child;
	int		 qmp;		/* our end */
	struct console	*console;	/* NULL: the VM has none */
};

/* "auto", "kvm" ("hvf" on macOS) or "tcg" */
int	launch_accel_parse(enum launch_accel *ret, const char *, struct err *);

/* Would a guest of this config run on KVM?  Known after the first start. */
bool	launch_kvm(const struct launch *, const struct vm_config *);

int	launch_start(struct launched *ret, struct launch *,
	    struct event_loop *, const struct vm_config *, struct err *);

#endif
