/* SPDX-License-Identifier: ISC */
/*
 * machine_cpus.c - processors that come and go; see machine.h
 *
 * They are there from number 0 on without gaps.  What KVM has made it keeps:
 * a processor the guest has given up waits in its thread, as one that was
 * never started, until it is wanted again.
 */

#include <errno.h>

#include "accel/accel_x86.h"
#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/dev/cpuplug.h"
#include "vmm/machine_private.h"
#include "vmm/vcpu.h"

/* On a vCPU's thread: it may be the one that is given up. */
static void
ejected(void *arg, unsigned cpu)
{
	struct machine *m = arg;

	m->cpus_ejected |= 1ULL << cpu;
	machine_wake(m);
}

/* One that is restored has what its tables say, if it has all by now, too. */
static bool
has_cpuplug(const struct machine *m)
{
	return m->setup.restore ?
	    json_object_get(m->setup.state, "cpuplug") != NULL :
	    m->cpus_max > m->cpus;
}

int
machine_make_cpuplug(struct machine *m, const struct vm_config *c,
    struct err *e)
{
	struct cpuplug_setup s = { &m->board, m->cpus_max, ejected, m };

	m->cpus_wanted = m->cpus = c->cpus;
	if (!has_cpuplug(m))
		return 0;
	if (!machine_arch_hotplug)
		return err_set(e, ENOTSUP, "on this machine processors do not "
		    "come and go");
	if (cpuplug_new(&m->cpuplug, &s, e) == -1)
		return -1;
	cpuplug_reset(m->cpuplug, m->cpus);
	return 0;
}

static int
power_off(struct accel_vcpu *v, void *arg, struct err *e)
{
	struct machine *m = arg;

	return m->board.accel->vcpu_reset(v, e);
}

/* Of those that are wanted back the last ones, as far as they are given up. */
static unsigned
still_there(const struct machine *m, uint64_t given_up)
{
	unsigned n = m->cpus;

	while (n > m->cpus_wanted && (given_up & 1ULL << (n - 1)) != 0)
		n--;
	return n;
}

void
machine_cpus_ejected(struct machine *m)
{
	unsigned before = m->cpus;
	struct err e;

	board_lock(&m->board);
	m->cpus = still_there(m, m->cpus_ejected);
	m->cpus_ejected &= (1ULL << m->cpus) - 1;
	if (m->cpus != before)
		cpuplug_present(m->cpuplug, m->cpus);
	board_unlock(&m->board);
	if (m->cpus == before)
		return;
	vcpus_pause(m->vcpus);
	for (unsigned i = m->cpus; i < before; i++)
		if (vcpus_call(m->vcpus, i, power_off, m, &e) == -1)
			log_err(&e, "vCPU %u", i);
	if (m->running)
		vcpus_resume(m->vcpus);
}

bool
machine_cpus_leaving(const struct machine *m)
{
	return m->cpus != m->cpus_wanted;
}

int
machine_set_cpus(struct machine *m, unsigned n, struct err *e)
{
	if (n == m->cpus_wanted)
		return 0;
	if (n == 0 || n > m->cpus_max)
		return err_set(e, EINVAL, "%u processors: 1 to %u can be had",
		    n, m->cpus_max);
	if (machine_cpus_leaving(m))
		return err_set(e, EBUSY, "processor %u was wanted back, and "
		    "the guest has not given it up", m->cpus - 1);
	if (n > m->cpus && vcpus_add(m->vcpus, n, m->running, e) == -1)
		return -1;
	board_lock(&m->board);
	m->cpus_wanted = n;
	if (n > m->cpus)
		cpuplug_present(m->cpuplug, m->cpus = n);
	else
		cpuplug_request(m->cpuplug, n);
	board_unlock(&m->board);
	return 0;
}

/* Who did not give one up has it no more after a reset.  Board locked. */
void
machine_reset_cpus(struct machine *m)
{
	m->cpus = m->cpus_wanted;
	m->cpus_ejected = 0;
	if (m->cpuplug != NULL)
		cpuplug_reset(m->cpuplug, m->cpus);
}
