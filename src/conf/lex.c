/* SPDX-License-Identifier: ISC */
/*
 * lex.c - tokens of vm.conf, from files and macros; see parse.h
 *
 * What is read is a stack of sources: a file, the file it includes, the value
 * of a macro.  Newlines end statements and are tokens; a backslash before one
 * joins the lines, in comments too.
 */

#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/parse.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"

#define END	(-1)		/* of a source */

struct source {
	struct source	*below;
	const char	*file;
	unsigned	 line;
	const char	*text;
	size_t		 len;
	size_t		 pos;
	bool		 macro;		/* its line is the one below's */
	dev_t		 dev;		/* of a file: which */
	ino_t		 ino;
	struct buf	 bytes;		/* of a file */
};

static const char *const words[KEYWORDS] = {
	[KW_NONE] = "", [KW_AGENTX] = "agentx", [KW_ALLOW] = "allow",
	[KW_BOOT] = "boot", [KW_CDROM] = "cdrom", [KW_CONTEXT] = "context",
	[KW_DELAY] = "delay", [KW_DEVICE] = "device",
	[KW_DISABLE] = "disable", [KW_DISK] = "disk", [KW_DOWN] = "down",
	[KW_ENABLE] = "enable", [KW_FORMAT] = "format", [KW_GROUP] = "group",
	[KW_INCLUDE] = "include", [KW_INET6] = "inet6",
	[KW_INSTANCE] = "instance", [KW_INTERFACE] = "interface",
	[KW_INTERFACES] = "interfaces", [KW_LLADDR] = "lladdr",
	[KW_LOCAL] = "local", [KW_LOCKED] = "locked",
	[KW_MEMORY] = "memory", [KW_NET] = "net", [KW_OWNER] = "owner",
	[KW_PARALLEL] = "parallel", [KW_PATH] = "path",
	[KW_PREFIX] = "prefix", [KW_RDOMAIN] = "rdomain", [KW_SEV] = "sev",
	[KW_SEVES] = "seves", [KW_SOCKET] = "socket",
	[KW_STAGGERED] = "staggered", [KW_START] = "start",
	[KW_SWITCH] = "switch", [KW_UP] = "up", [KW_VM] = "vm",
	[KW_ADDRESS] = "address", [KW_CMDLINE] = "cmdline",
	[KW_COMMAND] = "command",
	[KW_CPUS] = "cpus", [KW_DOWNLOAD] = "download",
	[KW_ENTRYPOINT] = "entrypoint", [KW_ENV] = "env",
	[KW_FIRMWARE] = "firmware", [KW_HOSTNAME] = "hostname",
	[KW_HYPERVISOR] = "hypervisor", [KW_IMAGE] = "image",
	[KW_INITRAMFS] = "initramfs", [KW_KERNEL] = "kernel",
	[KW_LIMIT] = "limit", [KW_NETBOOT] = "netboot",
	[KW_OVERLAY] = "overlay",
	[KW_PUBLISH] = "publish", [KW_RESTART] = "restart",
	[KW_UPLOAD] = "upload", [KW_USER] = "user", [KW_VOLUME] = "volume",
	[KW_WORKDIR] = "workdir",
};

const char *
keyword_name(enum keyword k)
{
	return words[k];
}

static enum keyword
keyword_find(const char *s)
{
	for (size_t i = KW_NONE + 1; i < KEYWORDS; i++)
		if (strcmp(words[i], s) == 0)
			return (enum keyword)i;
	return KW_NONE;
}

/* --- sources -------------------------------------------------------------- */

static struct source *
source_push(struct parser *p)
{
	struct source *s = calloc(1, sizeof(*s));

	if (s == NULL)
		fatal("vm.conf");
	s->below = p->source;
	p->source = s;
	return s;
}

static void
source_pop(struct parser *p)
{
	struct source *s = p->source;

	p->source = s->below;
	if (!s->macro)
		p->depth--;
	buf_fini(&s->bytes);
	free(s);
}

void
lex_fini(struct parser *p)
{
	while (p->source != NULL)
		source_pop(p);
}

