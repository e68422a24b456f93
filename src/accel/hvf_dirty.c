/* SPDX-License-Identifier: ISC */
/*
 * hvf_dirty.c - which pages of memory the guest writes to
 *
 * The framework keeps no log.  Memory with a log may not be written to: the
 * first write to a page of the host's is a fault, which marks it and allows
 * it again, and the guest tries once more.  Marks are pages of the guest's,
 * of which one of the host's has four.
 *
 * Marking and allowing are one under the lock, as are taking a mark and
 * forbidding: a page that may be written to is marked.
 *
 * Source: Apple, Hypervisor framework, hv_vm_protect; Arm Architecture
 * Reference Manual (DDI 0487), ESR_ELx, "ISS encoding for an exception from a
 * Data Abort".
 */

#include <errno.h>
#include <stdlib.h>

#include "accel/hvf.h"
#include "lib/util.h"

#define GUEST_PAGE	4096U
#define PER_HOST_PAGE	(HV_PAGE / GUEST_PAGE)
#define MARKS		((1ULL << PER_HOST_PAGE) - 1)	/* of a host page */
#define PER_WORD	(64 / PER_HOST_PAGE)		/* host pages */

#define READABLE	(HV_MEMORY_READ | HV_MEMORY_EXEC)

#define DFSC_KIND	0x3cU		/* without the level */
#define DFSC_PERMISSION	0x0cU

static uint64_t
words(uint64_t bytes)
{
	return (bytes / GUEST_PAGE + 63) / 64;
}

static int
protect(uint64_t gpa, uint64_t len, bool write, struct err *e)
{
	return hvf_result(hv_vm_protect(gpa, len, write ?
	    READABLE | HV_MEMORY_WRITE : READABLE), "hv_vm_protect", e);
}

int
hvf_log_begin(struct accel_vm *vm, unsigned slot, struct err *e)
{
	const struct accel_memory *m = &vm->slot[slot];
	uint64_t *log = calloc(words(m->bytes), sizeof(*log));
	int r;

	if (log == NULL)
		return err_sys(e, "log of memory");
	(void)pthread_mutex_lock(&vm->lock);
	free(vm->log[slot]);
	vm->log[slot] = log;
	r = m->readonly ? 0 : protect(m->gpa, m->bytes, false, e);
	(void)pthread_mutex_unlock(&vm->lock);
	if (r == -1) {
		/* What is forbidden by now would be a fault without end. */
		hvf_log_drop(vm, slot);
		(void)protect(m->gpa, m->bytes, true, NULL);
	}
	return r;
}

int
hvf_log_end(struct accel_vm *vm, unsigned slot, struct err *e)
{
	const struct accel_memory *m = &vm->slot[slot];

	hvf_log_drop(vm, slot);
	return m->readonly ? 0 : protect(m->gpa, m->bytes, true, e);
}

void
hvf_log_drop(struct accel_vm *vm, unsigned slot)
{
	(void)pthread_mutex_lock(&vm->lock);
	free(vm->log[slot]);
	vm->log[slot] = NULL;
	(void)pthread_mutex_unlock(&vm->lock);
}

/* --- taking the marks ----------------------------------------------------- */

/* The pages marked in a word may not be written to again; locked. */
static int
forbid(uint64_t gpa, uint64_t marks, struct err *e)
{
	unsigned n = 0, end;

	while (n < PER_WORD) {
		for (end = n; end < PER_WORD &&
		    (marks >> end * PER_HOST_PAGE & MARKS) != 0; end++)
			continue;
		if (end > n && protect(gpa + (uint64_t)n * HV_PAGE,
		    (uint64_t)(end - n) * HV_PAGE, false, e) == -1)
			return -1;
		n = end + 1;
	}
	return 0;
}

int
hvf_dirty(struct accel_vm *vm, unsigned slot, uint64_t *bitmap,
    struct err *e)
{
	const struct accel_memory *m;
	uint64_t *log, *w, n;
	int r = 0;

	if (slot >= ACCEL_SLOTS_MAX)
		return err_set(e, EINVAL, "memory slot %u", slot);
	m = &vm->slot[slot];
	(void)pthread_mutex_lock(&vm->lock);
	log = vm->log[slot];
	if (log == NULL)
		r = err_set(e, EINVAL, "memory slot %u has no log", slot);
	for (n = 0; r == 0 && n < words(m->bytes); n++) {
		w = &log[n];
		bitmap[n] = *w;
		if (*w != 0)
			r = forbid(m->gpa + n * 64 * GUEST_PAGE, *w, e);
		if (r == 0)
			*w = 0;
	}
	(void)pthread_mutex_unlock(&vm->lock);
	return r;
}

/* --- a write -------------------------------------------------------------- */

/* The lock is held. */
static bool
mark(struct accel_vcpu *c, unsigned slot, uint64_t gpa)
{
	struct accel_vm *vm = c->vm;
	uint64_t page = (gpa - vm->slot[slot].gpa) / HV_PAGE;

	vm->log[slot][page / PER_WORD] |=
	    MARKS << page % PER_WORD * PER_HOST_PAGE;
	hvf_did(c, hv_vm_protect(gpa & ~(uint64_t)(HV_PAGE - 1), HV_PAGE,
	    READABLE | HV_MEMORY_WRITE), "hv_vm_protect");
	return true;
}

bool
hvf_log_fault(struct accel_vcpu *c)
{
	uint64_t gpa = c->exit->exception.physical_address;
	struct accel_vm *vm = c->vm;
	const struct accel_memory *m;
	bool marked = false;

	if ((c->exit->exception.syndrome & DFSC_KIND) != DFSC_PERMISSION)
		return false;
	(void)pthread_mutex_lock(&vm->lock);
	for (unsigned i = 0; i < ACCEL_SLOTS_MAX && !marked; i++) {
		m = &vm->slot[i];
		if (!m->readonly && gpa >= m->gpa && gpa - m->gpa < m->bytes) {
			/* Without a log, it was ended a moment ago. */
			marked = vm->log[i] == NULL || mark(c, i, gpa);
		}
	}
	(void)pthread_mutex_unlock(&vm->lock);
	return marked;
}
