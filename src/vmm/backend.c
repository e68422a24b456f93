/* SPDX-License-Identifier: ISC */
/*
 * backend.c - what the API asks for, done by a machine; see backend.h
 *
 * Process: vmm's main thread.  Sandbox: entered at the first boot, when it
 * is known which files the VM needs and before a vCPU has run.
 * Needs: the accelerator, the files and sockets of the VmConfig.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "chapi/brake.h"
#include "chapi/migration.h"
#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/backend.h"
#include "vmm/board.h"
#include "vmm/confine.h"
#include "vmm/coredump.h"
#include "vmm/dev/balloon.h"
#include "vmm/dev/vmmci.h"
#include "vmm/gdb.h"
#include "vmm/machine.h"
#include "vmm/memory.h"
#include "vmm/pci.h"
#include "vmm/send.h"
#include "vmm/snapshot.h"
#include "vmm/stream.h"
#include "vmm/vcpu.h"
#include "vmm/working_set.h"

#define BALLOON	"balloon0"

struct backend {
	struct backend_setup	 setup;
	struct vmm		*vmm;
	struct machine		*machine;	/* NULL: nothing is booted */
	struct gdb		*gdb;		/* or NULL */
	struct send		*send;		/* NULL: is not being sent */
	struct stream		*console;
	struct stream		*serial;
	bool			 paused;	/* by a call */
	bool			 confined;
	struct machine_files	 files;		/* opened before that */
	char			*packed;	/* a kernel's name, or NULL */
	int			 unpacked;	/* what is in it */
	uint64_t		 reboots;
	struct brake		 brake;		/* of the guest's own */
};

/* Last words first. */
static void
put_down(struct backend *b)
{
	machine_close(&b->files);
	send_destroy(take(&b->send));
	gdb_destroy(take(&b->gdb));
	machine_destroy(take(&b->machine));
	stream_drain(b->console);
	stream_drain(b->serial);
	stream_destroy(take(&b->console));
	stream_destroy(take(&b->serial));
}

/* --- what the guest does ------------------------------------------------- */

/* To the kernel's entry, and on from there unless a call has paused us. */
static int
begin_anew(struct backend *b, struct err *e)
{
	b->reboots++;
	if (machine_reset(b->machine, e) == -1)
		return -1;
	return b->paused ? 0 : machine_resume(b->machine, e);
}

/* What was sent of its memory is not what it will be. */
static void
guest_reboots(struct backend *b)
{
	struct err e;

	log_info("guest reboots");
	if (b->send != NULL) {
		send_destroy(take(&b->send));
		(void)err_set(&e, EAGAIN, "send: the guest has rebooted");
		vmm_done(b->vmm, &e);
	}
	if (b->setup.brake && !brake_reboot(&b->brake, os_now_us()))
		vmm_end(b->vmm, VM_EXIT_RESTARTED, BRAKE_REASON);
	else if (begin_anew(b, &e) == -1)
		vmm_end(b->vmm, VM_EXIT_HYPERVISOR_DIED, "reboot: %s", e.text);
}

static void
machine_event(void *arg, enum machine_event what, const char *text)
{
	struct backend *b = arg;

	switch (what) {
	case MACHINE_REBOOT:
		guest_reboots(b);
		break;
	case MACHINE_POWERED_OFF:
		vmm_end(b->vmm, VM_EXIT_POWERED_OFF, "guest powered off");
		break;
	case MACHINE_PANICKED:
		vmm_end(b->vmm, VM_EXIT_GUEST_PANICKED, "guest panicked");
		break;
	case MACHINE_DEVICE_DIED:
		vmm_end(b->vmm, VM_EXIT_DEVICE_DIED, "%s", text);
		break;
	case MACHINE_BROKEN:
		vmm_end(b->vmm, VM_EXIT_HYPERVISOR_DIED, "%s", text);
		break;
	case MACHINE_DEBUG:
		if (b->gdb != NULL)
			gdb_stopped(b->gdb);
		break;
	}
}

static void
leave(void *arg)
{
	struct backend *b = arg;

	vmm_end(b->vmm, VM_EXIT_SHUT_DOWN, "ended at the terminal");
}

