/* SPDX-License-Identifier: ISC */
/* runtime.c - classes, objects, messages, pools, blocks; see double.h */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "double.h"
#include "lib/util.h"

#define POOL_MAX	4096	/* objects of a thread's pools */

struct objc_sel {
	struct objc_sel	*next;
	char		 name[];
};

void	*_NSConcreteStackBlock[32];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct objc_sel *selectors;
static struct class *made;
static void (*uncaught)(struct objc *);

void
double_broken(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "double: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	abort();
}

/* --- selectors and classes ----------------------------------------------- */

struct objc_sel *
sel_registerName(const char *name)
{
	struct objc_sel *s;

	(void)pthread_mutex_lock(&lock);
	for (s = selectors; s != NULL; s = s->next)
		if (strcmp(s->name, name) == 0)
			break;
	if (s == NULL) {
		s = malloc(sizeof(*s) + strlen(name) + 1);
		strcpy(s->name, name);
		s->next = selectors;
		selectors = s;
	}
	(void)pthread_mutex_unlock(&lock);
	return s;
}

static struct class *
find(struct class *list, const char *name)
{
	for (; list->name != NULL; list++)
		if (strcmp(list->name, name) == 0)
			return list;
	return NULL;
}

struct objc *
objc_getClass(const char *name)
{
	struct class *c = find(double_foundation, name);

	if (c == NULL && double_loaded() && double_has(name)) {
		c = find(double_virtualization, name);
		if (c == NULL)
			c = find(double_machine, name);
	}
	for (struct class *m = made; c == NULL && m != NULL; m = m->next)
		if (strcmp(m->name, name) == 0)
			c = m;
	return c != NULL ? &c->object : NULL;
}

struct objc *
objc_allocateClassPair(struct objc *super, const char *name, size_t extra)
{
	struct class *c = calloc(1, sizeof(*c));

	if (super != objc_getClass("NSObject") || extra != 0)
		double_broken("%s is not made of NSObject", name);
	c->name = name;
	c->methods = c->added;
	return &c->object;
}

void
objc_registerClassPair(struct objc *o)
{
	struct class *c = CONTAINER_OF(o, struct class, object);

	c->next = made;
	made = c;
}

signed char
class_addMethod(struct objc *o, struct objc_sel *sel, double_imp *imp,
    const char *types)
{
	struct class *c = CONTAINER_OF(o, struct class, object);
	size_t n = 0;

	if (types[0] == '\0')
		double_broken("%s: no types", sel->name);
	while (c->added[n].name != NULL)
		n++;
	if (n + 1 == COUNT(c->added))
		double_broken("%s: too many methods", c->name);
	c->added[n].name = sel->name;
	c->added[n].imp = imp;
	return 1;
}

/* --- messages ------------------------------------------------------------ */

static struct objc *
root_alloc(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return class_createInstance(self, 0);
}

static struct objc *
root_new(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return OBJC(struct objc *)(class_createInstance(self, 0),
	    objc_sel("init"));
}

static struct objc *
root_init(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return self;
}

static struct objc *
root_autorelease(struct objc *self, struct objc_sel *sel)
{
	(void)sel;
	return double_autorelease(self);
}

static const struct method root_class[] = {
	{ "alloc", IMP(root_alloc) },
	{ "new", IMP(root_new) },
	{ NULL, NULL },
};

static const struct method root[] = {
	{ "init", IMP(root_init) },
	{ "autorelease", IMP(root_autorelease) },
	{ NULL, NULL },
};

static double_imp *
find_method(const struct method *m, const char *name)
{
	for (; m != NULL && m->name != NULL; m++)
		if (strcmp(m->name, name) == 0 && double_has(name))
			return m->imp;
	return NULL;
}

static uintptr_t
to_nil(void)
{
	return 0;
}

/* What objc_msgSend jumps to. */
double_imp *double_lookup(struct objc *, struct objc_sel *);

double_imp *
double_lookup(struct objc *self, struct objc_sel *sel)
{
	struct class *c;
	double_imp *imp;

	if (self == NULL)
		return IMP(to_nil);
	if (self->isa == NULL) {
		c = CONTAINER_OF(self, struct class, object);
		imp = find_method(c->class_methods, sel->name);
		if (imp == NULL)
			imp = find_method(root_class, sel->name);
	} else {
		c = self->isa;
		imp = find_method(c->methods, sel->name);
		if (imp == NULL)
			imp = find_method(root, sel->name);
	}
	if (imp == NULL)
		double_broken("%s does not know %s", c->name, sel->name);
	return imp;
}

signed char
class_respondsToSelector(struct objc *o, struct objc_sel *sel)
{
	struct class *c = CONTAINER_OF(o, struct class, object);

	return find_method(c->methods, sel->name) != NULL;
}

