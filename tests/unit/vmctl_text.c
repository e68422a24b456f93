/* SPDX-License-Identifier: ISC */
/*
 * vmctl_text.c - tables, sizes, streams of events, escapes, handshakes,
 * headers of copied files, ports, names
 */

#include <string.h>

#include "unit.h"
#include "lib/escape.h"
#include "lib/json.h"
#include "lib/util.h"
#include "vmctl/copy.h"
#include "vmctl/env.h"
#include "vmctl/progress.h"
#include "vmctl/run.h"
#include "vmctl/sse.h"
#include "vmctl/table.h"
#include "vmctl/vm.h"
#include "vmctl/ws.h"

/* --- tables ------------------------------------------------------------ */

static void
printed(char *buf, size_t len, const struct table *t, size_t width)
{
	FILE *f = fmemopen(buf, len, "w");

	assert_non_null(f);
	table_print(t, f, width);
	(void)fclose(f);
}

static void
columns_shrink_and_never_wrap(void **state)
{
	static const struct column columns[] = {
		{ "ID", false, 0 }, { "NAME", false, 4 }, { "N", true, 0 },
		{ "LAST", false, 4 },
	};
	struct table *t = table_new(columns, COUNT(columns));
	char out[4096], *line;

	(void)state;
	table_cell(t, "abc");
	table_cell(t, "a-rather-long-name");
	table_cell(t, "%d", 7);
	table_cell(t, "g\xc3\xbcnstig");
	table_cell(t, "x\033[2J\n");
	table_cell(t, "b");
	table_cell(t, "1000");
	table_cell(t, "%s", "");
	printed(out, sizeof(out), t, 0);
	assert_string_equal(out,
	    "ID      NAME                   N  LAST\n"
	    "abc     a-rather-long-name     7  g\xc3\xbcnstig\n"
	    "x?[2J?  b                   1000\n");
	printed(out, sizeof(out), t, 30);
	assert_string_equal(out,
	    "ID      NAME        N  LAST\n"
	    "abc     a-rath~     7  g\xc3\xbcnstig\n"
	    "x?[2J?  b        1000\n");
	for (size_t width = 1; width < 50; width++) {
		printed(out, sizeof(out), t, width);
		for (line = strtok(out, "\n"); line != NULL;
		    line = strtok(NULL, "\n")) {
			size_t n = 0;

			for (char *p = line; *p != '\0'; p++)
				n += (*p & 0xc0) != 0x80;
			assert_true(n <= width);
		}
	}
	table_destroy(t);
}

static void
scaled(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0B" }, { 1023, "1023B" }, { 1024, "1.0K" },
		{ 1536, "1.5K" }, { 512ULL << 20, "512M" },
		{ 64ULL << 20, "64.0M" }, { 1ULL << 30, "1.0G" },
		{ 138412032, "132M" }, { (1ULL << 40) - 1, "1024G" },
		{ UINT64_MAX, "16.0E" },
	};
	char buf[16];

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++)
		assert_string_equal(fmt_scaled(buf, sizeof(buf),
		    sizes[i].bytes), sizes[i].text);
}

static void
ago(void **state)
{
	char buf[AGO_MAX];

	(void)state;
	assert_string_equal(fmt_ago(buf, sizeof(buf), "yesterday"), "-");
	assert_string_equal(fmt_ago(buf, sizeof(buf), ""), "-");
	assert_string_equal(fmt_ago(buf, sizeof(buf), "9999-01-01T00:00:00Z"),
	    "0 seconds ago");
	assert_non_null(strstr(fmt_ago(buf, sizeof(buf),
	    "1999-12-31T23:59:59.123Z"), "years ago"));
}

static void
progress_lines(void **state)
{
	struct progress p = { .what = "x" };
	struct moment m = { "pulling", 1 << 20, 4 << 20, 1, 3 };
	char line[200];

	(void)state;
	progress_line(line, sizeof(line), &p, &m, 2048, 79);
	assert_string_equal(line, "x: pulling  1/3 layers  1.0 MB / 4.0 MB"
	    "  2.0 KB/s  [======>                   ]");
	for (size_t width = 0; width < 120; width++) {
		progress_line(line, sizeof(line), &p, &m, 2048, width);
		assert_true(strlen(line) <= width);
	}
	m.done = 8 << 20;	/* more than was announced */
	progress_line(line, sizeof(line), &p, &m, 0, 79);
	assert_non_null(strstr(line, "==============================]"));
}

