/* SPDX-License-Identifier: ISC */
/* vm.c - VMs as the API describes them; see vm.h */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmctl/api.h"
#include "vmctl/vm.h"

#define NAME_LEN_MAX	63	/* bytes of what names a VM */
#define NAMES_MAX	1000	/* names looked through for the nearest */
#define WAIT_MS	300000U	/* of one request, the daemon's maximum */

const char *
js_str(const json_t *v, const char *name)
{
	const char *s = json_string_value(json_object_get(v, name));

	return s != NULL ? s : "";
}

int64_t
js_int(const json_t *v, const char *name)
{
	return json_integer_value(json_object_get(v, name));
}

bool
js_bool(const json_t *v, const char *name)
{
	return json_is_true(json_object_get(v, name));
}

int
vm_list(json_t **ret, struct ctx *ctx, struct err *e)
{
	struct api *api = ctx_api(ctx, e);
	json_t *list;

	if (api == NULL || api_get(api, "/instances", &list, e) == -1)
		return -1;
	if (!json_is_array(list)) {
		json_decref(list);
		return err_set(e, EPROTO, "the daemon's answer is no list");
	}
	*ret = list;
	return 0;
}

/* A VM whose number in the status table this is; one reference more. */
static json_t *
by_number(const json_t *list, const char *arg)
{
	char text[24];
	size_t i;
	json_t *vm;

	json_array_foreach(list, i, vm) {
		(void)snprintf(text, sizeof(text), "%lld",
		    (long long)js_int(vm, "number"));
		if (strcmp(text, arg) == 0)
			return json_incref(vm);
	}
	return NULL;
}

/* "no VM is called X", with the name that was meant where one is near. */
static int
no_such_vm(const json_t *list, const char *arg, struct err *e)
{
	const char *names[NAMES_MAX], *near;
	size_t n = 0, i;
	json_t *vm;

	json_array_foreach(list, i, vm)
		if (n < NAMES_MAX)
			names[n++] = js_str(vm, "name");
	near = opt_nearest(arg, names, n);
	if (near != NULL)
		return err_set(e, ENOENT,
		    "no VM is called %s; did you mean %s?", arg, near);
	return err_set(e, ENOENT, "no VM is called %s", arg);
}

/* What OpenBSD's vmctl takes for a name, an id or a number. */
static int
check_name(const char *arg, struct err *e)
{
	if (arg[0] == '\0')
		return err_set(e, EINVAL, "the name of a VM is empty");
	if (strlen(arg) > NAME_LEN_MAX)
		return err_set(e, ENAMETOOLONG, "name too long");
	if (strchr("-._", arg[0]) != NULL)
		return err_set(e, EINVAL, "invalid VM name");
	for (; *arg != '\0'; arg++)
		if (!isalnum((unsigned char)*arg) &&
		    strchr("-._", *arg) == NULL)
			return err_set(e, EINVAL, "invalid VM name");
	return 0;
}

int
vm_find(json_t **ret, struct ctx *ctx, const char *arg, struct err *e)
{
	struct api *api = ctx_api(ctx, e);
	own_mem char *path = api_path("/instances/%", arg);
	own_json json_t *vm = NULL, *list = NULL;

	if (api == NULL || check_name(arg, e) == -1)
		return -1;
	if (api_get(api, path, &vm, e) == -1) {
		if (!api_is_missing(e))
			return -1;
		if (vm_list(&list, ctx, e) == -1)
			return -1;
		vm = by_number(list, arg);
		if (vm == NULL)
			return no_such_vm(list, arg, e);
	}
	if (js_str(vm, "id")[0] == '\0')
		return err_set(e, EPROTO, "the daemon's answer is no VM");
	*ret = take(&vm);
	return 0;
}

int
vm_find_whole(json_t **ret, struct ctx *ctx, const char *arg, struct err *e)
{
	own_json json_t *list = NULL;
	json_t *vm;
	size_t i;

	if (check_name(arg, e) == -1 || vm_list(&list, ctx, e) == -1)
		return -1;
	json_array_foreach(list, i, vm) {
		if (strcmp(js_str(vm, "name"), arg) != 0 &&
		    strcmp(js_str(vm, "id"), arg) != 0)
			continue;
		*ret = json_incref(vm);
		return 0;
	}
	vm = by_number(list, arg);
	if (vm == NULL)
		return no_such_vm(list, arg, e);
	*ret = vm;
	return 0;
}

int
vm_post(json_t **ret, struct ctx *ctx, const char *id, const char *verb,
    const json_t *body, struct err *e)
{
	struct api *api = ctx_api(ctx, e);
	own_mem char *base = api_path("/instances/%/", id);
	own_mem char *path = NULL;

	if (api == NULL)
		return -1;
	if (asprintf(&path, "%s%s", base, verb) == -1) {
		path = NULL;
		return err_sys(e, "request");
	}
	return api_call(api, "POST", path, body, ret, e);
}

