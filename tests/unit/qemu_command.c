/* SPDX-License-Identifier: ISC */
/*
 * qemu_command.c - QEMU's command lines, against what they should be
 *
 * tests/unit/qemu_command/NAME.json becomes NAME.args, an argument a line.
 * The name's second word is the accelerator: "small.tcg.json".
 */

#include <fcntl.h>
#include <glob.h>
#include <string.h>

#include "unit.h"
#include "lib/buf.h"
#include "lib/io.h"
#include "qemu/command.h"

#define FILE_LEN_MAX	65536
#define WHERE		"tests/unit/qemu_command/"

static void
compare(const char *json)
{
	struct command_host host = { .tsc_khz = 2445430, .qmp_fd = 3,
	    .console_fd = 4 };
	own_json json_t *doc = NULL;
	struct buf in, want, got;
	struct vm_config v;
	struct command c;
	char name[256];
	struct err e;

	buf_init(&in, FILE_LEN_MAX);
	buf_init(&want, FILE_LEN_MAX);
	buf_init(&got, FILE_LEN_MAX);
	assert_int_equal(file_read(&in, AT_FDCWD, json, &e), 0);
	snprintf(name, sizeof(name), "%.*s.args", (int)strlen(json) - 5, json);
	assert_int_equal(file_read(&want, AT_FDCWD, name, &e), 0);
	host.kvm = strstr(json, ".kvm.") != NULL;

	assert_int_equal(json_parse(&doc, in.data, in.len, &e), 0);
	assert_int_equal(vm_config_parse(&v, doc, &e), 0);
	assert_int_equal(command_make(&c, &v, &host, &e), 0);
	for (size_t i = 0; i < c.argc; i++)
		assert_int_equal(buf_printf(&got, "%s\n", c.argv[i]), 0);
	assert_null(c.argv[c.argc]);
	if (strcmp((char *)want.data, (char *)got.data) != 0)
		fprintf(stderr, "# %s became:\n%s", json, (char *)got.data);
	assert_string_equal((char *)want.data, (char *)got.data);

	command_fini(&c);
	vm_config_fini(&v);
	buf_fini(&in);
	buf_fini(&want);
	buf_fini(&got);
}

static void
golden(void **state)
{
	glob_t g;

	(void)state;
	assert_int_equal(glob(WHERE "*.json", 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		compare(g.gl_pathv[i]);
	globfree(&g);
}

/* The largest VM that is allowed has a command line too. */
static void
largest(void **state)
{
	struct command_host host = { .tsc_khz = 1, .qmp_fd = 3 };
	struct vm_config v = { .kernel = "k", .cpus = VM_CPUS_MAX,
	    .memory.size = VM_MEMORY_MAX, .ndisks = VM_DISKS_MAX,
	    .nnets = VM_NETS_MAX, .rng = true, .console.mode = VM_STREAM_SOCKET,
	    .console.socket = "s", .vsock = { "s", "v", 3 } };
	struct command c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < v.ndisks; i++)
		v.disks[i] = (struct vm_disk){ .id = "d", .socket = "s",
		    .readonly = true, .queues = 1 };
	for (size_t i = 0; i < v.nnets; i++)
		v.nets[i] = (struct vm_net){ .id = "n", .socket = "s",
		    .mac = "m", .queues = 1 };
	assert_int_equal(command_make(&c, &v, &host, &e), 0);
	command_fini(&c);
	command_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(largest),
	};

	return unit_run("qemu_command", tests);
}
