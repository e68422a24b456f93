/* SPDX-License-Identifier: ISC */
/*
 * http_request.c - fuzz what vmd-control itself reads of a request
 *
 * Lines: the method, the path, then headers "name: value", an empty line and
 * the body.  libmicrohttpd's own parser is not ours.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/auth.h"
#include "control/http_private.h"
#include "control/route.h"
#include "control/spec.h"
#include "lib/json.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
body(const char *text, size_t len)
{
	own_json json_t *doc = NULL, *out = NULL, *again = NULL;
	struct spec s, t;

	if (json_parse(&doc, text, len, NULL) == -1 || !json_is_object(doc))
		return;
	if (spec_parse(&s, doc, NULL) == -1)
		return;
	/* What was taken once is taken again, and is the same. */
	out = spec_json(&s, true);
	if (out == NULL || spec_parse(&t, out, NULL) == -1)
		abort();
	again = spec_json(&t, true);
	if (!json_equal(out, again))
		abort();
	json_decref(spec_json(&s, false));
	(void)spec_update(&t, doc, NULL);
	spec_fini(&s);
	spec_fini(&t);
}

static void
head(const struct auth *a, const char *method, const char *path)
{
	struct route_match m;
	struct caller c;
	char value[64];
	struct err e;

	memset(&m, 0, sizeof(m));
	if (route_find(&m, routes, nroutes, method, path, &e) == ROUTE_OK &&
	    strlen(m.param) > strlen(path))
		abort();
	(void)url_decode(value, sizeof(value), path, strlen(path), true, &e);
	/* Nobody can sign: whatever is let in is a bug. */
	if (auth_token(&c, a, path, 1, &e) == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t secret[32] = { 7, 1, 9, 3, 200, 44, 91, 12 };
	static struct auth *a;
	struct header_check hc = { 0 };
	own_mem char *text = malloc(len + 1);
	char *line, *next, *path = NULL, *method = NULL;

	if (a == NULL && auth_new(&a, secret, sizeof(secret), NULL) == -1)
		abort();
	memcpy(text, data, len);
	text[len] = '\0';
	for (line = text; line != NULL && *line != '\0'; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (method == NULL)
			method = line;
		else if (path == NULL)
			path = line;
		else if (*line != '\0')
			(void)header_check(&hc, line, NULL);
	}
	if (path != NULL)
		head(a, method, path);
	if (line != NULL)
		body((const char *)data + (line - text),
		    len - (size_t)(line - text));
	/* Mutations of JSON alone get there sooner. */
	body((const char *)data, len);
	return 0;
}
