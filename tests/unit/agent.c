/* SPDX-License-Identifier: ISC */
/* The agent and its client, joined by a socketpair. */

#include "unit.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <event2/event.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "agent/client.h"
#include "guest/agent.h"
#include "lib/buf.h"
#include "lib/own.h"

#define OUT_MAX	(64U << 20)

/* One session: both sides, and what the client was told. */
struct talk {
	struct event_base	*base;
	struct agent_session	*s;
	pid_t			 server;
	int			 stop_fd;	/* where SHUTDOWN is told */
	struct guest_config		 config;
	char			 user[16];
	struct buf		 out, err, tree;
	bool			 done, started;
	struct agent_result	 r;
	struct err		 why;
	char			 signal[16];
	size_t			 nifs, writable;
	void			(*on_started)(struct talk *);
	void			(*on_output)(struct talk *);
	void			(*on_writable)(struct talk *);
	uint64_t		 to_send;
};

static void
started(void *arg, uint32_t pid)
{
	struct talk *t = arg;

	assert_true(pid > 1);
	t->started = true;
	if (t->on_started != NULL)
		t->on_started(t);
}

static void
output(void *arg, enum agent_stream stream, const void *p, size_t len)
{
	struct talk *t = arg;

	assert_int_equal(buf_put(stream == AGENT_STREAM_STDOUT ? &t->out :
	    &t->err, p, len), 0);
	if (t->on_output != NULL)
		t->on_output(t);
}

static void
writable(void *arg)
{
	struct talk *t = arg;

	t->writable++;
	if (t->on_writable != NULL)
		t->on_writable(t);
}

static void
entry(void *arg, const struct agent_entry *n)
{
	struct talk *t = arg;

	assert_int_equal(buf_printf(&t->tree, "%d %s %o %lld %llu %s\n",
	    n->kind, n->path, (unsigned)n->mode, (long long)n->mtime_ns,
	    (unsigned long long)n->size, n->link == NULL ? "-" : n->link), 0);
}

static void
data(void *arg, const void *p, size_t len)
{
	struct talk *t = arg;

	(void)p;
	assert_int_equal(buf_printf(&t->tree, "data %zu\n", len), 0);
}

static void
hole(void *arg, uint64_t len)
{
	struct talk *t = arg;

	assert_int_equal(buf_printf(&t->tree, "hole %llu\n",
	    (unsigned long long)len), 0);
}

static void
done(void *arg, const struct agent_result *r)
{
	struct talk *t = arg;

	assert_false(t->done);
	t->done = true;
	t->r = *r;
	t->nifs = r->nifs;
	if (r->err != NULL)
		t->why = *r->err;
	if (r->signal != NULL)
		(void)snprintf(t->signal, sizeof(t->signal), "%s", r->signal);
	(void)event_base_loopbreak(t->base);
}

static const struct agent_handler handler = {
	.started = started,
	.output = output,
	.writable = writable,
	.entry = entry,
	.data = data,
	.hole = hole,
	.done = done,
};

static void
talk_begin(struct talk *t)
{
	int pair[2], stop[2];

	memset(t, 0, sizeof(*t));
	buf_init(&t->out, OUT_MAX);
	buf_init(&t->err, OUT_MAX);
	buf_init(&t->tree, OUT_MAX);
	guest_config_init(&t->config);
	(void)snprintf(t->user, sizeof(t->user), "%u", (unsigned)getuid());
	t->config.user = t->user;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    pair), 0);
	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	fflush(NULL);
	t->server = fork();
	assert_int_not_equal(t->server, -1);
	if (t->server == 0) {
		struct agent a = { &t->config, stop[1] };

		(void)close(pair[0]);
		(void)close(stop[0]);
		agent_serve(&a, pair[1]);
		_exit(0);
	}
	(void)close(pair[1]);
	(void)close(stop[1]);
	t->stop_fd = stop[0];
	t->base = event_base_new();
	assert_non_null(t->base);
	assert_int_equal(agent_open(&t->s, t->base, &handler, t, NULL), 0);
	assert_int_equal(agent_attach(t->s, pair[0], 0, NULL), 0);
}

