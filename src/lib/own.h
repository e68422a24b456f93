/* SPDX-License-Identifier: ISC */
/*
 * own.h - locals that own what they hold
 *
 *	own_mem char *p = NULL;			freed at the end of the scope
 *	own_fd int fd = -1;			closed
 *	OWN(x_destroy) struct x *x = NULL;	destroyed
 *
 * Ownership is given away with take(&p) and take_fd(&fd), which leave NULL
 * and -1 behind.  A type takes part by OWN_DEFINE(struct x, x_destroy) in
 * its header; the destructor must accept NULL.  This is the one file that
 * depends on the cleanup attribute of gcc and clang.
 */

#ifndef LIB_OWN_H
#define LIB_OWN_H

#include <stdlib.h>
#include <unistd.h>

#define OWN(destroy)	__attribute__((cleanup(own_##destroy)))
#define own_mem		__attribute__((cleanup(own_free_)))
#define own_fd		__attribute__((cleanup(own_close_)))

#define OWN_DEFINE(type, destroy)					\
	static inline void						\
	own_##destroy(type **p)						\
	{								\
		if (*p != NULL)						\
			destroy(*p);					\
	}								\
	_Static_assert(1, "")

#define take(p)								\
	__extension__({							\
		__typeof__(*(p)) take_ = *(p);				\
		*(p) = NULL;						\
		take_;							\
	})

static inline void
own_free_(void *p)
{
	free(*(void **)p);
}

static inline void
own_close_(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
}

static inline int
take_fd(int *fd)
{
	int ret = *fd;

	*fd = -1;
	return ret;
}

#endif
