/* SPDX-License-Identifier: ISC */
/*
 * gdb_session.h - gdb's remote protocol, one connection
 *
 * Bytes of gdb in, bytes for gdb out; what they are about is a table of
 * functions.  All-stop: either all vCPUs run, and gdb can only interrupt
 * them, or none does.  A thread is a vCPU, number plus one.  Breakpoints and
 * watchpoints are the processor's own, which has a few, so that the guest's
 * memory stays as it is.  x86 does not watch reads alone: gdb asks for
 * accesses then.
 *
 * Nothing gdb sends makes it fail; a peer that floods it or does not read
 * is to be dropped.
 *
 * Source: gdb manual, appendix E.
 */

#ifndef VMM_GDB_SESSION_H
#define VMM_GDB_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/own.h"

#define GDB_PACKET_MAX	4096	/* bytes between $ and # */
#define GDB_OUT_MAX	65536	/* bytes that gdb has not read */
#define GDB_NO_CPU	(~0U)

struct accel_point;
struct gdb_arch;
struct gdb_session;
union accel_regs;

/* The vCPUs are stopped when these are called, but for 'stop'. */
struct gdb_target {
	unsigned	(*cpus)(void *arg);
	/* -1: it could not be done. */
	int		(*get_regs)(void *arg, unsigned cpu,
			    union accel_regs *ret);
	int		(*set_regs)(void *arg, unsigned cpu,
			    const union accel_regs *);
	/* Memory as a vCPU sees it; how many bytes it was. */
	size_t		(*read)(void *arg, unsigned cpu, uint64_t va,
			    void *to, size_t len);
	size_t		(*write)(void *arg, unsigned cpu, uint64_t va,
			    const void *from, size_t len);
	/*
	 * Stop at these points and no others; -1: the processor cannot, and
	 * those from before hold.
	 */
	int		(*points)(void *arg, const struct accel_point *,
			    unsigned n);
	/* All run; 'step' (or GDB_NO_CPU) for one instruction. */
	void		(*resume)(void *arg, unsigned step);
	/* All shall stop; gdb_session_stopped() when they have. */
	void		(*stop)(void *arg);
};

/* The vCPUs are stopped. */
int	gdb_session_new(struct gdb_session **ret, const struct gdb_arch *,
	    const struct gdb_target *, void *arg, struct err *);
void	gdb_session_destroy(struct gdb_session *);
OWN_DEFINE(struct gdb_session, gdb_session_destroy);

/* -1: drop the peer, it breaks the rules or has said that it goes. */
int	gdb_session_input(struct gdb_session *, const uint8_t *, size_t len);

/* What to send; drain it. */
struct buf *gdb_session_output(struct gdb_session *);

/*
 * The vCPUs have stopped; cpu met the points 'hits' (a bit each, as they
 * were given), or was the one to stop.
 */
void	gdb_session_stopped(struct gdb_session *, unsigned cpu,
	    unsigned hits);

/* They run, as gdb wanted it. */
bool	gdb_session_running(const struct gdb_session *);

#endif
