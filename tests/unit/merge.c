/* SPDX-License-Identifier: ISC */
/* merge.c - the layers of an image become one tar */

#include <string.h>

#include "unit.h"
#include "merge_kit.h"
#include "lib/util.h"

#define LIST_MAX	65536

/*
 * Layers are written as words: "path" a file whose contents are layer and
 * path, "path/" a directory, "path>target" a symbolic link, "path=target" a
 * hard link, "path!MODE" a directory with a mode; layers are parted by "|",
 * the lowest first.
 */
static void
add(struct archive *a, const char *word, unsigned layer)
{
	struct archive_entry *ae = archive_entry_new();
	char path[5000], data[5016];
	char *p;

	(void)snprintf(path, sizeof(path), "%s", word);
	archive_entry_set_uid(ae, layer);
	archive_entry_set_gid(ae, 0);
	archive_entry_set_mtime(ae, 1000 + layer, 0);
	archive_entry_set_mode(ae, AE_IFREG | 0644);
	data[0] = '\0';
	if ((p = strchr(path, '>')) != NULL) {
		*p = '\0';
		archive_entry_set_mode(ae, AE_IFLNK | 0777);
		archive_entry_set_symlink(ae, p + 1);
	} else if ((p = strchr(path, '=')) != NULL) {
		*p = '\0';
		archive_entry_set_hardlink(ae, p + 1);
	} else if ((p = strchr(path, '!')) != NULL) {
		*p = '\0';
		archive_entry_set_mode(ae, AE_IFDIR |
		    (mode_t)strtoul(p + 1, NULL, 8));
	} else if (path[0] != '\0' && path[strlen(path) - 1] == '/') {
		archive_entry_set_mode(ae, AE_IFDIR | 0700);
	} else {
		(void)snprintf(data, sizeof(data), "%u:%s", layer, path);
	}
	archive_entry_set_pathname(ae, path);
	archive_entry_set_size(ae, (int64_t)strlen(data));
	assert_int_equal(archive_write_header(a, ae), ARCHIVE_OK);
	(void)archive_write_data(a, data, strlen(data));
	archive_entry_free(ae);
}

static la_ssize_t
collect(struct archive *a, void *arg, const void *data, size_t len)
{
	(void)a;
	assert_int_equal(buf_put(arg, data, len), 0);
	return (la_ssize_t)len;
}

