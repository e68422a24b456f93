/* SPDX-License-Identifier: ISC */
/*
 * kvm_vcpu.c - Linux KVM: running a vCPU, and making it stop
 *
 * Source: Linux, Documentation/virt/kvm/api.rst, sections 4.10 and 5.
 */

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "accel/kvm.h"
#include "lib/util.h"

/*
 * A kick is a signal that makes KVM_RUN return, and a byte, immediate_exit,
 * that makes a KVM_RUN return at once which began after the signal came.
 */
#define KICK_SIGNAL	SIGUSR1

static void
on_kick(int sig)
{
	(void)sig;
}

int
kvm_kick_prepare(struct err *e)
{
	struct sigaction sa = { .sa_handler = on_kick };

	if (sigaction(KICK_SIGNAL, &sa, NULL) == -1)
		return err_sys(e, "sigaction");
	return 0;
}

int
kvm_vcpu_new(struct accel_vcpu **ret, struct accel_vm *vm, unsigned id,
    struct err *e)
{
	OWN(kvm_vcpu_destroy) struct accel_vcpu *c = calloc(1, sizeof(*c));
	sigset_t set;
	void *p;

	if (c == NULL)
		return err_sys(e, "vCPU");
	c->fd = -1;
	c->vm = vm;
	c->id = id;
	c->thread = pthread_self();
	if (id >= vm->setup.cpus)
		return err_set(e, EINVAL, "vCPU %u of %u", id,
		    vm->setup.cpus);
	c->fd = kvm_call(vm->fd, KVM_CREATE_VCPU, kvm_number(id), e);
	if (c->fd == -1)
		return -1;
	p = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
	    c->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, "map a vCPU");
	c->run = p;
	if (kvm_arch_vcpu_new(c, e) == -1)
		return -1;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, KICK_SIGNAL);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	*ret = take(&c);
	return 0;
}

void
kvm_vcpu_destroy(struct accel_vcpu *c)
{
	if (c == NULL)
		return;
	if (c->run != NULL)
		(void)munmap(c->run, c->vm->run_bytes);
	if (c->fd != -1)
		(void)close(c->fd);
	free(c->debug);
	free(c);
}

/*
 * The byte is written before 'inside' is read, and enter() writes 'inside'
 * before KVM reads the byte: one of the two sees the other.  A signal is
 * not sent to a thread that is busy with a device, whose system calls it
 * would interrupt.
 */
void
kvm_vcpu_kick(struct accel_vcpu *c)
{
	__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&c->inside, __ATOMIC_SEQ_CST))
		(void)pthread_kill(c->thread, KICK_SIGNAL);
}

static int
enter(struct accel_vcpu *c)
{
	int r;

	__atomic_store_n(&c->inside, true, __ATOMIC_SEQ_CST);
	r = ioctl(c->fd, KVM_RUN, 0);
	__atomic_store_n(&c->inside, false, __ATOMIC_RELEASE);
	return r;
}

/* --- exits --------------------------------------------------------------- */

static void __attribute__((format(printf, 3, 4)))
broken(struct accel_exit *x, struct accel_vcpu *c, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	x->why = ACCEL_EXIT_BROKEN;
	va_start(ap, fmt);
	(void)vsnprintf(x->text, sizeof(x->text), fmt, ap);
	va_end(ap);
	len = strlen(x->text);
	(void)snprintf(x->text + len, sizeof(x->text) - len,
	    ", vCPU %u at %#llx", c->id, (unsigned long long)kvm_arch_pc(c));
}

static void
exit_pio(struct accel_vcpu *c, struct accel_exit *x)
{
	x->why = ACCEL_EXIT_PIO;
	x->addr = c->run->io.port;
	x->len = c->run->io.size;
	x->count = c->run->io.count;
	x->write = c->run->io.direction == KVM_EXIT_IO_OUT;
	x->data = (uint8_t *)c->run + c->run->io.data_offset;
}

