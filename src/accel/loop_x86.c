/* SPDX-License-Identifier: ISC */
/*
 * loop_x86.c - one tight loop, as a guest and natively, on x86; see loop.h
 *
 * The guest is  dec ecx; jnz; hlt  in real mode and in long mode, without
 * devices.  Source: Linux, Documentation/virt/kvm/api.rst.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "accel/cpuid_x86.h"
#include "accel/device.h"
#include "accel/loop.h"
#include "lib/own.h"

/* Guest memory: a page each, and where it is. */
#define PAGE		4096
#define REAL		0x1000	/* code */
#define LONG		0x2000
#define PML4		0x3000	/* page tables */
#define PDPT		0x4000
#define PD		0x5000
#define PAGES		5
#define ADDRESS		REAL

struct accel_loop {
	int			 vcpu;
	struct kvm_run		*run;
	unsigned		 mode;
	bool			 entered;
	uint64_t		 wait_ns;
};

/* Nanoseconds of the world and of work, to tell waiting from working. */
struct stopwatch {
	uint64_t	wall;
	uint64_t	cpu;
};

static const uint8_t real_code[] = {
	0x66, 0x49,		/* dec ecx */
	0x75, 0xfc,		/* jnz to the dec */
	0xf4,			/* hlt */
};
static const uint8_t long_code[] = {
	0xff, 0xc9,		/* dec ecx */
	0x75, 0xfc,		/* jnz to the dec */
	0xf4,			/* hlt */
};

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t
now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static struct stopwatch
watch_start(void)
{
	return (struct stopwatch){ now_ns(),
	    clock_ns(CLOCK_THREAD_CPUTIME_ID) };
}

static uint64_t
watch_waited(const struct stopwatch *begin)
{
	uint64_t wall = now_ns() - begin->wall;
	uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin->cpu;

	return wall > cpu ? wall - cpu : 0;
}

static void
put_entry(uint8_t *memory, uint64_t table, uint64_t entry)
{
	memcpy(memory + table - ADDRESS, &entry, sizeof(entry));
}

/* Guest memory: the codes, and the first 2 MiB mapped to themselves. */
static int
add_memory(int vm, struct err *e)
{
	struct kvm_userspace_memory_region r = {
		.guest_phys_addr = ADDRESS, .memory_size = PAGES * PAGE,
	};
	uint8_t *m = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return err_sys(e, "guest memory");
	memcpy(m + REAL - ADDRESS, real_code, sizeof(real_code));
	memcpy(m + LONG - ADDRESS, long_code, sizeof(long_code));
	put_entry(m, PML4, PDPT | 3);		/* present, writable */
	put_entry(m, PDPT, PD | 3);
	put_entry(m, PD, 0x83);			/* a large page */
	r.userspace_addr = (uintptr_t)m;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r) == -1)
		return err_sys(e, "KVM_SET_USER_MEMORY_REGION");
	return 0;
}

/* Without CPUID there is no long mode. */
static int
set_cpuid(int kvm, int vcpu, struct err *e)
{
	own_mem struct kvm_cpuid2 *t = cpuid_x86_room(CPUID_ENTRIES_MAX);

	if (t == NULL)
		return err_sys(e, "CPUID");
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, t) == -1 ||
	    ioctl(vcpu, KVM_SET_CPUID2, t) == -1)
		return err_sys(e, "KVM_SET_CPUID2");
	return 0;
}

static int
make_vcpu(struct accel_loop *l, int kvm, int vm, struct err *e)
{
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *p;

	l->vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (size == -1 || l->vcpu == -1)
		return err_sys(e, "KVM_CREATE_VCPU");
	p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    l->vcpu, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "map the vCPU");
	l->run = p;
	return set_cpuid(kvm, l->vcpu, e);
}

int
accel_loop_new(struct accel_loop **ret, struct err *e)
{
	own_mem struct accel_loop *l = calloc(1, sizeof(*l));
	struct stopwatch begin;
	int kvm, vm;

	if (l == NULL)
		return err_sys(e, "guest");
	kvm = accel_device_open(e);
	if (kvm == -1)
		return -1;
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return err_set(e, ENOTSUP, "another version of the interface");
	begin = watch_start();
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	l->wait_ns = watch_waited(&begin);
	if (vm == -1)
		return err_sys(e, "KVM_CREATE_VM");
	if (add_memory(vm, e) == -1 || make_vcpu(l, kvm, vm, e) == -1)
		return -1;
	*ret = take(&l);
	return 0;
}

unsigned
accel_loop_modes(void)
{
	return 2;
}

void
accel_loop_mode(struct accel_loop *l, unsigned mode)
{
	l->mode = mode;
}

unsigned
accel_loop_wait(const struct accel_loop *l)
{
	return (unsigned)(l->wait_ns / 1000);
}

static void
real_mode(struct kvm_sregs *s)
{
	s->cs.base = 0;
	s->cs.selector = 0;
}

static void
long_mode(struct kvm_sregs *s)
{
	struct kvm_segment code = {
		.selector = 8, .limit = 0xffffffff, .type = 11,
		.present = 1, .s = 1, .l = 1, .g = 1,
	};
	struct kvm_segment data = code;

	data.selector = 16;
	data.type = 3;
	data.l = 0;
	data.db = 1;
	s->cs = code;
	s->ss = s->ds = s->es = s->fs = s->gs = data;
	s->cr0 = 0x80000011;		/* PG, ET, PE */
	s->cr3 = PML4;
	s->cr4 = 0x20;			/* PAE */
	s->efer = 0x500;		/* LMA, LME */
}

static int
set_registers(const struct accel_loop *l, uint32_t rounds, struct err *e)
{
	struct kvm_regs regs = {
		.rip = l->mode == 0 ? REAL : LONG, .rcx = rounds, .rflags = 2,
	};
	struct kvm_sregs sregs;

	if (ioctl(l->vcpu, KVM_GET_SREGS, &sregs) == -1)
		return err_sys(e, "KVM_GET_SREGS");
	if (l->mode == 0)
		real_mode(&sregs);
	else
		long_mode(&sregs);
	if (ioctl(l->vcpu, KVM_SET_SREGS, &sregs) == -1 ||
	    ioctl(l->vcpu, KVM_SET_REGS, &regs) == -1)
		return err_sys(e, "KVM_SET_REGS");
	return 0;
}

int
accel_loop_guest(uint64_t *ns, void *arg, uint32_t rounds, struct err *e)
{
	struct accel_loop *l = arg;
	struct stopwatch begin;

	if (set_registers(l, rounds, e) == -1)
		return -1;
	begin = watch_start();
	if (ioctl(l->vcpu, KVM_RUN, 0) == -1)
		return err_sys(e, "KVM_RUN");
	*ns = now_ns() - begin.wall;
	if (!l->entered)
		l->wait_ns += watch_waited(&begin);
	l->entered = true;
	if (l->run->exit_reason != KVM_EXIT_HLT)
		return err_set(e, EIO, "guest ended with exit %u, not HLT",
		    l->run->exit_reason);
	return 0;
}

int
accel_loop_native(uint64_t *ns, void *arg, uint32_t rounds, struct err *e)
{
	uint64_t begin = now_ns();

	(void)arg;
	(void)e;
	__asm__ volatile("1: decl %0; jnz 1b" : "+c" (rounds) : : "cc");
	*ns = now_ns() - begin;
	return 0;
}
