/* SPDX-License-Identifier: ISC */
/* aml.c - write ACPI Machine Language; see aml.h */

#include <errno.h>
#include <string.h>

#include "lib/util.h"
#include "vmm/aml.h"

/* Every length is written in three bytes: it is known when all follows. */
#define LENGTH		3

enum {
	OP_ZERO		= 0x00,
	OP_ONE		= 0x01,
	OP_NAME		= 0x08,
	OP_BYTE		= 0x0a,
	OP_WORD		= 0x0b,
	OP_DWORD	= 0x0c,
	OP_STRING	= 0x0d,
	OP_QWORD	= 0x0e,
	OP_SCOPE	= 0x10,
	OP_BUFFER	= 0x11,
	OP_PACKAGE	= 0x12,
	OP_METHOD	= 0x14,
	OP_NAMES	= 0x2f,
	OP_EXT		= 0x5b,
	OP_EXT_REGION	= 0x80,
	OP_EXT_FIELD	= 0x81,
	OP_EXT_DEVICE	= 0x82,
	OP_LOCAL0	= 0x60,
	OP_ARG0		= 0x68,
	OP_STORE	= 0x70,
	OP_AND		= 0x7b,
	OP_NOTIFY	= 0x86,
	OP_EQUAL	= 0x93,
	OP_IF		= 0xa0,
	OP_RETURN	= 0xa4,
};

enum {
	RES_IRQ		= 0x22,
	RES_PORTS	= 0x47,
	RES_END		= 0x79,
	RES_MEMORY	= 0x86,
	RES_SPACE_WORD	= 0x88,
	RES_INTERRUPT	= 0x89,
	RES_SPACE_QWORD	= 0x8a,
};

#define FIELD_DWORDS	0x03		/* how it is accessed */

enum { SPACE_MEMORY, SPACE_PORTS, SPACE_BUSES };
#define SPACE_FIXED	0x0c		/* both ends are */
#define MEMORY_WRITABLE	0x01
#define PORTS_ALL	0x03		/* ISA's and others */

static void
put(struct aml *a, const void *bytes, size_t len)
{
	if (!a->failed && buf_put(&a->buf, bytes, len) == -1)
		a->failed = true;
}

static void
put_le(struct aml *a, uint64_t value, size_t len)
{
	put(a, &value, len);		/* as the host has it */
}

static void
op(struct aml *a, uint8_t code)
{
	put(a, &code, 1);
}

static void
name4(struct aml *a, const char *name)
{
	put(a, name, 4);
}

/* What follows is counted until aml_end(). */
static void
begin(struct aml *a)
{
	if (a->depth == AML_DEPTH_MAX) {
		a->failed = true;
		return;
	}
	a->open[a->depth++] = a->buf.len;
	put_le(a, 0, LENGTH);
}

void
aml_init(struct aml *a)
{
	memset(a, 0, sizeof(*a));
	buf_init(&a->buf, AML_BYTES_MAX);
}

void
aml_fini(struct aml *a)
{
	buf_fini(&a->buf);
}

int
aml_done(const struct aml *a, struct err *e)
{
	if (a->failed || a->depth != 0)
		return err_set(e, EMSGSIZE, "ACPI: the description of the "
		    "board does not fit");
	return 0;
}

void
aml_scope(struct aml *a, const char *name)
{
	op(a, OP_SCOPE);
	begin(a);
	op(a, '\\');
	name4(a, name);
}

void
aml_device(struct aml *a, const char *name)
{
	op(a, OP_EXT);
	op(a, OP_EXT_DEVICE);
	begin(a);
	name4(a, name);
}

void
aml_method(struct aml *a, const char *name, unsigned nargs)
{
	op(a, OP_METHOD);
	begin(a);
	name4(a, name);
	op(a, (uint8_t)nargs);
}

/*
 * A buffer of resources has, behind its length, its size (a word) in front
 * of the bytes: they too are known only now, and so is the end tag.
 */
