/* SPDX-License-Identifier: ISC */
/* requests.c - the closed list; see requests.h */

#include <errno.h>
#include <stdlib.h>

#include "lib/log.h"
#include "lib/own.h"
#include "vmd/files.h"
#include "vmd/jobs.h"
#include "vmd/requests.h"
#include "vmd/shares.h"
#include "vmd/state.h"
#include "vmd/vm_retry.h"
#include "vmd/vms.h"

union body {
	struct priv_vm_id	vm;
	struct priv_shares	shares;
	struct priv_files	files;
	struct priv_file_open	file_open;
	struct priv_start	start;
	struct priv_kill	kill;
	struct priv_job		job;
	struct priv_job_id	job_id;
	struct priv_verbose	verbose;
};

/* Each: 0, and it has answered or will; -1, and the err is the answer. */

static int
do_setup(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	(void)b;
	(void)e;
	control_setup(m, a);
	return 0;
}

static int
do_serving(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	(void)b;
	(void)e;
	control_serving(m, a);
	return 0;
}

static int
answer_fd(struct monitor *m, struct asker a, int fd)
{
	struct priv_fd answer = { .fd = fd };

	if (fd == -1)
		return -1;
	control_answer(m, a, PRIV_A_FD, &answer);
	return 0;
}

static int
do_dir_make(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	return answer_fd(m, a, state_vm_make(m, b->vm.vm, e));
}

static int
do_dir_open(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	return answer_fd(m, a, state_vm_open(m, b->vm.vm, e));
}

static int
do_dir_remove(struct monitor *m, union body *b, struct asker a,
    struct err *e)
{
	if (vms_find(m, b->vm.vm) != NULL)
		return err_api(e, EBUSY, "invalid_state",
		    "VM %s: a process of it still lives", b->vm.vm);
	if (state_vm_remove(m, b->vm.vm, e) == -1)
		return -1;
	control_answer(m, a, PRIV_A_DONE, NULL);
	return 0;
}

static int
do_shares(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	if (shares_record(m, &b->shares, e) == -1)
		return -1;
	control_answer(m, a, PRIV_A_DONE, NULL);
	return 0;
}

static int
do_files(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	if (files_record(m, &b->files, e) == -1)
		return -1;
	control_answer(m, a, PRIV_A_DONE, NULL);
	return 0;
}

static int
do_file_open(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	return answer_fd(m, a, files_open(m, &b->file_open, e));
}

static int
do_vm_start(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	return vm_retry_start(m, &b->start, a, e);
}

static int
do_vm_kill(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	struct vm *v = vms_find(m, b->kill.vm);

	(void)e;
	if (v != NULL)
		vm_kill(v, b->kill.hard);
	control_answer(m, a, PRIV_A_DONE, NULL);
	return 0;
}

struct listing {
	struct monitor	*m;
	struct asker	 asker;
};

static void
list_one(void *arg, struct vm *v)
{
	struct listing *l = arg;
	struct priv_vm answer;

	vm_describe(&answer, v);
	control_answer(l->m, l->asker, PRIV_A_VM, &answer);
}

static int
do_vm_list(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	struct listing l = { m, a };

	(void)b;
	(void)e;
	vms_each(m, list_one, &l);
	control_answer(m, a, PRIV_A_DONE, NULL);
	return 0;
}

static int
do_job_start(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	return jobs_start(m, &b->job, a, e);
}

static int
do_job_kill(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	(void)e;
	jobs_kill(m, b->job_id.job);
	control_answer(m, a, PRIV_A_DONE, NULL);
	return 0;
}

static int
do_verbose(struct monitor *m, union body *b, struct asker a, struct err *e)
{
	(void)e;
	log_verbose((int)(b->verbose.verbose > 0));
	control_answer(m, a, PRIV_A_DONE, NULL);
	return 0;
}

#define STARTING	(1U << CONTROL_STARTING)
#define SERVING		(1U << CONTROL_SERVING)

static const struct request {
	unsigned	 when;		/* states of vmd-control */
	int		(*does)(struct monitor *, union body *, struct asker,
			    struct err *);
} requests[PRIV_REQUESTS] = {
	[PRIV_SETUP]	  = { STARTING,			do_setup },
	[PRIV_SERVING]	  = { STARTING | SERVING,	do_serving },
	[PRIV_DIR_MAKE]	  = { STARTING | SERVING,	do_dir_make },
	[PRIV_DIR_OPEN]	  = { STARTING | SERVING,	do_dir_open },
	[PRIV_DIR_REMOVE] = { STARTING | SERVING,	do_dir_remove },
	[PRIV_SHARES]	  = { STARTING | SERVING,	do_shares },
	[PRIV_FILES]	  = { STARTING | SERVING,	do_files },
	[PRIV_FILE_OPEN]  = { STARTING | SERVING,	do_file_open },
	[PRIV_VM_START]	  = { STARTING | SERVING,	do_vm_start },
	[PRIV_VM_KILL]	  = { STARTING | SERVING,	do_vm_kill },
	[PRIV_VM_LIST]	  = { STARTING | SERVING,	do_vm_list },
	[PRIV_JOB_START]  = { STARTING | SERVING,	do_job_start },
	[PRIV_JOB_KILL]	  = { STARTING | SERVING,	do_job_kill },
	[PRIV_VERBOSE]	  = { STARTING | SERVING,	do_verbose },
};

static int
request_do(struct monitor *m, struct chan_msg *msg, union body *b,
    unsigned generation, struct err *e)
{
	struct asker a = { generation, msg->id };
	struct err why;

	if (priv_decode(b, msg->type, msg->body, msg->len, msg->fds,
	    msg->nfds, e) == -1)
		return -1;
	for (unsigned i = 0; i < msg->nfds; i++)
		msg->fds[i] = -1;
	log_debug("asked: %s", priv_type_name(msg->type));
	if (requests[msg->type].does(m, b, a, &why) == -1)
		control_refuse(m, a, &why);
	priv_close(msg->type, b);
	return 0;
}

int
requests_take(struct monitor *m, enum control_state state,
    unsigned generation, struct chan_msg *msg, struct err *e)
{
	union body *b;
	int r;

	/* Told to end: what it still asks has no one to serve. */
	if (state == CONTROL_ENDING)
		return 0;
	if (msg->type >= PRIV_REQUESTS || msg->id == 0 ||
	    (requests[msg->type].when & 1U << state) == 0)
		return err_set(e, EPROTO, "it may not ask %s now",
		    priv_type_name(msg->type));
	b = malloc(sizeof(*b));
	if (b == NULL)
		return err_sys(e, "request");
	r = request_do(m, msg, b, generation, e);
	free(b);
	return r;
}