/* Where there is no serial port nobody waits for a break. */
static void
send_break(void *arg)
{
	struct backend *b = arg;
	struct err e;

	if (b->machine != NULL && machine_break(b->machine, &e) == -1)
		log_debug("break: %s", e.text);
}

/* --- a debugger ---------------------------------------------------------- */

static void
gdb_paused(void *arg, bool paused)
{
	struct backend *b = arg;

	b->paused = paused;
	vmm_paused(b->vmm, paused);
}

static void
gdb_failed(void *arg, const struct err *e)
{
	struct backend *b = arg;

	vmm_end(b->vmm, VM_EXIT_HYPERVISOR_DIED, "gdb: %s", e->text);
}

static int
make_gdb(struct backend *b, const struct vm_config *c, struct err *e)
{
	const struct gdb_setup s = {
		.loop = b->setup.loop,
		.machine = b->machine,
		.path = c->gdb,
		.paused = gdb_paused,
		.failed = gdb_failed,
		.arg = b,
	};

	return c->gdb == NULL ? 0 : gdb_new(&b->gdb, &s, e);
}

/* --- actions ------------------------------------------------------------- */

static void
done(struct backend *b, int r, const struct err *e)
{
	vmm_done(b->vmm, r == -1 ? e : NULL);
}

static int
make_streams(struct backend *b, const struct vm_config *c, int *console,
    int *serial, struct err *e)
{
	struct stream_setup s = { .loop = b->setup.loop, .leave = leave,
	    .send_break = send_break, .arg = b };

	s.config = &c->console;
	if (stream_new(&b->console, console, &s, e) == -1)
		return err_prefix(e, "console");
	s.config = &c->serial;
	if (stream_new(&b->serial, serial, &s, e) == -1)
		return err_prefix(e, "serial");
	return 0;
}

/* Nobody unpacks a kernel again: what was in that file is there. */
static bool
is_unpacked(const struct backend *b, const struct vm_config *c)
{
	return b->files.kernel == -1 && b->packed != NULL &&
	    c->kernel != NULL && strcmp(c->kernel, b->packed) == 0;
}

static int
open_files(struct backend *b, const struct vm_config *c, struct err *e)
{
	if (is_unpacked(b, c)) {
		b->files.kernel = fcntl(b->unpacked, F_DUPFD_CLOEXEC, 0);
		if (b->files.kernel == -1)
			return err_sys(e, "kernel");
	}
	return machine_open(&b->files, c, e);
}

/*
 * A later boot has to do with the files of the first.  Where memory will be
 * private, snapshots ask what has changed in it.
 */
static int
confine(struct backend *b, const struct vm_config *c, int snapshot,
    struct err *e)
{
	if (b->confined || b->setup.confine == NULL)
		return 0;
	if (snapshot != -1 || !c->memory.shared)
		(void)os_pages_open();
	if (open_files(b, c, e) == -1 ||
	    confine_enter(b->setup.confine, c, &b->files, snapshot, e) == -1)
		return -1;
	b->confined = true;
	return 0;
}

/* snapshot: the one that is open, or NULL. */
static int
make_machine(struct backend *b, const struct vm_config *c,
    const struct snapshot *snapshot, struct err *e)
{
	own_fd int console = -1, serial = -1;
	struct machine_setup s = { .loop = b->setup.loop,
	    .accel = b->setup.accel, .config = c, .memory = -1,
	    .files = &b->files,
	    .event = machine_event, .arg = b };

	if ((is_unpacked(b, c) && open_files(b, c, e) == -1) ||
	    make_streams(b, c, &console, &serial, e) == -1)
		return -1;
	s.console = take_fd(&console);
	s.serial = take_fd(&serial);
	if (snapshot != NULL) {
		s.restore = true;
		s.memory = snapshot->memory;
		s.state = snapshot->machine;
	}
	if (machine_new(&b->machine, &s, e) == -1)
		return -1;
	brake_release(&b->brake, os_now_us());
	return make_gdb(b, c, e);
}

