/* SPDX-License-Identifier: ISC */
/*
 * vmm_ask.c - fuzz: bodies of calls that change a VM
 *
 * The first byte chooses the call.  What is asked for is a config that the
 * parser takes again.
 */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chapi/vmm_ask.h"
#include "lib/util.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char base[] = "{\"payload\":{\"kernel\":\"k\"},"
    "\"cpus\":{\"boot_vcpus\":2},\"memory\":{\"size\":268435456},"
    "\"balloon\":{},\"disks\":[{\"id\":\"disk0\",\"vhost_user\":true,"
    "\"vhost_socket\":\"s\"}]}";

static const struct {
	ask_fn		*fn;
	const char	*list;
} calls[] = {
	{ ask_resize, NULL },
	{ ask_add, "disks" },
	{ ask_add, "net" },
	{ ask_add, "fs" },
	{ ask_add, "vsock" },
	{ ask_remove, NULL },
	{ ask_coredump, NULL },
	{ ask_snapshot, NULL },
	{ ask_restore, NULL },
};

static void
check(const struct ask *a)
{
	own_json json_t *doc = NULL;
	struct vm_config c;
	struct err e;

	if (a->ask.next == NULL)
		return;
	doc = vm_config_json(a->ask.next);
	if (doc == NULL || vm_config_parse(&c, doc, &e) == -1)
		abort();
	vm_config_fini(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct vmm_backend backend = { .name = "fuzz" };
	own_json json_t *doc = NULL, *body = NULL;
	struct ask_from from = { .backend = &backend, .restore = -1,
	    .dirfd = -1 };
	struct vm_config config;
	struct ask a;
	struct err e;
	unsigned n;

	if (len == 0 || json_parse(&body, data + 1, len - 1, &e) == -1)
		return 0;
	if (json_parse(&doc, base, strlen(base), &e) == -1 ||
	    vm_config_parse(&config, doc, &e) == -1)
		abort();
	n = data[0] % COUNT(calls);
	from.config = &config;
	from.list = calls[n].list;
	ask_init(&a);
	if (calls[n].fn(&a, &from, body, &e) == 0)
		check(&a);
	ask_fini(&a);
	vm_config_fini(&config);
	return 0;
}
