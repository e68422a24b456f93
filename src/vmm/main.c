/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmm: our own virtual machine monitor
 *
 * Process: one a VM.  Sandbox: none yet is entered: nothing runs.
 * Needs: /dev/kvm.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/probe.h"

/* --probe: can VMs run here?  0 yes, 1 no, with the reason. */
static int
probe(void)
{
	unsigned slowdown;
	struct err e;

	if (accel_probe(&slowdown, &e) == -1) {
		printf("unusable: %s\n", e.text);
		return 1;
	}
	printf("usable: kvm\n");
	return 0;
}

int
main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "--probe") == 0)
		return probe();
	(void)dprintf(STDERR_FILENO, "usage: vmm --probe\n");
	return 2;
}
