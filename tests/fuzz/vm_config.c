/* SPDX-License-Identifier: ISC */
/*
 * vm_config.c - fuzz: VmConfig, and the command line that comes of it
 *
 * A config that is taken is printed, taken again, and the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chapi/vm_config.h"
#include "qemu/command.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* No value reaches QEMU as an option of its own. */
static void
check_command(const struct vm_config *v)
{
	struct command_host host = { .tsc_khz = 1, .qmp_fd = 3,
	    .console_fd = 4 };
	struct command c;
	struct err e;

	if (command_make(&c, v, &host, &e) == -1)
		abort();
	if (c.argc < 10 || strcmp(c.argv[1], "-nodefaults") != 0)
		abort();
	command_fini(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	own_json json_t *in = NULL, *out = NULL, *again = NULL;
	struct vm_config a, b;
	struct err e;

	if (json_parse(&in, data, len, &e) == -1 ||
	    vm_config_parse(&a, in, &e) == -1)
		return 0;
	check_command(&a);
	out = vm_config_json(&a);
	if (out == NULL || vm_config_parse(&b, out, &e) == -1)
		abort();
	again = vm_config_json(&b);
	if (again == NULL || !json_equal(out, again))
		abort();
	vm_config_fini(&a);
	vm_config_fini(&b);
	return 0;
}
