/* SPDX-License-Identifier: ISC */
/* vm.c - the vm blocks of vm.conf; see parse.h */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "conf/parse.h"
#include "lib/num.h"
#include "lib/util.h"

/* A VM being read, and which of its options were there. */
struct reading {
	struct conf_vm	*vm;
	uint64_t	 seen;		/* a bit for each keyword */
	size_t		 text;		/* bytes of its lists */
};
_Static_assert(KEYWORDS <= 64, "a bit for each keyword");

/* --- OpenBSD's options ---------------------------------------------------- */

static int
vm_enable(struct parser *p, struct reading *r)
{
	(void)p;
	r->vm->disabled = false;
	return 0;
}

static int
vm_disable(struct parser *p, struct reading *r)
{
	(void)p;
	r->vm->disabled = true;
	return 0;
}

static int
vm_disk(struct parser *p, struct reading *r)
{
	struct conf_disk d = { 0 };
	const char *word;

	if (parse_path(p, &d.path, "disk path") == -1)
		return -1;
	if (token_take(p, KW_FORMAT)) {
		if (parse_string(p, &word, CONF_WORD_MAX, "format") == -1)
			return -1;
		if (strcmp(word, "raw") == 0)
			d.format = CONF_FORMAT_RAW;
		else if (strcmp(word, "qcow2") == 0)
			d.format = CONF_FORMAT_QCOW2;
		else
			return parse_fail(p, "unrecognized disk format %.64s",
			    word);
	}
	if (r->vm->ndisks == CONF_DISKS_MAX)
		return parse_fail(p, "failed to parse disks: %.200s: too many "
		    "disks", d.path);
	r->vm->disks[r->vm->ndisks++] = d;
	return 0;
}

static int
vm_interface(struct parser *p, struct reading *r)
{
	return parse_if(p, r->vm, false);
}

static int
vm_local(struct parser *p, struct reading *r)
{
	if (!token_take(p, KW_INTERFACE))
		return parse_syntax(p);
	return parse_if(p, r->vm, true);
}

static int
vm_interfaces(struct parser *p, struct reading *r)
{
	uint64_t n;

	if (r->vm->min_ifs != -1)
		return parse_fail(p, "interfaces specified more than once");
	if (parse_number(p, &n, 0, CONF_IFS_MAX, "number of interfaces") ==
	    -1)
		return -1;
	r->vm->min_ifs = (int)n;
	return 0;
}

static int
vm_boot(struct parser *p, struct reading *r)
{
	struct conf_vm *vm = r->vm;

	if (token_take(p, KW_DEVICE)) {
		if (token_take(p, KW_CDROM))
			vm->device = CONF_BOOT_CDROM;
		else if (token_take(p, KW_DISK))
			vm->device = CONF_BOOT_DISK;
		else if (token_take(p, KW_NET))
			vm->device = CONF_BOOT_NET;
		else
			return parse_syntax(p);
		return 0;
	}
	if (vm->boot != NULL)
		return parse_fail(p, "kernel specified more than once");
	return parse_path(p, &vm->boot, "kernel name");
}

static int
vm_cdrom(struct parser *p, struct reading *r)
{
	if (r->vm->cdrom != NULL)
		return parse_fail(p, "cdrom specified more than once");
	return parse_path(p, &r->vm->cdrom, "cdrom name");
}

static int
vm_memory(struct parser *p, struct reading *r)
{
	struct conf_vm *vm = r->vm;
	uint64_t bytes;

	if (parse_size(p, &bytes) == -1)
		return -1;
	if (bytes < CONF_MEMORY_MIN)
		return parse_fail(p, "failed to parse size: %llu: memory size "
		    "must be at least 1MB", (unsigned long long)bytes);
	if (bytes > CONF_MEMORY_MAX)
		return parse_fail(p, "failed to parse size: %llu: memory size "
		    "too large", (unsigned long long)bytes);
	vm->memory = bytes >> 20 << 20;
	if (vm->memory != bytes)
		(void)conf_say(p->conf, true, p->file, p->line, "memory size "
		    "rounded to %llu megabytes",
		    (unsigned long long)(bytes >> 20));
	return 0;
}

