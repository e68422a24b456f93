/* SPDX-License-Identifier: ISC */
/* state.c - tables of bytes in JSON; see state.h */

#include <errno.h>
#include <stdlib.h>

#include "accel/state.h"
#include "lib/json.h"
#include "lib/own.h"

int
state_put(json_t *o, const char *name, const void *bytes, size_t len,
    struct err *e)
{
	if (json_object_set_new(o, name, json_hex(bytes, len)) == -1)
		return err_set(e, ENOMEM, "state: %s: out of memory", name);
	return 0;
}

int
state_get(const json_t *o, const char *name, void *to, size_t len,
    struct err *e)
{
	int found = json_get_hex(to, len, o, name, e);

	if (found == 0)
		return err_set(e, EINVAL, "state: %s is missing", name);
	return found == 1 ? 0 : err_prefix(e, "state");
}

int
state_get_any(const json_t *o, const char *name, void **ret, size_t *len,
    struct err *e)
{
	size_t n = json_hex_len(json_object_get(o, name), STATE_BYTES_MAX);
	own_mem void *bytes = malloc(n + 1);

	if (bytes == NULL)
		return err_sys(e, "state: %s", name);
	if (state_get(o, name, bytes, n, e) == -1)
		return -1;
	*ret = take(&bytes);
	*len = n;
	return 0;
}
