/* SPDX-License-Identifier: ISC */
/*
 * fake_monitor.h - vmd's end of the channel, for tests of vmd-control
 *
 * Answers every request of priv/request.h at once from a directory of the
 * test: VM directories are made below 'dir', "processes" are numbers.  It
 * lives on the test's event base; the client gets fake->client_fd.
 *
 *	struct fake_monitor fake;
 *	fake_monitor_init(&fake, base, dirfd);
 *	priv_client_new(&client, base, fake.client_fd, ...);
 *	...
 *	fake.refuse = PRIV_VM_START;		the next one fails
 *	fake_monitor_end(&fake, "web", 9);	its VMM died of SIGKILL
 *	fake_monitor_fini(&fake);		what SIGKILL of vmd looks like
 */

#ifndef FAKE_MONITOR_H
#define FAKE_MONITOR_H

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "priv/chan.h"
#include "priv/request.h"

#define FAKE_VMS_MAX	64

struct fake_monitor {
	struct chan	*chan;
	int		 client_fd;	/* priv_client_new() takes it */
	int		 dirfd;		/* borrowed: STATE/vms */
	int		 refuse;	/* this request fails once; or -1 */
	unsigned	 asked[PRIV_REQUESTS];
	struct priv_start last_start;	/* its descriptors are closed */
	struct priv_job	 last_job;
	struct priv_setup setup;	/* PRIV_SETUP's answer; fill it */
	int		 job_out;	/* the last job's pipe, or -1 */
	uint32_t	 jobs;
	unsigned	 nvms;
	struct priv_vm	 vms[FAKE_VMS_MAX];
};

static inline void
fake_error(struct fake_monitor *f, uint32_t id, int num, const char *code)
{
	struct priv_error m;
	struct err e;

	(void)err_api(&e, num, code, "refused: %s", code);
	priv_error_from(&m, &e);
	(void)chan_send(f->chan, PRIV_A_ERROR, id, &m, NULL);
}

static inline struct priv_vm *
fake_find(struct fake_monitor *f, const char *vm)
{
	for (unsigned i = 0; i < f->nvms; i++)
		if (strcmp(f->vms[i].vm, vm) == 0)
			return &f->vms[i];
	return NULL;
}

/* The VM's processes end; the client is told as vmd does. */
static inline void
fake_monitor_end(struct fake_monitor *f, const char *vm, int status)
{
	struct priv_vm *v = fake_find(f, vm);
	struct priv_ended ended;
	struct priv_vm_id gone;

	if (v == NULL)
		return;
	for (unsigned i = 0; i < v->nprocs; i++) {
		memset(&ended, 0, sizeof(ended));
		(void)snprintf(ended.vm, sizeof(ended.vm), "%s", vm);
		(void)snprintf(ended.name, sizeof(ended.name), "%s",
		    v->procs[i].name);
		ended.pid = v->procs[i].pid;
		ended.known = true;
		ended.status = i == 0 ? (uint32_t)status : 0;
		(void)chan_send(f->chan, PRIV_E_ENDED, 0, &ended, NULL);
	}
	memset(&gone, 0, sizeof(gone));
	(void)snprintf(gone.vm, sizeof(gone.vm), "%s", vm);
	*v = f->vms[--f->nvms];
	(void)chan_send(f->chan, PRIV_E_VM_GONE, 0, &gone, NULL);
}

static inline void
fake_fd(struct fake_monitor *f, uint32_t id, int fd)
{
	struct priv_fd m = { .fd = fd };

	if (fd == -1)
		fake_error(f, id, errno, errno == EEXIST ? "already_exists" :
		    "not_found");
	else
		(void)chan_send(f->chan, PRIV_A_FD, id, &m, NULL);
}

static inline void
fake_proc(struct priv_vm *v, const char *what, unsigned i)
{
	(void)snprintf(v->procs[v->nprocs].name, PRIV_NAME_MAX, "%s%.0u%s",
	    what, i, i == 0 && strcmp(what, "vmm") != 0 ? "0" : "");
	v->procs[v->nprocs].pid = 1000000 + v->nprocs;
	v->nprocs++;
}

static inline void
fake_start(struct fake_monitor *f, uint32_t id, struct priv_start *m)
{
	struct priv_vm *v, answer;

	priv_close(PRIV_VM_START, m);
	f->last_start = *m;
	if (fake_find(f, m->vm) != NULL || f->nvms == FAKE_VMS_MAX) {
		fake_error(f, id, EBUSY, "invalid_state");
		return;
	}
	v = &f->vms[f->nvms++];
	memset(v, 0, sizeof(*v));
	(void)snprintf(v->vm, sizeof(v->vm), "%s", m->vm);
	fake_proc(v, "vmm", 0);
	for (unsigned i = 0; i < m->nblk; i++)
		fake_proc(v, "disk", i);
	for (unsigned i = 0; i < m->nnet; i++)
		fake_proc(v, "net", i);
	if (m->vsock)
		fake_proc(v, "vsock", 0);
	answer = *v;
	(void)chan_send(f->chan, PRIV_A_VM, id, &answer, NULL);
}

