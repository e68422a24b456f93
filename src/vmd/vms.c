/* SPDX-License-Identifier: ISC */
/* vms.c - the VMs that have living processes; see vms.h */

#include <sys/file.h>
#include <sys/stat.h>
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
#include "os/process.h"
#include "vmd/children.h"
#include "vmd/control.h"
#include "vmd/names.h"
#include "vmd/ports.h"
#include "vmd/state.h"
#include "vmd/taps.h"
#include "vmd/vm_start.h"
#include "vmd/vms.h"

#define BUCKETS		1024
#define LOCK_POLL_MS	20
#define LOCK_POLLS	50	/* then whoever holds the lock is killed */

struct vms {
	LIST_HEAD(, vm)	 bucket[BUCKETS];
	unsigned	 n;
};

/* --- the table ------------------------------------------------------------ */

static unsigned
bucket(const char *id)
{
	unsigned h = 5381;

	for (; *id != '\0'; id++)
		h = h * 33 + (unsigned char)*id;
	return h % BUCKETS;
}

int
vms_init(struct monitor *m, struct err *e)
{
	m->vms = calloc(1, sizeof(*m->vms));
	return m->vms == NULL ? err_sys(e, "VM table") : 0;
}

static void
vm_destroy(struct vm *v)
{
	for (unsigned i = 0; i < v->nprocs; i++) {
		if (v->procs[i].ev != NULL)
			event_free(v->procs[i].ev);
		if (v->procs[i].handle != -1)
			(void)close(v->procs[i].handle);
		else if (v->procs[i].pid != 0)
			children_forget(v->procs[i].pid);
	}
	if (v->timer != NULL)
		event_free(v->timer);
	vm_start_destroy(v->start);
	ports_destroy(v->ports);
	free(v->procs);
	free(v);
}

void
vms_drop(struct vm *v)
{
	LIST_REMOVE(v, next);
	v->m->vms->n--;
	vm_destroy(v);
}

void
vms_fini(struct monitor *m)
{
	struct vm *v;

	if (m->vms == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while ((v = LIST_FIRST(&m->vms->bucket[i])) != NULL)
			vms_drop(v);
	free(m->vms);
	m->vms = NULL;
}

unsigned
vms_count(const struct monitor *m)
{
	return m->vms == NULL ? 0 : m->vms->n;
}

struct vm *
vms_find(struct monitor *m, const char *id)
{
	struct vm *v;

	LIST_FOREACH(v, &m->vms->bucket[bucket(id)], next)
		if (strcmp(v->id, id) == 0)
			return v;
	return NULL;
}

void
vms_each(struct monitor *m, void (*fn)(void *, struct vm *), void *arg)
{
	struct vm *v, *after;

	for (unsigned i = 0; i < BUCKETS; i++)
		for (v = LIST_FIRST(&m->vms->bucket[i]); v != NULL; v = after) {
			after = LIST_NEXT(v, next);
			fn(arg, v);
		}
}

static void	vm_timer(evutil_socket_t, short, void *);

struct vm *
vms_add(struct monitor *m, const char *id, unsigned nprocs, struct err *e)
{
	struct vm *v;

	if (m->vms->n >= VMS_MAX) {
		(void)err_set(e, ENOSPC, "%d VMs run already", VMS_MAX);
		return NULL;
	}
	v = calloc(1, sizeof(*v));
	if (v != NULL) {
		v->procs = calloc(nprocs, sizeof(*v->procs));
		v->timer = evtimer_new(m->base, vm_timer, v);
	}
	if (v == NULL || v->procs == NULL || v->timer == NULL) {
		(void)err_set(e, ENOMEM, "no memory for a VM");
		if (v != NULL)
			vm_destroy(v);
		return NULL;
	}
	v->m = m;
	v->nprocs = nprocs;
	for (unsigned i = 0; i < nprocs; i++) {
		v->procs[i].vm = v;
		v->procs[i].handle = -1;
	}
	(void)snprintf(v->id, sizeof(v->id), "%s", id);
	LIST_INSERT_HEAD(&m->vms->bucket[bucket(id)], v, next);
	m->vms->n++;
	return v;
}

void
vm_describe(struct priv_vm *ret, const struct vm *v)
{
	struct priv_proc *p;

	priv_init(PRIV_A_VM, ret);
	(void)snprintf(ret->vm, sizeof(ret->vm), "%s", v->id);
	ret->uid = v->uid;
	for (unsigned i = 0; i < v->nprocs; i++) {
		if (v->procs[i].pid == 0)
			continue;
		p = &ret->procs[ret->nprocs++];
		(void)snprintf(p->name, sizeof(p->name), "%s",
		    v->procs[i].name);
		p->pid = (uint32_t)v->procs[i].pid;
	}
}

/* --- the lock ------------------------------------------------------------- */

static int
lock_open(int dirfd, const char *id, struct err *e)
{
	own_fd int fd = -1;
	struct stat st;

	fd = openat(dirfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK, 0600);
	if (fd == -1)
		return err_sys(e, "VM %s: lock", id);
	/* Others write in the directory; who holds it is signalled. */
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || st.st_nlink > 1)
		return err_set(e, EPERM,
		    "VM %s: its lock is not vmd's own file", id);
	return take_fd(&fd);
}

