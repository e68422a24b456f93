/* SPDX-License-Identifier: ISC */
/*
 * vmm_entry.c - kernels of some instructions run on a whole machine
 *
 * On any KVM, also on one that interprets them: what a kernel finds at its
 * entry, by each boot protocol, and how a second processor is started.
 */

#include "unit.h"
#include "event_kit.h"
#include "kernel_kit.h"

#include <sys/socket.h>

#include <fcntl.h>

#include "accel/accel.h"
#include "chapi/vm_config.h"
#include "lib/util.h"
#include "tiny.h"
#include "vmm/machine.h"

struct world {
	struct event_loop	*loop;
	struct machine		*machine;
	struct event_watch	 ready;		/* of vmmci() */
	unsigned		 reboots;
	unsigned		 events;
};

/* Says a word on COM1. */
#define PUTC(c)		"mov $0x3f8, %dx\n mov $'" c "', %al\n out %al, %dx\n"
#define EXIT		"mov $0xf4, %dx\n out %al, %dx\n 9: hlt\n jmp 9b\n"

/* The start info in EBX, a GDT to load segments from, paging off. */
TINY(pvh_kernel, 32,
    "cmpl $0x336ec578, (%ebx)\n jne 8f\n"
    "mov 24(%ebx), %esi\n cmpb $'q', (%esi)\n jne 8f\n"
    "mov %cr0, %eax\n test $0x80000000, %eax\n jnz 8f\n"
    "mov $0x18, %eax\n mov %eax, %ds\n mov %eax, %ss\n"
    "mov $0x90000, %esp\n"
    "push $0x10\n push $0x100100\n lret\n"
    ".org pvh_kernel_begin + 0x100\n"
    PUTC("o") PUTC("k")
    "8: " EXIT);

/* The zero page in RSI, long mode, memory mapped to itself. */
TINY(linux_kernel, 64,
    ".org linux_kernel_begin + 0x200\n"
    "cmpl $0x53726448, 0x202(%rsi)\n jne 8f\n"
    "mov 0x228(%rsi), %eax\n cmpb $'q', (%rax)\n jne 8f\n"
    "movabs $0x1000000, %rbx\n cmpl $0, 0x100000(%rbx)\n jne 8f\n"
    PUTC("o") PUTC("k")
    "8: " EXIT);

/* Old kernels: 32 bits. */
TINY(old_kernel, 32,
    "cmpl $0x53726448, 0x202(%esi)\n jne 8f\n"
    "mov $0x18, %eax\n mov %eax, %ds\n"
    PUTC("o") PUTC("k")
    "8: " EXIT);

/*
 * What an OpenBSD kernel reads before it has memory of its own: the words on
 * the stack, all of the list, its symbols, random bytes, a BSS of zeroes.
 */
