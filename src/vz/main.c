/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmm-vz: a VMM that lets Apple's Virtualization.framework run the
 * guest
 *
 * Process: one a VM; the guest is in a process of the framework's, which
 * ends with it.
 * Sandbox: none of ours.
 * Needs: the working directory, fd 3 (report), the API socket, lifelines,
 * sockets of network cards.
 */

#include <sys/resource.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/json.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/event.h"
#include "vz/backend.h"
#include "vz/machine.h"
#include "vz/vsock.h"

#define REPORT_FD	3	/* by contract */
#define FDS_OTHER	256	/* beside those of connections, three each */

static void __attribute__((noreturn))
usage(void)
{
	(void)dprintf(STDERR_FILENO, "usage: vmm-vz [-v] [-n NAME] [-R FD] "
	    "-a FD [-L NAME=FD]...\n"
	    "       vmm-vz -P\n");
	exit(2);
}

/* -P: can guests be run here?  As the lines of a job on descriptor 3. */
static int
probe_job(void)
{
	own_json json_t *line = NULL;
	own_mem char *text = NULL;
	struct err e = { 0 };
	int r = machine_host(&e);

	line = json_pack("{s:s, s:b, s:s, s:s}", "event", "probe",
	    "usable", r == 0, "accel", "vz", "reason", e.text);
	text = line == NULL ? NULL : json_print(line);
	return text == NULL || dprintf(REPORT_FD,
	    "%s\n{\"event\":\"done\"}\n", text) < 0;
}

/* macOS gives a program 256: each connection of a guest's takes three. */
static void
limit_fds(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return;
	rl.rlim_cur = MIN((rlim_t)3 * VSOCK_CONNS_MAX + FDS_OTHER,
	    rl.rlim_max);
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}

static int
run(struct vmm_setup *setup, struct err *e)
{
	OWN(vz_destroy) struct vz *v = NULL;
	OWN(vmm_destroy) struct vmm *vmm = NULL;

	if (machine_host(e) == -1 || vz_new(&v, setup, e) == -1 ||
	    vmm_new(&vmm, setup, e) == -1 || vz_attach(v, vmm, e) == -1)
		return -1;
	vmm_report(NULL);
	event_loop_run(setup->loop);
	return 0;
}

int
main(int argc, char *argv[])
{
	struct vmm_setup setup = { .backend = NULL };
	const char *name = "vmm-vz";
	int opt, verbose = 0;
	struct err e;

	while ((opt = getopt(argc, argv, "a:L:n:PR:v")) != -1) {
		if (opt == 'P')
			return probe_job();
		if (opt == 'v')
			verbose++;
		else if (opt == 'n')
			name = optarg;
		else if (vmm_option(&setup, opt, optarg) == -1)
			usage();
	}
	if (optind != argc || setup.api == 0)
		usage();
	log_init(name, LOG_STYLE_PLAIN, verbose);
	limit_fds();
	if (event_loop_new(&setup.loop, &e) == -1 ||
	    run(&setup, &e) == -1) {
		vmm_report(&e);
		fatalx("%s", e.text);
	}
	event_loop_destroy(setup.loop);
	return 0;
}
