/* SPDX-License-Identifier: ISC */
/* manifest.c - manifests, indexes, configurations and platforms */

#include <string.h>

#include "unit.h"
#include "lib/util.h"
#include "oci/manifest.h"
#include "oci/skopeo.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"
#define D(n) "sha256:" HEX #n
#define DESC(n) "\"digest\":\"" D(n) "\",\"size\":1" #n
#define CONFIG "\"config\":{" DESC(1) "}"
#define LAYER "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\""

static void
platforms(void **state)
{
	static const struct { const char *text, *full; } good[] = {
		{ "linux/amd64", "linux/amd64" }, { "amd64", "linux/amd64" },
		{ "x86_64", "linux/amd64" }, { "aarch64", "linux/arm64" },
		{ "linux/arm64/v8", "linux/arm64" },
		{ "linux/arm/v7", "linux/arm/v7" }, { "armhf", "linux/arm/v7" },
		{ "openbsd/amd64", "openbsd/amd64" },
	};
	static const char *const bad[] = { "", "/", "linux/", "/amd64",
		"linux/amd64/", "Linux/amd64", "linux/amd64/v1/x", "a b",
		"linux/aaaaaaaaaaaaaaaaa" };
	char buf[PLATFORM_TEXT];
	struct platform p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(platform_parse(&p, good[i].text, &e), 0);
		assert_string_equal(platform_print(buf, &p), good[i].full);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(platform_parse(&p, bad[i], &e), -1);
}

static void
manifests(void **state)
{
	static const char good[] = "{\"schemaVersion\":2," CONFIG
	    ",\"layers\":[{" LAYER "," DESC(2) "},{" LAYER "," DESC(3) "}]}";
	static const struct { const char *text, *why; } bad[] = {
		{ "", "JSON" }, { "[]", "not an object" },
		{ "{\"a\":1,\"a\":2}", "JSON" },
		{ "{}", "no config" }, { "{" CONFIG "}", "no layers" },
		{ "{\"fsLayers\":[]}", "schema 1" },
		{ "{" CONFIG ",\"layers\":{}}", "layers: must be a list" },
		{ "{" CONFIG ",\"layers\":[1]}", "layer 1: a descriptor" },
		{ "{" CONFIG ",\"layers\":[{" DESC(2) "}]}", "not a tar" },
		{ "{" CONFIG ",\"layers\":[{\"mediaType\":\"application/"
		    "vnd.oci.image.layer.v1.tar+encrypted\"," DESC(2) "}]}",
		    "not a tar layer" },
		{ "{" CONFIG ",\"layers\":[{" LAYER ",\"digest\":\"../x\","
		    "\"size\":1}]}", "sha256" },
		{ "{" CONFIG ",\"layers\":[{" LAYER ",\"digest\":\"" D(1)
		    "\",\"size\":-1}]}", "size" },
		{ "{" CONFIG ",\"layers\":[{" LAYER ",\"digest\":\"" D(1)
		    "\"}]}", "no size" },
		{ "{\"config\":{\"digest\":\"" D(1) "\",\"size\":99999999}}",
		    "config larger" },
	};
	static struct manifest m;
	struct err e;

	(void)state;
	assert_int_equal(manifest_parse(&m, good, strlen(good), &e), 0);
	assert_int_equal(m.nlayers, 2);
	assert_string_equal(m.layers[1].digest.text, D(3));
	assert_int_equal(m.layers[0].size, 12);
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (manifest_parse(&m, bad[i].text, strlen(bad[i].text),
		    &e) != -1 || strstr(e.text, bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].text, e.text);
		assert_string_equal(e.code, "invalid_image");
	}
}

static int
choose(struct blob *b, const char *list, const char *platform, struct err *e)
{
	own_json json_t *doc = NULL;
	struct platform p;

	assert_int_equal(platform_parse(&p, platform, e), 0);
	assert_int_equal(json_parse(&doc, list, strlen(list), e), 0);
	assert_true(manifest_is_index(doc));
	return manifest_choose(b, doc, &p, e);
}

#define FOR(os, arch, variant) "\"platform\":{\"os\":\"" os \
	"\",\"architecture\":\"" arch "\",\"variant\":\"" variant "\"}"

