/* SPDX-License-Identifier: ISC */
/* vmm_send.c - a machine into a pipe, while its guest writes to its memory */

#include "unit.h"
#include "event_kit.h"
#include "kernel_kit.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "accel/accel_null.h"
#include "chapi/migration.h"
#include "chapi/vm_config.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/board.h"
#include "vmm/machine.h"
#include "vmm/memory.h"
#include "vmm/memory_file.h"
#include "vmm/send.h"

#define MIB		(1ULL << 20)
#define PAGE		4096ULL

/* The host tells what the pages of a process are. */
static bool	told;

struct world {
	struct event_loop	*loop;
	struct vm_config	 config;
	struct machine		*machine;
	struct memory		*memory;
	char			 kernel[32];
	struct send		*send;
	struct send_counts	 counts;
	bool			 stopped, done, failed;
	struct err		 err;
	/* The receiver. */
	int			 pipe;
	struct migration_reader	 reader;
	uint8_t			*image;		/* of all of memory */
	uint64_t		 bytes;		/* of pages that came */
	unsigned		 zeroes;	/* records of zeroes */
	unsigned		 reads;
};

static int
part(void *arg, const struct migration_part *p, struct err *e)
{
	struct world *w = arg;

	(void)e;
	if (p->type == MIGRATION_ZERO) {
		w->zeroes++;
		memset(w->image + p->place, 0, p->len);
	} else if (p->type == MIGRATION_MEMORY) {
		memcpy(w->image + p->place, p->data, p->len);
		w->bytes += p->len;
	}
	return 0;
}

static void
on_event(void *arg, enum machine_event what, const char *text)
{
	(void)arg;
	fail_msg("event %d: %s", (int)what, text);
}

static void
begin(struct world *w, uint64_t bytes)
{
	struct machine_setup s = { .accel = &accel_null, .console = -1,
	    .serial = -1, .memory = -1, .event = on_event, .arg = w };
	struct kit_pvh k = kit_pvh();
	int fd;

	null_forget();
	memset(w, 0, sizeof(*w));
	w->loop = kit_loop();
	(void)snprintf(w->kernel, sizeof(w->kernel), "/tmp/kernel.XXXXXX");
	fd = mkstemp(w->kernel);
	assert_int_equal(write(fd, &k, sizeof(k)), sizeof(k));
	(void)close(fd);
	w->config.kernel = w->kernel;
	w->config.cpus = 1;
	w->config.memory.size = bytes;
	s.loop = w->loop;
	s.config = &w->config;
	assert_int_equal(machine_new(&w->machine, &s, &w->err), 0);
	w->memory = machine_board(w->machine)->memory;
	w->image = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(w->image, MAP_FAILED);
}

static void
end(struct world *w)
{
	send_destroy(w->send);
	/* The log is over with it. */
	assert_null(memory_table(w->memory)->log);
	assert_false(null_memory(0).log);
	(void)munmap(w->image, w->config.memory.size);
	machine_destroy(w->machine);
	event_loop_destroy(w->loop);
	if (w->pipe != -1)
		(void)close(w->pipe);
	(void)unlink(w->kernel);
	null_forget();
}

/* Devices write until they have stopped. */
static int
on_stop(void *arg, json_t **config, json_t **state, struct err *e)
{
	struct world *w = arg;
	uint8_t *to = memory_at(w->memory, 3500 * PAGE, PAGE);

	machine_pause(w->machine);
	memset(to, 7, 100);
	guest_memory_wrote(memory_table(w->memory), to, 100);
	*config = json_object();
	*state = machine_save(w->machine, e);
	w->stopped = true;
	return *state == NULL ? -1 : 0;
}

static void
on_done(void *arg, const struct err *e)
{
	struct world *w = arg;

	w->counts = *send_counts(w->send);
	w->done = true;
	w->failed = e != NULL;
	if (e != NULL)
		w->err = *e;
	send_destroy(take(&w->send));
}

