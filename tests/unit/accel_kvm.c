/* SPDX-License-Identifier: ISC */
/* accel_kvm.c - tiny guests on KVM, also on one that interprets them */

#include "unit.h"

#include <sys/eventfd.h>
#include <sys/wait.h>

#include <cpuid.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "tiny.h"

#include "accel/state.h"
#include "lib/json.h"
#include "lib/util.h"
#include "os/sandbox.h"

static const struct accel *const kvm = &accel_kvm;

#define PORT	0x510		/* nobody's, in the kernel */

/* The last instruction of every program: tells that it got there. */
#define DONE	"mov $0x99, %al\n mov $0x510, %dx\n out %al, %dx\n"

static uint64_t
value(const struct accel_exit *x)
{
	uint64_t v = 0;

	memcpy(&v, x->data, x->len);
	return v;
}

#define assert_done(t) do {						\
	struct accel_exit x_;						\
									\
	tiny_run((t), &x_);						\
	assert_int_equal(x_.why, ACCEL_EXIT_PIO);			\
	assert_int_equal(x_.addr, PORT);				\
	assert_int_equal(value(&x_), 0x99);				\
} while (0)

/* --- entry --------------------------------------------------------------- */

TINY(real, 16, DONE);
TINY(protected, 32, DONE);
TINY(longmode, 64, "movabs $0x123456789abcdef0, %rbx\n" DONE);

static void
modes(void **state)
{
	const struct tiny_code *code[] = { &real, &protected, &longmode };
	struct x86_regs r;
	struct tiny t;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		tiny_new(&t, kvm);
		tiny_enter(&t, t.vcpu, code[i]);
		assert_done(&t);
		TINY_MUST(kvm->x86->get_regs(t.vcpu, &r, &e_));
		assert_int_equal(r.gpr[X86_RDX], PORT);
		if (i == 2)
			assert_int_equal(r.gpr[X86_RBX], 0x123456789abcdef0);
		tiny_destroy(&t);
	}
}

/* --- ports --------------------------------------------------------------- */

TINY(ports, 16,
    "mov $0x510, %dx\n"
    "in %dx, %al\n inc %al\n out %al, %dx\n"
    "in %dx, %ax\n inc %ax\n out %ax, %dx\n"
    "in %dx, %eax\n inc %eax\n out %eax, %dx\n");

static void
pio(void **state)
{
	const uint64_t answer[] = { 0x41, 0x4142, 0x41424344 };
	struct accel_exit x;
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &ports);
	for (unsigned i = 0; i < 3; i++) {
		tiny_run(&t, &x);
		assert_int_equal(x.why, ACCEL_EXIT_PIO);
		assert_false(x.write);
		assert_int_equal(x.len, 1 << i);
		assert_int_equal(x.count, 1);
		memcpy(x.data, &answer[i], x.len);
		tiny_run(&t, &x);
		assert_true(x.write);
		assert_int_equal(x.len, 1 << i);
		assert_int_equal(value(&x), answer[i] + 1);
	}
	tiny_destroy(&t);
}

TINY(strings, 16,
    "mov $0x510, %dx\n mov $0x2000, %si\n mov $6, %cx\n cld\n rep outsb\n"
    "mov $0x2100, %di\n mov $3, %cx\n rep insw\n" DONE);

static void
string_pio(void **state)
{
	char got[8] = "";
	struct accel_exit x;
	struct tiny t;
	unsigned n = 0;

	(void)state;
	tiny_new(&t, kvm);
	memcpy(t.mem + 0x2000, "string", 6);
	tiny_enter(&t, t.vcpu, &strings);
	while (n < 6) {
		tiny_run(&t, &x);
		assert_int_equal(x.why, ACCEL_EXIT_PIO);
		assert_true(x.write && x.len == 1);
		assert_in_range(x.count, 1, 6 - n);
		memcpy(got + n, x.data, x.count);
		n += x.count;
	}
	assert_string_equal(got, "string");
	for (n = 0; n < 3; n += x.count) {
		tiny_run(&t, &x);
		assert_true(!x.write && x.len == 2);
		assert_in_range(x.count, 1, 3 - n);
		memcpy(x.data, &"abcdef"[2 * n], x.count * 2);
	}
	assert_done(&t);
	assert_memory_equal(t.mem + 0x2100, "abcdef", 6);
	tiny_destroy(&t);
}

