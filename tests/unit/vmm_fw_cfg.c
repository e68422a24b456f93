/* SPDX-License-Identifier: ISC */
/* vmm_fw_cfg.c - files for firmware, as firmware reads them */

#include "unit.h"
#include "vmm_kit.h"

#include <endian.h>

#include "lib/json.h"
#include "vmm/dev/fw_cfg.h"

#define AT	0x1000		/* of what the guest wants */
#define TO	0x2000

struct world {
	struct kit	 k;
	struct fw_cfg	*f;
};

static void
begin(struct world *w)
{
	kit_init(&w->k);
	assert_int_equal(fw_cfg_new(&w->f, &w->k.board, NULL), 0);
	assert_int_equal(fw_cfg_add(w->f, "etc/one", "1234567", 7, NULL), 0);
	assert_int_equal(fw_cfg_add(w->f, "opt/two", "", 0, NULL), 0);
}

static void
end(struct world *w)
{
	fw_cfg_destroy(w->f);
	kit_fini(&w->k);
}

static void
read_item(struct world *w, unsigned item, void *to, unsigned len)
{
	uint8_t *p = to;

	bus_write(&w->k.board.pio, FW_CFG_PORT, 2, item);
	while (len-- > 0)
		*p++ = (uint8_t)bus_read(&w->k.board.pio, FW_CFG_PORT + 1, 1);
}

static void
bytes(void **state)
{
	struct world w;
	struct {
		uint32_t	count;
		struct {
			uint32_t	len;
			uint16_t	select, reserved;
			char		name[56];
		} entry[2];
	} d;
	char got[16];

	(void)state;
	begin(&w);
	read_item(&w, 0, got, 5);
	assert_memory_equal(got, "QEMU", 5);
	read_item(&w, 1, got, 4);
	assert_memory_equal(got, "\3\0\0\0", 4);
	read_item(&w, 0x19, &d, sizeof(d));
	assert_int_equal(be32toh(d.count), 2);
	assert_int_equal(be32toh(d.entry[0].len), 7);
	assert_string_equal(d.entry[1].name, "opt/two");
	read_item(&w, be16toh(d.entry[0].select), got, 9);
	assert_memory_equal(got, "1234567\0\0", 9);
	read_item(&w, 0xffff, got, 2);
	assert_memory_equal(got, "\0\0", 2);
	end(&w);
}

/* Ask by memory; the answer is the control word. */
static uint32_t
ask(struct world *w, uint32_t control, uint32_t len, uint64_t to)
{
	struct {
		uint32_t	control, len;
		uint64_t	addr;
	} a = { htobe32(control), htobe32(len), htobe64(to) };
	void *at = memory_at(w->k.board.memory, AT, sizeof(a));

	memcpy(at, &a, sizeof(a));
	bus_write(&w->k.board.pio, FW_CFG_PORT + 4, 4, htobe32(0));
	bus_write(&w->k.board.pio, FW_CFG_PORT + 8, 4, htobe32(AT));
	memcpy(&a, at, sizeof(a));
	return be32toh(a.control);
}

static void
memory(void **state)
{
	struct world w;
	char *to;

	(void)state;
	begin(&w);
	assert_int_equal(bus_read(&w.k.board.pio, FW_CFG_PORT + 4, 4),
	    be32toh(0x51454d55));
	assert_int_equal(bus_read(&w.k.board.pio, FW_CFG_PORT + 8, 4),
	    be32toh(0x20434647));
	to = memory_at(w.k.board.memory, TO, 16);
	memset(to, 'x', 16);
	assert_int_equal(ask(&w, 0x20 << 16 | 8 | 4, 2, 0), 0);
	assert_int_equal(ask(&w, 2, 7, TO), 0);
	assert_memory_equal(to, "34567\0\0x", 8);
	end(&w);
}

