/* SPDX-License-Identifier: ISC */
/* capabilities.c - what this host can run; see capabilities.h */

#include <sys/utsname.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/capabilities.h"
#include "control/control.h"
#include "control/jobs.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/os.h"

/* In the order in which auto tries them. */
struct hypervisor {
	const char	*name;
	bool		 here;		/* this version can start it */
	const char	*reason;	/* why not, when it is not */
	bool		 shown;
};

static const struct hypervisor hypervisors[] = {
	{ "vmm", false, "our own VMM is not part of this version", true },
	{ "cloud-hypervisor", false, "this version does not start "
	    "cloud-hypervisor", true },
	{ "vz", false, "Virtualization.framework is macOS's", true },
	{ "qemu", true, NULL, true },
	{ "qemu-microvm", false, "use qemu: it chooses the board", false },
	{ "firecracker", false, "firecracker has no vhost-user network",
	    false },
	{ "null", true, NULL, false },
};

struct probes {
	struct control	*control;
	bool		 done;
	bool		 works;
	json_t		*details;	/* what vmm-qemu -P said */
	char		 reason[ERR_TEXT_MAX];
};

static const struct hypervisor *
find(const char *name)
{
	for (size_t i = 0; i < COUNT(hypervisors); i++)
		if (strcmp(hypervisors[i].name, name) == 0)
			return &hypervisors[i];
	return NULL;
}

int
hypervisor_check(const struct control *ctl, const char *name, struct err *e)
{
	const struct probes *p = ctl->probes;
	const struct hypervisor *h = find(name == NULL ? "qemu" : name);

	if (h == NULL)
		return err_api(e, EINVAL, "invalid_request",
		    "hypervisor: \"%s\" is not known", name);
	if (!h->here)
		return err_api(e, ENOTSUP, "not_supported",
		    "hypervisor %s: %s", h->name, h->reason);
	if (strcmp(h->name, "qemu") == 0 && p != NULL && p->done && !p->works)
		return err_api(e, ENOTSUP, "dependency_missing",
		    "hypervisor qemu: %s", p->reason);
	return 0;
}

/* --- asking qemu ---------------------------------------------------------- */

static void
on_line(void *arg, const char *event, const json_t *line)
{
	struct probes *p = arg;

	(void)event;
	json_decref(p->details);
	p->details = json_incref((json_t *)(uintptr_t)line);
}

static void
on_done(void *arg, const json_t *last, const struct err *e)
{
	struct probes *p = arg;

	(void)last;	/* says no more than that it is the last */
	p->done = true;
	/* One that could not be asked is tried when it is wanted. */
	p->works = e == NULL || (e->code != NULL &&
	    strcmp(e->code, "job_failed") == 0);
	if (e != NULL)
		(void)snprintf(p->reason, sizeof(p->reason), "%s", e->text);
}

void
capabilities_probe(struct control *ctl)
{
	static const struct job_ops ops = { .line = on_line, .done = on_done };
	struct priv_job job;
	struct err e;

	ctl->probes = calloc(1, sizeof(*ctl->probes));
	if (ctl->probes == NULL)
		return;
	ctl->probes->control = ctl;
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_PROBE;
	(void)snprintf(job.ref, sizeof(job.ref), "qemu");
	if (job_start(ctl, &job, &ops, ctl->probes, &e) == NULL)
		on_done(ctl->probes, NULL, &e);
}

/* --- the answer ----------------------------------------------------------- */

#define REASON_MAX	512	/* bytes; what is longer is cut */

/* Why qemu is chosen or not, and with which accelerator it would run. */
static void
qemu_reason(char *to, size_t size, const struct probes *p)
{
	const char *accel, *why;

	if (p != NULL && p->done && !p->works) {
		(void)snprintf(to, size, "%s", p->reason);
		return;
	}
	accel = p == NULL ? NULL :
	    json_string_value(json_object_get(p->details, "accel"));
	why = p == NULL ? NULL :
	    json_string_value(json_object_get(p->details, "reason"));
	(void)snprintf(to, size, "chosen by auto%s%s%s%s",
	    accel == NULL ? "" : ", accelerator ", accel == NULL ? "" : accel,
	    why == NULL || why[0] == '\0' ? "" : ": ",
	    why == NULL ? "" : why);
}

static json_t *
runtime_json(const struct control *ctl, const struct hypervisor *h)
{
	const struct probes *p = ctl->probes;
	bool qemu = strcmp(h->name, "qemu") == 0;
	bool available = h->here && (!qemu || p == NULL || !p->done ||
	    p->works);
	char reason[REASON_MAX];
	json_t *o;

	if (qemu)
		qemu_reason(reason, sizeof(reason), p);
	else
		(void)snprintf(reason, sizeof(reason), "%s",
		    h->reason == NULL ? "" : h->reason);
	o = json_pack("{s:s,s:b,s:[],s:s}", "name", h->name,
	    "available", available, "features", "reason", reason);
	if (qemu && o != NULL && available) {
		json_t *f = json_object_get(o, "features");

		(void)json_array_append_new(f, json_string("pause"));
		(void)json_array_append_new(f, json_string("reset"));
		(void)json_array_append_new(f, json_string("console"));
	}
	if (qemu && o != NULL && p != NULL && p->details != NULL)
		(void)json_object_set(o, "probe", p->details);
	return o;
}

json_t *
capabilities_json(const struct control *ctl)
{
	const struct probes *p = ctl->probes;
	json_t *runtimes = json_array();
	struct utsname u;
	char os[sizeof(u.sysname)], platform[64];

	for (size_t i = 0; i < COUNT(hypervisors); i++)
		if (hypervisors[i].shown)
			(void)json_array_append_new(runtimes,
			    runtime_json(ctl, &hypervisors[i]));
	if (uname(&u) == -1)
		(void)snprintf(u.sysname, sizeof(u.sysname), "unknown");
	(void)snprintf(os, sizeof(os), "%s", u.sysname);
	for (char *c = os; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	(void)snprintf(platform, sizeof(platform), "linux/%s", os_arch());
	return json_pack("{s:{s:s,s:s},s:{s:s,s:s},s:{s:s,s:b},s:o,"
	    "s:{s:s,s:b},s:{s:[s,s],s:s},s:[s,s,s,s,s,s]}",
	    "server", "version", VMD_VERSION, "api_version", "0.3.0",
	    "host", "os", os, "arch", os_arch(),
	    "default_runtime", "name", "qemu", "available",
	    p == NULL || !p->done || p->works,
	    "runtimes", runtimes,
	    "network", "model", "nat", "guest_to_guest", 0,
	    "images", "platforms", "linux/amd64", "linux/arm64",
	    "default_platform", platform,
	    "features", "exec", "cp", "console", "volumes", "ports",
	    "restart_policy");
}
