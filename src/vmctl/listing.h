/* SPDX-License-Identifier: ISC */
/*
 * listing.h - commands that list objects of the API: images, volumes,
 * snapshots
 *
 * All have the same options: -q prints what names each and nothing else,
 * --format json an object a line; else it is a table.
 */
#ifndef VMCTL_LISTING_H
#define VMCTL_LISTING_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "vmctl/opt.h"

struct listing_opts {
	bool		 quiet, whole;
	const char	*format;
};

/* The rows of the table of options; quiet_help is what -q says of itself. */
#define LISTING_OPTS(quiet_help)					\
	{ 0, "format", "FORMAT", "table or json", OPT_STR,		\
	    offsetof(struct listing_opts, format), 0, 0, "json|table", 0 }, \
	{ 0, "no-trunc", NULL, "Do not shorten anything", OPT_FLAG,	\
	    offsetof(struct listing_opts, whole), 0, 0, NULL, 0 },	\
	{ 'q', "quiet", NULL, quiet_help, OPT_FLAG,			\
	    offsetof(struct listing_opts, quiet), 0, 0, NULL, 0 }

struct listing {
	const char	*key;		/* of each object, what -q prints */
	int		 shown;		/* of it unless --no-trunc */
	void		(*table)(const json_t *list, bool whole);
};

#define LISTING_WHOLE	255		/* for shown: it is never shortened */

void	listing_print(const json_t *list, const struct listing *,
	    const struct listing_opts *);

#endif
