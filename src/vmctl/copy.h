/* SPDX-License-Identifier: ISC */
/*
 * copy.h - trees of files on their way between a host and a guest
 *
 * A tree is a row of entries, the root first and called ".", as
 * docs/agent-protocol.md has it.  It comes from a directory, a tar archive
 * or the daemon, and goes into a sink, which is one of the three as well.
 */

#ifndef VMCTL_COPY_H
#define VMCTL_COPY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define COPY_PATH_MAX	4096	/* bytes of a path with its NUL */
#define COPY_DEPTH_MAX	256	/* components of one */
#define COPY_LINKS_MAX	65536	/* hard linked files that stay so */

struct api;

enum copy_kind {
	COPY_FILE,
	COPY_DIR,
	COPY_SYMLINK,
	COPY_HARDLINK,		/* to an earlier entry */
	COPY_FIFO,
	COPY_CHAR,
	COPY_BLOCK,
};

struct copy_entry {
	const char	*path;		/* relative, checked, or "." */
	enum copy_kind	 kind;
	uint32_t	 mode;		/* permissions */
	bool		 has_owner;
	uint32_t	 uid, gid;
	bool		 has_mtime;
	int64_t		 mtime_ns;	/* since 1970 */
	uint64_t	 size;		/* bytes of a file, data and holes */
	const char	*link;		/* target; path of the earlier entry */
	uint32_t	 major, minor;
};

/*
 * Where entries go.  After entry() of a file its data and holes follow,
 * size bytes of them.  end() says that the tree is complete.
 */
struct copy_sink {
	int	(*entry)(struct copy_sink *, const struct copy_entry *,
		    struct err *);
	int	(*data)(struct copy_sink *, const void *, size_t, struct err *);
	int	(*hole)(struct copy_sink *, uint64_t bytes, struct err *);
	int	(*end)(struct copy_sink *, struct err *);
};

struct copy_options {
	bool	owners;		/* keep user and group IDs */
	bool	follow;		/* the root, when it is a symbolic link */
	void	(*moved)(void *arg, uint64_t bytes);	/* progress, or NULL */
	void	*arg;
};

/* May it be made below a root: relative, no "", "." or ".." in it? */
bool	copy_path_ok(const char *path);
/* Is it the directory itself, or below it? */
bool	copy_is_below(const char *path, const char *dir);

/* --- the daemon (copy_wire.c) ------------------------------------------ */

/* A sink: what is put into it becomes guest_path.  The caller frees it. */
int	copy_wire_open(struct copy_sink **ret, struct api *, const char *id,
	    const char *guest_path, const struct copy_options *, struct err *);
void	copy_wire_close(struct copy_sink *);

/* The tree at guest_path into a sink. */
int	copy_wire_read(struct copy_sink *, struct api *, const char *id,
	    const char *guest_path, const struct copy_options *, struct err *);

/* A header as JSON; a new reference. */
json_t	*copy_header(const struct copy_entry *);
/* The strings of *ret point into 'v'.  Everything is checked. */
int	copy_header_parse(struct copy_entry *ret, const json_t *v,
	    struct err *);

/* --- directories (copy_tree.c, copy_place.c) --------------------------- */

/* The tree at 'path' of the host into a sink; 'root', or NULL, as ".". */
int	copy_tree_read(struct copy_sink *, const char *path,
	    const struct copy_entry *root, const struct copy_options *,
	    struct err *);

/*
 * A sink that makes 'path' of the host.  With 'keep' a directory that is
 * there keeps its mode and time.  Nothing is made outside, no symbolic
 * link below it is followed, whatever the entries say.
 */
int	copy_place_open(struct copy_sink **ret, const char *path, bool keep,
	    const struct copy_options *, struct err *);
void	copy_place_close(struct copy_sink *);

/* --- archives (copy_tar.c) --------------------------------------------- */

/* The tar archive on a descriptor into a sink, below 'root' as ".". */
int	copy_tar_read(struct copy_sink *, int fd,
	    const struct copy_entry *root, const struct copy_options *,
	    struct err *);

/* A sink that writes an archive; "." is called 'base' in it. */
int	copy_tar_open(struct copy_sink **ret, int fd, const char *base,
	    struct err *);
void	copy_tar_close(struct copy_sink *);

#endif
