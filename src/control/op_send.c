/* SPDX-License-Identifier: ISC */
/*
 * op_send.c - a running instance to another daemon; see send.h
 *
 *	the disk, in rounds ->
 *	the VMM writes memory into send.pipe, pauses and writes the rest ->
 *	what of the disk was written since -> END -> "ready" -> recorded ->
 *	COMMIT -> "running" -> killed
 *
 * Until it is recorded the daemon that finds the VM paused lets it go on;
 * after that it stays paused until its owner decides.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "chapi/client.h"
#include "control/control.h"
#include "control/incoming.h"
#include "control/lifecycle.h"
#include "control/send.h"
#include "control/websocket.h"
#include "lib/json.h"
#include "lib/own.h"
#include "lib/util.h"
#include "priv/client.h"

#define CHUNK		65536	/* bytes of memory read at once */
#define DISK_CHUNK	262144	/* of the disk */
#define SEND_MS		86400000 /* the client is waited for, not the VMM */
#define KILLED_MS	15000	/* until a killed VM is called gone */

static void
end_pipe(struct send *s)
{
	if (s->readable != NULL)
		event_free(s->readable);
	s->readable = NULL;
	if (s->pipe != -1)
		(void)close(s->pipe);
	s->pipe = -1;
}

/* The operation is over; e NULL: it was sent, or left paused. */
static void
finish(struct send *s, const struct err *e)
{
	struct op *op = s->op;

	end_pipe(s);
	send_disk_close(&s->disk);
	(void)unlinkat(op->vm->dir, SEND_PIPE, 0);
	s->op = NULL;
	op_finish(op, e);
}

/* --- it goes on here ---------------------------------------------------- */

static void
on_thawed(struct op *op, const struct err *e)
{
	(void)e;
	finish(op->options.send, &op->err);
}

/* The first reason counts.  The VMM's answer comes first, if it is due. */
static void
fail(struct send *s, const struct err *e)
{
	struct op *op = s->op;
	struct vm *vm = op->vm;

	if (!s->failing)
		op->err = *e;
	s->failing = true;
	end_pipe(s);
	if (op->asking)
		return;
	if (vm->state == VM_PAUSED) {
		op_thaw(op, on_thawed);
		return;
	}
	vm->held = false;
	control_save(vm->control, vm);
	finish(s, &op->err);
}

/* --- it is the receiver's ----------------------------------------------- */

static void
on_not_gone(int fd, short what, void *arg)
{
	struct op *op = arg;
	struct err e;

	(void)fd;
	(void)what;
	(void)err_api(&e, ETIMEDOUT, "unavailable", "instance %s was sent but "
	    "its processes do not end", op->vm->spec.name);
	finish(op->options.send, &e);
}

static void
arrived(struct send *s)
{
	struct vm *vm = s->op->vm;

	s->arrived = true;
	vm->restarts.manual_stop = true;
	vm_cancel_restart(vm);
	(void)snprintf(vm->first_end, sizeof(vm->first_end),
	    "sent to another daemon");
	vm->first_weight = VM_WEIGHT_KNOWN;
	control_save(vm->control, vm);
	vm_note(vm, "sent");
	op_timer(s->op, KILLED_MS, on_not_gone);
	priv_vm_kill(vm->control->priv, vm->id, true, priv_ignore, NULL);
}

static void
put_record(struct send *s, enum migration_type type, uint64_t place,
    const void *data, size_t len)
{
	uint8_t head[MIGRATION_HEAD_LEN];

	migration_head(head, type, place, len);
	ws_binary(s->ws, head, sizeof(head));
	if (len > 0)
		ws_binary(s->ws, data, len);
}

static int
decide(struct send *s)
{
	struct vm *vm = s->op->vm;
	struct err e;

	vm->held = false;
	if (control_mark(vm->control, vm, true, &e) == -1) {
		vm->held = true;
		fail(s, &e);
		return -1;
	}
	vm_note(vm, "sent, and paused until the receiver runs it");
	s->phase = SEND_DECIDED;
	put_record(s, MIGRATION_COMMIT, 0, NULL, 0);
	if (s->oneway)
		ws_text(s->ws, "{\"end\":true}");
	return 0;
}

/* --- the disk ----------------------------------------------------------- */

static void
say_end(struct send *s)
{
	put_record(s, MIGRATION_END, 0, NULL, 0);
	s->phase = SEND_WAIT;
	if (s->oneway)
		(void)decide(s);
}

static void
disk_done(struct send *s)
{
	const struct send_disk *d = &s->disk;

	if (d->fd != -1)
		vm_note(s->op->vm, "its disk: %llu bytes while it ran, in %u "
		    "rounds, %llu when it stood",
		    (unsigned long long)d->ahead, d->rounds - 1,
		    (unsigned long long)d->sent);
	say_end(s);
}

static void	begin_memory(struct send *);

/* A round is over.  1: there is another, 0: none, -1. */
static int
next_round(struct send *s, struct err *e)
{
	if (s->phase == SEND_DISK || s->disk.fd == -1)
		return 0;
	s->disk.ahead += s->disk.sent;
	return send_disk_round(&s->disk, false, e);
}

