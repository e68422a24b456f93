/* SPDX-License-Identifier: ISC */
/*
 * send.c - a VM into a pipe, while its guest runs; see send.h
 *
 * Pages are written from where they are.  One that changes meanwhile is in
 * the log, and comes again.
 *
 * Process: vmm's main thread.  Sandbox: a pipe.  Needs: writev.
 */

#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapi/migration.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/event.h"
#include "vmm/board.h"
#include "vmm/machine.h"
#include "vmm/memory.h"
#include "vmm/memory_file.h"
#include "vmm/send.h"

#define PAGE		MIGRATION_PAGE
#define RUN_MAX		64U		/* pages of a record */
#define TURN_MAX	1024U		/* pages that are looked at in a turn */

_Static_assert(RUN_MAX * PAGE <= MIGRATION_PIECE_MAX, "a record's maximum");

enum step {
	ROUNDS,		/* the guest runs, unless it was paused before */
	LAST,		/* it stands: what is left */
	CONFIG,
	STATE,
	OVER,
};

struct send {
	struct send_setup	 setup;
	struct event_watch	 writable;
	const struct memory	*memory;
	enum step		 step;
	uint64_t		*unsent;	/* pages, a bit each */
	uint64_t		 npages;
	uint64_t		 at;		/* the next to look at */
	char			*config;	/* once the guest stands */
	char			*state;

	/* The record that is being written. */
	uint8_t			 head[MIGRATION_HEAD_LEN];
	const void		*body;
	uint64_t		 body_len;
	uint64_t		 out;		/* bytes of both that are out */

	struct send_counts	 counts;
};

/* --- pages --------------------------------------------------------------- */

static bool
is_unsent(const struct send *s, uint64_t page)
{
	return (s->unsent[page / 64] & 1ULL << page % 64) != 0;
}

static uint64_t
count(const struct send *s)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < s->npages / 64; i++)
		n += (unsigned)__builtin_popcountll(s->unsent[i]);
	return n;
}

/* Go to the next page that is to be sent; false: there is none. */
static bool
seek(struct send *s)
{
	while (s->at < s->npages && !is_unsent(s, s->at))
		s->at += s->unsent[s->at / 64] >> s->at % 64 == 0 ?
		    64 - s->at % 64 : 1;
	return s->at < s->npages;
}

static bool
is_zero(const struct send *s, uint64_t page)
{
	const uint8_t *p = memory_offset(s->memory, page * PAGE);

	return p[0] == 0 && memcmp(p, p + 1, PAGE - 1) == 0;
}

/* --- records ------------------------------------------------------------- */

static void
begin_record(struct send *s, enum migration_type type, uint64_t place,
    const void *body, uint64_t len)
{
	migration_head(s->head, type, place, len);
	s->body = body;
	s->body_len = body == NULL ? 0 : len;
	s->out = 0;
}

/* 1: the record is out.  0: the pipe is full. */
static int
write_record(struct send *s, struct err *e)
{
	uint64_t total = sizeof(s->head) + s->body_len;
	struct iovec iov[2];
	uint64_t at;
	ssize_t n;

	while (s->out < total) {
		at = MIN(s->out, sizeof(s->head));
		iov[0].iov_base = s->head + at;
		iov[0].iov_len = sizeof(s->head) - (size_t)at;
		at = s->out - at;
		iov[1].iov_base = (uint8_t *)(uintptr_t)s->body + at;
		iov[1].iov_len = (size_t)(s->body_len - at);
		n = writev(s->setup.fd, iov, 2);
		if (n == -1 && errno == EAGAIN)
			return 0;
		if (n == -1 && errno != EINTR)
			return err_sys(e, "send");
		if (n > 0)
			s->out += (uint64_t)n;
	}
	return 1;
}

/* The next run of pages of one kind, of which there is one. */
static void
send_run(struct send *s, unsigned *budget)
{
	uint64_t first = s->at, n = 1;
	bool zero = is_zero(s, first);

	while (n < RUN_MAX && first + n < s->npages &&
	    is_unsent(s, first + n) && is_zero(s, first + n) == zero)
		n++;
	for (uint64_t i = first; i < first + n; i++)
		s->unsent[i / 64] &= ~(1ULL << i % 64);
	s->at = first + n;
	*budget -= MIN(*budget, (unsigned)n);
	/* What was never said of a page is that it is zeroes. */
	if (zero && s->counts.rounds == 0)
		return;
	begin_record(s, zero ? MIGRATION_ZERO : MIGRATION_MEMORY, first * PAGE,
	    zero ? NULL : memory_offset(s->memory, first * PAGE), n * PAGE);
	if (!zero && s->step == ROUNDS)
		s->counts.pages += n;
}

/* --- rounds -------------------------------------------------------------- */

