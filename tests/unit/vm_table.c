/* SPDX-License-Identifier: ISC */
/* vm_table.c - who finds which VM, and records that come back */

#include <string.h>

#include "unit.h"
#include "control/control.h"
#include "control/hypervisors.h"
#include "control/vm.h"
#include "lib/json.h"

static struct control ctl;

static struct vm *
add(const char *name, const char *id, uid_t owner, const char *more)
{
	own_json json_t *doc = json_pack("{s:s,s:s}", "name", name, "image",
	    "i");
	own_json json_t *extra = NULL;
	struct spec spec;
	struct vm *vm;
	struct err e;

	if (more != NULL) {
		assert_int_equal(json_parse(&extra, more, strlen(more), &e),
		    0);
		(void)json_object_update(doc, extra);
	}
	assert_int_equal(spec_parse(&spec, doc, &e), 0);
	vm = vm_new(&ctl, &spec, owner);
	assert_non_null(vm);
	memcpy(vm->id, id, strlen(id));
	assert_int_equal(vm_table_add(&ctl, vm, &e), 0);
	return vm;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&ctl, 0, sizeof(ctl));
	TAILQ_INIT(&ctl.vms);
	TAILQ_INIT(&ctl.volumes);
	return 0;
}

static int
tear_down(void **state)
{
	struct vm *vm;

	(void)state;
	while ((vm = TAILQ_FIRST(&ctl.vms)) != NULL)
		vm_table_remove(vm);
	return ctl.nvms != 0;
}

static const struct caller root = { .uid = 0, .all = true };
static const struct caller ann = { .uid = 1000 };

static void
finding(void **state)
{
	struct vm *a, *b, *c;
	struct err e;

	(void)state;
	a = add("web", "aaaabz", 1000, NULL);
	b = add("aaaab", "aabb1", 1000, NULL);
	c = add("db", "aabb2", 0, NULL);
	assert_int_equal(a->number, 1);
	assert_int_equal(c->number, 3);
	assert_ptr_equal(vm_table_find(&ctl, &root, "web", &e), a);
	/* An exact name wins over the beginning of an id. */
	assert_ptr_equal(vm_table_find(&ctl, &root, "aaaab", &e), b);
	assert_ptr_equal(vm_table_find(&ctl, &root, "aaaa", &e), a);
	assert_null(vm_table_find(&ctl, &root, "aabb", &e));
	assert_string_equal(e.code, "ambiguous");
	/* Too short to be meant. */
	assert_null(vm_table_find(&ctl, &root, "aaa", &e));
	assert_string_equal(e.code, "not_found");
	assert_null(vm_table_find(&ctl, &root, "", &e));
	assert_string_equal(e.code, "not_found");
	/* Others' are not there, and do not make ids ambiguous. */
	assert_null(vm_table_find(&ctl, &ann, "db", &e));
	assert_string_equal(e.code, "not_found");
	assert_null(vm_table_find(&ctl, &ann, "aabb2", &e));
	a->creating = true;
	assert_null(vm_table_find(&ctl, &root, "web", &e));
	assert_ptr_equal(vm_table_find(&ctl, &ann, "aabb", &e), b);
}

static void
names_are_unique(void **state)
{
	own_json json_t *doc = json_pack("{s:s,s:s}", "name", "web", "image",
	    "i");
	OWN(vm_destroy) struct vm *vm = NULL;
	struct spec spec;
	struct err e;

	(void)state;
	(void)add("web", "aaaa", 1000, NULL);
	assert_int_equal(spec_parse(&spec, doc, &e), 0);
	vm = vm_new(&ctl, &spec, 0);
	assert_int_equal(vm_table_add(&ctl, vm, &e), -1);
	assert_string_equal(e.code, "name_conflict");
	assert_int_equal(ctl.nvms, 1);
}

static const char port[] =
    "{\"ports\":[{\"host_port\":80,\"guest_port\":8080}]}";

