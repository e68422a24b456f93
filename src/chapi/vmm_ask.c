/* SPDX-License-Identifier: ISC */
/*
 * vmm_ask.c - what a call's body asks of a VM; see vmm_ask.h
 *
 * A change of the devices is a change of the VmConfig: the new one is made
 * as JSON and goes through the parser that the first one went through.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "chapi/vmm_ask.h"
#include "lib/io.h"
#include "lib/num.h"
#include "lib/util.h"

#define CONFIG_FILE	"config.json"
#define CONFIG_LEN_MAX	(256 * 1024)	/* bytes */
#define URL_MAX		(VM_PATH_MAX + 16)

void
ask_init(struct ask *a)
{
	memset(a, 0, sizeof(*a));
	a->dir = -1;
	a->ask.dirfd = -1;
}

void
ask_fini(struct ask *a)
{
	vm_config_fini(&a->next);
	json_decref(a->body);
	if (a->dir != -1)
		(void)close(a->dir);
	ask_init(a);
}

int
ask_config(struct vm_config *ret, const struct vmm_backend *b, json_t *doc,
    struct err *e)
{
	struct vm_config c;

	if (vm_config_parse(&c, doc, e) == -1)
		return -1;
	if (b->check != NULL && b->check(&c, e) == -1) {
		vm_config_fini(&c);
		return -1;
	}
	*ret = c;
	return 0;
}

static int
refuse(struct err *e, const char *name, const char *what)
{
	return err_api(e, EINVAL, "invalid_request", "%s: %s", name, what);
}

/* The config that doc says becomes the ask's. */
static int
set_next(struct ask *a, const struct ask_from *f, json_t *doc, struct err *e)
{
	if (ask_config(&a->next, f->backend, doc, e) == -1)
		return -1;
	a->ask.next = &a->next;
	return 0;
}

static void
keep_body(struct ask *a, json_t *body)
{
	a->body = json_incref(body);
}

/* --- resize -------------------------------------------------------------- */

/* A number of a part of the config; a part that is not there stays away. */
static int
set_number(json_t *doc, const char *part, const char *name, uint64_t n,
    struct err *e)
{
	json_t *at = json_object_get(doc, part);

	if (at != NULL && json_object_set_new(at, name,
	    json_integer((json_int_t)n)) == -1)
		return err_set(e, ENOMEM, "out of memory");
	return 0;
}

static int
set_sizes(struct ask *a, const struct ask_from *f, uint64_t vcpus,
    uint64_t balloon, struct err *e)
{
	own_json json_t *doc = vm_config_json(f->config);

	if (doc == NULL)
		return err_set(e, ENOMEM, "out of memory");
	if (set_number(doc, "cpus", "boot_vcpus", vcpus, e) == -1 ||
	    set_number(doc, "balloon", "size", balloon, e) == -1)
		return -1;
	return set_next(a, f, doc, e);
}

int
ask_resize(struct ask *a, const struct ask_from *f, json_t *body,
    struct err *e)
{
	static const char *const known[] = { "desired_vcpus", "desired_ram",
	    "desired_balloon", NULL };
	const struct vm_config *c = f->config;
	uint64_t vcpus = c->cpus, ram = c->memory.size;
	uint64_t balloon = c->balloon.size;
	int r;

	if (json_only(body, known, e) == -1 ||
	    json_get_u64(&vcpus, body, "desired_vcpus", 1, VM_CPUS_MAX,
	    e) == -1 ||
	    json_get_u64(&ram, body, "desired_ram", 1, VM_MEMORY_MAX,
	    e) == -1 ||
	    (r = json_get_u64(&balloon, body, "desired_balloon", 0,
	    c->memory.size, e)) == -1)
		return -1;
	if (vcpus > MAX(c->cpus, c->cpus_max))
		return refuse(e, "desired_vcpus", "is more than max_vcpus");
	if (ram != c->memory.size)
		return refuse(e, "desired_ram",
		    "memory cannot be added; it can be lent back with "
		    "desired_balloon");
	if (r == 1 && !c->balloon.on)
		return refuse(e, "desired_balloon", "the VM has no balloon");
	if (vcpus == c->cpus && r == 0)
		return 0;
	return set_sizes(a, f, vcpus, balloon, e);
}

