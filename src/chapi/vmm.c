/* SPDX-License-Identifier: ISC */
/* vmm.c - what every VMM of ours does alike; see vmm.h */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapi/counters.h"
#include "chapi/server.h"
#include "chapi/vm_config.h"
#include "chapi/vmm.h"
#include "chapi/vmm_ask.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/util.h"
#include "os/event.h"

#define REPORT_FD	3
#define API		"/api/v1/"

#define COUNT_MS	500	/* a device's time to say what it counted */
#define COUNT_CALLS_MAX	4	/* that wait for it */

struct lifeline {
	struct vmm	*vmm;
	struct event_watch watch;
	int		 fd;
	char		 name[VM_ID_MAX + 1];
	struct counters	 counters;
};

struct vmm {
	struct event_loop		*loop;
	const struct vmm_backend	*backend;
	void				*arg;
	int				 dirfd;
	int				 restore;	/* of -R, or -1 */
	struct chapi_server		*server;
	enum vmm_state			 state;
	bool				 by_hand;
	bool				 ended;
	struct vm_exit			 why;		/* when ended */
	struct vm_config		 config;	/* not VMM_EMPTY */
	const struct action		*action;	/* begun, or NULL */
	struct chapi_request		*request;	/* waits for action */
	struct err			 failure;	/* of the last action */
	struct ask			 ask;		/* what it is about */
	struct lifeline			 lifelines[VMM_LIFELINES_MAX];
	size_t				 nlifelines;
	struct chapi_request		*counting[COUNT_CALLS_MAX];
	unsigned			 ncounting;
	struct event_timer		 patience;	/* with devices */
	struct event_signal		 signals;
};

#define IN(state)	(1U << (state))
#define IN_BOOTED	(IN(VMM_RUNNING) | IN(VMM_PAUSED))
#define IN_ANY		(IN_BOOTED | IN(VMM_CREATED) | IN(VMM_SHUTDOWN))
#define STAY		(-1)		/* the state it was in */

/* Calls a back-end carries out: where they are allowed, where they lead. */
static const struct action {
	const char	*path;
	enum vmm_action	 what;
	unsigned	 allowed;	/* IN() of states */
	int		 after;		/* state, or STAY */
	const char	*refusal;	/* in another state */
	ask_fn		*ask;		/* reads the body; NULL: has none */
	const char	*list;		/* of ask_add() */
} actions[] = {
	{ "vm.boot", VMM_BOOT, IN(VMM_CREATED) | IN(VMM_SHUTDOWN),
	    VMM_RUNNING, "VM is booted already", NULL, NULL },
	{ "vm.pause", VMM_PAUSE, IN(VMM_RUNNING),
	    VMM_PAUSED, "VM is not running", NULL, NULL },
	{ "vm.resume", VMM_RESUME, IN(VMM_PAUSED),
	    VMM_RUNNING, "VM is not paused", NULL, NULL },
	{ "vm.shutdown", VMM_SHUTDOWN_NOW, IN_BOOTED,
	    VMM_SHUTDOWN, "VM is not booted", NULL, NULL },
	{ "vm.reboot", VMM_REBOOT, IN_BOOTED,
	    VMM_RUNNING, "VM is not booted", NULL, NULL },
	{ "vm.power-button", VMM_POWER_BUTTON, IN(VMM_RUNNING),
	    STAY, "VM is not running", NULL, NULL },
	{ "vm.delete", VMM_SHUTDOWN_NOW, IN_BOOTED,
	    VMM_EMPTY, "VM is not booted", NULL, NULL },
	{ "vm.resize", VMM_RESIZE, IN_ANY, STAY, "", ask_resize, NULL },
	{ "vm.add-disk", VMM_ADD, IN_ANY, STAY, "", ask_add, "disks" },
	{ "vm.add-net", VMM_ADD, IN_ANY, STAY, "", ask_add, "net" },
	{ "vm.add-fs", VMM_ADD, IN_ANY, STAY, "", ask_add, "fs" },
	{ "vm.add-vsock", VMM_ADD, IN_ANY, STAY, "", ask_add, "vsock" },
	{ "vm.remove-device", VMM_REMOVE, IN_ANY, STAY, "", ask_remove, NULL },
	{ "vm.nmi", VMM_NMI, IN(VMM_RUNNING), STAY, "VM is not running",
	    NULL, NULL },
	{ "vmm.nmi", VMM_NMI, IN(VMM_RUNNING), STAY, "VM is not running",
	    NULL, NULL },
	{ "vm.break", VMM_BREAK, IN(VMM_RUNNING), STAY, "VM is not running",
	    NULL, NULL },
	{ "vm.clock", VMM_CLOCK, IN(VMM_RUNNING), STAY, "VM is not running",
	    NULL, NULL },
	{ "vm.console-size", VMM_CONSOLE_SIZE, IN_BOOTED, STAY,
	    "VM is not booted", ask_console_size, NULL },
	{ "vm.coredump", VMM_COREDUMP, IN_BOOTED, STAY, "VM is not booted",
	    ask_coredump, NULL },
	{ "vm.snapshot", VMM_SNAPSHOT, IN(VMM_PAUSED), STAY,
	    "VM is not paused", ask_snapshot, NULL },
	{ "vm.restore", VMM_RESTORE, IN(VMM_EMPTY) | IN(VMM_CREATED),
	    VMM_PAUSED, "VM is booted already", ask_restore, NULL },
	{ "vm.working-set", VMM_WORKING_SET, IN_BOOTED, STAY,
	    "VM is not booted", ask_snapshot, NULL },
	{ "vm.send-migration", VMM_SEND, IN_BOOTED, VMM_PAUSED,
	    "VM is not booted", ask_snapshot, NULL },
};

