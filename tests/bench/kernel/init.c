/* SPDX-License-Identifier: ISC */
/*
 * kernel_init.c - the /init of the kernel benchmark
 *
 * Under QEMU's -icount shift=0 the time-stamp counter counts instructions
 * since the machine began.  It is read before anything else and told through
 * QEMU's debug port, so that no console driver takes part.
 */

#include <sys/io.h>
#include <sys/reboot.h>

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define DEBUG_PORT	0xe9

static uint64_t
instructions(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

int
main(void)
{
	uint64_t n = instructions();
	char text[32];
	int len = snprintf(text, sizeof(text), "%llu\n",
	    (unsigned long long)n);

	if (ioperm(DEBUG_PORT, 1, 1) == 0)
		for (int i = 0; i < len; i++)
			outb((unsigned char)text[i], DEBUG_PORT);
	(void)reboot(RB_POWER_OFF);
	for (;;)
		(void)pause();
}
