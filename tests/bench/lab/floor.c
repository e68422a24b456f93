/* SPDX-License-Identifier: ISC */
/*
 * floor.c - the least a VMM can do to boot Linux, to measure others by
 *
 *	floor [-m MIB] KERNEL INITRD CMDLINE
 *
 * An ELF kernel with a PVH note, copied into memory that huge pages can
 * back; the kernel's interrupt controllers and timer; a serial port that
 * can be written to; a table that names one processor.  No bus, no device, no
 * check of anything.  A yardstick, not a product.
 *
 * Source: Xen, public/arch-x86/hvm/start_info.h; Intel MultiProcessor
 * Specification 1.4.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/kvm.h>

#define HUGE		(2UL << 20)
#define GDT		0x500		/* guest physical */
#define START_INFO	0x6000
#define MODULES		0x6040
#define MEMORY_MAP	0x7000
#define CMDLINE		0x20000
#define MP_TABLE	0x9fc00
#define COM1		0x3f8
#define COM1_IRQ	4

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t modules_at, cmdline_at, rsdp_at, map_at;
	uint32_t map_entries, reserved;
};
struct module { uint64_t at, size, cmdline_at, reserved; };
struct map_entry { uint64_t at, size; uint32_t type, reserved; };

static uint8_t	*ram;
static size_t	 ram_size = 256UL << 20;
static int	 kvm, vm, vcpu;

static void
check(long r, const char *what)
{
	if (r < 0) {
		perror(what);
		exit(1);
	}
}

static void
copy(int fd, uint64_t to, uint64_t from, uint64_t n)
{
	ssize_t r;

	for (; n > 0; n -= (uint64_t)r, to += (uint64_t)r,
	    from += (uint64_t)r) {
		r = pread(fd, ram + to, n, (off_t)from);
		check(r <= 0 ? -1 : 0, "read");
	}
}

/* The entry that the Xen note of type 18 names. */
static uint64_t
note_entry(int fd, const Elf64_Phdr *p)
{
	static uint8_t b[65536];
	uint64_t n = p->p_filesz < sizeof(b) ? p->p_filesz : sizeof(b), desc,
	    entry = 0;
	const Elf64_Nhdr *h;

	check(pread(fd, b, n, (off_t)p->p_offset), "note");
	for (uint64_t o = 0; o + sizeof(*h) < n;
	    o = desc + ((h->n_descsz + 3) & ~3U)) {
		h = (const void *)(b + o);
		desc = o + sizeof(*h) + ((h->n_namesz + 3) & ~3U);
		if (h->n_type == 18 && memcmp(b + o + sizeof(*h), "Xen",
		    4) == 0)
			memcpy(&entry, b + desc, h->n_descsz > 8 ? 8 :
			    h->n_descsz);
	}
	return entry;
}

static uint64_t
load_kernel(const char *path)
{
	static uint8_t head[4096];
	const Elf64_Ehdr *e = (const void *)head;
	const Elf64_Phdr *p;
	uint64_t entry = 0;
	int fd = open(path, O_RDONLY);

	check(fd, path);
	check(read(fd, head, sizeof(head)), path);
	p = (const void *)(head + e->e_phoff);
	for (unsigned i = 0; i < e->e_phnum; i++, p++)
		if (p->p_type == PT_LOAD)
			copy(fd, p->p_paddr, p->p_offset, p->p_filesz);
		else if (p->p_type == PT_NOTE)
			entry = note_entry(fd, p);
	if (entry == 0) {
		fprintf(stderr, "floor: no PVH entry\n");
		exit(1);
	}
	return entry;
}

static void
load_initrd(const char *path, const char *cmdline)
{
	struct start_info *s = (void *)(ram + START_INFO);
	struct module *m = (void *)(ram + MODULES);
	struct map_entry *e = (void *)(ram + MEMORY_MAP);
	int fd = open(path, O_RDONLY);
	struct stat st;

	check(fd, path);
	check(fstat(fd, &st), path);
	m->size = (uint64_t)st.st_size;
	m->at = (ram_size - m->size - 4096) & ~0xfffUL;
	copy(fd, m->at, 0, m->size);
	e[0] = (struct map_entry){ 0, MP_TABLE, 1, 0 };
	e[1] = (struct map_entry){ 0x100000, ram_size - 0x100000, 1, 0 };
	*s = (struct start_info){ .magic = 0x336ec578, .version = 1,
		.modules = 1, .modules_at = MODULES, .cmdline_at = CMDLINE,
		.map_at = MEMORY_MAP, .map_entries = 2 };
	strcpy((char *)ram + CMDLINE, cmdline);
}

