/* SPDX-License-Identifier: ISC */
/*
 * vm.h - VMs as the API describes them
 *
 * The getters take any JSON value and never fail: what is absent or of
 * another type is "" or 0.
 */

#ifndef VMCTL_VM_H
#define VMCTL_VM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "vmctl/cmd.h"

#define VM_ID_SHOWN	12	/* letters of an ID in a table */

const char *js_str(const json_t *, const char *name);
int64_t	js_int(const json_t *, const char *name);
bool	js_bool(const json_t *, const char *name);

/*
 * The VM that is named by arg: exact ID, exact name, its number, unique
 * prefix of its ID.  The caller owns *ret, an Instance.
 */
int	vm_find(json_t **ret, struct ctx *, const char *arg, struct err *);

/* The same without prefixes: arg may be the name of a new VM. */
int	vm_find_whole(json_t **ret, struct ctx *, const char *arg,
	    struct err *);

/* All VMs, an array the caller owns. */
int	vm_list(json_t **ret, struct ctx *, struct err *);

/* POST /instances/{id}/verb with a body, or NULL.  *ret may be NULL. */
int	vm_post(json_t **ret, struct ctx *, const char *id, const char *verb,
	    const json_t *body, struct err *);

bool	vm_is_running(const json_t *vm);	/* a process runs it */
bool	vm_has_ended(const json_t *vm);
bool	vm_state_is(const json_t *vm, const char *state);

/*
 * Wait until the VM is in the state or has ended; at most timeout_ms when
 * that is not 0, and fail then (ETIMEDOUT).  *ret is the Instance, owned by
 * the caller.
 */
struct vm_goal {
	const char	*state;		/* "Running", as the API spells it */
	uint64_t	 timeout_ms;
};
int	vm_wait(json_t **ret, struct ctx *, const char *id,
	    const struct vm_goal *, struct err *);

/* OpenBSD's word for a state. */
const char *vm_state_word(const json_t *vm);

/* Print an object a line, compact, or one pretty JSON list. */
void	js_print_lines(const json_t *array);
void	js_print_list(const json_t *array);

/* "512M", "1.0G", as fmt_scaled(3) of OpenBSD; at least 8 bytes. */
char	*fmt_scaled(char *buf, size_t len, uint64_t bytes);

/* "3 minutes ago" of a time of RFC 3339; "-" when it is none. */
#define AGO_MAX	32
char	*fmt_ago(char *buf, size_t len, const char *rfc3339);

#endif
