/* SPDX-License-Identifier: ISC */
/*
 * parse.c - the statements of vm.conf; see parse.h
 *
 * Recursive descent, one function a production, with one token to look ahead.
 * A statement with an error is skipped to its end, a block with its braces.
 */

#include <arpa/inet.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/parse.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/util.h"

/* --- errors --------------------------------------------------------------- */

int
parse_fail(struct parser *p, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return conf_say(p->conf, false, p->file, p->line, "%s", text);
}

int
parse_syntax(struct parser *p)
{
	return p->bad ? -1 : parse_fail(p, "syntax error");
}

void
parse_skip(struct parser *p)
{
	unsigned depth = 0;

	for (; p->token.kind != TOKEN_END; lex_next(p)) {
		if (p->token.kind == TOKEN_NEWLINE && depth == 0)
			return;
		if (token_is_punct(p, '{'))
			depth++;
		else if (token_is_punct(p, '}')) {
			/* Of the block that the statement is in. */
			if (depth == 0)
				return;
			depth--;
		}
	}
}

/* --- tokens --------------------------------------------------------------- */

bool
token_is(const struct parser *p, enum keyword k)
{
	return p->token.kind == TOKEN_WORD && p->token.keyword == k;
}

bool
token_is_punct(const struct parser *p, char c)
{
	return p->token.kind == TOKEN_PUNCT && p->token.punct == c;
}

bool
token_take(struct parser *p, enum keyword k)
{
	if (!token_is(p, k))
		return false;
	lex_next(p);
	return true;
}

bool
token_take_punct(struct parser *p, char c)
{
	if (!token_is_punct(p, c))
		return false;
	lex_next(p);
	return true;
}

void
parse_newlines(struct parser *p)
{
	while (p->token.kind == TOKEN_NEWLINE)
		lex_next(p);
}

/* --- values --------------------------------------------------------------- */

static bool
is_string(const struct parser *p, bool first)
{
	const struct token *t = &p->token;

	if (t->kind == TOKEN_STRING || t->kind == TOKEN_NUMBER)
		return !p->bad;
	if (t->kind != TOKEN_WORD || p->bad)
		return false;
	/* A keyword of ours is no surprise to a file of OpenBSD's. */
	return t->keyword == KW_NONE || (first && t->keyword >= KW_OURS);
}

int
parse_string(struct parser *p, const char **ret, size_t max,
    const char *what)
{
	char text[CONF_WORD_MAX + 1];
	size_t n = 0, len;

	if (!is_string(p, true))
		return parse_syntax(p);
	for (bool first = true; is_string(p, first); first = false) {
		len = strlen(p->token.text);
		if (n + len > max || n + len > CONF_WORD_MAX)
			return parse_fail(p, "%s too long", what);
		memcpy(text + n, p->token.text, len);
		n += len;
		lex_next(p);
	}
	text[n] = '\0';
	if (p->conf->text > CONF_TEXT_MAX)
		return parse_fail(p, "more than %d bytes in all",
		    CONF_TEXT_MAX);
	*ret = conf_text(p->conf, text);
	return p->bad ? -1 : 0;
}

int
parse_number(struct parser *p, uint64_t *ret, uint64_t min, uint64_t max,
    const char *what)
{
	struct err e;

	if (p->token.kind != TOKEN_NUMBER)
		return parse_syntax(p);
	if (num_parse(ret, p->token.text, min, max, &e) == -1)
		return parse_fail(p, "invalid %s: %.32s", what,
		    p->token.text);
	lex_next(p);
	return 0;
}

int
parse_path(struct parser *p, const char **ret, const char *what)
{
	const char *text, *file = p->file, *slash = strrchr(file, '/');
	int dir = slash == NULL ? 0 : (int)(slash - file) + 1;

	if (parse_string(p, &text, CONF_PATH_MAX, what) == -1)
		return -1;
	if (text[0] == '\0')
		return parse_fail(p, "%s is empty", what);
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return parse_fail(p, "%s has a control character",
			    what);
	if (text[0] != '/' && dir + strlen(text) > CONF_PATH_MAX)
		return parse_fail(p, "%s too long", what);
	*ret = text[0] == '/' ? text :
	    conf_textf(p->conf, "%.*s%s", dir, file, text);
	return 0;
}

int
parse_size(struct parser *p, uint64_t *ret)
{
	const char *text;
	struct err e;

	if (parse_string(p, &text, 32, "size") == -1)
		return -1;
	if (size_parse(ret, text, &e) == -1)
		return parse_fail(p, "failed to parse size: %s", text);
	return 0;
}

