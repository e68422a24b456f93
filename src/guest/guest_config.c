/* SPDX-License-Identifier: ISC */
/* guest_config.c - what the host wants of this guest; see guest_config.h */

#include <arpa/inet.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/frame.h"
#include "guest/guest_config.h"
#include "guest/signame.h"
#include "lib/num.h"
#include "lib/util.h"

#define HOSTNAME_MAX	64	/* bytes; the kernel's limit */

void
guest_config_init(struct guest_config *c)
{
	memset(c, 0, sizeof(*c));
	c->hostname = "vm";
	c->rootfs = "squashfs";
	c->cwd = "/";
	c->user = "";
	c->stopsignal = SIGTERM;
	c->grace_ms = 10000;
}

void
guest_config_fini(struct guest_config *c)
{
	words_fini(&c->argv);
	words_fini(&c->env);
	free(c->data);
	guest_config_init(c);
}

static int
take_path(const char **ret, const char *value, struct err *e)
{
	if (value[0] != '/' || strlen(value) >= AGENT_PATH_MAX)
		return err_set(e, EINVAL, "'%s' is no absolute path", value);
	*ret = value;
	return 0;
}

static int
take_bool(bool *ret, const char *value, struct err *e)
{
	uint64_t n;

	if (num_parse(&n, value, 0, 1, e) == -1)
		return -1;
	*ret = n == 1;
	return 0;
}

static int
take_version(void *arg, const char *value, struct err *e)
{
	(void)arg;
	if (strcmp(value, "1") != 0)
		return err_set(e, EINVAL, "'%s' is not known here", value);
	return 0;
}

static int
take_hostname(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	if (value[0] == '\0' || strlen(value) > HOSTNAME_MAX ||
	    strpbrk(value, " \t\n/") != NULL)
		return err_set(e, EINVAL, "'%s' is no host name", value);
	c->hostname = value;
	return 0;
}

static int
take_root(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	return take_path(&c->root, value, e);
}

static int
take_rootfs(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	if (value[0] == '\0')
		return err_set(e, EINVAL, "empty");
	c->rootfs = value;
	return 0;
}

static int
take_overlay(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	return take_path(&c->overlay, value, e);
}

/* "dhcp" or ADDR/LEN,GATEWAY; the gateway may be left out. */
static int
take_net(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;
	char text[64], *len, *gateway;
	uint64_t bits;

	if (strcmp(value, "dhcp") == 0) {
		c->net = CONFIG_NET_DHCP;
		return 0;
	}
	if (strlen(value) >= sizeof(text))
		return err_set(e, EINVAL, "too long");
	strcpy(text, value);
	c->gateway.s_addr = 0;
	gateway = strchr(text, ',');
	if (gateway != NULL)
		*gateway++ = '\0';
	len = strchr(text, '/');
	if (len == NULL)
		return err_set(e, EINVAL, "'%s' has no /length", value);
	*len++ = '\0';
	if (num_parse(&bits, len, 1, 32, e) == -1)
		return -1;
	if (inet_pton(AF_INET, text, &c->addr) != 1 ||
	    (gateway != NULL &&
	    inet_pton(AF_INET, gateway, &c->gateway) != 1))
		return err_set(e, EINVAL, "'%s' is no address", value);
	c->addr_len = (unsigned)bits;
	c->net = CONFIG_NET_STATIC;
	return 0;
}

static int
take_dns(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;
	uint8_t addr[16];

	if (inet_pton(AF_INET, value, addr) != 1 &&
	    inet_pton(AF_INET6, value, addr) != 1)
		return err_set(e, EINVAL, "'%s' is no address", value);
	if (c->ndns == COUNT(c->dns))
		return err_set(e, E2BIG, "more than %zu", COUNT(c->dns));
	c->dns[c->ndns++] = value;
	return 0;
}

static int
take_arg(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	return words_add(&c->argv, value, e);
}

static int
take_env(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;
	const char *eq = strchr(value, '=');

	if (eq == NULL || eq == value)
		return err_set(e, EINVAL, "'%s' is not NAME=VALUE", value);
	return words_add(&c->env, value, e);
}

static int
take_cwd(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	return take_path(&c->cwd, value, e);
}

static int
take_user(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	(void)e;
	c->user = value;
	return 0;
}

