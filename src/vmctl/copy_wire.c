/* SPDX-License-Identifier: ISC */
/* copy_wire.c - a tree to and from the daemon; see copy.h */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/copy.h"
#include "vmctl/ws.h"

static const char *const kinds[] = {
	[COPY_FILE] = "file", [COPY_DIR] = "dir", [COPY_SYMLINK] = "symlink",
	[COPY_HARDLINK] = "hardlink", [COPY_FIFO] = "fifo",
	[COPY_CHAR] = "char", [COPY_BLOCK] = "block",
};

bool
copy_path_ok(const char *path)
{
	size_t n, depth = 0;

	if (strcmp(path, ".") == 0)
		return true;
	if (strlen(path) >= COPY_PATH_MAX)
		return false;
	for (;; path += n + 1) {
		n = strcspn(path, "/");
		if (n == 0 || (n == 1 && path[0] == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.') ||
		    ++depth > COPY_DEPTH_MAX)
			return false;
		if (path[n] == '\0')
			return true;
	}
}

bool
copy_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strcmp(dir, ".") == 0)
		return true;
	return strncmp(path, dir, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

/* --- headers ----------------------------------------------------------- */

json_t *
copy_header(const struct copy_entry *n)
{
	json_t *v = json_pack("{s:s,s:s,s:s,s:I}", "type", "header",
	    "path", n->path, "kind", kinds[n->kind],
	    "mode", (json_int_t)n->mode);
	char text[32];

	if (v == NULL)
		return NULL;
	if (n->has_owner) {
		json_object_set_new(v, "uid", json_integer(n->uid));
		json_object_set_new(v, "gid", json_integer(n->gid));
	}
	if (n->has_mtime)
		json_object_set_new(v, "mtime_ns", json_integer(n->mtime_ns));
	if (n->kind == COPY_FILE)
		json_object_set_new(v, "size",
		    json_integer((json_int_t)n->size));
	if (n->link != NULL && json_object_set_new(v, "link",
	    json_string(n->link)) == -1) {
		json_decref(v);
		return NULL;
	}
	if (n->kind == COPY_CHAR || n->kind == COPY_BLOCK) {
		(void)snprintf(text, sizeof(text), "%" PRIu32 ":%" PRIu32,
		    n->major, n->minor);
		json_object_set_new(v, "rdev", json_string(text));
	}
	return v;
}

static int
parse_kind(enum copy_kind *ret, const json_t *v, struct err *e)
{
	const char *kind = "";

	if (json_get_str(&kind, v, "kind", 16, e) == -1)
		return -1;
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(kinds[i], kind) == 0) {
			*ret = (enum copy_kind)i;
			return 0;
		}
	return err_set(e, EPROTO, "a file of kind '%s' cannot be copied", kind);
}

static int
parse_rdev(struct copy_entry *n, const json_t *v, struct err *e)
{
	const char *rdev = "";
	char rest;

	if (n->kind != COPY_CHAR && n->kind != COPY_BLOCK)
		return 0;
	if (json_get_str(&rdev, v, "rdev", 24, e) == -1)
		return -1;
	if (sscanf(rdev, "%" SCNu32 ":%" SCNu32 "%c", &n->major, &n->minor,
	    &rest) != 2)
		return err_set(e, EPROTO, "%s: no device number", n->path);
	return 0;
}

int
copy_header_parse(struct copy_entry *ret, const json_t *v, struct err *e)
{
	struct copy_entry n = { 0 };
	uint64_t mode = 0, uid = 0, gid = 0;
	const json_t *mtime = json_object_get(v, "mtime_ns");
	int has_uid, has_gid;

	if (json_get_str(&n.path, v, "path", COPY_PATH_MAX - 1, e) == -1)
		return -1;
	if (n.path == NULL || !copy_path_ok(n.path))
		return err_set(e, EPROTO, "'%.200s' is no name of a copied "
		    "file", n.path == NULL ? "" : n.path);
	has_uid = json_get_u64(&uid, v, "uid", 0, UINT32_MAX, e);
	has_gid = json_get_u64(&gid, v, "gid", 0, UINT32_MAX, e);
	if (has_uid == -1 || has_gid == -1 || parse_kind(&n.kind, v, e) == -1 ||
	    json_get_u64(&mode, v, "mode", 0, 07777, e) == -1 ||
	    json_get_u64(&n.size, v, "size", 0, INT64_MAX, e) == -1 ||
	    json_get_str(&n.link, v, "link", COPY_PATH_MAX - 1, e) == -1 ||
	    parse_rdev(&n, v, e) == -1)
		return err_prefix(e, "%s", n.path);
	if ((n.kind == COPY_SYMLINK || n.kind == COPY_HARDLINK) &&
	    (n.link == NULL || n.link[0] == '\0'))
		return err_set(e, EPROTO, "%s: a link to nothing", n.path);
	if (n.kind == COPY_HARDLINK && !copy_path_ok(n.link))
		return err_set(e, EPROTO, "%s: a link out of the copy", n.path);
	n.mode = (uint32_t)mode;
	n.has_owner = has_uid == 1 && has_gid == 1;
	n.uid = (uint32_t)uid;
	n.gid = (uint32_t)gid;
	n.has_mtime = json_is_integer(mtime);
	n.mtime_ns = json_integer_value(mtime);
	if (n.kind != COPY_FILE)
		n.size = 0;
	*ret = n;
	return 0;
}