static void
end_resources(struct aml *a, size_t at)
{
	static const uint8_t end[2] = { RES_END, 0 };	/* no checksum */
	size_t size;

	put(a, end, sizeof(end));
	if (a->failed)
		return;
	size = a->buf.len - at - LENGTH - 3;
	a->buf.data[at + LENGTH + 1] = (uint8_t)size;
	a->buf.data[at + LENGTH + 2] = (uint8_t)(size >> 8);
}

void
aml_end(struct aml *a)
{
	size_t at, len;
	uint8_t *p;

	if (a->failed || a->depth == 0) {
		a->failed = true;
		return;
	}
	at = a->open[--a->depth];
	if (a->buf.data[at - 1] == OP_BUFFER)
		end_resources(a, at);
	if (a->failed)
		return;
	len = a->buf.len - at;
	p = a->buf.data + at;
	p[0] = (uint8_t)((LENGTH - 1) << 6 | (len & 0xf));
	p[1] = (uint8_t)(len >> 4);
	p[2] = (uint8_t)(len >> 12);
}

void
aml_name(struct aml *a, const char *name)
{
	op(a, OP_NAME);
	name4(a, name);
}

void
aml_int(struct aml *a, uint64_t value)
{
	if (value <= 1) {
		op(a, value == 0 ? OP_ZERO : OP_ONE);
	} else if (value <= UINT8_MAX) {
		op(a, OP_BYTE);
		put_le(a, value, 1);
	} else if (value <= UINT16_MAX) {
		op(a, OP_WORD);
		put_le(a, value, 2);
	} else if (value <= UINT32_MAX) {
		op(a, OP_DWORD);
		put_le(a, value, 4);
	} else {
		op(a, OP_QWORD);
		put_le(a, value, 8);
	}
}

void
aml_str(struct aml *a, const char *s)
{
	op(a, OP_STRING);
	put(a, s, strlen(s) + 1);
}

static unsigned
hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

/* Three letters of 5 bits, four digits: big-endian (ACPI 6.5, 19.3.4). */
void
aml_eisa(struct aml *a, const char *id)
{
	uint8_t b[4];

	b[0] = (uint8_t)((id[0] - '@') << 2 | (id[1] - '@') >> 3);
	b[1] = (uint8_t)((id[1] - '@') << 5 | (id[2] - '@'));
	b[2] = (uint8_t)(hex(id[3]) << 4 | hex(id[4]));
	b[3] = (uint8_t)(hex(id[5]) << 4 | hex(id[6]));
	op(a, OP_DWORD);
	put(a, b, sizeof(b));
}

void
aml_package(struct aml *a, unsigned n)
{
	op(a, OP_PACKAGE);
	begin(a);
	op(a, (uint8_t)n);
}

void
aml_if_arg0_is(struct aml *a, uint64_t value)
{
	op(a, OP_IF);
	begin(a);
	op(a, OP_EQUAL);
	op(a, OP_ARG0);
	aml_int(a, value);
}

void
aml_if_local0_has(struct aml *a, uint64_t bit)
{
	op(a, OP_IF);
	begin(a);
	op(a, OP_AND);
	op(a, OP_LOCAL0);
	aml_int(a, bit);
	op(a, OP_ZERO);			/* stored nowhere */
}

void
aml_call(struct aml *a, const char *device, const char *method)
{
	op(a, '\\');
	op(a, OP_NAMES);
	op(a, 3);
	name4(a, "_SB_");
	name4(a, device);
	name4(a, method);
}

void
aml_load(struct aml *a, const char *field)
{
	op(a, OP_STORE);
	name4(a, field);
	op(a, OP_LOCAL0);
}

void
aml_store(struct aml *a, uint64_t value, const char *field)
{
	op(a, OP_STORE);
	aml_int(a, value);
	name4(a, field);
}

