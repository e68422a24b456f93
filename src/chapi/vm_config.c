/* SPDX-License-Identifier: ISC */
/* vm_config.c - read Cloud Hypervisor's VmConfig; see vm_config.h */

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "chapi/vm_config.h"
#include "chapi/vm_config_words.h"
#include "lib/util.h"
#include "os/os.h"

#define FS_QUEUE_SIZE_MIN	4
#define FS_QUEUE_SIZE_MAX	1024

static int
refuse(struct err *e, const char *name, const char *what)
{
	return err_api(e, EINVAL, "invalid_request", "%s: %s", name, what);
}

/* A getter's 0 (absent) becomes -1 with the name. */
static int
required(int got, const char *name, struct err *e)
{
	return got == 0 ? refuse(e, name, "is required") : got;
}

/* A string of at most max bytes without control characters, not empty. */
static int
get_text(const char **ret, const json_t *obj, const char *name, size_t max,
    struct err *e)
{
	const char *s;
	int r = json_get_str(&s, obj, name, max, e);

	if (r != 1)
		return r;
	if (*s == '\0')
		return refuse(e, name, "must not be empty");
	for (const char *p = s; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return refuse(e, name, "control character");
	*ret = s;
	return 1;
}

/* Ids become names of objects in hypervisors: a strict alphabet. */
static int
get_id(const char **ret, const json_t *obj, struct err *e)
{
	const char *s;
	int r = required(json_get_str(&s, obj, "id", VM_ID_MAX, e), "id", e);

	if (r != 1)
		return r;
	if (!isascii((unsigned char)*s) || !isalpha((unsigned char)*s))
		return refuse(e, "id", "must begin with a letter");
	for (const char *p = s; *p != '\0'; p++)
		if (!isascii((unsigned char)*p) ||
		    (!isalnum((unsigned char)*p) && *p != '_' && *p != '-'))
			return refuse(e, "id", "letters, digits, _ and - only");
	*ret = s;
	return 1;
}

static int
get_mac(const char **ret, const json_t *obj, struct err *e)
{
	const char *s;
	int r = required(json_get_str(&s, obj, "mac", 17, e), "mac", e);

	if (r != 1)
		return r;
	for (size_t i = 0; i < 17; i++)
		if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return refuse(e, "mac", "must be aa:bb:cc:dd:ee:ff");
	/* The lowest bit of the first byte marks a group (IEEE 802). */
	if (strchr("13579bBdDfF", s[1]) != NULL)
		return refuse(e, "mac", "is a multicast address");
	*ret = s;
	return 1;
}

/* The vhost-user socket of a device, if nothing stands in its place. */
static int
get_vhost(const char **ret, const json_t *obj, const char *instead,
    struct err *e)
{
	bool on = false;

	if (json_get_bool(&on, obj, "vhost_user", e) == -1)
		return -1;
	if (instead != NULL && (on ||
	    json_object_get(obj, "vhost_socket") != NULL))
		return refuse(e, instead, "goes without vhost_user");
	if (instead != NULL)
		return 0;
	if (!on)
		return refuse(e, "vhost_user", "must be true");
	return required(get_text(ret, obj, "vhost_socket", VM_PATH_MAX, e),
	    "vhost_socket", e);
}

/* The word's place in a list that ends with NULL; -1 names the choices. */
static int
get_word(int *ret, const json_t *obj, const char *name,
    const char *const words[], struct err *e)
{
	const char *s;
	int r = json_get_str(&s, obj, name, VM_ID_MAX, e);

	if (r != 1)
		return r;
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], s) == 0) {
			*ret = i;
			return 1;
		}
	}
	return err_api(e, EINVAL, "invalid_request", "%s: \"%s\" is not known",
	    name, s);
}

