/* SPDX-License-Identifier: ISC */
/* env.c - what options of run and exec say, as JSON; see env.h */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/io.h"
#include "lib/json.h"
#include "lib/num.h"
#include "vmctl/env.h"

#define PATH_BYTES_MAX	4096	/* of an option that is copied */

static int
put_string(json_t *obj, const char *name, size_t len, const char *value,
    struct err *e)
{
	json_t *v = json_string(value);

	/* jansson refuses what is not UTF-8; JSON has no way to say it. */
	if (v == NULL || json_object_setn_new(obj, name, len, v) == -1)
		return err_set(e, EILSEQ, "%.*s: not valid UTF-8", (int)len,
		    name);
	return 0;
}

/* One NAME=VALUE; a NAME alone is looked up here. */
static int
env_word(json_t *obj, const char *word, struct err *e)
{
	size_t len = strcspn(word, "=");
	own_mem char *name = strndup(word, len);
	const char *value;

	if (name == NULL)
		return err_sys(e, "environment");
	if (len == 0)
		return err_set(e, EINVAL, "environment: %s: no name", word);
	value = word[len] == '=' ? word + len + 1 : getenv(name);
	return value == NULL ? 0 : put_string(obj, word, len, value, e);
}

static int
env_file(json_t *obj, const char *path, struct err *e)
{
	struct buf b;
	char *line, *rest;
	int r = 0;

	buf_init(&b, ENV_FILE_MAX);
	if (file_read(&b, AT_FDCWD, path, e) == -1) {
		buf_fini(&b);
		return -1;
	}
	rest = (char *)b.data;
	while (r == 0 && rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "\r")] = '\0';
		line += strspn(line, " \t");
		if (line[0] != '\0' && line[0] != '#')
			r = env_word(obj, line, e);
	}
	buf_fini(&b);
	return r == -1 ? err_prefix(e, "%s", path) : 0;
}

int
env_parse(json_t **ret, const struct opt_list *files,
    const struct opt_list *words, struct err *e)
{
	own_json json_t *obj = json_object();

	for (size_t i = 0; i < files->n; i++)
		if (env_file(obj, files->v[i], e) == -1)
			return -1;
	for (size_t i = 0; i < words->n; i++)
		if (env_word(obj, words->v[i], e) == -1)
			return -1;
	*ret = take(&obj);
	return 0;
}

int
labels_parse(json_t **ret, const struct opt_list *words, struct err *e)
{
	own_json json_t *obj = json_object();

	for (size_t i = 0; i < words->n; i++) {
		const char *word = words->v[i];
		size_t len = strcspn(word, "=");

		if (len == 0)
			return err_set(e, EINVAL, "label %s: no name", word);
		if (put_string(obj, word, len, word[len] == '=' ?
		    word + len + 1 : "", e) == -1)
			return -1;
	}
	*ret = take(&obj);
	return 0;
}

/* --- ports ------------------------------------------------------------- */

struct range {
	uint64_t	first, last;
};

/* "80" or "8000-8010"; s is cut up. */
static int
range_parse(struct range *ret, char *s, struct err *e)
{
	char *dash = strchr(s, '-');

	if (dash != NULL)
		*dash++ = '\0';
	if (num_parse(&ret->first, s, 1, 65535, e) == -1 ||
	    num_parse(&ret->last, dash != NULL ? dash : s, 1, 65535, e) == -1)
		return -1;
	if (ret->last < ret->first)
		return err_set(e, EINVAL, "range ends before it begins");
	return 0;
}

/* Cut "[ADDR:]" off; what is behind it, or NULL when it is malformed. */
static char *
cut_address(const char **addr, char *s)
{
	char *colon, *end;

	*addr = NULL;
	if (s[0] == '[') {
		end = strstr(s, "]:");
		if (end == NULL)
			return NULL;
		*end = '\0';
		*addr = s + 1;
		return end + 2;
	}
	colon = strchr(s, ':');
	if (colon == NULL || strchr(colon + 1, ':') == NULL)
		return s;
	*colon = '\0';
	*addr = s;
	return colon + 1;
}

static int
port_word(json_t *list, const char *word, struct err *e)
{
	char copy[256], *rest, *guest, *proto;
	struct range h, g;
	const char *addr;
	json_t *p;

	if (strlen(word) >= sizeof(copy))
		return err_set(e, EINVAL, "too long");
	memcpy(copy, word, strlen(word) + 1);
	proto = strchr(copy, '/');
	if (proto != NULL)
		*proto++ = '\0';
	if (proto != NULL && strcmp(proto, "tcp") != 0 &&
	    strcmp(proto, "udp") != 0)
		return err_set(e, EINVAL, "protocol is neither tcp nor udp");
	rest = cut_address(&addr, copy);
	guest = rest == NULL ? NULL : strchr(rest, ':');
	if (guest == NULL || strchr(guest + 1, ':') != NULL)
		return err_set(e, EINVAL, "not [ADDRESS:]HOST:GUEST[/PROTO]");
	*guest++ = '\0';
	if (range_parse(&h, rest, e) == -1 || range_parse(&g, guest, e) == -1)
		return -1;
	if (h.last - h.first != g.last - g.first)
		return err_set(e, EINVAL, "ranges of different length");
	if (json_array_size(list) + (h.last - h.first) >= PORTS_MAX)
		return err_set(e, E2BIG, "more than %d ports", PORTS_MAX);
	for (uint64_t i = 0; i <= h.last - h.first; i++) {
		p = json_pack("{s:I,s:I,s:s}", "host_port",
		    (json_int_t)(h.first + i), "guest_port",
		    (json_int_t)(g.first + i), "protocol",
		    proto != NULL ? proto : "tcp");
		if (addr != NULL)
			json_object_set_new(p, "host_ip", json_string(addr));
		json_array_append_new(list, p);
	}
	return 0;
}

