/* SPDX-License-Identifier: ISC */
/* state.c - tables of bytes in JSON; see state.h */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "accel/state.h"
#include "lib/json.h"
#include "lib/own.h"

int
state_put(json_t *o, const char *name, const void *bytes, size_t len,
    struct err *e)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;
	own_mem char *s = malloc(2 * len + 1);

	if (s == NULL)
		return err_sys(e, "%s", name);
	for (size_t i = 0; i < len; i++) {
		s[2 * i] = digits[from[i] >> 4];
		s[2 * i + 1] = digits[from[i] & 15];
	}
	s[2 * len] = '\0';
	if (json_object_set_new(o, name, json_stringn_nocheck(s, 2 * len)) ==
	    -1)
		return err_set(e, ENOMEM, "%s: out of memory", name);
	return 0;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
decode(uint8_t *to, const char *s, size_t len)
{
	int high, low;

	for (size_t i = 0; i < len; i++) {
		high = digit(s[2 * i]);
		low = digit(s[2 * i + 1]);
		if (high == -1 || low == -1)
			return -1;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int
state_get_any(const json_t *o, const char *name, void **ret, size_t *len,
    struct err *e)
{
	const json_t *s = json_object_get(o, name);
	own_mem void *bytes = NULL;
	size_t n;

	if (!json_is_string(s))
		return err_set(e, EINVAL, "state: %s is missing", name);
	n = json_string_length(s);
	bytes = malloc(n / 2 + 1);
	if (bytes == NULL)
		return err_sys(e, "%s", name);
	if (n % 2 != 0 || decode(bytes, json_string_value(s), n / 2) == -1)
		return err_set(e, EINVAL, "state: %s is not hexadecimal",
		    name);
	*ret = take(&bytes);
	*len = n / 2;
	return 0;
}

int
state_get(const json_t *o, const char *name, void *to, size_t len,
    struct err *e)
{
	own_mem void *bytes = NULL;
	size_t n;

	if (state_get_any(o, name, &bytes, &n, e) == -1)
		return -1;
	if (n != len)
		return err_set(e, EINVAL, "state: %s has %zu bytes, not %zu",
		    name, n, len);
	memcpy(to, bytes, len);
	return 0;
}
