/* SPDX-License-Identifier: ISC */
/* print.c - a conf in one normal form, for people and tests; see conf.h */

#include <inttypes.h>
#include <string.h>

#include "conf/parse.h"
#include "lib/buf.h"

/* Quoted, so that it is read again as it is. */
static void
put_string(struct buf *b, const char *s)
{
	(void)buf_puts(b, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"')
			(void)buf_puts(b, "\\");
		(void)buf_put(b, s, 1);
	}
	(void)buf_puts(b, "\"");
}

static void
put_word(struct buf *b, const char *name, const char *s)
{
	if (s == NULL)
		return;
	(void)buf_printf(b, "\t%s ", name);
	put_string(b, s);
	(void)buf_puts(b, "\n");
}

static void
put_number(struct buf *b, const char *name, uint64_t n)
{
	if (n != 0)
		(void)buf_printf(b, "\t%s %" PRIu64 "\n", name, n);
}

static void
put_list(struct buf *b, const char *name, const struct conf_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		(void)buf_printf(b, "%s", i > 0 ? ", " : "\t");
		if (i == 0)
			(void)buf_printf(b, "%s { ", name);
		put_string(b, l->v[i]);
	}
	if (l->n > 0)
		(void)buf_puts(b, " }\n");
}

static void
put_id(struct buf *b, const struct conf_owner *o)
{
	if (o->uid != CONF_ID_NONE)
		(void)buf_printf(b, "%u", o->uid);
	if (o->gid != CONF_ID_NONE)
		(void)buf_printf(b, ":%u", o->gid);
}

static void
put_owner(struct buf *b, const char *name, const struct conf_owner *o)
{
	if (o->uid == CONF_ID_NONE && o->gid == CONF_ID_NONE)
		return;
	(void)buf_printf(b, "%s ", name);
	put_id(b, o);
	(void)buf_puts(b, "\n");
}

static void
put_if(struct buf *b, const struct conf_if *f)
{
	const uint8_t *m = f->lladdr;

	(void)buf_printf(b, "\t%sinterface %s {", f->local ? "local " : "",
	    f->name != NULL ? f->name : "tap");
	if (f->to != NULL) {
		(void)buf_puts(b, " switch ");
		put_string(b, f->to);
		(void)buf_puts(b, ",");
	}
	if (f->group != NULL)
		(void)buf_printf(b, " group \"%s\",", f->group);
	if (f->address != NULL)
		(void)buf_printf(b, " address \"%s\",", f->address);
	if (f->address6 != NULL)
		(void)buf_printf(b, " address \"%s\",", f->address6);
	if (f->rdomain != -1)
		(void)buf_printf(b, " rdomain %d,", f->rdomain);
	if (f->locked)
		(void)buf_puts(b, " locked lladdr");
	if (f->has_lladdr)
		(void)buf_printf(b, "%s %02x:%02x:%02x:%02x:%02x:%02x",
		    f->locked ? "" : " lladdr", m[0], m[1], m[2], m[3], m[4],
		    m[5]);
	if (f->locked || f->has_lladdr)
		(void)buf_puts(b, ",");
	(void)buf_printf(b, " %s }\n", f->down ? "down" : "up");
}

static void
put_allow(struct buf *b, const struct conf_vm *vm)
{
	const char *comma = "";

	if (vm->allow == 0 && vm->allow_owner.uid == CONF_ID_NONE &&
	    vm->allow_owner.gid == CONF_ID_NONE)
		return;
	(void)buf_puts(b, "\tallow instance { ");
	for (unsigned bit = 1; bit <= CONF_ALLOW_INSTANCE; bit <<= 1) {
		if (!(vm->allow & bit))
			continue;
		(void)buf_printf(b, "%s%s", comma, conf_allow_name(bit));
		comma = ", ";
	}
	if (vm->allow_owner.uid != CONF_ID_NONE ||
	    vm->allow_owner.gid != CONF_ID_NONE) {
		(void)buf_printf(b, "%sowner ", comma);
		put_id(b, &vm->allow_owner);
	}
	(void)buf_puts(b, " }\n");
}

