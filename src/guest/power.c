/* SPDX-License-Identifier: ISC */
/* power.c - the end of the guest; see power.h */

#include <sys/reboot.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest/power.h"
#include "lib/io.h"
#include "lib/own.h"

#define SYSTEMD_POWEROFF	(34 + 4)	/* systemd(1): SIGRTMIN+4 */

/* The kernel's "Power down" would stand behind the command's last words. */
static void
quiet_kernel(void)
{
	own_fd int fd = open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);

	if (fd != -1)
		(void)write_full(fd, "0", 1);
}

void
power_off(void)
{
	sync();
	quiet_kernel();
	(void)reboot(RB_POWER_OFF);
	/* A machine without a switch stays here; its monitor ends it. */
	for (;;)
		(void)pause();
}

static bool
is_systemd(void)
{
	own_fd int fd = -1;
	char name[16] = "";

	fd = open("/proc/1/comm", O_RDONLY | O_CLOEXEC);
	if (fd == -1 || read_full(fd, name, sizeof(name) - 1) == -1)
		return false;
	return strcmp(name, "systemd\n") == 0;
}

int
power_ask_init(const struct agent_stop *s, struct err *e)
{
	struct timespec grace = {
		.tv_sec = (time_t)(s->grace_ms / 1000),
		.tv_nsec = (long)(s->grace_ms % 1000) * 1000000,
	};
	/* The stop signal of systemd's images only halts: the VM stays. */
	int sig = is_systemd() ? SYSTEMD_POWEROFF : s->signal;
	pid_t pid;

	pid = fork();
	if (pid == -1)
		return err_sys(e, "shutdown");
	if (pid == 0) {
		(void)setsid();
		(void)nanosleep(&grace, NULL);
		power_off();
	}
	if (kill(1, sig) == -1)
		return err_sys(e, "process 1");
	return 0;
}
