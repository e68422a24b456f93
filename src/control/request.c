/* SPDX-License-Identifier: ISC */
/* request.c - what a handler reads of its request; see http.h */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/http_private.h"

int
header_check(struct header_check *hc, const char *name, struct err *e)
{
	if (++hc->n > HTTP_HEADERS_MAX)
		return err_api(e, E2BIG, "invalid_request",
		    "more than %d headers", HTTP_HEADERS_MAX);
	hc->host += strcasecmp(name, "Host") == 0;
	hc->length += strcasecmp(name, "Content-Length") == 0;
	hc->encoding += strcasecmp(name, "Transfer-Encoding") == 0;
	return 0;
}

void *
request_context(const struct request *r)
{
	return r->listener->http->config.context;
}

const struct caller *
request_caller(const struct request *r)
{
	return &r->caller;
}

int
request_socket(const struct request *r)
{
	return MHD_get_connection_info(r->connection,
	    MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

const char *
request_method(const struct request *r)
{
	return r->method;
}

const char *
request_param(const struct request *r)
{
	return r->match.param;
}

const char *
request_second(const struct request *r)
{
	return r->match.second;
}

json_t *
request_json(const struct request *r)
{
	return r->json;
}

const char *
request_header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
	    name);
}

/* --- the query ------------------------------------------------------------ */

struct query {
	const char	*name;
	const char	*value;		/* raw */
	unsigned	 n;		/* arguments seen */
	unsigned	 found;
};

static enum MHD_Result
each_argument(void *arg, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
	struct query *q = arg;

	(void)kind;
	if (++q->n > HTTP_QUERY_MAX)
		return MHD_NO;
	if (strcmp(name, q->name) == 0) {
		q->found++;
		q->value = value;
	}
	return MHD_YES;
}

int
request_query(const char **ret, struct request *r, const char *name,
    struct err *e)
{
	struct query q = { .name = name };
	char *text;

	(void)MHD_get_connection_values(r->connection,
	    MHD_GET_ARGUMENT_KIND, each_argument, &q);
	if (q.n > HTTP_QUERY_MAX)
		return err_api(e, E2BIG, "invalid_request",
		    "more than %d arguments in the query", HTTP_QUERY_MAX);
	if (q.found > 1)
		return err_api(e, EINVAL, "invalid_request",
		    "%s: given more than once", name);
	if (q.found == 0 || q.value == NULL)
		return 0;
	text = malloc(HTTP_QUERY_VALUE_MAX + 1);
	if (text == NULL)
		return err_sys(e, "%s", name);
	if (url_decode(text, HTTP_QUERY_VALUE_MAX + 1, q.value,
	    strlen(q.value), true, e) == -1) {
		free(text);
		return -1;
	}
	free(r->query);
	r->query = text;
	*ret = text;
	return 1;
}

struct tags {
	const json_t	*have;	/* of the thing that is looked at, or NULL */
	bool		 fits;
	struct err	*e;
	unsigned	 n;
	int		 ret;
};

static bool
tag_fits(const json_t *have, const char *key, const char *value)
{
	const char *s = json_string_value(json_object_get(have, key));

	return s != NULL && strcmp(s, value) == 0;
}

/* "tags[KEY]=VALUE", also as tags%5BKEY%5D. */
static enum MHD_Result
each_tag(void *arg, enum MHD_ValueKind kind, const char *name,
    const char *value)
{
	struct tags *t = arg;
	char key[512], val[512];
	size_t len;

	(void)kind;
	if (++t->n > HTTP_QUERY_MAX || value == NULL)
		return MHD_YES;
	t->ret = url_decode(key, sizeof(key), name, strlen(name), true, t->e);
	len = strlen(key);
	if (t->ret == -1)
		return MHD_NO;
	if (strncmp(key, "tags[", 5) != 0 || len < 6 || key[len - 1] != ']')
		return MHD_YES;
	key[len - 1] = '\0';
	t->ret = url_decode(val, sizeof(val), value, strlen(value), true,
	    t->e);
	if (t->ret == 0 && !tag_fits(t->have, key + 5, val))
		t->fits = false;
	return t->ret == 0 ? MHD_YES : MHD_NO;
}

int
request_tags_fit(struct request *r, const json_t *have, struct err *e)
{
	struct tags t = { .have = have, .fits = true, .e = e };

	(void)MHD_get_connection_values(r->connection,
	    MHD_GET_ARGUMENT_KIND, each_tag, &t);
	return t.ret == -1 ? -1 : t.fits;
}

/* --- bodies as they come, and clients that leave -------------------------- */

void
request_sink(struct request *r, const struct sink_ops *ops, void *arg)
{
	r->sink = ops;
	r->sink_arg = arg;
}

void
request_more(struct request *r)
{
	if (!r->sink_full)
		return;
	r->sink_full = false;
	request_resume(r);
	http_flush(r->listener->http);
}

static void
on_hangup(evutil_socket_t fd, short what, void *arg)
{
	struct request *r = arg;
	void (*fn)(void *) = r->hangup_fn;

	(void)fd;
	(void)what;
	event_free(r->hangup);
	r->hangup = NULL;
	fn(r->hangup_arg);
}

void
request_on_hangup(struct request *r, void (*fn)(void *), void *arg)
{
	const union MHD_ConnectionInfo *info;
	struct http *h = r->listener->http;

	if (r->hangup != NULL)
		event_free(r->hangup);
	r->hangup = NULL;
	if (fn == NULL)
		return;
	r->hangup_fn = fn;
	r->hangup_arg = arg;
	info = MHD_get_connection_info(r->connection,
	    MHD_CONNECTION_INFO_CONNECTION_FD);
	r->hangup = event_new(h->config.base, info->connect_fd, EV_CLOSED,
	    on_hangup, r);
	if (r->hangup != NULL)
		(void)event_add(r->hangup, NULL);
}
