/* SPDX-License-Identifier: ISC */
/* vm_exit.c - exit.json there and back, and one that lies */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "chapi/exit.h"
#include "lib/io.h"
#include "lib/util.h"

static char dir[32];
static int dirfd_;

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/vm_exit.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_ == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlinkat(dirfd_, "exit.json", 0);
	close(dirfd_);
	return rmdir(dir);
}

static void
there_and_back(void **state)
{
	struct vm_exit in, out;
	struct err e;

	(void)state;
	for (int i = 0; i <= VM_EXIT_RESTARTED; i++) {
		in.code = (enum vm_exit_code)i;
		snprintf(in.reason, sizeof(in.reason), "it \"%s\"\n",
		    vm_exit_word(in.code));
		assert_int_equal(vm_exit_write(dirfd_, &in, &e), 0);
		assert_int_equal(vm_exit_read(&out, dirfd_, &e), 0);
		assert_int_equal(out.code, in.code);
		assert_string_equal(out.reason, in.reason);
	}
	assert_int_equal(vm_exit_clear(dirfd_, &e), 0);
	assert_int_equal(vm_exit_clear(dirfd_, &e), 0);
	assert_int_equal(vm_exit_read(&out, dirfd_, &e), -1);
	assert_int_equal(e.num, ENOENT);
}

static void
lies(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}",
	    "{\"code\":\"bored\"}", "{\"code\":3}",
	    "{\"code\":\"shut_down\",\"reason\":7}" };
	struct vm_exit out;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(file_replace(dirfd_, "exit.json", bad[i],
		    strlen(bad[i]), 0600, &e), 0);
		assert_int_equal(vm_exit_read(&out, dirfd_, &e), -1);
		assert_non_null(strstr(e.text, "exit.json"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_and_back, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(lies, setup, teardown),
	};

	return unit_run("vm_exit", tests);
}
