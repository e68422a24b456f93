/* SPDX-License-Identifier: ISC */
/*
 * loop_arm64.c - one tight loop, as a guest and natively, on arm64; see loop.h
 *
 * The guest runs with its MMU off, one page, no devices:  subs; b.ne; then a
 * store to where nothing is.  Source: Linux, Documentation/virt/kvm/api.rst.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "accel/device.h"
#include "accel/loop.h"
#include "lib/own.h"

#define PAGE		4096
#define ADDRESS		0x1000	/* guest physical, of the page */

struct accel_loop {
	int			 vcpu;
	struct kvm_run		*run;
	int			 entered;	/* a store is not finished */
};

static const uint32_t code[] = {
	0xf1000400,		/* subs x0, x0, #1 */
	0x54ffffe1,		/* b.ne to the subs */
	0xb9000020,		/* str w0, [x1] */
};

#define NOWHERE		0x10000000	/* guest physical, in x1 */

static uint64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* A page of guest memory with the code. */
static int
add_memory(int vm, struct err *e)
{
	struct kvm_userspace_memory_region r = {
		.guest_phys_addr = ADDRESS, .memory_size = PAGE,
	};
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return err_sys(e, "guest memory");
	memcpy(page, code, sizeof(code));
	r.userspace_addr = (uintptr_t)page;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r) == -1)
		return err_sys(e, "KVM_SET_USER_MEMORY_REGION");
	return 0;
}

int
accel_loop_new(struct accel_loop **ret, struct err *e)
{
	own_mem struct accel_loop *l = calloc(1, sizeof(*l));
	struct kvm_vcpu_init init;
	int kvm, vm, size;
	void *p;

	if (l == NULL)
		return err_sys(e, "guest");
	kvm = accel_device_open(e);
	if (kvm == -1)
		return -1;
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return err_set(e, ENOTSUP, "another version of the interface");
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (size == -1 || vm == -1)
		return err_sys(e, "KVM_CREATE_VM");
	if (add_memory(vm, e) == -1)
		return -1;
	l->vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (l->vcpu == -1)
		return err_sys(e, "KVM_CREATE_VCPU");
	if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) == -1 ||
	    ioctl(l->vcpu, KVM_ARM_VCPU_INIT, &init) == -1)
		return err_sys(e, "KVM_ARM_VCPU_INIT");
	p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    l->vcpu, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "map the vCPU");
	l->run = p;
	*ret = take(&l);
	return 0;
}

/* A register of struct kvm_regs, by its offset there. */
static int
set_register(int vcpu, size_t offset, uint64_t value, struct err *e)
{
	struct kvm_one_reg r = {
		.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
		    (offset / sizeof(uint32_t)),
		.addr = (uintptr_t)&value,
	};

	if (ioctl(vcpu, KVM_SET_ONE_REG, &r) == -1)
		return err_sys(e, "KVM_SET_ONE_REG");
	return 0;
}

static int
set_registers(struct accel_loop *l, uint32_t rounds, struct err *e)
{
	const size_t pc = offsetof(struct kvm_regs, regs.pc);
	const size_t x0 = offsetof(struct kvm_regs, regs.regs[0]);
	const size_t x1 = offsetof(struct kvm_regs, regs.regs[1]);

	/* The next entry finishes the last store and moves the pc on. */
	if (l->entered) {
		l->run->immediate_exit = 1;
		(void)ioctl(l->vcpu, KVM_RUN, 0);
		l->run->immediate_exit = 0;
	}
	if (set_register(l->vcpu, pc, ADDRESS, e) == -1 ||
	    set_register(l->vcpu, x0, rounds, e) == -1)
		return -1;
	return set_register(l->vcpu, x1, NOWHERE, e);
}

unsigned
accel_loop_modes(void)
{
	return 1;
}

void
accel_loop_mode(struct accel_loop *l, unsigned mode)
{
	(void)l;
	(void)mode;
}

/* Only x86 has what is waited for: a thread that splits large pages. */
unsigned
accel_loop_wait(const struct accel_loop *l)
{
	(void)l;
	return 0;
}

int
accel_loop_guest(uint64_t *ns, void *arg, uint32_t rounds, struct err *e)
{
	struct accel_loop *l = arg;
	uint64_t begin;

	if (set_registers(l, rounds, e) == -1)
		return -1;
	begin = now_ns();
	if (ioctl(l->vcpu, KVM_RUN, 0) == -1)
		return err_sys(e, "KVM_RUN");
	*ns = now_ns() - begin;
	l->entered = 1;
	if (l->run->exit_reason != KVM_EXIT_MMIO)
		return err_set(e, EIO, "guest ended with exit %u, not MMIO",
		    l->run->exit_reason);
	return 0;
}

int
accel_loop_native(uint64_t *ns, void *arg, uint32_t rounds, struct err *e)
{
	uint64_t begin = now_ns(), n = rounds;

	(void)arg;
	(void)e;
	__asm__ volatile("1: subs %0, %0, #1; b.ne 1b" : "+r" (n) : : "cc");
	*ns = now_ns() - begin;
	return 0;
}
