/* SPDX-License-Identifier: ISC */
/* util.h - the few macros every file may use */

#ifndef LIB_UTIL_H
#define LIB_UTIL_H

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))
#ifndef MIN	/* of <sys/param.h>, which some systems' headers include */
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))
#endif

/* The struct that holds 'member' at address 'p'. */
#define CONTAINER_OF(p, type, member)					\
	((type *)(void *)((char *)(p) - offsetof(type, member)))

#endif