static void
make_layer(struct buf *b, const char *words, unsigned layer)
{
	struct archive *a = archive_write_new();
	char copy[20000], *p = copy, *word;

	assert_true(strlen(words) < sizeof(copy));
	(void)snprintf(copy, sizeof(copy), "%s", words);
	archive_write_set_format_pax(a);
	archive_write_open(a, b, NULL, collect, NULL);
	while ((word = strsep(&p, " ")) != NULL)
		if (*word != '\0')
			add(a, word, layer);
	archive_write_free(a);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What came out, a word an entry, sorted: "path:contents", "path/:mode". */
static char *
listing(struct kit *k)
{
	struct archive *in = archive_read_new();
	struct archive_entry *ae;
	char *lines[256], *ret = calloc(1, LIST_MAX), data[5016];
	size_t n = 0;
	la_ssize_t got;

	archive_read_support_format_tar(in);
	archive_read_support_format_empty(in);
	archive_read_open_memory(in, k->out.data, k->out.len);
	while (archive_read_next_header(in, &ae) == ARCHIVE_OK) {
		const char *path = archive_entry_pathname(ae);

		assert_true(n < COUNT(lines));
		got = archive_read_data(in, data, sizeof(data) - 1);
		data[got < 0 ? 0 : got] = '\0';
		if (archive_entry_hardlink(ae) != NULL)
			assert_true(asprintf(&lines[n++], "%s=%s", path,
			    archive_entry_hardlink(ae)) > 0);
		else if (archive_entry_filetype(ae) == AE_IFLNK)
			assert_true(asprintf(&lines[n++], "%s>%s", path,
			    archive_entry_symlink(ae)) > 0);
		else if (archive_entry_filetype(ae) == AE_IFDIR)
			assert_true(asprintf(&lines[n++], "%s/%o.%lld", path,
			    archive_entry_perm(ae),
			    (long long)archive_entry_uid(ae)) > 0);
		else
			assert_true(asprintf(&lines[n++], "%s:%.1s", path,
			    data) > 0);
	}
	archive_read_free(in);
	qsort(lines, n, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < n; i++) {
		(void)strcat(ret, lines[i]);
		(void)strcat(ret, i + 1 < n ? " " : "");
		free(lines[i]);
	}
	return ret;
}

static int
merge_words(struct kit *k, const char *words, struct err *e)
{
	struct buf layers[KIT_LAYERS];
	char copy[20000], *p = copy, *one;
	int r;

	(void)snprintf(copy, sizeof(copy), "%s", words);
	memset(k, 0, sizeof(*k));
	while ((one = strsep(&p, "|")) != NULL) {
		buf_init(&layers[k->n], KIT_OUT_MAX);
		make_layer(&layers[k->n], one, (unsigned)k->n + 1);
		k->layers[k->n].data = layers[k->n].data;
		k->layers[k->n].len = layers[k->n].len;
		k->n++;
	}
	r = kit_merge(k, e);
	for (size_t i = 0; i < k->n; i++)
		buf_fini(&layers[i]);
	return r;
}

static const struct {
	const char *layers, *merged;
	unsigned runs;
} good[] = {
	/* the upper version counts */
	{ "a b|a", "a:2 b:1", 1 },
	{ "d/ d/a|d!755 d/b", "d/755.2 d/a:1 d/b:2", 1 },
	/* whiteouts */
	{ "a b|.wh.a", "b:1", 1 },
	{ "d/ d/a d/b|d/ d/.wh.a", "d/700.2 d/b:1", 1 },
	{ "d/ d/a|.wh.d", "proc/755.0", 1 },
	{ "d/ d/a|.wh.d d/ d/b", "d/700.2 d/b:2", 1 },
	{ "d/ d/a|d/ d/b .wh.d", "d/700.2 d/b:2", 1 },
	{ "a|.wh.a|a", "a:3", 1 },
	{ "a|.wh.a a", "a:2", 1 },
	{ "a|a .wh.a", "a:2", 1 },
	{ "d/ d/a|.wh.d|d/ d/b", "d/700.3 d/b:3", 1 },
	{ "d/ d/a|d/.wh.a|d/b", "d/700.1 d/b:3", 1 },
	{ "a|.wh.b .wh.x.y", "a:1", 1 },
	{ "d/ d/e/ d/e/f|.wh.d|d/e/g", "d/755.0 d/e/755.0 d/e/g:3", 1 },
	{ "a|.wh..wh.plnk/ .wh..wh.plnk/1 .wh..wh.aufs", "a:1", 1 },
	/* opaque directories */
	{ "d/ d/a d/e/ d/e/f|d!755 d/.wh..wh..opq d/b", "d/755.2 d/b:2", 1 },
	{ "d/ d/a|d/b d/.wh..wh..opq", "d/700.1 d/b:2", 1 },
	{ "d/ d/a|d/ d/.wh..wh..opq|d/ d/c", "d/700.3 d/c:3", 1 },
	{ "a b/ b/c|.wh..wh..opq d", "d:2", 1 },
	/* types replaced */
	{ "d/ d/a|d", "d:2", 1 },
	{ "d|d/ d/a", "d/700.2 d/a:2", 1 },
	{ "d/ d/a|d|d/ d/b", "d/700.3 d/b:3", 1 },
	{ "d|d/|d", "d:3", 1 },
	{ "s>t|s", "s:2", 1 },
	{ "s>t t/ t/a|s/ s/b", "s/700.2 s/b:2 t/700.1 t/a:1", 1 },
	{ "d/ d/a|d>e|", "d>e", 1 },
	{ "d|d/a", "d/755.0 d/a:2", 1 },
	/* parents that nobody has */
	{ "x/y/z|", "x/755.0 x/y/755.0 x/y/z:1", 1 },
	{ "x/ x/y/|x/y/z", "x/700.1 x/y/700.1 x/y/z:2", 1 },
	{ "d/ d/e/|.wh.d d/e/f", "d/755.0 d/e/755.0 d/e/f:2", 1 },
	/* spellings */
	{ "./ ./a .//b/./c|", "a:1 b/755.0 b/c:1", 1 },
	/* hard links */
	{ "a b=a c=a|", "a:1 b=a c=a", 1 },
	{ "a|b=a", "a:1 b=a", 1 },
	{ "a|b=a|c=b", "a:1 b=a c=a", 1 },
	{ "a b=a|a", "a:2 b:1", 1 },
	{ "a b=a c=a|.wh.a", "b:1 c=b", 1 },
	{ "a b=a|.wh.b", "a:1", 1 },
	{ "a|b=a c=a|a", "a:3 b:1 c=b", 1 },
	{ "a|b=a|.wh.a", "b:1", 1 },
	{ "a|a b=a|a", "a:3 b:2", 1 },
	{ "d/ d/a|e/ e/b=d/a|.wh.d", "e/700.2 e/b:1", 1 },
	{ "d/ d/a d/b=d/a x=d/b|.wh.d", "x:1", 1 },
	{ "a b=a c=b d=c|.wh.a .wh.b", "c:1 d=c", 1 },
	{ "a|b=a|c=b|.wh.b", "a:1 c=a", 1 },
	{ "a>t b=a|a", "a:2 b>t", 1 },
	{ "a b=/a|", "a:1 b=a", 1 },
	{ "a b=./a|", "a:1 b=a", 1 },
	{ "a|b=a c=b|", "a:1 b=a c=a", 1 },
	{ "a|x=a x|", "a:1 x:2", 2 },
	/* twice in a layer: the last counts */
	{ "a a|", "a:1", 2 },
	{ "d!700 d!711|", "d/711.1", 2 },
	{ "a a a|b", "a:1 b:2", 2 },
	{ "a a/ a/b|", "a/700.1 a/b:1", 2 },
	{ "a a|a", "a:2", 1 },
	{ "x b=x x|", "b:1 x:1", 2 },
	{ "x x b=x|", "b=x x:1", 2 },
	/* the root is not in the tar, its owner is */
	{ "./ a|", "a:1", 1 },
	{ "a|./", "a:1 proc/755.2", 1 },
	{ "proc ./|", "proc:1 sys/755.1", 1 },
};

static void
rules(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct err e = { 0 };
		struct kit k;
		char *list;
		int r = merge_words(&k, good[i].layers, &e);

		if (r != 0)
			print_message("%s: %s\n", good[i].layers, e.text);
		assert_int_equal(r, 0);
		list = listing(&k);
		if (strcmp(list, good[i].merged) != 0 || !kit_check(&k))
			print_message("layers %s\n", good[i].layers);
		assert_string_equal(list, good[i].merged);
		assert_true(kit_check(&k));
		if (k.runs != good[i].runs)
			print_message("layers %s\n", good[i].layers);
		assert_int_equal(k.runs, good[i].runs);
		free(list);
		buf_fini(&k.out);
	}
}

