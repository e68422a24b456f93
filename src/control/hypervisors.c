/* SPDX-License-Identifier: ISC */
/* hypervisors.c - what can run guests here; see hypervisors.h */

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "control/control.h"
#include "control/hypervisors.h"
#include "control/jobs.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"

#define PROBE_S		15	/* seconds for all of them to answer */
#define PROBE_TRIES	3	/* of one that is not sure */

#define CAN_ALL	(CAN_PAUSE | CAN_RESET | CAN_CONSOLE)

const struct hypervisor hypervisors[] = {
	{ .name = "vmm", .priv = PRIV_HV_VMM, .probed = true,
	    .by_auto = true, .shown = true, .native = true,
	    .can = CAN_ALL | CAN_SNAPSHOT | CAN_VMMCI },
	{ .name = "cloud-hypervisor", .shown = true,
	    .missing = "this version does not start cloud-hypervisor" },
	{ .name = "vz", .priv = PRIV_HV_VZ, .probed = true,
	    .by_auto = true, .shown = true, .native = true, .can = CAN_ALL,
	    .absent = "Virtualization.framework is macOS's" },
	{ .name = "qemu", .priv = PRIV_HV_QEMU, .probed = true,
	    .by_auto = true, .shown = true, .can = CAN_ALL },
	{ .name = "qemu-microvm", .missing = "use qemu: it chooses the board" },
	{ .name = "firecracker",
	    .missing = "firecracker has no vhost-user network" },
	{ .name = "null", .priv = PRIV_HV_NULL,
	    .can = CAN_ALL | CAN_SNAPSHOT },
};
const size_t nhypervisors = COUNT(hypervisors);

/* One that was asked; only 'probed' ones are. */
struct probe {
	struct control	*control;
	struct job	*job;		/* NULL: it has ended */
	unsigned	 tries;
	bool		 done;
	bool		 works;
	json_t		*details;	/* its line, or NULL */
	char		 reason[ERR_TEXT_MAX];
};

struct waiter {
	TAILQ_ENTRY(waiter)	 entry;
	void			(*fn)(void *);
	void			*arg;
};

struct probes {
	struct probe		 of[COUNT(hypervisors)];
	struct event		*timer;
	TAILQ_HEAD(, waiter)	 waiters;
};

const struct hypervisor *
hypervisor_find(const char *name)
{
	for (size_t i = 0; i < COUNT(hypervisors); i++)
		if (strcmp(hypervisors[i].name, name) == 0)
			return &hypervisors[i];
	return NULL;
}

static const struct probe *
probe_of(const struct control *ctl, const struct hypervisor *h)
{
	return ctl->probes == NULL ? NULL :
	    &ctl->probes->of[h - hypervisors];
}

const char *
hypervisor_missing(const struct control *ctl, const struct hypervisor *h)
{
	if (h->missing != NULL)
		return h->missing;
	return (ctl->setup.installed & UINT32_C(1) << h->priv) == 0 ?
	    h->absent : NULL;
}

/* Is it asked whether it works? */
static bool
is_asked(const struct control *ctl, size_t i)
{
	return hypervisors[i].probed &&
	    hypervisor_missing(ctl, &hypervisors[i]) == NULL;
}

/* --- asking --------------------------------------------------------------- */

static bool
all_done(const struct probes *p)
{
	for (size_t i = 0; i < COUNT(hypervisors); i++)
		if (is_asked(p->of[i].control, i) && !p->of[i].done)
			return false;
	return true;
}

static void
tell_waiters(struct probes *p)
{
	struct waiter *w;

	if (!all_done(p))
		return;
	if (p->timer != NULL)
		event_free(p->timer);
	p->timer = NULL;
	while ((w = TAILQ_FIRST(&p->waiters)) != NULL) {
		TAILQ_REMOVE(&p->waiters, w, entry);
		w->fn(w->arg);
		free(w);
	}
}

static void
on_line(void *arg, const char *event, const json_t *line)
{
	struct probe *p = arg;

	if (strcmp(event, "probe") != 0)
		return;
	json_decref(p->details);
	p->details = json_incref((json_t *)(uintptr_t)line);
}

static void ask(struct control *, size_t);

static void
on_done(void *arg, const json_t *last, const struct err *e)
{
	struct probe *p = arg;
	const char *reason = "";

	(void)last;	/* says no more than that it is the last */
	p->job = NULL;
	/* A host that was too busy to tell is asked again. */
	if (e == NULL && p->tries < PROBE_TRIES &&
	    json_is_true(json_object_get(p->details, "again"))) {
		ask(p->control, (size_t)(p - p->control->probes->of));
		return;
	}
	p->done = true;
	p->works = e == NULL;
	if (e != NULL) {
		reason = e->text;
	} else if (json_is_false(json_object_get(p->details, "usable"))) {
		p->works = false;
		(void)json_get_str(&reason, p->details, "reason",
		    ERR_TEXT_MAX, NULL);
	}
	(void)snprintf(p->reason, sizeof(p->reason), "%s", reason);
	tell_waiters(p->control->probes);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct probes *p = arg;
	struct err e;

	(void)fd;
	(void)what;
	(void)err_set(&e, ETIMEDOUT, "it does not say within %d s whether it "
	    "works", PROBE_S);
	for (size_t i = 0; i < COUNT(hypervisors); i++) {
		if (!is_asked(p->of[i].control, i) || p->of[i].done)
			continue;
		log_err(&e, "%s", hypervisors[i].name);
		if (p->of[i].job != NULL)
			job_cancel(p->of[i].job);
		on_done(&p->of[i], NULL, &e);
	}
}

