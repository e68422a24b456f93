/* SPDX-License-Identifier: ISC */
/* image_json.c - the Image of the API; see images.h */

#include <string.h>

#include "control/control.h"
#include "control/images.h"
#include "lib/json.h"
#include "lib/util.h"

static const char *const statuses[] = {
	[IMAGE_PENDING] = "pending",
	[IMAGE_PULLING] = "pulling",
	[IMAGE_CONVERTING] = "converting",
	[IMAGE_READY] = "ready",
	[IMAGE_FAILED] = "failed",
};
_Static_assert(COUNT(statuses) == IMAGE_STATUSES, "every status has a name");

/* How many wait before it, counted from 1. */
static json_t *
queue_position(const struct image *i)
{
	const struct image *other;
	int n = 1;

	if (i->status != IMAGE_PENDING)
		return json_null();
	TAILQ_FOREACH(other, &i->control->images, entry) {
		if (other == i)
			break;
		n += other->status == IMAGE_PENDING;
	}
	return json_integer(n);
}

static json_t *
env_json(const json_t *list)
{
	json_t *o = json_object(), *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *s = json_string_value(v);
		const char *eq = s == NULL ? NULL : strchr(s, '=');

		if (eq != NULL)
			(void)json_object_setn_new(o, s, (size_t)(eq - s),
			    json_string(eq + 1));
	}
	return o;
}

/* Members of vmd-image's IMAGE that the API has under the same name. */
static int
put_info(json_t *o, const json_t *info)
{
	static const char *const same[] = {
		"platform", "size_bytes", "entrypoint", "cmd", "working_dir",
		"user", "stop_signal", "exposed_ports", "layers",
		"root_bytes",
	};

	for (size_t i = 0; i < COUNT(same); i++) {
		json_t *v = json_object_get(info, same[i]);

		if (v != NULL && json_object_set(o, same[i], v) == -1)
			return -1;
	}
	return json_object_set_new(o, "env",
	    env_json(json_object_get(info, "env")));
}

json_t *
image_json(const struct image *i)
{
	const struct image_progress *p = &i->progress;
	const char *digest = image_digest(i);
	own_json json_t *o = NULL;

	o = json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "name", i->name,
	    "digest", digest == NULL ? "" : digest,
	    "status", statuses[i->status],
	    "queue_position", queue_position(i),
	    "error", i->error[0] == '\0' ? json_null() :
	    json_string(i->error),
	    "tags", i->tags == NULL ? json_object() : json_incref(i->tags),
	    "created_at", time_json(i->created_ms));
	if (o == NULL)
		return NULL;
	if (i->platform != NULL && json_object_set_new(o, "platform",
	    json_string(i->platform)) == -1)
		return NULL;
	if (put_info(o, i->info != NULL ? i->info : i->next) == -1)
		return NULL;
	if (image_busy(i) && json_object_set_new(o, "progress",
	    json_pack("{s:I,s:I,s:I,s:I}",
	    "bytes_done", (json_int_t)p->bytes_done,
	    "bytes_total", (json_int_t)p->bytes_total,
	    "layers_done", (json_int_t)p->layers_done,
	    "layers_total", (json_int_t)p->layers_total)) == -1)
		return NULL;
	return take(&o);
}