/* A kernel with what is its own, or firmware and what it boots from. */
static int
parse_payload(struct vm_config *c, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "kernel", "firmware",
	    "variables", "initramfs", "cmdline", "boot", NULL };
	int boot = VM_BOOT_ANY, booting;

	if (json_only(obj, known, e) == -1 ||
	    get_text(&c->kernel, obj, "kernel", VM_PATH_MAX, e) == -1 ||
	    get_text(&c->firmware, obj, "firmware", VM_PATH_MAX, e) == -1 ||
	    get_text(&c->variables, obj, "variables", VM_PATH_MAX, e) == -1 ||
	    get_text(&c->initramfs, obj, "initramfs", VM_PATH_MAX, e) == -1 ||
	    get_text(&c->cmdline, obj, "cmdline", VM_CMDLINE_MAX, e) == -1 ||
	    (booting = get_word(&boot, obj, "boot", vm_boots, e)) == -1)
		return -1;
	c->boot = (enum vm_boot)boot;
	if (c->kernel == NULL && c->firmware == NULL && c->variables == NULL)
		return refuse(e, "kernel", "or firmware is required");
	if (c->kernel != NULL && c->variables != NULL)
		return refuse(e, "variables", "goes with firmware");
	if (c->kernel != NULL && c->firmware != NULL)
		return refuse(e, "kernel", "there is firmware to load one");
	if (c->kernel == NULL && c->initramfs != NULL)
		return refuse(e, "initramfs", "goes with kernel");
	if (c->kernel == NULL && c->cmdline != NULL)
		return refuse(e, "cmdline", "goes with kernel");
	if (c->kernel != NULL && booting == 1)
		return refuse(e, "boot", "goes with firmware");
	return 0;
}

static int
parse_cpus(struct vm_config *c, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "boot_vcpus", "max_vcpus", NULL };
	uint64_t boot, max;

	if (json_only(obj, known, e) == -1 ||
	    required(json_get_u64(&boot, obj, "boot_vcpus", 1, VM_CPUS_MAX, e),
	    "boot_vcpus", e) == -1)
		return -1;
	max = boot;
	if (json_get_u64(&max, obj, "max_vcpus", 1, VM_CPUS_MAX, e) == -1)
		return -1;
	if (max < boot)
		return refuse(e, "max_vcpus", "is less than boot_vcpus");
	c->cpus = (unsigned)boot;
	c->cpus_max = (unsigned)max;
	return 0;
}

static int
parse_hugepages(struct vm_memory *m, const json_t *obj, struct err *e)
{
	bool huge = false;
	uint64_t page = VM_PAGE_2M;
	int r;

	if (json_get_bool(&huge, obj, "hugepages", e) == -1 ||
	    (r = json_get_u64(&page, obj, "hugepage_size", VM_PAGE_2M,
	    VM_PAGE_1G, e)) == -1)
		return -1;
	if (r == 1 && !huge)
		return refuse(e, "hugepage_size", "goes with hugepages");
	if (page != VM_PAGE_2M && page != VM_PAGE_1G)
		return refuse(e, "hugepage_size", "must be 2 MiB or 1 GiB");
	if (huge && m->size % page != 0)
		return refuse(e, "size", "must be a multiple of hugepage_size");
	m->page = huge ? page : 0;
	return 0;
}

static int
parse_memory(struct vm_config *c, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "size", "shared", "hugepages",
	    "hugepage_size", "thp", "prefault", NULL };
	struct vm_memory *m = &c->memory;

	m->shared = m->thp = true;
	if (json_only(obj, known, e) == -1 ||
	    required(json_get_u64(&m->size, obj, "size", VM_MEMORY_MIN,
	    VM_MEMORY_MAX, e), "size", e) == -1 ||
	    json_get_bool(&m->shared, obj, "shared", e) == -1 ||
	    json_get_bool(&m->thp, obj, "thp", e) == -1 ||
	    json_get_bool(&m->prefault, obj, "prefault", e) == -1)
		return -1;
	if (m->size % VM_MEMORY_STEP != 0)
		return refuse(e, "size", "must be a multiple of 1 MiB");
	return parse_hugepages(m, obj, e);
}

/* What a disk is in the VMM's own hands. */
static int
parse_image(struct vm_disk *d, const json_t *obj, struct err *e)
{
	int sync = VM_SYNC_FULL;
	uint64_t fd = 0;

	if (get_text(&d->path, obj, "path", VM_PATH_MAX, e) == -1 ||
	    json_get_u64(&fd, obj, "fd", VM_FD_MIN, VM_FD_MAX, e) == -1 ||
	    json_get_bool(&d->direct, obj, "direct", e) == -1 ||
	    get_word(&sync, obj, "sync", vm_syncs, e) == -1)
		return -1;
	d->fd = (int)fd;
	d->sync = (enum vm_sync)sync;
	if (d->path != NULL && d->fd != 0)
		return refuse(e, "fd", "goes without path");
	if (d->path != NULL || d->fd != 0)
		return 0;
	if (d->direct)
		return refuse(e, "direct", "goes with path");
	if (d->sync != VM_SYNC_FULL)
		return refuse(e, "sync", "goes with path");
	return 0;
}

