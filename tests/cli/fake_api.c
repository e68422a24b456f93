/* SPDX-License-Identifier: ISC */
/* fake_api.c - HTTP of the control API for tests; see fake.h */

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "fake.h"

#define ROUTES_MAX	256
#define FILE_MAX	(64U << 20)

static struct route {
	char	method[16], path[256], status[16], *body;
	int	used;
} routes[ROUTES_MAX];
static size_t nroutes;
static int stops;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const char *fake_dir;

void
fake_log(const char *what, const char *path, const char *text)
{
	char name[512];
	FILE *f;

	(void)snprintf(name, sizeof(name), "%s/log", fake_dir);
	pthread_mutex_lock(&lock);
	f = fopen(name, "a");
	if (f != NULL) {
		(void)fprintf(f, "%s %s %s\n", what, path, text);
		(void)fclose(f);
	}
	pthread_mutex_unlock(&lock);
}

static void
read_routes(void)
{
	char name[512], line[65536];
	FILE *f;

	(void)snprintf(name, sizeof(name), "%s/routes", fake_dir);
	f = fopen(name, "r");
	if (f == NULL)
		fatal("%s", name);
	while (nroutes < ROUTES_MAX && fgets(line, sizeof(line), f) != NULL) {
		struct route *r = &routes[nroutes];
		int at = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%15s %255s %15s %n", r->method, r->path,
		    r->status, &at) < 3)
			continue;
		r->body = strdup(line + at);
		nroutes++;
	}
	(void)fclose(f);
}

/* The next answer for a request: those of a path in turn. */
static struct route *
find_route(const char *method, const char *path)
{
	struct route *last = NULL;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < nroutes; i++) {
		if (strcmp(routes[i].method, method) != 0 ||
		    strcmp(routes[i].path, path) != 0)
			continue;
		last = &routes[i];
		if (!last->used)
			break;
	}
	if (last != NULL)
		last->used = 1;
	pthread_mutex_unlock(&lock);
	return last;
}

/* --- streams ----------------------------------------------------------- */

struct stream {
	struct buf	b;
	char		name[256];	/* goes on after a stop, or "" */
	int		stops;		/* seen when it began */
};

static void
load(struct buf *b, const char *name)
{
	char path[512];
	struct err e;

	(void)snprintf(path, sizeof(path), "%s/%s", fake_dir, name);
	if (file_read(b, AT_FDCWD, path, &e) == -1)
		(void)buf_printf(b, "data: \"%s\"\n\n", e.text);
}

static ssize_t
stream_read(void *arg, uint64_t pos, char *to, size_t max)
{
	struct stream *s = arg;
	size_t n;
	int now;

	(void)pos;
	while (s->b.len == 0 && s->name[0] != '\0') {
		pthread_mutex_lock(&lock);
		now = stops;
		pthread_mutex_unlock(&lock);
		if (now == s->stops) {
			(void)usleep(10000);
			continue;
		}
		load(&s->b, s->name);
		s->name[0] = '\0';
	}
	n = MIN(s->b.len, max);
	if (n == 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	memcpy(to, s->b.data, n);
	buf_drain(&s->b, n);
	return (ssize_t)n;
}

static void
stream_free(void *arg)
{
	struct stream *s = arg;

	buf_fini(&s->b);
	free(s);
}

static struct MHD_Response *
stream_response(const char *name)
{
	struct stream *s = calloc(1, sizeof(*s));
	size_t len = strlen(name);
	char file[256];

	(void)snprintf(file, sizeof(file), "%s", name);
	buf_init(&s->b, FILE_MAX);
	pthread_mutex_lock(&lock);
	s->stops = stops;
	pthread_mutex_unlock(&lock);
	if (len > 0 && file[len - 1] == '+') {
		file[len - 1] = '\0';
		(void)snprintf(s->name, sizeof(s->name), "%.240s.rest", file);
	}
	load(&s->b, file);
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 65536,
	    stream_read, s, stream_free);
}

