/* SPDX-License-Identifier: ISC */
/*
 * image_lock_darwin.c - os_lock_image() by flock(2)
 *
 * The locks of open files by bytes, which QEMU's programs would see, are not
 * in macOS's headers: ours exclude each other, QEMU's are told nothing.
 */

#include <sys/file.h>

#include <errno.h>
#include <time.h>

#include "os/os.h"

#define TRIES		50	/* for a process that is just ending */
#define TRY_NS		20000000L

void
os_unlock_image(int fd)
{
	(void)flock(fd, LOCK_UN);
}

int
os_lock_image(int fd, int writes, struct err *e)
{
	static const struct timespec pause = { .tv_nsec = TRY_NS };

	for (unsigned n = 0; n < TRIES; n++) {
		if (flock(fd, (writes ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
			return 0;
		/* Some file systems have no locks. */
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	return err_set(e, EBUSY, writes ? "the image is in use" :
	    "the image is being written by another program");
}
