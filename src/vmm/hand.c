/* SPDX-License-Identifier: ISC */
/* hand.c - a virtual machine from a command line; see hand.h */

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/num.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/hand.h"
#include "vmm/subopt.h"

#define MEMORY_DEFAULT	(256ULL << 20)
#define SERIAL_CMDLINE	"console=ttyS0"
#define SERIAL_ARM64	"console=ttyAMA0"
#define CONSOLE_CMDLINE	"console=hvc0"

/* Devices' names; as many as there can be of a kind. */
static const char *const disk_ids[VM_DISKS_MAX] = {
	"disk0", "disk1", "disk2", "disk3", "disk4", "disk5", "disk6",
	"disk7", "disk8", "disk9", "disk10", "disk11", "disk12", "disk13",
	"disk14", "disk15",
};
static const char *const net_ids[VM_NETS_MAX] = {
	"net0", "net1", "net2", "net3",
};
static const char *const net_macs[VM_NETS_MAX] = {
	"52:54:00:12:34:56", "52:54:00:12:34:57", "52:54:00:12:34:58",
	"52:54:00:12:34:59",
};
static const char *const fs_ids[VM_FS_MAX] = {
	"fs0", "fs1", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7",
};

static int
take_text(const char **ret, const char *s, size_t max, struct err *e)
{
	if (*s == '\0' || strlen(s) > max)
		return err_set(e, EINVAL, "must have 1 to %zu bytes", max);
	*ret = s;
	return 0;
}

/* --- options, one function each ------------------------------------------ */

static int
opt_kernel(struct hand *h, char *s, struct err *e)
{
	return take_text(&h->config.kernel, s, VM_PATH_MAX, e);
}

static int
opt_firmware(struct hand *h, char *s, struct err *e)
{
	return take_text(&h->config.firmware, s, VM_PATH_MAX, e);
}

static int
opt_variables(struct hand *h, char *s, struct err *e)
{
	return take_text(&h->config.variables, s, VM_PATH_MAX, e);
}

static int
opt_boot(struct hand *h, char *s, struct err *e)
{
	if (strcmp(s, "disk") == 0)
		h->config.boot = VM_BOOT_DISK;
	else if (strcmp(s, "cdrom") == 0)
		h->config.boot = VM_BOOT_CDROM;
	else if (strcmp(s, "net") == 0)
		h->config.boot = VM_BOOT_NET;
	else
		return err_set(e, EINVAL, "must be disk, cdrom or net");
	return 0;
}

static int
opt_initramfs(struct hand *h, char *s, struct err *e)
{
	return take_text(&h->config.initramfs, s, VM_PATH_MAX, e);
}

static int
opt_cmdline(struct hand *h, char *s, struct err *e)
{
	return take_text(&h->config.cmdline, s, VM_CMDLINE_MAX, e);
}

static int
set_page(void *to, const char *value, struct err *e)
{
	struct vm_memory *m = to;

	if (size_parse(&m->page, value, e) == -1)
		return -1;
	if (m->page != VM_PAGE_2M && m->page != VM_PAGE_1G)
		return err_set(e, EINVAL, "must be 2M or 1G");
	return 0;
}