static uint8_t *
mp_entry(uint8_t *to, const void *entry, size_t n, uint8_t *count)
{
	memcpy(to, entry, n);
	(*count)++;
	return to + n;
}

static uint8_t
checksum(const uint8_t *p, const uint8_t *end)
{
	uint8_t sum = 0;

	while (p < end)
		sum += *p++;
	return (uint8_t)-sum;
}

/* One processor, the ISA bus, one IOAPIC and its interrupts. */
static void
mp_table(void)
{
	static const uint8_t cpu[20] = { 0, 0, 0x14, 3, 0, 6, 0, 0, 1, 2 };
	static const uint8_t ioapic[8] = { 2, 1, 0x11, 1, 0, 0, 0xc0, 0xfe };
	uint8_t *p = ram + MP_TABLE, *t = p + 16, *w = t + 44, n = 0;

	memcpy(p, "_MP_", 4);
	*(uint32_t *)(void *)(p + 4) = MP_TABLE + 16;
	p[8] = 1;
	p[9] = 4;
	memcpy(t, "PCMP", 4);
	t[6] = 4;
	memcpy(t + 8, "FLOOR   FLOOR       ", 20);
	*(uint32_t *)(void *)(t + 36) = 0xfee00000;
	w = mp_entry(w, cpu, sizeof(cpu), &n);
	w = mp_entry(w, "\1\0ISA   ", 8, &n);
	w = mp_entry(w, ioapic, sizeof(ioapic), &n);
	for (uint8_t i = 0; i < 16; i++) {
		uint8_t irq[8] = { 3, 0, 0, 0, 0, i, 1, i == 0 ? 2 : i };

		if (i != 2)
			w = mp_entry(w, irq, sizeof(irq), &n);
	}
	w = mp_entry(w, "\4\3\0\0\0\0\0\0", 8, &n);
	w = mp_entry(w, "\4\1\0\0\0\0\377\1", 8, &n);
	*(uint16_t *)(void *)(t + 4) = (uint16_t)(w - t);
	t[34] = n;
	t[7] = checksum(t, w);
	p[10] = checksum(p, p + 16);
}

static void
make_vm(void)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_userspace_memory_region m = { .memory_size = ram_size };
	uintptr_t at;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	check(kvm, "/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	check(vm, "KVM_CREATE_VM");
	check(ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000UL), "TSS");
	check(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "irqchip");
	check(ioctl(vm, KVM_CREATE_PIT2, &pit), "PIT");
	/* Guest and host pages of 2 MiB begin together. */
	at = (uintptr_t)mmap(NULL, ram_size + HUGE, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	at = (at + HUGE - 1) & ~(HUGE - 1);
	ram = mmap((void *)at, ram_size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	check(ram == MAP_FAILED ? -1 : 0, "mmap");
	(void)madvise(ram, ram_size, MADV_HUGEPAGE);
	m.userspace_addr = (uint64_t)(uintptr_t)ram;
	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &m), "memory");
}

static void
set_cpuid(void)
{
	struct kvm_cpuid2 *c = calloc(1, sizeof(*c) +
	    128 * sizeof(c->entries[0]));

	check(c == NULL ? -1 : 0, "CPUID");
	c->nent = 128;
	check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, c), "CPUID");
	for (unsigned i = 0; i < c->nent; i++)
		if (c->entries[i].function == 1)
			c->entries[i].ecx |= 1U << 31 | 1U << 24;
	check(ioctl(vcpu, KVM_SET_CPUID2, c), "CPUID");
	free(c);
}

static void
set_registers(uint64_t entry)
{
	static const uint64_t gdt[4] = { 0, 0x00cf9b000000ffff,
		0x00cf93000000ffff, 0x00008b0000000067 };
	struct kvm_regs regs = { .rip = entry, .rbx = START_INFO,
		.rflags = 2 };
	struct kvm_sregs s;

	memcpy(ram + GDT, gdt, sizeof(gdt));
	check(ioctl(vcpu, KVM_GET_SREGS, &s), "registers");
	s.cs = (struct kvm_segment){ .limit = ~0U, .selector = 8, .type = 11,
		.present = 1, .db = 1, .s = 1, .g = 1 };
	s.ds = s.es = s.fs = s.gs = s.ss = (struct kvm_segment){
		.limit = ~0U, .selector = 16, .type = 3, .present = 1,
		.db = 1, .s = 1, .g = 1 };
	s.tr = (struct kvm_segment){ .limit = 0x67, .selector = 24,
		.type = 11, .present = 1 };
	s.cr0 = 1;
	s.gdt.base = GDT;
	s.gdt.limit = sizeof(gdt) - 1;
	check(ioctl(vcpu, KVM_SET_SREGS, &s), "registers");
	check(ioctl(vcpu, KVM_SET_REGS, &regs), "registers");
}

