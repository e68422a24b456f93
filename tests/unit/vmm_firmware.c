/* SPDX-License-Identifier: ISC */
/* vmm_firmware.c - a machine that begins with a BIOS; it is a script */

#include "unit.h"
#include "event_kit.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accel/accel_null.h"
#include "accel/accel_x86.h"
#include "chapi/vm_config.h"
#include "lib/log.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/acpi.h"
#include "vmm/board.h"
#include "vmm/dev/debugcon.h"
#include "vmm/dev/fw_cfg.h"
#include "vmm/dev/power.h"
#include "vmm/firmware.h"
#include "vmm/machine.h"
#include "vmm/memory.h"
#include "vmm/vcpu.h"

#define MIB		0x100000ULL
#define MEMORY		(16 * MIB)
#define TABLES		(MEMORY - FIRMWARE_TABLES_LEN)

struct world {
	struct event_loop	*loop;
	struct vm_config	 config;
	struct machine		*machine;
	int			 peer;		/* of COM1 */
	char			 image[32];
	struct machine_files	 files;		/* opened by the caller */
};

static void
on_event(void *arg, enum machine_event what, const char *text)
{
	struct world *w = arg;

	(void)what;
	(void)text;
	event_loop_stop(w->loop);
}

/* An image whose bytes tell where they are. */
static void
write_image(struct world *w, size_t len)
{
	uint32_t *image = test_calloc(1, len + sizeof(*image));
	FILE *f = fopen(w->image, "we");

	for (size_t i = 0; i < len / sizeof(*image); i++)
		image[i] = (uint32_t)(len - i * sizeof(*image));
	assert_non_null(f);
	assert_int_equal(fwrite(image, 1, len, f), len);
	(void)fclose(f);
	test_free(image);
}

static void
begin(struct world *w, size_t len)
{
	int fd;

	null_forget();
	memset(w, 0, sizeof(*w));
	w->peer = -1;
	w->files = (struct machine_files){ -1, -1, -1 };
	w->loop = kit_loop();
	(void)snprintf(w->image, sizeof(w->image), "/tmp/bios.XXXXXX");
	fd = mkstemp(w->image);
	assert_int_not_equal(fd, -1);
	(void)close(fd);
	write_image(w, len);
	w->config.firmware = w->image;
	w->config.cpus = 2;
	w->config.cpus_max = 3;
	w->config.memory.size = MEMORY;
}

static int
make(struct world *w, bool serial, const json_t *state, struct err *e)
{
	struct machine_setup s = { .loop = w->loop, .accel = &accel_null,
	    .config = &w->config, .console = -1, .serial = -1,
	    .memory = -1, .event = on_event, .arg = w, .state = state,
	    .restore = state != NULL, .files = &w->files };
	int sv[2], r;

	if (serial) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
		w->peer = sv[0];
		s.serial = sv[1];
	}
	if (state != NULL)
		s.memory = os_memfd("memory", MEMORY, NULL);
	r = machine_new(&w->machine, &s, e);
	if (s.memory != -1)
		(void)close(s.memory);
	return r;
}

static void
end(struct world *w)
{
	machine_destroy(w->machine);
	if (w->peer != -1)
		(void)close(w->peer);
	event_loop_destroy(w->loop);
	(void)unlink(w->image);
	null_forget();
}

static uint32_t
peek(struct world *w, uint64_t gpa)
{
	uint32_t v;

	memcpy(&v, memory_at(machine_board(w->machine)->memory, gpa,
	    sizeof(v)), sizeof(v));
	return v;
}

static int
get_regs(struct accel_vcpu *v, void *arg, struct err *e)
{
	return accel_null.x86->get_regs(v, arg, e);
}

/* As a processor begins: 16 bytes below 4 GiB. */
static void
check_entry(struct world *w)
{
	struct x86_regs r;

	assert_int_equal(vcpus_call(machine_vcpus(w->machine), 0, get_regs,
	    &r, NULL), 0);
	assert_int_equal(r.seg[X86_CS].base + r.rip, 0xfffffff0);
	assert_int_equal(r.seg[X86_CS].selector, 0xf000);
	assert_int_equal(r.seg[X86_DS].limit, 0xffff);
	assert_int_equal(r.cr0 & 1, 0);
	assert_int_equal(r.efer, 0);
}

