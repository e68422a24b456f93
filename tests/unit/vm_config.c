/* SPDX-License-Identifier: ISC */
/* vm_config.c - VmConfig there and back, and what is refused by name */

#include <string.h>

#include "unit.h"
#include "chapi/vm_config.h"
#include "lib/util.h"

#define MINIMAL "'payload':{'kernel':'k'},'cpus':{'boot_vcpus':1}," \
	"'memory':{'size':268435456}"
#define MEMORY(more) "'payload':{'kernel':'k'},'cpus':{'boot_vcpus':1}," \
	"'memory':{'size':268435456" more "}"
#define FS "'id':'fs0','socket':'fs0.vu','tag':'src'"
#define DISK "'vhost_user':true,'vhost_socket':'disk0.vu'"
#define NET "'id':'net0','vhost_user':true,'vhost_socket':'net0.vu'"

static const char full[] = "{'payload':{'kernel':'/k','initramfs':'initrd',"
    "'cmdline':'quiet a=\\\"b c\\\"'},'cpus':{'boot_vcpus':2,'max_vcpus':2},"
    "'memory':{'size':536870912,'shared':true},'disks':[{'id':'disk0'," DISK
    ",'readonly':true,'num_queues':2},{'id':'disk1','vhost_user':true,"
    "'vhost_socket':'disk1.vu','readonly':false,'num_queues':1}],"
    "'net':[{" NET ",'mac':'52:54:00:12:34:56','num_queues':2}],"
    "'vsock':{'cid':3,'socket':'vsock.sock','vhost_socket':'vsock0.vu'},"
    "'serial':{'mode':'Off'},'console':{'mode':'Socket','socket':"
    "'console.sock','file':'console.log'},'rng':{'src':'/dev/urandom'},"
    "'platform':{'arch':'arm64'}}";

/* All that only vmm has. */
static const char whole[] = "{'payload':{'kernel':'/k'},"
    "'cpus':{'boot_vcpus':1,'max_vcpus':1},'memory':{'size':1073741824,"
    "'shared':false,'hugepages':true,'hugepage_size':1073741824,"
    "'thp':false,'prefault':true},'disks':[{'id':'cd0'," DISK
    ",'readonly':true,'cdrom':true,'num_queues':1}],'net':[],'fs':[{" FS ","
    "'num_queues':2,'queue_size':512}],'console':{'mode':'Tty'},"
    "'serial':{'mode':'File','file':'serial.log'},'balloon':{'size':4096,"
    "'deflate_on_oom':true,'free_page_reporting':true},'pvpanic':true,"
    "'vmmci':true,'gdb':{'socket':'gdb.sock'},'platform':{'arch':'amd64',"
    "'cpu':'baseline','irqchip':'split'}}";

static const char bios[] = "{'payload':{'firmware':'/f','boot':'cdrom'},"
    "'cpus':{'boot_vcpus':1,'max_vcpus':1},'memory':{'size':268435456,"
    "'shared':true},'disks':[],'net':[],'serial':{'mode':'Off'},"
    "'console':{'mode':'Off'},'platform':{'arch':'amd64'}}";

/* What only a VMM has whose hypervisor is the devices. */
static const char own[] = "{'payload':{'variables':'efi'},"
    "'cpus':{'boot_vcpus':1,'max_vcpus':1},'memory':{'size':268435456,"
    "'shared':true},'disks':[{'id':'disk0','path':'disk.img','direct':true,"
    "'sync':'fsync','readonly':false,'num_queues':1},{'id':'disk1','fd':6,"
    "'readonly':true,'num_queues':1}],'net':[{'id':'net0',"
    "'fds':[7],'mac':'52:54:00:12:34:56','num_queues':2},{'id':'net1',"
    "'nat':true,'mac':'52:54:00:12:34:57','num_queues':2}],'fs':[{'id':"
    "'fs0','path':'/src','readonly':true,'tag':'src','num_queues':1,"
    "'queue_size':1024},{'id':'fs1','rosetta':true,'tag':'rosetta',"
    "'num_queues':1,'queue_size':1024}],'vsock':{'cid':3,'socket':"
    "'vsock.sock'},'serial':{'mode':'Off'},'console':{'mode':'Off'},"
    "'platform':{'arch':'arm64'}}";

