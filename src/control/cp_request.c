/* SPDX-License-Identifier: ISC */
/* cp_request.c - text frames of a cp WebSocket; see cp_request.h */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cp_request.h"
#include "lib/json.h"
#include "lib/util.h"

static int
take_direction(struct cp_request *r, const json_t *doc, struct err *e)
{
	const char *s = "";

	if (json_get_str(&s, doc, "direction", 8, e) == -1)
		return -1;
	r->to = strcmp(s, "to") == 0;
	if (!r->to && strcmp(s, "from") != 0)
		return err_api(e, EINVAL, "invalid_request",
		    "direction: must be \"to\" or \"from\"");
	return 0;
}

int
cp_request_parse(struct cp_request *ret, const char *text, size_t len,
    struct err *e)
{
	static const char *const known[] = {
		"direction", "guest_path", "is_dir", "mode", "follow_links",
		"src_basename", "uid", "gid", "tree", NULL,
	};
	own_json json_t *doc = NULL;
	const char *path = NULL;
	uint64_t mode = 0, uid = 0, gid = 0;

	memset(ret, 0, sizeof(*ret));
	if (json_parse(&doc, text, len, e) == -1)
		return -1;
	if (!json_is_object(doc))
		return err_api(e, EINVAL, "invalid_request",
		    "the first frame must be a JSON object");
	if (json_only(doc, known, e) == -1 ||
	    take_direction(ret, doc, e) == -1 ||
	    json_get_str(&path, doc, "guest_path", CP_PATH_MAX, e) == -1 ||
	    json_get_bool(&ret->is_dir, doc, "is_dir", e) == -1 ||
	    json_get_bool(&ret->follow, doc, "follow_links", e) == -1 ||
	    json_get_bool(&ret->tree, doc, "tree", e) == -1 ||
	    json_get_u64(&mode, doc, "mode", 0, UINT32_MAX, e) == -1 ||
	    json_get_u64(&uid, doc, "uid", 0, UINT32_MAX, e) == -1 ||
	    json_get_u64(&gid, doc, "gid", 0, UINT32_MAX, e) == -1)
		return -1;
	if (path == NULL || path[0] != '/')
		return err_api(e, EINVAL, "invalid_request",
		    "guest_path: must be an absolute path");
	(void)snprintf(ret->path, sizeof(ret->path), "%s", path);
	/* A client may send Go's or stat(2)'s type bits, too. */
	ret->mode = (mode_t)(mode & 07777);
	if (ret->mode == 0)
		ret->mode = ret->is_dir ? 0755 : 0644;
	/* As the reference: an owner counts when both are given. */
	if (uid != 0 && gid != 0) {
		ret->uid = (uint32_t)uid;
		ret->gid = (uint32_t)gid;
	}
	return 0;
}

static int
take_kind(struct agent_entry *en, const json_t *doc, struct err *e)
{
	const char *s = "";

	if (json_get_str(&s, doc, "kind", 16, e) == -1)
		return -1;
	return agent_kind_find(&en->kind, s) == 0 ? 0 :
	    err_api(e, EINVAL, "invalid_request",
	    "kind: \"%.16s\" is none", s);
}

static int
take_rdev(struct agent_entry *en, const json_t *doc, struct err *e)
{
	const char *s = NULL;
	int found = json_get_str(&s, doc, "rdev", 24, e);

	if (found == 1 && sscanf(s, "%u:%u", &en->major, &en->minor) != 2)
		return err_api(e, EINVAL, "invalid_request",
		    "rdev: must be \"MAJOR:MINOR\"");
	return found == -1 ? -1 : 0;
}

static int
take_mtime(struct agent_entry *en, const json_t *doc, struct err *e)
{
	const json_t *v = json_object_get(doc, "mtime_ns");

	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_integer(v))
		return err_api(e, EINVAL, "invalid_request",
		    "mtime_ns: must be a whole number");
	en->mtime_ns = json_integer_value(v);
	en->has_mtime = true;
	return 0;
}

