/* SPDX-License-Identifier: ISC */
/* conf.c - a vm.conf of any bytes: no crash, and a normal form that is one */

#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/request.h"
#include "lib/buf.h"
#include "lib/json.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define PRINT_MAX	(64U << 20)

static struct conf *
parse(const void *data, size_t len)
{
	struct conf_input in = { .name = "fuzz.conf" };
	struct conf *c = conf_new();

	in.fd = memfd_create("conf", 0);
	if (in.fd == -1 || write(in.fd, data, len) != (ssize_t)len ||
	    lseek(in.fd, 0, SEEK_SET) == -1)
		abort();
	if (conf_parse(c, &in) == 0)
		return c;
	if (c->errors == 0 || TAILQ_EMPTY(&c->messages))
		abort();
	conf_destroy(c);
	return NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct conf *c = parse(data, len), *again;
	struct buf b, b2;
	json_t *doc;

	if (c == NULL)
		return 0;
	doc = conf_json(c);
	json_decref(doc);
	buf_init(&b, PRINT_MAX);
	buf_init(&b2, PRINT_MAX);
	conf_print(&b, c);
	again = parse(b.len > 0 ? (const char *)b.data : "", b.len);
	if (again == NULL || again->nvms != c->nvms ||
	    again->nswitches != c->nswitches)
		abort();
	conf_print(&b2, again);
	if (b.len != b2.len || (b.len > 0 && memcmp(b.data, b2.data, b.len)))
		abort();
	conf_destroy(again);
	conf_destroy(c);
	buf_fini(&b);
	buf_fini(&b2);
	return 0;
}
