/* SPDX-License-Identifier: ISC */
/*
 * json.h - strict JSON in and out, over jansson
 *
 * The getters return 1 when the member is there and good, 0 when it is
 * absent or null (*ret untouched), -1 when it is of the wrong type or out of
 * bounds; the err then names the member.  json_only() refuses members nobody
 * asked for, by name.
 */

#ifndef LIB_JSON_H
#define LIB_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

OWN_DEFINE(json_t, json_decref);
#define own_json	OWN(json_decref)

/*
 * Parse one document: no duplicate members, nothing behind it, valid UTF-8,
 * NUL in strings refused.  The caller owns *ret.
 */
int	json_parse(json_t **ret, const void *, size_t len, struct err *);

/* Compact text, one line; the caller frees it.  NULL when out of memory. */
char	*json_print(const json_t *);

/* *ret points into obj.  max: bytes without the NUL. */
int	json_get_str(const char **ret, const json_t *obj, const char *name,
	    size_t max, struct err *);
int	json_get_u64(uint64_t *ret, const json_t *obj, const char *name,
	    uint64_t min, uint64_t max, struct err *);
int	json_get_bool(bool *ret, const json_t *obj, const char *name,
	    struct err *);
/* *ret is borrowed from obj.  max: members. */
int	json_get_obj(json_t **ret, const json_t *obj, const char *name,
	    size_t max, struct err *);
int	json_get_arr(json_t **ret, const json_t *obj, const char *name,
	    size_t max, struct err *);

/*
 * Bytes as a string of hexadecimal digits in lower case, where "zN." is a run
 * of N zero bytes: registers and tables are mostly those.  The getter wants
 * len bytes.  json_hex_len(): how many a string stands for, 0 where it is
 * none or they are more than max.
 */
json_t	*json_hex(const void *, size_t len);
size_t	 json_hex_len(const json_t *, size_t max);
int	json_get_hex(void *ret, size_t len, const json_t *obj,
	    const char *name, struct err *);

/* Refuse obj when it has a member that is not in names (NULL at the end). */
int	json_only(const json_t *obj, const char *const names[], struct err *);

#endif
