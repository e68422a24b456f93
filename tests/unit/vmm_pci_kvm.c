/* SPDX-License-Identifier: ISC */
/* vmm_pci_kvm.c - PCI's interrupts in tiny guests, on any KVM */

#include "unit.h"

#include <sys/eventfd.h>

#include <unistd.h>

#include "tiny.h"

#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/pci.h"

#define REPORTS_MAX	16

/* A guest on a board with two devices; it reports at port 0x510. */
struct world {
	struct tiny		 t;
	struct board		 board;
	struct pci_device	*d[2];
	int			 fd;
	void			(*told)(struct world *, uint32_t);
	unsigned		 nreports;
	uint32_t		 report[REPORTS_MAX];
	unsigned		 served[2];
};

struct thing {
	struct world	*w;
	unsigned	 n;
};

/* Reading a device's port makes it content: its line goes down. */
static uint64_t
thing_read(void *arg, uint64_t offset, unsigned len)
{
	struct thing *t = arg;

	(void)offset;
	(void)len;
	t->w->served[t->n]++;
	pci_intx(t->w->d[t->n], false);
	return 0;
}

static void
thing_write(void *arg, uint64_t offset, unsigned len, uint64_t v)
{
	(void)arg;
	(void)offset;
	(void)len;
	(void)v;
}

static const struct bus_ops thing_ops = { "thing", thing_read, thing_write };

static struct thing things[2];

static void
world_new(struct world *w, const struct tiny_code *code)
{
	struct pci_setup s = {
		.name = "thing",
		.bar = { { .len = 64, .pio = true, .ops = &thing_ops },
		    { .len = 4096 } },
		.vectors = 2,
		.msix_bar = 1,
		.decode = true,
	};

	memset(w, 0, sizeof(*w));
	tiny_new(&w->t, &accel_kvm);
	tiny_enter(&w->t, w->t.vcpu, code);
	w->board.accel = &accel_kvm;
	w->board.vm = w->t.vm;
	assert_int_equal(pthread_mutex_init(&w->board.lock, NULL), 0);
	TINY_MUST(pci_new(&w->board.pci, &w->board, &e_));
	for (unsigned i = 0; i < 2; i++) {
		things[i] = (struct thing){ w, i };
		s.slot = i == 0 ? 1 : 5;	/* they share a line */
		s.arg = &things[i];
		TINY_MUST(pci_add(&w->d[i], w->board.pci, &s, &e_));
	}
	w->fd = eventfd(0, EFD_NONBLOCK);
	assert_int_not_equal(w->fd, -1);
}

static void
world_end(struct world *w)
{
	pci_remove(w->d[0]);
	pci_remove(w->d[1]);
	pci_destroy(w->board.pci);
	tiny_destroy(&w->t);
	(void)close(w->fd);
}

/* Run to the report 0x99; others are kept and told. */
static void
run(struct world *w)
{
	struct accel_exit x;
	uint64_t v;

	for (;;) {
		tiny_run(&w->t, &x);
		v = 0;
		if (x.why != ACCEL_EXIT_PIO && x.why != ACCEL_EXIT_MMIO)
			fail_msg("exit %d: %s", x.why, x.text);
		if (x.write)
			memcpy(&v, x.data, x.len);
		if (x.why == ACCEL_EXIT_PIO && x.addr == 0x510) {
			if (v == 0x99)
				return;
			assert_in_range(w->nreports, 0, REPORTS_MAX - 1);
			w->report[w->nreports++] = (uint32_t)v;
			w->told(w, (uint32_t)v);
			continue;
		}
		if (x.write)
			bus_write(x.why == ACCEL_EXIT_PIO ? &w->board.pio :
			    &w->board.mmio, x.addr, x.len, v);
		else {
			v = bus_read(x.why == ACCEL_EXIT_PIO ? &w->board.pio :
			    &w->board.mmio, x.addr, x.len);
			memcpy(x.data, &v, x.len);
		}
	}
}

#define REPORT(reg)	"mov $0x510, %dx\n mov " reg ", %eax\n"		\
			"out %eax, %dx\n"
#define DONE		REPORT("$0x99")
#define CONFIG(addr)	"mov $0xcf8, %dx\n mov $" addr ", %eax\n"	\
			"out %eax, %dx\n"

/* Until there were n interrupts, or for a while. */
#define UNTIL(n, rounds)						\
	"mov $" rounds ", %esi\n"					\
	"1: cmp $" n ", %ecx\n je 2f\n dec %esi\n jne 1b\n2:\n"

/* --- MSI-X --------------------------------------------------------------- */

