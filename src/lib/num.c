/* SPDX-License-Identifier: ISC */
/* num.c - numbers, sizes and times as people write them; see num.h */

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/num.h"
#include "lib/util.h"

#define FRACTION_DIGITS	9	/* more are refused */

/* A decimal number: value = whole + part / scale. */
struct decimal {
	uint64_t	 whole;
	uint64_t	 part;
	uint64_t	 scale;
};

/* Read digits; returns the first byte behind them, or NULL (none, too big). */
static const char *
digits_read(uint64_t *ret, const char *s, unsigned max_digits)
{
	uint64_t v = 0;
	unsigned n;

	for (n = 0; isdigit((unsigned char)*s); s++, n++) {
		if (n == max_digits)
			return NULL;
		if (v > (UINT64_MAX - (uint64_t)(*s - '0')) / 10)
			return NULL;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (n == 0)
		return NULL;
	*ret = v;
	return s;
}

static const char *
decimal_read(struct decimal *ret, const char *s)
{
	struct decimal d = { .scale = 1 };
	const char *point;

	s = digits_read(&d.whole, s, 20);
	if (s == NULL)
		return NULL;
	if (*s == '.') {
		point = s + 1;
		s = digits_read(&d.part, point, FRACTION_DIGITS);
		if (s == NULL)
			return NULL;
		for (const char *p = point; p < s; p++)
			d.scale *= 10;
	}
	*ret = d;
	return s;
}

/* d * unit; false when it does not fit. */
static bool
decimal_scale(uint64_t *ret, const struct decimal *d, uint64_t unit)
{
	__extension__ unsigned __int128 v;

	v = (unsigned __int128)d->whole * unit +
	    (unsigned __int128)d->part * unit / d->scale;
	if (v > UINT64_MAX)
		return false;
	*ret = (uint64_t)v;
	return true;
}

int
num_parse(uint64_t *ret, const char *s, uint64_t min, uint64_t max,
    struct err *e)
{
	const char *end;
	uint64_t v;

	end = digits_read(&v, s, 20);
	if (end == NULL || *end != '\0')
		return err_set(e, EINVAL, "\"%s\" is not a number", s);
	if (v < min || v > max)
		return err_set(e, ERANGE, "%s is not between %llu and %llu", s,
		    (unsigned long long)min, (unsigned long long)max);
	*ret = v;
	return 0;
}

/* The power of 1024 (or 1000) that a unit letter stands for, or -1. */
static int
unit_power(char c)
{
	static const char letters[] = "kmgtpe";
	const char *p;

	if (c == '\0')
		return -1;
	p = strchr(letters, tolower((unsigned char)c));
	return p == NULL ? -1 : (int)(p - letters) + 1;
}

int
size_parse(uint64_t *bytes, const char *s, struct err *e)
{
	struct decimal d;
	const char *p;
	uint64_t unit = 1, v;
	int power;

	p = decimal_read(&d, s);
	if (p == NULL)
		return err_set(e, EINVAL, "\"%s\" is not a size", s);
	while (*p == ' ')
		p++;
	power = unit_power(*p);
	if (power != -1) {
		unit <<= 10 * power;
		p++;
		if (*p == 'i' && tolower((unsigned char)p[1]) == 'b')
			p++;
	}
	if (tolower((unsigned char)*p) == 'b')
		p++;
	if (*p != '\0')
		return err_set(e, EINVAL,
		    "\"%s\" is not a size (try 512M or 2G)", s);
	if (!decimal_scale(&v, &d, unit))
		return err_set(e, ERANGE, "size %s is too large", s);
	*bytes = v;
	return 0;
}

/* "1Gbps": bits, decimal units.  1 taken, 0 not of this form, -1 refused. */
static int
bits_parse(uint64_t *bytes, const char *s, struct err *e)
{
	struct decimal d;
	const char *p;
	uint64_t unit = 1, v;
	int power;

	p = decimal_read(&d, s);
	if (p == NULL)
		return 0;
	power = unit_power(*p);
	if (power != -1)
		p++;
	if (strcmp(p, "bps") != 0 && strcmp(p, "bit/s") != 0)
		return 0;
	while (power-- > 0)
		unit *= 1000;
	if (!decimal_scale(&v, &d, unit))
		return err_set(e, ERANGE, "rate %s is too large", s);
	*bytes = v / 8;
	return 1;
}

int
rate_parse(uint64_t *bytes_per_second, const char *s, struct err *e)
{
	char size[64];
	size_t len = strlen(s);
	int r;

	r = bits_parse(bytes_per_second, s, e);
	if (r != 0)
		return r == 1 ? 0 : -1;
	if (len > 2 && (strcmp(s + len - 2, "/s") == 0 ||
	    strcmp(s + len - 2, "ps") == 0))
		len -= 2;
	if (len >= sizeof(size))
		return err_set(e, EINVAL, "\"%.20s...\" is not a rate", s);
	memcpy(size, s, len);
	size[len] = '\0';
	if (size_parse(bytes_per_second, size, e) == -1)
		return err_set(e, EINVAL,
		    "\"%s\" is not a rate (try 10MB/s or 1Gbps)", s);
	return 0;
}

int
duration_parse(uint64_t *ms, const char *s, struct err *e)
{
	/* "ms" before "m": the first match is taken. */
	static const struct { const char *name; uint64_t ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
	};
	struct decimal d;
	const char *p = s;
	uint64_t sum = 0, v;
	size_t i;

	if (strcmp(s, "0") == 0) {
		*ms = 0;
		return 0;
	}
	do {
		p = decimal_read(&d, p);
		if (p == NULL)
			break;
		for (i = 0; i < COUNT(units); i++)
			if (strncmp(p, units[i].name,
			    strlen(units[i].name)) == 0)
				break;
		if (i == COUNT(units))
			break;
		p += strlen(units[i].name);
		if (!decimal_scale(&v, &d, units[i].ms) ||
		    sum > UINT64_MAX - v)
			return err_set(e, ERANGE, "time %s is too long", s);
		sum += v;
		if (*p == '\0') {
			*ms = sum;
			return 0;
		}
	} while (1);
	return err_set(e, EINVAL, "\"%s\" is not a time (try 90s or 5m)", s);
}

char *
size_print(char *buf, size_t len, uint64_t bytes)
{
	static const char *const units[] =
	    { "B", "KB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)bytes;
	size_t i;

	for (i = 0; v >= 1024 && i + 1 < COUNT(units); i++)
		v /= 1024;
	(void)snprintf(buf, len, "%.1f %s", v, units[i]);
	return buf;
}
