/* SPDX-License-Identifier: ISC */
/*
 * err.h - why a request was refused
 *
 * A function that can refuse takes a 'struct err *' as its last argument,
 * fills it and returns -1.  The text is for the person who asked: lower
 * case, names the thing, no full stop.  The code is for programs: a
 * constant snake_case word of the control API, or NULL.  A NULL err is
 * allowed everywhere and throws the explanation away.
 */

#ifndef LIB_ERR_H
#define LIB_ERR_H

#define ERR_TEXT_MAX	512	/* bytes with the NUL; longer text is cut */

struct err {
	int		 num;			/* an errno value, never 0 */
	const char	*code;			/* static string or NULL */
	char		 text[ERR_TEXT_MAX];
};

/* Set number and text; the code becomes NULL.  Returns -1. */
int	err_set(struct err *, int num, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/* As err_set() with errno as the number and ": strerror" appended. */
int	err_sys(struct err *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/*
 * As err_set() for an answer of the control API: 'code' is a static word
 * such as "not_found" and must outlive the err.  Returns -1.
 */
int	err_api(struct err *, int num, const char *code, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));

/* Put "prefix: " before the text; number and code stay.  Returns -1. */
int	err_prefix(struct err *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

#endif