/* --- memory that is a device --------------------------------------------- */

TINY(mmio_code, 64,
    "mov $0xd0000000, %ebx\n"
    "mov (%rbx), %al\n mov %al, 1(%rbx)\n"
    "mov 2(%rbx), %ax\n mov %ax, 4(%rbx)\n"
    "mov 8(%rbx), %eax\n mov %eax, 12(%rbx)\n"
    "mov 16(%rbx), %rax\n mov %rax, 24(%rbx)\n"
    /* over the end of a page: nobody is asked */
    "mov 0xffd(%rbx), %rcx\n" DONE);

static void
mmio(void **state)
{
	const uint64_t reads[] = { 0xd0000000, 0xd0000002, 0xd0000008,
	    0xd0000010 };
	const uint64_t answer = 0x8877665544332211;
	struct accel_exit x;
	struct x86_regs r;
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &mmio_code);
	for (unsigned i = 0; i < 4; i++) {
		tiny_run(&t, &x);
		assert_int_equal(x.why, ACCEL_EXIT_MMIO);
		assert_false(x.write);
		assert_int_equal(x.addr, reads[i]);
		assert_int_equal(x.len, 1 << i);
		memcpy(x.data, &answer, x.len);
		tiny_run(&t, &x);
		assert_true(x.write);
		assert_int_equal(x.len, 1 << i);
		assert_memory_equal(x.data, &answer, x.len);
	}
	assert_done(&t);
	TINY_MUST(kvm->x86->get_regs(t.vcpu, &r, &e_));
	assert_int_equal(r.gpr[X86_RCX], UINT64_MAX);
	tiny_destroy(&t);
}

/* --- events -------------------------------------------------------------- */

TINY(doorbell, 64,
    "mov $0xd0000000, %ebx\n movw $7, (%rbx)\n movw $8, (%rbx)\n"
    "movl $1, 0x100(%rbx)\n movb $1, 0x100(%rbx)\n"
    "mov $0x520, %dx\n mov $3, %al\n out %al, %dx\n"
    "mov $4, %al\n out %al, %dx\n" DONE);

static void
ioeventfd(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct accel_ioevent v[] = {
		{ .addr = 0xd0000000, .len = 2, .match = true, .value = 7,
		    .fd = fd },
		{ .addr = 0xd0000100, .fd = fd },
		{ .addr = 0x520, .len = 1, .pio = true, .match = true,
		    .value = 4, .fd = fd },
	};
	struct accel_exit x;
	struct tiny t;
	uint64_t n;

	(void)state;
	tiny_new(&t, kvm);
	for (unsigned i = 0; i < COUNT(v); i++)
		TINY_MUST(kvm->ioevent(t.vm, &v[i], &e_));
	tiny_enter(&t, t.vcpu, &doorbell);
	tiny_run(&t, &x);
	assert_int_equal(x.why, ACCEL_EXIT_MMIO);
	assert_int_equal(value(&x), 8);
	tiny_run(&t, &x);
	assert_int_equal(x.why, ACCEL_EXIT_PIO);
	assert_int_equal(value(&x), 3);
	assert_done(&t);
	assert_int_equal(read(fd, &n, sizeof(n)), 8);
	assert_int_equal(n, 4);
	for (unsigned i = 0; i < COUNT(v); i++) {
		v[i].remove = true;
		TINY_MUST(kvm->ioevent(t.vm, &v[i], &e_));
	}
	assert_int_equal(kvm->ioevent(t.vm, &v[0], NULL), -1);
	(void)close(fd);
	tiny_destroy(&t);
}

/* --- interrupts ---------------------------------------------------------- */

static int wake_fd;

/* Written after the guest halted, most times; it is woken in any case. */
static void *
wake(void *arg)
{
	const struct timespec some = { .tv_nsec = 20000000 };
	const uint64_t one = 1;

	(void)nanosleep(&some, NULL);
	(void)!write(wake_fd, &one, sizeof(one));
	return arg;
}

/* Run the guest to its end; it sleeps until 'gsi' is interrupted. */
static void
sleep_and_wake(struct tiny *t, unsigned gsi)
{
	struct accel_irqfd q = { .fd = eventfd(0, EFD_NONBLOCK),
	    .resample = -1, .gsi = gsi };
	pthread_t thread;

	wake_fd = q.fd;
	TINY_MUST(kvm->irqfd(t->vm, &q, &e_));
	assert_int_equal(pthread_create(&thread, NULL, wake, NULL), 0);
	assert_done(t);
	(void)pthread_join(thread, NULL);
	q.remove = true;
	TINY_MUST(kvm->irqfd(t->vm, &q, &e_));
	(void)close(q.fd);
}

