/* SPDX-License-Identifier: ISC */
/*
 * fw_cfg.c - named files for firmware and kernels, as QEMU has them
 *
 * A transfer into guest memory is done at once, with the board locked: its
 * length is that of an item at most, the rest is zeroes (which are bounded
 * too, by DMA_MAX).
 *
 * Process: vmm.  Sandbox, Needs: nothing.
 * Source: QEMU, docs/specs/fw_cfg.rst.
 */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bigend.h"
#include "lib/json.h"
#include "lib/util.h"
#include "vmm/board.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/memory.h"

enum { REG_SELECT = 0, REG_DATA = 1, REG_DMA_HIGH = 4, REG_DMA_LOW = 8,
    REGS = 12 };

/* In memory: data of any width, and the selector is big-endian. */
enum { MMIO_DATA = 0, MMIO_SELECT = 8, MMIO_DMA = 16 };

enum { ITEM_SIGNATURE = 0x00, ITEM_ID = 0x01, ITEM_DIRECTORY = 0x19,
    ITEM_FILES = 0x20 };
#define NUMBERS		0x10		/* items that can be numbers */

#define ID_TRADITIONAL	1U
#define ID_DMA		2U
#define DMA_ERROR	0x01U
#define DMA_READ	0x02U
#define DMA_SKIP	0x04U
#define DMA_SELECT	0x08U
#define DMA_WRITE	0x10U
#define DMA_MAX		(16U << 20)	/* bytes of one transfer */
#define DMA_SIGNATURE	0x51454d5520434647ULL	/* "QEMU CFG" */

struct file {
	uint32_t	 len;
	uint8_t		*bytes;
};

/* As it is in the directory; big-endian. */
struct entry {
	uint32_t	len;
	uint16_t	select;
	uint16_t	reserved;
	char		name[FW_CFG_NAME_MAX + 1];
};

struct directory {
	uint32_t	count;		/* big-endian */
	struct entry	entry[FW_CFG_FILES_MAX];
};

/* What the guest writes to say what it wants; big-endian. */
struct access {
	uint32_t	control;
	uint32_t	len;
	uint64_t	addr;
};

struct fw_cfg {
	struct board		*board;
	struct bus		*bus;
	uint64_t		 base;		/* on it */
	unsigned		 nfiles;
	struct file		 file[FW_CFG_FILES_MAX];
	struct directory	 directory;
	uint8_t			 number[NUMBERS][2];	/* little-endian */
	uint16_t		 select;
	uint32_t		 at;		/* next byte of the item */
	uint32_t		 dma_high;
};

/* The selected item; one that is not there has no bytes. */
static struct file
item(struct fw_cfg *f)
{
	static uint8_t signature[] = { 'Q', 'E', 'M', 'U' };
	static uint8_t id[] = { ID_TRADITIONAL | ID_DMA, 0, 0, 0 };
	unsigned n = f->select - (unsigned)ITEM_FILES;

	switch (f->select) {
	case ITEM_SIGNATURE:
		return (struct file){ sizeof(signature), signature };
	case ITEM_ID:
		return (struct file){ sizeof(id), id };
	case ITEM_DIRECTORY:
		return (struct file){ (uint32_t)(sizeof(uint32_t) +
		    f->nfiles * sizeof(struct entry)),
		    (uint8_t *)&f->directory };
	case FW_CFG_NO_SCREEN:
	case FW_CFG_CPUS:
	case FW_CFG_MENU:
	case FW_CFG_CPUS_MAX:
		return (struct file){ sizeof(f->number[0]),
		    f->number[f->select] };
	default:
		return f->select >= ITEM_FILES && n < f->nfiles ?
		    f->file[n] : (struct file){ 0, NULL };
	}
}

