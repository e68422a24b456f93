/* SPDX-License-Identifier: ISC */
/* jobs.c - short-lived programs for vmd-control; see jobs.h */

#include <sys/queue.h>
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
#include "lib/util.h"
#include "os/os.h"
#include "os/paths.h"
#include "priv/client.h"
#include "vmd/children.h"
#include "vmd/conf.h"
#include "vmd/file.h"
#include "vmd/files.h"
#include "vmd/jobs.h"
#include "vmd/spawn.h"
#include "vmd/vm_words.h"

struct job {
	LIST_ENTRY(job)	 next;
	struct monitor	*m;
	uint32_t	 number;
	pid_t		 pid;
	int		 files;		/* of vm.conf, to be kept; or -1 */
	struct event	*timer;		/* SIGKILL after SIGTERM */
};

struct jobs {
	LIST_HEAD(, job) list;
	unsigned	 n;
	uint32_t	 last;		/* number given away */
};

/* --- command lines -------------------------------------------------------- */

/* The descriptors a job may be given beside its report; -1 is none. */
struct job_files {
	int	auth;			/* the user's registry credentials */
	int	kvm;			/* /dev/kvm */
	int	conf;			/* vm.conf */
	int	files;			/* what it names is written here */
	const struct options *o;
};

static void
words_platform(struct spawn *s, const struct priv_job *j)
{
	if (j->platform[0] == '\0')
		return;
	spawn_arg(s, "-p");
	spawn_arg(s, "%s", j->platform);
}

static void
words_pull(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	if (j->insecure)
		spawn_arg(s, "-i");
	words_platform(s, j);
	if (f->auth != -1) {
		spawn_arg(s, "-A");
		spawn_arg(s, "%d", spawn_fd(s, f->auth));
	}
	spawn_arg(s, "--");
	spawn_arg(s, "%s", j->ref);
}

static void
words_import(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)f;
	words_platform(s, j);
	if (j->ref[0] != '\0') {
		spawn_arg(s, "-n");
		spawn_arg(s, "%s", j->ref);
	}
	s->in = j->in;
}

static void
words_image(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)f;
	words_platform(s, j);
	spawn_arg(s, "--");
	spawn_arg(s, "%s", j->ref);
}

static void
words_none(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)s;
	(void)j;
	(void)f;
}

static void
words_prune(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)f;
	if (j->all)
		spawn_arg(s, "-a");
	for (unsigned i = 0; i < j->nkeep; i++) {
		spawn_arg(s, "-k");
		spawn_arg(s, "%s", j->keep[i]);
	}
}

/* No lazy initialization: the guest should not spend its time on it. */
static void
words_mkfs(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)f;
	spawn_arg(s, "-q");
	spawn_arg(s, "-F");
	spawn_arg(s, "-t");
	spawn_arg(s, "ext4");
	spawn_arg(s, "-m");
	spawn_arg(s, "0");
	spawn_arg(s, "-E");
	spawn_arg(s, "lazy_itable_init=1,lazy_journal_init=1,nodiscard");
	spawn_arg(s, "%s/%d", os_paths.fds, spawn_fd(s, j->in));
}

static void
words_copy(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)f;
	spawn_arg(s, "-f");
	spawn_arg(s, "%d", spawn_fd(s, j->in));
	spawn_arg(s, "-t");
	spawn_arg(s, "%d", spawn_fd(s, j->to));
}

static void
words_gunzip(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)f;
	spawn_arg(s, "-dc");
	s->in = j->in;
	s->out = j->to;
	s->out_max = PRIV_GUNZIP_MAX;
}

static void
words_sync(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)f;
	spawn_arg(s, "-f");
	spawn_arg(s, "%d", spawn_fd(s, j->in));
}

static void
words_probe(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)j;
	if (f->kvm == -1)
		return;
	spawn_arg(s, "-k");
	spawn_arg(s, "%d", spawn_fd(s, f->kvm));
}

static void
words_conf(struct spawn *s, const struct priv_job *j, struct job_files *f)
{
	(void)j;
	conf_words(s, f->o);
	spawn_arg(s, "-r");
	spawn_arg(s, "%d", SPAWN_REPORT);
	spawn_arg(s, "-g");
	spawn_arg(s, "%d", spawn_fd(s, f->files));
	spawn_arg(s, "-i");
	spawn_arg(s, "%d", spawn_fd(s, f->conf));
	spawn_arg(s, "--");
	spawn_arg(s, "%s", f->o->conf);
}

#define NEEDS_REF	1
#define NEEDS_IN	2
#define NEEDS_TO	4

/* Ours, by name. */
static const char *const vmd_image[] = { "vmd-image", NULL };
static const char *const vmd_conf[] = { "vmd-conf", NULL };

