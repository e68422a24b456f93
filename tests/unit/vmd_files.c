/* SPDX-License-Identifier: ISC */
/* vmd_files.c - the record of a VM's files, and who opens which */

#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/io.h"
#include "unit.h"
#include "vmd/files.h"

static char		 dir[64];
static struct monitor	 m;
static struct err	 e;
static int		 vm_dir;
static struct files	 f;

static int
set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/vmd-files.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	m.state_fd = m.vms_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m.vms_fd == -1 || mkdirat(m.vms_fd, "a", 0700) == -1)
		return -1;
	vm_dir = openat(m.vms_fd, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return vm_dir == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlinkat(vm_dir, "files", 0);
	(void)unlinkat(m.vms_fd, "vm.conf.files", 0);
	(void)unlinkat(m.vms_fd, "disk.qcow2", 0);
	(void)unlinkat(m.vms_fd, "a", AT_REMOVEDIR);
	(void)close(vm_dir);
	(void)close(m.vms_fd);
	return rmdir(dir);
}

/* What vmd-control sends; the other end is this process's. */
static void
request(struct priv_files *r, int pair[2])
{
	priv_init(PRIV_FILES, r);
	assert_int_equal(r->client, -1);
	strcpy(r->vm, "a");
	r->uid = PRIV_UID_CLIENT;
	r->nfiles = 2;
	r->file[0].kind = PRIV_FILE_DISK;
	r->file[0].format = PRIV_FORMAT_QCOW2;
	strcpy(r->file[0].path, "/some where/x.img");
	r->file[1].kind = PRIV_FILE_KERNEL;
	strcpy(r->file[1].path, "/bsd");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	r->client = pair[0];
}

static void
origin(struct priv_origin *o, const char *config, bool instance)
{
	memset(o, 0, sizeof(*o));
	strcpy(o->vm, "a");
	strcpy(o->config, config);
	o->instance = instance;
}

static void
test_round(void **state)
{
	static struct priv_files r;
	struct priv_origin o;
	int pair[2];

	(void)state;
	origin(&o, "", false);
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), 0);
	assert_int_equal(f.n, 0);
	request(&r, pair);
	assert_int_equal(files_record(&m, &r, &e), 0);
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), 0);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.ndisks, 1);
	assert_int_equal(f.file[0].uid, geteuid());
	assert_int_equal(f.file[0].f.format, PRIV_FORMAT_QCOW2);
	assert_string_equal(f.file[0].f.path, "/some where/x.img");
	assert_int_equal(f.file[1].f.kind, PRIV_FILE_KERNEL);
	/* Once and for all. */
	assert_int_equal(files_record(&m, &r, &e), -1);
	assert_string_equal(e.code, "already_exists");
	/* Another VM's is not this one's. */
	strcpy(o.vm, "b");
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), 0);
	assert_int_equal(f.n, 0);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
