/* SPDX-License-Identifier: ISC */
/*
 * unit.h - what every unit test includes first
 *
 * cmocka with TAP output, and a check that a test file left no descriptor
 * open and no child behind.
 */

#ifndef UNIT_H
#define UNIT_H

#include <sys/types.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static inline int
unit_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

static inline int
unit_leaks(int fds_before)
{
	int bad = 0, now = unit_count_fds();

	if (now != fds_before) {
		fprintf(stderr, "# %d descriptors before, %d after\n",
		    fds_before, now);
		bad = 1;
	}
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
		fprintf(stderr, "# a child was left behind\n");
		bad = 1;
	}
	return bad;
}

/*
 * Bytes of a file which are no hole.  st_blocks is no measure: a file system
 * counts its own there, as ext4 does once a file has more than four extents.
 */
static inline off_t
unit_data_bytes(int fd)
{
	off_t data, hole = 0, sum = 0;

	while ((data = lseek(fd, hole, SEEK_DATA)) != -1) {
		hole = lseek(fd, data, SEEK_HOLE);
		assert_true(hole > data);
		sum += hole - data;
	}
	return sum;
}

#define unit_run(name, tests) __extension__({				\
	int fds_ = unit_count_fds();					\
	int failed_;							\
									\
	cmocka_set_message_output(CM_OUTPUT_TAP);			\
	failed_ = cmocka_run_group_tests_name((name), (tests), NULL, NULL); \
	failed_ != 0 || unit_leaks(fds_);				\
})

#endif
