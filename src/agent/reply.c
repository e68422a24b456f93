/* SPDX-License-Identifier: ISC */
/* reply.c - what the agent answers; see reply.h */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/reply.h"
#include "lib/num.h"
#include "lib/util.h"

void
reply_fini(struct reply *r)
{
	for (size_t i = 0; i < r->nifs; i++)
		free(r->ifs[i].addrs);
	free(r->ifs);
	memset(r, 0, sizeof(*r));
}

/* Copy a short word of the guest's; only printable bytes. */
static int
take_text(char *ret, size_t size, const char *value, struct err *e)
{
	if (strlen(value) >= size)
		return err_set(e, EPROTO, "too long");
	for (const char *s = value; *s != '\0'; s++)
		if (!isprint((unsigned char)*s))
			return err_set(e, EPROTO, "not printable");
	strcpy(ret, value);
	return 0;
}

/* --- HELLO, STARTED, EXIT ------------------------------------------------- */

struct hello {
	uint64_t	version;
	char		mode[8];
};

static int
hello_version(void *arg, const char *value, struct err *e)
{
	struct hello *h = arg;

	return num_parse(&h->version, value, 1, UINT32_MAX, e);
}

static int
hello_mode(void *arg, const char *value, struct err *e)
{
	struct hello *h = arg;

	return take_text(h->mode, sizeof(h->mode), value, e);
}

int
reply_hello(struct reply *r, const struct frame *f, struct err *e)
{
	static const struct record_field fields[] = {
		{ "version",	hello_version },
		{ "mode",	hello_mode },
		{ NULL,		NULL },
	};
	struct hello h = { .mode = "exec" };

	if (records_read(fields, &h, f->data, f->len, e) == -1)
		return -1;
	if (h.version != AGENT_VERSION)
		return err_set(e, EPROTO, "the agent speaks version %llu, "
		    "not %d", (unsigned long long)h.version, AGENT_VERSION);
	strcpy(r->mode, h.mode);
	return 0;
}

static int
started_pid(void *arg, const char *value, struct err *e)
{
	return num_parse(arg, value, 1, INT32_MAX, e);
}

int
reply_started(uint32_t *pid, const struct frame *f, struct err *e)
{
	static const struct record_field fields[] = {
		{ "pid",	started_pid },
		{ NULL,		NULL },
	};
	uint64_t n = 0;

	if (records_read(fields, &n, f->data, f->len, e) == -1)
		return -1;
	*pid = (uint32_t)n;
	return 0;
}

static int
exit_code(void *arg, const char *value, struct err *e)
{
	struct reply *r = arg;
	uint64_t n;

	if (num_parse(&n, value, 0, 255, e) == -1)
		return -1;
	r->result.exit_code = (int)n;
	return 0;
}

static int
exit_signal(void *arg, const char *value, struct err *e)
{
	struct reply *r = arg;

	if (take_text(r->signal, sizeof(r->signal), value, e) == -1)
		return -1;
	r->result.signal = r->signal;
	return 0;
}

static int
exit_timeout(void *arg, const char *value, struct err *e)
{
	struct reply *r = arg;

	(void)e;
	r->result.timed_out = strcmp(value, "1") == 0;
	return 0;
}

int
reply_exit(struct reply *r, const struct frame *f, struct err *e)
{
	static const struct record_field fields[] = {
		{ "code",	exit_code },
		{ "signal",	exit_signal },
		{ "timeout",	exit_timeout },
		{ NULL,		NULL },
	};

	r->result.exit_code = -1;
	if (records_read(fields, r, f->data, f->len, e) == -1)
		return -1;
	if (r->result.exit_code == -1)
		return err_set(e, EPROTO, "EXIT without a code");
	return 0;
}

/* --- ERROR ---------------------------------------------------------------- */

static int
error_num(void *arg, const char *value, struct err *e)
{
	struct err *why = arg;
	uint64_t n;

	if (num_parse(&n, value, 1, 4095, e) == -1)
		return -1;
	why->num = (int)n;
	return 0;
}

/* To the static word; one we do not know stays "failed". */
static int
error_code(void *arg, const char *value, struct err *e)
{
	static const char *const codes[] = {
		"bad_request", "bad_version", "not_found", "permission_denied",
		"exists", "no_such_user", "not_executable", "bad_path",
		"no_space", "too_large", "changed", "failed",
	};
	struct err *why = arg;

	(void)e;
	for (size_t i = 0; i < COUNT(codes); i++)
		if (strcmp(value, codes[i]) == 0)
			why->code = codes[i];
	return 0;
}

static int
error_text(void *arg, const char *value, struct err *e)
{
	struct err *why = arg;

	(void)e;
	(void)snprintf(why->text, sizeof(why->text), "%s", value);
	/* It goes to terminals and logs. */
	for (char *s = why->text; *s != '\0'; s++)
		if (iscntrl((unsigned char)*s))
			*s = '?';
	return 0;
}

