/* SPDX-License-Identifier: ISC */
/* accel_kvm.c - tiny guests on KVM, also on one that interprets them */

#include "unit.h"

#include <sys/eventfd.h>

#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "tiny.h"

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
		memcpy(x.data, "abcdef" + 2 * n, x.count * 2);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes),
		cmocka_unit_test(pio),
		cmocka_unit_test(string_pio),
		cmocka_unit_test(mmio),
	};
	struct err e;

	if (kvm->check(&e) == -1) {
		printf("1..0 # SKIP %s\n", e.text);
		return 0;
	}
	return unit_run("accel_kvm", tests);
}