static int
opt_memory(struct hand *h, char *s, struct err *e)
{
	static const struct subopt table[] = {
		{ "", SUBOPT_SIZE, offsetof(struct vm_memory, size),
		    VM_MEMORY_MIN, VM_MEMORY_MAX, NULL },
		{ "size", SUBOPT_SIZE, offsetof(struct vm_memory, size),
		    VM_MEMORY_MIN, VM_MEMORY_MAX, NULL },
		{ "shared", SUBOPT_FLAG, offsetof(struct vm_memory, shared),
		    0, 0, NULL },
		{ "hugepages", SUBOPT_CALL, 0, 0, 0, set_page },
		{ "thp", SUBOPT_FLAG, offsetof(struct vm_memory, thp), 0, 0,
		    NULL },
		{ "prefault", SUBOPT_FLAG,
		    offsetof(struct vm_memory, prefault), 0, 0, NULL },
		{ NULL, SUBOPT_FLAG, 0, 0, 0, NULL },
	};
	struct vm_memory *m = &h->config.memory;
	uint64_t step;

	if (subopt_parse(s, table, m, e) == -1)
		return -1;
	step = m->page != 0 ? m->page : VM_MEMORY_STEP;
	if (m->size % step != 0)
		return err_set(e, EINVAL, "size must be a multiple of %s",
		    m->page == VM_PAGE_1G ? "1 GiB" :
		    m->page == VM_PAGE_2M ? "2 MiB" : "1 MiB");
	return 0;
}

static int
set_cpu(void *to, const char *value, struct err *e)
{
	struct vm_config *c = to;

	if (strcmp(value, "host") == 0)
		c->cpu = VM_CPU_HOST;
	else if (strcmp(value, "baseline") == 0)
		c->cpu = VM_CPU_BASELINE;
	else
		return err_set(e, EINVAL, "must be host or baseline");
	return 0;
}

static int
set_cpus(void *to, const char *value, struct err *e)
{
	struct vm_config *c = to;
	uint64_t n;

	if (num_parse(&n, value, 1, VM_CPUS_MAX, e) == -1)
		return -1;
	c->cpus = (unsigned)n;
	return 0;
}

static int
set_cpus_max(void *to, const char *value, struct err *e)
{
	struct vm_config *c = to;
	uint64_t n;

	if (num_parse(&n, value, 1, VM_CPUS_MAX, e) == -1)
		return -1;
	c->cpus_max = (unsigned)n;
	return 0;
}

static int
opt_cpus(struct hand *h, char *s, struct err *e)
{
	static const struct subopt table[] = {
		{ "", SUBOPT_CALL, 0, 0, 0, set_cpus },
		{ "boot", SUBOPT_CALL, 0, 0, 0, set_cpus },
		{ "max", SUBOPT_CALL, 0, 0, 0, set_cpus_max },
		{ "cpu", SUBOPT_CALL, 0, 0, 0, set_cpu },
		{ NULL, SUBOPT_FLAG, 0, 0, 0, NULL },
	};

	return subopt_parse(s, table, &h->config, e);
}

static int
opt_irqchip(struct hand *h, char *s, struct err *e)
{
	if (strcmp(s, "kernel") == 0)
		h->config.irqchip = VM_IRQCHIP_KERNEL;
	else if (strcmp(s, "split") == 0)
		h->config.irqchip = VM_IRQCHIP_SPLIT;
	else
		return err_set(e, EINVAL, "must be kernel or split");
	return 0;
}

static int
opt_virtio(struct hand *h, char *s, struct err *e)
{
	if (strcmp(s, "modern") == 0)
		h->config.virtio = VM_VIRTIO_MODERN;
	else if (strcmp(s, "transitional") == 0)
		h->config.virtio = VM_VIRTIO_TRANSITIONAL;
	else
		return err_set(e, EINVAL, "must be modern or transitional");
	return 0;
}

struct disk_words {
	const char	*path;
	const char	*format;
	bool		 readonly;
	uint64_t	 queues;
};

