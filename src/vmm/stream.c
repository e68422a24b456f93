/* SPDX-License-Identifier: ISC */
/* stream.c - where a console or serial port goes; see stream.h */

#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "chapi/console.h"
#include "chapi/vm_config.h"
#include "os/os.h"
#include "vmm/stream.h"
#include "vmm/terminal.h"

struct stream {
	struct console	*console;	/* one of them */
	struct terminal	*terminal;
};

/* fd is taken. */
static int
attach(struct stream *s, int fd, const struct stream_setup *setup,
    struct err *e)
{
	const struct vm_stream *c = setup->config;
	const struct console_setup console = { .loop = setup->loop,
	    .guest = fd, .path = c->socket, .file = c->file };
	const struct terminal_setup terminal = { .loop = setup->loop,
	    .guest = fd, .leave = setup->leave,
	    .send_break = setup->send_break, .arg = setup->arg };

	if (c->mode == VM_STREAM_TTY)
		return terminal_new(&s->terminal, &terminal, e);
	return console_new(&s->console, &console, e);
}

int
stream_new(struct stream **ret, int *guest, const struct stream_setup *setup,
    struct err *e)
{
	OWN(stream_destroy) struct stream *s = NULL;
	own_fd int theirs = -1;
	int pair[2];

	*guest = -1;
	*ret = NULL;
	if (setup->config->mode == VM_STREAM_OFF)
		return 0;
	s = calloc(1, sizeof(*s));
	if (s == NULL || os_socketpair_now(SOCK_STREAM, pair) == -1)
		return err_sys(e, "console");
	theirs = pair[1];
	if (setup->config->mode == VM_STREAM_NULL) {
		(void)close(pair[0]);
		*guest = take_fd(&theirs);
		return 0;
	}
	if (attach(s, pair[0], setup, e) == -1)
		return -1;
	*guest = take_fd(&theirs);
	*ret = take(&s);
	return 0;
}

void
stream_destroy(struct stream *s)
{
	if (s == NULL)
		return;
	console_destroy(s->console);
	terminal_destroy(s->terminal);
	free(s);
}

void
stream_drain(struct stream *s)
{
	if (s == NULL)
		return;
	if (s->console != NULL)
		console_drain(s->console);
	if (s->terminal != NULL)
		terminal_drain(s->terminal);
}
