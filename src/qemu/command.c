/* SPDX-License-Identifier: ISC */
/*
 * command.c - QEMU's command line for a VmConfig; see command.h
 *
 * Why each word is there: MMIO transports start faster than PCI and have no
 * option ROMs, but firmware is for PCI; force-legacy=false and
 * disable-legacy=on, because viod speaks virtio 1 only; guest
 * memory is a shared memfd, which vhost-user hands to viod.  On x86 the RTC
 * stays: stock kernels poll an absent one for half a boot.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/own.h"
#include "qemu/command.h"
#include "qemu/host.h"

/*
 * What QEMU's virtio-mmio offers whatever the device says; the in-flight
 * record of a disk has to be as large.
 */
#define MMIO_QUEUE_SIZE	1024

/* What differs between the boards. */
struct board {
	const char	*program;
	const char	*firmware;	/* NULL: none */
	const char	*machine;
	const char	*machine_kvm, *machine_tcg;
	const char	*machine_silent;	/* without serial port */
	const char	*cpu_kvm, *cpu_tcg;
	/*
	 * Linux finds microvm's transports in the order of the command line,
	 * virt's from the lowest address up, which QEMU fills last.
	 */
	bool		 place;
	const char	*blk, *net, *other;	/* ends of devices' names */
	const char	*modern;	/* no virtio before 1.0 */
	/*
	 * QEMU 7.2's vhost_net_start() unmasks a card's MSI-X vectors through
	 * irqfds of KVM's, and dies where there are none.
	 */
	const char	*net_no_irqfd;
};

#define MMIO .blk = "", .net = "-device", .other = "-device",		\
	.modern = "virtio-mmio.force-legacy=false", .net_no_irqfd = ""

static const struct board boards[] = {
	[VM_ARCH_AMD64] = {
		.program = "qemu-system-x86_64",
		/* SeaBIOS, elsewhere the default, needs the option ROMs. */
		.firmware = "qboot.rom",
		.machine = "microvm,acpi=on,rtc=on,pit=off,x-option-roms=off",
		.machine_silent = ",isa-serial=off",
		.machine_kvm = ",pic=off",
		.machine_tcg = ",pic=on",
		.cpu_kvm = "host",
		/* Five-level paging and byte-wise REP cost emulated time. */
		.cpu_tcg = "max,la57=off,erms=off,fsrm=off",
		MMIO,
	},
	[VM_ARCH_ARM64] = {
		.program = "qemu-system-aarch64",
		.machine = "virt,acpi=off,its=off",
		.machine_silent = "",
		.machine_kvm = ",gic-version=host",
		.machine_tcg = ",gic-version=3",
		.cpu_kvm = "host",
		/* SVE stores miss translated code in QEMU 7.2. */
		.cpu_tcg = "max,pauth-impdef=on,sve=off,sme=off",
		.place = true,
		MMIO,
	},
};

/* Where firmware boots a disk; its own text goes to the serial port. */
static const struct board pc = {
	.program = "qemu-system-x86_64",
	.machine = "pc,graphics=off,usb=off,vmport=off",
	.machine_silent = "",
	.machine_kvm = "",
	.machine_tcg = "",
	.cpu_kvm = "host",
	.cpu_tcg = "max,la57=off,erms=off,fsrm=off",
	.blk = "-pci", .net = "-pci", .other = "-pci",
	.modern = "virtio-pci.disable-legacy=on",
	.net_no_irqfd = ",vectors=0",
};

/* The same for UEFI: a device tree only, as vmm's board has. */
static const struct board virt = {
	.program = "qemu-system-aarch64",
	.machine = "virt,acpi=off",
	.machine_silent = "",
	.machine_kvm = ",gic-version=host",
	.machine_tcg = ",gic-version=3",
	.cpu_kvm = "host",
	.cpu_tcg = "max,pauth-impdef=on,sve=off,sme=off",
	.blk = "-pci", .net = "-pci", .other = "-pci",
	.modern = "virtio-pci.disable-legacy=on",
	.net_no_irqfd = ",vectors=0",
};

static const struct board *
board_of(const struct vm_config *v)
{
	if (v->firmware == NULL)
		return &boards[v->arch];
	return v->arch == VM_ARCH_ARM64 ? &virt : &pc;
}

__attribute__((format(printf, 2, 3)))
static void
add(struct command *c, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (c->argc == COMMAND_ARGS_MAX || vasprintf(&s, fmt, ap) == -1)
		c->failed = true;
	else
		c->argv[c->argc++] = s;
	va_end(ap);
}