/* The same bytes below 4 GiB and 1 MiB, with their last at the end. */
static void
image(void **state)
{
	static const size_t sizes[] = { FIRMWARE_MIN, 5000, 128 << 10,
	    FIRMWARE_MAX };
	struct accel_memory m;
	struct world w;
	uint32_t last;

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		begin(&w, sizes[i]);
		assert_int_equal(make(&w, false, NULL, NULL), 0);
		m = null_memory(MEMORY_SLOT_FIRMWARE);
		assert_int_equal(m.gpa + m.bytes, MEMORY_HIGH);
		assert_int_equal(m.bytes % 4096, 0);
		assert_true(m.readonly);
		memcpy(&last, (uint8_t *)m.host + m.bytes - 4, 4);
		assert_int_equal(last, 4);
		assert_int_equal(peek(&w, MIB - 4), 4);
		assert_int_equal(peek(&w, MIB - sizes[i]), sizes[i]);
		assert_int_equal(peek(&w, MIB - m.bytes - 4), 0);
		check_entry(&w);
		end(&w);
	}
}

static void
refused(void **state)
{
	static const size_t sizes[] = { 0, FIRMWARE_MIN - 1,
	    FIRMWARE_MAX + 1 };
	struct world w;
	struct err e;

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		begin(&w, sizes[i]);
		assert_int_equal(make(&w, false, NULL, &e), -1);
		assert_string_equal(e.text,
		    "firmware: not a file of 4 to 256 KiB");
		end(&w);
	}
	begin(&w, FIRMWARE_MIN);
	w.config.irqchip = VM_IRQCHIP_SPLIT;
	assert_int_equal(make(&w, false, NULL, &e), -1);
	assert_non_null(strstr(e.text, "irqchip"));
	w.config.firmware = "/nowhere";
	assert_int_equal(make(&w, false, NULL, &e), -1);
	assert_string_equal(e.text,
	    "firmware: /nowhere: No such file or directory");
	end(&w);
}

/* What a guest does at once, to the board. */
static void
out(struct world *w, uint64_t port, unsigned len, uint64_t v)
{
	bus_write(&machine_board(w->machine)->pio, port, len, v);
}

static uint64_t
in(struct world *w, uint64_t port)
{
	return bus_read(&machine_board(w->machine)->pio, port, 1);
}

static void
item(struct world *w, unsigned select, void *to, size_t len)
{
	uint8_t *at = to;

	out(w, FW_CFG_PORT, 2, select);
	while (len-- > 0)
		*at++ = (uint8_t)in(w, FW_CFG_PORT + 1);
}

struct entry {
	uint32_t	len;
	uint16_t	select, reserved;
	char		name[FW_CFG_NAME_MAX + 1];
};

/* A file's first bytes; how many it has in all, or -1. */
static int
file(struct world *w, const char *name, void *to, size_t len)
{
	struct {
		uint32_t	n;
		struct entry	entry[FW_CFG_FILES_MAX];
	} d;

	item(w, 0x19, &d, sizeof(d));
	for (unsigned i = 0; i < be32toh(d.n); i++) {
		if (strcmp(d.entry[i].name, name) != 0)
			continue;
		item(w, be16toh(d.entry[i].select), to, len);
		return (int)be32toh(d.entry[i].len);
	}
	return -1;
}

