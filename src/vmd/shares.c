/* SPDX-License-Identifier: ISC */
/* shares.c - which directories of the host a VM has; see shares.h */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/num.h"
#include "lib/own.h"
#include "priv/file_record.h"
#include "vmd/record.h"
#include "vmd/shares.h"
#include "vmd/state.h"

#define FILE_NAME	"shares"
#define FILE_MAX	(PRIV_SHARE_MAX * (PRIV_PATH_MAX + 8) + 256)

/* --- writing -------------------------------------------------------------- */

/* A connection of the API over TCP has an end, but no user at it. */
static int
asking_user(uid_t *ret, int client, struct err *e)
{
	uid_t uid = (uid_t)-1;

	if (record_peer(&uid, client) == -1)
		return err_api(e, EPERM, "not_supported", "a directory of the "
		    "host is shared with the rights of a user of this host: "
		    "ask on the API's unix socket");
	if (geteuid() != 0 && uid != geteuid())
		return err_api(e, EPERM, "not_supported", "this vmd is user "
		    "%u's and shares directories for nobody else",
		    (unsigned)geteuid());
	*ret = uid;
	return 0;
}

static int
record_text(struct buf *b, const struct priv_shares *r, uid_t uid)
{
	if (buf_printf(b, "vm %s\nuid %u\n", r->vm, (unsigned)uid) == -1)
		return -1;
	for (unsigned i = 0; i < r->nshares; i++)
		if (buf_printf(b, "%s %s\n", r->share[i].readonly ? "ro" :
		    "rw", r->share[i].path) == -1)
			return -1;
	return 0;
}

int
shares_record(struct monitor *m, const struct priv_shares *r, struct err *e)
{
	own_fd int dirfd = -1;
	struct buf b;
	uid_t uid = (uid_t)-1;
	int ret;

	if (!priv_id_valid(r->vm) || r->nshares == 0)
		return err_api(e, EINVAL, "bad_request", "no VM, or no share");
	for (unsigned i = 0; i < r->nshares; i++)
		if (!file_record_path_valid(r->share[i].path))
			return err_api(e, EINVAL, "bad_request", "share %u: "
			    "not the path of a directory", i);
	if (asking_user(&uid, r->client, e) == -1)
		return -1;
	dirfd = state_vm_open(m, r->vm, e);
	if (dirfd == -1)
		return -1;
	buf_init(&b, FILE_MAX);
	if (record_text(&b, r, uid) == -1)
		ret = err_sys(e, "shares");
	else
		ret = record_write(dirfd, FILE_NAME, &b, FILE_NAME, e);
	buf_fini(&b);
	return ret;
}

/* --- reading -------------------------------------------------------------- */

static int
take_line(struct shares *s, unsigned number, const char *line, const char *vm)
{
	struct priv_share *share = &s->share[s->n];
	uint64_t uid;

	switch (number) {
	case 0:
		return strncmp(line, "vm ", 3) == 0 &&
		    strcmp(line + 3, vm) == 0 ? 0 : -1;
	case 1:
		if (strncmp(line, "uid ", 4) != 0 ||
		    num_parse(&uid, line + 4, 0, UINT32_MAX - 1, NULL) == -1)
			return -1;
		s->uid = (uid_t)uid;
		return 0;
	default:
		if (s->n == PRIV_SHARE_MAX || (strncmp(line, "ro ", 3) != 0 &&
		    strncmp(line, "rw ", 3) != 0) ||
		    !file_record_path_valid(line + 3) ||
		    strlen(line + 3) >= sizeof(share->path))
			return -1;
		share->readonly = line[1] == 'o';
		memcpy(share->path, line + 3, strlen(line + 3) + 1);
		s->n++;
		return 0;
	}
}

int
shares_record_parse(struct shares *s, char *text, const char *vm)
{
	char *line, *save = NULL;
	unsigned number = 0;

	for (line = strtok_r(text, "\n", &save); line != NULL;
	    line = strtok_r(NULL, "\n", &save))
		if (take_line(s, number++, line, vm) == -1)
			return -1;
	return s->n > 0 ? 0 : -1;
}

int
shares_read(struct shares *ret, int dirfd, const char *vm, struct err *e)
{
	struct shares s;
	struct buf b;
	int r;

	memset(&s, 0, sizeof(s));
	buf_init(&b, FILE_MAX);
	r = record_read(&b, dirfd, FILE_NAME, e);
	if (r == -1)
		(void)err_prefix(e, "VM %s", vm);
	else if (r == 1 && shares_record_parse(&s, (char *)b.data, vm) == -1)
		r = err_set(e, EINVAL, "VM %s: its %s file is damaged", vm,
		    FILE_NAME);
	buf_fini(&b);
	if (r == -1)
		return -1;
	*ret = s;
	return 0;
}
