/* SPDX-License-Identifier: ISC */
/* spec.c - every member of a CreateInstanceRequest, good and bad */

#include <string.h>

#include "unit.h"
#include "control/spec.h"
#include "lib/json.h"
#include "lib/util.h"

static int
parse(struct spec *s, const char *text, struct err *e)
{
	own_json json_t *doc = NULL;

	assert_int_equal(json_parse(&doc, text, strlen(text), e), 0);
	return spec_parse(s, doc, e);
}

#define HEAD	"{\"name\":\"a\",\"image\":\"i\""

static void
defaults(void **state)
{
	struct spec s;
	struct err e;

	(void)state;
	assert_int_equal(parse(&s, HEAD "}", &e), 0);
	assert_true(s.memory == 1ULL << 30);
	assert_true(s.overlay == 10ULL << 30);
	assert_int_equal(s.vcpus, 2);
	assert_true(s.network);
	assert_int_equal(s.restart, RESTART_NEVER);
	assert_int_equal(s.nifs, 0);
	assert_true(s.stop_timeout == 10000);
	assert_null(s.hypervisor);
	spec_fini(&s);
}

static const struct { const char *text, *code, *names; } refused[] = {
	{ "{\"image\":\"i\"}", "invalid_request", "name" },
	{ "{\"name\":\"a\"}", "invalid_request", "image" },
	{ "{\"name\":\"-a\",\"image\":\"i\"}", "invalid_request",
	    "-a" },
	{ "{\"name\":\"A\",\"image\":\"i\"}", "invalid_request",
	    "\"A\"" },
	{ HEAD ",\"size\":\"0\"}", "invalid_size", "size" },
	{ HEAD ",\"size\":\"fast\"}", "invalid_size", "fast" },
	{ HEAD ",\"size\":7}", "invalid_size", "size" },
	{ HEAD ",\"size\":\"9999999T\"}", "invalid_size", "size" },
	{ HEAD ",\"hotplug_size\":\"x\"}", "invalid_hotplug_size",
	    "hotplug_size" },
	{ HEAD ",\"overlay_size\":\"1\"}", "invalid_overlay_size",
	    "overlay_size" },
	{ HEAD ",\"disk_io_bps\":\"x\"}", "invalid_disk_io_bps",
	    "disk_io_bps" },
	{ HEAD ",\"network\":{\"bandwidth_download\":\"x\"}}",
	    "invalid_bandwidth_download", "bandwidth_download" },
	{ HEAD ",\"network\":{\"bandwidth_upload\":\"x\"}}",
	    "invalid_bandwidth_upload", "bandwidth_upload" },
	{ HEAD ",\"network\":{\"egress\":{\"enabled\":true}}}",
	    "not_supported", "egress" },
	{ HEAD ",\"interfaces\":[{\"name\":\"eth0\"}]}", "invalid_request",
	    "interfaces[0]: name" },
	{ HEAD ",\"interfaces\":[{\"name\":\"tap1\"},{\"name\":\"tap1\"}]}",
	    "invalid_request", "tap1 is given twice" },
	{ HEAD ",\"interfaces\":[{\"lladdr\":\"03:00:00:00:00:01\"}]}",
	    "invalid_request", "lladdr" },
	{ HEAD ",\"interfaces\":[{\"lladdr\":\"02:00:00:00:00\"}]}",
	    "invalid_request", "lladdr" },
	{ HEAD ",\"interfaces\":[{\"local\":true,\"switch\":\"a\"}]}",
	    "invalid_request", "switch \"a\"" },
	{ HEAD ",\"interfaces\":[{\"local\":true,\"group\":\"a\"}]}",
	    "not_supported", "group" },
	{ HEAD ",\"interfaces\":[{\"address\":\"10.9.0\"}]}", "invalid_request",
	    "interfaces[0]: address" },
	{ HEAD ",\"interfaces\":[{\"address6\":\"10.9.0.1\"}]}",
	    "invalid_request", "interfaces[0]: address6" },
	{ HEAD ",\"interfaces\":[{\"local\":true,\"address\":\"10.9.0.1\"}]}",
	    "invalid_request", "interfaces[0]: address: vmd" },
	{ HEAD ",\"interfaces\":[{\"rdomain\":256}]}", "invalid_request",
	    "rdomain" },
	{ HEAD ",\"interfaces\":[{},{},{},{},{}]}", "invalid_request",
	    "interfaces" },
	{ HEAD ",\"vcpus\":129}", "invalid_request", "vcpus" },
	{ HEAD ",\"platform\":\"windows/amd64\"}",
	    "invalid_platform", "windows" },
	{ HEAD ",\"hypervisor\":\"xen\"}", "invalid_request", "xen" },
	{ HEAD ",\"restart_policy\":{\"policy\":\"maybe\"}}",
	    "invalid_restart_policy", "maybe" },
	{ HEAD ",\"restart_policy\":{\"policy\":\"always\"},"
	    "\"auto_remove\":true}", "invalid_restart_policy",
	    "auto_remove" },
	{ HEAD ",\"env\":{\"A=B\":\"c\"}}", "invalid_request",
	    "A=B" },
	{ HEAD ",\"env\":{\"A\":1}}", "invalid_request", "A" },
	{ HEAD ",\"tags\":{\"a\\n\":\"b\"}}", "invalid_request",
	    "tags" },
	{ HEAD ",\"cmd\":[1]}", "invalid_request", "cmd[0]" },
	{ HEAD ",\"ports\":[{\"host_port\":1}]}", "invalid_request",
	    "ports[0]" },
	{ HEAD ",\"ports\":[{\"host_port\":1,\"guest_port\":1,"
	    "\"host_ip\":\"here\"}]}", "invalid_request", "here" },
	{ HEAD ",\"ports\":[{\"host_port\":1,\"guest_port\":1},"
	    "{\"host_port\":1,\"guest_port\":2}]}",
	    "invalid_request", "twice" },
	{ HEAD ",\"volumes\":[{\"volume_id\":\"v\","
	    "\"mount_path\":\"/a/../etc\"}]}", "invalid_request",
	    ".." },
	{ HEAD ",\"volumes\":[{\"volume_id\":\"v\","
	    "\"mount_path\":\"/proc/x\"}]}", "invalid_request",
	    "/proc/x" },
	{ HEAD ",\"volumes\":[{\"volume_id\":\"v\","
	    "\"mount_path\":\"/etc\"}]}", "invalid_request", "/etc" },
	{ HEAD ",\"shares\":[{\"host_path\":\"/x\"}]}",
	    "invalid_request", "shares[0]" },
	{ HEAD ",\"shares\":[{\"host_path\":\"x\",\"path\":\"/y\"}]}",
	    "invalid_request", "\"x\"" },
	{ HEAD ",\"shares\":[{\"host_path\":\"/x/../y\",\"path\":\"/y\"}]}",
	    "invalid_request", ".." },
	{ HEAD ",\"shares\":[{\"host_path\":\"/x\\ny\",\"path\":\"/y\"}]}",
	    "invalid_request", "host_path" },
	{ HEAD ",\"shares\":[{\"host_path\":\"/x\",\"path\":\"/usr\"}]}",
	    "invalid_request", "/usr" },
	{ HEAD ",\"shares\":[{\"host_path\":\"/x\",\"path\":\"/a,b\"}]}",
	    "invalid_request", "/a,b" },
	{ HEAD ",\"volumes\":[{\"volume_id\":\"v\",\"mount_path\":\"/y\"}],"
	    "\"shares\":[{\"host_path\":\"/x\",\"path\":\"/y\"}]}",
	    "invalid_request", "twice" },
	{ HEAD ",\"shares\":[0,0,0,0,0,0,0,0,0]}", "invalid_request",
	    "shares" },
	{ HEAD ",\"gpu\":{\"profile\":\"x\"}}", "not_supported",
	    "gpu" },
	{ HEAD ",\"devices\":[\"x\"]}", "not_supported", "devices" },
	{ HEAD ",\"colour\":1}", "invalid_request", "colour" },
	{ HEAD ",\"working_dir\":\"x\"}", "invalid_request",
	    "working_dir" },
	{ HEAD ",\"hostname\":\"a b\"}", "invalid_request", "a b" },
};

