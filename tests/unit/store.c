/* SPDX-License-Identifier: ISC */
/* store.c - the image store: names, blobs, what dead jobs leave */

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "lib/io.h"
#include "oci/store.h"
#include "oci/sweep.h"

static char top[64];

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(top, sizeof(top), "/tmp/store.XXXXXX");
	return mkdtemp(top) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	return tree_remove(AT_FDCWD, top);
}

static struct store *
open_store(void)
{
	struct store *st = NULL;
	struct err e;

	if (store_open(&st, top, &e) == -1)
		fail_msg("%s", e.text);
	return st;
}

/* An image of one layer, whose bytes are 'text'; named when it has a name. */
static struct entry
put_image(struct store *st, const char *name, const char *arch,
    const char *text)
{
	struct entry en = { .size = 0 };
	struct digest config, layer;
	char m[1024];
	struct err e;

	(void)snprintf(en.name, sizeof(en.name), "%s", name);
	(void)snprintf(en.platform.os, sizeof(en.platform.os), "linux");
	(void)snprintf(en.platform.arch, sizeof(en.platform.arch), "%s", arch);
	assert_int_equal(store_blob_put(&config, st, "{}", 2, &e), 0);
	assert_int_equal(store_blob_put(&layer, st, text, strlen(text), &e),
	    0);
	(void)snprintf(m, sizeof(m), "{\"config\":{\"digest\":\"%s\",\"size\":"
	    "2},\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":"
	    "%zu}],\"a\":\"%s\"}", config.text, MEDIA_TYPE_LAYER, layer.text,
	    strlen(text), arch);
	assert_int_equal(store_blob_put(&en.digest, st, m, strlen(m), &e), 0);
	en.size = strlen(m);
	en.source = en.digest;
	assert_int_equal(store_put(st, &en, &e), 0);
	return en;
}

static size_t
count(struct store *st)
{
	struct entries es = { 0 };
	struct err e;
	size_t n;

	assert_int_equal(store_entries(&es, st, &e), 0);
	n = es.n;
	entries_fini(&es);
	return n;
}

static void
names(void **state)
{
	OWN(store_close) struct store *st = open_store();
	struct entry a = put_image(st, "r.io/a:1", "amd64", "one"), found;
	struct platform arm;
	char text[600];
	struct err e;

	(void)state;
	assert_int_equal(platform_parse(&arm, "arm64", &e), 0);
	(void)put_image(st, "r.io/a:1", "arm64", "two");
	assert_int_equal(store_find(&found, st, "r.io/a:1", &arm, &e), 0);
	assert_string_equal(found.platform.arch, "arm64");
	assert_int_equal(store_find(&found, st, a.digest.text, NULL, &e), 0);
	assert_string_equal(found.name, "r.io/a:1");
	(void)snprintf(text, sizeof(text), "r.io/a@%s", a.digest.text);
	assert_int_equal(store_find(&found, st, text, NULL, &e), 0);
	(void)snprintf(text, sizeof(text), "r.io/b@%s", a.digest.text);
	assert_int_equal(store_find(&found, st, text, NULL, &e), -1);
	assert_string_equal(e.code, "not_found");
	assert_int_equal(store_find(&found, st, "r.io/a:2", NULL, &e), -1);
	/* Again the same: nothing is added. */
	(void)put_image(st, "r.io/a:1", "amd64", "one");
	assert_int_equal(count(st), 2);
	/* The name moves on: the old one stays, without it. */
	(void)put_image(st, "r.io/a:1", "amd64", "three");
	assert_int_equal(count(st), 3);
	assert_int_equal(store_find(&found, st, a.digest.text, NULL, &e), 0);
	assert_string_equal(found.name, "");
	/* And gets it back. */
	(void)put_image(st, "r.io/a:1", "amd64", "one");
	assert_int_equal(count(st), 3);
	assert_int_equal(store_find(&found, st, "r.io/a:1", NULL, &e), 0);
}

