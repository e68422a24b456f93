/* SPDX-License-Identifier: ISC */
/* template.c - empty file systems, made once a size; see template.h */

#include <sys/queue.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/control.h"
#include "control/jobs.h"
#include "control/template.h"
#include "lib/own.h"
#include "os/os.h"

struct waiter {
	TAILQ_ENTRY(waiter)	 entry;
	template_fn		*fn;
	void			*arg;
};

/* One that is being made. */
struct template {
	TAILQ_ENTRY(template)	 entry;
	struct control		*control;
	uint64_t		 bytes;
	TAILQ_HEAD(, waiter)	 waiters;
};

static void
path_of(char path[64], uint64_t bytes, const char *suffix)
{
	(void)snprintf(path, 64, "templates/ext4-%" PRIu64 "%s", bytes,
	    suffix);
}

/* Drop all when there are too many: they come back when wanted. */
static void
thin_out(const struct control *ctl)
{
	own_fd int fd = openat(ctl->state, "templates",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *d;
	unsigned n = 0;
	DIR *dir;

	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL)
		return;
	fd = -1;
	while (readdir(dir) != NULL)
		n++;
	rewinddir(dir);
	while (n > TEMPLATES_MAX + 2 && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	(void)closedir(dir);
}

static void
finish(struct template *t, const struct err *e)
{
	struct waiter *w;

	TAILQ_REMOVE(&t->control->templates, t, entry);
	while ((w = TAILQ_FIRST(&t->waiters)) != NULL) {
		TAILQ_REMOVE(&t->waiters, w, entry);
		w->fn(w->arg, e);
		free(w);
	}
	free(t);
}

static void
on_done(void *arg, const json_t *last, const struct err *why)
{
	struct template *t = arg;
	char new[64], path[64];
	struct err e;

	(void)last;
	path_of(new, t->bytes, ".new");
	path_of(path, t->bytes, "");
	if (why != NULL) {
		e = *why;
		(void)err_prefix(&e, "make an empty file system");
		(void)unlinkat(t->control->state, new, 0);
		finish(t, &e);
	} else if (renameat(t->control->state, new, t->control->state,
	    path) == -1) {
		(void)err_sys(&e, "rename %s", new);
		finish(t, &e);
	} else {
		finish(t, NULL);
	}
}

static int
begin(struct template *t, struct err *e)
{
	static const struct job_ops ops = { .done = on_done };
	struct control *ctl = t->control;
	struct priv_job job;
	char path[64];

	thin_out(ctl);
	if (mkdirat(ctl->state, "templates", 0750) == -1 && errno != EEXIST)
		return err_sys(e, "make templates");
	path_of(path, t->bytes, ".new");
	(void)unlinkat(ctl->state, path, 0);
	priv_init(PRIV_JOB_START, &job);
	job.kind = PRIV_JOB_MKFS;
	job.in = openat(ctl->state, path, O_RDWR | O_CREAT | O_EXCL |
	    O_CLOEXEC | O_NOFOLLOW, 0640);
	if (job.in == -1)
		return err_sys(e, "create %s", path);
	if (ftruncate(job.in, (off_t)t->bytes) == -1) {
		(void)err_sys(e, "make %s %" PRIu64 " bytes long", path,
		    t->bytes);
		priv_close(PRIV_JOB_START, &job);
		return -1;
	}
	return job_start(ctl, &job, &ops, t, e) == NULL ? -1 : 0;
}

static struct template *
find(struct control *ctl, uint64_t bytes)
{
	struct template *t;

	TAILQ_FOREACH(t, &ctl->templates, entry)
		if (t->bytes == bytes)
			return t;
	return NULL;
}

void
template_want(struct control *ctl, uint64_t bytes, template_fn *fn, void *arg)
{
	struct template *t = find(ctl, bytes);
	struct waiter *w;
	char path[64];
	struct err e;

	path_of(path, bytes, "");
	if (t == NULL && faccessat(ctl->state, path, R_OK, 0) == 0) {
		fn(arg, NULL);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (t == NULL && w != NULL && (t = calloc(1, sizeof(*t))) != NULL) {
		t->control = ctl;
		t->bytes = bytes;
		TAILQ_INIT(&t->waiters);
		TAILQ_INSERT_TAIL(&ctl->templates, t, entry);
		if (begin(t, &e) == -1) {
			finish(t, &e);
			free(w);
			fn(arg, &e);
			return;
		}
	}
	if (t == NULL || w == NULL) {
		(void)err_sys(&e, "file system");
		free(w);
		fn(arg, &e);
		return;
	}
	w->fn = fn;
	w->arg = arg;
	TAILQ_INSERT_TAIL(&t->waiters, w, entry);
}

void
template_forget(struct control *ctl, const void *arg)
{
	struct template *t;
	struct waiter *w, *next;

	TAILQ_FOREACH(t, &ctl->templates, entry) {
		for (w = TAILQ_FIRST(&t->waiters); w != NULL; w = next) {
			next = TAILQ_NEXT(w, entry);
			if (w->arg == arg) {
				TAILQ_REMOVE(&t->waiters, w, entry);
				free(w);
			}
		}
	}
}

int
template_copy(const struct control *ctl, uint64_t bytes, int dirfd,
    const char *name, struct err *e)
{
	const struct os_name file = { dirfd, name, 0660 };
	own_fd int from = -1, to = -1;
	char path[64];

	path_of(path, bytes, "");
	from = openat(ctl->state, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from == -1)
		return err_sys(e, "open %s", path);
	to = os_copy_new(from, &file, e);
	return to == -1 ? -1 : 0;
}
