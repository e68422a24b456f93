/* SPDX-License-Identifier: ISC */
/* manifest.c - manifests, indexes and configurations; see manifest.h */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "oci/manifest.h"
#include "os/os.h"

#define LIST_MAX	512	/* bytes of "these platforms are there" */
#define WORDS_MAX	4096	/* entries of env, cmd, labels, ports */
#define TEXT_MAX	(128U << 10)	/* bytes of one; MAX_ARG_STRLEN */

static int
invalid(struct err *e, const char *what)
{
	return err_api(e, EINVAL, "invalid_image", "%s", what);
}

/* --- platforms ---------------------------------------------------------- */

void
platform_host(struct platform *ret)
{
	*ret = (struct platform){ .os = "linux" };
	(void)snprintf(ret->arch, sizeof(ret->arch), "%s", os_arch());
}

/* Other names of an architecture that people and programs use. */
static const struct {
	const char *alias, *arch, *variant;
} aliases[] = {
	{ "x86_64",	"amd64",	"" },
	{ "x86-64",	"amd64",	"" },
	{ "aarch64",	"arm64",	"" },
	{ "armhf",	"arm",		"v7" },
	{ "armel",	"arm",		"v6" },
	{ "i386",	"386",		"" },
};

static void
normalise(struct platform *p)
{
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strcmp(p->arch, aliases[i].alias) != 0)
			continue;
		(void)snprintf(p->arch, sizeof(p->arch), "%s",
		    aliases[i].arch);
		if (p->variant[0] == '\0')
			(void)snprintf(p->variant, sizeof(p->variant), "%s",
			    aliases[i].variant);
	}
	if (strcmp(p->arch, "arm64") == 0 && (strcmp(p->variant, "8") == 0 ||
	    strcmp(p->variant, "v8") == 0))
		p->variant[0] = '\0';
}

