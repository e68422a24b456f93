/* SPDX-License-Identifier: ISC */
/* copy.c - copies of files, their holes left out; see os.h */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/io.h"
#include "lib/own.h"
#include "os/os.h"

#define COPY_BYTES	65536	/* at once, where there is no better way */

/* [data, hole), which has no holes; less where 'from' has become shorter. */
static int
copy_range(int to, int from, off_t data, off_t hole)
{
	off_t in = data, out = data;
	ssize_t n;

	while (in < hole) {
		n = os_copy_range(from, &in, to, &out, (size_t)(hole - in));
		if (n <= 0)
			return (int)n;
	}
	return 0;
}

static int
copy_data(int to, int from, off_t size)
{
	off_t data = 0, hole;

	while ((data = lseek(from, data, SEEK_DATA)) != -1 && data < size) {
		hole = lseek(from, data, SEEK_HOLE);
		if (hole == -1 || copy_range(to, from, data, hole) == -1)
			return -1;
		data = hole;
	}
	/* ENXIO: no data is left. */
	return data == -1 && errno != ENXIO ? -1 : 0;
}

static int
copy_bytes(int to, int from)
{
	char block[COPY_BYTES];
	ssize_t n;

	if (lseek(from, 0, SEEK_SET) == -1 || lseek(to, 0, SEEK_SET) == -1)
		return -1;
	while ((n = read(from, block, sizeof(block))) > 0)
		if (write_full(to, block, (size_t)n) == -1)
			return -1;
	return n == -1 ? -1 : 0;
}

int
os_copy_file(int to, int from, struct err *e)
{
	struct stat st;

	if (fstat(from, &st) == -1 || ftruncate(to, st.st_size) == -1)
		return err_sys(e, "copy");
	if (copy_data(to, from, st.st_size) == 0)
		return 0;
	if (errno == ENOSPC || errno == EDQUOT)
		return err_sys(e, "copy");
	/* Different file systems, or one that knows neither call. */
	return copy_bytes(to, from) == -1 ? err_sys(e, "copy") : 0;
}

int
os_copy_new(int from, const struct os_name *n, struct err *e)
{
	own_fd int to = os_clone(from, n);

	if (to != -1)
		return take_fd(&to);
	to = openat(n->dirfd, n->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, n->mode);
	if (to == -1)
		return err_sys(e, "make %s", n->name);
	if (os_copy_file(to, from, e) == 0)
		return take_fd(&to);
	(void)unlinkat(n->dirfd, n->name, 0);
	return err_prefix(e, "%s", n->name);
}
