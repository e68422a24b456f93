/* SPDX-License-Identifier: ISC */
/* stolen.c - a page that tells of stolen time; see stolen.h */

#include <sys/mman.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "vmm/board.h"
#include "vmm/memory.h"
#include "vmm/stolen.h"

struct stolen {
	struct board	*board;
	uint64_t	 addr;
	void		*page;		/* or NULL */
};

/* Guests could write there: it is theirs, and nobody reads it. */
static int
show(struct stolen *s, uint64_t bytes, struct err *e)
{
	const struct accel_memory m = {
		.slot = MEMORY_SLOT_STOLEN, .gpa = s->addr, .bytes = bytes,
		.host = s->page,
	};

	return s->board->accel->map(s->board->vm, &m, e);
}

int
stolen_new(struct stolen **ret, struct board *board, uint64_t addr,
    struct err *e)
{
	OWN(stolen_destroy) struct stolen *s = calloc(1, sizeof(*s));
	void *page;

	if (s == NULL)
		return err_sys(e, "stolen time");
	s->board = board;
	s->addr = addr;
	page = mmap(NULL, STOLEN_LEN, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return err_sys(e, "stolen time");
	s->page = page;
	if (show(s, STOLEN_LEN, e) == -1) {
		(void)munmap(take(&s->page), STOLEN_LEN);
		return -1;
	}
	*ret = take(&s);
	return 0;
}

void
stolen_destroy(struct stolen *s)
{
	if (s == NULL)
		return;
	if (s->page != NULL) {
		(void)show(s, 0, NULL);
		(void)munmap(s->page, STOLEN_LEN);
	}
	free(s);
}

json_t *
stolen_save(const struct stolen *s)
{
	return json_hex(s->page, STOLEN_LEN);
}

int
stolen_load(struct stolen *s, const json_t *o, struct err *e)
{
	uint8_t page[STOLEN_LEN];
	int found = json_get_hex(page, sizeof(page), o, "stolen", e);

	if (found == 0)
		return err_set(e, EINVAL, "stolen: has no state");
	if (found == -1)
		return -1;
	memcpy(s->page, page, sizeof(page));
	return 0;
}
