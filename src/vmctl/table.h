/* SPDX-License-Identifier: ISC */
/*
 * table.h - columns for people
 *
 * Cells are copied.  Printing pads columns with a gap of two; when the
 * width is known and too small the widest columns that may shrink do, and
 * cut cells end in "~".  Bytes a terminal would obey are printed as "?".
 */

#ifndef VMCTL_TABLE_H
#define VMCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/own.h"

#define TABLE_COLUMNS_MAX	12

struct column {
	const char	*title;
	bool		 right;		/* to the right */
	size_t		 least;		/* may shrink to this; 0: may not */
};

struct table;

/* columns stay the caller's.  Aborts when there is no memory. */
struct table *table_new(const struct column *, size_t n);
void	table_destroy(struct table *);
OWN_DEFINE(struct table, table_destroy);

/* The next cell of the current row; a row ends by itself.  NULL is "-". */
void	table_cell(struct table *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Print with a header.  width 0: as wide as it needs. */
void	table_print(const struct table *, FILE *, size_t width);

/* Columns of standard output: COLUMNS, else its terminal's; 0 for a pipe. */
size_t	table_width(void);

#endif
