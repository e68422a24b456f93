/* SPDX-License-Identifier: ISC */
/*
 * wire.c - the line behind a serial port: a stream; see wire.h
 *
 * Sending.  Bytes gather in 'out'.  The first of them sets an alarm, and
 * the main thread writes all that is there when it rings; a vCPU's thread
 * writes only when OUT_BURST bytes wait.  While OUT_MAX wait (the reader has
 * stopped) the transmitter is busy, and what is sent nevertheless is lost,
 * as on a wire.
 *
 * Receiving.  'in' is filled by the main thread when the stream becomes
 * readable, which is told by edges, and by the guest's own read of the byte
 * that makes room: so no thread has to tell the other to watch the stream.
 *
 * Process: vmm.  Sandbox: read(2) and write(2) of descriptors it holds.
 * Needs: a stream.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/event.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/dev/wire.h"

#define OUT_MAX		16384		/* bytes that wait to be written */
#define OUT_BURST	4096
#define OUT_DELAY_MS	4		/* well below what a person sees */

struct wire {
	struct wire_setup setup;
	int		 stream;
	int		 alarm;
	struct event_watch talk;	/* on stream */
	struct event_watch ring;	/* on alarm */

	/* Under the board's lock. */
	bool		 armed;		/* the alarm */
	bool		 gone;		/* nobody is at the other end */
	bool		 rest;		/* the stream may have more input */
	uint8_t		 in[WIRE_IN_MAX];
	unsigned	 in_len;
	uint8_t		 out[OUT_MAX];
	unsigned	 out_len;
};

/* --- sending ------------------------------------------------------------ */

bool
wire_room(const struct wire *w)
{
	return w->out_len < OUT_MAX;
}

bool
wire_flush(struct wire *w)
{
	bool was_full = !wire_room(w);
	ssize_t n;

	if (w->out_len == 0)
		return false;
	do
		n = write(w->stream, w->out, w->out_len);
	while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN)
		return false;
	if (n == -1) {			/* send into the void from now on */
		w->gone = true;
		n = w->out_len;
	}
	w->out_len -= (unsigned)n;
	memmove(w->out, w->out + n, w->out_len);
	return was_full;
}

void
wire_send(struct wire *w, uint8_t byte)
{
	if (!wire_room(w))
		return;			/* lost, see above */
	if (!w->gone)
		w->out[w->out_len++] = byte;
	if (w->out_len > 0 && w->out_len % OUT_BURST == 0)
		(void)wire_flush(w);
	if (w->out_len > 0 && !w->armed) {
		w->armed = true;
		os_alarm_set(w->alarm, OUT_DELAY_MS);
	}
}

static void
ring_cb(void *arg, unsigned what)
{
	struct wire *w = arg;

	(void)what;
	board_lock(w->setup.board);
	os_alarm_clear(w->alarm);
	w->armed = false;
	w->setup.changed(w->setup.arg, wire_flush(w));
	board_unlock(w->setup.board);
}

/* --- receiving ---------------------------------------------------------- */

/* Take in what there is room for. */
static void
fill(struct wire *w)
{
	ssize_t n;

	w->rest = false;
	while (w->in_len < WIRE_IN_MAX) {
		n = read(w->stream, w->in + w->in_len,
		    WIRE_IN_MAX - w->in_len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)		/* later, or never more */
			return;
		w->in_len += (unsigned)n;
	}
	w->rest = true;
}

static void
ready_cb(void *arg, unsigned what)
{
	struct wire *w = arg;
	bool room = false;

	board_lock(w->setup.board);
	if (what & EVENT_READ)
		fill(w);
	/* What is on its way to a burst need not be cut in two. */
	if ((what & EVENT_WRITE) && (!w->armed || !wire_room(w)))
		room = wire_flush(w);
	w->setup.changed(w->setup.arg, room);
	board_unlock(w->setup.board);
}

unsigned
wire_waiting(const struct wire *w)
{
	return w->in_len;
}

uint8_t
wire_receive(struct wire *w)
{
	uint8_t byte;

	if (w->in_len == 0)
		return 0;
	byte = w->in[0];
	memmove(w->in, w->in + 1, --w->in_len);
	if (w->in_len == 0 && w->rest)
		fill(w);
	return byte;
}

void
wire_loop(struct wire *w, uint8_t byte)
{
	if (w->in_len < WIRE_IN_MAX)
		w->in[w->in_len++] = byte;
}

void
wire_drop(struct wire *w)
{
	w->in_len = 0;
	if (w->rest)
		fill(w);
}

/* --- life --------------------------------------------------------------- */

static int
watch(struct wire *w, struct err *e)
{
	struct event_loop *loop = w->setup.board->loop;

	event_watch_init(&w->talk, loop, w->stream, ready_cb, w);
	event_watch_init(&w->ring, loop, w->alarm, ring_cb, w);
	if (event_watch_set(&w->talk, EVENT_READ | EVENT_WRITE |
	    EVENT_EDGE) == -1 || event_watch_set(&w->ring, EVENT_READ) == -1)
		return err_sys(e, "serial port: its stream cannot be watched");
	return 0;
}

int
wire_new(struct wire **ret, const struct wire_setup *s, int stream,
    struct err *e)
{
	own_fd int fd = stream;
	OWN(wire_destroy) struct wire *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return err_sys(e, "serial port");
	w->setup = *s;
	w->stream = take_fd(&fd);
	w->alarm = os_alarm(e);
	if (w->alarm == -1)
		return -1;
	if (fd_nonblock(w->stream, 1) == -1)
		return err_sys(e, "serial port");
	if (watch(w, e) == -1)
		return -1;
	*ret = take(&w);
	return 0;
}

void
wire_destroy(struct wire *w)
{
	if (w == NULL)
		return;
	(void)wire_flush(w);
	event_watch_fini(&w->talk);
	event_watch_fini(&w->ring);
	if (w->alarm != -1)
		(void)close(w->alarm);
	(void)close(w->stream);
	free(w);
}

/* --- state -------------------------------------------------------------- */

int
wire_save(struct wire *w, json_t *o, struct err *e)
{
	own_json json_t *in = json_array();

	(void)wire_flush(w);
	for (unsigned i = 0; i < w->in_len; i++)
		if (json_array_append_new(in, json_integer(w->in[i])) == -1)
			return err_set(e, ENOMEM, "in: out of memory");
	if (json_object_set(o, "in", in) == -1)
		return err_set(e, ENOMEM, "in: out of memory");
	return 0;
}

int
wire_load(struct wire *w, const json_t *o, struct err *e)
{
	json_t *in = NULL;
	json_int_t byte;

	if (json_get_arr(&in, o, "in", WIRE_IN_MAX, e) == -1)
		return -1;
	w->in_len = (unsigned)json_array_size(in);
	for (unsigned i = 0; i < w->in_len; i++) {
		byte = json_integer_value(json_array_get(in, i));
		if (byte < 0 || byte > UINT8_MAX)
			return err_set(e, EINVAL, "in: not a byte");
		w->in[i] = (uint8_t)byte;
	}
	return 0;
}