static int
parse_disk(struct vm_disk *d, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "vhost_user", "vhost_socket",
	    "path", "fd", "direct", "sync", "readonly", "cdrom",
	    "num_queues", "id", NULL };
	uint64_t queues = 1;

	if (json_only(obj, known, e) == -1 || get_id(&d->id, obj, e) == -1 ||
	    parse_image(d, obj, e) == -1 || get_vhost(&d->socket, obj,
	    d->path != NULL ? "path" : d->fd != 0 ? "fd" : NULL,
	    e) == -1 ||
	    json_get_bool(&d->readonly, obj, "readonly", e) == -1 ||
	    json_get_bool(&d->cdrom, obj, "cdrom", e) == -1 ||
	    json_get_u64(&queues, obj, "num_queues", 1,
	    d->cdrom ? 1 : VM_QUEUES_MAX, e) == -1)
		return -1;
	d->readonly = d->readonly || d->cdrom;
	d->queues = (unsigned)queues;
	return 0;
}

/* A list with one descriptor of the VMM's. */
static int
get_fd(int *ret, const json_t *obj, struct err *e)
{
	const json_t *v;
	json_t *list;
	int r = json_get_arr(&list, obj, "fds", 1, e);

	if (r != 1)
		return r;
	v = json_array_get(list, 0);
	if (!json_is_integer(v) || json_integer_value(v) < VM_FD_MIN ||
	    json_integer_value(v) > VM_FD_MAX)
		return refuse(e, "fds", "must be one descriptor");
	*ret = (int)json_integer_value(v);
	return 1;
}

static int
parse_net(struct vm_net *n, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "vhost_user", "vhost_socket",
	    "fds", "nat", "mac", "num_queues", "id", NULL };
	uint64_t queues = 2;

	n->fd = -1;
	if (json_only(obj, known, e) == -1 || get_id(&n->id, obj, e) == -1 ||
	    get_fd(&n->fd, obj, e) == -1 ||
	    json_get_bool(&n->nat, obj, "nat", e) == -1)
		return -1;
	if (n->fd != -1 && n->nat)
		return refuse(e, "nat", "goes without fds");
	if (get_vhost(&n->socket, obj, n->fd != -1 ? "fds" :
	    n->nat ? "nat" : NULL, e) == -1 ||
	    get_mac(&n->mac, obj, e) == -1 ||
	    json_get_u64(&queues, obj, "num_queues", 2, 2 * VM_QUEUES_MAX,
	    e) == -1)
		return -1;
	if (queues % 2 != 0)
		return refuse(e, "num_queues", "must be even");
	n->queues = (unsigned)queues / 2;
	return 0;
}

/* Who serves a share: one of three. */
static int
parse_server(struct vm_fs *f, const json_t *obj, struct err *e)
{
	if (get_text(&f->socket, obj, "socket", VM_PATH_MAX, e) == -1 ||
	    get_text(&f->path, obj, "path", VM_PATH_MAX, e) == -1 ||
	    json_get_bool(&f->readonly, obj, "readonly", e) == -1 ||
	    json_get_bool(&f->rosetta, obj, "rosetta", e) == -1)
		return -1;
	if (f->socket == NULL && f->path == NULL && !f->rosetta)
		return refuse(e, "socket", "is required");
	if ((f->socket != NULL) + (f->path != NULL) + f->rosetta > 1)
		return refuse(e, "socket",
		    "only one of socket, path, rosetta");
	if (f->readonly && f->path == NULL)
		return refuse(e, "readonly", "goes with path");
	return 0;
}