static int
vm_owner(struct parser *p, struct reading *r)
{
	return parse_owner(p, &r->vm->owner);
}

static int
vm_sev(struct parser *p, struct reading *r)
{
	(void)p;
	r->vm->sev = true;
	return 0;
}

static int
vm_seves(struct parser *p, struct reading *r)
{
	(void)p;
	r->vm->seves = true;
	return 0;
}

static int
allow_flag(struct parser *p, void *arg)
{
	static const struct { enum keyword keyword; unsigned flag; } flags[] = {
		{ KW_BOOT, CONF_ALLOW_BOOT },
		{ KW_CDROM, CONF_ALLOW_CDROM },
		{ KW_DISK, CONF_ALLOW_DISK },
		{ KW_INSTANCE, CONF_ALLOW_INSTANCE },
		{ KW_INTERFACE, CONF_ALLOW_INTERFACE },
		{ KW_MEMORY, CONF_ALLOW_MEMORY },
	};
	struct conf_vm *vm = arg;

	for (size_t i = 0; i < COUNT(flags); i++) {
		if (token_take(p, flags[i].keyword)) {
			vm->allow |= flags[i].flag;
			return 0;
		}
	}
	if (!token_take(p, KW_OWNER))
		return parse_syntax(p);
	return parse_owner(p, &vm->allow_owner);
}

static int
vm_allow(struct parser *p, struct reading *r)
{
	if (!token_take(p, KW_INSTANCE))
		return parse_syntax(p);
	if (token_is_punct(p, '{'))
		return parse_block(p, allow_flag, r->vm);
	return allow_flag(p, r->vm);
}

/* --- ours: one value ------------------------------------------------------ */

static int
vm_cpus(struct parser *p, struct reading *r)
{
	uint64_t n;

	if (parse_number(p, &n, 1, CONF_CPUS_MAX, "number of cpus") == -1)
		return -1;
	r->vm->cpus = (unsigned)n;
	return 0;
}

static int
vm_image(struct parser *p, struct reading *r)
{
	return parse_string(p, &r->vm->image, 511, "image name");
}

static int
vm_hypervisor(struct parser *p, struct reading *r)
{
	static const char *const known[] = { "auto", "cloud-hypervisor",
	    "null", "qemu", "vmm", "vz" };

	if (parse_string(p, &r->vm->hypervisor, 32, "hypervisor") == -1)
		return -1;
	for (size_t i = 0; i < COUNT(known); i++)
		if (strcmp(known[i], r->vm->hypervisor) == 0)
			return 0;
	return parse_fail(p, "unknown hypervisor: %s", r->vm->hypervisor);
}

static int
vm_restart(struct parser *p, struct reading *r)
{
	const char *word;

	if (parse_string(p, &word, 32, "restart policy") == -1)
		return -1;
	for (int i = CONF_RESTART_NEVER; i <= CONF_RESTART_FAILURE; i++) {
		if (strcmp(conf_restart_name((enum conf_restart)i),
		    word) == 0) {
			r->vm->restart = (enum conf_restart)i;
			return 0;
		}
	}
	return parse_fail(p, "unknown restart policy: %s", word);
}

static int
vm_kernel(struct parser *p, struct reading *r)
{
	return parse_path(p, &r->vm->kernel, "kernel name");
}

static int
vm_initramfs(struct parser *p, struct reading *r)
{
	return parse_path(p, &r->vm->initramfs, "initramfs name");
}

static int
vm_firmware(struct parser *p, struct reading *r)
{
	return parse_path(p, &r->vm->firmware, "firmware name");
}

static int
vm_netboot(struct parser *p, struct reading *r)
{
	return parse_path(p, &r->vm->netboot, "netboot name");
}

static int
vm_cmdline(struct parser *p, struct reading *r)
{
	return parse_string(p, &r->vm->cmdline, 2047, "cmdline");
}

