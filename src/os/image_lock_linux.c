/* SPDX-License-Identifier: ISC */
/*
 * image_lock_linux.c - os_lock_image() by locks of open file descriptions
 *
 * In the way of QEMU's file-posix.c, whose bytes are documented in its
 * "Image locking": byte 100 + n is locked (shared) by who does n with the
 * image, byte 200 + n by who does not let others do n.  Who comes takes its
 * own bytes first and then looks whether the others' fit.
 */

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "os/os.h"

#define BYTE_DOES	100
#define BYTE_DENIES	200
#define USES		4	/* read, write, write unchanged, resize */
#define READS		0x1U
#define WRITES		(0x2U | 0x8U)	/* and resizes */

#define TRIES		50	/* a killed process's ring holds its files */
#define TRY_NS		20000000L

static int
set(int fd, unsigned byte, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET,
	    .l_start = byte, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &l);
}

/* Does anybody else hold the byte? */
static int
is_held(int fd, unsigned byte)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = byte, .l_len = 1 };

	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

static int
take(int fd, unsigned does, unsigned denies)
{
	for (unsigned i = 0; i < USES; i++) {
		if (does & 1U << i && set(fd, BYTE_DOES + i, F_RDLCK) == -1)
			return -1;
		if (denies & 1U << i &&
		    set(fd, BYTE_DENIES + i, F_RDLCK) == -1)
			return -1;
	}
	return 0;
}

void
os_unlock_image(int fd)
{
	for (unsigned i = 0; i < USES; i++) {
		(void)set(fd, BYTE_DOES + i, F_UNLCK);
		(void)set(fd, BYTE_DENIES + i, F_UNLCK);
	}
}

static int
conflicts(int fd, unsigned does, unsigned denies)
{
	for (unsigned i = 0; i < USES; i++)
		if ((does & 1U << i && is_held(fd, BYTE_DENIES + i)) ||
		    (denies & 1U << i && is_held(fd, BYTE_DOES + i)))
			return 1;
	return 0;
}

int
os_lock_image(int fd, int writes, struct err *e)
{
	static const struct timespec pause = { .tv_nsec = TRY_NS };
	unsigned does = READS | (writes ? WRITES : 0), denies = WRITES;

	for (unsigned n = 0; n < TRIES; n++) {
		/* Some file systems have no locks. */
		if (take(fd, does, denies) == -1 && errno != EAGAIN &&
		    errno != EACCES)
			return 0;
		if (!conflicts(fd, does, denies))
			return 0;
		os_unlock_image(fd);
		(void)nanosleep(&pause, NULL);
	}
	return err_set(e, EBUSY, writes ? "the image is in use" :
	    "the image is being written by another program");
}