static void
refuse(struct chapi_request *r, int status, const char *text)
{
	struct err e;

	(void)err_set(&e, EINVAL, "%s", text);
	chapi_refuse(r, status, &e);
}

static const struct action *
find_action(const struct chapi_request *r)
{
	const char *name = chapi_request_path(r) + strlen(API);
	const struct action *a = actions;

	while (strcmp(a->path, name) != 0)
		a++;
	return a;
}

/* May this be begun now?  false: it was refused. */
static bool
may_begin(struct chapi_request *r, const struct vmm *v,
    const struct action *a)
{
	char text[128];

	if (v->ended) {
		refuse(r, 405, "the VM has ended");
	} else if (v->backend->act[a->what] == NULL) {
		(void)snprintf(text, sizeof(text), "%s: not supported by %s",
		    a->path, v->backend->name);
		refuse(r, 405, text);
	} else if (v->state == VMM_EMPTY &&
	    (a->allowed & IN(VMM_EMPTY)) == 0) {
		refuse(r, 404, "VM is not created");
	} else if (v->action != NULL) {
		refuse(r, 429, "another call is in progress");
	} else if ((a->allowed & IN(v->state)) == 0) {
		refuse(r, 405, a->refusal);
	} else {
		return true;
	}
	return false;
}

/* The config that was asked for is the VM's. */
static void
take_next(struct vmm *v)
{
	if (v->ask.ask.next != &v->ask.next)
		return;
	vm_config_fini(&v->config);
	v->config = v->ask.next;
	memset(&v->ask.next, 0, sizeof(v->ask.next));
	v->ask.ask.next = NULL;
}

static int
read_ask(struct vmm *v, const struct action *a, const struct chapi_request *r,
    struct err *e)
{
	const struct ask_from from = {
		.config = v->state != VMM_EMPTY ? &v->config : NULL,
		.backend = v->backend,
		.dirfd = v->dirfd,
		.restore = v->restore,
		.list = a->list,
	};
	own_json json_t *body = NULL;

	if (a->ask == NULL)
		return 0;
	if (chapi_request_json(&body, r, e) == -1)
		return -1;
	return a->ask(&v->ask, &from, body, e);
}

static void
begin(struct vmm *v, const struct action *a, struct chapi_request *r)
{
	v->action = a;
	v->request = r;
	v->backend->act[a->what](v->arg);
}

/* Calls of 'actions': begin it, or refuse. */
static void
handle_action(struct chapi_request *r, void *arg)
{
	const struct action *a = find_action(r);
	struct vmm *v = arg;
	struct err e;

	if (!may_begin(r, v, a))
		return;
	ask_init(&v->ask);
	if (read_ask(v, a, r, &e) == -1) {
		ask_fini(&v->ask);
		chapi_refuse(r, e.num == ENOENT ? 404 : 400, &e);
		return;
	}
	/* Without a guest the change is one of the config alone. */
	if (a->allowed == IN_ANY && (IN_BOOTED & IN(v->state)) == 0) {
		take_next(v);
		ask_fini(&v->ask);
		chapi_reply(r, NULL);
		return;
	}
	begin(v, a, r);
}