static int
parse_share(struct vm_fs *f, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "socket", "path", "readonly",
	    "rosetta", "tag", "num_queues", "queue_size", "id", NULL };
	uint64_t queues = 1, size = FS_QUEUE_SIZE_MAX;

	if (json_only(obj, known, e) == -1 || get_id(&f->id, obj, e) == -1 ||
	    parse_server(f, obj, e) == -1 ||
	    required(get_text(&f->tag, obj, "tag", VM_TAG_MAX, e), "tag",
	    e) == -1 ||
	    json_get_u64(&queues, obj, "num_queues", 1, VM_QUEUES_MAX,
	    e) == -1 ||
	    json_get_u64(&size, obj, "queue_size", FS_QUEUE_SIZE_MIN,
	    FS_QUEUE_SIZE_MAX, e) == -1)
		return -1;
	if ((size & (size - 1)) != 0)
		return refuse(e, "queue_size", "must be a power of 2");
	f->queues = (unsigned)queues;
	f->queue_size = (unsigned)size;
	return 0;
}

/* Entry i of a list, an object; NULL refuses. */
static const json_t *
entry(const json_t *list, size_t i, struct err *e)
{
	const json_t *v = json_array_get(list, i);

	if (json_is_object(v))
		return v;
	(void)err_api(e, EINVAL, "invalid_request", "[%zu]: must be an object",
	    i);
	return NULL;
}

static int
parse_disks(struct vm_config *c, const json_t *list, struct err *e)
{
	const json_t *v;

	for (; c->ndisks < json_array_size(list); c->ndisks++) {
		if ((v = entry(list, c->ndisks, e)) == NULL)
			return -1;
		if (parse_disk(&c->disks[c->ndisks], v, e) == -1)
			return err_prefix(e, "[%zu]", c->ndisks);
	}
	return 0;
}

static int
parse_nets(struct vm_config *c, const json_t *list, struct err *e)
{
	const json_t *v;

	for (; c->nnets < json_array_size(list); c->nnets++) {
		if ((v = entry(list, c->nnets, e)) == NULL)
			return -1;
		if (parse_net(&c->nets[c->nnets], v, e) == -1)
			return err_prefix(e, "[%zu]", c->nnets);
	}
	return 0;
}

static int
parse_fs(struct vm_config *c, const json_t *list, struct err *e)
{
	const json_t *v;

	for (; c->nfs < json_array_size(list); c->nfs++) {
		if ((v = entry(list, c->nfs, e)) == NULL)
			return -1;
		if (parse_share(&c->fs[c->nfs], v, e) == -1)
			return err_prefix(e, "[%zu]", c->nfs);
	}
	return 0;
}

static int
parse_vsock(struct vm_config *c, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "cid", "socket", "vhost_socket",
	    NULL };
	struct vm_vsock *v = &c->vsock;

	if (json_only(obj, known, e) == -1 ||
	    required(json_get_u64(&v->cid, obj, "cid", VM_CID_MIN, VM_CID_MAX,
	    e), "cid", e) == -1 ||
	    required(get_text(&v->socket, obj, "socket", VM_PATH_MAX, e),
	    "socket", e) == -1)
		return -1;
	return get_text(&v->vhost_socket, obj, "vhost_socket", VM_PATH_MAX,
	    e) == -1 ? -1 : 0;
}

/* A console or serial port. */
static int
parse_stream(struct vm_stream *t, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "mode", "socket", "file", NULL };
	int mode = VM_STREAM_OFF;

	if (json_only(obj, known, e) == -1 ||
	    required(get_word(&mode, obj, "mode", vm_stream_modes, e), "mode",
	    e) == -1 ||
	    get_text(&t->socket, obj, "socket", VM_PATH_MAX, e) == -1 ||
	    get_text(&t->file, obj, "file", VM_PATH_MAX, e) == -1)
		return -1;
	t->mode = (enum vm_stream_mode)mode;
	if ((mode == VM_STREAM_SOCKET) != (t->socket != NULL))
		return refuse(e, "socket", "goes with mode Socket");
	if (mode == VM_STREAM_FILE && t->file == NULL)
		return refuse(e, "file", "is required by mode File");
	if (mode < VM_STREAM_FILE && t->file != NULL)
		return refuse(e, "file", "goes with mode File or Socket");
	return 0;
}

static int
parse_serial(struct vm_config *c, const json_t *obj, struct err *e)
{
	return parse_stream(&c->serial, obj, e);
}

static int
parse_console(struct vm_config *c, const json_t *obj, struct err *e)
{
	return parse_stream(&c->console, obj, e);
}

