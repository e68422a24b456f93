/* SPDX-License-Identifier: ISC */
/*
 * template.h - empty file systems, made once a size and then copied
 *
 * mke2fs runs once for each size; its sparse result is kept in
 * STATE/templates/ext4-BYTES and shared or copied into every new overlay.
 */

#ifndef CONTROL_TEMPLATE_H
#define CONTROL_TEMPLATE_H

#include <stdint.h>

#include "lib/err.h"

#define TEMPLATES_MAX	16	/* kept; more sizes push the others out */

struct control;

typedef void template_fn(void *arg, const struct err *);

/*
 * Call fn, perhaps at once, when the template of that size is there or
 * cannot be made.
 */
void	template_want(struct control *, uint64_t bytes, template_fn *,
	    void *arg);

/* Copy it to 'name' below dirfd, which must not exist. */
int	template_copy(const struct control *, uint64_t bytes, int dirfd,
	    const char *name, struct err *);

/* Forget who waits for 'arg'. */
void	template_forget(struct control *, const void *arg);

#endif