static int
boot(struct backend *b, struct err *e)
{
	const struct vm_config *c = vmm_config(b->vmm);

	if (confine(b, c, -1, e) == -1 || make_machine(b, c, NULL, e) == -1)
		return -1;
	return machine_resume(b->machine, e);
}

static void
backend_boot(void *arg)
{
	struct backend *b = arg;
	struct err e;
	int r;

	b->paused = false;
	r = boot(b, &e);
	if (r == -1)
		put_down(b);
	done(b, r, &e);
}

static void
backend_pause(void *arg)
{
	struct backend *b = arg;

	machine_pause(b->machine);
	b->paused = true;
	done(b, 0, NULL);
}

static void
backend_resume(void *arg)
{
	struct backend *b = arg;
	struct err e;
	int r = machine_resume(b->machine, &e);

	b->paused = r == -1;
	if (r == 0)
		machine_sync_clock(b->machine);
	done(b, r, &e);
}

static void
backend_shutdown(void *arg)
{
	struct backend *b = arg;

	put_down(b);
	done(b, 0, NULL);
}

/* A call leaves it running, wherever it was. */
static void
backend_reboot(void *arg)
{
	struct backend *b = arg;
	struct err e;

	b->paused = false;
	machine_pause(b->machine);
	brake_release(&b->brake, os_now_us());
	if (begin_anew(b, &e) == 0)
		done(b, 0, NULL);
	else	/* half of it is reset; this answers the call too */
		vmm_end(b->vmm, VM_EXIT_HYPERVISOR_DIED, "reboot: %s", e.text);
}

static void
backend_power_button(void *arg)
{
	struct backend *b = arg;

	machine_power_button(b->machine);
	done(b, 0, NULL);
}

static void
backend_nmi(void *arg)
{
	struct backend *b = arg;
	struct err e;

	done(b, machine_nmi(b->machine, &e), &e);
}

static void
backend_break(void *arg)
{
	struct backend *b = arg;
	struct err e;

	done(b, machine_break(b->machine, &e), &e);
}

static void
backend_clock(void *arg)
{
	struct backend *b = arg;

	machine_sync_clock(b->machine);
	done(b, 0, NULL);
}

static void
backend_console_size(void *arg)
{
	struct backend *b = arg;
	const struct vmm_ask *ask = vmm_ask(b->vmm);
	struct err e;

	done(b, machine_console_size(b->machine, ask->cols, ask->rows, &e),
	    &e);
}

/* --- devices ------------------------------------------------------------- */

/* NULL when the VM has none of that name. */
static struct vio *
find_device(const struct backend *b, const char *name)
{
	struct vio *vio;

	for (unsigned i = 0; i < machine_devices(b->machine); i++) {
		vio = machine_device(b->machine, i);
		if (strcmp(vio->name, name) == 0)
			return vio;
	}
	return NULL;
}

/* As lspci(8) writes it. */
static json_t *
place_json(const struct vio *vio)
{
	return json_sprintf("0000:00:%02x.0", pci_slot(vio->pci));
}

static void
backend_add(void *arg)
{
	struct backend *b = arg;
	const struct vmm_ask *ask = vmm_ask(b->vmm);
	struct err e;

	if (machine_add(b->machine, ask->next, ask->id, &e) == -1)
		vmm_done(b->vmm, &e);
	else
		vmm_answer(b->vmm, json_pack("{s:s, s:o}", "id", ask->id,
		    "bdf", place_json(find_device(b, ask->id))));
}

static void
backend_remove(void *arg)
{
	struct backend *b = arg;
	struct err e;

	done(b, machine_remove(b->machine, vmm_ask(b->vmm)->id, &e), &e);
}

static int
resize(struct backend *b, const struct vm_config *next, struct err *e)
{
	struct board *board = machine_board(b->machine);
	struct vio *vio = find_device(b, BALLOON);
	int r;

	if (next == NULL)	/* it is what it was */
		return 0;
	if (machine_set_cpus(b->machine, next->cpus, e) == -1)
		return -1;
	if (vio == NULL)
		return 0;
	board_lock(board);
	r = vio_balloon_set(vio, next->balloon.size, e);
	board_unlock(board);
	return r;
}