/* A number, or a name that the host knows. */
static int
user_id(struct parser *p, uint32_t *ret, const char *name)
{
	const struct passwd *pw = getpwnam(name);
	uint64_t id;

	if (pw != NULL)
		*ret = pw->pw_uid;
	else if (num_parse(&id, name, 0, INT32_MAX, NULL) == 0)
		*ret = (uint32_t)id;
	else
		return parse_fail(p, "failed to get user: %.64s", name);
	return 0;
}

static int
group_id(struct parser *p, uint32_t *ret, const char *name)
{
	const struct group *gr = getgrnam(name);
	uint64_t id;

	if (gr != NULL)
		*ret = gr->gr_gid;
	else if (num_parse(&id, name, 0, INT32_MAX, NULL) == 0)
		*ret = (uint32_t)id;
	else
		return parse_fail(p, "failed to get group: %.64s", name);
	return 0;
}

int
parse_owner(struct parser *p, struct conf_owner *o)
{
	const char *text;
	char user[128];
	size_t n;

	if (parse_string(p, &text, sizeof(user) - 1, "owner") == -1)
		return -1;
	n = strcspn(text, ":");
	memcpy(user, text, n);
	user[n] = '\0';
	o->uid = n == 0 ? 0 : CONF_ID_NONE;
	o->gid = CONF_ID_NONE;
	if (n == 0 && text[n] == '\0')
		return parse_fail(p, "owner is empty");
	if (n > 0 && user_id(p, &o->uid, user) == -1)
		return -1;
	return text[n] == '\0' ? 0 : group_id(p, &o->gid, text + n + 1);
}

int
parse_group(struct parser *p, const char **ret)
{
	const char *s;
	size_t n;

	if (parse_string(p, &s, CONF_WORD_MAX, "group") == -1)
		return -1;
	n = strlen(s);
	if (n == 0 || n > CONF_GROUP_MAX || (s[n - 1] >= '0' &&
	    s[n - 1] <= '9'))
		return parse_fail(p, "invalid group name: %.64s", s);
	*ret = s;
	return 0;
}

int
parse_rdomain(struct parser *p, int *ret)
{
	uint64_t n;

	if (parse_number(p, &n, 0, CONF_RDOMAIN_MAX, "rdomain") == -1)
		return -1;
	*ret = (int)n;
	return 0;
}

/* --- blocks --------------------------------------------------------------- */

int
parse_block(struct parser *p, int (*one)(struct parser *, void *), void *arg)
{
	unsigned errors = p->conf->errors;
	const char *file = p->file;
	unsigned line = p->line;

	if (!token_take_punct(p, '{'))
		return parse_syntax(p);
	parse_newlines(p);
	while (!token_is_punct(p, '}')) {
		if (p->token.kind == TOKEN_END)
			return conf_say(p->conf, false, file, line,
			    "block without its closing brace");
		if (one(p, arg) == -1)
			parse_skip(p);
		else if (p->token.kind != TOKEN_NEWLINE &&
		    !token_is_punct(p, ',') && !token_is_punct(p, '}')) {
			(void)parse_syntax(p);
			parse_skip(p);
		}
		while (p->token.kind == TOKEN_NEWLINE ||
		    token_is_punct(p, ','))
			lex_next(p);
	}
	lex_next(p);
	return p->conf->errors == errors ? 0 : -1;
}

/* --- switch --------------------------------------------------------------- */

static int
switch_option(struct parser *p, void *arg)
{
	struct conf_switch *s = arg;

	if (token_take(p, KW_ENABLE))
		s->disabled = false;
	else if (token_take(p, KW_DISABLE))
		s->disabled = true;
	else if (token_take(p, KW_UP))
		s->down = false;
	else if (token_take(p, KW_DOWN))
		s->down = true;
	else if (token_take(p, KW_GROUP))
		return parse_group(p, &s->group);
	else if (token_take(p, KW_RDOMAIN))
		return parse_rdomain(p, &s->rdomain);
	else if (token_take(p, KW_LOCKED)) {
		if (!token_take(p, KW_LLADDR))
			return parse_syntax(p);
		s->locked = true;
	} else if (token_take(p, KW_INTERFACE)) {
		if (parse_string(p, &s->interface, CONF_WORD_MAX,
		    "switch interface") == -1)
			return -1;
		if (s->interface[0] == '\0' ||
		    strlen(s->interface) > CONF_GROUP_MAX ||
		    strpbrk(s->interface, "/ \t") != NULL)
			return parse_fail(p, "invalid switch interface: "
			    "%.64s", s->interface);
	} else
		return parse_syntax(p);
	return 0;
}

