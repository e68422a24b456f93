/* SPDX-License-Identifier: ISC */
/* gdb.c - fuzz: what a debugger sends, while the guest stops now and then */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accel/accel_regs.h"
#include "vmm/gdb_regs.h"
#include "vmm/gdb_session.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct gdb_session *session;
static union accel_regs regs;
static uint8_t memory[4096];

static unsigned
cpus(void *arg)
{
	(void)arg;
	return 3;
}

static int
get_regs(void *arg, unsigned cpu, union accel_regs *ret)
{
	(void)arg;
	if (cpu >= 3)
		abort();
	*ret = regs;
	return 0;
}

static int
set_regs(void *arg, unsigned cpu, const union accel_regs *r)
{
	(void)arg;
	if (cpu >= 3)
		abort();
	regs = *r;
	return 0;
}

static size_t
mem_read(void *arg, unsigned cpu, uint64_t va, void *to, size_t len)
{
	(void)arg;
	(void)cpu;
	if (va >= sizeof(memory))
		return 0;
	if (len > sizeof(memory) - va)
		len = sizeof(memory) - va;
	memcpy(to, memory + va, len);
	return len;
}

static size_t
mem_write(void *arg, unsigned cpu, uint64_t va, const void *from, size_t len)
{
	(void)arg;
	(void)cpu;
	if (va >= sizeof(memory))
		return 0;
	if (len > sizeof(memory) - va)
		len = sizeof(memory) - va;
	memcpy(memory + va, from, len);
	return len;
}

static int
points(void *arg, const struct accel_point *p, unsigned n)
{
	(void)arg;
	if (n > ACCEL_POINTS_MAX)
		abort();
	for (unsigned i = 0; i < n; i++)
		if (p[i].len == 0 || p[i].len > 8 || p[i].len == 3 ||
		    p[i].addr % p[i].len != 0)
			abort();
	return 0;
}

static void
resume(void *arg, unsigned step)
{
	(void)arg;
	if (step != GDB_NO_CPU && step >= 3)
		abort();
}

static void
stop(void *arg)
{
	(void)arg;
	gdb_session_stopped(session, 0, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct gdb_target target = { cpus, get_regs, set_regs,
		mem_read, mem_write, points, resume, stop };
	size_t n;

	/* Each of them hears it of one length or the other. */
	memset(&regs, 0, sizeof(regs));
	if (gdb_session_new(&session, len % 2 == 0 ? &gdb_x86 : &gdb_arm64,
	    &target, NULL, NULL) == -1)
		return 0;
	while (len > 0) {
		n = len < 64 ? len : 64;
		if (gdb_session_input(session, data, n) == -1)
			break;
		if (data[0] & 1)
			gdb_session_stopped(session, 2, data[0] >> 2);
		if (data[0] & 2)
			buf_drain(gdb_session_output(session),
			    gdb_session_output(session)->len);
		data += n;
		len -= n;
	}
	gdb_session_destroy(session);
	return 0;
}
