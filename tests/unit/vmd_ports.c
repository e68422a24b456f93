/* SPDX-License-Identifier: ISC */
/* vmd_ports.c - the record of published ports, and who holds them */

#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "vmd/ports.h"

static char		 dir[64];
static int		 fd;
static struct err	 e;
static struct priv_start request;

static int
set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/vmd-ports.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	priv_init(PRIV_VM_START, &request);
	request.nnet = 2;
	request.net[0].nports = 1;	/* of the user network: not ours */
	request.net[1].is_tap = true;
	request.net[1].tap.addr = 0x64400103;
	return fd == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlinkat(fd, "ports", 0);
	(void)close(fd);
	return rmdir(dir);
}

static struct priv_port *
add(const char *addr, uint16_t host, uint16_t guest, bool udp)
{
	struct priv_net *n = &request.net[1];
	struct priv_port *p = &n->ports[n->nports++];

	(void)snprintf(p->addr, sizeof(p->addr), "%s", addr);
	p->host = host;
	p->guest = guest;
	p->udp = udp;
	return p;
}

static void
test_record(void **state)
{
	OWN(ports_destroy) struct ports *p = NULL, *q = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(ports_of(&p, &request, &e), 0);
	assert_null(p);
	assert_int_equal(ports_read(&q, fd, &e), 0);
	assert_null(q);
	request.net[1].tap.addr6[0] = 0xfd;
	request.net[1].tap.addr6[15] = 2;
	add("", 8080, 80, false);
	add("192.0.2.1", 5353, 53, true);
	add("2001:db8::1", 443, 8443, false);
	assert_int_equal(ports_of(&p, &request, &e), 0);
	assert_int_equal(p->n, 3);
	/* Twice: the first is replaced. */
	assert_int_equal(ports_write(fd, p, &e), 0);
	assert_int_equal(ports_write(fd, p, &e), 0);
	assert_int_equal(fstatat(fd, "ports", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ports_read(&q, fd, &e), 0);
	assert_int_equal(q->n, 3);
	assert_int_equal(q->addr, 0x64400103);
	assert_memory_equal(q->addr6, p->addr6, 16);
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(q->port[i].addr, p->port[i].addr);
		assert_int_equal(q->port[i].host, p->port[i].host);
		assert_int_equal(q->port[i].guest, p->port[i].guest);
		assert_int_equal(q->port[i].udp, p->port[i].udp);
	}
	ports_remove(fd);
	assert_int_equal(fstatat(fd, "ports", &st, 0), -1);
}

/* The largest there can be has room, and comes back. */
static void
test_longest(void **state)
{
	OWN(ports_destroy) struct ports *p = NULL, *q = NULL;

	(void)state;
	memset(request.net[1].tap.addr6, 0xfd, 16);
	for (unsigned i = 0; i < PRIV_PORT_MAX; i++)
		add("fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd",
		    (uint16_t)(65535 - i), 65535, true);
	assert_int_equal(ports_of(&p, &request, &e), 0);
	assert_int_equal(ports_write(fd, p, &e), 0);
	assert_int_equal(ports_read(&q, fd, &e), 0);
	assert_int_equal(q->n, PRIV_PORT_MAX);
}

static void
test_no_record(void **state)
{
	static const char *const texts[] = {
		"", "\n", "to 100.64.1.3 -\n",
		"to 100.64.1.3\ntcp - 1 1\n", "to 100.64.1 -\ntcp - 1 1\n",
		"to 100.64.1.3 fd00\ntcp - 1 1\n",
		"to 100.64.1.3 - more\ntcp - 1 1\n",
		"to 100.64.1.3 -\nsctp - 1 1\n",
		"to 100.64.1.3 -\nicm - 1 1\n",
		"to 100.64.1.3 -\ntcp - 0 1\n", "to 100.64.1.3 -\ntcp - 1 0\n",
		"to 100.64.1.3 -\ntcp - 1\n", "to 100.64.1.3 -\ntcp - 1 1 1\n",
		"to 100.64.1.3 -\ntcp 1.2.3 1 1\n",
		"to 100.64.1.3 -\ntcp \"; 1 1\n",
	};
	struct ports p;
	char text[8192], *t = text;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		strcpy(text, texts[i]);
		assert_int_equal(ports_record_parse(&p, text), -1);
	}
	t += sprintf(t, "to 100.64.1.3 -\n");
	for (unsigned i = 0; i <= PRIV_PORT_MAX; i++)
		t += sprintf(t, "tcp - %u 1\n", i + 1);
	assert_int_equal(ports_record_parse(&p, text), -1);
	/* Others' files are not looked at. */
	assert_int_equal(symlinkat("/etc/passwd", fd, "ports"), 0);
	{
		struct ports *q = NULL;

		assert_int_equal(ports_read(&q, fd, &e), -1);
		assert_null(q);
	}
}

static void
test_refused(void **state)
{
	struct ports *p = NULL;

	(void)state;
	add("2001:db8::1", 8080, 80, false);
	assert_int_equal(ports_of(&p, &request, &e), -1);
	assert_non_null(strstr(e.text, "local inet6"));
	request.net[1].tap.addr6[0] = 0xfd;
	request.net[1].ports[0].addr[0] = '\0';
	strcpy(request.net[1].ports[0].addr, "::1");
	assert_int_equal(ports_of(&p, &request, &e), -1);
	assert_string_equal(e.code, "not_supported");
	assert_null(p);
}

static void
close_all(int fds[PRIV_PORT_MAX])
{
	for (unsigned i = 0; i < PRIV_PORT_MAX; i++) {
		if (fds[i] != -1)
			(void)close(fds[i]);
		fds[i] = -1;
	}
}

static int
try(const char *addr, uint16_t port, bool udp, int fds[PRIV_PORT_MAX])
{
	struct ports p = { .n = 1 };

	(void)snprintf(p.port[0].addr, sizeof(p.port[0].addr), "%s", addr);
	p.port[0].host = port;
	p.port[0].udp = udp;
	return ports_reserve(fds, &p, &e);
}

static void
test_reserve(void **state)
{
	int fds[PRIV_PORT_MAX], more[PRIV_PORT_MAX];
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	uint16_t port;

	(void)state;
	for (unsigned i = 0; i < PRIV_PORT_MAX; i++)
		fds[i] = more[i] = -1;
	/* A port that somebody listens at. */
	assert_int_equal(bind(s, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(s, 1), 0);
	assert_int_equal(getsockname(s, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
	assert_int_equal(try("", port, false, fds), -1);
	assert_string_equal(e.code, "port_in_use");
	assert_int_equal(try("127.0.0.1", port, false, fds), -1);
	assert_string_equal(e.code, "port_in_use");
	/* The same number of the other protocol is another port. */
	assert_int_equal(try("127.0.0.1", port, true, fds), 0);
	assert_int_equal(try("127.0.0.1", port, true, more), -1);
	assert_string_equal(e.code, "port_in_use");
	close_all(fds);
	(void)close(s);
	/* One that is held is held against everybody. */
	assert_int_equal(try("", port, false, fds), 0);
	assert_int_equal(try("127.0.0.1", port, false, more), -1);
	assert_string_equal(e.code, "port_in_use");
	close_all(fds);
	assert_int_equal(try("127.0.0.1", port, false, fds), 0);
	close_all(fds);
	/* An address that is not the host's. */
	assert_int_equal(try("192.0.2.77", port, false, fds), -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_record, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_longest, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_no_record, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up,
		    tear_down),
		cmocka_unit_test(test_reserve),
	};

	return unit_run("vmd_ports", tests);
}