/* Are interrupts of devices the kernel's business? */
static bool
has_irqchip(const struct command_host *h)
{
	return h->kvm && qemu_host.irqchip;
}

/* An option and its value. */
#define option(c, name, ...)	(add((c), "%s", (name)), add((c), __VA_ARGS__))

/* Within an option a comma is written twice.  The caller frees it. */
static char *
escaped(struct command *c, const char *s)
{
	char *ret = malloc(2 * strlen(s) + 1), *p = ret;

	if (ret == NULL) {
		c->failed = true;
		return NULL;
	}
	for (; *s != '\0'; s++) {
		if (*s == ',')
			*p++ = ',';
		*p++ = *s;
	}
	*p = '\0';
	return ret;
}

/* The place of the next device whose order the guest sees: "" or ",bus=". */
static const char *
next_place(struct command *c, const struct vm_config *v)
{
	c->bus[0] = '\0';
	if (board_of(v)->place)
		(void)snprintf(c->bus, sizeof(c->bus),
		    ",bus=virtio-mmio-bus.%u", c->ndevices++);
	return c->bus;
}

/* The socket of a device, as the character device "c-ID". */
static void
add_socket(struct command *c, const char *id, const char *path)
{
	own_mem char *p = escaped(c, path);

	if (p != NULL)
		option(c, "-chardev", "socket,id=c-%s,path=%s", id, p);
}

static void
add_machine(struct command *c, const struct vm_config *v,
    const struct command_host *h)
{
	const struct board *b = board_of(v);
	const char *firmware = v->firmware != NULL ? v->firmware :
	    b->firmware;

	add(c, "%s", b->program);
	add(c, "-nodefaults");
	add(c, "-no-user-config");
	option(c, "-display", "none");
	if (qemu_host.sandbox != NULL)
		option(c, "-sandbox", "%s", qemu_host.sandbox);
	option(c, "-chardev", "socket,id=qmp,fd=%d", h->qmp_fd);
	option(c, "-mon", "chardev=qmp,mode=control");
	option(c, "-machine", "%s%s%s,memory-backend=mem", b->machine,
	    v->serial.mode == VM_STREAM_OFF ? b->machine_silent : "",
	    has_irqchip(h) ? b->machine_kvm : b->machine_tcg);
	if (firmware != NULL)
		option(c, "-bios", "%s", firmware);
	option(c, "-accel", "%s", h->kvm ? qemu_host.accel : "tcg");
	option(c, "-cpu", "%s", h->kvm ? b->cpu_kvm : b->cpu_tcg);
	option(c, "-smp", "%u", v->cpus);
	option(c, "-m", "%" PRIu64 "M", v->memory.size >> 20);
	option(c, "-object", "%s,id=mem,size=%" PRIu64 "M,share=on",
	    qemu_host.memory, v->memory.size >> 20);
	option(c, "-global", "%s", b->modern);
}

/* The second flash; the first has the firmware. */
static void
add_variables(struct command *c, const struct vm_config *v)
{
	own_mem char *p = v->variables == NULL ? NULL :
	    escaped(c, v->variables);

	if (p != NULL)
		option(c, "-drive", "if=pflash,unit=1,format=raw,file=%s", p);
}

/*
 * TCG's TSC is the host's, and the small board has no clock to measure it
 * by: a kernel that is not told hangs.
 */
static void
add_payload(struct command *c, const struct vm_config *v,
    const struct command_host *h)
{
	const char *cmdline = v->cmdline != NULL ? v->cmdline : "";

	if (v->firmware != NULL) {
		/* What has no number among the bootable is not booted. */
		option(c, "-boot", "strict=on");
		add_variables(c, v);
		return;
	}
	option(c, "-kernel", "%s", v->kernel);
	if (v->initramfs != NULL)
		option(c, "-initrd", "%s", v->initramfs);
	if (v->arch == VM_ARCH_AMD64 && !h->kvm)
		option(c, "-append", "tsc_early_khz=%" PRIu64 " %s",
		    h->tsc_khz, cmdline);
	else
		option(c, "-append", "%s", cmdline);
}

/* The place of a device among those to boot: "" or ",bootindex=". */
static const char *
boot_index(struct command *c, const struct vm_config *v, enum vm_boot kind)
{
	c->boot[0] = '\0';
	if (v->firmware != NULL &&
	    (v->boot == VM_BOOT_ANY || v->boot == kind))
		(void)snprintf(c->boot, sizeof(c->boot), ",bootindex=%u",
		    ++c->nboots);
	return c->boot;
}