#define ARG(n, value)	"cmpl $" value ", 4*" n "(%esp)\n jne 8f\n"
#define IS(at, value)	"cmpl $" value ", " at "\n jne 8f\n"
TINY(bsd_kernel, 32,
    "mov %cr0, %eax\n test $0x80000000, %eax\n jnz 8f\n"
    "pushf\n pop %eax\n test $0x200, %eax\n jnz 8f\n"
    "mov %esp, %eax\n cmp $0xffdc, %eax\n jne 8f\n"
    ARG("1", "0x10002") ARG("2", "0xa0000004") ARG("3", "0x0e")
    ARG("5", "0") ARG("6", "639") ARG("7", "188")
    /* memory */
    "mov 32(%esp), %ebx\n" IS("(%ebx)", "0") IS("4(%ebx)", "132")
    IS("12(%ebx)", "0") IS("20(%ebx)", "0x9fc00") IS("28(%ebx)", "1")
    IS("32(%ebx)", "0xe0000") IS("40(%ebx)", "0x20000")
    IS("48(%ebx)", "2") IS("52(%ebx)", "0x100000")
    IS("60(%ebx)", "0x1f00000") IS("68(%ebx)", "1") IS("88(%ebx)", "0")
    /* console */
    "add 4(%ebx), %ebx\n" IS("(%ebx)", "5") IS("4(%ebx)", "44")
    IS("12(%ebx)", "0x800") IS("16(%ebx)", "115200")
    IS("20(%ebx)", "0x3f8") IS("24(%ebx)", "0") IS("28(%ebx)", "0")
    IS("32(%ebx)", "0")
    /* the end */
    "add 4(%ebx), %ebx\n" IS("(%ebx)", "-1")
    /* symbols: their header, that of the table, the second one's value */
    "mov $0x1003008, %esi\n" IS("(%esi)", "0x464c457f")
    IS("32(%esi)", "0") IS("40(%esi)", "64")
    "mov 64+2*64+24(%esi), %edi\n add %esi, %edi\n"
    IS("24+8(%edi)", "0x5eed")
    "mov 64+5*64+24(%esi), %edi\n lea 8(%esi,%edi), %eax\n"
    "cmp %eax, 16(%esp)\n jne 8f\n"
    IS("0x1001000", "0x61746164")		/* data */
    "mov $0x1001010, %esi\n mov $8, %ecx\n xor %eax, %eax\n"
    "1: or (%esi), %eax\n add $4, %esi\n loop 1b\n"
    "test %eax, %eax\n jz 8f\n"
    "mov $0x1001030, %edi\n mov $0x7f5, %ecx\n xor %eax, %eax\n"
    "cld\n repe scasl\n jne 8f\n"
    /* and it may use the stack */
    "call 2f\n 2: add $4, %esp\n"
    PUTC("o") PUTC("k")
    "8: " EXIT);

/*
 * As OpenBSD's pvbus(4) and pvclock(4): KVM says who it is, has a clock that
 * is the same for all processors, and keeps it in the page it is told.
 */
TINY(pvclock_kernel, 32,
    "mov $1, %eax\n cpuid\n bt $31, %ecx\n jnc 8f\n"
    "mov $0x40000000, %eax\n cpuid\n"
    "cmp $0x4b4d564b, %ebx\n jne 8f\n cmp $0x564b4d56, %ecx\n jne 8f\n"
    "cmp $0x4d, %edx\n jne 8f\n cmp $0x40000001, %eax\n jb 8f\n"
    PUTC("o")
    "mov $0x40000001, %eax\n cpuid\n"
    "bt $3, %eax\n jnc 8f\n bt $24, %eax\n jnc 8f\n"
    "mov $0x4b564d01, %ecx\n mov $0x110001, %eax\n xor %edx, %edx\n"
    "wrmsr\n"
    /* version, even; time stamp counter's factor; the flag: stable */
    "mov 0x110000, %eax\n test %eax, %eax\n jz 8f\n"
    "test $1, %eax\n jnz 8f\n cmpl $0, 0x110018\n je 8f\n"
    "testb $1, 0x11001d\n jz 8f\n"
    PUTC("k")
    "8: " EXIT);

/*
 * As vmmci(4): the device of slot 1, without interrupts.  It is asked to
 * reboot, says that it heard, and resets the machine.
 */
#define OUTB(port, value) "mov $" port ", %dx\n mov $" value ", %al\n" \
    "out %al, %dx\n"
TINY(vmmci_kernel, 32,
    "mov $0xcf8, %dx\n mov $0x80000800, %eax\n out %eax, %dx\n"
    "mov $0xcfc, %dx\n in %dx, %eax\n"
    "cmp $0x07770b5d, %eax\n jne 8f\n"
    "mov $0xcf8, %dx\n mov $0x80000810, %eax\n out %eax, %dx\n"
    "mov $0xcfc, %dx\n in %dx, %eax\n cmp $0xc001, %eax\n jne 8f\n"
    OUTB("0xc012", "3")
    "mov $0xc004, %dx\n mov $7, %eax\n out %eax, %dx\n"
    OUTB("0xc012", "7")
    PUTC("o")
    "1: mov $0xc014, %dx\n in %dx, %eax\n cmp $2, %eax\n jne 1b\n"
    "out %eax, %dx\n"
    PUTC("k")
    OUTB("0x64", "0xfe")
    "8: " EXIT);

