/* SPDX-License-Identifier: ISC */
/* capabilities.c - what this host can run; see capabilities.h */

#include <sys/utsname.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "control/capabilities.h"
#include "control/control.h"
#include "control/hypervisors.h"
#include "lib/util.h"
#include "os/os.h"

static json_t *
features_json(const struct control *ctl, const struct hypervisor *h)
{
	static const struct {
		unsigned	 can;
		const char	*word;
	} words[] = {
		{ CAN_PAUSE, "pause" }, { CAN_RESET, "reset" },
		{ CAN_CONSOLE, "console" }, { CAN_SNAPSHOT, "snapshots" },
		{ CAN_SNAPSHOT, "fork" },
	};
	json_t *list = json_array();

	for (size_t i = 0; i < COUNT(words); i++)
		if ((h->can & words[i].can) != 0 &&
		    hypervisor_missing(ctl, h) == NULL)
			(void)json_array_append_new(list,
			    json_string(words[i].word));
	return list;
}

static json_t *
runtime_json(const struct control *ctl, const struct hypervisor *h)
{
	char reason[HYPERVISOR_REASON_MAX];
	bool available = hypervisor_state(reason, ctl, h);
	json_t *details = hypervisor_details(ctl, h);
	json_t *o;

	o = json_pack("{s:s,s:b,s:o,s:s}", "name", h->name,
	    "available", available, "features", features_json(ctl, h),
	    "reason", reason);
	if (o != NULL && details != NULL)
		(void)json_object_set(o, "probe", details);
	return o;
}

/* The one that an instance gets which names none. */
static json_t *
default_json(const struct control *ctl)
{
	const char *name = ctl->setup.hypervisor;
	const struct hypervisor *h;

	if (strcmp(name, "auto") == 0)
		name = NULL;
	h = hypervisor_choose(ctl, name, os_arch(), NULL);
	if (h != NULL)
		name = h->name;
	return json_pack("{s:s,s:b}", "name", name == NULL ? "qemu" : name,
	    "available", h != NULL);
}

json_t *
capabilities_json(const struct control *ctl)
{
	json_t *runtimes = json_array();
	struct utsname u;
	char os[sizeof(u.sysname)], platform[64];

	for (size_t i = 0; i < nhypervisors; i++)
		if (hypervisors[i].shown)
			(void)json_array_append_new(runtimes,
			    runtime_json(ctl, &hypervisors[i]));
	if (uname(&u) == -1)
		(void)snprintf(u.sysname, sizeof(u.sysname), "unknown");
	(void)snprintf(os, sizeof(os), "%s", u.sysname);
	for (char *c = os; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	(void)snprintf(platform, sizeof(platform), "linux/%s", os_arch());
	return json_pack("{s:{s:s,s:s},s:{s:s,s:s},s:o,s:o,"
	    "s:{s:s,s:b},s:{s:[s,s],s:s},s:[s,s,s,s,s,s]}",
	    "server", "version", VMD_VERSION, "api_version", "0.3.0",
	    "host", "os", os, "arch", os_arch(),
	    "default_runtime", default_json(ctl),
	    "runtimes", runtimes,
	    "network", "model", "nat", "guest_to_guest", 0,
	    "images", "platforms", "linux/amd64", "linux/arm64",
	    "default_platform", platform,
	    "features", "exec", "cp", "console", "volumes", "ports",
	    "restart_policy");
}