/* On a board without ports: wide loads, and a selector that is big-endian. */
static void
in_memory(void **state)
{
	struct kit k;
	struct fw_cfg *f;
	struct bus *bus = &k.board.mmio;
	const uint64_t at = 0x9020000;
	uint32_t ask[4] = { htobe32(0x20 << 16 | 8 | 2), htobe32(7), 0,
	    htobe32(TO) };

	(void)state;
	kit_init(&k);
	assert_int_equal(fw_cfg_new_mmio(&f, &k.board, at, NULL), 0);
	assert_int_equal(fw_cfg_add(f, "etc/one", "1234567", 7, NULL), 0);
	fw_cfg_set(f, FW_CFG_MENU, 1);
	bus_write(bus, at + 8, 2, htobe16(0x20));
	assert_true(bus_read(bus, at, 8) == 0x0037363534333231);
	bus_write(bus, at + 8, 2, htobe16(0x0e));
	assert_int_equal(bus_read(bus, at, 2), 1);
	assert_true(bus_read(bus, at + 16, 8) == be64toh(0x51454d5520434647));
	memcpy(memory_at(k.board.memory, AT, 16), ask, sizeof(ask));
	bus_write(bus, at + 16, 8, htobe64(AT));
	assert_memory_equal(memory_at(k.board.memory, TO, 7), "1234567", 7);
	/* Registers that there are not. */
	bus_write(bus, at, 8, 1);
	bus_write(bus, at + 8, 8, 1);
	assert_int_equal(bus_read(bus, at + 8, 8), 0);
	fw_cfg_destroy(f);
	kit_fini(&k);
}

/* Addresses and lengths that lie, writes, words that are not there. */
static void
hostile(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	assert_int_equal(ask(&w, 0x20 << 16 | 8 | 2, 7, KIT_MEMORY - 3), 1);
	assert_int_equal(ask(&w, 2, 7, UINT64_MAX), 1);
	assert_int_equal(ask(&w, 2, UINT32_MAX, 0), 1);
	assert_int_equal(ask(&w, 0x10, 4, TO), 1);
	assert_int_equal(ask(&w, 4, UINT32_MAX, 0), 0);
	assert_int_equal(ask(&w, 4, UINT32_MAX, 0), 0);
	assert_int_equal(ask(&w, 2, 4, TO), 0);
	bus_write(&w.k.board.pio, FW_CFG_PORT + 4, 8, UINT64_MAX);
	bus_write(&w.k.board.pio, FW_CFG_PORT + 8, 4, htobe32(KIT_MEMORY - 1));
	for (unsigned at = 0; at < 12; at++)
		for (unsigned len = 1; len <= 8; len *= 2) {
			bus_write(&w.k.board.pio, FW_CFG_PORT + at, len,
			    UINT64_MAX);
			(void)bus_read(&w.k.board.pio, FW_CFG_PORT + at, len);
		}
	end(&w);
}

static void
full(void **state)
{
	struct world w;
	char name[FW_CFG_NAME_MAX + 2];

	(void)state;
	begin(&w);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(fw_cfg_add(w.f, name, "", 0, NULL), -1);
	name[FW_CFG_NAME_MAX] = '\0';
	for (unsigned i = 2; i < FW_CFG_FILES_MAX; i++)
		assert_int_equal(fw_cfg_add(w.f, name, "", 0, NULL), 0);
	assert_int_equal(fw_cfg_add(w.f, "more", "", 0, NULL), -1);
	end(&w);
}

static void
saved(void **state)
{
	struct world w;
	json_t *s;
	char got[2];

	(void)state;
	begin(&w);
	read_item(&w, 0x20, got, 2);
	s = fw_cfg_save(w.f);
	assert_non_null(s);
	fw_cfg_reset(w.f);
	assert_int_equal(fw_cfg_load(w.f, s, NULL), 0);
	assert_int_equal(bus_read(&w.k.board.pio, FW_CFG_PORT + 1, 1), '3');
	assert_int_equal(json_object_del(s, "at"), 0);
	assert_int_equal(fw_cfg_load(w.f, s, NULL), -1);
	end(&w);
	json_decref(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes),
		cmocka_unit_test(memory),
		cmocka_unit_test(in_memory),
		cmocka_unit_test(hostile),
		cmocka_unit_test(full),
		cmocka_unit_test(saved),
	};

	return unit_run("vmm_fw_cfg", tests);
}
