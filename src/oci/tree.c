/* SPDX-License-Identifier: ISC */
/* tree.c - the paths of an image; see tree.h */

#include <errno.h>
#include <string.h>

#include "oci/tree.h"
#include "os/os.h"

#define NODES_LEN	4096U			/* nodes of a chunk */
#define NODES_CHUNKS	(TREE_NODES_MAX / NODES_LEN)
#define NAMES_LEN	65536U			/* bytes of a chunk */
#define NAMES_CHUNKS	(TREE_NAMES_MAX / NAMES_LEN)
#define SLOTS_MIN	1024U
#define NONE		UINT32_MAX

struct tree {
	struct node	*nodes[NODES_CHUNKS];
	uint32_t	 nnodes;
	char		*names[NAMES_CHUNKS];
	uint32_t	 nnames;	/* bytes given out, holes included */
	uint32_t	*slots;		/* number of a node, or NONE */
	uint32_t	 nslots;	/* a power of two */
	uint64_t	 key[2];	/* nobody can choose collisions */
};

static struct node *
nth(struct tree *t, uint32_t n)
{
	return &t->nodes[n / NODES_LEN][n % NODES_LEN];
}

static const char *
name_of(struct tree *t, const struct node *nd)
{
	return t->names[nd->name / NAMES_LEN] + nd->name % NAMES_LEN;
}

/* Both halves of a product: each bit of h reaches all others. */
static uint64_t
fold(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t
hash(const struct tree *t, uint32_t parent, const char *name, size_t len)
{
	uint64_t h = t->key[0] ^ parent ^ (uint64_t)len << 32, word;
	size_t n;

	for (; len > 0; len -= n, name += n) {
		n = len < 8 ? len : 8;
		word = 0;
		memcpy(&word, name, n);
		h = fold(h ^ word, t->key[1]);
	}
	return fold(h, t->key[1]);
}

/* The slot of that child, or the free one where it belongs. */
static uint32_t *
slot(struct tree *t, uint32_t parent, const char *name, size_t len)
{
	uint32_t i = (uint32_t)hash(t, parent, name, len);
	struct node *nd;

	for (;; i++) {
		i &= t->nslots - 1;
		if (t->slots[i] == NONE)
			return &t->slots[i];
		nd = nth(t, t->slots[i]);
		if (nd->parent == parent && nd->len == len &&
		    memcmp(name_of(t, nd), name, len) == 0)
			return &t->slots[i];
	}
}

/* Room in the table for one more node. */
static int
grow(struct tree *t)
{
	uint32_t n = t->nslots == 0 ? SLOTS_MIN : 2 * t->nslots;
	uint32_t *slots;

	if (t->nslots != 0 && t->nnodes < t->nslots / 4 * 3)
		return 0;
	slots = malloc(n * sizeof(*slots));
	if (slots == NULL)
		return -1;
	memset(slots, 0xff, n * sizeof(*slots));
	free(t->slots);
	t->slots = slots;
	t->nslots = n;
	for (uint32_t i = 1; i < t->nnodes; i++) {
		struct node *nd = nth(t, i);

		*slot(t, nd->parent, name_of(t, nd), nd->len) = i;
	}
	return 0;
}

/* A new node in the pool, without a place in the table. */
static struct node *
node_new(struct tree *t, uint32_t parent, const char *name, size_t len)
{
	uint32_t chunk = t->nnodes / NODES_LEN;
	struct node *nd;

	/* A name does not go over the end of a chunk. */
	if (t->nnames % NAMES_LEN + len > NAMES_LEN)
		t->nnames += NAMES_LEN - t->nnames % NAMES_LEN;
	if (t->nnodes == TREE_NODES_MAX || t->nnames + len > TREE_NAMES_MAX) {
		errno = E2BIG;
		return NULL;
	}
	if (t->nodes[chunk] == NULL &&
	    (t->nodes[chunk] = calloc(NODES_LEN, sizeof(*nd))) == NULL)
		return NULL;
	chunk = t->nnames / NAMES_LEN;
	if (t->names[chunk] == NULL &&
	    (t->names[chunk] = malloc(NAMES_LEN)) == NULL)
		return NULL;
	nd = nth(t, t->nnodes);
	nd->self = t->nnodes++;
	nd->parent = parent;
	nd->name = t->nnames;
	nd->len = (uint8_t)len;
	memcpy(t->names[chunk] + t->nnames % NAMES_LEN, name, len);
	t->nnames += (uint32_t)len;
	return nd;
}

struct tree *
tree_new(void)
{
	OWN(tree_destroy) struct tree *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	os_random(t->key, sizeof(t->key));
	t->key[1] |= 1;
	if (grow(t) == -1 || node_new(t, NONE, "", 0) == NULL)
		return NULL;
	return take(&t);
}

void
tree_destroy(struct tree *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < NODES_CHUNKS; i++)
		free(t->nodes[i]);
	for (size_t i = 0; i < NAMES_CHUNKS; i++)
		free(t->names[i]);
	free(t->slots);
	free(t);
}

struct node *
tree_root(struct tree *t)
{
	return nth(t, 0);
}

struct node *
tree_parent(struct tree *t, const struct node *nd)
{
	return nd->parent == NONE ? NULL : nth(t, nd->parent);
}

struct node *
tree_find(struct tree *t, const struct node *parent, const char *name,
    size_t len)
{
	uint32_t *s = slot(t, parent->self, name, len);

	return *s == NONE ? NULL : nth(t, *s);
}

struct node *
tree_get(struct tree *t, const struct node *parent, const char *name,
    size_t len, struct err *e)
{
	struct node *nd = tree_find(t, parent, name, len);

	if (nd != NULL)
		return nd;
	if (grow(t) == -1 ||
	    (nd = node_new(t, parent->self, name, len)) == NULL) {
		if (errno == E2BIG)
			(void)err_api(e, E2BIG, "invalid_image",
			    "the image has more than %u files, or names "
			    "of more than %u MB together", TREE_NODES_MAX,
			    TREE_NAMES_MAX >> 20);
		else
			(void)err_sys(e, "paths");
		return NULL;
	}
	*slot(t, parent->self, name, len) = nd->self;
	return nd;
}

char *
tree_path(char buf[TREE_PATH_MAX], struct tree *t, const struct node *nd)
{
	size_t at = TREE_PATH_MAX - 1;

	buf[at] = '\0';
	/* Only paths that fit were put into the tree. */
	while (nd->parent != NONE && nd->len < at) {
		if (buf[at] != '\0')
			buf[--at] = '/';
		at -= nd->len;
		memcpy(buf + at, name_of(t, nd), nd->len);
		nd = nth(t, nd->parent);
	}
	memmove(buf, buf + at, TREE_PATH_MAX - at);
	return buf;
}

struct node *
tree_nth(struct tree *t, size_t n)
{
	return n < t->nnodes ? nth(t, (uint32_t)n) : NULL;
}