/* --- both directions --------------------------------------------------- */

struct wire {
	struct copy_sink	 sink;		/* first: to the guest */
	struct copy_sink	*into;		/* from the guest, or NULL */
	struct ws		*ws;
	const struct copy_options *options;
	uint64_t		 moved;		/* bytes */
	uint64_t		 left;		/* of the file that comes */
	bool			 have_root;
	bool			 over;		/* how it went is known */
	bool			 failed;
	struct err		 error;		/* when failed */
};

static void
fail(struct wire *w, const struct err *e)
{
	if (!w->failed)
		w->error = *e;
	w->failed = w->over = true;
}

static void
count(struct wire *w, size_t len)
{
	w->moved += len;
	if (w->options->moved != NULL)
		w->options->moved(w->options->arg, w->moved);
}

static void
on_data(void *arg, const uint8_t *p, size_t len, bool first)
{
	struct wire *w = arg;
	struct err e;

	(void)first;
	if (w->over)
		return;
	if (w->into == NULL || len > w->left) {
		(void)err_set(&e, EPROTO, "the daemon sent more than a file");
		fail(w, &e);
		return;
	}
	w->left -= len;
	if (w->into->data(w->into, p, len, &e) == -1)
		fail(w, &e);
	else
		count(w, len);
}

static int
got_header(struct wire *w, const json_t *v, struct err *e)
{
	struct copy_entry n;
	bool root;

	if (copy_header_parse(&n, v, e) == -1)
		return -1;
	root = strcmp(n.path, ".") == 0;
	if (w->left != 0)
		return err_set(e, EPROTO, "%s: the file before is not complete",
		    n.path);
	if (!root && !w->have_root)
		return err_set(e, EPROTO, "%s: before its root", n.path);
	w->have_root = true;
	if (!w->options->owners)
		n.has_owner = false;
	w->left = n.size;
	return w->into->entry(w->into, &n, e);
}

static int
got_hole(struct wire *w, const json_t *v, struct err *e)
{
	uint64_t bytes = 0;

	if (json_get_u64(&bytes, v, "bytes", 0, w->left, e) == -1)
		return -1;
	w->left -= bytes;
	return w->into->hole(w->into, bytes, e);
}

static int
got_end(struct wire *w, const json_t *v, struct err *e)
{
	bool final = false;

	if (json_get_bool(&final, v, "final", e) == -1)
		return -1;
	if (!final)
		return 0;
	if (w->left != 0 || !w->have_root)
		return err_set(e, EPROTO, "the daemon ended within a file");
	w->over = true;
	return w->into->end(w->into, e);
}

static int
got_result(struct wire *w, const json_t *v, struct err *e)
{
	const char *message = NULL, *path = NULL;

	w->over = true;
	if (json_is_true(json_object_get(v, "success")))
		return 0;
	(void)json_get_str(&message, v, "message", ERR_TEXT_MAX, NULL);
	(void)json_get_str(&message, v, "error", ERR_TEXT_MAX, NULL);
	(void)json_get_str(&path, v, "path", COPY_PATH_MAX, NULL);
	if (message == NULL)
		message = "the copy failed";
	if (path == NULL || strstr(message, path) != NULL)
		return err_set(e, EIO, "%s", message);
	return err_set(e, EIO, "%s: %s", path, message);
}

static void
on_text(void *arg, const char *text, size_t len)
{
	struct wire *w = arg;
	own_json json_t *v = NULL;
	const char *type = "";
	struct err e = { 0 };
	int r;

	if (w->over)
		return;
	if (json_parse(&v, text, len, &e) == -1 ||
	    json_get_str(&type, v, "type", 16, &e) == -1)
		r = -1;
	else if (w->into != NULL && strcmp(type, "header") == 0)
		r = got_header(w, v, &e);
	else if (w->into != NULL && strcmp(type, "hole") == 0)
		r = got_hole(w, v, &e);
	else if (w->into != NULL && strcmp(type, "end") == 0)
		r = got_end(w, v, &e);
	else
		r = got_result(w, v, &e);
	if (r == -1)
		fail(w, &e);
}

