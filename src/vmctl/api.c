/* SPDX-License-Identifier: ISC */
/* api.c - requests to the control API of vmd, over libcurl; see api.h */

#include <sys/stat.h>

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/paths.h"
#include "vmctl/api.h"

#define CONNECT_MS	10000L		/* to reach a host on the network */
#define PATH_BYTES_MAX	1024		/* of a socket's name */
#define SOCKET_PATH_MAX	104		/* of sun_path on every host */

struct api {
	CURL	*curl;
	char	*host;			/* as shown */
	char	*base;			/* "http://..." without a path */
	char	*sock;			/* path of a unix socket, or NULL */
	char	*auth;			/* "Authorization: ..." or "" */
	struct curl_slist *headers;
	int	 verbose;
};

/* --- where the daemon is ----------------------------------------------- */

#define SOCKET_NAME	"/vmd.sock"

static int
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 || errno == EACCES;
}

/* The default socket; ret has PATH_BYTES_MAX bytes. */
static void
default_socket(char *ret)
{
	const char *system = os_paths.socket;
	char own[PATH_BYTES_MAX] = "";
	bool session;

	(void)snprintf(ret, PATH_BYTES_MAX, "%s", system);
	if (geteuid() == 0)
		return;
	if (os_user_state(own, sizeof(own) - sizeof(SOCKET_NAME)) == 0)
		(void)strcat(own, SOCKET_NAME);
	session = os_user_run(ret, PATH_BYTES_MAX - sizeof(SOCKET_NAME)) == 0;
	if (session) {
		(void)strcat(ret, SOCKET_NAME);
		if (is_there(ret))
			return;
	}
	if (own[0] != '\0' && (is_there(own) || !is_there(system)) &&
	    (!session || is_there(own)))
		(void)snprintf(ret, PATH_BYTES_MAX, "%s", own);
	else if (is_there(system))
		(void)snprintf(ret, PATH_BYTES_MAX, "%s", system);
}

static int
parse_host(struct api *a, const char *host, struct err *e)
{
	char path[PATH_BYTES_MAX];
	size_t len;

	if (host == NULL || host[0] == '\0')
		host = getenv("VMCTL_HOST");
	if (host == NULL || host[0] == '\0') {
		default_socket(path);
		a->sock = strdup(path);
		a->host = strdup(path);
	} else if (strncmp(host, "unix://", 7) == 0 || host[0] == '/') {
		a->sock = strdup(host + (host[0] == '/' ? 0 : 7));
		a->host = strdup(host);
	} else if (strncmp(host, "http://", 7) == 0 ||
	    strncmp(host, "https://", 8) == 0) {
		a->host = strdup(host);
		a->base = strdup(host);
	} else
		return err_set(e, EINVAL, "host %s: neither unix://PATH nor "
		    "http://HOST nor https://HOST", host);
	if (a->sock != NULL && strlen(a->sock) >= SOCKET_PATH_MAX)
		return err_set(e, ENAMETOOLONG, "%s: longer than a socket's "
		    "path may be", a->sock);
	if (a->base == NULL)
		a->base = strdup("http://127.0.0.1");
	if (a->host == NULL || a->base == NULL)
		return err_sys(e, "host");
	for (len = strlen(a->base); len > 0 && a->base[len - 1] == '/'; len--)
		a->base[len - 1] = '\0';
	return 0;
}

/* VMCTL_TOKEN: the token, or the absolute path of a file that holds it. */
static int
read_token(struct api *a, struct err *e)
{
	const char *token = getenv("VMCTL_TOKEN");
	struct buf b;
	int n;

	a->auth = strdup("");
	if (token == NULL || token[0] == '\0' || a->sock != NULL)
		return a->auth == NULL ? err_sys(e, "token") : 0;
	free(take(&a->auth));
	buf_init(&b, API_TOKEN_MAX);
	if (token[0] == '/' &&
	    file_read(&b, AT_FDCWD, token, e) == -1) {
		buf_fini(&b);
		return err_prefix(e, "VMCTL_TOKEN");
	}
	if (token[0] == '/')
		token = b.len == 0 ? "" : (const char *)b.data;
	n = asprintf(&a->auth, "Authorization: Bearer %.*s",
	    (int)strcspn(token, " \t\r\n"), token);
	buf_fini(&b);
	if (n == -1) {
		a->auth = NULL;
		return err_sys(e, "token");
	}
	return 0;
}

