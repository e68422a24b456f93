/* SPDX-License-Identifier: ISC */
/* names.c - the names of running VMs; see names.h */

#include <sys/stat.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/own.h"
#include "vmd/names.h"
#include "vmd/vms.h"

#define DIRECTORY	"names"
#define MAKING		".new"		/* no VM has such a name */
#define RECORD_MAX	640		/* bytes of one, with the NUL */

/* vmd-control may write in STATE: it is ours or it is nothing. */
static int
check_ours(int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1 || st.st_uid != geteuid())
		return err_set(e, EPERM, "it is not vmd's own");
	return fchmod(fd, 0755) == -1 ? err_sys(e, "chmod") : 0;
}

int
names_open(struct monitor *m, struct err *e)
{
	own_fd int fd = -1;

	if (mkdirat(m->state_fd, DIRECTORY, 0755) == -1 && errno != EEXIST)
		return err_sys(e, "make %s/" DIRECTORY, m->o->state);
	fd = openat(m->state_fd, DIRECTORY,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return err_sys(e, "%s/" DIRECTORY, m->o->state);
	if (check_ours(fd, e) == -1)
		return err_prefix(e, "%s/" DIRECTORY, m->o->state);
	return take_fd(&fd);
}

bool
names_exist(struct monitor *m)
{
	return faccessat(m->state_fd, DIRECTORY, F_OK, AT_SYMLINK_NOFOLLOW) ==
	    0;
}

/* --- records -------------------------------------------------------------- */

static int
put(int fd, const char *key, const char *record, struct err *e)
{
	if (unlinkat(fd, MAKING, 0) == -1 && errno != ENOENT)
		return err_sys(e, "name %s", key);
	if (symlinkat(record, fd, MAKING) == -1 ||
	    renameat(fd, MAKING, fd, key) == -1)
		return err_sys(e, "name %s", key);
	return 0;
}

/* A VM's records while they are made. */
struct records {
	int	 fd;
	char	 back[RECORD_MAX];	/* of each address */
	char	 all[RECORD_MAX];	/* of the name */
	size_t	 len;
};

static int
put_address(struct records *r, int family, const void *addr, struct err *e)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, addr, text, sizeof(text)) == NULL)
		return err_sys(e, "address");
	r->len += (size_t)snprintf(r->all + r->len, sizeof(r->all) - r->len,
	    " %s", text);
	return put(r->fd, text, r->back, e);
}

/* One that was said: it stays another's, and the name has it all the same. */
static int
put_said(struct records *r, int family, const void *addr, struct err *e)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, addr, text, sizeof(text)) == NULL)
		return err_sys(e, "address");
	r->len += (size_t)snprintf(r->all + r->len, sizeof(r->all) - r->len,
	    " %s", text);
	return symlinkat(r->back, r->fd, text) == -1 && errno != EEXIST ?
	    err_sys(e, "name %s", text) : 0;
}

static bool
is_known6(const struct priv_tap *t)
{
	static const uint8_t none[16];

	return memcmp(t->known6, none, sizeof(none)) != 0;
}

static int
put_interface(struct records *r, const struct priv_tap *t, struct err *e)
{
	const uint32_t addr = htonl(t->addr), said = htonl(t->known);

	if (t->addr != 0 && (put_address(r, AF_INET, &addr, e) == -1 ||
	    (t->addr6[0] != 0 &&
	    put_address(r, AF_INET6, t->addr6, e) == -1)))
		return -1;
	if (said != 0 && put_said(r, AF_INET, &said, e) == -1)
		return -1;
	return is_known6(t) ? put_said(r, AF_INET6, t->known6, e) : 0;
}

bool
names_known(const struct priv_start *s)
{
	for (unsigned i = 0; i < s->nnet; i++)
		if (s->net[i].is_tap && (s->net[i].tap.addr != 0 ||
		    s->net[i].tap.known != 0 || is_known6(&s->net[i].tap)))
			return true;
	return false;
}

int
names_add(struct monitor *m, const struct priv_start *s, struct err *e)
{
	struct records r;
	own_fd int fd = names_open(m, e);

	_Static_assert(PRIV_ID_MAX + PRIV_NET_MAX * (INET_ADDRSTRLEN +
	    INET6_ADDRSTRLEN) < RECORD_MAX && PRIV_ID_MAX + PRIV_WORD_MAX <
	    RECORD_MAX, "room for a record");
	if (fd == -1)
		return -1;
	r.fd = fd;
	(void)snprintf(r.back, sizeof(r.back), "%s %s", s->vm, s->name);
	r.len = (size_t)snprintf(r.all, sizeof(r.all), "%s", s->vm);
	for (unsigned i = 0; i < s->nnet; i++)
		if (s->net[i].is_tap &&
		    put_interface(&r, &s->net[i].tap, e) == -1)
			return -1;
	return put(fd, s->name, r.all, e);
}

/* --- removing ------------------------------------------------------------- */

/* The VM of a record; false: it is none. */
static bool
whose(char vm[PRIV_ID_MAX], int fd, const char *key)
{
	char text[RECORD_MAX];
	ssize_t len = readlinkat(fd, key, text, sizeof(text) - 1);
	size_t n;

	if (len <= 0)
		return false;
	text[len] = '\0';
	n = strcspn(text, " ");
	if (n >= PRIV_ID_MAX)
		return false;
	memcpy(vm, text, n);
	vm[n] = '\0';
	return true;
}

/* All of one VM's; NULL: of all that are not there. */
static void
remove_of(struct monitor *m, const char *vm)
{
	int fd = openat(m->state_fd, DIRECTORY,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	char id[PRIV_ID_MAX];
	struct dirent *de;

	if (d == NULL) {
		if (fd != -1)
			(void)close(fd);
		return;
	}
	while ((de = readdir(d)) != NULL)
		if (whose(id, fd, de->d_name) &&
		    (vm != NULL ? strcmp(id, vm) == 0 :
		    vms_find(m, id) == NULL) &&
		    unlinkat(fd, de->d_name, 0) == -1)
			log_warn("name %s", de->d_name);
	(void)closedir(d);
}

void
names_remove(struct monitor *m, const char *vm)
{
	remove_of(m, vm);
}

void
names_sweep(struct monitor *m)
{
	remove_of(m, NULL);
}
