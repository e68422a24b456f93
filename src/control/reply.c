/* SPDX-License-Identifier: ISC */
/* reply.c - answers: JSON, errors, event streams, WebSockets; see http.h */

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/http_private.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"

/* Added to the key and hashed: RFC 6455, 1.3. */
#define WEBSOCKET_GUID	"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define WEBSOCKET_KEY	24	/* characters: 16 bytes in base64 */

static struct MHD_Response *
json_response(json_t *v)
{
	struct MHD_Response *ret;
	char *text = v == NULL ? NULL : json_print(v);

	json_decref(v);
	if (text == NULL) {
		static char memory[] = "{\"code\":\"out_of_memory\","
		    "\"message\":\"the daemon is out of memory\"}";

		ret = MHD_create_response_from_buffer(sizeof(memory) - 1,
		    memory, MHD_RESPMEM_PERSISTENT);
	} else {
		ret = MHD_create_response_from_buffer(strlen(text), text,
		    MHD_RESPMEM_MUST_FREE);
		if (ret == NULL)
			free(text);
	}
	if (ret != NULL)
		(void)MHD_add_response_header(ret,
		    MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	return ret;
}

void
reply_json(struct request *r, unsigned status, json_t *v)
{
	if (v == NULL)
		status = 503;
	request_answer(r, json_response(v), status);
}

void
reply_empty(struct request *r, unsigned status)
{
	request_answer(r, MHD_create_response_from_buffer(0, NULL,
	    MHD_RESPMEM_PERSISTENT), status);
}

/* The status of each code; what is not here follows its errno. */
static const struct { const char *code; unsigned status; } by_code[] = {
	{ "ambiguous", 409 },
	{ "body_too_large", 413 },
	{ "conflict", 409 },
	{ "credential_conflict", 409 },
	{ "dependency_missing", 503 },
	{ "disk_full", 507 },
	{ "disk_in_use", 409 },
	{ "forbidden", 403 },
	{ "image_in_use", 409 },
	{ "insufficient_resources", 409 },
	{ "invalid_state", 409 },
	{ "io", 503 },
	{ "job_failed", 502 },
	{ "log_not_found", 404 },
	{ "method_not_allowed", 405 },
	{ "network", 502 },
	{ "not_found", 404 },
	{ "not_implemented", 501 },
	{ "not_supported", 501 },
	{ "out_of_memory", 503 },
	{ "platform_not_available", 404 },
	{ "port_in_use", 409 },
	{ "rate_limited", 429 },
	{ "start_failed", 502 },
	{ "unauthorized", 401 },
	{ "unavailable", 503 },
};

static unsigned
err_status(const struct err *e)
{
	/* An argument out of its range is the caller's, whatever the code. */
	if (e->num == ERANGE)
		return 400;
	/* As the reference has it: 400 of a create, 409 of a fork. */
	if (e->num == EBUSY && e->code != NULL &&
	    strcmp(e->code, "name_conflict") == 0)
		return 409;
	for (size_t i = 0; e->code != NULL && i < COUNT(by_code); i++)
		if (strcmp(by_code[i].code, e->code) == 0)
			return by_code[i].status;
	if (e->code != NULL)
		return 400;
	switch (e->num) {
	case ENOENT:
		return 404;
	case EACCES:
	case EPERM:
		return 403;
	case EEXIST:
	case EBUSY:
		return 409;
	case ENOSPC:
	case EDQUOT:
		return 507;
	case EINVAL:
	case ERANGE:
	case E2BIG:
		return 400;
	default:
		return 503;
	}
}

static const char *
err_code(const struct err *e, unsigned status)
{
	if (e->code != NULL)
		return e->code;
	switch (status) {
	case 400:
		return "invalid_request";
	case 403:
		return "forbidden";
	case 404:
		return "not_found";
	case 409:
		return "conflict";
	case 507:
		return "insufficient_storage";
	default:
		return "unavailable";
	}
}

struct MHD_Response *
reply_err_response(unsigned *status, const struct err *e)
{
	struct MHD_Response *ret;

	*status = err_status(e);
	ret = json_response(json_pack("{s:s,s:s%}", "code",
	    err_code(e, *status), "message", e->text,
	    strnlen(e->text, sizeof(e->text))));
	if (*status == 401 && ret != NULL)
		(void)MHD_add_response_header(ret,
		    MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	return ret;
}

void
reply_err(struct request *r, const struct err *e)
{
	unsigned status;
	struct MHD_Response *response = reply_err_response(&status, e);

	if (status == 405 && response != NULL)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
		    r->match.allow);
	request_answer(r, response, status);
}

/* --- Server-Sent Events --------------------------------------------------- */

static ssize_t
on_stream_read(void *arg, uint64_t pos, char *to, size_t room)
{
	struct stream *s = arg;
	ssize_t n;

	(void)pos;
	if (s->http->stopping)
		return MHD_CONTENT_READER_END_OF_STREAM;
	s->waiting = false;
	s->inside = true;
	n = s->ops->read(s->arg, to, room);
	s->inside = false;
	if (n > 0) {
		s->beat = false;
		return n;
	}
	if (n == -1)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (s->beat) {
		s->beat = false;
		memcpy(to, ":\n\n", 3);
		return 3;
	}
	s->waiting = true;
	request_suspend(s->request);
	return 0;
}

static void
on_stream_close(void *arg)
{
	struct stream *s = arg;

	/* MHD has told us of the request's end before that of its answer. */
	TAILQ_REMOVE(&s->http->streams, s, entry);
	s->ops->close(s->arg);
	free(s);
}

struct stream *
reply_stream(struct request *r, const struct stream_ops *ops, void *arg)
{
	static const char *const headers[][2] = {
		{ "Content-Type", "text/event-stream" },
		{ "Cache-Control", "no-cache" },
		{ "X-Accel-Buffering", "no" },
	};
	struct MHD_Response *response;
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		ops->close(arg);
		reply_json(r, 503, NULL);
		return NULL;
	}
	s->http = r->listener->http;
	s->request = r;
	s->ops = ops;
	s->arg = arg;
	TAILQ_INSERT_TAIL(&r->listener->http->streams, s, entry);
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
	    2 * STREAM_READ_MIN, on_stream_read, s, on_stream_close);
	if (response == NULL) {
		on_stream_close(s);
		reply_json(r, 503, NULL);
		return NULL;
	}
	for (size_t i = 0; i < COUNT(headers); i++)
		(void)MHD_add_response_header(response, headers[i][0],
		    headers[i][1]);
	request_answer(r, response, 200);
	return s;
}

