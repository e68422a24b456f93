/* SPDX-License-Identifier: ISC */
/* links.c - hard links whose target is still to come; see links.h */

#include <errno.h>
#include <string.h>

#include "oci/links.h"
#include "os/os.h"

#define BUCKETS	4096U	/* a power of two */

struct links {
	struct waiting	*buckets[BUCKETS];
	size_t		 count;
	size_t		 bytes;
	uint32_t	 key;
};

struct links *
links_new(void)
{
	struct links *ls = calloc(1, sizeof(*ls));

	if (ls != NULL)
		os_random(&ls->key, sizeof(ls->key));
	return ls;
}

void
links_destroy(struct links *ls)
{
	struct waiting *w;

	if (ls == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while ((w = ls->buckets[i]) != NULL) {
			ls->buckets[i] = w->next;
			free(w);
		}
	free(ls);
}

static size_t
size_of(const struct waiting *w)
{
	return sizeof(*w) + strlen(w->name) + 1 + strlen(w->target) + 1;
}

static struct waiting **
bucket(struct links *ls, const char *target)
{
	uint32_t h = ls->key;

	for (; *target != '\0'; target++)
		h = (h ^ (unsigned char)*target) * 16777619U;
	return &ls->buckets[(h ^ h >> 16) & (BUCKETS - 1)];
}

int
links_add(struct links *ls, const struct waiting *like, const char *name,
    struct err *e)
{
	size_t nlen = strlen(name) + 1, tlen = strlen(like->target) + 1;
	struct waiting *w, **b;

	if (ls->count == LINKS_MAX || ls->bytes + nlen + tlen > LINKS_BYTES_MAX)
		return err_api(e, E2BIG, "invalid_image",
		    "more than %u hard links before their files", LINKS_MAX);
	w = malloc(sizeof(*w) + nlen + tlen);
	if (w == NULL)
		return err_sys(e, "hard links");
	w->layer = like->layer;
	w->here = like->here;
	memcpy(w->name, name, nlen);
	memcpy(w->name + nlen, like->target, tlen);
	w->target = w->name + nlen;
	b = bucket(ls, w->target);
	w->next = *b;
	*b = w;
	ls->count++;
	ls->bytes += size_of(w);
	return 0;
}

struct waiting *
links_take(struct links *ls, const char *target, uint16_t layer, bool here)
{
	struct waiting **p, *w, *taken = NULL;

	if (ls->count == 0)
		return NULL;
	for (p = bucket(ls, target); (w = *p) != NULL;) {
		if (strcmp(w->target, target) != 0 || w->layer < layer ||
		    (w->layer == layer && !(here && w->here))) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		ls->count--;
		ls->bytes -= size_of(w);
		w->next = taken;
		taken = w;
	}
	return taken;
}

const struct waiting *
links_named(const struct links *ls, const char *name)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct waiting *w = ls->buckets[i]; w != NULL;
		    w = w->next)
			if (strcmp(w->name, name) == 0)
				return w;
	return NULL;
}

size_t
links_count(const struct links *ls)
{
	return ls->count;
}

size_t
links_here(const struct links *ls, uint16_t layer)
{
	size_t n = 0;

	for (size_t i = 0; ls->count > 0 && i < BUCKETS; i++)
		for (const struct waiting *w = ls->buckets[i]; w != NULL;
		    w = w->next)
			n += w->here && w->layer == layer;
	return n;
}

void
links_not_here(struct links *ls, uint16_t layer)
{
	for (size_t i = 0; ls->count > 0 && i < BUCKETS; i++)
		for (struct waiting *w = ls->buckets[i]; w != NULL;
		    w = w->next)
			if (w->layer == layer)
				w->here = false;
}

const struct waiting *
links_any(const struct links *ls)
{
	for (size_t i = 0; i < BUCKETS; i++)
		if (ls->buckets[i] != NULL)
			return ls->buckets[i];
	return NULL;
}
