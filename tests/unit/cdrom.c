/* SPDX-License-Identifier: ISC */
/* cdrom.c - what a CD drive answers, byte by byte */

#include "unit.h"

#include <string.h>

#include "lib/util.h"
#include "viod/cdrom.h"

#define BLOCKS	1000U

static struct cdrom_answer a;

/* The command in these bytes, zeroes behind. */
static void
ask(const char *bytes, size_t n)
{
	uint8_t cdb[CDROM_CDB_BYTES] = { 0 };

	memcpy(cdb, bytes, n);
	memset(&a, 0xa5, sizeof(a));
	cdrom_answer(&a, BLOCKS, cdb);
}
#define ASK(bytes)	ask(bytes, sizeof(bytes) - 1)

static void
data(const void *bytes, size_t n)
{
	assert_int_equal(a.status, CDROM_GOOD);
	assert_int_equal(a.nblocks, 0);
	assert_int_equal(a.len, n);
	assert_memory_equal(a.data, bytes, n);
}
#define DATA(bytes)	data(bytes, sizeof(bytes) - 1)

/* CHECK CONDITION, in the fixed format. */
static void
sense(unsigned key, unsigned code)
{
	assert_int_equal(a.status, CDROM_CHECK);
	assert_int_equal(a.len, 0);
	assert_int_equal(a.nblocks, 0);
	assert_int_equal(a.sense[0], 0x70);
	assert_int_equal(a.sense[2], key);
	assert_int_equal(a.sense[7], 10);
	assert_int_equal(a.sense[12] << 8 | a.sense[13], code);
}

static void
inquiry(void **state)
{
	(void)state;
	ASK("\x12\0\0\0\x24");
	assert_int_equal(a.len, 36);
	assert_memory_equal(a.data, "\x05\x80\x05\x02\x1f\0\0\0"
	    "VMD     CD-ROM          1.0 ", 36);
	ASK("\x12\0\0\0\x05");		/* as Linux asks first, or shorter */
	DATA("\x05\x80\x05\x02\x1f");
	ASK("\x12\0\0\x01\0");
	assert_int_equal(a.len, 36);
	ASK("\x12\x01\0\0\xff");
	DATA("\x05\0\0\x02\0\x83");
	ASK("\x12\x01\x83\0\xff");
	DATA("\x05\x83\0\x12\x02\x01\0\x0eVMD     CD-ROM");
	ASK("\x12\x01\x80\0\xff");
	sense(5, 0x2400);
	ASK("\x12\0\x83\0\xff");	/* a page, and not a page */
	sense(5, 0x2400);
}

static void
ready(void **state)
{
	static const char good[] = { 0x00, 0x1b, 0x1e };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		ask(&good[i], 1);
		data("", 0);
	}
	ASK("\x03\0\0\0\x12");
	DATA("\x70\0\0\0\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0");
	ASK("\xa0\0\0\0\0\0\0\0\0\x10");
	DATA("\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0");
	ASK("\xa0\0\x01\0\0\0\0\0\0\x10");
	DATA("\0\0\0\0\0\0\0\0");
	ASK("\xa0\0\0\0\0\0\0\0\0\x0f");
	sense(5, 0x2400);
	ASK("\x2a");			/* WRITE(10) and all the others */
	sense(5, 0x2000);
}

static void
capacity(void **state)
{
	uint8_t cdb[CDROM_CDB_BYTES] = { 0x25 };

	(void)state;
	ASK("\x25");
	DATA("\0\0\x03\xe7\0\0\x08\0");
	ASK("\x9e\x10\0\0\0\0\0\0\0\0\0\0\0\x20");
	assert_int_equal(a.len, 32);
	assert_memory_equal(a.data, "\0\0\0\0\0\0\x03\xe7\0\0\x08\0", 12);
	ASK("\x9e\x11");
	sense(5, 0x2400);
	/* More than 32 bits: READ CAPACITY(16) is to be asked. */
	cdrom_answer(&a, 1ULL << 33, cdb);
	DATA("\xff\xff\xff\xff\0\0\x08\0");
}

static void
blocks(uint64_t block, uint32_t n)
{
	assert_int_equal(a.status, CDROM_GOOD);
	assert_int_equal(a.len, 0);
	assert_int_equal(a.block, block);
	assert_int_equal(a.nblocks, n);
}

static void
reads(void **state)
{
	(void)state;
	ASK("\x08\xe0\x01\x02\x03");	/* three bits are no address */
	blocks(0x102, 3);
	ASK("\x08\0\0\0\0");
	blocks(0, 256);
	ASK("\x28\0\0\0\x03\xe7\0\0\x01");
	blocks(999, 1);
	ASK("\x28\0\0\0\x03\xe8\0\0\0");
	blocks(1000, 0);
	ASK("\xa8\0\0\0\0\x01\0\0\0\x02");
	blocks(1, 2);
	ASK("\x88\0\0\0\0\0\0\0\0\x01\0\0\0\x02");
	blocks(1, 2);
	ASK("\x28\0\0\0\x03\xe7\0\0\x02");
	sense(5, 0x2100);
	ASK("\x28\0\0\0\x03\xe9\0\0\0");
	sense(5, 0x2100);
	ASK("\x88\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x02");
	sense(5, 0x2100);
	ASK("\xa8\0\0\0\0\x01\xff\xff\xff\xff");
	sense(5, 0x2100);
	ASK("\x28\0\0\0\0\0\0\x02\0");
	blocks(0, CDROM_READ_MAX);
	ASK("\x28\0\0\0\0\0\0\x02\x01");
	sense(5, 0x2400);
	cdrom_unreadable(&a);
	sense(3, 0x1100);
}

