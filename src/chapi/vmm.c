/* SPDX-License-Identifier: ISC */
/* vmm.c - what every VMM of ours does alike; see vmm.h */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "chapi/server.h"
#include "chapi/vm_config.h"
#include "chapi/vmm.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/util.h"

#define REPORT_FD	3
#define API		"/api/v1/"

struct lifeline {
	struct vmm	*vmm;
	struct event	*event;
	int		 fd;
	char		 name[VM_ID_MAX + 1];
};

struct vmm {
	struct event_base		*base;
	const struct vmm_backend	*backend;
	void				*arg;
	int				 dirfd;
	struct chapi_server		*server;
	enum vmm_state			 state;
	bool				 ended;
	struct vm_config		 config;	/* not VMM_EMPTY */
	const struct action		*action;	/* begun, or NULL */
	struct chapi_request		*request;	/* waits for action */
	struct lifeline			 lifelines[VMM_LIFELINES_MAX];
	size_t				 nlifelines;
	struct event			*signals[2];
};

#define IN(state)	(1U << (state))
#define IN_BOOTED	(IN(VMM_RUNNING) | IN(VMM_PAUSED))

/* Calls a back-end carries out: where they are allowed, where they lead. */
static const struct action {
	const char	*path;
	enum vmm_action	 what;
	unsigned	 allowed;	/* IN() of states */
	enum vmm_state	 after;
	const char	*refusal;	/* in another state */
} actions[] = {
	{ "vm.boot", VMM_BOOT, IN(VMM_CREATED) | IN(VMM_SHUTDOWN),
	    VMM_RUNNING, "VM is booted already" },
	{ "vm.pause", VMM_PAUSE, IN(VMM_RUNNING),
	    VMM_PAUSED, "VM is not running" },
	{ "vm.resume", VMM_RESUME, IN(VMM_PAUSED),
	    VMM_RUNNING, "VM is not paused" },
	{ "vm.shutdown", VMM_SHUTDOWN_NOW, IN_BOOTED,
	    VMM_SHUTDOWN, "VM is not booted" },
	{ "vm.reboot", VMM_REBOOT, IN_BOOTED,
	    VMM_RUNNING, "VM is not booted" },
	{ "vm.power-button", VMM_POWER_BUTTON, IN(VMM_RUNNING),
	    VMM_RUNNING, "VM is not running" },
	{ "vm.delete", VMM_SHUTDOWN_NOW, IN_BOOTED,
	    VMM_EMPTY, "VM is not booted" },
};

static void
refuse(struct chapi_request *r, int status, const char *text)
{
	struct err e;

	(void)err_set(&e, EINVAL, "%s", text);
	chapi_refuse(r, status, &e);
}

/* Calls of 'actions': begin it, or refuse. */
static void
handle_action(struct chapi_request *r, void *arg)
{
	const struct action *a = actions;
	struct vmm *v = arg;

	while (strcmp(a->path, chapi_request_path(r) + strlen(API)) != 0)
		a++;
	if (v->state == VMM_EMPTY) {
		refuse(r, 404, "VM is not created");
	} else if (v->action != NULL) {
		refuse(r, 429, "another call is in progress");
	} else if ((a->allowed & IN(v->state)) == 0) {
		refuse(r, 405, a->refusal);
	} else {
		v->action = a;
		v->request = r;
		v->backend->act[a->what](v->arg);
	}
}

static void
set_empty(struct vmm *v)
{
	vm_config_fini(&v->config);
	v->state = VMM_EMPTY;
}

/* A config the back-end can run; the caller owns *ret. */
static int
take_config(struct vm_config *ret, const struct vmm *v, json_t *doc,
    struct err *e)
{
	struct vm_config c;

	if (vm_config_parse(&c, doc, e) == -1)
		return -1;
	if (v->backend->check != NULL && v->backend->check(&c, e) == -1) {
		vm_config_fini(&c);
		return -1;
	}
	*ret = c;
	return 0;
}

static void
handle_create(struct chapi_request *r, void *arg)
{
	own_json json_t *doc = NULL;
	struct vmm *v = arg;
	struct err e;

	if (v->state != VMM_EMPTY) {
		refuse(r, 405, "VM is created already");
	} else if (chapi_request_json(&doc, r, &e) == -1 ||
	    take_config(&v->config, v, doc, &e) == -1) {
		chapi_refuse(r, 400, &e);
	} else {
		v->state = VMM_CREATED;
		chapi_reply(r, NULL);
	}
}

