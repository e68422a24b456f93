/* SPDX-License-Identifier: ISC */
/* image_events.c - GET /images/{name}/events: a pull as it goes on */

#include <stdlib.h>
#include <string.h>

#include "control/control.h"
#include "control/http.h"
#include "control/images.h"
#include "control/routes/routes.h"
#include "lib/json.h"
#include "lib/own.h"

struct events {
	struct image_waiter	 waiter;	/* first */
	struct image		*image;		/* NULL: removed */
	struct stream		*stream;
	bool			 fresh;		/* something is to be said */
	bool			 ended;		/* the last was said */
};

static void
on_changed(struct image_waiter *w, struct image *i)
{
	struct events *ev = (struct events *)w;

	if (i == NULL)
		ev->image = NULL;
	ev->fresh = true;
	stream_wake(ev->stream);
}

/* An Image may not fit: then without its layers, which are the long part. */
static ssize_t
event_text(const struct image *i, char *to, size_t room)
{
	own_json json_t *v = image_json(i);
	own_mem char *text = v == NULL ? NULL : json_print(v);

	if (text != NULL && strlen(text) + 8 > room) {
		(void)json_object_del(v, "layers");
		(void)json_object_del(v, "env");
		free(text);
		text = json_print(v);
	}
	if (text == NULL || strlen(text) + 8 > room)
		return -1;
	return snprintf(to, room, "data: %s\n\n", text);
}

static ssize_t
on_read(void *arg, char *to, size_t room)
{
	struct events *ev = arg;
	const struct image *i = ev->image;

	if (ev->ended || i == NULL)
		return -1;
	if (!ev->fresh)
		return 0;
	ev->fresh = false;
	ev->ended = !image_busy(i);
	return event_text(i, to, room);
}

static void
on_close(void *arg)
{
	struct events *ev = arg;

	if (ev->image != NULL)
		TAILQ_REMOVE(&ev->image->waiters, &ev->waiter, entry);
	free(ev);
}

void
route_image_events(struct request *r)
{
	static const struct stream_ops ops = {
		.read = on_read, .close = on_close,
	};
	struct events *ev;
	struct image *i;
	struct err e;

	i = image_find(request_context(r), request_param(r), &e);
	if (i == NULL) {
		reply_err(r, &e);
		return;
	}
	ev = calloc(1, sizeof(*ev));
	if (ev == NULL) {
		reply_json(r, 503, NULL);
		return;
	}
	ev->image = i;
	ev->fresh = true;
	ev->waiter.changed = on_changed;
	TAILQ_INSERT_TAIL(&i->waiters, &ev->waiter, entry);
	ev->stream = reply_stream(r, &ops, ev);
}