static int
vm_hostname(struct parser *p, struct reading *r)
{
	const char *s;

	if (parse_string(p, &s, 64, "hostname") == -1)
		return -1;
	for (const char *c = s; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-')
			return parse_fail(p, "invalid hostname: %s", s);
	r->vm->hostname = s;
	return 0;
}

static int
vm_user(struct parser *p, struct reading *r)
{
	return parse_string(p, &r->vm->user, 256, "user");
}

static int
vm_workdir(struct parser *p, struct reading *r)
{
	if (parse_string(p, &r->vm->workdir, CONF_PATH_MAX, "workdir") == -1)
		return -1;
	return r->vm->workdir[0] == '/' ? 0 :
	    parse_fail(p, "workdir is not absolute");
}

static int
vm_overlay(struct parser *p, struct reading *r)
{
	if (parse_size(p, &r->vm->overlay) == -1)
		return -1;
	if (r->vm->overlay < 16ULL << 20 || r->vm->overlay > 16ULL << 40)
		return parse_fail(p, "overlay must have 16M to 16T");
	return 0;
}

static int
vm_limit(struct parser *p, struct reading *r)
{
	uint64_t *to;
	const char *text;
	struct err e;

	if (token_take(p, KW_DISK))
		to = &r->vm->disk_rate;
	else if (token_take(p, KW_DOWNLOAD))
		to = &r->vm->download;
	else if (token_take(p, KW_UPLOAD))
		to = &r->vm->upload;
	else
		return parse_syntax(p);
	if (parse_string(p, &text, 32, "rate") == -1)
		return -1;
	if (rate_parse(to, text, &e) == -1 || *to < 1024 || *to > 1ULL << 40)
		return parse_fail(p, "failed to parse rate: %s", text);
	return 0;
}

/* --- ours: lists ---------------------------------------------------------- */

/* A list that is being read, and who checks its words. */
struct list_reading {
	struct conf_list	*list;
	struct reading		*r;
	size_t			 max;
	int			(*check)(struct parser *, const char *);
};

static int
list_add(struct parser *p, struct list_reading *l, const char *s)
{
	if (l->list->n == l->max)
		return parse_fail(p, "more than %zu of them", l->max);
	l->r->text += strlen(s) + 1;
	if (l->r->text > CONF_VM_TEXT_MAX)
		return parse_fail(p, "more than %d bytes in lists of a vm",
		    CONF_VM_TEXT_MAX);
	if (l->check != NULL && l->check(p, s) == -1)
		return -1;
	l->list->v[l->list->n++] = s;
	return 0;
}

/* One string, or NAME = VALUE. */
static int
list_string(struct parser *p, void *arg)
{
	const char *s, *value;

	if (parse_string(p, &s, CONF_WORD_MAX, "string") == -1)
		return -1;
	if (token_take_punct(p, '=')) {
		if (parse_string(p, &value, CONF_WORD_MAX, "string") == -1)
			return -1;
		s = conf_textf(p->conf, "%s=%s", s, value);
	}
	return list_add(p, arg, s);
}

static int
parse_list(struct parser *p, struct list_reading *l)
{
	if (token_is_punct(p, '{'))
		return parse_block(p, list_string, l);
	return list_string(p, l);
}

/* --- ours: command lines -------------------------------------------------- */

/* Every token is a word, also one that is a keyword elsewhere. */
static int
command_words(struct parser *p, void *arg)
{
	enum token_kind k = p->token.kind;

	if (k != TOKEN_WORD && k != TOKEN_STRING && k != TOKEN_NUMBER)
		return parse_syntax(p);
	while (k == TOKEN_WORD || k == TOKEN_STRING || k == TOKEN_NUMBER) {
		if (p->bad || p->conf->text > CONF_TEXT_MAX)
			return parse_syntax(p);
		if (list_add(p, arg, conf_text(p->conf, p->token.text)) == -1)
			return -1;
		lex_next(p);
		k = p->token.kind;
	}
	return p->bad ? -1 : 0;
}

static int
parse_command(struct parser *p, struct reading *r, struct conf_list *to)
{
	struct list_reading l = { to, r, CONF_LIST_MAX, NULL };

	if (token_is_punct(p, '{'))
		return parse_block(p, command_words, &l);
	return command_words(p, &l);
}

static int
vm_command(struct parser *p, struct reading *r)
{
	return parse_command(p, r, &r->vm->command);
}

static int
vm_entrypoint(struct parser *p, struct reading *r)
{
	return parse_command(p, r, &r->vm->entrypoint);
}

/* --- ours: lists of strings ----------------------------------------------- */

static int
check_env(struct parser *p, const char *s)
{
	size_t n = strcspn(s, "=");

	if (s[n] == '\0' || n == 0 || n > 256)
		return parse_fail(p, "env is not NAME=VALUE: %.64s", s);
	return 0;
}

static int
vm_env(struct parser *p, struct reading *r)
{
	return parse_list(p, &(struct list_reading){ &r->vm->env, r,
	    CONF_LIST_MAX, check_env });
}

/* NAME:/PATH or /DIRECTORY:/PATH, perhaps :ro or :rw. */
static int
check_volume(struct parser *p, const char *s)
{
	const char *path = strchr(s, ':'), *end;

	if (path != NULL && path != s && path - s <= (s[0] == '/' ?
	    CONF_PATH_MAX : 128) && path[1] == '/') {
		end = strchr(++path, ':');
		if (end == NULL || strcmp(end, ":ro") == 0 ||
		    strcmp(end, ":rw") == 0)
			return 0;
	}
	return parse_fail(p, "volume is not NAME:/PATH[:ro]: %.64s", s);
}

static int
vm_volume(struct parser *p, struct reading *r)
{
	return parse_list(p, &(struct list_reading){ &r->vm->volumes, r,
	    CONF_VOLUMES_MAX, check_volume });
}

static int
check_publish(struct parser *p, const char *s)
{
	struct conf_port port;
	struct err e;

	if (conf_port_parse(&port, s, &e) == -1)
		return parse_fail(p, "%s", e.text);
	return 0;
}

static int
vm_publish(struct parser *p, struct reading *r)
{
	return parse_list(p, &(struct list_reading){ &r->vm->publish, r,
	    CONF_PORTS_MAX, check_publish });
}

/* --- the block ------------------------------------------------------------ */

#define ONCE	1		/* "specified more than once" */

static const struct option {
	enum keyword	keyword;
	unsigned	flags;
	int		(*parse)(struct parser *, struct reading *);
} options[] = {
	{ KW_ALLOW,		0,	vm_allow },
	{ KW_BOOT,		0,	vm_boot },
	{ KW_CDROM,		0,	vm_cdrom },
	{ KW_CMDLINE,		ONCE,	vm_cmdline },
	{ KW_COMMAND,		ONCE,	vm_command },
	{ KW_CPUS,		ONCE,	vm_cpus },
	{ KW_DISABLE,		0,	vm_disable },
	{ KW_DISK,		0,	vm_disk },
	{ KW_ENABLE,		0,	vm_enable },
	{ KW_ENTRYPOINT,	ONCE,	vm_entrypoint },
	{ KW_ENV,		0,	vm_env },
	{ KW_FIRMWARE,		ONCE,	vm_firmware },
	{ KW_HOSTNAME,		ONCE,	vm_hostname },
	{ KW_HYPERVISOR,	ONCE,	vm_hypervisor },
	{ KW_IMAGE,		ONCE,	vm_image },
	{ KW_INITRAMFS,		ONCE,	vm_initramfs },
	{ KW_INTERFACE,		0,	vm_interface },
	{ KW_INTERFACES,	0,	vm_interfaces },
	{ KW_KERNEL,		ONCE,	vm_kernel },
	{ KW_LIMIT,		0,	vm_limit },
	{ KW_LOCAL,		0,	vm_local },
	{ KW_MEMORY,		ONCE,	vm_memory },
	{ KW_NETBOOT,		ONCE,	vm_netboot },
	{ KW_OVERLAY,		ONCE,	vm_overlay },
	{ KW_OWNER,		0,	vm_owner },
	{ KW_PUBLISH,		0,	vm_publish },
	{ KW_RESTART,		ONCE,	vm_restart },
	{ KW_SEV,		0,	vm_sev },
	{ KW_SEVES,		0,	vm_seves },
	{ KW_USER,		ONCE,	vm_user },
	{ KW_VOLUME,		0,	vm_volume },
	{ KW_WORKDIR,		ONCE,	vm_workdir },
};

static int
vm_option(struct parser *p, void *arg)
{
	enum keyword k = p->token.kind == TOKEN_WORD ? p->token.keyword :
	    KW_NONE;
	struct reading *r = arg;
	uint64_t bit = 1ULL << k;

	for (size_t i = 0; k != KW_NONE && i < COUNT(options); i++) {
		if (options[i].keyword != k)
			continue;
		if ((options[i].flags & ONCE) && (r->seen & bit))
			return parse_fail(p, "%s specified more than once",
			    keyword_name(k));
		r->seen |= bit;
		lex_next(p);
		return options[i].parse(p, r);
	}
	return parse_syntax(p);
}

static const struct conf_vm *
vm_find(const struct conf *c, const char *name)
{
	const struct conf_vm *vm;

	TAILQ_FOREACH(vm, &c->vms, entry)
		if (strcmp(vm->name, name) == 0)
			return vm;
	return NULL;
}

/* [a-z0-9]([a-z0-9-]*[a-z0-9])?, which is a host name too. */
static int
parse_name(struct parser *p, const char **ret)
{
	const char *s;
	size_t n;

	if (parse_string(p, &s, CONF_NAME_MAX, "vm name") == -1)
		return -1;
	n = strlen(s);
	if (n == 0 || s[0] == '-' || s[n - 1] == '-' ||
	    strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return parse_fail(p, "invalid vm name: \"%s\" must be of a-z, "
		    "0-9 and -, and begin and end with a letter or digit", s);
	if (strspn(s, "0123456789") == n)
		return parse_fail(p, "invalid vm name: \"%s\" would be read "
		    "as a number", s);
	*ret = s;
	return 0;
}

/* "a" or "a instance b". */
static int
vm_names(struct parser *p, struct conf_vm *vm)
{
	const struct conf_vm *other;

	if (parse_name(p, &vm->name) == -1)
		return -1;
	if (token_take(p, KW_INSTANCE)) {
		vm->parent = vm->name;
		if (parse_name(p, &vm->name) == -1)
			return -1;
	}
	other = vm_find(p->conf, vm->name);
	if (other != NULL)
		return parse_fail(p, "vm \"%s\" is defined already, in line "
		    "%u", vm->name, other->line);
	if (vm->parent != NULL && vm_find(p->conf, vm->parent) == NULL)
		return parse_fail(p, "vm \"%s\": invalid template: no vm "
		    "\"%s\" before it", vm->name, vm->parent);
	return 0;
}

static int
vm_check(struct parser *p, const struct conf_vm *vm, const struct reading *r)
{
	struct conf *c = p->conf;

	if (r->seen == 0)
		return conf_say(c, false, vm->file, vm->line,
		    "vm \"%s\" has no options", vm->name);
	if (c->nvms == CONF_VMS_MAX)
		return conf_say(c, false, vm->file, vm->line,
		    "more than %d VMs", CONF_VMS_MAX);
	if (vm->publish.n > 0 && vm->min_ifs == 0 && vm->nifs == 0)
		return conf_say(c, false, vm->file, vm->line,
		    "vm \"%s\": publish without an interface", vm->name);
	return 0;
}

int
parse_vm(struct parser *p)
{
	struct conf *c = p->conf;
	struct conf_vm *vm = conf_alloc(c, sizeof(*vm));
	struct reading r = { .vm = vm };

	vm->file = p->file;
	vm->line = p->line;
	vm->min_ifs = -1;
	vm->owner.gid = CONF_ID_NONE;
	vm->owner.uid = CONF_ID_NONE;
	vm->allow_owner = vm->owner;
	lex_next(p);
	if (vm_names(p, vm) == -1 || parse_block(p, vm_option, &r) == -1)
		return -1;
	if (vm->parent != NULL && parse_instance(p, vm) == -1)
		return -1;
	if (vm->memory == 0)
		vm->memory = CONF_MEMORY;
	if (vm->cpus == 0)
		vm->cpus = 1;
	if (vm_check(p, vm, &r) == -1)
		return -1;
	TAILQ_INSERT_TAIL(&c->vms, vm, entry);
	c->nvms++;
	return 0;
}
