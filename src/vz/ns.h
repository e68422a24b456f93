/* SPDX-License-Identifier: ISC */
/*
 * ns.h - the few classes of Apple's Foundation that we need, and messages of
 * the usual shapes
 *
 * What ns_new() and ns_alloc() begin is the caller's, by objc_release();
 * everything else that is returned is autoreleased: it lives until the pool
 * that the caller made ends.
 */

#ifndef VZ_NS_H
#define VZ_NS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/own.h"
#include "os/darwin/objc.h"

OWN_DEFINE(struct objc, objc_release);
#define own_objc	OWN(objc_release)

/* An object just allocated, to be sent its init; and one with plain init. */
struct objc	*ns_alloc(const char *class);
struct objc	*ns_new(const char *class);

/* Does the host have the class; do its objects answer the message? */
bool		 ns_has(const char *class);
bool		 ns_answers(const char *class, const char *message);

/* obj.message; obj.message = value. */
struct objc	*ns_get(struct objc *, const char *message);
void		 ns_set(struct objc *, const char *message, struct objc *);
bool		 ns_is(struct objc *, const char *message);

/* NULL: no UTF-8. */
struct objc	*ns_string(const char *);
/* The file of a path, relative to the working directory. */
struct objc	*ns_url(const char *path);
/* "" for NULL. */
void		 ns_text(char *ret, size_t size, struct objc *string);

/* An empty list that ns_add() adds to. */
struct objc	*ns_list(void);
void		 ns_add(struct objc *list, struct objc *);
/* Element i, or NULL where there are fewer. */
struct objc	*ns_at(struct objc *list, size_t i);

/* The descriptor is borrowed: it must stay open as long as the handle. */
struct objc	*ns_handle(int fd);

struct objc	*ns_data(const void *, size_t len);

/*
 * An error of a framework's as ours, -1: "what: description, reason (VZ 2)".
 * NULL, which it should not be, is one too.
 */
int		 ns_refused(struct err *, struct objc *error,
		    const char *what);

#endif
