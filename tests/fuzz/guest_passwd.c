/* SPDX-License-Identifier: ISC */
/* USER against an image's files: "spec NUL passwd NUL group". */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/passwd.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct passwd_user u;
	const char *passwd = NULL, *group = NULL;
	char *text = malloc(len + 1);

	if (text == NULL)
		abort();
	memcpy(text, data, len);
	text[len] = '\0';
	if (strlen(text) < len)
		passwd = text + strlen(text) + 1;
	if (passwd != NULL && passwd + strlen(passwd) < text + len)
		group = passwd + strlen(passwd) + 1;
	if (passwd_resolve(&u, text, passwd, group, NULL) == 0 &&
	    (u.uid == (uid_t)-1 || u.gid == (gid_t)-1 ||
	    u.ngroups > PASSWD_GROUPS_MAX))
		abort();
	free(text);
	return 0;
}
