/* SPDX-License-Identifier: ISC */
/* exit.c - exit.json, the last word of a VMM about its VM; see exit.h */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chapi/exit.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/util.h"

#define FILE_NAME	"exit.json"
#define FILE_LEN_MAX	4096	/* bytes */

static const char *const words[] = {
	[VM_EXIT_POWERED_OFF]		= "powered_off",
	[VM_EXIT_SHUT_DOWN]		= "shut_down",
	[VM_EXIT_GUEST_PANICKED]	= "guest_panicked",
	[VM_EXIT_DEVICE_DIED]		= "device_died",
	[VM_EXIT_HYPERVISOR_DIED]	= "hypervisor_died",
	[VM_EXIT_RESTARTED]		= "restarted_too_quickly",
};

const char *
vm_exit_word(enum vm_exit_code code)
{
	return words[code];
}

int
vm_exit_write(int dirfd, const struct vm_exit *x, struct err *e)
{
	own_json json_t *v = json_pack("{s:s, s:s}", "code", words[x->code],
	    "reason", x->reason);
	own_mem char *text = v != NULL ? json_print(v) : NULL;

	if (text == NULL)
		return err_set(e, EINVAL, FILE_NAME ": reason is no text");
	return file_replace(dirfd, FILE_NAME, text, strlen(text), 0640, e);
}

static int
exit_parse(struct vm_exit *ret, const struct buf *b, struct err *e)
{
	own_json json_t *v = NULL;
	const char *code, *reason = "";
	size_t i;

	if (json_parse(&v, b->data, b->len, e) == -1 ||
	    json_get_str(&reason, v, "reason", VM_EXIT_REASON_MAX - 1,
	    e) == -1)
		return -1;
	if (json_get_str(&code, v, "code", VM_EXIT_REASON_MAX, e) != 1)
		return err_set(e, EINVAL, "no code");
	for (i = 0; i < COUNT(words); i++)
		if (strcmp(words[i], code) == 0)
			break;
	if (i == COUNT(words))
		return err_set(e, EINVAL, "unknown code");
	ret->code = (enum vm_exit_code)i;
	(void)snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
	return 0;
}

int
vm_exit_read(struct vm_exit *ret, int dirfd, struct err *e)
{
	struct buf b;
	int r;

	buf_init(&b, FILE_LEN_MAX);
	r = file_read(&b, dirfd, FILE_NAME, e);
	if (r != -1 && (r = exit_parse(ret, &b, e)) == -1)
		(void)err_prefix(e, FILE_NAME);
	buf_fini(&b);
	return r == -1 ? -1 : 0;
}

int
vm_exit_clear(int dirfd, struct err *e)
{
	if (unlinkat(dirfd, FILE_NAME, 0) == -1 && errno != ENOENT)
		return err_sys(e, "remove old " FILE_NAME);
	return 0;
}
