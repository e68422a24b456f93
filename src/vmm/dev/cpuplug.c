/* SPDX-License-Identifier: ISC */
/*
 * cpuplug.c - registers by which a guest takes in and gives up processors
 *
 * Process: vmm.  Sandbox, Needs: nothing.
 * Source: ACPI 6.5, section 6.3 (device insertion, removal, and status
 * objects), section 8.4 (declaring processors).
 */

#include <errno.h>
#include <stdlib.h>

#include "lib/json.h"
#include "vmm/acpi.h"
#include "vmm/board.h"
#include "vmm/dev/cpuplug.h"

struct cpuplug {
	struct cpuplug_setup	setup;
	uint32_t		select;
	unsigned		present;	/* processors, from 0 on */
	uint64_t		new_ones;	/* not told yet, a bit each */
	uint64_t		wanted;		/* the same */
};

/* Processors from 'first' to below 'end', a bit each. */
static uint64_t
bits(unsigned first, unsigned end)
{
	uint64_t below = end >= 64 ? UINT64_MAX : (1ULL << end) - 1;

	return first >= 64 ? 0 : below & ~((1ULL << first) - 1);
}

/* Half of 'set', which is told with that. */
static uint32_t
take_half(uint64_t *set, unsigned high)
{
	uint32_t half = (uint32_t)(*set >> 32 * high);

	*set &= ~((uint64_t)UINT32_MAX << 32 * high);
	return half;
}

static uint64_t
cpuplug_read(void *arg, uint64_t offset, unsigned len)
{
	struct cpuplug *c = arg;

	if (len != 4)
		return 0;
	switch (offset) {
	case CPUPLUG_STATUS:
		return c->select < c->present ? CPUPLUG_THERE : 0;
	case CPUPLUG_NEW:
	case CPUPLUG_NEW + 4:
		return take_half(&c->new_ones, offset != CPUPLUG_NEW);
	case CPUPLUG_WANTED:
	case CPUPLUG_WANTED + 4:
		return take_half(&c->wanted, offset != CPUPLUG_WANTED);
	default:
		return 0;
	}
}

static void
cpuplug_write(void *arg, uint64_t offset, unsigned len, uint64_t value)
{
	struct cpuplug *c = arg;

	if (len != 4)
		return;
	if (offset == CPUPLUG_SELECT)
		c->select = (uint32_t)value;
	else if (offset == CPUPLUG_EJECT && value < c->setup.max)
		c->setup.ejected(c->setup.arg, (unsigned)value);
}

static const struct bus_ops cpuplug_ops = {
	.name	= "processors",
	.read	= cpuplug_read,
	.write	= cpuplug_write,
};

int
cpuplug_new(struct cpuplug **ret, const struct cpuplug_setup *s,
    struct err *e)
{
	own_mem struct cpuplug *c = calloc(1, sizeof(*c));
	struct bus_range r = { CPUPLUG_PORT, CPUPLUG_LEN, &cpuplug_ops, c };

	if (c == NULL)
		return err_sys(e, "processors");
	c->setup = *s;
	if (bus_add(&s->board->pio, &r, e) == -1)
		return -1;
	*ret = take(&c);
	return 0;
}

void
cpuplug_destroy(struct cpuplug *c)
{
	if (c == NULL)
		return;
	bus_remove(&c->setup.board->pio, CPUPLUG_PORT);
	free(c);
}

void
cpuplug_present(struct cpuplug *c, unsigned n)
{
	uint64_t more = bits(c->present, n);

	c->present = n;
	c->new_ones &= bits(0, n);
	c->wanted &= bits(0, n);
	if (more == 0)
		return;
	c->new_ones |= more;
	acpi_notify(c->setup.board, ACPI_GSI_CPU);
}

void
cpuplug_request(struct cpuplug *c, unsigned n)
{
	c->wanted |= bits(n, c->present);
	acpi_notify(c->setup.board, ACPI_GSI_CPU);
}

void
cpuplug_reset(struct cpuplug *c, unsigned n)
{
	c->select = 0;
	c->present = n;
	c->new_ones = c->wanted = 0;
}

json_t *
cpuplug_save(const struct cpuplug *c)
{
	return json_pack("{s:I, s:o}", "select", (json_int_t)c->select,
	    "new", json_hex(&c->new_ones, sizeof(c->new_ones)));
}

/* Those that were wanted back are given up before a snapshot. */
int
cpuplug_load(struct cpuplug *c, const json_t *o, struct err *e)
{
	uint64_t select, new_ones;

	if (json_get_u64(&select, o, "select", 0, UINT32_MAX, e) != 1 ||
	    json_get_hex(&new_ones, sizeof(new_ones), o, "new", e) != 1)
		return err_set(e, EINVAL, "processors: no state");
	if (new_ones & ~bits(0, c->present))
		return err_set(e, EINVAL, "processors: new ones that are not "
		    "there");
	c->select = (uint32_t)select;
	c->new_ones = new_ones;
	return 0;
}
