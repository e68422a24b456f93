/* SPDX-License-Identifier: ISC */
/* priv.c - messages, frames and the client of the requests to vmd */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "fake_monitor.h"
#include "lib/io.h"
#include "lib/own.h"
#include "lib/util.h"
#include "priv/client.h"

/* A struct with something in every field, and its bytes. */
static void
start_fill(struct priv_start *m)
{
	priv_init(PRIV_VM_START, m);
	strcpy(m->vm, "web-1");
	m->hypervisor = PRIV_HV_NULL;
	m->accel = PRIV_ACCEL_TCG;
	m->vsock = true;
	m->cid = 3;
	m->nblk = 2;
	m->blk[0].fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	m->blk[1].fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	m->blk[1].readonly = true;
	strcpy(m->blk[1].serial, "12345678901234567890");
	m->blk[1].iops = UINT64_MAX;
	m->blk[1].marked = true;
	m->nnet = 1;
	memcpy(m->net[0].mac, "\x02\0\0\0\0\x01", 6);
	m->net[0].nports = 1;
	strcpy(m->net[0].ports[0].addr, "127.0.0.1");
	m->net[0].ports[0].host = 65535;
	m->net[0].ports[0].udp = true;
}

static void
round_trip(void **state)
{
	static struct priv_start in, out;
	struct wire w;
	struct buf b;
	struct err e;

	(void)state;
	start_fill(&in);
	buf_init(&b, PRIV_BODY_MAX);
	assert_int_equal(priv_encode(&w, &b, PRIV_VM_START, &in, &e), 0);
	assert_int_equal(w.nfds, 2);
	memset(&out, 0x55, sizeof(out));
	assert_int_equal(priv_decode(&out, PRIV_VM_START, b.data, b.len,
	    w.fds, w.nfds, &e), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	priv_close(PRIV_VM_START, &in);
	assert_int_equal(in.blk[0].fd, -1);
	assert_int_equal(fcntl(out.blk[1].fd, F_GETFD), -1);
	buf_fini(&b);
}

/* Every shorter body, one more byte, one descriptor less or more. */
static void
malformed(void **state)
{
	static struct priv_start in, out;
	struct wire w;
	struct buf b;
	struct err e;

	(void)state;
	start_fill(&in);
	buf_init(&b, PRIV_BODY_MAX);
	assert_int_equal(priv_encode(&w, &b, PRIV_VM_START, &in, &e), 0);
	for (size_t n = 0; n < b.len; n++) {
		assert_int_equal(priv_decode(&out, PRIV_VM_START, b.data, n,
		    w.fds, w.nfds, &e), -1);
		assert_int_equal(out.blk[0].fd, -1);
		assert_int_equal(out.nblk, 0);
	}
	assert_int_equal(buf_put(&b, "", 1), 0);
	assert_int_equal(priv_decode(&out, PRIV_VM_START, b.data, b.len,
	    w.fds, w.nfds, &e), -1);
	assert_int_equal(priv_decode(&out, PRIV_VM_START, b.data, b.len - 1,
	    w.fds, w.nfds - 1, &e), -1);
	assert_int_equal(priv_decode(&out, PRIV_VM_START, b.data, b.len - 1,
	    w.fds, w.nfds + 1, &e), -1);
	assert_int_equal(priv_decode(&out, 40, b.data, 0, NULL, 0, &e), -1);
	assert_int_equal(priv_decode(&out, 1000, b.data, 0, NULL, 0, &e), -1);
	/* The empty id, then an unknown hypervisor. */
	assert_int_equal(priv_decode(&out, PRIV_VM_START, "\0\0\xff", 3, NULL,
	    0, &e), -1);
	/* NUL inside a string. */
	assert_int_equal(priv_decode(&out, PRIV_DIR_MAKE, "\1\0\0", 3, NULL,
	    0, &e), -1);
	priv_close(PRIV_VM_START, &in);
	buf_fini(&b);
}

static void
ids(void **state)
{
	static const char *const bad[] = { "", "-a", "A", "a/b", "..", "a.b",
	    "a b" };
	char full[PRIV_ID_MAX + 1];

	(void)state;
	assert_true(priv_id_valid("tz4a98xxat96iws9zmbrgj3a"));
	assert_true(priv_id_valid("0-"));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(priv_id_valid(bad[i]));
	memset(full, 'a', sizeof(full));
	full[PRIV_ID_MAX] = '\0';
	assert_false(priv_id_valid(full));
	full[PRIV_ID_MAX - 1] = '\0';
	assert_true(priv_id_valid(full));
}

static void
errors(void **state)
{
	struct priv_error m;
	struct err in, out;

	(void)state;
	(void)err_api(&in, EADDRINUSE, "port_in_use", "net0: port 80");
	priv_error_from(&m, &in);
	priv_error_to(&out, &m);
	assert_int_equal(out.num, EADDRINUSE);
	assert_string_equal(out.code, "port_in_use");
	assert_string_equal(out.text, "net0: port 80");
	strcpy(m.code, "made_up");
	m.num = 0;
	priv_error_to(&out, &m);
	assert_null(out.code);
	assert_int_equal(out.num, EIO);
}

/* --- the client against the fake ------------------------------------------ */

struct world {
	struct event_base	*base;
	struct fake_monitor	 fake;
	struct priv_client	*client;
	char			 dir[64];
	int			 dirfd;
	char			 log[512];	/* what was called, in words */
	int			 fd;
};

static void
note(struct world *w, const char *what)
{
	strncat(w->log, what, sizeof(w->log) - strlen(w->log) - 1);
	strncat(w->log, " ", sizeof(w->log) - strlen(w->log) - 1);
}

static void
on_ended(void *arg, const struct priv_ended *m)
{
	note(arg, m->name);
}

static void
on_gone(void *arg, const char *vm)
{
	(void)vm;
	note(arg, "gone");
}

static void
on_job_ended(void *arg, uint32_t job, int status)
{
	(void)job;
	note(arg, status == 0 ? "job-ok" : "job-failed");
}

static void
on_reload(void *arg)
{
	note(arg, "reload");
}

static void
on_closed(void *arg, const struct err *why)
{
	note(arg, why == NULL ? "closed" : "closed-with-reason");
}

static void
on_done(void *arg, const struct err *e)
{
	note(arg, e == NULL ? "done" : e->num == EPIPE ? "pipe" :
	    e->num == EAGAIN ? "again" : "error");
}

static void
on_fd(void *arg, int fd, const struct err *e)
{
	struct world *w = arg;

	note(w, e == NULL ? "fd" : e->code);
	if (w->fd != -1)
		(void)close(w->fd);
	w->fd = fd;
}

static void
on_vm(void *arg, const struct priv_vm *v, bool more, const struct err *e)
{
	note(arg, e != NULL ? e->code : v == NULL ? "end" : v->vm);
	if (more)
		note(arg, "+");
}

static void
on_setup(void *arg, struct priv_setup *s, const struct err *e)
{
	struct world *w = arg;

	note(w, e == NULL ? s->hypervisor : "error");
	w->fd = take_fd(&s->api);
}

static void
on_job(void *arg, struct priv_job_started *j, const struct err *e)
{
	(void)j;	/* its pipe is left to be closed */
	note(arg, e == NULL ? "job" : "error");
}

static int
world_up(void **state)
{
	static const struct priv_events events = { on_ended, on_gone,
	    on_job_ended, on_reload, on_closed };
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.fd = -1;
	strcpy(w.dir, "/tmp/priv.XXXXXX");
	if (mkdtemp(w.dir) == NULL)
		return -1;
	w.dirfd = open(w.dir, O_DIRECTORY | O_CLOEXEC);
	w.base = event_base_new();
	fake_monitor_init(&w.fake, w.base, w.dirfd);
	if (priv_client_new(&w.client, w.base, w.fake.client_fd, &events, &w,
	    NULL) == -1)
		return -1;
	*state = &w;
	return 0;
}

static int
world_down(void **state)
{
	struct world *w = *state;

	priv_client_destroy(w->client);
	fake_monitor_fini(&w->fake);
	event_base_free(w->base);
	if (w->fd != -1)
		(void)close(w->fd);
	(void)unlinkat(w->dirfd, "web", AT_REMOVEDIR);
	(void)close(w->dirfd);
	(void)rmdir(w->dir);
	return 0;
}

/* Run until the loop has nothing to do at once. */
static void
world_run(struct world *w, const char *expect)
{
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_string_equal(w->log, expect);
	w->log[0] = '\0';
}

static void
calls(void **state)
{
	static struct priv_start start;
	struct world *w = *state;
	struct priv_job job;

	strcpy(w->fake.setup.hypervisor, "null");
	w->fake.setup.api = open("/dev/null", O_RDONLY | O_CLOEXEC);
	priv_setup(w->client, on_setup, w);
	assert_string_equal(w->log, "");	/* never from within */
	world_run(w, "null ");
	assert_int_not_equal(w->fd, -1);
	priv_dir_make(w->client, "web", on_fd, w);
	priv_dir_make(w->client, "web", on_fd, w);
	world_run(w, "fd already_exists ");
	start_fill(&start);
	priv_vm_start(w->client, &start, on_vm, w);
	assert_int_equal(start.blk[0].fd, -1);
	world_run(w, "web-1 ");
	assert_string_equal(w->fake.last_start.net[0].ports[0].addr,
	    "127.0.0.1");
	priv_vm_list(w->client, on_vm, w);
	world_run(w, "web-1 + end ");
	priv_vm_kill(w->client, "web-1", true, on_done, w);
	world_run(w, "done vmm disk0 disk1 net0 vsock0 gone ");
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_PULL;
	priv_job_start(w->client, &job, on_job, w);
	world_run(w, "job ");
	fake_monitor_job_end(&w->fake, 256);
	world_run(w, "job-failed ");
	w->fake.refuse = PRIV_VM_START;
	start_fill(&start);
	priv_vm_start(w->client, &start, on_vm, w);
	world_run(w, "start_failed ");
}

static void
vmd_goes(void **state)
{
	struct world *w = *state;

	priv_serving(w->client, on_done, w);
	priv_vm_list(w->client, on_vm, w);
	(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	w->log[0] = '\0';
	priv_serving(w->client, on_done, w);
	fake_monitor_fini(&w->fake);
	world_run(w, "pipe closed ");
	priv_serving(w->client, on_done, w);
	assert_string_equal(w->log, "");
	world_run(w, "pipe ");
}

/* More calls than may be open, more bytes than a socket holds. */
static void
many(void **state)
{
	struct world *w = *state;
	char *ends;

	for (int i = 0; i < PRIV_CALLS_MAX; i++)
		priv_dir_open(w->client, "none", on_fd, w);
	priv_serving(w->client, on_done, w);
	w->log[0] = '\0';
	for (int i = 0; i < 20000; i++)
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_int_equal(w->fake.asked[PRIV_DIR_OPEN], PRIV_CALLS_MAX);
	assert_int_equal(w->fake.asked[PRIV_SERVING], 0);
	ends = w->log;
	assert_non_null(strstr(ends, "again"));
}

static void
destroys_itself(void *arg, const struct err *e)
{
	struct world *w = arg;

	note(w, e == NULL ? "done" : "error");
	priv_client_destroy(w->client);
	w->client = NULL;
}

static void
destroy_inside(void **state)
{
	struct world *w = *state;

	priv_serving(w->client, destroys_itself, w);
	priv_serving(w->client, on_done, w);
	world_run(w, "done ");
}

/* Bytes that are no frames end the channel and nothing else. */
static void
garbage(void **state)
{
	struct world *w = *state;
	uint8_t noise[4096];
	int s[2];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 197 + 13);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    s), 0);
	priv_client_destroy(w->client);
	static const struct priv_events events = { on_ended, on_gone,
	    on_job_ended, on_reload, on_closed };
	assert_int_equal(priv_client_new(&w->client, w->base, s[0], &events,
	    w, NULL), 0);
	priv_serving(w->client, on_done, w);
	assert_int_equal(write_full(s[1], noise, sizeof(noise)), 0);
	world_run(w, "error closed-with-reason ");
	(void)close(s[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(malformed),
		cmocka_unit_test(ids),
		cmocka_unit_test(errors),
		cmocka_unit_test_setup_teardown(calls, world_up, world_down),
		cmocka_unit_test_setup_teardown(vmd_goes, world_up,
		    world_down),
		cmocka_unit_test_setup_teardown(many, world_up, world_down),
		cmocka_unit_test_setup_teardown(destroy_inside, world_up,
		    world_down),
		cmocka_unit_test_setup_teardown(garbage, world_up,
		    world_down),
	};

	return unit_run("priv", tests);
}