/* --- devices ------------------------------------------------------------- */

/* Put a device into a config; there is one vsock, and lists of others. */
static int
insert(json_t *doc, const char *list, json_t *device, struct err *e)
{
	json_t *at = json_object_get(doc, list);
	int r;

	if (strcmp(list, "vsock") == 0) {
		if (at != NULL)
			return refuse(e, list, "the VM has one");
		r = json_object_set(doc, list, device);
	} else if (at == NULL) {
		r = json_object_set_new(doc, list, json_pack("[O]", device));
	} else {
		r = json_array_append(at, device);
	}
	return r == -1 ? err_set(e, ENOMEM, "out of memory") : 0;
}

int
ask_add(struct ask *a, const struct ask_from *f, json_t *body, struct err *e)
{
	own_json json_t *doc = vm_config_json(f->config);
	const char *id = VM_VSOCK_ID;

	if (!json_is_object(body))
		return refuse(e, f->list, "must be an object");
	if (doc == NULL)
		return err_set(e, ENOMEM, "out of memory");
	if (insert(doc, f->list, body, e) == -1 ||
	    set_next(a, f, doc, e) == -1 ||
	    json_get_str(&id, body, "id", VM_ID_MAX, e) == -1)
		return -1;
	a->ask.id = id;
	keep_body(a, body);
	return 0;
}

/* Take device 'id' out of a list; true when it was there. */
static bool
take_out(json_t *list, const char *id)
{
	const char *name;

	for (size_t i = 0; i < json_array_size(list); i++) {
		name = json_string_value(json_object_get(
		    json_array_get(list, i), "id"));
		if (name != NULL && strcmp(name, id) == 0)
			return json_array_remove(list, i) == 0;
	}
	return false;
}

int
ask_remove(struct ask *a, const struct ask_from *f, json_t *body,
    struct err *e)
{
	static const char *const known[] = { "id", NULL };
	static const char *const lists[] = { "disks", "net", "fs" };
	own_json json_t *doc = vm_config_json(f->config);
	bool found = false;
	const char *id;
	int r;

	if (json_only(body, known, e) == -1 ||
	    (r = json_get_str(&id, body, "id", VM_ID_MAX, e)) == -1)
		return -1;
	if (r == 0)
		return refuse(e, "id", "is required");
	if (doc == NULL)
		return err_set(e, ENOMEM, "out of memory");
	for (size_t i = 0; !found && i < COUNT(lists); i++)
		found = take_out(json_object_get(doc, lists[i]), id);
	if (!found && strcmp(id, VM_VSOCK_ID) == 0)
		found = json_object_del(doc, "vsock") == 0;
	if (!found)
		return err_api(e, ENOENT, "not_found",
		    "%s: no device of this VM that can be removed", id);
	if (set_next(a, f, doc, e) == -1)
		return -1;
	a->ask.id = id;
	keep_body(a, body);
	return 0;
}

/* --- places -------------------------------------------------------------- */

/*
 * "file:PATH" or "file:///PATH" (RFC 8089).  Relative paths begin at the
 * VM's directory.
 */
static int
url_path(const char **ret, const char *name, const char *url, struct err *e)
{
	if (strncmp(url, "file:", 5) != 0)
		return refuse(e, name, "must be file:PATH");
	url += 5;
	if (strncmp(url, "//", 2) == 0) {
		url += 2;
		if (*url != '/')
			return refuse(e, name, "must not name a host");
	}
	if (*url == '\0')
		return refuse(e, name, "has no path");
	*ret = url;
	return 0;
}

static int
get_url(const char **ret, const json_t *body, const char *name, struct err *e)
{
	int r = json_get_str(ret, body, name, URL_MAX, e);

	return r == 0 ? refuse(e, name, "is required") : r;
}

int
ask_snapshot(struct ask *a, const struct ask_from *f, json_t *body,
    struct err *e)
{
	static const char *const known[] = { "destination_url", NULL };
	const char *url;