static int
parse_balloon(struct vm_config *c, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "size", "deflate_on_oom",
	    "free_page_reporting", NULL };
	struct vm_balloon *b = &c->balloon;

	b->on = true;
	if (json_only(obj, known, e) == -1 ||
	    json_get_u64(&b->size, obj, "size", 0, c->memory.size, e) == -1 ||
	    json_get_bool(&b->deflate_on_oom, obj, "deflate_on_oom",
	    e) == -1 ||
	    json_get_bool(&b->free_page_reporting, obj, "free_page_reporting",
	    e) == -1)
		return -1;
	return 0;
}

static int
parse_gdb(struct vm_config *c, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "socket", NULL };

	if (json_only(obj, known, e) == -1)
		return -1;
	return required(get_text(&c->gdb, obj, "socket", VM_PATH_MAX, e),
	    "socket", e);
}

static int
parse_rng(struct vm_config *c, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "src", NULL };
	const char *src;
	int r;

	if (json_only(obj, known, e) == -1)
		return -1;
	r = json_get_str(&src, obj, "src", VM_PATH_MAX, e);
	if (r == 1 && strcmp(src, "/dev/urandom") != 0)
		return refuse(e, "src", "must be /dev/urandom");
	c->rng = true;
	return r;
}

static int
parse_platform(struct vm_config *c, const json_t *obj, struct err *e)
{
	static const char *const known[] = { "arch", "cpu", "irqchip",
	    "virtio", NULL };
	const char *arch;
	int r, cpu = VM_CPU_HOST, irqchip = VM_IRQCHIP_KERNEL;
	int virtio = VM_VIRTIO_MODERN;

	if (json_only(obj, known, e) == -1 ||
	    (r = json_get_str(&arch, obj, "arch", VM_ID_MAX, e)) == -1 ||
	    get_word(&cpu, obj, "cpu", vm_cpus, e) == -1 ||
	    get_word(&irqchip, obj, "irqchip", vm_irqchips, e) == -1 ||
	    get_word(&virtio, obj, "virtio", vm_virtios, e) == -1)
		return -1;
	c->cpu = (enum vm_cpu)cpu;
	c->irqchip = (enum vm_irqchip)irqchip;
	c->virtio = (enum vm_virtio)virtio;
	return r == 1 ? vm_arch_parse(&c->arch, arch, e) : 0;
}

/* Members of VmConfig, but bools; max is the entries of a list, else 0. */
static const struct section {
	const char	*name;
	size_t		 max;
	bool		 needed;
	int	(*parse)(struct vm_config *, const json_t *, struct err *);
} sections[] = {
	{ "payload",	0,		true,	parse_payload },
	{ "cpus",	0,		true,	parse_cpus },
	{ "memory",	0,		true,	parse_memory },
	{ "disks",	VM_DISKS_MAX,	false,	parse_disks },
	{ "net",	VM_NETS_MAX,	false,	parse_nets },
	{ "fs",		VM_FS_MAX,	false,	parse_fs },
	{ "vsock",	0,		false,	parse_vsock },
	{ "serial",	0,		false,	parse_serial },
	{ "console",	0,		false,	parse_console },
	{ "balloon",	0,		false,	parse_balloon },
	{ "rng",	0,		false,	parse_rng },
	{ "gdb",	0,		false,	parse_gdb },
	{ "platform",	0,		false,	parse_platform },
};

#define MEMBERS_MAX	16	/* of any object */

static int
parse_section(struct vm_config *c, const struct section *s, const json_t *doc,
    struct err *e)
{
	json_t *v;
	int r;

	r = s->max != 0 ? json_get_arr(&v, doc, s->name, s->max, e) :
	    json_get_obj(&v, doc, s->name, MEMBERS_MAX, e);
	if (s->needed)
		r = required(r, s->name, e);
	if (r != 1)
		return r;
	if (s->parse(c, v, e) == -1)
		return err_prefix(e, "%s", s->name);
	return 0;
}

/* Ids name devices to people and to the hypervisor: each only once. */
static int
unique_ids(const struct vm_config *c, struct err *e)
{
	static const char *const taken[] = { VM_VSOCK_ID, "balloon0",
	    "console0", "rng0", "vmmci0" };
	const char *ids[VM_DISKS_MAX + VM_NETS_MAX + VM_FS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < c->ndisks; i++)
		ids[n++] = c->disks[i].id;
	for (size_t i = 0; i < c->nnets; i++)
		ids[n++] = c->nets[i].id;
	for (size_t i = 0; i < c->nfs; i++)
		ids[n++] = c->fs[i].id;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(ids[i], ids[k]) == 0)
				return refuse(e, ids[i], "id is used twice");
		for (size_t k = 0; k < COUNT(taken); k++)
			if (strcmp(ids[i], taken[k]) == 0)
				return refuse(e, ids[i],
				    "id is that of another device");
	}
	return 0;
}