static void
start(struct world *w, bool running)
{
	struct send_setup s = { .loop = w->loop, .machine = w->machine,
	    .running = running, .stop = on_stop, .done = on_done, .arg = w };
	int p[2];

	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	w->pipe = p[0];
	s.fd = p[1];
	migration_reader_init(&w->reader, true);
	w->reader.memory = w->config.memory.size;
	w->reader.part = part;
	w->reader.arg = w;
	if (running)
		assert_int_equal(machine_resume(w->machine, &w->err), 0);
	assert_int_equal(send_new(&w->send, &s, &w->err), 0);
}

/* Take what is there; false: there is no more. */
static bool
receive(struct world *w)
{
	static uint8_t bytes[65536];
	ssize_t n = read(w->pipe, bytes, sizeof(bytes));

	if (n == -1 && errno == EAGAIN)
		return !w->done;
	assert_true(n >= 0);
	if (n > 0 && migration_read(&w->reader, bytes, (size_t)n,
	    &w->err) != n)
		fail_msg("%s", w->err.text);
	w->reads += n > 0;
	return n > 0;
}

/* To its end; what 'meanwhile' does while the guest runs is sent, too. */
static void
run(struct world *w, void (*meanwhile)(struct world *))
{
	while (receive(w)) {
		if (meanwhile != NULL && !w->stopped)
			meanwhile(w);
		(void)event_loop_turn(w->loop, 0);
	}
	assert_true(w->done && !w->failed);
	assert_true(migration_whole(&w->reader));
	assert_true(migration_seen(&w->reader, MIGRATION_CONFIG));
	assert_true(migration_seen(&w->reader, MIGRATION_STATE));
}

static void
assert_same(const struct world *w)
{
	assert_memory_equal(w->image, memory_offset(w->memory, 0),
	    w->config.memory.size);
}

/* --- writers ------------------------------------------------------------- */

static uint8_t *
at(const struct world *w, uint64_t page)
{
	return memory_at(w->memory, page * PAGE, PAGE);
}

/* By a processor; page: of the low piece. */
static void
write_page(struct world *w, uint64_t page, uint8_t value)
{
	memset(at(w, page), value, PAGE);
	null_touch(0, page);
}

static void
by_cpu(struct world *w)
{
	write_page(w, 1000 + w->reads * 7 % 1000, (uint8_t)(w->reads + 1));
}

/* As a queue does it, in this process or in another one. */
static void
by_device(struct world *w)
{
	uint8_t *to = at(w, 2000 + w->reads * 11 % 1000);

	memset(to, (int)w->reads + 1, 100);
	guest_memory_wrote(memory_table(w->memory), to, 100);
}

static void
by_all(struct world *w)
{
	by_cpu(w);
	by_device(w);
	if (w->reads == 3)	/* sent before, and zeroes now */
		write_page(w, 300, 0);
}

static void
everywhere(struct world *w)
{
	for (uint64_t page = 1024; page < 4096; page++)
		write_page(w, page, (uint8_t)(w->reads + 1));
}

/* --- tests --------------------------------------------------------------- */

static void
fill(struct world *w, uint64_t from, uint64_t n)
{
	for (uint64_t page = from; page < from + n; page++)
		memset(at(w, page), (int)page | 1, PAGE);
}

/* What has something in it is sent once, zeroes not at all. */
static void
quiet(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 16 * MIB);
	fill(&w, 512, 512);
	start(&w, true);
	run(&w, NULL);
	assert_same(&w);
	assert_int_equal(w.counts.rounds, 1);
	assert_int_equal(w.counts.last, 1);
	assert_int_equal((w.counts.pages + 1) * PAGE, w.bytes);
	assert_in_range(w.counts.pages, 512, 512 + 64);
	assert_int_equal(w.zeroes, 0);
	end(&w);
}

static void
writers(void **state)
{
	void (*const all[])(struct world *) = { by_cpu, by_device, by_all };
	struct world w;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		begin(&w, 16 * MIB);
		fill(&w, 256, 512);
		start(&w, true);
		run(&w, all[i]);
		assert_same(&w);
		assert_true(w.counts.last > 0);
		assert_true(w.counts.last <= SEND_LAST_MAX);
		assert_int_equal(w.zeroes > 0, all[i] == by_all);
		end(&w);
	}
}