/* All that SeaBIOS asks for. */
static void
files(void **state)
{
	struct {
		uint64_t	addr, len;
		uint32_t	type;
	} __attribute__((packed)) e820[8];
	uint8_t rsdp[ACPI_RSDP_LEN], command[128];
	uint16_t n;
	char order[16];
	struct world w;
	int len;

	(void)state;
	begin(&w, FIRMWARE_MIN);
	w.config.boot = VM_BOOT_CDROM;
	assert_int_equal(make(&w, true, NULL, NULL), 0);
	len = file(&w, "etc/e820", e820, sizeof(e820));
	assert_int_equal(len, 4 * sizeof(e820[0]));
	assert_int_equal(e820[2].addr + e820[2].len, TABLES);
	assert_int_equal(e820[3].addr, TABLES);
	assert_int_equal(e820[3].type, 2);

	/* The tables' root, which leads to where they are. */
	assert_int_equal(file(&w, "etc/acpi/rsdp", rsdp, sizeof(rsdp)),
	    sizeof(rsdp));
	assert_memory_equal(rsdp, memory_at(machine_board(w.machine)->memory,
	    TABLES, sizeof(rsdp)), sizeof(rsdp));
	assert_int_equal(peek(&w, le32toh(*(uint32_t *)(void *)(rsdp + 24))),
	    0x54445358);			/* "XSDT" */
	assert_int_equal(file(&w, "etc/table-loader", command,
	    sizeof(command)), sizeof(command));
	assert_int_equal(command[0], 1);
	assert_string_equal((char *)command + 4, "etc/acpi/rsdp");

	assert_int_equal(file(&w, "pci1af4,1041.rom", order, 0), -1);
	assert_int_equal(file(&w, "bootorder", order, sizeof(order)), 5);
	assert_string_equal(order, "HALT");
	assert_int_equal(file(&w, "etc/sercon-port", &n, sizeof(n)), 2);
	assert_int_equal(n, 0x3f8);
	item(&w, FW_CFG_CPUS, &n, sizeof(n));
	assert_int_equal(n, 2);
	item(&w, FW_CFG_CPUS_MAX, &n, sizeof(n));
	assert_int_equal(n, 3);
	item(&w, FW_CFG_NO_SCREEN, &n, sizeof(n));
	assert_int_equal(n, 1);
	end(&w);
}

/* A file of its own, with the bytes, to be read. */
static int
unnamed(const void *bytes, size_t len)
{
	int fd = os_memfd("file", len, NULL);

	assert_int_not_equal(fd, -1);
	assert_int_equal(pwrite(fd, bytes, len, 0), len);
	return fd;
}

/* As a machine that boots from a network is told; -1: it is refused. */
static int
make_net(struct world *w, const void *rom, size_t len, struct err *e)
{
	int r;

	begin(w, FIRMWARE_MIN);
	w->config.boot = VM_BOOT_NET;
	w->files.kernel = open(w->image, O_RDONLY | O_CLOEXEC);
	assert_int_not_equal(w->files.kernel, -1);
	w->files.initrd = unnamed(rom, len);
	r = make(w, false, NULL, e);
	assert_int_equal(w->files.initrd, -1);	/* taken */
	return r;
}

/* The image of a ROM, which says itself how long it is. */
static void
net_rom(void **state)
{
	uint8_t rom[3 * 512], got[sizeof(rom)];
	struct world w;
	struct err e;

	(void)state;
	memset(rom, 7, sizeof(rom));
	memcpy(rom, "\x55\xaa\x02", 3);
	assert_int_equal(make_net(&w, rom, sizeof(rom), &e), 0);
	assert_int_equal(file(&w, "pci1af4,1041.rom", got, sizeof(got)), 1024);
	assert_memory_equal(got, rom, 1024);
	assert_int_equal(got[1024], 0);
	end(&w);
	rom[2] = 4;		/* longer than its file */
	assert_int_equal(make_net(&w, rom, sizeof(rom), &e), -1);
	end(&w);
	rom[2] = 0;
	assert_int_equal(make_net(&w, rom, sizeof(rom), &e), -1);
	assert_non_null(strstr(e.text, "no image of a ROM"));
	end(&w);
	assert_int_equal(make_net(&w, "MZ", 2, &e), -1);
	end(&w);
}