#define CONTROL(v)	CONFIG("0x80000840")				\
			"mov $0xcfe, %dx\n mov $" v ", %ax\n out %ax, %dx\n"

/* rbx: the LAPIC's SVR, rdi: the table, ecx: interrupts. */
extern const uint8_t msix_irq[];
TINY(msix, 64,
    "mov $0xfee000f0, %ebx\n movl $0x1ff, (%rbx)\n"
    CONTROL("0x8000")
    "mov $0xc0100000, %edi\n"
    "movl $0xfee00000, (%rdi)\n movl $0, 4(%rdi)\n movl $0x41, 8(%rdi)\n"
    "xor %ecx, %ecx\n sti\n"
    /* masked: pending */
    REPORT("$0x100") UNTIL("1", "100") REPORT("%ecx") REPORT("0x800(%rdi)")
    /* open: sent, and pending no more */
    "movl $0, 12(%rdi)\n"
    UNTIL("1", "300000") REPORT("%ecx") REPORT("0x800(%rdi)")
    /* open: past everybody */
    REPORT("$0x100") UNTIL("2", "300000") REPORT("%ecx")
    /* the whole function masked */
    CONTROL("0xc000")
    REPORT("$0x100") UNTIL("3", "100") REPORT("%ecx")
    CONTROL("0x8000")
    UNTIL("3", "300000") REPORT("%ecx")
    DONE
    "msix_irq: inc %ecx\n movl $0, -0x40(%rbx)\n iretq\n");

static void
msix_told(struct world *w, uint32_t v)
{
	if (v == 0x100)
		assert_int_equal(eventfd_write(w->fd, 1), 0);
}

static void
masked_and_open(void **state)
{
	static const uint32_t want[] = {
		0x100, 0, 1, 1, 0, 0x100, 2, 0x100, 2, 3,
	};
	struct world w;

	(void)state;
	world_new(&w, &msix);
	tiny_gate(&w.t, 0x41, (size_t)(msix_irq - msix_begin));
	w.told = msix_told;
	pci_msix_bind(w.d[0], w.fd, 0);
	run(&w);
	assert_int_equal(w.nreports, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++)
		assert_int_equal(w.report[i], want[i]);
	world_end(&w);
}

/* --- INTx ---------------------------------------------------------------- */

/*
 * Both devices pull line 10.  The first interrupt is taken for device 0
 * alone: the line is still up, so there is another.
 */
TINY(intx, 16,
    "mov $0x11, %al\n out %al, $0x20\n mov $0x20, %al\n out %al, $0x21\n"
    "mov $4, %al\n out %al, $0x21\n mov $1, %al\n out %al, $0x21\n"
    "mov $0x11, %al\n out %al, $0xa0\n mov $0x28, %al\n out %al, $0xa1\n"
    "mov $2, %al\n out %al, $0xa1\n mov $1, %al\n out %al, $0xa1\n"
    "mov $0xfb, %al\n out %al, $0x21\n out %al, $0xa1\n"
    "mov $0x4d1, %dx\n mov $4, %al\n out %al, %dx\n"
    "movw $(intx_irq - intx_begin + 0x1000), 0xa8\n movw $0, 0xaa\n"
    "xor %ecx, %ecx\n"
    REPORT("$0x100")
    "sti\n" UNTIL("2", "300000") REPORT("%ecx")
    UNTIL("3", "100") REPORT("%ecx")
    DONE
    "intx_irq: inc %ecx\n mov $0xc000, %dx\n cmp $1, %ecx\n je 1f\n"
    "mov $0xc040, %dx\n"
    "1: in %dx, %al\n mov $0x20, %al\n out %al, $0xa0\n out %al, $0x20\n"
    "iret\n");

static void
intx_told(struct world *w, uint32_t v)
{
	if (v != 0x100)
		return;
	pci_intx(w->d[0], true);
	pci_intx(w->d[1], true);
}

static void
shared_line(void **state)
{
	static const uint32_t want[] = { 0x100, 2, 2 };
	struct world w;

	(void)state;
	world_new(&w, &intx);
	w.told = intx_told;
	run(&w);
	assert_int_equal(w.nreports, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++)
		assert_int_equal(w.report[i], want[i]);
	assert_int_equal(w.served[0], 1);
	assert_int_equal(w.served[1], 1);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masked_and_open),
		cmocka_unit_test(shared_line),
	};
	struct err e;

	if (accel_kvm.check(&e) == -1) {
		printf("1..0 # SKIP %s\n", e.text);
		return 0;
	}
	return unit_run("vmm_pci_kvm", tests);
}
