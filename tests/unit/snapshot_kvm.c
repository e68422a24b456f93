/* SPDX-License-Identifier: ISC */
/*
 * snapshot_kvm.c - a guest that counts goes on counting in other processes
 *
 * One process runs it and leaves a snapshot; others, many at once, go on
 * from there, and from what those left.
 */

#include "unit.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/json.h"
#include "tiny.h"
#include "vmm/memory.h"
#include "vmm/memory_log.h"
#include "vmm/snapshot.h"

#define FORKS	20

static const struct accel *const kvm = &accel_kvm;

/* Counts in memory, and tells each number. */
TINY(counter, 64,
    "1: incl 0x5000\n mov 0x5000, %eax\n mov $0x510, %dx\n out %eax, %dx\n"
    "jmp 1b\n");

/* A guest in memory that snapshots are made of. */
struct guest {
	struct tiny	 t;
	struct memory	*memory;
};

static void
make(struct guest *g, int file)
{
	const struct accel_setup setup = { .cpus = 1 };
	const struct memory_setup m = { .bytes = TINY_BYTES, .file = file };

	*g = (struct guest){ .t.accel = kvm };
	TINY_MUST(memory_new(&g->memory, &m, &e_));
	g->t.mem = memory_at(g->memory, 0, TINY_BYTES);
	TINY_MUST(kvm->vm_new(&g->t.vm, &setup, &e_));
	TINY_MUST(memory_attach(g->memory, kvm, g->t.vm, &e_));
	TINY_MUST(kvm->vcpu_new(&g->t.vcpu, g->t.vm, 0, &e_));
}

/* The next numbers are those behind 'from'. */
static void
count(struct guest *g, uint32_t from)
{
	struct accel_exit x;
	uint32_t n;

	for (uint32_t i = 1; i <= 5; i++) {
		tiny_run(&g->t, &x);
		memcpy(&n, x.data, sizeof(n));
		if (x.why != ACCEL_EXIT_PIO || n != from + i)
			_exit(1);
	}
}

static void
save(struct guest *g, const char *path)
{
	own_json json_t *config = json_object();
	json_t *vcpu = NULL, *vm = NULL;
	struct snapshot_parts p = { .config = config, .memory = g->memory };
	struct accel_exit x;
	struct err e;

	kvm->vcpu_kick(g->t.vcpu);
	TINY_MUST(kvm->vcpu_run(g->t.vcpu, &x, &e_));
	if ((vcpu = kvm->vcpu_save(g->t.vcpu, &e)) == NULL ||
	    (vm = kvm->vm_save(g->t.vm, &e)) == NULL)
		tiny_die("save", &e);
	p.machine = json_pack("{s:o, s:o}", "vcpu", vcpu, "vm", vm);
	TINY_MUST(snapshot_save(&p, AT_FDCWD, path, &e_));
	json_decref((json_t *)(uintptr_t)p.machine);
}

static void
restore(struct guest *g, const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	struct snapshot s;

	TINY_MUST(snapshot_open(&s, dir, &e_));
	make(g, s.memory);
	TINY_MUST(kvm->vm_load(g->t.vm,
	    json_object_get(s.machine, "vm"), &e_));
	TINY_MUST(kvm->vcpu_load(g->t.vcpu,
	    json_object_get(s.machine, "vcpu"), &e_));
	snapshot_close(&s);
	(void)close(dir);
}

/* Go on from one snapshot (NULL: begin) and leave another. */
static pid_t
process(const char *from, const char *to, uint32_t number)
{
	pid_t pid = fork();
	struct guest g;

	if (pid != 0)
		return pid;
	(void)alarm(60);
	if (from != NULL) {
		restore(&g, from);
	} else {
		make(&g, -1);
		tiny_enter(&g.t, g.t.vcpu, &counter);
	}
	count(&g, number);
	save(&g, to);
	_exit(0);
}

static void
wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
generations(void **state)
{
	char dir[] = "/tmp/snapshot.XXXXXX", command[64];
	char first[64], path[64], next[64];
	pid_t pid[FORKS];

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(first, sizeof(first), "%s/first", dir);
	wait_for(process(NULL, first, 0));
	for (unsigned i = 0; i < FORKS; i++) {
		(void)snprintf(path, sizeof(path), "%s/%u", dir, i);
		pid[i] = process(first, path, 5);
	}
	for (unsigned i = 0; i < FORKS; i++)
		wait_for(pid[i]);
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(path, sizeof(path), "%s/%u", dir, i);
		(void)snprintf(next, sizeof(next), "%s/again%u", dir, i);
		wait_for(process(path, next, 10));
	}
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

/* The pages a processor writes to, and after the log no more. */
static void
written(void **state)
{
	uint64_t pages[TINY_BYTES / 4096 / 64];
	struct memory_log *log = NULL;
	struct guest g;
	struct err e;

	(void)state;
	make(&g, -1);
	tiny_enter(&g.t, g.t.vcpu, &counter);
	count(&g, 0);
	TINY_MUST(memory_log_new(&log, g.memory, kvm, g.t.vm, &e_));
	for (uint32_t i = 1; i < 4; i++) {
		memset(pages, 0, sizeof(pages));
		TINY_MUST(memory_log_take(log, pages, &e_));
		count(&g, i * 5);
		memset(pages, 0, sizeof(pages));
		TINY_MUST(memory_log_take(log, pages, &e_));
		assert_true(pages[0] & 1 << 5);
		for (size_t n = 1; n < TINY_BYTES / 4096 / 64; n++)
			assert_int_equal(pages[n], 0);
		memset(pages, 0, sizeof(pages));
		TINY_MUST(memory_log_take(log, pages, &e_));
		assert_int_equal(pages[0], 0);
	}
	memory_log_destroy(log);
	count(&g, 20);
	/* There is no log to be read. */
	assert_int_equal(kvm->dirty(g.t.vm, 0, pages, &e), -1);
	kvm->vcpu_destroy(g.t.vcpu);
	kvm->vm_destroy(g.t.vm);
	memory_destroy(g.memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generations),
		cmocka_unit_test(written),
	};
	struct err e;

	if (kvm->check(&e) == -1) {
		printf("1..0 # SKIP %s\n", e.text);
		return 0;
	}
	return unit_run("snapshot_kvm", tests);
}
