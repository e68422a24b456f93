/* SPDX-License-Identifier: ISC */
/* gdb.c - gdb's remote protocol, on a target that remembers what was asked */

#include "unit.h"

#include <string.h>

#include "accel/accel_regs.h"
#include "vmm/gdb_regs.h"
#include "vmm/gdb_session.h"

#define CPUS	2
#define POINTS	4		/* that the processor has */
#define MEMORY	256		/* bytes, from address 0x1000 on */

static struct {
	struct gdb_session	*s;
	union accel_regs	 regs[CPUS];
	uint8_t			 memory[MEMORY];
	struct accel_point	 points[POINTS];
	unsigned		 npoints;
	unsigned		 resumed, stopped, step;
	bool			 refuse;	/* registers */
} w;

static unsigned
cpus(void *arg)
{
	(void)arg;
	return CPUS;
}

static int
get_regs(void *arg, unsigned cpu, union accel_regs *ret)
{
	(void)arg;
	*ret = w.regs[cpu];
	return 0;
}

static int
set_regs(void *arg, unsigned cpu, const union accel_regs *r)
{
	(void)arg;
	if (w.refuse)
		return -1;
	w.regs[cpu] = *r;
	return 0;
}

static size_t
inside(uint64_t va, size_t len)
{
	if (va < 0x1000 || va >= 0x1000 + MEMORY)
		return 0;
	return len < 0x1000 + MEMORY - va ? len : 0x1000 + MEMORY - va;
}

static size_t
mem_read(void *arg, unsigned cpu, uint64_t va, void *to, size_t len)
{
	(void)arg;
	(void)cpu;
	len = inside(va, len);
	if (len > 0)
		memcpy(to, w.memory + va - 0x1000, len);
	return len;
}

static size_t
mem_write(void *arg, unsigned cpu, uint64_t va, const void *from, size_t len)
{
	(void)arg;
	(void)cpu;
	len = inside(va, len);
	if (len > 0)
		memcpy(w.memory + va - 0x1000, from, len);
	return len;
}

static int
points(void *arg, const struct accel_point *p, unsigned n)
{
	(void)arg;
	if (n > POINTS)
		return -1;
	memcpy(w.points, p, n * sizeof(*p));
	w.npoints = n;
	return 0;
}

static void
resume(void *arg, unsigned step)
{
	(void)arg;
	w.resumed++;
	w.step = step;
}

static void
stop(void *arg)
{
	(void)arg;
	w.stopped++;
	gdb_session_stopped(w.s, 0, 0);
}

static const struct gdb_target target = { cpus, get_regs, set_regs, mem_read,
	mem_write, points, resume, stop };

static int
begin(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	return gdb_session_new(&w.s, &gdb_x86, &target, NULL, NULL);
}

static int
end(void **state)
{
	(void)state;
	gdb_session_destroy(w.s);
	return 0;
}

static int
bytes(const char *s)
{
	return gdb_session_input(w.s, (const uint8_t *)s, strlen(s));
}

/* What was said since the last call. */
static const char *
said(void)
{
	static char text[GDB_OUT_MAX + 1];
	struct buf *b = gdb_session_output(w.s);

	memcpy(text, b->len > 0 ? b->data : (const uint8_t *)"", b->len);
	text[b->len] = '\0';
	buf_drain(b, b->len);
	return text;
}

/* Send a packet; what is in the answering one. */
static const char *
ask(const char *packet)
{
	static char text[GDB_OUT_MAX + 1];
	uint8_t sum = 0;
	char end_[4], *hash;

	for (const char *c = packet; *c != '\0'; c++)
		sum = (uint8_t)(sum + (uint8_t)*c);
	(void)snprintf(end_, sizeof(end_), "#%02x", sum);
	(void)bytes("$");
	(void)bytes(packet);
	(void)bytes(end_);
	(void)snprintf(text, sizeof(text), "%s", said());
	if (text[0] == '\0' || strcmp(text, "+") == 0)
		return "(nothing)";
	assert_memory_equal(text, "+$", 2);
	assert_non_null(hash = strrchr(text, '#'));
	sum = 0;
	for (char *c = text + 2; c < hash; c++)
		sum = (uint8_t)(sum + (uint8_t)*c);
	assert_int_equal(strtoul(hash + 1, NULL, 16), sum);
	*hash = '\0';
	return text + 2;
}

