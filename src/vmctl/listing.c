/* SPDX-License-Identifier: ISC */
/* listing.c - commands that list objects of the API; see listing.h */

#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "vmctl/listing.h"
#include "vmctl/vm.h"

void
listing_print(const json_t *list, const struct listing *l,
    const struct listing_opts *o)
{
	size_t i;
	json_t *v;

	if (o->quiet) {
		json_array_foreach(list, i, v)
			(void)printf("%.*s\n", o->whole ? LISTING_WHOLE :
			    l->shown, js_str(v, l->key));
	} else if (o->format != NULL && strcmp(o->format, "json") == 0)
		js_print_lines(list);
	else
		l->table(list, o->whole);
}