test_who(void **state)
{
	static struct priv_files r;
	int pair[2];

	(void)state;
	request(&r, pair);
	r.client = -1;
	assert_int_equal(files_record(&m, &r, &e), -1);
	assert_string_equal(e.code, "not_supported");
	/* Root may name another user; nobody else. */
	r.client = pair[0];
	r.uid = geteuid() + 1;
	assert_int_equal(files_record(&m, &r, &e), geteuid() == 0 ? 0 : -1);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
test_malformed(void **state)
{
	static const char *const paths[] = { "", "x", "/a\nuid 0", "/a\x7f" };
	static struct priv_files r;
	int pair[2];

	(void)state;
	request(&r, pair);
	for (size_t i = 0; i < 4; i++) {
		strcpy(r.file[1].path, paths[i]);
		assert_int_equal(files_record(&m, &r, &e), -1);
		assert_string_equal(e.code, "bad_request");
	}
	r.nfiles = 0;
	assert_int_equal(files_record(&m, &r, &e), -1);
	r.nfiles = 5;
	for (size_t i = 0; i < 5; i++)
		r.file[i] = r.file[0];
	assert_int_equal(files_record(&m, &r, &e), -1);
	assert_non_null(strstr(e.text, "more than 4 disks"));
	strcpy(r.vm, "..");
	assert_int_equal(files_record(&m, &r, &e), -1);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* What vmd-conf wrote. */
static void
keep(const char *text)
{
	int fd = files_new(&e);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	assert_int_equal(files_keep(&m, fd, &e), 0);
	(void)close(fd);
}

static void
test_conf(void **state)
{
	static struct priv_files r;
	struct priv_origin o;
	int pair[2];

	(void)state;
	keep("vm.conf\nvm web\nuid 5\ndisk any /w.qcow2\nkernel any /w\n"
	    "vm we\ndisk raw /x\ndisk raw /y\nkernel any /k\n");
	origin(&o, "we", false);
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), 0);
	assert_int_equal(f.ndisks, 2);
	assert_int_equal(f.file[0].uid, geteuid());
	assert_string_equal(f.file[1].f.path, "/y");
	/* Its own record says nothing then ... */
	request(&r, pair);
	assert_int_equal(files_record(&m, &r, &e), 0);
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), 0);
	assert_int_equal(f.n, 3);
	/* ... but for an instance it does, which has none of those disks. */
	origin(&o, "web", true);
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), 0);
	assert_int_equal(f.ndisks, 1);
	assert_int_equal(f.n, 2);
	assert_string_equal(f.file[0].f.path, "/bsd");
	assert_int_equal(f.file[0].uid, geteuid());
	assert_string_equal(f.file[1].f.path, "/some where/x.img");
	/* An error in vm.conf: vmd-conf has written nothing. */
	keep("");
	origin(&o, "web", false);
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), 0);
	assert_int_equal(f.file[0].uid, 5);
	keep("vm.conf\nvm web\ndisk any w\n");
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), -1);
	assert_non_null(strstr(e.text, "damaged"));
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
test_not_ours(void **state)
{
	struct priv_origin o;

	(void)state;
	keep("vm.conf\nvm web\ndisk raw /x\n");
	origin(&o, "web", false);
	assert_int_equal(fchmodat(m.state_fd, "vm.conf.files", 0640, 0), 0);
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), -1);
	assert_non_null(strstr(e.text, "not vmd's own"));
	assert_int_equal(fchmodat(m.state_fd, "vm.conf.files", 0600, 0), 0);
	assert_int_equal(linkat(m.state_fd, "vm.conf.files", vm_dir, "files",
	    0), 0);
	assert_int_equal(files_read(&f, &m, vm_dir, &o, &e), -1);
}

static void
test_open(void **state)
{
	static struct image_files images;
	struct priv_file_open r;
	char text[512];
	int fd;

	(void)state;
	(void)snprintf(text, sizeof(text), "vm.conf\nvm a\nuid %u\n"
	    "disk any %s/disk.qcow2\nkernel any %s/a\nfirmware any "
	    "%s/vm.conf.files\n", (unsigned)geteuid(), dir, dir, dir);
	keep(text);
	priv_init(PRIV_FILE_OPEN, &r);
	origin(&r.origin, "a", false);
	r.kind = PRIV_FILE_KERNEL;	/* a directory */
	assert_int_equal(files_open(&m, &r, &e), -1);
	assert_non_null(strstr(e.text, "not a regular file"));
	r.kind = PRIV_FILE_INITRAMFS;
	assert_int_equal(files_open(&m, &r, &e), -1);
	assert_string_equal(e.code, "not_found");
	r.kind = PRIV_FILE_DISK;	/* never handed out */
	assert_int_equal(files_open(&m, &r, &e), -1);
	assert_string_equal(e.code, "bad_request");
	r.kind = PRIV_FILE_FIRMWARE;
	fd = files_open(&m, &r, &e);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	(void)close(fd);
	/* By its name it is qcow2, which it is not. */
	fd = openat(m.state_fd, "disk.qcow2", O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	(void)close(fd);
	assert_int_equal(files_read(&f, &m, vm_dir, &r.origin, &e), 0);
	assert_int_equal(files_disk(&images, &f, 0, &e), -1);
	assert_non_null(strstr(e.text, "disk.qcow2"));
	assert_int_equal(files_disk(&images, &f, 1, &e), -1);
	f.file[0].f.format = PRIV_FORMAT_RAW;
	assert_int_equal(files_disk(&images, &f, 0, &e), 0);
	assert_int_equal(images.n, 1);
	image_files_close(&images);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_malformed, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_conf, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_ours, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
	};

	return unit_run("vmd_files", tests);
}