void
stream_wake(struct stream *s)
{
	if (!s->waiting || s->inside)
		return;
	s->waiting = false;
	request_resume(s->request);
	http_flush(s->http);
}

/* --- WebSocket handshake -------------------------------------------------- */

struct upgrade {
	upgrade_fn				*ready;
	void					*arg;
	struct MHD_UpgradeResponseHandle	*handle;
};

static void
on_upgrade(void *arg, struct MHD_Connection *c, void *context,
    const char *early, size_t len, MHD_socket fd,
    struct MHD_UpgradeResponseHandle *handle)
{
	struct upgrade *u = arg;
	upgrade_fn *ready = u->ready;

	(void)c;
	((struct request *)context)->upgrade = NULL;
	u->handle = handle;
	u->ready = NULL;
	(void)fd_nonblock(fd, 1);
	ready(u->arg, fd, early, len, u);
}

void
http_upgrade_close(struct upgrade *u)
{
	(void)MHD_upgrade_action(u->handle, MHD_UPGRADE_ACTION_CLOSE);
	free(u);
}

/* Is 'word' one of the comma-separated words of a header? */
static bool
has_word(const char *header, const char *word)
{
	size_t len = strlen(word);

	while (header != NULL && *header != '\0') {
		header += strspn(header, " \t,");
		if (strncasecmp(header, word, len) == 0 &&
		    strchr(" \t,", header[len]) != NULL)
			return true;
		header += strcspn(header, ",");
	}
	return false;
}

/* Sec-WebSocket-Accept of a key: RFC 6455, 4.2.2. */
static void
accept_key(char ret[64], const char *key)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	char text[WEBSOCKET_KEY + sizeof(WEBSOCKET_GUID)];
	unsigned len = 0;

	(void)snprintf(text, sizeof(text), "%s%s", key, WEBSOCKET_GUID);
	(void)EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL);
	(void)EVP_EncodeBlock((uint8_t *)ret, digest, (int)len);
}

static const char *
check_handshake(const struct request *r, struct err *e)
{
	const char *key = request_header(r, "Sec-WebSocket-Key");
	const char *version = request_header(r, "Sec-WebSocket-Version");

	if (has_word(request_header(r, "Upgrade"), "websocket") &&
	    has_word(request_header(r, "Connection"), "upgrade") &&
	    version != NULL && strcmp(version, "13") == 0 &&
	    key != NULL && strlen(key) == WEBSOCKET_KEY)
		return key;
	(void)err_api(e, EINVAL, "invalid_request", "this is a WebSocket: "
	    "connect with a version 13 handshake (RFC 6455)");
	return NULL;
}

int
reply_upgrade(struct request *r, upgrade_fn *ready, void *arg)
{
	struct MHD_Response *response;
	struct upgrade *u;
	const char *key;
	char accept[64];
	struct err e;

	key = check_handshake(r, &e);
	if (key == NULL) {
		reply_err(r, &e);
		return -1;
	}
	u = calloc(1, sizeof(*u));
	if (u == NULL) {
		reply_json(r, 503, NULL);
		return -1;
	}
	u->ready = ready;
	u->arg = arg;
	response = MHD_create_response_for_upgrade(on_upgrade, u);
	if (response == NULL) {
		free(u);
		reply_json(r, 503, NULL);
		return -1;
	}
	accept_key(accept, key);
	(void)MHD_add_response_header(response, "Upgrade", "websocket");
	(void)MHD_add_response_header(response, "Sec-WebSocket-Accept",
	    accept);
	r->upgrade = u;
	request_answer(r, response, 101);
	return 0;
}

void
upgrade_abandon(struct upgrade *u)
{
	if (u->ready != NULL) {
		u->ready(u->arg, -1, NULL, 0, NULL);
		free(u);
	}
}