static void
put_openbsd(struct buf *b, const struct conf_vm *vm)
{
	(void)buf_printf(b, "\t%s\n", vm->disabled ? "disable" : "enable");
	(void)buf_printf(b, "\tmemory %" PRIu64 "M\n", vm->memory >> 20);
	put_owner(b, "\towner", &vm->owner);
	put_word(b, "boot", vm->boot);
	if (vm->device != CONF_BOOT_ANY)
		(void)buf_printf(b, "\tboot device %s\n",
		    conf_device_name(vm->device));
	put_word(b, "cdrom", vm->cdrom);
	for (size_t i = 0; i < vm->ndisks; i++) {
		const char *format = conf_format_name(vm->disks[i].format);

		(void)buf_puts(b, "\tdisk ");
		put_string(b, vm->disks[i].path);
		if (format != NULL)
			(void)buf_printf(b, " format %s", format);
		(void)buf_puts(b, "\n");
	}
	if (vm->min_ifs != -1)
		(void)buf_printf(b, "\tinterfaces %d\n", vm->min_ifs);
	for (size_t i = 0; i < vm->nifs; i++)
		put_if(b, &vm->ifs[i]);
	put_allow(b, vm);
	if (vm->sev)
		(void)buf_puts(b, "\tsev\n");
	if (vm->seves)
		(void)buf_puts(b, "\tseves\n");
}

static void
put_ours(struct buf *b, const struct conf_vm *vm)
{
	put_number(b, "cpus", vm->cpus);
	put_word(b, "image", vm->image);
	put_word(b, "hypervisor", vm->hypervisor);
	put_word(b, "kernel", vm->kernel);
	put_word(b, "initramfs", vm->initramfs);
	put_word(b, "cmdline", vm->cmdline);
	put_word(b, "firmware", vm->firmware);
	put_word(b, "netboot", vm->netboot);
	put_word(b, "hostname", vm->hostname);
	put_word(b, "user", vm->user);
	put_word(b, "workdir", vm->workdir);
	put_list(b, "entrypoint", &vm->entrypoint);
	put_list(b, "command", &vm->command);
	put_list(b, "env", &vm->env);
	put_list(b, "volume", &vm->volumes);
	put_list(b, "publish", &vm->publish);
	if (vm->restart != CONF_RESTART_NEVER)
		(void)buf_printf(b, "\trestart %s\n",
		    conf_restart_name(vm->restart));
	put_number(b, "overlay", vm->overlay);
	put_number(b, "limit disk", vm->disk_rate);
	put_number(b, "limit download", vm->download);
	put_number(b, "limit upload", vm->upload);
}

static void
put_switch(struct buf *b, const struct conf_switch *s)
{
	(void)buf_puts(b, "switch ");
	put_string(b, s->name);
	(void)buf_printf(b, " {\n\t%s\n\tinterface %s\n",
	    s->disabled ? "disable" : "enable", s->interface);
	put_word(b, "group", s->group);
	if (s->rdomain != -1)
		(void)buf_printf(b, "\trdomain %d\n", s->rdomain);
	if (s->locked)
		(void)buf_puts(b, "\tlocked lladdr\n");
	(void)buf_printf(b, "\t%s\n}\n", s->down ? "down" : "up");
}

static void
put_globals(struct buf *b, const struct conf *c)
{
	if (c->staggered)
		(void)buf_printf(b, "staggered start parallel %u delay %u\n",
		    c->parallel, c->delay);
	if (c->prefix != NULL)
		(void)buf_printf(b, "local prefix \"%s\"\n", c->prefix);
	if (c->prefix6 != NULL)
		(void)buf_printf(b, "local inet6 prefix \"%s\"\n",
		    c->prefix6);
	else if (c->inet6)
		(void)buf_puts(b, "local inet6\n");
	put_owner(b, "socket owner", &c->socket_owner);
	if (!c->agentx)
		return;
	(void)buf_puts(b, "agentx");
	if (c->agentx_context != NULL) {
		(void)buf_puts(b, " context ");
		put_string(b, c->agentx_context);
	}
	if (c->agentx_path != NULL) {
		(void)buf_puts(b, " path ");
		put_string(b, c->agentx_path);
	}
	(void)buf_puts(b, "\n");
}

void
conf_print(struct buf *b, const struct conf *c)
{
	const struct conf_switch *s;
	const struct conf_vm *vm;

	put_globals(b, c);
	TAILQ_FOREACH(s, &c->switches, entry)
		put_switch(b, s);
	TAILQ_FOREACH(vm, &c->vms, entry) {
		(void)buf_puts(b, "vm ");
		put_string(b, vm->name);
		(void)buf_puts(b, " {\n");
		put_openbsd(b, vm);
		put_ours(b, vm);
		(void)buf_puts(b, "}\n");
	}
}