static void
backend_resize(void *arg)
{
	struct backend *b = arg;
	struct err e;

	done(b, resize(b, vmm_ask(b->vmm)->next, &e), &e);
}

/* --- snapshots ----------------------------------------------------------- */

/* A device that was taken away stays until the guest has given it up. */
static int
check_devices(const struct backend *b, const struct vm_config *c,
    struct err *e)
{
	static const char *const always[] = { BALLOON, "console0", "rng0",
	    VMMCI_NAME };
	const char *name;
	bool found;

	if (machine_cpus_leaving(b->machine))
		return err_set(e, EBUSY, "a processor was wanted back, and "
		    "the guest has not given it up");
	for (unsigned i = 0; i < machine_devices(b->machine); i++) {
		name = machine_device(b->machine, i)->name;
		found = vm_config_has(c, name);
		for (size_t k = 0; k < COUNT(always); k++)
			found = found || strcmp(always[k], name) == 0;
		if (!found)
			return err_set(e, EBUSY, "%s: was removed, and the "
			    "guest has not given it up", name);
	}
	return 0;
}

static int
save(struct backend *b, const struct vmm_ask *ask, struct err *e)
{
	own_json json_t *config = vm_config_json(vmm_config(b->vmm));
	own_json json_t *machine = NULL;
	struct snapshot_parts parts = { .config = config,
	    .memory = machine_board(b->machine)->memory };

	if (config == NULL)
		return err_set(e, ENOMEM, "out of memory");
	if (check_devices(b, vmm_config(b->vmm), e) == -1 ||
	    (machine = machine_save(b->machine, e)) == NULL)
		return -1;
	parts.machine = machine;
	return snapshot_save(&parts, ask->dirfd, ask->path, e);
}

static void
backend_snapshot(void *arg)
{
	struct backend *b = arg;
	struct err e;

	done(b, save(b, vmm_ask(b->vmm), &e), &e);
}

/* The VM may run: then it goes on afterwards. */
static int
dump(struct backend *b, const struct vmm_ask *ask, struct err *e)
{
	struct err ignored;
	int r;

	machine_pause(b->machine);
	r = coredump_save(b->machine, ask->dirfd, ask->path, e);
	if (!b->paused && machine_resume(b->machine, r == -1 ? &ignored : e)
	    == -1)
		r = -1;
	return r;
}

static void
backend_coredump(void *arg)
{
	struct backend *b = arg;
	struct err e;

	done(b, dump(b, vmm_ask(b->vmm), &e), &e);
}

/* The host reads what will be used first while the machine is made. */
static int
make_again(struct backend *b, const struct vm_config *c,
    const struct snapshot *s, const struct working_set *first, struct err *e)
{
	working_set_announce(first, s->memory);
	if (make_machine(b, c, s, e) == -1 ||
	    machine_load(b->machine, s->machine, e) == -1)
		return -1;
	working_set_fetch(first, machine_board(b->machine)->memory);
	return 0;
}

static int
restore(struct backend *b, const struct vmm_ask *ask, struct err *e)
{
	struct vm_config c = *ask->next;	/* borrows all of it */
	struct working_set first = { .n = 0 };
	struct snapshot s;
	int r = 0;

	c.memory.prefault = c.memory.prefault || ask->prefault;
	if (confine(b, &c, ask->dirfd, e) == -1 ||
	    snapshot_open(&s, ask->dirfd, e) == -1)
		return -1;
	if (ask->prefetch)
		r = working_set_read(&first, ask->dirfd, c.memory.size, e);
	if (r == 0)
		r = make_again(b, &c, &s, &first, e);
	working_set_fini(&first);
	snapshot_close(&s);
	return r;
}

static void
backend_restore(void *arg)
{
	struct backend *b = arg;
	struct err e;
	int r;

	b->paused = true;
	r = restore(b, vmm_ask(b->vmm), &e);
	if (r == -1)
		put_down(b);
	done(b, r, &e);
}

