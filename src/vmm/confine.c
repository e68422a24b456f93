/* SPDX-License-Identifier: ISC */
/* confine.c - vmm gives away what its VM does not need; see confine.h */

#include <string.h>

#include "accel/device.h"
#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/util.h"
#include "os/sandbox.h"
#include "vmm/confine.h"
#include "vmm/machine.h"

/*
 * What is to be made at 'path' is made, renamed and removed in its directory,
 * which is returned: the caller frees it, once it was used.  NULL: nothing
 * is to be made.
 */
static char *
add_place(struct sandbox *s, const char *path)
{
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	char *dir;

	if (path == NULL)
		return NULL;
	dir = slash == NULL ? strdup(".") : slash == path ? strdup("/") :
	    strndup(path, (size_t)(slash - path));
	if (dir != NULL)
		sandbox_add(s, dir, SANDBOX_READ | SANDBOX_WRITE);
	return dir;
}

/* Snapshots and dumps, and what a later boot opens again. */
static void
add_later(struct sandbox *s, const struct machine_files *files)
{
	sandbox_add(s, ".", SANDBOX_READ | SANDBOX_WRITE);
	sandbox_add_fd(s, files->kernel, SANDBOX_READ | SANDBOX_FILE);
	if (files->initrd != -1)
		sandbox_add_fd(s, files->initrd,
		    SANDBOX_READ | SANDBOX_FILE);
}

int
confine_enter(const struct confine *c, const struct vm_config *v,
    const struct machine_files *files, int snapshot, struct err *e)
{
	const char *made[] = { v->serial.file, v->serial.socket,
	    v->console.file, v->console.socket, v->gdb, c->api };
	char *places[COUNT(made)];
	struct sandbox s = { .program = SANDBOX_VMM };
	char missing[SANDBOX_MISSING_MAX];
	int r;

	if (accel_device_keep(e) == -1)
		return err_prefix(e, "/dev/kvm");
	if (!c->once)
		add_later(&s, files);
	for (unsigned i = 0; i < c->npaths; i++)
		sandbox_add(&s, c->paths[i], SANDBOX_READ | SANDBOX_WRITE);
	if (snapshot != -1)
		sandbox_add_fd(&s, snapshot, SANDBOX_READ);
	for (unsigned i = 0; i < COUNT(made); i++)
		places[i] = add_place(&s, made[i]);
	r = sandbox_enter(&s, missing, e);
	for (unsigned i = 0; i < COUNT(made); i++)
		free(places[i]);
	if (r == -1)
		return -1;
	if (missing[0] != '\0')
		log_debug("sandbox without %s", missing);
	return 0;
}
