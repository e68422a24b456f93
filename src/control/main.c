/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmd-control: the brain of vmd
 *
 * REST API, VM table, database, lifecycle: vmd-control(8).
 *
 * Process: one; started by vmd, started again when it dies.
 * Sandbox: its listeners, STATE, VM sockets (os/sandbox.c, SANDBOX_CONTROL).
 * Needs: descriptor 3, the report; descriptor 4, the channel to vmd.
 */

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/auth.h"
#include "control/clock.h"
#include "control/config.h"
#include "control/control.h"
#include "control/database.h"
#include "control/http.h"
#include "control/hypervisors.h"
#include "control/images.h"
#include "control/jobs.h"
#include "control/lifecycle.h"
#include "control/watch.h"
#include "lib/io.h"
#include "lib/log.h"
#include "os/os.h"
#include "os/sandbox.h"
#include "priv/client.h"

#define FD_REPORT	3
#define FD_CHANNEL	4

static void
report(const char *text)
{
	(void)write_full(FD_REPORT, text, strlen(text));
	(void)close(FD_REPORT);
}

/* vmd hands the text to whoever started it. */
static void
refuse(const struct err *e)
{
	char text[ERR_TEXT_MAX + 16];

	(void)snprintf(text, sizeof(text), "error %s\n", e->text);
	report(text);
	fatalx("%s", e->text);
}

/* For http: what handlers changed is durable before it is acknowledged. */
static int
commit(void *arg, struct err *e)
{
	struct control *ctl = arg;
	static const struct timeval soon = { 1, 0 };

	if (db_commit(ctl->db, e) == 0)
		return 0;
	e->code = e->num == ENOSPC ? "disk_full" : "unavailable";
	log_err(e, "nothing was changed; starting again");
	/*
	 * Memory and database disagree now.  Tell the clients, then end: the
	 * next vmd-control begins with what is durable.
	 */
	(void)event_base_loopexit(ctl->base, &soon);
	return -1;
}

/* --- what vmd tells ------------------------------------------------------- */

static void
on_ended(void *arg, const struct priv_ended *p)
{
	struct control *ctl = arg;
	struct vm *vm = vm_table_id(ctl, p->vm);

	if (vm != NULL && ctl->listed)
		vm_process_ended(vm, p);
}

static void
on_vm_gone(void *arg, const char *id)
{
	struct control *ctl = arg;
	struct vm *vm = vm_table_id(ctl, id);

	/* Before the list it is one that died while no daemon ran. */
	if (vm != NULL && ctl->listed)
		vm_gone(vm);
}

static void
on_job_ended(void *arg, uint32_t job, int status)
{
	jobs_ended(arg, job, status);
}

static void
on_reload(void *arg)
{
	config_reload(arg, NULL, NULL);
}

static void
on_closed(void *arg, const struct err *why)
{
	struct control *ctl = arg;

	if (why != NULL)
		log_err(why, "channel to vmd");
	else
		log_info("vmd is gone");
	(void)event_base_loopexit(ctl->base, NULL);
}

/* --- beginning ------------------------------------------------------------ */

static int
load_vm(void *arg, const char *id, const json_t *record, struct err *e)
{
	struct control *ctl = arg;
	OWN(vm_destroy) struct vm *vm = NULL;

	if (vm_load(&vm, ctl, id, record, e) == -1 ||
	    vm_table_add(ctl, vm, e) == -1)
		return -1;
	take(&vm);
	return 0;
}

