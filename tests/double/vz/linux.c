/* SPDX-License-Identifier: ISC */
/*
 * linux.c - what the double's guest does when it is one of vmd's
 *
 *	vz.agent	port 2222 is vminit's agent, as it is, in a process that
 *			runs commands here on the host; port 1024 is told when
 *			the guest begins; a shutdown switches it off
 *	vz.net		who sends to the socket "guest.net" of datagrams is the
 *			guest's network: frames come to the socket "test.net"
 *
 * The agent is the program "vz-agent" beside this one: connection on 0, where
 * it tells of a shutdown on 1.
 */

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "double.h"
#include "linux.h"
#include "os/os.h"

extern char **environ;

bool
linux_has(struct objc *config, const char *word)
{
	struct objc *line = double_get(double_get(config, "setBootLoader:"),
	    "setCommandLine:");
	const char *text = line == NULL ? NULL : double_text(line);

	return text != NULL && strstr(text, word) != NULL;
}

bool
linux_agent(int fd)
{
	char path[PATH_MAX + 16], dir[PATH_MAX], *argv[] = { path, NULL };
	posix_spawn_file_actions_t files;
	bool asked = false;
	int stop[2], r;
	pid_t pid;
	char c;

	if (os_exe_dir(dir, sizeof(dir), NULL) == -1 || os_pipe(stop) == -1)
		double_broken("no agent");
	(void)snprintf(path, sizeof(path), "%s/vz-agent", dir);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_adddup2(&files, fd, 0);
	(void)posix_spawn_file_actions_adddup2(&files, stop[1], 1);
	r = posix_spawn(&pid, path, &files, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)close(stop[1]);
	if (r != 0)
		double_broken("%s: %s", path, strerror(r));
	while (read(stop[0], &c, 1) == 1)
		asked = true;
	(void)close(stop[0]);
	(void)waitpid(pid, NULL, 0);
	return asked;
}

int
linux_net(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX,
	    .sun_path = "guest.net" };
	int fd = os_socket(AF_UNIX, SOCK_DGRAM);

	(void)unlink(a.sun_path);
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		double_broken("guest.net");
	return fd;
}

void
linux_frame(int net, const void *frame, size_t len)
{
	static const struct sockaddr_un a = { .sun_family = AF_UNIX,
	    .sun_path = "test.net" };

	/* Nobody there: it is lost, as on a wire. */
	(void)sendto(net, frame, len, MSG_DONTWAIT,
	    (const struct sockaddr *)&a, sizeof(a));
}
