/* SPDX-License-Identifier: ISC */
/* control.c - vmd-control as vmd sees it; see control.h */

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/os.h"
#include "priv/chan.h"
#include "vmd/children.h"
#include "vmd/control.h"
#include "vmd/files.h"
#include "vmd/jobs.h"
#include "vmd/listen.h"
#include "vmd/report.h"
#include "vmd/requests.h"
#include "vmd/spawn.h"
#include "vmd/vm_words.h"
#include "vmd/vms.h"

struct control {
	struct monitor		*m;
	enum control_state	 state;
	unsigned		 generation;
	pid_t			 pid;		/* 0: none */
	struct chan		*chan;
	struct report		*report;
	struct listen		 listen;
	struct event		*timer;		/* restart, or SIGKILL */
	uint64_t		 started_ms;
	unsigned		 delay_ms;	/* before the next start */
	bool			 steady;	/* the first one served */
	struct err		 why;		/* the first one's last words */
	void			(*ready)(void *, const struct err *);
	void			*ready_arg;
	void			(*ended)(void *);
	void			*ended_arg;
};

/* --- answers and events --------------------------------------------------- */

unsigned
control_generation(const struct monitor *m)
{
	return m->control->generation;
}

/* A vmd-control that does not read is as good as dead. */
static void
control_send(struct control *c, unsigned type, uint32_t id, void *body)
{
	struct err e;

	if (c->chan == NULL) {
		priv_close(type, body);
		return;
	}
	if (chan_send(c->chan, type, id, body, &e) == 0)
		return;
	log_err(&e, "tell vmd-control of %s", priv_type_name(type));
	if (e.num == EAGAIN && c->pid != 0)
		(void)kill(c->pid, SIGKILL);
}

void
control_tell(struct monitor *m, unsigned type, void *body)
{
	control_send(m->control, type, 0, body);
}

void
control_answer(struct monitor *m, struct asker a, unsigned type, void *body)
{
	if (a.generation == m->control->generation)
		control_send(m->control, type, a.id, body);
	else
		priv_close(type, body);
}

void
control_refuse(struct monitor *m, struct asker a, const struct err *why)
{
	struct priv_error body;

	priv_error_from(&body, why);
	control_answer(m, a, PRIV_A_ERROR, &body);
}

/* --- its life ------------------------------------------------------------- */

static void	control_next(struct control *);

static void
control_ready(struct control *c, const struct err *why)
{
	void (*ready)(void *, const struct err *) = c->ready;

	c->ready = NULL;
	if (ready != NULL)
		ready(c->ready_arg, why);
}

static void
control_served(struct control *c)
{
	if (c->state != CONTROL_STARTING)
		return;
	c->state = CONTROL_SERVING;
	c->steady = true;
	log_debug("vmd-control serves");
	control_ready(c, NULL);
}

static void
control_reported(void *arg, const struct err *why)
{
	struct control *c = arg;

	c->report = NULL;
	if (why == NULL) {
		control_served(c);
		return;
	}
	log_err(why, "vmd-control");
	c->why = *why;
	if (c->pid != 0)
		(void)kill(c->pid, SIGKILL);
}

static void
control_died(void *arg, pid_t pid, int status)
{
	struct control *c = arg;
	void (*ended)(void *) = c->ended;

	c->pid = 0;
	chan_destroy(c->chan);
	c->chan = NULL;
	jobs_end(c->m);
	vms_undo_starts(c->m);
	if (c->state == CONTROL_ENDING) {
		c->state = CONTROL_DOWN;
		c->ended = NULL;
		(void)evtimer_del(c->timer);
		if (ended != NULL)
			ended(c->ended_arg);
		return;
	}
	c->state = CONTROL_DOWN;
	if (WIFSIGNALED(status))
		log_warnx("vmd-control (pid %d) died of signal %d", (int)pid,
		    WTERMSIG(status));
	else
		log_warnx("vmd-control (pid %d) ended with status %d",
		    (int)pid, WEXITSTATUS(status));
	control_next(c);
}