int
vm_lock(int dirfd, const char *id, struct err *e)
{
	own_fd int fd = lock_open(dirfd, id, e);

	if (fd == -1)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return err_api(e, EBUSY, "invalid_state",
		    "VM %s: a process of it still lives", id);
	if (flock(fd, LOCK_SH | LOCK_NB) == -1)
		return err_sys(e, "VM %s: lock", id);
	return take_fd(&fd);
}

/* Nobody holds the lock, or the VM's directory is gone. */
static bool
lock_is_free(struct vm *v, bool kill_holders)
{
	own_fd int dirfd = -1, fd = -1;
	unsigned n;

	dirfd = state_vm_open(v->m, v->id, NULL);
	if (dirfd == -1)
		return true;
	fd = lock_open(dirfd, v->id, NULL);
	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (kill_holders) {
		n = process_signal_holders(fd, SIGKILL);
		log_warnx("VM %s: killed %u processes that stayed", v->id, n);
	}
	return false;
}

/* --- how processes end ---------------------------------------------------- */

static void
timer_set(struct vm *v, unsigned ms)
{
	struct timeval tv = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };

	(void)evtimer_add(v->timer, &tv);
}

void
vm_unannounce(struct vm *v)
{
	own_fd int dirfd = -1;
	struct err e;

	names_remove(v->m, v->id);
	if (v->ports == NULL)
		return;
	ports_destroy(v->ports);
	v->ports = NULL;
	dirfd = state_vm_open(v->m, v->id, NULL);
	if (dirfd != -1)
		ports_remove(dirfd);
	if (taps_route(v->m, &e) == -1)
		log_err(&e, "VM %s: its ports", v->id);
}

/* The last process has ended and the lock is free. */
static void
vm_gone(struct vm *v)
{
	struct priv_vm_id gone;

	log_debug("VM %s: no process left", v->id);
	vm_unannounce(v);
	if (v->start != NULL)
		vm_start_failed(v->start);
	/* The vmd-control after the one that asked found it in the list. */
	if (v->start == NULL || vm_start_orphaned(v->start)) {
		priv_init(PRIV_E_VM_GONE, &gone);
		(void)snprintf(gone.vm, sizeof(gone.vm), "%s", v->id);
		control_tell(v->m, PRIV_E_VM_GONE, &gone);
	}
	vms_drop(v);
}

/* A child of vmd's that was just forked holds the lock until it executes. */
static void
vm_ending(struct vm *v)
{
	v->state = VM_ENDING;
	if (v->start != NULL && vm_start_waits(v->start)) {
		timer_set(v, LOCK_POLL_MS);
		return;
	}
	if (lock_is_free(v, v->polls != 0 && v->polls % LOCK_POLLS == 0)) {
		vm_gone(v);
		return;
	}
	v->polls++;
	timer_set(v, LOCK_POLL_MS);
}

static void
vm_timer(evutil_socket_t fd, short what, void *arg)
{
	struct vm *v = arg;

	(void)fd;
	(void)what;
	if (v->state == VM_ENDING) {
		vm_ending(v);
		return;
	}
	log_warnx("VM %s: devices outlive the VMM, killed", v->id);
	vm_kill(v, true);
}

