/* SPDX-License-Identifier: ISC */
/* image_names.c - names of images; see images.h and image_names.h */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/image_names.h"
#include "control/images.h"
#include "oci/reference.h"

int
image_name(char **ret, const char *text, struct err *e)
{
	struct reference r;
	char *name;

	if (reference_parse(&r, text, e) == -1) {
		if (e != NULL)
			e->code = "invalid_name";
		return -1;
	}
	name = malloc(REFERENCE_MAX + 1);
	if (name == NULL)
		return err_sys(e, "image");
	*ret = reference_print(name, &r);
	return 0;
}

/* As docker: a registry on this host may speak plain HTTP. */
bool
image_is_local(const char *name)
{
	return strncmp(name, "localhost:", 10) == 0 ||
	    strncmp(name, "localhost/", 10) == 0 ||
	    strncmp(name, "127.", 4) == 0 || strncmp(name, "[::1]", 5) == 0;
}
