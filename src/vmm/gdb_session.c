/* SPDX-License-Identifier: ISC */
/* gdb_session.c - gdb's remote protocol; see gdb_session.h */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/accel_regs.h"
#include "lib/util.h"
#include "vmm/gdb_regs.h"
#include "vmm/gdb_session.h"

#define MEMORY_MAX	((GDB_PACKET_MAX - 16) / 2)	/* bytes of m, M */
#define DESCRIPTION_MAX	16384
#define POINT_LEN_MAX	32		/* bytes of a watchpoint */

/* Where in a packet the next byte is. */
enum place {
	PLACE_BETWEEN,	/* outside: +, -, ^C, or the $ of one */
	PLACE_PACKET,
	PLACE_ESCAPED,	/* behind a }, which changes one byte */
	PLACE_SUM_HIGH,
	PLACE_SUM_LOW,
};

struct gdb_session {
	const struct gdb_arch	*arch;
	const struct gdb_target	*target;
	void			*arg;
	bool			 running;
	bool			 over;		/* D, k, or a flood */
	bool			 no_ack;
	unsigned		 cpu;		/* that commands are about */
	/* Each is one debug register: a part of what was asked for. */
	unsigned		 npoints;
	struct accel_point	 points[ACCEL_POINTS_MAX];
	struct accel_point	 asked[ACCEL_POINTS_MAX];

	enum place		 place;
	uint8_t			 sum, told_sum;
	size_t			 len;
	char			 packet[GDB_PACKET_MAX + 1];

	struct buf		 answer;	/* without the frame */
	struct buf		 out;
};

/* --- answers ---------------------------------------------------------- */

static void
out(struct gdb_session *s, const char *bytes, size_t len)
{
	if (buf_put(&s->out, bytes, len) == -1)
		s->over = true;
}

static void __attribute__((format(printf, 2, 3)))
say(struct gdb_session *s, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (buf_puts(&s->answer, text) == -1)
		s->over = true;
}

/* Frame the answer and send it; an empty one means "not known". */
static void
send_answer(struct gdb_session *s)
{
	uint8_t sum = 0;
	char end[4];

	for (size_t i = 0; i < s->answer.len; i++)
		sum = (uint8_t)(sum + s->answer.data[i]);
	out(s, "$", 1);
	if (s->answer.len > 0)
		out(s, (const char *)s->answer.data, s->answer.len);
	(void)snprintf(end, sizeof(end), "#%02x", sum);
	out(s, end, 3);
	buf_reset(&s->answer);
}

static void
say_ok(struct gdb_session *s, bool ok)
{
	say(s, "%s", ok ? "OK" : "E01");
}

/* Signal 5, SIGTRAP; which vCPU; why. */
static void
say_stopped(struct gdb_session *s, const char *why)
{
	say(s, "T05thread:%x;%s", s->cpu + 1, why);
}

/* --- words ------------------------------------------------------------ */

/* A hexadecimal number at *p, which moves behind it; -1: none, too long. */
static int
number(const char **p, uint64_t *ret)
{
	uint64_t v = 0;
	unsigned n;

	for (n = 0; gdb_digit(**p) != -1; n++, (*p)++) {
		if (n == 16)
			return -1;
		v = v << 4 | (unsigned)gdb_digit(**p);
	}
	*ret = v;
	return n == 0 ? -1 : 0;
}

static int
skip(const char **p, char c)
{
	return *(*p)++ == c ? 0 : -1;
}

/* "ADDR,LEN" */
static int
range(const char **p, uint64_t *addr, uint64_t *len)
{
	return number(p, addr) == -1 || skip(p, ',') == -1 ||
	    number(p, len) == -1 ? -1 : 0;
}

/* A thread's vCPU; 0 and -1 (any, all) are the one we are at. */
static int
thread(const struct gdb_session *s, const char *p, unsigned *cpu)
{
	uint64_t id;

	*cpu = s->cpu;
	if (strcmp(p, "-1") == 0)
		return 0;
	if (number(&p, &id) == -1 || id > s->target->cpus(s->arg))
		return -1;
	if (id > 0)
		*cpu = (unsigned)id - 1;
	return 0;
}

/* --- commands: p is what follows the name ------------------------------- */

