/* SPDX-License-Identifier: ISC */
/*
 * vm_config_json.c - a VmConfig as JSON; see vm_config.h
 *
 * What has its default is left out, so that a config which uses nothing new
 * reads the same by every VMM.
 */

#include "chapi/vm_config.h"
#include "chapi/vm_config_words.h"
#include "lib/util.h"

const char *const vm_stream_modes[] = {
	[VM_STREAM_OFF] = "Off", [VM_STREAM_NULL] = "Null",
	[VM_STREAM_TTY] = "Tty", [VM_STREAM_FILE] = "File",
	[VM_STREAM_SOCKET] = "Socket", NULL
};

const char *const vm_cpus[] = {
	[VM_CPU_HOST] = "host", [VM_CPU_BASELINE] = "baseline", NULL
};

const char *const vm_irqchips[] = {
	[VM_IRQCHIP_KERNEL] = "kernel", [VM_IRQCHIP_SPLIT] = "split", NULL
};

const char *const vm_virtios[] = {
	[VM_VIRTIO_MODERN] = "modern",
	[VM_VIRTIO_TRANSITIONAL] = "transitional", NULL
};

const char *const vm_syncs[] = {
	[VM_SYNC_FULL] = "full", [VM_SYNC_FSYNC] = "fsync",
	[VM_SYNC_NONE] = "none", NULL
};

const char *const vm_boots[] = {
	[VM_BOOT_ANY] = "any", [VM_BOOT_DISK] = "disk",
	[VM_BOOT_CDROM] = "cdrom", [VM_BOOT_NET] = "net", NULL
};

/* A member that is left out when it is false. */
static json_t *
if_true(bool b)
{
	return b ? json_true() : NULL;
}

/* Packing steals references; "?" and "*" leave NULL members out. */
static json_t *
payload_json(const struct vm_config *c)
{
	return json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}",
	    "kernel", c->kernel, "firmware", c->firmware,
	    "variables", c->variables,
	    "initramfs", c->initramfs, "cmdline", c->cmdline,
	    "boot", c->boot != VM_BOOT_ANY ? vm_boots[c->boot] : NULL);
}

static json_t *
cpus_json(const struct vm_config *c)
{
	return json_pack("{s:i, s:i}", "boot_vcpus", (int)c->cpus,
	    "max_vcpus", (int)MAX(c->cpus, c->cpus_max));
}

static json_t *
memory_json(const struct vm_config *c)
{
	const struct vm_memory *m = &c->memory;

	return json_pack("{s:I, s:b, s:o*, s:o*, s:o*, s:o*}",
	    "size", (json_int_t)m->size, "shared", m->shared,
	    "hugepages", m->page != 0 ? json_true() : NULL,
	    "hugepage_size", m->page != 0 ?
	    json_integer((json_int_t)m->page) : NULL,
	    "thp", m->thp ? NULL : json_false(),
	    "prefault", m->prefault ? json_true() : NULL);
}

static json_t *
disk_json(const struct vm_config *c, size_t i)
{
	const struct vm_disk *d = &c->disks[i];

	return json_pack("{s:s, s:o*, s:s*, s:s*, s:o*, s:o*, s:s*, s:b, "
	    "s:o*, s:i}",
	    "id", d->id, "vhost_user", if_true(d->socket != NULL),
	    "vhost_socket", d->socket, "path", d->path,
	    "fd", d->fd != 0 ? json_integer(d->fd) : NULL,
	    "direct", if_true(d->direct), "sync", d->sync != VM_SYNC_FULL ?
	    vm_syncs[d->sync] : NULL, "readonly", d->readonly,
	    "cdrom", if_true(d->cdrom), "num_queues", (int)d->queues);
}

static json_t *
net_json(const struct vm_config *c, size_t i)
{
	const struct vm_net *n = &c->nets[i];

	return json_pack("{s:s, s:o*, s:s*, s:o*, s:o*, s:s, s:i}",
	    "id", n->id, "vhost_user", if_true(n->socket != NULL),
	    "vhost_socket", n->socket,
	    "fds", n->fd != -1 && n->socket == NULL && !n->nat ?
	    json_pack("[i]", n->fd) : NULL,
	    "nat", if_true(n->nat), "mac", n->mac,
	    "num_queues", (int)n->queues * 2);
}