static void
pump_disk(struct send *s)
{
	static uint8_t piece[DISK_CHUNK];
	uint64_t place;
	struct err e;
	ssize_t n = 1;

	while (n > 0 && ws_queued(s->ws) < WS_QUEUE_FULL) {
		n = s->disk.fd == -1 ? 0 : send_disk_read(&s->disk, piece,
		    sizeof(piece), &place, &e);
		if (n > 0)
			put_record(s, MIGRATION_DISK, place, piece,
			    (size_t)n);
		else if (n == 0)
			n = next_round(s, &e);
	}
	if (n == -1)
		fail(s, &e);
	else if (n == 0 && s->phase == SEND_AHEAD)
		begin_memory(s);
	else if (n == 0)
		disk_done(s);
}

/* --- memory ------------------------------------------------------------- */

/* The VMM has answered, and all it wrote was taken. */
static void
memory_done(struct send *s)
{
	struct err e;

	if (!s->sent || s->pipe != -1)
		return;
	if (!migration_whole(&s->reader) ||
	    !migration_seen(&s->reader, MIGRATION_CONFIG) ||
	    !migration_seen(&s->reader, MIGRATION_STATE)) {
		(void)err_api(&e, EPROTO, "unavailable",
		    "the VMM did not write all of it");
		fail(s, &e);
		return;
	}
	s->phase = SEND_DISK;
	if (s->disk.fd != -1 && send_disk_round(&s->disk, true, &e) == -1)
		fail(s, &e);
	else
		pump_disk(s);
}

static void
on_sent(void *arg, const struct chapi_answer *a)
{
	struct op *op = arg;
	struct send *s = op->options.send;
	struct vm *vm = op->vm;
	struct err e;

	op->asking = false;
	if (a->err == NULL) {
		s->sent = true;
		vm_set_state(vm, VM_PAUSED);
	}
	if (s->failing) {
		fail(s, &op->err);
	} else if (a->err != NULL) {
		e = *a->err;
		e.code = "unavailable";
		(void)err_prefix(&e, "send %s", vm->spec.name);
		fail(s, &e);
	} else {
		memory_done(s);
	}
}

static void
on_pipe(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t bytes[CHUNK];
	struct send *s = arg;
	struct err e;
	ssize_t n;

	(void)what;
	n = read(fd, bytes, sizeof(bytes));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == -1) {
		(void)err_sys(&e, SEND_PIPE);
		fail(s, &e);
	} else if (n == 0) {
		end_pipe(s);
		memory_done(s);
	} else if (migration_read(&s->reader, bytes, (size_t)n, &e) == -1) {
		(void)err_prefix(&e, "the VMM's");
		fail(s, &e);
	} else {
		ws_binary(s->ws, bytes, (size_t)n);
		if (ws_queued(s->ws) >= WS_QUEUE_FULL)
			(void)event_del(s->readable);
	}
}

