/* SPDX-License-Identifier: ISC */
/* opt.c - options of a command, read by a table; see opt.h */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/num.h"
#include "lib/own.h"
#include "lib/util.h"
#include "vmctl/opt.h"

/* An option as it was written, for messages: "-m" or "--memory". */
struct spelled {
	char	text[80];
};

static void
spell(struct spelled *ret, const struct opt *o, bool longer)
{
	if (longer)
		(void)snprintf(ret->text, sizeof(ret->text), "--%s", o->name);
	else
		(void)snprintf(ret->text, sizeof(ret->text), "-%c", o->letter);
}

/* Is value one of "a|b|c"? */
static bool
choice_has(const char *choices, const char *value)
{
	size_t len = strlen(value), n;

	for (const char *c = choices; *c != '\0'; c += n + (c[n] == '|')) {
		n = strcspn(c, "|");
		if (n == len && strncmp(c, value, n) == 0)
			return true;
	}
	return false;
}

static int
list_add(struct opt_list *l, const char *value, struct err *e)
{
	const char **v;

	if (l->n == OPT_LIST_MAX)
		return err_set(e, E2BIG, "given more than %d times",
		    OPT_LIST_MAX);
	v = realloc(l->v, (l->n + 1) * sizeof(*v));
	if (v == NULL)
		return err_sys(e, "options");
	l->v = v;
	l->v[l->n++] = value;
	return 0;
}

static int
store(const struct opt *o, void *values, const char *value, struct err *e)
{
	void *to = (char *)values + o->offset;
	uint64_t ignored;

	if (o->choices != NULL && !choice_has(o->choices, value))
		return err_set(e, EINVAL, "%s: not one of %s", value,
		    o->choices);
	switch (o->kind) {
	case OPT_FLAG:
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return err_set(e, EINVAL, "takes no value");
		*(bool *)to = strcmp(value, "true") == 0;
		return 0;
	case OPT_COUNT:
		if (strcmp(value, "true") != 0)
			return err_set(e, EINVAL, "takes no value");
		if (++*(unsigned *)to > OPT_LIST_MAX)
			return err_set(e, E2BIG, "too often");
		return 0;
	case OPT_STR:
		break;
	case OPT_LIST:
		return list_add(to, value, e);
	case OPT_NUM:
		return num_parse(to, value, o->min, o->max, e);
	case OPT_SIZE:
		if (size_parse(&ignored, value, e) == -1)
			return -1;
		break;
	case OPT_RATE:
		if (rate_parse(&ignored, value, e) == -1)
			return -1;
		break;
	case OPT_TIME:
		return duration_parse(to, value, e);
	}
	*(const char **)to = value;
	return 0;
}

static const struct opt *
find_letter(const struct opt *opts, size_t n, char letter)
{
	for (size_t i = 0; i < n; i++)
		if (opts[i].letter == letter)
			return &opts[i];
	return NULL;
}

static int
unknown_long(const struct opt *opts, size_t n, const char *name, struct err *e)
{
	const char *words[64], *near;

	n = MIN(n, COUNT(words));
	for (size_t i = 0; i < n; i++)
		words[i] = opts[i].name;
	near = opt_nearest(name, words, n);
	if (near != NULL)
		return err_set(e, EINVAL,
		    "unknown option --%s; did you mean --%s?", name, near);
	return err_set(e, EINVAL, "unknown option --%s", name);
}

/* The state of one run over argv. */
struct run {
	const struct opt	*opts;
	size_t			 n;
	struct opt_input	*in;
	int			 at;	/* next argument */
	void			*values;
};

/* Store a value that may be the next argument. */
static int
take_value(struct run *r, const struct opt *o, const char *value, bool longer,
    struct err *e)
{
	struct spelled s;

	spell(&s, o, longer);
	if (value == NULL && o->arg == NULL)
		value = "true";
	if (value == NULL) {
		if (r->at == r->in->argc)
			return err_set(e, EINVAL, "%s needs a value: %s",
			    s.text, o->arg);
		value = r->in->argv[r->at++];
	}
	if (store(o, r->values, value, e) == -1)
		return err_prefix(e, "%s", s.text);
	return 0;
}

static int
parse_long(struct run *r, const char *arg, struct err *e)
{
	size_t len = strcspn(arg, "=");
	char name[80];

	if (len >= sizeof(name))
		return err_set(e, EINVAL, "unknown option --%.40s...", arg);
	memcpy(name, arg, len);
	name[len] = '\0';
	if (strcmp(name, "help") == 0) {
		r->in->help = true;
		return 0;
	}
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->opts[i].name, name) == 0)
			return take_value(r, &r->opts[i],
			    arg[len] == '=' ? arg + len + 1 : NULL, true, e);
	return unknown_long(r->opts, r->n, name, e);
}

/* "-it", "-m512M", "-m=512M": flags, then at most one with a value. */
static int
parse_letters(struct run *r, const char *arg, struct err *e)
{
	const struct opt *o;

	for (; *arg != '\0'; arg++) {
		o = find_letter(r->opts, r->n, *arg);
		if (o == NULL)
			return err_set(e, EINVAL, "unknown option -%c", *arg);
		if (o->arg != NULL) {
			arg++;
			if (*arg == '=')
				arg++;
			return take_value(r, o, *arg == '\0' ? NULL : arg,
			    false, e);
		}
		if (take_value(r, o, NULL, false, e) == -1)
			return -1;
	}
	return 0;
}

int
opt_parse(const struct opt *opts, size_t nopts, struct opt_input *in,
    void *values, struct err *e)
{
	struct run r = { opts, nopts, in, 0, values };
	char *arg;
	int kept = 0, status;
	bool over = false;

	while (r.at < in->argc && !in->help) {
		arg = in->argv[r.at++];
		if (over || arg[0] != '-' || arg[1] == '\0') {
			in->argv[kept++] = arg;
			over = over || !in->mixed;
			continue;
		}
		if (strcmp(arg, "--") == 0) {
			over = true;
			continue;
		}
		if (arg[1] == '-')
			status = parse_long(&r, arg + 2, e);
		else
			status = parse_letters(&r, arg + 1, e);
		if (status == -1)
			return -1;
	}
	return kept;
}

void
opt_free(const struct opt *opts, size_t nopts, void *values)
{
	struct opt_list *l;

	for (size_t i = 0; i < nopts; i++) {
		if (opts[i].kind != OPT_LIST)
			continue;
		l = (struct opt_list *)(void *)((char *)values +
		    opts[i].offset);
		free(l->v);
		l->v = NULL;
		l->n = 0;
	}
}

/* Edit distance with swaps of neighbours; both at most NEAREST_MAX long. */
static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t la = strlen(a), lb = strlen(b), cost;

	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = rows[i % 3], *up = rows[(i + 2) % 3];
		size_t *up2 = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			cost = up[j - 1] + (a[i - 1] != b[j - 1]);
			cost = MIN(cost, up[j] + 1);
			cost = MIN(cost, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				cost = MIN(cost, up2[j - 2] + 1);
			now[j] = cost;
		}
	}
	return rows[la % 3][lb];
}

const char *
opt_nearest(const char *s, const char *const words[], size_t n)
{
	const char *best = NULL;
	size_t d, least = NEAREST_MAX + 1;

	if (strlen(s) > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strlen(words[i]) > NEAREST_MAX)
			continue;
		d = distance(s, words[i]);
		if (d < least && d <= MAX(strlen(words[i]) / 3, (size_t)1) &&
		    d < strlen(words[i])) {
			least = d;
			best = words[i];
		}
	}
	return best;
}
