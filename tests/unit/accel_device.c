/* SPDX-License-Identifier: ISC */
/* accel_device.c - whose descriptor is used, and what a refusal says */

#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "accel/device.h"

static void
test_given(void **state)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC), own;
	struct stat a, b;

	(void)state;
	accel_device_give(fd);
	own = accel_device_open(NULL);
	assert_int_not_equal(own, -1);
	assert_int_not_equal(own, fd);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(own, &b), 0);
	assert_int_equal(a.st_rdev, b.st_rdev);
	assert_int_equal(fcntl(own, F_GETFD), FD_CLOEXEC);
	assert_int_equal(close(own), 0);
	assert_int_equal(close(fd), 0);
}

/* One that is kept is the one that was given. */
static void
test_kept(void **state)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC), own;
	struct stat a, b;

	(void)state;
	accel_device_give(fd);
	assert_int_equal(accel_device_keep(NULL), 0);
	own = accel_device_open(NULL);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstat(own, &b), 0);
	assert_int_equal(a.st_rdev, b.st_rdev);
	assert_int_equal(close(own), 0);
	assert_int_equal(close(fd), 0);
}

static void
test_given_and_closed(void **state)
{
	struct err e;

	(void)state;
	accel_device_give(999);
	assert_int_equal(accel_device_open(&e), -1);
	assert_int_equal(e.num, EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_given_and_closed),
	};

	return unit_run("accel_device", tests);
}
