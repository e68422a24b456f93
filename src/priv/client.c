/* SPDX-License-Identifier: ISC */
/* client.c - vmd-control's side of the requests; see client.h */

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "lib/util.h"
#include "priv/chan.h"
#include "priv/client.h"

/* A call that waits for its answer. */
struct call {
	TAILQ_ENTRY(call)	 next;
	uint32_t		 id;
	uint8_t			 request;
	struct err		 failed;	/* num != 0: not sent */
	void			*arg;
	union {
		priv_done_fn	*done;
		priv_fd_fn	*fd;
		priv_setup_fn	*setup;
		priv_job_fn	*job;
		priv_vm_fn	*vm;
	} fn;
};

TAILQ_HEAD(calls, call);

struct priv_client {
	struct chan			*chan;
	const struct priv_events	*events;
	void				*arg;
	struct event			*fail_ev;	/* calls in 'failed' */
	struct calls			 open;
	struct calls			 failed;
	unsigned			 ncalls;
	uint32_t			 last_id;
	bool				 closed;
	bool				 busy;		/* in calls_fail() */
	bool				 doomed;	/* destroyed then */
};

/* --- answers -------------------------------------------------------------- */

union answer {
	struct priv_error	 error;
	struct priv_fd		 fd;
	struct priv_setup	 setup;
	struct priv_vm		 vm;
	struct priv_job_started	 job;
};

void
priv_ignore(void *arg, const struct err *e)
{
	(void)arg;
	(void)e;
}

static void
answer_done(struct call *c, unsigned type, union answer *a,
    const struct err *e)
{
	(void)type;
	(void)a;
	c->fn.done(c->arg, e);
}

static void
answer_fd(struct call *c, unsigned type, union answer *a, const struct err *e)
{
	(void)type;
	c->fn.fd(c->arg, e == NULL ? take_fd(&a->fd.fd) : -1, e);
}

static void
answer_setup(struct call *c, unsigned type, union answer *a,
    const struct err *e)
{
	(void)type;
	c->fn.setup(c->arg, &a->setup, e);
}

static void
answer_job(struct call *c, unsigned type, union answer *a,
    const struct err *e)
{
	(void)type;
	c->fn.job(c->arg, &a->job, e);
}

static void
answer_vm(struct call *c, unsigned type, union answer *a, const struct err *e)
{
	bool more = type == PRIV_A_VM && c->request == PRIV_VM_LIST;

	c->fn.vm(c->arg, type == PRIV_A_VM ? &a->vm : NULL, more, e);
}

/* What answers a request, beside PRIV_A_ERROR, and who is given it. */
static const struct {
	uint8_t		 answer;
	uint8_t		 each;		/* may come before it, repeatedly */
	void		(*give)(struct call *, unsigned type, union answer *,
			    const struct err *);
} answers[PRIV_REQUESTS] = {
	[PRIV_SETUP]	  = { PRIV_A_SETUP, 0, answer_setup },
	[PRIV_SERVING]	  = { PRIV_A_DONE, 0, answer_done },
	[PRIV_DIR_MAKE]	  = { PRIV_A_FD, 0, answer_fd },
	[PRIV_DIR_OPEN]	  = { PRIV_A_FD, 0, answer_fd },
	[PRIV_DIR_REMOVE] = { PRIV_A_DONE, 0, answer_done },
	[PRIV_SHARES]	  = { PRIV_A_DONE, 0, answer_done },
	[PRIV_FILES]	  = { PRIV_A_DONE, 0, answer_done },
	[PRIV_FILE_OPEN]  = { PRIV_A_FD, 0, answer_fd },
	[PRIV_VM_START]	  = { PRIV_A_VM, 0, answer_vm },
	[PRIV_VM_KILL]	  = { PRIV_A_DONE, 0, answer_done },
	[PRIV_VM_LIST]	  = { PRIV_A_DONE, PRIV_A_VM, answer_vm },
	[PRIV_JOB_START]  = { PRIV_A_JOB, 0, answer_job },
	[PRIV_JOB_KILL]	  = { PRIV_A_DONE, 0, answer_done },
	[PRIV_VERBOSE]	  = { PRIV_A_DONE, 0, answer_done },
};

/* Give a call its answer of the type, which may be PRIV_A_ERROR. */
static void
call_give(struct call *c, unsigned type, union answer *a, const struct err *e)
{
	unsigned init = answers[c->request].each != 0 ?
	    answers[c->request].each : answers[c->request].answer;

	if (e != NULL)
		priv_init(init, a);
	answers[c->request].give(c, type, a, e);
	priv_close(e != NULL ? init : type, a);
}

static struct call *
call_find(struct priv_client *p, uint32_t id)
{
	struct call *c;

	TAILQ_FOREACH(c, &p->open, next)
		if (c->id == id)
			return c;
	return NULL;
}