static void
proc_kill(struct proc *p, int signo)
{
	/* A child keeps its number until it is reaped. */
	if (p->pid == 0)
		return;
	if (p->handle != -1)
		(void)process_signal(p->handle, signo);
	else
		(void)kill(p->pid, signo);
}

/*
 * Servers of shares do not watch their lifelines: without a VMM that ever
 * connected they would wait for one for ever.
 */
static void
dismiss_shares(struct vm *v)
{
	for (unsigned i = 0; i < v->nprocs; i++)
		if (strncmp(v->procs[i].name, "fs", 2) == 0) {
			v->procs[i].dismissed = true;
			proc_kill(&v->procs[i], SIGKILL);
		}
}

static void
proc_ended(struct proc *p, bool known, int status)
{
	struct vm *v = p->vm;
	struct priv_ended ended;

	if (p->dismissed)
		status = 0;
	if (WIFSIGNALED(status))
		log_info("VM %s: %s (pid %d) died of signal %d", v->id,
		    p->name, (int)p->pid, WTERMSIG(status));
	else
		log_debug("VM %s: %s (pid %d) ended, status %d", v->id,
		    p->name, (int)p->pid, WEXITSTATUS(status));
	priv_init(PRIV_E_ENDED, &ended);
	(void)snprintf(ended.vm, sizeof(ended.vm), "%s", v->id);
	(void)snprintf(ended.name, sizeof(ended.name), "%s", p->name);
	ended.pid = (uint32_t)p->pid;
	ended.known = known;
	ended.status = (uint32_t)status;
	p->pid = 0;
	v->nalive--;
	if (v->start != NULL)
		vm_start_ended(v->start, p->name, status);
	else
		control_tell(v->m, PRIV_E_ENDED, &ended);
	if (v->nalive == 0)
		vm_ending(v);
	else if (strcmp(p->name, "vmm") == 0 && v->start == NULL) {
		dismiss_shares(v);
		timer_set(v, VM_DEVICE_GRACE_MS);
	}
}

static void
child_ended(void *arg, pid_t pid, int status)
{
	(void)pid;
	proc_ended(arg, true, status);
}

static void
handle_ready(evutil_socket_t fd, short what, void *arg)
{
	struct proc *p = arg;

	(void)fd;
	(void)what;
	event_free(p->ev);
	p->ev = NULL;
	(void)close(p->handle);
	p->handle = -1;
	proc_ended(p, false, 0);
}

void
vm_child(struct vm *v, unsigned i, const char *name, pid_t pid)
{
	struct proc *p = &v->procs[i];

	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	p->pid = pid;
	v->nalive++;
	children_watch(pid, child_ended, p);
}

void
vm_kill(struct vm *v, bool hard)
{
	for (unsigned i = 0; i < v->nprocs; i++) {
		if (v->procs[i].pid == 0)
			continue;
		proc_kill(&v->procs[i], hard ? SIGKILL : SIGTERM);
		if (!hard)
			break;
	}
}

static void
undo_start(void *arg, struct vm *v)
{
	(void)arg;
	if (v->start != NULL)
		vm_start_undo(v->start);
}

void
vms_undo_starts(struct monitor *m)
{
	vms_each(m, undo_start, NULL);
}

/* --- found at the start --------------------------------------------------- */

int
vm_adopt_process(struct vm *v, unsigned i, const char *name, pid_t pid,
    int handle)
{
	struct proc *p = &v->procs[i];

	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	p->pid = pid;
	p->handle = handle;
	v->nalive++;
	p->ev = event_new(v->m->base, handle, EV_READ, handle_ready, p);
	return p->ev == NULL ? -1 : event_add(p->ev, NULL);
}

void
vm_adopted(struct vm *v)
{
	v->state = v->nalive > 0 ? VM_LIVING : VM_ENDING;
	if (v->nalive == 0)
		timer_set(v, LOCK_POLL_MS);
	else if (strcmp(v->procs[0].name, "vmm") != 0)
		timer_set(v, VM_DEVICE_GRACE_MS);
}

bool
vm_lock_is_free(struct vm *v)
{
	return lock_is_free(v, false);
}
