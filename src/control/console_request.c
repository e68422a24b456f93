/* SPDX-License-Identifier: ISC */
/* console_request.c - text frames of a console; see console_request.h */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "control/console_request.h"
#include "lib/json.h"

static int
take_size(struct console_request *r, const json_t *doc, struct err *e)
{
	static const char *const known[] = { "rows", "cols", NULL };
	json_t *size = NULL;
	uint64_t rows = 0, cols = 0;

	if (json_get_obj(&size, doc, "resize", 2, e) == -1 ||
	    json_only(size, known, e) == -1 ||
	    json_get_u64(&rows, size, "rows", 1, CONSOLE_CELLS_MAX, e) == -1 ||
	    json_get_u64(&cols, size, "cols", 1, CONSOLE_CELLS_MAX, e) == -1)
		return -1;
	if (rows == 0 || cols == 0)
		return err_api(e, EINVAL, "invalid_request",
		    "resize: rows and cols are needed");
	r->what = CONSOLE_RESIZE;
	r->rows = (unsigned)rows;
	r->cols = (unsigned)cols;
	return 0;
}

int
console_request_parse(struct console_request *ret, const char *text,
    size_t len, struct err *e)
{
	own_json json_t *doc = NULL;
	struct console_request r = { 0 };
	bool yes = false;

	if (len > CONSOLE_FRAME_MAX)
		return err_api(e, EMSGSIZE, "invalid_request",
		    "a text frame has at most %d bytes", CONSOLE_FRAME_MAX);
	if (json_parse(&doc, text, len, e) == -1)
		return -1;
	if (json_object_size(doc) == 1) {
		if (json_get_bool(&yes, doc, "break", NULL) == 1 && yes)
			r.what = CONSOLE_BREAK;
		else if (json_get_bool(&yes, doc, "write", NULL) == 1 && yes)
			r.what = CONSOLE_WRITE;
		else if (json_object_get(doc, "resize") == NULL)
			yes = false;
		else if (take_size(&r, doc, e) == -1)
			return -1;
		else
			yes = true;
	}
	if (!yes)
		return err_api(e, EINVAL, "invalid_request",
		    "a text frame is break, write or resize");
	*ret = r;
	return 0;
}