static void
set_empty(struct vmm *v)
{
	vm_config_fini(&v->config);
	v->state = VMM_EMPTY;
}

static void
handle_create(struct chapi_request *r, void *arg)
{
	own_json json_t *doc = NULL;
	struct vmm *v = arg;
	struct err e;

	if (v->action != NULL) {
		refuse(r, 429, "another call is in progress");
	} else if (v->state != VMM_EMPTY) {
		refuse(r, 405, "VM is created already");
	} else if (chapi_request_json(&doc, r, &e) == -1 ||
	    ask_config(&v->config, v->backend, doc, &e) == -1) {
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
	if (body == NULL) {
		refuse(r, 500, "out of memory");
		return;
	}
	if (v->backend->describe != NULL)
		v->backend->describe(v->arg, body);
	chapi_reply(r, body);
}

/* --- counters --------------------------------------------------------- */

/* Is this a device that counts?  Others share only the lifeline. */
static bool
is_counted(const struct vmm *v, const struct lifeline *l)
{
	for (size_t i = 0; i < v->config.ndisks; i++)
		if (strcmp(v->config.disks[i].id, l->name) == 0)
			return true;
	for (size_t i = 0; i < v->config.nnets; i++)
		if (strcmp(v->config.nets[i].id, l->name) == 0)
			return true;
	return false;
}

static void
reply_counters(struct vmm *v, struct chapi_request *r)
{
	json_t *body = NULL, *one;

	/* It may have ended while its devices were asked. */
	if ((IN_BOOTED & IN(v->state)) == 0) {
		refuse(r, 405, "VM is not booted");
		return;
	}
	body = v->backend->counters(v->arg);
	for (size_t i = 0; body != NULL && i < v->nlifelines; i++) {
		one = counters_json(&v->lifelines[i].counters);
		if (one != NULL)
			(void)json_object_set_new(body, v->lifelines[i].name,
			    one);
	}
	if (body == NULL)
		refuse(r, 500, "out of memory");
	else
		chapi_reply(r, body);
}

/* Every device has answered, or had its time. */
static void
count_done(void *arg)
{
	struct vmm *v = arg;

	event_timer_clear(&v->patience);
	while (v->ncounting > 0)
		reply_counters(v, v->counting[--v->ncounting]);
}

/* A device has said something. */
static void
count_heard(struct lifeline *l, const char *bytes, size_t len)
{
	struct vmm *v = l->vmm;

	if (!counters_heard(&l->counters, bytes, len) || v->ncounting == 0)
		return;
	for (size_t i = 0; i < v->nlifelines; i++)
		if (v->lifelines[i].counters.asked)
			return;
	count_done(v);
}

static void
handle_counters(struct chapi_request *r, void *arg)
{
	struct vmm *v = arg;
	bool asked = false;

	if (v->state == VMM_EMPTY) {
		refuse(r, 404, "VM is not created");
		return;
	}
	if (v->ncounting == COUNT_CALLS_MAX) {
		refuse(r, 429, "devices are being asked already");
		return;
	}
	for (size_t i = 0; i < v->nlifelines; i++)
		if (is_counted(v, &v->lifelines[i]))
			asked |= counters_ask(&v->lifelines[i].counters,
			    v->lifelines[i].fd);
	if (!asked) {
		reply_counters(v, r);
		return;
	}
	v->counting[v->ncounting++] = r;
	event_timer_set(&v->patience, COUNT_MS * 1000);
}

/* The back-end, and of the calls not all have those that it has. */
static json_t *
features(const struct vmm *v)
{
	json_t *list = json_pack("[s]", v->backend->name);

	for (size_t i = 0; i < COUNT(actions); i++)
		if (actions[i].what >= VMM_RESIZE &&
		    v->backend->act[actions[i].what] != NULL)
			(void)json_array_append_new(list,
			    json_string(actions[i].path));
	return list;
}

static void
handle_ping(struct chapi_request *r, void *arg)
{
	chapi_reply(r, json_pack("{s:s, s:s, s:i, s:o}",
	    "build_version", "vmd " VMD_VERSION, "version", VMD_VERSION,
	    "pid", (int)getpid(), "features", features(arg)));
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
	{ "PUT", API "vm.resize", handle_action },
	{ "PUT", API "vm.add-disk", handle_action },
	{ "PUT", API "vm.add-net", handle_action },
	{ "PUT", API "vm.add-fs", handle_action },
	{ "PUT", API "vm.add-vsock", handle_action },
	{ "PUT", API "vm.remove-device", handle_action },
	{ "PUT", API "vm.nmi", handle_action },
	{ "PUT", API "vmm.nmi", handle_action },
	{ "PUT", API "vm.break", handle_action },
	{ "PUT", API "vm.clock", handle_action },
	{ "PUT", API "vm.console-size", handle_action },
	{ "PUT", API "vm.coredump", handle_action },
	{ "PUT", API "vm.snapshot", handle_action },
	{ "PUT", API "vm.restore", handle_action },
	{ "PUT", API "vm.working-set", handle_action },
	{ "PUT", API "vm.send-migration", handle_action },
	{ NULL, NULL, NULL },
};

/* The action is over: the VM is what it led to, or what it was. */
static struct chapi_request *
finish(struct vmm *v, bool worked)
{
	const struct action *a = v->action;
	struct chapi_request *r = v->request;

	v->action = NULL;
	v->request = NULL;
	if (worked) {
		take_next(v);
		if (a->after == VMM_EMPTY)
			set_empty(v);
		else if (a->after != STAY)
			v->state = (enum vmm_state)a->after;
	}
	ask_fini(&v->ask);
	return r;
}

void
vmm_done(struct vmm *v, const struct err *e)
{
	struct chapi_request *r;

	/* vmm_end() has answered already. */
	if (v->action == NULL)
		return;
	v->failure.num = 0;
	if (e != NULL) {
		v->failure = *e;
		if (v->request != NULL)
			log_warnx("%s: %s", v->action->path, e->text);
	}
	r = finish(v, e == NULL);
	if (r != NULL && e != NULL)
		chapi_refuse(r, 500, e);
	else if (r != NULL)
		chapi_reply(r, NULL);
}

void
vmm_answer(struct vmm *v, json_t *body)
{
	if (v->action == NULL)
		json_decref(body);
	else
		chapi_reply(finish(v, true), body);
}

/* An action nobody waits for; its failure. */
static int
run(struct vmm *v, enum vmm_action what, struct err *e)
{
	const struct action *a = actions;

	while (a->what != what)
		a++;
	begin(v, a, NULL);
	assert(v->action == NULL);
	if (v->failure.num != 0) {
		*e = v->failure;
		return -1;
	}
	return 0;
}

static int
take_config(struct vmm *v, struct vm_config *c, struct err *e)
{
	v->config = *c;
	memset(c, 0, sizeof(*c));
	v->state = VMM_CREATED;
	return v->backend->check != NULL ? v->backend->check(&v->config, e) :
	    0;
}

int
vmm_boot(struct vmm *v, struct vm_config *c, struct err *e)
{
	return take_config(v, c, e) == -1 ? -1 : run(v, VMM_BOOT, e);
}

int
vmm_restore(struct vmm *v, struct vm_config *c, int dirfd, bool prefetch,
    struct err *e)
{
	if (take_config(v, c, e) == -1)
		return -1;
	ask_init(&v->ask);
	v->ask.ask.dirfd = dirfd;
	v->ask.ask.next = &v->config;
	v->ask.ask.prefetch = prefetch;
	if (run(v, VMM_RESTORE, e) == -1)
		return -1;
	return run(v, VMM_RESUME, e);
}

const struct vmm_ask *
vmm_ask(const struct vmm *v)
{
	return &v->ask.ask;
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
	struct err e;
	va_list ap;

	if (v->ended)
		return;
	v->ended = true;
	v->why.code = code;
	va_start(ap, fmt);
	(void)vsnprintf(v->why.reason, sizeof(v->why.reason), fmt, ap);
	va_end(ap);
	v->backend->kill(v->arg);
	if (!v->by_hand) {
		log_info("%s: %s", vm_exit_word(code), v->why.reason);
		if (vm_exit_write(v->dirfd, &v->why, &e) == -1)
			log_err(&e, "cannot leave the reason");
	}
	if (v->action != NULL) {
		(void)err_set(&e, EIO, "%s", v->why.reason);
		vmm_done(v, &e);
	}
	/* For calls that came at the same time. */
	if ((IN_BOOTED & IN(v->state)) != 0)
		v->state = VMM_SHUTDOWN;
	event_loop_stop(v->loop);
}

const struct vm_exit *
vmm_why(const struct vmm *v)
{
	return v->ended ? &v->why : NULL;
}

/* Devices are named by what they are: fs0 is a shared directory. */
static const char *
server_of(const char *name)
{
	return strncmp(name, "fs", 2) == 0 ? "virtiofsd" : "viod";
}

/* A device says what it counted, when it is asked; the end is its death. */
static void
lifeline_event(void *arg, unsigned what)
{
	struct lifeline *l = arg;
	char bytes[COUNTERS_LINE_MAX];
	ssize_t n = read(l->fd, bytes, sizeof(bytes));

	(void)what;
	if (n > 0)
		count_heard(l, bytes, (size_t)n);
	if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
		return;
	vmm_end(l->vmm, VM_EXIT_DEVICE_DIED, "%s: %s ended", l->name,
	    server_of(l->name));
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
	event_watch_init(&l->watch, v->loop, l->fd, lifeline_event, l);
	if (event_watch_set(&l->watch, EVENT_READ) == -1)
		return err_sys(e, "-L %s", spec);
	v->nlifelines++;
	return 0;
}

static void
signal_event(void *arg, int signo)
{
	vmm_end(arg, VM_EXIT_SHUT_DOWN, "shut down by signal %d", signo);
}

static int
watch_signals(struct vmm *v, struct err *e)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	event_signal_init(&v->signals, v->loop, signal_event, v);
	return event_signal_take(&v->signals, &set, e);
}

