/* SPDX-License-Identifier: ISC */
/* chapi_server.c - client and server of the Cloud Hypervisor API together */

#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "unit.h"
#include "event_kit.h"
#include "chapi/client.h"
#include "chapi/server.h"
#include "lib/io.h"
#include "os/os.h"

struct world {
	struct event_base	*base;		/* the client's */
	struct event_loop	*loop;		/* the server's */
	struct chapi_server	*server;
	struct chapi_client	*client;
	struct chapi_request	*kept;	/* a request answered later */
	char			 dir[32];
	int			 dirfd;
	/* the last answer */
	int			 answers, status, num;
	char			 text[ERR_TEXT_MAX];
};

static void
handle_ping(struct chapi_request *r, void *arg)
{
	(void)arg;
	chapi_reply(r, json_pack("{s:s}", "version", "1"));
}

static void
handle_create(struct chapi_request *r, void *arg)
{
	own_json json_t *body = NULL;
	struct err e;

	(void)arg;
	if (chapi_request_json(&body, r, &e) == -1)
		chapi_refuse(r, 400, &e);
	else
		chapi_reply(r, NULL);
}

static void
handle_boot(struct chapi_request *r, void *arg)
{
	((struct world *)arg)->kept = r;
}

static const struct chapi_route routes[] = {
	{ "GET", "/api/v1/vmm.ping", handle_ping },
	{ "PUT", "/api/v1/vm.create", handle_create },
	{ "PUT", "/api/v1/vm.boot", handle_boot },
	{ NULL, NULL, NULL },
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e;
	int fd;

	strcpy(w->dir, "/tmp/chapi.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->dirfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->base = event_base_new();
	w->loop = kit_loop();
	fd = os_unix_listen(w->dirfd, "api.sock", 0600, 64, &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(chapi_server_new(&w->server, w->loop, fd, routes, w,
	    &e), 0);
	assert_int_equal(chapi_client_new(&w->client, w->base, w->dirfd, &e),
	    0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	chapi_client_destroy(w->client);
	chapi_server_destroy(w->server);
	event_base_free(w->base);
	event_loop_destroy(w->loop);
	(void)unlinkat(w->dirfd, "api.sock", 0);
	(void)close(w->dirfd);
	(void)rmdir(w->dir);
	free(w);
	return 0;
}

static void
done(void *arg, const struct chapi_answer *a)
{
	struct world *w = arg;

	w->answers++;
	w->status = a->status;
	w->num = a->err != NULL ? a->err->num : 0;
	snprintf(w->text, sizeof(w->text), "%s",
	    a->err != NULL ? a->err->text : "");
}

static void
call(struct world *w, const char *name, json_t *body)
{
	struct chapi_call c = { .name = name, .body = body,
	    .timeout_ms = 20000, .done = done, .arg = w };
	struct err e;

	assert_int_equal(chapi_client_call(w->client, &c, &e), 0);
}

static void
turn_once(struct world *w)
{
	(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	(void)event_loop_turn(w->loop, 1);
}

/* Turn the loops until that many answers came. */
static void
turn(struct world *w, int answers)
{
	while (w->answers < answers)
		turn_once(w);
}

static void
calls(void **state)
{
	struct world *w = *state;
	own_json json_t *body = json_pack("{s:i}", "a", 1);

	call(w, "vmm.ping", NULL);
	turn(w, 1);
	assert_int_equal(w->status, 200);
	call(w, "vm.create", body);
	turn(w, 2);
	assert_int_equal(w->status, 204);
	call(w, "vm.create", NULL);
	turn(w, 3);
	assert_int_equal(w->status, 400);
	assert_string_equal(w->text, "no body");
	call(w, "vm.nothing", NULL);
	turn(w, 4);
	assert_int_equal(w->status, 404);
	assert_string_equal(w->text, "/api/v1/vm.nothing: no such path");
}

static void
answered_later(void **state)
{
	struct world *w = *state;
	struct err e;

	call(w, "vm.boot", NULL);
	while (w->kept == NULL)
		turn_once(w);
	/* Others are served meanwhile. */
	call(w, "vmm.ping", NULL);
	turn(w, 1);
	assert_int_equal(w->status, 200);
	err_set(&e, EIO, "no such luck");
	chapi_refuse(w->kept, 500, &e);
	turn(w, 2);
	assert_int_equal(w->status, 500);
	assert_string_equal(w->text, "no such luck");
}

/* The client is gone before the answer: nothing breaks. */
static void
client_left(void **state)
{
	struct world *w = *state;
	struct err e;

	call(w, "vm.boot", NULL);
	while (w->kept == NULL)
		turn_once(w);
	chapi_client_destroy(w->client);
	w->client = NULL;
	turn_once(w);
	chapi_reply(w->kept, NULL);
	turn_once(w);
	assert_int_equal(w->answers, 0);
	assert_int_equal(chapi_client_new(&w->client, w->base, w->dirfd, &e),
	    0);
}

static void
nobody_there(void **state)
{
	struct world *w = *state;

	chapi_server_destroy(w->server);
	w->server = NULL;
	call(w, "vmm.ping", NULL);
	turn(w, 1);
	assert_int_equal(w->status, 0);
	assert_int_equal(w->num, ECONNREFUSED);
	unlinkat(w->dirfd, "api.sock", 0);
	call(w, "vmm.ping", NULL);
	turn(w, 2);
	assert_int_equal(w->num, ENOENT);
}

/* Many silent connections take nobody's place. */
static void
silent_clients(void **state)
{
	struct world *w = *state;
	int fds[3 * CHAPI_CONNECTIONS_MAX];
	struct err e;

	for (size_t i = 0; i < 3 * CHAPI_CONNECTIONS_MAX; i++) {
		fds[i] = os_unix_connect(w->dirfd, "api.sock", &e);
		assert_int_not_equal(fds[i], -1);
		turn_once(w);
	}
	call(w, "vmm.ping", NULL);
	turn(w, 1);
	assert_int_equal(w->status, 200);
	for (size_t i = 0; i < 3 * CHAPI_CONNECTIONS_MAX; i++)
		close(fds[i]);
}

static size_t
talk(struct world *w, const char *text, size_t len, char *answer, size_t max)
{
	struct err e;
	int fd = os_unix_connect(w->dirfd, "api.sock", &e);
	size_t got = 0;
	ssize_t n;

	assert_int_not_equal(fd, -1);
	(void)send(fd, text, len, MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	for (int i = 0; i < 10; i++)
		turn_once(w);
	fd_nonblock(fd, 1);
	while ((n = recv(fd, answer + got, max - 1 - got, 0)) > 0)
		got += (size_t)n;
	answer[got] = '\0';
	close(fd);
	return got;
}

static void
raw_bytes(void **state)
{
	static const char two[] = "GET /api/v1/vmm.ping HTTP/1.1\r\nHost: a\r\n"
	    "\r\nPOST /api/v1/vmm.ping HTTP/1.1\r\nHost: a\r\n"
	    "Connection: close\r\n\r\n";
	struct world *w = *state;
	char answer[4096], junk[10000];

	talk(w, two, sizeof(two) - 1, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(answer, "{\"version\":\"1\"}HTTP/1.1 405 Method"
	    " Not Allowed\r\nServer: vmd\r\nAllow: GET\r\n"
	    "Connection: close\r\n"));
	for (int i = 0; i < 200; i++) {
		os_random(junk, sizeof(junk));
		talk(w, junk, sizeof(junk), answer, sizeof(answer));
	}
	call(w, "vmm.ping", NULL);
	turn(w, 1);
	assert_int_equal(w->status, 200);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls),
		TEST(answered_later),
		TEST(client_left),
		TEST(nobody_there),
		TEST(silent_clients),
		TEST(raw_bytes),
	};

	return unit_run("chapi_server", tests);
}