/* One part of a platform: a short word of [a-z0-9._-]. */
static bool
word_copy(char *to, size_t size, const char *s, size_t len)
{
	if (len == 0 || len >= size)
		return false;
	memcpy(to, s, len);
	to[len] = '\0';
	return strspn(to, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

int
platform_parse(struct platform *ret, const char *text, struct err *e)
{
	struct platform p = { .os = "linux" };
	const char *arch = text, *variant;
	size_t n = strcspn(text, "/");
	bool ok = true;

	if (text[n] == '/') {
		ok = word_copy(p.os, sizeof(p.os), text, n);
		arch = text + n + 1;
	}
	n = strcspn(arch, "/");
	variant = arch[n] == '/' ? arch + n + 1 : NULL;
	ok = ok && word_copy(p.arch, sizeof(p.arch), arch, n);
	if (variant != NULL)
		ok = ok && word_copy(p.variant, sizeof(p.variant), variant,
		    strlen(variant));
	if (!ok)
		return err_api(e, EINVAL, "invalid_reference",
		    "platform \"%.64s\": write os/architecture, as in "
		    "linux/amd64", text);
	normalise(&p);
	*ret = p;
	return 0;
}

char *
platform_print(char *buf, const struct platform *p)
{
	(void)snprintf(buf, PLATFORM_TEXT, "%s/%s%s%s", p->os, p->arch,
	    p->variant[0] == '\0' ? "" : "/", p->variant);
	return buf;
}

bool
platform_match(const struct platform *has, const struct platform *want)
{
	return strcmp(has->os, want->os) == 0 &&
	    strcmp(has->arch, want->arch) == 0 &&
	    (has->variant[0] == '\0' || want->variant[0] == '\0' ||
	    strcmp(has->variant, want->variant) == 0);
}

/* The members os, architecture, variant of a document. */
static int
platform_json(struct platform *ret, const json_t *obj, struct err *e)
{
	const char *os = "", *arch = "", *variant = "";
	struct platform p;

	if (json_get_str(&os, obj, "os", sizeof(p.os) - 1, e) == -1 ||
	    json_get_str(&arch, obj, "architecture", sizeof(p.arch) - 1,
	    e) == -1 ||
	    json_get_str(&variant, obj, "variant", sizeof(p.variant) - 1,
	    e) == -1) {
		if (e != NULL)
			e->code = "invalid_image";
		return -1;
	}
	(void)snprintf(p.os, sizeof(p.os), "%s", os);
	(void)snprintf(p.arch, sizeof(p.arch), "%s", arch);
	(void)snprintf(p.variant, sizeof(p.variant), "%s", variant);
	normalise(&p);
	*ret = p;
	return 0;
}

/* --- manifests and indexes ---------------------------------------------- */

/* A descriptor (descriptor.md): its digest and size; *type stays borrowed. */
static int
descriptor(struct blob *ret, const char **type, const json_t *obj,
    struct err *e)
{
	const char *digest = NULL;
	struct blob b;

	*type = "";
	if (!json_is_object(obj))
		return invalid(e, "a descriptor is not an object");
	if (json_get_str(type, obj, "mediaType", MEDIA_TYPE_MAX, e) == -1 ||
	    json_get_str(&digest, obj, "digest", DIGEST_TEXT, e) == -1)
		return -1;
	if (digest == NULL)
		return invalid(e, "a descriptor has no digest");
	if (digest_parse(&b.digest, digest, e) == -1)
		return -1;
	switch (json_get_u64(&b.size, obj, "size", 0, BLOB_MAX, e)) {
	case -1:
		return -1;
	case 0:
		return invalid(e, "a descriptor has no size");
	}
	*ret = b;
	return 0;
}

/* Tar layers of OCI and docker, in the clear. */
static bool
layer_type_ok(const char *type)
{
	static const char *const good[] = {
		"application/vnd.oci.image.layer.",
		"application/vnd.docker.image.rootfs.",
	};
	size_t len = strlen(type);

	if (len > 10 && strcmp(type + len - 10, "+encrypted") == 0)
		return false;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (strncmp(type, good[i], strlen(good[i])) == 0)
			return true;
	return false;
}

static int
manifest_layers(struct manifest *m, const json_t *doc, struct err *e)
{
	const char *type;
	json_t *layers = NULL, *v;
	size_t i;

	if (json_get_arr(&layers, doc, "layers", LAYERS_MAX, e) == -1)
		return -1;
	if (layers == NULL)
		return invalid(e, "no layers");
	json_array_foreach(layers, i, v) {
		if (descriptor(&m->layers[i], &type, v, e) == -1)
			return err_prefix(e, "layer %zu", i + 1);
		if (!layer_type_ok(type))
			return err_api(e, EINVAL, "invalid_image",
			    "layer %zu is of type \"%s\", not a tar layer",
			    i + 1, type);
	}
	m->nlayers = json_array_size(layers);
	return 0;
}

static int
manifest_read(struct manifest *m, const void *text, size_t len, struct err *e)
{
	own_json json_t *doc = NULL;
	json_t *config = NULL;
	const char *type;

	if (len > MANIFEST_MAX)
		return invalid(e, "larger than 4 MB");
	if (json_parse(&doc, text, len, e) == -1)
		return -1;
	if (!json_is_object(doc))
		return invalid(e, "not an object");
	if (json_object_get(doc, "fsLayers") != NULL)
		return invalid(e, "schema 1 manifests are not supported");
	if (json_get_obj(&config, doc, "config", 64, e) == -1)
		return -1;
	if (config == NULL)
		return invalid(e, "no config");
	if (descriptor(&m->config, &type, config, e) == -1)
		return err_prefix(e, "config");
	if (m->config.size > CONFIG_MAX)
		return invalid(e, "config larger than 8 MB");
	return manifest_layers(m, doc, e);
}

/* Whatever a reader refused, for the asker it is the image that is wrong. */
static int
blame(struct err *e, const char *what)
{
	if (e != NULL)
		e->code = "invalid_image";
	return err_prefix(e, "%s", what);
}

int
manifest_parse(struct manifest *ret, const void *text, size_t len,
    struct err *e)
{
	own_mem struct manifest *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return err_sys(e, "manifest");
	if (manifest_read(m, text, len, e) == -1)
		return blame(e, "manifest");
	*ret = *m;
	return 0;
}

bool
manifest_is_index(const json_t *doc)
{
	return json_is_array(json_object_get(doc, "manifests"));
}

/* Remember one more platform for the refusal. */
static void
list_add(struct buf *list, const struct platform *p)
{
	char text[PLATFORM_TEXT];

	/* What does not fit is left out. */
	if (strcmp(p->os, "unknown") != 0)
		(void)buf_printf(list, "%s%s", list->len == 0 ? "" : ", ",
		    platform_print(text, p));
}

/* 0: not usable; 2: exactly what was asked; 1: usable. */
static int
fit(const struct platform *has, const struct platform *want)
{
	if (!platform_match(has, want))
		return 0;
	return strcmp(has->variant, want->variant) == 0 ? 2 : 1;
}

/* 1: *ret is set; 0: nothing fits; -1. */
static int
choose(struct blob *ret, const json_t *index, const struct platform *want,
    struct buf *list, struct err *e)
{
	json_t *manifests = NULL, *v, *platform;
	struct platform has;
	struct blob b;
	const char *type;
	int best = 0;
	size_t i;

	if (json_get_arr(&manifests, index, "manifests", INDEX_ENTRIES_MAX,
	    e) == -1)
		return -1;
	json_array_foreach(manifests, i, v) {
		if (descriptor(&b, &type, v, e) == -1)
			return -1;
		/* Attestations have no platform, or unknown/unknown. */
		has = (struct platform){ .os = "unknown" };
		platform = json_object_get(v, "platform");
		if (platform != NULL && platform_json(&has, platform, e) == -1)
			return -1;
		list_add(list, &has);
		if (fit(&has, want) <= best)
			continue;
		best = fit(&has, want);
		*ret = b;
	}
	return best > 0;
}

int
manifest_choose(struct blob *ret, const json_t *index,
    const struct platform *want, struct err *e)
{
	char text[PLATFORM_TEXT];
	struct buf list;
	int r;

	buf_init(&list, LIST_MAX);
	r = choose(ret, index, want, &list, e);
	if (r == -1)
		(void)blame(e, "index");
	else if (r == 0)
		r = err_api(e, ENOENT, "platform_not_available",
		    "not available for %s; there is: %s",
		    platform_print(text, want),
		    list.len == 0 ? "nothing" : (char *)list.data);
	else
		r = 0;
	buf_fini(&list);
	return r;
}

/* --- configurations ----------------------------------------------------- */

void
config_destroy(struct config *c)
{
	if (c == NULL)
		return;
	json_decref(c->json);
	free(c);
}

static int
config_diff_ids(struct config *c, struct err *e)
{
	json_t *rootfs = NULL, *ids = NULL, *v;
	size_t i;

	if (json_get_obj(&rootfs, c->json, "rootfs", 16, e) == -1)
		return -1;
	if (rootfs == NULL)
		return invalid(e, "no rootfs");
	if (json_get_arr(&ids, rootfs, "diff_ids", LAYERS_MAX, e) == -1)
		return -1;
	json_array_foreach(ids, i, v) {
		if (!json_is_string(v))
			return invalid(e, "diff_ids: must be strings");
		if (digest_parse(&c->diff_ids[i], json_string_value(v), e) ==
		    -1)
			return -1;
	}
	c->ndiff_ids = ids == NULL ? 0 : json_array_size(ids);
	return 0;
}

/* What becomes arguments and environment must be all there, or nothing. */
static int
config_words(const struct config *c, struct err *e)
{
	static const char *const lists[] = { "Entrypoint", "Cmd", "Env" };
	json_t *run = NULL, *list, *v;
	size_t k;

	if (json_get_obj(&run, c->json, "config", WORDS_MAX, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		list = NULL;
		if (json_get_arr(&list, run, lists[i], WORDS_MAX, e) == -1)
			return -1;
		json_array_foreach(list, k, v)
			if (!json_is_string(v) ||
			    json_string_length(v) > TEXT_MAX)
				return err_set(e, EINVAL, "%s: must be "
				    "strings of at most 128 KB", lists[i]);
	}
	return 0;
}

int
config_parse(struct config **ret, const void *text, size_t len, struct err *e)
{
	OWN(config_destroy) struct config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_sys(e, "config");
	if (len > CONFIG_MAX)
		return invalid(e, "config: larger than 8 MB");
	if (json_parse(&c->json, text, len, e) == -1)
		return blame(e, "config");
	if (!json_is_object(c->json))
		return invalid(e, "config: not an object");
	if (platform_json(&c->platform, c->json, e) == -1 ||
	    config_diff_ids(c, e) == -1 || config_words(c, e) == -1)
		return blame(e, "config");
	*ret = take(&c);
	return 0;
}

/* The strings of a list that config_words() has seen. */
static json_t *
strings(const json_t *list)
{
	json_t *ret = json_array(), *v;
	size_t i;

	json_array_foreach(list, i, v)
		if (json_is_string(v) && i < WORDS_MAX &&
		    json_string_length(v) <= TEXT_MAX)
			(void)json_array_append(ret, v);
	return ret;
}

/* The names of a set, which docker writes {"80/tcp":{}}. */
static json_t *
names(const json_t *set)
{
	json_t *ret = json_array(), *v;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)set, key, v)
		if (json_array_size(ret) < WORDS_MAX)
			(void)json_array_append_new(ret, json_string(key));
	return ret;
}

static json_t *
labels(const json_t *map)
{
	json_t *ret = json_object(), *v;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)map, key, v)
		if (json_is_string(v) && json_object_size(ret) < WORDS_MAX &&
		    json_string_length(v) <= TEXT_MAX)
			(void)json_object_set(ret, key, v);
	return ret;
}

static json_t *
string(const json_t *obj, const char *name)
{
	const json_t *v = json_object_get(obj, name);

	return json_string(json_is_string(v) &&
	    json_string_length(v) <= TEXT_MAX ? json_string_value(v) : "");
}

json_t *
config_summary(const struct config *c)
{
	const json_t *run = json_object_get(c->json, "config");

	return json_pack("{so so so so so so so so so so}",
	    "created", string(c->json, "created"),
	    "entrypoint", strings(json_object_get(run, "Entrypoint")),
	    "cmd", strings(json_object_get(run, "Cmd")),
	    "env", strings(json_object_get(run, "Env")),
	    "working_dir", string(run, "WorkingDir"),
	    "user", string(run, "User"),
	    "stop_signal", string(run, "StopSignal"),
	    "exposed_ports", names(json_object_get(run, "ExposedPorts")),
	    "volumes", names(json_object_get(run, "Volumes")),
	    "labels", labels(json_object_get(run, "Labels")));
}
