/* SPDX-License-Identifier: ISC */
/*
 * entry.h - an object of a tree as ENTRY frames carry it
 *
 * docs/agent-protocol.md, "PUT and GET".
 */

#ifndef AGENT_ENTRY_H
#define AGENT_ENTRY_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "agent/frame.h"
#include "lib/buf.h"
#include "lib/err.h"

enum agent_kind {
	AGENT_KIND_FILE,
	AGENT_KIND_DIR,
	AGENT_KIND_SYMLINK,
	AGENT_KIND_HARDLINK,
	AGENT_KIND_FIFO,
	AGENT_KIND_CHAR,
	AGENT_KIND_BLOCK,
	AGENT_KIND_SOCKET,
};

/* Its word, in records as in the API; and the kind of a word, -1 of none. */
const char *agent_kind_word(enum agent_kind);
int	agent_kind_find(enum agent_kind *ret, const char *word);

/* One object of a tree.  Strings belong to whoever filled it in. */
struct agent_entry {
	const char	*path;		/* "." or relative, never with ".." */
	const char	*link;		/* symlink, hardlink; else NULL */
	enum agent_kind	 kind;
	mode_t		 mode;		/* permission bits */
	uint32_t	 uid;
	uint32_t	 gid;
	int64_t		 mtime_ns;	/* since 1970 */
	bool		 has_mtime;	/* false: now */
	uint64_t	 size;		/* of a file */
	uint32_t	 major;		/* char, block */
	uint32_t	 minor;
};

/*
 * Read the payload of an ENTRY.  Strings lie in it.  Checked: the path is
 * one an entry may have (see entry_path()), so is a hardlink's target; a
 * link has a target; numbers are in bounds.  A bad path has the code
 * "bad_path".
 */
int	entry_read(struct agent_entry *ret, const struct frame *,
	    struct err *);

/* The same for STAT's answer, whose path is an absolute one. */
int	entry_read_any(struct agent_entry *ret, const struct frame *,
	    struct err *);

/* Append an ENTRY frame.  -1 with errno. */
int	entry_put(struct buf *, const struct agent_entry *);

/* Is it "." or relative, of normal components, below AGENT_PATH_MAX? */
bool	entry_path(const char *);

#endif
