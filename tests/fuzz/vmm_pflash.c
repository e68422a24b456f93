/* SPDX-License-Identifier: ISC */
/*
 * vmm_pflash.c - fuzz target: flash, and what programs it
 *
 * Loads and stores of any width, states saved and loaded, states that lie.
 * At each moment the file has what the flash has, and the guest reads by
 * itself in one mode only.
 */

#include <unistd.h>

#include "lib/json.h"
#include "os/os.h"
#include "vmm_kit.h"
#include "vmm/dev/pflash.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define AT	0x4000000ULL
#define BYTES	(2 * (uint64_t)PFLASH_BLOCK)

static void
save_load(struct pflash *f)
{
	json_t *o = pflash_save(f);

	if (o == NULL || pflash_load(f, o, NULL) == -1)
		abort();
	json_decref(o);
}

/* A state of two numbers that somebody made up. */
static void
lie(struct pflash *f, unsigned mode, uint64_t window)
{
	json_t *o = json_pack("{s:i,s:i,s:i,s:I,s:s}", "mode", mode, "status",
	    128, "left", (int)(window % 600), "window", (json_int_t)window,
	    "buffer", "z2048.");

	(void)pflash_load(f, o, NULL);
	json_decref(o);
}

static void
one(struct kit *k, struct pflash *f, const uint8_t *p)
{
	uint64_t at = (p[1] | (uint64_t)p[2] << 8 | (uint64_t)p[3] << 16) %
	    (BYTES - 8);
	unsigned len = 1U << (p[0] >> 2) % 4;

	switch (p[0] & 3) {
	case 0:
		(void)bus_read(&k->board.mmio, AT + at, len);
		break;
	case 1:			/* a command, to both chips */
		bus_write(&k->board.mmio, AT + at, 4, p[4] | p[4] << 16);
		break;
	case 2:
		bus_write(&k->board.mmio, AT + at, len, p[4] * 0x0101010101ULL);
		break;
	default:
		if (p[4] < 8)
			pflash_reset(f);
		else if (p[4] < 128)
			save_load(f);
		else
			lie(f, p[4] - 128U, at);
	}
}

static void
compare(struct kit *k, int fd, struct pflash *f)
{
	uint8_t file[4096];

	pflash_reset(f);
	if (k->vm.flash.bytes != BYTES)
		abort();
	for (uint64_t at = 0; at < BYTES; at += sizeof(file))
		if (pread(fd, file, sizeof(file), (off_t)at) !=
		    (ssize_t)sizeof(file) || memcmp(file,
		    (uint8_t *)k->vm.flash.host + at, sizeof(file)) != 0)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct kit k;
	struct pflash_setup s = { .board = &k.board, .addr = AT,
	    .slot = MEMORY_SLOT_VARIABLES, .bytes = BYTES };
	struct pflash *f;

	kit_init(&k);
	s.fd = os_memfd("flash", 0, NULL);
	if (s.fd == -1 || pflash_new(&f, &s, NULL) == -1)
		abort();
	for (; len >= 5; p += 5, len -= 5)
		one(&k, f, p);
	compare(&k, s.fd, f);
	pflash_destroy(f);
	(void)close(s.fd);
	kit_fini(&k);
	return 0;
}