static void
frames(void **state)
{
	(void)state;
	assert_int_equal(bytes("+$?#3f"), 0);
	assert_string_equal(said(), "+$T05thread:1;#d7");
	assert_int_equal(bytes("$?#3e"), 0);	/* the sum is wrong */
	assert_string_equal(said(), "-");
	assert_int_equal(bytes("$?#zz"), 0);
	assert_string_equal(said(), "-");
	assert_int_equal(bytes("$vUnknown#00"), 0);
	assert_string_equal(said(), "-");
	assert_string_equal(ask("vUnknown"), "");
	assert_string_equal(ask(""), "");
	assert_int_equal(bytes("junk\x03$?#"), 0);	/* in pieces */
	assert_string_equal(said(), "");
	assert_int_equal(bytes("3"), 0);
	assert_int_equal(bytes("f"), 0);
	assert_string_equal(said(), "+$T05thread:1;#d7");
	assert_string_equal(ask("QStartNoAckMode"), "OK");
	assert_int_equal(bytes("$?#3f"), 0);
	assert_string_equal(said(), "$T05thread:1;#d7");
}

static void
too_long(void **state)
{
	int r = 0;

	(void)state;
	(void)bytes("$");
	for (unsigned i = 0; i < GDB_PACKET_MAX; i++)
		assert_int_equal(r = bytes("a"), 0);
	assert_int_equal(bytes("a"), -1);
}

/* A peer that asks and does not read is dropped. */
static void
unread(void **state)
{
	unsigned n;

	(void)state;
	for (n = 0; bytes("$m1000,100#8b") == 0; n++)
		assert_true(n < GDB_OUT_MAX);
}

static void
registers(void **state)
{
	char g[2048];

	(void)state;
	w.regs[0].x86.gpr[X86_RAX] = 0x1122334455667788;
	w.regs[0].x86.rip = 0x1234;
	w.regs[0].x86.rflags = 0x202;
	w.regs[0].x86.seg[X86_CS].selector = 0x10;
	w.regs[0].x86.seg[X86_GS].base = 0xffff888000000000;
	(void)snprintf(g, sizeof(g), "%s", ask("g"));
	assert_int_equal(strlen(g), 2 * (17 * 8 + 7 * 4 + 80 + 32 + 8 * 8));
	assert_memory_equal(g, "8877665544332211", 16);
	assert_memory_equal(g + 16 * 16, "3412000000000000" "02020000"
	    "10000000", 32);
	assert_memory_equal(g + 2 * (17 * 8 + 7 * 4), "xxxx", 4);
	assert_string_equal(ask("p10"), "3412000000000000");
	assert_string_equal(ask("p12"), "10000000");
	assert_string_equal(ask("p29"), "000000008088ffff");
	assert_string_equal(ask("p99"), "E01");
	assert_string_equal(ask("P0=0100000000000000"), "OK");
	assert_int_equal(w.regs[0].x86.gpr[X86_RAX], 1);
	assert_string_equal(ask("P0=01"), "E01");
	assert_string_equal(ask("P0=0g00000000000000"), "E01");
	assert_string_equal(ask("P18=00000000000000000000"), "E01");
}

static void
set_all(void **state)
{
	char packet[2048] = "G";

	(void)state;
	w.regs[0].x86.rip = 0x1234;
	(void)snprintf(packet + 1, sizeof(packet) - 1, "%s", ask("g"));
	packet[1 + 16 * 16] = '5';
	assert_string_equal(ask(packet), "OK");
	assert_int_equal(w.regs[0].x86.rip, 0x1254);
	w.refuse = true;
	assert_string_equal(ask(packet), "E01");
	packet[strlen(packet) - 1] = '\0';
	w.refuse = false;
	assert_string_equal(ask(packet), "E01");
	assert_string_equal(ask("G"), "E01");
}

static void
memory(void **state)
{
	(void)state;
	memcpy(w.memory, "hello", 5);
	assert_string_equal(ask("m1000,5"), "68656c6c6f");
	assert_string_equal(ask("m10fe,8"), "0000");
	assert_string_equal(ask("m2000,5"), "E01");
	assert_string_equal(ask("m1000"), "E01");
	assert_string_equal(ask("m,5"), "E01");
	assert_string_equal(ask("m11111111111111111,5"), "E01");
	assert_int_equal(strlen(ask("m1000,ffffffffffffffff")), 2 * MEMORY);
	assert_string_equal(ask("M1001,2:4142"), "OK");
	assert_memory_equal(w.memory, "hABlo", 5);
	assert_string_equal(ask("M1001,2:414"), "E01");
	assert_string_equal(ask("M1001,2:41zz"), "E01");
	assert_string_equal(ask("M10ff,2:4142"), "E01");
	assert_string_equal(ask("M1001,ffffffffffffffff:"), "E01");
}