static int
opt_disk(struct hand *h, char *s, struct err *e)
{
	static const struct subopt table[] = {
		{ "", SUBOPT_TEXT, offsetof(struct disk_words, path), 0, 0,
		    NULL },
		{ "path", SUBOPT_TEXT, offsetof(struct disk_words, path), 0,
		    0, NULL },
		{ "format", SUBOPT_TEXT, offsetof(struct disk_words, format),
		    0, 0, NULL },
		{ "readonly", SUBOPT_FLAG,
		    offsetof(struct disk_words, readonly), 0, 0, NULL },
		{ "queues", SUBOPT_NUMBER,
		    offsetof(struct disk_words, queues), 1, VM_QUEUES_MAX,
		    NULL },
		{ NULL, SUBOPT_FLAG, 0, 0, 0, NULL },
	};
	struct disk_words w = { .queues = 1 };
	struct vm_config *c = &h->config;

	if (c->ndisks == VM_DISKS_MAX)
		return err_set(e, EINVAL, "more than %d", VM_DISKS_MAX);
	if (subopt_parse(s, table, &w, e) == -1)
		return -1;
	if (w.path == NULL)
		return err_set(e, EINVAL, "needs the file of the disk");
	h->formats[c->ndisks] = image_format_of(w.path);
	if (w.format != NULL && image_format_parse(&h->formats[c->ndisks],
	    w.format, e) == -1)
		return -1;
	h->disks[c->ndisks] = w.path;
	c->disks[c->ndisks] = (struct vm_disk){ .id = disk_ids[c->ndisks],
	    .readonly = w.readonly, .queues = (unsigned)w.queues };
	c->ndisks++;
	return 0;
}

/* A drive with a disc in it, which takes a disk's place. */
static int
opt_cdrom(struct hand *h, char *s, struct err *e)
{
	struct vm_config *c = &h->config;

	if (c->ndisks == VM_DISKS_MAX)
		return err_set(e, EINVAL, "more than %d disks", VM_DISKS_MAX);
	if (take_text(&h->disks[c->ndisks], s, VM_PATH_MAX, e) == -1)
		return -1;
	h->formats[c->ndisks] = IMAGE_RAW;
	c->disks[c->ndisks] = (struct vm_disk){ .id = disk_ids[c->ndisks],
	    .readonly = true, .cdrom = true, .queues = 1 };
	c->ndisks++;
	return 0;
}

static int
set_port(void *to, const char *value, struct err *e)
{
	struct hand_net *n = to;

	if (n->nports == HAND_PORTS_MAX)
		return err_set(e, EINVAL, "more than %d", HAND_PORTS_MAX);
	n->ports[n->nports++] = value;
	return 0;
}

static int
opt_net(struct hand *h, char *s, struct err *e)
{
	static const struct subopt table[] = {
		{ "", SUBOPT_TEXT, offsetof(struct hand_net, mode), 0, 0,
		    NULL },
		{ "mac", SUBOPT_TEXT, offsetof(struct hand_net, mac), 0, 0,
		    NULL },
		{ "hostname", SUBOPT_TEXT,
		    offsetof(struct hand_net, hostname), 0, 0, NULL },
		{ "boot", SUBOPT_TEXT, offsetof(struct hand_net, boot), 0, 0,
		    NULL },
		{ "queues", SUBOPT_NUMBER, offsetof(struct hand_net, queues),
		    1, VM_QUEUES_MAX, NULL },
		{ "port", SUBOPT_CALL, 0, 0, 0, set_port },
		{ NULL, SUBOPT_FLAG, 0, 0, 0, NULL },
	};
	struct vm_config *c = &h->config;
	struct hand_net n = { .queues = 1, .mac = NULL };

	if (c->nnets == VM_NETS_MAX)
		return err_set(e, EINVAL, "more than %d", VM_NETS_MAX);
	n.mac = net_macs[c->nnets];
	if (subopt_parse(s, table, &n, e) == -1)
		return -1;
	if (n.mode == NULL || strcmp(n.mode, "user") != 0)
		return err_set(e, EINVAL, "must be user, the network in user "
		    "space");
	h->nets[c->nnets] = n;
	c->nets[c->nnets] = (struct vm_net){ .id = net_ids[c->nnets],
	    .mac = n.mac, .queues = (unsigned)n.queues };
	c->nnets++;
	return 0;
}