static void
talk_end(struct talk *t)
{
	int status;

	agent_close(t->s);
	assert_int_equal(waitpid(t->server, &status, 0), t->server);
	assert_int_equal(status, 0);
	event_base_free(t->base);
	(void)close(t->stop_fd);
	buf_fini(&t->out);
	buf_fini(&t->err);
	buf_fini(&t->tree);
}

static void
talk_run(struct talk *t)
{
	while (!t->done)
		assert_int_not_equal(event_base_loop(t->base, EVLOOP_ONCE),
		    -1);
}

#define WORDS(...)	((const char *const[]){ __VA_ARGS__, NULL })
#define SH(text)	WORDS("sh", "-c", text)

static void
run_exec(struct talk *t, struct agent_exec x)
{
	struct err e;

	talk_begin(t);
	assert_int_equal(agent_exec(t->s, &x, &e), 0);
	talk_run(t);
}

#define EXEC(t, ...)	run_exec(t, (struct agent_exec){ __VA_ARGS__ })

/* --- exec ----------------------------------------------------------------- */

static void
test_exit_codes(void **state)
{
	struct talk t;

	(void)state;
	EXEC(&t, .argv = WORDS("true"));
	assert_null(t.r.err);
	assert_true(t.started);
	assert_int_equal(t.r.exit_code, 0);
	talk_end(&t);

	EXEC(&t, .argv = SH("exit 3"));
	assert_int_equal(t.r.exit_code, 3);
	talk_end(&t);

	EXEC(&t, .argv = SH("kill -USR1 $$"));
	assert_int_equal(t.r.exit_code, 128 + SIGUSR1);
	assert_string_equal(t.signal, "USR1");
	talk_end(&t);
}

static void
test_streams(void **state)
{
	struct talk t;

	(void)state;
	EXEC(&t, .argv = SH("echo out; echo err >&2; printf 'a\\0b'"));
	assert_int_equal(t.out.len, 7);
	assert_memory_equal(t.out.data, "out\na\0b", 7);
	assert_int_equal(t.err.len, 4);
	assert_memory_equal(t.err.data, "err\n", 4);
	talk_end(&t);
}

static void
test_surroundings(void **state)
{
	struct talk t;

	(void)state;
	EXEC(&t, .argv = SH("echo \"$A|$B|$HOME|$PATH|$PWD\""),
	    .env = WORDS("A=1", "B=x=y", "A=2", "PATH=/bin:/usr/bin"),
	    .cwd = "/usr");
	assert_non_null(strstr((char *)t.out.data, "2|x=y|"));
	assert_non_null(strstr((char *)t.out.data, "|/bin:/usr/bin|/usr\n"));
	talk_end(&t);

	/* A command that forks is not held up by what it leaves behind. */
	EXEC(&t, .argv = SH("echo a; exec 2>/dev/null; yes >&1 & exit 0"));
	assert_null(t.r.err);
	assert_int_equal(t.r.exit_code, 0);
	talk_end(&t);
}

static void
test_refused(void **state)
{
	struct talk t;

	(void)state;
	EXEC(&t, .argv = WORDS("/no/such/program"));
	assert_non_null(t.r.err);
	assert_string_equal(t.why.code, "not_found");
	assert_non_null(strstr(t.why.text, "/no/such/program"));
	assert_false(t.started);
	talk_end(&t);

	EXEC(&t, .argv = WORDS("/etc/passwd"));
	assert_string_equal(t.why.code, "permission_denied");
	talk_end(&t);

	EXEC(&t, .argv = WORDS("true"), .user = "nosuchuser");
	assert_string_equal(t.why.code, "no_such_user");
	talk_end(&t);

	EXEC(&t, .argv = WORDS(""));
	assert_string_equal(t.why.code, "bad_request");
	talk_end(&t);

	EXEC(&t, .argv = WORDS("true"), .env = WORDS("NOVALUE"));
	assert_string_equal(t.why.code, "bad_request");
	talk_end(&t);

	EXEC(&t, .argv = WORDS("true"), .cwd = "relative");
	assert_string_equal(t.why.code, "bad_request");
	talk_end(&t);
}