static int
parse_switch(struct parser *p)
{
	struct conf *c = p->conf;
	struct conf_switch *s = conf_alloc(c, sizeof(*s));
	const struct conf_switch *other;

	s->file = p->file;
	s->line = p->line;
	s->rdomain = -1;
	lex_next(p);
	if (parse_string(p, &s->name, CONF_NAME_MAX, "switch name") == -1)
		return -1;
	if (parse_block(p, switch_option, s) == -1)
		return -1;
	/* As OpenBSD, at the closing brace. */
	if (s->interface == NULL)
		return parse_fail(p, "switch \"%s\" is missing interface "
		    "name", s->name);
	TAILQ_FOREACH(other, &c->switches, entry)
		if (strcmp(other->name, s->name) == 0)
			return conf_say(c, false, s->file, s->line,
			    "switch \"%s\" is defined already, in line %u",
			    s->name, other->line);
	if (c->nswitches == CONF_SWITCHES_MAX)
		return parse_fail(p, "more than %d switches",
		    CONF_SWITCHES_MAX);
	TAILQ_INSERT_TAIL(&c->switches, s, entry);
	c->nswitches++;
	return 0;
}

/* --- the rest of the file ------------------------------------------------- */

/* ADDR/LEN of a family; the mask at most 'max' bits. */
static bool
is_prefix(const char *s, int family, uint64_t max)
{
	char addr[INET6_ADDRSTRLEN];
	struct in6_addr a;
	uint64_t bits;
	size_t n = strcspn(s, "/");

	if (s[n] == '\0' || n >= sizeof(addr) ||
	    num_parse(&bits, s + n + 1, 0, max, NULL) == -1)
		return false;
	memcpy(addr, s, n);
	addr[n] = '\0';
	return inet_pton(family, addr, &a) == 1;
}

static int
parse_local(struct parser *p)
{
	struct conf *c = p->conf;
	const char *text;

	lex_next(p);
	if (token_take(p, KW_INET6)) {
		c->inet6 = true;
		if (!token_take(p, KW_PREFIX))
			return 0;
		if (parse_string(p, &text, 64, "prefix") == -1)
			return -1;
		if (!is_prefix(text, AF_INET6, 64))
			return parse_fail(p, "invalid local inet6 prefix: %s",
			    text);
		c->prefix6 = text;
		return 0;
	}
	if (!token_take(p, KW_PREFIX))
		return parse_syntax(p);
	if (parse_string(p, &text, 64, "prefix") == -1)
		return -1;
	if (!is_prefix(text, AF_INET, 16))
		return parse_fail(p, "invalid local prefix: %s", text);
	c->prefix = text;
	return 0;
}

static int
parse_socket(struct parser *p)
{
	lex_next(p);
	if (!token_take(p, KW_OWNER))
		return parse_syntax(p);
	return parse_owner(p, &p->conf->socket_owner);
}

static int
parse_agentx(struct parser *p)
{
	struct conf *c = p->conf;
	unsigned line = p->line;

	lex_next(p);
	c->agentx = true;
	if (token_take(p, KW_CONTEXT) && parse_string(p, &c->agentx_context,
	    32, "agentx context") == -1)
		return -1;
	if (token_take(p, KW_PATH)) {
		if (parse_string(p, &c->agentx_path, CONF_PATH_MAX,
		    "agentx path") == -1)
			return -1;
		if (c->agentx_path[0] != '/')
			return parse_fail(p, "agentx path is not absolute");
	}
	(void)conf_say(c, true, p->file, line, "agentx has no effect: this "
	    "version reports to no SNMP agent");
	return 0;
}

static int
parse_staggered(struct parser *p)
{
	struct conf *c = p->conf;
	uint64_t parallel, delay;

	lex_next(p);
	if (!token_take(p, KW_START) || !token_take(p, KW_PARALLEL))
		return parse_syntax(p);
	if (parse_number(p, &parallel, 1, CONF_PARALLEL_MAX, "parallel") ==
	    -1)
		return -1;
	if (!token_take(p, KW_DELAY))
		return parse_syntax(p);
	if (parse_number(p, &delay, 0, CONF_DELAY_MAX, "delay") == -1)
		return -1;
	c->staggered = true;
	c->parallel = (unsigned)parallel;
	c->delay = (unsigned)delay;
	return 0;
}