static void
client_answer(struct priv_client *p, struct chan_msg *m)
{
	struct call *c = call_find(p, m->id);
	union answer a;
	struct err e = { 0 };
	bool last;

	if (c == NULL || (m->type != answers[c->request].answer &&
	    m->type != answers[c->request].each && m->type != PRIV_A_ERROR))
		return;
	if (priv_decode(&a, m->type, m->body, m->len, m->fds, m->nfds,
	    &e) == 0) {
		for (unsigned i = 0; i < m->nfds; i++)
			m->fds[i] = -1;
		if (m->type == PRIV_A_ERROR)
			priv_error_to(&e, &a.error);
	}
	last = e.num != 0 || m->type != answers[c->request].each;
	if (last) {
		TAILQ_REMOVE(&p->open, c, next);
		p->ncalls--;
	}
	call_give(c, m->type, &a, e.num != 0 ? &e : NULL);
	/* Not last: the callee may have destroyed the client, and c with it. */
	if (last)
		free(c);
}

/* --- events --------------------------------------------------------------- */

static void
client_event(struct priv_client *p, struct chan_msg *m)
{
	union {
		struct priv_ended	ended;
		struct priv_vm_id	vm;
		struct priv_job_ended	job;
	} u;

	if (m->type < PRIV_E_ENDED || priv_decode(&u, m->type, m->body,
	    m->len, m->fds, m->nfds, NULL) == -1)
		return;
	switch (m->type) {
	case PRIV_E_ENDED:
		p->events->ended(p->arg, &u.ended);
		break;
	case PRIV_E_VM_GONE:
		p->events->vm_gone(p->arg, u.vm.vm);
		break;
	case PRIV_E_JOB_ENDED:
		p->events->job_ended(p->arg, u.job.job, (int)u.job.status);
		break;
	case PRIV_E_RELOAD:
		p->events->reload(p->arg);
		break;
	}
}

static void
client_message(void *arg, struct chan_msg *m)
{
	if (m->id == 0)
		client_event(arg, m);
	else
		client_answer(arg, m);
}

/* Answer each of a list with an error.  false: the client is gone. */
static bool
calls_fail(struct priv_client *p, struct calls *list, const struct err *why)
{
	union answer a;
	struct call *c;

	p->busy = true;
	while (!p->doomed && (c = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, c, next);
		p->ncalls--;
		call_give(c, PRIV_A_ERROR, &a,
		    c->failed.num != 0 ? &c->failed : why);
		free(c);
	}
	p->busy = false;
	if (!p->doomed)
		return true;
	priv_client_destroy(p);
	return false;
}

static void
client_closed(void *arg, const struct err *why)
{
	struct priv_client *p = arg;
	struct err gone;

	p->closed = true;
	(void)err_set(&gone, EPIPE, "vmd has ended");
	if (calls_fail(p, &p->open, why == NULL ? &gone : why))
		p->events->closed(p->arg, why);
}

static void
client_failed(evutil_socket_t fd, short what, void *arg)
{
	struct priv_client *p = arg;

	(void)fd;
	(void)what;
	(void)calls_fail(p, &p->failed, NULL);
}

static const struct chan_ops client_ops = {
	.message	= client_message,
	.closed		= client_closed,
};

int
priv_client_new(struct priv_client **ret, struct event_base *base, int fd,
    const struct priv_events *events, void *arg, struct err *e)
{
	struct priv_client *p;

	p = calloc(1, sizeof(*p));
	if (p == NULL) {
		(void)close(fd);
		return err_sys(e, "client");
	}
	p->events = events;
	p->arg = arg;
	TAILQ_INIT(&p->open);
	TAILQ_INIT(&p->failed);
	if (chan_new(&p->chan, base, fd, &client_ops, p, e) == -1) {
		priv_client_destroy(p);
		return -1;
	}
	p->fail_ev = event_new(base, -1, 0, client_failed, p);
	if (p->fail_ev == NULL) {
		priv_client_destroy(p);
		return err_set(e, ENOMEM, "no memory for a client");
	}
	*ret = p;
	return 0;
}

static void
calls_free(struct calls *list)
{
	struct call *c;

	while ((c = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, c, next);
		free(c);
	}
}

void
priv_client_destroy(struct priv_client *p)
{
	if (p == NULL)
		return;
	if (p->busy) {
		p->doomed = true;
		return;
	}
	calls_free(&p->open);
	calls_free(&p->failed);
	chan_destroy(p->chan);
	if (p->fail_ev != NULL)
		event_free(p->fail_ev);
	free(p);
}

/* --- calls ---------------------------------------------------------------- */

/*
 * Send a request.  Returns the call, whose fn the caller sets.  Without
 * memory for it nobody could be called back, so the process ends.
 */