/* INIT and start-up to all others; they begin at 0x20000 in real mode. */
TINY(starting_kernel, 32,
    "mov $0x100100, %esi\n mov $0x20000, %edi\n mov $0x100, %ecx\n"
    "cld\n rep movsb\n"
    "movl $0xc4500, 0xfee00300\n"
    "movl $0xc4620, 0xfee00300\n"
    "1: hlt\n jmp 1b\n"
    ".org starting_kernel_begin + 0x100\n .code16\n"
    PUTC("o") PUTC("k") EXIT
    ".org starting_kernel_begin + 0x200\n .code32\n");

/* Another processor goes in real mode to where a BIOS would reset. */
TINY(bios_kernel, 32,
    "mov $0x100100, %esi\n mov $0x20000, %edi\n mov $0x100, %ecx\n"
    "cld\n rep movsb\n"
    "movl $0xc4500, 0xfee00300\n"
    "movl $0xc4620, 0xfee00300\n"
    "1: hlt\n jmp 1b\n"
    ".org bios_kernel_begin + 0x100\n .code16\n"
    PUTC("o") PUTC("k") "ljmp $0xffff, $0\n"
    ".org bios_kernel_begin + 0x200\n .code32\n");

/* A triple fault: no interrupt table, then an undefined instruction. */
TINY(falling_kernel, 32,
    PUTC("o") PUTC("k")
    "mov $0x90000, %esp\n push $0\n push $0\n"
    "lidt (%esp)\n ud2\n");

static void
on_event(void *arg, enum machine_event what, const char *text)
{
	struct world *w = arg;

	(void)text;
	w->events |= 1U << what;
	if (what == MACHINE_REBOOT && w->reboots-- > 0 &&
	    machine_reset(w->machine, NULL) == 0 &&
	    machine_resume(w->machine, NULL) == 0)
		return;
	event_loop_stop(w->loop);
}

static int
serial(struct machine_setup *s)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	s->serial = sv[1];
	return sv[0];
}

/* Run the kernel in fd until its event; what it said is 'words'. */
static void
run_with(const char *cmdline, int fd, unsigned cpus, enum machine_event end,
    const char *words)
{
	char path[32], got[64] = "";
	struct vm_config c = { .kernel = path, .cmdline = cmdline,
	    .cpus = cpus, .memory = { .size = 32 << 20 } };
	struct world w = { .loop = kit_loop(), .reboots = 2 };
	struct machine_setup s = { .loop = w.loop, .accel = &accel_kvm,
	    .config = &c, .console = -1, .event = on_event, .arg = &w };
	int peer = serial(&s);
	struct err e;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (machine_new(&w.machine, &s, &e) == -1)
		fail_msg("%s", e.text);
	assert_int_equal(machine_resume(w.machine, NULL), 0);
	event_loop_run(w.loop);
	machine_destroy(w.machine);
	assert_true(read(peer, got, sizeof(got) - 1) >= 0);
	assert_string_equal(got, words);
	assert_int_equal(w.events, 1U << end);
	(void)close(peer);
	(void)close(fd);
	event_loop_destroy(w.loop);
}

static void
run(int fd, unsigned cpus, enum machine_event end, const char *words)
{
	run_with("quiet", fd, cpus, end, words);
}

static int
pvh_file(const struct tiny_code *code)
{
	struct {
		struct kit_pvh	k;
		uint8_t		code[4096];
	} f = { .k = kit_pvh() };

	f.k.entry = 0x100000;
	f.k.p[1].p_offset = sizeof(f.k);
	f.k.p[1].p_filesz = sizeof(f.code);
	f.k.p[1].p_memsz = sizeof(f.code);
	memcpy(f.code, code->begin, (size_t)(code->end - code->begin));
	return kit_file(&f, sizeof(f));
}

