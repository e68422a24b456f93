/* SPDX-License-Identifier: ISC */
/* nat.c - the table of nftables for local interfaces; see nat.h */

#include <sys/wait.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "lib/own.h"
#include "os/link.h"
#include "os/os.h"
#include "vmd/nat.h"

#define RULES_MAX	32768	/* bytes */
#define LIST_MAX	16384	/* bytes of what nft(8) says of the set */
#define BRIDGES_MAX	256

/* Anew as a whole, in one transaction. */
static const char begin[] =
    "table inet vmd\n"
    "delete table inet vmd\n"
    "table inet vmd {\n";
static const char chains[] =
    "	chain postrouting {\n"
    "		type nat hook postrouting priority srcnat; policy accept;\n"
    "		iifgroup %1$u oifgroup != %1$u masquerade\n"
    "	}\n"
    "	chain forward {\n"
    "		type filter hook forward priority filter; policy accept;\n"
    "		iifgroup %1$u accept\n"
    "		oifgroup %1$u ct state { established, related } accept\n"
    "		oifgroup %1$u drop\n";
/*
 * What else comes in on an interface that forwards because of us.  Who is a
 * router all the same by rules of his own (containers, say) has connections
 * that came from elsewhere or were redirected, and bridges that are filtered
 * pass from themselves to themselves.
 */
static const char strict[] =
    "		iifname . oifname @bridges accept\n"
    "		iifname @forwards ct state { established, related } accept\n"
    "		iifname @forwards ct status dnat accept\n"
    "		iifname @forwards drop\n";

/* Interfaces that are not ours, and of what kind. */
struct names {
	unsigned	 n;
	struct {
		char	 name[LINK_NAME_MAX];
		bool	 bridge;
	} of[NAT_FORWARDS_MAX];
	unsigned	 nbridges;
	unsigned	 bridges[BRIDGES_MAX];
};

/* --- nft(8) --------------------------------------------------------------- */