void
aml_return(struct aml *a, const char *field)
{
	op(a, OP_RETURN);
	name4(a, field);
}

void
aml_buffer(struct aml *a, const void *bytes, uint8_t len)
{
	op(a, OP_BUFFER);
	begin(a);
	aml_int(a, len);
	put(a, bytes, len);
	aml_end(a);
}

void
aml_registers(struct aml *a, const char *name, uint16_t port,
    const char *const fields[], unsigned n)
{
	op(a, OP_EXT);
	op(a, OP_EXT_REGION);
	name4(a, name);
	op(a, SPACE_PORTS);
	aml_int(a, port);
	aml_int(a, 4 * n);
	op(a, OP_EXT);
	op(a, OP_EXT_FIELD);
	begin(a);
	name4(a, name);
	op(a, FIELD_DWORDS);
	for (unsigned i = 0; i < n; i++) {
		name4(a, fields[i]);
		op(a, 32);		/* bits, as a length is written */
	}
	aml_end(a);
}

void
aml_notify(struct aml *a, const char *name, uint64_t value)
{
	op(a, OP_NOTIFY);
	name4(a, name);
	aml_int(a, value);
}

/* --- resources ---------------------------------------------------------- */

void
aml_resources(struct aml *a)
{
	aml_name(a, "_CRS");
	op(a, OP_BUFFER);
	begin(a);
	op(a, OP_WORD);
	put_le(a, 0, 2);
}

void
aml_res_ports(struct aml *a, uint16_t port, uint8_t len)
{
	op(a, RES_PORTS);
	op(a, 1);			/* all 16 bits are decoded */
	put_le(a, port, 2);		/* from .. to, for its first */
	put_le(a, port, 2);
	op(a, 1);			/* alignment */
	op(a, len);
}

void
aml_res_irq(struct aml *a, unsigned irq)
{
	op(a, RES_IRQ);
	put_le(a, 1U << irq, 2);
}

void
aml_res_gsi(struct aml *a, uint32_t gsi)
{
	op(a, RES_INTERRUPT);
	put_le(a, 6, 2);		/* bytes that follow */
	op(a, 0x03);			/* a consumer's, edge, active high */
	op(a, 1);
	put_le(a, gsi, 4);
}

void
aml_res_memory(struct aml *a, uint32_t addr, uint32_t len)
{
	op(a, RES_MEMORY);
	put_le(a, 9, 2);
	op(a, MEMORY_WRITABLE);
	put_le(a, addr, 4);
	put_le(a, len, 4);
}

/* An address space descriptor, its numbers of 2 or 8 bytes. */
struct space {
	uint8_t		tag, kind, flags;
	size_t		bytes;
	uint64_t	min, max;
};

static void
space(struct aml *a, const struct space *s)
{
	op(a, s->tag);
	put_le(a, 3 + 5 * s->bytes, 2);
	op(a, s->kind);
	op(a, SPACE_FIXED);
	op(a, s->flags);
	put_le(a, 0, s->bytes);		/* granularity */
	put_le(a, s->min, s->bytes);
	put_le(a, s->max, s->bytes);
	put_le(a, 0, s->bytes);		/* translation */
	put_le(a, s->max - s->min + 1, s->bytes);
}

void
aml_res_buses(struct aml *a, uint16_t min, uint16_t max)
{
	struct space s = { RES_SPACE_WORD, SPACE_BUSES, 0, 2, min, max };

	space(a, &s);
}

void
aml_res_window_ports(struct aml *a, uint16_t min, uint16_t max)
{
	struct space s = { RES_SPACE_WORD, SPACE_PORTS, PORTS_ALL, 2, min,
	    max };

	space(a, &s);
}

void
aml_res_window(struct aml *a, uint64_t min, uint64_t max)
{
	struct space s = { RES_SPACE_QWORD, SPACE_MEMORY, MEMORY_WRITABLE, 8,
	    min, max };

	space(a, &s);
}
