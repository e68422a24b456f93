/* SPDX-License-Identifier: ISC */
/*
 * tree.h - the paths of an image that were met so far
 *
 * Each path is a small node under its parent; the children of a node are
 * found by hashing.  Nodes never move and are never taken out.  A path costs
 * about 24 bytes and its last component, and the limits below hold the whole
 * under 64 MiB.
 */

#ifndef OCI_TREE_H
#define OCI_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/own.h"

#define TREE_NODES_MAX	(1U << 20)	/* paths of an image */
#define TREE_NAMES_MAX	(16U << 20)	/* bytes of their last components */
#define TREE_PATH_MAX	4096		/* bytes of a path with the NUL */
#define TREE_NAME_MAX	255		/* bytes of a component */

/* What the layers from the top down to the present one made of a path. */
enum node_kind {
	NODE_NONE,	/* nothing; it can be gone, or lead to what is gone */
	NODE_IMPLIED,	/* a directory: something is below it */
	NODE_DIR,	/* a directory with its attributes */
	NODE_OTHER,	/* anything else */
	NODE_LINK,	/* anything else: a hard link that waits for its file */
};

/* Layers are counted from 1, the lowest. */
struct node {
	uint32_t	self;		/* private: the number of this node */
	uint32_t	parent;		/* private */
	uint32_t	name;		/* private */
	uint32_t	entry;		/* which entry of 'layer' made it */
	uint16_t	layer;		/* the layer that made it what it is */
	uint16_t	gone;		/* not seen: the path in layers below */
	uint16_t	barrier;	/* not seen: what is below the path
					 * in layers below this one */
	uint8_t		kind;		/* enum node_kind */
	uint8_t		len;		/* private */
};

struct tree;

/* NULL with errno when there is no memory. */
struct tree *tree_new(void);
void	tree_destroy(struct tree *);
OWN_DEFINE(struct tree, tree_destroy);

struct node *tree_root(struct tree *);
/* The parent, or NULL of the root. */
struct node *tree_parent(struct tree *, const struct node *);
/* The child of that name (len: 1 to TREE_NAME_MAX), or NULL. */
struct node *tree_find(struct tree *, const struct node *parent,
	    const char *name, size_t len);
/* The child of that name, made as NODE_NONE when it is not there. */
struct node *tree_get(struct tree *, const struct node *parent,
	    const char *name, size_t len, struct err *);

/* The path of a node, without a slash in front; "" for the root. */
char	*tree_path(char buf[TREE_PATH_MAX], struct tree *,
	    const struct node *);

/* Every node, the root first; NULL behind the last. */
struct node *tree_nth(struct tree *, size_t n);

#endif
