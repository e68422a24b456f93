/* SPDX-License-Identifier: ISC */
/*
 * pflash.c - flash memory that a guest can program; see pflash.h
 *
 * A guest writes the same command to both chips, one in each half of a word:
 * the lower half is looked at.  Operations are over at once, so that the
 * status is always "ready".
 *
 * Process: vmm.  Sandbox: its file is open.  Needs: nothing.
 */

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/dev/pflash.h"

#define BANK		4U		/* bytes of a word: both chips */
#define CHIP_BITS	16
#define ERASED		0xff

/* Commands, and what follows them. */
enum {
	CMD_PROGRAM_ALT = 0x10, CMD_ERASE = 0x20, CMD_PROGRAM = 0x40,
	CMD_CLEAR = 0x50, CMD_LOCK = 0x60, CMD_STATUS = 0x70, CMD_ID = 0x90,
	CMD_QUERY = 0x98, CMD_SUSPEND = 0xb0, CMD_CONFIRM = 0xd0,
	CMD_BUFFER = 0xe8, CMD_RESET = 0xf0, CMD_ARRAY = 0xff,
};

#define STATUS_READY	0x80U
#define STATUS_SEQUENCE	0x30U		/* no such sequence of commands */

#define ID_MAKER	0x89		/* Intel */
#define ID_DEVICE	0x18

/* What the next load reads, and what the next store is. */
enum mode {
	MODE_ARRAY,		/* load: content; store: command */
	MODE_STATUS,		/* load: status; store: command */
	MODE_ID,		/* load: identification; store: command */
	MODE_QUERY,		/* load: what CFI tells; store: command */
	MODE_PROGRAM,		/* load: status; store: a word's new bits */
	MODE_ERASE,		/* load: status; store: confirmation */
	MODE_LOCK,		/* load: status; store: which lock */
	MODE_COUNT,		/* load: status; store: words that come, - 1 */
	MODE_FILL,		/* load: status; store: one of them */
	MODE_CONFIRM,		/* load: status; store: confirmation */
	MODES
};

struct pflash {
	struct pflash_setup	 setup;
	uint8_t			*content;
	uint64_t		 bytes;
	bool			 plugged;	/* into the bus */

	/* Under the board's lock. */
	bool			 mapped;	/* the guest reads by itself */
	enum mode		 mode;
	uint8_t			 status;
	uint16_t		 left;		/* MODE_FILL: words */
	uint64_t		 window;	/* of the buffer; bytes: none */
	uint8_t			 buffer[PFLASH_BUFFER];
};

/* --- the guest's own reads ----------------------------------------------- */

/* What a host refuses here it has refused to nobody before. */
static void
show(struct pflash *f, bool on)
{
	const struct accel_memory m = {
		.slot = f->setup.slot, .gpa = f->setup.addr,
		.bytes = on ? f->bytes : 0, .host = f->content,
		.readonly = true,
	};
	struct board *b = f->setup.board;
	struct err e;

	if (f->mapped == on)
		return;
	if (b->accel->map(b->vm, &m, &e) == -1)
		fatal("flash: %s", e.text);
	f->mapped = on;
}

static void
set_mode(struct pflash *f, enum mode mode)
{
	f->mode = mode;
	show(f, mode == MODE_ARRAY);
}

/* --- content ------------------------------------------------------------- */

