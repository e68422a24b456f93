/* SPDX-License-Identifier: ISC */
/* note.c - what happened to a VM, for whoever reads its logs */

#include <sys/stat.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/control.h"
#include "control/lifecycle.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/own.h"

#define NOTES_MAX	1048576	/* bytes of control.log, then it is rotated */

void
vm_note(const struct vm *vm, const char *fmt, ...)
{
	own_json json_t *now = time_json(time_ms());
	own_fd int fd = -1;
	char text[512];
	struct stat st;
	va_list ap;
	int len;

	if (vm->dir == -1)
		return;
	len = snprintf(text, sizeof(text), "%s ", json_string_value(now));
	va_start(ap, fmt);
	(void)vsnprintf(text + len, sizeof(text) - (size_t)len - 1, fmt, ap);
	va_end(ap);
	(void)strcat(text, "\n");
	if (fstatat(vm->dir, "control.log", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_size > NOTES_MAX)
		(void)renameat(vm->dir, "control.log", vm->dir,
		    "control.log.1");
	fd = openat(vm->dir, "control.log", O_WRONLY | O_APPEND | O_CREAT |
	    O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	/* Nothing depends on a note. */
	if (fd != -1)
		(void)write_full(fd, text, strlen(text));
}
