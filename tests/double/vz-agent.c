/* SPDX-License-Identifier: ISC */
/*
 * vz-agent: vminit's agent for a guest of the double, which is this host
 *
 * Descriptor 0 is the connection, 1 where process 1 would hear of a shutdown.
 */

#include <fcntl.h>
#include <unistd.h>

#include "guest/agent.h"

int
main(void)
{
	static const struct guest_config config = { .cwd = "/", .user = "" };
	const struct agent agent = { &config, 1 };
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 3);

	if (fd == -1)
		return 1;
	agent_serve(&agent, fd);
	return 0;
}
