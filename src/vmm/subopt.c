/* SPDX-License-Identifier: ISC */
/* subopt.c - options whose value is a list; see subopt.h */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "lib/num.h"
#include "vmm/subopt.h"

static int
set_number(uint64_t *ret, const struct subopt *o, const char *value,
    struct err *e)
{
	uint64_t n;

	if (o->kind == SUBOPT_NUMBER) {
		if (num_parse(&n, value, o->min, o->max, e) == -1)
			return -1;
	} else if (size_parse(&n, value, e) == -1) {
		return -1;
	}
	if (n < o->min || n > o->max)
		return err_set(e, EINVAL, "%s is not between %" PRIu64
		    " MiB and %" PRIu64 " MiB", value, o->min >> 20,
		    o->max >> 20);
	*ret = n;
	return 0;
}

static int
set_flag(bool *ret, const char *value, struct err *e)
{
	if (value != NULL && strcmp(value, "on") != 0 &&
	    strcmp(value, "off") != 0)
		return err_set(e, EINVAL, "must be on or off");
	*ret = value == NULL || strcmp(value, "on") == 0;
	return 0;
}

static int
set(void *to, const struct subopt *o, const char *value, struct err *e)
{
	char *at = (char *)to + o->offset;

	if (o->kind == SUBOPT_FLAG)
		return set_flag((bool *)(void *)at, value, e);
	if (value == NULL || *value == '\0')
		return err_set(e, EINVAL, "needs a value");
	if (o->kind == SUBOPT_CALL)
		return o->set(to, value, e);
	if (o->kind != SUBOPT_TEXT)
		return set_number((uint64_t *)(void *)at, o, value, e);
	memcpy(at, &value, sizeof(value));
	return 0;
}

static int
set_word(char *word, bool first, const struct subopt *table, void *to,
    struct err *e)
{
	char *value = strchr(word, '=');
	const struct subopt *o = table;

	if (value != NULL)
		*value++ = '\0';
	while (o->name != NULL && strcmp(o->name, word) != 0)
		o++;
	if (*word != '\0' && o->name != NULL)
		return set(to, o, value, e) == -1 ? err_prefix(e, "%s", word) :
		    0;
	if (first && value == NULL && table->name[0] == '\0')
		return set(to, table, word, e);
	return err_set(e, EINVAL, "%s: no such word", word);
}

int
subopt_parse(char *text, const struct subopt *table, void *to, struct err *e)
{
	bool first = true;
	char *word;

	while ((word = strsep(&text, ",")) != NULL) {
		if (set_word(word, first, table, to, e) == -1)
			return -1;
		first = false;
	}
	return 0;
}