/* JSON in single quotes, as it reads well in C. */
static json_t *
json(const char *text)
{
	own_mem char *copy = strdup(text);
	json_t *v = NULL;
	struct err e;

	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	assert_int_equal(json_parse(&v, copy, strlen(copy), &e), 0);
	return v;
}

static void
there_and_back(void **state)
{
	own_json json_t *in = json(full), *out = NULL;
	struct vm_config c;
	struct err e;

	(void)state;
	assert_int_equal(vm_config_parse(&c, in, &e), 0);
	assert_int_equal(c.arch, VM_ARCH_ARM64);
	assert_int_equal(c.cpus, 2);
	assert_int_equal(c.ndisks, 2);
	assert_true(c.disks[0].readonly);
	assert_int_equal(c.disks[0].queues, 2);
	assert_string_equal(c.disks[1].socket, "disk1.vu");
	assert_int_equal(c.nets[0].queues, 1);
	assert_string_equal(c.cmdline, "quiet a=\"b c\"");
	assert_true(c.rng);
	out = vm_config_json(&c);
	assert_non_null(out);
	assert_true(json_equal(in, out));
	vm_config_fini(&c);
	vm_config_fini(&c);
	assert_null(c.kernel);
}

static void
there_and_back_whole(void **state)
{
	own_json json_t *in = json(whole), *out = NULL;
	struct vm_config c;
	struct err e;

	(void)state;
	assert_int_equal(vm_config_parse(&c, in, &e), 0);
	assert_int_equal(c.memory.page, VM_PAGE_1G);
	assert_false(c.memory.shared);
	assert_false(c.memory.thp);
	assert_true(c.memory.prefault);
	assert_int_equal(c.nfs, 1);
	assert_string_equal(c.fs[0].tag, "src");
	assert_int_equal(c.fs[0].queue_size, 512);
	assert_int_equal(c.console.mode, VM_STREAM_TTY);
	assert_int_equal(c.serial.mode, VM_STREAM_FILE);
	assert_int_equal(c.balloon.size, 4096);
	assert_int_equal(c.cpu, VM_CPU_BASELINE);
	assert_int_equal(c.irqchip, VM_IRQCHIP_SPLIT);
	out = vm_config_json(&c);
	assert_non_null(out);
	assert_true(json_equal(in, out));
	vm_config_fini(&c);
}

/* Firmware in the place of a kernel. */
static void
there_and_back_bios(void **state)
{
	own_json json_t *in = json(bios), *out = NULL;
	struct vm_config c;
	struct err e;

	(void)state;
	assert_int_equal(vm_config_parse(&c, in, &e), 0);
	assert_null(c.kernel);
	assert_string_equal(c.firmware, "/f");
	assert_int_equal(c.boot, VM_BOOT_CDROM);
	out = vm_config_json(&c);
	assert_true(json_equal(in, out));
	vm_config_fini(&c);
}

