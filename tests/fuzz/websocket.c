/* SPDX-License-Identifier: ISC */
/*
 * websocket.c - fuzz text frames of exec and cp, and what guests write
 *
 * The first byte chooses the reader.  Frames themselves are wslay's.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/cp_request.h"
#include "control/console_request.h"
#include "control/exec_request.h"
#include "control/lifecycle.h"
#include "control/log_tail.h"
#include "lib/json.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
exec_frame(const char *text, size_t len)
{
	struct exec_request r;
	struct exec_command c;

	if (exec_request_parse(&r, text, len, NULL) == 0) {
		if (r.exec.argv[0] == NULL)
			abort();
		exec_request_fini(&r);
	}
	exec_command_parse(&c, text, len);
}

static void
console_frame(const char *text, size_t len)
{
	struct console_request r;

	if (console_request_parse(&r, text, len, NULL) == 0 &&
	    r.what == CONSOLE_RESIZE && (r.rows == 0 || r.cols == 0))
		abort();
}

static void
cp_frame(const char *text, size_t len)
{
	own_json json_t *doc = NULL, *header = NULL, *reference = NULL;
	struct agent_entry en;
	struct cp_request r;
	enum cp_frame what;
	uint64_t hole;

	if (cp_request_parse(&r, text, len, NULL) == 0 && r.path[0] != '/')
		abort();
	if (json_parse(&doc, text, len, NULL) == -1 ||
	    cp_frame_parse(&what, &en, &hole, doc, NULL) == -1 ||
	    what != CP_HEADER)
		return;
	header = cp_header(&en, NULL);
	reference = cp_header(&en, "root");
	if (header == NULL || reference == NULL)
		abort();
}

static void
guest_text(const char *text, size_t len)
{
	struct exit_info x = { 0 };
	own_json json_t *v = NULL;
	own_mem char *to = malloc(len * 6 + 16);
	size_t n;

	exit_info_console(&x, text, len);
	if (x.has_code && (x.code < 0 || x.code > 255))
		abort();
	n = log_event(to, len * 6 + 16, text, len);
	/* "data: ", then a JSON string whatever the guest wrote, "\n\n". */
	v = json_loadb(to + 6, n - 8, JSON_DECODE_ANY | JSON_ALLOW_NUL,
	    NULL);
	if (!json_is_string(v))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data + 1;

	if (len == 0)
		return 0;
	if (data[0] == 'e')
		exec_frame(text, len - 1);
	else if (data[0] == 'o')
		console_frame(text, len - 1);
	else if (data[0] == 'c')
		cp_frame(text, len - 1);
	else
		guest_text(text, len - 1);
	return 0;
}
