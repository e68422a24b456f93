/* SPDX-License-Identifier: ISC */
/* vmm_hand.c - the command line of vmm by hand, and lists in options */

#include <string.h>

#include "unit.h"
#include "lib/util.h"
#include "vmm/hand.h"
#include "vmm/subopt.h"

#define WORDS_MAX	32

/* A command line in one string, cut at its blanks. */
static int
parse(struct hand *h, const char *line, struct err *e)
{
	static char copy[1024];
	char *argv[WORDS_MAX + 1] = { copy };
	int argc = 0;

	(void)snprintf(copy, sizeof(copy), "vmm %s", line);
	for (char *p = strtok(copy, " "); p != NULL && argc < WORDS_MAX;
	    p = strtok(NULL, " "))
		argv[argc++] = p;
	argv[argc] = NULL;
	return hand_parse(h, argc, argv, e);
}

static void
smallest(void **state)
{
	struct hand h;
	struct err e;

	(void)state;
	assert_int_equal(parse(&h, "--kernel k", &e), 0);
	assert_string_equal(h.config.kernel, "k");
	assert_string_equal(h.config.cmdline, "console=ttyS0");
	assert_int_equal(h.config.cpus, 1);
	assert_int_equal(h.config.memory.size, 256 << 20);
	assert_true(h.config.memory.shared);
	assert_int_equal(h.config.serial.mode, VM_STREAM_TTY);
	assert_int_equal(h.config.console.mode, VM_STREAM_OFF);
	assert_false(h.config.rng);
	assert_null(h.api);
}

static void
firmware(void **state)
{
	struct hand h;
	struct err e;

	(void)state;
	assert_int_equal(parse(&h, "--firmware f --boot net", &e), 0);
	assert_string_equal(h.config.firmware, "f");
	assert_int_equal(h.config.boot, VM_BOOT_NET);
	assert_null(h.config.kernel);
	assert_null(h.config.cmdline);
	assert_int_equal(h.config.serial.mode, VM_STREAM_TTY);
}

static void
everything(void **state)
{
	const struct vm_config *c;
	struct hand h;
	struct err e;

	(void)state;
	assert_int_equal(parse(&h, "-v -n name --kernel=k --initramfs i "
	    "--memory 2G,hugepages=1G,shared=off,thp=off,prefault "
	    "--cpus 4,cpu=baseline --irqchip split --rng", &e), 0);
	c = &h.config;
	assert_int_equal(h.verbose, 1);
	assert_string_equal(h.name, "name");
	assert_int_equal(c->memory.page, VM_PAGE_1G);
	assert_false(c->memory.shared);
	assert_false(c->memory.thp);
	assert_true(c->memory.prefault);
	assert_int_equal(c->cpus, 4);
	assert_int_equal(c->cpus_max, 4);
	assert_int_equal(c->cpu, VM_CPU_BASELINE);
	assert_int_equal(c->irqchip, VM_IRQCHIP_SPLIT);
	assert_true(c->rng);

	assert_int_equal(parse(&h, "--kernel k --disk a --disk b,readonly,"
	    "queues=2 --net user,port=8080:80,port=127.0.0.1:53:53/udp,"
	    "mac=02:00:00:00:00:09,boot=d/f --vsock cid=7,socket=v "
	    "--fs tag=t,socket=s", &e), 0);
	assert_int_equal(c->ndisks, 2);
	assert_string_equal(h.disks[1], "b");
	assert_string_equal(c->disks[1].id, "disk1");
	assert_true(c->disks[1].readonly);
	assert_int_equal(c->disks[1].queues, 2);
	assert_int_equal(h.nets[0].nports, 2);
	assert_string_equal(h.nets[0].ports[1], "127.0.0.1:53:53/udp");
	assert_string_equal(h.nets[0].boot, "d/f");
	assert_string_equal(c->nets[0].mac, "02:00:00:00:00:09");
	assert_int_equal(h.formats[1], IMAGE_RAW);
	assert_true(h.vsock);
	assert_int_equal(c->vsock.cid, 7);
	assert_string_equal(c->fs[0].tag, "t");

	assert_int_equal(parse(&h, "--restore d --console socket=c,file=f "
	    "--serial null --balloon=size=64M,deflate_on_oom --pvpanic "
	    "--gdb g --api-socket a", &e), 0);
	assert_int_equal(c->console.mode, VM_STREAM_SOCKET);
	assert_string_equal(c->console.file, "f");
	assert_int_equal(c->serial.mode, VM_STREAM_NULL);
	assert_int_equal(c->balloon.size, 64 << 20);
	assert_true(c->balloon.deflate_on_oom);
	assert_string_equal(c->gdb, "g");
	assert_string_equal(h.api, "a");
}