int
reply_error(struct err *ret, const struct frame *f, struct err *e)
{
	static const struct record_field fields[] = {
		{ "num",	error_num },
		{ "code",	error_code },
		{ "text",	error_text },
		{ NULL,		NULL },
	};

	ret->num = EIO;
	ret->code = "failed";
	strcpy(ret->text, "the agent gave no reason");
	return records_read(fields, ret, f->data, f->len, e);
}

/* --- copies --------------------------------------------------------------- */

static int
count_bytes(void *arg, const char *value, struct err *e)
{
	struct reply *r = arg;

	return num_parse(&r->result.bytes, value, 0, UINT64_MAX, e);
}

static int
count_entries(void *arg, const char *value, struct err *e)
{
	struct reply *r = arg;

	return num_parse(&r->result.entries, value, 0, UINT64_MAX, e);
}

int
reply_counts(struct reply *r, const struct frame *f, struct err *e)
{
	static const struct record_field fields[] = {
		{ "bytes",	count_bytes },
		{ "entries",	count_entries },
		{ NULL,		NULL },
	};

	return records_read(fields, r, f->data, f->len, e);
}

int
reply_entry(struct reply *r, const struct agent_entry *n, struct err *e)
{
	bool root = strcmp(n->path, ".") == 0;

	if (r->left != 0)
		return err_set(e, EPROTO, "ENTRY inside a file");
	if (!root && !r->have_root)
		return err_set(e, EPROTO, "%s before the root", n->path);
	r->have_root = true;
	r->left = n->kind == AGENT_KIND_FILE ? n->size : 0;
	return 0;
}

int
reply_bytes(struct reply *r, uint64_t len, struct err *e)
{
	if (len > r->left)
		return err_set(e, EPROTO, "more bytes than the file has");
	r->left -= len;
	return 0;
}

/* --- ADDRS ---------------------------------------------------------------- */

static int
addrs_if(void *arg, const char *value, struct err *e)
{
	struct reply *r = arg;
	struct agent_if *ifs;

	if (r->nifs == AGENT_ADDRS_MAX)
		return err_set(e, EPROTO, "too many");
	ifs = realloc(r->ifs, (r->nifs + 1) * sizeof(*ifs));
	if (ifs == NULL)
		return err_sys(e, "out of memory");
	r->ifs = ifs;
	memset(&ifs[r->nifs], 0, sizeof(*ifs));
	if (take_text(ifs[r->nifs].name, sizeof(ifs->name), value, e) == -1)
		return -1;
	r->nifs++;
	return 0;
}

/* The interface the records belong to: the last one named. */
static struct agent_if *
addrs_last(struct reply *r, struct err *e)
{
	if (r->nifs == 0) {
		(void)err_set(e, EPROTO, "of no interface");
		return NULL;
	}
	return &r->ifs[r->nifs - 1];
}

static int
addrs_mac(void *arg, const char *value, struct err *e)
{
	struct agent_if *i = addrs_last(arg, e);

	if (i == NULL)
		return -1;
	return take_text(i->mac, sizeof(i->mac), value, e);
}

static int
addrs_mtu(void *arg, const char *value, struct err *e)
{
	struct agent_if *i = addrs_last(arg, e);
	uint64_t n;

	if (i == NULL || num_parse(&n, value, 0, INT32_MAX, e) == -1)
		return -1;
	i->mtu = (unsigned)n;
	return 0;
}

static int
addrs_up(void *arg, const char *value, struct err *e)
{
	struct agent_if *i = addrs_last(arg, e);

	if (i == NULL)
		return -1;
	i->up = strcmp(value, "1") == 0;
	return 0;
}

static int
addrs_addr(void *arg, const char *value, struct err *e)
{
	struct agent_if *i = addrs_last(arg, e);
	char (*addrs)[64];

	if (i == NULL)
		return -1;
	if (i->naddrs == AGENT_ADDRS_MAX)
		return err_set(e, EPROTO, "too many");
	addrs = realloc(i->addrs, (i->naddrs + 1) * sizeof(*addrs));
	if (addrs == NULL)
		return err_sys(e, "out of memory");
	i->addrs = addrs;
	if (take_text(addrs[i->naddrs], sizeof(*addrs), value, e) == -1)
		return -1;
	i->naddrs++;
	return 0;
}

int
reply_addrs(struct reply *r, const struct frame *f, struct err *e)
{
	static const struct record_field fields[] = {
		{ "if",		addrs_if },
		{ "mac",	addrs_mac },
		{ "mtu",	addrs_mtu },
		{ "up",		addrs_up },
		{ "addr",	addrs_addr },
		{ NULL,		NULL },
	};

	if (records_read(fields, r, f->data, f->len, e) == -1)
		return -1;
	r->result.ifs = r->ifs;
	r->result.nifs = r->nifs;
	return 0;
}