static struct call *
call_new(struct priv_client *p, enum priv_type request, void *body, void *arg)
{
	struct call *c = calloc(1, sizeof(*c));
	bool sent = false;

	if (c == NULL)
		abort();
	if (++p->last_id == 0)
		p->last_id = 1;
	c->id = p->last_id;
	c->request = (uint8_t)request;
	c->arg = arg;
	if (p->closed)
		(void)err_set(&c->failed, EPIPE, "vmd has ended");
	else if (p->ncalls >= PRIV_CALLS_MAX)
		(void)err_set(&c->failed, EAGAIN, "too many requests to vmd");
	else
		sent = chan_send(p->chan, request, c->id, body,
		    &c->failed) == 0;
	p->ncalls++;
	if (sent) {
		TAILQ_INSERT_TAIL(&p->open, c, next);
		return c;
	}
	priv_close(request, body);
	TAILQ_INSERT_TAIL(&p->failed, c, next);
	event_active(p->fail_ev, 0, 0);
	return c;
}

static void
id_copy(struct priv_vm_id *ret, const char *vm)
{
	priv_init(PRIV_DIR_MAKE, ret);
	/* Too long becomes no valid id, which vmd refuses. */
	if (strlen(vm) < sizeof(ret->vm))
		(void)snprintf(ret->vm, sizeof(ret->vm), "%s", vm);
}

void
priv_setup(struct priv_client *p, priv_setup_fn *fn, void *arg)
{
	call_new(p, PRIV_SETUP, NULL, arg)->fn.setup = fn;
}

void
priv_serving(struct priv_client *p, priv_done_fn *fn, void *arg)
{
	call_new(p, PRIV_SERVING, NULL, arg)->fn.done = fn;
}

void
priv_dir_make(struct priv_client *p, const char *vm, priv_fd_fn *fn, void *arg)
{
	struct priv_vm_id m;

	id_copy(&m, vm);
	call_new(p, PRIV_DIR_MAKE, &m, arg)->fn.fd = fn;
}

void
priv_dir_open(struct priv_client *p, const char *vm, priv_fd_fn *fn, void *arg)
{
	struct priv_vm_id m;

	id_copy(&m, vm);
	call_new(p, PRIV_DIR_OPEN, &m, arg)->fn.fd = fn;
}

void
priv_dir_remove(struct priv_client *p, const char *vm, priv_done_fn *fn,
    void *arg)
{
	struct priv_vm_id m;

	id_copy(&m, vm);
	call_new(p, PRIV_DIR_REMOVE, &m, arg)->fn.done = fn;
}

void
priv_vm_start(struct priv_client *p, struct priv_start *m, priv_vm_fn *fn,
    void *arg)
{
	call_new(p, PRIV_VM_START, m, arg)->fn.vm = fn;
}

void
priv_vm_kill(struct priv_client *p, const char *vm, bool hard,
    priv_done_fn *fn, void *arg)
{
	struct priv_kill m;

	priv_init(PRIV_VM_KILL, &m);
	if (strlen(vm) < sizeof(m.vm))
		(void)snprintf(m.vm, sizeof(m.vm), "%s", vm);
	m.hard = hard;
	call_new(p, PRIV_VM_KILL, &m, arg)->fn.done = fn;
}

void
priv_vm_list(struct priv_client *p, priv_vm_fn *fn, void *arg)
{
	call_new(p, PRIV_VM_LIST, NULL, arg)->fn.vm = fn;
}

void
priv_shares(struct priv_client *p, struct priv_shares *m, priv_done_fn *fn,
    void *arg)
{
	call_new(p, PRIV_SHARES, m, arg)->fn.done = fn;
}

void
priv_files(struct priv_client *p, struct priv_files *m, priv_done_fn *fn,
    void *arg)
{
	call_new(p, PRIV_FILES, m, arg)->fn.done = fn;
}

void
priv_file_open(struct priv_client *p, struct priv_file_open *m,
    priv_fd_fn *fn, void *arg)
{
	call_new(p, PRIV_FILE_OPEN, m, arg)->fn.fd = fn;
}

void
priv_job_start(struct priv_client *p, struct priv_job *m, priv_job_fn *fn,
    void *arg)
{
	call_new(p, PRIV_JOB_START, m, arg)->fn.job = fn;
}

void
priv_job_kill(struct priv_client *p, uint32_t job, priv_done_fn *fn, void *arg)
{
	struct priv_job_id m = { .job = job };

	call_new(p, PRIV_JOB_KILL, &m, arg)->fn.done = fn;
}

void
priv_verbose(struct priv_client *p, unsigned verbose, priv_done_fn *fn,
    void *arg)
{
	struct priv_verbose m = { .verbose = verbose };

	call_new(p, PRIV_VERBOSE, &m, arg)->fn.done = fn;
}