/* By PIC and LINT0, as at power on: vector 0x25 is interrupt 5. */
TINY(pic, 16,
    "mov $0x11, %al\n out %al, $0x20\n mov $0x20, %al\n out %al, $0x21\n"
    "mov $4, %al\n out %al, $0x21\n mov $1, %al\n out %al, $0x21\n"
    "mov $0xdf, %al\n out %al, $0x21\n"
    "movw $(pic_irq - pic_begin + 0x1000), 0x94\n movw $0, 0x96\n"
    "sti\n hlt\n cmp $1, %cx\n jne pic_end\n" DONE
    "pic_irq: inc %cx\n iret\n");

static void
halt_pic(void **state)
{
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &pic);
	sleep_and_wake(&t, 5);
	tiny_destroy(&t);
}

extern const uint8_t msi_irq[];
TINY(msi, 64,
    "mov $0xfee000f0, %ebx\n movl $0x1ff, (%rbx)\n"
    "sti\n hlt\n cmp $1, %ecx\n jne msi_end\n" DONE
    "msi_irq: inc %ecx\n iretq\n");

static void
halt_msi(void **state)
{
	const struct accel_msi other = { 0xfee00000, 0x42, 0 };
	const struct accel_msi m = { 0xfee00000, 0x41, 0 };
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &msi);
	tiny_gate(&t, 0x41, (size_t)(msi_irq - msi_begin));
	TINY_MUST(kvm->msi(t.vm, 24, &other, &e_));
	TINY_MUST(kvm->msi(t.vm, ACCEL_GSI_MAX - 1, &m, &e_));
	TINY_MUST(kvm->msi(t.vm, 24, NULL, &e_));
	assert_int_equal(kvm->msi(t.vm, 23, &m, NULL), -1);
	assert_int_equal(kvm->msi(t.vm, ACCEL_GSI_MAX, &m, NULL), -1);
	sleep_and_wake(&t, ACCEL_GSI_MAX - 1);
	tiny_destroy(&t);
}

extern const uint8_t nmi_irq[];
TINY(nmi, 64, "1: jmp 1b\n nmi_irq:\n" DONE);

static void
nmis(void **state)
{
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &nmi);
	tiny_gate(&t, 2, (size_t)(nmi_irq - nmi_begin));
	TINY_MUST(kvm->nmi(t.vcpu, &e_));
	assert_done(&t);
	tiny_destroy(&t);
}

/* --- guests that fail ---------------------------------------------------- */

/* The fault finds no gate, nor does the one after it, nor the third. */
TINY(triple, 64, "lidt 0x2000\n movabs 0x10000000000, %al\n");
TINY(nowhere, 64, "mov $0xd0000000, %eax\n jmp *%rax\n");

static void
failures(void **state)
{
	struct accel_exit x;
	struct x86_regs r;
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &triple);
	tiny_run(&t, &x);
	assert_int_equal(x.why, ACCEL_EXIT_RESET);
	tiny_destroy(&t);

	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &nowhere);
	tiny_run(&t, &x);
	assert_int_equal(x.why, ACCEL_EXIT_BROKEN);
	assert_non_null(strstr(x.text, "vCPU 0 at 0xd0000000"));

	/* Paging on, in long mode, without PAE. */
	TINY_MUST(kvm->x86->get_regs(t.vcpu, &r, &e_));
	tiny_regs(&r, 64);
	r.cr4 = 0;
	assert_int_equal(kvm->x86->set_regs(t.vcpu, &r, NULL), -1);
	tiny_destroy(&t);
}

extern const uint8_t msr_gp[];
TINY(msr, 64,
    "mov $0x40000001, %ecx\n rdmsr\n jmp msr_end\n msr_gp:\n" DONE);

/* Hyper-V's registers are not the guest's. */
static void
msr_filter(void **state)
{
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &msr);
	tiny_gate(&t, 13, (size_t)(msr_gp - msr_begin));
	assert_done(&t);
	tiny_destroy(&t);
}

/* --- kicks --------------------------------------------------------------- */

TINY(spin, 16, "1: jmp 1b\n");