/* Whoever has vhost-user only says what it has not. */
static void
there_and_back_own(void **state)
{
	own_json json_t *in = json(own), *out = NULL;
	struct vm_config c;
	struct err e;

	(void)state;
	assert_int_equal(vm_config_parse(&c, in, &e), 0);
	assert_string_equal(c.variables, "efi");
	assert_string_equal(c.disks[0].path, "disk.img");
	assert_true(c.disks[0].direct);
	assert_int_equal(c.disks[0].sync, VM_SYNC_FSYNC);
	assert_int_equal(c.disks[0].fd, 0);
	assert_int_equal(c.disks[1].fd, 6);
	assert_null(c.disks[1].path);
	assert_int_equal(c.nets[0].fd, 7);
	assert_int_equal(c.nets[1].fd, -1);
	assert_true(c.nets[1].nat);
	assert_true(c.fs[0].readonly);
	assert_true(c.fs[1].rosetta);
	assert_true(vm_config_has(&c, VM_VSOCK_ID));
	out = vm_config_json(&c);
	assert_true(json_equal(in, out));
	assert_int_equal(vm_config_vhost_only(&c, "vmm", &e), -1);
	assert_string_equal(e.text, "fs: rosetta: not supported by vmm");
	c.nfs = 0;
	assert_int_equal(vm_config_vhost_only(&c, "vmm", &e), -1);
	assert_string_equal(e.text, "net: nat: not supported by vmm");
	c.nnets = 0;
	assert_int_equal(vm_config_vhost_only(&c, "vmm", &e), -1);
	assert_string_equal(e.text, "disks: fd: not supported by vmm");
	c.ndisks = 1;
	assert_int_equal(vm_config_vhost_only(&c, "vmm", &e), -1);
	assert_string_equal(e.text, "disks: path: not supported by vmm");
	c.ndisks = 0;
	assert_int_equal(vm_config_vhost_only(&c, "vmm", &e), -1);
	assert_string_equal(e.text,
	    "payload: variables: not supported by vmm");
	c.variables = NULL;
	assert_int_equal(vm_config_vhost_only(&c, "vmm", &e), -1);
	assert_string_equal(e.text,
	    "vsock: without vhost_socket: not supported by vmm");
	c.vsock.cid = 0;
	assert_int_equal(vm_config_vhost_only(&c, "vmm", &e), 0);
	vm_config_fini(&c);
}

static void
minimal(void **state)
{
	own_json json_t *in = json("{" MINIMAL "}");
	struct vm_config c;
	struct err e;

	(void)state;
	assert_int_equal(vm_config_parse(&c, in, &e), 0);
	assert_null(c.initramfs);
	assert_null(c.vsock.vhost_socket);
	assert_int_equal(c.console.mode, VM_STREAM_OFF);
	assert_int_equal(c.serial.mode, VM_STREAM_OFF);
	assert_true(c.memory.shared);
	assert_true(c.memory.thp);
	assert_false(c.balloon.on);
	assert_false(c.rng);
	vm_config_fini(&c);
}