/* --- streams ----------------------------------------------------------- */

static char seen[4096];
static int stop_at;

static int
note(void *arg, const char *text, size_t len)
{
	(void)arg;
	assert_int_equal(text[len], '\0');
	(void)snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen),
	    "<%s>", text);
	return --stop_at == 0;
}

static void
events(void **state)
{
	static const char text[] = ": hi\ndata: one\r\n\r\nid: 7\n"
	    "data:two\n\ndata:  three\n\nda";
	struct sse s;

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++) {
		seen[0] = '\0';
		stop_at = 100;
		sse_init(&s);
		for (size_t i = 0; i < sizeof(text) - 1; i += step)
			assert_int_equal(sse_feed(&s, (const uint8_t *)text + i,
			    MIN(step, sizeof(text) - 1 - i), note, NULL), 0);
		assert_string_equal(seen, "<one><two>< three>");
		sse_fini(&s);
	}
	seen[0] = '\0';
	stop_at = 2;
	sse_init(&s);
	assert_int_equal(sse_feed(&s, (const uint8_t *)text, sizeof(text) - 1,
	    note, NULL), 1);
	assert_string_equal(seen, "<one><two>");
	sse_fini(&s);
}

static void
a_line_has_a_maximum(void **state)
{
	static uint8_t big[SSE_LINE_MAX];
	struct sse s;

	(void)state;
	memset(big, 'x', sizeof(big));
	memcpy(big, "data:", 5);
	seen[0] = '\0';
	stop_at = 100;
	sse_init(&s);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sse_feed(&s, big, sizeof(big), note, NULL),
		    0);
	assert_true(s.line.len <= SSE_LINE_MAX);
	assert_int_equal(sse_feed(&s, (const uint8_t *)"\ndata: y\n", 9, note,
	    NULL), 0);
	assert_string_equal(seen, "<y>");
	sse_fini(&s);
}