#define KICKS	1000

struct spinner {
	struct tiny	 t;
	pthread_mutex_t	 lock;
	pthread_cond_t	 changed;
	bool		 ready;
	unsigned	 kicked, seen;
};

/* Every kick is seen after it was made. */
static void *
spinning(void *arg)
{
	struct spinner *s = arg;
	struct accel_exit x;

	TINY_MUST(kvm->vcpu_new(&s->t.vcpu, s->t.vm, 0, &e_));
	tiny_enter(&s->t, s->t.vcpu, &spin);
	do {
		(void)pthread_mutex_lock(&s->lock);
		s->ready = true;
		s->seen = s->kicked;
		(void)pthread_cond_signal(&s->changed);
		(void)pthread_mutex_unlock(&s->lock);
		if (s->seen == KICKS)
			break;
		TINY_MUST(kvm->vcpu_run(s->t.vcpu, &x, &e_));
	} while (x.why == ACCEL_EXIT_KICK);
	kvm->vcpu_destroy(s->t.vcpu);
	s->t.vcpu = NULL;
	return NULL;
}

static void
kicks(void **state)
{
	const struct accel_setup setup = { .cpus = 1 };
	struct spinner s = { .lock = PTHREAD_MUTEX_INITIALIZER,
	    .changed = PTHREAD_COND_INITIALIZER };
	pthread_t thread;

	(void)state;
	tiny_vm(&s.t, kvm, &setup);
	assert_int_equal(pthread_create(&thread, NULL, spinning, &s), 0);
	(void)pthread_mutex_lock(&s.lock);
	while (!s.ready)
		(void)pthread_cond_wait(&s.changed, &s.lock);
	for (unsigned i = 1; i <= KICKS; i++) {
		s.kicked = i;
		(void)pthread_mutex_unlock(&s.lock);
		kvm->vcpu_kick(s.t.vcpu);
		(void)pthread_mutex_lock(&s.lock);
		while (s.seen != i)	/* a lost one ends here */
			(void)pthread_cond_wait(&s.changed, &s.lock);
	}
	(void)pthread_mutex_unlock(&s.lock);
	(void)pthread_join(thread, NULL);
	tiny_destroy(&s.t);
}

TINY(load, 64, "mov $0xd0000000, %ebx\n mov (%rbx), %eax\n 1: jmp 1b\n");

/* A load from a device is finished when the kick returns. */
static void
kick_whole(void **state)
{
	struct accel_exit x;
	struct x86_regs r;
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &load);
	tiny_run(&t, &x);
	assert_int_equal(x.why, ACCEL_EXIT_MMIO);
	memcpy(x.data, "\x78\x56\x34\x12", 4);
	kvm->vcpu_kick(t.vcpu);
	TINY_MUST(kvm->vcpu_run(t.vcpu, &x, &e_));
	assert_int_equal(x.why, ACCEL_EXIT_KICK);
	TINY_MUST(kvm->x86->get_regs(t.vcpu, &r, &e_));
	assert_int_equal(r.gpr[X86_RAX], 0x12345678);
	assert_int_equal(r.rip, TINY_CODE + 7);
	tiny_destroy(&t);
}

/* --- memory -------------------------------------------------------------- */

TINY(writer, 64, "mov $0x50000, %ebx\n mov %al, (%rbx)\n" DONE);

static void
dirty_log(void **state)
{
	uint64_t bitmap[TINY_BYTES / 4096 / 64];
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &writer);
	assert_done(&t);
	TINY_MUST(kvm->dirty(t.vm, 0, bitmap, &e_));
	assert_int_equal(bitmap[1], 1 << (0x50 - 64));
	TINY_MUST(kvm->dirty(t.vm, 0, bitmap, &e_));
	assert_int_equal(bitmap[1], 0);
	assert_int_equal(kvm->dirty(t.vm, 1, bitmap, NULL), -1);
	tiny_destroy(&t);
}

TINY(rom, 64, "mov $0x200000, %ebx\n mov (%rbx), %al\n mov %al, 1(%rbx)\n"
    DONE);

