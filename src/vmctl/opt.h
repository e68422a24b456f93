/* SPDX-License-Identifier: ISC */
/*
 * opt.h - options of a command, read by a table
 *
 * A table row says how an option is spelled, what it takes and where in the
 * command's struct it goes; parsing, usage, help and completion all read
 * the same row.  Values point into argv.
 */

#ifndef VMCTL_OPT_H
#define VMCTL_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define OPT_LIST_MAX	1024	/* times a repeatable option may be given */

enum opt_kind {
	OPT_FLAG,	/* bool; takes "=true" and "=false" too */
	OPT_COUNT,	/* unsigned: how often a flag stands */
	OPT_STR,	/* const char * */
	OPT_LIST,	/* struct opt_list, repeatable */
	OPT_NUM,	/* uint64_t, between min and max */
	OPT_SIZE,	/* const char *, checked by size_parse() */
	OPT_RATE,	/* const char *, checked by rate_parse() */
	OPT_TIME,	/* uint64_t, milliseconds */
};

/* What a shell can offer in a place. */
enum complete {
	COMPLETE_NONE,
	COMPLETE_VM,
	COMPLETE_IMAGE,
	COMPLETE_VOLUME,
	COMPLETE_SNAPSHOT,
	COMPLETE_FILE,
	COMPLETE_COMMAND,	/* a command of this program */
};

struct opt_list {
	const char	**v;	/* allocated; opt_free() frees it */
	size_t		  n;
};

struct opt {
	char		 letter;	/* 0: only long */
	const char	*name;		/* long name, never NULL */
	const char	*arg;		/* placeholder; NULL: a flag */
	const char	*help;		/* one line */
	enum opt_kind	 kind;
	size_t		 offset;	/* of the value in its struct */
	uint64_t	 min, max;	/* OPT_NUM */
	const char	*choices;	/* "a|b|c": one of these, or NULL */
	enum complete	 complete;	/* what its value may be */
};

/*
 * Read argv[0..argc) into 'values', a zeroed struct the rows' offsets refer
 * to.  Other arguments are gathered at the front of argv, in order, and
 * their number is returned; 'mixed' false ends options at the first of
 * them, "--" always.  -1: e says what is wrong with which option.
 * *help is set when --help was there; nothing else counts then.
 */
struct opt_input {
	char	**argv;
	int	  argc;
	bool	  mixed;
	bool	  help;
};
int	opt_parse(const struct opt *, size_t nopts, struct opt_input *,
	    void *values, struct err *);

/* Free what OPT_LIST rows hold. */
void	opt_free(const struct opt *, size_t nopts, void *values);

/*
 * Of 'words', the one that is most likely meant by s, or NULL when none is
 * near: at most a third of its letters inserted, left out, changed or
 * swapped with a neighbour.  s is bounded at NEAREST_MAX letters.
 */
#define NEAREST_MAX	64
const char *opt_nearest(const char *s, const char *const words[], size_t n);

#endif
