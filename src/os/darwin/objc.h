/* SPDX-License-Identifier: ISC */
/*
 * objc.h - Apple's Objective-C runtime, as C calls it
 *
 * Our own prototypes of what libobjc and libSystem export (Objective-C
 * Runtime, Dispatch; Clang's Block Implementation Specification), so that
 * the same source is built for macOS and, against a double, elsewhere.  A
 * class is an object; BOOL is one byte on every processor of Apple's.
 *
 *	OBJC(void, uint64_t)(config, objc_sel("setMemorySize:"), bytes);
 *
 * objc_msgSend() is called with the prototype of the method that is meant:
 * the first argument is the method's result, the others are its arguments.
 * A message to NULL does nothing and answers zero.
 */

#ifndef OS_DARWIN_OBJC_H
#define OS_DARWIN_OBJC_H

#include <stddef.h>
#include <stdint.h>

struct objc;
struct objc_sel;

/* --- objects and messages ------------------------------------------------ */

/* The class of that name, or NULL. */
struct objc	*objc_getClass(const char *);
struct objc_sel	*sel_registerName(const char *);
void		 objc_msgSend(void);
struct objc	*objc_retain(struct objc *);
void		 objc_release(struct objc *);

/* What is autoreleased between the two goes with the second. */
void		*objc_autoreleasePoolPush(void);
void		 objc_autoreleasePoolPop(void *);

/* Called before the process is aborted. */
void		*objc_setUncaughtExceptionHandler(void (*)(struct objc *));

/* A compiler may not see through it: it would know the wrong prototype. */
static inline void
(*objc_send(void))(void)
{
	void (*send)(void) = objc_msgSend;

	__asm__("" : "+r"(send));
	return send;
}

#define OBJC(ret, ...)							\
	((ret (*)(struct objc *, struct objc_sel *, ##__VA_ARGS__))	\
	    objc_send())

static inline struct objc_sel *
objc_sel(const char *name)
{
	return sel_registerName(name);
}

/* --- classes of our own, for delegates ----------------------------------- */

struct objc	*objc_allocateClassPair(struct objc *super, const char *name,
		    size_t extra);
void		 objc_registerClassPair(struct objc *class);
signed char	 class_addMethod(struct objc *class, struct objc_sel *,
		    void (*)(void), const char *types);
signed char	 class_respondsToSelector(struct objc *class,
		    struct objc_sel *);

/* An instance with so many bytes of ours, zeroed, where the second says. */
struct objc	*class_createInstance(struct objc *class, size_t extra);
void		*object_getIndexedIvars(struct objc *);

/* --- blocks -------------------------------------------------------------- */

struct objc_block_kind {
	unsigned long	 reserved;
	unsigned long	 size;		/* bytes of the whole block */
	const char	*signature;	/* types of 'invoke' */
};

/* What it captures follows; plain bytes only. */
struct objc_block {
	void				*isa;
	int				 flags;
	int				 reserved;
	void				(*invoke)(void);
	const struct objc_block_kind	*kind;
};

#define OBJC_BLOCK_SIGNATURE	(1 << 30)

extern void	*_NSConcreteStackBlock[];

/* On the stack of whoever passes it: who keeps it makes a copy. */
#define OBJC_BLOCK(fn, k)						\
	{ _NSConcreteStackBlock, OBJC_BLOCK_SIGNATURE, 0,		\
	    (void (*)(void))(fn), (k) }

/* --- queues -------------------------------------------------------------- */

struct dispatch_queue_s;

/* With NULL for attributes it does one thing after the other. */
struct dispatch_queue_s *dispatch_queue_create(const char *label, void *);
void		 dispatch_release(void *);
void		 dispatch_async_f(struct dispatch_queue_s *, void *arg,
		    void (*)(void *));
void		 dispatch_sync_f(struct dispatch_queue_s *, void *arg,
		    void (*)(void *));

#endif