static void
cmd_why(struct gdb_session *s, const char *p)
{
	(void)p;
	say_stopped(s, "");
}

static void
cmd_get_regs(struct gdb_session *s, const char *p)
{
	union accel_regs r;

	(void)p;
	if (s->target->get_regs(s->arg, s->cpu, &r) == -1)
		say_ok(s, false);
	else
		(void)gdb_regs_put(&s->answer, s->arch, &r);
}

static void
cmd_set_regs(struct gdb_session *s, const char *p)
{
	union accel_regs r;

	say_ok(s, s->target->get_regs(s->arg, s->cpu, &r) == 0 &&
	    gdb_regs_get(&r, s->arch, p) == 0 &&
	    s->target->set_regs(s->arg, s->cpu, &r) == 0);
}

static void
cmd_get_reg(struct gdb_session *s, const char *p)
{
	union accel_regs r;
	uint64_t n;

	if (number(&p, &n) == -1 ||
	    s->target->get_regs(s->arg, s->cpu, &r) == -1 ||
	    gdb_reg_put(&s->answer, s->arch, &r, n) == -1)
		say_ok(s, false);
}

static void
cmd_set_reg(struct gdb_session *s, const char *p)
{
	union accel_regs r;
	uint64_t n;

	say_ok(s, number(&p, &n) == 0 && skip(&p, '=') == 0 &&
	    s->target->get_regs(s->arg, s->cpu, &r) == 0 &&
	    gdb_reg_get(&r, s->arch, n, p) == 0 &&
	    s->target->set_regs(s->arg, s->cpu, &r) == 0);
}

static void
cmd_read(struct gdb_session *s, const char *p)
{
	uint8_t bytes[MEMORY_MAX];
	uint64_t addr, len;
	size_t n = 0;

	if (range(&p, &addr, &len) == 0)
		n = s->target->read(s->arg, s->cpu, addr, bytes,
		    MIN(len, MEMORY_MAX));
	if (n == 0)
		say_ok(s, false);
	for (size_t i = 0; i < n; i++)
		say(s, "%02x", bytes[i]);
}

static void
cmd_write(struct gdb_session *s, const char *p)
{
	uint8_t bytes[MEMORY_MAX];
	uint64_t addr, len;
	size_t n;

	if (range(&p, &addr, &len) == -1 || skip(&p, ':') == -1 ||
	    len > MEMORY_MAX || strlen(p) != 2 * len) {
		say_ok(s, false);
		return;
	}
	for (n = 0; n < len; n++, p += 2) {
		if (gdb_digit(p[0]) == -1 || gdb_digit(p[1]) == -1)
			break;
		bytes[n] = (uint8_t)(gdb_digit(p[0]) << 4 | gdb_digit(p[1]));
	}
	say_ok(s, n == len && s->target->write(s->arg, s->cpu, addr, bytes,
	    len) == len);
}

static void
run(struct gdb_session *s, unsigned step)
{
	s->running = true;
	s->target->resume(s->arg, step);
}

/* "c ADDR" is of the time before there were registers to set. */
static void
cmd_continue(struct gdb_session *s, const char *p)
{
	if (*p != '\0')
		say_ok(s, false);
	else
		run(s, GDB_NO_CPU);
}

static void
cmd_step(struct gdb_session *s, const char *p)
{
	if (*p != '\0')
		say_ok(s, false);
	else
		run(s, s->cpu);
}

/*
 * Actions of threads, the first one that fits.  Here all run or none does,
 * and signals are nothing to a guest: "s:1" and "S05:1;c" step thread 1
 * while the others run, "c" lets all run.
 */
static void
cmd_vcont(struct gdb_session *s, const char *p)
{
	size_t action = strcspn(p, ":;"), whole = strcspn(p, ";");
	bool signal = *p == 'C' || *p == 'S';
	char id[20] = "";

	if (strchr("cCsS", *p) == NULL || action != (signal ? 3 : 1) ||
	    whole - action > sizeof(id)) {
		say_ok(s, false);
		return;
	}
	if (*p == 'c' || *p == 'C') {
		run(s, GDB_NO_CPU);
		return;
	}
	if (whole > action)
		memcpy(id, p + action + 1, whole - action - 1);
	if (whole > action && thread(s, id, &s->cpu) == -1)
		say_ok(s, false);
	else
		run(s, s->cpu);
}

