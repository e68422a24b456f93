/* SPDX-License-Identifier: ISC */
/* volumes.c - /volumes */

#include <string.h>

#include "control/control.h"
#include "control/http.h"
#include "control/routes/routes.h"
#include "control/volumes.h"
#include "lib/json.h"

void
route_volumes_list(struct request *r)
{
	const struct control *ctl = request_context(r);
	own_json json_t *list = json_array();
	const struct volume *v;
	struct err e;
	int fits;

	TAILQ_FOREACH(v, &ctl->volumes, entry) {
		if (!v->ready || !auth_owns(request_caller(r), v->owner))
			continue;
		fits = request_tags_fit(r, v->tags, &e);
		if (fits == -1) {
			reply_err(r, &e);
			return;
		}
		if (fits)
			(void)json_array_append_new(list, volume_json(v));
	}
	reply_json(r, 200, take(&list));
}

static void
on_created(void *arg, struct volume *v, const struct err *e)
{
	if (e != NULL)
		reply_err(arg, e);
	else
		reply_json(arg, 201, volume_json(v));
}

void
route_volume_create(struct request *r)
{
	volume_create(request_context(r), request_caller(r), request_json(r),
	    on_created, r);
}

static struct volume *
route_volume(struct request *r)
{
	struct err e;
	struct volume *v = volume_find(request_context(r), request_caller(r),
	    request_param(r), &e);

	if (v == NULL)
		reply_err(r, &e);
	return v;
}

void
route_volume_get(struct request *r)
{
	struct volume *v = route_volume(r);

	if (v != NULL)
		reply_json(r, 200, volume_json(v));
}

void
route_volume_delete(struct request *r)
{
	struct volume *v = route_volume(r);
	struct err e;

	if (v == NULL)
		return;
	if (volume_remove(v, &e) == -1)
		reply_err(r, &e);
	else
		reply_empty(r, 204);
}