static int
opt_vsock(struct hand *h, char *s, struct err *e)
{
	static const struct subopt table[] = {
		{ "cid", SUBOPT_NUMBER, offsetof(struct vm_vsock, cid),
		    VM_CID_MIN, VM_CID_MAX, NULL },
		{ "socket", SUBOPT_TEXT, offsetof(struct vm_vsock, socket),
		    0, 0, NULL },
		{ NULL, SUBOPT_FLAG, 0, 0, 0, NULL },
	};
	struct vm_vsock *v = &h->config.vsock;

	if (subopt_parse(s, table, v, e) == -1)
		return -1;
	if (v->socket == NULL || v->cid == 0)
		return err_set(e, EINVAL, "needs cid= and socket=");
	h->vsock = true;
	return 0;
}

struct fs_words {
	const char	*tag, *socket;
	uint64_t	 queues;
};

static int
opt_fs(struct hand *h, char *s, struct err *e)
{
	static const struct subopt table[] = {
		{ "tag", SUBOPT_TEXT, offsetof(struct fs_words, tag), 0, 0,
		    NULL },
		{ "socket", SUBOPT_TEXT, offsetof(struct fs_words, socket),
		    0, 0, NULL },
		{ "queues", SUBOPT_NUMBER, offsetof(struct fs_words, queues),
		    1, VM_QUEUES_MAX, NULL },
		{ NULL, SUBOPT_FLAG, 0, 0, 0, NULL },
	};
	struct fs_words w = { .queues = 1 };
	struct vm_config *c = &h->config;

	if (c->nfs == VM_FS_MAX)
		return err_set(e, EINVAL, "more than %d", VM_FS_MAX);
	if (subopt_parse(s, table, &w, e) == -1)
		return -1;
	if (w.tag == NULL || w.socket == NULL)
		return err_set(e, EINVAL, "needs tag= and socket=");
	if (strlen(w.tag) > VM_TAG_MAX)
		return err_set(e, EINVAL, "tag: longer than %d bytes",
		    VM_TAG_MAX);
	c->fs[c->nfs] = (struct vm_fs){ .id = fs_ids[c->nfs], .tag = w.tag,
	    .socket = w.socket, .queues = (unsigned)w.queues,
	    .queue_size = 1024 };
	c->nfs++;
	return 0;
}

static int
set_mode(void *to, const char *value, struct err *e)
{
	static const struct {
		const char		*word;
		enum vm_stream_mode	 mode;
	} modes[] = {
		{ "off", VM_STREAM_OFF }, { "null", VM_STREAM_NULL },
		{ "tty", VM_STREAM_TTY },
	};
	struct vm_stream *t = to;

	for (size_t i = 0; i < COUNT(modes); i++) {
		if (strcmp(modes[i].word, value) == 0) {
			t->mode = modes[i].mode;
			return 0;
		}
	}
	return err_set(e, EINVAL,
	    "must be tty, null, off, file=FILE or socket=PATH");
}

static int
opt_stream(struct vm_stream *t, char *s, struct err *e)
{
	static const struct subopt table[] = {
		{ "", SUBOPT_CALL, 0, 0, 0, set_mode },
		{ "file", SUBOPT_TEXT, offsetof(struct vm_stream, file), 0,
		    0, NULL },
		{ "socket", SUBOPT_TEXT, offsetof(struct vm_stream, socket),
		    0, 0, NULL },
		{ NULL, SUBOPT_FLAG, 0, 0, 0, NULL },
	};

	memset(t, 0, sizeof(*t));
	if (subopt_parse(s, table, t, e) == -1)
		return -1;
	if (t->socket != NULL)
		t->mode = VM_STREAM_SOCKET;
	else if (t->file != NULL)
		t->mode = VM_STREAM_FILE;
	return 0;
}

static int
opt_serial(struct hand *h, char *s, struct err *e)
{
	h->has_serial = true;
	return opt_stream(&h->config.serial, s, e);
}

static int
opt_console(struct hand *h, char *s, struct err *e)
{
	h->has_console = true;
	return opt_stream(&h->config.console, s, e);
}