static int
check_whole(const struct vm_config *c, struct err *e)
{
	if (c->console.mode == VM_STREAM_TTY &&
	    c->serial.mode == VM_STREAM_TTY)
		return refuse(e, "serial", "only one can be mode Tty");
	return unique_ids(c, e);
}

int
vm_config_parse(struct vm_config *ret, json_t *doc, struct err *e)
{
	const char *known[COUNT(sections) + 3];
	struct vm_config c = { .kernel = NULL };

	if (!json_is_object(doc))
		return refuse(e, "VmConfig", "must be an object");
	if (vm_arch_parse(&c.arch, os_arch(), e) == -1)
		return -1;
	for (size_t i = 0; i < COUNT(sections); i++)
		known[i] = sections[i].name;
	known[COUNT(sections)] = "pvpanic";
	known[COUNT(sections) + 1] = "vmmci";
	known[COUNT(sections) + 2] = NULL;
	if (json_only(doc, known, e) == -1 ||
	    json_get_bool(&c.pvpanic, doc, "pvpanic", e) == -1 ||
	    json_get_bool(&c.vmmci, doc, "vmmci", e) == -1)
		return -1;
	for (size_t i = 0; i < COUNT(sections); i++)
		if (parse_section(&c, &sections[i], doc, e) == -1)
			return -1;
	if (check_whole(&c, e) == -1)
		return -1;
	c.doc = json_incref(doc);
	*ret = c;
	return 0;
}

int
vm_config_vhost_only(const struct vm_config *c, const char *vmm,
    struct err *e)
{
	const char *what = c->variables != NULL && c->firmware == NULL ?
	    "payload: variables" :
	    c->vsock.cid != 0 && c->vsock.vhost_socket == NULL ?
	    "vsock: without vhost_socket" : NULL;

	for (size_t i = 0; i < c->ndisks; i++)
		if (c->disks[i].socket == NULL)
			what = c->disks[i].fd != 0 ? "disks: fd" :
			    "disks: path";
	for (size_t i = 0; i < c->nnets; i++)
		if (c->nets[i].socket == NULL)
			what = c->nets[i].nat ? "net: nat" : "net: fds";
	for (size_t i = 0; i < c->nfs; i++)
		if (c->fs[i].socket == NULL)
			what = c->fs[i].rosetta ? "fs: rosetta" : "fs: path";
	if (what == NULL)
		return 0;
	return err_api(e, ENOTSUP, "invalid_request", "%s: not supported by "
	    "%s", what, vmm);
}

bool
vm_config_has(const struct vm_config *c, const char *id)
{
	for (size_t i = 0; i < c->ndisks; i++)
		if (strcmp(c->disks[i].id, id) == 0)
			return true;
	for (size_t i = 0; i < c->nnets; i++)
		if (strcmp(c->nets[i].id, id) == 0)
			return true;
	for (size_t i = 0; i < c->nfs; i++)
		if (strcmp(c->fs[i].id, id) == 0)
			return true;
	return c->vsock.cid != 0 && strcmp(id, VM_VSOCK_ID) == 0;
}

void
vm_config_fini(struct vm_config *c)
{
	if (c == NULL)
		return;
	json_decref(c->doc);
	memset(c, 0, sizeof(*c));
}

int
vm_arch_parse(enum vm_arch *ret, const char *s, struct err *e)
{
	static const struct {
		const char	*name;
		enum vm_arch	 arch;
	} names[] = {
		{ "amd64", VM_ARCH_AMD64 }, { "x86_64", VM_ARCH_AMD64 },
		{ "arm64", VM_ARCH_ARM64 }, { "aarch64", VM_ARCH_ARM64 },
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (strcmp(names[i].name, s) == 0) {
			*ret = names[i].arch;
			return 0;
		}
	}
	return refuse(e, "arch", "must be amd64 or arm64");
}

const char *
vm_arch_name(enum vm_arch arch)
{
	return arch == VM_ARCH_ARM64 ? "arm64" : "amd64";
}