static int
record(struct backend *b, const struct vmm_ask *ask, struct err *e)
{
	const struct memory *memory = machine_board(b->machine)->memory;
	struct working_set w = { .n = 0 };
	own_fd int dir = openat(ask->dirfd, ask->path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir == -1)
		return err_sys(e, "snapshot %s", ask->path);
	r = working_set_record(&w, memory, e);
	if (r == 0)
		r = working_set_write(&w, memory, dir, e);
	working_set_fini(&w);
	return r;
}

static void
backend_working_set(void *arg)
{
	struct backend *b = arg;
	struct err e;

	done(b, record(b, vmm_ask(b->vmm), &e), &e);
}

/* --- sending ------------------------------------------------------------- */

static int
send_stop(void *arg, json_t **config, json_t **state, struct err *e)
{
	struct backend *b = arg;
	own_json json_t *machine = NULL;

	machine_pause(b->machine);
	if (check_devices(b, vmm_config(b->vmm), e) == -1)
		return -1;
	machine = machine_save(b->machine, e);
	if (machine == NULL)
		return -1;
	*config = vm_config_json(vmm_config(b->vmm));
	*state = snapshot_state(machine);
	return 0;
}

/* The VM stays paused, or is as it was. */
static void
send_done(void *arg, const struct err *why)
{
	const struct send_counts *n;
	struct backend *b = arg;
	struct err e;

	if (why == NULL) {
		n = send_counts(b->send);
		log_info("sent %llu pages in %u rounds, %llu when it stood",
		    (unsigned long long)n->pages, n->rounds,
		    (unsigned long long)n->last);
	}
	send_destroy(take(&b->send));
	b->paused = b->paused || why == NULL;
	if (!b->paused && machine_resume(b->machine, &e) == -1)
		vmm_end(b->vmm, VM_EXIT_HYPERVISOR_DIED, "send: %s", e.text);
	else
		vmm_done(b->vmm, why);
}

static int
send_begin(struct backend *b, const struct vmm_ask *ask, struct err *e)
{
	struct send_setup s = { .loop = b->setup.loop, .machine = b->machine,
	    .running = !b->paused, .stop = send_stop, .done = send_done,
	    .arg = b };

	if (b->gdb != NULL)
		return err_set(e, ENOTSUP, "send: a VM with a debugger is not "
		    "sent");
	if (machine_savable(b->machine, e) == -1 ||
	    check_devices(b, vmm_config(b->vmm), e) == -1)
		return -1;
	s.fd = migration_open(ask->dirfd, ask->path, e);
	return s.fd == -1 ? -1 : send_new(&b->send, &s, e);
}

static void
backend_send(void *arg)
{
	struct backend *b = arg;
	struct err e;

	if (send_begin(b, vmm_ask(b->vmm), &e) == -1)
		vmm_done(b->vmm, &e);
}

static void
backend_kill(void *arg)
{
	put_down(arg);
}

/* --- what is told -------------------------------------------------------- */

static int
backend_check(const struct vm_config *c, struct err *e)
{
	if (strcmp(vm_arch_name(c->arch), os_arch()) != 0)
		return err_api(e, ENOTSUP, "invalid_request",
		    "platform: arch: vmm runs %s guests only here",
		    os_arch());
	if (MAX(c->cpus, c->cpus_max) > ACCEL_CPUS_MAX)
		return err_api(e, ENOTSUP, "invalid_request",
		    "cpus: more than %d are not supported by vmm",
		    ACCEL_CPUS_MAX);
	return vm_config_vhost_only(c, "vmm", e);
}

static json_t *
backend_info(void *arg)
{
	const struct backend *b = arg;

	return json_pack("{s:s, s:s, s:I}", "hypervisor", "vmm",
	    "accel", b->setup.accel->name, "reboots", (json_int_t)b->reboots);
}

static json_t *
balloon_json(struct backend *b, struct vio *vio)
{
	struct vio_balloon_info i;

	board_lock(machine_board(b->machine));
	vio_balloon_info(vio, &i);
	board_unlock(machine_board(b->machine));
	return json_pack("{s:I, s:I, s:I}", "target", (json_int_t)i.target,
	    "actual", (json_int_t)i.actual,
	    "reported", (json_int_t)i.reported);
}

