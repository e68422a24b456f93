/* SPDX-License-Identifier: ISC */
/* ws.c - the client's end of a WebSocket to the daemon; see ws.h */

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "lib/buf.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmctl/api.h"
#include "vmctl/ws.h"

#define IN_BYTES	65536	/* read from the connection at once */
/* RFC 6455 section 1.3 */
#define GUID		"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

struct ws {
	CURL			*curl;
	wslay_event_context_ptr	 frames;
	const struct ws_ops	*ops;
	void			*arg;
	int			 fd;
	uint8_t			*in;		/* IN_BYTES; in_at..in_len */
	size_t			 in_at, in_len;
	struct buf		 out;		/* frames to write */
	struct buf		 text;		/* a text message so far */
	bool			 is_text, first;
	bool			 is_control;	/* the frame that comes */
	bool			 more;		/* there may be more to read */
	bool			 eof;		/* the daemon closed it */
	bool			 broken;	/* a message was too large */
	bool			 deaf;		/* the daemon reads no more */
};

/* --- bytes, both ways -------------------------------------------------- */

/* Read once.  1: something, 0: nothing now, -1: the end or an error. */
static int
fill(struct ws *w)
{
	size_t n = 0;
	CURLcode code;

	if (w->in_at < w->in_len)
		return 1;
	w->in_at = w->in_len = 0;
	code = curl_easy_recv(w->curl, w->in, IN_BYTES, &n);
	w->more = code == CURLE_OK && n > 0;
	if (code == CURLE_AGAIN)
		return 0;
	if (code != CURLE_OK || n == 0) {
		w->eof = true;
		return -1;
	}
	w->in_len = n;
	return 1;
}

static int
drain(struct ws *w)
{
	size_t n;
	CURLcode code;

	while (w->out.len > 0) {
		n = 0;
		code = curl_easy_send(w->curl, w->out.data, w->out.len, &n);
		if (code == CURLE_AGAIN || (code == CURLE_OK && n == 0))
			return 0;
		if (code != CURLE_OK)
			return -1;
		buf_drain(&w->out, n);
	}
	return 0;
}

