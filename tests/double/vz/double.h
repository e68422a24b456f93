/* SPDX-License-Identifier: ISC */
/*
 * double.h - a small Objective-C runtime, Foundation and
 * Virtualization.framework in C, for tests of vmm-vz where Apple's are not
 *
 * It does what vmm-vz asks for and holds it to the rules: objects are
 * counted and freed (a sanitizer tells of those that are not, or too soon),
 * what is autoreleased needs a pool, messages to a machine are sent on its
 * queue and in the right state, and an object must know the message.  A
 * broken rule aborts.
 *
 * Words of the kernel's command line, "vz.WORD", make a machine fail; the
 * variable VZ_DOUBLE makes a host that has less (host.c).
 */

#ifndef DOUBLE_VZ_H
#define DOUBLE_VZ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "os/darwin/objc.h"

struct class;

/* A value that was set: the key is the message that sets it. */
struct prop {
	struct prop	*next;
	const char	*key;
	struct objc	*object;	/* retained */
	uint64_t	 number;
};

struct objc {
	struct class	*isa;		/* NULL: it is a class */
	atomic_uint	 refs;
	struct prop	*props;
	void		*priv;		/* the class's own */
} __attribute__((aligned(16)));

typedef void double_imp(void);

struct method {
	const char	*name;		/* NULL: the last */
	double_imp	*imp;
};

#define IMP(fn)	((double_imp *)(fn))

struct class {
	struct objc		 object;
	const char		*name;
	const struct method	*methods;	/* of instances */
	const struct method	*class_methods;
	void			(*dealloc)(struct objc *);
	struct class		*next;		/* of those made at run time */
	struct method		 added[8];	/* of these */
};

/* Classes, up to one without a name. */
extern struct class double_foundation[], double_virtualization[],
	    double_machine[];

/* Is the class, or the message, one this host has? */
bool	 double_has(const char *);
bool	 double_loaded(void);

/* --- for classes --------------------------------------------------------- */

void	 double_broken(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));

struct objc *double_new(const char *class);
struct objc *double_autorelease(struct objc *);

/* Setters: the value is kept under the message's name. */
void	 double_set(struct objc *, struct objc_sel *, struct objc *);
void	 double_set_number(struct objc *, struct objc_sel *, uint64_t);
struct objc *double_init(struct objc *, struct objc_sel *, struct objc *);
struct objc *double_get(struct objc *, const char *key);
uint64_t double_number(struct objc *, const char *key);

const char *double_text(struct objc *string);
struct objc *double_error(long code, const char *text, const char *why);
int	 double_handle_fd(struct objc *handle);
size_t	 double_count(struct objc *list);
struct objc *double_at(struct objc *list, size_t i);

/* Does this thread do the queue's work? */
bool	 double_on_queue(struct dispatch_queue_s *);
void	 double_throw(const char *name, const char *reason)
	    __attribute__((noreturn));

void	*_Block_copy(const void *);
void	 _Block_release(const void *);

/* --- a machine's guest --------------------------------------------------- */

struct guest;

/* The device of a machine, and where the guest's own doings are told. */
struct guest_setup {
	struct dispatch_queue_s	*queue;
	struct objc		*vm;
	struct objc		*config;
};

struct guest *guest_new(const struct guest_setup *);
/* Nothing of it runs any more. */
void	 guest_destroy(struct guest *);

/* A connection of the host's; NULL: refused.  Autoreleased. */
struct objc *guest_connect(struct guest *, uint32_t port);

/* What a guest does to its machine; any thread. */
enum guest_event {
	GUEST_OFF,
	GUEST_CRASH,		/* of the framework */
	GUEST_STRANGE,		/* a state nobody knows */
	GUEST_NET_LOST,
};
void	 machine_event(struct objc *vm, enum guest_event);

/* Of the socket device: who listens on that port of the host, or NULL. */
struct objc *machine_listener(struct objc *vm, uint32_t port);
struct objc *machine_socket_device(struct objc *vm);

#endif