static const struct kind {
	const char *const *places;	/* of the program */
	const char	*word;		/* its first word, or NULL */
	unsigned	 needs;
	void		(*words)(struct spawn *, const struct priv_job *,
			    struct job_files *);
} kinds[PRIV_JOBS] = {
	[PRIV_JOB_PULL]	   = { vmd_image, "pull", NEEDS_REF, words_pull },
	[PRIV_JOB_IMPORT]  = { vmd_image, "import", NEEDS_IN, words_import },
	[PRIV_JOB_UNPACK]  = { vmd_image, "unpack", NEEDS_REF, words_image },
	[PRIV_JOB_LIST]	   = { vmd_image, "list", 0, words_none },
	[PRIV_JOB_INSPECT] = { vmd_image, "inspect", NEEDS_REF, words_image },
	[PRIV_JOB_REMOVE]  = { vmd_image, "remove", NEEDS_REF, words_image },
	[PRIV_JOB_PRUNE]   = { vmd_image, "prune", 0, words_prune },
	[PRIV_JOB_MKFS]	   = { os_paths.mke2fs, NULL, NEEDS_IN, words_mkfs },
	/* The program is the VMM's, see job_program(). */
	[PRIV_JOB_PROBE]   = { NULL, "-P", NEEDS_REF, words_probe },
	[PRIV_JOB_COPY]	   = { vmd_image, "copy", NEEDS_IN | NEEDS_TO,
	    words_copy },
	[PRIV_JOB_GUNZIP]  = { os_paths.gzip, NULL, NEEDS_IN | NEEDS_TO,
	    words_gunzip },
	[PRIV_JOB_SYNC]	   = { vmd_image, "sync", NEEDS_IN, words_sync },
	[PRIV_JOB_CONF]	   = { vmd_conf, NULL, 0, words_conf },
};

/* NULL: no such hypervisor, or a program that the host lacks. */
static const char *
job_program(const struct priv_job *j)
{
	const char *const *places = kinds[j->kind].places;
	int hv;

	if (places != NULL)
		return places[0][0] == '/' ? os_program(places) : places[0];
	hv = vm_words_by_name(j->ref);
	return hv == -1 || hv == PRIV_HV_NULL ? NULL :
	    vm_words_vmm((uint8_t)hv);
}

/* Words of a request that become words of a command line. */
static int
job_check(const struct priv_job *j, struct err *e)
{
	const struct kind *k = &kinds[j->kind];

	if (((k->needs & NEEDS_REF) && j->ref[0] == '\0') ||
	    ((k->needs & NEEDS_IN) && j->in == -1) ||
	    ((k->needs & NEEDS_TO) && j->to == -1))
		return err_api(e, EINVAL, "bad_request",
		    "a job without its image or file");
	if (j->ref[0] == '-' || j->platform[0] == '-')
		return err_api(e, EINVAL, "bad_request",
		    "%s is no image", j->ref);
	if (job_program(j) != NULL)
		return 0;
	if (k->places != NULL)
		return err_api(e, ENOENT, "dependency_missing",
		    "%s is not installed", k->places[0]);
	return err_api(e, ENOTSUP, "not_supported",
	    "hypervisor %s is not part of this vmd", j->ref);
}

/* --- life ----------------------------------------------------------------- */

int
jobs_init(struct monitor *m, struct err *e)
{
	m->jobs = calloc(1, sizeof(*m->jobs));
	return m->jobs == NULL ? err_sys(e, "jobs") : 0;
}

static void
job_destroy(struct job *j)
{
	if (j->timer != NULL)
		event_free(j->timer);
	if (j->files != -1)
		(void)close(j->files);
	free(j);
}

void
jobs_fini(struct monitor *m)
{
	struct job *j;

	if (m->jobs == NULL)
		return;
	while ((j = LIST_FIRST(&m->jobs->list)) != NULL) {
		LIST_REMOVE(j, next);
		children_forget(j->pid);
		job_destroy(j);
	}
	free(m->jobs);
	m->jobs = NULL;
}

static void
job_ended(void *arg, pid_t pid, int status)
{
	struct job *j = arg;
	struct priv_job_ended ended = { .job = j->number,
	    .status = (uint32_t)status };
	struct err e;

	(void)pid;
	/* Before vmd-control hears of the end and starts VMs. */
	if (j->files != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	    files_keep(j->m, j->files, &e) == -1)
		log_err(&e, "vm.conf");
	if (j->files != -1)
		control_own_socket(j->m);
	LIST_REMOVE(j, next);
	j->m->jobs->n--;
	control_tell(j->m, PRIV_E_JOB_ENDED, &ended);
	job_destroy(j);
}

/* Its helpers are in its process group. */
static void
job_timer(evutil_socket_t fd, short what, void *arg)
{
	struct job *j = arg;

	(void)fd;
	(void)what;
	(void)kill(-j->pid, SIGKILL);
}

static void
job_end(struct job *j)
{
	struct timeval tv = { JOB_GRACE_MS / 1000, 0 };

	(void)kill(-j->pid, SIGTERM);
	(void)evtimer_add(j->timer, &tv);
}

