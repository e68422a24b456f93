/* SPDX-License-Identifier: ISC */
/*
 * control_parts.c - small parts of vmd-control that need no daemon: log
 * tails, exit lines, text frames, the guest's archive, admission's numbers
 */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "control/admission.h"
#include "control/control.h"
#include "control/cp_request.h"
#include "control/console_request.h"
#include "control/exec_request.h"
#include "control/guest.h"
#include "control/images.h"
#include "control/lifecycle.h"
#include "control/log_tail.h"
#include "lib/json.h"
#include "lib/util.h"

/* --- log tails ------------------------------------------------------------ */

static char dir[64];
static int dirfd_;

static int
set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/vmd-parts.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
	return dirfd_ == -1;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlinkat(dirfd_, "log", 0);
	(void)unlinkat(dirfd_, "log.1", 0);
	(void)close(dirfd_);
	return rmdir(dir) == -1;
}

static void
append(const char *text)
{
	int fd = openat(dirfd_, "log", O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_int_equal(write(fd, text, strlen(text)),
	    (ssize_t)strlen(text));
	(void)close(fd);
}

static void
expect(struct log_tail *t, const char *want)
{
	const char *line;
	size_t len;
	int found = log_tail_next(t, &line, &len);

	if (want == NULL) {
		assert_int_not_equal(found, 1);
		return;
	}
	assert_int_equal(found, 1);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(line, want, len);
}

static void
tail_of_lines(void **state)
{
	struct log_tail *t;
	struct err e;

	(void)state;
	assert_int_equal(log_tail_open(&t, dirfd_, "log", 2, false, &e), -1);
	assert_string_equal(e.code, "log_not_found");
	append("one\ntwo\r\nthree\nfour");
	assert_int_equal(log_tail_open(&t, dirfd_, "log", 3, false, &e), 0);
	expect(t, "two");
	expect(t, "three");
	expect(t, "four");
	expect(t, NULL);
	log_tail_close(t);
	assert_int_equal(log_tail_open(&t, dirfd_, "log", 0, false, &e), 0);
	expect(t, NULL);
	log_tail_close(t);
	assert_int_equal(log_tail_open(&t, dirfd_, "log", 99, false, &e), 0);
	expect(t, "one");
	log_tail_close(t);
}

static void
tail_across_blocks(void **state)
{
	char line[1001];
	struct log_tail *t;
	struct err e;

	(void)state;
	memset(line, 'x', 999);
	line[999] = '\n';
	line[1000] = '\0';
	append("first\n");
	for (int i = 0; i < 200; i++)
		append(line);
	append("last\n");
	assert_int_equal(log_tail_open(&t, dirfd_, "log", 1, false, &e), 0);
	expect(t, "last");
	log_tail_close(t);
	assert_int_equal(log_tail_open(&t, dirfd_, "log", 202, false, &e),
	    0);
	expect(t, "first");
	log_tail_close(t);
}

static void
tail_follows(void **state)
{
	struct log_tail *t;
	struct err e;

	(void)state;
	assert_int_equal(log_tail_open(&t, dirfd_, "log", 10, true, &e), 0);
	expect(t, NULL);
	append("a\nb");
	expect(t, "a");
	expect(t, NULL);
	append("c\n");
	expect(t, "bc");
	expect(t, NULL);
	/* Cut. */
	(void)close(openat(dirfd_, "log", O_WRONLY | O_TRUNC));
	append("d\n");
	expect(t, "d");
	/* Replaced, with a line that had no end. */
	append("tail");
	expect(t, NULL);
	assert_int_equal(renameat(dirfd_, "log", dirfd_, "log.1"), 0);
	append("new\n");
	expect(t, "tail");
	expect(t, "new");
	expect(t, NULL);
	log_tail_close(t);
}

static void
events_are_json(void **state)
{
	static const char text[] = "a\"\\\t\x01\xff\xc3\xa9\xed\xa0\x80z";
	own_json json_t *v = NULL;
	char to[LOG_EVENT_MAX], all[64];
	size_t n;
	struct err e;

	(void)state;
	assert_int_equal(log_event(to, 10, text, strlen(text)), 0);
	n = log_event(to, sizeof(to), text, strlen(text));
	assert_memory_equal(to, "data: ", 6);
	assert_memory_equal(to + n - 2, "\n\n", 2);
	(void)snprintf(all, sizeof(all), "[%.*s]", (int)(n - 8), to + 6);
	assert_int_equal(json_parse(&v, all, strlen(all), &e), 0);
	assert_string_equal(json_string_value(json_array_get(v, 0)),
	    "a\"\\\t\x01\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd"
	    "\xef\xbf\xbdz");
}

/* --- exit lines ----------------------------------------------------------- */

static void
exit_lines(void **state)
{
	static const struct { const char *text; int code; const char *msg; }
	    rows[] = {
		{ "vmd: exit code=0 signal= message=success\n", 0,
		    "success" },
		{ "x\nvmd: exit code=143 signal=TERM message=killed\r\n", 143,
		    "killed" },
		{ "vmd: exit code=1 message=a\nvmd: exit code=2 message=b\n"
		    "vmd: exit code=999 message=c\nlast", 2, "b" },
		{ "vmd: exit code=7", 7, "" },
		{ "vmd: exit code=3 message=\x1b[31mred\x07\n", 3,
		    "[31mred" },
		{ "vmd: exit code= message=x", -1, "" },
		{ " vmd: exit code=1\n", -1, "" },
		{ "", -1, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct exit_info x = { .code = -1 };

		exit_info_console(&x, rows[i].text, strlen(rows[i].text));
		assert_int_equal(x.code, rows[i].code);
		assert_int_equal(x.has_code, rows[i].code != -1);
		assert_string_equal(x.message, rows[i].msg);
	}
}

/* --- text frames ---------------------------------------------------------- */

static void
command(struct exec_command *c, const char *text)
{
	exec_command_parse(c, text, strlen(text));
}

static void
exec_frames(void **state)
{
	static const char good[] = "{\"command\":[\"ls\",\"-l\"],\"tty\":true,"
	    "\"env\":{\"A\":\"b\"},\"rows\":5,\"cols\":6,\"timeout\":2,"
	    "\"cwd\":\"\",\"user\":\"u\",\"streams\":true}";
	static const char *const bad[] = {
		"", "[]", "{\"command\":1}", "{\"command\":[1]}",
		"{\"env\":{\"A=\":\"x\"}}", "{\"rows\":-1}", "{\"x\":1}",
	};
	struct exec_request r;
	struct exec_command c;
	struct err e;

	(void)state;
	assert_int_equal(exec_request_parse(&r, good, strlen(good), &e), 0);
	assert_string_equal(r.exec.argv[1], "-l");
	assert_null(r.exec.argv[2]);
	assert_string_equal(r.exec.env[0], "A=b");
	assert_null(r.exec.cwd);
	assert_true(r.exec.timeout_ms == 2000 && r.streams);
	exec_request_fini(&r);
	assert_int_equal(exec_request_parse(&r, "{}", 2, &e), 0);
	assert_string_equal(r.exec.argv[0], "/bin/sh");
	exec_request_fini(&r);
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(exec_request_parse(&r, bad[i],
		    strlen(bad[i]), &e), -1);
	command(&c, "{\"resize\":{\"rows\":3,\"cols\":4}}");
	assert_int_equal(c.what, EXEC_RESIZE);
	assert_int_equal(c.cols, 4);
	command(&c, "{\"stdin_eof\":true}");
	assert_int_equal(c.what, EXEC_STDIN_EOF);
	command(&c, "{\"signal\":\"TERM\"}");
	assert_string_equal(c.signal, "TERM");
	command(&c, "{\"signal\":\"TERM\",\"x\":1}");
	assert_int_equal(c.what, EXEC_STDIN);
	command(&c, "ls\n");
	assert_int_equal(c.what, EXEC_STDIN);
}

static void
console_frames(void **state)
{
	static const char *const bad[] = { "", "x", "[]", "{}", "\"break\"",
	    "{\"break\":false}", "{\"break\":1}", "{\"write\":null}",
	    "{\"break\":true,\"write\":true}", "{\"resize\":null}",
	    "{\"resize\":{}}", "{\"resize\":{\"rows\":1}}",
	    "{\"resize\":{\"rows\":0,\"cols\":1}}",
	    "{\"resize\":{\"rows\":1,\"cols\":10001}}",
	    "{\"resize\":{\"rows\":1,\"cols\":1,\"x\":1}}" };
	static const char size[] = "{\"resize\":{\"rows\":25,\"cols\":80}}";
	char large[CONSOLE_FRAME_MAX + 32];
	struct console_request r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(console_request_parse(&r, bad[i],
		    strlen(bad[i]), &e), -1);
	assert_int_equal(console_request_parse(&r, "{\"break\":true}", 14,
	    &e), 0);
	assert_int_equal(r.what, CONSOLE_BREAK);
	assert_int_equal(console_request_parse(&r, "{\"write\":true}", 14,
	    &e), 0);
	assert_int_equal(r.what, CONSOLE_WRITE);
	assert_int_equal(console_request_parse(&r, size, strlen(size), &e),
	    0);
	assert_int_equal(r.what, CONSOLE_RESIZE);
	assert_int_equal(r.rows, 25);
	assert_int_equal(r.cols, 80);
	memset(large, ' ', sizeof(large));
	memcpy(large, "{\"break\":true}", 14);
	assert_int_equal(console_request_parse(&r, large, sizeof(large), &e),
	    -1);
}

static void
cp_frames(void **state)
{
	static const char first[] = "{\"direction\":\"to\",\"guest_path\":"
	    "\"/x\",\"mode\":33188,\"uid\":5,\"gid\":0}";
	static const char *const bad[] = {
		"{\"direction\":\"up\",\"guest_path\":\"/x\"}",
		"{\"direction\":\"to\",\"guest_path\":\"x\"}",
		"{\"direction\":\"to\"}", "7",
	};
	own_json json_t *doc = NULL, *header = NULL;
	struct agent_entry en;
	struct cp_request r;
	enum cp_frame what;
	uint64_t hole;
	struct err e;

	(void)state;
	assert_int_equal(cp_request_parse(&r, first, strlen(first), &e), 0);
	assert_int_equal(r.mode, 0644);
	assert_int_equal(r.uid, 0);	/* counts only beside a gid */
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(cp_request_parse(&r, bad[i], strlen(bad[i]),
		    &e), -1);
	doc = json_pack("{s:s,s:s,s:s,s:i,s:I,s:s,s:s}", "type", "header",
	    "path", "a/b", "kind", "char", "mode", 0600, "mtime_ns",
	    (json_int_t)-5, "rdev", "1:3", "link", "l");
	assert_int_equal(cp_frame_parse(&what, &en, &hole, doc, &e), 0);
	assert_int_equal(what, CP_HEADER);
	assert_true(en.major == 1 && en.minor == 3 && en.mtime_ns == -5);
	header = cp_header(&en, NULL);
	assert_string_equal(json_string_value(json_object_get(header,
	    "rdev")), "1:3");
	json_decref(header);
	header = cp_header(&en, "base");
	assert_string_equal(json_string_value(json_object_get(header,
	    "path")), "base/a/b");
	(void)json_object_set_new(doc, "kind", json_string("door"));
	assert_int_equal(cp_frame_parse(&what, &en, &hole, doc, &e), -1);
}

/* --- the guest's archive -------------------------------------------------- */

static void
archive(void **state)
{
	struct buf records, to;
	struct err e;

	(void)state;
	buf_init(&records, 1024);
	buf_init(&to, 4096);
	assert_int_equal(buf_put(&records, "a=1\0b=2", 8), 0);
	assert_int_equal(guest_cpio(&to, &records, &e), 0);
	assert_int_equal(to.len % 4, 0);
	/* cpio(5): mode, then 8 digits each; the second entry's size. */
	assert_memory_equal(to.data, "07070100000001000041C0", 22);
	assert_non_null(memmem(to.data, to.len, "vmd/config\0", 11));
	assert_non_null(memmem(to.data, to.len, "a=1\0b=2\0", 8));
	assert_non_null(memmem(to.data, to.len, "TRAILER!!!\0", 11));
	buf_fini(&records);
	buf_fini(&to);
}

/* --- admission ------------------------------------------------------------ */

static void
numbers(void **state)
{
	struct resource cpu = { 2, 8, 6, 4.0 };
	struct resource memory = { 4ULL << 30, 4ULL << 30, 5ULL << 30, 1.0 };
	struct err e;

	(void)state;
	assert_int_equal(admission_fits(&cpu, "CPUs", 2, 0, &e), 0);
	assert_int_equal(admission_fits(&cpu, "CPUs", 3, 0, &e), -1);
	assert_string_equal(e.code, "insufficient_resources");
	assert_non_null(strstr(e.text, "requested 3, free 2 of a limit of 8"));
	/* More is promised than there is: nothing is free, not a lot. */
	assert_int_equal(admission_fits(&memory, "memory", 1, 1, &e), -1);
	assert_non_null(strstr(e.text, "free 0.0 B"));
	assert_int_equal(admission_fits(&memory, "memory", 0, 1, &e), 0);
}

/* --- times and ids -------------------------------------------------------- */

static void
times_and_ids(void **state)
{
	own_json json_t *v = time_json(1700000000123);
	own_json json_t *never = time_json(0);
	char a[VM_ID_LEN + 1], b[VM_ID_LEN + 1];

	(void)state;
	assert_string_equal(json_string_value(v), "2023-11-14T22:13:20.123Z");
	assert_true(json_is_null(never));
	id_new(a);
	id_new(b);
	assert_int_equal(strlen(a), VM_ID_LEN);
	assert_true(a[0] >= 'a' && a[0] <= 'z');
	assert_string_not_equal(a, b);
}

/* --- images --------------------------------------------------------------- */

/* A name another user runs images by is not to be given other contents. */
static void
images_of_others(void **state)
{
	static char name[] = "docker.io/library/web:1";
	static const struct caller other = { .uid = 1001 };
	struct control ctl = { .db = NULL };
	struct image i = { .name = name, .owner = 1000, .client = -1,
	    .status = IMAGE_READY, .control = &ctl };
	own_json json_t *info = json_pack("{s:s,s:s}", "name", name,
	    "digest", "sha256:1");
	struct err e;

	(void)state;
	TAILQ_INIT(&ctl.images);
	TAILQ_INIT(&i.waiters);
	TAILQ_INSERT_TAIL(&ctl.images, &i, entry);
	assert_null(image_imported(&ctl, info, &other, &e));
	assert_string_equal(e.code, "forbidden");
	assert_int_equal(i.status, IMAGE_READY);
	assert_int_equal(i.owner, 1000);
	assert_null(i.next);
}

#define D(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		D(tail_of_lines),
		D(tail_across_blocks),
		D(tail_follows),
		cmocka_unit_test(events_are_json),
		cmocka_unit_test(exit_lines),
		cmocka_unit_test(exec_frames),
		cmocka_unit_test(console_frames),
		cmocka_unit_test(cp_frames),
		cmocka_unit_test(archive),
		cmocka_unit_test(numbers),
		cmocka_unit_test(times_and_ids),
		cmocka_unit_test(images_of_others),
	};

	return unit_run("control_parts", tests);
}