static json_t *
backend_counters(void *arg)
{
	struct backend *b = arg;
	struct vio *balloon = find_device(b, BALLOON);

	return json_pack("{s:{s:I, s:I, s:I}, s:o*}", "vmm",
	    "exits", (json_int_t)vcpus_exits(machine_vcpus(b->machine)),
	    "reboots", (json_int_t)b->reboots,
	    "boot_us", (json_int_t)machine_boot_us(b->machine),
	    BALLOON, balloon != NULL ? balloon_json(b, balloon) : NULL);
}

static void
describe_memory(struct backend *b, json_t *info)
{
	struct board *board = machine_board(b->machine);
	struct vio *vio = find_device(b, BALLOON);
	struct vio_balloon_info i = { .actual = 0 };

	if (vio == NULL)
		return;
	board_lock(board);
	vio_balloon_info(vio, &i);
	board_unlock(board);
	(void)json_object_set_new(info, "memory_actual_size", json_integer(
	    (json_int_t)(memory_bytes(board->memory) - i.actual)));
}

static void
backend_describe(void *arg, json_t *info)
{
	struct backend *b = arg;
	json_t *tree = json_object();
	struct vio *vio;

	for (unsigned i = 0; b->machine != NULL &&
	    i < machine_devices(b->machine); i++) {
		vio = machine_device(b->machine, i);
		(void)json_object_set_new(tree, vio->name, json_pack(
		    "{s:s, s:[], s:[], s:o}", "id", vio->name, "resources",
		    "children", "pci_bdf", place_json(vio)));
	}
	(void)json_object_set_new(info, "device_tree", tree);
	if (b->machine != NULL)
		describe_memory(b, info);
}

const struct vmm_backend machine_backend = {
	.name		= "vmm",
	.check		= backend_check,
	.act		= {
		[VMM_BOOT]		= backend_boot,
		[VMM_PAUSE]		= backend_pause,
		[VMM_RESUME]		= backend_resume,
		[VMM_SHUTDOWN_NOW]	= backend_shutdown,
		[VMM_REBOOT]		= backend_reboot,
		[VMM_POWER_BUTTON]	= backend_power_button,
		[VMM_RESIZE]		= backend_resize,
		[VMM_ADD]		= backend_add,
		[VMM_REMOVE]		= backend_remove,
		[VMM_NMI]		= backend_nmi,
		[VMM_BREAK]		= backend_break,
		[VMM_CLOCK]		= backend_clock,
		[VMM_CONSOLE_SIZE]	= backend_console_size,
		[VMM_COREDUMP]		= backend_coredump,
		[VMM_SNAPSHOT]		= backend_snapshot,
		[VMM_RESTORE]		= backend_restore,
		[VMM_WORKING_SET]	= backend_working_set,
		[VMM_SEND]		= backend_send,
	},
	.kill		= backend_kill,
	.info		= backend_info,
	.counters	= backend_counters,
	.describe	= backend_describe,
};

/* --- life ---------------------------------------------------------------- */

int
backend_new(struct backend **ret, const struct backend_setup *setup,
    struct err *e)
{
	struct backend *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return err_sys(e, "machine");
	/* One a thread costs four system calls each: they hardly allocate. */
	os_one_heap();
	b->setup = *setup;
	b->files = (struct machine_files){ -1, -1, -1 };
	b->unpacked = -1;
	*ret = b;
	return 0;
}

void
backend_attach(struct backend *b, struct vmm *vmm)
{
	b->vmm = vmm;
}

int
backend_kernel(struct backend *b, const char *path, int fd, bool packed,
    struct err *e)
{
	if (!packed) {
		b->files.kernel = fd;
		return 0;
	}
	b->unpacked = fd;
	b->packed = strdup(path);
	return b->packed == NULL ? err_sys(e, "kernel") : 0;
}

void
backend_destroy(struct backend *b)
{
	if (b == NULL)
		return;
	put_down(b);
	if (b->unpacked != -1)
		(void)close(b->unpacked);
	free(b->packed);
	free(b);
}
