/* SPDX-License-Identifier: ISC */
/* foundation.c - as much of Foundation as vmm-vz has use for */

#include <stdlib.h>
#include <string.h>

#include "double.h"

#define LIST_MAX	64

static void
free_priv(struct objc *o)
{
	free(o->priv);
}

/* --- NSString, NSURL ----------------------------------------------------- */

static struct objc *
string_with(struct objc *self, struct objc_sel *sel, const char *text)
{
	struct objc *o = class_createInstance(self, 0);

	(void)sel;
	if (text == NULL)
		double_throw("NSInvalidArgumentException", "NULL string");
	o->priv = strdup(text);
	return double_autorelease(o);
}

static const char *
string_utf8(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return self->priv;
}

const char *
double_text(struct objc *o)
{
	return o == NULL ? NULL : o->priv;
}

static struct objc *
url_with(struct objc *self, struct objc_sel *sel, struct objc *path)
{
	if (path == NULL)
		double_throw("NSInvalidArgumentException", "nil path");
	return string_with(self, sel, path->priv);
}

static const struct method string_class[] = {
	{ "stringWithUTF8String:", IMP(string_with) }, { NULL, NULL },
};
static const struct method string[] = {
	{ "UTF8String", IMP(string_utf8) }, { NULL, NULL },
};
static const struct method url_class[] = {
	{ "fileURLWithPath:", IMP(url_with) }, { NULL, NULL },
};

/* --- NSMutableArray ------------------------------------------------------ */

struct list {
	size_t		 n;
	struct objc	*at[LIST_MAX];
};

static struct objc *
list_array(struct objc *self, struct objc_sel *sel)
{
	struct objc *o = class_createInstance(self, 0);

	(void)sel;
	o->priv = calloc(1, sizeof(struct list));
	return double_autorelease(o);
}

static void
list_add(struct objc *self, struct objc_sel *sel, struct objc *o)
{
	struct list *l = self->priv;

	(void)sel;
	if (o == NULL)
		double_throw("NSInvalidArgumentException", "nil in a list");
	if (l->n == LIST_MAX)
		double_broken("a list is too long");
	l->at[l->n++] = objc_retain(o);
}

static unsigned long
list_count(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return ((struct list *)self->priv)->n;
}

static struct objc *
list_at(struct objc *self, struct objc_sel *sel, unsigned long i)
{
	struct list *l = self->priv;

	(void)sel;
	if (i >= l->n)
		double_throw("NSRangeException", "behind the list's end");
	return l->at[i];
}

static void
list_dealloc(struct objc *self)
{
	struct list *l = self->priv;

	for (size_t i = 0; i < l->n; i++)
		objc_release(l->at[i]);
	free(l);
}

size_t
double_count(struct objc *list)
{
	return list == NULL ? 0 : ((struct list *)list->priv)->n;
}

struct objc *
double_at(struct objc *list, size_t i)
{
	return i < double_count(list) ?
	    ((struct list *)list->priv)->at[i] : NULL;
}

static const struct method list_class[] = {
	{ "array", IMP(list_array) }, { NULL, NULL },
};
static const struct method list[] = {
	{ "addObject:", IMP(list_add) },
	{ "count", IMP(list_count) },
	{ "objectAtIndex:", IMP(list_at) },
	{ NULL, NULL },
};

/* --- NSData, NSFileHandle ------------------------------------------------ */

struct data {
	unsigned long	 len;
	unsigned char	 bytes[];
};

static struct objc *
data_with(struct objc *self, struct objc_sel *sel, const void *bytes,
    unsigned long len)
{
	struct objc *o = class_createInstance(self, 0);
	struct data *d = malloc(sizeof(*d) + len);

	(void)sel;
	d->len = len;
	memcpy(d->bytes, bytes, len);
	o->priv = d;
	return double_autorelease(o);
}

static const void *
data_bytes(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return ((struct data *)self->priv)->bytes;
}

static unsigned long
data_length(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return ((struct data *)self->priv)->len;
}

static const struct method data_class[] = {
	{ "dataWithBytes:length:", IMP(data_with) }, { NULL, NULL },
};
static const struct method data[] = {
	{ "bytes", IMP(data_bytes) },
	{ "length", IMP(data_length) },
	{ NULL, NULL },
};

static struct objc *
handle_init(struct objc *self, struct objc_sel *sel, int fd,
    signed char close)
{
	(void)sel;
	if (close)
		double_broken("descriptors are borrowed");
	self->priv = (void *)(intptr_t)fd;
	return self;
}

int
double_handle_fd(struct objc *handle)
{
	return (int)(intptr_t)handle->priv;
}

static const struct method handle[] = {
	{ "initWithFileDescriptor:closeOnDealloc:", IMP(handle_init) },
	{ NULL, NULL },
};

/* --- NSError, NSException ------------------------------------------------ */

struct objc *
double_error(long code, const char *text, const char *why)
{
	struct objc *e = double_new("NSError"), *s = objc_getClass("NSString");
	struct objc_sel *make = objc_sel("stringWithUTF8String:");

	double_set_number(e, objc_sel("code"), (uint64_t)code);
	double_set(e, objc_sel("localizedDescription"),
	    string_with(s, make, text));
	if (why != NULL)
		double_set(e, objc_sel("localizedFailureReason"),
		    string_with(s, make, why));
	return double_autorelease(e);
}

static long
error_code(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return (long)double_number(self, "code");
}

static struct objc *
error_text(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return double_get(self, "localizedDescription");
}

static struct objc *
error_why(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return double_get(self, "localizedFailureReason");
}

static struct objc *
exception_name(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return double_get(self, "name");
}

static struct objc *
exception_reason(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return double_get(self, "reason");
}

static const struct method error[] = {
	{ "code", IMP(error_code) },
	{ "localizedDescription", IMP(error_text) },
	{ "localizedFailureReason", IMP(error_why) },
	{ NULL, NULL },
};
static const struct method exception[] = {
	{ "name", IMP(exception_name) },
	{ "reason", IMP(exception_reason) },
	{ NULL, NULL },
};

struct class double_foundation[] = {
	{ .name = "NSObject" },
	{ .name = "NSString", .methods = string,
	    .class_methods = string_class, .dealloc = free_priv },
	{ .name = "NSURL", .methods = string, .class_methods = url_class,
	    .dealloc = free_priv },
	{ .name = "NSMutableArray", .methods = list,
	    .class_methods = list_class, .dealloc = list_dealloc },
	{ .name = "NSData", .methods = data, .class_methods = data_class,
	    .dealloc = free_priv },
	{ .name = "NSFileHandle", .methods = handle },
	{ .name = "NSError", .methods = error },
	{ .name = "NSException", .methods = exception },
	{ .name = NULL },
};
