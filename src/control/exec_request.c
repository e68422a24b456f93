/* SPDX-License-Identifier: ISC */
/* exec_request.c - text frames of an exec WebSocket; see exec_request.h */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/exec_request.h"
#include "lib/json.h"

static int
take_command(struct exec_request *r, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i, n = 0;

	if (json_get_arr(&list, r->doc, "command", EXEC_WORDS_MAX, e) == -1)
		return -1;
	json_array_foreach(list, i, v) {
		if (!json_is_string(v))
			return err_api(e, EINVAL, "invalid_request",
			    "command[%zu]: must be a string", i);
		r->argv[n++] = json_string_value(v);
	}
	if (n == 0)
		r->argv[n++] = "/bin/sh";
	r->argv[n] = NULL;
	r->exec.argv = r->argv;
	return 0;
}

static int
take_env(struct exec_request *r, struct err *e)
{
	json_t *o = NULL, *v;
	const char *key;
	size_t len;
	char *text;

	if (json_get_obj(&o, r->doc, "env", EXEC_WORDS_MAX, e) == -1)
		return -1;
	json_object_foreach(o, key, v) {
		if (!json_is_string(v) || *key == '\0' ||
		    strchr(key, '=') != NULL)
			return err_api(e, EINVAL, "invalid_request",
			    "env: %.64s: must be a name and a string", key);
		len = strlen(key) + json_string_length(v) + 2;
		text = malloc(len);
		if (text == NULL)
			return err_sys(e, "env");
		(void)snprintf(text, len, "%s=%s", key,
		    json_string_value(v));
		r->env_text[r->nenv] = text;
		r->env[r->nenv++] = text;
	}
	r->exec.env = r->env;
	return 0;
}

static int
take_size(unsigned *rows, unsigned *cols, const json_t *doc, struct err *e)
{
	uint64_t r = 0, c = 0;

	if (json_get_u64(&r, doc, "rows", 0, EXEC_CELLS_MAX, e) == -1 ||
	    json_get_u64(&c, doc, "cols", 0, EXEC_CELLS_MAX, e) == -1)
		return -1;
	*rows = (unsigned)r;
	*cols = (unsigned)c;
	return 0;
}

static int
take_rest(struct exec_request *r, struct err *e)
{
	static const char *const known[] = {
		"command", "tty", "env", "cwd", "timeout", "wait_for_agent",
		"rows", "cols", "user", "detach", "streams", NULL,
	};
	struct agent_exec *x = &r->exec;
	uint64_t timeout = 0, wait = 0;

	if (json_only(r->doc, known, e) == -1 ||
	    json_get_bool(&x->tty, r->doc, "tty", e) == -1 ||
	    json_get_bool(&x->detach, r->doc, "detach", e) == -1 ||
	    json_get_bool(&r->streams, r->doc, "streams", e) == -1 ||
	    json_get_str(&x->cwd, r->doc, "cwd", 1023, e) == -1 ||
	    json_get_str(&x->user, r->doc, "user", 255, e) == -1 ||
	    json_get_u64(&timeout, r->doc, "timeout", 0, 31536000, e) == -1 ||
	    json_get_u64(&wait, r->doc, "wait_for_agent", 0, 3600, e) == -1)
		return -1;
	if (x->cwd != NULL && *x->cwd == '\0')
		x->cwd = NULL;
	if (x->user != NULL && *x->user == '\0')
		x->user = NULL;
	x->timeout_ms = timeout * 1000;
	r->wait_ms = wait == 0 ? EXEC_AGENT_MS : wait * 1000;
	return take_size(&x->rows, &x->cols, r->doc, e);
}

int
exec_request_parse(struct exec_request *ret, const char *text, size_t len,
    struct err *e)
{
	memset(ret, 0, sizeof(*ret));
	if (json_parse(&ret->doc, text, len, e) == -1)
		return -1;
	if (!json_is_object(ret->doc))
		(void)err_api(e, EINVAL, "invalid_request",
		    "the first frame must be a JSON object");
	else if (take_rest(ret, e) == 0 && take_command(ret, e) == 0 &&
	    take_env(ret, e) == 0)
		return 0;
	exec_request_fini(ret);
	return -1;
}

void
exec_request_fini(struct exec_request *r)
{
	for (size_t i = 0; i < r->nenv; i++)
		free(r->env_text[i]);
	json_decref(r->doc);
	memset(r, 0, sizeof(*r));
}

void
exec_command_parse(struct exec_command *c, const char *text, size_t len)
{
	own_json json_t *doc = NULL;
	const char *signal = NULL;
	json_t *size = NULL;
	bool eof = false;

	memset(c, 0, sizeof(*c));
	/* Whatever is not exactly one of ours was typed. */
	if (len > 256 || json_parse(&doc, text, len, NULL) == -1 ||
	    json_object_size(doc) != 1)
		return;
	if (json_get_bool(&eof, doc, "stdin_eof", NULL) == 1 && eof) {
		c->what = EXEC_STDIN_EOF;
	} else if (json_get_str(&signal, doc, "signal", 15, NULL) == 1) {
		c->what = EXEC_SIGNAL;
		(void)snprintf(c->signal, sizeof(c->signal), "%s", signal);
	} else if (json_get_obj(&size, doc, "resize", 2, NULL) == 1 &&
	    take_size(&c->rows, &c->cols, size, NULL) == 0) {
		c->what = EXEC_RESIZE;
	}
}
