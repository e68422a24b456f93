/* SPDX-License-Identifier: ISC */
/* counters.c - what a device has counted; see counters.h */

#include <sys/socket.h>

#include <stdint.h>
#include <string.h>

#include "chapi/counters.h"
#include "lib/num.h"
#include "lib/own.h"

#define QUESTION	"?"

void
counters_fini(struct counters *c)
{
	json_decref(c->last);
	c->last = NULL;
}

bool
counters_ask(struct counters *c, int fd)
{
	if (!c->asked)
		c->asked = send(fd, QUESTION, 1, MSG_DONTWAIT |
		    MSG_NOSIGNAL) == 1;
	return c->asked;
}

static bool
is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz_");

	return n > 0 && n <= COUNTERS_NAME_MAX && s[n] == '\0';
}

/* "NAME VALUE ...", which is changed.  NULL: it is not like that. */
static json_t *
parse(char *line)
{
	own_json json_t *all = json_object();
	char *at = NULL, *name, *value;
	uint64_t n;

	for (unsigned i = 0; (name = strtok_r(i == 0 ? line : NULL, " ",
	    &at)) != NULL; i++) {
		value = strtok_r(NULL, " ", &at);
		if (i == COUNTERS_MAX || value == NULL || !is_name(name) ||
		    num_parse(&n, value, 0, INT64_MAX, NULL) == -1 ||
		    json_object_set_new(all, name,
		    json_integer((json_int_t)n)) == -1)
			return NULL;
	}
	return take(&all);
}

/* A line has ended. */
static bool
answered(struct counters *c)
{
	json_t *all = NULL;
	bool was = c->asked;

	c->line[c->len] = '\0';
	if (was && !c->lost && strlen(c->line) == c->len)
		all = parse(c->line);
	c->len = 0;
	c->asked = c->lost = false;
	if (all != NULL) {
		json_decref(c->last);
		c->last = all;
	}
	return was;
}

bool
counters_heard(struct counters *c, const char *bytes, size_t len)
{
	bool done = false;

	for (size_t i = 0; i < len; i++)
		if (bytes[i] == '\n')
			done |= answered(c);
		else if (c->len < sizeof(c->line) - 1)
			c->line[c->len++] = bytes[i];
		else
			c->lost = true;
	return done;
}

json_t *
counters_json(const struct counters *c)
{
	return c->last != NULL ? json_deep_copy(c->last) : NULL;
}