/* The next len bytes; behind the item's end are zeroes. */
static void
take_bytes(struct fw_cfg *f, void *to, uint32_t len)
{
	struct file i = item(f);
	uint32_t have = i.len > f->at ? MIN(i.len - f->at, len) : 0;

	if (have > 0)
		memcpy(to, i.bytes + f->at, have);
	memset((uint8_t *)to + have, 0, len - have);
	f->at += MIN(len, UINT32_MAX - f->at);
}

/* What a transfer answers: 0, or DMA_ERROR. */
static uint32_t
transfer(struct fw_cfg *f, const struct access *a)
{
	void *to;

	if ((a->control & DMA_SELECT) != 0) {
		f->select = (uint16_t)(a->control >> 16);
		f->at = 0;
	}
	if ((a->control & DMA_READ) != 0) {
		to = a->len > DMA_MAX ? NULL :
		    memory_at(f->board->memory, a->addr, a->len);
		if (a->len > 0 && to == NULL)
			return DMA_ERROR;
		if (a->len > 0) {
			take_bytes(f, to, a->len);
			guest_memory_wrote(memory_table(f->board->memory), to,
			    a->len);
		}
	} else if ((a->control & DMA_SKIP) != 0) {
		f->at += MIN(a->len, UINT32_MAX - f->at);
	} else if ((a->control & DMA_WRITE) != 0) {
		return DMA_ERROR;
	}
	return 0;
}

/* The guest says where it has written what it wants. */
static void
dma(struct fw_cfg *f, uint64_t gpa)
{
	struct access *shared = memory_at(f->board->memory, gpa,
	    sizeof(*shared)), a;
	uint32_t answer;

	if (shared == NULL)
		return;
	memcpy(&a, shared, sizeof(a));
	a.control = bigend32(a.control);
	a.len = bigend32(a.len);
	a.addr = bigend64(a.addr);
	answer = bigend32(transfer(f, &a));
	memcpy(&shared->control, &answer, sizeof(answer));
	guest_memory_wrote(memory_table(f->board->memory), shared,
	    sizeof(answer));
}

static uint64_t
fw_cfg_read(void *arg, uint64_t offset, unsigned len)
{
	struct fw_cfg *f = arg;
	uint64_t v = 0;

	/* The address register reads as a word that says what it is. */
	if (offset >= REG_DMA_HIGH && offset + len <= REGS) {
		v = bigend64(DMA_SIGNATURE) >> 8 * (offset - REG_DMA_HIGH);
		return v;
	}
	if (offset == REG_DATA)
		take_bytes(f, &v, len == 1 ? 1 : 0);
	return v;
}

static void
fw_cfg_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct fw_cfg *f = arg;

	if (offset == REG_SELECT && len == 2) {
		f->select = (uint16_t)value;
		f->at = 0;
	} else if (offset == REG_DMA_HIGH && len == 8) {
		dma(f, bigend64(value));
	} else if (offset == REG_DMA_HIGH && len == 4) {
		f->dma_high = bigend32((uint32_t)value);
	} else if (offset == REG_DMA_LOW && len == 4) {
		dma(f, (uint64_t)f->dma_high << 32 |
		    bigend32((uint32_t)value));
		f->dma_high = 0;
	}
}

static const struct bus_ops fw_cfg_ops = {
	.name	= "fw_cfg",
	.read	= fw_cfg_read,
	.write	= fw_cfg_write,
};

static uint64_t
mmio_read(void *arg, uint64_t offset, unsigned len)
{
	uint64_t v = 0;

	if (offset == MMIO_DATA)
		take_bytes(arg, &v, len);
	else if (offset >= MMIO_DMA)
		v = fw_cfg_read(arg, offset - MMIO_DMA + REG_DMA_HIGH, len);
	return v;
}

static void
mmio_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	if (offset == MMIO_SELECT && len == 2)
		fw_cfg_write(arg, REG_SELECT, 2, bigend16((uint16_t)value));
	else if (offset >= MMIO_DMA)
		fw_cfg_write(arg, offset - MMIO_DMA + REG_DMA_HIGH, len, value);
}

