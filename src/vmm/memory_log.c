/* SPDX-License-Identifier: ISC */
/*
 * memory_log.c - which pages of guest memory are written to; see memory_log.h
 *
 * A region begins and ends at whole MiB, so its bits are whole words in the
 * accelerator's bitmap, in ours and in that of all pages.
 */

#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/memory.h"
#include "vmm/memory_log.h"

#define WORD_BYTES	(64ULL * GUEST_PAGE)	/* of memory, a word of bits */

_Static_assert(MEMORY_STEP % WORD_BYTES == 0, "whole words");

struct memory_log {
	struct memory		*memory;
	const struct accel	*accel;
	struct accel_vm		*vm;
	struct guest_log	 log;
	uint64_t		*slot;		/* the longest's bitmap */
};

/* As long as guest addresses reach. */
static int
make_log(struct memory_log *l, struct err *e)
{
	const struct guest_memory *t = memory_table(l->memory);
	uint64_t end = 0, longest = 0;
	void *bits;

	for (unsigned i = 0; i < t->nregions; i++) {
		end = MAX(end, t->regions[i].gpa + t->regions[i].len);
		longest = MAX(longest, t->regions[i].len);
	}
	l->slot = calloc(longest / WORD_BYTES, sizeof(*l->slot));
	if (l->slot == NULL)
		return err_sys(e, "log of memory");
	l->log.bytes = end / GUEST_PAGE / 8;
	l->log.fd = os_memfd("log", l->log.bytes, e);
	if (l->log.fd == -1)
		return -1;
	bits = mmap(NULL, l->log.bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
	    l->log.fd, 0);
	if (bits == MAP_FAILED)
		return err_sys(e, "log of memory");
	l->log.bits = bits;
	return 0;
}

int
memory_log_new(struct memory_log **ret, struct memory *m,
    const struct accel *accel, struct accel_vm *vm, struct err *e)
{
	OWN(memory_log_destroy) struct memory_log *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return err_sys(e, "log of memory");
	l->memory = m;
	l->accel = accel;
	l->vm = vm;
	l->log.fd = -1;
	if (make_log(l, e) == -1 ||
	    memory_track(m, accel, vm, &l->log, e) == -1)
		return -1;
	*ret = take(&l);
	return 0;
}

void
memory_log_destroy(struct memory_log *l)
{
	struct err e;

	if (l == NULL)
		return;
	if (memory_table(l->memory)->log != NULL &&
	    memory_track(l->memory, l->accel, l->vm, NULL, &e) == -1)
		log_warnx("log of memory: %s", e.text);
	if (l->log.bits != NULL)
		(void)munmap(l->log.bits, l->log.bytes);
	if (l->log.fd != -1)
		(void)close(l->log.fd);
	free(l->slot);
	free(l);
}

/* Bits are bytes for who marks and words here. */
static uint64_t
take_word(const struct guest_log *log, uint64_t gpa)
{
	uint64_t *w = (uint64_t *)(void *)log->bits + gpa / WORD_BYTES;

	if (__atomic_load_n(w, __ATOMIC_RELAXED) == 0)
		return 0;
	return __atomic_exchange_n(w, 0, __ATOMIC_SEQ_CST);
}

int
memory_log_take(struct memory_log *l, uint64_t *pages, struct err *e)
{
	const struct guest_memory *t = memory_table(l->memory);
	const struct guest_region *r;
	uint64_t words;

	for (unsigned i = 0; i < t->nregions; i++) {
		r = &t->regions[i];
		words = r->len / WORD_BYTES;
		if (l->accel->dirty(l->vm, i, l->slot, e) == -1)
			return err_prefix(e, "log of memory");
		for (uint64_t n = 0; n < words; n++)
			pages[n] |= l->slot[n] |
			    take_word(&l->log, r->gpa + n * WORD_BYTES);
		pages += words;
	}
	return 0;
}
