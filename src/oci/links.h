/* SPDX-License-Identifier: ISC */
/*
 * links.h - hard links whose target is still to come
 *
 * Layers are read from the top down, so a link can be met before the file
 * it means.  It waits here until that file comes by, in its own layer
 * (again) or in one below.
 */

#ifndef OCI_LINKS_H
#define OCI_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define LINKS_MAX	65536U		/* that wait at the same time */
#define LINKS_BYTES_MAX	(8U << 20)	/* of their paths */

struct waiting {
	struct waiting	*next;
	uint16_t	 layer;		/* the link's */
	bool		 here;		/* its target may be in its own layer */
	const char	*target;	/* a path without a slash in front */
	char		 name[];	/* the link's path, then the target's */
};

struct links;

struct links *links_new(void);
void	links_destroy(struct links *);
OWN_DEFINE(struct links, links_destroy);

/* Have 'name', a link of that layer, wait for 'target'. */
int	links_add(struct links *, const struct waiting *like,
	    const char *name, struct err *);

/*
 * Take the links that wait for 'target' and that a file of 'layer' can
 * satisfy: those of layers above, and of the layer itself when 'here'.
 * The caller frees the list's elements.
 */
struct waiting *links_take(struct links *, const char *target,
	    uint16_t layer, bool here);

/* The one of that name, or NULL; it stays in the set. */
const struct waiting *links_named(const struct links *, const char *name);

size_t	links_count(const struct links *);
/* How many of that layer may find their target in it? */
size_t	links_here(const struct links *, uint16_t layer);
/* They did not. */
void	links_not_here(struct links *, uint16_t layer);
/* Any one that waits, or NULL; it stays in the set. */
const struct waiting *links_any(const struct links *);

#endif