/* The file is read behind the end of this line. */
static int
parse_include(struct parser *p)
{
	const char *name;
	struct err e;

	lex_next(p);
	if (parse_path(p, &name, "file name") == -1)
		return -1;
	if (p->token.kind != TOKEN_NEWLINE && p->token.kind != TOKEN_END)
		return parse_syntax(p);
	if (lex_push_file(p, name, -1, &e) == -1)
		return parse_fail(p, "failed to include file %s", e.text);
	lex_next(p);
	return 1;
}

static int
macro_set(struct parser *p, const char *name, const char *value, bool fixed)
{
	struct macro *m = p->macros;

	while (m < p->macros + p->nmacros && strcmp(m->name, name) != 0)
		m++;
	if (m < p->macros + p->nmacros && m->fixed)
		return 0;
	if (m == p->macros + p->nmacros) {
		if (p->nmacros == CONF_MACROS_MAX)
			return parse_fail(p, "more than %d macros",
			    CONF_MACROS_MAX);
		p->nmacros++;
	}
	*m = (struct macro){ .name = name, .value = value, .fixed = fixed,
	    .file = p->file, .line = p->line };
	return 0;
}

static int
parse_macro(struct parser *p)
{
	const char *name = conf_text(p->conf, p->token.text), *value;

	if (p->token.kind == TOKEN_STRING && strpbrk(name, " \t") != NULL)
		return parse_fail(p, "macro name cannot contain whitespace");
	if (p->token.keyword != KW_NONE && p->token.keyword < KW_OURS)
		return parse_syntax(p);
	lex_next(p);
	if (!token_take_punct(p, '='))
		return parse_syntax(p);
	if (parse_string(p, &value, CONF_WORD_MAX, "string") == -1)
		return -1;
	return macro_set(p, name, value, false);
}

static const struct statement {
	enum keyword	keyword;
	int		(*parse)(struct parser *);	/* at the keyword;
						   1: its end is read */
} statements[] = {
	{ KW_AGENTX,	parse_agentx },
	{ KW_INCLUDE,	parse_include },
	{ KW_LOCAL,	parse_local },
	{ KW_SOCKET,	parse_socket },
	{ KW_STAGGERED,	parse_staggered },
	{ KW_SWITCH,	parse_switch },
	{ KW_VM,	parse_vm },
};

static int
parse_statement(struct parser *p)
{
	if (p->token.kind == TOKEN_WORD && !p->token.name)
		for (size_t i = 0; i < COUNT(statements); i++)
			if (statements[i].keyword == p->token.keyword)
				return statements[i].parse(p);
	if (p->token.kind == TOKEN_WORD || p->token.kind == TOKEN_STRING)
		return parse_macro(p);
	return parse_syntax(p);
}

static void
parse_file(struct parser *p)
{
	int r;

	lex_next(p);
	while (p->token.kind != TOKEN_END) {
		if (p->token.kind == TOKEN_NEWLINE) {
			lex_next(p);
			continue;
		}
		if (p->conf->text > CONF_TEXT_MAX) {
			(void)parse_fail(p, "more than %d bytes in all",
			    CONF_TEXT_MAX);
			return;
		}
		r = parse_statement(p);
		if (r == 0 && p->token.kind != TOKEN_NEWLINE &&
		    p->token.kind != TOKEN_END)
			r = parse_syntax(p);
		if (r == -1)
			parse_skip(p);
		/* A brace too many. */
		if (r == -1 && token_is_punct(p, '}'))
			lex_next(p);
	}
}

static void
warn_unused(struct parser *p)
{
	for (size_t i = 0; i < p->nmacros; i++)
		if (!p->macros[i].used && !p->macros[i].fixed)
			(void)conf_say(p->conf, true, p->macros[i].file,
			    p->macros[i].line, "macro '%s' not used",
			    p->macros[i].name);
}

int
conf_parse(struct conf *c, const struct conf_input *in)
{
	struct parser *p = calloc(1, sizeof(*p));
	struct err e;

	if (p == NULL)
		fatal("vm.conf");
	p->conf = c;
	p->file = in->name;
	for (size_t i = 0; i < in->ndefines; i++)
		(void)macro_set(p, in->defines[i].name, in->defines[i].value,
		    true);
	if (lex_push_file(p, in->name, in->fd, &e) == -1)
		(void)conf_say(c, false, NULL, 0, "%s", e.text);
	else
		parse_file(p);
	if (c->errors == 0)
		warn_unused(p);
	lex_fini(p);
	free(p);
	return c->errors == 0 ? 0 : -1;
}