static inline void
fake_job(struct fake_monitor *f, uint32_t id, struct priv_job *m)
{
	struct priv_job_started s = { .job = ++f->jobs, .pid = 2000000 };
	int p[2];

	priv_close(PRIV_JOB_START, m);
	f->last_job = *m;
	if (pipe2(p, O_CLOEXEC) == -1)
		abort();
	if (f->job_out != -1)
		(void)close(f->job_out);
	f->job_out = p[1];
	s.out = p[0];
	(void)chan_send(f->chan, PRIV_A_JOB, id, &s, NULL);
}

/* The last job ends: its pipe and then the event. */
static inline void
fake_monitor_job_end(struct fake_monitor *f, int status)
{
	struct priv_job_ended m = { .job = f->jobs,
	    .status = (uint32_t)status };

	if (f->job_out != -1)
		(void)close(f->job_out);
	f->job_out = -1;
	(void)chan_send(f->chan, PRIV_E_JOB_ENDED, 0, &m, NULL);
}

static inline void
fake_list(struct fake_monitor *f, uint32_t id)
{
	struct priv_vm v;

	for (unsigned i = 0; i < f->nvms; i++) {
		v = f->vms[i];
		(void)chan_send(f->chan, PRIV_A_VM, id, &v, NULL);
	}
	(void)chan_send(f->chan, PRIV_A_DONE, id, NULL, NULL);
}

union fake_body {
	struct priv_vm_id	vm;
	struct priv_start	start;
	struct priv_kill	kill;
	struct priv_job		job;
	struct priv_job_id	job_id;
};

static inline void	fake_do(struct fake_monitor *, struct chan_msg *,
			    union fake_body *);

static inline void
fake_message(void *arg, struct chan_msg *c)
{
	struct fake_monitor *f = arg;
	static union fake_body m;
	struct err e;

	if (c->type >= PRIV_REQUESTS || priv_decode(&m, c->type, c->body,
	    c->len, c->fds, c->nfds, &e) == -1)
		abort();	/* the client is ours and never wrong */
	for (unsigned i = 0; i < c->nfds; i++)
		c->fds[i] = -1;
	f->asked[c->type]++;
	if (f->refuse == (int)c->type) {
		f->refuse = -1;
		priv_close(c->type, &m);
		fake_error(f, c->id, EIO, "start_failed");
		return;
	}
	fake_do(f, c, &m);
}

static inline void
fake_do(struct fake_monitor *f, struct chan_msg *c, union fake_body *m)
{
	struct priv_setup setup;

	switch (c->type) {
	case PRIV_SETUP:
		setup = f->setup;
		(void)chan_send(f->chan, PRIV_A_SETUP, c->id, &setup, NULL);
		priv_init(PRIV_A_SETUP, &f->setup);
		break;
	case PRIV_DIR_MAKE:
		fake_fd(f, c->id, mkdirat(f->dirfd, m->vm.vm, 0700) == -1 ? -1 :
		    openat(f->dirfd, m->vm.vm, O_DIRECTORY | O_CLOEXEC));
		break;
	case PRIV_DIR_OPEN:
		fake_fd(f, c->id, openat(f->dirfd, m->vm.vm,
		    O_DIRECTORY | O_CLOEXEC));
		break;
	case PRIV_VM_START:
		fake_start(f, c->id, &m->start);
		break;
	case PRIV_VM_LIST:
		fake_list(f, c->id);
		break;
	case PRIV_JOB_START:
		fake_job(f, c->id, &m->job);
		break;
	case PRIV_VM_KILL:
		(void)chan_send(f->chan, PRIV_A_DONE, c->id, NULL, NULL);
		fake_monitor_end(f, m->kill.vm, m->kill.hard ? 9 : 0);
		break;
	default:	/* PRIV_SERVING, PRIV_DIR_REMOVE, PRIV_JOB_KILL */
		(void)chan_send(f->chan, PRIV_A_DONE, c->id, NULL, NULL);
		break;
	}
}

static inline void
fake_closed(void *arg, const struct err *why)
{
	struct fake_monitor *f = arg;

	(void)why;
	chan_destroy(f->chan);
	f->chan = NULL;
}

static inline void
fake_monitor_init(struct fake_monitor *f, struct event_base *base, int dirfd)
{
	static const struct chan_ops ops = { fake_message, fake_closed };
	int s[2];

	memset(f, 0, sizeof(*f));
	f->dirfd = dirfd;
	f->refuse = -1;
	f->job_out = -1;
	priv_init(PRIV_A_SETUP, &f->setup);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == -1 ||
	    chan_new(&f->chan, base, s[0], &ops, f, NULL) == -1)
		abort();
	f->client_fd = s[1];
}

static inline void
fake_monitor_fini(struct fake_monitor *f)
{
	chan_destroy(f->chan);
	f->chan = NULL;
	if (f->job_out != -1)
		(void)close(f->job_out);
	f->job_out = -1;
	priv_close(PRIV_A_SETUP, &f->setup);
}

#endif
