/* SPDX-License-Identifier: ISC */
/* links.c - files with several names; see links.h */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/links.h"

#define FIRST	256	/* slots at first */

struct link_slot {
	dev_t	 dev;
	ino_t	 ino;
	char	*path;		/* NULL: free */
};

/* Where the file is, or the free slot where it would be. */
static struct link_slot *
probe(struct link_slot *slots, size_t size, dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ (uint64_t)dev << 32) *
	    UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 32) & (size - 1);

	while (slots[i].path != NULL &&
	    (slots[i].dev != dev || slots[i].ino != ino))
		i = (i + 1) & (size - 1);
	return &slots[i];
}

/* Keep a quarter of the slots free. */
static int
grow(struct links *l)
{
	size_t size = l->size == 0 ? FIRST : l->size * 2;
	struct link_slot *slots;

	if (l->used < l->size / 4 * 3)
		return 0;
	slots = calloc(size, sizeof(*slots));
	if (slots == NULL)
		return -1;
	for (size_t i = 0; i < l->size; i++)
		if (l->slots[i].path != NULL)
			*probe(slots, size, l->slots[i].dev,
			    l->slots[i].ino) = l->slots[i];
	free(l->slots);
	l->slots = slots;
	l->size = size;
	return 0;
}

const char *
links_find(struct links *l, const struct stat *st, const char *path)
{
	struct link_slot *s;

	if (l->size != 0) {
		s = probe(l->slots, l->size, st->st_dev, st->st_ino);
		if (s->path != NULL)
			return s->path;
	}
	if (l->used == LINKS_MAX || grow(l) == -1)
		return NULL;
	s = probe(l->slots, l->size, st->st_dev, st->st_ino);
	s->path = strdup(path);
	if (s->path == NULL)
		return NULL;
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	l->used++;
	return NULL;
}

void
links_fini(struct links *l)
{
	for (size_t i = 0; i < l->size; i++)
		free(l->slots[i].path);
	free(l->slots);
	memset(l, 0, sizeof(*l));
}
