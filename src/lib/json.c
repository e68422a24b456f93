/* SPDX-License-Identifier: ISC */
/* json.c - strict JSON in and out, over jansson; see json.h */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"

int
json_parse(json_t **ret, const void *text, size_t len, struct err *e)
{
	json_error_t why;
	json_t *v;

	v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	if (v == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "not valid JSON: %s (line %d, column %d)", why.text,
		    why.line, why.column);
	*ret = v;
	return 0;
}

char *
json_print(const json_t *v)
{
	return json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* The member, or NULL when it is absent or null. */
static json_t *
member(const json_t *obj, const char *name)
{
	json_t *v = json_object_get(obj, name);

	return v == NULL || json_is_null(v) ? NULL : v;
}

static int
wrong(struct err *e, const char *name, const char *what)
{
	return err_api(e, EINVAL, "invalid_request", "%s: must be %s", name,
	    what);
}

int
json_get_str(const char **ret, const json_t *obj, const char *name, size_t max,
    struct err *e)
{
	json_t *v = member(obj, name);

	if (v == NULL)
		return 0;
	if (!json_is_string(v))
		return wrong(e, name, "a string");
	if (json_string_length(v) > max)
		return err_api(e, EINVAL, "invalid_request",
		    "%s: longer than %zu bytes", name, max);
	*ret = json_string_value(v);
	return 1;
}

int
json_get_u64(uint64_t *ret, const json_t *obj, const char *name, uint64_t min,
    uint64_t max, struct err *e)
{
	json_t *v = member(obj, name);
	json_int_t n;

	if (v == NULL)
		return 0;
	if (!json_is_integer(v))
		return wrong(e, name, "a whole number");
	n = json_integer_value(v);
	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return err_api(e, ERANGE, "invalid_request",
		    "%s: %lld is not between %llu and %llu", name,
		    (long long)n, (unsigned long long)min,
		    (unsigned long long)max);
	*ret = (uint64_t)n;
	return 1;
}

int
json_get_bool(bool *ret, const json_t *obj, const char *name, struct err *e)
{
	json_t *v = member(obj, name);

	if (v == NULL)
		return 0;
	if (!json_is_boolean(v))
		return wrong(e, name, "true or false");
	*ret = json_is_true(v);
	return 1;
}

int
json_get_obj(json_t **ret, const json_t *obj, const char *name, size_t max,
    struct err *e)
{
	json_t *v = member(obj, name);

	if (v == NULL)
		return 0;
	if (!json_is_object(v))
		return wrong(e, name, "an object");
	if (json_object_size(v) > max)
		return err_api(e, EINVAL, "invalid_request",
		    "%s: more than %zu members", name, max);
	*ret = v;
	return 1;
}

int
json_get_arr(json_t **ret, const json_t *obj, const char *name, size_t max,
    struct err *e)
{
	json_t *v = member(obj, name);

	if (v == NULL)
		return 0;
	if (!json_is_array(v))
		return wrong(e, name, "a list");
	if (json_array_size(v) > max)
		return err_api(e, EINVAL, "invalid_request",
		    "%s: more than %zu entries", name, max);
	*ret = v;
	return 1;
}

int
json_only(const json_t *obj, const char *const names[], struct err *e)
{
	const char *key;
	json_t *v;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)obj, key, v) {
		for (i = 0; names[i] != NULL; i++)
			if (strcmp(key, names[i]) == 0)
				break;
		if (names[i] == NULL)
			return err_api(e, EINVAL, "invalid_request",
			    "%s: no such member", key);
	}
	return 0;
}

/* --- bytes --------------------------------------------------------------- */

/* Fewer zeroes are shorter as they are. */
#define RUN_MIN	3

static size_t
zeroes(const uint8_t *b, size_t len)
{
	size_t n = 0;

	while (n < len && b[n] == 0)
		n++;
	return n;
}

json_t *
json_hex(const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	own_mem char *text = malloc(len * 2 + 1);
	const uint8_t *b = bytes;
	size_t at = 0, n;

	if (text == NULL)
		return NULL;
	for (size_t i = 0; i < len; i += n) {
		n = zeroes(b + i, len - i);
		if (n >= RUN_MIN) {
			/* No longer than the digits would be. */
			at += (size_t)sprintf(text + at, "z%zu.", n);
			continue;
		}
		n = 1;
		text[at++] = digits[b[i] >> 4];
		text[at++] = digits[b[i] & 15];
	}
	return json_stringn(text, at);
}

/* The value of a digit, or -1. */
static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * What begins at *p, which moves behind it: a byte, or a run of zeroes.  How
 * many bytes that is, at most max; 0: it is neither.
 */
static size_t
next_bytes(const char **p, size_t max, uint8_t *value)
{
	const char *s = *p;
	size_t n = 0;
	int hi, lo;

	*value = 0;
	if (*s == 'z') {
		for (s++; *s >= '0' && *s <= '9' && n <= max / 10; s++)
			n = n * 10 + (size_t)(*s - '0');
		*p = s + 1;
		return *s == '.' && n <= max ? n : 0;
	}
	hi = digit(s[0]);
	lo = hi == -1 ? -1 : digit(s[1]);
	if (lo == -1 || max == 0)
		return 0;
	*value = (uint8_t)(hi << 4 | lo);
	*p = s + 2;
	return 1;
}

size_t
json_hex_len(const json_t *v, size_t max)
{
	const char *p = json_string_value(v);
	size_t len = 0, n;
	uint8_t value;

	for (; p != NULL && *p != '\0'; len += n)
		if ((n = next_bytes(&p, max - len, &value)) == 0)
			return 0;
	return len;
}

int
json_get_hex(void *ret, size_t len, const json_t *obj, const char *name,
    struct err *e)
{
	own_mem uint8_t *bytes = NULL;
	const char *text;
	int found = json_get_str(&text, obj, name, len * 2, e);
	uint8_t value;
	size_t n;

	if (found != 1)
		return found;
	bytes = malloc(len + 1);
	if (bytes == NULL)
		return err_sys(e, "%s", name);
	for (size_t i = 0; i < len || *text != '\0'; i += n) {
		n = next_bytes(&text, len - i, &value);
		if (n == 0)
			return wrong(e, name, "a string of hexadecimal digits");
		memset(bytes + i, value, n);
	}
	memcpy(ret, bytes, len);
	return 1;
}