/* The first one says why it cannot; a later one is started again. */
static void
control_next(struct control *c)
{
	struct timeval tv = { 0, 0 };
	struct err e;

	if (!c->steady) {
		/* Its report may still be in the pipe; it comes first. */
		if (c->report != NULL) {
			(void)evtimer_add(c->timer, &tv);
			return;
		}
		if (c->why.num == 0)
			(void)err_set(&c->why, EIO, "it ended");
		e = c->why;
		(void)err_prefix(&e, "vmd-control");
		control_ready(c, &e);
		return;
	}
	report_destroy(c->report);
	c->report = NULL;
	if (os_now_ms() - c->started_ms >= CONTROL_STEADY_MS)
		c->delay_ms = 0;
	tv.tv_sec = c->delay_ms / 1000;
	tv.tv_usec = (suseconds_t)(c->delay_ms % 1000) * 1000;
	c->delay_ms = c->delay_ms == 0 ? CONTROL_DELAY_MIN_MS :
	    MIN(c->delay_ms * 2, CONTROL_DELAY_MAX_MS);
	(void)evtimer_add(c->timer, &tv);
}

/* --- what it asks --------------------------------------------------------- */

/* Which VMMs this vmd has: not all are made for every host. */
static uint32_t
installed(const struct options *o)
{
	char path[PRIV_PATH_MAX + 64];
	const char *name;
	uint32_t all = 0;

	for (uint8_t i = 0; i < PRIV_HYPERVISORS; i++) {
		name = vm_words_vmm(i);
		if (name == NULL)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", o->libexec, name);
		if (access(path, X_OK) == 0)
			all |= UINT32_C(1) << i;
	}
	return all;
}