static void
read_only(void **state)
{
	static _Alignas(4096) uint8_t page[4096] = { 0x42, 0x43 };
	struct accel_memory m = { .slot = 1, .gpa = 0x200000,
	    .bytes = sizeof(page), .host = page, .readonly = true };
	struct accel_exit x;
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	TINY_MUST(kvm->map(t.vm, &m, &e_));
	tiny_enter(&t, t.vcpu, &rom);
	tiny_run(&t, &x);
	assert_int_equal(x.why, ACCEL_EXIT_MMIO);
	assert_true(x.write && x.addr == 0x200001);
	assert_int_equal(value(&x), 0x42);
	assert_done(&t);
	assert_int_equal(page[1], 0x43);
	tiny_destroy(&t);
}

/* --- debugger ------------------------------------------------------------ */

TINY(steps, 64, "nop\n inc %ecx\n inc %ecx\n" DONE);

static void
debug_exit(struct tiny *t, const struct accel_debug *d, struct x86_regs *r)
{
	struct accel_exit x;

	TINY_MUST(kvm->debug(t->vcpu, d, &e_));
	tiny_run(t, &x);
	assert_int_equal(x.why, ACCEL_EXIT_DEBUG);
	TINY_MUST(kvm->x86->get_regs(t->vcpu, r, &e_));
}

static void
debugger(void **state)
{
	struct accel_debug d = { .on = true, .step = true };
	struct x86_regs r;
	uint64_t gpa = 0;
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &steps);
	debug_exit(&t, &d, &r);
	assert_int_equal(r.rip, TINY_CODE + 1);
	TINY_MUST(kvm->translate(t.vcpu, 0x1234, &gpa, &e_));
	assert_int_equal(gpa, 0x1234);
	assert_int_equal(kvm->translate(t.vcpu, 1ULL << 40, &gpa, NULL),
	    -1);
	d.on = false;
	TINY_MUST(kvm->debug(t.vcpu, &d, &e_));
	assert_done(&t);
	d.npoints = 5;			/* there are four */
	assert_int_equal(kvm->debug(t.vcpu, &d, NULL), -1);
	d.npoints = 1;
	d.point[0].kind = ACCEL_POINT_READ;
	assert_int_equal(kvm->debug(t.vcpu, &d, NULL), -1);
	tiny_destroy(&t);
}

/* QEMU's emulation of SVM has neither the guest's breakpoints nor INT3. */
static bool
host_is_tcg(void)
{
	char name[13] = "";
	uint32_t a, b, c, d;

	__cpuid(0x40000000, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
	return strcmp(name, "TCGTCGTCGTCG") == 0;
}

static void
breakpoint(void **state)
{
	struct accel_debug d = { .on = true, .npoints = 2,
	    .point = { { .addr = TINY_CODE + 0x100, .len = 1 },
	    { .addr = TINY_CODE + 3, .len = 1 } } };
	struct x86_regs r;
	struct tiny t;

	(void)state;
	if (host_is_tcg()) {
		printf("# no breakpoints in QEMU's SVM\n");
		return;
	}
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &steps);
	debug_exit(&t, &d, &r);
	assert_int_equal(r.rip, TINY_CODE + 3);
	assert_int_equal(r.gpr[X86_RCX], 1);
	tiny_destroy(&t);
}

/* Two words are written, the second one is watched; then a read is. */
TINY(writes, 64,
    "mov $0x3000, %ebx\n mov %eax, (%rbx)\n mov %eax, 8(%rbx)\n"
    "mov 16(%rbx), %eax\n" DONE);

static void
watchpoint(void **state)
{
	struct accel_debug d = { .on = true, .npoints = 2, .point = {
	    { 0x3010, 4, ACCEL_POINT_ACCESS }, { 0x3008, 4, ACCEL_POINT_WRITE }
	} };
	struct accel_exit x;
	struct x86_regs r;
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &writes);
	TINY_MUST(kvm->debug(t.vcpu, &d, &e_));
	tiny_run(&t, &x);
	if (x.why != ACCEL_EXIT_DEBUG) {
		/* KVM's interpreter does not look, nor QEMU's SVM. */
		printf("# no watchpoints here\n");
		tiny_destroy(&t);
		return;
	}
	assert_int_equal(x.hits, 2);
	TINY_MUST(kvm->x86->get_regs(t.vcpu, &r, &e_));
	assert_int_equal(r.rip, TINY_CODE + 10);
	tiny_run(&t, &x);
	assert_int_equal(x.why, ACCEL_EXIT_DEBUG);
	assert_int_equal(x.hits, 1);
	tiny_destroy(&t);
}

TINY(int3, 64, "nop\n int3\n");

