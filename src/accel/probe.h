/* SPDX-License-Identifier: ISC */
/*
 * probe.h - is the host's virtualization worth using?
 *
 * A /dev/kvm that is there may interpret the guest in software, thousands
 * of times slower than the processor.  So a loop is timed as a guest and
 * natively, for two lengths each: the differences leave out what entering
 * a guest costs.
 */

#ifndef ACCEL_PROBE_H
#define ACCEL_PROBE_H

#include <stdint.h>

#include "lib/err.h"

#define ACCEL_SLOWDOWN_MAX	40	/* times native; KVM is below 2 */
#define ACCEL_PROBE_MS		2000	/* the probe gives up after that */

/* Nanoseconds for a loop of n rounds. */
struct accel_clock {
	int	(*guest)(uint64_t *ns, void *arg, uint32_t rounds,
		    struct err *);
	int	(*native)(uint64_t *ns, void *arg, uint32_t rounds,
		    struct err *);
	void	*arg;
};

/*
 * Compare: 0 and the slowdown (times native, at least 1), or -1 when it is
 * above ACCEL_SLOWDOWN_MAX or a clock failed.  Begins with loops so short
 * that even a hopeless KVM ends them at once.
 */
int	accel_judge(unsigned *slowdown, const struct accel_clock *,
	    struct err *);

/*
 * Judge the host's KVM, in a child process.  -1 says why it is not used:
 * "no /dev/kvm", "/dev/kvm interprets guests: 2400 times slower ...".  The
 * caller keeps the answer: it costs some milliseconds.
 */
int	accel_probe(unsigned *slowdown, struct err *);

#endif