static int
linux_file(const struct tiny_code *code, unsigned version)
{
	struct {
		struct kit_bzimage	k;
		uint8_t			code[4096];
	} f = { .k = kit_bzimage() };

	/* Two sectors of set-up code: the kernel proper comes behind. */
	kit_put(&f.k, 0x1f1, 2, 1);
	kit_put(&f.k, 0x206, version, 2);
	memcpy(f.code, code->begin, (size_t)(code->end - code->begin));
	return kit_file(&f, sizeof(f));
}

static void
pvh(void **state)
{
	(void)state;
	run(pvh_file(&pvh_kernel), 1, MACHINE_POWERED_OFF, "ok");
}

static void
openbsd(void **state)
{
	struct kit_openbsd k = kit_openbsd();

	(void)state;
	memcpy(k.code, bsd_kernel.begin,
	    (size_t)(bsd_kernel.end - bsd_kernel.begin));
	run_with("-s", kit_file(&k, sizeof(k)), 1, MACHINE_POWERED_OFF, "ok");
}

static void
bzimage(void **state)
{
	(void)state;
	run(linux_file(&linux_kernel, 0x20f), 1, MACHINE_POWERED_OFF, "ok");
	run(linux_file(&old_kernel, 0x205), 1, MACHINE_POWERED_OFF, "ok");
}

static void
pvclock(void **state)
{
	(void)state;
	run(pvh_file(&pvclock_kernel), 1, MACHINE_POWERED_OFF, "ok");
}

/* The guest said that its driver is there. */
static void
on_ready(void *arg, unsigned what)
{
	struct world *w = arg;

	(void)what;
	event_watch_fini(&w->ready);
	machine_power_button(w->machine);
}

/* A reset that was asked for is the end. */
static void
vmmci(void **state)
{
	char path[32], got[8] = "";
	int fd = pvh_file(&vmmci_kernel);
	struct vm_config c = { .kernel = path, .cmdline = "quiet",
	    .cpus = 1, .vmmci = true, .memory = { .size = 32 << 20 } };
	struct world w = { .loop = kit_loop(), .reboots = 1 };
	struct machine_setup s = { .loop = w.loop, .accel = &accel_kvm,
	    .config = &c, .console = -1, .event = on_event, .arg = &w };
	int peer = serial(&s);

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	event_watch_init(&w.ready, w.loop, peer, on_ready, &w);
	assert_int_equal(event_watch_set(&w.ready, EVENT_READ), 0);
	assert_int_equal(machine_new(&w.machine, &s, NULL), 0);
	assert_int_equal(machine_resume(w.machine, NULL), 0);
	event_loop_run(w.loop);
	machine_destroy(w.machine);
	assert_true(read(peer, got, sizeof(got) - 1) >= 0);
	assert_string_equal(got, "ok");
	assert_int_equal(w.events, 1U << MACHINE_POWERED_OFF);
	event_watch_fini(&w.ready);
	(void)close(peer);
	(void)close(fd);
	event_loop_destroy(w.loop);
}

static void
second_processor(void **state)
{
	(void)state;
	run(pvh_file(&starting_kernel), 2, MACHINE_POWERED_OFF, "ok");
}

/* It begins anew as it began first, as often as its owner lets it. */
static void
triple_fault(void **state)
{
	(void)state;
	run(pvh_file(&falling_kernel), 2, MACHINE_REBOOT, "okokok");
}

static void
reset_vector(void **state)
{
	(void)state;
	run(pvh_file(&bios_kernel), 2, MACHINE_REBOOT, "okokok");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pvh),
		cmocka_unit_test(openbsd),
		cmocka_unit_test(bzimage),
		cmocka_unit_test(pvclock),
		cmocka_unit_test(vmmci),
		cmocka_unit_test(second_processor),
		cmocka_unit_test(triple_fault),
		cmocka_unit_test(reset_vector),
	};
	struct err e;

	if (accel_kvm.check(&e) == -1) {
		printf("1..0 # SKIP %s\n", e.text);
		return 0;
	}
	return unit_run("vmm_entry", tests);
}