bool
vm_state_is(const json_t *vm, const char *state)
{
	return strcmp(js_str(vm, "state"), state) == 0;
}

bool
vm_is_running(const json_t *vm)
{
	return vm_state_is(vm, "Running") || vm_state_is(vm, "Initializing") ||
	    vm_state_is(vm, "Paused") || vm_state_is(vm, "Created") ||
	    vm_state_is(vm, "Shutdown") || vm_state_is(vm, "Unknown");
}

bool
vm_has_ended(const json_t *vm)
{
	return vm_state_is(vm, "Stopped") || vm_state_is(vm, "Standby");
}

int
vm_wait(json_t **ret, struct ctx *ctx, const char *id,
    const struct vm_goal *goal, struct err *e)
{
	struct api *api = ctx_api(ctx, e);
	own_mem char *base = api_path("/instances/%", id);
	uint64_t begin = os_now_ms(), passed = 0, ms = WAIT_MS;
	json_t *vm;

	if (api == NULL)
		return -1;
	for (;;) {
		own_mem char *path = NULL;

		if (goal->timeout_ms > 0)
			ms = MIN(goal->timeout_ms - passed, WAIT_MS);
		if (asprintf(&path, "%s/wait?state=%s&timeout=%llums", base,
		    goal->state, (unsigned long long)ms) == -1) {
			path = NULL;
			return err_sys(e, "request");
		}
		if (api_get(api, path, NULL, e) == -1 ||
		    api_get(api, base, &vm, e) == -1)
			return -1;
		if (vm_state_is(vm, goal->state) || vm_has_ended(vm))
			break;
		json_decref(vm);
		passed = os_now_ms() - begin;
		if (goal->timeout_ms > 0 && passed >= goal->timeout_ms)
			return err_set(e, ETIMEDOUT, "not %s in time",
			    goal->state);
	}
	*ret = vm;
	return 0;
}

const char *
vm_state_word(const json_t *vm)
{
	static const struct {
		const char *api, *word;
	} words[] = {
		{ "Paused", "paused" }, { "Created", "waiting" },
		{ "Shutdown", "stopping" }, { "Running", "running" },
		{ "Initializing", "running" }, { "Stopped", "stopped" },
		{ "Standby", "standby" }, { "Unknown", "silent" },
	};

	if (js_bool(vm, "waiting"))
		return "waiting";	/* for its turn to be started */
	for (size_t i = 0; i < COUNT(words); i++)
		if (vm_state_is(vm, words[i].api))
			return words[i].word;
	return "unknown";
}

void
js_print_lines(const json_t *array)
{
	size_t i;
	json_t *v;

	json_array_foreach(array, i, v) {
		(void)json_dumpf(v, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
		(void)putchar('\n');
	}
}

void
js_print_list(const json_t *array)
{
	(void)json_dumpf(array, stdout, JSON_INDENT(4));
	(void)putchar('\n');
}

char *
fmt_scaled(char *buf, size_t len, uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	uint64_t whole = bytes, rest = 0;
	unsigned tenths, unit = 0;

	while (whole >= 1024) {
		rest = whole % 1024;
		whole /= 1024;
		unit++;
	}
	tenths = (unsigned)((rest * 10 + 512) / 1024);
	if (tenths == 10) {
		whole++;
		tenths = 0;
	}
	if (unit == 0)
		(void)snprintf(buf, len, "%uB", (unsigned)whole);
	else if (whole >= 100)
		(void)snprintf(buf, len, "%u%c",
		    (unsigned)whole + (tenths >= 5), units[unit]);
	else
		(void)snprintf(buf, len, "%u.%u%c", (unsigned)whole, tenths,
		    units[unit]);
	return buf;
}

char *
fmt_ago(char *buf, size_t len, const char *rfc3339)
{
	static const struct {
		const char *word;
		long long seconds;
	} units[] = {
		{ "year", 365 * 86400 }, { "month", 30 * 86400 },
		{ "week", 7 * 86400 }, { "day", 86400 }, { "hour", 3600 },
		{ "minute", 60 }, { "second", 1 },
	};
	struct tm tm = { 0 };
	long long ago, n;

	(void)snprintf(buf, len, "-");
	if (strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return buf;
	ago = MAX((long long)(time(NULL) - timegm(&tm)), 0LL);
	for (size_t i = 0; i < COUNT(units); i++) {
		n = ago / units[i].seconds;
		if (n == 0 && i + 1 < COUNT(units))
			continue;
		(void)snprintf(buf, len, "%lld %s%s ago", n, units[i].word,
		    n == 1 ? "" : "s");
		break;
	}
	return buf;
}
