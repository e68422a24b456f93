/* SPDX-License-Identifier: ISC */
/* pull.c - getting an image, with progress; see pull.h */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/util.h"
#include "vmctl/api.h"
#include "vmctl/progress.h"
#include "vmctl/pull.h"
#include "vmctl/sse.h"
#include "vmctl/vm.h"

#define SILENT_MAX	5	/* streams in a row that say nothing */

struct pull {
	struct sse	 sse;
	struct progress	 progress;
	json_t		*image;		/* as said last */
	unsigned	 events;	/* in this stream */
};

static bool
status_is(const json_t *image, const char *status)
{
	return strcmp(js_str(image, "status"), status) == 0;
}

static bool
is_settled(const json_t *image)
{
	return status_is(image, "ready") || status_is(image, "failed");
}

static void
show(struct pull *p)
{
	const json_t *progress = json_object_get(p->image, "progress");
	struct moment m = {
		.phase = js_str(p->image, "status"),
		.done = (uint64_t)MAX(js_int(progress, "bytes_done"), 0),
		.total = (uint64_t)MAX(js_int(progress, "bytes_total"), 0),
		.layers_done =
		    (uint64_t)MAX(js_int(progress, "layers_done"), 0),
		.layers_total =
		    (uint64_t)MAX(js_int(progress, "layers_total"), 0),
	};

	if (!is_settled(p->image))
		progress_show(&p->progress, &m);
}

static int
on_event(void *arg, const char *text, size_t len)
{
	struct pull *p = arg;
	json_t *v;

	if (json_parse(&v, text, len, NULL) == -1)
		return 0;
	json_decref(p->image);
	p->image = v;
	p->events++;
	show(p);
	return is_settled(v);
}

static int
on_data(void *arg, const uint8_t *data, size_t len)
{
	struct pull *p = arg;

	return sse_feed(&p->sse, data, len, on_event, p);
}

/* Follow the pull until it is ready or has failed. */
static int
follow(struct pull *p, struct api *api, struct err *e)
{
	own_mem char *name = strdup(js_str(p->image, "name"));
	own_mem char *path = NULL, *events = NULL;
	struct api_stream s = { .data = on_data, .wake_fd = -1, .arg = p };
	unsigned silent = 0;
	json_t *now;

	if (name == NULL)
		return err_sys(e, "pull");
	path = api_path("/images/%", name);
	events = api_path("/images/%/events", name);
	s.path = events;
	while (!is_settled(p->image)) {
		p->events = 0;
		if (api_stream(api, &s, e) == -1)
			return -1;
		silent = p->events > 0 ? 0 : silent + 1;
		if (silent == SILENT_MAX)
			return err_set(e, EPROTO, "the daemon does not say "
			    "how the pull goes on");
		if (is_settled(p->image))
			break;
		/* The daemon may have been replaced meanwhile: ask. */
		if (api_get(api, path, &now, e) == -1)
			return -1;
		json_decref(p->image);
		p->image = now;
	}
	return 0;
}

int
pull_image(struct ctx *ctx, const char *name, const char *platform,
    bool quiet, json_t **image, struct err *e)
{
	struct api *api = ctx_api(ctx, e);
	own_json json_t *body = json_object();
	struct pull p = { 0 };
	int r;

	if (api == NULL)
		return -1;
	if (json_object_set_new(body, "name", json_string(name)) == -1)
		return err_set(e, EILSEQ, "%s: not valid UTF-8", name);
	if (platform != NULL)
		json_object_set_new(body, "platform", json_string(platform));
	if (api_call(api, "POST", "/images", body, &p.image, e) == -1)
		return -1;
	progress_begin(&p.progress, name, quiet);
	sse_init(&p.sse);
	show(&p);
	r = follow(&p, api, e);
	/* One that was here before stays ready, beside the error. */
	if (r == 0 && (!status_is(p.image, "ready") ||
	    js_str(p.image, "error")[0] != '\0'))
		r = err_set(e, EIO, "%s: %s", name,
		    js_str(p.image, "error")[0] != '\0' ?
		    js_str(p.image, "error") : "pull failed");
	progress_end(&p.progress, r == 0 ? "ready" : NULL);
	sse_fini(&p.sse);
	if (r == 0)
		*image = take(&p.image);
	json_decref(p.image);
	return r;
}

int
pull_missing(struct ctx *ctx, const char *name, const char *platform,
    bool quiet, json_t **image, struct err *e)
{
	struct api *api = ctx_api(ctx, e);
	own_mem char *path = api_path("/images/%", name);
	own_json json_t *now = NULL;

	if (api == NULL)
		return -1;
	if (api_get(api, path, &now, e) == -1) {
		if (!api_is_missing(e))
			return -1;
	} else if (status_is(now, "ready") && (platform == NULL ||
	    strcmp(js_str(now, "platform"), platform) == 0)) {
		*image = take(&now);
		return 0;
	}
	return pull_image(ctx, name, platform, quiet, image, e);
}
