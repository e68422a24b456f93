/* SPDX-License-Identifier: ISC */
/* instance.c - instances of a VM of vm.conf; see instance.h */

#include <errno.h>
#include <string.h>

#include "control/config_private.h"
#include "control/control.h"
#include "control/instance.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/util.h"

/* A member of a request, and the flag that lets others say it. */
static const struct { const char *member, *flag, *word; } said[] = {
	{ "boot_device", "boot", "boot image" },
	{ "cdrom", "cdrom", "cdrom" },
	{ "cmdline", "boot", "boot image" },
	{ "disks", "disk", "disks" },
	{ "firmware", "boot", "boot image" },
	{ "initramfs", "boot", "boot image" },
	{ "interfaces", "interface", "interfaces" },
	{ "kernel", "boot", "boot image" },
	{ "netboot", "boot", "boot image" },
	{ "network", "interface", "interfaces" },
	{ "ports", "interface", "interfaces" },
	{ "size", "memory", "memory" },
	/* No flag. */
	{ "vcpus", NULL, "cpus" },
};

static bool
has_flag(const json_t *allow, const char *flag)
{
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(allow, "flags"), i, v)
		if (flag != NULL && json_is_string(v) &&
		    strcmp(json_string_value(v), flag) == 0)
			return true;
	return false;
}

static bool
may_make(const struct caller *c, const json_t *allow)
{
	const json_t *uid = json_object_get(allow, "owner");
	const json_t *gid = json_object_get(allow, "group");

	if (json_is_integer(uid) &&
	    (uid_t)json_integer_value(uid) == c->uid)
		return true;
	return json_is_integer(gid) &&
	    auth_in_group(c, (gid_t)json_integer_value(gid));
}

/* May he say this of his instance? */
static int
check_member(const json_t *allow, const char *member, struct err *e)
{
	static const char *const free_ones[] = { "auto_remove", "name",
	    "tags", "template" };

	for (size_t i = 0; i < COUNT(free_ones); i++)
		if (strcmp(free_ones[i], member) == 0)
			return 0;
	for (size_t i = 0; i < COUNT(said); i++) {
		if (strcmp(said[i].member, member) != 0)
			continue;
		return has_flag(allow, said[i].flag) ? 0 : err_api(e, EPERM,
		    "forbidden", "no permission to set %s", said[i].word);
	}
	return err_api(e, EPERM, "forbidden", "no permission to set %.64s",
	    member);
}

static int
check_caller(const struct caller *c, const struct config_row *r,
    const json_t *doc, struct err *e)
{
	const json_t *allow = json_object_get(r->doc, "allow");
	const char *member;
	json_t *v;

	if (c->all)
		return 0;
	if (!may_make(c, allow))
		return err_api(e, EPERM, "forbidden", "no permission to make "
		    "an instance of %s", r->name);
	json_object_foreach((json_t *)(uintptr_t)doc, member, v)
		if (check_member(allow, member, e) == -1)
			return -1;
	return 0;
}

/* A disk has one VM. */
static int
check_disks(const json_t *of, const json_t *doc, struct err *e)
{
	const json_t *theirs = json_object_get(of, "disks");
	const json_t *ours = json_object_get(doc, "disks");
	json_t *a, *b;
	size_t i, k;

	json_array_foreach(ours, i, a)
		json_array_foreach(theirs, k, b)
			if (json_equal(json_object_get(a, "path"),
			    json_object_get(b, "path")))
				return err_api(e, EBUSY, "bad_request",
				    "disk %.200s cannot be reused",
				    json_string_value(json_object_get(a,
				    "path")));
	return 0;
}

/* The template's, without what is its own. */
static json_t *
inherited(const json_t *request)
{
	static const char *const own[] = { "disks", "hostname", "ports",
	    "restart_policy", "shares", "volumes" };
	json_t *o = json_deep_copy(request), *v;
	size_t i;

	for (i = 0; i < COUNT(own); i++)
		(void)json_object_del(o, own[i]);
	json_array_foreach(json_object_get(o, "interfaces"), i, v) {
		(void)json_object_del(v, "name");
		(void)json_object_del(v, "lladdr");
	}
	return o;
}

int
instance_request(json_t **ret, const struct control *ctl,
    const struct caller *c, const json_t *doc, struct err *e)
{
	const char *name = NULL;
	const struct config_row *r;
	const json_t *request;
	own_json json_t *o = NULL;

	if (json_get_str(&name, doc, "template", SPEC_NAME_MAX, e) == -1)
		return -1;
	r = name == NULL ? NULL : config_row(ctl->config, name);
	if (r == NULL)
		return err_api(e, ENOENT, "not_found", "invalid template: "
		    "vm.conf has no vm \"%.64s\"", name == NULL ? "" : name);
	request = json_object_get(r->doc, "request");
	if (check_caller(c, r, doc, e) == -1 ||
	    check_disks(request, doc, e) == -1)
		return -1;
	if (json_object_get(r->doc, "loaded") != NULL &&
	    json_object_get(request, "kernel") != NULL)
		return err_api(e, ENOTSUP, "not_supported", "invalid "
		    "template: %s was loaded, and its kernel is known for it "
		    "only", r->name);
	o = inherited(request);
	if (o == NULL || json_object_update(o,
	    (json_t *)(uintptr_t)doc) == -1)
		return err_set(e, ENOMEM, "out of memory");
	*ret = take(&o);
	return 0;
}