static void
breakpoint_int3(void **state)
{
	struct accel_debug d = { .on = true, .breaks = true };
	struct accel_exit x;
	struct x86_regs r;
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &int3);
	TINY_MUST(kvm->debug(t.vcpu, &d, &e_));
	tiny_run(&t, &x);
	TINY_MUST(kvm->x86->get_regs(t.vcpu, &r, &e_));
	if (x.why == ACCEL_EXIT_DEBUG)
		assert_int_equal(r.rip, TINY_CODE + 1);
	else	/* an interpreting KVM, which says what it cannot do */
		assert_true(host_is_tcg() || strstr(x.text,
		    "cannot emulate the instruction cc") != NULL);
	tiny_destroy(&t);
}

/* --- processors ---------------------------------------------------------- */

/* The second one is started by INIT and SIPI and tells what it is. */
TINY(starter, 64,
    "mov $0xfee00300, %ebx\n movl $0x01000000, 0x10(%rbx)\n"
    "movl $0x4500, (%rbx)\n movl $0x4602, (%rbx)\n" DONE);
TINY(started, 16,
    "mov $0xb, %eax\n mov $1, %ecx\n cpuid\n"
    "mov %ebx, %ecx\n mov %edx, %ebx\n"
    "mov $0x510, %dx\n out %eax, %dx\n mov %ecx, %eax\n out %eax, %dx\n"
    "mov %ebx, %eax\n out %eax, %dx\n");

struct pair {
	struct tiny		 t;
	pthread_barrier_t	 made;		/* both vCPUs */
	uint64_t		 told[3];
};

static void *
second(void *arg)
{
	struct pair *p = arg;
	struct accel_vcpu *c;
	struct accel_exit x;

	TINY_MUST(kvm->vcpu_new(&c, p->t.vm, 1, &e_));
	(void)pthread_barrier_wait(&p->made);
	for (unsigned i = 0; i < 3; i++) {
		TINY_MUST(kvm->vcpu_run(c, &x, &e_));
		assert_int_equal(x.why, ACCEL_EXIT_PIO);
		p->told[i] = value(&x);
	}
	kvm->vcpu_destroy(c);
	return NULL;
}

static void
smp(void **state)
{
	const struct accel_setup setup = { .cpus = 64 };
	pthread_t thread;
	struct pair p;

	(void)state;
	tiny_vm(&p.t, kvm, &setup);
	TINY_MUST(kvm->vcpu_new(&p.t.vcpu, p.t.vm, 0, &e_));
	memcpy(p.t.mem + 0x2000, started.begin,
	    (size_t)(started.end - started.begin));
	tiny_enter(&p.t, p.t.vcpu, &starter);
	(void)pthread_barrier_init(&p.made, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, second, &p), 0);
	(void)pthread_barrier_wait(&p.made);
	assert_done(&p.t);
	(void)pthread_join(thread, NULL);
	(void)pthread_barrier_destroy(&p.made);
	tiny_destroy(&p.t);
	assert_int_equal(p.told[0], 6);		/* bits of an APIC id */
	assert_int_equal(p.told[1], 64);	/* processors */
	assert_int_equal(p.told[2], 1);		/* its APIC id */
}

/* --- state --------------------------------------------------------------- */

TINY(counter, 64,
    "1: inc %rcx\n mov %rcx, 0x5000\n rdtsc\n shl $32, %rdx\n or %rax, %rdx\n"
    "mov %rdx, 0x5008\n mov %ecx, %eax\n mov $0x510, %dx\n out %eax, %dx\n"
    "jmp 1b\n");

static uint64_t
next(struct tiny *t)
{
	struct accel_exit x;

	tiny_run(t, &x);
	assert_int_equal(x.why, ACCEL_EXIT_PIO);
	return value(&x);
}

/* The guest's TSC when it last counted. */
static uint64_t
tsc(const struct tiny *t)
{
	uint64_t v;

	memcpy(&v, t->mem + 0x5008, sizeof(v));
	return v;
}

static void
save(struct tiny *t, json_t **vm, json_t **vcpu)
{
	struct accel_exit x;
	struct err e;

	kvm->vcpu_kick(t->vcpu);
	TINY_MUST(kvm->vcpu_run(t->vcpu, &x, &e_));
	assert_int_equal(x.why, ACCEL_EXIT_KICK);
	if ((*vcpu = kvm->vcpu_save(t->vcpu, &e)) == NULL ||
	    (*vm = kvm->vm_save(t->vm, &e)) == NULL)
		tiny_die("save", &e);
}