/* --- objects ------------------------------------------------------------- */

struct objc *
class_createInstance(struct objc *class, size_t extra)
{
	struct objc *o = calloc(1, sizeof(*o) + extra);

	o->isa = CONTAINER_OF(class, struct class, object);
	o->refs = 1;
	return o;
}

void *
object_getIndexedIvars(struct objc *o)
{
	return o + 1;
}

struct objc *
double_new(const char *class)
{
	return class_createInstance(objc_getClass(class), 0);
}

struct objc *
objc_retain(struct objc *o)
{
	if (o != NULL && o->isa != NULL)
		(void)atomic_fetch_add(&o->refs, 1);
	return o;
}

void
objc_release(struct objc *o)
{
	struct prop *p;

	if (o == NULL || o->isa == NULL ||
	    atomic_fetch_sub(&o->refs, 1) != 1)
		return;
	if (o->isa->dealloc != NULL)
		o->isa->dealloc(o);
	while ((p = o->props) != NULL) {
		o->props = p->next;
		objc_release(p->object);
		free(p);
	}
	free(o);
}

static struct prop *
prop(struct objc *o, const char *key, bool make)
{
	struct prop *p;

	for (p = o->props; p != NULL; p = p->next)
		if (strcmp(p->key, key) == 0)
			return p;
	if (!make)
		return NULL;
	p = calloc(1, sizeof(*p));
	p->key = key;
	p->next = o->props;
	return o->props = p;
}

void
double_set(struct objc *self, struct objc_sel *sel, struct objc *value)
{
	struct prop *p = prop(self, sel->name, true);

	(void)objc_retain(value);
	objc_release(p->object);
	p->object = value;
}

void
double_set_number(struct objc *self, struct objc_sel *sel, uint64_t n)
{
	prop(self, sel->name, true)->number = n;
}

struct objc *
double_init(struct objc *self, struct objc_sel *sel, struct objc *value)
{
	if (value == NULL)
		double_throw("NSInvalidArgumentException", sel->name);
	double_set(self, sel, value);
	return self;
}

struct objc *
double_get(struct objc *o, const char *key)
{
	struct prop *p = o == NULL ? NULL : prop(o, key, false);

	return p != NULL ? p->object : NULL;
}

uint64_t
double_number(struct objc *o, const char *key)
{
	struct prop *p = o == NULL ? NULL : prop(o, key, false);

	return p != NULL ? p->number : 0;
}

/* --- pools --------------------------------------------------------------- */

static _Thread_local struct objc *pool[POOL_MAX];
static _Thread_local size_t pooled, pools;

void *
objc_autoreleasePoolPush(void)
{
	pools++;
	return (void *)(uintptr_t)(pooled + 1);
}

void
objc_autoreleasePoolPop(void *at)
{
	size_t n = (size_t)(uintptr_t)at - 1;

	if (pools == 0 || n > pooled)
		double_broken("a pool that is not there ends");
	while (pooled > n)
		objc_release(pool[--pooled]);
	pools--;
}

struct objc *
double_autorelease(struct objc *o)
{
	if (o == NULL)
		return NULL;
	if (pools == 0)
		double_broken("a %s is autoreleased without a pool",
		    o->isa->name);
	if (pooled == POOL_MAX)
		double_broken("too many objects in a pool");
	return pool[pooled++] = o;
}

/* --- blocks and exceptions ----------------------------------------------- */

void *
_Block_copy(const void *block)
{
	const struct objc_block *b = block;
	void *copy;

	if (b->isa != _NSConcreteStackBlock ||
	    (b->flags & OBJC_BLOCK_SIGNATURE) == 0 ||
	    b->kind->signature == NULL ||
	    b->kind->size < sizeof(struct objc_block))
		double_broken("a block that is none");
	copy = malloc(b->kind->size);
	memcpy(copy, b, b->kind->size);
	return copy;
}

void
_Block_release(const void *block)
{
	free((void *)(uintptr_t)block);
}

void *
objc_setUncaughtExceptionHandler(void (*fn)(struct objc *))
{
	void *old = (void *)(uintptr_t)uncaught;

	uncaught = fn;
	return old;
}

void
double_throw(const char *name, const char *reason)
{
	struct objc *exception = double_new("NSException");

	(void)objc_autoreleasePoolPush();
	double_set(exception, objc_sel("name"),
	    OBJC(struct objc *, const char *)(objc_getClass("NSString"),
	    objc_sel("stringWithUTF8String:"), name));
	double_set(exception, objc_sel("reason"),
	    OBJC(struct objc *, const char *)(objc_getClass("NSString"),
	    objc_sel("stringWithUTF8String:"), reason));
	if (uncaught != NULL)
		uncaught(exception);
	abort();
}