static void
toc(void **state)
{
	(void)state;
	ASK("\x43\0\0\0\0\0\x01\0\x0c");
	DATA("\0\x12\x01\x01\0\x14\x01\0\0\0\0\0");
	ASK("\x43\0\0\0\0\0\0\0\xff");
	DATA("\0\x12\x01\x01\0\x14\x01\0\0\0\0\0\0\x14\xaa\0\0\0\x03\xe8");
	ASK("\x43\x02\0\0\0\0\xaa\0\xff");	/* 1150 frames: 15 s, 25 */
	DATA("\0\x0a\x01\x01\0\x14\xaa\0\0\0\x0f\x19");
	ASK("\x43\0\x01\0\0\0\0\0\xff");
	DATA("\0\x0a\x01\x01\0\x14\x01\0\0\0\0\0");
	ASK("\x43\0\0\0\0\0\0\0\x0c\x40");	/* the same, in the old way */
	DATA("\0\x0a\x01\x01\0\x14\x01\0\0\0\0\0");
	ASK("\x43\0\0\0\0\0\x02\0\xff");
	sense(5, 0x2400);
	ASK("\x43\0\x02\0\0\0\0\0\xff");
	sense(5, 0x2400);
}

static void
modes(void **state)
{
	(void)state;
	ASK("\x5a\0\x2a\0\0\0\0\0\xff");
	DATA("\0\x1a\0\0\0\0\0\0\x2a\x12\x0b\0\0\0\x20\0\x02\xc2\0\0\0\0"
	    "\x02\xc2\0\0\0\0");
	ASK("\x1a\0\x01\0\xff");
	DATA("\x0b\0\0\0\x01\x06\0\0\0\0\0\0");
	ASK("\x1a\0\x3f\0\xff");
	assert_int_equal(a.len, 4 + 8 + 20);
	ASK("\x1a\0\x6a\0\xff");	/* what of it may be changed: nothing */
	DATA("\x17\0\0\0\x2a\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
	ASK("\x1a\0\xea\0\xff");
	sense(5, 0x3900);
	ASK("\x1a\0\x0e\0\xff");
	sense(5, 0x2400);
	ASK("\x5a\0\x2a\0\0\0\0\0\x02");
	DATA("\0\x1a");
}

static void
disc(void **state)
{
	uint8_t cdb[CDROM_CDB_BYTES] = { 0x46, [8] = 8 };

	(void)state;
	ASK("\x46\0\0\0\0\0\0\0\x08");
	DATA("\0\0\0\x30\0\0\0\x08");
	cdrom_answer(&a, 1000000, cdb);
	DATA("\0\0\0\x30\0\0\0\x10");
	ASK("\x46\x02\0\x10\0\0\0\0\xff");
	DATA("\0\0\0\x10\0\0\0\x08\0\x10\x01\x08\0\0\x08\0\0\x01\0\0");
	ASK("\x46\x02\0\x1f\0\0\0\0\xff");
	DATA("\0\0\0\x04\0\0\0\x08");
	ASK("\x46\x03\0\0\0\0\0\0\xff");
	sense(5, 0x2400);
	ASK("\x4a\x01\0\0\x10\0\0\0\x08");
	DATA("\0\x06\x04\x10\0\x02\0\0");
	ASK("\x4a\x01\0\0\x40\0\0\0\x08");
	DATA("\0\x02\x80\x10");
	ASK("\x4a\0\0\0\x10\0\0\0\x08");
	sense(5, 0x2400);
	ASK("\x51\0\0\0\0\0\0\0\x08");
	DATA("\0\x20\x0e\x01\x01\x01\x01\x20");
	ASK("\x51\x01\0\0\0\0\0\0\x08");
	sense(5, 0x2400);
	ASK("\xbd\0\0\0\0\0\0\0\0\x08");
	DATA("\0\0\0\0\0\x01\0\0");
}

/* Every command with every way to fill it: an answer within its bounds. */
static void
any(void **state)
{
	static const uint8_t fill[] = { 0, 1, 2, 0x10, 0x7f, 0x80, 0xff };
	uint8_t cdb[CDROM_CDB_BYTES];

	(void)state;
	for (unsigned code = 0; code < 256; code++)
		for (size_t i = 0; i < COUNT(fill); i++) {
			memset(cdb, fill[i], sizeof(cdb));
			cdb[0] = (uint8_t)code;
			cdrom_answer(&a, BLOCKS, cdb);
			assert_true(a.len <= CDROM_DATA_MAX);
			assert_true(a.nblocks <= CDROM_READ_MAX);
			assert_true(a.block + a.nblocks <= BLOCKS);
			assert_true(a.status == CDROM_GOOD ||
			    a.len + a.nblocks == 0);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inquiry),
		cmocka_unit_test(ready),
		cmocka_unit_test(capacity),
		cmocka_unit_test(reads),
		cmocka_unit_test(toc),
		cmocka_unit_test(modes),
		cmocka_unit_test(disc),
		cmocka_unit_test(any),
	};

	return unit_run("cdrom", tests);
}