static int
opt_balloon(struct hand *h, char *s, struct err *e)
{
	static const struct subopt table[] = {
		{ "size", SUBOPT_SIZE, offsetof(struct vm_balloon, size), 0,
		    VM_MEMORY_MAX, NULL },
		{ "deflate_on_oom", SUBOPT_FLAG,
		    offsetof(struct vm_balloon, deflate_on_oom), 0, 0, NULL },
		{ "free_page_reporting", SUBOPT_FLAG,
		    offsetof(struct vm_balloon, free_page_reporting), 0, 0,
		    NULL },
		{ NULL, SUBOPT_FLAG, 0, 0, 0, NULL },
	};

	h->config.balloon.on = true;
	return s == NULL ? 0 : subopt_parse(s, table, &h->config.balloon, e);
}

static int
opt_rng(struct hand *h, char *s, struct err *e)
{
	(void)s;
	(void)e;
	h->config.rng = true;
	return 0;
}

static int
opt_pvpanic(struct hand *h, char *s, struct err *e)
{
	(void)s;
	(void)e;
	h->config.pvpanic = true;
	return 0;
}

static int
opt_vmmci(struct hand *h, char *s, struct err *e)
{
	(void)s;
	(void)e;
	h->config.vmmci = true;
	return 0;
}

static int
opt_gdb(struct hand *h, char *s, struct err *e)
{
	return take_text(&h->config.gdb, s, VM_PATH_MAX, e);
}

static int
opt_api(struct hand *h, char *s, struct err *e)
{
	return take_text(&h->api, s, VM_PATH_MAX, e);
}

static int
opt_restore(struct hand *h, char *s, struct err *e)
{
	static const struct subopt table[] = {
		{ "", SUBOPT_TEXT, offsetof(struct hand, restore), 0, 0, NULL },
		{ "prefetch", SUBOPT_FLAG, offsetof(struct hand, prefetch), 0,
		    0, NULL },
		{ NULL, SUBOPT_FLAG, 0, 0, 0, NULL },
	};

	if (subopt_parse(s, table, h, e) == -1)
		return -1;
	return take_text(&h->restore, h->restore == NULL ? "" : h->restore,
	    VM_PATH_MAX, e);
}

static const struct {
	const char	*name;
	int		 argument;	/* as getopt_long(3) has it */
	int		(*set)(struct hand *, char *, struct err *);
} rows[] = {
	{ "api-socket",	required_argument,	opt_api },
	{ "balloon",	optional_argument,	opt_balloon },
	{ "boot",	required_argument,	opt_boot },
	{ "cdrom",	required_argument,	opt_cdrom },
	{ "cmdline",	required_argument,	opt_cmdline },
	{ "console",	required_argument,	opt_console },
	{ "cpus",	required_argument,	opt_cpus },
	{ "disk",	required_argument,	opt_disk },
	{ "firmware",	required_argument,	opt_firmware },
	{ "fs",		required_argument,	opt_fs },
	{ "gdb",	required_argument,	opt_gdb },
	{ "initramfs",	required_argument,	opt_initramfs },
	{ "irqchip",	required_argument,	opt_irqchip },
	{ "kernel",	required_argument,	opt_kernel },
	{ "memory",	required_argument,	opt_memory },
	{ "net",	required_argument,	opt_net },
	{ "pvpanic",	no_argument,		opt_pvpanic },
	{ "restore",	required_argument,	opt_restore },
	{ "rng",	no_argument,		opt_rng },
	{ "serial",	required_argument,	opt_serial },
	{ "variables",	required_argument,	opt_variables },
	{ "virtio",	required_argument,	opt_virtio },
	{ "vmmci",	no_argument,		opt_vmmci },
	{ "vsock",	required_argument,	opt_vsock },
};

/* --- the whole ----------------------------------------------------------- */