/* --- answers ----------------------------------------------------------- */

struct upgraded {
	void	(*serve)(struct sock *, const char *);
	char	path[256];
};

struct sock *sock_open(int fd, const char *extra, size_t);
void	sock_close(struct sock *);

static void
upgraded(void *cls, struct MHD_Connection *c, void *con, const char *extra,
    size_t extra_len, MHD_socket fd, struct MHD_UpgradeResponseHandle *h)
{
	struct upgraded *u = cls;
	struct sock *s;

	(void)c;
	(void)con;
	(void)fd_nonblock(fd, 0);
	s = sock_open(fd, extra, extra_len);
	u->serve(s, u->path);
	sock_close(s);
	free(u);
	(void)MHD_upgrade_action(h, MHD_UPGRADE_ACTION_CLOSE);
}

static enum MHD_Result
answer_upgrade(struct MHD_Connection *c, const char *kind, const char *path)
{
	static const struct {
		const char	*kind;
		void		(*serve)(struct sock *, const char *);
	} kinds[] = { { "exec", fake_exec }, { "console", fake_console },
	    { "copy", fake_copy } };
	struct upgraded *u = calloc(1, sizeof(*u));
	const char *key = MHD_lookup_connection_value(c, MHD_HEADER_KIND,
	    "Sec-WebSocket-Key");
	unsigned char hash[EVP_MAX_MD_SIZE];
	char both[128], accept[64];
	struct MHD_Response *r;
	enum MHD_Result result;
	unsigned len;

	(void)snprintf(u->path, sizeof(u->path), "%s", path);
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			u->serve = kinds[i].serve;
	(void)snprintf(both, sizeof(both),
	    "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key != NULL ? key : "");
	(void)EVP_Digest(both, strlen(both), hash, &len, EVP_sha1(), NULL);
	(void)EVP_EncodeBlock((unsigned char *)accept, hash, (int)len);
	r = MHD_create_response_for_upgrade(upgraded, u);
	(void)MHD_add_response_header(r, "Upgrade", "websocket");
	(void)MHD_add_response_header(r, "Sec-WebSocket-Accept", accept);
	result = MHD_queue_response(c, MHD_HTTP_SWITCHING_PROTOCOLS, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result answer_stat(struct MHD_Connection *);

static enum MHD_Result
answer(struct MHD_Connection *c, const char *method, const char *path)
{
	struct route *route = find_route(method, path);
	const char *body = "{\"code\":\"not_found\",\"message\":\"no route\"}";
	const char *type = "application/json";
	struct MHD_Response *r;
	enum MHD_Result result;
	unsigned status = 404;

	if (route != NULL && strcmp(route->status, "stat") == 0)
		return answer_stat(c);
	if (route != NULL && route->status[0] > '9')
		return answer_upgrade(c, route->status, path);
	if (route != NULL) {
		status = (unsigned)atoi(route->status);
		body = route->body;
	}
	if (body[0] == '@') {
		r = stream_response(body + 1);
		type = "text/event-stream";
	} else
		r = MHD_create_response_from_buffer(strlen(body),
		    (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
	(void)MHD_add_response_header(r, "Content-Type", type);
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

/* STATUS "stat": what DIR/guest has under the path that is asked for. */
static enum MHD_Result
answer_stat(struct MHD_Connection *c)
{
	const char *p = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND,
	    "path");
	const char *follow = MHD_lookup_connection_value(c,
	    MHD_GET_ARGUMENT_KIND, "follow_links");
	char name[1024], body[256];
	struct MHD_Response *r;
	enum MHD_Result result;
	struct stat st = { 0 };
	size_t n;
	int there;
	unsigned byte;

	n = (size_t)snprintf(name, sizeof(name), "%s/guest", fake_dir);
	for (; p != NULL && *p != '\0' && n < sizeof(name) - 1; p++) {
		if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1) {
			name[n++] = (char)byte;
			p += 2;
		} else
			name[n++] = *p;
	}
	name[n] = '\0';
	there = (follow != NULL && strcmp(follow, "true") == 0 ? stat :
	    lstat)(name, &st) == 0;
	n = (size_t)snprintf(body, sizeof(body), "{\"exists\":%s,"
	    "\"is_dir\":%s,\"is_file\":%s,\"is_symlink\":%s,"
	    "\"mode\":%u,\"uid\":0,\"gid\":0}",
	    there ? "true" : "false", S_ISDIR(st.st_mode) ? "true" : "false",
	    S_ISREG(st.st_mode) ? "true" : "false",
	    S_ISLNK(st.st_mode) ? "true" : "false",
	    st.st_mode & 07777);
	r = MHD_create_response_from_buffer(n, body, MHD_RESPMEM_MUST_COPY);
	result = MHD_queue_response(c, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return result;
}

struct request {
	struct buf	body;
	char		query[1024];
};

static enum MHD_Result
add_query(void *arg, enum MHD_ValueKind kind, const char *key,
    const char *value)
{
	struct request *rq = arg;
	size_t used = strlen(rq->query);

	(void)kind;
	(void)snprintf(rq->query + used, sizeof(rq->query) - used, "%s%s=%s",
	    used == 0 ? "?" : "&", key, value != NULL ? value : "");
	return MHD_YES;
}

/* Keep what is escaped in the path: that is what the client is tested for. */
static size_t
unescape_nothing(void *cls, struct MHD_Connection *c, char *s)
{
	(void)cls;
	(void)c;
	return strlen(s);
}

static enum MHD_Result
handle(void *cls, struct MHD_Connection *c, const char *path,
    const char *method, const char *version, const char *data, size_t *len,
    void **con)
{
	struct request *rq = *con;
	char full[1536];
	size_t n = strlen(path);

	(void)cls;
	(void)version;
	if (rq == NULL) {
		rq = calloc(1, sizeof(*rq));
		buf_init(&rq->body, FILE_MAX);
		*con = rq;
		return MHD_YES;
	}
	if (*len > 0) {
		(void)buf_put(&rq->body, data, *len);
		*len = 0;
		return MHD_YES;
	}
	(void)MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_query,
	    rq);
	(void)snprintf(full, sizeof(full), "%s%s", path, rq->query);
	fake_log(method, full, rq->body.len > 0 ? (char *)rq->body.data : "");
	pthread_mutex_lock(&lock);
	if (n > 5 && strcmp(path + n - 5, "/stop") == 0)
		stops++;
	pthread_mutex_unlock(&lock);
	return answer(c, method, path);
}

static void
completed(void *cls, struct MHD_Connection *c, void **con,
    enum MHD_RequestTerminationCode why)
{
	struct request *rq = *con;

	(void)cls;
	(void)c;
	(void)why;
	if (rq == NULL)
		return;
	buf_fini(&rq->body);
	free(rq);
	*con = NULL;
}

int
main(int argc, char **argv)
{
	struct MHD_Daemon *d;
	char name[512];
	struct err e;
	sigset_t set;
	int fd, sig;

	log_init("fake-api", LOG_STYLE_PLAIN, 0);
	if (argc != 2)
		fatalx("usage: fake-api DIR");
	fake_dir = argv[1];
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	read_routes();
	(void)snprintf(name, sizeof(name), "%s/sock", fake_dir);
	fd = os_unix_listen(AT_FDCWD, name, 0600, 128, &e);
	if (fd == -1)
		fatalx("%s", e.text);
	d = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION |
	    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
	    MHD_ALLOW_UPGRADE, 0, NULL, NULL, handle, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
	    MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL,
	    MHD_OPTION_END);
	if (d == NULL)
		fatalx("libmicrohttpd does not start");
	(void)sigwait(&set, &sig);
	_exit(0);	/* streams may stay open for ever */
}