static void __attribute__((noreturn))
exec_nft(int in, int out, const char *const argv[])
{
	static const char *const programs[] = { "/usr/sbin/nft", "/sbin/nft",
	    "/usr/bin/nft" };
	static char *const env[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)dup2(in != -1 ? in : null, STDIN_FILENO);
	(void)dup2(out != -1 ? out : null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		(void)execve(programs[i], (char *const *)(uintptr_t)argv, env);
	_exit(errno == ENOENT ? 127 : 126);
}

/*
 * Run nft(8), with these descriptors or without; its status.  It is reaped
 * here, before the loop hears of its end.
 */
static int
nft(int in, int out, const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		exec_nft(in, out, argv);
	if (pid == -1)
		return -1;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- which interfaces ----------------------------------------------------- */

static bool
has(const struct names *s, const char *name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (strcmp(s->of[i].name, name) == 0)
			return true;
	return false;
}

/* Those with other characters have no place in rules. */
static bool
is_plain(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("-_.@", *p) == NULL)
			return false;
	return name[0] != '\0' && strlen(name) < LINK_NAME_MAX;
}

static void
add(struct names *s, const char *name, bool bridge)
{
	if (s->n == NAT_FORWARDS_MAX || !is_plain(name) || has(s, name))
		return;
	(void)snprintf(s->of[s->n].name, LINK_NAME_MAX, "%s", name);
	s->of[s->n++].bridge = bridge;
}

/* The set of the table that is there: what nft(8) quotes. */
static void
read_record(struct names *s)
{
	static const char *const argv[] = { "nft", "list", "set", "inet",
	    "vmd", "forwards", NULL };
	own_fd int out = os_memfd("set", LIST_MAX, NULL);
	char text[LIST_MAX], *p, *end;
	ssize_t n;

	if (out == -1 || nft(-1, out, argv) != 0)
		return;
	n = pread(out, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	for (p = strchr(text, '"'); p != NULL; p = strchr(end + 1, '"')) {
		end = strchr(++p, '"');
		if (end == NULL)
			return;
		*end = '\0';
		add(s, p, false);
	}
}

static int
find_bridges(void *arg, const struct link *l)
{
	struct names *s = arg;

	if (strcmp(l->kind, "bridge") == 0 && s->nbridges < BRIDGES_MAX)
		s->bridges[s->nbridges++] = l->index;
	return 0;
}

struct choice {
	const struct names	*record;
	struct names		*chosen;
	bool			 router;	/* it needs none of them */
	struct err		*e;
};

/*
 * Those of the group; the others that are no ports of bridges, and recorded
 * or not forwarding.
 */
static int
choose(void *arg, const struct link *l)
{
	struct choice *c = arg;

	if (l->group == NAT_GROUP)
		return link_option(l->name, "ipv4", "forwarding", "1", c->e);
	if (c->router || strcmp(l->name, "lo") == 0)
		return 0;
	for (unsigned i = 0; i < c->chosen->nbridges; i++)
		if (l->master == c->chosen->bridges[i])
			return 0;
	if (has(c->record, l->name) ||
	    !link_option_on(l->name, "ipv4", "forwarding"))
		add(c->chosen, l->name, strcmp(l->kind, "bridge") == 0);
	return 0;
}

static int
choose_all(struct names *chosen, struct err *e)
{
	static struct names record;	/* large */
	struct choice c = { &record, chosen,
	    link_option_on("all", "ipv4", "forwarding"), e };

	memset(&record, 0, sizeof(record));
	memset(chosen, 0, sizeof(*chosen));
	if (!c.router)
		read_record(&record);
	return link_each(find_bridges, chosen, e) == -1 ||
	    link_each(choose, &c, e) == -1 ? -1 : 0;
}

/* --- the table ------------------------------------------------------------ */

static void
put_set(struct buf *b, const struct names *s, bool bridges)
{
	const char *comma = "";

	(void)buf_printf(b, "	set %s {\n		type ifname%s\n",
	    bridges ? "bridges" : "forwards", bridges ? " . ifname" : "");
	for (unsigned i = 0; i < s->n; i++) {
		if (bridges && !s->of[i].bridge)
			continue;
		(void)buf_printf(b, "%s\"%s\"", comma[0] == '\0' ?
		    "		elements = { " : comma, s->of[i].name);
		if (bridges)
			(void)buf_printf(b, " . \"%s\"", s->of[i].name);
		comma = ", ";
	}
	(void)buf_printf(b, "%s	}\n", comma[0] == '\0' ? "" : " }\n");
}

static int
load(const struct names *s, struct err *e)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	own_fd int in = -1;
	struct buf b;
	int status = -1;

	buf_init(&b, RULES_MAX);
	(void)buf_puts(&b, begin);
	put_set(&b, s, false);
	put_set(&b, s, true);
	(void)buf_printf(&b, chains, NAT_GROUP);
	(void)buf_printf(&b, "%s	}\n}\n", s->n > 0 ? strict : "");
	in = os_memfd("rules", b.len, NULL);
	if (in != -1 && pwrite(in, b.data, b.len, 0) == (ssize_t)b.len)
		status = nft(in, -1, argv);
	buf_fini(&b);
	if (status == 127)
		return err_set(e, ENOENT, "local interface: there is no "
		    "nft(8) on this host (package nftables)");
	if (status != 0)
		return err_set(e, EIO, "local interface: nft(8) refuses the "
		    "table \"inet vmd\", status %d", status);
	return 0;
}

int
nat_begin(struct err *e)
{
	static struct names s;	/* large */

	/* Recorded and filtered first, then done. */
	if (choose_all(&s, e) == -1 || load(&s, e) == -1)
		return -1;
	for (unsigned i = 0; i < s.n; i++)
		if (link_option(s.of[i].name, "ipv4", "forwarding", "1",
		    e) == -1)
			return -1;
	return 0;
}

void
nat_end(void)
{
	static const char *const argv[] = { "nft", "delete", "table", "inet",
	    "vmd", NULL };
	static struct names s;	/* large */
	struct err e;

	memset(&s, 0, sizeof(s));
	if (!link_option_on("all", "ipv4", "forwarding"))
		read_record(&s);
	for (unsigned i = 0; i < s.n; i++)
		if (link_option(s.of[i].name, "ipv4", "forwarding", "0",
		    &e) == -1)
			log_warnx("%s", e.text);
	(void)nft(-1, -1, argv);
}
