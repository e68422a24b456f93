/* SPDX-License-Identifier: ISC */
/* ns.c - the few classes of Foundation that we need; see ns.h */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vz/ns.h"

struct objc *
ns_alloc(const char *class)
{
	return ns_get(objc_getClass(class), "alloc");
}

struct objc *
ns_new(const char *class)
{
	return ns_get(objc_getClass(class), "new");
}

bool
ns_has(const char *class)
{
	return objc_getClass(class) != NULL;
}

bool
ns_answers(const char *class, const char *message)
{
	struct objc *c = objc_getClass(class);

	return c != NULL && class_respondsToSelector(c, objc_sel(message));
}

struct objc *
ns_get(struct objc *o, const char *message)
{
	return OBJC(struct objc *)(o, objc_sel(message));
}

void
ns_set(struct objc *o, const char *message, struct objc *value)
{
	OBJC(void, struct objc *)(o, objc_sel(message), value);
}

bool
ns_is(struct objc *o, const char *message)
{
	return OBJC(signed char)(o, objc_sel(message)) != 0;
}

struct objc *
ns_string(const char *text)
{
	return OBJC(struct objc *, const char *)(objc_getClass("NSString"),
	    objc_sel("stringWithUTF8String:"), text);
}

struct objc *
ns_url(const char *path)
{
	return OBJC(struct objc *, struct objc *)(objc_getClass("NSURL"),
	    objc_sel("fileURLWithPath:"), ns_string(path));
}

void
ns_text(char *ret, size_t size, struct objc *string)
{
	const char *text = OBJC(const char *)(string, objc_sel("UTF8String"));

	(void)snprintf(ret, size, "%s", text != NULL ? text : "");
}

struct objc *
ns_list(void)
{
	return ns_get(objc_getClass("NSMutableArray"), "array");
}

void
ns_add(struct objc *list, struct objc *o)
{
	ns_set(list, "addObject:", o);
}

struct objc *
ns_at(struct objc *list, size_t i)
{
	if (i >= OBJC(unsigned long)(list, objc_sel("count")))
		return NULL;
	return OBJC(struct objc *, unsigned long)(list,
	    objc_sel("objectAtIndex:"), i);
}

struct objc *
ns_handle(int fd)
{
	struct objc *h = ns_alloc("NSFileHandle");

	h = OBJC(struct objc *, int, signed char)(h,
	    objc_sel("initWithFileDescriptor:closeOnDealloc:"), fd, 0);
	return ns_get(h, "autorelease");
}

struct objc *
ns_data(const void *bytes, size_t len)
{
	return OBJC(struct objc *, const void *, unsigned long)(
	    objc_getClass("NSData"), objc_sel("dataWithBytes:length:"),
	    bytes, len);
}

int
ns_refused(struct err *e, struct objc *error, const char *what)
{
	char text[ERR_TEXT_MAX / 2], why[ERR_TEXT_MAX / 2];
	size_t len;

	if (error == NULL)
		return err_set(e, EIO, "%s: failed, without a reason", what);
	ns_text(text, sizeof(text), ns_get(error, "localizedDescription"));
	ns_text(why, sizeof(why), ns_get(error, "localizedFailureReason"));
	/* They are sentences. */
	len = strlen(text);
	if (len > 0 && text[len - 1] == '.')
		text[len - 1] = '\0';
	len = strlen(why);
	if (len > 0 && why[len - 1] == '.')
		why[len - 1] = '\0';
	return err_set(e, EIO, "%s: %s%s%s (error %ld)", what, text,
	    why[0] != '\0' ? ": " : "", why,
	    OBJC(long)(error, objc_sel("code")));
}
