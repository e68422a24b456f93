/* SPDX-License-Identifier: ISC */
/* exit_info.c - how a VM ended, from what it left behind; see lifecycle.h */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chapi/exit.h"
#include "control/lifecycle.h"
#include "lib/own.h"

#define CONSOLE_TAIL	8192	/* bytes of console.log that are looked at */

/* Text that a guest wrote: nothing but printable ASCII gets through. */
static void
copy_clean(char to[VM_REASON_MAX], const char *from, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < VM_REASON_MAX - 1; i++)
		if (from[i] >= ' ' && from[i] <= '~')
			to[n++] = from[i];
	to[n] = '\0';
}

static int
parse_line(struct exit_info *x, const char *s, size_t len)
{
	static const char begin[] = "vmd: exit code=";
	const char *end = s + len, *p;
	unsigned code = 0;

	if (len < sizeof(begin) || memcmp(s, begin, sizeof(begin) - 1) != 0)
		return -1;
	for (p = s + sizeof(begin) - 1; p < end && *p >= '0' && *p <= '9' &&
	    code <= 255; p++)
		code = code * 10 + (unsigned)(*p - '0');
	if (p == s + sizeof(begin) - 1 || code > 255)
		return -1;
	x->has_code = true;
	x->code = (int)code;
	x->message[0] = '\0';
	p = memmem(p, (size_t)(end - p), " message=", 9);
	if (p != NULL)
		copy_clean(x->message, p + 9, (size_t)(end - p - 9));
	return 0;
}

void
exit_info_console(struct exit_info *x, const char *text, size_t len)
{
	size_t end = len, at;

	/* Line by line from the end: the last one that fits counts. */
	while (end > 0) {
		at = end;
		while (at > 0 && text[at - 1] != '\n' && text[at - 1] != '\r')
			at--;
		if (parse_line(x, text + at, end - at) == 0)
			return;
		end = at > 0 ? at - 1 : 0;
	}
}

static void
read_console(struct exit_info *x, int dir)
{
	own_fd int fd = -1;
	char text[CONSOLE_TAIL];
	off_t size;
	ssize_t n;

	fd = openat(dir, "console.log",
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1 || (size = lseek(fd, 0, SEEK_END)) == -1)
		return;
	n = pread(fd, text, sizeof(text), size > CONSOLE_TAIL ?
	    size - CONSOLE_TAIL : 0);
	if (n > 0)
		exit_info_console(x, text, (size_t)n);
}

void
exit_info_read(struct exit_info *x, int dir)
{
	struct vm_exit last;

	memset(x, 0, sizeof(*x));
	if (dir == -1)
		return;
	if (vm_exit_read(&last, dir, NULL) == 0)
		copy_clean(x->reason, last.reason, strlen(last.reason));
	else
		last.code = VM_EXIT_HYPERVISOR_DIED;
	x->powered_off = last.code == VM_EXIT_POWERED_OFF;
	read_console(x, dir);
}