static int
fd_copy(int fd)
{
	return fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

void
control_setup(struct monitor *m, struct asker asker)
{
	struct control *c = m->control;
	const struct options *o = m->o;
	struct priv_setup s;

	priv_init(PRIV_A_SETUP, &s);
	(void)snprintf(s.state, sizeof(s.state), "%s", o->state);
	(void)snprintf(s.data, sizeof(s.data), "%s", o->data);
	(void)snprintf(s.socket, sizeof(s.socket), "%s", o->socket);
	(void)snprintf(s.secret, sizeof(s.secret), "%s", c->listen.secret);
	(void)snprintf(s.hypervisor, sizeof(s.hypervisor), "%s",
	    o->hypervisor);
	(void)snprintf(s.accel, sizeof(s.accel), "%s", o->accel);
	s.installed = installed(o);
	s.api = fd_copy(c->listen.api);
	s.nlisten = (uint16_t)c->listen.ntcp;
	for (unsigned i = 0; i < c->listen.ntcp; i++)
		s.listen[i] = fd_copy(c->listen.tcp[i]);
	s.cpu_percent = o->cpu_percent;
	s.memory_percent = o->memory_percent;
	s.disk_percent = o->disk_percent;
	s.api_uid = getuid();
	s.verbose = o->verbose;
	s.first = c->generation == 1;
	control_answer(m, asker, PRIV_A_SETUP, &s);
	os_wipe(s.secret, sizeof(s.secret));
}

void
control_serving(struct monitor *m, struct asker asker)
{
	control_served(m->control);
	control_answer(m, asker, PRIV_A_DONE, NULL);
}

static void
control_message(void *arg, struct chan_msg *msg)
{
	struct control *c = arg;
	struct err e;

	if (requests_take(c->m, c->state, c->generation, msg, &e) == 0)
		return;
	/* It is ours, so it is broken or taken over. */
	log_err(&e, "vmd-control killed");
	if (c->pid != 0)
		(void)kill(c->pid, SIGKILL);
}

static void
control_closed(void *arg, const struct err *why)
{
	struct control *c = arg;

	if (why != NULL)
		log_err(why, "vmd-control");
	chan_destroy(c->chan);
	c->chan = NULL;
	/* Without the channel it is of no use, should it still live. */
	if (c->pid != 0 && c->state != CONTROL_ENDING)
		(void)kill(c->pid, SIGKILL);
}

/* --- start and end -------------------------------------------------------- */

static const struct chan_ops control_ops = {
	.message	= control_message,
	.closed		= control_closed,
};

static pid_t
control_spawn(struct control *c, int channel, int report, struct err *e)
{
	struct monitor *m = c->m;
	OWN(spawn_destroy) struct spawn *sp = NULL;
	char path[PRIV_PATH_MAX + 16];

	(void)snprintf(path, sizeof(path), "%s/vmd-control", m->o->libexec);
	sp = spawn_new(path, e);
	if (sp == NULL)
		return -1;
	for (unsigned i = 0; i < m->o->verbose; i++)
		spawn_arg(sp, "-v");
	(void)spawn_fd(sp, report);
	(void)spawn_fd(sp, channel);
	sp->dir = m->state_fd;
	sp->user = m->separate ? &m->user : NULL;
	sp->mask = m->separate ? 007 : 077;
	sp->dies_with_us = true;
	return spawn_run(sp, e);
}

static int
control_run(struct control *c, struct err *e)
{
	own_fd int theirs = -1, report = -1;
	int s[2];

	if (os_socketpair(SOCK_STREAM, s) == -1)
		return err_sys(e, "channel");
	theirs = s[1];
	if (chan_new(&c->chan, c->m->base, s[0], &control_ops, c, e) == -1 ||
	    report_new(&c->report, &report, c->m->base, control_reported, c,
	    e) == -1)
		return -1;
	c->pid = control_spawn(c, theirs, report, e);
	if (c->pid == -1) {
		c->pid = 0;
		return -1;
	}
	children_watch(c->pid, control_died, c);
	c->generation++;
	c->state = CONTROL_STARTING;
	c->started_ms = os_now_ms();
	return 0;
}

static void
control_timer(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	struct err e;

	(void)fd;
	(void)what;
	if (c->state == CONTROL_ENDING) {
		if (c->pid != 0)
			(void)kill(c->pid, SIGKILL);
		return;
	}
	if (!c->steady) {
		control_next(c);
		return;
	}
	if (control_run(c, &e) == 0) {
		log_info("vmd-control started again, pid %d", (int)c->pid);
		return;
	}
	log_err(&e, "start vmd-control");
	chan_destroy(c->chan);
	c->chan = NULL;
	control_next(c);
}

int
control_start(struct monitor *m, void (*ready)(void *, const struct err *),
    void *arg, struct err *e)
{
	struct control *c;

	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_sys(e, "vmd-control");
	m->control = c;
	c->m = m;
	c->ready = ready;
	c->ready_arg = arg;
	c->timer = evtimer_new(m->base, control_timer, c);
	if (c->timer == NULL)
		return err_set(e, ENOMEM, "no memory for a timer");
	if (listen_open(&c->listen, m, e) == -1)
		return -1;
	control_own_socket(m);
	return control_run(c, e);
}

void
control_own_socket(struct monitor *m)
{
	struct listen_owner o = { (uid_t)-1, (gid_t)-1 };
	bool said = files_socket(&o.uid, &o.gid, m);
	struct err e;

	if (listen_own(&m->control->listen, m, said ? &o : NULL, &e) == -1)
		log_warnx("%s", e.text);
}

void
control_end(struct monitor *m, void (*ended)(void *), void *arg)
{
	struct timeval tv = { CONTROL_END_MS / 1000, 0 };
	struct control *c = m->control;

	c->state = CONTROL_ENDING;
	if (c->pid == 0) {
		ended(arg);
		return;
	}
	c->ended = ended;
	c->ended_arg = arg;
	(void)kill(c->pid, SIGTERM);
	(void)evtimer_add(c->timer, &tv);
}

void
control_destroy(struct monitor *m)
{
	struct control *c = m->control;

	if (c == NULL)
		return;
	if (c->pid != 0)
		children_forget(c->pid);
	chan_destroy(c->chan);
	report_destroy(c->report);
	listen_close(&c->listen, m);
	if (c->timer != NULL)
		event_free(c->timer);
	free(c);
	m->control = NULL;
}