static void
refusals(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct spec s = { .vcpus = 77 };

		if (parse(&s, refused[i].text, &e) != -1)
			fail_msg("taken: %s", refused[i].text);
		assert_non_null(e.code);
		assert_string_equal(e.code, refused[i].code);
		if (strstr(e.text, refused[i].names) == NULL)
			fail_msg("%s does not name %s", e.text,
			    refused[i].names);
		assert_int_equal(s.vcpus, 77);
	}
}

static const char full[] =
    "{\"name\":\"web-1\",\"image\":\"nginx:alpine\","
    "\"platform\":\"linux/arm64\",\"size\":\"512MB\","
    "\"hotplug_size\":\"3GB\",\"overlay_size\":\"1.5GB\","
    "\"disk_io_bps\":\"10MB/s\",\"vcpus\":4,\"env\":{\"A\":\"b=c\"},"
    "\"tags\":{\"team\":\"x y\"},\"network\":{\"enabled\":true,"
    "\"bandwidth_download\":\"1Gbps\",\"bandwidth_upload\":\"125MB/s\"},"
    "\"hypervisor\":\"qemu\",\"restart_policy\":{\"policy\":\"always\","
    "\"backoff\":\"250ms\",\"max_attempts\":3,\"stable_after\":\"1h\"},"
    "\"entrypoint\":[\"/x\"],\"cmd\":[],\"ports\":[{\"host_ip\":\"::1\","
    "\"host_port\":80,\"guest_port\":8080,\"protocol\":\"udp\"}],"
    "\"interfaces\":[{\"name\":\"tap7\",\"switch\":\"up link\","
    "\"group\":\"web\",\"lladdr\":\"02:00:00:00:00:01\",\"locked\":true,"
    "\"down\":true,\"address\":\"10.9.0.7\",\"address6\":\"fd00::7\"},"
    "{\"local\":true,\"rdomain\":7}],"
    "\"volumes\":[{\"volume_id\":\"v\",\"mount_path\":\"/var/lib/x\","
    "\"readonly\":true}],\"shares\":[{\"host_path\":\"/\","
    "\"path\":\"/h\",\"readonly\":true},{\"host_path\":\"/srv/a,b\","
    "\"path\":\"/mnt/x\",\"readonly\":false}],"
    "\"user\":\"1000:1000\",\"working_dir\":\"/w\","
    "\"hostname\":\"h.example\",\"tty\":true,\"stop_signal\":\"SIGINT\","
    "\"stop_timeout\":\"90s\",\"health_check\":{\"type\":\"none\"},"
    "\"devices\":[],\"skip_kernel_headers\":true}";