/* It never gets quiet: stopped at last, and all the same whole. */
static void
busy(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 16 * MIB);
	start(&w, true);
	run(&w, everywhere);
	assert_same(&w);
	assert_int_equal(w.counts.rounds, SEND_ROUNDS_MAX);
	assert_in_range(w.counts.last, SEND_LAST_MAX + 1, 4096);
	end(&w);
}

/* Memory above the windows: its log is another slot's. */
static void
high(struct world *w)
{
	uint8_t *to = memory_at(w->memory, MEMORY_HIGH + 5 * PAGE, 8);

	(*to)++;
	if (w->reads % 2)
		null_touch(1, 5);
	else
		guest_memory_wrote(memory_table(w->memory), to, 1);
}

static void
two_pieces(void **state)
{
	const uint64_t bytes = MEMORY_LOW_MAX + 4 * MIB;
	uint8_t *low, *top;
	struct world w;

	(void)state;
	if (!told)
		skip();
	begin(&w, bytes);
	low = memory_at(w.memory, MEMORY_LOW_MAX - PAGE, PAGE);
	top = memory_at(w.memory, MEMORY_HIGH + 4 * MIB - PAGE, PAGE);
	memset(low, 1, PAGE);
	memset(top, 2, PAGE);
	fill(&w, 256, 512);
	start(&w, true);
	run(&w, high);
	assert_memory_equal(w.image + MEMORY_LOW_MAX - PAGE, low, PAGE);
	assert_memory_equal(w.image + bytes - PAGE, top, PAGE);
	assert_memory_equal(w.image + MEMORY_LOW_MAX, memory_at(w.memory,
	    MEMORY_HIGH, 4 * MIB), 4 * MIB);
	assert_in_range(w.bytes, 512 * PAGE, 1024 * PAGE);
	end(&w);
}

/* A machine that stands needs no log. */
static void
standing(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 16 * MIB);
	fill(&w, 256, 512);
	start(&w, false);
	assert_true(w.stopped);
	run(&w, NULL);
	assert_same(&w);
	assert_int_equal(w.counts.rounds, 0);
	end(&w);
}

/* The reader goes away: told once, and the machine can go on. */
static void
cut(void **state)
{
	struct world w;

	(void)state;
	for (unsigned after = 0; after < 40; after++) {
		begin(&w, 16 * MIB);
		fill(&w, 256, 512);
		start(&w, true);
		for (unsigned i = 0; i < after && receive(&w); i++)
			(void)event_loop_turn(w.loop, 0);
		(void)close(take_fd(&w.pipe));
		while (!w.done)
			(void)event_loop_turn(w.loop, 10);
		if (w.failed)
			assert_int_equal(w.err.num, EPIPE);
		assert_int_equal(machine_resume(w.machine, &w.err), 0);
		end(&w);
	}
	/* Whoever sends goes before anything was read. */
	begin(&w, 16 * MIB);
	start(&w, true);
	end(&w);
}

/* Pages of a snapshot's file, those beside its holes, and changed ones. */
static void
of_a_file(void **state)
{
	uint64_t pages[4 * MIB / PAGE / 64] = { 0 };
	struct memory_setup s = { .bytes = 4 * MIB };
	struct memory *m = NULL;
	struct err e;

	(void)state;
	if (!told)
		skip();
	s.file = os_memfd("memory", s.bytes, &e);
	assert_return_code(s.file, 0);
	assert_int_equal(pwrite(s.file, "x", 1, 64 * PAGE), 1);
	assert_int_equal(memory_new(&m, &s, &e), 0);
	*(uint8_t *)memory_at(m, 130 * PAGE, 1) = 1;
	memory_file_pages(m, pages);
	assert_int_equal(pages[0], 0);
	assert_int_equal(pages[1], 1);
	assert_int_equal(pages[2], 4);
	for (size_t i = 3; i < COUNT(pages); i++)
		assert_int_equal(pages[i], 0);
	memory_destroy(m);
	(void)close(s.file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet),
		cmocka_unit_test(writers),
		cmocka_unit_test(busy),
		cmocka_unit_test(two_pieces),
		cmocka_unit_test(standing),
		cmocka_unit_test(cut),
		cmocka_unit_test(of_a_file),
	};

	told = os_pages_open() == 0;
	(void)signal(SIGPIPE, SIG_IGN);
	return unit_run("vmm_send", tests);
}
