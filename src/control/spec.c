/* SPDX-License-Identifier: ISC */
/* spec.c - a CreateInstanceRequest, read and checked; see spec.h */

#include <arpa/inet.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/spec.h"
#include "control/spec_private.h"
#include "lib/json.h"
#include "lib/num.h"
#include "lib/util.h"

/* A size, rate or duration written as text. */
struct quantity {
	const char	*name;
	const char	*code;
	size_t		 offset;	/* of a uint64_t in struct spec */
	uint64_t	 min, max;
	int		(*parse)(uint64_t *, const char *, struct err *);
};

static const struct quantity quantities[] = {
	{ "size", "invalid_size", offsetof(struct spec, memory),
	    SPEC_MEMORY_MIN, SPEC_MEMORY_MAX, size_parse },
	{ "hotplug_size", "invalid_hotplug_size",
	    offsetof(struct spec, hotplug), 0, SPEC_MEMORY_MAX, size_parse },
	{ "overlay_size", "invalid_overlay_size",
	    offsetof(struct spec, overlay), SPEC_OVERLAY_MIN,
	    SPEC_OVERLAY_MAX, size_parse },
	{ "disk_io_bps", "invalid_disk_io_bps",
	    offsetof(struct spec, disk_io), SPEC_RATE_MIN, SPEC_RATE_MAX,
	    rate_parse },
	{ "stop_timeout", "invalid_request",
	    offsetof(struct spec, stop_timeout), 0, SPEC_DURATION_MAX,
	    duration_parse },
};

static const struct quantity network_quantities[] = {
	{ "bandwidth_download", "invalid_bandwidth_download",
	    offsetof(struct spec, download), SPEC_RATE_MIN, SPEC_RATE_MAX,
	    rate_parse },
	{ "bandwidth_upload", "invalid_bandwidth_upload",
	    offsetof(struct spec, upload), SPEC_RATE_MIN, SPEC_RATE_MAX,
	    rate_parse },
};

static const struct quantity restart_quantities[] = {
	{ "backoff", "invalid_restart_policy",
	    offsetof(struct spec, backoff), 0, SPEC_DURATION_MAX,
	    duration_parse },
	{ "stable_after", "invalid_restart_policy",
	    offsetof(struct spec, stable_after), 0, SPEC_DURATION_MAX,
	    duration_parse },
};

static int
recode(struct err *e, const char *code)
{
	if (e != NULL)
		e->code = code;
	return -1;
}

static int
take_quantity(struct spec *s, const json_t *doc, const struct quantity *q,
    struct err *e)
{
	const char *text = NULL;
	char lo[16], hi[16];
	uint64_t v;
	int found;

	found = json_get_str(&text, doc, q->name, 64, e);
	if (found == -1)
		return recode(e, q->code);
	if (found == 0 || *text == '\0')
		return 0;
	if (q->parse(&v, text, e) == -1) {
		(void)err_prefix(e, "%s", q->name);
		return recode(e, q->code);
	}
	if (v < q->min || v > q->max) {
		if (q->parse == duration_parse)
			return err_api(e, ERANGE, q->code,
			    "%s: %s is longer than a year", q->name, text);
		return err_api(e, ERANGE, q->code, "%s%s: %s is not between "
		    "%s and %s", q->name, q->offset ==
		    offsetof(struct spec, memory) ? " (memory)" : "", text,
		    size_print(lo, sizeof(lo), q->min),
		    size_print(hi, sizeof(hi), q->max));
	}
	memcpy((char *)s + q->offset, &v, sizeof(v));
	return 0;
}

static int
take_quantities(struct spec *s, const json_t *doc, const struct quantity *q,
    size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (take_quantity(s, doc, &q[i], e) == -1)
			return -1;
	return 0;
}

int
spec_take_text(char **to, const json_t *doc, const char *name, size_t max,
    struct err *e)
{
	const char *text = NULL;
	char *copy;
	int found = json_get_str(&text, doc, name, max, e);

	if (found <= 0)
		return found;
	copy = *text == '\0' ? NULL : strdup(text);
	if (copy == NULL && *text != '\0')
		return err_sys(e, "%s", name);
	free(*to);
	*to = copy;
	return 1;
}

/* --- names, tags, platforms ----------------------------------------------- */