int
api_open(struct api **ret, const char *host, int verbose, struct err *e)
{
	OWN(api_close) struct api *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return err_sys(e, "api");
	a->verbose = verbose;
	if (parse_host(a, host, e) == -1 || read_token(a, e) == -1)
		return -1;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ENOMEM, "libcurl does not start");
	a->curl = curl_easy_init();
	/* An empty Expect: or libcurl waits a second before large bodies. */
	a->headers = curl_slist_append(NULL, "Expect:");
	if (a->curl == NULL || a->headers == NULL)
		return err_set(e, ENOMEM, "libcurl: out of memory");
	curl_slist_append(a->headers, "Content-Type: application/json");
	if (a->auth[0] != '\0')
		curl_slist_append(a->headers, a->auth);
	*ret = take(&a);
	return 0;
}

void
api_close(struct api *a)
{
	if (a == NULL)
		return;
	if (a->curl != NULL)
		curl_easy_cleanup(a->curl);
	curl_slist_free_all(a->headers);
	free(a->host);
	free(a->base);
	free(a->sock);
	free(a->auth);
	free(a);
	curl_global_cleanup();
}

const char *
api_host(const struct api *a)
{
	return a->host;
}

const char *
api_authorization(const struct api *a)
{
	return a->auth;
}

char *
api_path(const char *tmpl, const char *arg)
{
	static const char hex[] = "0123456789ABCDEF";
	char *ret = malloc(strlen(tmpl) + 3 * strlen(arg) + 1), *p = ret;

	if (ret == NULL)
		fatal("path");
	for (; *tmpl != '\0'; tmpl++) {
		if (*tmpl != '%') {
			*p++ = *tmpl;
			continue;
		}
		for (const char *s = arg; *s != '\0'; s++) {
			unsigned char c = (unsigned char)*s;

			if (isalnum(c) || strchr("-._~", c) != NULL) {
				*p++ = (char)c;
				continue;
			}
			*p++ = '%';
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
		}
	}
	*p = '\0';
	return ret;
}

/* --- errors ------------------------------------------------------------ */

/* Codes of the API somebody can do something about. */
static const struct {
	const char	*code;
	const char	*advice;
} advice[] = {
	{ "ambiguous", "give more letters of the ID, or its name" },
	{ "already_exists", "choose another name, or remove that one first" },
	{ "image_not_ready", "'vmctl pull' waits until it is" },
	{ "insufficient_resources",
	    "'vmctl resources' shows what is free; ask for less or stop a VM" },
	{ "invalid_state", "'vmctl ps -a' shows the state of every VM" },
	{ "name_conflict", "choose another name, or 'vmctl rm' that VM first" },
	{ "not_found", NULL },
	{ "platform_not_available",
	    "'skopeo inspect --raw' lists the platforms it has" },
	{ "port_in_use", "publish another port, or stop what uses this one" },
	{ "unauthorized",
	    "set VMCTL_TOKEN to a token, or to the path of a file with one" },
};

const char *
api_advice(const struct err *e)
{
	for (size_t i = 0; e->code != NULL && i < COUNT(advice); i++)
		if (e->code == advice[i].code)
			return advice[i].advice;
	return NULL;
}

int
api_is_missing(const struct err *e)
{
	return e->num == ENOENT;
}

/* The errno that is nearest to an HTTP status. */
static int
status_errno(long status)
{
	switch (status) {
	case 401:
	case 403:
		return EACCES;
	case 404:
		return ENOENT;
	case 409:
		return EBUSY;
	default:
		return status < 500 ? EINVAL : EIO;
	}
}

int
api_refused(long status, const void *body, size_t len, struct err *e)
{
	own_json json_t *v = NULL;
	const char *message = NULL, *code = "";

	if (json_parse(&v, body, len, NULL) == -1 || !json_is_object(v))
		return err_set(e, status_errno(status),
		    "the daemon answered with status %ld", status);
	(void)json_get_str(&message, v, "message", ERR_TEXT_MAX, NULL);
	(void)json_get_str(&code, v, "code", ERR_TEXT_MAX, NULL);
	if (message == NULL)
		message = "the daemon gave no reason";
	if (status == 401)
		code = "unauthorized";
	for (size_t i = 0; i < COUNT(advice); i++)
		if (strcmp(code, advice[i].code) == 0)
			return err_api(e, status_errno(status),
			    advice[i].code, "%s", message);
	return err_set(e, status_errno(status), "%s", message);
}

