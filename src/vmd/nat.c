/* SPDX-License-Identifier: ISC */
/* nat.c - the table of nftables for local interfaces; see nat.h */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/own.h"
#include "os/os.h"
#include "vmd/nat.h"

#define FORWARD		"/proc/sys/net/ipv4/ip_forward"
#define RULES_MAX	2048	/* bytes */

/* Anew as a whole, in one transaction. */
static const char rules[] =
    "table inet vmd\n"
    "delete table inet vmd\n"
    "table inet vmd {\n"
    "	chain postrouting {\n"
    "		type nat hook postrouting priority srcnat; policy accept;\n"
    "		iifgroup %1$u oifgroup != %1$u masquerade;\n"
    "	}\n"
    "%2$s"
    "}\n";
/* Nothing refers to it: that it is there is what it says. */
static const char record[] =
    "	chain forwards {\n"
    "	}\n";

static void __attribute__((noreturn))
exec_nft(int in, const char *const argv[])
{
	static const char *const programs[] = { "/usr/sbin/nft", "/sbin/nft",
	    "/usr/bin/nft" };
	static char *const env[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)dup2(in != -1 ? in : null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		(void)execve(programs[i], (char *const *)(uintptr_t)argv, env);
	_exit(errno == ENOENT ? 127 : 126);
}

/*
 * Run nft(8), with rules for its standard input or without; its status.  It
 * is reaped here, before the loop hears of its end.
 */
static int
nft(const char *input, const char *const argv[])
{
	own_fd int in = -1;
	pid_t pid;
	int status;

	if (input != NULL) {
		in = os_memfd("rules", strlen(input), NULL);
		if (in == -1 || pwrite(in, input, strlen(input), 0) == -1)
			return -1;
	}
	pid = fork();
	if (pid == 0)
		exec_nft(in, argv);
	if (pid == -1)
		return -1;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Did we have the host forward packets? */
static bool
is_ours(void)
{
	static const char *const argv[] = { "nft", "list", "chain", "inet",
	    "vmd", "forwards", NULL };

	return nft(NULL, argv) == 0;
}

/* Does the host forward packets? */
static bool
forwards(void)
{
	own_fd int fd = open(FORWARD, O_RDONLY | O_CLOEXEC);
	char c = '0';

	return fd != -1 && read(fd, &c, 1) == 1 && c != '0';
}

static int
set_forward(const char *value)
{
	own_fd int fd = open(FORWARD, O_WRONLY | O_CLOEXEC);

	return fd == -1 ? -1 : write_full(fd, value, strlen(value));
}

int
nat_begin(struct err *e)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	char text[RULES_MAX];
	bool was = forwards(), ours = !was || is_ours();
	int status;

	(void)snprintf(text, sizeof(text), rules, NAT_GROUP,
	    ours ? record : "");
	status = nft(text, argv);
	if (status == 127)
		return err_set(e, ENOENT, "local interface: there is no "
		    "nft(8) on this host (package nftables)");
	if (status != 0)
		return err_set(e, EIO, "local interface: nft(8) refuses the "
		    "table \"inet vmd\", status %d", status);
	if (!was && set_forward("1\n") == -1)
		return err_sys(e, "local interface: %s", FORWARD);
	return 0;
}

void
nat_end(void)
{
	static const char *const argv[] = { "nft", "delete", "table", "inet",
	    "vmd", NULL };

	if (forwards() && is_ours() && set_forward("0\n") == -1)
		log_warn("%s", FORWARD);
	(void)nft(NULL, argv);
}