static void
ask(struct control *ctl, size_t i)
{
	static const struct job_ops ops = { .line = on_line, .done = on_done };
	struct probe *p = &ctl->probes->of[i];
	struct priv_job job;
	struct err e;

	p->tries++;
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_PROBE;
	(void)snprintf(job.ref, sizeof(job.ref), "%s", hypervisors[i].name);
	p->job = job_start(ctl, &job, &ops, p, &e);
	if (p->job == NULL)
		on_done(p, NULL, &e);
}

void
hypervisors_probe(struct control *ctl)
{
	static const struct timeval limit = { PROBE_S, 0 };
	struct probes *p = calloc(1, sizeof(*p));

	if (p == NULL)
		fatal("hypervisors");
	TAILQ_INIT(&p->waiters);
	ctl->probes = p;
	for (size_t i = 0; i < COUNT(hypervisors); i++)
		p->of[i].control = ctl;
	p->timer = evtimer_new(ctl->base, on_late, p);
	if (p->timer == NULL || evtimer_add(p->timer, &limit) == -1)
		fatalx("no event loop");
	for (size_t i = 0; i < COUNT(hypervisors); i++)
		if (is_asked(ctl, i))
			ask(ctl, i);
}

void
hypervisors_wait(struct control *ctl, void (*fn)(void *), void *arg)
{
	struct waiter *w;

	if (ctl->probes != NULL && all_done(ctl->probes)) {
		fn(arg);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL || ctl->probes == NULL)
		fatal("hypervisors");
	w->fn = fn;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&ctl->probes->waiters, w, entry);
}

/* --- choosing ------------------------------------------------------------- */

/* Why it is not to be used for that guest; NULL: it is. */
static const char *
why_not(const struct control *ctl, const struct hypervisor *h,
    const char *arch)
{
	const struct probe *p = probe_of(ctl, h);

	if (hypervisor_missing(ctl, h) != NULL)
		return hypervisor_missing(ctl, h);
	if (h->native && strcmp(arch, os_arch()) != 0)
		return "it runs guests of the host's architecture only";
	/* One that has not answered is tried when it is wanted. */
	return h->probed && p != NULL && p->done && !p->works ?
	    p->reason : NULL;
}

/* vmd -o accel=tcg asks for what only QEMU has. */
static bool
auto_skips(const struct control *ctl, const struct hypervisor *h)
{
	return !h->by_auto || hypervisor_missing(ctl, h) != NULL ||
	    (h->native && strcmp(ctl->setup.accel, "tcg") == 0);
}

static const struct hypervisor *
choose_first(const struct control *ctl, const char *arch, struct err *e)
{
	char all[ERR_TEXT_MAX] = "";
	const char *why;
	size_t len;

	for (size_t i = 0; i < COUNT(hypervisors); i++) {
		if (auto_skips(ctl, &hypervisors[i]))
			continue;
		why = why_not(ctl, &hypervisors[i], arch);
		if (why == NULL)
			return &hypervisors[i];
		len = strlen(all);
		(void)snprintf(all + len, sizeof(all) - len, "%s %s: %s",
		    len == 0 ? ":" : ";", hypervisors[i].name, why);
	}
	(void)err_api(e, ENOTSUP, "dependency_missing",
	    "no hypervisor can run it%s", all);
	return NULL;
}

const struct hypervisor *
hypervisor_choose(const struct control *ctl, const char *name,
    const char *arch, struct err *e)
{
	const struct hypervisor *h;
	const char *why;

	if (name == NULL)
		return choose_first(ctl, arch, e);
	h = hypervisor_find(name);
	if (h == NULL) {
		(void)err_api(e, EINVAL, "invalid_request",
		    "hypervisor: \"%s\" is not known", name);
		return NULL;
	}
	why = why_not(ctl, h, arch);
	if (why == NULL)
		return h;
	(void)err_api(e, ENOTSUP, hypervisor_missing(ctl, h) != NULL ?
	    "not_supported" :
	    "dependency_missing", "hypervisor %s: %s", h->name, why);
	return NULL;
}

/* --- what capabilities say ------------------------------------------------ */

json_t *
hypervisor_details(const struct control *ctl, const struct hypervisor *h)
{
	const struct probe *p = probe_of(ctl, h);

	return p == NULL ? NULL : p->details;
}

static const char *
detail(const struct probe *p, const char *name)
{
	const char *s = p == NULL ? NULL :
	    json_string_value(json_object_get(p->details, name));

	return s == NULL ? "" : s;
}

static void
why_usable(char reason[HYPERVISOR_REASON_MAX], const struct control *ctl,
    const struct hypervisor *h)
{
	const struct probe *p = probe_of(ctl, h);
	const char *accel = detail(p, "accel"), *why = detail(p, "reason");
	const char *hint = detail(p, "hint");
	bool chosen = choose_first(ctl, os_arch(), NULL) == h;

	if (h->probed && (p == NULL || !p->done))
		(void)snprintf(reason, HYPERVISOR_REASON_MAX,
		    "it is being asked");
	else
		(void)snprintf(reason, HYPERVISOR_REASON_MAX,
		    "%s%s%s%s%s%s%s", chosen ? "chosen by auto" :
		    "usable when it is named",
		    *accel == '\0' ? "" : ", accelerator ", accel,
		    *why == '\0' ? "" : ": ", why,
		    *hint == '\0' ? "" : "; ", hint);
}

bool
hypervisor_state(char reason[HYPERVISOR_REASON_MAX],
    const struct control *ctl, const struct hypervisor *h)
{
	const char *why = why_not(ctl, h, os_arch());

	if (why == NULL)
		why_usable(reason, ctl, h);
	else
		(void)snprintf(reason, HYPERVISOR_REASON_MAX, "%s", why);
	return why == NULL;
}