static void
blobs(void **state)
{
	OWN(store_close) struct store *st = open_store();
	struct digest d;
	struct buf b;
	struct err e;

	(void)state;
	assert_int_equal(store_blob_put(&d, st, "hello", 5, &e), 0);
	assert_int_equal(store_blob_size(st, &d), 5);
	buf_init(&b, 100);
	assert_int_equal(store_blob(&b, st, &d, &e), 0);
	assert_memory_equal(b.data, "hello", 5);
	buf_fini(&b);
	buf_init(&b, 4);
	assert_int_equal(store_blob(&b, st, &d, &e), -1);
	assert_string_equal(e.code, "invalid_image");
	buf_fini(&b);
	/* Rotten: said once, then it is missing and can be had again. */
	assert_int_equal(file_replace(st->blobs, digest_hex(&d), "hexxo", 5,
	    0644, &e), 0);
	buf_init(&b, 100);
	assert_int_equal(store_blob(&b, st, &d, &e), -1);
	assert_string_equal(e.code, "damaged");
	assert_int_equal(store_blob_size(st, &d), -1);
	assert_int_equal(store_blob(&b, st, &d, &e), -1);
	assert_string_equal(e.code, "damaged");
	buf_fini(&b);
}

static void
corrupt_index(void **state)
{
	static const char *const bad[] = { "", "{", "[]x", "{\"manifests\":1}",
	    "{\"manifests\":[{}]}", "{\"manifests\":[{\"digest\":\"../x\"}]}",
	    "{\"manifests\":[7]}" };
	OWN(store_close) struct store *st = open_store();
	struct entries es = { 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(file_replace(st->dir, "index.json", bad[i],
		    strlen(bad[i]), 0644, &e), 0);
		if (store_entries(&es, st, &e) != -1)
			fail_msg("%s", bad[i]);
		assert_non_null(strstr(e.text, "index.json"));
		assert_string_equal(e.code, "io");
	}
}

/* What a job that died left goes; what one that lives has stays. */
static void
dead_jobs(void **state)
{
	OWN(store_close) struct store *st = open_store();
	OWN(store_close) struct store *other = NULL;
	struct err e;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(store_work(st, &e), 0);
	pid = fork();
	if (pid == 0) {
		struct store *dead = NULL;

		if (store_open(&dead, top, &e) == -1 ||
		    store_work(dead, &e) == -1 ||
		    mkdirat(dead->work, "d", 0755) == -1 ||
		    openat(dead->work, "d/f", O_CREAT | O_RDWR, 0600) == -1)
			_exit(1);
		_exit(0);	/* without closing the store */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(faccessat(st->tmp, st->work_name, F_OK, 0), 0);
	other = open_store();
	assert_int_equal(faccessat(st->tmp, st->work_name, F_OK, 0), 0);
	/* Only ours is there. */
	assert_int_equal(unlinkat(st->tmp, st->work_name, AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(st->dir, "tmp", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(st->dir, "tmp", 0755), 0);
}

static void
told(const struct entry *en, void *arg)
{
	(void)en;
	++*(size_t *)arg;
}

static void
accounting(void **state)
{
	OWN(store_close) struct store *st = open_store();
	struct sweep_result r;
	struct digest keep;
	size_t gone = 0;
	struct removal what = { .name = "r.io/a:1", .deleted = told,
	    .arg = &gone };
	uint64_t before, after, roots;
	struct err e;

	(void)state;
	(void)put_image(st, "r.io/a:1", "amd64", "shared");
	keep = put_image(st, "r.io/b:1", "arm64", "shared").digest;
	(void)put_image(st, "r.io/c:1", "amd64", "another layer");
	assert_int_equal(sweep_usage(&before, &roots, st, &e), 0);
	assert_int_equal(sweep_images(&r, st, &what, &e), 0);
	assert_int_equal(sweep_usage(&after, &roots, st, &e), 0);
	/* The manifest went; layer and config are those of b as well. */
	assert_int_equal(r.freed, before - after);
	assert_true(r.freed > 0 && gone == 1 && !r.deferred);
	assert_int_equal(sweep_images(&r, st, &what, &e), -1);
	assert_string_equal(e.code, "not_found");
	what = (struct removal){ .all = true, .keep = &keep, .nkeep = 1,
	    .deleted = told, .arg = &gone };
	assert_int_equal(sweep_images(&r, st, &what, &e), 0);
	assert_int_equal(gone, 2);
	before = after;
	assert_int_equal(sweep_usage(&after, &roots, st, &e), 0);
	assert_int_equal(r.freed, before - after);
	assert_int_equal(count(st), 1);
	what.nkeep = 0;
	assert_int_equal(sweep_images(&r, st, &what, &e), 0);
	assert_int_equal(sweep_usage(&after, &roots, st, &e), 0);
	assert_int_equal(after, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names, setup, teardown),
		cmocka_unit_test_setup_teardown(blobs, setup, teardown),
		cmocka_unit_test_setup_teardown(corrupt_index, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(dead_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(accounting, setup, teardown),
	};

	return unit_run("store", tests);
}