static void
indexes(void **state)
{
	static const char list[] = "{\"manifests\":["
	    "{" DESC(1) "," FOR("linux", "arm", "v6") "},"
	    "{" DESC(2) "," FOR("linux", "arm", "v7") "},"
	    "{" DESC(3) "," FOR("linux", "amd64", "v3") "},"
	    "{" DESC(4) "," FOR("linux", "amd64", "") "},"
	    "{" DESC(5) "," FOR("linux", "arm64", "v8") "},"
	    "{" DESC(6) "," FOR("unknown", "unknown", "") "},"
	    "{" DESC(7) "}]}";
	struct blob b;
	struct err e;

	(void)state;
	assert_int_equal(choose(&b, list, "amd64", &e), 0);
	assert_string_equal(b.digest.text, D(4));
	assert_int_equal(choose(&b, list, "linux/amd64/v3", &e), 0);
	assert_string_equal(b.digest.text, D(3));
	assert_int_equal(choose(&b, list, "linux/arm/v7", &e), 0);
	assert_string_equal(b.digest.text, D(2));
	assert_int_equal(choose(&b, list, "arm64", &e), 0);
	assert_string_equal(b.digest.text, D(5));
	assert_int_equal(choose(&b, list, "riscv64", &e), -1);
	assert_string_equal(e.code, "platform_not_available");
	assert_non_null(strstr(e.text, "linux/arm/v6, linux/arm/v7"));
	assert_null(strstr(e.text, "unknown"));
	assert_int_equal(choose(&b, "{\"manifests\":[]}", "amd64", &e), -1);
	assert_non_null(strstr(e.text, "there is: nothing"));
	assert_int_equal(choose(&b, "{\"manifests\":[5]}", "amd64", &e), -1);
	assert_string_equal(e.code, "invalid_image");
}

static void
configs(void **state)
{
	static const char good[] = "{\"architecture\":\"arm64\",\"variant\":"
	    "\"v8\",\"os\":\"linux\",\"config\":{\"Env\":[\"A=b\"],\"Cmd\":"
	    "null,\"User\":\"1:2\",\"ExposedPorts\":{\"80/tcp\":{}}},"
	    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D(1) "\"]}}";
	static const char words[] = "{\"config\":{\"Cmd\":[\"a\",1]},"
	    "\"rootfs\":{}}";
	static const char none[] = "{\"rootfs\":{\"diff_ids\":[\"x\"]}}";
	OWN(config_destroy) struct config *c = NULL;
	own_json json_t *v = NULL;
	own_mem char *text = NULL;
	char buf[PLATFORM_TEXT];
	struct err e;

	(void)state;
	assert_int_equal(config_parse(&c, good, strlen(good), &e), 0);
	assert_string_equal(platform_print(buf, &c->platform), "linux/arm64");
	assert_int_equal(c->ndiff_ids, 1);
	v = config_summary(c);
	text = json_print(v);
	assert_string_equal(text, "{\"created\":\"\",\"entrypoint\":[],"
	    "\"cmd\":[],\"env\":[\"A=b\"],\"working_dir\":\"\",\"user\":"
	    "\"1:2\",\"stop_signal\":\"\",\"exposed_ports\":[\"80/tcp\"],"
	    "\"volumes\":[],\"labels\":{}}");
	config_destroy(take(&c));
	assert_int_equal(config_parse(&c, none, strlen(none), &e), -1);
	assert_int_equal(config_parse(&c, words, strlen(words), &e), -1);
	assert_non_null(strstr(e.text, "Cmd: must be strings"));
	assert_string_equal(e.code, "invalid_image");
	assert_int_equal(config_parse(&c, "{}", 2, &e), -1);
	assert_non_null(strstr(e.text, "no rootfs"));
}

/* Words of real registries, and the code that follows from them. */
static void
registry_refusals(void **state)
{
	static const struct { const char *said, *code; } words[] = {
		{ "time=\"x\" level=fatal msg=\"Error: toomanyrequests: You "
		    "have reached your pull rate limit\"", "rate_limited" },
		{ "level=fatal msg=\"received unexpected HTTP status: 429 Too "
		    "Many Requests\"", "rate_limited" },
		{ "level=fatal msg=\"manifest unknown: OCI index found\"",
		    "not_found" },
		{ "level=fatal msg=\"unauthorized: authentication required\"",
		    "unauthorized" },
		{ "level=fatal msg=\"denied: requested access to the resource "
		    "is denied\"", "unauthorized" },
		{ "level=fatal msg=\"x509: certificate signed by unknown "
		    "authority\"", "network" },
		{ "level=fatal msg=\"write: no space left on device\"",
		    "disk_full" },
		{ "level=fatal msg=\"something new\"", "network" },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		assert_int_equal(skopeo_refused(&e, "a", words[i].said), -1);
		assert_string_equal(e.code, words[i].code);
		assert_null(strstr(e.text, "level="));
	}
	(void)skopeo_refused(&e, "a", "msg=\"b \\\"c\\\"\\nd\" x=\"y\"");
	assert_string_equal(e.text, "a: b \"c\" d");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(platforms),
		cmocka_unit_test(manifests),
		cmocka_unit_test(indexes),
		cmocka_unit_test(configs),
		cmocka_unit_test(registry_refusals),
	};

	return unit_run("manifest", tests);
}