/* A file that takes nothing is a failed operation, as of worn out cells. */
static void
keep(struct pflash *f, uint64_t offset, uint64_t len)
{
	ssize_t n;

	if (f->setup.fd == -1)
		return;
	while (len > 0) {
		n = pwrite(f->setup.fd, f->content + offset, len,
		    (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_warn("flash: its file cannot be written");
			f->status |= STATUS_SEQUENCE;
			return;
		}
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
}

/* Bits go from 1 to 0 only; the range is inside. */
static void
program(struct pflash *f, uint64_t offset, const uint8_t *from, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		f->content[offset + i] &= from[i];
	keep(f, offset, len);
}

static void
erase(struct pflash *f, uint64_t offset)
{
	uint64_t block = offset - offset % PFLASH_BLOCK;

	memset(f->content + block, ERASED, PFLASH_BLOCK);
	keep(f, block, PFLASH_BLOCK);
}

/* --- commands ------------------------------------------------------------ */

static void
wrong(struct pflash *f)
{
	f->status |= STATUS_SEQUENCE;
	set_mode(f, MODE_STATUS);
}

static void
command(struct pflash *f, uint8_t c)
{
	static const struct {
		uint8_t		command;
		uint8_t		mode;
	} modes[] = {
		{ CMD_PROGRAM, MODE_PROGRAM },
		{ CMD_PROGRAM_ALT, MODE_PROGRAM },
		{ CMD_ERASE, MODE_ERASE }, { CMD_LOCK, MODE_LOCK },
		{ CMD_STATUS, MODE_STATUS }, { CMD_ID, MODE_ID },
		{ CMD_QUERY, MODE_QUERY }, { CMD_BUFFER, MODE_COUNT },
		{ CMD_SUSPEND, MODE_STATUS }, { CMD_CONFIRM, MODE_STATUS },
		{ CMD_RESET, MODE_ARRAY }, { CMD_ARRAY, MODE_ARRAY },
	};

	if (c == CMD_CLEAR) {		/* the mode stays */
		f->status = STATUS_READY;
		return;
	}
	for (size_t i = 0; i < COUNT(modes); i++)
		if (modes[i].command == c) {
			set_mode(f, (enum mode)modes[i].mode);
			return;
		}
	set_mode(f, MODE_ARRAY);
}

static void
begin_fill(struct pflash *f, uint16_t count)
{
	if (count >= PFLASH_BUFFER / BANK) {
		wrong(f);
		return;
	}
	f->left = (uint16_t)(count + 1);
	f->window = f->bytes;
	memset(f->buffer, ERASED, sizeof(f->buffer));
	set_mode(f, MODE_FILL);
}

/* All of them are in one window of the buffer's size: the first one's. */
static void
fill(struct pflash *f, uint64_t offset, unsigned len, uint64_t value)
{
	uint64_t window = offset - offset % PFLASH_BUFFER;

	if (f->window == f->bytes)
		f->window = window;
	if (window != f->window || offset % PFLASH_BUFFER + len >
	    PFLASH_BUFFER) {
		wrong(f);
		return;
	}
	memcpy(f->buffer + offset % PFLASH_BUFFER, &value, len);
	if (--f->left == 0)
		set_mode(f, MODE_CONFIRM);
}

static void
pflash_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct pflash *f = arg;

	switch (f->mode) {
	case MODE_PROGRAM:
		program(f, offset, (const uint8_t *)&value, len);
		set_mode(f, MODE_STATUS);
		return;
	case MODE_ERASE:
		if ((uint8_t)value != CMD_CONFIRM) {
			wrong(f);
			return;
		}
		erase(f, offset);
		set_mode(f, MODE_STATUS);
		return;
	case MODE_LOCK:			/* nothing is ever locked */
		set_mode(f, MODE_STATUS);
		return;
	case MODE_COUNT:
		begin_fill(f, (uint16_t)value);
		return;
	case MODE_FILL:
		fill(f, offset, len, value);
		return;
	case MODE_CONFIRM:
		if ((uint8_t)value != CMD_CONFIRM) {
			wrong(f);
			return;
		}
		program(f, f->window, f->buffer, sizeof(f->buffer));
		set_mode(f, MODE_STATUS);
		return;
	default:
		command(f, (uint8_t)value);
	}
}

/* --- loads --------------------------------------------------------------- */

/*
 * What CFI tells of one chip from its word 0x10 on: command set 1, 3.3 V, no
 * times; its size, and blocks of half a PFLASH_BLOCK, are put in.
 */
static uint8_t
query(const struct pflash *f, uint64_t word)
{
	static const uint8_t head[] = { 'Q', 'R', 'Y', 0x01, 0x00, 0x31, 0x00,
	    0, 0, 0, 0, 0x45, 0x55, 0, 0, 0x07, 0x07, 0x0a, 0, 0x04, 0x04,
	    0x04, 0 };
	static const uint8_t extended[] = { 'P', 'R', 'I', '1', '0', 0, 0, 0,
	    0, 0, 0, 0, 0, 0, 0 };
	uint64_t chip = f->bytes / 2;
	uint32_t blocks = (uint32_t)(f->bytes / PFLASH_BLOCK) - 1;
	const uint8_t geometry[] = {
		(uint8_t)(64 - __builtin_clzll(chip - 1)),
		0x02, 0x00,				/* 16 bits wide */
		10, 0,			/* a buffer of 2^10 bytes */
		1,			/* one region of blocks */
		(uint8_t)blocks, (uint8_t)(blocks >> 8),
		(uint8_t)(PFLASH_BLOCK / 2 >> 8),
		(uint8_t)(PFLASH_BLOCK / 2 >> 16),
	};

	if (word >= 0x10 && word < 0x10 + sizeof(head))
		return head[word - 0x10];
	if (word >= 0x27 && word < 0x27 + sizeof(geometry))
		return geometry[word - 0x27];
	if (word >= 0x31 && word < 0x31 + sizeof(extended))
		return extended[word - 0x31];
	return 0;
}

static uint16_t
chip_word(const struct pflash *f, uint64_t offset)
{
	uint64_t word = offset / BANK;

	switch (f->mode) {
	case MODE_QUERY:
		return query(f, word);
	case MODE_ID:			/* word 2 of a block: not locked */
		return (word & 0xff) == 0 ? ID_MAKER :
		    (word & 0xff) == 1 ? ID_DEVICE : 0;
	default:
		return f->status;
	}
}

static uint64_t
pflash_read(void *arg, uint64_t offset, unsigned len)
{
	const struct pflash *f = arg;
	uint64_t v = 0, word;

	if (f->mode == MODE_ARRAY) {
		memcpy(&v, f->content + offset, len);
		return v;
	}
	/* Both chips of each word say the same. */
	for (unsigned i = 0; i < len; i += BANK) {
		word = chip_word(f, offset + i);
		v |= (word | word << CHIP_BITS) << 8 * i;
	}
	return v >> 8 * (offset % BANK);
}

static const struct bus_ops pflash_ops = {
	.name	= "flash",
	.read	= pflash_read,
	.write	= pflash_write,
};

/* --- life ---------------------------------------------------------------- */

static int
read_content(struct pflash *f, struct err *e)
{
	uint64_t done = 0;
	ssize_t n;

	while (done < f->bytes) {
		n = pread(f->setup.fd, f->content + done, f->bytes - done,
		    (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "variables");
		if (n == 0)
			return err_set(e, EIO, "variables: the file has become "
			    "shorter");
		done += (uint64_t)n;
	}
	return 0;
}

static int
find_size(struct pflash *f, bool *fresh, struct err *e)
{
	struct stat st = { .st_size = 0 };

	if (f->setup.fd != -1 && fstat(f->setup.fd, &st) == -1)
		return err_sys(e, "variables");
	*fresh = f->setup.fd == -1 || (S_ISREG(st.st_mode) && st.st_size == 0);
	f->bytes = *fresh ? f->setup.bytes : (uint64_t)st.st_size;
	if (!*fresh && (!S_ISREG(st.st_mode) || f->bytes > PFLASH_MAX ||
	    f->bytes % PFLASH_BLOCK != 0))
		return err_set(e, EINVAL, "variables: not a file of some "
		    "times %u KiB, up to %llu MiB", PFLASH_BLOCK >> 10,
		    PFLASH_MAX >> 20);
	return 0;
}

static int
make_content(struct pflash *f, struct err *e)
{
	bool fresh;

	if (find_size(f, &fresh, e) == -1)
		return -1;
	f->content = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->content == MAP_FAILED) {
		f->content = NULL;
		return err_sys(e, "flash");
	}
	if (!fresh)
		return read_content(f, e);
	memset(f->content, ERASED, f->bytes);
	keep(f, 0, f->bytes);
	return f->status == STATUS_READY ? 0 :
	    err_set(e, EIO, "variables: the file cannot be written");
}

int
pflash_new(struct pflash **ret, const struct pflash_setup *s, struct err *e)
{
	OWN(pflash_destroy) struct pflash *f = calloc(1, sizeof(*f));
	struct bus_range r = { .base = s->addr, .ops = &pflash_ops };

	if (f == NULL)
		return err_sys(e, "flash");
	f->setup = *s;
	f->status = STATUS_READY;
	if (make_content(f, e) == -1)
		return -1;
	r.len = f->bytes;
	r.arg = f;
	if (bus_add(&s->board->mmio, &r, e) == -1)
		return -1;
	f->plugged = true;
	show(f, true);
	*ret = take(&f);
	return 0;
}

void
pflash_destroy(struct pflash *f)
{
	if (f == NULL)
		return;
	show(f, false);
	if (f->plugged)
		bus_remove(&f->setup.board->mmio, f->setup.addr);
	if (f->setup.fd != -1)
		(void)os_datasync(f->setup.fd);
	if (f->content != NULL)
		(void)munmap(f->content, f->bytes);
	free(f);
}

uint64_t
pflash_bytes(const struct pflash *f)
{
	return f->bytes;
}

void
pflash_reset(struct pflash *f)
{
	f->status = STATUS_READY;
	f->left = 0;
	set_mode(f, MODE_ARRAY);
}

/* --- state --------------------------------------------------------------- */

json_t *
pflash_save(const struct pflash *f)
{
	own_json json_t *o = json_pack("{s:i,s:i,s:i,s:I}", "mode",
	    (int)f->mode, "status", f->status, "left", f->left, "window",
	    (json_int_t)f->window);

	if (o == NULL || ((f->mode == MODE_FILL || f->mode == MODE_CONFIRM) &&
	    json_object_set_new(o, "buffer", json_hex(f->buffer,
	    sizeof(f->buffer))) == -1))
		return NULL;
	return take(&o);
}

/* A window that was not chosen yet is the whole. */
static bool
possible(const struct pflash *f, uint64_t mode, uint64_t left, uint64_t window)
{
	if (mode != MODE_FILL && mode != MODE_CONFIRM)
		return true;
	if (mode == MODE_FILL && left == 0)
		return false;
	return (window == f->bytes && mode == MODE_FILL) ||
	    (window < f->bytes && window % PFLASH_BUFFER == 0);
}

int
pflash_load(struct pflash *f, const json_t *o, struct err *e)
{
	uint64_t mode, status, left, window;
	uint8_t buffer[PFLASH_BUFFER] = { 0 };

	if (json_get_u64(&mode, o, "mode", 0, MODES - 1, e) != 1 ||
	    json_get_u64(&status, o, "status", 0, UINT8_MAX, e) != 1 ||
	    json_get_u64(&left, o, "left", 0, PFLASH_BUFFER / BANK, e) != 1 ||
	    json_get_u64(&window, o, "window", 0, PFLASH_MAX, e) != 1)
		return err_prefix(e, "flash");
	if (!possible(f, mode, left, window))
		return err_set(e, EINVAL, "flash: no such state");
	if ((mode == MODE_FILL || mode == MODE_CONFIRM) &&
	    json_get_hex(buffer, sizeof(buffer), o, "buffer", e) != 1)
		return err_set(e, EINVAL, "flash: no buffer");
	memcpy(f->buffer, buffer, sizeof(buffer));
	f->status = (uint8_t)status;
	f->left = (uint16_t)left;
	f->window = window;
	set_mode(f, (enum mode)mode);
	return 0;
}