/* What goes into the database comes out of it the same, to the byte. */
static void
exact_both_ways(void **state)
{
	own_json json_t *once = NULL, *twice = NULL;
	struct spec s, t;
	struct err e;

	(void)state;
	if (parse(&s, full, &e) == -1)
		fail_msg("%s", e.text);
	assert_true(s.download == 125000000);
	assert_true(s.backoff == 250);
	assert_true(s.ports[0].udp);
	assert_int_equal(s.nifs, 2);
	assert_true(s.network && s.ifs[0].has_lladdr && s.ifs[1].local);
	assert_int_equal(json_array_size(s.cmd), 0);
	once = spec_json(&s, true);
	assert_int_equal(spec_parse(&t, once, &e), 0);
	twice = spec_json(&t, true);
	assert_true(json_equal(once, twice));
	assert_true(t.overlay == s.overlay && t.overlay == 3ULL << 29);
	spec_fini(&s);
	spec_fini(&t);
}

static void
update(void **state)
{
	own_json json_t *good = NULL, *bad = NULL;
	struct spec s;
	struct err e;

	(void)state;
	assert_int_equal(parse(&s, full, &e), 0);
	bad = json_pack("{s:{s:s},s:{s:s}}", "env", "N", "1",
	    "restart_policy", "policy", "no");
	assert_int_equal(spec_update(&s, bad, &e), -1);
	assert_non_null(json_object_get(s.env, "A"));
	good = json_pack("{s:{s:s},s:{s:s}}", "env", "N", "1",
	    "restart_policy", "policy", "never");
	assert_int_equal(spec_update(&s, good, &e), 0);
	assert_null(json_object_get(s.env, "A"));
	assert_int_equal(s.restart, RESTART_NEVER);
	spec_fini(&s);
}