static void
handle_delete(struct chapi_request *r, void *arg)
{
	struct vmm *v = arg;

	if (v->action != NULL || (IN_BOOTED & IN(v->state)) != 0 ||
	    v->state == VMM_EMPTY) {
		handle_action(r, arg);
		return;
	}
	set_empty(v);
	chapi_reply(r, NULL);
}

static void
handle_info(struct chapi_request *r, void *arg)
{
	static const char *const names[] = {
		[VMM_EMPTY] = "", [VMM_CREATED] = "Created",
		[VMM_RUNNING] = "Running", [VMM_PAUSED] = "Paused",
		[VMM_SHUTDOWN] = "Shutdown",
	};
	struct vmm *v = arg;
	json_t *body;

	if (v->state == VMM_EMPTY) {
		refuse(r, 404, "VM is not created");
		return;
	}
	body = json_pack("{s:o, s:s, s:I, s:o}",
	    "config", vm_config_json(&v->config), "state", names[v->state],
	    "memory_actual_size", (json_int_t)v->config.memory.size,
	    "vmd", v->backend->info(v->arg));
	if (body == NULL)
		refuse(r, 500, "out of memory");
	else
		chapi_reply(r, body);
}

static void
handle_counters(struct chapi_request *r, void *arg)
{
	struct vmm *v = arg;
	json_t *body;

	if (v->state == VMM_EMPTY)
		refuse(r, 404, "VM is not created");
	else if ((IN_BOOTED & IN(v->state)) == 0)
		refuse(r, 405, "VM is not booted");
	else if ((body = v->backend->counters(v->arg)) == NULL)
		refuse(r, 500, "out of memory");
	else
		chapi_reply(r, body);
}

static void
handle_ping(struct chapi_request *r, void *arg)
{
	const struct vmm *v = arg;

	chapi_reply(r, json_pack("{s:s, s:s, s:i, s:[s]}",
	    "build_version", "vmd " VMD_VERSION, "version", VMD_VERSION,
	    "pid", (int)getpid(), "features", v->backend->name));
}

static void
handle_vmm_shutdown(struct chapi_request *r, void *arg)
{
	chapi_reply(r, NULL);
	vmm_end(arg, VM_EXIT_SHUT_DOWN, "shut down by request");
}

static const struct chapi_route routes[] = {
	{ "GET", API "vmm.ping", handle_ping },
	{ "PUT", API "vmm.shutdown", handle_vmm_shutdown },
	{ "GET", API "vm.info", handle_info },
	{ "GET", API "vm.counters", handle_counters },
	{ "PUT", API "vm.create", handle_create },
	{ "PUT", API "vm.delete", handle_delete },
	{ "PUT", API "vm.boot", handle_action },
	{ "PUT", API "vm.pause", handle_action },
	{ "PUT", API "vm.resume", handle_action },
	{ "PUT", API "vm.shutdown", handle_action },
	{ "PUT", API "vm.reboot", handle_action },
	{ "PUT", API "vm.power-button", handle_action },
	{ NULL, NULL, NULL },
};

void
vmm_done(struct vmm *v, const struct err *e)
{
	const struct action *a = v->action;
	struct chapi_request *r = v->request;

	/* vmm_end() has answered already. */
	if (a == NULL)
		return;
	v->action = NULL;
	v->request = NULL;
	if (e != NULL) {
		log_warnx("%s: %s", a->path, e->text);
		chapi_refuse(r, 500, e);
		return;
	}
	if (a->after == VMM_EMPTY)
		set_empty(v);
	v->state = a->after;
	chapi_reply(r, NULL);
}

void
vmm_paused(struct vmm *v, bool paused)
{
	if (v->action == NULL && (IN_BOOTED & IN(v->state)) != 0)
		v->state = paused ? VMM_PAUSED : VMM_RUNNING;
}

const struct vm_config *
vmm_config(const struct vmm *v)
{
	return &v->config;
}

void
vmm_end(struct vmm *v, enum vm_exit_code code, const char *fmt, ...)
{
	struct vm_exit x = { .code = code };
	struct err e;
	va_list ap;

	if (v->ended)
		return;
	v->ended = true;
	va_start(ap, fmt);
	(void)vsnprintf(x.reason, sizeof(x.reason), fmt, ap);
	va_end(ap);
	v->backend->kill(v->arg);
	log_info("%s: %s", vm_exit_word(code), x.reason);
	if (vm_exit_write(v->dirfd, &x, &e) == -1)
		log_err(&e, "cannot leave the reason");
	if (v->action != NULL) {
		(void)err_set(&e, EIO, "%s", x.reason);
		vmm_done(v, &e);
	}
	(void)event_base_loopbreak(v->base);
}

