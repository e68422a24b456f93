/* SPDX-License-Identifier: ISC */
/* cdrom.c - what a CD drive answers to a SCSI command; see cdrom.h */

#include <stddef.h>
#include <string.h>

#include "lib/util.h"
#include "viod/cdrom.h"

/* Sense keys, and codes with their qualifiers: SPC-4, tables 28 and 29. */
enum {
	KEY_MEDIUM_ERROR	= 3,
	KEY_ILLEGAL_REQUEST	= 5,
};
enum {
	CODE_UNREADABLE		= 0x1100,
	CODE_COMMAND		= 0x2000,	/* there is no such */
	CODE_RANGE		= 0x2100,
	CODE_FIELD		= 0x2400,	/* of the command */
	CODE_NOT_SAVED		= 0x3900,
};

#define TYPE_CD		0x05		/* of a device */
#define LEAD_OUT	0xaa		/* the track behind the last */
#define CONTROL_DATA	0x14		/* address and control of a track */
#define MSF_OFFSET	150		/* frames before block 0 */
#define CD_BLOCKS_MAX	(80U * 60 * 75)	/* more is a DVD */
#define PROFILE_CD	0x0008
#define PROFILE_DVD	0x0010
#define EVENT_MEDIA	4		/* class of events */

/* What a command is about. */
struct command {
	const uint8_t		*cdb;
	uint64_t		 blocks;	/* of the disc */
	struct cdrom_answer	*a;
};