static void
breakpoints(void **state)
{
	(void)state;
	assert_string_equal(ask("Z0,1000,1"), "OK");
	assert_string_equal(ask("Z1,1010,1"), "OK");
	assert_string_equal(ask("Z1,1010,1"), "OK");
	assert_int_equal(w.npoints, 2);
	assert_string_equal(ask("Z0,1020,1"), "OK");
	assert_string_equal(ask("Z0,1030,1"), "OK");
	assert_string_equal(ask("Z0,1040,1"), "E01");
	assert_string_equal(ask("z1,1010,1"), "OK");
	assert_int_equal(w.npoints, 3);
	assert_string_equal(ask("z1,9999,1"), "OK");
	assert_string_equal(ask("Z0"), "E01");
	assert_string_equal(ask("Zx,1,1"), "E01");

	assert_string_equal(ask("c"), "(nothing)");
	assert_int_equal(w.resumed, 1);
	assert_int_equal(w.step, GDB_NO_CPU);
	assert_string_equal(ask("m1000,1"), "(nothing)");	/* it runs */
	w.regs[1].x86.rip = 0x1020;
	gdb_session_stopped(w.s, 1, 0);
	assert_string_equal(said(), "$T05thread:2;hwbreak:;#31");
	gdb_session_stopped(w.s, 1, 0);	/* told once */
	assert_string_equal(said(), "");
}

static void
watchpoints(void **state)
{
	(void)state;
	assert_string_equal(ask("Z3,1000,4"), "");	/* not known */
	assert_string_equal(ask("z3,1000,4"), "");
	assert_string_equal(ask("Z2,1004,4"), "OK");
	assert_string_equal(ask("Z4,2000,8"), "OK");
	assert_string_equal(ask("Z0,1004,1"), "OK");
	assert_int_equal(w.npoints, 3);
	assert_int_equal(w.points[0].kind, ACCEL_POINT_WRITE);
	assert_int_equal(w.points[0].len, 4);
	assert_int_equal(w.points[1].kind, ACCEL_POINT_ACCESS);
	assert_int_equal(w.points[1].len, 8);
	assert_int_equal(w.points[2].kind, ACCEL_POINT_EXECUTE);
	/* Not aligned: two registers, of which one is left. */
	assert_string_equal(ask("Z2,3001,3"), "E01");
	assert_int_equal(w.npoints, 3);
	assert_string_equal(ask("z0,1004,1"), "OK");
	assert_string_equal(ask("Z2,3001,3"), "OK");
	assert_int_equal(w.npoints, 4);
	assert_int_equal(w.points[2].addr, 0x3001);
	assert_int_equal(w.points[2].len, 1);
	assert_int_equal(w.points[3].addr, 0x3002);
	assert_int_equal(w.points[3].len, 2);

	(void)ask("c");
	gdb_session_stopped(w.s, 1, 1 << 3);
	assert_non_null(strstr(said(), "$T05thread:2;watch:3001;#"));
	(void)ask("c");
	gdb_session_stopped(w.s, 0, 1 << 1);
	assert_non_null(strstr(said(), "$T05thread:1;awatch:2000;#"));
	(void)ask("c");
	gdb_session_stopped(w.s, 0, 1 << 7);	/* there is no such */
	assert_non_null(strstr(said(), "$T05thread:1;#"));
	assert_string_equal(ask("z2,3001,3"), "OK");
	assert_int_equal(w.npoints, 2);
	assert_string_equal(ask("Z2,1000,0"), "E01");
	assert_string_equal(ask("Z2,1000,21"), "E01");
	assert_string_equal(ask("Z2,ffffffffffffffff,2"), "E01");
	assert_string_equal(ask("Z4,4000"), "E01");
	assert_int_equal(w.npoints, 2);
}

static void
running(void **state)
{
	(void)state;
	assert_string_equal(ask("vCont;s:2;c"), "(nothing)");
	assert_int_equal(w.step, 1);
	assert_int_equal(bytes("\x03"), 0);
	assert_int_equal(w.stopped, 1);
	assert_string_equal(said(), "$T05thread:1;#d7");
	assert_int_equal(bytes("\x03"), 0);	/* it does not run */
	assert_int_equal(w.stopped, 1);
	assert_string_equal(ask("s"), "(nothing)");
	assert_int_equal(w.step, 0);
	gdb_session_stopped(w.s, 0, 0);
	(void)said();
	assert_string_equal(ask("vCont;C05:1;c"), "(nothing)");
	gdb_session_stopped(w.s, 0, 0);
	(void)said();
	assert_string_equal(ask("vCont;s:9"), "E01");
	assert_string_equal(ask("vCont;t"), "E01");
	assert_string_equal(ask("vCont;"), "E01");
	assert_string_equal(ask("vCont;s:11111111111111111111111"), "E01");
	assert_string_equal(ask("c1000"), "E01");
	assert_int_equal(w.resumed, 3);
}

