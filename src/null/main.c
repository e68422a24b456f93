/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmm-null: a VMM that runs nothing
 *
 * It answers the Cloud Hypervisor API as vmm-qemu does, so that everything
 * above a VMM can be tested, and measured, without a guest.
 *
 * Process: one a VM.  Sandbox: none; it runs nothing and opens nothing.
 * Needs: the working directory, fd 3 (report), the API socket.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "chapi/vmm.h"
#include "lib/log.h"

struct null {
	struct vmm	*vmm;
	uint64_t	 reboots;
};

/* Whatever was asked for has happened. */
static void
null_act(void *arg)
{
	struct null *n = arg;

	vmm_done(n->vmm, NULL);
}

static void
null_reboot(void *arg)
{
	struct null *n = arg;

	n->reboots++;
	vmm_done(n->vmm, NULL);
}

/* A guest that obeys at once. */
static void
null_power_button(void *arg)
{
	struct null *n = arg;

	vmm_done(n->vmm, NULL);
	vmm_end(n->vmm, VM_EXIT_POWERED_OFF, "guest powered off");
}

static void
null_kill(void *arg)
{
	(void)arg;
}

static json_t *
null_info(void *arg)
{
	const struct null *n = arg;

	return json_pack("{s:s, s:I}", "hypervisor", "null",
	    "reboots", (json_int_t)n->reboots);
}

static json_t *
null_counters(void *arg)
{
	(void)arg;
	return json_object();
}

static const struct vmm_backend null_backend = {
	.name		= "null",
	.act		= {
		[VMM_BOOT]		= null_act,
		[VMM_PAUSE]		= null_act,
		[VMM_RESUME]		= null_act,
		[VMM_SHUTDOWN_NOW]	= null_act,
		[VMM_REBOOT]		= null_reboot,
		[VMM_POWER_BUTTON]	= null_power_button,
	},
	.kill		= null_kill,
	.info		= null_info,
	.counters	= null_counters,
};

static void __attribute__((noreturn))
usage(void)
{
	(void)dprintf(STDERR_FILENO,
	    "usage: vmm-null [-v] [-n NAME] -a FD [-L NAME=FD]...\n");
	exit(2);
}

int
main(int argc, char *argv[])
{
	struct vmm *vmm = NULL;
	struct null n = { .reboots = 0 };
	struct vmm_setup setup = { .backend = &null_backend, .arg = &n };
	const char *name = "vmm-null";
	int opt, verbose = 0;
	struct err e;

	while ((opt = getopt(argc, argv, "a:L:n:v")) != -1) {
		if (opt == 'v')
			verbose++;
		else if (opt == 'n')
			name = optarg;
		else if (vmm_option(&setup, opt, optarg) == -1)
			usage();
	}
	if (optind != argc || setup.api == NULL)
		usage();
	log_init(name, LOG_STYLE_PLAIN, verbose);
	setup.base = event_base_new();
	if (setup.base == NULL)
		fatalx("no event loop");
	if (vmm_new(&vmm, &setup, &e) == -1) {
		vmm_report(&e);
		fatalx("%s", e.text);
	}
	n.vmm = vmm;
	vmm_report(NULL);
	(void)event_base_dispatch(setup.base);
	vmm_destroy(vmm);
	event_base_free(setup.base);
	return 0;
}