/*
 * "Z0,ADDR,KIND": a breakpoint in memory; Z1: of the processor; "Z2,ADDR,LEN":
 * a write there; Z3: a read, which no x86 stops at; Z4: both.  1: not known.
 */
static int
asked_point(struct accel_point *ret, const struct gdb_arch *arch,
    const char *p)
{
	uint64_t len;

	switch (*p++) {
	case '0':
	case '1':
		ret->kind = ACCEL_POINT_EXECUTE;
		break;
	case '2':
		ret->kind = ACCEL_POINT_WRITE;
		break;
	case '3':
		if (!arch->reads)
			return 1;
		ret->kind = ACCEL_POINT_READ;
		break;
	case '4':
		ret->kind = ACCEL_POINT_ACCESS;
		break;
	default:
		return -1;
	}
	if (skip(&p, ',') == -1 || range(&p, &ret->addr, &len) == -1)
		return -1;
	if (ret->kind == ACCEL_POINT_EXECUTE)
		len = 1;
	if (len == 0 || len > POINT_LEN_MAX || ret->addr + len < len)
		return -1;
	ret->len = (unsigned)len;
	return 0;
}

/*
 * What a debug register holds of [addr, +len): 1, 2, 4 or 8 bytes at a
 * multiple of that.
 */
static unsigned
piece(uint64_t addr, unsigned len)
{
	unsigned n = 8;

	while (n > len || addr % n != 0)
		n /= 2;
	return n;
}

static bool
same_kind(const struct accel_point *a, const struct accel_point *b)
{
	return a->kind == b->kind && a->addr == b->addr && a->len == b->len;
}

/* Take out what was asked for, all pieces of it. */
static void
remove_point(struct gdb_session *s, const struct accel_point *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->npoints; i++) {
		if (same_kind(&s->asked[i], p))
			continue;
		s->points[n] = s->points[i];
		s->asked[n++] = s->asked[i];
	}
	s->npoints = n;
}

/* -1, and nothing is put in: there are not enough registers. */
static int
insert_point(struct gdb_session *s, const struct accel_point *p)
{
	struct accel_point part = *p;
	unsigned left = p->len;

	for (; left > 0; left -= part.len, part.addr += part.len) {
		if (s->npoints == ACCEL_POINTS_MAX) {
			remove_point(s, p);
			return -1;
		}
		part.len = piece(part.addr, left);
		s->asked[s->npoints] = *p;
		s->points[s->npoints++] = part;
	}
	return 0;
}

/* Z: in again means in once. */
static void
change_point(struct gdb_session *s, const char *p, bool in)
{
	struct accel_point point;
	int r = asked_point(&point, s->arch, p);

	if (r == 1)
		return;
	if (r == 0) {
		remove_point(s, &point);
		if (in)
			r = insert_point(s, &point);
	}
	if (r == 0 && s->target->points(s->arg, s->points, s->npoints) ==
	    -1) {
		r = -1;
		remove_point(s, &point);
	}
	say_ok(s, r == 0);
}

static void
cmd_insert(struct gdb_session *s, const char *p)
{
	change_point(s, p, true);
}

static void
cmd_remove(struct gdb_session *s, const char *p)
{
	change_point(s, p, false);
}

/* "Hg1": commands from now on are about thread 1.  Hc is not used any more. */
static void
cmd_thread(struct gdb_session *s, const char *p)
{
	unsigned cpu;

	if ((*p != 'g' && *p != 'c') || thread(s, p + 1, &cpu) == -1) {
		say_ok(s, false);
		return;
	}
	if (*p == 'g')
		s->cpu = cpu;
	say_ok(s, true);
}

static void
cmd_alive(struct gdb_session *s, const char *p)
{
	unsigned cpu;

	say_ok(s, thread(s, p, &cpu) == 0);
}

static void
cmd_current(struct gdb_session *s, const char *p)
{
	(void)p;
	say(s, "QC%x", s->cpu + 1);
}

static void
cmd_threads(struct gdb_session *s, const char *p)
{
	(void)p;
	for (unsigned i = 0; i < s->target->cpus(s->arg); i++)
		say(s, "%c%x", i == 0 ? 'm' : ',', i + 1);
}

