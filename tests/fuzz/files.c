/* SPDX-License-Identifier: ISC */
/* files.c - what vmd-conf wrote of the files of VMs, any bytes of it */

#include <stdlib.h>
#include <string.h>

#include "priv/file_record.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What was read is what a start may trust: paths, bounds, kinds. */
static void
check(const struct files *f, bool disks)
{
	unsigned ndisks = 0;

	if (f->n > PRIV_FILE_MAX || f->ndisks > PRIV_FILE_DISKS_MAX)
		abort();
	for (unsigned i = 0; i < f->n; i++) {
		ndisks += f->file[i].f.kind == PRIV_FILE_DISK;
		if (f->file[i].f.kind >= PRIV_FILE_KINDS ||
		    f->file[i].f.format >= PRIV_FORMATS ||
		    memchr(f->file[i].f.path, '\0', PRIV_PATH_MAX) == NULL ||
		    !file_record_path_valid(f->file[i].f.path))
			abort();
	}
	if (ndisks != f->ndisks || (!disks && ndisks > 0))
		abort();
}

static void
socket_line(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	uid_t uid;
	gid_t gid;

	if (text == NULL)
		abort();
	memcpy(text, data, len);
	text[len] = '\0';
	(void)file_record_socket(&uid, &gid, text);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct files f;

	for (int disks = 0; disks < 2; disks++) {
		char *text = malloc(len + 1);

		if (text == NULL)
			abort();
		if (len > 0)
			memcpy(text, data, len);
		text[len] = '\0';
		memset(&f, 0, sizeof(f));
		if (file_record_parse(&f, text, "a", disks == 1) == 0)
			check(&f, disks == 1);
		free(text);
	}
	socket_line(data, len);
	return 0;
}