bool
spec_name_ok(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= SPEC_NAME_MAX && s[0] != '-' &&
	    s[len - 1] != '-' &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool
tag_text_ok(const char *s)
{
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) &&
		    strchr(" _.:/=+@-", *s) == NULL)
			return false;
	return true;
}

int
spec_tags(json_t **ret, const json_t *doc, struct err *e)
{
	json_t *tags = NULL, *v;
	const char *key;
	int found;

	found = json_get_obj(&tags, doc, "tags", SPEC_TAGS_MAX, e);
	if (found <= 0)
		return found;
	json_object_foreach(tags, key, v) {
		if (*key == '\0' || strlen(key) > SPEC_TAG_KEY_MAX ||
		    !tag_text_ok(key) || !json_is_string(v) ||
		    json_string_length(v) > SPEC_TAG_VALUE_MAX ||
		    !tag_text_ok(json_string_value(v)))
			return err_api(e, EINVAL, "invalid_request",
			    "tags: \"%.64s\": names of 1 to %d and texts of "
			    "at most %d letters, digits and \" _.:/=+@-\"",
			    key, SPEC_TAG_KEY_MAX, SPEC_TAG_VALUE_MAX);
	}
	json_decref(*ret);
	*ret = json_incref(tags);
	return 1;
}

int
spec_platform(const char *s, struct err *e)
{
	static const char *const known[] = {
		"linux/amd64", "linux/arm64", "linux/arm64/v8",
	};

	for (size_t i = 0; i < COUNT(known); i++)
		if (strcmp(s, known[i]) == 0)
			return 0;
	return err_api(e, EINVAL, "invalid_platform",
	    "platform: \"%.64s\" is neither linux/amd64 nor linux/arm64", s);
}

/* --- words and variables -------------------------------------------------- */

static int
too_much(struct err *e)
{
	return err_api(e, E2BIG, "invalid_request", "entrypoint, cmd and env "
	    "together are larger than %d bytes", SPEC_TOTAL_MAX);
}

static int
take_words(json_t **to, const json_t *doc, const char *name, struct err *e)
{
	json_t *list = NULL, *v;
	size_t i, total = 0;
	int found;

	found = json_get_arr(&list, doc, name, SPEC_WORDS_MAX, e);
	if (found <= 0)
		return found;
	json_array_foreach(list, i, v) {
		if (!json_is_string(v))
			return err_api(e, EINVAL, "invalid_request",
			    "%s[%zu]: must be a string", name, i);
		total += json_string_length(v) + 1;
	}
	if (total > SPEC_TOTAL_MAX)
		return too_much(e);
	json_decref(*to);
	*to = json_incref(list);
	return 1;
}

static int
take_env(json_t **to, const json_t *doc, struct err *e)
{
	json_t *env = NULL, *v;
	const char *key;
	size_t total = 0;
	int found;

	found = json_get_obj(&env, doc, "env", SPEC_ENV_MAX, e);
	if (found <= 0)
		return found;
	json_object_foreach(env, key, v) {
		if (*key == '\0' || strchr(key, '=') != NULL ||
		    strlen(key) > SPEC_ENV_NAME_MAX)
			return err_api(e, EINVAL, "invalid_request",
			    "env: \"%.64s\" is no name of a variable", key);
		if (!json_is_string(v) ||
		    json_string_length(v) > SPEC_TEXT_MAX)
			return err_api(e, EINVAL, "invalid_request",
			    "env: %.64s: must be a string of at most %d bytes",
			    key, SPEC_TEXT_MAX);
		total += strlen(key) + json_string_length(v) + 2;
	}
	if (total > SPEC_TOTAL_MAX)
		return too_much(e);
	json_decref(*to);
	*to = json_incref(env);
	return 1;
}

int
spec_command(struct spec *s, const json_t *doc, struct err *e)
{
	static const char *const known[] = { "entrypoint", "cmd", "kernel",
	    "vcpus", "boot_device", NULL };
	json_t *entrypoint = NULL, *cmd = NULL;

	if (json_only(doc, known, e) == -1)
		return -1;
	if (take_words(&entrypoint, doc, "entrypoint", e) == -1 ||
	    take_words(&cmd, doc, "cmd", e) == -1) {
		json_decref(entrypoint);
		return -1;
	}
	if (entrypoint != NULL) {
		json_decref(s->entrypoint);
		s->entrypoint = entrypoint;
	}
	if (cmd != NULL) {
		json_decref(s->cmd);
		s->cmd = cmd;
	}
	return 0;
}

