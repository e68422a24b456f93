/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmm-null: a VMM that runs nothing
 *
 * It answers the Cloud Hypervisor API as vmm does, so that everything above
 * a VMM can be tested, and measured, without a guest.
 *
 * Process: one a VM.  Sandbox: none; it runs nothing and opens nothing.
 * Needs: the working directory, fd 3 (report), the API socket.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chapi/vm_config.h"
#include "chapi/vmm.h"
#include "lib/log.h"
#include "null/snapshot.h"
#include "os/event.h"

struct null {
	struct vmm	*vmm;
	uint64_t	 reboots;
	uint64_t	 nmis;
	uint64_t	 breaks;
	uint64_t	 clocks;	/* how often it was told to look */
	unsigned	 cols, rows;	/* of the console it would have */
	bool		 restored;
	bool		 prefetched;
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

static void
null_nmi(void *arg)
{
	struct null *n = arg;

	n->nmis++;
	vmm_done(n->vmm, NULL);
}

static void
null_break(void *arg)
{
	struct null *n = arg;

	n->breaks++;
	vmm_done(n->vmm, NULL);
}

static void
null_clock(void *arg)
{
	struct null *n = arg;

	n->clocks++;
	vmm_done(n->vmm, NULL);
}

static void
null_console_size(void *arg)
{
	struct null *n = arg;

	n->cols = vmm_ask(n->vmm)->cols;
	n->rows = vmm_ask(n->vmm)->rows;
	vmm_done(n->vmm, NULL);
}

/* A place on a bus that is not there, the same as long as a device is. */
static void
bdf(char *buf, size_t len, unsigned slot)
{
	(void)snprintf(buf, len, "0000:00:%02x.0", slot & 0x1f);
}

static void
null_add(void *arg)
{
	struct null *n = arg;
	const struct vmm_ask *ask = vmm_ask(n->vmm);
	const struct vm_config *c = ask->next;
	char at[16];

	bdf(at, sizeof(at), (unsigned)(c->ndisks + c->nnets + c->nfs));
	vmm_answer(n->vmm, json_pack("{s:s, s:s}", "id", ask->id,
	    "bdf", at));
}

static void
null_coredump(void *arg)
{
	struct null *n = arg;
	struct err e;

	(void)err_set(&e, ENOTSUP, "there is no guest to dump");
	vmm_done(n->vmm, &e);
}

static void
null_snapshot(void *arg)
{
	struct null *n = arg;
	const struct vmm_ask *ask = vmm_ask(n->vmm);
	struct err e;

	if (snapshot_write(ask->dirfd, ask->path, vmm_config(n->vmm),
	    n->reboots, &e) == -1)
		vmm_done(n->vmm, &e);
	else
		vmm_done(n->vmm, NULL);
}

static void
null_restore(void *arg)
{
	struct null *n = arg;
	const struct vmm_ask *ask = vmm_ask(n->vmm);
	struct err e;

	if (snapshot_read(&n->reboots, ask->dirfd, &e) == -1 ||
	    (ask->prefetch && snapshot_read_set(ask->dirfd, &e) == -1)) {
		vmm_done(n->vmm, &e);
		return;
	}
	n->restored = true;
	n->prefetched = ask->prefetch;
	vmm_done(n->vmm, NULL);
}

static void
null_working_set(void *arg)
{
	struct null *n = arg;
	const struct vmm_ask *ask = vmm_ask(n->vmm);
	struct err e;

	if (!n->restored)
		(void)err_set(&e, ENOTSUP, "working set: the VM was not "
		    "restored");
	if (!n->restored ||
	    snapshot_write_set(ask->dirfd, ask->path, &e) == -1)
		vmm_done(n->vmm, &e);
	else
		vmm_done(n->vmm, NULL);
}

static void
null_send(void *arg)
{
	struct null *n = arg;
	const struct vmm_ask *ask = vmm_ask(n->vmm);
	struct err e;

	if (snapshot_send(ask->dirfd, ask->path, vmm_config(n->vmm),
	    n->reboots, &e) == -1)
		vmm_done(n->vmm, &e);
	else
		vmm_answer(n->vmm, json_pack("{s:i, s:i}", "rounds", 1,
		    "last_pages", 0));
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

	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:i, s:i, s:b}",
	    "hypervisor", "null",
	    "reboots", (json_int_t)n->reboots, "nmis", (json_int_t)n->nmis,
	    "breaks", (json_int_t)n->breaks,
	    "clocks", (json_int_t)n->clocks, "cols", (int)n->cols,
	    "rows", (int)n->rows, "prefetched", n->prefetched);
}

static json_t *
null_counters(void *arg)
{
	(void)arg;
	return json_object();
}

static void
null_describe(void *arg, json_t *info)
{
	struct null *n = arg;
	const struct vm_config *c = vmm_config(n->vmm);
	json_t *tree = json_object();
	const char *ids[VM_DISKS_MAX + VM_NETS_MAX + VM_FS_MAX];
	char at[16];
	size_t k = 0;

	for (size_t i = 0; i < c->ndisks; i++)
		ids[k++] = c->disks[i].id;
	for (size_t i = 0; i < c->nnets; i++)
		ids[k++] = c->nets[i].id;
	for (size_t i = 0; i < c->nfs; i++)
		ids[k++] = c->fs[i].id;
	for (size_t i = 0; i < k; i++) {
		bdf(at, sizeof(at), (unsigned)i + 1);
		(void)json_object_set_new(tree, ids[i], json_pack(
		    "{s:s, s:s}", "id", ids[i], "pci_bdf", at));
	}
	(void)json_object_set_new(info, "device_tree", tree);
	(void)json_object_set_new(info, "memory_actual_size",
	    json_integer((json_int_t)(c->memory.size - c->balloon.size)));
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
		[VMM_RESIZE]		= null_act,
		[VMM_ADD]		= null_add,
		[VMM_REMOVE]		= null_act,
		[VMM_NMI]		= null_nmi,
		[VMM_BREAK]		= null_break,
		[VMM_CLOCK]		= null_clock,
		[VMM_CONSOLE_SIZE]	= null_console_size,
		[VMM_COREDUMP]		= null_coredump,
		[VMM_SNAPSHOT]		= null_snapshot,
		[VMM_RESTORE]		= null_restore,
		[VMM_WORKING_SET]	= null_working_set,
		[VMM_SEND]		= null_send,
	},
	.kill		= null_kill,
	.info		= null_info,
	.counters	= null_counters,
	.describe	= null_describe,
};

static void __attribute__((noreturn))
usage(void)
{
	(void)dprintf(STDERR_FILENO, "usage: vmm-null [-v] [-n NAME] [-R FD] "
	    "-a FD [-L NAME=FD]...\n");
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

	while ((opt = getopt(argc, argv, "a:L:n:R:v")) != -1) {
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
	if (event_loop_new(&setup.loop, &e) == -1 ||
	    vmm_new(&vmm, &setup, &e) == -1) {
		vmm_report(&e);
		fatalx("%s", e.text);
	}
	n.vmm = vmm;
	vmm_report(NULL);
	event_loop_run(setup.loop);
	vmm_destroy(vmm);
	event_loop_destroy(setup.loop);
	return 0;
}