static const struct bus_ops mmio_ops = {
	.name	= "fw_cfg",
	.read	= mmio_read,
	.write	= mmio_write,
};

/* --- life --------------------------------------------------------------- */

static int
plug(struct fw_cfg **ret, struct board *board, struct bus *bus,
    struct bus_range *r, struct err *e)
{
	own_mem struct fw_cfg *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return err_sys(e, "fw_cfg");
	f->board = board;
	f->bus = bus;
	f->base = r->base;
	r->arg = f;
	if (bus_add(bus, r, e) == -1)
		return -1;
	*ret = take(&f);
	return 0;
}

int
fw_cfg_new(struct fw_cfg **ret, struct board *board, struct err *e)
{
	struct bus_range r = { FW_CFG_PORT, REGS, &fw_cfg_ops, NULL };

	return plug(ret, board, &board->pio, &r, e);
}

int
fw_cfg_new_mmio(struct fw_cfg **ret, struct board *board, uint64_t addr,
    struct err *e)
{
	struct bus_range r = { addr, FW_CFG_MMIO_LEN, &mmio_ops, NULL };

	return plug(ret, board, &board->mmio, &r, e);
}

void
fw_cfg_destroy(struct fw_cfg *f)
{
	if (f == NULL)
		return;
	bus_remove(f->bus, f->base);
	for (unsigned i = 0; i < f->nfiles; i++)
		free(f->file[i].bytes);
	free(f);
}

int
fw_cfg_add(struct fw_cfg *f, const char *name, const void *bytes, size_t len,
    struct err *e)
{
	struct entry *n = &f->directory.entry[f->nfiles];
	own_mem uint8_t *copy = NULL;

	if (f->nfiles == FW_CFG_FILES_MAX || len > FW_CFG_BYTES_MAX ||
	    strlen(name) > FW_CFG_NAME_MAX)
		return err_set(e, ENOSPC, "fw_cfg: %s: more than %d files, or "
		    "longer than %u bytes", name, FW_CFG_FILES_MAX,
		    FW_CFG_BYTES_MAX);
	copy = malloc(len + 1);
	if (copy == NULL)
		return err_sys(e, "fw_cfg: %s", name);
	memcpy(copy, bytes, len);
	n->len = bigend32((uint32_t)len);
	n->select = bigend16((uint16_t)(ITEM_FILES + f->nfiles));
	memcpy(n->name, name, strlen(name) + 1);
	f->file[f->nfiles++] = (struct file){ (uint32_t)len, take(&copy) };
	f->directory.count = bigend32(f->nfiles);
	return 0;
}

void
fw_cfg_set(struct fw_cfg *f, enum fw_cfg_number n, uint16_t value)
{
	f->number[n][0] = (uint8_t)value;
	f->number[n][1] = (uint8_t)(value >> 8);
}

void
fw_cfg_reset(struct fw_cfg *f)
{
	f->select = 0;
	f->at = f->dma_high = 0;
}

json_t *
fw_cfg_save(const struct fw_cfg *f)
{
	return json_pack("{s:i,s:I,s:I}", "select", f->select, "at",
	    (json_int_t)f->at, "dma_high", (json_int_t)f->dma_high);
}

int
fw_cfg_load(struct fw_cfg *f, const json_t *o, struct err *e)
{
	uint64_t select, at, high;

	if (json_get_u64(&select, o, "select", 0, UINT16_MAX, e) != 1 ||
	    json_get_u64(&at, o, "at", 0, UINT32_MAX, e) != 1 ||
	    json_get_u64(&high, o, "dma_high", 0, UINT32_MAX, e) != 1)
		return err_prefix(e, "fw_cfg: ");
	f->select = (uint16_t)select;
	f->at = (uint32_t)at;
	f->dma_high = (uint32_t)high;
	return 0;
}
