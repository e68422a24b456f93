/* SPDX-License-Identifier: ISC */
/* names.c - the names of running VMs; see names.h */

#include <sys/stat.h>

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
#define RECORD_MAX	512		/* bytes of one, with the NUL */
#define ADDR_TEXT_MAX	16

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

static void
address(char text[ADDR_TEXT_MAX], uint32_t a)
{
	(void)snprintf(text, ADDR_TEXT_MAX, "%u.%u.%u.%u", a >> 24,
	    a >> 16 & 255, a >> 8 & 255, a & 255);
}

int
names_add(struct monitor *m, const struct priv_start *r, struct err *e)
{
	char all[RECORD_MAX], back[RECORD_MAX], addr[ADDR_TEXT_MAX];
	own_fd int fd = -1;
	size_t len;

	_Static_assert(PRIV_ID_MAX + PRIV_NET_MAX * (ADDR_TEXT_MAX + 1) <
	    RECORD_MAX && PRIV_ID_MAX + PRIV_WORD_MAX < RECORD_MAX,
	    "room for a record");
	len = (size_t)snprintf(all, sizeof(all), "%s", r->vm);
	(void)snprintf(back, sizeof(back), "%s %s", r->vm, r->name);
	for (unsigned i = 0; i < r->nnet; i++) {
		if (!r->net[i].is_tap || r->net[i].tap.addr == 0)
			continue;
		if (fd == -1)
			fd = names_open(m, e);
		address(addr, r->net[i].tap.addr);
		if (fd == -1 || put(fd, addr, back, e) == -1)
			return -1;
		len += (size_t)snprintf(all + len, sizeof(all) - len, " %s",
		    addr);
	}
	return fd == -1 ? 0 : put(fd, r->name, all, e);
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