static int
open_state(struct control *ctl, struct err *e)
{
	char path[PRIV_PATH_MAX + 16];

	ctl->state = open(ctl->setup.state, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	if (ctl->state == -1)
		return err_sys(e, "open %s", ctl->setup.state);
	(void)snprintf(path, sizeof(path), "%s/vmd.db", ctl->setup.state);
	if (db_open(&ctl->db, path, e) == -1)
		return -1;
	if (db_each(ctl->db, "vm", load_vm, ctl, e) == -1)
		return -1;
	if (volumes_load(ctl, e) == -1 || config_load(ctl, e) == -1)
		return -1;
	return snapshots_load(ctl, e);
}

static int
listen_all(struct control *ctl, struct err *e)
{
	struct priv_setup *s = &ctl->setup;

	if (http_listen(ctl->http, s->api, false, e) == -1)
		return -1;
	s->api = -1;
	for (uint16_t i = 0; i < s->nlisten; i++) {
		if (http_listen(ctl->http, s->listen[i], true, e) == -1)
			return -1;
		s->listen[i] = -1;
	}
	return 0;
}

static int
start_http(struct control *ctl, struct err *e)
{
	struct priv_setup *s = &ctl->setup;
	struct http_config c = {
		.base = ctl->base, .routes = routes, .nroutes = nroutes,
		.context = ctl, .commit = commit, .admin = s->api_uid,
	};

	if (s->secret[0] != '\0' &&
	    auth_new(&ctl->auth, s->secret, strlen(s->secret), e) == -1)
		return -1;
	os_wipe(s->secret, sizeof(s->secret));
	c.auth = ctl->auth;
	return http_new(&ctl->http, &c, e);
}

/* STATE and its sockets; DATA; who a user is; what a process uses. */
static void
enter_sandbox(const struct control *ctl)
{
	struct sandbox s = { .program = SANDBOX_CONTROL };
	char missing[SANDBOX_MISSING_MAX];
	struct err e;

	sandbox_add(&s, ctl->setup.state, SANDBOX_READ | SANDBOX_WRITE);
	sandbox_add(&s, ctl->setup.data, SANDBOX_READ);
	sandbox_add(&s, "/proc", SANDBOX_READ);
	sandbox_add(&s, "/etc", SANDBOX_READ);
	if (sandbox_enter(&s, missing, &e) == -1)
		refuse(&e);
	if (missing[0] != '\0')
		log_info("sandbox: this host has no %s", missing);
}

/* Every VM has a state that was asked of it. */
static void
on_adopted(struct control *ctl)
{
	struct err e;

	if (listen_all(ctl, &e) == -1)
		refuse(&e);
	report("ok\n");
	log_info("serving on %s", ctl->setup.socket);
	priv_serving(ctl->priv, priv_ignore, NULL);
	watch_start(ctl);
	clock_start(ctl);
	config_begin(ctl);
}

static void
on_setup(void *arg, struct priv_setup *s, const struct err *why)
{
	struct control *ctl = arg;
	struct err e;

	if (why != NULL)
		refuse(why);
	ctl->setup = *s;
	s->api = -1;
	for (uint16_t i = 0; i < s->nlisten; i++)
		s->listen[i] = -1;
	ctl->data = ctl->setup.data;
	log_verbose((int)ctl->setup.verbose);
	if (open_state(ctl, &e) == -1 || start_http(ctl, &e) == -1 ||
	    images_load(ctl, &e) == -1)
		refuse(&e);
	enter_sandbox(ctl);
	hypervisors_probe(ctl);
	lifecycle_adopt(ctl, on_adopted);
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct control *ctl = arg;

	(void)fd;
	(void)what;
	(void)event_base_loopexit(ctl->base, NULL);
}

static void
raise_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void
run(struct control *ctl)
{
	static const struct priv_events events = {
		on_ended, on_vm_gone, on_job_ended, on_reload, on_closed,
	};
	struct event *term;
	struct err e;

	ctl->base = event_base_new();
	if (ctl->base == NULL)
		fatalx("no event loop");
	term = evsignal_new(ctl->base, SIGTERM, on_signal, ctl);
	if (term == NULL || event_add(term, NULL) == -1)
		fatalx("no event loop");
	if (priv_client_new(&ctl->priv, ctl->base, FD_CHANNEL, &events, ctl,
	    &e) == -1)
		refuse(&e);
	priv_setup(ctl->priv, on_setup, ctl);
	(void)event_base_dispatch(ctl->base);
	/* What was acknowledged is durable; VMs go on without us. */
	db_close(ctl->db);
}

int
main(int argc, char *argv[])
{
	static struct control ctl;
	int ch, verbose = 0;

	while ((ch = getopt(argc, argv, "v")) != -1) {
		if (ch != 'v') {
			(void)fprintf(stderr, "usage: vmd-control [-v]\n");
			return 2;
		}
		verbose++;
	}
	log_init("vmd-control", LOG_STYLE_PLAIN, verbose);
	(void)signal(SIGPIPE, SIG_IGN);
	raise_files();
	(void)fd_cloexec(FD_REPORT, 1);
	(void)fd_cloexec(FD_CHANNEL, 1);
	TAILQ_INIT(&ctl.vms);
	TAILQ_INIT(&ctl.consoles);
	TAILQ_INIT(&ctl.jobs);
	TAILQ_INIT(&ctl.templates);
	TAILQ_INIT(&ctl.images);
	TAILQ_INIT(&ctl.volumes);
	TAILQ_INIT(&ctl.snapshots);
	ctl.state = -1;
	(void)os_boot_id(ctl.boot_id);
	/* In the sandbox the C library reads all of /proc/stat for it. */
	ctl.ncpus = sysconf(_SC_NPROCESSORS_ONLN);
	run(&ctl);
	return 0;
}