/*
 * An access that crosses a page comes in two parts, of 3 and 5 bytes for
 * example.  No device has registers there: ones are read.
 */
static bool
exit_mmio(struct accel_vcpu *c, struct accel_exit *x)
{
	uint32_t len = c->run->mmio.len;

	if (len != 1 && len != 2 && len != 4 && len != 8) {
		memset(c->run->mmio.data, 0xff, sizeof(c->run->mmio.data));
		return false;
	}
	x->why = ACCEL_EXIT_MMIO;
	x->addr = c->run->mmio.phys_addr;
	x->len = len;
	x->count = 1;
	x->write = c->run->mmio.is_write != 0;
	x->data = c->run->mmio.data;
	return true;
}

static void
exit_system(struct accel_vcpu *c, struct accel_exit *x)
{
	switch (c->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		x->why = ACCEL_EXIT_OFF;
		break;
	case KVM_SYSTEM_EVENT_RESET:
		x->why = ACCEL_EXIT_RESET;
		break;
	default:
		broken(x, c, "the guest crashed (system event %u)",
		    c->run->system_event.type);
		break;
	}
}

/* Emulation failures come with the bytes of the instruction. */
static void
exit_internal(struct accel_vcpu *c, struct accel_exit *x)
{
	const struct kvm_run *r = c->run;
	char bytes[3 * 15 + 1] = "";
	unsigned n, i;

	if (r->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
		broken(x, c, "KVM internal error %u", r->internal.suberror);
		return;
	}
	if (r->emulation_failure.ndata > 0 && r->emulation_failure.flags &
	    KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) {
		n = MIN(r->emulation_failure.insn_size, 15U);
		for (i = 0; i < n; i++)
			(void)snprintf(bytes + 3 * i, 4, " %02x",
			    r->emulation_failure.insn_bytes[i]);
	}
	broken(x, c, "KVM cannot emulate the instruction%s", bytes);
}

/* What KVM_RUN returned with; false: nothing for us, go on. */
static bool
decode(struct accel_vcpu *c, struct accel_exit *x)
{
	*x = (struct accel_exit){ .why = ACCEL_EXIT_KICK };
	switch (c->run->exit_reason) {
	case KVM_EXIT_IO:
		exit_pio(c, x);
		break;
	case KVM_EXIT_MMIO:
		return exit_mmio(c, x);
	case KVM_EXIT_HLT:
		x->why = ACCEL_EXIT_HALT;
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SHUTDOWN:
		x->why = ACCEL_EXIT_RESET;
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system(c, x);
		break;
	case KVM_EXIT_DEBUG:
		x->why = ACCEL_EXIT_DEBUG;
		x->hits = kvm_arch_hits(c);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		broken(x, c, "the processor refused the vCPU's state (%#llx)",
		    (unsigned long long)
		    c->run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		exit_internal(c, x);
		break;
	default:
		broken(x, c, "unknown exit %u of KVM", c->run->exit_reason);
		break;
	}
	return true;
}

/* KVM_RUN failed; 1: enter again. */
static int
failed(struct accel_vcpu *c, struct accel_exit *x, struct err *e)
{
	switch (errno) {
	case EINTR:
		(void)__atomic_exchange_n(&c->run->immediate_exit, 0,
		    __ATOMIC_ACQ_REL);
		*x = (struct accel_exit){ .why = ACCEL_EXIT_KICK };
		return 0;
	case EAGAIN:		/* a waiting processor was started */
		return 1;
	case EFAULT:		/* guest memory that cannot be had */
		*x = (struct accel_exit){ .why = ACCEL_EXIT_BROKEN };
		broken(x, c, "guest memory cannot be read");
		return 0;
	default:
		return err_sys(e, "KVM_RUN");
	}
}

int
kvm_vcpu_run(struct accel_vcpu *c, struct accel_exit *x, struct err *e)
{
	int r;

	for (;;) {
		if (enter(c) == -1) {
			if ((r = failed(c, x, e)) != 1)
				return r;
		} else if (decode(c, x))
			return 0;
	}
}