/* A VM without an image: its kernel and disks are the host's. */
static void
host_files(void **state)
{
	static const char text[] = "{\"name\":\"a\",\"kernel\":\"/bsd\","
	    "\"cmdline\":\"-s\",\"disks\":[{\"path\":\"/a\",\"format\":"
	    "\"qcow2\"},{\"path\":\"/b\"}]}";
	own_json json_t *doc = NULL;
	struct spec s, again;
	struct err e;

	(void)state;
	assert_int_equal(parse(&s, text, &e), 0);
	assert_null(s.image);
	assert_true(spec_has_files(&s));
	assert_int_equal(s.ndisks, 2);
	assert_int_equal(s.disks[0].format, FORMAT_QCOW2);
	assert_int_equal(s.disks[1].format, FORMAT_ANY);
	assert_true(s.overlay == 0);
	doc = spec_json(&s, true);
	assert_non_null(doc);
	assert_int_equal(spec_parse(&again, doc, &e), 0);
	assert_string_equal(again.kernel, "/bsd");
	assert_string_equal(again.cmdline, "-s");
	assert_string_equal(again.disks[1].path, "/b");
	spec_fini(&again);
	spec_fini(&s);
}

static void
host_files_refused(void **state)
{
	static const struct { const char *text, *names; } bad[] = {
		{ "{\"name\":\"a\"}", "image: is missing" },
		{ "{\"name\":\"a\",\"kernel\":\"/k\",\"firmware\":\"/f\"}",
		    "firmware: goes without" },
		{ HEAD ",\"boot_device\":\"disk\"}", "boot_device: goes" },
		{ HEAD ",\"boot_device\":\"tape\"}", "boot_device: \"tape\"" },
		{ "{\"name\":\"a\",\"cdrom\":\"/c\",\"initramfs\":\"/i\"}",
		    "initramfs: goes with a kernel" },
		{ HEAD ",\"initramfs\":\"/i\"}", "initramfs: an image" },
		{ HEAD ",\"kernel\":\"bsd\"}", "kernel: \"bsd\" is not" },
		{ HEAD ",\"kernel\":\"/b\\u0007\"}", "kernel: " },
		{ HEAD ",\"disks\":[{}]}", "disks[0]: path is needed" },
		{ HEAD ",\"disks\":[1]}", "disks[0]: must be an object" },
		{ HEAD ",\"disks\":[{\"path\":\"/a\",\"format\":\"x\"}]}",
		    "disks[0]: format: \"x\"" },
		{ HEAD ",\"disks\":[{\"path\":\"/a\"},{\"path\":\"/a\"}]}",
		    "disks[1]: /a is given twice" },
		{ "{\"name\":\"a\",\"kernel\":\"/k\",\"cmd\":[\"x\"]}",
		    "cmd: goes with an image" },
		{ "{\"name\":\"a\",\"kernel\":\"/k\",\"tty\":true}",
		    "tty: goes with an image" },
		{ "{\"name\":\"a\",\"kernel\":\"/k\",\"user\":\"x\"}",
		    "user: goes with an image" },
	};
	struct spec s;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(parse(&s, bad[i].text, &e), -1);
		if (strstr(e.text, bad[i].names) == NULL)
			fail_msg("%s: %s", bad[i].text, e.text);
	}
}

static void
ports_clash(void **state)
{
	const struct spec_port any = { "", 80, 1, false };
	const struct spec_port one = { "127.0.0.1", 80, 2, false };
	const struct spec_port two = { "127.0.0.2", 80, 2, false };
	const struct spec_port udp = { "", 80, 1, true };

	(void)state;
	assert_true(spec_ports_clash(&any, &one));
	assert_true(spec_ports_clash(&two, &any));
	assert_false(spec_ports_clash(&one, &two));
	assert_false(spec_ports_clash(&any, &udp));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(refusals),
		cmocka_unit_test(exact_both_ways),
		cmocka_unit_test(update),
		cmocka_unit_test(host_files),
		cmocka_unit_test(host_files_refused),
		cmocka_unit_test(ports_clash),
	};

	return unit_run("spec", tests);
}
