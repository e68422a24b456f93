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
#include "lib/num.h"
#include "vmm/probe_job.h"

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

/* -P [-k FD]: the same for vmd-control. */
static int
job(int argc, char *argv[])
{
	uint64_t fd;

	if (argc == 2)
		return probe_job(-1);
	if (argc != 4 || strcmp(argv[2], "-k") != 0 ||
	    num_parse(&fd, argv[3], 3, INT16_MAX, NULL) == -1)
		return 2;
	return probe_job((int)fd);
}

int
main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "--probe") == 0)
		return probe();
	if (argc >= 2 && strcmp(argv[1], "-P") == 0)
		return job(argc, argv);
	(void)dprintf(STDERR_FILENO, "usage: vmm --probe\n");
	return 2;
}