static void
add_share(struct command *c, const struct vm_fs *f, const char *other)
{
	own_mem char *tag = escaped(c, f->tag);

	add_socket(c, f->id, f->socket);
	if (tag != NULL)
		option(c, "-device", "vhost-user-fs%s,id=%s,chardev=c-%s,"
		    "tag=%s,num-request-queues=%u,queue-size=%u", other,
		    f->id, f->id, tag, f->queues, f->queue_size);
}

/* A disk, or the adapter with the CD drive. */
static void
add_disk(struct command *c, const struct vm_config *v,
    const struct vm_disk *d)
{
	const char *end = board_of(v)->blk;

	add_socket(c, d->id, d->socket);
	if (d->cdrom)
		/* Features QEMU asks for without asking the back-end. */
		option(c, "-device", "vhost-user-scsi%s,id=%s,chardev=c-%s,"
		    "hotplug=off,param_change=off,num_queues=%u%s%s", end,
		    d->id, d->id, d->queues, next_place(c, v),
		    boot_index(c, v, VM_BOOT_CDROM));
	else
		option(c, "-device", "vhost-user-blk%s,id=%s,chardev=c-%s,"
		    "num-queues=%u,queue-size=%d%s%s", end, d->id, d->id,
		    d->queues, MMIO_QUEUE_SIZE, next_place(c, v),
		    boot_index(c, v, VM_BOOT_DISK));
}

/* With firmware: the program that boots from it only where that is wanted. */
static void
add_net(struct command *c, const struct vm_config *v,
    const struct command_host *h, const struct vm_net *n)
{
	const char *boot = boot_index(c, v, VM_BOOT_NET);

	add_socket(c, n->id, n->socket);
	option(c, "-netdev", "vhost-user,id=n-%s,chardev=c-%s,queues=%u",
	    n->id, n->id, n->queues);
	option(c, "-device", "virtio-net%s,id=%s,netdev=n-%s,mac=%s%s%s%s%s%s",
	    board_of(v)->net, n->id, n->id, n->mac,
	    n->queues > 1 ? ",mq=on" : "", next_place(c, v), boot,
	    has_irqchip(h) ? "" : board_of(v)->net_no_irqfd,
	    v->firmware != NULL && v->boot != VM_BOOT_NET ? ",romfile=" : "");
}

static void
add_devices(struct command *c, const struct vm_config *v,
    const struct command_host *h)
{
	const char *other = board_of(v)->other;

	for (size_t i = 0; i < v->ndisks; i++)
		add_disk(c, v, &v->disks[i]);
	for (size_t i = 0; i < v->nnets; i++)
		add_net(c, v, h, &v->nets[i]);
	for (size_t i = 0; i < v->nfs; i++)
		add_share(c, &v->fs[i], other);
	if (v->vsock.vhost_socket != NULL) {
		add_socket(c, "vsock", v->vsock.vhost_socket);
		option(c, "-device", "vhost-user-vsock%s,chardev=c-vsock",
		    other);
	}
	if (v->rng) {
		option(c, "-object", "rng-builtin,id=rng");
		option(c, "-device", "virtio-rng%s,rng=rng", other);
	}
}

static void
add_console(struct command *c, const struct vm_config *v,
    const struct command_host *h)
{
	if (v->console.mode == VM_STREAM_OFF &&
	    v->serial.mode == VM_STREAM_OFF)
		return;
	option(c, "-chardev", "socket,id=console,fd=%d", h->console_fd);
	if (v->serial.mode != VM_STREAM_OFF) {
		option(c, "-serial", "chardev:console");
		return;
	}
	option(c, "-device", "virtio-serial%s,max_ports=1",
	    board_of(v)->other);
	option(c, "-device", "virtconsole,chardev=console");
}

int
command_make(struct command *ret, const struct vm_config *v,
    const struct command_host *h, struct err *e)
{
	struct command c = { .argc = 0 };

	add_machine(&c, v, h);
	add_payload(&c, v, h);
	add_devices(&c, v, h);
	add_console(&c, v, h);
	if (c.failed) {
		command_fini(&c);
		return err_set(e, ENOMEM, "command line of QEMU");
	}
	*ret = c;
	return 0;
}

void
command_fini(struct command *c)
{
	for (size_t i = 0; i < c->argc; i++)
		free(c->argv[i]);
	memset(c, 0, sizeof(*c));
}