static void
put16(uint8_t *to, unsigned v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

static void
put32(uint8_t *to, uint32_t v)
{
	put16(to, v >> 16);
	put16(to + 2, v & 0xffff);
}

static uint32_t
get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* Fixed format: SPC-4, section 4.5.3. */
static void
fail(struct cdrom_answer *a, uint8_t key, unsigned code)
{
	memset(a, 0, sizeof(*a));
	a->status = CDROM_CHECK;
	a->sense[0] = 0x70;
	a->sense[2] = key;
	a->sense[7] = CDROM_SENSE_BYTES - 8;
	put16(a->sense + 12, code);
}

static void
illegal(const struct command *c, unsigned code)
{
	fail(c->a, KEY_ILLEGAL_REQUEST, code);
}

/* There are n bytes; the command takes no more than it has room for. */
static void
give(const struct command *c, uint32_t n, uint32_t room)
{
	c->a->len = MIN(n, room);
}

/* --- every device's ------------------------------------------------------- */

static void
do_nothing(const struct command *c)
{
	(void)c;
}

/* Nothing is kept: what was wrong went with the answer. */
static void
request_sense(const struct command *c)
{
	c->a->data[0] = 0x70;
	c->a->data[7] = CDROM_SENSE_BYTES - 8;
	give(c, CDROM_SENSE_BYTES, c->cdb[4]);
}

/* Pages of vital product data: which there are, and a name. */
static void
inquiry_page(const struct command *c)
{
	static const char name[] = "VMD     CD-ROM";
	uint8_t *d = c->a->data;
	uint32_t n = 0;

	switch (c->cdb[2]) {
	case 0x00:
		d[4] = 0x00;
		d[5] = 0x83;
		n = 2;
		break;
	case 0x83:
		d[4] = 2;		/* ASCII, */
		d[5] = 1;		/* the vendor's */
		d[7] = sizeof(name) - 1;
		memcpy(d + 8, name, sizeof(name) - 1);
		n = 4 + sizeof(name) - 1;
		break;
	default:
		illegal(c, CODE_FIELD);
		return;
	}
	d[0] = TYPE_CD;
	d[1] = c->cdb[2];
	put16(d + 2, n);
	give(c, n + 4, get16(c->cdb + 3));
}

static void
inquiry(const struct command *c)
{
	static const uint8_t standard[36] = {
		TYPE_CD, 0x80,		/* removable */
		0x05, 0x02,		/* SPC-3 */
		36 - 5, 0, 0, 0,
		'V', 'M', 'D', ' ', ' ', ' ', ' ', ' ',
		'C', 'D', '-', 'R', 'O', 'M', ' ', ' ',
		' ', ' ', ' ', ' ', ' ', ' ', ' ', ' ',
		'1', '.', '0', ' ',
	};

	if (c->cdb[1] & 1) {
		inquiry_page(c);
		return;
	}
	if (c->cdb[2] != 0) {
		illegal(c, CODE_FIELD);
		return;
	}
	memcpy(c->a->data, standard, sizeof(standard));
	give(c, sizeof(standard), get16(c->cdb + 3));
}

/* One, which is number 0; well known ones there are none of. */
static void
report_luns(const struct command *c)
{
	uint32_t n = c->cdb[2] == 1 ? 0 : 8;

	if (c->cdb[2] > 2 || get32(c->cdb + 6) < 16) {
		illegal(c, CODE_FIELD);
		return;
	}
	put32(c->a->data, n);
	give(c, 8 + n, get32(c->cdb + 6));
}

/* A page of mode parameters, at 'to'; bytes, 0: there is none. */
static uint32_t
mode_page(uint8_t *to, uint8_t page, bool changeable)
{
	static const uint8_t recovery[] = { 0x01, 0x06 };
	/* Reads CD-R, CD-RW and DVD; a tray; four times as fast as music. */
	static const uint8_t drive[20] = {
		0x2a, 0x12, 0x0b, 0, 0, 0, 0x20, 0, 0x02, 0xc2, 0, 0, 0, 0,
		0x02, 0xc2,
	};
	uint32_t n = page == 0x01 ? recovery[1] + 2U :
	    page == 0x2a ? sizeof(drive) : 0;

	if (page == 0x01)
		memcpy(to, recovery, sizeof(recovery));
	else if (page == 0x2a)
		memcpy(to, drive, changeable ? 2 : sizeof(drive));
	return n;
}

/* head: bytes of the header, 4 or 8, whose length counts what follows it. */
static void
mode_sense(const struct command *c, uint32_t head, uint32_t room)
{
	static const uint8_t pages[] = { 0x01, 0x2a };
	uint8_t page = c->cdb[2] & 0x3f, *d = c->a->data;
	bool changeable = c->cdb[2] >> 6 == 1;
	uint32_t n = head;

	if (c->cdb[2] >> 6 == 3) {
		illegal(c, CODE_NOT_SAVED);
		return;
	}
	for (unsigned i = 0; i < COUNT(pages); i++)
		if (page == pages[i] || page == 0x3f)
			n += mode_page(d + n, pages[i], changeable);
	if (n == head) {
		illegal(c, CODE_FIELD);
		return;
	}
	if (head == 4)
		d[0] = (uint8_t)(n - 1);
	else
		put16(d, n - 2);
	give(c, n, room);
}

static void
mode_sense_6(const struct command *c)
{
	mode_sense(c, 4, c->cdb[4]);
}

static void
mode_sense_10(const struct command *c)
{
	mode_sense(c, 8, get16(c->cdb + 7));
}

/* --- blocks --------------------------------------------------------------- */

static void
read_blocks(const struct command *c, uint64_t block, uint32_t n)
{
	if (block > c->blocks || n > c->blocks - block) {
		illegal(c, CODE_RANGE);
		return;
	}
	if (n > CDROM_READ_MAX) {
		illegal(c, CODE_FIELD);
		return;
	}
	c->a->block = block;
	c->a->nblocks = n;
}

static void
read_6(const struct command *c)
{
	read_blocks(c, get32(c->cdb) & 0x1fffff,
	    c->cdb[4] == 0 ? 256 : c->cdb[4]);
}

static void
read_10(const struct command *c)
{
	read_blocks(c, get32(c->cdb + 2), get16(c->cdb + 7));
}

static void
read_12(const struct command *c)
{
	read_blocks(c, get32(c->cdb + 2), get32(c->cdb + 6));
}

static void
read_16(const struct command *c)
{
	read_blocks(c, (uint64_t)get32(c->cdb + 2) << 32 |
	    get32(c->cdb + 6), get32(c->cdb + 10));
}

static void
read_capacity_10(const struct command *c)
{
	put32(c->a->data, (uint32_t)MIN(c->blocks - 1, UINT32_MAX));
	put32(c->a->data + 4, CDROM_BLOCK);
	c->a->len = 8;
}

static void
read_capacity_16(const struct command *c)
{
	if ((c->cdb[1] & 0x1f) != 0x10) {
		illegal(c, CODE_FIELD);
		return;
	}
	put32(c->a->data, (uint32_t)((c->blocks - 1) >> 32));
	put32(c->a->data + 4, (uint32_t)(c->blocks - 1));
	put32(c->a->data + 8, CDROM_BLOCK);
	give(c, 32, get32(c->cdb + 10));
}

/* --- drives for discs ----------------------------------------------------- */

/* A block's address, or minutes, seconds and frames of it. */
static void
put_address(uint8_t *to, uint64_t block, bool msf)
{
	uint64_t frame = block + MSF_OFFSET;

	put32(to, (uint32_t)MIN(block, UINT32_MAX));
	if (!msf)
		return;
	to[0] = 0;
	to[1] = (uint8_t)MIN(frame / (60 * 75), 0xffU);
	to[2] = (uint8_t)(frame / 75 % 60);
	to[3] = (uint8_t)(frame % 75);
}

static void
put_track(uint8_t *to, uint8_t track, uint64_t block, bool msf)
{
	to[1] = CONTROL_DATA;
	to[2] = track;
	put_address(to + 4, block, msf);
}

/* MMC-6, section 6.25: the tracks, or the sessions. */
static void
read_toc(const struct command *c)
{
	uint8_t format = c->cdb[2] & 0xf, first = c->cdb[6], *d = c->a->data;
	bool msf = (c->cdb[1] & 2) != 0;
	uint32_t n = 4;

	if (format == 0)		/* where it was before MMC-3 */
		format = c->cdb[9] >> 6;
	if (format > 1 || (format == 0 && first > 1 && first != LEAD_OUT)) {
		illegal(c, CODE_FIELD);
		return;
	}
	d[2] = d[3] = 1;		/* first and last */
	if (format == 1 || first != LEAD_OUT) {
		put_track(d + n, 1, 0, msf);
		n += 8;
	}
	if (format == 0) {
		put_track(d + n, LEAD_OUT, c->blocks, msf);
		n += 8;
	}
	put16(d, n - 2);
	give(c, n, get16(c->cdb + 7));
}

/* MMC-6, section 6.5; features by number, each with its data. */
static void
get_configuration(const struct command *c)
{
	static const struct {
		uint16_t	number;
		uint8_t		flags;	/* version, persistent, current */
		uint8_t		len;
		uint8_t		data[8];
	} features[] = {
		{ 0x0000, 0x03, 8, { 0, PROFILE_DVD, 0, 0, 0, PROFILE_CD } },
		{ 0x0001, 0x0b, 8, { 0, 0, 0, 1, 1 } },	/* core: SCSI */
		{ 0x0003, 0x03, 4, { 0x20 } },		/* a tray */
		{ 0x0010, 0x01, 8, { 0, 0, 8, 0, 0, 1 } }, /* to be read */
	};
	unsigned wanted = get16(c->cdb + 2), way = c->cdb[1] & 3;
	bool dvd = c->blocks > CD_BLOCKS_MAX;
	uint8_t *d = c->a->data;
	uint32_t n = 8;

	if (way == 3) {
		illegal(c, CODE_FIELD);
		return;
	}
	put16(d + 6, dvd ? PROFILE_DVD : PROFILE_CD);
	for (unsigned i = 0; i < COUNT(features); i++) {
		if (features[i].number < wanted ||
		    (way == 2 && features[i].number != wanted))
			continue;
		put16(d + n, features[i].number);
		d[n + 2] = features[i].flags;
		d[n + 3] = features[i].len;
		memcpy(d + n + 4, features[i].data, features[i].len);
		if (i == 0)		/* which of the profiles it is */
			d[n + (dvd ? 6 : 10)] = 1;
		n += 4 + features[i].len;
	}
	put32(d, n - 4);
	give(c, n, get16(c->cdb + 7));
}

/* MMC-6, section 6.6: nothing ever happens to the disc. */
static void
get_event_status(const struct command *c)
{
	uint8_t *d = c->a->data;
	bool media = (c->cdb[4] & 1 << EVENT_MEDIA) != 0;
	uint32_t n = media ? 8 : 4;

	if ((c->cdb[1] & 1) == 0) {	/* told when there is something */
		illegal(c, CODE_FIELD);
		return;
	}
	put16(d, n - 2);
	d[2] = media ? EVENT_MEDIA : 0x80;
	d[3] = 1 << EVENT_MEDIA;
	if (media)
		d[5] = 0x02;		/* a disc is there */
	give(c, n, get16(c->cdb + 7));
}

/* MMC-6, section 6.21: complete, one session, of one track. */
static void
read_disc_information(const struct command *c)
{
	uint8_t *d = c->a->data;

	if ((c->cdb[1] & 7) != 0) {
		illegal(c, CODE_FIELD);
		return;
	}
	put16(d, 32);
	d[2] = 0x0e;
	d[3] = d[4] = d[5] = d[6] = 1;
	d[7] = 0x20;
	give(c, 34, get16(c->cdb + 7));
}

static void
mechanism_status(const struct command *c)
{
	c->a->data[5] = 1;		/* place for a disc */
	give(c, 8, get32(c->cdb + 6) & 0xffff);
}

/* --- all ------------------------------------------------------------------ */

static const struct {
	uint8_t	code;
	void	(*answer)(const struct command *);
} commands[] = {
	{ 0x00, do_nothing },		/* TEST UNIT READY */
	{ 0x03, request_sense },
	{ 0x08, read_6 },
	{ 0x12, inquiry },
	{ 0x1a, mode_sense_6 },
	{ 0x1b, do_nothing },		/* START STOP UNIT: it stays in */
	{ 0x1e, do_nothing },		/* PREVENT ALLOW MEDIUM REMOVAL */
	{ 0x25, read_capacity_10 },
	{ 0x28, read_10 },
	{ 0x43, read_toc },
	{ 0x46, get_configuration },
	{ 0x4a, get_event_status },
	{ 0x51, read_disc_information },
	{ 0x5a, mode_sense_10 },
	{ 0x88, read_16 },
	{ 0x9e, read_capacity_16 },	/* SERVICE ACTION IN */
	{ 0xa0, report_luns },
	{ 0xa8, read_12 },
	{ 0xbd, mechanism_status },
};

void
cdrom_answer(struct cdrom_answer *ret, uint64_t blocks,
    const uint8_t cdb[CDROM_CDB_BYTES])
{
	const struct command c = { cdb, blocks, ret };

	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < COUNT(commands); i++)
		if (commands[i].code == cdb[0]) {
			commands[i].answer(&c);
			return;
		}
	illegal(&c, CODE_COMMAND);
}

void
cdrom_unreadable(struct cdrom_answer *a)
{
	fail(a, KEY_MEDIUM_ERROR, CODE_UNREADABLE);
}