/* --- the serial port: 16450, for output ---------------------------------- */

static uint8_t	uart[8];
static int	uart_empty, uart_level;

static void
uart_irq(void)
{
	struct kvm_irq_level l = { .irq = COM1_IRQ,
		.level = uart_empty && (uart[1] & 2) };

	if ((int)l.level != uart_level)
		(void)ioctl(vm, KVM_IRQ_LINE, &l);
	uart_level = (int)l.level;
}

static void
uart_write(unsigned reg, const uint8_t *d)
{
	int dlab = uart[3] & 0x80;

	if (reg == 0 && !dlab) {
		(void)write(STDOUT_FILENO, d, 1);
		uart_empty = 1;
	} else if (reg == 1 && !dlab) {
		if (!(uart[1] & 2) && (*d & 2))
			uart_empty = 1;
		uart[1] = *d & 15;
	} else if (reg == 3 || reg == 4 || reg == 7) {
		uart[reg] = *d;
	}
}

static uint8_t
uart_read(unsigned reg)
{
	static const uint8_t status[] = { 0x60, 0xb0 };

	if (reg == 5 || reg == 6)
		return status[reg - 5];
	if (reg != 2)
		return uart[3] & 0x80 && reg < 2 ? 0 : reg == 0 ? 0 :
		    uart[reg];
	if (!uart_empty || !(uart[1] & 2))
		return 1;
	uart_empty = 0;
	return 2;
}

static int	cmos;

static uint8_t
cmos_read(void)
{
	switch (cmos) {
	case 7:	case 8:
		return 1;
	case 0xa:
		return 0x26;
	case 0xb:
		return 2;
	case 0xd:
		return 0x80;
	}
	return 0;
}

static void
port(struct kvm_run *r)
{
	uint8_t *d = (uint8_t *)r + r->io.data_offset;
	int out = r->io.direction == KVM_EXIT_IO_OUT;
	unsigned p = r->io.port;

	if (p >= COM1 && p < COM1 + 8) {
		for (unsigned i = 0; i < r->io.count; i++, d += r->io.size)
			if (out)
				uart_write(p - COM1, d);
			else
				*d = uart_read(p - COM1);
		uart_irq();
	} else if (p == 0x64 && out && *d == 0xfe) {
		exit(0);
	} else if (p == 0x70 && out) {
		cmos = *d & 0x7f;
	} else if (p == 0x71 && !out) {
		*d = cmos_read();
	} else if (!out) {
		memset(d, 0xff, (size_t)r->io.size * r->io.count);
	}
}

static int
run(void)
{
	struct kvm_run *r = mmap(NULL, (size_t)ioctl(kvm,
	    KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED,
	    vcpu, 0);

	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0)
			continue;
		switch (r->exit_reason) {
		case KVM_EXIT_IO:
			port(r);
			break;
		case KVM_EXIT_MMIO:
			if (!r->mmio.is_write)
				memset(r->mmio.data, 0xff, 8);
			break;
		case KVM_EXIT_SHUTDOWN:
			return 0;
		default:
			fprintf(stderr, "floor: exit %u\n", r->exit_reason);
			return 2;
		}
	}
}

int
main(int argc, char *argv[])
{
	uint64_t entry;
	int ch;

	while ((ch = getopt(argc, argv, "m:")) != -1)
		if (ch == 'm')
			ram_size = strtoul(optarg, NULL, 10) << 20;
	if (argc - optind != 3) {
		fprintf(stderr, "usage: floor [-m MIB] KERNEL INITRD "
		    "CMDLINE\n");
		return 2;
	}
	argv += optind;
	make_vm();
	entry = load_kernel(argv[0]);
	load_initrd(argv[1], argv[2]);
	mp_table();
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	check(vcpu, "vcpu");
	set_cpuid();
	set_registers(entry);
	return run();
}
