/* SPDX-License-Identifier: ISC */
/*
 * double-control.c - vmd-control for the tests of vmd
 *
 * Started by vmd in the place of vmd-control.  Listens on the API socket and
 * does what a line says, so that a shell can ask what vmd-control asks:
 *
 *	make VM | open VM | remove VM | list | kill VM | term VM
 *	start VM HYPERVISOR [disk=PATH[:ro]]... [net=HOST:GUEST] [vsock=CID]
 *	job KIND [REF] [in=PATH]	waits for it and says what it wrote
 *	put VM NAME TEXT		a file in the VM's directory
 *	events				what vmd told since it was asked last
 *	setup TEXT			is TEXT in what vmd said at the start?
 *	garbage | early | exit | hang	misbehave
 *
 * and answers "ok ..." or "error CODE TEXT".
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"
#include "priv/client.h"

#define LINE_LEN	4096
#define WORDS		32

static struct event_base	*base;
static struct priv_client	*client;
static struct priv_setup	 setup;
static struct buf		 events;

/* One who asks at a time; -1 when nobody does. */
struct session {
	int	fd;
	char	line[LINE_LEN];
	char	list[LINE_LEN];
	int	out;			/* of a job */
	uint32_t job;
};

__attribute__((format(printf, 2, 3)))
static void
say(struct session *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vdprintf(s->fd, fmt, ap);
	va_end(ap);
	(void)close(s->fd);
	free(s);
}

static void
say_err(struct session *s, const struct err *e)
{
	say(s, "error %s %s\n", e->code == NULL ? "-" : e->code, e->text);
}

static void
on_done(void *arg, const struct err *e)
{
	if (e != NULL)
		say_err(arg, e);
	else
		say(arg, "ok\n");
}