static void
cmd_threads_end(struct gdb_session *s, const char *p)
{
	(void)p;
	say(s, "l");
}

static void
cmd_thread_name(struct gdb_session *s, const char *p)
{
	unsigned cpu;
	char name[16];

	if (thread(s, p, &cpu) == -1) {
		say_ok(s, false);
		return;
	}
	(void)snprintf(name, sizeof(name), "vCPU %u", cpu);
	for (const char *c = name; *c != '\0'; c++)
		say(s, "%02x", *c);
}

static void
cmd_supported(struct gdb_session *s, const char *p)
{
	(void)p;
	say(s, "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;"
	    "hwbreak+;swbreak+;vContSupported+", GDB_PACKET_MAX);
}

static void
cmd_no_ack(struct gdb_session *s, const char *p)
{
	(void)p;
	s->no_ack = true;
	say_ok(s, true);
}

static void
cmd_attached(struct gdb_session *s, const char *p)
{
	(void)p;
	say(s, "1");
}

static void
cmd_vcont_what(struct gdb_session *s, const char *p)
{
	(void)p;
	say(s, "vCont;c;C;s;S");
}

/* "target.xml:OFFSET,LENGTH" */
static void
cmd_features(struct gdb_session *s, const char *p)
{
	struct buf xml;
	uint64_t offset, len;

	buf_init(&xml, DESCRIPTION_MAX);
	if (range(&p, &offset, &len) == -1 ||
	    gdb_regs_describe(&xml, s->arch) == -1) {
		say_ok(s, false);
	} else {
		offset = MIN(offset, xml.len);
		len = MIN(len, MIN(xml.len - offset, GDB_PACKET_MAX - 1));
		say(s, "%c", offset + len == xml.len ? 'l' : 'm');
		(void)buf_put(&s->answer, xml.data + offset, len);
	}
	buf_fini(&xml);
}

static void
cmd_detach(struct gdb_session *s, const char *p)
{
	(void)p;
	say_ok(s, true);
	s->over = true;
}

/* The debugger goes; the VM is not its to end. */
static void
cmd_kill(struct gdb_session *s, const char *p)
{
	(void)p;
	s->over = true;
}

/* The first whose name the packet begins with. */
static const struct command {
	const char	*name;
	void		(*fn)(struct gdb_session *, const char *);
} commands[] = {
	{ "?",				cmd_why },
	{ "D",				cmd_detach },
	{ "G",				cmd_set_regs },
	{ "H",				cmd_thread },
	{ "M",				cmd_write },
	{ "P",				cmd_set_reg },
	{ "QStartNoAckMode",		cmd_no_ack },
	{ "T",				cmd_alive },
	{ "Z",				cmd_insert },
	{ "c",				cmd_continue },
	{ "g",				cmd_get_regs },
	{ "k",				cmd_kill },
	{ "m",				cmd_read },
	{ "p",				cmd_get_reg },
	{ "qAttached",			cmd_attached },
	{ "qC",				cmd_current },
	{ "qSupported",			cmd_supported },
	{ "qThreadExtraInfo,",		cmd_thread_name },
	{ "qXfer:features:read:target.xml:", cmd_features },
	{ "qfThreadInfo",		cmd_threads },
	{ "qsThreadInfo",		cmd_threads_end },
	{ "s",				cmd_step },
	{ "vCont?",			cmd_vcont_what },
	{ "vCont;",			cmd_vcont },
	{ "vKill;",			cmd_detach },
	{ "z",				cmd_remove },
};

static void
command(struct gdb_session *s)
{
	size_t n;

	for (size_t i = 0; i < COUNT(commands); i++) {
		n = strlen(commands[i].name);
		if (strncmp(s->packet, commands[i].name, n) != 0)
			continue;
		commands[i].fn(s, s->packet + n);
		break;
	}
	/* A guest that runs answers when it stops. */
	if (!s->running)
		send_answer(s);
}

/* --- frames ----------------------------------------------------------- */

/* A whole packet is there; while the guest runs there is nothing to ask. */
static void
packet(struct gdb_session *s)
{
	bool good = s->sum == s->told_sum;

	if (!s->no_ack)
		out(s, good ? "+" : "-", 1);
	s->packet[s->len] = '\0';
	if (good && !s->running && strlen(s->packet) == s->len)
		command(s);
}