/* Bytes whose value is their place, so that loss and order show. */
static void
fill(uint8_t *p, size_t len, uint64_t at)
{
	for (size_t i = 0; i < len; i++, at++)
		p[i] = (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

#define BULK	(16U << 20)

static void
send_bulk(struct talk *t)
{
	static uint8_t piece[AGENT_DATA_MAX];
	struct err e;
	size_t n;

	while (t->to_send != 0) {
		n = t->to_send < sizeof(piece) ? (size_t)t->to_send :
		    sizeof(piece);
		fill(piece, n, BULK - t->to_send);
		if (agent_stdin(t->s, piece, n, &e) == -1) {
			assert_int_equal(e.num, EAGAIN);
			return;
		}
		t->to_send -= n;
	}
	t->on_writable = NULL;
	assert_int_equal(agent_stdin_eof(t->s, &e), 0);
}

static void
test_bulk(void **state)
{
	uint8_t *want = malloc(BULK);
	struct talk t;
	struct err e;

	(void)state;
	talk_begin(&t);
	t.to_send = BULK;
	t.on_writable = send_bulk;
	assert_int_equal(agent_exec(t.s, &(struct agent_exec){
	    .argv = WORDS("cat") }, &e), 0);
	send_bulk(&t);
	assert_int_not_equal(t.to_send, 0);
	talk_run(&t);
	assert_null(t.r.err);
	assert_int_equal(t.r.exit_code, 0);
	assert_int_equal(t.out.len, BULK);
	fill(want, BULK, 0);
	assert_memory_equal(t.out.data, want, BULK);
	free(want);
	talk_end(&t);
}

/* A command that does not read leaves room for signals. */
static void
stop_it(struct talk *t)
{
	static const uint8_t zeros[AGENT_DATA_MAX];
	struct err e;

	while (agent_stdin(t->s, zeros, sizeof(zeros), &e) == 0)
		;
	assert_int_equal(e.num, EAGAIN);
	assert_int_equal(agent_signal(t->s, "SIGTERM", &e), 0);
}

static void
test_signal_behind_stdin(void **state)
{
	struct talk t;
	struct err e;

	(void)state;
	talk_begin(&t);
	t.on_started = stop_it;
	assert_int_equal(agent_exec(t.s, &(struct agent_exec){
	    .argv = WORDS("sleep", "1000") }, &e), 0);
	talk_run(&t);
	assert_int_equal(t.r.exit_code, 128 + SIGTERM);
	assert_string_equal(t.signal, "TERM");
	talk_end(&t);
}

static void
test_pause(void **state)
{
	struct talk t;
	struct err e;

	(void)state;
	talk_begin(&t);
	assert_int_equal(agent_exec(t.s, &(struct agent_exec){
	    .argv = SH("head -c 20000000 /dev/zero") }, &e), 0);
	agent_pause(t.s);
	for (int i = 0; i < 200; i++)
		(void)event_base_loop(t.base, EVLOOP_NONBLOCK);
	assert_int_equal(t.out.len, 0);
	assert_false(t.done);
	agent_resume(t.s);
	talk_run(&t);
	assert_int_equal(t.out.len, 20000000);
	talk_end(&t);
}

static void
test_timeout(void **state)
{
	struct talk t;

	(void)state;
	EXEC(&t, .argv = SH("trap '' TERM; sleep 1000"), .timeout_ms = 20);
	assert_true(t.r.timed_out);
	assert_int_equal(t.r.exit_code, 124);
	talk_end(&t);
}

/* --- terminal ------------------------------------------------------------- */

static void
resize_it(struct talk *t)
{
	if (strstr((char *)t->out.data, "ready") == NULL)
		return;
	t->on_output = NULL;
	assert_int_equal(agent_resize(t->s, 41, 99, NULL), 0);
	assert_int_equal(agent_stdin(t->s, "\n", 1, NULL), 0);
}

static void
test_terminal(void **state)
{
	struct talk t;
	struct err e;

	(void)state;
	talk_begin(&t);
	assert_int_equal(agent_exec(t.s, &(struct agent_exec){
	    .argv = SH("test -t 0 && test -t 2 && stty size; cat; echo end"),
	    .tty = true, .rows = 10, .cols = 20 }, &e), 0);
	assert_int_equal(agent_stdin_eof(t.s, &e), 0);
	talk_run(&t);
	assert_int_equal(t.r.exit_code, 0);
	assert_non_null(strstr((char *)t.out.data, "10 20\r\n"));
	assert_non_null(strstr((char *)t.out.data, "end\r\n"));
	talk_end(&t);

	talk_begin(&t);
	t.on_output = resize_it;
	assert_int_equal(agent_exec(t.s, &(struct agent_exec){
	    .argv = SH("echo ready; read x; stty size; echo $TERM"),
	    .tty = true }, &e), 0);
	talk_run(&t);
	assert_non_null(strstr((char *)t.out.data, "41 99\r\n"));
	assert_non_null(strstr((char *)t.out.data, "xterm-256color\r\n"));
	talk_end(&t);
}

static void
interrupt_it(struct talk *t)
{
	if (strstr((char *)t->out.data, "ready") == NULL)
		return;
	t->on_output = NULL;
	/* Typed, as a person does it. */
	assert_int_equal(agent_stdin(t->s, "\003", 1, NULL), 0);
}

static void
test_terminal_interrupt(void **state)
{
	struct talk t;
	struct err e;

	(void)state;
	talk_begin(&t);
	t.on_output = interrupt_it;
	assert_int_equal(agent_exec(t.s, &(struct agent_exec){
	    .argv = SH("echo ready; exec sleep 1000"), .tty = true }, &e), 0);
	talk_run(&t);
	assert_string_equal(t.signal, "INT");
	talk_end(&t);
}

/* --- the client goes away ------------------------------------------------- */

static void
leave_it(struct talk *t)
{
	if (memchr(t->out.data, '\n', t->out.len) != NULL)
		(void)event_base_loopbreak(t->base);
}

static void
test_killed_with_client(void **state)
{
	struct talk t;
	struct err e;
	int pid;

	(void)state;
	talk_begin(&t);
	t.on_output = leave_it;
	/* In a session of its own, its parent gone, deaf to signals. */
	assert_int_equal(agent_exec(t.s, &(struct agent_exec){ .argv =
	    SH("(trap '' HUP TERM; setsid sleep 1000 >/dev/null 2>&1 & "
	    "echo $!); sleep 1000") }, &e), 0);
	(void)event_base_dispatch(t.base);
	assert_int_equal(sscanf((char *)t.out.data, "%d", &pid), 1);
	assert_int_equal(kill(pid, 0), 0);
	talk_end(&t);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void
test_detached(void **state)
{
	struct talk t;

	(void)state;
	EXEC(&t, .argv = SH("exit 0"), .detach = true);
	assert_null(t.r.err);
	assert_true(t.started);
	talk_end(&t);
}

/* --- copies --------------------------------------------------------------- */

static void
dir_make(char path[static 64])
{
	strcpy(path, "/tmp/vmd-unit-agent-XXXXXX");
	assert_non_null(mkdtemp(path));
}

static void
dir_remove(const char *path)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "rm -rf %s", path);
	assert_int_equal(system(command), 0);
}

static void
put(struct talk *t, const char *path, enum agent_kind kind, const char *link,
    uint64_t size)
{
	struct agent_entry n = {
		.path = path, .kind = kind, .link = link, .size = size,
		.mode = kind == AGENT_KIND_DIR ? 0750 : 0640,
		.uid = getuid(), .gid = getgid(),
		.mtime_ns = 1000000000123456789, .has_mtime = true,
	};

	assert_int_equal(agent_put_entry(t->s, &n, NULL), 0);
}

static void
put_tree(const char *to)
{
	struct talk t;
	struct err e;

	talk_begin(&t);
	assert_int_equal(agent_put(t.s, to, false, &e), 0);
	put(&t, ".", AGENT_KIND_DIR, NULL, 0);
	put(&t, "d", AGENT_KIND_DIR, NULL, 0);
	put(&t, "d/sparse", AGENT_KIND_FILE, NULL, (8U << 20) + 5);
	assert_int_equal(agent_put_data(t.s, "x", 1, &e), 0);
	assert_int_equal(agent_put_hole(t.s, (8U << 20) - 1, &e), 0);
	assert_int_equal(agent_put_data(t.s, "abcde", 5, &e), 0);
	put(&t, "d/tail", AGENT_KIND_FILE, NULL, 1U << 20);
	assert_int_equal(agent_put_hole(t.s, 1U << 20, &e), 0);
	put(&t, "d/empty", AGENT_KIND_FILE, NULL, 0);
	put(&t, "hard", AGENT_KIND_HARDLINK, "d/sparse", 0);
	put(&t, "hard", AGENT_KIND_HARDLINK, "d/sparse", 0);
	put(&t, "soft", AGENT_KIND_SYMLINK, "/nowhere/at all", 0);
	put(&t, "pipe", AGENT_KIND_FIFO, NULL, 0);
	put(&t, "d", AGENT_KIND_DIR, NULL, 0);
	put(&t, ".", AGENT_KIND_DIR, NULL, 0);
	assert_int_equal(agent_put_end(t.s, &e), 0);
	talk_run(&t);
	assert_null(t.r.err);
	assert_int_equal(t.r.bytes, (8U << 20) + 5 + (1U << 20));
	assert_int_equal(t.r.entries, 11);
	talk_end(&t);
}

static void
test_put_tree(void **state)
{
	char dir[64], path[128];
	struct stat a, b;
	int fd;

	(void)state;
	dir_make(dir);
	(void)snprintf(path, sizeof(path), "%s/to", dir);
	put_tree(path);
	put_tree(path);		/* and again, over itself */
	assert_int_equal(lstat(path, &a), 0);
	assert_int_equal(a.st_mode, S_IFDIR | 0750);
	assert_int_equal(a.st_mtim.tv_sec, 1000000000);
	assert_int_equal(a.st_mtim.tv_nsec, 123456789);
	(void)snprintf(path, sizeof(path), "%s/to/d/sparse", dir);
	assert_int_equal(lstat(path, &a), 0);
	assert_int_equal(a.st_size, (8U << 20) + 5);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(unit_data_bytes(fd) < 1 << 20);
	(void)close(fd);
	assert_int_equal(a.st_mode, S_IFREG | 0640);
	assert_int_equal(a.st_nlink, 2);
	(void)snprintf(path, sizeof(path), "%s/to/hard", dir);
	assert_int_equal(lstat(path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	(void)snprintf(path, sizeof(path), "%s/to/pipe", dir);
	assert_int_equal(lstat(path, &b), 0);
	assert_true(S_ISFIFO(b.st_mode));
	(void)snprintf(path, sizeof(path),
	    "test -z \"$(find %s -name '.vmd-copy-*')\"", dir);
	assert_int_equal(system(path), 0);
	dir_remove(dir);
}

/* What is sent is what lies there, holes and links and all. */
static void
test_get_tree(void **state)
{
	char dir[64], path[128];
	struct talk t;
	struct err e;

	(void)state;
	dir_make(dir);
	(void)snprintf(path, sizeof(path), "%s/to", dir);
	put_tree(path);
	talk_begin(&t);
	assert_int_equal(agent_get(t.s, path, false, &e), 0);
	talk_run(&t);
	assert_null(t.r.err);
	assert_int_equal(t.r.entries, 8);
	assert_memory_equal(t.tree.data, "1 . 750 1000000000123456789 0 -\n",
	    32);
	assert_non_null(strstr((char *)t.tree.data,
	    " 640 1000000000123456789 8388613 -\ndata 4096\n"
	    "hole 8384512\ndata 5\n"));
	assert_non_null(strstr((char *)t.tree.data,
	    "d/tail 640 1000000000123456789 1048576 -\nhole 1048576\n"));
	assert_non_null(strstr((char *)t.tree.data, "2 soft "));
	assert_non_null(strstr((char *)t.tree.data, " /nowhere/at all\n"));
	assert_non_null(strstr((char *)t.tree.data, "4 pipe 640 "));
	/* One of the two names, whichever came second. */
	assert_true((strstr((char *)t.tree.data, "3 hard ") != NULL) !=
	    (strstr((char *)t.tree.data, "3 d/sparse ") != NULL));
	talk_end(&t);

	(void)snprintf(path, sizeof(path), "%s/none", dir);
	talk_begin(&t);
	assert_int_equal(agent_get(t.s, path, true, &e), 0);
	talk_run(&t);
	assert_string_equal(t.why.code, "not_found");
	talk_end(&t);
	dir_remove(dir);
}

/* The error, or NULL, of a PUT of a symlink or file and one entry more. */
static const char *
put_attack(const char *to, const char *link, const char *path,
    enum agent_kind kind, const char *target)
{
	static char code[32];
	struct talk t;
	struct err e;

	talk_begin(&t);
	assert_int_equal(agent_put(t.s, to, false, &e), 0);
	put(&t, ".", AGENT_KIND_DIR, NULL, 0);
	if (link != NULL)
		put(&t, "a", AGENT_KIND_SYMLINK, link, 0);
	put(&t, path, kind, target, 0);
	assert_int_equal(agent_put_end(t.s, &e), 0);
	talk_run(&t);
	(void)snprintf(code, sizeof(code), "%s",
	    t.r.err == NULL ? "" : t.why.code);
	talk_end(&t);
	return code;
}

static void
test_put_escapes(void **state)
{
	static const char *const paths[] = { "../x", "/x", "d/../../x", "",
	    "a//b", "a/", "./a", "d/.", ".." };
	char dir[64], in[128], out[128];

	(void)state;
	dir_make(dir);
	(void)snprintf(in, sizeof(in), "%s/in", dir);
	(void)snprintf(out, sizeof(out), "%s/out", dir);
	assert_int_equal(mkdir(out, 0700), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_string_equal(put_attack(in, NULL, paths[i],
		    AGENT_KIND_FILE, NULL), "bad_path");
	assert_string_equal(put_attack(in, "../out", "a/x", AGENT_KIND_FILE,
	    NULL), "bad_path");
	assert_string_equal(put_attack(in, out, "a/x", AGENT_KIND_FILE,
	    NULL), "bad_path");
	assert_string_equal(put_attack(in, out, "a", AGENT_KIND_DIR, NULL),
	    "exists");
	assert_string_equal(put_attack(in, NULL, "b", AGENT_KIND_HARDLINK,
	    "../out"), "bad_path");
	assert_string_equal(put_attack(in, out, "b", AGENT_KIND_HARDLINK,
	    "a/x"), "bad_path");
	/* A file in the link's place replaces the link. */
	assert_string_equal(put_attack(in, out, "a", AGENT_KIND_FILE, NULL),
	    "");
	assert_int_equal(rmdir(out), 0);
	dir_remove(dir);
}

/* A client that leaves in the middle leaves what was there. */
static void
test_put_cut_off(void **state)
{
	char dir[64], path[128];
	struct talk t;
	struct stat st;

	(void)state;
	dir_make(dir);
	(void)snprintf(path, sizeof(path), "%s/f", dir);
	talk_begin(&t);
	assert_int_equal(agent_put(t.s, path, false, NULL), 0);
	put(&t, ".", AGENT_KIND_FILE, NULL, 100);
	assert_int_equal(agent_put_data(t.s, "abc", 3, NULL), 0);
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(t.base, EVLOOP_NONBLOCK);
	talk_end(&t);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(rmdir(dir), 0);
}

/* --- the rest ------------------------------------------------------------- */

static void
test_stat(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t);
	assert_int_equal(agent_stat(t.s, "/proc/self/exe", false, NULL), 0);
	talk_run(&t);
	assert_null(t.r.err);
	assert_memory_equal(t.tree.data, "2 /proc/self/exe 777 ", 21);
	talk_end(&t);

	talk_begin(&t);
	assert_int_equal(agent_stat(t.s, "/no/such", true, NULL), 0);
	talk_run(&t);
	assert_string_equal(t.why.code, "not_found");
	assert_int_equal(t.why.num, ENOENT);
	talk_end(&t);
}

static void
test_addrs(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t);
	assert_int_equal(agent_addrs(t.s, NULL), 0);
	talk_run(&t);
	assert_null(t.r.err);
	assert_true(t.nifs >= 1);
	talk_end(&t);
}

static void
test_shutdown(void **state)
{
	struct agent_stop stop;
	struct talk t;

	(void)state;
	talk_begin(&t);
	assert_int_equal(agent_shutdown(t.s, "INT", 1500, NULL), 0);
	talk_run(&t);
	assert_null(t.r.err);
	/* The answer has come before anything is done. */
	agent_close(take(&t.s));
	assert_int_equal(read(t.stop_fd, &stop, sizeof(stop)), sizeof(stop));
	assert_int_equal(stop.signal, SIGINT);
	assert_int_equal(stop.grace_ms, 1500);
	talk_end(&t);

	talk_begin(&t);
	assert_int_equal(agent_shutdown(t.s, "NOSUCH", -1, NULL), 0);
	talk_run(&t);
	assert_non_null(t.r.err);
	talk_end(&t);
}

/* What is refused before anything of this host is changed. */
static void
test_identity(void **state)
{
	static const struct agent_identity bad[] = {
		{ .hostname = "two words" },
		{ .hostname = "" },
		{ .mac = "01:00:00:00:00:00" },
		{ .mac = "02:00:00:00:00" },
		{ .mac = "02:00:00:00:00:00x" },
		{ .machine_id = "0123" },
		{ .machine_id = "0123456789ABCDEF0123456789ABCDEF" },
		{ .seed = "123" },
		{ .seed = "zz" },
	};
	const struct agent_identity nothing = { 0 };
	struct talk t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		talk_begin(&t);
		assert_int_equal(agent_identity(t.s, &bad[i], NULL), 0);
		talk_run(&t);
		assert_non_null(t.r.err);
		talk_end(&t);
	}
	talk_begin(&t);
	assert_int_equal(agent_identity(t.s, &nothing, NULL), 0);
	talk_run(&t);
	assert_null(t.r.err);
	talk_end(&t);
}

static void
test_ping(void **state)
{
	struct talk t;

	(void)state;
	talk_begin(&t);
	assert_int_equal(agent_ping(t.s, NULL), 0);
	talk_run(&t);
	assert_null(t.r.err);
	assert_int_equal(agent_ping(t.s, NULL), -1);
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_signal_behind_stdin),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_terminal_interrupt),
		cmocka_unit_test(test_killed_with_client),
		cmocka_unit_test(test_detached),
		cmocka_unit_test(test_put_tree),
		cmocka_unit_test(test_get_tree),
		cmocka_unit_test(test_put_escapes),
		cmocka_unit_test(test_put_cut_off),
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_addrs),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_ping),
	};

	return unit_run("agent", tests);
}