static int
option_fd(int *ret, const char *arg)
{
	uint64_t fd;

	if (num_parse(&fd, arg, REPORT_FD + 1, INT_MAX, NULL) == -1)
		return -1;
	*ret = (int)fd;
	return 0;
}

int
vmm_option(struct vmm_setup *setup, int opt, const char *arg)
{
	if (opt == 'a')
		return option_fd(&setup->api, arg);
	if (opt == 'R')
		return option_fd(&setup->restore, arg);
	if (opt != 'L' || setup->nlifelines == VMM_LIFELINES_MAX)
		return -1;
	setup->lifelines[setup->nlifelines++] = arg;
	return 0;
}

static struct vmm *
vmm_alloc(const struct vmm_setup *setup)
{
	struct vmm *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->loop = setup->loop;
	event_timer_init(&v->patience, v->loop, count_done, v);
	v->backend = setup->backend;
	v->arg = setup->arg;
	v->by_hand = setup->by_hand;
	v->restore = setup->restore != 0 ? setup->restore : -1;
	/* The working directory is the VM's, and stays so. */
	v->dirfd = AT_FDCWD;
	ask_init(&v->ask);
	return v;
}

int
vmm_new(struct vmm **ret, const struct vmm_setup *setup, struct err *e)
{
	OWN(vmm_destroy) struct vmm *v = vmm_alloc(setup);

	if (v == NULL)
		return err_sys(e, "VMM");
	if (v->restore != -1 && fd_cloexec(v->restore, 1) == -1)
		return err_sys(e, "-R %d", v->restore);
	if ((!v->by_hand && vm_exit_clear(v->dirfd, e) == -1) ||
	    watch_signals(v, e) == -1)
		return -1;
	for (size_t i = 0; i < setup->nlifelines; i++)
		if (lifeline_add(v, setup->lifelines[i], e) == -1)
			return -1;
	if (setup->api != 0 && chapi_server_new(&v->server, v->loop,
	    setup->api, routes, v, e) == -1)
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
		event_watch_fini(&v->lifelines[i].watch);
		(void)close(v->lifelines[i].fd);
		counters_fini(&v->lifelines[i].counters);
	}
	event_timer_clear(&v->patience);
	event_signal_fini(&v->signals);
	ask_fini(&v->ask);
	vm_config_fini(&v->config);
	if (v->restore != -1)
		(void)close(v->restore);
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