/* --- network and restart policy ------------------------------------------- */

static int
take_network(struct spec *s, const json_t *doc, struct err *e)
{
	static const char *const known[] = {
		"enabled", "bandwidth_download", "bandwidth_upload", "egress",
		/* Instance has these; they are what it got. */
		"name", "ip", "mac", NULL,
	};
	json_t *net = NULL, *egress = NULL;
	bool on = false;
	int found;

	found = json_get_obj(&net, doc, "network", 16, e);
	if (found <= 0)
		return found;
	if (json_only(net, known, e) == -1 ||
	    json_get_bool(&s->network, net, "enabled", e) == -1 ||
	    json_get_obj(&egress, net, "egress", 16, e) == -1 ||
	    json_get_bool(&on, egress, "enabled", e) == -1)
		return err_prefix(e, "network");
	if (on)
		return err_api(e, ENOTSUP, "not_supported",
		    "network.egress: this version has no egress proxy");
	return take_quantities(s, net, network_quantities,
	    COUNT(network_quantities), e);
}

static const char *const restart_names[] = {
	[RESTART_NEVER] = "never",
	[RESTART_ALWAYS] = "always",
	[RESTART_ON_FAILURE] = "on_failure",
};

const char *
spec_restart_name(enum spec_restart r)
{
	return restart_names[r];
}

static int
take_restart(struct spec *s, const json_t *doc, struct err *e)
{
	static const char *const known[] = {
		"policy", "backoff", "max_attempts", "stable_after", NULL,
	};
	json_t *r = NULL;
	const char *policy = NULL;
	size_t i;
	int found;

	found = json_get_obj(&r, doc, "restart_policy", 16, e);
	if (found <= 0)
		return found == 0 ? 0 : recode(e, "invalid_restart_policy");
	if (json_only(r, known, e) == -1 ||
	    json_get_str(&policy, r, "policy", 32, e) == -1 ||
	    json_get_u64(&s->max_attempts, r, "max_attempts", 0, 1000000,
	    e) == -1) {
		(void)err_prefix(e, "restart_policy");
		return recode(e, "invalid_restart_policy");
	}
	for (i = 0; policy != NULL && i < COUNT(restart_names); i++)
		if (strcmp(policy, restart_names[i]) == 0)
			break;
	if (i == COUNT(restart_names))
		return err_api(e, EINVAL, "invalid_restart_policy",
		    "restart_policy.policy: \"%s\" is not never, always or "
		    "on_failure", policy);
	if (policy != NULL)
		s->restart = (enum spec_restart)i;
	return take_quantities(s, r, restart_quantities,
	    COUNT(restart_quantities), e);
}

/* --- what this version does not have -------------------------------------- */

static bool
is_off(const json_t *v)
{
	const json_t *on;

	if (v == NULL || json_is_null(v))
		return true;
	if (json_is_boolean(v))
		return json_is_false(v);
	if (json_is_array(v))
		return json_array_size(v) == 0;
	if (!json_is_object(v))
		return false;
	on = json_object_get(v, "type");
	if (json_is_string(on))
		return strcmp(json_string_value(on), "none") == 0;
	return json_object_size(v) == 0 ||
	    json_is_false(json_object_get(v, "enabled"));
}

static int
refuse_missing(const json_t *doc, struct err *e)
{
	static const struct { const char *name, *what; } missing[] = {
		{ "credentials", "credential injection" },
		{ "devices", "device passthrough" },
		{ "gpu", "GPUs" },
		{ "snapshot_policy", "policies for snapshots" },
		{ "auto_standby", "automatic standby" },
		{ "health_check", "health checks" },
		{ "skip_guest_agent", "guests without an agent" },
	};

	for (size_t i = 0; i < COUNT(missing); i++)
		if (!is_off(json_object_get(doc, missing[i].name)))
			return err_api(e, ENOTSUP, "not_supported",
			    "%s: this version has no %s", missing[i].name,
			    missing[i].what);
	return 0;
}