/* A device's end of its lifeline: it says nothing, so this is its death. */
static void
lifeline_event(evutil_socket_t fd, short what, void *arg)
{
	struct lifeline *l = arg;
	char junk[64];
	ssize_t n = read(fd, junk, sizeof(junk));

	(void)what;
	if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
		return;
	vmm_end(l->vmm, VM_EXIT_DEVICE_DIED, "%s: viod ended", l->name);
}

/* "NAME=FD" */
static int
lifeline_add(struct vmm *v, const char *spec, struct err *e)
{
	const char *eq = strchr(spec, '=');
	struct lifeline *l = &v->lifelines[v->nlifelines];
	uint64_t fd;

	if (eq == NULL || eq == spec || eq - spec > VM_ID_MAX)
		return err_set(e, EINVAL, "-L %s: not NAME=FD", spec);
	if (num_parse(&fd, eq + 1, REPORT_FD + 1, INT_MAX, e) == -1)
		return err_prefix(e, "-L");
	memcpy(l->name, spec, (size_t)(eq - spec));
	l->vmm = v;
	l->fd = (int)fd;
	if (fd_nonblock(l->fd, 1) == -1 || fd_cloexec(l->fd, 1) == -1)
		return err_sys(e, "-L %s", spec);
	l->event = event_new(v->base, l->fd, EV_READ | EV_PERSIST,
	    lifeline_event, l);
	if (l->event == NULL || event_add(l->event, NULL) == -1)
		return err_set(e, ENOMEM, "-L %s", spec);
	v->nlifelines++;
	return 0;
}

static void
signal_event(evutil_socket_t signo, short what, void *arg)
{
	(void)what;
	vmm_end(arg, VM_EXIT_SHUT_DOWN, "shut down by signal %d", (int)signo);
}

static int
watch_signals(struct vmm *v, struct err *e)
{
	static const int signos[] = { SIGTERM, SIGINT };

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < COUNT(signos); i++) {
		v->signals[i] = evsignal_new(v->base, signos[i], signal_event,
		    v);
		if (v->signals[i] == NULL ||
		    event_add(v->signals[i], NULL) == -1)
			return err_set(e, ENOMEM, "signals");
	}
	return 0;
}

int
vmm_option(struct vmm_setup *setup, int opt, const char *arg)
{
	if (opt == 'a') {
		setup->api = arg;
		return 0;
	}
	if (opt != 'L' || setup->nlifelines == VMM_LIFELINES_MAX)
		return -1;
	setup->lifelines[setup->nlifelines++] = arg;
	return 0;
}

int
vmm_new(struct vmm **ret, const struct vmm_setup *setup, struct err *e)
{
	OWN(vmm_destroy) struct vmm *v = calloc(1, sizeof(*v));
	uint64_t fd;

	if (v == NULL)
		return err_sys(e, "VMM");
	v->base = setup->base;
	v->backend = setup->backend;
	v->arg = setup->arg;
	v->dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->dirfd == -1)
		return err_sys(e, "VM directory");
	if (num_parse(&fd, setup->api, REPORT_FD + 1, INT_MAX, e) == -1)
		return err_prefix(e, "-a");
	if (vm_exit_clear(v->dirfd, e) == -1 || watch_signals(v, e) == -1)
		return -1;
	for (size_t i = 0; i < setup->nlifelines; i++)
		if (lifeline_add(v, setup->lifelines[i], e) == -1)
			return -1;
	if (chapi_server_new(&v->server, v->base, (int)fd, routes, v, e) == -1)
		return -1;
	*ret = take(&v);
	return 0;
}

void
vmm_destroy(struct vmm *v)
{
	if (v == NULL)
		return;
	chapi_server_destroy(v->server);
	for (size_t i = 0; i < v->nlifelines; i++) {
		event_free(v->lifelines[i].event);
		(void)close(v->lifelines[i].fd);
	}
	for (size_t i = 0; i < COUNT(v->signals); i++)
		if (v->signals[i] != NULL)
			event_free(v->signals[i]);
	vm_config_fini(&v->config);
	if (v->dirfd != -1)
		(void)close(v->dirfd);
	free(v);
}

void
vmm_report(const struct err *e)
{
	char line[ERR_TEXT_MAX + 16];
	int n;

	n = e == NULL ? snprintf(line, sizeof(line), "ok\n") :
	    snprintf(line, sizeof(line), "error %s\n", e->text);
	/* Nobody may be listening: then the log says it too. */
	if (write_full(REPORT_FD, line, (size_t)n) == -1)
		log_debug("nobody takes the report");
	(void)close(REPORT_FD);
}