static void
restored(void **state)
{
	own_json json_t *vm = NULL, *vcpu = NULL;
	struct tiny a, b;
	uint64_t before;

	(void)state;
	tiny_new(&a, kvm);
	tiny_enter(&a, a.vcpu, &counter);
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(next(&a), i);
	save(&a, &vm, &vcpu);
	before = tsc(&a);

	tiny_new(&b, kvm);
	memcpy(b.mem, a.mem, TINY_BYTES);
	tiny_destroy(&a);
	TINY_MUST(kvm->vm_load(b.vm, vm, &e_));
	TINY_MUST(kvm->vcpu_load(b.vcpu, vcpu, &e_));
	assert_int_equal(next(&b), 4);
	assert_true(tsc(&b) > before);
	assert_int_equal(next(&b), 5);
	tiny_destroy(&b);
}

/*
 * A state whose processor differs in one bit of a leaf is refused: of its
 * struct kvm_cpuid_entry2 the word is 3 for eax to 6 for edx.
 */
static void
other_cpuid(struct tiny *t, json_t *vm, uint32_t leaf, unsigned word,
    const char *why)
{
	json_t *good = json_incref(json_object_get(vm, "cpuid"));
	own_mem void *bytes = NULL;
	uint32_t *at;
	struct err e;
	size_t len, i = 0;

	assert_int_equal(state_get_any(vm, "cpuid", &bytes, &len, &e), 0);
	for (at = bytes; at[i] != leaf; i += 10)
		assert_true((i + 20) * sizeof(*at) <= len);
	at[i + word] ^= 1;
	assert_int_equal(state_put(vm, "cpuid", bytes, len, &e), 0);
	assert_int_equal(kvm->vm_load(t->vm, vm, &e), -1);
	if (strstr(e.text, why) == NULL)
		fail_msg("\"%s\", not \"%s\"", e.text, why);
	(void)json_object_set_new(vm, "cpuid", good);
}

static void
refused(void **state)
{
	own_json json_t *vm = NULL, *vcpu = NULL;
	struct tiny t;
	struct err e;
	json_int_t khz;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &counter);
	save(&t, &vm, &vcpu);

	/* Another maker, another model, other features. */
	other_cpuid(&t, vm, 0, 4, "another maker");
	other_cpuid(&t, vm, 1, 3, "family and model");
	other_cpuid(&t, vm, 1, 5, "CPUID leaf 0x1 differs");
	other_cpuid(&t, vm, 7, 4, "CPUID leaf 0x7 differs");
	khz = json_integer_value(json_object_get(vm, "tsc_khz"));
	(void)json_object_set_new(vm, "tsc_khz", json_integer(khz * 2));
	assert_int_equal(kvm->vm_load(t.vm, vm, &e), -1);
	assert_non_null(strstr(e.text, "TSC"));
	(void)json_object_set_new(vm, "tsc_khz", json_integer(khz));
	TINY_MUST(kvm->vm_load(t.vm, vm, &e_));

	(void)json_object_set_new(vcpu, "format", json_string("kvm-x86 0"));
	assert_int_equal(kvm->vcpu_load(t.vcpu, vcpu, &e), -1);
	assert_non_null(strstr(e.text, "kvm-x86 0"));
	(void)json_object_set_new(vm, "format", json_integer(1));
	assert_int_equal(kvm->vm_load(t.vm, vm, &e), -1);
	tiny_destroy(&t);
}

static void
power_on(void **state)
{
	struct x86_regs r;
	struct tiny t;

	(void)state;
	tiny_new(&t, kvm);
	tiny_enter(&t, t.vcpu, &longmode);
	assert_done(&t);
	TINY_MUST(kvm->vm_reset(t.vm, &e_));
	TINY_MUST(kvm->vcpu_reset(t.vcpu, &e_));
	TINY_MUST(kvm->x86->get_regs(t.vcpu, &r, &e_));
	assert_int_equal(r.rip, 0xfff0);
	assert_int_equal(r.seg[X86_CS].base, 0xffff0000);
	assert_int_equal(r.gpr[X86_RBX], 0);
	assert_int_equal(r.efer, 0);
	tiny_enter(&t, t.vcpu, &longmode);
	assert_done(&t);
	tiny_destroy(&t);
}