static int
unreachable(const struct api *a, CURL *c, CURLcode code, struct err *e)
{
	long num = 0;

	if (code == CURLE_COULDNT_CONNECT)
		curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &num);

	if (a->sock != NULL && (num == ENOENT || num == ECONNREFUSED))
		/* Not ENOENT: that is the daemon's word about what it has. */
		return err_set(e, ECONNREFUSED, "vmd is not running (nobody "
		    "answers at %s); start it with 'vmd', or "
		    "'systemctl start vmd'",
		    a->sock);
	if (a->sock != NULL && num == EACCES)
		return err_set(e, (int)num, "you may not use %s; start a vmd "
		    "of your own with 'vmd', or ask for its group", a->sock);
	if (a->sock != NULL && num != 0)
		return err_set(e, (int)num, "%s: %s", a->sock,
		    strerror((int)num));
	if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR ||
	    code == CURLE_SEND_ERROR || code == CURLE_PARTIAL_FILE)
		return err_set(e, EPIPE, "%s: the daemon closed the "
		    "connection", a->host);
	return err_set(e, EIO, "%s: %s", a->host, curl_easy_strerror(code));
}

/* --- one request ------------------------------------------------------- */

/* What every request has in common. */
static void
prepare(struct api *a, CURL *c, const char *url)
{
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "vmctl/" VMD_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, a->headers);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	if (a->sock == NULL)
		return;
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, a->sock);
}

static size_t
gather(char *data, size_t size, size_t n, void *arg)
{
	return buf_put(arg, data, size * n) == -1 ? 0 : n;
}

/* Perform what was prepared; the answer, or the reason there is none. */
static int
perform(struct api *a, json_t **answer, struct err *e)
{
	struct buf b;
	CURLcode code;
	long status = 0;
	int r = 0;

	if (answer != NULL)
		*answer = NULL;
	buf_init(&b, API_ANSWER_MAX);
	curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, gather);
	curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, &b);
	code = curl_easy_perform(a->curl);
	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_WRITE_ERROR)
		r = err_set(e, EFBIG, "the daemon's answer is larger than "
		    "%u bytes", API_ANSWER_MAX);
	else if (code != CURLE_OK)
		r = unreachable(a, a->curl, code, e);
	else if (status >= 400)
		r = api_refused(status, b.data, b.len, e);
	else if (answer != NULL && b.len > 0 &&
	    json_parse(answer, b.data, b.len, e) == -1)
		r = err_prefix(e, "the daemon's answer");
	buf_fini(&b);
	return r;
}

int
api_call(struct api *a, const char *method, const char *path,
    const json_t *body, json_t **answer, struct err *e)
{
	own_mem char *url = NULL, *text = NULL;

	if (a->verbose)
		log_info("%s %s", method, path);
	if (asprintf(&url, "%s%s", a->base, path) == -1) {
		url = NULL;
		return err_sys(e, "request");
	}
	prepare(a, a->curl, url);
	curl_easy_setopt(a->curl, CURLOPT_CUSTOMREQUEST, method);
	/*
	 * libcurl sends a request again when a connection that was used before
	 * ends without an answer; a daemon that was killed may have done it.
	 */
	if (strcmp(method, "GET") != 0)
		curl_easy_setopt(a->curl, CURLOPT_FRESH_CONNECT, 1L);
	if (body != NULL && (text = json_print(body)) == NULL)
		return err_set(e, ENOMEM, "request: out of memory");
	/* A POST without a body says so: some servers wait for one else. */
	if (text != NULL || strcmp(method, "POST") == 0) {
		curl_easy_setopt(a->curl, CURLOPT_POSTFIELDS,
		    text != NULL ? text : "");
		curl_easy_setopt(a->curl, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)(text != NULL ? strlen(text) : 0));
	}
	return perform(a, answer, e);
}

int
api_get(struct api *a, const char *path, json_t **answer, struct err *e)
{
	return api_call(a, "GET", path, NULL, answer, e);
}

/* --- bodies that flow -------------------------------------------------- */

struct flow {
	const struct api_stream	*s;
	CURL			*curl;
	struct buf		 refused;	/* body of a failure */
	int			 stopped;
};

static size_t
flow_data(char *data, size_t size, size_t n, void *arg)
{
	struct flow *f = arg;
	long status = 0;

	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 400)
		return buf_put(&f->refused, data, size * n) == -1 ? 0 : n;
	if (f->s->data(f->s->arg, (const uint8_t *)data, size * n) != 0) {
		f->stopped = 1;
		return 0;
	}
	return n;
}

