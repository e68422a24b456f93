/* SPDX-License-Identifier: ISC */
/* table.c - columns for people; see table.h */

#include <sys/ioctl.h>

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/num.h"
#include "lib/util.h"
#include "vmctl/table.h"

#define GAP	2	/* blanks between columns */

struct table {
	const struct column	 *columns;
	size_t			  ncolumns;
	char			**cells;	/* row after row */
	size_t			  ncells, room;
};

struct table *
table_new(const struct column *columns, size_t n)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		fatal("table");
	assert(n <= TABLE_COLUMNS_MAX);
	t->columns = columns;
	t->ncolumns = n;
	return t;
}

void
table_destroy(struct table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->ncells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

/* Names come from images and other users: nothing a terminal obeys. */
static void
make_plain(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

void
table_cell(struct table *t, const char *fmt, ...)
{
	char **cells, *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n == -1)
		fatal("table");
	make_plain(text);
	if (t->ncells == t->room) {
		t->room = t->room == 0 ? 64 : t->room * 2;
		cells = realloc(t->cells, t->room * sizeof(*cells));
		if (cells == NULL)
			fatal("table");
		t->cells = cells;
	}
	t->cells[t->ncells++] = text;
}

/* Letters of UTF-8 text, each taken as one column. */
static size_t
letters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Bytes of the first n letters. */
static size_t
letters_bytes(const char *s, size_t n)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++) {
		if (((unsigned char)s[i] & 0xc0) == 0x80)
			continue;
		if (n-- == 0)
			break;
	}
	return i;
}

/* Take from the widest column that may shrink until all of it fits. */
static void
shrink(const struct table *t, size_t *widths, size_t width)
{
	size_t total, best;

	for (;;) {
		total = (t->ncolumns - 1) * GAP;
		best = t->ncolumns;
		for (size_t c = 0; c < t->ncolumns; c++) {
			total += widths[c];
			if (t->columns[c].least == 0 ||
			    widths[c] <= t->columns[c].least)
				continue;
			if (best == t->ncolumns || widths[c] > widths[best])
				best = c;
		}
		if (total <= width || best == t->ncolumns)
			return;
		widths[best]--;
	}
}

/* One line, cut at 'width' whatever the columns came to; no blanks behind. */
static void
print_row(const struct table *t, FILE *to, const size_t *widths,
    char *const *cells, size_t width)
{
	size_t at = 0, pending = 0, n, bytes, pad;
	bool cut;

	for (size_t c = 0; c < t->ncolumns; c++) {
		const char *s = cells != NULL ? cells[c] : t->columns[c].title;

		n = MIN(letters(s), widths[c]);
		cut = letters(s) > widths[c];
		pad = widths[c] - n;
		if (t->columns[c].right)
			pending += pad;
		if (width != 0 && at + pending + n > width) {
			cut = true;
			n = at + pending < width ? width - at - pending : 0;
		}
		if (n == 0 && cut)
			break;
		bytes = letters_bytes(s, cut ? n - 1 : n);
		if (n > 0)
			(void)fprintf(to, "%*s%.*s%s", (int)pending, "",
			    (int)bytes, s, cut ? "~" : "");
		if (n > 0) {
			at += pending + n;
			pending = 0;
		}
		pending += (t->columns[c].right ? 0 : pad) + GAP;
	}
	(void)fputc('\n', to);
}

void
table_print(const struct table *t, FILE *to, size_t width)
{
	size_t widths[TABLE_COLUMNS_MAX], n;

	for (size_t c = 0; c < t->ncolumns; c++) {
		widths[c] = letters(t->columns[c].title);
		for (size_t i = c; i < t->ncells; i += t->ncolumns) {
			n = letters(t->cells[i]);
			widths[c] = MAX(widths[c], n);
		}
	}
	if (width != 0)
		shrink(t, widths, width);
	print_row(t, to, widths, NULL, width);
	for (size_t i = 0; i + t->ncolumns <= t->ncells; i += t->ncolumns)
		print_row(t, to, widths, t->cells + i, width);
}

size_t
table_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize ws;
	uint64_t n;

	if (columns != NULL && num_parse(&n, columns, 1, 10000, NULL) == 0)
		return (size_t)n;
	if (isatty(STDOUT_FILENO) &&
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0)
		return ws.ws_col;
	return 0;
}
