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

/* Microseconds of waiting for a VM that are worth a hint. */
#define ACCEL_WAIT_MAX	4000

/*
 * Compare: 0 and the slowdown (times native, at least 1), or -1 when it is
 * above ACCEL_SLOWDOWN_MAX or a clock failed.  Begins with loops so short
 * that even a hopeless KVM ends them at once, and ends when the guest's time
 * is longer than any noise: after some 20 ms.
 */
int	accel_judge(unsigned *slowdown, const struct accel_clock *,
	    struct err *);

/*
 * Judge the host's KVM, in a child process, in all modes of the processor
 * that matter; the slowdown is the worst one's.  -1 says why it is not used:
 * "no /dev/kvm", "/dev/kvm interprets guests: 2400 times slower ...".  The
 * caller keeps the answer: it costs some milliseconds.
 */
int	accel_probe(unsigned *slowdown, struct err *);

/*
 * After an accel_probe() that took the KVM: what would make it faster on
 * this host, a sentence, or NULL.
 */
const char *accel_probe_hint(void);

#endif
