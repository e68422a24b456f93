/* SPDX-License-Identifier: ISC */
/* vmm_ask.c - bodies of calls: what they ask for, and what is refused */

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "chapi/vmm_ask.h"
#include "lib/io.h"
#include "lib/util.h"

#define CONFIG "{'payload':{'kernel':'k'}," \
	"'cpus':{'boot_vcpus':2,'max_vcpus':4}," \
	"'memory':{'size':268435456},'balloon':{}}"

static const struct vmm_backend null_backend = { .name = "test" };
static char dir[] = "/tmp/vmm_ask.XXXXXX";
static int dirfd_ = -1;
static struct vm_config config;

/* JSON in single quotes, as it reads well in C. */
static json_t *
json(const char *text)
{
	own_mem char *copy = strdup(text);
	json_t *v = NULL;
	struct err e;

	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	assert_int_equal(json_parse(&v, copy, strlen(copy), &e), 0);
	return v;
}

static void
begin(void **state)
{
	own_json json_t *doc = json(CONFIG);
	struct err e;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
	assert_return_code(dirfd_, 0);
	assert_int_equal(vm_config_parse(&config, doc, &e), 0);
}

static void
end(void **state)
{
	(void)state;
	vm_config_fini(&config);
	(void)unlinkat(dirfd_, "config.json", 0);
	(void)close(dirfd_);
	assert_return_code(rmdir(dir), 0);
}

static int
ask(struct ask *a, ask_fn *fn, const char *text, struct err *e)
{
	const struct ask_from from = { .config = &config, .restore = -1,
	    .backend = &null_backend, .dirfd = dirfd_, .list = "disks" };
	own_json json_t *body = json(text);

	ask_init(a);
	return fn(a, &from, body, e);
}

static const struct {
	ask_fn		*fn;
	const char	*text, *want;
} bad[] = {
	{ ask_resize, "{'ram':1}", "ram: no such member" },
	{ ask_resize, "{'desired_vcpus':5}",
	    "desired_vcpus: is more than max_vcpus" },
	{ ask_resize, "{'desired_vcpus':0}",
	    "desired_vcpus: 0 is not between 1 and 128" },
	{ ask_resize, "{'desired_ram':536870912}",
	    "desired_ram: memory cannot be added; it can be lent back with "
	    "desired_balloon" },
	{ ask_resize, "{'desired_balloon':268435457}",
	    "desired_balloon: 268435457 is not between 0 and 268435456" },
	{ ask_add, "[]", "disks: must be an object" },
	{ ask_add, "{}", "disks: [0]: id: is required" },
	{ ask_remove, "[]", "id: is required" },
	{ ask_remove, "{'id':'rng'}",
	    "rng: no device of this VM that can be removed" },
	{ ask_remove, "{'id':'vsock0'}",
	    "vsock0: no device of this VM that can be removed" },
	{ ask_snapshot, "{}", "destination_url: is required" },
	{ ask_snapshot, "{'destination_url':'file:'}",
	    "destination_url: has no path" },
	{ ask_snapshot, "{'destination_url':'file://'}",
	    "destination_url: must not name a host" },
	{ ask_coredump, "{'destination_url':'/tmp/x'}",
	    "destination_url: must be file:PATH" },
	{ ask_restore, "{'source_url':'file:nope'}",
	    "snapshot nope: No such file or directory" },
	{ ask_restore, "{'source_url':'fd:7'}",
	    "source_url: is not the descriptor of -R" },
	{ ask_restore, "{'source_url':'fd:'}", "source_url: \"\" is not a "
	    "number" },
	{ ask_restore, "{'source_url':'file:.','prefetch':1}",
	    "prefetch: must be true or false" },
	{ ask_restore, "{'source_url':'file:.','prefault':1}",
	    "prefault: must be true or false" },
};

static void
refused(void **state)
{
	struct ask a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(ask(&a, bad[i].fn, bad[i].text, &e), -1);
		assert_string_equal(e.text, bad[i].want);
		ask_fini(&a);
	}
}

static void
changes(void **state)
{
	struct ask a;
	struct err e;

	(void)state;
	assert_int_equal(ask(&a, ask_resize, "{'desired_vcpus':2}", &e), 0);
	assert_null(a.ask.next);
	ask_fini(&a);
	assert_int_equal(ask(&a, ask_resize, "{'desired_balloon':4096}", &e),
	    0);
	assert_int_equal(a.ask.next->balloon.size, 4096);
	assert_int_equal(a.ask.next->cpus, 2);
	ask_fini(&a);
	assert_int_equal(ask(&a, ask_resize, "{'desired_vcpus':4}", &e), 0);
	assert_int_equal(a.ask.next->cpus, 4);
	assert_int_equal(a.ask.next->cpus_max, 4);
	assert_int_equal(a.ask.next->balloon.size, config.balloon.size);
	ask_fini(&a);
	assert_int_equal(ask(&a, ask_add, "{'id':'d','vhost_user':true,"
	    "'vhost_socket':'s'}", &e), 0);
	assert_string_equal(a.ask.id, "d");
	assert_int_equal(a.ask.next->ndisks, 1);
	assert_int_equal(config.ndisks, 0);
	ask_fini(&a);
}

/* A snapshot by its path, by a descriptor, and with a config of its own. */
static void
restores(void **state)
{
	static const char text[] = "{\"payload\":{\"kernel\":\"there\"},"
	    "\"cpus\":{\"boot_vcpus\":1},\"memory\":{\"size\":16777216}}";
	struct ask_from from = { .restore = dirfd_, .backend = &null_backend,
	    .dirfd = AT_FDCWD };
	own_json json_t *body = NULL;
	char url[64];
	struct ask a;
	struct err e;

	(void)state;
	assert_int_equal(file_replace(dirfd_, "config.json", text,
	    strlen(text), 0600, &e), 0);
	(void)snprintf(url, sizeof(url), "{'source_url':'fd:%d'}", dirfd_);
	body = json(url);
	ask_init(&a);
	assert_int_equal(ask_restore(&a, &from, body, &e), 0);
	assert_string_equal(a.ask.next->kernel, "there");
	assert_int_not_equal(a.ask.dirfd, dirfd_);
	ask_fini(&a);
	json_decref(take(&body));

	(void)snprintf(url, sizeof(url), "{'source_url':'file://%s'}", dir);
	body = json(url);
	from.config = &config;
	assert_int_equal(ask_restore(&a, &from, body, &e), 0);
	assert_string_equal(a.ask.next->kernel, "k");
	ask_fini(&a);

	from.config = NULL;
	assert_int_equal(file_replace(dirfd_, "config.json", "{", 1, 0600,
	    &e), 0);
	assert_int_equal(ask_restore(&a, &from, body, &e), -1);
	ask_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begin),
		cmocka_unit_test(refused),
		cmocka_unit_test(changes),
		cmocka_unit_test(restores),
		cmocka_unit_test(end),
	};

	return unit_run("vmm_ask", tests);
}
