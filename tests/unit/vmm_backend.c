/* SPDX-License-Identifier: ISC */
/* vmm_backend.c - the whole API of vmm, its guest a script */

#include "unit.h"
#include "event_kit.h"
#include "kernel_kit.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "accel/accel_null.h"
#include "chapi/client.h"
#include "chapi/vm_config.h"
#include "lib/util.h"
#include "os/os.h"
#include "vmm/backend.h"
#include "vmm/dev/power.h"

#define TIMEOUT_MS	20000
#define OUT(port, v)	{ .why = ACCEL_EXIT_PIO, .addr = (port), .len = 1, \
			.write = true, .value = (v) }

struct world {
	char			 dir[32];
	int			 home;		/* the directory before */
	int			 dirfd;
	struct event_base	*base;		/* the client's */
	struct event_loop	*loop;		/* the VMM's */
	struct backend		*backend;
	struct vmm		*vmm;
	struct chapi_client	*client;
	bool			 brake;
	int			 pipe;		/* read from, or -1 */
	size_t			 piped;		/* bytes so far */
	/* The last answer. */
	bool			 answered;
	int			 status;
	char			 text[ERR_TEXT_MAX];
	json_t			*body;
};

static void
make_kernel(void)
{
	struct kit_pvh k = kit_pvh();
	int fd = open("kernel", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_return_code(fd, 0);
	assert_int_equal(write(fd, &k, sizeof(k)), sizeof(k));
	(void)close(fd);
}

/* A vmm in the directory. */
static void
start(struct world *w)
{
	struct backend_setup b = { .accel = &accel_null,
	    .brake = w->brake };
	struct vmm_setup s = { .backend = &machine_backend };
	struct err e;

	w->base = event_base_new();
	w->loop = kit_loop();
	b.loop = s.loop = w->loop;
	s.api = os_unix_listen(AT_FDCWD, "api.sock", 0600, 4, &e);
	assert_return_code(s.api, 0);
	assert_int_equal(backend_new(&w->backend, &b, &e), 0);
	s.arg = w->backend;
	assert_int_equal(vmm_new(&w->vmm, &s, &e), 0);
	backend_attach(w->backend, w->vmm);
	assert_int_equal(chapi_client_new(&w->client, w->base, w->dirfd, &e),
	    0);
}

static void
stop(struct world *w)
{
	chapi_client_destroy(w->client);
	vmm_destroy(w->vmm);
	backend_destroy(w->backend);
	event_base_free(w->base);
	event_loop_destroy(w->loop);
	json_decref(w->body);
	w->body = NULL;
}

static void
begin(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->pipe = -1;
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/vmm_backend.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->home = open(".", O_RDONLY | O_DIRECTORY);
	assert_return_code(chdir(w->dir), 0);
	w->dirfd = open(".", O_RDONLY | O_DIRECTORY);
	make_kernel();
	null_forget();
	start(w);
}

static void
end(struct world *w)
{
	static const char *const files[] = { "kernel", "api.sock", "core",
	    "exit.json", "log", "snap/config.json", "snap/state.json",
	    "snap/memory" };

	stop(w);
	for (size_t i = 0; i < COUNT(files); i++)
		(void)unlink(files[i]);
	(void)rmdir("snap");
	assert_return_code(fchdir(w->home), 0);
	(void)close(w->home);
	(void)close(w->dirfd);
	assert_return_code(rmdir(w->dir), 0);
	null_forget();
}

static void
answered(void *arg, const struct chapi_answer *a)
{
	struct world *w = arg;

	w->answered = true;
	w->status = a->status;
	json_decref(w->body);
	w->body = json_incref(a->body);
	(void)snprintf(w->text, sizeof(w->text), "%s",
	    a->err != NULL ? a->err->text : "");
}

/* What is sent comes to nothing. */
static void
drain(struct world *w)
{
	static char bin[65536];
	ssize_t n;

	if (w->pipe == -1)
		return;
	n = read(w->pipe, bin, sizeof(bin));
	if (n > 0)
		w->piped += (size_t)n;
}

static void
turn(struct world *w)
{
	drain(w);
	(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
	(void)event_loop_turn(w->loop, 1);
}

/* Begin a call; text: JSON in single quotes, or NULL. */
static void
ask(struct world *w, const char *name, const char *text)
{
	struct chapi_call c = { .name = name, .timeout_ms = TIMEOUT_MS,
	    .done = answered, .arg = w };
	own_json json_t *body = NULL;
	own_mem char *copy = NULL;
	struct err e;

	if (text != NULL) {
		copy = strdup(text);
		for (char *p = copy; *p != '\0'; p++)
			if (*p == '\'')
				*p = '"';
		assert_int_equal(json_parse(&body, copy, strlen(copy), &e),
		    0);
	}
	c.body = body;
	w->answered = false;
	assert_int_equal(chapi_client_call(w->client, &c, &e), 0);
}

/* The status of a call. */
static int
call(struct world *w, const char *name, const char *text)
{
	ask(w, name, text);
	while (!w->answered)
		turn(w);
	return w->status;
}

static const char *
state(struct world *w)
{
	assert_int_equal(call(w, "vm.info", NULL), 200);
	return json_string_value(json_object_get(w->body, "state"));
}

static const char config[] = "{'payload':{'kernel':'kernel'},"
    "'cpus':{'boot_vcpus':2},'memory':{'size':16777216},"
    "'serial':{'mode':'File','file':'log'},'rng':{},'balloon':{}}";

static void
boot(struct world *w)
{
	assert_int_equal(call(w, "vm.create", config), 204);
	assert_int_equal(call(w, "vm.boot", NULL), 204);
}

static void
life(void **unused)
{
	struct world w;

	(void)unused;
	begin(&w);
	boot(&w);
	assert_string_equal(state(&w), "Running");
	assert_int_equal(json_object_size(json_object_get(w.body,
	    "device_tree")), 2);
	assert_int_equal(call(&w, "vm.pause", NULL), 204);
	assert_string_equal(state(&w), "Paused");
	assert_int_equal(call(&w, "vm.resume", NULL), 204);
	assert_int_equal(call(&w, "vm.power-button", NULL), 204);
	assert_int_equal(call(&w, "vm.counters", NULL), 200);
	assert_non_null(json_object_get(w.body, "balloon0"));
	assert_int_equal(call(&w, "vm.resize", "{'desired_balloon':1048576}"),
	    204);
	assert_int_equal(call(&w, "vm.reboot", NULL), 204);
	assert_string_equal(state(&w), "Running");
	assert_int_equal(call(&w, "vm.shutdown", NULL), 204);
	assert_string_equal(state(&w), "Shutdown");
	assert_int_equal(call(&w, "vm.boot", NULL), 204);
	assert_int_equal(call(&w, "vm.delete", NULL), 204);
	assert_int_equal(call(&w, "vm.info", NULL), 404);
	end(&w);
}

static void
interrupts(void **unused)
{
	struct world w;

	(void)unused;
	begin(&w);
	boot(&w);
	assert_int_equal(call(&w, "vm.nmi", NULL), 204);
	assert_int_equal(call(&w, "vmm.nmi", NULL), 204);
	assert_int_equal(null_nmis(0), 2);
	assert_int_equal(call(&w, "vm.break", NULL), 204);
	assert_int_equal(call(&w, "vm.clock", NULL), 204);
	assert_int_equal(call(&w, "vm.console-size", "{'cols':80,'rows':25}"),
	    500);
	assert_int_equal(call(&w, "vm.console-size", "{'cols':80}"), 400);
	assert_int_equal(call(&w, "vm.console-size", "{'cols':0,'rows':1}"),
	    400);
	end(&w);
}

/* Devices that are not there, and a VM that cannot take them. */
static void
devices(void **unused)
{
	struct world w;

	(void)unused;
	begin(&w);
	boot(&w);
	assert_int_equal(call(&w, "vm.add-disk", "{'id':'disk0',"
	    "'vhost_user':true,'vhost_socket':'nobody.vu'}"), 500);
	assert_string_equal(state(&w), "Running");
	assert_int_equal(json_array_size(json_object_get(json_object_get(
	    w.body, "config"), "disks")), 0);
	assert_int_equal(call(&w, "vm.remove-device", "{'id':'rng0'}"), 404);
	end(&w);
}

static void
snapshots(void **unused)
{
	struct world w;

	(void)unused;
	begin(&w);
	boot(&w);
	assert_int_equal(call(&w, "vm.snapshot",
	    "{'destination_url':'file:snap'}"), 405);
	assert_int_equal(call(&w, "vm.pause", NULL), 204);
	assert_int_equal(call(&w, "vm.snapshot",
	    "{'destination_url':'file:snap'}"), 204);
	assert_int_equal(call(&w, "vm.snapshot",
	    "{'destination_url':'file:snap'}"), 500);
	assert_int_equal(call(&w, "vm.coredump",
	    "{'destination_url':'file:core'}"), 204);
	assert_int_equal(access("core", R_OK), 0);
	stop(&w);
	null_forget();
	start(&w);
	assert_int_equal(call(&w, "vm.restore", "{'source_url':'file:snap'}"),
	    204);
	assert_string_equal(state(&w), "Paused");
	assert_int_equal(call(&w, "vm.restore", "{'source_url':'file:snap'}"),
	    405);
	assert_int_equal(call(&w, "vm.resume", NULL), 204);
	assert_string_equal(state(&w), "Running");
	/* A machine of another shape does not take the state. */
	assert_int_equal(call(&w, "vm.delete", NULL), 204);
	assert_int_equal(call(&w, "vm.create",
	    "{'payload':{'kernel':'kernel'},'cpus':{'boot_vcpus':2},"
	    "'memory':{'size':16777216}}"), 204);
	assert_int_equal(call(&w, "vm.restore", "{'source_url':'file:snap'}"),
	    500);
	assert_string_equal(state(&w), "Created");
	end(&w);
}

/* Calls go on while it is sent, but for those that would change it. */
static void
sends(void **unused)
{
	static const char to[] = "{'destination_url':'file:pipe'}";
	struct world w;

	(void)unused;
	begin(&w);
	assert_int_equal(mkfifo("pipe", 0600), 0);
	boot(&w);
	assert_int_equal(call(&w, "vm.send-migration", to), 500);
	assert_string_equal(w.text, "pipe: No such device or address");
	assert_int_equal(call(&w, "vm.send-migration",
	    "{'destination_url':'file:kernel'}"), 500);
	assert_string_equal(state(&w), "Running");
	w.pipe = open("pipe", O_RDONLY | O_NONBLOCK);
	assert_int_equal(call(&w, "vm.send-migration", to), 204);
	assert_true(w.piped > 4096);
	assert_string_equal(state(&w), "Paused");
	assert_int_equal(call(&w, "vm.send-migration", to), 204);
	assert_string_equal(state(&w), "Paused");
	assert_int_equal(call(&w, "vm.resume", NULL), 204);
	assert_int_equal(call(&w, "vm.send-migration", to), 204);
	(void)close(w.pipe);
	assert_int_equal(unlink("pipe"), 0);
	end(&w);
}

/* A guest that begins anew is not what was sent. */
static void
send_reboots(void **unused)
{
	static const struct null_step reset[] = {
		OUT(POWER_PORT + POWER_RESET, POWER_RESET_VALUE),
	};
	struct pollfd p = { .events = POLLIN };
	struct world w;

	(void)unused;
	begin(&w);
	assert_int_equal(mkfifo("pipe", 0600), 0);
	boot(&w);
	/* Nobody takes it, so it cannot be over. */
	p.fd = open("pipe", O_RDONLY | O_NONBLOCK);
	assert_int_equal(fcntl(p.fd, F_SETPIPE_SZ, 4096), 4096);
	ask(&w, "vm.send-migration", "{'destination_url':'file:pipe'}");
	while (poll(&p, 1, 0) == 0)
		turn(&w);
	null_script(0, reset, COUNT(reset));
	while (!w.answered)
		turn(&w);
	assert_int_equal(w.status, 500);
	assert_string_equal(w.text, "send: the guest has rebooted");
	assert_string_equal(state(&w), "Running");
	(void)close(p.fd);
	assert_int_equal(unlink("pipe"), 0);
	end(&w);
}

static void
refused(void **unused)
{
	struct world w;

	(void)unused;
	begin(&w);
	assert_int_equal(call(&w, "vm.create",
	    "{'payload':{'kernel':'kernel'},'cpus':{'boot_vcpus':65},"
	    "'memory':{'size':16777216}}"), 400);
	assert_int_equal(call(&w, "vm.create",
	    "{'payload':{'kernel':'kernel'},'cpus':{'boot_vcpus':1},"
	    "'memory':{'size':16777216},'platform':{'arch':'arm64'}}"), 400);
	assert_int_equal(call(&w, "vm.create",
	    "{'payload':{'kernel':'nothing'},'cpus':{'boot_vcpus':1},"
	    "'memory':{'size':16777216}}"), 204);
	assert_int_equal(call(&w, "vm.boot", NULL), 500);
	assert_string_equal(w.text, "kernel: nothing: No such file or "
	    "directory");
	assert_string_equal(state(&w), "Created");
	end(&w);
}

static void
guest_ends(void **unused)
{
	static const struct null_step off[] = {
		OUT(POWER_PORT + POWER_CONTROL, POWER_S5 << 2 | 0x20),
	};
	struct world w;

	(void)unused;
	begin(&w);
	null_script(0, off, COUNT(off));
	boot(&w);
	while (vmm_why(w.vmm) == NULL)
		turn(&w);
	assert_string_equal(state(&w), "Shutdown");
	assert_int_equal(call(&w, "vm.boot", NULL), 405);
	assert_int_equal(vmm_why(w.vmm)->code, VM_EXIT_POWERED_OFF);
	assert_int_equal(access("exit.json", R_OK), 0);
	end(&w);
}

static void
guest_reboots(void **unused)
{
	static const struct null_step reset[] = {
		OUT(POWER_PORT + POWER_RESET, POWER_RESET_VALUE),
	};
	struct world w;

	(void)unused;
	begin(&w);
	null_script(0, reset, COUNT(reset));
	boot(&w);
	while (strcmp(state(&w), "Running") != 0 ||
	    json_integer_value(json_object_get(json_object_get(w.body,
	    "vmd"), "reboots")) == 0)
		continue;
	end(&w);
}

/* Reboots until now, or -1 when it has ended. */
static json_int_t
reboots(struct world *w)
{
	(void)state(w);
	return vmm_why(w->vmm) != NULL ? -1 : json_integer_value(
	    json_object_get(json_object_get(w->body, "vmd"), "reboots"));
}

/*
 * With a brake it ends, and says why; without one it goes on.  However slow
 * we are, three of so many come in time.
 */
static void
reboots_only(void **unused)
{
	static const struct null_step reset[] = {
		OUT(POWER_PORT + POWER_RESET, POWER_RESET_VALUE),
	};
	struct world w;

	(void)unused;
	for (int brake = 0; brake < 2; brake++) {
		begin(&w);
		stop(&w);
		w.brake = brake;
		start(&w);
		boot(&w);
		for (json_int_t n = 1; n <= 64 && reboots(&w) != -1; n++) {
			null_script(0, reset, COUNT(reset));
			while (reboots(&w) != -1 && reboots(&w) < n)
				continue;
			null_finish();
		}
		assert_int_equal(vmm_why(w.vmm) != NULL, brake);
		if (brake) {
			assert_int_equal(vmm_why(w.vmm)->code,
			    VM_EXIT_RESTARTED);
			assert_string_equal(vmm_why(w.vmm)->reason,
			    "guest restarted too quickly");
		}
		end(&w);
	}
}

/* What cannot begin anew is half reset: it ends, and the call is answered. */
static void
reboot_fails(void **unused)
{
	struct world w;

	(void)unused;
	begin(&w);
	boot(&w);
	assert_return_code(truncate("kernel", 0), 0);
	assert_int_equal(call(&w, "vm.reboot", NULL), 500);
	assert_int_equal(vmm_why(w.vmm)->code, VM_EXIT_HYPERVISOR_DIED);
	assert_non_null(strstr(vmm_why(w.vmm)->reason, "reboot: "));
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life),
		cmocka_unit_test(interrupts),
		cmocka_unit_test(devices),
		cmocka_unit_test(snapshots),
		cmocka_unit_test(sends),
		cmocka_unit_test(send_reboots),
		cmocka_unit_test(refused),
		cmocka_unit_test(guest_ends),
		cmocka_unit_test(guest_reboots),
		cmocka_unit_test(reboots_only),
		cmocka_unit_test(reboot_fails),
	};

	return unit_run("vmm_backend", tests);
}
