/* SPDX-License-Identifier: ISC */
/*
 * null.c - the floor of KVM itself: a VM, 256 MiB, one vCPU, one exit
 *
 * What is left of a VMM's time when this is taken away is the VMM's.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/kvm.h>

#define BYTES	(256UL << 20)

/* mov $0x0badf00d, %eax; cpuid; hlt */
static const uint8_t code[] = { 0x66, 0xb8, 0x0d, 0xf0, 0xad, 0x0b, 0x0f,
	0xa2, 0xf4 };

int
main(void)
{
	int kvm = open("/dev/kvm", O_RDWR);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), cpu;
	struct kvm_userspace_memory_region m = { .memory_size = BYTES };
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_sregs sregs;
	uint8_t *memory;

	(void)ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000UL);
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	memcpy(memory + 0x1000, code, sizeof(code));
	m.userspace_addr = (uint64_t)(uintptr_t)memory;
	(void)ioctl(vm, KVM_SET_USER_MEMORY_REGION, &m);
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	(void)mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
	    PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	(void)ioctl(cpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	(void)ioctl(cpu, KVM_SET_SREGS, &sregs);
	(void)ioctl(cpu, KVM_SET_REGS, &regs);
	if (ioctl(cpu, KVM_RUN, 0) == -1)
		return 1;
	for (;;)
		(void)pause();
}
