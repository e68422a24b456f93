/* SPDX-License-Identifier: ISC */
/*
 * sandbox_darwin.c - sandbox_enter() on macOS
 *
 * Resource limits, and a profile of sandbox(7) made of the program's row and
 * paths (seatbelt.c).  It binds the process with all its threads, also for
 * what it executes.
 */

#include <sys/param.h>
#include <sys/resource.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/util.h"
#include "os/sandbox.h"
#include "os/sandbox_row.h"
#include "os/seatbelt.h"

/* In a header that newer systems have only as deprecated. */
int	sandbox_init(const char *profile, uint64_t flags, char **error);
void	sandbox_free_error(char *error);

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED	1
#else
#define SANITIZED	0
#endif

static int
set_limits(const struct sandbox_row *row, struct err *e)
{
	struct rlimit none = { 0, 0 }, files;
	int most = 0;
	size_t n = sizeof(most);

	/* A core would hold guest memory or secrets. */
	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    getrlimit(RLIMIT_NOFILE, &files) == -1)
		return err_sys(e, "sandbox: limits");
	files.rlim_max = MIN(files.rlim_max, (rlim_t)row->nofile);
	/* More than this is refused. */
	if (sysctlbyname("kern.maxfilesperproc", &most, &n, NULL, 0) == 0)
		files.rlim_max = MIN(files.rlim_max, (rlim_t)most);
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) == -1)
		return err_sys(e, "sandbox: limit of descriptors");
	return 0;
}

int
sandbox_enter(const struct sandbox *s, char missing[SANDBOX_MISSING_MAX],
    struct err *e)
{
	static struct seatbelt p;
	char *error = NULL;

	missing[0] = '\0';
	if (SANITIZED) {
		(void)snprintf(missing, SANDBOX_MISSING_MAX,
		    "everything (sanitizer)");
		return 0;
	}
	if (set_limits(&sandbox_rows[s->program], e) == -1 ||
	    seatbelt_make(&p, s, e) == -1)
		return -1;
	if (sandbox_init(p.text, 0, &error) == 0)
		return 0;
	(void)err_set(e, EPERM, "sandbox: %s",
	    error != NULL ? error : "refused");
	if (error != NULL)
		sandbox_free_error(error);
	return -1;
}

/* Threads cannot have less than their process. */
int
sandbox_enter_vcpu(struct err *e)
{
	(void)e;
	return 0;
}
