/* SPDX-License-Identifier: ISC */
/*
 * main.c - vmd-share: a directory of the host for a VM
 *
 * It opens the directory with the rights it was started with, gives up all
 * others (jail.h) and becomes QEMU's virtiofsd, which speaks vhost-user and
 * FUSE on the listening socket it is handed.
 *
 * Process: one for each share of a VM, as the user whose share it is.
 * Sandbox: namespaces and a filter, jail.h; then virtiofsd's own: chroot(2)
 * into the directory, and a list of system calls.
 * Needs: fd 3 (report), 4 (lifeline of the VMM), 5 (vhost-user socket), all
 * of which but 3 virtiofsd keeps; user namespaces.
 */

#include <sys/resource.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/own.h"
#include "share/jail.h"

#define FD_REPORT	3
#define FD_LIFELINE	4
#define FD_LISTEN	5

/* Of Debian's package qemu-system-common. */
#define VIRTIOFSD	"/usr/lib/qemu/virtiofsd"

static void __attribute__((noreturn))
usage(void)
{
	(void)fputs("usage: vmd-share [-rv] directory\n"
	    "vmd starts it, with descriptors 3 to 5: see vmd-share(8)\n",
	    stderr);
	exit(2);
}

static void
report(const char *line)
{
	(void)write_full(FD_REPORT, line, strlen(line));
	(void)close(FD_REPORT);
}

static void __attribute__((noreturn))
refuse(const struct err *e)
{
	char line[ERR_TEXT_MAX + 8];

	(void)snprintf(line, sizeof(line), "error %s\n", e->text);
	report(line);
	log_err(e, "cannot share");
	exit(1);
}

/* It holds a descriptor for every file that the guest knows of. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int
prepare(const char *path, bool readonly, struct err *e)
{
	own_fd int fd = -1;

	if (path[0] != '/')
		return err_set(e, EINVAL, "%s: not an absolute path", path);
	if (access(VIRTIOFSD, X_OK) == -1)
		return err_sys(e, "a shared directory is served by virtiofsd, "
		    "of Debian's package qemu-system-common: " VIRTIOFSD);
	raise_limit();
	fd = jail_enter(path, readonly, e);
	if (fd == -1 || jail_filter(e) == -1)
		return -1;
	/* These it keeps; the report's end is ours to write. */
	if (fd_cloexec(fd, 0) == -1 || fd_cloexec(FD_LIFELINE, 0) == -1 ||
	    fd_cloexec(FD_LISTEN, 0) == -1 || fd_cloexec(FD_REPORT, 1) == -1)
		return err_sys(e, "descriptors");
	return take_fd(&fd);
}

int
main(int argc, char *argv[])
{
	char source[64];
	const char *words[] = { VIRTIOFSD, "--fd=5", "--rlimit-nofile=0", "-o",
	    source, "-o", "sandbox=chroot", "-o", "log_level=warn", "-f",
	    NULL };
	const char *none[] = { NULL };
	bool readonly = false;
	struct err e;
	int ch, fd, verbose = 0;

	while ((ch = getopt(argc, argv, "rv")) != -1)
		switch (ch) {
		case 'r':
			readonly = true;
			break;
		case 'v':
			verbose++;
			break;
		default:
			usage();
		}
	if (argc - optind != 1)
		usage();
	log_init("vmd-share", LOG_STYLE_PLAIN, verbose);
	fd = prepare(argv[optind], readonly, &e);
	if (fd == -1)
		refuse(&e);
	(void)snprintf(source, sizeof(source), "source=/proc/self/fd/%d/.",
	    fd);
	/* The socket listens already: who connects waits for its accept(2). */
	report("ok\n");
	(void)execve(VIRTIOFSD, (char *const *)(uintptr_t)words,
	    (char *const *)(uintptr_t)none);
	log_warn(VIRTIOFSD);
	return 1;
}
