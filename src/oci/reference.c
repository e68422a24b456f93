/* SPDX-License-Identifier: ISC */
/* reference.c - names of images; see reference.h */

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "oci/reference.h"

#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

#define DEFAULT_REGISTRY	"docker.io"
#define DEFAULT_TAG		"latest"

static int
refuse(struct err *e, const char *text, const char *why)
{
	return err_api(e, EINVAL, "invalid_reference",
	    "image name \"%.128s\": %s", text, why);
}

/* [a-z0-9]+ ((. | _ | __ | -+) [a-z0-9]+)* */
static bool
component_ok(const char *s, size_t len)
{
	size_t i = 0, n;

	for (;;) {
		n = strspn(s + i, LOWER DIGITS);
		if (n == 0 || i + n > len)
			return false;
		i += n;
		if (i == len)
			return true;
		n = strspn(s + i, "-");
		if (n == 0 && s[i] == '.')
			n = 1;
		if (n == 0 && s[i] == '_')
			n = s[i + 1] == '_' ? 2 : 1;
		if (n == 0)
			return false;
		i += n;
	}
}

static bool
repository_ok(const char *s)
{
	const char *end;

	for (;; s = end + 1) {
		end = s + strcspn(s, "/");
		if (!component_ok(s, (size_t)(end - s)))
			return false;
		if (*end == '\0')
			return true;
	}
}

/* host names of letters, digits and inner hyphens, or [IPv6]; with a port */
static bool
registry_ok(const char *s)
{
	size_t n;

	if (*s == '[') {
		n = strspn(s + 1, DIGITS "abcdefABCDEF:");
		if (n == 0 || s[n + 1] != ']')
			return false;
		s += n + 2;
	} else {
		for (;; s++) {
			n = strspn(s, LOWER UPPER DIGITS "-");
			if (n == 0 || s[0] == '-' || s[n - 1] == '-')
				return false;
			s += n;
			if (*s != '.')
				break;
		}
	}
	if (*s == '\0')
		return true;
	if (*s++ != ':')
		return false;
	n = strspn(s, DIGITS);
	return n >= 1 && n <= 5 && s[n] == '\0';
}

static bool
tag_ok(const char *s)
{
	size_t n = strspn(s, LOWER UPPER DIGITS "_.-");

	return n >= 1 && n <= REFERENCE_TAG && s[n] == '\0' && *s != '.' &&
	    *s != '-';
}

/* Split "name" into registry and repository and fill in what was left out. */
static int
split_name(struct reference *r, const char *text, const char *name,
    struct err *e)
{
	const char *slash = strchr(name, '/'), *rest = name, *prefix = "";
	size_t len = slash == NULL ? 0 : (size_t)(slash - name);
	bool upper = false;

	for (size_t i = 0; i < len; i++)
		upper |= isupper((unsigned char)name[i]) != 0;
	(void)snprintf(r->registry, sizeof(r->registry), DEFAULT_REGISTRY);
	if (len > 0 && (upper || memchr(name, '.', len) != NULL ||
	    memchr(name, ':', len) != NULL ||
	    (len == 9 && strncmp(name, "localhost", 9) == 0))) {
		(void)snprintf(r->registry, sizeof(r->registry), "%.*s",
		    (int)len, name);
		rest = slash + 1;
		if (strcmp(r->registry, "index.docker.io") == 0)
			(void)snprintf(r->registry, sizeof(r->registry),
			    DEFAULT_REGISTRY);
	}
	if (strcmp(r->registry, DEFAULT_REGISTRY) == 0 &&
	    strchr(rest, '/') == NULL)
		prefix = "library/";
	if (strlen(r->registry) + 1 + strlen(prefix) + strlen(rest) >
	    REFERENCE_NAME)
		return refuse(e, text, "longer than 255 bytes");
	memcpy(r->repository, prefix, strlen(prefix));
	memcpy(r->repository + strlen(prefix), rest, strlen(rest) + 1);
	if (!registry_ok(r->registry))
		return refuse(e, text, "the registry is not a host name");
	for (const char *p = rest; *p != '\0'; p++)
		if (isupper((unsigned char)*p))
			return refuse(e, text,
			    "a repository is written in lower case");
	if (!repository_ok(r->repository))
		return refuse(e, text, "not a valid repository");
	if (slash == NULL && strlen(rest) == DIGEST_HEX &&
	    strspn(rest, DIGITS "abcdef") == DIGEST_HEX)
		return refuse(e, text, "64 hexadecimal digits are a digest; "
		    "write sha256: before them");
	return 0;
}

int
reference_parse(struct reference *ret, const char *text, struct err *e)
{
	char copy[REFERENCE_MAX + 1];
	struct reference r = { .tag = "" };
	char *at, *colon;

	if (*text == '\0')
		return refuse(e, text, "empty");
	if (strlen(text) >= sizeof(copy))
		return refuse(e, text, "too long");
	memcpy(copy, text, strlen(text) + 1);
	at = strchr(copy, '@');
	if (at != NULL) {
		*at = '\0';
		if (digest_parse(&r.digest, at + 1, e) == -1)
			return -1;
	}
	colon = strrchr(copy, ':');
	if (colon != NULL && strchr(colon, '/') == NULL) {
		*colon = '\0';
		if (!tag_ok(colon + 1))
			return refuse(e, text, "not a valid tag");
		(void)snprintf(r.tag, sizeof(r.tag), "%.*s", REFERENCE_TAG,
		    colon + 1);
	} else if (at == NULL) {
		(void)snprintf(r.tag, sizeof(r.tag), DEFAULT_TAG);
	}
	if (strlen(copy) > REFERENCE_NAME)
		return refuse(e, text, "longer than 255 bytes");
	if (split_name(&r, text, copy, e) == -1)
		return -1;
	*ret = r;
	return 0;
}

char *
reference_print(char *buf, const struct reference *r)
{
	bool digest = r->digest.text[0] != '\0';

	(void)snprintf(buf, REFERENCE_MAX + 1, "%s/%s%s%s", r->registry,
	    r->repository, digest ? "@" : ":",
	    digest ? r->digest.text : r->tag);
	return buf;
}