static int
open_pipe(struct send *s, struct err *e)
{
	struct vm *vm = s->op->vm;

	(void)unlinkat(vm->dir, SEND_PIPE, 0);
	/* The VM's user writes; who may is the directory's matter. */
	if (mkfifoat(vm->dir, SEND_PIPE, 0600) == -1 ||
	    fchmodat(vm->dir, SEND_PIPE, 0666, 0) == -1)
		return err_sys(e, "make %s", SEND_PIPE);
	s->pipe = openat(vm->dir, SEND_PIPE,
	    O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (s->pipe == -1)
		return err_sys(e, "open %s", SEND_PIPE);
	s->readable = event_new(vm->control->base, s->pipe,
	    EV_READ | EV_PERSIST, on_pipe, s);
	if (s->readable == NULL || event_add(s->readable, NULL) == -1)
		return err_set(e, ENOMEM, "out of memory");
	migration_reader_init(&s->reader, true);
	s->reader.memory = vm->spec.memory;
	return 0;
}

/* --- the beginning ------------------------------------------------------ */

static int
put_header(struct send *s, struct err *e)
{
	own_json json_t *header = NULL;
	own_mem char *text = NULL;

	if (incoming_header(&header, s->op->vm, s->disk.len, s->oneway,
	    e) == -1)
		return -1;
	text = json_print(header);
	if (text == NULL)
		return err_set(e, ENOMEM, "out of memory");
	if (strlen(text) > MIGRATION_HEADER_MAX)
		return err_set(e, E2BIG, "its description is too long");
	ws_binary(s->ws, MIGRATION_MAGIC, MIGRATION_MAGIC_LEN);
	put_record(s, MIGRATION_HEADER, 0, text, strlen(text));
	return 0;
}

static int
check(const struct vm *vm, struct err *e)
{
	if (op_holds_all(vm, e) == -1 || op_can_snapshot(vm, e) == -1)
		return -1;
	if (vm->spec.nvolumes != 0)
		return err_api(e, ENOTSUP, "not_supported", "instance %s has "
		    "the volume at %s, which is not sent", vm->spec.name,
		    vm->spec.volumes[0].path);
	if (vm->spec.nifs != 0 || spec_has_files(&vm->spec))
		return err_api(e, ENOTSUP, "not_supported", "instance %s has "
		    "files or interfaces of this host, which are not sent",
		    vm->spec.name);
	return 0;
}

static void
begin_memory(struct send *s)
{
	own_json json_t *body = json_pack("{s:s}", "destination_url",
	    "file:" SEND_PIPE);
	struct err e;

	s->phase = SEND_MEMORY;
	if (open_pipe(s, &e) == -1)
		fail(s, &e);
	else
		op_ask(s->op, "vm.send-migration", body, SEND_MS, on_sent);
}

/* Of a VM that has one. */
static int
begin_disk(struct send *s, struct err *e)
{
	return vm_is_null(s->op->vm) ? 0 :
	    send_disk_open(&s->disk, s->op->vm->dir, e);
}

static void
send_begin(struct op *op)
{
	struct send *s = op->options.send;
	struct vm *vm = op->vm;
	struct err e;

	if (vm->state != VM_RUNNING || s->ws == NULL) {
		op_refuse(op);
		return;
	}
	s->op = op;
	s->pipe = -1;
	send_disk_init(&s->disk);
	buf_init(&s->heard, MIGRATION_WORD_MAX);
	if (check(vm, &e) == -1 || begin_disk(s, &e) == -1 ||
	    put_header(s, &e) == -1) {
		finish(s, &e);
		return;
	}
	vm->held = true;
	if (control_mark(vm->control, vm, false, &e) == -1) {
		vm->held = false;
		finish(s, &e);
		return;
	}
	vm_note(vm, "send was asked for");
	s->phase = SEND_AHEAD;
	if (next_round(s, &e) == -1)
		fail(s, &e);
	else
		pump_disk(s);
}

static void
send_gone(struct op *op)
{
	struct send *s = op->options.send;
	struct err e;

	op->vm->held = false;
	if (s->arrived) {
		finish(s, NULL);
		return;
	}
	(void)err_api(&e, ESRCH, "invalid_state", "instance %s ended: %s",
	    op->vm->spec.name, op->vm->exit_reason);
	finish(s, &e);
}

const struct op_class op_send = { "send", send_begin, send_gone };

/* --- what the client tells ---------------------------------------------- */

void
op_send_drained(struct send *s)
{
	if (s->failing)
		return;
	if (s->readable != NULL)
		(void)event_add(s->readable, NULL);
	else if (s->phase == SEND_AHEAD || s->phase == SEND_DISK)
		pump_disk(s);
}

/* -1: it was the last that counts; the operation may be over. */
static int
word(struct send *s, const char *w)
{
	struct err e;

	if (s->arrived || s->failing)
		return -1;
	if (strcmp(w, "ready") == 0 && s->phase == SEND_WAIT)
		return decide(s);
	if (strcmp(w, "running") == 0 && s->phase == SEND_DECIDED) {
		arrived(s);
	} else if (strncmp(w, "failed ", 7) == 0) {
		(void)err_api(&e, EIO, "unavailable", "the receiver: %s",
		    w + 7);
		fail(s, &e);
	} else if (s->phase != SEND_DECIDED) {
		(void)err_api(&e, EPROTO, "unavailable", "the receiver says "
		    "\"%.64s\": is it vmctl receive?", w);
		fail(s, &e);
	}
	return -1;
}

void
op_send_heard(struct send *s, const void *data, size_t len)
{
	char line[MIGRATION_WORD_MAX + 1];
	const char *p = data;
	size_t n;

	for (; len > 0; p++, len--) {
		n = s->heard.len;
		if (*p != '\n' && n < MIGRATION_WORD_MAX - 1) {
			(void)buf_put(&s->heard, p, 1);
			continue;
		}
		memcpy(line, s->heard.data == NULL ? (const void *)"" :
		    s->heard.data, n);
		line[n] = '\0';
		buf_reset(&s->heard);
		if (word(s, line) == -1)
			return;
	}
}

void
op_send_written(struct send *s, const char *failure)
{
	struct err e;

	if (s->arrived || s->failing)
		return;
	if (failure != NULL) {
		/* COMMIT cannot have got through. */
		(void)err_api(&e, EPIPE, "unavailable", "%s", failure);
		fail(s, &e);
	} else if (s->oneway && s->phase == SEND_DECIDED) {
		finish(s, NULL);
	}
}

void
op_send_eof(struct send *s)
{
	struct err e;

	if (s->arrived || s->failing)
		return;
	if (s->phase == SEND_DECIDED) {
		(void)err_api(&e, EPIPE, "unavailable", "nobody said whether "
		    "it runs there");
		vm_note(s->op->vm, "%s: it stays paused", e.text);
		finish(s, &e);
		return;
	}
	(void)err_api(&e, EPIPE, "unavailable", s->ws == NULL ?
	    "the client went away" : "the receiver went away");
	fail(s, &e);
}
