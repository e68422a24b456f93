/* SPDX-License-Identifier: ISC */
/* conf.c - what a vm.conf says, and the strings it says it with; see conf.h */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/parse.h"
#include "lib/log.h"

struct conf_text {
	struct conf_text *next;
	char		  bytes[];
};

struct conf *
conf_new(void)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (c == NULL)
		fatal("vm.conf");
	TAILQ_INIT(&c->vms);
	TAILQ_INIT(&c->switches);
	TAILQ_INIT(&c->messages);
	c->socket_owner.uid = c->socket_owner.gid = CONF_ID_NONE;
	return c;
}

void
conf_destroy(struct conf *c)
{
	struct conf_text *t;

	if (c == NULL)
		return;
	while ((t = c->texts) != NULL) {
		c->texts = t->next;
		free(t);
	}
	free(c);
}

void *
conf_alloc(struct conf *c, size_t n)
{
	struct conf_text *t = calloc(1, sizeof(*t) + n);

	if (t == NULL)
		fatal("vm.conf");
	t->next = c->texts;
	c->texts = t;
	c->text += n;
	return t->bytes;
}

const char *
conf_text(struct conf *c, const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(conf_alloc(c, n), s, n);
}

const char *
conf_textf(struct conf *c, const char *fmt, ...)
{
	char text[2 * CONF_WORD_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return conf_text(c, text);
}

int
conf_say(struct conf *c, bool warning, const char *file, unsigned line,
    const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	struct conf_message *m;
	va_list ap;

	if (!warning)
		c->errors++;
	if (c->nmessages > CONF_MESSAGES_MAX)
		return -1;
	m = conf_alloc(c, sizeof(*m));
	m->warning = warning;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->nmessages++ == CONF_MESSAGES_MAX)
		m->text = "too many errors; these are the first ones";
	else if (file == NULL)
		m->text = conf_text(c, text);
	else
		m->text = conf_textf(c, "%s:%u: %s%s", file, line,
		    warning ? "warning: " : "", text);
	TAILQ_INSERT_TAIL(&c->messages, m, entry);
	return -1;
}

int
conf_define_parse(struct conf_define *ret, char *text, struct err *e)
{
	char *eq = strrchr(text, '=');

	if (eq == NULL || eq == text)
		return err_set(e, EINVAL, "could not parse macro definition "
		    "%s", text);
	*eq = '\0';
	ret->name = text;
	ret->value = eq + 1;
	return 0;
}

const char *
conf_format_name(enum conf_format f)
{
	static const char *const names[] = { NULL, "raw", "qcow2" };

	return names[f];
}

const char *
conf_device_name(enum conf_device d)
{
	static const char *const names[] = { NULL, "disk", "cdrom", "net" };

	return names[d];
}

const char *
conf_restart_name(enum conf_restart r)
{
	static const char *const names[] = { "never", "always",
	    "on-failure" };

	return names[r];
}

const char *
conf_allow_name(unsigned bit)
{
	static const char *const names[] = { "boot", "memory", "interface",
	    "disk", "cdrom", "instance" };
	size_t i = 0;

	while (bit >> i > 1)
		i++;
	return names[i];
}

/* --- files of the host ---------------------------------------------------- */

static int
put_file(struct buf *b, const char *kind, const char *format,
    const char *path)
{
	return path == NULL ? 0 : buf_printf(b, "%s %s %s\n", kind, format,
	    path);
}

static int
put_files(struct buf *b, const struct conf_vm *vm)
{
	if (buf_printf(b, "vm %s\n", vm->name) == -1 ||
	    (vm->owner.uid != CONF_ID_NONE &&
	    buf_printf(b, "uid %u\n", (unsigned)vm->owner.uid) == -1))
		return -1;
	for (size_t i = 0; i < vm->ndisks; i++) {
		const char *format = conf_format_name(vm->disks[i].format);

		if (put_file(b, "disk", format != NULL ? format : "any",
		    vm->disks[i].path) == -1)
			return -1;
	}
	if (put_file(b, "cdrom", "any", vm->cdrom) == -1 ||
	    put_file(b, "kernel", "any", conf_vm_kernel(vm)) == -1 ||
	    put_file(b, "initramfs", "any", vm->initramfs) == -1 ||
	    put_file(b, "firmware", "any", vm->firmware) == -1)
		return -1;
	return put_file(b, "netboot", "any", vm->netboot);
}

int
conf_files(struct buf *b, const struct conf *c)
{
	const struct conf_owner *o = &c->socket_owner;
	const struct conf_vm *vm;

	if (buf_puts(b, "vm.conf\n") == -1)
		return -1;
	if ((o->uid != CONF_ID_NONE || o->gid != CONF_ID_NONE) &&
	    buf_printf(b, "socket %lld %lld\n", o->uid == CONF_ID_NONE ? -1 :
	    (long long)o->uid, o->gid == CONF_ID_NONE ? -1 :
	    (long long)o->gid) == -1)
		return -1;
	TAILQ_FOREACH(vm, &c->vms, entry)
		if ((vm->ndisks > 0 || vm->cdrom != NULL ||
		    conf_vm_kernel(vm) != NULL || vm->initramfs != NULL ||
		    vm->firmware != NULL || vm->netboot != NULL) &&
		    put_files(b, vm) == -1)
			return -1;
	return 0;
}

const char *
conf_vm_kernel(const struct conf_vm *vm)
{
	return vm->kernel != NULL ? vm->kernel : vm->boot;
}

/* --- what is not there yet ------------------------------------------------ */

static const char *
if_unsupported(struct conf *c, const struct conf_vm *vm)
{
	for (size_t i = 0; i < vm->nifs; i++) {
		const struct conf_if *f = &vm->ifs[i];

		if (f->local && f->to != NULL)
			return conf_textf(c, "local interface: it is a link "
			    "of two and cannot be on switch \"%s\"", f->to);
		if (f->local && (f->address != NULL || f->address6 != NULL))
			return "address: vmd gives a local interface its own";
		if (f->local && f->group != NULL)
			return "local interface: all of them are in a group "
			    "of vmd's";
		if (f->to != NULL && f->rdomain > 0)
			return "rdomain: on a switch it is the switch's";
		if (f->has_lladdr && (f->lladdr[0] & 1) != 0)
			return "lladdr: it is a group's";
	}
	return NULL;
}

/* What boots it: an image, or a kernel of its own. */
static const char *
boot_unsupported(const struct conf_vm *vm)
{
	if (vm->sev || vm->seves)
		return "sev: this version encrypts no memory";
	if (vm->image == NULL && conf_vm_kernel(vm) == NULL &&
	    vm->ndisks == 0 && vm->cdrom == NULL &&
	    vm->device != CONF_BOOT_NET)
		return "image: there is none, nor a kernel, a disk or a cdrom "
		    "to boot";
	return NULL;
}

const char *
conf_vm_unsupported(struct conf *c, const struct conf_vm *vm)
{
	const char *what = boot_unsupported(vm);

	if (what == NULL)
		what = if_unsupported(c, vm);
	return what;
}