static void
between(struct gdb_session *s, uint8_t c)
{
	if (c == '$') {
		s->place = PLACE_PACKET;
		s->len = 0;
		s->sum = 0;
	} else if (c == 3 && s->running) {
		s->target->stop(s->arg);
	}
}

static void
put(struct gdb_session *s, uint8_t c)
{
	if (s->len == GDB_PACKET_MAX)
		s->over = true;
	else
		s->packet[s->len++] = (char)c;
}

static void
inside(struct gdb_session *s, uint8_t c)
{
	if (c == '#') {
		s->place = PLACE_SUM_HIGH;
		return;
	}
	s->sum = (uint8_t)(s->sum + c);
	if (s->place == PLACE_ESCAPED) {
		put(s, c ^ 0x20);
		s->place = PLACE_PACKET;
	} else if (c == '}') {
		s->place = PLACE_ESCAPED;
	} else {
		put(s, c);
	}
}

static void
byte(struct gdb_session *s, uint8_t c)
{
	switch (s->place) {
	case PLACE_BETWEEN:
		between(s, c);
		break;
	case PLACE_PACKET:
	case PLACE_ESCAPED:
		inside(s, c);
		break;
	case PLACE_SUM_HIGH:
		s->told_sum = (uint8_t)((unsigned)gdb_digit((char)c) << 4);
		s->place = PLACE_SUM_LOW;
		break;
	case PLACE_SUM_LOW:
		s->told_sum |= (uint8_t)gdb_digit((char)c);
		s->place = PLACE_BETWEEN;
		packet(s);
		break;
	}
}

int
gdb_session_input(struct gdb_session *s, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && !s->over; i++)
		byte(s, bytes[i]);
	return s->over ? -1 : 0;
}

/* --- life ------------------------------------------------------------- */

int
gdb_session_new(struct gdb_session **ret, const struct gdb_arch *a,
    const struct gdb_target *t, void *arg, struct err *e)
{
	struct gdb_session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return err_sys(e, "gdb");
	s->arch = a;
	s->target = t;
	s->arg = arg;
	buf_init(&s->answer, GDB_PACKET_MAX * 2);
	buf_init(&s->out, GDB_OUT_MAX);
	*ret = s;
	return 0;
}

void
gdb_session_destroy(struct gdb_session *s)
{
	if (s == NULL)
		return;
	buf_fini(&s->answer);
	buf_fini(&s->out);
	free(s);
}

struct buf *
gdb_session_output(struct gdb_session *s)
{
	return &s->out;
}

bool
gdb_session_running(const struct gdb_session *s)
{
	return s->running;
}

/* A watchpoint that was met, or NULL. */
static const struct accel_point *
find_watch(const struct gdb_session *s, unsigned hits)
{
	for (unsigned i = 0; i < s->npoints; i++)
		if ((hits & 1U << i) != 0 &&
		    s->points[i].kind != ACCEL_POINT_EXECUTE)
			return &s->asked[i];
	return NULL;
}

static bool
at_break(const struct gdb_session *s, unsigned cpu)
{
	union accel_regs r;
	uint64_t pc;

	if (s->target->get_regs(s->arg, cpu, &r) == -1)
		return false;
	pc = gdb_regs_pc(s->arch, &r);
	for (unsigned i = 0; i < s->npoints; i++)
		if (s->points[i].kind == ACCEL_POINT_EXECUTE &&
		    s->points[i].addr == pc)
			return true;
	return false;
}

/* Why is told, so that gdb does not take its PC for the one behind an INT3. */
void
gdb_session_stopped(struct gdb_session *s, unsigned cpu, unsigned hits)
{
	const struct accel_point *watch = find_watch(s, hits);
	char why[40] = "";

	if (!s->running)
		return;
	s->running = false;
	s->cpu = cpu;
	if (watch != NULL)
		(void)snprintf(why, sizeof(why), "%s:%llx;",
		    watch->kind == ACCEL_POINT_WRITE ? "watch" :
		    watch->kind == ACCEL_POINT_READ ? "rwatch" : "awatch",
		    (unsigned long long)watch->addr);
	else if (at_break(s, cpu))
		(void)snprintf(why, sizeof(why), "hwbreak:;");
	say_stopped(s, why);
	send_answer(s);
}
