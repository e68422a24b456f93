/* SPDX-License-Identifier: ISC */
/*
 * parse.h - what the files of the parser share: one of it a run
 *
 * lex.c makes tokens of files and macros, parse.c reads statements, vm.c and
 * interface.c the options of a VM; instance.c copies those of another.
 * A function that reads returns -1 when it met an error; it has said so, and
 * whoever began the statement skips what is left of it.
 */

#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "conf/conf.h"
#include "lib/buf.h"

/* OpenBSD's keywords cannot be strings without quotes; ours can. */
enum keyword {
	KW_NONE,
	/* OpenBSD's */
	KW_AGENTX, KW_ALLOW, KW_BOOT, KW_CDROM, KW_CONTEXT, KW_DELAY,
	KW_DEVICE, KW_DISABLE, KW_DISK, KW_DOWN, KW_ENABLE, KW_FORMAT,
	KW_GROUP, KW_INCLUDE, KW_INET6, KW_INSTANCE, KW_INTERFACE,
	KW_INTERFACES, KW_LLADDR, KW_LOCAL, KW_LOCKED, KW_MEMORY, KW_NET,
	KW_OWNER, KW_PARALLEL, KW_PATH, KW_PREFIX, KW_RDOMAIN, KW_SEV,
	KW_SEVES, KW_SOCKET, KW_STAGGERED, KW_START, KW_SWITCH, KW_UP, KW_VM,
	/* ours */
	KW_ADDRESS, KW_CMDLINE, KW_COMMAND, KW_CPUS, KW_DOWNLOAD,
	KW_ENTRYPOINT, KW_ENV,
	KW_FIRMWARE, KW_HOSTNAME, KW_HYPERVISOR, KW_IMAGE, KW_INITRAMFS,
	KW_KERNEL, KW_LIMIT, KW_NETBOOT, KW_OVERLAY, KW_PUBLISH, KW_RESTART,
	KW_UPLOAD, KW_USER, KW_VOLUME, KW_WORKDIR,
	KEYWORDS
};
#define KW_OURS		KW_ADDRESS	/* the first of them */

enum token_kind {
	TOKEN_END,		/* of the last file */
	TOKEN_NEWLINE,
	TOKEN_PUNCT,		/* one of { } ( ) = , ! and what is none */
	TOKEN_WORD,		/* without quotes; perhaps a keyword */
	TOKEN_NUMBER,		/* digits only */
	TOKEN_STRING,		/* in quotes */
};

struct token {
	enum token_kind	 kind;
	enum keyword	 keyword;	/* of a word */
	char		 punct;
	bool		 name;		/* a word that '=' follows */
	char		 text[CONF_WORD_MAX + 1];	/* not of punct */
};

struct source;

struct macro {
	const char	*name;
	const char	*value;
	bool		 fixed;		/* of the command line */
	bool		 used;
	const char	*file;
	unsigned	 line;
};

struct parser {
	struct conf	*conf;
	struct source	*source;	/* what is being read */
	struct macro	 macros[CONF_MACROS_MAX];
	size_t		 nmacros;
	unsigned	 nfiles;	/* opened so far */
	unsigned	 depth;		/* of files */
	struct token	 token;		/* the next one */
	const char	*file;		/* where it stands */
	unsigned	 line;
	bool		 bad;		/* it was no token; said already */
};

/* --- conf.c --------------------------------------------------------------- */

/* A copy that goes with the conf; fatal() without memory. */
const char *conf_text(struct conf *, const char *);
const char *conf_textf(struct conf *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* Room of n bytes that goes with the conf, zeroed. */
void	*conf_alloc(struct conf *, size_t n);
/* Count an error, or keep a warning; file NULL: of no line.  Returns -1. */
int	conf_say(struct conf *, bool warning, const char *file,
	    unsigned line, const char *fmt, ...)
	    __attribute__((format(printf, 5, 6)));

/* --- lex.c ---------------------------------------------------------------- */

/* Read the next token into p->token. */
void	lex_next(struct parser *);

/*
 * Read on in a file, after the token that is there now.  fd is -1 or the
 * open file, which is taken.  -1: it cannot be, and why.
 */
int	lex_push_file(struct parser *, const char *name, int fd, struct err *);

/* Forget what is being read. */
void	lex_fini(struct parser *);

const char *keyword_name(enum keyword);

/* --- parse.c -------------------------------------------------------------- */

/* An error at the token's line.  Returns -1. */
int	parse_fail(struct parser *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
int	parse_syntax(struct parser *);	/* "syntax error", once a token */

bool	token_is(const struct parser *, enum keyword);
bool	token_is_punct(const struct parser *, char);
/* Take the token if it is that. */
bool	token_take(struct parser *, enum keyword);
bool	token_take_punct(struct parser *, char);
void	parse_newlines(struct parser *);

/* A string of one or more tokens; max: bytes.  what: for "what too long". */
int	parse_string(struct parser *, const char **ret, size_t max,
	    const char *what);
/* Decimal, between min and max. */
int	parse_number(struct parser *, uint64_t *ret, uint64_t min, uint64_t max,
	    const char *what);
/* As parse_string(), relative to the directory of the file it stands in. */
int	parse_path(struct parser *, const char **ret, const char *what);
int	parse_owner(struct parser *, struct conf_owner *);
/* "512M", 1048576. */
int	parse_size(struct parser *, uint64_t *ret);

/*
 * { options, one a line } where 'one' reads each; on an error the rest of
 * the line is skipped.  -1: an error in any of them.
 */
int	parse_block(struct parser *, int (*one)(struct parser *, void *),
	    void *arg);
/* After an error: to the end of the statement, over blocks. */
void	parse_skip(struct parser *);

/* --- vm.c, interface.c ---------------------------------------------------- */

int	parse_vm(struct parser *);
int	parse_if(struct parser *, struct conf_vm *, bool local);
/* A name of an interface group. */
int	parse_group(struct parser *, const char **ret);
int	parse_rdomain(struct parser *, int *ret);

/* --- instance.c ----------------------------------------------------------- */

/* Fill in what an instance has of its parent; after its own options. */
int	parse_instance(struct parser *, struct conf_vm *);

#endif