static int
print(char **ret, json_t *v, size_t max, const char *what, struct err *e)
{
	*ret = v == NULL ? NULL : json_print(v);
	json_decref(v);
	if (*ret == NULL)
		return err_set(e, ENOMEM, "%s: out of memory", what);
	if (strlen(*ret) > max)
		return err_set(e, E2BIG, "%s: more than %zu bytes", what, max);
	return 0;
}

/* What is written until it stands belongs to the last round. */
static int
stop(struct send *s, struct err *e)
{
	json_t *config = NULL, *state = NULL;
	int r;

	if (s->setup.stop(s->setup.arg, &config, &state, e) == -1)
		return -1;
	r = print(&s->config, config, MIGRATION_CONFIG_MAX, "config", e);
	if (print(&s->state, state, MIGRATION_STATE_MAX, "state", e) == -1 ||
	    r == -1)
		return -1;
	if (s->setup.running &&
	    machine_written(s->setup.machine, s->unsent, e) == -1)
		return -1;
	s->step = LAST;
	return 0;
}

/* All pages of a round are out. */
static int
next_round(struct send *s, struct err *e)
{
	s->at = 0;
	if (s->step == LAST) {
		s->step = CONFIG;
		return 0;
	}
	s->counts.rounds++;
	if (machine_written(s->setup.machine, s->unsent, e) == -1)
		return -1;
	if (count(s) > SEND_LAST_MAX && s->counts.rounds < SEND_ROUNDS_MAX)
		return 0;
	if (stop(s, e) == -1)
		return -1;
	s->counts.last = count(s);
	return 0;
}

/* The last record is out; begin the next, or whatever comes before it. */
static int
go_on(struct send *s, unsigned *budget, struct err *e)
{
	switch (s->step) {
	case ROUNDS:
	case LAST:
		if (!seek(s))
			return next_round(s, e);
		send_run(s, budget);
		break;
	case CONFIG:
		begin_record(s, MIGRATION_CONFIG, 0, s->config,
		    strlen(s->config));
		s->step = STATE;
		break;
	case STATE:
		begin_record(s, MIGRATION_STATE, 0, s->state,
		    strlen(s->state));
		s->step = OVER;
		break;
	case OVER:
		break;
	}
	return 0;
}

/* 1: all is written.  0: there is more, later. */
static int
turn(struct send *s, struct err *e)
{
	unsigned budget = TURN_MAX;
	int r;

	while ((r = write_record(s, e)) == 1) {
		if (s->step == OVER)
			return 1;
		if (budget == 0)
			return 0;
		if (go_on(s, &budget, e) == -1)
			return -1;
	}
	return r;
}

static void
on_writable(void *arg, unsigned what)
{
	struct send *s = arg;
	struct err e;
	int r;

	(void)what;
	r = turn(s, &e);
	if (r == 0)
		return;
	event_watch_fini(&s->writable);
	s->setup.done(s->setup.arg, r == -1 ? &e : NULL);
}

/* --- life ---------------------------------------------------------------- */

/*
 * The log first: what is written while pages are counted is in it.  Where
 * there is none nothing writes any more: a paused guest's devices have
 * stopped, too.
 */
static int
begin(struct send *s, struct err *e)
{
	bool running = s->setup.running;

	if ((running ? machine_log(s->setup.machine, true, e) :
	    stop(s, e)) == -1)
		return -1;
	memory_file_pages(s->memory, s->unsent);
	s->counts.last = running ? 0 : count(s);
	/* As if a record without bytes had been written. */
	s->out = sizeof(s->head);
	if (event_watch_set(&s->writable, EVENT_WRITE) == -1)
		return err_sys(e, "send");
	return 0;
}

int
send_new(struct send **ret, const struct send_setup *setup, struct err *e)
{
	OWN(send_destroy) struct send *s = calloc(1, sizeof(*s));
	own_fd int fd = setup->fd;

	if (s == NULL)
		return err_sys(e, "send");
	s->setup = *setup;
	s->setup.fd = take_fd(&fd);
	event_watch_init(&s->writable, setup->loop, s->setup.fd, on_writable,
	    s);
	s->memory = machine_board(setup->machine)->memory;
	s->npages = memory_bytes(s->memory) / PAGE;
	s->unsent = calloc(s->npages / 64, sizeof(*s->unsent));
	if (s->unsent == NULL)
		return err_sys(e, "send");
	if (begin(s, e) == -1)
		return -1;
	*ret = take(&s);
	return 0;
}

void
send_destroy(struct send *s)
{
	if (s == NULL)
		return;
	event_watch_fini(&s->writable);
	(void)machine_log(s->setup.machine, false, NULL);
	(void)close(s->setup.fd);
	free(s->unsent);
	free(s->config);
	free(s->state);
	free(s);
}

const struct send_counts *
send_counts(const struct send *s)
{
	return &s->counts;
}