static const struct {
	const char *layers, *why;
} bad[] = {
	{ "../a|", "layer 1: ../a: the path leaves the root" },
	{ "a|b/../../c", "layer 2: b/../../c: the path leaves" },
	{ "/etc/passwd|", "layer 1: /etc/passwd: an absolute path" },
	{ "s>/etc s/passwd|", "layer 1: s/passwd: the path leads through" },
	{ "s>/etc|s/passwd",
	    "layer 1: s: a path of an upper layer leads through" },
	{ "a a/b|", "layer 1: a/b: the path leads through a file" },
	{ "d/x d|", "layer 1: d: both a directory and not one" },
	{ "a/ b=a|", "layer 1: b: a hard link to a directory" },
	{ "a/|b=a", "layer 1: a/: a hard link to a directory" },
	{ "b=a|", "layer 1: b: hard link to a, which is not there" },
	{ "a|.wh.a|b=a c=../a", "layer 3: c: hard link to ../a: the path" },
	{ "b=b|", "layer 1: b: a hard link to itself" },
	{ "a=b b=a|", "layer 1: b: hard link to b, which is not there" },
	{ "a|.wh.", "layer 2: .wh.: a whiteout of nothing" },
	{ "a|d/.wh...", "layer 2: d/.wh...: a whiteout of nothing" },
	{ "a b=.|", "layer 1: b: a hard link to a directory" },
};

static void
refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err e = { 0 };
		struct kit k;
		int r = merge_words(&k, bad[i].layers, &e);

		buf_fini(&k.out);
		if (r != -1 || strncmp(e.text, bad[i].why,
		    strlen(bad[i].why)) != 0)
			print_message("%s: %s\n", bad[i].layers, e.text);
		assert_int_equal(r, -1);
		assert_memory_equal(e.text, bad[i].why, strlen(bad[i].why));
		assert_string_equal(e.code, "invalid_image");
	}
}

static void
long_names(void **state)
{
	char words[12000], name[256], *list;
	struct err e;
	struct kit k;

	(void)state;
	memset(name, 'n', 255);
	name[255] = '\0';
	(void)snprintf(words, sizeof(words), "%s/%s/%s h=%s/%s/%s|", name,
	    name, name, name, name, name);
	assert_int_equal(merge_words(&k, words, &e), 0);
	list = listing(&k);
	assert_non_null(strstr(list, "h=nnnn"));
	free(list);
	buf_fini(&k.out);
	(void)snprintf(words, sizeof(words), "%sx|", name);
	assert_int_equal(merge_words(&k, words, &e), -1);
	assert_non_null(strstr(e.text, "longer than 255 bytes"));
	buf_fini(&k.out);
}

static void
not_a_tar(void **state)
{
	static const char junk[] = "this is no tar archive, by no means";
	struct kit k = { .n = 1, .layers = { { junk, sizeof(junk) } } };
	struct err e;

	(void)state;
	assert_int_equal(kit_merge(&k, &e), -1);
	assert_memory_equal(e.text, "layer 1: ", 9);
	buf_fini(&k.out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(refusals),
		cmocka_unit_test(long_names),
		cmocka_unit_test(not_a_tar),
	};

	return unit_run("merge", tests);
}
