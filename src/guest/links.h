/* SPDX-License-Identifier: ISC */
/* links.h - which files with several names were met, and under which name */

#ifndef GUEST_LINKS_H
#define GUEST_LINKS_H

#include <sys/stat.h>

#include <stddef.h>

#define LINKS_MAX	65536	/* files remembered; later ones are not */

struct link_slot;

/* All zero is an empty table. */
struct links {
	struct link_slot	*slots;
	size_t			 size;	/* a power of two, or 0 */
	size_t			 used;
};

/*
 * The path the file was first met under, or NULL when this is the first:
 * then it is remembered (if there is room and memory).
 */
const char *links_find(struct links *, const struct stat *, const char *path);
void	links_fini(struct links *);

#endif
