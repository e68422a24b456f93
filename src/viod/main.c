/* SPDX-License-Identifier: ISC */
/*
 * main.c - viod: one virtio device of one VM, in a process of its own
 *
 * The first argument says which kind of device; see viod(8).  Those that
 * need libraries which the others should not have to load are a program
 * beside this one, with the same main().
 *
 * Process: viod.  Sandbox: entered by viod_run(), when everything that
 * needs more is done.  Needs: descriptors 3 to 5 and the device's own.
 */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "os/os.h"
#include "viod/viod.h"

/* Returns only when that cannot be. */
static void
run_program(const char *program, char **argv)
{
	char dir[PATH_MAX], path[PATH_MAX + 32];
	struct err e;

	if (os_exe_dir(dir, sizeof(dir), &e) == 0) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, program);
		(void)execv(path, argv);
		(void)err_sys(&e, "%s", path);
	}
	(void)dprintf(STDERR_FILENO, "viod: %s\n", e.text);
}

int
main(int argc, char *argv[])
{
	struct viod_start start = { .loop = NULL };
	int ret;

	if (argc < 2)
		viod_usage(NULL);
	for (const struct viod_command *c = viod_commands; c->name != NULL;
	    c++) {
		if (strcmp(argv[1], c->name) != 0)
			continue;
		if (c->main == NULL) {
			run_program(c->program, argv);
			return 1;
		}
		start.device = c->name;
		start.sandbox.program = c->sandbox;
		ret = c->main(&start, argc - 1, argv + 1);
		event_loop_destroy(start.loop);
		return ret;
	}
	viod_usage(NULL);
}