/* What is refused, and with which words. */
static const struct {
	const char	*line, *want;
} bad[] = {
	{ "", "nothing to do: give --kernel, --firmware, --restore or "
	    "--api-socket; see vmm(8)" },
	{ "--kernel k --restore d", "--kernel and --restore: a snapshot has "
	    "its own already" },
	{ "--firmware f --restore d", "--firmware and --restore: a snapshot "
	    "has its own already" },
	{ "--firmware f --kernel k", "--firmware: takes its kernel, "
	    "initramfs and cmdline from what it boots" },
	{ "--firmware f --cmdline c", "--firmware: takes its kernel, "
	    "initramfs and cmdline from what it boots" },
	{ "--kernel k --boot net", "--boot: goes with --firmware" },
	{ "--firmware f --boot floppy", "--boot: must be disk, cdrom or net" },
	{ "--kernel k extra", "extra: not an option; see vmm(8)" },
	{ "--kernel k --memory 3M", "--memory: 3M is not between 16 MiB and "
	    "1048576 MiB" },
	{ "--kernel k --memory 17M,hugepages=2M",
	    "--memory: size must be a multiple of 2 MiB" },
	{ "--kernel k --memory hugepages=4M",
	    "--memory: hugepages: must be 2M or 1G" },
	{ "--kernel k --memory shared=maybe",
	    "--memory: shared: must be on or off" },
	{ "--kernel k --cpus 0", "--cpus: 0 is not between 1 and 128" },
	{ "--kernel k --cpus 2,max=1", "--cpus: max is less than 2" },
	{ "--kernel k --cpus 1,cpu=z80",
	    "--cpus: cpu: must be host or baseline" },
	{ "--kernel k --disk readonly", "--disk: needs the file of the disk" },
	{ "--kernel k --disk a,b", "--disk: b: no such word" },
	{ "--kernel k --disk a,queues=", "--disk: queues: needs a value" },
	{ "--kernel k --net tap",
	    "--net: must be user, the network in user space" },
	{ "--kernel k --vsock cid=3", "--vsock: needs cid= and socket=" },
	{ "--kernel k --vsock cid=2,socket=s",
	    "--vsock: cid: 2 is not between 3 and 4294967294" },
	{ "--kernel k --fs tag=t", "--fs: needs tag= and socket=" },
	{ "--kernel k --serial pty",
	    "--serial: must be tty, null, off, file=FILE or socket=PATH" },
	{ "--kernel k --serial tty --console tty",
	    "--serial and --console: only one can be tty" },
	{ "--kernel k --balloon=size=1G", "--balloon: larger than --memory" },
	{ "--kernel k --irqchip none",
	    "--irqchip: must be kernel or split" },
};

static void
refused(void **state)
{
	struct hand h;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(parse(&h, bad[i].line, &e), -1);
		assert_string_equal(e.text, bad[i].want);
	}
}

static void
too_many(void **state)
{
	char line[512] = "--kernel k";
	struct hand h;
	struct err e;

	(void)state;
	for (int i = 0; i <= VM_NETS_MAX; i++)
		(void)strcat(line, " --net=user");
	assert_int_equal(parse(&h, line, &e), -1);
	assert_string_equal(e.text, "--net: more than 4");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest),
		cmocka_unit_test(firmware),
		cmocka_unit_test(everything),
		cmocka_unit_test(refused),
		cmocka_unit_test(too_many),
	};

	return unit_run("vmm_hand", tests);
}