/* What the guest reads from the two ports, one behind the other. */
TINY(elcr, 16, "mov $0x4d0, %dx\n in %dx, %al\n mov %al, %bl\n"
    "inc %dx\n in %dx, %al\n mov %al, %ah\n mov %bl, %al\n"
    "mov $0x510, %dx\n out %ax, %dx\n");

static void
level_lines(void **state)
{
	const struct accel_setup setup = { .cpus = 1, .level = 0x1c20 };
	struct tiny t;

	(void)state;
	tiny_vm(&t, kvm, &setup);
	TINY_MUST(kvm->vcpu_new(&t.vcpu, t.vm, 0, &e_));
	tiny_enter(&t, t.vcpu, &elcr);
	assert_int_equal(next(&t), 0x1c20);
	TINY_MUST(kvm->vm_reset(t.vm, &e_));
	TINY_MUST(kvm->vcpu_reset(t.vcpu, &e_));
	tiny_enter(&t, t.vcpu, &elcr);
	assert_int_equal(next(&t), 0x1c20);
	tiny_destroy(&t);
}

/* In the sandbox of vmm and of a vCPU's thread, which may open nothing. */
static void
power_on_sandboxed(void **state)
{
	const struct sandbox s = { .program = SANDBOX_VMM };
	char missing[SANDBOX_MISSING_MAX];
	struct tiny t;
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		tiny_new(&t, kvm);
		TINY_MUST(sandbox_enter(&s, missing, &e_));
		TINY_MUST(sandbox_enter_vcpu(&e_));
		TINY_MUST(kvm->vm_reset(t.vm, &e_));
		TINY_MUST(kvm->vcpu_reset(t.vcpu, &e_));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
split(void **state)
{
	const struct accel_setup setup = { .cpus = 1,
	    .irqchip = ACCEL_IRQCHIP_SPLIT };
	const struct accel_msi m = { 0xfee00000, 0x41, 0 };
	struct tiny t;

	(void)state;
	tiny_vm(&t, kvm, &setup);
	TINY_MUST(kvm->vcpu_new(&t.vcpu, t.vm, 0, &e_));
	tiny_enter(&t, t.vcpu, &msi);
	tiny_gate(&t, 0x41, (size_t)(msi_irq - msi_begin));
	TINY_MUST(kvm->msi(t.vm, 24, &m, &e_));
	sleep_and_wake(&t, 24);
	tiny_destroy(&t);
}

static void
baseline(void **state)
{
	const struct accel_setup setup = { .cpus = 1,
	    .cpu = ACCEL_CPU_BASELINE };
	struct tiny t;
	struct err e;

	(void)state;
	tiny_vm(&t, kvm, &setup);
	if (kvm->vcpu_new(&t.vcpu, t.vm, 0, &e) == -1) {
		assert_non_null(strstr(e.text, "no x86-64-v2"));
		printf("# %s\n", e.text);
		tiny_destroy(&t);
		return;
	}
	tiny_enter(&t, t.vcpu, &longmode);
	assert_done(&t);
	tiny_destroy(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes),
		cmocka_unit_test(pio),
		cmocka_unit_test(string_pio),
		cmocka_unit_test(mmio),
		cmocka_unit_test(ioeventfd),
		cmocka_unit_test(halt_pic),
		cmocka_unit_test(halt_msi),
		cmocka_unit_test(nmis),
		cmocka_unit_test(failures),
		cmocka_unit_test(msr_filter),
		cmocka_unit_test(kicks),
		cmocka_unit_test(kick_whole),
		cmocka_unit_test(dirty_log),
		cmocka_unit_test(read_only),
		cmocka_unit_test(debugger),
		cmocka_unit_test(breakpoint),
		cmocka_unit_test(watchpoint),
		cmocka_unit_test(breakpoint_int3),
		cmocka_unit_test(smp),
		cmocka_unit_test(restored),
		cmocka_unit_test(refused),
		cmocka_unit_test(power_on),
		cmocka_unit_test(level_lines),
		cmocka_unit_test(power_on_sandboxed),
		cmocka_unit_test(split),
		cmocka_unit_test(baseline),
	};
	struct err e;

	if (kvm->check(&e) == -1) {
		printf("1..0 # SKIP %s\n", e.text);
		return 0;
	}
	return unit_run("accel_kvm", tests);
}