static int
read_file(struct buf *b, int fd, const char *name, struct err *e)
{
	uint8_t *room;
	ssize_t n;

	do {
		room = buf_reserve(b, 4096);
		if (room == NULL)
			return err_set(e, EFBIG, "%s: larger than %d bytes",
			    name, CONF_FILE_MAX);
		n = read_full(fd, room, 4096);
		if (n == -1)
			return err_sys(e, "%s", name);
		buf_added(b, (size_t)n);
	} while (n > 0);
	return 0;
}

/* Regular, not being read already, one of not too many. */
static int
check_file(const struct parser *p, const char *name, const struct stat *st,
    struct err *e)
{
	if (!S_ISREG(st->st_mode))
		return err_set(e, EINVAL, "%s: is no regular file", name);
	for (const struct source *s = p->source; s != NULL; s = s->below)
		if (!s->macro && s->dev == st->st_dev && s->ino == st->st_ino)
			return err_set(e, ELOOP, "%s: includes itself", name);
	if (p->depth >= CONF_DEPTH_MAX)
		return err_set(e, ELOOP, "%s: the %dth file inside another",
		    name, CONF_DEPTH_MAX);
	if (p->nfiles >= CONF_FILES_MAX)
		return err_set(e, EMFILE, "%s: more than %d files", name,
		    CONF_FILES_MAX);
	return 0;
}

int
lex_push_file(struct parser *p, const char *name, int given, struct err *e)
{
	own_fd int fd = given;
	struct source *s;
	struct buf b;
	struct stat st;

	if (fd == -1)
		fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return err_sys(e, "%s", name);
	if (check_file(p, name, &st, e) == -1)
		return -1;
	buf_init(&b, CONF_FILE_MAX + 4096);
	if (read_file(&b, fd, name, e) == -1) {
		buf_fini(&b);
		return -1;
	}
	s = source_push(p);
	s->file = conf_text(p->conf, name);
	s->line = 1;
	s->bytes = b;
	s->text = (const char *)b.data;
	s->len = b.len;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	p->depth++;
	p->nfiles++;
	return 0;
}

/* --- characters ----------------------------------------------------------- */

static int
peek(const struct parser *p, size_t ahead)
{
	const struct source *s = p->source;

	return s == NULL || s->len - s->pos <= ahead ? END :
	    (unsigned char)s->text[s->pos + ahead];
}

static void
advance(struct parser *p)
{
	struct source *s = p->source;

	if (s->text[s->pos++] == '\n' && !s->macro)
		s->line++;
}

/* Backslash and newline, which join two lines. */
static bool
joined(struct parser *p)
{
	if (peek(p, 0) != '\\' || peek(p, 1) != '\n')
		return false;
	advance(p);
	advance(p);
	return true;
}

static void
skip_space(struct parser *p)
{
	while (peek(p, 0) == ' ' || peek(p, 0) == '\t' ||
	    peek(p, 0) == '\r' || joined(p))
		if (peek(p, 0) == ' ' || peek(p, 0) == '\t' ||
		    peek(p, 0) == '\r')
			advance(p);
}

static void
skip_comment(struct parser *p)
{
	while (peek(p, 0) != END && peek(p, 0) != '\n')
		if (!joined(p))
			advance(p);
}

/* File and line of what comes next; a macro's are where it is used. */
static void
locate(struct parser *p)
{
	const struct source *s = p->source;

	while (s != NULL && s->macro)
		s = s->below;
	if (s != NULL) {
		p->file = s->file;
		p->line = s->line;
	}
}

/* --- tokens --------------------------------------------------------------- */

/* Said once a token; the statement ends here. */
static void
bad(struct parser *p, const char *what)
{
	(void)parse_fail(p, "%s", what);
	p->bad = true;
}

static void
put(struct parser *p, size_t *n, int c)
{
	if (*n < CONF_WORD_MAX)
		p->token.text[(*n)++] = (char)c;
	else if (!p->bad)
		bad(p, "string too long");
}