/* What is refused, and with which words. */
static const struct {
	const char	*text, *want;
} bad[] = {
	{ "[]", "VmConfig: must be an object" },
	{ "{" MINIMAL ",'watchdog':true}", "watchdog: no such member" },
	{ "{'payload':{'kernel':'k'},'cpus':{'boot_vcpus':1}}",
	    "memory: is required" },
	{ "{" MINIMAL ",'disks':{}}", "disks: must be a list" },
	{ "{" MINIMAL ",'disks':[{'id':'a'," DISK "},7]}",
	    "disks: [1]: must be an object" },
	{ "{" MINIMAL ",'disks':[{'id':'a'," DISK ",'path':'x'}]}",
	    "disks: [0]: path: goes without vhost_user" },
	{ "{" MINIMAL ",'disks':[{'id':'a'," DISK ",'direct':true}]}",
	    "disks: [0]: direct: goes with path" },
	{ "{" MINIMAL ",'disks':[{'id':'a'," DISK ",'fd':6}]}",
	    "disks: [0]: fd: goes without vhost_user" },
	{ "{" MINIMAL ",'disks':[{'id':'a','path':'x','fd':6}]}",
	    "disks: [0]: fd: goes without path" },
	{ "{" MINIMAL ",'disks':[{'id':'a','fd':3}]}",
	    "disks: [0]: fd: 3 is not between 4 and 1023" },
	{ "{" MINIMAL ",'disks':[{'id':'a','path':'x','sync':'later'}]}",
	    "disks: [0]: sync: \"later\" is not known" },
	{ "{" MINIMAL ",'net':[{" NET ",'fds':[5]}]}",
	    "net: [0]: fds: goes without vhost_user" },
	{ "{" MINIMAL ",'net':[{'id':'n','fds':[3]}]}",
	    "net: [0]: fds: must be one descriptor" },
	{ "{" MINIMAL ",'net':[{'id':'n','fds':[5],'nat':true}]}",
	    "net: [0]: nat: goes without fds" },
	{ "{" MINIMAL ",'fs':[{" FS ",'path':'/'}]}",
	    "fs: [0]: socket: only one of socket, path, rosetta" },
	{ "{" MINIMAL ",'fs':[{" FS ",'readonly':true}]}",
	    "fs: [0]: readonly: goes with path" },
	{ "{" MINIMAL ",'fs':[{'id':'fs0','tag':'t'}]}",
	    "fs: [0]: socket: is required" },
	{ "{'payload':{'kernel':'k','variables':'v'}}",
	    "payload: variables: goes with firmware" },
	{ "{" MINIMAL ",'disks':[{'id':'a','vhost_user':false}]}",
	    "disks: [0]: vhost_user: must be true" },
	{ "{" MINIMAL ",'disks':[{'id':'a,b'," DISK "}]}",
	    "disks: [0]: id: letters, digits, _ and - only" },
	{ "{" MINIMAL ",'disks':[{'id':'0'," DISK "}]}",
	    "disks: [0]: id: must begin with a letter" },
	{ "{" MINIMAL ",'disks':[{'id':'a'," DISK "},{'id':'a'," DISK
	    "}]}", "a: id is used twice" },
	{ "{" MINIMAL ",'disks':[{'id':'a'," DISK ",'num_queues':17}]}",
	    "disks: [0]: num_queues: 17 is not between 1 and 16" },
	{ "{" MINIMAL ",'net':[{" NET ",'mac':'01:00:00:00:00:00'}]}",
	    "net: [0]: mac: is a multicast address" },
	{ "{" MINIMAL ",'net':[{" NET ",'mac':'02:00:00:00:00'}]}",
	    "net: [0]: mac: must be aa:bb:cc:dd:ee:ff" },
	{ "{" MINIMAL ",'net':[{" NET ",'mac':'02:00:00:00:00:00',"
	    "'num_queues':3}]}", "net: [0]: num_queues: must be even" },
	{ "{" MINIMAL ",'vsock':{'cid':2,'socket':'s',"
	    "'vhost_socket':'v'}}",
	    "vsock: cid: 2 is not between 3 and 4294967294" },
	{ "{" MINIMAL ",'console':{'mode':'Socket'}}",
	    "console: socket: goes with mode Socket" },
	{ "{" MINIMAL ",'console':{'mode':'File'}}",
	    "console: file: is required by mode File" },
	{ "{" MINIMAL ",'rng':{'src':'/dev/mem'}}",
	    "rng: src: must be /dev/urandom" },
	{ "{" MINIMAL ",'platform':{'arch':'vax'}}",
	    "platform: arch: must be amd64 or arm64" },
	{ "{'payload':{'kernel':''},'cpus':{'boot_vcpus':1},"
	    "'memory':{'size':268435456}}",
	    "payload: kernel: must not be empty" },
	{ "{'payload':{'kernel':'a\\nb'},'cpus':{'boot_vcpus':1},"
	    "'memory':{'size':268435456}}",
	    "payload: kernel: control character" },
	{ "{'payload':{'initramfs':'i'}}",
	    "payload: kernel: or firmware is required" },
	{ "{'payload':{'firmware':'f','kernel':'k'}}",
	    "payload: kernel: there is firmware to load one" },
	{ "{'payload':{'firmware':'f','initramfs':'i'}}",
	    "payload: initramfs: goes with kernel" },
	{ "{'payload':{'firmware':'f','cmdline':'c'}}",
	    "payload: cmdline: goes with kernel" },
	{ "{'payload':{'firmware':'f','boot':'floppy'}}",
	    "payload: boot: \"floppy\" is not known" },
	{ "{'payload':{'kernel':'k','boot':'disk'}}",
	    "payload: boot: goes with firmware" },
	{ "{'payload':{'kernel':'k'},'cpus':{'boot_vcpus':2,"
	    "'max_vcpus':1},'memory':{'size':268435456}}",
	    "cpus: max_vcpus: is less than boot_vcpus" },
	{ "{'payload':{'kernel':'k'},'cpus':{'boot_vcpus':1},"
	    "'memory':{'size':268435457}}",
	    "memory: size: must be a multiple of 1 MiB" },
	{ "{" MEMORY(",'hugepage_size':2097152") "}",
	    "memory: hugepage_size: goes with hugepages" },
	{ "{" MEMORY(",'hugepages':true,'hugepage_size':4194304") "}",
	    "memory: hugepage_size: must be 2 MiB or 1 GiB" },
	{ "{" MEMORY(",'hugepages':true,'hugepage_size':1073741824") "}",
	    "memory: size: must be a multiple of hugepage_size" },
	{ "{" MEMORY(",'mergeable':true") "}",
	    "memory: mergeable: no such member" },
	{ "{" MINIMAL ",'fs':[{'id':'fs0','socket':'s'}]}",
	    "fs: [0]: tag: is required" },
	{ "{" MINIMAL ",'fs':[{" FS ",'queue_size':100}]}",
	    "fs: [0]: queue_size: must be a power of 2" },
	{ "{" MINIMAL ",'fs':[{" FS "},{" FS "}]}",
	    "fs0: id is used twice" },
	{ "{" MINIMAL ",'fs':[{'id':'fs0','socket':'s','tag':"
	    "'0123456789012345678901234567890123456'}]}",
	    "fs: [0]: tag: longer than 36 bytes" },
	{ "{" MINIMAL ",'serial':{'mode':'Pty'}}",
	    "serial: mode: \"Pty\" is not known" },
	{ "{" MINIMAL ",'serial':{'mode':'Null','file':'f'}}",
	    "serial: file: goes with mode File or Socket" },
	{ "{" MINIMAL ",'serial':{'mode':'Tty'},'console':{'mode':'Tty'}}",
	    "serial: only one can be mode Tty" },
	{ "{" MINIMAL ",'balloon':{'size':268435457}}",
	    "balloon: size: 268435457 is not between 0 and 268435456" },
	{ "{" MINIMAL ",'gdb':{}}", "gdb: socket: is required" },
	{ "{" MINIMAL ",'pvpanic':1}", "pvpanic: must be true or false" },
	{ "{" MINIMAL ",'vmmci':1}", "vmmci: must be true or false" },
	{ "{" MINIMAL ",'disks':[{'id':'cd0'," DISK
	    ",'cdrom':true,'num_queues':2}]}",
	    "disks: [0]: num_queues: 2 is not between 1 and 1" },
	{ "{" MINIMAL ",'platform':{'virtio':'old'}}",
	    "platform: virtio: \"old\" is not known" },
	{ "{" MINIMAL ",'platform':{'cpu':'z80'}}",
	    "platform: cpu: \"z80\" is not known" },
};

static void
refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		own_json json_t *in = json(bad[i].text);
		struct vm_config c;
		struct err e;

		assert_int_equal(vm_config_parse(&c, in, &e), -1);
		assert_string_equal(e.text, bad[i].want);
	}
}

static void
too_many(void **state)
{
	own_json json_t *in = json("{" MINIMAL "}");
	json_t *list = json_array();
	struct vm_config c;
	struct err e;

	(void)state;
	for (int i = 0; i <= VM_DISKS_MAX; i++)
		assert_int_equal(json_array_append_new(list, json_object()), 0);
	assert_int_equal(json_object_set_new(in, "disks", list), 0);
	assert_int_equal(vm_config_parse(&c, in, &e), -1);
	assert_string_equal(e.text, "disks: more than 16 entries");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(there_and_back_whole),
		cmocka_unit_test(there_and_back_bios),
		cmocka_unit_test(there_and_back_own),
		cmocka_unit_test(minimal),
		cmocka_unit_test(refused),
		cmocka_unit_test(too_many),
	};

	return unit_run("vm_config", tests);
}