static void
threads(void **state)
{
	(void)state;
	assert_string_equal(ask("qfThreadInfo"), "m1,2");
	assert_string_equal(ask("qsThreadInfo"), "l");
	assert_string_equal(ask("qC"), "QC1");
	assert_string_equal(ask("Hg2"), "OK");
	assert_string_equal(ask("qC"), "QC2");
	w.regs[1].x86.rip = 0x77;
	assert_string_equal(ask("p10"), "7700000000000000");
	assert_string_equal(ask("Hg3"), "E01");
	assert_string_equal(ask("Hc-1"), "OK");
	assert_string_equal(ask("Hg0"), "OK");
	assert_string_equal(ask("T2"), "OK");
	assert_string_equal(ask("T3"), "E01");
	assert_string_equal(ask("qThreadExtraInfo,2"), "764350552031");
	assert_string_equal(ask("qAttached"), "1");
	assert_non_null(strstr(ask("qSupported:xmlRegisters=i386"),
	    "PacketSize=1000"));
}

static void
description(void **state)
{
	char xml[32768] = "", request[64];
	const char *part;

	(void)state;
	do {
		(void)snprintf(request, sizeof(request),
		    "qXfer:features:read:target.xml:%zx,ffb", strlen(xml));
		part = ask(request);
		(void)strncat(xml, part + 1, sizeof(xml) - strlen(xml) - 1);
	} while (*part == 'm');
	assert_int_equal(*part, 'l');
	assert_non_null(strstr(xml, "org.gnu.gdb.i386.core"));
	assert_non_null(strstr(xml, "\"efer\""));
	assert_memory_equal(xml + strlen(xml) - 9, "</target>", 9);
	assert_string_equal(ask("qXfer:features:read:target.xml:ffffff,1"),
	    "l");
	assert_string_equal(ask("qXfer:features:read:other.xml:0,1"), "");
}

static void
leaving(void **state)
{
	(void)state;
	assert_int_equal(bytes("$D#44"), -1);
	assert_string_equal(said(), "+$OK#9a");
}

/* Its registers in gdb's order; it stops at reads alone, and says so. */
static void
arm64(void **state)
{
	char all[34 * 16 + 1] = "";
	struct arm64_regs *r = &w.regs[0].arm64;

	(void)state;
	gdb_session_destroy(w.s);
	assert_int_equal(gdb_session_new(&w.s, &gdb_arm64, &target, NULL,
	    NULL), 0);
	for (unsigned i = 0; i < ARM64_XREGS; i++)
		r->x[i] = i;
	r->sp = 0xffff000012345678;
	r->pc = 0x1000;
	r->pstate = 0x3c5;
	assert_string_equal(ask("p1e"), "1e00000000000000");
	assert_string_equal(ask("p1f"), "785634120000ffff");
	assert_string_equal(ask("p20"), "0010000000000000");
	assert_string_equal(ask("p21"), "c5030000");
	assert_string_equal(ask("p22"), "E01");
	(void)snprintf(all, sizeof(all), "%s", ask("g"));
	assert_int_equal(strlen(all), 33 * 16 + 8);
	assert_memory_equal(all + 16, "0100000000000000", 16);
	assert_string_equal(ask("P20=0410000000000000"), "OK");
	assert_int_equal(r->pc, 0x1004);
	assert_non_null(strstr(ask("qXfer:features:read:target.xml:0,ffb"),
	    "<architecture>aarch64</architecture>"
	    "<feature name=\"org.gnu.gdb.aarch64.core\">"
	    "<reg name=\"x0\" bitsize=\"64\" type=\"int\"/>"));

	assert_string_equal(ask("Z3,1008,8"), "OK");
	assert_int_equal(w.points[0].kind, ACCEL_POINT_READ);
	assert_string_equal(ask("Z1,1004,4"), "OK");
	(void)ask("c");
	gdb_session_stopped(w.s, 0, 1);
	assert_non_null(strstr(said(), "$T05thread:1;rwatch:1008;#"));
	(void)ask("c");
	gdb_session_stopped(w.s, 0, 0);
	assert_non_null(strstr(said(), "$T05thread:1;hwbreak:;#"));
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames),
		TEST(too_long),
		TEST(unread),
		TEST(registers),
		TEST(set_all),
		TEST(memory),
		TEST(breakpoints),
		TEST(watchpoints),
		TEST(running),
		TEST(threads),
		TEST(description),
		TEST(leaving),
		TEST(arm64),
	};

	return unit_run("gdb", tests);
}