static const char *const request_members[] = {
	"name", "image", "platform", "size", "hotplug_size", "overlay_size",
	"disk_io_bps", "vcpus", "env", "credentials", "tags", "network",
	"devices", "gpu", "volumes", "hypervisor", "snapshot_policy",
	"auto_standby", "health_check", "restart_policy",
	"skip_kernel_headers", "skip_guest_agent", "entrypoint", "cmd",
	"ports", "shares", "interfaces", "user", "working_dir", "hostname",
	"tty", "auto_remove", "stop_signal", "stop_timeout", "disks",
	"kernel", "initramfs", "cmdline", "template", "cdrom", "boot_device",
	"firmware", "netboot", NULL,
};

/* --- the whole ------------------------------------------------------------ */

static int
take_names(struct spec *s, const json_t *doc, struct err *e)
{
	if (spec_take_text(&s->name, doc, "name", 256, e) == -1 ||
	    spec_take_text(&s->template, doc, "template", SPEC_NAME_MAX,
	    e) == -1 ||
	    spec_take_text(&s->image, doc, "image", SPEC_IMAGE_MAX, e) == -1 ||
	    spec_take_text(&s->platform, doc, "platform", SPEC_PLATFORM_MAX,
	    e) == -1 ||
	    spec_take_text(&s->hostname, doc, "hostname", 256, e) == -1)
		return -1;
	if (s->name == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "name: is missing");
	if (!spec_name_ok(s->name))
		return err_api(e, EINVAL, "invalid_request", "name: \"%.64s\" "
		    "must be 1 to %d of a-z, 0-9 and -, and begin and end "
		    "with a letter or digit", s->name, SPEC_NAME_MAX);
	if (s->platform != NULL && spec_platform(s->platform, e) == -1)
		return -1;
	if (s->hostname != NULL && (strlen(s->hostname) > 64 ||
	    strspn(s->hostname, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != strlen(s->hostname)))
		return err_api(e, EINVAL, "invalid_request", "hostname: "
		    "\"%.64s\" must be at most 64 letters, digits, . and -",
		    s->hostname);
	return 0;
}

static int
take_hypervisor(struct spec *s, const json_t *doc, struct err *e)
{
	static const char *const known[] = {
		"cloud-hypervisor", "firecracker", "qemu", "qemu-microvm",
		"vz", "vmm", "null",
	};

	if (spec_take_text(&s->hypervisor, doc, "hypervisor", 32, e) == -1)
		return -1;
	if (s->hypervisor != NULL && strcmp(s->hypervisor, "auto") == 0) {
		free(s->hypervisor);
		s->hypervisor = NULL;
	}
	if (s->hypervisor == NULL)
		return 0;
	for (size_t i = 0; i < COUNT(known); i++)
		if (strcmp(s->hypervisor, known[i]) == 0)
			return 0;
	return err_api(e, EINVAL, "invalid_request", "hypervisor: \"%s\" is "
	    "not known; GET /capabilities lists what there is",
	    s->hypervisor);
}

static int
take_process(struct spec *s, const json_t *doc, struct err *e)
{
	bool ignored;

	if (json_get_bool(&s->tty, doc, "tty", e) == -1 ||
	    json_get_bool(&s->auto_remove, doc, "auto_remove", e) == -1 ||
	    json_get_bool(&ignored, doc, "skip_kernel_headers", e) == -1 ||
	    spec_take_text(&s->user, doc, "user", 256, e) == -1 ||
	    spec_take_text(&s->stop_signal, doc, "stop_signal", 16,
	    e) == -1 ||
	    spec_take_text(&s->working_dir, doc, "working_dir",
	    SPEC_PATH_MAX, e) == -1)
		return -1;
	if (s->working_dir != NULL && s->working_dir[0] != '/')
		return err_api(e, EINVAL, "invalid_request",
		    "working_dir: \"%s\" does not begin with /",
		    s->working_dir);
	if (take_words(&s->entrypoint, doc, "entrypoint", e) == -1 ||
	    take_words(&s->cmd, doc, "cmd", e) == -1 ||
	    take_env(&s->env, doc, e) == -1)
		return -1;
	return 0;
}

static void
defaults(struct spec *s)
{
	memset(s, 0, sizeof(*s));
	s->memory = 1ULL << 30;
	s->overlay = 10ULL << 30;
	s->vcpus = 2;
	s->network = true;
	s->stop_timeout = 10 * 1000;
	s->backoff = 5 * 1000;
	s->stable_after = 10 * 60 * 1000;
}

static int
take_all(struct spec *s, const json_t *doc, struct err *e)
{
	uint64_t vcpus = s->vcpus;

	if (json_only(doc, request_members, e) == -1 ||
	    refuse_missing(doc, e) == -1 ||
	    take_names(s, doc, e) == -1 ||
	    take_hypervisor(s, doc, e) == -1 ||
	    take_quantities(s, doc, quantities, COUNT(quantities), e) == -1 ||
	    json_get_u64(&vcpus, doc, "vcpus", 0, SPEC_VCPUS_MAX, e) == -1 ||
	    take_network(s, doc, e) == -1 ||
	    spec_take_ifs(s, doc, e) == -1 ||
	    take_restart(s, doc, e) == -1 ||
	    take_process(s, doc, e) == -1 ||
	    spec_take_ports(s, doc, e) == -1 ||
	    spec_take_volumes(s, doc, e) == -1 ||
	    spec_take_shares(s, doc, e) == -1 ||
	    spec_take_files(s, doc, e) == -1 ||
	    spec_tags(&s->tags, doc, e) == -1)
		return -1;
	/* Clients that do not care send 0. */
	s->vcpus = vcpus == 0 ? 2 : (unsigned)vcpus;
	/* The guest is handed whole megabytes. */
	s->memory = s->memory >> 20 << 20;
	s->overlay = s->overlay >> 12 << 12;
	if (s->auto_remove && s->restart != RESTART_NEVER)
		return err_api(e, EINVAL, "invalid_restart_policy",
		    "auto_remove and a restart policy exclude each other");
	if (s->nports > 0 && !s->network && spec_ports_if(s) == NULL)
		return err_api(e, EINVAL, "invalid_request", "ports: "
		    "network.enabled is false, and no interface is local");
	return 0;
}

int
spec_parse(struct spec *ret, const json_t *doc, struct err *e)
{
	struct spec s;

	defaults(&s);
	if (take_all(&s, doc, e) == -1) {
		spec_fini(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

int
spec_update(struct spec *s, const json_t *doc, struct err *e)
{
	static const char *const known[] = {
		"env", "restart_policy", "auto_standby", "health_check",
		"tags", NULL,
	};
	struct spec new = *s;
	json_t *env = NULL, *tags = NULL;

	if (json_only(doc, known, e) == -1 || refuse_missing(doc, e) == -1 ||
	    take_restart(&new, doc, e) == -1)
		return -1;
	if (s->auto_remove && new.restart != RESTART_NEVER)
		return err_api(e, EINVAL, "invalid_restart_policy",
		    "the instance has auto_remove");
	if (take_env(&env, doc, e) == -1 || spec_tags(&tags, doc, e) == -1) {
		json_decref(env);
		return -1;
	}
	if (env != NULL) {
		json_decref(new.env);
		new.env = env;
	}
	if (tags != NULL) {
		json_decref(new.tags);
		new.tags = tags;
	}
	*s = new;
	return 0;
}

void
spec_fini(struct spec *s)
{
	free(s->name);
	free(s->image);
	free(s->template);
	free(s->platform);
	free(s->hypervisor);
	free(s->user);
	free(s->working_dir);
	free(s->stop_signal);
	free(s->hostname);
	free(s->kernel);
	free(s->initramfs);
	free(s->cmdline);
	free(s->firmware);
	free(s->cdrom);
	free(s->netboot);
	for (size_t i = 0; i < s->ndisks; i++)
		free(s->disks[i].path);
	json_decref(s->env);
	json_decref(s->tags);
	json_decref(s->entrypoint);
	json_decref(s->cmd);
	free(s->ports);
	for (size_t i = 0; i < s->nvolumes; i++) {
		free(s->volumes[i].id);
		free(s->volumes[i].path);
	}
	free(s->volumes);
	for (size_t i = 0; i < s->nshares; i++) {
		free(s->shares[i].host);
		free(s->shares[i].path);
	}
	free(s->shares);
	memset(s, 0, sizeof(*s));
}