static void
on_fd(void *arg, int fd, const struct err *e)
{
	struct stat st;

	if (e != NULL) {
		say_err(arg, e);
		return;
	}
	if (fstat(fd, &st) == -1)
		abort();
	say(arg, "ok size %lld uid %u mode %o\n", (long long)st.st_size,
	    (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
	(void)close(fd);
}

static void
on_vm(void *arg, const struct priv_vm *v, bool more, const struct err *e)
{
	struct session *s = arg;
	size_t n;

	if (e != NULL) {
		say_err(s, e);
		return;
	}
	n = strlen(s->list);
	if (v != NULL) {
		n += (size_t)snprintf(s->list + n, sizeof(s->list) - n,
		    " %s/%u", v->vm, (unsigned)v->uid);
		for (unsigned i = 0; i < v->nprocs && n < sizeof(s->list); i++)
			n += (size_t)snprintf(s->list + n,
			    sizeof(s->list) - n, " %s=%u", v->procs[i].name,
			    (unsigned)v->procs[i].pid);
	}
	if (!more)
		say(s, "ok%s\n", s->list);
}

static struct session	*job_session;

static void
on_job(void *arg, struct priv_job_started *j, const struct err *e)
{
	struct session *s = arg;

	if (e != NULL) {
		say_err(s, e);
		return;
	}
	s->out = take_fd(&j->out);
	s->job = j->job;
	job_session = s;
}

static void
on_job_ended(void *arg, uint32_t job, int status)
{
	struct session *s = job_session;
	char text[LINE_LEN];
	ssize_t n;

	(void)arg;
	if (s == NULL || s->job != job)
		return;
	job_session = NULL;
	n = read_full(s->out, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	(void)close(s->out);
	say(s, "ok status %d\n%s", WEXITSTATUS(status), text);
}

static void
on_ended(void *arg, const struct priv_ended *m)
{
	(void)arg;
	(void)buf_printf(&events, "%s/%s:%s ", m->vm, m->name, !m->known ? "?" :
	    WIFSIGNALED(m->status) ? "killed" : "exited");
}

static void
on_gone(void *arg, const char *vm)
{
	(void)arg;
	(void)buf_printf(&events, "%s:gone ", vm);
}

static void
on_reload(void *arg)
{
	(void)arg;
	(void)buf_puts(&events, "reload ");
}

static void
on_closed(void *arg, const struct err *why)
{
	(void)arg;
	(void)why;
	exit(0);
}

/* --- lines ------------------------------------------------------------- */

static void
start_word(struct priv_start *m, char *word, int dir)
{
	struct priv_blk *b;
	struct priv_net *n;
	char *colon;

	(void)dir;
	if (strncmp(word, "disk=", 5) == 0) {
		b = &m->blk[m->nblk++];
		colon = strchr(word, ':');
		b->readonly = colon != NULL;
		if (colon != NULL)
			*colon = '\0';
		b->fd = open(word + 5, (b->readonly ? O_RDONLY : O_RDWR) |
		    O_CLOEXEC);
	} else if (strncmp(word, "net=", 4) == 0) {
		n = &m->net[m->nnet++];
		memcpy(n->mac, "\x02\0\0\0\0\x01", 6);
		n->nports = 1;
		n->ports[0].host = (uint16_t)atoi(word + 4);
		n->ports[0].guest = 80;
		(void)snprintf(n->ports[0].addr, sizeof(n->ports[0].addr),
		    "127.0.0.1");
	} else if (strncmp(word, "vsock=", 6) == 0) {
		m->vsock = true;
		m->cid = (uint32_t)atoi(word + 6);
	}
}

static void
do_start(struct session *s, char **words, unsigned n)
{
	static struct priv_start m;
	const char *const hv[] = { "qemu", "null", "vmm", "cloud" };

	priv_init(PRIV_VM_START, &m);
	(void)snprintf(m.vm, sizeof(m.vm), "%s", words[1]);
	for (uint8_t i = 0; n > 2 && i < COUNT(hv); i++)
		if (strcmp(words[2], hv[i]) == 0)
			m.hypervisor = i;
	m.accel = PRIV_ACCEL_TCG;
	for (unsigned i = 3; i < n; i++)
		start_word(&m, words[i], -1);
	priv_vm_start(client, &m, on_vm, s);
}

static void
do_job(struct session *s, char **words, unsigned n)
{
	static struct priv_job m;
	const char *const kinds[] = { "pull", "import", "unpack", "list",
	    "inspect", "remove", "prune", "mkfs", "probe", "copy",
	    "gunzip", "sync" };

	priv_init(PRIV_JOB_START, &m);
	for (uint8_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(words[1], kinds[i]) == 0)
			m.kind = i;
	for (unsigned i = 2; i < n; i++)
		if (strncmp(words[i], "in=", 3) == 0)
			m.in = open(words[i] + 3, O_RDWR | O_CLOEXEC);
		else if (strncmp(words[i], "to=", 3) == 0)
			m.to = open(words[i] + 3, O_RDWR | O_CLOEXEC);
		else
			(void)snprintf(m.ref, sizeof(m.ref), "%s", words[i]);
	priv_job_start(client, &m, on_job, s);
}

/* A file in a VM's directory, as vmd-control puts the initrd there. */
static void
on_put(void *arg, int fd, const struct err *e)
{
	struct session *s = arg;
	char *words[WORDS], *save = NULL;
	int file;

	if (e != NULL) {
		say_err(s, e);
		return;
	}
	words[0] = strtok_r(s->line, " ", &save);
	for (int i = 1; i < 4; i++)
		words[i] = strtok_r(NULL, " ", &save);
	file = openat(fd, words[2], O_WRONLY | O_CREAT | O_TRUNC, 0640);
	(void)close(fd);
	if (file == -1 || write(file, words[3], strlen(words[3])) == -1) {
		say(s, "error - %s\n", strerror(errno));
		return;
	}
	(void)close(file);
	say(s, "ok\n");
}

static void
do_garbage(void)
{
	char noise[64];

	memset(noise, 0xfe, sizeof(noise));
	(void)!write(4, noise, sizeof(noise));
}

static void
do_events(struct session *s)
{
	say(s, "ok %s\n", events.len > 0 ? (char *)events.data : "");
	buf_fini(&events);
}

static void
ask(struct session *s, char **words, unsigned n)
{
	if (strcmp(words[0], "list") == 0)
		priv_vm_list(client, on_vm, s);
	else if (strcmp(words[0], "events") == 0)
		do_events(s);
	else if (strcmp(words[0], "exit") == 0)
		exit(3);
	else if (strcmp(words[0], "garbage") == 0)
		do_garbage();
	else if (strcmp(words[0], "early") == 0)
		priv_setup(client, NULL, NULL);
	else if (strcmp(words[0], "hang") == 0)
		(void)pause();
	else if (n < 2)
		say(s, "error - what?\n");
	else if (strcmp(words[0], "make") == 0)
		priv_dir_make(client, words[1], on_fd, s);
	else if (strcmp(words[0], "open") == 0)
		priv_dir_open(client, words[1], on_fd, s);
	else if (strcmp(words[0], "remove") == 0)
		priv_dir_remove(client, words[1], on_done, s);
	else if (strcmp(words[0], "start") == 0)
		do_start(s, words, n);
	else if (strcmp(words[0], "kill") == 0)
		priv_vm_kill(client, words[1], true, on_done, s);
	else if (strcmp(words[0], "term") == 0)
		priv_vm_kill(client, words[1], false, on_done, s);
	else if (strcmp(words[0], "job") == 0)
		do_job(s, words, n);
	else if (strcmp(words[0], "setup") == 0)
		say(s, strcmp(words[1], setup.hypervisor) == 0 ||
		    strcmp(words[1], setup.secret) == 0 ||
		    strcmp(words[1], setup.state) == 0 ||
		    atoi(words[1]) == (int)setup.cpu_percent ? "ok\n" :
		    "error - no\n");
	else
		say(s, "error - what?\n");
}

static void
on_client(evutil_socket_t listener, short what, void *arg)
{
	struct session *s = calloc(1, sizeof(*s));
	char copy[LINE_LEN], *words[WORDS], *save = NULL;
	unsigned n = 0;
	ssize_t len;

	(void)what;
	(void)arg;
	if (s == NULL)
		abort();
	s->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	len = s->fd == -1 ? 0 : read(s->fd, s->line, sizeof(s->line) - 1);
	s->line[len > 0 ? len : 0] = '\0';
	s->line[strcspn(s->line, "\n")] = '\0';
	memcpy(copy, s->line, sizeof(copy));
	for (char *p = strtok_r(copy, " ", &save); p != NULL && n < WORDS;
	    p = strtok_r(NULL, " ", &save))
		words[n++] = p;
	if (n == 0)
		say(s, "error - nothing\n");
	else if (strcmp(words[0], "put") == 0 && n == 4)
		priv_dir_open(client, words[1], on_put, s);
	else
		ask(s, words, n);
}

static void
on_setup(void *arg, struct priv_setup *got, const struct err *e)
{
	struct event *ev;

	(void)arg;
	if (e != NULL)
		fatalx("%s", e->text);
	setup = *got;
	got->api = -1;
	/* Something to fail with, when a test wants it. */
	if (access("refuse", F_OK) == 0) {
		(void)dprintf(3, "error the test wants no start\n");
		exit(1);
	}
	if (access("die", F_OK) == 0)
		abort();
	(void)fd_nonblock(setup.api, 1);
	ev = event_new(base, setup.api, EV_READ | EV_PERSIST, on_client, NULL);
	if (ev == NULL || event_add(ev, NULL) == -1)
		abort();
	(void)dprintf(3, "ok\n");
	(void)close(3);
}

int
main(void)
{
	static const struct priv_events told = { on_ended, on_gone,
	    on_job_ended, on_reload, on_closed };
	struct err e;

	log_init("double", LOG_STYLE_PLAIN, 1);
	buf_init(&events, 65536);
	base = event_base_new();
	if (base == NULL || priv_client_new(&client, base, 4, &told, NULL,
	    &e) == -1)
		fatalx("no channel");
	priv_setup(client, on_setup, NULL);
	(void)event_base_dispatch(base);
	return 0;
}
