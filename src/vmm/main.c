/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmm: our own virtual machine monitor
 *
 * Three ways to start it: by vmd (-a), by a person (byhand.c), and to ask
 * whether this host is good for it (--probe, -P).
 *
 * Process: one a VM.  Sandbox: entered by backend.c before the guest runs.
 * Needs: /dev/kvm, or its descriptor; of vmd the working directory, fd 3
 * (report), the API socket and lifelines.
 */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/device.h"
#include "accel/probe.h"
#include "lib/log.h"
#include "lib/num.h"
#include "os/event.h"
#include "vmm/backend.h"
#include "vmm/byhand.h"
#include "vmm/confine.h"
#include "vmm/probe_job.h"

static void __attribute__((noreturn))
usage(void)
{
	(void)dprintf(STDERR_FILENO,
	    "usage: vmm [-v] [-k FD] [-n NAME] [-R FD] -a FD [-L NAME=FD]...\n"
	    "       vmm [-v] --kernel FILE [--initramfs FILE] [--cmdline TEXT]"
	    " ...\n"
	    "       vmm [-v] --firmware FILE [--boot disk|cdrom|net] ...\n"
	    "       vmm [-v] --restore DIRECTORY ...\n"
	    "       vmm [-v] --api-socket PATH\n"
	    "       vmm --probe | -P [-k FD]\n");
	exit(2);
}

/* --probe: can VMs run here?  0 yes, 1 no, with the reason. */
static int
probe(void)
{
	const char *hint;
	unsigned slowdown;
	struct err e;

	if (accel_host->check(&e) == -1 || accel_probe(&slowdown, &e) == -1) {
		printf("unusable: %s\n", e.text);
		return 1;
	}
	printf("usable: %s\n", accel_host->name);
	if ((hint = accel_probe_hint()) != NULL)
		printf("hint: %s\n", hint);
	return 0;
}

/* -k: the device file, which a VM's own user may not open. */
static int
give_device(const char *arg)
{
	uint64_t fd;

	if (num_parse(&fd, arg, STDERR_FILENO + 1, INT_MAX, NULL) == -1)
		return -1;
	accel_device_give((int)fd);
	return 0;
}

static int
serve(struct vmm_setup *setup, struct err *e)
{
	OWN(backend_destroy) struct backend *backend = NULL;
	OWN(vmm_destroy) struct vmm *vmm = NULL;
	const struct confine confine = { .npaths = 0 };
	const struct backend_setup b = { .loop = setup->loop,
	    .accel = accel_host, .confine = &confine,
	    .brake = true };

	if (backend_new(&backend, &b, e) == -1)
		return -1;
	setup->arg = backend;
	if (vmm_new(&vmm, setup, e) == -1)
		return -1;
	backend_attach(backend, vmm);
	vmm_report(NULL);
	event_loop_run(setup->loop);
	return 0;
}

static int
run(struct vmm_setup *setup)
{
	struct err e;

	if (event_loop_new(&setup->loop, &e) == -1 ||
	    serve(setup, &e) == -1) {
		vmm_report(&e);
		fatalx("%s", e.text);
	}
	event_loop_destroy(setup->loop);
	return 0;
}

/* Started by vmd, or to answer its question. */
static int
by_vmd(int argc, char *argv[])
{
	struct vmm_setup setup = { .backend = &machine_backend };
	const char *name = "vmm";
	int opt, verbose = 0;
	bool job = false;

	while ((opt = getopt(argc, argv, "a:k:L:n:PR:v")) != -1) {
		if (opt == 'v')
			verbose++;
		else if (opt == 'n')
			name = optarg;
		else if (opt == 'P')
			job = true;
		else if (opt == 'k' ? give_device(optarg) == -1 :
		    vmm_option(&setup, opt, optarg) == -1)
			usage();
	}
	if (optind != argc || job == (setup.api != 0))
		usage();
	log_init(name, LOG_STYLE_PLAIN, verbose);
	return job ? probe_job(-1) : run(&setup);
}

int
main(int argc, char *argv[])
{
	if (argc == 1 || strcmp(argv[1], "--help") == 0)
		usage();
	if (argc == 2 && strcmp(argv[1], "--probe") == 0)
		return probe();
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--", 2) == 0)
			return byhand(argc, argv);
	return by_vmd(argc, argv);
}