static int
take_stopsignal(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	return signame_parse(&c->stopsignal, value, e);
}

static int
take_grace(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;
	uint64_t s;

	if (num_parse(&s, value, 0, CONFIG_GRACE_MAX, e) == -1)
		return -1;
	c->grace_ms = s * 1000;
	return 0;
}

static int
take_tty(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	return take_bool(&c->tty, value, e);
}

static int
take_mode(void *arg, const char *value, struct err *e)
{
	struct guest_config *c = arg;

	if (strcmp(value, "exec") != 0 && strcmp(value, "init") != 0)
		return err_set(e, EINVAL, "'%s' is not exec or init", value);
	c->init = value[0] == 'i';
	return 0;
}

/* A name of the host's choice; "/" begins the path of a device. */
static int
take_tag(const char **ret, const char *value, struct err *e)
{
	if (*value == '\0' || strchr(value, '/') != NULL)
		return err_set(e, EINVAL, "'%s' is no tag", value);
	*ret = value;
	return 0;
}

/*
 * WHAT,PATH,rw|ro.  The path may hold commas.  Our copy of the data is cut
 * into strings where the commas were.
 */
static int
add_mount(struct guest_config *c, const char *value, bool share,
    struct err *e)
{
	struct guest_mount *m = &c->mounts[c->nmounts];
	char *path = strchr(value, ','), *how = strrchr(value, ',');

	if (c->nmounts == COUNT(c->mounts))
		return err_set(e, E2BIG, "more than %zu", COUNT(c->mounts));
	if (path == how || (strcmp(how, ",rw") != 0 && strcmp(how, ",ro") != 0))
		return err_set(e, EINVAL, "'%s' is not %s,PATH,rw or ro",
		    value, share ? "TAG" : "DEVICE");
	m->share = share;
	m->readonly = how[2] == 'o';
	*path = '\0';
	*how = '\0';
	if ((share ? take_tag : take_path)(&m->device, value, e) == -1 ||
	    take_path(&m->path, path + 1, e) == -1)
		return -1;
	c->nmounts++;
	return 0;
}

static int
take_mount(void *arg, const char *value, struct err *e)
{
	return add_mount(arg, value, false, e);
}

static int
take_share(void *arg, const char *value, struct err *e)
{
	return add_mount(arg, value, true, e);
}

static const struct record_field fields[] = {
	{ "version",	take_version },
	{ "hostname",	take_hostname },
	{ "root",	take_root },
	{ "rootfs",	take_rootfs },
	{ "overlay",	take_overlay },
	{ "net",	take_net },
	{ "dns",	take_dns },
	{ "arg",	take_arg },
	{ "env",	take_env },
	{ "cwd",	take_cwd },
	{ "user",	take_user },
	{ "stopsignal",	take_stopsignal },
	{ "grace",	take_grace },
	{ "tty",	take_tty },
	{ "mount",	take_mount },
	{ "share",	take_share },
	{ "mode",	take_mode },
	{ NULL,		NULL },
};

/* Every record is one of ours, and the first says which version they are. */
static int
check_names(const uint8_t *data, size_t len, struct err *e)
{
	const struct record_field *f;
	struct record r;
	size_t at = 0;
	int n;

	for (bool first = true;
	    (n = record_next(&r, data, len, &at)) == 1; first = false) {
		if (first && !record_is(&r, "version"))
			return err_set(e, EINVAL, "no version");
		for (f = fields; f->name != NULL; f++)
			if (record_is(&r, f->name))
				break;
		if (f->name == NULL)
			return err_set(e, EINVAL, "unknown record '%.*s'",
			    (int)r.name_len, r.name);
	}
	if (n == -1)
		return err_set(e, EINVAL, "byte %zu begins no record", at);
	return len == 0 ? err_set(e, EINVAL, "empty") : 0;
}

int
guest_config_parse(struct guest_config *c, const void *data, size_t len,
    struct err *e)
{
	if (len > CONFIG_BYTES_MAX)
		return err_set(e, EFBIG, "more than %d bytes",
		    CONFIG_BYTES_MAX);
	if (check_names(data, len, e) == -1)
		return -1;
	c->data = malloc(len);
	if (c->data == NULL)
		return err_sys(e, "out of memory");
	memcpy(c->data, data, len);
	return records_read(fields, c, c->data, len, e);
}
