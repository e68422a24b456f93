/* SPDX-License-Identifier: ISC */
/* signame.h - signals by the names OCI images and people use */

#ifndef GUEST_SIGNAME_H
#define GUEST_SIGNAME_H

#include "lib/err.h"

/* "TERM", "SIGTERM", "15", "RTMIN+3" to the number. */
int	signame_parse(int *ret, const char *name, struct err *);

/* The number to "TERM" or "RTMIN+3"; a static string, "?" when unknown. */
const char *signame_print(int sig);

#endif
