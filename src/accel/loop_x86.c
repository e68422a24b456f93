/* SPDX-License-Identifier: ISC */
/*
 * loop_x86.c - one tight loop, as a guest and natively, on x86; see loop.h
 *
 * The guest runs in real mode, one page, no devices:  dec ecx; jnz; hlt.
 * Source: Linux, Documentation/virt/kvm/api.rst.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <errno.h>
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
};

static const uint8_t code[] = {
	0x66, 0x49,		/* dec ecx */
	0x75, 0xfc,		/* jnz to the dec */
	0xf4,			/* hlt */
};

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
	p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    l->vcpu, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "map the vCPU");
	l->run = p;
	*ret = take(&l);
	return 0;
}

static int
set_registers(int vcpu, uint32_t rounds, struct err *e)
{
	struct kvm_regs regs = { .rip = ADDRESS, .rcx = rounds, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) == -1)
		return err_sys(e, "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) == -1 ||
	    ioctl(vcpu, KVM_SET_REGS, &regs) == -1)
		return err_sys(e, "KVM_SET_REGS");
	return 0;
}

int
accel_loop_guest(uint64_t *ns, void *arg, uint32_t rounds, struct err *e)
{
	struct accel_loop *l = arg;
	uint64_t begin;

	if (set_registers(l->vcpu, rounds, e) == -1)
		return -1;
	begin = now_ns();
	if (ioctl(l->vcpu, KVM_RUN, 0) == -1)
		return err_sys(e, "KVM_RUN");
	*ns = now_ns() - begin;
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