static const struct ws_ops wire_ops = { .data = on_data, .text = on_text };

static int
wire_begin(struct wire *w, struct api *api, const char *id, json_t *frame,
    struct err *e)
{
	own_mem char *path = api_path("/instances/%/cp", id);
	own_mem char *text = NULL;
	own_json json_t *first = frame;

	if (first == NULL || (text = json_print(first)) == NULL)
		return err_set(e, EILSEQ, "the path is not valid UTF-8");
	if (ws_open(&w->ws, api, path, &wire_ops, w, e) == -1)
		return -1;
	return ws_send(w->ws, true, text, strlen(text), e);
}

/* Once around: wait for the daemon, then read and write what can be. */
static int
wire_turn(struct wire *w, struct err *e)
{
	struct pollfd p = { ws_fd(w->ws), ws_events(w->ws), 0 };
	int r;

	if (poll(&p, 1, ws_pending(w->ws) ? 0 : -1) == -1 && errno != EINTR)
		return err_sys(e, "poll");
	r = ws_io(w->ws, e);
	if (r == 0 && !w->over) {
		(void)err_set(e, EPIPE, "the daemon closed the connection");
		return -1;
	}
	if (w->failed) {
		*e = w->error;
		return -1;
	}
	return r == -1 ? -1 : 0;
}

/* --- to the guest ------------------------------------------------------ */

static int
wire_put(struct wire *w, bool text, const void *p, size_t len, struct err *e)
{
	if (ws_send(w->ws, text, p, len, e) == -1)
		return -1;
	do {
		if (wire_turn(w, e) == -1)
			return -1;
	} while (!ws_room(w->ws) && !w->over);
	return 0;
}

static int
wire_text(struct wire *w, json_t *v, const char *what, struct err *e)
{
	own_json json_t *message = v;
	own_mem char *text = message == NULL ? NULL : json_print(message);

	if (text == NULL)
		return err_set(e, EILSEQ, "%s: not valid UTF-8", what);
	return wire_put(w, true, text, strlen(text), e);
}

static int
wire_entry(struct copy_sink *s, const struct copy_entry *n, struct err *e)
{
	return wire_text((struct wire *)s, copy_header(n), n->path, e);
}

static int
wire_data(struct copy_sink *s, const void *p, size_t len, struct err *e)
{
	struct wire *w = (struct wire *)s;
	size_t n;

	for (; len > 0; len -= n, p = (const char *)p + n) {
		n = MIN(len, (size_t)WS_CHUNK);
		if (wire_put(w, false, p, n, e) == -1)
			return -1;
		count(w, n);
	}
	return 0;
}

static int
wire_hole(struct copy_sink *s, uint64_t bytes, struct err *e)
{
	return wire_text((struct wire *)s, json_pack("{s:s,s:I}", "type",
	    "hole", "bytes", (json_int_t)bytes), "hole", e);
}

static int
wire_end(struct copy_sink *s, struct err *e)
{
	struct wire *w = (struct wire *)s;

	if (wire_text(w, json_pack("{s:s,s:b}", "type", "end", "final", 1),
	    "end", e) == -1)
		return -1;
	while (!w->over)
		if (wire_turn(w, e) == -1)
			return -1;
	return 0;
}

int
copy_wire_open(struct copy_sink **ret, struct api *api, const char *id,
    const char *guest_path, const struct copy_options *o, struct err *e)
{
	own_mem struct wire *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_sys(e, "copy");
	w->sink = (struct copy_sink){ wire_entry, wire_data, wire_hole,
	    wire_end };
	w->options = o;
	if (wire_begin(w, api, id, json_pack("{s:s,s:s,s:b}", "direction",
	    "to", "guest_path", guest_path, "tree", 1), e) == -1) {
		ws_close(w->ws);
		return -1;
	}
	*ret = &take(&w)->sink;
	return 0;
}

void
copy_wire_close(struct copy_sink *s)
{
	struct wire *w = (struct wire *)s;

	if (w == NULL)
		return;
	ws_close(w->ws);
	free(w);
}

/* --- from the guest ---------------------------------------------------- */

int
copy_wire_read(struct copy_sink *into, struct api *api, const char *id,
    const char *guest_path, const struct copy_options *o, struct err *e)
{
	struct wire w = { .into = into, .options = o };
	int r;

	r = wire_begin(&w, api, id, json_pack("{s:s,s:s,s:b,s:b}", "direction",
	    "from", "guest_path", guest_path, "tree", 1, "follow_links",
	    o->follow), e);
	while (r == 0 && !w.over)
		r = wire_turn(&w, e);
	if (r == 0 && w.failed) {
		*e = w.error;
		r = -1;
	}
	ws_close(w.ws);
	return r;
}