void
jobs_end(struct monitor *m)
{
	struct job *j;

	LIST_FOREACH(j, &m->jobs->list, next)
		job_end(j);
}

void
jobs_kill(struct monitor *m, uint32_t number)
{
	struct job *j;

	LIST_FOREACH(j, &m->jobs->list, next)
		if (j->number == number)
			job_end(j);
}

/*
 * Who pulls: the other end of a connection to the API's socket.  One by TCP
 * has no user; where all is one user's it is his.
 */
static int
auth_user(struct user *u, const struct monitor *m, const struct priv_job *j)
{
	struct os_peer peer;

	if (j->client != -1 && os_peer(&peer, j->client, NULL) == 0)
		return user_by_uid(u, peer.uid, NULL);
	return m->separate ? -1 : user_by_uid(u, geteuid(), NULL);
}

/* ~/.docker/config.json of the user who pulls, read as that user. */
static int
auth_open(const struct monitor *m, const struct priv_job *j)
{
	char path[USER_HOME_MAX + 32];
	struct user u;

	if (j->kind != PRIV_JOB_PULL || auth_user(&u, m, j) == -1 ||
	    u.home[0] != '/')
		return -1;
	(void)snprintf(path, sizeof(path), "%s/.docker/config.json", u.home);
	return file_copy(path, &u, NULL);
}

static int
kvm_open(const struct priv_job *j)
{
	if (j->kind != PRIV_JOB_PROBE ||
	    !vm_words_takes_kvm((uint8_t)vm_words_by_name(j->ref)))
		return -1;
	return file_kvm();
}

static pid_t
job_spawn(struct job *job, const struct priv_job *j, int report,
    struct err *e)
{
	const struct kind *k = &kinds[j->kind];
	const char *program = job_program(j);
	struct monitor *m = job->m;
	own_fd int auth = auth_open(m, j), kvm = kvm_open(j);
	own_fd int conf = -1;
	struct job_files files = { .auth = auth, .kvm = kvm, .conf = -1,
	    .files = -1, .o = m->o };
	OWN(spawn_destroy) struct spawn *s = NULL;
	char path[PRIV_PATH_MAX + 32];

	if (j->kind == PRIV_JOB_CONF) {
		conf = files.conf = conf_open(m->o, e);
		job->files = files.files = conf == -1 ? -1 : files_new(e);
		if (files.files == -1)
			return -1;
	}
	(void)snprintf(path, sizeof(path), "%s%s%s",
	    program[0] == '/' ? "" : m->o->libexec,
	    program[0] == '/' ? "" : "/", program);
	s = spawn_new(path, e);
	if (s == NULL)
		return -1;
	(void)spawn_fd(s, report);
	if (strcmp(program, "vmd-image") == 0) {
		spawn_arg(s, "-r");
		spawn_arg(s, "%d", SPAWN_REPORT);
	}
	if (k->word != NULL)
		spawn_arg(s, "%s", k->word);
	k->words(s, j, &files);
	s->dir = m->images_fd;
	s->user = m->separate ? &m->user : NULL;
	s->mask = m->separate ? 027 : 077;
	s->dies_with_us = true;
	s->json = true;
	return spawn_run(s, e);
}

static int
job_new(struct job **ret, struct monitor *m, struct err *e)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return err_sys(e, "job");
	j->m = m;
	j->files = -1;
	j->timer = evtimer_new(m->base, job_timer, j);
	if (j->timer == NULL) {
		job_destroy(j);
		return err_set(e, ENOMEM, "no memory for a job");
	}
	*ret = j;
	return 0;
}

int
jobs_start(struct monitor *m, const struct priv_job *r, struct asker asker,
    struct err *e)
{
	own_fd int in = -1, out = -1;
	struct priv_job_started answer;
	struct job *j = NULL;
	int p[2];

	if (job_check(r, e) == -1)
		return -1;
	if (m->jobs->n >= PRIV_JOBS_LIVE_MAX)
		return err_api(e, EAGAIN, "busy", "%d jobs run already",
		    PRIV_JOBS_LIVE_MAX);
	if (os_pipe(p) == -1)
		return err_sys(e, "job");
	out = p[0];
	in = p[1];
	if (job_new(&j, m, e) == -1)
		return -1;
	j->pid = job_spawn(j, r, in, e);
	if (j->pid == -1) {
		job_destroy(j);
		return -1;
	}
	j->number = ++m->jobs->last;
	LIST_INSERT_HEAD(&m->jobs->list, j, next);
	m->jobs->n++;
	children_watch(j->pid, job_ended, j);
	answer = (struct priv_job_started){ .job = j->number,
	    .pid = (uint32_t)j->pid, .out = take_fd(&out) };
	control_answer(m, asker, PRIV_A_JOB, &answer);
	return 0;
}