static void
quoted(struct parser *p)
{
	int c, quote = peek(p, 0);
	size_t n = 0;

	p->token.kind = TOKEN_STRING;
	advance(p);
	while ((c = peek(p, 0)) != quote) {
		if (c == END) {
			bad(p, "string without its closing quote");
			return;
		}
		if (c == '\0' && !p->bad)
			bad(p, "a NUL character");
		if (c == '\n' || joined(p)) {
			/* The line goes on, as in OpenBSD's. */
			if (c == '\n')
				advance(p);
			continue;
		}
		if (c == '\\' && (peek(p, 1) == quote || peek(p, 1) == ' ' ||
		    peek(p, 1) == '\t')) {
			advance(p);
			c = peek(p, 0);
		}
		put(p, &n, c);
		advance(p);
	}
	advance(p);
	p->token.text[n] = '\0';
}

static bool
starts_word(int c)
{
	return c != END && (isalnum(c) || c == ':' || c == '_' || c == '/' ||
	    c == '-' || c == '.' || c == '*');
}

static bool
in_word(int c)
{
	return c != END && isgraph(c) && strchr("(){}!=#,", c) == NULL;
}

static void
word(struct parser *p)
{
	struct token *t = &p->token;
	size_t n = 0;

	while (in_word(peek(p, 0)) && !(peek(p, 0) == '\\' &&
	    peek(p, 1) == '\n')) {
		put(p, &n, peek(p, 0));
		advance(p);
	}
	t->text[n] = '\0';
	t->kind = strspn(t->text, "0123456789") == n ? TOKEN_NUMBER :
	    TOKEN_WORD;
	t->keyword = t->kind == TOKEN_WORD ? keyword_find(t->text) : KW_NONE;
	skip_space(p);
	t->name = peek(p, 0) == '=';
}

/* $name: its value is read next. */
static void
expand(struct parser *p)
{
	char name[64];
	size_t n = 0;
	struct source *s;

	advance(p);
	while (isalnum(peek(p, 0)) || peek(p, 0) == '_') {
		if (n < sizeof(name) - 1)
			name[n++] = (char)peek(p, 0);
		advance(p);
	}
	name[n] = '\0';
	for (size_t i = 0; i < p->nmacros; i++) {
		struct macro *m = &p->macros[i];

		if (strcmp(m->name, name) != 0)
			continue;
		m->used = true;
		if (p->conf->text > CONF_TEXT_MAX) {
			bad(p, "macros make the file too long");
			return;
		}
		s = source_push(p);
		s->macro = true;
		s->text = m->value;
		s->len = strlen(m->value);
		p->conf->text += s->len;
		return;
	}
	(void)parse_fail(p, "macro '%s' not defined", name);
	p->bad = true;
}

/* Space, comments, macros and ends of sources; false: a file ended. */
static bool
skip(struct parser *p)
{
	int c;

	for (;;) {
		skip_space(p);
		locate(p);
		c = peek(p, 0);
		if (c == '#' && !p->source->macro)
			skip_comment(p);
		else if (c == '$' && !p->source->macro) {
			expand(p);
			if (p->bad)
				return true;
		} else if (c == END && p->source != NULL) {
			bool macro = p->source->macro;

			source_pop(p);
			if (!macro)
				return false;
		} else
			return true;
	}
}

void
lex_next(struct parser *p)
{
	struct token *t = &p->token;
	int c;

	t->keyword = KW_NONE;
	t->name = false;
	t->text[0] = '\0';
	t->punct = 0;
	p->bad = false;
	/* A file ends its last statement, should it have no newline. */
	t->kind = TOKEN_NEWLINE;
	if (!skip(p))
		return;
	c = peek(p, 0);
	if (p->bad)
		t->kind = TOKEN_PUNCT;
	else if (c == END)
		t->kind = TOKEN_END;
	else if (c == '\n')
		advance(p);
	else if (c == '"' || c == '\'')
		quoted(p);
	else if (starts_word(c))
		word(p);
	else {
		t->kind = TOKEN_PUNCT;
		t->punct = (char)c;
		advance(p);
	}
}
