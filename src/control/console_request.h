/* SPDX-License-Identifier: ISC */
/* console_request.h - text frames of a console's WebSocket */

#ifndef CONTROL_CONSOLE_REQUEST_H
#define CONTROL_CONSOLE_REQUEST_H

#include <stddef.h>

#include "lib/err.h"

#define CONSOLE_FRAME_MAX	256	/* bytes of one */
#define CONSOLE_CELLS_MAX	10000	/* rows or columns */

enum console_what {
	CONSOLE_BREAK,		/* {"break":true} */
	CONSOLE_WRITE,		/* {"write":true}: be the one who types */
	CONSOLE_RESIZE,		/* {"resize":{"rows","cols"}} */
};
struct console_request {
	enum console_what	 what;
	unsigned		 rows, cols;	/* RESIZE; from 1 on */
};

/* Refused: what is not exactly one of these. */
int	console_request_parse(struct console_request *ret, const char *text,
	    size_t len, struct err *);

#endif