/* A reset brings back the image and its entry, whatever the guest did. */
static void
reset(void **state)
{
	struct world w;
	struct board *b;
	uint16_t n;

	(void)state;
	begin(&w, FIRMWARE_MIN);
	assert_int_equal(make(&w, false, NULL, NULL), 0);
	b = machine_board(w.machine);
	memset(memory_at(b->memory, 0, MEMORY), 0xff, MEMORY);
	assert_int_equal(machine_set_cpus(w.machine, 3, NULL), 0);
	assert_int_equal(machine_reset(w.machine, NULL), 0);
	assert_int_equal(peek(&w, MIB - 4), 4);
	assert_memory_equal(memory_at(b->memory, TABLES, 8), "RSD PTR ", 8);
	check_entry(&w);
	item(&w, FW_CFG_CPUS, &n, sizeof(n));
	assert_int_equal(n, 3);
	end(&w);
}

/* The image comes from its file again, and must be the same. */
static void
saved(void **state)
{
	own_json json_t *o = NULL;
	struct world w;
	struct err e;

	(void)state;
	begin(&w, FIRMWARE_MIN);
	assert_int_equal(make(&w, false, NULL, NULL), 0);
	o = machine_save(w.machine, &e);
	assert_non_null(o);
	for (unsigned i = 0; i < 2; i++) {
		machine_destroy(take(&w.machine));
		null_forget();
		if (i == 1)
			write_image(&w, FIRMWARE_MIN + 4);
		assert_int_equal(make(&w, false, o, &e), 0);
		assert_int_equal(machine_load(w.machine, o, &e), i == 0 ? 0 :
		    -1);
	}
	assert_string_equal(e.text,
	    "state: firmware: the snapshot's is another image than this");
	/* A snapshot of a machine that began with a kernel. */
	(void)json_object_del(o, "firmware");
	assert_int_equal(machine_load(w.machine, o, &e), -1);
	end(&w);
}

/* Standard error into a file, until text is asked for. */
static void
says(struct world *w, const char *text, const char *want)
{
	FILE *f = tmpfile();
	int before = dup(STDERR_FILENO);
	char got[8192] = "";

	assert_non_null(f);
	assert_int_not_equal(dup2(fileno(f), STDERR_FILENO), -1);
	for (; *text != '\0'; text++)
		out(w, DEBUGCON_PORT, 1, (uint8_t)*text);
	assert_int_not_equal(dup2(before, STDERR_FILENO), -1);
	(void)close(before);
	rewind(f);
	(void)!fread(got, 1, sizeof(got) - 1, f);
	(void)fclose(f);
	assert_string_equal(got, want);
}

/* Messages are lines of the log, if somebody reads them. */
static void
messages(void **state)
{
	char text[DEBUGCON_LINE_MAX + 3], want[sizeof(text) + 40];
	struct world w;

	(void)state;
	begin(&w, FIRMWARE_MIN);
	assert_int_equal(make(&w, false, NULL, NULL), 0);
	assert_int_equal(in(&w, DEBUGCON_PORT), 0xff);
	end(&w);

	log_init("vmm", LOG_STYLE_PLAIN, 1);
	begin(&w, FIRMWARE_MIN);
	assert_int_equal(make(&w, false, NULL, NULL), 0);
	assert_int_equal(in(&w, DEBUGCON_PORT), 0xe9);
	says(&w, "\n\33[2Jhello\r\n\n\n", "vmm: firmware: [2Jhello\n");
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)snprintf(want, sizeof(want), "vmm: firmware: %.*s\n",
	    DEBUGCON_LINE_MAX, text);
	says(&w, text, want);
	says(&w, "\n", "vmm: firmware: xx\n");
	log_verbose(0);		/* the others need not be seen */
	for (unsigned i = 0; i < DEBUGCON_LINES_MAX; i++)
		says(&w, "y\n", "");
	log_verbose(1);
	says(&w, "too much\n", "");
	assert_int_equal(machine_reset(w.machine, NULL), 0);
	says(&w, "again\n", "vmm: firmware: again\n");
	end(&w);
	log_verbose(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image),
		cmocka_unit_test(refused),
		cmocka_unit_test(files),
		cmocka_unit_test(net_rom),
		cmocka_unit_test(reset),
		cmocka_unit_test(saved),
		cmocka_unit_test(messages),
	};

	return unit_run("vmm_firmware", tests);
}
