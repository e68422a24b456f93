/* SPDX-License-Identifier: ISC */
/* vmd_shares.c - the record of what a VM shares, and who may write one */

#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "vmd/shares.h"

static char		 dir[64];
static struct monitor	 m;
static struct err	 e;
static int		 vm_dir;

static int
set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/vmd-shares.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	m.vms_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m.vms_fd == -1 || mkdirat(m.vms_fd, "a", 0700) == -1)
		return -1;
	vm_dir = openat(m.vms_fd, "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return vm_dir == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlinkat(vm_dir, "shares", 0);
	(void)unlinkat(vm_dir, "other", 0);
	(void)unlinkat(m.vms_fd, "a", AT_REMOVEDIR);
	(void)close(vm_dir);
	(void)close(m.vms_fd);
	return rmdir(dir);
}

/* What vmd-control sends; the other end is this process's. */
static void
request(struct priv_shares *r, int pair[2])
{
	priv_init(PRIV_SHARES, r);
	assert_int_equal(r->client, -1);
	strcpy(r->vm, "a");
	r->nshares = 2;
	strcpy(r->share[0].path, "/");
	strcpy(r->share[1].path, "/srv/some where");
	r->share[1].readonly = true;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	r->client = pair[0];
}

static void
test_round(void **state)
{
	static struct shares s;
	static struct priv_shares r;
	int pair[2];

	(void)state;
	assert_int_equal(shares_read(&s, vm_dir, "a", &e), 0);
	assert_int_equal(s.n, 0);
	request(&r, pair);
	assert_int_equal(shares_record(&m, &r, &e), 0);
	assert_int_equal(shares_read(&s, vm_dir, "a", &e), 0);
	assert_int_equal(s.uid, geteuid());
	assert_int_equal(s.n, 2);
	assert_string_equal(s.share[0].path, "/");
	assert_false(s.share[0].readonly);
	assert_string_equal(s.share[1].path, "/srv/some where");
	assert_true(s.share[1].readonly);
	/* Once and for all. */
	assert_int_equal(shares_record(&m, &r, &e), -1);
	assert_string_equal(e.code, "already_exists");
	/* It does not say that it is another's. */
	assert_int_equal(shares_read(&s, vm_dir, "b", &e), -1);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
test_refused(void **state)
{
	static const char *const paths[] = {
		"", "x", "../x", "/a\nrw /", "/\x1b", "/\x7f",
	};
	static struct shares s;
	static struct priv_shares r;
	int pair[2], tcp;

	(void)state;
	request(&r, pair);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		strcpy(r.share[1].path, paths[i]);
		assert_int_equal(shares_record(&m, &r, &e), -1);
		assert_string_equal(e.code, "bad_request");
	}
	strcpy(r.share[1].path, "/x");
	strcpy(r.vm, "../a");
	assert_int_equal(shares_record(&m, &r, &e), -1);
	strcpy(r.vm, "b");
	assert_int_equal(shares_record(&m, &r, &e), -1);
	assert_string_equal(e.code, "not_found");
	strcpy(r.vm, "a");
	/* Nobody is at the end of these. */
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < 2; i++) {
		r.client = i == 0 ? -1 : tcp;
		assert_int_equal(shares_record(&m, &r, &e), -1);
		assert_string_equal(e.code, "not_supported");
	}
	assert_int_equal(shares_read(&s, vm_dir, "a", &e), 0);
	assert_int_equal(s.n, 0);
	(void)close(tcp);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void
write_file(const char *text)
{
	int fd = openat(vm_dir, "shares", O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

/* What others could leave in the directory, or make of what is there. */
static void
test_not_believed(void **state)
{
	static const char *const texts[] = {
		"", "\n", "vm a\n", "vm a\nuid 1\n", "vm a\nrw /\n",
		"vm a\nuid -1\nrw /\n", "vm a\nuid 4294967295\nrw /\n",
		"vm a\nuid 1\nrx /\n", "vm a\nuid 1\nrw x\n",
		"vm a\nuid 1\nrw /\x01\n", "vm ab\nuid 1\nrw /\n",
		"uid 1\nvm a\nrw /\n",
		"vm a\nuid 1\nrw /1\nrw /2\nrw /3\nrw /4\nrw /5\nrw /6\n"
		"rw /7\nrw /8\nrw /9\n",
	};
	static struct shares s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_file(texts[i]);
		if (shares_read(&s, vm_dir, "a", &e) != -1)
			fail_msg("believed: %s", texts[i]);
	}
	write_file("vm a\nuid 7\nro /x\n");
	assert_int_equal(shares_read(&s, vm_dir, "a", &e), 0);
	assert_int_equal(s.uid, 7);
	assert_int_equal(linkat(vm_dir, "shares", vm_dir, "other", 0), 0);
	assert_int_equal(shares_read(&s, vm_dir, "a", &e), -1);
	assert_int_equal(unlinkat(vm_dir, "shares", 0), 0);
	assert_int_equal(symlinkat("other", vm_dir, "shares"), 0);
	assert_int_equal(shares_read(&s, vm_dir, "a", &e), -1);
	assert_int_equal(renameat(vm_dir, "other", vm_dir, "shares"), 0);
	assert_int_equal(fchmodat(vm_dir, "shares", 0644, 0), 0);
	assert_int_equal(shares_read(&s, vm_dir, "a", &e), -1);
	if (geteuid() != 0)
		return;
	assert_int_equal(fchmodat(vm_dir, "shares", 0600, 0), 0);
	assert_int_equal(fchownat(vm_dir, "shares", 5, 60, 0), 0);
	assert_int_equal(shares_read(&s, vm_dir, "a", &e), -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_not_believed, set_up,
		    tear_down),
	};

	return unit_run("vmd_shares", tests);
}