/* Run the transfer until it ends or a callback has had enough. */
static CURLcode
flow_run(CURLM *multi, struct flow *f)
{
	struct curl_waitfd wait = { f->s->wake_fd, CURL_WAIT_POLLIN, 0 };
	unsigned nwait = f->s->wake_fd == -1 ? 0 : 1;
	CURLMsg *msg;
	int running = 1, left;

	while (running && !f->stopped) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return CURLE_OUT_OF_MEMORY;
		if (!running || f->stopped)
			break;
		wait.revents = 0;
		if (curl_multi_poll(multi, &wait, nwait, 60000, NULL) !=
		    CURLM_OK)
			return CURLE_OUT_OF_MEMORY;
		if (wait.revents != 0 && f->s->wake(f->s->arg) != 0)
			f->stopped = 1;
	}
	while ((msg = curl_multi_info_read(multi, &left)) != NULL)
		if (msg->msg == CURLMSG_DONE)
			return msg->data.result;
	return CURLE_OK;
}

int
api_stream(struct api *a, const struct api_stream *s, struct err *e)
{
	struct flow f = { .s = s };
	own_mem char *url = NULL;
	CURLcode code = CURLE_OUT_OF_MEMORY;
	CURLM *multi;
	long status = 0;
	int r;

	if (a->verbose)
		log_info("GET %s", s->path);
	if (asprintf(&url, "%s%s", a->base, s->path) == -1) {
		url = NULL;
		return err_sys(e, "request");
	}
	multi = curl_multi_init();
	f.curl = curl_easy_init();
	buf_init(&f.refused, API_ANSWER_MAX);
	if (multi != NULL && f.curl != NULL) {
		prepare(a, f.curl, url);
		curl_easy_setopt(f.curl, CURLOPT_WRITEFUNCTION, flow_data);
		curl_easy_setopt(f.curl, CURLOPT_WRITEDATA, &f);
		curl_multi_add_handle(multi, f.curl);
		code = flow_run(multi, &f);
		curl_easy_getinfo(f.curl, CURLINFO_RESPONSE_CODE, &status);
		curl_multi_remove_handle(multi, f.curl);
	}
	if (f.stopped)
		r = 1;
	else if (status >= 400)
		r = api_refused(status, f.refused.data, f.refused.len, e);
	else
		r = code == CURLE_OK ? 0 : unreachable(a, f.curl, code, e);
	buf_fini(&f.refused);
	curl_easy_cleanup(f.curl);
	curl_multi_cleanup(multi);
	return r;
}

struct upload {
	const struct api_upload	*u;
	uint64_t		 sent, total;
	int			 read_errno;
};

static size_t
upload_read(char *to, size_t size, size_t n, void *arg)
{
	struct upload *up = arg;
	ssize_t got;

	do
		got = read(up->u->fd, to, size * n);
	while (got == -1 && errno == EINTR);
	if (got == -1) {
		up->read_errno = errno;
		return CURL_READFUNC_ABORT;
	}
	up->sent += (uint64_t)got;
	if (up->u->progress != NULL)
		up->u->progress(up->u->arg, up->sent, up->total);
	return (size_t)got;
}

int
api_upload(struct api *a, const struct api_upload *u, json_t **answer,
    struct err *e)
{
	struct upload up = { .u = u };
	own_mem char *url = NULL;
	struct stat st;
	int r;

	if (a->verbose)
		log_info("POST %s", u->path);
	if (asprintf(&url, "%s%s", a->base, u->path) == -1) {
		url = NULL;
		return err_sys(e, "request");
	}
	prepare(a, a->curl, url);
	curl_easy_setopt(a->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(a->curl, CURLOPT_READFUNCTION, upload_read);
	curl_easy_setopt(a->curl, CURLOPT_READDATA, &up);
	if (fstat(u->fd, &st) == 0 && S_ISREG(st.st_mode)) {
		up.total = (uint64_t)st.st_size;
		curl_easy_setopt(a->curl, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)st.st_size);
	} else
		curl_easy_setopt(a->curl, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)-1);
	r = perform(a, answer, e);
	if (r == -1 && up.read_errno != 0)
		return err_set(e, up.read_errno, "read: %s",
		    strerror(up.read_errno));
	return r;
}

int
api_connect(struct api *a, void **ret, struct err *e)
{
	CURL *c = curl_easy_init();
	CURLcode code;

	if (c == NULL)
		return err_set(e, ENOMEM, "libcurl: out of memory");
	prepare(a, c, a->base);
	curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
	code = curl_easy_perform(c);
	if (code != CURLE_OK) {
		(void)unreachable(a, c, code, e);
		curl_easy_cleanup(c);
		return -1;
	}
	*ret = c;
	return 0;
}
