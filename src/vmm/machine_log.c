/* SPDX-License-Identifier: ISC */
/*
 * machine_log.c - which pages of memory are written to; see machine.h
 *
 * Process: vmm's main thread.  Sandbox: nothing beyond what it has.
 * Needs: the accelerator's log, memfd_create.
 */

#include "lib/util.h"
#include "vmm/machine_private.h"
#include "vmm/memory_log.h"

/* The board is locked. */
static int
tell_devices(struct machine *m, struct err *e)
{
	struct vio *vio;

	for (unsigned i = 0; i < m->ndevices; i++) {
		vio = m->device[i];
		if (vio->class->log != NULL && vio->class->log(vio, e) == -1)
			return err_prefix(e, "%s", vio->name);
	}
	return 0;
}

int
machine_log(struct machine *m, bool on, struct err *e)
{
	struct err ignored;
	int r = 0;

	if (on == (m->log != NULL))
		return 0;
	board_lock(&m->board);
	if (on)
		r = memory_log_new(&m->log, m->memory, m->board.accel,
		    m->board.vm, e);
	if (on && r == 0)
		r = tell_devices(m, e);
	if (!on || r == -1) {
		memory_log_destroy(take(&m->log));
		(void)tell_devices(m, &ignored);
	}
	board_unlock(&m->board);
	return r;
}

int
machine_written(struct machine *m, uint64_t *pages, struct err *e)
{
	return memory_log_take(m->log, pages, e);
}