int
ports_parse(json_t **ret, const struct opt_list *words, struct err *e)
{
	own_json json_t *list = json_array();

	for (size_t i = 0; i < words->n; i++)
		if (port_word(list, words->v[i], e) == -1)
			return err_prefix(e, "port %s", words->v[i]);
	*ret = take(&list);
	return 0;
}

/* --- volumes ----------------------------------------------------------- */

/* It begins with "/", "." or "~", which no name of a volume does. */
static bool
is_host_path(const char *word)
{
	return *word == '/' || *word == '.' || *word == '~';
}

/* A word in three parts; copy is cut where the colons were. */
static int
mount_word(char *copy, const char *word, const char **path, bool *readonly,
    struct err *e)
{
	char *at, *mode;

	if (strlen(word) >= PATH_BYTES_MAX)
		return err_set(e, EINVAL, "too long");
	memcpy(copy, word, strlen(word) + 1);
	at = strchr(copy, ':');
	if (at == NULL || at == copy || at[1] != '/')
		return err_set(e, EINVAL, "not VOLUME:/PATH[:ro] or "
		    "HOSTDIR:/PATH[:ro]");
	*at++ = '\0';
	mode = strchr(at, ':');
	if (mode != NULL)
		*mode++ = '\0';
	if (mode != NULL && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)
		return err_set(e, EINVAL, "%s: neither ro nor rw", mode);
	*path = at;
	*readonly = mode != NULL && mode[1] == 'o';
	return 0;
}

static int
append(json_t *list, json_t *v, struct err *e)
{
	if (v == NULL || json_array_append_new(list, v) == -1)
		return err_set(e, EILSEQ, "not valid UTF-8");
	return 0;
}

static int
volume_word(json_t *list, const char *word, struct err *e)
{
	char copy[PATH_BYTES_MAX];
	const char *path = NULL;
	bool readonly = false;

	if (mount_word(copy, word, &path, &readonly, e) == -1)
		return -1;
	return append(list, json_pack("{s:s,s:s,s:b}", "volume_id", copy,
	    "mount_path", path, "readonly", readonly), e);
}

/* The daemon has another working directory, and takes no links for dirs. */
static int
share_word(json_t *list, const char *word, struct err *e)
{
	char copy[PATH_BYTES_MAX];
	const char *path = NULL;
	own_mem char *host = NULL;
	bool readonly = false;

	if (mount_word(copy, word, &path, &readonly, e) == -1)
		return -1;
	host = realpath(copy, NULL);
	if (host == NULL)
		return err_sys(e, "%s", copy);
	return append(list, json_pack("{s:s,s:s,s:b}", "host_path", host,
	    "path", path, "readonly", readonly), e);
}

int
volumes_parse(json_t **ret, const struct opt_list *words, struct err *e)
{
	own_json json_t *list = json_array();

	for (size_t i = 0; i < words->n; i++)
		if (!is_host_path(words->v[i]) &&
		    volume_word(list, words->v[i], e) == -1)
			return err_prefix(e, "volume %s", words->v[i]);
	*ret = take(&list);
	return 0;
}

int
shares_parse(json_t **ret, const struct opt_list *words, struct err *e)
{
	own_json json_t *list = json_array();

	for (size_t i = 0; i < words->n; i++)
		if (is_host_path(words->v[i]) &&
		    share_word(list, words->v[i], e) == -1)
			return err_prefix(e, "volume %s", words->v[i]);
	*ret = take(&list);
	return 0;
}

/* --- restart ----------------------------------------------------------- */

int
restart_parse(json_t **ret, const char *s, struct err *e)
{
	uint64_t attempts = 0;
	const char *policy;

	if (strcmp(s, "no") == 0 || strcmp(s, "never") == 0)
		policy = "never";
	else if (strcmp(s, "always") == 0 || strcmp(s, "unless-stopped") == 0)
		policy = "always";
	else if (strncmp(s, "on-failure", 10) == 0 &&
	    (s[10] == '\0' || s[10] == ':'))
		policy = "on_failure";
	else
		return err_set(e, EINVAL, "--restart %s: not no, always, "
		    "unless-stopped or on-failure[:N]", s);
	if (s[0] == 'o' && s[10] == ':' &&
	    num_parse(&attempts, s + 11, 1, 1000000, e) == -1)
		return err_prefix(e, "--restart %s", s);
	*ret = json_pack("{s:s,s:I}", "policy", policy, "max_attempts",
	    (json_int_t)attempts);
	return 0;
}
