/* SPDX-License-Identifier: ISC */
/* err.c - why a request was refused; see err.h */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/err.h"

__attribute__((format(printf, 4, 0)))
static void
err_fill(struct err *e, int num, const char *code, const char *fmt, va_list ap)
{
	if (e == NULL)
		return;
	e->num = num;
	e->code = code;
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
}

int
err_set(struct err *e, int num, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_fill(e, num, NULL, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_sys(struct err *e, const char *fmt, ...)
{
	int num = errno;
	size_t used;
	va_list ap;

	va_start(ap, fmt);
	err_fill(e, num, NULL, fmt, ap);
	va_end(ap);
	if (e != NULL) {
		used = strlen(e->text);
		(void)snprintf(e->text + used, sizeof(e->text) - used, ": %s",
		    strerror(num));
	}
	return -1;
}

int
err_api(struct err *e, int num, const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_fill(e, num, code, fmt, ap);
	va_end(ap);
	return -1;
}

int
err_prefix(struct err *e, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	size_t used;
	va_list ap;

	if (e == NULL)
		return -1;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	used = strlen(e->text);
	(void)snprintf(e->text + used, sizeof(e->text) - used, ": %s", old);
	return -1;
}