static void
ports(void **state)
{
	const struct spec_port *p = NULL;
	struct vm *a, *b;

	(void)state;
	a = add("a", "aaaa", 0, port);
	b = add("b", "bbbb", 0, port);
	/* A port is taken by what lives. */
	assert_null(vm_table_port(&ctl, b, &p));
	vm_set_state(a, VM_RUNNING);
	assert_ptr_equal(vm_table_port(&ctl, b, &p), a);
	assert_int_equal(p->host, 80);
	assert_null(vm_table_port(&ctl, a, &p));
}

/* A record comes back as it was, with every member of the VM. */
static void
records(void **state)
{
	own_json json_t *once = NULL, *twice = NULL;
	struct vm *vm, *back = NULL;
	struct err e;

	(void)state;
	vm = add("web", "aaaa", 1000, port);
	vm->digest = strdup("sha256:1234");
	vm->image = json_pack("{s:[s]}", "cmd", "x");
	vm->live = true;
	vm->hypervisor = hypervisor_find("vmm");
	vm->exited = true;
	vm->exit_code = 143;
	strcpy(vm->exit_reason, "guest powered off");
	strcpy(vm->boot_id, "b-o-o-t");
	vm->started_ms = 12345;
	vm->phase_ms[VM_RUNNING] = 99;
	vm->restarts.attempts = 3;
	vm->restarts.manual_stop = true;
	once = vm_record(vm);
	if (vm_load(&back, &ctl, vm->id, once, &e) == -1)
		fail_msg("%s", e.text);
	twice = vm_record(back);
	assert_true(json_equal(once, twice));
	assert_int_equal(back->owner, 1000);
	vm_destroy(back);
	(void)json_object_set_new(once, "exit_code", json_integer(-1));
	assert_int_equal(vm_load(&back, &ctl, vm->id, once, &e), -1);
	assert_non_null(strstr(e.text, "exit_code"));
}

/* docker's rule: an entrypoint of one's own drops the image's cmd. */
static void
commands(void **state)
{
	own_json json_t *image = json_pack("{s:[s],s:[s]}", "entrypoint",
	    "/e", "cmd", "c");
	static const struct { const char *more; size_t n; const char *last; }
	    rows[] = {
		{ NULL, 2, "c" },
		{ "{\"cmd\":[\"d\",\"f\"]}", 3, "f" },
		{ "{\"entrypoint\":[\"/x\"]}", 1, "/x" },
		{ "{\"entrypoint\":[],\"cmd\":[\"y\"]}", 1, "y" },
	};
	char name[4] = "n0", id[5] = "cc0x";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		own_json json_t *argv = NULL;
		struct vm *vm;

		name[1] = id[2] = (char)('0' + i);
		vm = add(name, id, 0, rows[i].more);
		vm->image = json_incref(image);
		argv = vm_argv(vm);
		assert_int_equal(json_array_size(argv), rows[i].n);
		assert_string_equal(json_string_value(json_array_get(argv,
		    rows[i].n - 1)), rows[i].last);
	}
}

struct waiting {
	struct vm_waiter w;
	unsigned	 n;
	bool		 removed;
};

static void
on_changed(struct vm_waiter *w, const struct vm *vm)
{
	struct waiting *x = (struct waiting *)w;

	x->n++;
	x->removed = vm == NULL;
}

static void
waiters(void **state)
{
	struct waiting x = { .w.changed = on_changed };
	struct vm *vm;

	(void)state;
	vm = add("web", "aaaa", 0, NULL);
	TAILQ_INSERT_TAIL(&vm->waiters, &x.w, entry);
	vm_set_state(vm, VM_RUNNING);
	vm_set_state(vm, VM_RUNNING);
	assert_int_equal(x.n, 1);
	vm_table_remove(vm);
	assert_true(x.removed);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(finding),
		T(names_are_unique),
		T(ports),
		T(records),
		T(commands),
		T(waiters),
	};

	return unit_run("vm_table", tests);
}