/* wslay wants bytes. */
static ssize_t
want_bytes(wslay_event_context_ptr c, uint8_t *to, size_t len, int flags,
    void *arg)
{
	struct ws *w = arg;
	size_t n;

	(void)flags;
	if (w->ops->full != NULL && w->ops->full(w->arg)) {
		wslay_event_set_error(c, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (fill(w) != 1) {
		wslay_event_set_error(c, w->eof ? WSLAY_ERR_CALLBACK_FAILURE :
		    WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	n = MIN(len, w->in_len - w->in_at);
	memcpy(to, w->in + w->in_at, n);
	w->in_at += n;
	return (ssize_t)n;
}

/* wslay has bytes: gathered, so that a message is one write(2). */
static ssize_t
have_bytes(wslay_event_context_ptr c, const uint8_t *from, size_t len,
    int flags, void *arg)
{
	struct ws *w = arg;

	(void)flags;
	if (buf_put(&w->out, from, len) == -1) {
		wslay_event_set_error(c, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	return (ssize_t)len;
}

static int
make_mask(wslay_event_context_ptr c, uint8_t *to, size_t len, void *arg)
{
	(void)c;
	(void)arg;
	os_random(to, len);
	return 0;
}

/* --- messages ---------------------------------------------------------- */

static void
frame_start(wslay_event_context_ptr c,
    const struct wslay_event_on_frame_recv_start_arg *f, void *arg)
{
	struct ws *w = arg;

	(void)c;
	w->is_control = wslay_is_ctrl_frame(f->opcode) != 0;
	if (f->opcode == WSLAY_CONTINUATION_FRAME || w->is_control)
		return;
	w->is_text = f->opcode == WSLAY_TEXT_FRAME;
	w->first = true;
	buf_reset(&w->text);
}

static void
frame_chunk(wslay_event_context_ptr c,
    const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *arg)
{
	struct ws *w = arg;

	(void)c;
	/* The reason of an end is no output. */
	if (chunk->data_length == 0 || w->is_control)
		return;
	if (!w->is_text) {
		w->ops->data(w->arg, chunk->data, chunk->data_length, w->first);
		w->first = false;
	} else if (buf_put(&w->text, chunk->data, chunk->data_length) == -1)
		w->broken = true;
}

static void
message_end(wslay_event_context_ptr c,
    const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	struct ws *w = arg;

	(void)c;
	if (m->opcode == WSLAY_TEXT_FRAME && !w->broken)
		w->ops->text(w->arg, w->text.len > 0 ?
		    (const char *)w->text.data : "", w->text.len);
}

static const struct wslay_event_callbacks callbacks = {
	.recv_callback = want_bytes,
	.send_callback = have_bytes,
	.genmask_callback = make_mask,
	.on_frame_recv_start_callback = frame_start,
	.on_frame_recv_chunk_callback = frame_chunk,
	.on_msg_recv_callback = message_end,
};

/* --- handshake --------------------------------------------------------- */

static void
header_value(char *ret, size_t room, const char *from, const char *end)
{
	size_t n;

	while (from < end && (*from == ' ' || *from == '\t'))
		from++;
	while (end > from && (end[-1] == ' ' || end[-1] == '\t' ||
	    end[-1] == '\r'))
		end--;
	n = (size_t)(end - from);
	if (n >= room)
		n = 0;
	memcpy(ret, from, n);
	ret[n] = '\0';
}

size_t
ws_reply_parse(struct ws_reply *ret, const char *text, size_t len)
{
	static const char accept[] = "sec-websocket-accept:";
	static const char length[] = "content-length:";
	const char *end = memmem(text, len, "\r\n\r\n", 4), *line, *eol;
	char number[20];

	memset(ret, 0, sizeof(*ret));
	if (end == NULL)
		return 0;
	if ((size_t)(end - text) >= 12 && memcmp(text, "HTTP/1.", 7) == 0 &&
	    text[8] == ' ')
		for (int i = 9; i < 12; i++)
			ret->status = text[i] < '0' || text[i] > '9' ? 0 :
			    ret->status * 10 + (text[i] - '0');
	for (line = text; line < end; line = eol + 1) {
		eol = memchr(line, '\n', (size_t)(end + 2 - line));
		if ((size_t)(eol - line) > strlen(accept) &&
		    strncasecmp(line, accept, strlen(accept)) == 0)
			header_value(ret->accept, sizeof(ret->accept),
			    line + strlen(accept), eol);
		if ((size_t)(eol - line) > strlen(length) &&
		    strncasecmp(line, length, strlen(length)) == 0) {
			header_value(number, sizeof(number),
			    line + strlen(length), eol);
			ret->body = strtoul(number, NULL, 10);
		}
	}
	return (size_t)(end - text) + 4;
}

/* What the daemon must answer to our key (RFC 6455 section 4.2.2). */
static void
accept_of(char *ret, const char *key)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char both[128];

	(void)snprintf(both, sizeof(both), "%s" GUID, key);
	(void)EVP_Digest(both, strlen(both), hash, &len, EVP_sha1(), NULL);
	(void)EVP_EncodeBlock((unsigned char *)ret, hash, (int)len);
}

/* Wait until the connection can be read or written. */
static int
wait_for(struct ws *w, short events, struct err *e)
{
	struct pollfd p = { w->fd, events, 0 };

	while (poll(&p, 1, -1) == -1)
		if (errno != EINTR)
			return err_sys(e, "poll");
	return 0;
}

/* Read until the headers, and the body of a refusal, are there. */
static int
read_reply(struct ws *w, struct ws_reply *reply, struct buf *b,
    struct err *e)
{
	size_t head = 0;
	int r;

	for (;;) {
		r = fill(w);
		if (r == 0 && wait_for(w, POLLIN, e) == -1)
			return -1;
		if (r == -1 && head != 0)
			break;	/* a body ends with the connection */
		if (r == -1)
			return err_set(e, EPIPE,
			    "the daemon closed the connection");
		while (r == 1 && w->in_at < w->in_len) {
			if (buf_put(b, w->in + w->in_at++, 1) == -1)
				return err_set(e, EPROTO,
				    "the daemon's answer is too long");
			if (head == 0)
				head = ws_reply_parse(reply,
				    (const char *)b->data, b->len);
			if (head != 0 && (reply->status == 101 ||
			    b->len - head == reply->body))
				break;
		}
		if (head != 0 && (reply->status == 101 ||
		    b->len - head >= reply->body))
			break;
	}
	buf_drain(b, head);
	return 0;
}

static int
handshake(struct ws *w, struct api *api, const char *path, struct err *e)
{
	uint8_t random[16];
	char key[32], want[64];
	struct ws_reply reply;
	struct buf b;
	int r = 0;

	os_random(random, sizeof(random));
	(void)EVP_EncodeBlock((unsigned char *)key, random, sizeof(random));
	accept_of(want, key);
	if (buf_printf(&w->out, "GET %s HTTP/1.1\r\nHost: vmd\r\n"
	    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
	    "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
	    "%s%s\r\n", path, key, api_authorization(api),
	    api_authorization(api)[0] != '\0' ? "\r\n" : "") == -1)
		return err_set(e, EMSGSIZE, "request too long");
	if (ws_flush(w, e) == -1)
		return -1;
	buf_init(&b, WS_REPLY_MAX);
	if (read_reply(w, &reply, &b, e) == -1)
		r = -1;
	else if (reply.status >= 400)
		r = api_refused(reply.status, b.data, b.len, e);
	else if (reply.status != 101 || strcmp(reply.accept, want) != 0)
		r = err_set(e, EPROTO, "%s: no WebSocket is served there",
		    api_host(api));
	buf_fini(&b);
	return r;
}

int
ws_open(struct ws **ret, struct api *api, const char *path,
    const struct ws_ops *ops, void *arg, struct err *e)
{
	OWN(ws_close) struct ws *w = calloc(1, sizeof(*w));
	curl_socket_t fd;
	void *curl;

	if (w == NULL)
		return err_sys(e, "websocket");
	w->ops = ops;
	w->arg = arg;
	buf_init(&w->out, WS_QUEUE_MAX + 2 * WS_CHUNK);
	buf_init(&w->text, WS_TEXT_MAX);
	w->in = malloc(IN_BYTES);
	if (w->in == NULL)
		return err_sys(e, "websocket");
	if (api_connect(api, &curl, e) == -1)
		return -1;
	w->curl = curl;
	if (curl_easy_getinfo(w->curl, CURLINFO_ACTIVESOCKET, &fd) !=
	    CURLE_OK || fd == CURL_SOCKET_BAD)
		return err_set(e, EPIPE, "the daemon closed the connection");
	w->fd = fd;
	if (handshake(w, api, path, e) == -1)
		return -1;
	if (wslay_event_context_client_init(&w->frames, &callbacks, w) != 0)
		return err_set(e, ENOMEM, "websocket: out of memory");
	wslay_event_config_set_no_buffering(w->frames, 1);
	*ret = take(&w);
	return 0;
}

void
ws_close(struct ws *w)
{
	if (w == NULL)
		return;
	if (w->frames != NULL)
		wslay_event_context_free(w->frames);
	if (w->curl != NULL)
		curl_easy_cleanup(w->curl);
	buf_fini(&w->out);
	buf_fini(&w->text);
	free(w->in);
	free(w);
}

/* --- going on ---------------------------------------------------------- */

int
ws_fd(const struct ws *w)
{
	return w->fd;
}

short
ws_events(struct ws *w)
{
	short events = 0;

	if (w->ops->full == NULL || !w->ops->full(w->arg))
		events |= POLLIN;
	if (!ws_sent(w))
		events |= POLLOUT;
	return events;
}

bool
ws_pending(struct ws *w)
{
	return w->in_at < w->in_len || w->more;
}

bool
ws_room(const struct ws *w)
{
	return w->out.len < WS_QUEUE_MAX - WS_CHUNK;
}

bool
ws_sent(const struct ws *w)
{
	return w->deaf || (w->out.len == 0 &&
	    !wslay_event_want_write(w->frames));
}

int
ws_send(struct ws *w, bool text, const void *p, size_t len, struct err *e)
{
	struct wslay_event_msg m = { .opcode = text ? WSLAY_TEXT_FRAME :
	    WSLAY_BINARY_FRAME, .msg = p, .msg_length = len };
	int r;

	if (w->deaf)
		return 0;
	r = wslay_event_queue_msg(w->frames, &m);
	if (r == 0)
		r = wslay_event_send(w->frames);
	/* It is being closed: reading says why. */
	if (r == WSLAY_ERR_NO_MORE_MSG)
		return 0;
	if (r != 0)
		return err_set(e, ENOMEM, "websocket: out of memory (%d)", r);
	return 0;
}

int
ws_io(struct ws *w, struct err *e)
{
	int r = wslay_event_recv(w->frames);

	if (w->broken)
		return err_set(e, EPROTO, "the daemon sent a message of more "
		    "than %d bytes", WS_TEXT_MAX);
	if (w->eof || wslay_event_get_close_received(w->frames))
		return 0;
	if (r != 0)
		return err_set(e, EPROTO, "the daemon broke the protocol of "
		    "WebSockets (%d)", r);
	if (wslay_event_send(w->frames) != 0 || drain(w) == -1) {
		/* What it said before it went is still to be read. */
		buf_reset(&w->out);
		w->deaf = true;
	}
	return 1;
}

bool
ws_closed(const struct ws *w)
{
	return wslay_event_get_close_received(w->frames) != 0;
}

int
ws_flush(struct ws *w, struct err *e)
{
	for (;;) {
		if (w->frames != NULL && wslay_event_send(w->frames) != 0)
			return err_set(e, ENOMEM, "websocket: out of memory");
		if (drain(w) == -1)
			return err_set(e, EPIPE,
			    "the daemon closed the connection");
		if (w->out.len == 0)
			return 0;
		if (wait_for(w, POLLOUT, e) == -1)
			return -1;
	}
}
