/* SPDX-License-Identifier: ISC */
/*
 * vmctl.c - what a daemon, and through it a guest, may send to vmctl
 *
 * The first byte chooses: streams of events (and their JSON), the answer to
 * a WebSocket's handshake, headers of copied files, escapes, old output.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/escape.h"
#include "lib/json.h"
#include "lib/plain.h"
#include "lib/util.h"
#include "vmctl/copy.h"
#include "vmctl/sse.h"
#include "vmctl/ws.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
event(void *arg, const char *text, size_t len)
{
	json_t *v;

	(void)arg;
	assert(text[len] == '\0');
	if (json_parse(&v, text, len, NULL) == 0)
		json_decref(v);
	return 0;
}

/* Cut in two, the lines are the same. */
static void
fuzz_sse(const uint8_t *p, size_t len)
{
	struct sse s;
	size_t cut = len > 0 ? p[0] % len : 0;

	sse_init(&s);
	(void)sse_feed(&s, p, cut, event, NULL);
	(void)sse_feed(&s, p + cut, len - cut, event, NULL);
	sse_fini(&s);
}

static void
fuzz_reply(const uint8_t *p, size_t len)
{
	struct ws_reply r;
	size_t n = ws_reply_parse(&r, (const char *)p, len);

	assert(n <= len);
	assert(strlen(r.accept) < sizeof(r.accept));
	assert(r.status >= 0 && r.status <= 999);
}

/* What is accepted can be said again, and is the same then. */
static void
fuzz_header(const uint8_t *p, size_t len)
{
	struct copy_entry n, again;
	json_t *v, *w;

	if (json_parse(&v, p, len, NULL) == -1)
		return;
	if (copy_header_parse(&n, v, NULL) == 0) {
		assert(copy_path_ok(n.path));
		assert(n.kind != COPY_HARDLINK || copy_path_ok(n.link));
		w = copy_header(&n);
		assert(w != NULL);
		assert(copy_header_parse(&again, w, NULL) == 0);
		assert(strcmp(n.path, again.path) == 0);
		assert(n.kind == again.kind && n.mode == again.mode &&
		    n.size == again.size && n.major == again.major);
		json_decref(w);
	}
	json_decref(v);
}

static void
fuzz_escape(const uint8_t *p, size_t len)
{
	struct escape esc = { true, false };
	enum escape_action action;
	uint8_t *out = malloc(len + 1);
	size_t n, used;

	while (len > 0) {
		used = escape_filter(&esc, p, len, out, &n, &action);
		assert(used > 0 && used <= len && n <= used + 1);
		p += used;
		len -= used;
	}
	free(out);
}

/* No escape but a colour is left; once more, and it is the same. */
static void
fuzz_plain(const uint8_t *p, size_t len)
{
	uint8_t *text = malloc(len + 1);
	size_t n, i;

	memcpy(text, p, len);
	n = plain_text(text, len);
	assert(n <= len);
	for (i = 0; i < n; i++) {
		assert(text[i] >= 0x20 || strchr("\b\t\n\r\033", text[i]));
		if (text[i] == 0x1b) {
			assert(i + 2 < n && text[i + 1] == '[');
			for (i += 2; i < n && text[i] != 'm'; i++)
				assert(strchr("0123456789:;", text[i]));
			assert(i < n);
		}
	}
	assert(plain_text(text, n) == n);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static void (*const targets[])(const uint8_t *, size_t) = {
		fuzz_sse, fuzz_reply, fuzz_header, fuzz_escape,
	};

	if (len > 0 && p[0] == 'P')
		fuzz_plain(p + 1, len - 1);
	else if (len > 0)
		targets[p[0] % COUNT(targets)](p + 1, len - 1);
	return 0;
}
