/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmm-qemu: a VMM that lets QEMU run the guest
 *
 * Process: one a VM, with one QEMU as its child, which dies with it.
 * Sandbox: vmm-qemu's row of os/sandbox.h; QEMU inherits it.
 * Needs: the working directory, fd 3 (report), the API socket, lifelines.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "accel/probe.h"
#include "lib/json.h"
#include "lib/log.h"
#include "os/event.h"
#include "qemu/host.h"
#include "qemu/qemu.h"

#define REPORT_FD	3	/* by contract */

static void __attribute__((noreturn))
usage(void)
{
	(void)dprintf(STDERR_FILENO, "usage: vmm-qemu [-v] [-A auto | %s | "
	    "tcg] [-n NAME] -a FD [-L NAME=FD]...\n"
	    "       vmm-qemu -p | -P\n", qemu_host.accel);
	exit(2);
}

/* -p: say which accelerator "auto" takes here. */
static int
probe(void)
{
	unsigned slowdown;
	struct err e;

	if (accel_probe(&slowdown, &e) == 0)
		printf("%s\n", qemu_host.accel);
	else
		printf("tcg: %s\n", e.text);
	return 0;
}

/* -P: the same for a program, as the lines of a job on descriptor 3. */
static int
probe_job(void)
{
	own_json json_t *line = NULL;
	own_mem char *text = NULL;
	unsigned slowdown;
	struct err e = { 0 };
	int r = accel_probe(&slowdown, &e);

	line = json_pack("{s:s, s:s, s:s, s:s*}", "event", "probe", "accel",
	    r == 0 ? qemu_host.accel : "tcg", "reason", e.text,
	    "hint", r == 0 ? accel_probe_hint() : NULL);
	text = line == NULL ? NULL : json_print(line);
	return text == NULL || dprintf(REPORT_FD,
	    "%s\n{\"event\":\"done\"}\n", text) < 0;
}

static int
run(struct vmm_setup *setup, enum launch_accel accel, struct err *e)
{
	OWN(qemu_destroy) struct qemu *q = NULL;
	OWN(vmm_destroy) struct vmm *vmm = NULL;

	if (qemu_new(&q, setup->loop, accel, e) == -1)
		return -1;
	setup->arg = q;
	if (vmm_new(&vmm, setup, e) == -1)
		return -1;
	qemu_attach(q, vmm);
	vmm_report(NULL);
	event_loop_run(setup->loop);
	return 0;
}

int
main(int argc, char *argv[])
{
	struct vmm_setup setup = { .backend = &qemu_backend };
	enum launch_accel accel = LAUNCH_AUTO;
	const char *name = "vmm-qemu";
	int opt, verbose = 0;
	struct err e;

	while ((opt = getopt(argc, argv, "A:a:L:n:pPv")) != -1) {
		if (opt == 'p')
			return probe();
		if (opt == 'P')
			return probe_job();
		if (opt == 'v')
			verbose++;
		else if (opt == 'n')
			name = optarg;
		else if (opt == 'A' ?
		    launch_accel_parse(&accel, optarg, &e) == -1 :
		    vmm_option(&setup, opt, optarg) == -1)
			usage();
	}
	if (optind != argc || setup.api == 0)
		usage();
	log_init(name, LOG_STYLE_PLAIN, verbose);
	if (event_loop_new(&setup.loop, &e) == -1 ||
	    run(&setup, accel, &e) == -1) {
		vmm_report(&e);
		fatalx("%s", e.text);
	}
	event_loop_destroy(setup.loop);
	return 0;
}