	if (json_only(body, known, e) == -1 ||
	    get_url(&url, body, known[0], e) == -1 ||
	    url_path(&a->ask.path, known[0], url, e) == -1)
		return -1;
	a->ask.dirfd = f->dirfd;
	keep_body(a, body);
	return 0;
}

int
ask_console_size(struct ask *a, const struct ask_from *f, json_t *body,
    struct err *e)
{
	static const char *const known[] = { "cols", "rows", NULL };
	uint64_t cols, rows;
	int c, r;

	(void)f;
	if (json_only(body, known, e) == -1)
		return -1;
	c = json_get_u64(&cols, body, "cols", 1, UINT16_MAX, e);
	r = c == -1 ? -1 : json_get_u64(&rows, body, "rows", 1, UINT16_MAX, e);
	if (c == -1 || r == -1)
		return -1;
	if (c == 0 || r == 0)
		return refuse(e, c == 0 ? "cols" : "rows", "is missing");
	a->ask.cols = (unsigned)cols;
	a->ask.rows = (unsigned)rows;
	return 0;
}

int
ask_coredump(struct ask *a, const struct ask_from *f, json_t *body,
    struct err *e)
{
	return ask_snapshot(a, f, body, e);
}

/* "fd:N", N that of -R. */
static int
open_given(struct ask *a, const struct ask_from *f, const char *number,
    struct err *e)
{
	uint64_t fd;

	if (num_parse(&fd, number, 0, INT_MAX, e) == -1)
		return err_prefix(e, "source_url");
	if (f->restore == -1 || fd != (uint64_t)f->restore)
		return refuse(e, "source_url", "is not the descriptor of -R");
	a->dir = fcntl(f->restore, F_DUPFD_CLOEXEC, 0);
	return a->dir == -1 ? err_sys(e, "source_url") : 0;
}

static int
open_source(struct ask *a, const struct ask_from *f, const char *url,
    struct err *e)
{
	const char *path;

	if (strncmp(url, "fd:", 3) == 0)
		return open_given(a, f, url + 3, e);
	if (url_path(&path, "source_url", url, e) == -1)
		return -1;
	a->dir = openat(f->dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return a->dir == -1 ? err_sys(e, "snapshot %s", path) : 0;
}

int
ask_snapshot_config(struct vm_config *ret, int dirfd,
    const struct vmm_backend *backend, struct err *e)
{
	own_json json_t *doc = NULL;
	struct buf b;
	int r;

	buf_init(&b, CONFIG_LEN_MAX);
	r = file_read(&b, dirfd, CONFIG_FILE, e);
	if (r == 0 && (r = json_parse(&doc, b.data, b.len, e)) == 0)
		r = ask_config(ret, backend, doc, e);
	buf_fini(&b);
	return r == -1 ? err_prefix(e, "snapshot") : 0;
}

/* The config that lies in the snapshot. */
static int
read_config(struct ask *a, const struct ask_from *f, struct err *e)
{
	if (ask_snapshot_config(&a->next, a->dir, f->backend, e) == -1)
		return -1;
	a->ask.next = &a->next;
	return 0;
}

int
ask_restore(struct ask *a, const struct ask_from *f, json_t *body,
    struct err *e)
{
	static const char *const known[] = { "source_url", "prefault",
	    "prefetch", NULL };
	own_json json_t *doc = NULL;
	const char *url;
	int r;

	if (json_only(body, known, e) == -1 ||
	    json_get_bool(&a->ask.prefault, body, "prefault", e) == -1 ||
	    json_get_bool(&a->ask.prefetch, body, "prefetch", e) == -1 ||
	    get_url(&url, body, known[0], e) == -1 ||
	    open_source(a, f, url, e) == -1)
		return -1;
	a->ask.dirfd = a->dir;
	/* A config that was given is that of a copy with other names. */
	if (f->config == NULL)
		r = read_config(a, f, e);
	else if ((doc = vm_config_json(f->config)) == NULL)
		r = err_set(e, ENOMEM, "out of memory");
	else
		r = set_next(a, f, doc, e);
	return r;
}