/* What the guest begins with: one of three, or left to the API. */
static int
check_payload(struct hand *h, struct err *e)
{
	struct vm_config *c = &h->config;

	if (c->kernel == NULL && c->firmware == NULL && h->restore == NULL &&
	    h->api == NULL)
		return err_set(e, EINVAL, "nothing to do: give --kernel, "
		    "--firmware, --restore or --api-socket; see vmm(8)");
	if (h->restore != NULL && (c->kernel != NULL || c->firmware != NULL))
		return err_set(e, EINVAL, "--%s and --restore: a snapshot has "
		    "its own already", c->kernel != NULL ? "kernel" :
		    "firmware");
	if (c->firmware != NULL && (c->kernel != NULL ||
	    c->initramfs != NULL || c->cmdline != NULL))
		return err_set(e, EINVAL, "--firmware: takes its kernel, "
		    "initramfs and cmdline from what it boots");
	if (c->firmware == NULL && c->variables != NULL)
		return err_set(e, EINVAL, "--variables: goes with --firmware");
	if (c->firmware == NULL && c->boot != VM_BOOT_ANY)
		return err_set(e, EINVAL, "--boot: goes with --firmware");
	return 0;
}

/* What was not said, and what does not go together. */
static int
complete(struct hand *h, struct err *e)
{
	struct vm_config *c = &h->config;

	if (check_payload(h, e) == -1)
		return -1;
	if (c->cpus_max == 0)
		c->cpus_max = c->cpus;
	if (c->cpus_max < c->cpus)
		return err_set(e, EINVAL, "--cpus: max is less than %u",
		    c->cpus);
	if (!h->has_serial && !h->has_console)
		c->serial.mode = VM_STREAM_TTY;
	if (c->serial.mode == VM_STREAM_TTY &&
	    c->console.mode == VM_STREAM_TTY)
		return err_set(e, EINVAL, "--serial and --console: only one "
		    "can be tty");
	if (c->balloon.size > c->memory.size)
		return err_set(e, EINVAL, "--balloon: larger than --memory");
	if (c->cmdline == NULL && c->firmware == NULL)
		c->cmdline = c->serial.mode == VM_STREAM_OFF ?
		    CONSOLE_CMDLINE : c->arch == VM_ARCH_ARM64 ?
		    SERIAL_ARM64 : SERIAL_CMDLINE;
	return 0;
}

static int
take_option(struct hand *h, int ch, int row, struct err *e)
{
	if (ch == 'v')
		h->verbose++;
	else if (ch == 'n')
		h->name = optarg;
	else if (ch != 0)
		return err_set(e, EINVAL, "see vmm(8) for what there is");
	else if (rows[row].set(h, optarg, e) == -1)
		return err_prefix(e, "--%s", rows[row].name);
	return 0;
}

int
hand_parse(struct hand *ret, int argc, char *argv[], struct err *e)
{
	struct option longs[COUNT(rows) + 1];
	struct hand h = { .name = "vmm" };
	int ch, row = 0;

	for (size_t i = 0; i < COUNT(rows); i++)
		longs[i] = (struct option){ .name = rows[i].name,
		    .has_arg = rows[i].argument };
	memset(&longs[COUNT(rows)], 0, sizeof(longs[0]));
	if (vm_arch_parse(&h.config.arch, os_arch(), e) == -1)
		return -1;
	h.config.cpus = 1;
	h.config.memory = (struct vm_memory){ .size = MEMORY_DEFAULT,
	    .shared = true, .thp = true };
	optind = 1;
	while ((ch = getopt_long(argc, argv, "n:v", longs, &row)) != -1)
		if (take_option(&h, ch, row, e) == -1)
			return -1;
	if (optind != argc)
		return err_set(e, EINVAL, "%s: not an option; see vmm(8)",
		    argv[optind]);
	if (complete(&h, e) == -1)
		return -1;
	*ret = h;
	return 0;
}