static int
take_entry(struct agent_entry *en, const json_t *doc, struct err *e)
{
	uint64_t mode = 0, uid = 0, gid = 0;

	memset(en, 0, sizeof(*en));
	if (json_get_str(&en->path, doc, "path", CP_PATH_MAX, e) == -1 ||
	    json_get_str(&en->link, doc, "link", CP_PATH_MAX, e) == -1 ||
	    take_kind(en, doc, e) == -1 ||
	    json_get_u64(&mode, doc, "mode", 0, 07777, e) == -1 ||
	    json_get_u64(&uid, doc, "uid", 0, UINT32_MAX, e) == -1 ||
	    json_get_u64(&gid, doc, "gid", 0, UINT32_MAX, e) == -1 ||
	    json_get_u64(&en->size, doc, "size", 0, INT64_MAX, e) == -1 ||
	    take_mtime(en, doc, e) == -1 || take_rdev(en, doc, e) == -1)
		return -1;
	if (en->path == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "path: is missing");
	en->mode = (mode_t)mode;
	en->uid = (uint32_t)uid;
	en->gid = (uint32_t)gid;
	return 0;
}

int
cp_frame_parse(enum cp_frame *what, struct agent_entry *en, uint64_t *hole,
    const json_t *doc, struct err *e)
{
	const char *type = "";

	*hole = 0;
	if (!json_is_object(doc) ||
	    json_get_str(&type, doc, "type", 16, NULL) != 1)
		return err_api(e, EINVAL, "invalid_request",
		    "a text frame must be an object with a type");
	if (strcmp(type, "end") == 0) {
		*what = CP_END;
		return 0;
	}
	if (strcmp(type, "header") == 0) {
		*what = CP_HEADER;
		return take_entry(en, doc, e);
	}
	if (strcmp(type, "hole") == 0) {
		*what = CP_HOLE;
		return json_get_u64(hole, doc, "bytes", 1, INT64_MAX, e) ==
		    1 ? 0 : err_api(e, EINVAL, "invalid_request",
		    "bytes: must be a whole number");
	}
	return err_api(e, EINVAL, "invalid_request",
	    "type: \"%.16s\" is not header, hole or end", type);
}

static json_t *
tree_header(const struct agent_entry *en)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:I,s:I,s:I}",
	    "type", "header", "path", en->path, "kind",
	    agent_kind_word(en->kind), "mode", (int)en->mode,
	    "uid", (json_int_t)en->uid, "gid", (json_int_t)en->gid,
	    "mtime_ns", (json_int_t)en->mtime_ns);
	char rdev[32];

	if (o == NULL)
		return NULL;
	if (en->kind == AGENT_KIND_FILE)
		(void)json_object_set_new(o, "size",
		    json_integer((json_int_t)en->size));
	if (en->link != NULL)
		(void)json_object_set_new(o, "link", json_string(en->link));
	if (en->kind == AGENT_KIND_CHAR || en->kind == AGENT_KIND_BLOCK) {
		(void)snprintf(rdev, sizeof(rdev), "%u:%u", en->major,
		    en->minor);
		(void)json_object_set_new(o, "rdev", json_string(rdev));
	}
	return o;
}

json_t *
cp_header(const struct agent_entry *en, const char *base)
{
	char *path = NULL;
	json_t *o;

	if (base == NULL)
		return tree_header(en);
	if (strcmp(en->path, ".") != 0 &&
	    asprintf(&path, "%s/%s", base, en->path) == -1)
		return NULL;
	o = json_pack("{s:s,s:s,s:i,s:b,s:b,s:s,s:I,s:I,s:I,s:I}",
	    "type", "header", "path", path == NULL ? base : path,
	    "mode", (int)en->mode, "is_dir", en->kind == AGENT_KIND_DIR,
	    "is_symlink", en->kind == AGENT_KIND_SYMLINK,
	    "link_target", en->link == NULL ? "" : en->link,
	    "size", (json_int_t)en->size,
	    "mtime", (json_int_t)(en->mtime_ns / 1000000000),
	    "uid", (json_int_t)en->uid, "gid", (json_int_t)en->gid);
	free(path);
	return o;
}
