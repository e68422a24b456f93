/* SPDX-License-Identifier: ISC */
/* route.c - finding a row of the route table; see route.h */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/route.h"

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
url_decode(char *to, size_t size, const char *from, size_t len, bool plus,
    struct err *e)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)from[i];

		if (c == '%') {
			if (len - i < 3 || hex(from[i + 1]) == -1 ||
			    hex(from[i + 2]) == -1)
				return err_api(e, EINVAL, "invalid_request",
				    "a %% of the URL is not followed by two "
				    "hexadecimal digits");
			c = hex(from[i + 1]) << 4 | hex(from[i + 2]);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == '\0')
			return err_api(e, EINVAL, "invalid_request",
			    "the URL holds a NUL byte");
		if (at + 1 >= size)
			return err_api(e, E2BIG, "invalid_request",
			    "a part of the URL is longer than %zu bytes",
			    size - 1);
		to[at++] = (char)c;
	}
	to[at] = '\0';
	return 0;
}

/* A variable segment of a path, still encoded. */
struct segment {
	const char	*text;
	size_t		 len;
};

/* Does the path fit the pattern?  What its variable segments are. */
static bool
fits(const char *pattern, const char *path, struct segment var[2])
{
	size_t np, ns, n = 0;

	var[0] = var[1] = (struct segment){ "", 0 };

	while (*pattern == '/' && *path == '/') {
		pattern++;
		path++;
		np = strcspn(pattern, "/");
		ns = strcspn(path, "/");
		if (*pattern == '{') {
			if (ns == 0 || n == 2)
				return false;
			var[n++] = (struct segment){ path, ns };
		} else if (np != ns || strncmp(pattern, path, ns) != 0) {
			return false;
		}
		pattern += np;
		path += ns;
	}
	return *pattern == '\0' && *path == '\0';
}

static void
allow_add(char *allow, const char *method)
{
	size_t len = strlen(allow);

	(void)snprintf(allow + len, ROUTE_ALLOW_MAX - len, "%s%s",
	    len == 0 ? "" : ", ", method);
}

enum route_found
route_find(struct route_match *m, const struct route *table, size_t n,
    const char *method, const char *path, struct err *e)
{
	struct segment var[2];

	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	m->allow[0] = m->param[0] = m->second[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (!fits(table[i].path, path, var))
			continue;
		if (strcmp(table[i].method, method) != 0) {
			allow_add(m->allow, table[i].method);
			continue;
		}
		m->route = &table[i];
		if (url_decode(m->param, sizeof(m->param), var[0].text,
		    var[0].len, false, e) == -1 ||
		    url_decode(m->second, sizeof(m->second), var[1].text,
		    var[1].len, false, e) == -1)
			return ROUTE_BAD_PATH;
		return ROUTE_OK;
	}
	return m->allow[0] != '\0' ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}