static json_t *
fs_json(const struct vm_config *c, size_t i)
{
	const struct vm_fs *f = &c->fs[i];

	return json_pack("{s:s, s:s*, s:s*, s:o*, s:o*, s:s, s:i, s:i}",
	    "id", f->id, "socket", f->socket, "path", f->path,
	    "readonly", if_true(f->readonly), "rosetta", if_true(f->rosetta),
	    "tag", f->tag, "num_queues", (int)f->queues,
	    "queue_size", (int)f->queue_size);
}

static json_t *
list_json(const struct vm_config *c, size_t n,
    json_t *(*entry)(const struct vm_config *, size_t))
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(list, entry(c, i)) == -1) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *
disks_json(const struct vm_config *c)
{
	return list_json(c, c->ndisks, disk_json);
}

static json_t *
nets_json(const struct vm_config *c)
{
	return list_json(c, c->nnets, net_json);
}

static json_t *
shares_json(const struct vm_config *c)
{
	return list_json(c, c->nfs, fs_json);
}

static json_t *
vsock_json(const struct vm_config *c)
{
	return json_pack("{s:I, s:s, s:s*}", "cid", (json_int_t)c->vsock.cid,
	    "socket", c->vsock.socket, "vhost_socket", c->vsock.vhost_socket);
}

static json_t *
stream_json(const struct vm_stream *t)
{
	return json_pack("{s:s, s:s*, s:s*}", "mode", vm_stream_modes[t->mode],
	    "socket", t->socket, "file", t->file);
}

static json_t *
console_json(const struct vm_config *c)
{
	return stream_json(&c->console);
}

static json_t *
serial_json(const struct vm_config *c)
{
	return stream_json(&c->serial);
}

static json_t *
balloon_json(const struct vm_config *c)
{
	const struct vm_balloon *b = &c->balloon;

	return json_pack("{s:I, s:b, s:b}", "size", (json_int_t)b->size,
	    "deflate_on_oom", b->deflate_on_oom,
	    "free_page_reporting", b->free_page_reporting);
}

static json_t *
rng_json(const struct vm_config *c)
{
	(void)c;
	return json_pack("{s:s}", "src", "/dev/urandom");
}

static json_t *
gdb_json(const struct vm_config *c)
{
	return json_pack("{s:s}", "socket", c->gdb);
}

static json_t *
pvpanic_json(const struct vm_config *c)
{
	return json_boolean(c->pvpanic);
}

static json_t *
vmmci_json(const struct vm_config *c)
{
	return json_boolean(c->vmmci);
}

static json_t *
platform_json(const struct vm_config *c)
{
	return json_pack("{s:s, s:s*, s:s*, s:s*}",
	    "arch", vm_arch_name(c->arch),
	    "cpu", c->cpu != VM_CPU_HOST ? vm_cpus[c->cpu] : NULL,
	    "irqchip", c->irqchip != VM_IRQCHIP_KERNEL ?
	    vm_irqchips[c->irqchip] : NULL,
	    "virtio", c->virtio != VM_VIRTIO_MODERN ?
	    vm_virtios[c->virtio] : NULL);
}

json_t *
vm_config_json(const struct vm_config *c)
{
	const struct {
		const char	*name;
		bool		 there;
		json_t		*(*make)(const struct vm_config *);
	} members[] = {
		{ "payload",	true,			payload_json },
		{ "cpus",	true,			cpus_json },
		{ "memory",	true,			memory_json },
		{ "disks",	true,			disks_json },
		{ "net",	true,			nets_json },
		{ "fs",		c->nfs > 0,		shares_json },
		{ "vsock",	c->vsock.cid != 0,	vsock_json },
		{ "console",	true,			console_json },
		{ "serial",	true,			serial_json },
		{ "balloon",	c->balloon.on,		balloon_json },
		{ "rng",	c->rng,			rng_json },
		{ "pvpanic",	c->pvpanic,		pvpanic_json },
		{ "vmmci",	c->vmmci,		vmmci_json },
		{ "gdb",	c->gdb != NULL,		gdb_json },
		{ "platform",	true,			platform_json },
	};
	own_json json_t *v = json_object();

	for (size_t i = 0; i < COUNT(members); i++)
		if (members[i].there && json_object_set_new(v,
		    members[i].name, members[i].make(c)) == -1)
			return NULL;
	return take(&v);
}
