/* SPDX-License-Identifier: ISC */
/* memory.c - memory that is not of pages of 16 KiB, or not there */

#include "contract.h"

static void
map(uint64_t at, uint64_t ipa, uint64_t len)
{
	vm_only();
	(void)hv_vm_map(ram + at, RAM + ipa, len, HV_MEMORY_READ);
}

static void
map_half_a_host_page(void)
{
	map(4096, 0, HV_PAGE);
}

static void
map_half_a_guest_page(void)
{
	map(0, 4096, HV_PAGE);
}

static void
map_half_a_length(void)
{
	map(0, 0, HV_PAGE + 4096);
}

static void
map_nothing(void)
{
	map(0, 0, 0);
}

static void
protect_half_a_page(void)
{
	map(0, 0, RAM_LEN);
	(void)hv_vm_protect(RAM + 4096, HV_PAGE, HV_MEMORY_READ);
}

static void
unmap_half_a_page(void)
{
	map(0, 0, RAM_LEN);
	(void)hv_vm_unmap(RAM, 4096);
}

static void
unmap_what_is_not(void)
{
	map(0, 0, RAM_LEN);
	(void)hv_vm_unmap(RAM + RAM_LEN, HV_PAGE);
}

static void
map_well(void)
{
	vm_only();
	MUST(hv_vm_map(ram, RAM, RAM_LEN, HV_MEMORY_READ));
	EXPECT(hv_vm_map(ram, RAM + HV_PAGE, HV_PAGE, HV_MEMORY_READ) !=
	    HV_SUCCESS);
	MUST(hv_vm_unmap(RAM, RAM_LEN));
	MUST(hv_vm_map(ram, RAM + HV_PAGE, HV_PAGE, HV_MEMORY_READ));
	MUST(hv_vm_destroy());
}

#define ODD	", 16384 bytes: not of 16 KiB"

static const struct row memory_table[] = {
	{ "memory of half a host page", map_half_a_host_page, ODD },
	{ "memory of half a guest page", map_half_a_guest_page, ODD },
	{ "memory of half a length", map_half_a_length,
	    ", 20480 bytes: not of 16 KiB" },
	{ "memory of no length", map_nothing, ", 0 bytes: not of 16 KiB" },
	{ "half a page protected", protect_half_a_page,
	    "hv_vm_protect: 0 at 0x40001000" ODD },
	{ "half a page taken away", unmap_half_a_page,
	    "hv_vm_unmap: 0 at 0x40000000, 4096 bytes: not of 16 KiB" },
	{ "memory that is not there taken away", unmap_what_is_not,
	    "hv_vm_unmap: nothing was mapped at 0x40010000" },
	{ "memory as it should be", map_well, NULL },
};
const struct rows memory_rows = ROWS(memory_table);