static void
escapes(void **state)
{
	static const struct {
		const char *typed, *sent;
		enum escape_action action;
	} lines[] = {
		{ "~.", "", ESCAPE_LEAVE }, { "~\004", "", ESCAPE_LEAVE },
		{ "a~.", "a~.", ESCAPE_NONE }, { "a\r~.", "a\r", ESCAPE_LEAVE },
		{ "~~.", "~.", ESCAPE_NONE }, { "~x", "~x", ESCAPE_NONE },
		{ "~?", "", ESCAPE_HELP }, { "~\032", "", ESCAPE_SUSPEND },
		{ "\r~\r~.", "\r~\r", ESCAPE_LEAVE },
		{ "~#", "", ESCAPE_BREAK }, { "a~#", "a~#", ESCAPE_NONE },
		{ "~w", "", ESCAPE_WRITE }, { "\n~#", "\n", ESCAPE_BREAK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		for (size_t step = 1; step < 8; step++) {
			struct escape esc = { true, false };
			enum escape_action action = ESCAPE_NONE;
			uint8_t out[64];
			size_t n, all = 0, at = 0, len = strlen(lines[i].typed);

			while (at < len && action == ESCAPE_NONE) {
				at += escape_filter(&esc, (const uint8_t *)
				    lines[i].typed + at, MIN(step, len - at),
				    out + all, &n, &action);
				all += n;
			}
			assert_int_equal(action, lines[i].action);
			assert_int_equal(all, strlen(lines[i].sent));
			assert_memory_equal(out, lines[i].sent, all);
		}
}

static void
handshakes(void **state)
{
	static const char good[] = "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: websocket\r\nSec-WebSocket-ACCEPT:  abc= \r\n\r\nrest";
	static const char bad[] = "HTTP/1.1 404 Not Found\r\n"
	    "Content-Length: 12\r\n\r\n";
	struct ws_reply r;

	(void)state;
	for (size_t i = 0; i < sizeof(good) - 5; i++)
		assert_int_equal(ws_reply_parse(&r, good, i), 0);
	assert_int_equal(ws_reply_parse(&r, good, sizeof(good) - 1),
	    sizeof(good) - 5);
	assert_int_equal(r.status, 101);
	assert_string_equal(r.accept, "abc=");
	assert_int_equal(ws_reply_parse(&r, bad, sizeof(bad) - 1),
	    sizeof(bad) - 1);
	assert_int_equal(r.status, 404);
	assert_int_equal(r.body, 12);
	assert_int_equal(ws_reply_parse(&r, "\r\n\r\n", 4), 4);
	assert_int_equal(r.status, 0);
}

/* --- what commands say ------------------------------------------------- */

static void
copied_paths(void **state)
{
	static const char *const good[] = { ".", "a", "a/b", "..a", ".a/b.." };
	static const char *const bad[] = { "", "/", "/a", "a/", "a//b", "..",
	    "a/..", "a/./b", "../a", "./a" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(copy_path_ok(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(copy_path_ok(bad[i]));
	assert_true(copy_is_below("a/b", "a"));
	assert_true(copy_is_below("a", "a"));
	assert_true(copy_is_below("a", "."));
	assert_false(copy_is_below("ab", "a"));
}

static void
headers_round(void **state)
{
	struct copy_entry n = { .path = "dev/x", .kind = COPY_CHAR,
	    .mode = 0640, .has_owner = true, .uid = 70000, .gid = 5,
	    .has_mtime = true, .mtime_ns = -1, .major = 4, .minor = 65 };
	struct copy_entry got;
	struct err e;
	json_t *v = copy_header(&n);

	(void)state;
	assert_int_equal(copy_header_parse(&got, v, &e), 0);
	assert_string_equal(got.path, n.path);
	assert_int_equal(got.kind, COPY_CHAR);
	assert_int_equal(got.mode, 0640);
	assert_int_equal(got.uid, 70000);
	assert_int_equal(got.mtime_ns, -1);
	assert_int_equal(got.major, 4);
	assert_int_equal(got.minor, 65);
	json_object_set_new(v, "rdev", json_string("4:65x"));
	assert_int_equal(copy_header_parse(&got, v, &e), -1);
	json_object_set_new(v, "kind", json_string("socket"));
	assert_int_equal(copy_header_parse(&got, v, &e), -1);
	json_object_set_new(v, "kind", json_string("hardlink"));
	assert_int_equal(copy_header_parse(&got, v, &e), -1);
	json_object_set_new(v, "link", json_string("../x"));
	assert_int_equal(copy_header_parse(&got, v, &e), -1);
	json_object_set_new(v, "kind", json_string("symlink"));
	assert_int_equal(copy_header_parse(&got, v, &e), 0);
	json_object_set_new(v, "mode", json_integer(010000));
	assert_int_equal(copy_header_parse(&got, v, &e), -1);
	json_decref(v);
}

static void
ports_have_a_maximum(void **state)
{
	const char *words[] = { "1-1024:1-1024", "2000:2000" };
	struct opt_list l = { words, 1 };
	struct err e;
	json_t *v;

	(void)state;
	assert_int_equal(ports_parse(&v, &l, &e), 0);
	assert_int_equal(json_array_size(v), PORTS_MAX);
	json_decref(v);
	l.n = 2;
	assert_int_equal(ports_parse(&v, &l, &e), -1);
	l.n = 1;
	for (size_t i = 0; i < 7; i++) {
		static const char *const bad[] = { "", ":", "a:b", "0:1",
		    "1:65536", "[::1:1:1", "1:2/sctp" };

		words[0] = bad[i];
		assert_int_equal(ports_parse(&v, &l, &e), -1);
	}
}

static void
names_from_images(void **state)
{
	static const struct {
		const char *image, *base;
	} names[] = {
		{ "docker.io/library/nginx:alpine", "nginx-" },
		{ "x@sha256:0123", "x-" }, { "a/My_App.v2", "my-app-v2-" },
		{ "", "vm-" }, { "---", "vm-" }, { "\xc3\xbc", "vm-" },
	};
	char name[RUN_NAME_MAX + 1], longer[200];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		run_name(name, names[i].image);
		assert_int_equal(strncmp(name, names[i].base,
		    strlen(names[i].base)), 0);
		assert_int_equal(strlen(name), strlen(names[i].base) + 4);
	}
	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	run_name(name, longer);
	assert_true(strlen(name) <= RUN_NAME_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_shrink_and_never_wrap),
		cmocka_unit_test(scaled),
		cmocka_unit_test(ago),
		cmocka_unit_test(progress_lines),
		cmocka_unit_test(events),
		cmocka_unit_test(a_line_has_a_maximum),
		cmocka_unit_test(escapes),
		cmocka_unit_test(handshakes),
		cmocka_unit_test(copied_paths),
		cmocka_unit_test(headers_round),
		cmocka_unit_test(ports_have_a_maximum),
		cmocka_unit_test(names_from_images),
	};

	return unit_run("vmctl_text", tests);
}
